//! Follows the nodes: asks for work, waits for something new, and goes on to the next node when one fails.
//!
//! One thread decides; whatever may wait for a node (a request for work, a long poll, a look at the tip) does so on a
//! thread of its own and sends a [`Signal`]. So a node that says nothing holds up nobody: the others are asked beside it,
//! a preferred one is tried while another one's work is searched, and work that is asked for at once comes at once though
//! a long poll is under way. At most one request and one wait are under way at each node.

use super::Failure;
use super::node::{Given, Node, NodeError, Terms};
use super::template::Work;
use rand::Rng;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The first wait after all nodes have failed; it doubles up to the last.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LAST_WAIT: Duration = Duration::from_secs(60);
/// How often a node without long polls is asked for its tip. The documented bound for stale work is a second.
const LOOK: Duration = Duration::from_millis(400);
/// Work of this age is replaced: its transactions are old, and a long poll may have died in silence.
const REFRESH: Duration = Duration::from_secs(30);
/// The same for work whose time may not move on.
const FIXED_REFRESH: Duration = Duration::from_secs(10);
/// How long a node that is not the preferred one is used before those before it are tried again.
const PREFER: Duration = Duration::from_secs(300);
/// How long a node that somebody must do something about is left alone.
const LASTING: Duration = Duration::from_secs(300);
/// How long a node is waited for before the next one is asked, too.
const HEAD_START: Duration = Duration::from_secs(3);
/// The wait after a long poll that failed though the node gives work.
const POLL_AGAIN: Duration = Duration::from_secs(5);

/// What the watch finds.
pub(crate) enum News {
    /// Work, of the node with this number, asked for after the wish with that number.
    Work { node: usize, work: Arc<Work>, wish: u64 },
    /// Something is wrong with a node.
    Trouble(String),
    /// No node gives work; they are asked again after this.
    Idle(Duration),
    /// No node can ever be used.
    Hopeless(Failure),
}

/// What the watch hears.
pub(crate) enum Signal {
    /// New work is wanted after a pause; what was asked for before is not.
    Fresh { wish: u64, pause: Duration },
    /// What a node that was asked for work said.
    Asked { node: usize, since: (u64, u64), said: Result<Box<(Terms, Given)>, NodeError> },
    /// The wait for something new at a node has ended.
    Waited { node: usize, since: (u64, u64), end: WaitEnd },
}

/// How the wait for something new ended.
pub(crate) enum WaitEnd {
    /// A long poll brought work.
    Given(Box<Given>),
    /// There is another tip.
    NewTip,
    /// The node failed, or did not answer.
    Failed,
    /// The node is not the one that gives the work any more.
    Left,
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

/// What is known of a node.
struct Followed {
    node: Arc<Node>,
    terms: Option<Terms>,
    is_asked: bool,
    is_waited_for: bool,
    /// What was said of its trouble last: the same is not said twice.
    told: Option<String>,
    /// Why it cannot be used before somebody does something, and when it is asked again all the same.
    lasting: Option<(Failure, Instant)>,
}

/// The search for a node that gives work.
enum Seek {
    /// These are still to be asked in this round, the next at that time at the latest.
    Round(VecDeque<usize>, Instant),
    /// All have failed; the next round is then.
    At(Instant),
}

pub(crate) struct Watch {
    nodes: Vec<Followed>,
    address: String,
    words: String,
    news: Sender<News>,
    signals: Sender<Signal>,
    /// The node that gives the work.
    current: Option<usize>,
    /// Only where there is no current node.
    seek: Seek,
    /// The number of the last wish for new work.
    wish: u64,
    /// How many times there was work.
    works: u64,
    /// When the current node is asked for work.
    due: Instant,
    /// That was due while it was being asked: again, if what comes is too old.
    is_due_again: bool,
    /// The current node's tip, for those who look whether it has changed.
    tip: Arc<Mutex<(usize, String)>>,
    longpollid: Option<String>,
    wait_due: Instant,
    prefer_due: Instant,
    backoff: Backoff,
}

/// Watches the nodes until nobody listens any more.
pub(crate) fn run(
    nodes: &[Arc<Node>],
    address: &str,
    words: &str,
    news: Sender<News>,
    signals: (Sender<Signal>, Receiver<Signal>),
) {
    let watch = Watch::new(nodes, address, words, news, signals.0);
    watch.run(&signals.1);
}

impl Watch {
    fn new(
        nodes: &[Arc<Node>],
        address: &str,
        words: &str,
        news: Sender<News>,
        signals: Sender<Signal>,
    ) -> Self {
        let now = Instant::now();
        let followed = |node: &Arc<Node>| Followed {
            node: node.clone(),
            terms: None,
            is_asked: false,
            is_waited_for: false,
            told: None,
            lasting: None,
        };
        Self {
            nodes: nodes.iter().map(followed).collect(),
            address: address.to_owned(),
            words: words.to_owned(),
            news,
            signals,
            current: None,
            seek: Seek::At(now),
            wish: 0,
            works: 0,
            due: now,
            is_due_again: false,
            tip: Arc::new(Mutex::new((usize::MAX, String::new()))),
            longpollid: None,
            wait_due: now,
            prefer_due: now,
            backoff: Backoff::new(),
        }
    }

