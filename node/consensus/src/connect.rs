//! Rules for a block's transactions against the coins they spend: everything of Core's `ConnectBlock` but running
//! the scripts, which callers do in parallel with [`verify_input`](crate::script::verify_input).

use crate::amount::{Amount, COIN};
use crate::ancestry::Ancestry;
use crate::block::Block;
use crate::check::MAX_BLOCK_SIGOPS_COST;
use crate::coin::Coin;
use crate::hash::BlockHash;
use crate::locktime::SequenceLocks;
use crate::params::ChainParams;
use crate::reject::{RejectKind, RejectReason};
use crate::script::sigops::{legacy_sigops, p2sh_sigops, witness_sigops};
use crate::script::{ScriptError, VerifyFlags};
use crate::subsidy::block_subsidy;
use crate::transaction::{OutPoint, Transaction, Tx, WITNESS_SCALE_FACTOR};

/// From this height on a coinbase could repeat one from before BIP34, so BIP30 is checked again (Core's
/// `BIP34_IMPLIES_BIP30_LIMIT`).
const BIP34_IMPLIES_BIP30_LIMIT: u32 = 1_983_702;

/// What connecting a block came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectSummary {
    /// The fees of all transactions.
    pub fees: Amount,
    /// What the signature operations cost.
    pub sigop_cost: i64,
    /// The rules that the block's scripts are held to.
    pub script_flags: VerifyFlags,
}

/// The rules that the scripts of the block at `height` are held to (Core's `GetBlockScriptFlags`).
pub fn script_flags(height: u32, hash: &BlockHash, params: &ChainParams) -> VerifyFlags {
    let heights = &params.deployments;
    let exception = params.script_flag_exceptions.iter().find(|(block, _)| block == hash);
    let mut flags = match exception {
        Some((_, flags)) => VerifyFlags(*flags),
        None if height >= heights.taproot => VerifyFlags::P2SH | VerifyFlags::WITNESS | VerifyFlags::TAPROOT,
        None => VerifyFlags::P2SH | VerifyFlags::WITNESS,
    };
    for (from, flag) in [
        (heights.bip66, VerifyFlags::DERSIG),
        (heights.bip65, VerifyFlags::CHECKLOCKTIMEVERIFY),
        (heights.csv, VerifyFlags::CHECKSEQUENCEVERIFY),
        (heights.segwit, VerifyFlags::NULLDUMMY),
    ] {
        if height >= from {
            flags |= flag;
        }
    }
    flags
}

/// The refusal of a transaction that spends what is not there.
pub fn missing_inputs() -> RejectReason {
    RejectReason::new(RejectKind::MissingInputs, "bad-txns-inputs-missingorspent")
        .with_debug("CheckTxInputs: inputs missing/spent")
}

/// The refusal of a block because of a script.
pub fn block_script_failure(error: &ScriptError, tx: &Tx, input: usize) -> RejectReason {
    RejectReason::consensus(format!("block-script-verify-flag-failed ({error})"))
        .with_debug(script_failure_details(tx, input))
}

/// Which input it is whose script failed, in Core's words. `input` must be in range.
pub fn script_failure_details(tx: &Tx, input: usize) -> String {
    let (txid, wtxid) = (tx.txid(), tx.wtxid());
    format!("input {input} of {txid} (wtxid {wtxid}), spending {}", tx.inputs[input].previous_output)
}

/// The fee of a transaction that spends `coins`, one per input (Core's `Consensus::CheckTxInputs`).
///
/// The transaction has passed [`check_transaction`](crate::check::check_transaction) and is no coinbase.
/// `maturity` is how many blocks deep a spent coinbase must be.
pub fn check_tx_inputs<'a>(
    tx: &Transaction,
    coins: impl IntoIterator<Item = &'a Coin>,
    spend_height: u32,
    maturity: u32,
) -> Result<Amount, RejectReason> {
    let mut value_in = Amount::ZERO;
    for coin in coins {
        let depth = i64::from(spend_height) - i64::from(coin.height);
        if coin.coinbase && depth < i64::from(maturity) {
            return Err(RejectReason::new(
                RejectKind::PrematureSpend,
                "bad-txns-premature-spend-of-coinbase",
            )
            .with_debug(format!("tried to spend coinbase at depth {depth}")));
        }
        value_in = value_in.checked_add(coin.output.value).unwrap_or(Amount(-1));
        if !coin.output.value.in_range() || !value_in.in_range() {
            return Err(RejectReason::consensus("bad-txns-inputvalues-outofrange"));
        }
    }
    let value_out = tx.output_sum();
    if value_in < value_out {
        let debug = format!("value in ({}) < value out ({})", money(value_in), money(value_out));
        return Err(RejectReason::consensus("bad-txns-in-belowout").with_debug(debug));
    }
    let fee = Amount(value_in.sat() - value_out.sat());
    if fee.in_range() { Ok(fee) } else { Err(RejectReason::consensus("bad-txns-fee-outofrange")) }
}

/// Coins with two to eight decimals, as Core's `FormatMoney` writes them in messages.
pub fn money(amount: Amount) -> String {
    let sign = if amount.sat() < 0 { "-" } else { "" };
    let sat = amount.sat().unsigned_abs();
    let coin = COIN.unsigned_abs();
    let mut text = format!("{sign}{}.{:08}", sat / coin, sat % coin);
    let decimals = text.rfind('.').expect("just written") + 1;
    while text.ends_with('0') && text.len() > decimals + 2 {
        text.pop();
    }
    text
}

