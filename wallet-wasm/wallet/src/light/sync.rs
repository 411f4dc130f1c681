//! The light client's driver. It does no I/O: [`Sync::poll`] says what to fetch, [`Sync::give`] takes the answers, and
//! what they prove goes into the [`Ledger`].
//!
//! Two modes share the header chain. In [`Mode::Verified`] the nodes are asked for the history of each script (they
//! learn the addresses), and every confirmed transaction must come with a merkle branch. In [`Mode::Filters`] the
//! filters are matched here and only the blocks that match are fetched (they learn next to nothing).
//!
//! All nodes are asked the same. A proof counts whoever gave it, so a node can keep nothing back that another one tells;
//! where they contradict each other, what can be computed decides, and the [`Fault`] names who was wrong. A node that
//! lied is asked last.
//!
//! Invariants: requests in flight and everything that is kept between polls are bounded; any answer, a lie or none at
//! all, leaves the client able to go on; nothing that is not proven is told the ledger as proven; what was done is found
//! again in [`Sync::state`] after a restart.

mod archive;
mod desk;
mod follow;
mod index;
mod outgoing;
mod pool;
mod progress;
mod scan;
mod wire;

pub use outgoing::Sent;
pub use progress::{NodeProgress, Part, Progress};
pub use wire::{Answer, Fetch, Method};

use super::headers::{HeaderChain, HeaderState};
use super::trust::{Fault, FaultKind, Faults, Subject};
use crate::ledger::{Ledger, TxUpdate, Update};
use archive::Archive;
use bitcoin::Txid;
use bitcoin::hashes::Hash as _;
use chaincore_consensus::ancestry::Ancestry as _;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{BlockHash, Header};
use desk::Desk;
use follow::NodeState;
use index::{Index, Suspicion, Unproven};
use outgoing::Outgoing;
use pool::Pool;
use scan::Scan;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use wire::Ask;

/// How often nodes are asked for their tip, in seconds.
const TIP_INTERVAL: u64 = 5;
/// How often the mempool is looked at, in seconds.
const POOL_INTERVAL: u64 = 10;
/// How often fee estimates are asked for, in seconds.
const FEES_INTERVAL: u64 = 60;
/// A tip that is older is worth a warning, in seconds; on slow chains it takes more.
const STALE_AFTER: u64 = 2 * 60 * 60;
/// So many requests in a row may a node put off before that is worth a word.
const MAX_BUSY: u32 = 50;
/// The most nodes.
pub const MAX_NODES: usize = 8;

/// How the wallet's transactions are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// By the nodes' address index, with a proof for every confirmed transaction.
    Verified,
    /// By block filters that are matched here.
    Filters,
}

/// What is kept between runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LightState {
    headers: HeaderState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scan: Option<scan::ScanState>,
}

/// The driver. See the [module](self).
pub struct Sync {
    mode: Mode,
    headers: HeaderChain,
    nodes: Vec<NodeState>,
    faults: Faults,
    desk: Desk,
    archive: Archive,
    indexes: Vec<Index>,
    unproven: BTreeMap<Txid, Unproven>,
    suspicions: BTreeMap<(usize, Txid), Suspicion>,
    scan: Scan,
    pool: Pool,
    inbox: VecDeque<(usize, Ask, Answer)>,
    outgoing: Vec<Outgoing>,
    sent: VecDeque<Sent>,
    fees: BTreeMap<u32, f64>,
    fees_due: u64,
    /// What the ledger is to be told at the end of this poll.
    news: Vec<TxUpdate>,
    gone: Vec<Txid>,
    reorg_from: Option<u32>,
    changed: bool,
    paused: bool,
    now: u64,
}

