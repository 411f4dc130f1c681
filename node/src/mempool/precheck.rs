//! The checks on one transaction that are cheap: everything but replacement economics and scripts.
//!
//! Their order is Core's (`MemPoolAccept::PreChecks`), because the first failure is the answer that wallets and
//! tests see.

use super::accept::AcceptError;
use super::entry::Entry;
use super::graph::Candidate;
use super::policy;
use super::pool::Mempool;
use super::truc::{self, Descendant, Parent};
use super::{FeeRate, feerate, options::MempoolOptions};
use crate::chain::CoinsView;
use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::check::check_transaction;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::connect::check_tx_inputs;
use chaincore_consensus::locktime::{SequenceLocks, is_final_tx};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::script::{VerifyFlags, sigops};
use chaincore_consensus::sigcache::SignatureCache;
use chaincore_consensus::{OutPoint, Tx, TxOut, TxRef, Txid};
use std::collections::{HashMap, HashSet};

/// What the mempool's rules need to know of the chain. All of it must belong to one tip.
#[derive(Clone, Copy)]
pub struct ChainView<'a> {
    /// The chain's rules.
    pub params: &'a ChainParams,
    /// The active branch.
    pub tip: &'a dyn Ancestry,
    /// The coins at its tip.
    pub coins: &'a dyn CoinsView,
    /// Signatures already found valid, shared with block validation.
    pub signatures: Option<&'a SignatureCache>,
    /// Seconds since 1970.
    pub now: i64,
}

impl ChainView<'_> {
    /// The height of the next block, which the pool's transactions are for.
    pub(super) fn next_height(&self) -> u32 {
        self.tip.tip_height() + 1
    }

    /// Whether the transaction's absolute lock time allows it in the next block (BIP113).
    pub(super) fn is_final(&self, tx: &Tx) -> bool {
        is_final_tx(tx, self.next_height(), self.tip.median_time_past().into())
    }

    /// Whether the transaction's relative lock times allow it in the next block (BIP68), given the heights of
    /// the coins it spends.
    pub(super) fn relative_locks_pass(&self, tx: &Tx, spent: &[Coin]) -> bool {
        let locks = SequenceLocks::of(tx, spent.iter().map(|coin| coin.height), self.tip);
        locks.are_passed(self.next_height(), self.tip.median_time_past())
    }
}

/// How a transaction is to be judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mode {
    /// It comes back out of a block: fees and TRUC rules do not matter.
    pub from_block: bool,
    /// It may replace what it conflicts with.
    pub may_replace: bool,
    /// It may replace a TRUC sibling.
    pub may_evict_sibling: bool,
    /// It must pay enough by itself.
    pub must_pay: bool,
}

impl Mode {
    /// A transaction alone.
    pub const SINGLE: Self =
        Self { from_block: false, may_replace: true, may_evict_sibling: true, must_pay: true };
    /// One of several that are tried together.
    pub const PACKAGE_TEST: Self =
        Self { from_block: false, may_replace: false, may_evict_sibling: false, must_pay: true };
    /// One of several that are taken in together and pay for each other.
    pub const PACKAGE: Self =
        Self { from_block: false, may_replace: true, may_evict_sibling: false, must_pay: false };
    /// A transaction of a block that left the chain. What it spends was spent while the pool filled, so nothing
    /// in the pool can conflict with it.
    pub const FROM_BLOCK: Self =
        Self { from_block: true, may_replace: false, may_evict_sibling: false, must_pay: false };
}

/// A transaction that passed the cheap checks, and what was found out on the way.
pub(super) struct Prechecked {
    pub tx: TxRef,
    /// The coins spent, one per input.
    pub spent: Vec<TxOut>,
    pub fee: i64,
    pub fee_delta: i64,
    pub sigop_cost: i64,
    pub adjusted_weight: i64,
    pub spends_coinbase: bool,
    /// Transactions of the pool to be replaced: they spend the same outputs, or one is a TRUC sibling.
    pub conflicts: HashSet<Txid>,
    pub evicts_sibling: bool,
}

impl Prechecked {
    pub fn vsize(&self) -> i64 {
        feerate::vsize_of_weight(self.adjusted_weight)
    }

    pub fn modified_fee(&self) -> i64 {
        self.fee.saturating_add(self.fee_delta)
    }

    pub fn rate(&self) -> FeeRate {
        FeeRate::of(self.modified_fee(), self.vsize())
    }

    pub fn candidate(&self) -> Candidate {
        Candidate {
            txid: self.tx.txid(),
            rate: feerate::FeeWeight { fee: self.modified_fee(), weight: self.adjusted_weight },
            parents: self.tx.inputs.iter().map(|input| input.previous_output.txid).collect(),
        }
    }

