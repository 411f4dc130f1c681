//! Two nodes tell different filter headers: the block says who is right.

use super::super::wire::Ask;
use super::super::{Subject, Sync};
use crate::light::filters::{HEADERS_FILE, Settlement, first_difference};
use crate::light::proof::read_transaction;
use crate::light::trust::FaultKind;
use bitcoin::Txid;
use bitcoin::hashes::Hash as _;
use chaincore_consensus::codec::Decode as _;
use chaincore_consensus::filter::HEADER_BEFORE_GENESIS;
use chaincore_consensus::{Block, BlockHash, Hash256, Transaction};

/// A height at which filter headers differ, on top of one on which all agree.
#[derive(Debug)]
pub(super) struct Dispute {
    height: u32,
    hash: BlockHash,
    below: Hash256,
    other: usize,
    settlement: Option<Box<Settlement>>,
}

impl Sync {
    /// Whether a node tells other filter headers than the source, up to a height; then that is settled first.
    pub(super) fn disagree(&mut self, source: usize, end: u32) -> bool {
        if self.scan.dispute.is_some() {
            self.ask_dispute(source);
            return true;
        }
        let Some(ours) = self.scan.claims.get(&source) else { return false };
        let mut found: Option<(u32, usize)> = None;
        for node in self.voters() {
            let Some(theirs) = self.scan.claims.get(&node) else { continue };
            if node == source || theirs.from != ours.from {
                continue;
            }
            if let Some(height) = first_difference(ours.from, &ours.headers, &theirs.headers)
                && height <= end
                && found.is_none_or(|(lowest, _)| height < lowest)
            {
                found = Some((height, node));
            }
        }
        let Some((height, other)) = found else { return false };
        let below = match height.checked_sub(1) {
            None => Some(HEADER_BEFORE_GENESIS),
            Some(below) if height == ours.from => self.scan.below.filter(|_| ours.from == below + 1),
            Some(below) => ours.at(below).copied(),
        };
        let Some(below) = below else {
            // They differed before that already: back to where they agree, at genesis at the latest.
            let earlier = (height.saturating_sub(1) / HEADERS_FILE) * HEADERS_FILE;
            self.scan.recent.clear();
            self.scan.go_to(earlier);
            return true;
        };
        let Some(hash) = self.hash_at(height) else {
            self.need_header(source, height);
            return true;
        };
        self.scan.dispute = Some(Dispute { height, hash, below, other, settlement: None });
        self.ask_dispute(source);
        true
    }

    fn ask_dispute(&mut self, source: usize) {
        let Some(dispute) = &self.scan.dispute else { return };
        let (height, hash) = (dispute.height, dispute.hash);
        let Some(settlement) = &dispute.settlement else {
            self.want(source, Ask::Block { height, hash });
            return;
        };
        let room = self.desk.room(source);
        let missing: Vec<_> = settlement.missing().take(room).copied().collect();
        for txid in missing {
            self.want(source, Ask::Parent { txid: Txid::from_byte_array(txid.0) });
        }
    }

    /// Takes the disputed block, if it is that.
    pub(super) fn put_disputed(&mut self, height: u32, hash: &BlockHash, block: &Block) {
        let Some(dispute) = &mut self.scan.dispute else { return };
        if dispute.height != height || dispute.hash != *hash || dispute.settlement.is_some() {
            return;
        }
        match Settlement::new(height, block.clone()) {
            Some(settlement) => {
                dispute.settlement = Some(Box::new(settlement));
                self.judge_dispute();
            }
            None => {
                // Too much to look up: the block itself is read, and the main node's filters are used.
                let other = dispute.other;
                let message = "it tells other filter headers than another node, and who is right could not be found out";
                self.doubt(other, FaultKind::FilterDispute, Subject::block(height), message.into());
                self.scan.forced.insert(height);
                self.scan.bad.insert(other);
                self.scan.dispute = None;
            }
        }
    }

    pub(in super::super) fn take_parent(&mut self, node: usize, txid: Txid, good: bool, body: &[u8]) {
        if !good {
            self.nodes[node].wait_until = self.now + 2;
            return;
        }
        if let Err(error) = read_transaction(body, &txid) {
            return self.lied(
                node,
                FaultKind::WrongTransaction,
                Subject::transaction(txid),
                error.to_string(),
            );
        }
        let Ok(tx) = Transaction::decode_exact(body) else { return };
        let settlement = self.scan.dispute.as_mut().and_then(|dispute| dispute.settlement.as_mut());
        if settlement.is_some_and(|settlement| settlement.put(&tx)) {
            self.judge_dispute();
        }
    }

    /// Compares what the nodes say with the truth, once it is known.
    fn judge_dispute(&mut self) {
        let Some(dispute) = &self.scan.dispute else { return };
        let (height, below) = (dispute.height, dispute.below);
        let Some(truth) = dispute.settlement.as_ref().and_then(|settlement| settlement.header(Some(&below)))
        else {
            return;
        };
        let wrong: Vec<usize> = self
            .scan
            .claims
            .iter()
            .filter(|(_, claim)| claim.at(height).is_some_and(|header| *header != truth))
            .map(|(node, _)| *node)
            .collect();
        for node in wrong {
            let message = "its filter header is not that of the block's filter".into();
            self.lied(node, FaultKind::WrongFilterHeader, Subject::block(height), message);
            self.scan.bad.insert(node);
        }
        self.scan.drop_batch();
    }
}
