//! Rules for transactions and blocks that need nothing else to be judged by.

use crate::amount::{Amount, MAX_MONEY};
use crate::block::Block;
use crate::merkle::block_merkle_root;
use crate::params::ChainParams;
use crate::pow::check_proof_of_work;
use crate::reject::{RejectKind, RejectReason};
use crate::script::sigops::legacy_sigops;
use crate::transaction::{OutPoint, Transaction, WITNESS_SCALE_FACTOR};
use std::collections::HashSet;

/// The most weight that a block may have (BIP141).
pub const MAX_BLOCK_WEIGHT: usize = 4_000_000;

/// The most bytes that a block may have; only a bound for buffers, the weight is the rule.
pub const MAX_BLOCK_SERIALIZED_SIZE: usize = 4_000_000;

/// The most that a block's signature operations may cost (BIP141).
pub const MAX_BLOCK_SIGOPS_COST: i64 = 80_000;

/// Up to here comparing all pairs is faster than hashing.
const FEW_INPUTS: usize = 12;

/// What of a block [`check_block`] looks at. Templates have neither proof of work nor a merkle root yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CheckOptions {
    /// The proof of work, and the solution that a signet asks for.
    pub pow: bool,
    /// The merkle root.
    pub merkle: bool,
}

impl CheckOptions {
    /// Everything.
    pub const ALL: Self = Self { pow: true, merkle: true };
}

/// The rules for a transaction by itself (Core's `CheckTransaction`).
pub fn check_transaction(tx: &Transaction) -> Result<(), RejectReason> {
    let fail = |reason: &'static str| Err(RejectReason::consensus(reason));
    if tx.inputs.is_empty() {
        return fail("bad-txns-vin-empty");
    }
    if tx.outputs.is_empty() {
        return fail("bad-txns-vout-empty");
    }
    if tx.stripped_len() * WITNESS_SCALE_FACTOR > MAX_BLOCK_WEIGHT {
        return fail("bad-txns-oversize");
    }
    let mut sum = Amount::ZERO;
    for output in &tx.outputs {
        if output.value < Amount::ZERO {
            return fail("bad-txns-vout-negative");
        }
        if output.value.sat() > MAX_MONEY {
            return fail("bad-txns-vout-toolarge");
        }
        // No overflow: both are at most MAX_MONEY.
        sum = Amount(sum.sat() + output.value.sat());
        if !sum.in_range() {
            return fail("bad-txns-txouttotal-toolarge");
        }
    }
    if has_duplicate_inputs(tx) {
        return fail("bad-txns-inputs-duplicate");
    }
    if tx.is_coinbase() {
        if !(2..=100).contains(&tx.inputs[0].script_sig.len()) {
            return fail("bad-cb-length");
        }
    } else if tx.inputs.iter().any(|input| input.previous_output.is_null()) {
        return fail("bad-txns-prevout-null");
    }
    Ok(())
}

fn has_duplicate_inputs(tx: &Transaction) -> bool {
    let outpoints = || tx.inputs.iter().map(|input| input.previous_output);
    if tx.inputs.len() <= FEW_INPUTS {
        outpoints().enumerate().any(|(at, outpoint)| outpoints().take(at).any(|earlier| earlier == outpoint))
    } else {
        let mut seen: HashSet<OutPoint> = HashSet::with_capacity(tx.inputs.len());
        !outpoints().all(|outpoint| seen.insert(outpoint))
    }
}

/// The rule for a header by itself: its proof of work (Core's `CheckBlockHeader`).
pub fn check_header_pow(header: &crate::Header, params: &ChainParams) -> Result<(), RejectReason> {
    if check_proof_of_work(&header.hash(), header.bits, params.pow_limit) {
        Ok(())
    } else {
        Err(RejectReason::new(RejectKind::InvalidHeader, "high-hash").with_debug("proof of work failed"))
    }
}