    pub fn into_entry(self, chain: &ChainView<'_>, sequence: u64) -> Entry {
        Entry {
            fee: self.fee,
            fee_delta: self.fee_delta,
            time: chain.now,
            height: chain.tip.tip_height(),
            sequence,
            sigop_cost: self.sigop_cost,
            adjusted_weight: self.adjusted_weight,
            spends_coinbase: self.spends_coinbase,
            unbroadcast: false,
            tx: self.tx,
        }
    }
}

/// Outputs of transactions that are tried together with the one at hand.
pub(super) type Staged = HashMap<OutPoint, TxOut>;

fn not_standard(reason: &'static str) -> RejectReason {
    RejectReason::new(RejectKind::NotStandard, reason)
}

impl Mempool {
    pub(super) fn precheck(
        &self,
        tx: &TxRef,
        chain: &ChainView<'_>,
        staged: &Staged,
        mode: Mode,
    ) -> Result<Prechecked, AcceptError> {
        check_transaction(tx)?;
        if tx.is_coinbase() {
            return Err(RejectReason::consensus("coinbase").into());
        }
        let options = &self.options;
        if options.require_standard {
            policy::check_standard(tx, options).map_err(not_standard)?;
        }
        if tx.stripped_size() < policy::MIN_STANDARD_TX_STRIPPED_SIZE {
            return Err(not_standard("tx-size-small").into());
        }
        if !chain.is_final(tx) {
            return Err(RejectReason::new(RejectKind::PrematureSpend, "non-final").into());
        }
        if self.get_by_wtxid(&tx.wtxid()).is_some() {
            return Err(RejectReason::new(RejectKind::Conflict, "txn-already-in-mempool").into());
        }
        if self.get(&tx.txid()).is_some() {
            return Err(RejectReason::new(RejectKind::Conflict, "txn-same-nonwitness-data-in-mempool").into());
        }
        let mut conflicts: HashSet<Txid> =
            tx.inputs.iter().filter_map(|input| self.spender(&input.previous_output)).copied().collect();
        if !conflicts.is_empty() && !mode.may_replace {
            return Err(RejectReason::new(RejectKind::MempoolPolicy, "bip125-replacement-disallowed").into());
        }
        let coins = self.find_spent(tx, chain, staged)?;
        if !chain.relative_locks_pass(tx, &coins) {
            return Err(RejectReason::new(RejectKind::PrematureSpend, "non-BIP68-final").into());
        }
        let fee = check_tx_inputs(tx, &coins, chain.next_height(), chain.params.coinbase_maturity)?.sat();
        let spends_coinbase = coins.iter().any(|coin| coin.coinbase);
        let spent: Vec<TxOut> = coins.into_iter().map(|coin| coin.output).collect();
        if options.require_standard {
            policy::check_inputs_standard(tx, &spent)?;
            if tx.has_witness() && !policy::is_witness_standard(tx, &spent) {
                return Err(RejectReason::new(RejectKind::WitnessMutated, "bad-witness-nonstandard").into());
            }
        }
        let sigop_cost = sigops::transaction_sigop_cost(tx, &spent, VerifyFlags::STANDARD);
        let mut checked = Prechecked {
            tx: tx.clone(),
            spent,
            fee,
            fee_delta: self.delta(&tx.txid()),
            sigop_cost,
            adjusted_weight: options.adjusted_weight(tx.weight(), sigop_cost),
            spends_coinbase,
            conflicts: HashSet::new(),
            evicts_sibling: false,
        };
        check_dust_is_free(&checked, options)?;
        if sigop_cost > policy::MAX_STANDARD_TX_SIGOP_COST {
            return Err(not_standard("bad-txns-too-many-sigops").with_debug(sigop_cost.to_string()).into());
        }
        if mode.must_pay {
            self.check_fee_rate(checked.vsize(), checked.modified_fee(), chain.now)?;
        }
        if !mode.from_block
            && let Some(sibling) = self.check_truc(&checked, &conflicts, mode)?
        {
            conflicts.insert(sibling);
            checked.evicts_sibling = true;
        }
        checked.conflicts = conflicts;
        Ok(checked)
    }