/// Whether the block at `height` on top of `parent` must be checked for BIP30. From BIP34 on no two coinbases are
/// alike on the chain whose block at that height is the known one.
pub fn bip30_applies(
    height: u32,
    hash: &BlockHash,
    parent: &(impl Ancestry + ?Sized),
    params: &ChainParams,
) -> bool {
    if height >= BIP34_IMPLIES_BIP30_LIMIT {
        return true;
    }
    let repeats = params.bip30_repeats.contains(&(height, *hash));
    let bip34 = params.deployments.bip34;
    let proven =
        params.bip34_hash.is_some_and(|known| bip34 <= parent.tip_height() && parent.hash_at(bip34) == known);
    !repeats && !proven
}

/// Refuses a block with a transaction whose outputs exist already (BIP30), where [`bip30_applies`]. `have` says
/// whether a coin is there before the block.
pub fn check_bip30<E: From<RejectReason>>(
    block: &Block,
    mut have: impl FnMut(&OutPoint) -> Result<bool, E>,
) -> Result<(), E> {
    for tx in &block.transactions {
        for vout in 0..tx.outputs.len() as u32 {
            if have(&OutPoint { txid: tx.txid(), vout })? {
                return Err(RejectReason::consensus("bad-txns-BIP30")
                    .with_debug("tried to overwrite transaction")
                    .into());
            }
        }
    }
    Ok(())
}

/// The rules for a block's inputs, fees, relative lock times, signature operations and reward.
///
/// `spent` has one list of coins per transaction after the coinbase, one coin per input; coins that the block
/// itself makes included. If it is shorter than that, the next transaction spends what is not there: then the
/// block is refused with the first of its faults, as Core would. BIP30 is [`check_bip30`].
pub fn connect_block_rules(
    block: &Block,
    height: u32,
    spent: &[Vec<Coin>],
    parent: &(impl Ancestry + ?Sized),
    params: &ChainParams,
) -> Result<ConnectSummary, RejectReason> {
    let flags = script_flags(height, &block.hash(), params);
    let parent_median_time = parent.median_time_past();
    let relative_locks = height >= params.deployments.csv;
    check_spending(block, height, spent, flags, params, |tx, coins| {
        let heights = coins.iter().map(|coin| coin.height);
        !relative_locks || SequenceLocks::of(tx, heights, parent).are_passed(height, parent_median_time)
    })
}

/// [`connect_block_rules`] where the branch is not at hand: `passed` says whether a transaction's relative lock
/// times are.
pub fn check_spending(
    block: &Block,
    height: u32,
    spent: &[Vec<Coin>],
    flags: VerifyFlags,
    params: &ChainParams,
    passed: impl Fn(&Transaction, &[Coin]) -> bool,
) -> Result<ConnectSummary, RejectReason> {
    let mut fees = Amount::ZERO;
    let mut sigop_cost = 0;
    for (at, tx) in block.transactions.iter().enumerate() {
        let coins = match at.checked_sub(1) {
            None => &[],
            Some(at) => {
                let coins = spent.get(at).map(Vec::as_slice).filter(|coins| coins.len() == tx.inputs.len());
                let fee = match coins {
                    None => Err(missing_inputs()),
                    Some(coins) => check_tx_inputs(tx, coins, height, params.coinbase_maturity),
                };
                let fee = fee.map_err(|refusal| {
                    let debug = format!("{} in transaction {}", refusal.debug, tx.txid());
                    // Whatever is wrong with a transaction, the block is invalid for ever.
                    RejectReason { kind: RejectKind::Consensus, ..refusal }.with_debug(debug)
                })?;
                fees = Amount(fees.sat() + fee.sat());
                if !fees.in_range() {
                    return Err(RejectReason::consensus("bad-txns-accumulated-fee-outofrange")
                        .with_debug("accumulated fee in the block out of range"));
                }
                let coins = coins.expect("missing inputs were refused");
                if !passed(tx, coins) {
                    let debug = format!("contains a non-BIP68-final transaction {}", tx.txid());
                    return Err(RejectReason::consensus("bad-txns-nonfinal").with_debug(debug));
                }
                coins
            }
        };
        sigop_cost += sigop_cost_of(tx, coins, flags);
        if sigop_cost > MAX_BLOCK_SIGOPS_COST {
            return Err(RejectReason::consensus("bad-blk-sigops").with_debug("too many sigops"));
        }
    }
    let limit = fees.sat() + block_subsidy(height, params).sat();
    let actual = block.transactions.first().map_or(0, |coinbase| coinbase.output_sum().sat());
    if actual > limit {
        return Err(RejectReason::consensus("bad-cb-amount")
            .with_debug(format!("coinbase pays too much (actual={actual} vs limit={limit})")));
    }
    Ok(ConnectSummary { fees, sigop_cost, script_flags: flags })
}

/// [`transaction_sigop_cost`](crate::script::sigops::transaction_sigop_cost) over coins. A coinbase has none.
pub fn sigop_cost_of(tx: &Transaction, coins: &[Coin], flags: VerifyFlags) -> i64 {
    let scale = WITNESS_SCALE_FACTOR as i64;
    let legacy = i64::from(legacy_sigops(tx)) * scale;
    tx.inputs.iter().zip(coins).fold(legacy, |cost, (input, coin)| {
        let script = &coin.output.script_pubkey;
        let p2sh = if flags.contains(VerifyFlags::P2SH) { p2sh_sigops(&input.script_sig, script) } else { 0 };
        let witness = witness_sigops(&input.script_sig, script, &input.witness, flags);
        cost + i64::from(p2sh) * scale + i64::from(witness)
    })
}

#[cfg(test)]
mod tests;
