//! Mode "private filters": filters are checked, matched and answered with the blocks that match.
//!
//! Work goes in batches of heights that lie in one file. A batch asks every node for its filter headers, settles what
//! they disagree about ([`dispute`]), takes the filters of one node, and then its blocks in the order of height, so that
//! the addresses that a payment reveals are watched from there on (and matched against the whole batch again: they may
//! have been paid a little earlier). A batch counts only when the node's tip, told afterwards, is in our chain: filters
//! of another branch would match nothing.
//!
//! Where a filter cannot be used, the block itself is read: that costs more and misses nothing.

mod blocks;
mod dispute;

use super::wire::Ask;
use super::{Subject, Sync};
use crate::ledger::Ledger;
use crate::light::filters::{FILE, HEADERS_FILE, check_filter, parse_file, parse_header_file};
use crate::light::trust::FaultKind;
use chaincore_consensus::Hash256;
use chaincore_consensus::ancestry::Ancestry as _;
use chaincore_consensus::filter::{BasicFilter, HEADER_BEFORE_GENESIS};
use dispute::Dispute;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Filter headers that are kept for reorganisations.
const RECENT: usize = 300;

/// Batches that end so near the tip count only after the node has told its tip again.
const NEAR_TIP: u32 = 150;

/// Blocks of a batch where there are no filters to rely on.
const BLIND_BATCH: u32 = 100;

/// What is kept between runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanState {
    next: u32,
    below: Option<Hash256>,
    accounts: usize,
    gap: u32,
}

/// A node's filter headers for the batch.
#[derive(Debug, Clone)]
struct Claim {
    from: u32,
    headers: Vec<Hash256>,
}

impl Claim {
    fn at(&self, height: u32) -> Option<&Hash256> {
        self.headers.get(height.checked_sub(self.from)? as usize)
    }
}

/// A block that was fetched.
#[derive(Debug)]
struct Fetched {
    block: bitcoin::Block,
}

/// Heights that are worked on.
#[derive(Debug)]
struct Batch {
    start: u32,
    end: u32,
    /// The node whose filters and blocks are used.
    source: usize,
    /// The filters from `start` on, once they are there; `None` for one that cannot be used.
    filters: Option<Vec<Option<BasicFilter>>>,
    /// How often the source had told its tip when the filters came.
    told: u64,
    /// How often it had told its tip when they did not fit for the first time.
    suspected: Option<u64>,
    /// How many scripts the filters have been matched with.
    matched: usize,
    /// Heights whose blocks are to be read.
    pending: BTreeSet<u32>,
    blocks: BTreeMap<u32, Fetched>,
}

#[derive(Debug, Default)]
pub(super) struct Scan {
    next: Option<u32>,
    /// The filter header below `next`, on which all nodes agreed.
    below: Option<Hash256>,
    recent: BTreeMap<u32, Hash256>,
    /// From when on, if not from the ledger's birthday.
    birthday: Option<u64>,
    /// The ledger's accounts and gap that were scanned for.
    accounts: usize,
    gap: u32,
    batch: Option<Batch>,
    claims: HashMap<usize, Claim>,
    /// Nodes whose filter headers are wrong.
    bad: BTreeSet<usize>,
    dispute: Option<Dispute>,
    /// Blocks to read although no filter matched them.
    forced: BTreeSet<u32>,
    /// Which blocks are looked at to see whether filters are complete, which a node cannot know before.
    seed: Option<u64>,
}

impl Scan {
    pub(super) fn new(state: Option<ScanState>) -> Self {
        match state {
            Some(ScanState { next, below, accounts, gap }) => {
                Self { next: Some(next), below, accounts, gap, ..Self::default() }
            }
            None => Self::default(),
        }
    }

    pub(super) fn state(&self) -> Option<ScanState> {
        let Self { below, accounts, gap, .. } = *self;
        Some(ScanState { next: self.next?, below, accounts, gap })
    }

    pub(super) fn next(&self) -> Option<u32> {
        self.next
    }

