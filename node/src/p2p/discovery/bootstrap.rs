//! The peers that the owner named, and keeping connected to them.

use super::remembered::{MAX_REMEMBERED, Remembered};
use super::{ApiUrl, Found, PeerName, Shared};
use crate::p2p::connection::PeerLink;
use crate::p2p::kind::ConnectionKind;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How often it is looked whether somebody is to be called.
const TICK: Duration = Duration::from_millis(500);
/// The interval after the first failure; it doubles with each.
const FIRST_INTERVAL: Duration = Duration::from_secs(1);
/// The longest interval while the node has fewer peers than it needs, and while it has enough.
const URGENT_INTERVAL: Duration = Duration::from_secs(8);
const CALM_INTERVAL: Duration = Duration::from_secs(60);
/// A connection that ends sooner counts as a failure.
const LASTING: Duration = Duration::from_secs(30);

/// One of them.
struct Kept {
    name: PeerName,
    link: Option<Arc<PeerLink>>,
    connected_at: Instant,
    failures: u32,
    next_try: Instant,
    /// Whether it turned out to be no peer for us.
    is_hopeless: bool,
    /// Whether it was added while the node ran, now or in an earlier run.
    is_added: bool,
}

impl Kept {
    fn new(name: PeerName, link: Option<Arc<PeerLink>>, is_added: bool, now: Instant) -> Self {
        Self { name, link, connected_at: now, failures: 0, next_try: now, is_hopeless: false, is_added }
    }

    fn failed(&mut self, urgent: bool, now: Instant) {
        self.next_try = now + interval(self.failures, urgent && !self.is_hopeless);
        self.failures = self.failures.saturating_add(1);
    }
}

/// How long to wait after so many failures before.
fn interval(failures: u32, urgent: bool) -> Duration {
    let longest = if urgent { URGENT_INTERVAL } else { CALM_INTERVAL };
    FIRST_INTERVAL.saturating_mul(1 << failures.min(10)).min(longest)
}

/// What became of a call.
pub(super) enum Called {
    /// There is a connection.
    Connected(Arc<PeerLink>),
    /// There is none yet.
    Failed,
    /// What is there is no peer for us.
    Hopeless,
}

/// All of them.
pub(super) struct Bootstrap {
    all: Mutex<Vec<Kept>>,
    /// Those of earlier runs that are not called in this one.
    resting: Vec<PeerName>,
    file: Remembered,
}

impl Bootstrap {
    /// Those that were named at the start, and, if they are to be called, those that were added before.
    pub(super) fn new(names: Vec<PeerName>, file: Remembered, recalls: bool) -> Self {
        let now = Instant::now();
        let mut all: Vec<Kept> = names.into_iter().map(|name| Kept::new(name, None, false, now)).collect();
        let mut resting = file.read();
        for name in if recalls { std::mem::take(&mut resting) } else { Vec::new() } {
            if !all.iter().any(|kept| kept.name == name) {
                all.push(Kept::new(name, None, true, now));
            }
        }
        Self { all: Mutex::new(all), resting, file }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.all.lock().expect("no one panics while holding the bootstrap nodes")
    }

    /// Keeps connected to a peer that is connected now, and remembers it. Of too many the first is given up.
    pub(super) fn add(&self, name: PeerName, link: Arc<PeerLink>) {
        let mut all = self.lock();
        let is_added = !all.iter().any(|kept| kept.name == name && !kept.is_added);
        all.retain(|kept| kept.name != name);
        all.push(Kept::new(name, Some(link), is_added, Instant::now()));
        let added = |all: &[Kept]| -> Vec<PeerName> {
            all.iter().filter(|kept| kept.is_added).map(|kept| kept.name.clone()).collect()
        };
        if added(&all).len() > MAX_REMEMBERED
            && let Some(first) = all.iter().position(|kept| kept.is_added)
        {
            all.remove(first);
        }
        if is_added {
            let resting = self.resting.iter().filter(|name| all.iter().all(|kept| kept.name != **name));
            let mut names: Vec<PeerName> = resting.cloned().chain(added(&all)).collect();
            names.drain(..names.len().saturating_sub(MAX_REMEMBERED));
            self.file.write(&names);
        }
    }

    /// The APIs of those that are connected.
    pub(super) fn apis(&self) -> Vec<ApiUrl> {
        let api = |kept: &Kept| match &kept.name {
            PeerName::Api(url) if kept.link.as_ref().is_some_and(|link| !link.is_closed()) => {
                Some(url.clone())
            }
            _ => None,
        };
        self.lock().iter().filter_map(api).collect()
    }

