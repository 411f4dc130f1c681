//! Following the nodes' chains: their tips, and the headers that lead there.

use super::wire::Ask;
use super::{Subject, Sync, TIP_INTERVAL};
use crate::light::headers::{Connected, FILE, HeaderChain, HeaderError, parse_file};
use crate::light::trust::FaultKind;
use chaincore_consensus::ancestry::Ancestry as _;
use chaincore_consensus::{BlockHash, Header};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many header files are asked for ahead.
const AHEAD: u32 = 4;

/// So often may a node name a tip that its headers do not lead to: it may have moved on meanwhile.
const MAX_STUCK: u32 = 3;

/// What is known of a node.
#[derive(Debug, Default)]
pub(super) struct NodeState {
    /// Its tip, as it says.
    pub(super) tip: Option<(u32, BlockHash)>,
    /// How often it has told its tip.
    pub(super) tips_told: u64,
    /// When it is asked for it again.
    pub(super) tip_due: u64,
    /// Whether it has filters, as it says.
    pub(super) filters: bool,
    /// Whether it cannot look up in which block a transaction is; then it is asked for the lists of blocks.
    pub(super) without_index: bool,
    /// Whether it is on another chain.
    pub(super) wrong_chain: bool,
    /// Whether it was caught lying.
    pub(super) lied: bool,
    /// Requests in a row that came to nothing.
    pub(super) failures: u32,
    /// Requests in a row that it was too busy for.
    pub(super) busy: u32,
    /// Until when it is left alone.
    pub(super) wait_until: u64,
    /// A tip that it names and that did not work out; it is tried again when it names another.
    bad_tip: Option<BlockHash>,
    /// The file that is to be connected next, while headers are missing.
    cursor: Option<u32>,
    /// Whether files are asked for from their first header on, rather than from what is missing.
    whole: bool,
    /// How many headers are left out in the request for the file at the cursor.
    skip: u32,
    /// Where it turned out that an earlier file is needed.
    back_from: Option<u32>,
    /// Files that came before their turn.
    early: BTreeMap<u32, Vec<Header>>,
    stuck: u32,
    /// A chain from genesis, where the node's forks off below the window of ours.
    candidate: Option<Box<HeaderChain>>,
}

impl NodeState {
    fn stop(&mut self) {
        self.cursor = None;
        self.back_from = None;
        self.whole = false;
        self.early.clear();
    }
}

#[derive(Deserialize)]
struct ToldChain {
    genesis: BlockHash,
    tip: ToldTip,
    #[serde(default)]
    filters: bool,
}

#[derive(Deserialize)]
struct ToldTip {
    height: u32,
    hash: BlockHash,
}

impl Sync {
    /// Whether a node's chain is ours, or a part of it.
    pub(super) fn is_in_chain(&self, node: usize) -> bool {
        let tip = self.nodes[node].tip;
        tip.is_some_and(|(height, hash)| self.headers.contains(height, &hash) == Some(true))
    }

    /// Whether nothing more is to be had from a node's headers for now: its tip is in our chain, or it does not work
    /// out.
    pub(super) fn is_followed(&self, node: usize) -> bool {
        let state = &self.nodes[node];
        self.is_in_chain(node) || state.tip.is_some_and(|(_, hash)| state.bad_tip == Some(hash))
    }

    /// Whether the headers of all nodes that answer have been read.
    pub(super) fn headers_done(&self) -> bool {
        let asked = (0..self.nodes.len()).filter(|at| {
            let node = &self.nodes[*at];
            node.tip.is_some() && !node.wrong_chain && node.failures < 2
        });
        let mut some = false;
        for node in asked {
            if !self.is_followed(node) {
                return false;
            }
            some = true;
        }
        some
    }

    pub(super) fn ask_follow(&mut self, node: usize) {
        if self.nodes[node].tip_due <= self.now && self.want(node, Ask::Chain) {
            self.nodes[node].tip_due = self.now + TIP_INTERVAL;
        }
        if self.nodes[node].wrong_chain || self.is_followed(node) {
            return;
        }
        let Some((tip, _)) = self.nodes[node].tip else { return };
        let state = &mut self.nodes[node];
        let known = state.candidate.as_deref().unwrap_or(&self.headers).tip_height();
        let cursor = *state.cursor.get_or_insert_with(|| {
            let first = known.saturating_add(1).min(tip);
            state.skip = first % FILE;
            first / FILE
        });
        if state.whole {
            state.skip = 0;
        }
        let skip = state.skip;
        self.want(node, Ask::Headers { file: cursor, skip });
        let last = (tip / FILE).min(cursor.saturating_add(AHEAD - 1));
        for file in cursor + 1..=last {
            if !self.nodes[node].early.contains_key(&file) {
                self.want(node, Ask::Headers { file, skip: 0 });
            }
        }
    }