    /// Ends once nobody listens, or there is no hope.
    fn run(mut self, inbox: &Receiver<Signal>) -> Option<()> {
        loop {
            let next = self.act(Instant::now())?;
            match inbox.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Signal::Fresh { wish, pause }) => {
                    self.wish = wish;
                    self.due = Instant::now() + pause;
                }
                Ok(Signal::Asked { node, since, said }) => {
                    self.nodes[node].is_asked = false;
                    match said {
                        Ok(said) => self.gave(node, since, *said)?,
                        Err(error) => self.failed(node, error)?,
                    }
                }
                Ok(Signal::Waited { node, since, end }) => self.waited(node, since, end)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Does what is due; when something will be next.
    fn act(&mut self, now: Instant) -> Option<Instant> {
        let Some(current) = self.current else { return self.act_without(now) };
        if now >= self.due {
            self.is_due_again |= self.nodes[current].is_asked;
            self.ask(current);
            self.due = now + REFRESH;
        }
        if now >= self.wait_due && !self.nodes[current].is_waited_for {
            self.wait_for(current);
        }
        if current > 0 && now >= self.prefer_due {
            self.prefer_due = now + PREFER;
            for node in (0..current).filter(|node| self.may_be_asked(*node, now)).collect::<Vec<_>>() {
                self.ask(node);
            }
        }
        let mut next = self.due;
        if !self.nodes[current].is_waited_for {
            next = next.min(self.wait_due);
        }
        if current > 0 {
            next = next.min(self.prefer_due);
        }
        Some(next)
    }

    /// The same while no node gives work.
    fn act_without(&mut self, now: Instant) -> Option<Instant> {
        if let Seek::At(at) = self.seek {
            if now < at {
                return Some(at);
            }
            let all = (0..self.nodes.len()).filter(|node| self.may_be_asked(*node, now)).collect();
            self.seek = Seek::Round(all, now);
        }
        let Seek::Round(left, due) = &mut self.seek else { return Some(now) };
        if now >= *due
            && let Some(node) = left.pop_front()
        {
            *due = now + HEAD_START;
            self.ask(node);
        }
        match &self.seek {
            Seek::Round(left, due) if !left.is_empty() => Some(*due),
            _ if self.nodes.iter().any(|node| node.is_asked) => Some(now + REFRESH),
            _ => self.all_failed(now),
        }
    }

    fn all_failed(&mut self, now: Instant) -> Option<Instant> {
        let lasting = self.nodes.iter().filter_map(|node| node.lasting.as_ref());
        let mut wait = self.backoff.next();
        if lasting.clone().count() == self.nodes.len()
            && let Some((_, again)) = lasting.min_by_key(|(_, again)| *again)
        {
            wait = wait.max(again.saturating_duration_since(now));
        }
        self.seek = Seek::At(now + wait);
        self.news.send(News::Idle(wait)).ok()?;
        Some(now + wait)
    }

    fn may_be_asked(&self, node: usize, now: Instant) -> bool {
        self.nodes[node].lasting.as_ref().is_none_or(|(_, again)| now >= *again)
    }

    /// Asks a node for work, beside everything else.
    fn ask(&mut self, number: usize) {
        let followed = &mut self.nodes[number];
        if std::mem::replace(&mut followed.is_asked, true) {
            return;
        }
        let since = (self.wish, self.works);
        let (node, terms, to) = (followed.node.clone(), followed.terms.clone(), self.signals.clone());
        let (address, words) = (self.address.clone(), self.words.clone());
        let asking = move || {
            let said = terms.map_or_else(|| node.terms(&address), Ok).and_then(|terms| {
                let given = node.work(&address, &terms, &words, None)?;
                Ok(Box::new((terms, given)))
            });
            let _ = to.send(Signal::Asked { node: number, since, said });
        };
        if let Err(error) = std::thread::Builder::new().name("ask".into()).spawn(asking) {
            let said = Err(NodeError::Passing(format!("cannot start a thread: {error}")));
            let _ = self.signals.send(Signal::Asked { node: number, since, said });
        }
    }

    /// Waits for something new at the current node, beside everything else.
    fn wait_for(&mut self, number: usize) {
        let Some(terms) = self.nodes[number].terms.clone() else { return };
        let followed = &mut self.nodes[number];
        let (node, to, since) = (followed.node.clone(), self.signals.clone(), (self.wish, self.works));
        let (address, words) = (self.address.clone(), self.words.clone());
        let (tip, longpollid) = (self.tip.clone(), self.longpollid.clone());
        let waiting = move || {
            let end = match longpollid {
                Some(id) => match node.work(&address, &terms, &words, Some(&id)) {
                    Ok(given) => WaitEnd::Given(Box::new(given)),
                    Err(_) => WaitEnd::Failed,
                },
                None => look(&node, number, &tip),
            };
            let _ = to.send(Signal::Waited { node: number, since, end });
        };
        followed.is_waited_for = std::thread::Builder::new().name("wait".into()).spawn(waiting).is_ok();
        self.wait_due = Instant::now() + POLL_AGAIN;
    }

    /// A node gave work for which it was asked.
    fn gave(&mut self, node: usize, since: (u64, u64), (terms, given): (Terms, Given)) -> Option<()> {
        let followed = &mut self.nodes[node];
        (followed.terms, followed.told, followed.lasting) = (Some(terms), None, None);
        let is_current = self.current == Some(node);
        if self.current.is_some_and(|current| node > current) {
            return Some(());
        }
        if since.0 == self.wish {
            // Otherwise a long poll brought newer work meanwhile.
            return if is_current && since.1 != self.works { Some(()) } else { self.take(node, given) };
        }
        // It was asked too early. The current node is asked when that is due, which may be after a pause.
        if !is_current {
            self.ask(node);
        } else if std::mem::take(&mut self.is_due_again) {
            self.due = Instant::now();
        }
        Some(())
    }

    /// Goes on with this work.
    fn take(&mut self, node: usize, given: Given) -> Option<()> {
        let now = Instant::now();
        if self.current.replace(node) != Some(node) {
            self.prefer_due = now + PREFER;
        }
        self.backoff.reset();
        self.works += 1;
        self.is_due_again = false;
        self.due = now + if given.work.has_free_time() { REFRESH } else { FIXED_REFRESH };
        self.wait_due = now;
        *self.tip.lock().unwrap_or_else(PoisonError::into_inner) = (node, given.work.previous().to_string());
        self.longpollid = given.longpollid;
        self.news.send(News::Work { node, work: Arc::new(given.work), wish: self.wish }).ok()
    }

    /// A node that was asked for work gave none.
    fn failed(&mut self, number: usize, error: NodeError) -> Option<()> {
        let now = Instant::now();
        let (mut text, failure) = match error {
            NodeError::Passing(text) => (text, None),
            NodeError::Lasting(text) => (text.clone(), Some(Failure::Node(text))),
            NodeError::Address(text) => (text.clone(), Some(Failure::Address(text))),
        };
        let followed = &mut self.nodes[number];
        followed.terms = None;
        let is_lasting = failure.is_some();
        followed.lasting = failure.map(|failure| (failure, now + LASTING));
        if is_lasting {
            if self.works == 0 && self.nodes.iter().all(|node| node.lasting.is_some()) {
                let first = self.nodes.iter().find_map(|node| node.lasting.as_ref());
                self.news.send(News::Hopeless(first?.0.clone())).ok()?;
                return None;
            }
            text = format!("{text}; this node is asked again every {} min", LASTING.as_secs() / 60);
        }
        let followed = &mut self.nodes[number];
        if followed.told.as_ref() != Some(&text) {
            self.news.send(News::Trouble(text.clone())).ok()?;
            followed.told = Some(text);
        }
        match &mut self.seek {
            _ if self.current == Some(number) => {
                self.current = None;
                self.tip.lock().unwrap_or_else(PoisonError::into_inner).0 = usize::MAX;
                let others = (0..self.nodes.len())
                    .filter(|node| *node != number && self.may_be_asked(*node, now))
                    .collect();
                self.seek = Seek::Round(others, now);
            }
            // The next one need not wait for its turn.
            Seek::Round(_, due) if self.current.is_none() => *due = now,
            _ => {}
        }
        Some(())
    }

    /// The wait for something new has ended.
    fn waited(&mut self, number: usize, since: (u64, u64), end: WaitEnd) -> Option<()> {
        self.nodes[number].is_waited_for = false;
        if self.current != Some(number) {
            return Some(());
        }
        let now = Instant::now();
        self.wait_due = now;
        match end {
            WaitEnd::Given(given) if since == (self.wish, self.works) => return self.take(number, *given),
            WaitEnd::Given(given) => {
                let tip = self.tip.lock().unwrap_or_else(PoisonError::into_inner).1.clone();
                // Something newer is here or on its way, unless there is a pause, which a new tip ends.
                if given.work.previous().to_string() != tip && !self.nodes[number].is_asked {
                    self.due = now;
                }
            }
            WaitEnd::NewTip => self.due = now,
            // If the node is away, it gives no work either.
            WaitEnd::Failed => (self.due, self.wait_due) = (now, now + POLL_AGAIN),
            WaitEnd::Left => {}
        }
        Some(())
    }
}

/// Looks at a node's tip until it is another one.
fn look(node: &Node, number: usize, known: &Mutex<(usize, String)>) -> WaitEnd {
    loop {
        std::thread::sleep(LOOK);
        let Ok(tip) = node.tip() else { return WaitEnd::Failed };
        let known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != number {
            return WaitEnd::Left;
        }
        if known.1 != tip {
            return WaitEnd::NewTip;
        }
    }
}

#[cfg(test)]
mod tests;
