//! The proofs of what an index told: asked for, checked, and asked for again before anybody is called a liar.

use super::{MAX_UNPROVEN, Suspicion};
use crate::ledger::{TxState, TxUpdate};
use crate::light::proof::{MerkleProof, ProofError, read_txids};
use crate::light::sync::wire::Ask;
use crate::light::sync::{Subject, Sync};
use crate::light::trust::FaultKind;
use bitcoin::hashes::Hash as _;
use bitcoin::{Transaction, Txid};
use chaincore_consensus::Header;
use chaincore_consensus::ancestry::Ancestry as _;
use std::collections::BTreeSet;

/// After so many seconds a proof that could not be had is asked for again.
const PROOF_RETRY: u64 = 10;

impl Sync {
    pub(super) fn ask_proofs(&mut self, node: usize) {
        let tip = self.headers.tip_height();
        let mut room = self.desk.room(node);
        let mut wanted = Vec::new();
        for (txid, unproven) in &self.unproven {
            if room == 0 {
                break;
            }
            let waits = unproven.failed.get(&node).is_some_and(|until| *until > self.now);
            // One node's proof is enough; another is asked if that one has none.
            let first = unproven.by.iter().find(|by| !unproven.failed.contains_key(by));
            let turn = first.map_or_else(|| unproven.by.contains(&node), |first| *first == node);
            if turn && !waits && unproven.height <= tip {
                wanted.push((*txid, unproven.height));
                room -= 1;
            }
        }
        let told = self.nodes[node].tips_told;
        let again =
            self.suspicions.iter().filter(|((by, _), suspicion)| *by == node && suspicion.told < told);
        wanted.extend(again.map(|((_, txid), suspicion)| (*txid, suspicion.height)).take(room));
        for (txid, height) in wanted {
            match self.hash_at(height) {
                Some(hash) if self.nodes[node].without_index => {
                    self.want(node, Ask::BlockTxids { height, hash });
                }
                Some(_) => {
                    self.want(node, Ask::Proof { txid });
                }
                None => self.need_header(node, height),
            }
        }
    }

    pub(in super::super) fn take_proof(&mut self, node: usize, txid: Txid, good: bool, body: &[u8]) {
        self.judge(node, txid, good.then(|| MerkleProof::from_json(body)));
    }

    /// A node that keeps no index of transactions cannot look up where one is, but lists those of a block: the branches
    /// of all that are to be proven in it are made of that.
    pub(in super::super) fn take_block_txids(&mut self, node: usize, height: u32, good: bool, body: &[u8]) {
        let list = good.then(|| read_txids(body));
        let told = self.unproven.iter().filter(|(_, told)| told.height == height && told.by.contains(&node));
        let doubted =
            self.suspicions.iter().filter(|((by, _), doubted)| *by == node && doubted.height == height);
        let wanted: BTreeSet<Txid> =
            told.map(|(txid, _)| *txid).chain(doubted.map(|((_, txid), _)| *txid)).collect();
        for txid in wanted {
            let proof = match &list {
                Some(Ok(list)) => MerkleProof::from_list(height, list, &txid).map(Ok),
                Some(Err(error)) => Some(Err(error.clone())),
                None => None,
            };
            self.judge(node, txid, proof);
        }
    }

    /// What a node's proof comes to; `None` if it has none.
    fn judge(&mut self, node: usize, txid: Txid, proof: Option<Result<MerkleProof, ProofError>>) {
        let suspicion = self.suspicions.get(&(node, txid));
        let unproven = self.unproven.get_mut(&txid);
        let Some(tx) = (unproven.as_ref().map(|unproven| &unproven.told.tx))
            .or(suspicion.map(|suspicion| &suspicion.tx))
            .cloned()
        else {
            return;
        };
        if let Some(unproven) = unproven {
            unproven.failed.insert(node, self.now + PROOF_RETRY);
        }
        let subject = Subject::transaction(txid);
        let proof = match proof {
            None => {
                self.suspicions.remove(&(node, txid));
                let message = "it says that a transaction is confirmed and has no proof".into();
                return self.doubt(node, FaultKind::NoProof, subject, message);
            }
            Some(Ok(proof)) => proof,
            Some(Err(error @ ProofError::Malformed(_))) => {
                self.suspicions.remove(&(node, txid));
                return self.doubt(node, FaultKind::Malformed, Subject::node(), error.to_string());
            }
            Some(Err(error)) => return self.bad_proof(node, tx, 0, &error.to_string()),
        };
        let Some(header) = self.header_at(proof.height) else {
            // Told to be in another block than before, or above the tip: it is asked again when the header is there.
            if let Some(unproven) = self.unproven.get_mut(&txid) {
                unproven.height = proof.height;
                unproven.failed.remove(&node);
            }
            return self.need_header(node, proof.height);
        };
        if let Err(error) = proof.check(&tx, &header) {
            return self.bad_proof(node, tx, proof.height, &error.to_string());
        }
        self.suspicions.remove(&(node, txid));
        self.faults.pass(node, FaultKind::NoProof, Some(&subject));
        if let Some(unproven) = self.unproven.remove(&txid) {
            let state = proven(proof.height, proof.position, &header);
            self.news.push(TxUpdate { tx, state, prevouts: unproven.told.prevouts });
        }
    }

    /// A proof leads nowhere: the second time, with the node on our chain in between, it is a lie.
    fn bad_proof(&mut self, node: usize, tx: Transaction, height: u32, why: &str) {
        let txid = tx.compute_txid();
        let subject = Subject::transaction(txid);
        let told = self.nodes[node].tips_told;
        match self.suspicions.remove(&(node, txid)) {
            Some(suspicion) if suspicion.told < told && self.is_in_chain(node) => {
                self.lied(node, FaultKind::BadProof, subject, format!("a bad proof of a transaction: {why}"));
            }
            Some(suspicion) if suspicion.told < told => {
                let message = "a transaction is proven for another chain than the best".into();
                self.doubt(node, FaultKind::NoProof, subject, message);
            }
            _ if self.suspicions.len() < MAX_UNPROVEN => {
                self.suspicions.insert((node, txid), Suspicion { tx, height, told });
                self.nodes[node].tip_due = 0;
            }
            _ => {}
        }
    }
}

/// The state of a transaction that is proven.
pub(in super::super) fn proven(height: u32, index: u32, header: &Header) -> TxState {
    let block = bitcoin::BlockHash::from_byte_array(header.hash().0);
    TxState::Proven { height, block, time: header.time, index }
}