    pub(super) fn take_chain(&mut self, node: usize, good: bool, body: &[u8]) {
        let told =
            Some(body).filter(|_| good).and_then(|body| crate::text::read_json::<ToldChain>(body).ok());
        let Some(told) = told else {
            let message = "it does not serve light clients: no /light/chain".into();
            return self.doubt(node, FaultKind::Malformed, Subject::node(), message);
        };
        let ours = self.headers.params().genesis_hash;
        if told.genesis != ours {
            self.nodes[node].wrong_chain = true;
            let message = format!("its chain begins with {}, ours with {ours}", told.genesis);
            return self.lied(node, FaultKind::WrongChain, Subject::node(), message);
        }
        let state = &mut self.nodes[node];
        if state.tip.is_none_or(|(_, hash)| hash != told.tip.hash) {
            state.stop();
            state.bad_tip = None;
        }
        state.wrong_chain = false;
        state.tip = Some((told.tip.height, told.tip.hash));
        state.tips_told += 1;
        state.filters = told.filters;
        if self.is_in_chain(node) {
            self.nodes[node].stuck = 0;
            self.nodes[node].candidate = None;
            for kind in [FaultKind::LittleWork, FaultKind::TipNotServed] {
                self.faults.pass(node, kind, None);
            }
            self.judge_work(node);
        }
    }

    pub(super) fn take_headers(&mut self, node: usize, file: u32, skip: u32, good: bool, body: &[u8]) {
        let headers = match parse_file(body) {
            _ if !good => Vec::new(),
            Ok(headers) => headers,
            Err(error) => {
                self.doubt(node, FaultKind::Malformed, Subject::node(), error.to_string());
                self.nodes[node].bad_tip = self.nodes[node].tip.map(|(_, hash)| hash);
                return;
            }
        };
        // An old file, that somebody needs a header of.
        let old = u64::from(file + 1) * u64::from(FILE) <= u64::from(self.headers.window_base());
        if old && self.nodes[node].candidate.is_none() && self.nodes[node].cursor != Some(file) {
            if good && let Err(error) = self.archive.put(&self.headers, file, headers) {
                self.lied(node, FaultKind::OtherHeaders, Subject::block(file * FILE), error.to_string());
            }
            return;
        }
        let Some(cursor) = self.nodes[node].cursor else { return };
        if file != cursor {
            if (cursor..cursor.saturating_add(AHEAD)).contains(&file) && skip == 0 {
                self.nodes[node].early.insert(file, headers);
            }
            return;
        }
        if skip != self.nodes[node].skip {
            return;
        }
        self.connect(node, headers);
        while let Some(cursor) = self.nodes[node].cursor {
            let Some(headers) = self.nodes[node].early.remove(&cursor) else { break };
            if self.nodes[node].skip != 0 {
                break;
            }
            self.connect(node, headers);
        }
    }

    /// Connects the headers of the file at the cursor.
    fn connect(&mut self, node: usize, headers: Vec<Header>) {
        let state = &mut self.nodes[node];
        let Some(file) = state.cursor else { return };
        let start = file.saturating_mul(FILE).saturating_add(state.skip);
        let Connected { added, fork, on_side, fault } = match &mut state.candidate {
            Some(candidate) => candidate.connect(start, &headers, self.now),
            None => self.headers.connect(start, &headers, self.now),
        };
        let in_candidate = state.candidate.is_some();
        if let Some(fork) = fork.filter(|_| !in_candidate) {
            self.reorganised(fork);
        }
        match fault {
            None => self.go_on(node, file, start, headers.len() as u32, on_side),
            Some(HeaderError::NotLinked(height) | HeaderError::Gap(height))
                if added == 0 && !on_side && self.can_go_back(node, file, height) => {}
            Some(HeaderError::ForkTooDeep(_)) if !in_candidate => {
                let state = &mut self.nodes[node];
                state.stop();
                state.candidate = Some(Box::new(HeaderChain::new(Arc::clone(self.headers.params()))));
            }
            Some(error) => self.bad_headers(node, &error),
        }
        self.adopt(node);
    }