impl Sync {
    /// A client of one node. What a state was kept for another chain, or is damaged, is begun anew.
    pub fn new(params: &ChainParams, mode: Mode, state: Option<LightState>) -> Self {
        let params = Arc::new(params.clone());
        let restored = state.and_then(|state| {
            let headers = HeaderChain::from_state(Arc::clone(&params), &state.headers).ok()?;
            Some((headers, Scan::new(state.scan)))
        });
        let (headers, scan) = restored.unwrap_or_else(|| (HeaderChain::new(params), Scan::new(None)));
        let mut sync = Self {
            mode,
            headers,
            nodes: Vec::new(),
            faults: Faults::default(),
            desk: Desk::default(),
            archive: Archive::default(),
            indexes: Vec::new(),
            unproven: BTreeMap::new(),
            suspicions: BTreeMap::new(),
            scan,
            pool: Pool::default(),
            inbox: VecDeque::new(),
            outgoing: Vec::new(),
            sent: VecDeque::new(),
            fees: BTreeMap::new(),
            fees_due: 0,
            news: Vec::new(),
            gone: Vec::new(),
            reorg_from: None,
            changed: false,
            paused: false,
            now: 0,
        };
        sync.set_nodes(1);
        sync
    }

    /// Says how many nodes there are: the main one and those that cross-check it. What is known of nodes is forgotten.
    pub fn set_nodes(&mut self, count: usize) {
        let count = count.clamp(1, MAX_NODES);
        self.desk.clear();
        self.inbox.clear();
        self.nodes = (0..count).map(|_| NodeState::default()).collect();
        self.indexes = (0..count).map(|_| Index::default()).collect();
        self.restart_outgoing();
        self.unproven.clear();
        self.suspicions.clear();
        self.scan.forget_nodes();
        self.faults = Faults::default();
    }

    /// How transactions are found.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Changes how transactions are found.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// Has filters matched again from a time on, in seconds since 1970 (0 for the whole chain).
    pub fn rescan(&mut self, birthday: u64) {
        self.scan.restart(Some(birthday));
        for index in &mut self.indexes {
            *index = Index::default();
        }
    }

    /// Stops asking; answers that come are dropped. What was done so far stays.
    pub fn pause(&mut self, paused: bool) {
        self.paused = paused;
        if paused {
            self.desk.clear();
            self.inbox.clear();
            self.indexes.iter_mut().for_each(Index::interrupt);
        }
    }

    /// Has everything asked at once instead of at the next turn: somebody heard of a new block or transaction.
    pub fn nudge(&mut self) {
        for node in &mut self.nodes {
            node.tip_due = 0;
        }
        self.pool.due = 0;
        for index in &mut self.indexes {
            index.due = 0;
        }
    }

    /// What the node estimates: satoshis per virtual byte by the number of blocks to wait.
    pub fn fees(&self) -> &BTreeMap<u32, f64> {
        &self.fees
    }

    /// What the nodes did wrong.
    pub fn faults(&self) -> &[Fault] {
        self.faults.list()
    }

    /// The checked header chain.
    pub fn headers(&self) -> &HeaderChain {
        &self.headers
    }

    /// What is to be kept for the next run.
    pub fn state(&self) -> LightState {
        LightState { headers: self.headers.state(), scan: self.scan.state() }
    }

    /// Whether the ledger has changed since this was asked last.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Takes the answer to a request. It is looked at by the next [`Sync::poll`].
    pub fn give(&mut self, id: u64, answer: Answer) {
        // What was not asked, or was given up, is not looked at.
        if let Some((node, ask)) = self.desk.take(id) {
            self.inbox.push_back((node, ask, answer));
        }
    }

    /// Looks at the answers, tells the ledger what they prove, and says what to fetch. `now` is in seconds since 1970.
    pub fn poll(&mut self, ledger: &mut Ledger, now: u64) -> Vec<Fetch> {
        self.now = now;
        for (node, ask) in self.desk.expire(now) {
            self.inbox.push_back((node, ask, Answer::Unreachable("no answer in time".into())));
        }
        while let Some((node, ask, answer)) = self.inbox.pop_front() {
            self.take(node, ask, answer, ledger);
        }
        self.tell(ledger);
        if self.mode == Mode::Verified {
            self.settle_index(ledger);
        }
        self.settle_scan(ledger);
        self.judge_tip();
        self.tell(ledger);
        if self.paused {
            return Vec::new();
        }
        self.ask(ledger)
    }

