//! Calling peers without being asked each time: those that the owner named (`-addnode`, `-connect`).

use super::connection::Network;
use super::kind::ConnectionKind;
use super::processing::ProtocolHandle;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often peers that should be connected are called again.
const RETRY: Duration = Duration::from_secs(2);

/// The calling tasks.
pub struct Outbound {
    added: Arc<Mutex<Vec<String>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Outbound {
    /// Starts to call.
    pub fn start(network: Arc<Network>, _protocol: ProtocolHandle) -> Self {
        let named = network.options().connect.clone().unwrap_or_default();
        let added = Arc::new(Mutex::new(network.options().add.clone()));
        let task = {
            let added = added.clone();
            tokio::spawn(async move {
                loop {
                    let mut wanted = named.clone();
                    wanted.extend(lock(&added).iter().cloned());
                    for target in wanted {
                        // Failures are logged where they happen; it is tried again.
                        if !network.peers().iter().any(|link| link.name() == target) {
                            let _ = network.connect(&target, ConnectionKind::Manual).await;
                        }
                    }
                    tokio::time::sleep(RETRY).await;
                }
            })
        };
        Self { added, tasks: Mutex::new(vec![task]) }
    }

    /// The peers that the owner added.
    pub fn added(&self) -> Vec<String> {
        lock(&self.added).clone()
    }

    /// Adds a peer; `false` if it was added before.
    pub fn add(&self, name: &str) -> bool {
        let mut added = lock(&self.added);
        let is_new = !added.iter().any(|known| known == name);
        if is_new {
            added.push(name.to_owned());
        }
        is_new
    }

    /// Removes a peer that was added; `false` if it was not.
    pub fn remove(&self, name: &str) -> bool {
        let mut added = lock(&self.added);
        let before = added.len();
        added.retain(|known| known != name);
        added.len() != before
    }

    /// Stops to call.
    pub fn stop(&self) {
        self.tasks
            .lock()
            .expect("no one panics while holding the tasks")
            .drain(..)
            .for_each(|task| task.abort());
    }
}

fn lock(added: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    added.lock().expect("no one panics while holding the names")
}