/// The rules for a block by itself (Core's `CheckBlock`).
///
/// A refusal of kind [`RejectKind::Mutated`] says nothing about the block that its header stands for, and neither
/// does any other refusal by this function: the transactions may not be the header's.
pub fn check_block(block: &Block, params: &ChainParams, options: CheckOptions) -> Result<(), RejectReason> {
    let fail = |reason: &'static str, debug: &str| Err(RejectReason::consensus(reason).with_debug(debug));
    if options.pow {
        check_header_pow(&block.header, params)?;
        crate::signet::check_solution(block, params)?;
    }
    if options.merkle {
        check_merkle_root(block)?;
    }
    let count = block.transactions.len();
    if count == 0
        || count * WITNESS_SCALE_FACTOR > MAX_BLOCK_WEIGHT
        || block.stripped_size() * WITNESS_SCALE_FACTOR > MAX_BLOCK_WEIGHT
    {
        return fail("bad-blk-length", "size limits failed");
    }
    if !block.transactions[0].is_coinbase() {
        return fail("bad-cb-missing", "first tx is not coinbase");
    }
    if block.transactions[1..].iter().any(|tx| tx.is_coinbase()) {
        return fail("bad-cb-multiple", "more than one coinbase");
    }
    for tx in &block.transactions {
        check_transaction(tx).map_err(|refusal| {
            let debug = format!("Transaction check failed (tx hash {}) {}", tx.txid(), refusal.debug);
            refusal.with_debug(debug)
        })?;
    }
    let sigops: i64 = block.transactions.iter().map(|tx| i64::from(legacy_sigops(tx))).sum();
    if sigops * WITNESS_SCALE_FACTOR as i64 > MAX_BLOCK_SIGOPS_COST {
        return fail("bad-blk-sigops", "out-of-bounds SigOpCount");
    }
    Ok(())
}