    pub(super) fn forget_nodes(&mut self) {
        self.bad.clear();
        self.drop_batch();
    }

    /// Begins anew.
    pub(super) fn restart(&mut self, birthday: Option<u64>) {
        self.next = None;
        self.below = None;
        self.birthday = birthday.or(self.birthday);
        self.recent.clear();
        self.drop_batch();
    }

    /// Blocks above `fork` are others now.
    pub(super) fn roll_back(&mut self, fork: u32) {
        self.drop_batch();
        self.recent.retain(|height, _| *height <= fork);
        self.forced.retain(|height| *height <= fork);
        if self.next.is_some_and(|next| next > fork + 1) {
            self.go_to(fork + 1);
        }
    }

    /// Goes on at a height; the filter header below it is one that is remembered, or will be asked for.
    fn go_to(&mut self, height: u32) {
        self.below = match height.checked_sub(1) {
            None => Some(HEADER_BEFORE_GENESIS),
            Some(below) => self.recent.get(&below).copied(),
        };
        self.next = Some(height);
        self.drop_batch();
    }

    /// The filter header below is told with those above it only where it is in the same file: one block earlier at the
    /// edge of a file.
    fn go_to_file_of(&mut self, next: u32) {
        if next > 0 && next.is_multiple_of(HEADERS_FILE) && self.batch.is_none() {
            self.next = Some(next - 1);
        }
    }

    pub(super) fn drop_batch(&mut self) {
        self.batch = None;
        self.dispute = None;
        self.claims.clear();
    }

    fn audited(&mut self, start: u32, end: u32) -> u32 {
        let seed = self.seed.get_or_insert_with(|| {
            let mut bytes = [0; 8];
            // Without randomness the first block of each batch is looked at.
            let _ = getrandom::fill(&mut bytes);
            u64::from_le_bytes(bytes)
        });
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        start + ((*seed >> 33) % u64::from(end - start + 1)) as u32
    }
}

impl Sync {
    /// The node whose filters are used: one that has them, is on our chain and has not been wrong.
    fn filter_source(&self) -> Option<usize> {
        let usable = |at: &usize| {
            let node = &self.nodes[*at];
            !node.wrong_chain && node.failures < 2 && node.filters && self.is_in_chain(*at)
        };
        let good = |at: &usize| !self.scan.bad.contains(at);
        let all = || (0..self.nodes.len()).filter(usable);
        all()
            .filter(good)
            .find(|at| !self.nodes[*at].lied)
            .or_else(|| all().find(good))
            .or_else(|| all().next())
    }

    /// The nodes whose filter headers are compared.
    fn voters(&self) -> Vec<usize> {
        let votes = |at: &usize| {
            let node = &self.nodes[*at];
            node.filters
                && !node.wrong_chain
                && node.failures == 0
                && !self.scan.bad.contains(at)
                && self.is_in_chain(*at)
        };
        (0..self.nodes.len()).filter(votes).collect()
    }

