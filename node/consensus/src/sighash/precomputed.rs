//! What the signature hashes of all inputs of a transaction share.

use super::{Sha256Sink, legacy::BlankedInputs};
use crate::codec::{Encode, Sink, put_var_bytes};
use crate::script;
use crate::transaction::{Transaction, TxOut};
use sha2::{Digest, Sha256};
use std::sync::OnceLock;

/// Hashes over parts of one transaction and of what it spends, computed once for all its inputs.
///
/// It belongs to the transaction and spent outputs that it was made of and must only be used with them. Threads may
/// share it.
#[derive(Debug, Default)]
pub struct PrecomputedTx {
    segwit: Option<SegwitHashes>,
    taproot: Option<TaprootHashes>,
    legacy: OnceLock<BlankedInputs>,
}

/// Double SHA-256 of the parts that BIP143 hashes.
#[derive(Debug, Clone, Copy)]
pub(super) struct SegwitHashes {
    pub(super) prevouts: [u8; 32],
    pub(super) sequences: [u8; 32],
    pub(super) outputs: [u8; 32],
}

/// Single SHA-256 of the parts that BIP341 hashes.
#[derive(Debug, Clone, Copy)]
pub(super) struct TaprootHashes {
    pub(super) prevouts: [u8; 32],
    pub(super) sequences: [u8; 32],
    pub(super) outputs: [u8; 32],
    pub(super) amounts: [u8; 32],
    pub(super) scripts: [u8; 32],
}

impl SegwitHashes {
    pub(super) fn new(tx: &Transaction) -> Self {
        let parts = SharedParts::new(tx);
        Self::from_parts(&parts)
    }

    fn from_parts(parts: &SharedParts) -> Self {
        let again = |hash: &[u8; 32]| Sha256::digest(hash).into();
        Self {
            prevouts: again(&parts.prevouts),
            sequences: again(&parts.sequences),
            outputs: again(&parts.outputs),
        }
    }
}

impl TaprootHashes {
    /// `None` unless there is one spent output for each input.
    pub(super) fn new(tx: &Transaction, spent: &[TxOut]) -> Option<Self> {
        (spent.len() == tx.inputs.len()).then(|| Self::from_parts(&SharedParts::new(tx), spent))
    }

    fn from_parts(parts: &SharedParts, spent: &[TxOut]) -> Self {
        let mut amounts = Sha256Sink::default();
        let mut scripts = Sha256Sink::default();
        for output in spent {
            amounts.put(&output.value.0.to_le_bytes());
            put_var_bytes(&mut scripts, &output.script_pubkey);
        }
        Self {
            prevouts: parts.prevouts,
            sequences: parts.sequences,
            outputs: parts.outputs,
            amounts: amounts.single(),
            scripts: scripts.single(),
        }
    }
}

/// Single SHA-256 of the parts of a transaction that both newer schemes hash.
struct SharedParts {
    prevouts: [u8; 32],
    sequences: [u8; 32],
    outputs: [u8; 32],
}

impl SharedParts {
    fn new(tx: &Transaction) -> Self {
        let mut prevouts = Sha256Sink::default();
        let mut sequences = Sha256Sink::default();
        let mut outputs = Sha256Sink::default();
        for input in &tx.inputs {
            input.previous_output.encode(&mut prevouts);
            sequences.put(&input.sequence.to_le_bytes());
        }
        for output in &tx.outputs {
            output.encode(&mut outputs);
        }
        Self { prevouts: prevouts.single(), sequences: sequences.single(), outputs: outputs.single() }
    }
}

impl PrecomputedTx {
    /// What the inputs of `tx` will need, judged by their witnesses and by `spent`, the outputs spent, one per input.
    /// With an empty `spent` there is no taproot.
    pub fn new(tx: &Transaction, spent: &[TxOut]) -> Self {
        let spent = if spent.len() == tx.inputs.len() { spent } else { &[] };
        let (mut segwit, mut taproot) = (false, false);
        for (at, _) in tx.inputs.iter().enumerate().filter(|(_, input)| !input.witness.is_empty()) {
            match spent.get(at) {
                Some(output) if script::is_p2tr(&output.script_pubkey) => taproot = true,
                _ => segwit = true,
            }
        }
        if !segwit && !taproot {
            return Self::default();
        }
        let parts = SharedParts::new(tx);
        Self {
            segwit: segwit.then(|| SegwitHashes::from_parts(&parts)),
            taproot: taproot.then(|| TaprootHashes::from_parts(&parts, spent)),
            legacy: OnceLock::new(),
        }
    }

    pub(super) fn segwit(&self, tx: &Transaction) -> SegwitHashes {
        self.segwit.unwrap_or_else(|| SegwitHashes::new(tx))
    }

    pub(super) fn taproot(&self, tx: &Transaction, spent: &[TxOut]) -> Option<TaprootHashes> {
        self.taproot.or_else(|| TaprootHashes::new(tx, spent))
    }

    pub(super) fn legacy(&self, tx: &Transaction) -> &BlankedInputs {
        self.legacy.get_or_init(|| BlankedInputs::new(tx))
    }
}