/// Whether the transactions are those that the header commits to (Core's `CheckMerkleRoot`).
pub fn check_merkle_root(block: &Block) -> Result<(), RejectReason> {
    let fail = |reason: &'static str, debug: &str| {
        Err(RejectReason::new(RejectKind::Mutated, reason).with_debug(debug))
    };
    let (root, mutated) = block_merkle_root(block);
    if root != block.header.merkle_root {
        fail("bad-txnmrklroot", "hashMerkleRoot mismatch")
    } else if mutated {
        fail("bad-txns-duplicate", "duplicate transaction")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Script;
    use crate::transaction::{Tx, TxIn, TxOut};
    use std::sync::Arc;

    fn coinbase() -> Transaction {
        ChainParams::regtest().genesis.transactions[0].as_ref().clone().into_inner()
    }

    fn spend(vouts: &[u32]) -> Transaction {
        let input = |vout: &u32| TxIn {
            previous_output: OutPoint { txid: crate::Txid([1; 32]), vout: *vout },
            script_sig: Script::new(),
            sequence: 0,
            witness: vec![],
        };
        let outputs = vec![TxOut { value: Amount(1), script_pubkey: Script::new() }];
        Transaction { version: 1, inputs: vouts.iter().map(input).collect(), outputs, lock_time: 0 }
    }

    fn reason(tx: &Transaction) -> String {
        check_transaction(tx).map_or_else(|refusal| refusal.to_string(), |()| "ok".into())
    }

    #[test]
    fn transactions() {
        assert_eq!(reason(&coinbase()), "ok");
        assert_eq!(reason(&spend(&[0, 1])), "ok");
        assert_eq!(reason(&spend(&[])), "bad-txns-vin-empty");
        assert_eq!(reason(&Transaction { outputs: vec![], ..spend(&[0]) }), "bad-txns-vout-empty");
        assert_eq!(reason(&spend(&[0, 1, 0])), "bad-txns-inputs-duplicate");
        let mut many: Vec<u32> = (0..100).collect();
        assert_eq!(reason(&spend(&many)), "ok");
        many.push(50);
        assert_eq!(reason(&spend(&many)), "bad-txns-inputs-duplicate");
        let with_values = |values: &[i64]| {
            let output = |value: &i64| TxOut { value: Amount(*value), script_pubkey: Script::new() };
            Transaction { outputs: values.iter().map(output).collect(), ..spend(&[0]) }
        };
        assert_eq!(reason(&with_values(&[-1])), "bad-txns-vout-negative");
        assert_eq!(reason(&with_values(&[MAX_MONEY])), "ok");
        assert_eq!(reason(&with_values(&[MAX_MONEY + 1])), "bad-txns-vout-toolarge");
        assert_eq!(reason(&with_values(&[MAX_MONEY, 1])), "bad-txns-txouttotal-toolarge");
        let mut tx = spend(&[0, 1]);
        tx.inputs[1].previous_output = OutPoint::NULL;
        assert_eq!(reason(&tx), "bad-txns-prevout-null");
        for (len, expected) in [(1, "bad-cb-length"), (2, "ok"), (100, "ok"), (101, "bad-cb-length")] {
            let mut tx = coinbase();
            tx.inputs[0].script_sig = Script(vec![0; len]);
            assert_eq!(reason(&tx), expected);
        }
        let mut tx = spend(&[0]);
        tx.outputs[0].script_pubkey = Script(vec![0; 999_940]);
        assert_eq!(reason(&tx), "bad-txns-oversize");
    }

    #[test]
    fn blocks() {
        let params = ChainParams::regtest();
        let genesis = params.genesis.clone();
        let check =
            |block: &Block, options| check_block(block, &params, options).map_err(|refusal| refusal.reason);
        assert_eq!(check(&genesis, CheckOptions::ALL), Ok(()));
        let unchecked = CheckOptions { pow: false, merkle: false };
        let with = |txs: Vec<Transaction>| Block {
            header: genesis.header,
            transactions: txs.into_iter().map(|tx| Arc::new(Tx::from(tx))).collect(),
        };
        assert_eq!(check(&with(vec![]), unchecked), Err("bad-blk-length".into()));
        assert_eq!(check(&with(vec![spend(&[0])]), unchecked), Err("bad-cb-missing".into()));
        assert_eq!(check(&with(vec![coinbase(), coinbase()]), unchecked), Err("bad-cb-multiple".into()));
        assert_eq!(
            check(&with(vec![coinbase(), spend(&[0, 0])]), unchecked),
            Err("bad-txns-inputs-duplicate".into())
        );
        let bad = check_block(&with(vec![coinbase(), spend(&[0, 0])]), &params, unchecked).unwrap_err();
        assert!(bad.debug.starts_with("Transaction check failed (tx hash "), "{bad}");
        let merkle = CheckOptions { pow: false, merkle: true };
        assert_eq!(check(&with(vec![coinbase(), spend(&[0])]), merkle), Err("bad-txnmrklroot".into()));
        let mut doubled = with(vec![coinbase(), spend(&[0]), spend(&[0])]);
        doubled.header.merkle_root = block_merkle_root(&with(vec![coinbase(), spend(&[0])])).0;
        assert_eq!(check(&doubled, merkle), Err("bad-txnmrklroot".into()));
        doubled.transactions.push(doubled.transactions[2].clone());
        doubled.header.merkle_root = block_merkle_root(&doubled).0;
        assert_eq!(check(&doubled, merkle), Err("bad-txns-duplicate".into()));
        let mut header_only = genesis.clone();
        header_only.header.nonce += 1;
        header_only.header.bits = 0x1d00_ffff;
        assert_eq!(check(&header_only, CheckOptions::ALL), Err("high-hash".into()));
        let mut sigops = coinbase();
        sigops.outputs[0].script_pubkey = Script(vec![crate::script::op::OP_CHECKSIG; 20_000]);
        assert_eq!(check(&with(vec![sigops.clone()]), unchecked), Ok(()));
        sigops.outputs[0].script_pubkey.0.push(crate::script::op::OP_CHECKSIG);
        assert_eq!(check(&with(vec![sigops]), unchecked), Err("bad-blk-sigops".into()));
    }
}
