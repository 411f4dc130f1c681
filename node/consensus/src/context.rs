//! Rules for headers and blocks that depend on the branch they build on, but not on the coins.

use crate::ancestry::Ancestry;
use crate::block::{Block, Header};
use crate::check::{MAX_BLOCK_WEIGHT, check_merkle_root};
use crate::difficulty::next_bits;
use crate::locktime::is_final_tx;
use crate::merkle::{block_witness_merkle_root, witness_commitment, witness_commitment_position};
use crate::params::ChainParams;
use crate::reject::{RejectKind, RejectReason};
use crate::script::Builder;

/// How far a block's time may be ahead of the clock, in seconds.
pub const MAX_FUTURE_BLOCK_TIME: i64 = 2 * 60 * 60;

/// How far the first block of a retarget interval may lie before its parent, in seconds (BIP94).
pub const MAX_TIMEWARP: i64 = 600;

/// The least time that a block on top of `parent` may have (Core's `GetMinimumTime` for templates).
pub fn minimum_time(params: &ChainParams, parent: &(impl Ancestry + ?Sized)) -> i64 {
    let after_median = i64::from(parent.median_time_past()) + 1;
    // Templates keep BIP94's rule on every chain, as Core's do: it costs nothing where it is not asked for.
    if (parent.tip_height() + 1).is_multiple_of(params.retarget_interval()) {
        after_median.max(i64::from(parent.tip().time) - MAX_TIMEWARP)
    } else {
        after_median
    }
}

/// The rules for a header on top of `parent`, at clock time `now` in seconds since 1970 (Core's
/// `ContextualCheckBlockHeader`). Proof of work is checked elsewhere.
pub fn check_header(
    header: &Header,
    parent: &(impl Ancestry + ?Sized),
    now: i64,
    params: &ChainParams,
) -> Result<(), RejectReason> {
    let invalid = |reason: &'static str, debug: &str| {
        Err(RejectReason::new(RejectKind::InvalidHeader, reason).with_debug(debug))
    };
    let height = parent.tip_height() + 1;
    if header.bits != next_bits(params, parent, header.time) {
        return invalid("bad-diffbits", "incorrect proof of work");
    }
    if header.time <= parent.median_time_past() {
        return invalid("time-too-old", "block's timestamp is too early");
    }
    if params.enforce_bip94
        && height.is_multiple_of(params.retarget_interval())
        && i64::from(header.time) < i64::from(parent.tip().time) - MAX_TIMEWARP
    {
        return invalid("time-timewarp-attack", "block's timestamp is too early on diff adjustment block");
    }
    if i64::from(header.time) > now.saturating_add(MAX_FUTURE_BLOCK_TIME) {
        return Err(RejectReason::new(RejectKind::TimeFuture, "time-too-new")
            .with_debug("block timestamp too far in the future"));
    }
    check_version(header, height, params)
}

/// The rule for a header's version alone: the old ones ended with BIP34, BIP66 and BIP65.
pub fn check_version(header: &Header, height: u32, params: &ChainParams) -> Result<(), RejectReason> {
    let heights = &params.deployments;
    let outdated = [(2, heights.bip34), (3, heights.bip66), (4, heights.bip65)];
    if outdated.iter().any(|(version, from)| header.version < *version && height >= *from) {
        let version = header.version;
        return Err(RejectReason::new(RejectKind::InvalidHeader, format!("bad-version(0x{version:08x})"))
            .with_debug(format!("rejected nVersion=0x{version:08x} block")));
    }
    Ok(())
}

/// The rules for a block's body on top of `parent` (Core's `ContextualCheckBlock`). The block has passed
/// [`check_block`](crate::check::check_block).
pub fn check_block_context(
    block: &Block,
    parent: &(impl Ancestry + ?Sized),
    params: &ChainParams,
) -> Result<(), RejectReason> {
    let height = parent.tip_height() + 1;
    let cutoff = if height >= params.deployments.csv { parent.median_time_past() } else { block.header.time };
    check_body(block, height, cutoff.into(), params)
}

/// [`check_block_context`] where the branch is not at hand: `lock_time_cutoff` is the time, in seconds since 1970,
/// that lock times are compared with, which is the parent's median time past from BIP113 on.
pub fn check_body(
    block: &Block,
    height: u32,
    lock_time_cutoff: i64,
    params: &ChainParams,
) -> Result<(), RejectReason> {
    if block.transactions.iter().any(|tx| !is_final_tx(tx, height, lock_time_cutoff)) {
        return Err(RejectReason::consensus("bad-txns-nonfinal").with_debug("non-final transaction"));
    }
    if height >= params.deployments.bip34 {
        let expected = Builder::new().push_int(height.into()).into_script();
        let coinbase = block.transactions.first().and_then(|tx| tx.inputs.first());
        if !coinbase.is_some_and(|input| input.script_sig.starts_with(&expected)) {
            return Err(
                RejectReason::consensus("bad-cb-height").with_debug("block height mismatch in coinbase")
            );
        }
    }
    check_witness_commitment(block, height >= params.deployments.segwit)?;
    if block.weight() > MAX_BLOCK_WEIGHT {
        return Err(RejectReason::consensus("bad-blk-weight")
            .with_debug("ContextualCheckBlock : weight limit failed"));
    }
    Ok(())
}

