//! Follows the nodes: asks for work, waits for something new, and goes on to the next node when one fails.

use super::node::{Login, Node, NodeError};
use super::options::Options;
use super::template::Work;
use chaincore_consensus::Script;
use rand::Rng;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// The first wait after all nodes have failed; it doubles up to the last.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LAST_WAIT: Duration = Duration::from_secs(60);
/// How often a node without long polls is asked for its tip. The documented bound for stale work is a second.
const LOOK: Duration = Duration::from_millis(400);
/// Work of this age is replaced: its time and its transactions are old.
const REFRESH: Duration = Duration::from_secs(30);
/// How long a node that is not the preferred one is used before the preferred one is tried again.
const PREFER: Duration = Duration::from_secs(300);

/// What the watch finds.
pub(crate) enum News {
    /// Work, of the node with this number.
    Work { node: usize, work: Arc<Work> },
    /// A node failed.
    Trouble { text: String, again_in: Option<Duration> },
    /// No node can ever be used.
    Hopeless(super::Failure),
}

/// The nodes of a command line.
pub(crate) fn nodes(options: &Options) -> Result<Vec<Arc<Node>>, String> {
    let login = match (&options.rpcuser, &options.rpcpassword, &options.cookie) {
        (Some(user), Some(password), _) => Login::Password(format!("{user}:{password}")),
        (_, _, Some(path)) => Login::Cookie(path.clone()),
        _ => Login::None,
    };
    let timeout = Duration::from_secs(options.timeout);
    options.node.iter().map(|url| Node::new(url, &login, timeout).map(Arc::new)).collect()
}

/// Waits that grow, each a little different, so that many miners do not ask all at once.
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: FIRST_WAIT }
    }

    /// The next wait: up to a quarter shorter or longer than its turn.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.next.mul_f64(rand::rng().random_range(0.75..1.25));
        self.next = (self.next * 2).min(LAST_WAIT);
        wait
    }

    pub(crate) fn reset(&mut self) {
        self.next = FIRST_WAIT;
    }
}

/// Watches one node after the other until nobody listens any more.
pub(crate) fn run(nodes: &[Arc<Node>], address: &str, words: &str, news: &Sender<News>) {
    let mut backoff = Backoff::new();
    // Nodes that cannot be used at all, and why.
    let mut hopeless: Vec<Option<super::Failure>> = nodes.iter().map(|_| None).collect();
    loop {
        for (number, node) in nodes.iter().enumerate() {
            if hopeless[number].is_some() {
                continue;
            }
            let error = follow(number, node, address, words, news, &mut backoff);
            let Some(error) = error else { return };
            match error {
                Parting::Preferred => break,
                Parting::Error(NodeError::Passing(text)) => {
                    if news.send(News::Trouble { text, again_in: None }).is_err() {
                        return;
                    }
                }
                Parting::Error(NodeError::Lasting(text)) => {
                    hopeless[number] = Some(super::Failure::Node(text));
                }
                Parting::Error(NodeError::Address(text)) => {
                    hopeless[number] = Some(super::Failure::Address(text));
                }
            }
        }
        if hopeless.iter().all(Option::is_some) {
            if let Some(first) = hopeless.into_iter().flatten().next() {
                let _ = news.send(News::Hopeless(first));
            }
            return;
        }
        let wait = backoff.next();
        let text = "no node gives work".to_owned();
        if news.send(News::Trouble { text, again_in: Some(wait) }).is_err() {
            return;
        }
        std::thread::sleep(wait);
    }
}

/// Why a node is not followed any more.
enum Parting {
    Error(NodeError),
    /// The preferred node may be back.
    Preferred,
}

/// Sends a node's work until it fails. `None` once nobody listens.
fn follow(
    number: usize,
    node: &Node,
    address: &str,
    words: &str,
    news: &Sender<News>,
    backoff: &mut Backoff,
) -> Option<Parting> {
    let script: Option<Script> = match node.script_of(address) {
        Ok(script) => script,
        Err(error) => return Some(Parting::Error(error)),
    };
    let begun = Instant::now();
    let mut longpollid: Option<String> = None;
    loop {
        let given = match node.work(address, script.as_ref(), words, longpollid.as_deref()) {
            Ok(given) => given,
            Err(error) => return Some(Parting::Error(error)),
        };
        backoff.reset();
        let previous = given.work.previous().to_string();
        longpollid = given.longpollid;
        news.send(News::Work { node: number, work: Arc::new(given.work) }).ok()?;
        if number > 0 && begun.elapsed() >= PREFER {
            return Some(Parting::Preferred);
        }
        if longpollid.is_some() {
            continue;
        }
        let made = Instant::now();
        while made.elapsed() < REFRESH {
            std::thread::sleep(LOOK);
            match node.tip() {
                Ok(tip) if tip == previous => {}
                Ok(_) => break,
                Err(error) => return Some(Parting::Error(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_within_bounds_and_differ() {
        let mut backoff = Backoff::new();
        let waits: Vec<f64> = (0..12).map(|_| backoff.next().as_secs_f64()).collect();
        for (turn, wait) in waits.iter().enumerate() {
            let expected = 2f64.powi(turn as i32).min(60.0);
            assert!((expected * 0.75..expected * 1.25).contains(wait), "{waits:?}");
        }
        let again: Vec<f64> = {
            backoff.reset();
            (0..12).map(|_| backoff.next().as_secs_f64()).collect()
        };
        assert_ne!(waits, again);
    }
}