    /// The coins that the transaction spends, one per input. Outputs of unconfirmed transactions count as made
    /// by the next block.
    fn find_spent(&self, tx: &Tx, chain: &ChainView<'_>, staged: &Staged) -> Result<Vec<Coin>, AcceptError> {
        let unconfirmed =
            |output: TxOut| Coin { output, height: chain.next_height(), coinbase: false, tx_index: 0 };
        let mut coins = Vec::with_capacity(tx.inputs.len());
        for input in &tx.inputs {
            let outpoint = &input.previous_output;
            let coin = if let Some(output) = staged.get(outpoint) {
                Some(unconfirmed(output.clone()))
            } else if let Some(parent) = self.get(&outpoint.txid) {
                parent.tx.outputs.get(outpoint.vout as usize).cloned().map(unconfirmed)
            } else {
                chain.coins.coin(outpoint)?
            };
            match coin {
                Some(coin) => coins.push(coin),
                None => return Err(missing(tx, chain)?.into()),
            }
        }
        Ok(coins)
    }

    /// Whether `fee` is enough for `vsize` (Core's `CheckFeeRate`).
    pub(super) fn check_fee_rate(&self, vsize: i64, fee: i64, now: i64) -> Result<(), RejectReason> {
        let refuse = |reason, needed: i64| {
            Err(RejectReason::new(RejectKind::Reconsiderable, reason).with_debug(format!("{fee} < {needed}")))
        };
        let needed = self.min_fee(now).fee(vsize);
        if needed > 0 && fee < needed {
            return refuse("mempool min fee not met", needed);
        }
        let needed = self.options.min_relay.fee(vsize);
        if fee < needed {
            return refuse("min relay fee not met", needed);
        }
        Ok(())
    }

    /// Checks the TRUC rules; the answer is a sibling to be replaced, if that would make the transaction fit.
    fn check_truc(
        &self,
        checked: &Prechecked,
        conflicts: &HashSet<Txid>,
        mode: Mode,
    ) -> Result<Option<Txid>, RejectReason> {
        let verdict = self.with_truc_parents(&checked.tx, |parents| {
            truc::check(&checked.tx, parents, conflicts, checked.vsize())
        });
        match verdict {
            Ok(()) => Ok(None),
            Err(violation) => match violation.sibling.filter(|_| mode.may_evict_sibling) {
                Some(sibling) => Ok(Some(sibling.txid())),
                None => Err(RejectReason::new(RejectKind::MempoolPolicy, "TRUC-violation")
                    .with_debug(violation.debug)),
            },
        }
    }

    /// Calls `check` with what the TRUC rules need to know of the transaction's parents in the pool.
    pub(super) fn with_truc_parents<T>(&self, tx: &Tx, check: impl FnOnce(&[Parent<'_>]) -> T) -> T {
        let mut ids: Vec<Txid> = tx.inputs.iter().map(|input| input.previous_output.txid).collect();
        ids.sort_unstable();
        ids.dedup();
        let parents: Vec<(&Entry, Vec<Descendant<'_>>)> = ids
            .iter()
            .filter_map(|txid| self.get(txid))
            .map(|parent| {
                let descendants = self.descendants(&parent.tx.txid());
                let described = descendants[1..].iter().filter_map(|txid| self.get(txid)).map(|entry| {
                    Descendant { tx: &entry.tx, ancestors: self.ancestors(&entry.tx.txid()).len() }
                });
                (parent, described.collect())
            })
            .collect();
        let parents: Vec<Parent<'_>> = parents
            .iter()
            .map(|(parent, descendants)| Parent {
                tx: &parent.tx,
                ancestors: self.ancestors(&parent.tx.txid()).len(),
                descendants,
            })
            .collect();
        check(&parents)
    }
}

/// A dust output must give no one a reason to mine its transaction without the one that spends it.
fn check_dust_is_free(checked: &Prechecked, options: &MempoolOptions) -> Result<(), RejectReason> {
    let pays = checked.fee != 0 || checked.modified_fee() != 0;
    if options.require_standard && pays && !policy::dust_outputs(&checked.tx, options.dust_relay).is_empty() {
        return Err(not_standard("dust").with_debug("tx with dust output must be 0-fee"));
    }
    Ok(())
}

/// How many outputs are looked for when an input is missing: enough to recognize a confirmed transaction, few
/// enough that a stranger's orphan costs little.
const OUTPUTS_LOOKED_FOR: usize = 64;

/// Why an input is missing: the transaction may be in a block already.
fn missing(tx: &Tx, chain: &ChainView<'_>) -> Result<RejectReason, AcceptError> {
    let txid = tx.txid();
    for vout in 0..tx.outputs.len().min(OUTPUTS_LOOKED_FOR) as u32 {
        if chain.coins.coin(&OutPoint { txid, vout })?.is_some() {
            return Ok(RejectReason::new(RejectKind::Conflict, "txn-already-known"));
        }
    }
    Ok(RejectReason::new(RejectKind::MissingInputs, "bad-txns-inputs-missingorspent"))
}