    /// Looks at one answer.
    fn take(&mut self, node: usize, ask: Ask, answer: Answer, ledger: &mut Ledger) {
        let (status, body) = match answer {
            Answer::Unreachable(reason) => return self.failed(node, &ask, FaultKind::Unreachable, reason),
            Answer::Status(status, body) => (status, body),
        };
        let state = &mut self.nodes[node];
        if status == 429 || status == 503 {
            // Busy or starting; not a fault unless it goes on.
            state.busy = state.busy.saturating_add(1);
            state.wait_until = self.now + 1;
            if state.busy >= MAX_BUSY {
                let message = format!("it answers {status} again and again");
                self.faults.note(node, FaultKind::Refused, Subject::node(), message, self.now);
            }
            return self.give_up(node, &ask);
        }
        // What keeps no index says so: that is no failure, and it can be asked for the list of the block.
        let without_index = status == 501 && matches!(ask, Ask::Proof { .. });
        if status >= 500 && !without_index {
            return self.failed(node, &ask, FaultKind::Refused, format!("status {status}"));
        }
        state.failures = 0;
        state.busy = 0;
        for kind in [FaultKind::Unreachable, FaultKind::Refused] {
            self.faults.pass(node, kind, None);
        }
        if body.len() > ask.most_bytes() {
            let message = format!("{} bytes for {}", body.len(), ask.path());
            self.faults.note(node, FaultKind::Malformed, Subject::node(), message, self.now);
            return self.give_up(node, &ask);
        }
        let good = status == 200;
        match ask {
            Ask::Chain => self.take_chain(node, good, &body),
            Ask::Headers { file, skip } => self.take_headers(node, file, skip, good, &body),
            Ask::Script { at } => self.take_page(node, at, None, good, &body, ledger),
            Ask::More { at, after } => self.take_page(node, at, Some(after), good, &body, ledger),
            Ask::Proof { .. } if without_index => self.nodes[node].without_index = true,
            Ask::Proof { txid } => self.take_proof(node, txid, good, &body),
            Ask::BlockTxids { height, .. } => self.take_block_txids(node, height, good, &body),
            Ask::FilterHeaders { from } => self.take_filter_headers(node, from, good, &body),
            Ask::Filters { from } => self.take_filters(node, from, good, &body),
            Ask::Block { height, hash } => self.take_block(node, height, hash, good, body),
            Ask::Parent { txid } => self.take_parent(node, txid, good, &body),
            Ask::PoolIds => self.take_pool(node, good, &body, ledger),
            Ask::PoolTx { txid } => self.take_pool_tx(txid, good, &body, ledger),
            Ask::Fees => {
                if let Some(fees) =
                    Some(&body).filter(|_| good).and_then(|body| super::esplora::read_fees(body))
                {
                    self.fees = fees;
                }
            }
            Ask::Send { txid } => self.take_sent(node, txid, good, &body, ledger),
        }
    }

    /// A request came to nothing.
    fn failed(&mut self, node: usize, ask: &Ask, kind: FaultKind, reason: String) {
        let state = &mut self.nodes[node];
        state.failures = state.failures.saturating_add(1);
        state.wait_until = self.now + (1 << state.failures.min(6));
        self.faults.note(node, kind, Subject::node(), reason, self.now);
        self.give_up(node, ask);
    }

    /// Nothing came of it: whoever waits for it is told, and asks again, or somebody else.
    fn give_up(&mut self, node: usize, ask: &Ask) {
        match ask {
            Ask::Script { at } | Ask::More { at, .. } => self.indexes[node].retry(*at),
            Ask::Send { txid } => self.not_sent(node, *txid, None),
            Ask::Fees => self.fees_due = self.now + TIP_INTERVAL,
            _ => {}
        }
    }

    /// Notes that a node lied.
    fn lied(&mut self, node: usize, kind: FaultKind, subject: Subject, message: String) {
        self.nodes[node].lied = true;
        self.faults.note(node, kind, subject, message, self.now);
    }

    fn doubt(&mut self, node: usize, kind: FaultKind, subject: Subject, message: String) {
        self.faults.note(node, kind, subject, message, self.now);
    }

