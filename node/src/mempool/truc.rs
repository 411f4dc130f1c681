//! Topologically restricted until confirmation: the rules of version 3 transactions (BIP431).
//!
//! A TRUC transaction has at most one unconfirmed parent and one unconfirmed child, both TRUC, and a child is
//! small: so whoever shares it can always replace what is attached to it.

use chaincore_consensus::{Tx, TxRef, Txid, Wtxid};
use std::collections::HashSet;

/// The version of these transactions.
const VERSION: u32 = 3;
/// How many virtual bytes one may have.
const MAX_VSIZE: i64 = 10_000;
/// How many virtual bytes one with an unconfirmed parent may have.
const CHILD_MAX_VSIZE: i64 = 1_000;

/// What the rules need to know of an unconfirmed parent.
#[derive(Clone, Copy, Debug)]
pub struct Parent<'a> {
    /// The parent.
    pub tx: &'a Tx,
    /// How many unconfirmed transactions it depends on, itself included.
    pub ancestors: usize,
    /// What depends on it, itself left out.
    pub descendants: &'a [Descendant<'a>],
}

/// An unconfirmed descendant of a parent.
#[derive(Clone, Copy, Debug)]
pub struct Descendant<'a> {
    /// The transaction.
    pub tx: &'a TxRef,
    /// How many unconfirmed transactions it depends on, itself included.
    pub ancestors: usize,
}

/// Why a transaction breaks the rules.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Core's words.
    pub debug: String,
    /// The sibling that would have to go for it to fit, where replacing it may be tried.
    pub sibling: Option<TxRef>,
}

fn named(tx: &Tx) -> String {
    name(tx.txid(), tx.wtxid())
}

fn name(txid: Txid, wtxid: Wtxid) -> String {
    format!("tx {txid} (wtxid={wtxid})")
}

fn violation(debug: String) -> Result<(), Violation> {
    Err(Violation { debug, sibling: None })
}

/// Checks a transaction of `vsize` virtual bytes against its parents in the mempool (Core's
/// `SingleTRUCChecks`). `conflicts` are the mempool transactions that it would replace anyway.
pub fn check(
    tx: &Tx,
    parents: &[Parent<'_>],
    conflicts: &HashSet<Txid>,
    vsize: i64,
) -> Result<(), Violation> {
    check_inheritance(tx, parents.iter().map(|parent| parent.tx))?;
    if tx.version != VERSION {
        return Ok(());
    }
    if vsize > MAX_VSIZE {
        return violation(format!("version=3 {} is too big: {vsize} > {MAX_VSIZE} virtual bytes", named(tx)));
    }
    let parent = match parents {
        [] => return Ok(()),
        [parent] if parent.ancestors == 1 => parent,
        _ => return violation(format!("{} would have too many ancestors", named(tx))),
    };
    if vsize > CHILD_MAX_VSIZE {
        return violation(format!(
            "version=3 child {} is too big: {vsize} > {CHILD_MAX_VSIZE} virtual bytes",
            named(tx)
        ));
    }
    let replaced = parent.descendants.iter().any(|child| conflicts.contains(&child.tx.txid()));
    if parent.descendants.is_empty() || replaced {
        return Ok(());
    }
    let sibling = match parent.descendants {
        [only] if only.ancestors == 2 => Some(only.tx.clone()),
        _ => None,
    };
    Err(Violation { debug: format!("{} would exceed descendant count limit", named(parent.tx)), sibling })
}

/// Versions do not mix: all unconfirmed parents of a TRUC transaction are TRUC, those of others are not.
fn check_inheritance<'a>(tx: &Tx, parents: impl Iterator<Item = &'a Tx>) -> Result<(), Violation> {
    for parent in parents {
        match (tx.version == VERSION, parent.version == VERSION) {
            (false, true) => {
                return violation(format!(
                    "non-version=3 {} cannot spend from version=3 {}",
                    named(tx),
                    named(parent)
                ));
            }
            (true, false) => {
                return violation(format!(
                    "version=3 {} cannot spend from non-version=3 {}",
                    named(tx),
                    named(parent)
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks a transaction against its parents in the mempool and in its package, which lists parents before
/// children (Core's `PackageTRUCChecks`).
pub fn check_in_package(
    tx: &TxRef,
    package: &[TxRef],
    parents: &[Parent<'_>],
    vsize: i64,
) -> Result<(), Violation> {
    let spends = |of: &Tx| tx.inputs.iter().any(|input| input.previous_output.txid == of.txid());
    let before = package.iter().take_while(|other| other.txid() != tx.txid());
    let package_parents: Vec<&Tx> = before.map(|other| &**other).filter(|other| spends(other)).collect();
    if tx.version != VERSION {
        return check_inheritance(tx, parents.iter().map(|parent| parent.tx).chain(package_parents));
    }
    if vsize > MAX_VSIZE {
        return violation(format!("version=3 {} is too big: {vsize} > {MAX_VSIZE} virtual bytes", named(tx)));
    }
    let count = parents.len() + package_parents.len();
    let above = parents.first().map_or(0, |parent| parent.ancestors + package_parents.len());
    if count > 1 || above > 1 {
        return violation(format!("{} would have too many ancestors", named(tx)));
    }
    let Some(parent) = parents.first().map(|parent| parent.tx).or(package_parents.first().copied()) else {
        return Ok(());
    };
    if vsize > CHILD_MAX_VSIZE {
        return violation(format!(
            "version=3 child {} is too big: {vsize} > {CHILD_MAX_VSIZE} virtual bytes",
            named(tx)
        ));
    }
    check_inheritance(tx, std::iter::once(parent))?;
    for other in package.iter().filter(|other| other.txid() != tx.txid()) {
        for input in &other.inputs {
            if input.previous_output.txid == parent.txid() {
                return violation(format!("{} would exceed descendant count limit", named(parent)));
            }
            if input.previous_output.txid == tx.txid() {
                return violation(format!("{} would have too many ancestors", named(other)));
            }
        }
    }
    if parents.first().is_some_and(|parent| !parent.descendants.is_empty()) {
        return violation(format!("{} would exceed descendant count limit", named(parent)));
    }
    Ok(())
}