    pub(super) fn ask_scan(&mut self, ledger: &Ledger) {
        if !self.headers_done() {
            return;
        }
        let (accounts, gap) = (ledger.accounts().len(), ledger.gap());
        if accounts != self.scan.accounts || gap > self.scan.gap {
            if self.scan.next.is_some() && self.scan.accounts != 0 {
                self.scan.restart(None);
            }
            self.scan.accounts = accounts;
            self.scan.gap = gap;
        }
        if self.scan.next.is_none() {
            let birthday = self.scan.birthday.unwrap_or(ledger.birthday());
            let height = self.headers.height_before(u32::try_from(birthday).unwrap_or(u32::MAX));
            self.scan.go_to(height);
        }
        let Some(source) = self.filter_source() else {
            let node = self.source();
            if self.nodes[node].tip.is_some() && !self.nodes[node].filters {
                let message = "it has no block filters".into();
                self.doubt(node, FaultKind::NoFilters, Subject::node(), message);
            }
            return;
        };
        self.faults.pass(source, FaultKind::NoFilters, None);
        let tip = self.headers.tip_height();
        let blind = self.scan.bad.contains(&source);
        if let Some(next) = self.scan.next.filter(|_| !blind && self.scan.below.is_none()) {
            self.scan.go_to_file_of(next);
        }
        let Some(start) = self.scan.next.filter(|next| *next <= tip) else { return };
        if self.scan.batch.as_ref().is_none_or(|batch| batch.source != source) {
            let of_file = (start / FILE + 1) * FILE - 1;
            let most = if blind { start.saturating_add(BLIND_BATCH - 1) } else { of_file };
            let end = of_file.min(tip).min(most);
            self.scan.drop_batch();
            self.scan.batch = Some(Batch {
                start,
                end,
                source,
                filters: None,
                told: 0,
                suspected: None,
                matched: 0,
                pending: BTreeSet::new(),
                blocks: BTreeMap::new(),
            });
        }
        let Some(batch) = &self.scan.batch else { return };
        let (start, end) = (batch.start, batch.end);
        for height in [start, end] {
            if self.header_at(height).is_none() {
                return self.need_header(source, height);
            }
        }
        if batch.filters.is_none() && blind {
            // Every block is read.
            let told = self.nodes[source].tips_told;
            if let Some(batch) = &mut self.scan.batch {
                batch.filters = Some(vec![None; (end - start + 1) as usize]);
                batch.pending = (start..=end).collect();
                batch.told = told;
            }
        }
        if self.scan.batch.as_ref().is_some_and(|batch| batch.filters.is_none()) {
            self.ask_filters(source, start, end);
        }
        self.ask_blocks(source);
    }

    fn ask_filters(&mut self, source: usize, start: u32, end: u32) {
        let from = if self.scan.below.is_some() { start } else { start.saturating_sub(1) };
        let mut complete = true;
        for node in self.voters() {
            if !self.scan.claims.contains_key(&node) {
                self.want(node, Ask::FilterHeaders { from });
                complete = false;
            }
        }
        if !complete || !self.scan.claims.contains_key(&source) {
            return;
        }
        if self.disagree(source, end) {
            return;
        }
        self.want(source, Ask::Filters { from: start });
    }

    pub(super) fn take_filter_headers(&mut self, node: usize, from: u32, good: bool, body: &[u8]) {
        if !good {
            // It has lost its filters, or is behind.
            self.nodes[node].tip_due = 0;
            self.nodes[node].wait_until = self.now + 2;
            return;
        }
        match parse_header_file(body) {
            Ok(mut headers) => {
                let most = (HEADERS_FILE - from % HEADERS_FILE) as usize;
                if headers.len() > most {
                    // A server of plain files, which leaves nothing out.
                    headers.drain(..headers.len() - most);
                }
                if headers.is_empty() {
                    self.nodes[node].wait_until = self.now + 2;
                    return;
                }
                let Some(batch) = &mut self.scan.batch else { return };
                if batch.source == node {
                    let last = from.saturating_add(headers.len() as u32 - 1);
                    if last < batch.start {
                        return;
                    }
                    batch.end = batch.end.min(last);
                }
                self.scan.claims.insert(node, Claim { from, headers });
            }
            Err(error) => self.doubt(node, FaultKind::Malformed, Subject::node(), error.to_string()),
        }
    }

