//! What a node did wrong, and how bad that is.
//!
//! A fault is kept once per node, kind and subject, however often it happens, and the list is bounded: a node that
//! lies all day fills no memory. The client goes on with what is proven or with another node; the list is for the
//! person.

use serde::Serialize;
use std::fmt;

/// The most faults that are remembered.
const MAX_FAULTS: usize = 100;

/// What a node did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It is on another chain.
    WrongChain,
    /// A header without proof of work.
    NoWork,
    /// A header whose target is not what the chain's rule gives.
    WrongDifficulty,
    /// Headers that do not build on each other.
    NotLinked,
    /// A header against another rule.
    BadHeader,
    /// A header that is ahead of our clock; it may be the clock.
    FutureHeader,
    /// A header file that was checked before is now another one.
    OtherHeaders,
    /// It names a tip that its headers do not lead to.
    TipNotServed,
    /// A merkle branch that does not lead to the block's root.
    BadProof,
    /// A confirmed transaction without a proof for it.
    NoProof,
    /// The bytes of a transaction are those of another.
    WrongTransaction,
    /// The bytes of a block are those of another.
    WrongBlock,
    /// It keeps a transaction back that another node, or a filter, proves.
    WithheldTransaction,
    /// A filter that does not fit the filter header.
    WrongFilter,
    /// A filter header that is not that of the block's true filter.
    WrongFilterHeader,
    /// Two nodes tell different filter headers, and which is right could not be found out.
    FilterDispute,
    /// An answer that is not in the form that was asked for.
    Malformed,
    /// Its chain has less work than another node's, or than this chain must have.
    LittleWork,
    /// Its newest block is old.
    StaleTip,
    /// It has no filters.
    NoFilters,
    /// It does not answer.
    Unreachable,
    /// It answers that it cannot.
    Refused,
}

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// What it said is proven false.
    Lie,
    /// It may be lying or behind; what depends on it is not proven.
    Doubt,
    /// It could not be asked.
    Trouble,
}

impl FaultKind {
    /// How bad it is.
    pub const fn severity(self) -> Severity {
        match self {
            Self::WrongChain
            | Self::NoWork
            | Self::WrongDifficulty
            | Self::NotLinked
            | Self::BadHeader
            | Self::OtherHeaders
            | Self::BadProof
            | Self::WrongTransaction
            | Self::WrongBlock
            | Self::WithheldTransaction
            | Self::WrongFilter
            | Self::WrongFilterHeader => Severity::Lie,
            Self::FutureHeader
            | Self::TipNotServed
            | Self::NoProof
            | Self::FilterDispute
            | Self::LittleWork
            | Self::StaleTip
            | Self::Malformed => Severity::Doubt,
            Self::NoFilters | Self::Unreachable | Self::Refused => Severity::Trouble,
        }
    }
}

/// What a fault is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Subject {
    /// The block's height, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// The transaction, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txid: Option<String>,
}

impl Subject {
    /// A block.
    pub fn block(height: u32) -> Self {
        Self { height: Some(height), txid: None }
    }

    /// A transaction.
    pub fn transaction(txid: impl fmt::Display) -> Self {
        Self { height: None, txid: Some(txid.to_string()) }
    }

    /// The node as such.
    pub fn node() -> Self {
        Self::default()
    }
}

/// One fault of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The node: 0 is the main one, then those that are asked to cross-check.
    pub node: usize,
    /// What it did.
    pub kind: FaultKind,
    /// How bad that is.
    pub severity: Severity,
    /// What it is about.
    #[serde(flatten)]
    pub subject: Subject,
    /// A sentence for people, with the particulars.
    pub message: String,
    /// When it was first seen, in seconds since 1970.
    pub first: u64,
    /// When it was last seen.
    pub last: u64,
    /// How often.
    pub count: u32,
    /// Whether it has passed: a node that was unreachable answers again, a transaction was proven after all. What was
    /// a lie stays on the list all the same.
    pub passed: bool,
}

/// The faults of all nodes, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// All of them.
    pub fn list(&self) -> &[Fault] {
        &self.0
    }

    /// Those that hold now.
    pub fn current(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter().filter(|fault| !fault.passed)
    }

    /// Notes one.
    pub fn note(&mut self, node: usize, kind: FaultKind, subject: Subject, message: String, now: u64) {
        let same = |fault: &&mut Fault| fault.node == node && fault.kind == kind && fault.subject == subject;
        if let Some(fault) = self.0.iter_mut().find(same) {
            fault.last = now;
            fault.count = fault.count.saturating_add(1);
            fault.message = message;
            fault.passed = false;
            return;
        }
        if self.0.len() >= MAX_FAULTS {
            // What has passed goes first, then what is least bad.
            let worth = |fault: &Fault| (!fault.passed, fault.severity == Severity::Lie);
            let least = (0..self.0.len()).min_by_key(|at| worth(&self.0[*at])).unwrap_or(0);
            self.0.remove(least);
        }
        let severity = kind.severity();
        self.0.push(Fault {
            node,
            kind,
            severity,
            subject,
            message,
            first: now,
            last: now,
            count: 1,
            passed: false,
        });
    }

    /// Faults of that kind have passed: all of the node's, or those about one subject.
    pub fn pass(&mut self, node: usize, kind: FaultKind, subject: Option<&Subject>) {
        for fault in &mut self.0 {
            if fault.node == node && fault.kind == kind && subject.is_none_or(|about| fault.subject == *about)
            {
                fault.passed = true;
            }
        }
    }

    /// Whether a node has a fault of that kind that holds now.
    pub fn has(&self, node: usize, kind: FaultKind) -> bool {
        self.current().any(|fault| fault.node == node && fault.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_kept_once_and_the_list_is_bounded() {
        let mut faults = Faults::default();
        for now in 0..5 {
            faults.note(0, FaultKind::Unreachable, Subject::node(), "timeout".into(), now);
        }
        assert_eq!(faults.list().len(), 1);
        let fault = &faults.list()[0];
        assert_eq!((fault.first, fault.last, fault.count), (0, 4, 5));
        faults.pass(0, FaultKind::Unreachable, None);
        assert_eq!(faults.current().count(), 0);
        assert!(!faults.has(0, FaultKind::Unreachable));
        faults.note(1, FaultKind::BadProof, Subject::transaction("ab"), "no".into(), 6);
        for height in 0..1000 {
            faults.note(0, FaultKind::StaleTip, Subject::block(height), "old".into(), 7);
        }
        assert_eq!(faults.list().len(), MAX_FAULTS);
        assert!(faults.has(1, FaultKind::BadProof), "lies are the last to be forgotten");
        assert!(!faults.list().iter().any(|fault| fault.kind == FaultKind::Unreachable));
        let other = Subject::transaction("cd");
        faults.pass(1, FaultKind::BadProof, Some(&other));
        assert!(faults.has(1, FaultKind::BadProof));
        let json = serde_json::to_value(faults.list().iter().find(|fault| fault.node == 1)).unwrap();
        assert_eq!(json["kind"], "bad_proof");
        assert_eq!(json["severity"], "lie");
        assert_eq!(json["txid"], "ab");
    }
}