/// Whether the witnesses are those that the coinbase commits to, or there are none (BIP141, Core's
/// `CheckWitnessMalleation`). `expect_commitment` is whether segwit holds.
pub fn check_witness_commitment(block: &Block, expect_commitment: bool) -> Result<(), RejectReason> {
    let mutated = |reason: &'static str, debug: &str| {
        Err(RejectReason::new(RejectKind::Mutated, reason)
            .with_debug(format!("CheckWitnessMalleation : {debug}")))
    };
    let position = if expect_commitment { witness_commitment_position(block) } else { None };
    if let Some(position) = position {
        let coinbase = &block.transactions[0];
        let reserved = match coinbase.inputs.first().map(|input| input.witness.as_slice()) {
            Some([reserved]) if reserved.len() == 32 => reserved,
            _ => return mutated("bad-witness-nonce-size", "invalid witness reserved value size"),
        };
        let expected = witness_commitment(&block_witness_merkle_root(block), reserved);
        if coinbase.outputs[position].script_pubkey[6..38] != expected.0 {
            return mutated("bad-witness-merkle-match", "witness merkle commitment mismatch");
        }
        return Ok(());
    }
    if block.transactions.iter().any(|tx| tx.has_witness()) {
        return mutated("unexpected-witness", "unexpected witness data found");
    }
    Ok(())
}