    /// The node that is believed where nothing can be proven: the first that answers and has not lied; if there is
    /// none, the first that answers.
    fn source(&self) -> usize {
        let usable = |at: &usize| {
            let node = &self.nodes[*at];
            !node.wrong_chain && node.failures < 2
        };
        let honest = (0..self.nodes.len()).find(|at| usable(at) && !self.nodes[*at].lied);
        honest.or_else(|| (0..self.nodes.len()).find(usable)).unwrap_or(0)
    }

    /// The chain has lost its blocks above `fork`.
    fn reorganised(&mut self, fork: u32) {
        self.reorg_from = Some(self.reorg_from.map_or(fork + 1, |from| from.min(fork + 1)));
        self.archive.forget_above(fork);
        self.scan.roll_back(fork);
        for index in &mut self.indexes {
            index.forget_histories();
        }
    }

    /// Tells the ledger what has come together.
    fn tell(&mut self, ledger: &mut Ledger) {
        let (height, hash) = self.headers.tip();
        let tip = (height, bitcoin::BlockHash::from_byte_array(hash.0));
        let quiet = self.news.is_empty() && self.gone.is_empty() && self.reorg_from.is_none();
        if quiet && ledger.tip() == Some(tip) {
            return;
        }
        let update = Update {
            tip,
            reorg_from: self.reorg_from.take(),
            txs: std::mem::take(&mut self.news),
            gone: std::mem::take(&mut self.gone),
        };
        ledger.apply(update);
        self.changed = true;
    }

    /// What to fetch now.
    fn ask(&mut self, ledger: &Ledger) -> Vec<Fetch> {
        self.ask_outgoing();
        for node in 0..self.nodes.len() {
            self.ask_follow(node);
        }
        match self.mode {
            Mode::Verified => {
                for node in 0..self.nodes.len() {
                    self.ask_index(node, ledger);
                }
            }
            Mode::Filters => {
                self.ask_scan(ledger);
                self.ask_pool();
            }
        }
        if self.fees_due <= self.now && self.headers_done() {
            let node = self.source();
            if self.want(node, Ask::Fees) {
                self.fees_due = self.now + FEES_INTERVAL;
            }
        }
        self.desk.posted(self.now)
    }

    /// Queues a request, if the node is fit to be asked and has room. Whether it is on its way, now or before.
    fn want(&mut self, node: usize, ask: Ask) -> bool {
        let state = &self.nodes[node];
        if state.wait_until > self.now || state.wrong_chain && !matches!(ask, Ask::Chain) {
            return false;
        }
        self.desk.post(node, ask)
    }

    /// Warns of a chain that has stopped.
    fn judge_tip(&mut self) {
        if !self.headers_done() {
            return;
        }
        let time = u64::from(self.headers.tip_header().time);
        let patience = STALE_AFTER.max(30 * u64::from(self.headers.params().target_spacing));
        let age = self.now.saturating_sub(time);
        for node in 0..self.nodes.len() {
            if age > patience && self.nodes[node].tip.is_some() {
                let message = match age / 3600 {
                    0..=47 => format!("its newest block is {} minutes old", age / 60),
                    hours => format!("its newest block is {} days old", hours / 24),
                };
                self.doubt(node, FaultKind::StaleTip, Subject::node(), message);
            } else {
                self.faults.pass(node, FaultKind::StaleTip, None);
            }
        }
    }

    /// The header at a height, from the window or from an old file that was checked.
    fn header_at(&self, height: u32) -> Option<Header> {
        self.headers.header(height).copied().or_else(|| self.archive.header(height))
    }

    /// The hash of the block at a height, as [`Sync::header_at`].
    fn hash_at(&self, height: u32) -> Option<BlockHash> {
        self.headers.hash(height).or_else(|| self.archive.header(height).map(|header| header.hash()))
    }

    /// Has the file with an old header fetched; whoever needs it asks until it is there.
    fn need_header(&mut self, node: usize, height: u32) {
        if height <= self.headers.tip_height() && self.header_at(height).is_none() {
            self.want(node, Ask::Headers { file: height / super::headers::FILE, skip: 0 });
        }
    }
}

#[cfg(test)]
mod tests;