    /// Those to call now: the ones that are not connected and, unless `all` are meant, due.
    pub(super) fn due(&self, all: bool, urgent: bool, now: Instant) -> Vec<PeerName> {
        let mut due = Vec::new();
        for kept in self.lock().iter_mut() {
            if kept.link.as_ref().is_some_and(|link| !link.is_closed()) {
                continue;
            }
            if kept.link.take().is_some() {
                if now.duration_since(kept.connected_at) < LASTING {
                    kept.failed(urgent, now);
                } else {
                    kept.failures = 0;
                    kept.next_try = now;
                }
            }
            if all || kept.next_try <= now {
                due.push(kept.name.clone());
            }
        }
        due
    }

    /// Takes note of what became of a call.
    pub(super) fn called(&self, name: &PeerName, result: Called, urgent: bool, now: Instant) {
        let mut all = self.lock();
        let Some(kept) = all.iter_mut().find(|kept| kept.name == *name) else { return };
        kept.is_hopeless = matches!(result, Called::Hopeless);
        match result {
            Called::Connected(link) => {
                kept.link = Some(link);
                kept.connected_at = now;
            }
            Called::Failed | Called::Hopeless => kept.failed(urgent, now),
        }
    }
}

/// Keeps connected to all of them, for ever.
pub(super) async fn keep(shared: Arc<Shared>) {
    loop {
        if shared.network.is_active() {
            shared.call_bootstrap(false).await;
        }
        tokio::time::sleep(TICK).await;
    }
}

impl Shared {
    /// Calls the bootstrap nodes that are due, or `all` that are not connected, one after the other.
    pub(super) async fn call_bootstrap(&self, all: bool) -> Vec<Found> {
        let urgent = self.counts().0 < self.options.min_peers;
        let mut results = Vec::new();
        for name in self.bootstrap.due(all, urgent, Instant::now()) {
            let (called, verdict, found) = match self.meet(&name, ConnectionKind::Manual).await {
                Ok((found, link)) => {
                    (Called::Connected(link), format!("{name} is a peer at {}", found.place()), found)
                }
                Err(refusal) => {
                    let called = if refusal.is_lasting() { Called::Hopeless } else { Called::Failed };
                    let found = Found::refused(name.to_string(), &refusal);
                    (called, format!("not connected to a bootstrap node: {refusal}"), found)
                }
            };
            self.note(&name.to_string(), &verdict);
            self.bootstrap.called(&name, called, urgent, Instant::now());
            results.push(found);
        }
        results
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_grow_to_a_bound() {
        let seconds = |urgent: bool| {
            (0..9).map(move |failures| interval(failures, urgent).as_secs()).collect::<Vec<_>>()
        };
        assert_eq!(seconds(true), [1, 2, 4, 8, 8, 8, 8, 8, 8]);
        assert_eq!(seconds(false), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(interval(u32::MAX, false), CALM_INTERVAL);
    }

    #[test]
    fn a_node_that_does_not_answer_is_called_at_growing_intervals() {
        let name: PeerName = "127.0.0.1:1".parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let bootstrap = Bootstrap::new(vec![name.clone()], Remembered::in_folder(folder.path()), true);
        let mut calls = Vec::new();
        let start = Instant::now();
        for second in 0..20 {
            let now = start + Duration::from_secs(second);
            if !bootstrap.due(false, true, now).is_empty() {
                calls.push(second);
                bootstrap.called(&name, Called::Failed, true, now);
            }
        }
        assert_eq!(calls, [0, 1, 3, 7, 15]);
        let now = start + Duration::from_secs(16);
        assert_eq!(bootstrap.due(false, true, now), []);
        assert_eq!(
            bootstrap.due(true, true, now),
            [name],
            "who asks for all gets those that are not due too"
        );
    }
    #[test]
    fn what_was_added_in_an_earlier_run_is_called_unless_the_only_peers_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let name = |text: &str| text.parse::<PeerName>().unwrap();
        let file = || Remembered::in_folder(folder.path());
        file().write(&[name("127.0.0.1:1"), name("127.0.0.1:2")]);
        let due = |recalls| {
            let bootstrap = Bootstrap::new(vec![name("127.0.0.1:2"), name("127.0.0.1:3")], file(), recalls);
            bootstrap.due(false, true, Instant::now())
        };
        assert_eq!(due(true), [name("127.0.0.1:2"), name("127.0.0.1:3"), name("127.0.0.1:1")]);
        assert_eq!(due(false), [name("127.0.0.1:2"), name("127.0.0.1:3")]);
    }
}
