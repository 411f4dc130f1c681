//! The two policy hooks. Both are pure: the same question gets the same answer, without waiting for anything. Neither
//! touches consensus: a block from outside is never judged by them.

use chaincore_consensus::{Amount, Tx};

/// A transaction that could go into a template or the mempool.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The transaction.
    pub tx: &'a Tx,
    /// What it pays.
    pub fee: Amount,
    /// Its virtual size in bytes.
    pub vsize: u64,
    /// Its weight.
    pub weight: u64,
}

/// A say in the order of transactions in block templates.
pub trait TemplateOrder: Send + Sync {
    /// How early the transactions of a chunk (which pay for each other and go in together) should come: the higher the
    /// earlier; equal ranks go by fee rate as without the hook. Parents always come before children: a chunk brings
    /// what it needs to its own place. Of several plugins' orders the first decides, the next settles ties. An order
    /// that panics is not asked again, and one that takes longer than half a second for a template is passed over.
    fn rank(&self, chunk: &[Candidate<'_>]) -> i64;
}

/// A say in what the mempool takes. It is asked after all other checks, so it can only refuse more.
pub trait MempoolFilter: Send + Sync {
    /// `Err` with a short reason of `a-z 0-9 -` to refuse; the sender is told it as `plugin-<reason>`. A transaction at
    /// which a filter panics is refused as `plugin-failed`.
    fn check(&self, candidate: &Candidate<'_>) -> Result<(), String>;
}