    pub(super) fn take_filters(&mut self, node: usize, from: u32, good: bool, body: &[u8]) {
        let told = self.nodes[node].tips_told;
        let Some(batch) = &self.scan.batch else { return };
        if batch.source != node || batch.start != from || batch.filters.is_some() {
            return;
        }
        let (start, end) = (batch.start, batch.end);
        if !good {
            self.nodes[node].tip_due = 0;
            self.nodes[node].wait_until = self.now + 2;
            return;
        }
        let parsed = match parse_file(body) {
            Ok(filters) => filters,
            Err(error) => {
                self.nodes[node].wait_until = self.now + 2;
                return self.doubt(node, FaultKind::Malformed, Subject::block(from), error.to_string());
            }
        };
        let most = (FILE - from % FILE) as usize;
        let bytes = &parsed[parsed.len().saturating_sub(most)..];
        let Some(claim) = self.scan.claims.get(&node) else { return };
        let mut filters = Vec::with_capacity((end - start + 1) as usize);
        let mut wrong = None;
        for height in start..=end {
            let below = match height.checked_sub(1) {
                None => Some(HEADER_BEFORE_GENESIS),
                Some(below) if height == start => self.scan.below.or(claim.at(below).copied()),
                Some(below) => claim.at(below).copied(),
            };
            let given = bytes.get((height - start) as usize);
            let (Some(below), Some(header), Some(hash)) = (below, claim.at(height), self.hash_at(height))
            else {
                return self.scan.drop_batch();
            };
            let checked = given.map(|bytes| check_filter(height, hash, bytes, &below, header));
            match checked {
                Some(Ok(filter)) => filters.push(Some(filter)),
                other => {
                    let why = match other {
                        Some(Err(error)) => error.to_string(),
                        _ => "a filter is missing".into(),
                    };
                    wrong.get_or_insert((height, why));
                    filters.push(None);
                }
            }
        }
        if let Some((height, why)) = wrong
            && !self.may_go_on_without(node, height, why)
        {
            return;
        }
        let audited = self.scan.audited(start, end);
        let Some(batch) = &mut self.scan.batch else { return };
        batch.told = told;
        batch.pending.insert(audited);
        let unusable = (start..).zip(&filters).filter(|(_, filter)| filter.is_none());
        batch.pending.extend(unusable.map(|(height, _)| height));
        batch.pending.extend(self.scan.forced.range(start..=end));
        batch.filters = Some(filters);
        if end + NEAR_TIP > self.headers.tip_height() {
            self.nodes[node].tip_due = 0;
        }
    }

    /// Filters do not fit the headers. The node may have reorganised between the two answers, so both are asked for
    /// again; the second time it is a lie, and another node is asked, or the blocks are read where there is none.
    fn may_go_on_without(&mut self, node: usize, height: u32, why: String) -> bool {
        let told = self.nodes[node].tips_told;
        self.scan.claims.remove(&node);
        let Some(batch) = &mut self.scan.batch else { return false };
        match batch.suspected {
            Some(before) if before < told => {}
            _ => {
                batch.suspected = Some(told);
                self.nodes[node].tip_due = 0;
                self.nodes[node].wait_until = self.now + 1;
                return false;
            }
        }
        if !self.is_in_chain(node) {
            self.scan.drop_batch();
            return false;
        }
        self.lied(node, FaultKind::WrongFilter, Subject::block(height), why);
        if self.filter_source() != Some(node) {
            self.scan.drop_batch();
            return false;
        }
        true
    }

    /// Ends the batch, if nothing of it is left and its node is still on our chain.
    fn finish_batch(&mut self) {
        let Some(batch) = &self.scan.batch else { return };
        let (start, end, source) = (batch.start, batch.end, batch.source);
        if batch.filters.is_none() || !batch.pending.is_empty() {
            return;
        }
        let blind = self.scan.bad.contains(&source);
        if !blind && end + NEAR_TIP > self.headers.tip_height() {
            if self.nodes[source].tips_told <= batch.told {
                return;
            }
            if !self.is_in_chain(source) {
                if self.is_followed(source) {
                    self.scan.drop_batch();
                }
                return;
            }
        }
        let claim = self.scan.claims.get(&source);
        self.scan.below = claim.and_then(|claim| claim.at(end)).copied();
        if let Some(claim) = claim {
            let from = start.max((end + 1).saturating_sub(RECENT as u32));
            let agreed: Vec<(u32, Hash256)> =
                (from..=end).filter_map(|height| Some((height, *claim.at(height)?))).collect();
            self.scan.recent.extend(agreed);
            while self.scan.recent.len() > RECENT {
                self.scan.recent.pop_first();
            }
        }
        self.scan.forced = self.scan.forced.split_off(&(end + 1));
        self.scan.next = Some(end + 1);
        self.scan.drop_batch();
    }
}