    /// The first header does not fit: the node's branch may begin earlier. Whether that is tried.
    fn can_go_back(&mut self, node: usize, file: u32, height: u32) -> bool {
        let base = self.nodes[node].candidate.as_deref().unwrap_or(&self.headers).window_base();
        let state = &mut self.nodes[node];
        let first = file.saturating_mul(FILE).saturating_add(state.skip);
        if height != first || state.back_from == Some(file) && state.skip == 0 {
            return false;
        }
        if state.skip > 0 {
            state.skip = 0;
            state.whole = true;
            return true;
        }
        state.whole = true;
        state.back_from.get_or_insert(file);
        if file > base / FILE {
            state.cursor = Some(file - 1);
            state.early.clear();
        } else if state.candidate.is_none() && base > 0 {
            state.stop();
            state.candidate = Some(Box::new(HeaderChain::new(Arc::clone(self.headers.params()))));
        } else {
            return false;
        }
        true
    }

    /// A file has been connected as far as it goes.
    fn go_on(&mut self, node: usize, file: u32, start: u32, count: u32, on_side: bool) {
        let end = u64::from(start) + u64::from(count);
        let state = &mut self.nodes[node];
        if end == u64::from(file + 1) * u64::from(FILE)
            && state.tip.is_some_and(|(tip, _)| u64::from(tip) >= end)
        {
            state.cursor = Some(file + 1);
            state.skip = 0;
            return;
        }
        // Its last one.
        state.stop();
        let Some((height, hash)) = state.tip else { return };
        if state.candidate.is_some() {
            return;
        }
        if self.headers.contains(height, &hash) == Some(true) {
            self.nodes[node].stuck = 0;
            self.faults.pass(node, FaultKind::LittleWork, None);
            self.faults.pass(node, FaultKind::TipNotServed, None);
            self.judge_work(node);
        } else if on_side {
            self.nodes[node].bad_tip = Some(hash);
            let message = format!("its chain up to block {height} has less work than the best");
            self.doubt(node, FaultKind::LittleWork, Subject::node(), message);
        } else {
            self.not_served(node);
        }
    }

    /// The tip that it told is not where its headers end; it is asked again.
    fn not_served(&mut self, node: usize) {
        let state = &mut self.nodes[node];
        let Some((height, hash)) = state.tip else { return };
        state.stuck += 1;
        state.tip_due = 0;
        if state.stuck >= MAX_STUCK {
            state.bad_tip = Some(hash);
            let message = format!("its headers do not lead to its tip, {hash} at {height}");
            self.doubt(node, FaultKind::TipNotServed, Subject::node(), message);
        }
    }

    fn bad_headers(&mut self, node: usize, error: &HeaderError) {
        let (kind, height) = match error {
            HeaderError::NoWork(height) => (FaultKind::NoWork, Some(*height)),
            HeaderError::WrongDifficulty(height) => (FaultKind::WrongDifficulty, Some(*height)),
            HeaderError::NotLinked(height) | HeaderError::Gap(height) => {
                (FaultKind::NotLinked, Some(*height))
            }
            HeaderError::Invalid { height, .. } => (FaultKind::BadHeader, Some(*height)),
            // It may be our clock that is wrong.
            HeaderError::Future(height) => (FaultKind::FutureHeader, Some(*height)),
            HeaderError::EndlessBranch(_) => (FaultKind::LittleWork, None),
            _ => (FaultKind::Malformed, None),
        };
        let subject = height.map_or_else(Subject::node, Subject::block);
        match kind.severity() {
            crate::light::trust::Severity::Lie => self.lied(node, kind, subject, error.to_string()),
            _ => self.doubt(node, kind, subject, error.to_string()),
        }
        let state = &mut self.nodes[node];
        state.stop();
        state.bad_tip = state.tip.map(|(_, hash)| hash);
        state.candidate = None;
    }

    /// Takes a chain that was read from genesis, if it has come to its end and has more work.
    fn adopt(&mut self, node: usize) {
        let state = &mut self.nodes[node];
        let Some(candidate) = &state.candidate else { return };
        if state.cursor.is_some() || candidate.tip_height() == 0 {
            return;
        }
        let Some(candidate) = state.candidate.take() else { return };
        if candidate.work() > self.headers.work() {
            let fork = self.headers.common_with(&candidate);
            self.headers = *candidate;
            self.reorganised(fork);
            self.judge_work(node);
            return;
        }
        state.bad_tip = state.tip.map(|(_, hash)| hash);
        let message = "its chain forks off long ago and has less work".into();
        self.doubt(node, FaultKind::LittleWork, Subject::node(), message);
    }

    /// Whether this can be the chain that everybody else is on.
    fn judge_work(&mut self, node: usize) {
        let (height, _) = self.headers.tip();
        if !self.headers.has_minimum_work() && self.is_in_chain(node) {
            let message = format!("its chain of {height} blocks has less work than this chain must have");
            self.doubt(node, FaultKind::LittleWork, Subject::node(), message);
        }
    }
}