/// Whether the body may not be the one that the header commits to, so that nothing may be concluded from it about
/// the header (Core's `IsBlockMutated`).
pub fn is_mutated(block: &Block, check_witness_root: bool) -> bool {
    if check_merkle_root(block).is_err() {
        return true;
    }
    if !block.transactions.first().is_some_and(|tx| tx.is_coinbase()) {
        // 64 bytes could be two hashes: an inner node of the tree passed off as a transaction.
        return block.transactions.iter().any(|tx| tx.stripped_size() == 64);
    }
    check_witness_commitment(block, check_witness_root).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{WITNESS_COMMITMENT_HEADER, block_merkle_root};
    use crate::transaction::{Transaction, Tx, TxOut};
    use crate::{Amount, BlockHash, Hash256, Script};
    use std::sync::Arc;

    fn regtest_branch(count: u32) -> (ChainParams, Vec<Header>) {
        let params = ChainParams::regtest();
        let mut branch = vec![params.genesis.header];
        for n in 1..count {
            branch.push(next_header(&branch, params.genesis.header.time + n * 600));
        }
        (params, branch)
    }

    fn next_header(branch: &Vec<Header>, time: u32) -> Header {
        Header {
            version: 0x2000_0000,
            previous: branch.tip_hash(),
            merkle_root: Hash256::ZERO,
            time,
            bits: 0x207f_ffff,
            nonce: 0,
        }
    }

    #[test]
    fn headers() {
        let (mut params, branch) = regtest_branch(144);
        let now = i64::from(branch.tip().time);
        let good = next_header(&branch, branch.tip().time + 1);
        let check = |header: &Header, params: &ChainParams| {
            check_header(header, &branch, now, params)
                .map_err(|refusal| (refusal.kind, refusal.reason.into_owned()))
        };
        let invalid = |reason: &str| Err((RejectKind::InvalidHeader, String::from(reason)));
        assert_eq!(check(&good, &params), Ok(()));
        assert_eq!(check(&Header { bits: 0x207f_fffe, ..good }, &params), invalid("bad-diffbits"));
        let median = branch.median_time_past();
        assert_eq!(check(&Header { time: median, ..good }, &params), invalid("time-too-old"));
        assert_eq!(check(&Header { time: median + 1, ..good }, &params), Ok(()));
        params.enforce_bip94 = true;
        assert_eq!(check(&Header { time: median + 1, ..good }, &params), invalid("time-timewarp-attack"));
        assert_eq!(check(&Header { time: branch.tip().time - 600, ..good }, &params), Ok(()));
        assert_eq!(minimum_time(&params, &branch), i64::from(branch.tip().time) - 600);
        let future = branch.tip().time + 7200;
        assert_eq!(check(&Header { time: future, ..good }, &params), Ok(()));
        let too_new = check(&Header { time: future + 1, ..good }, &params);
        assert_eq!(too_new, Err((RejectKind::TimeFuture, "time-too-new".into())));
        for version in [1, 2, 3] {
            let expected = format!("bad-version(0x0000000{version})");
            assert_eq!(check(&Header { version, ..good }, &params), invalid(&expected));
        }
        assert_eq!(check(&Header { version: -1, ..good }, &params), invalid("bad-version(0xffffffff)"));
        params.deployments.bip65 = 145;
        assert_eq!(check(&Header { version: 3, ..good }, &params), Ok(()));
        params.deployments.bip65 = 144;
        assert_eq!(check(&Header { version: 3, ..good }, &params), invalid("bad-version(0x00000003)"));
    }

    fn block(txs: Vec<Transaction>) -> Block {
        let header = Header {
            version: 4,
            previous: BlockHash::ZERO,
            merkle_root: Hash256::ZERO,
            time: 1_296_688_602 + 100_000,
            bits: 0x207f_ffff,
            nonce: 0,
        };
        let mut block =
            Block { header, transactions: txs.into_iter().map(|tx| Arc::new(Tx::from(tx))).collect() };
        block.header.merkle_root = block_merkle_root(&block).0;
        block
    }

    fn coinbase(height: i64) -> Transaction {
        let mut tx = ChainParams::regtest().genesis.transactions[0].as_ref().clone().into_inner();
        tx.inputs[0].script_sig = Builder::new().push_int(height).push_int(0).into_script();
        tx
    }

    fn reason(block: &Block, branch: &Vec<Header>, params: &ChainParams) -> Option<String> {
        check_block_context(block, branch, params).err().map(|refusal| refusal.reason.into_owned())
    }

    #[test]
    fn heights_and_lock_times() {
        let (mut params, branch) = regtest_branch(20);
        assert_eq!(reason(&block(vec![coinbase(20)]), &branch, &params), None);
        assert_eq!(reason(&block(vec![coinbase(19)]), &branch, &params).as_deref(), Some("bad-cb-height"));
        params.deployments.bip34 = 21;
        assert_eq!(reason(&block(vec![coinbase(19)]), &branch, &params), None);
        let mut locked = coinbase(20);
        locked.inputs[0].sequence = 0;
        locked.lock_time = 20;
        assert_eq!(
            reason(&block(vec![locked.clone()]), &branch, &params).as_deref(),
            Some("bad-txns-nonfinal")
        );
        locked.lock_time = 19;
        assert_eq!(reason(&block(vec![locked.clone()]), &branch, &params), None);
        // With BIP113 lock times are compared with the median, before with the block's own time.
        locked.lock_time = branch.median_time_past();
        assert_eq!(
            reason(&block(vec![locked.clone()]), &branch, &params).as_deref(),
            Some("bad-txns-nonfinal")
        );
        params.deployments.csv = 21;
        assert_eq!(reason(&block(vec![locked]), &branch, &params), None);
    }

    #[test]
    fn witness_commitments() {
        let (mut params, branch) = regtest_branch(20);
        let mut tx = coinbase(20);
        tx.inputs[0].witness = vec![vec![7; 32]];
        assert_eq!(reason(&block(vec![tx.clone()]), &branch, &params).as_deref(), Some("unexpected-witness"));
        let root = block_witness_merkle_root(&block(vec![tx.clone()]));
        let commit = |hash: Hash256| TxOut {
            value: Amount::ZERO,
            script_pubkey: Script([&WITNESS_COMMITMENT_HEADER[..], &hash.0].concat()),
        };
        tx.outputs.push(commit(witness_commitment(&root, &[7; 32])));
        let good = block(vec![tx.clone()]);
        assert_eq!(reason(&good, &branch, &params), None);
        assert!(!is_mutated(&good, true) && is_mutated(&good, false));
        let mut other = tx.clone();
        other.inputs[0].witness = vec![vec![8; 32]];
        assert_eq!(
            reason(&block(vec![other.clone()]), &branch, &params).as_deref(),
            Some("bad-witness-merkle-match")
        );
        other.inputs[0].witness = vec![vec![7; 31]];
        assert_eq!(
            reason(&block(vec![other.clone()]), &branch, &params).as_deref(),
            Some("bad-witness-nonce-size")
        );
        other.inputs[0].witness = vec![];
        assert_eq!(
            reason(&block(vec![other.clone()]), &branch, &params).as_deref(),
            Some("bad-witness-nonce-size")
        );
        // Only the last commitment counts.
        tx.outputs.push(commit(Hash256([1; 32])));
        assert_eq!(reason(&block(vec![tx]), &branch, &params).as_deref(), Some("bad-witness-merkle-match"));
        params.deployments.segwit = 21;
        assert_eq!(reason(&good, &branch, &params).as_deref(), Some("unexpected-witness"));
    }

    #[test]
    fn the_weight_is_limited() {
        let (params, branch) = regtest_branch(20);
        let mut tx = coinbase(20);
        tx.outputs[0].script_pubkey = Script(vec![0; 900_000]);
        tx.inputs[0].witness = vec![vec![0; 32]];
        let root = block_witness_merkle_root(&block(vec![tx.clone()]));
        let mut script = [&WITNESS_COMMITMENT_HEADER[..], &witness_commitment(&root, &[0; 32]).0].concat();
        script.resize(99_500, 0);
        tx.outputs.push(TxOut { value: Amount::ZERO, script_pubkey: Script(script) });
        let fits = block(vec![tx.clone()]);
        assert!(fits.weight() <= MAX_BLOCK_WEIGHT && fits.weight() > 3_990_000);
        assert_eq!(reason(&fits, &branch, &params), None);
        tx.outputs[1].script_pubkey.0.resize(100_000, 0);
        assert_eq!(reason(&block(vec![tx]), &branch, &params).as_deref(), Some("bad-blk-weight"));
    }
}
