//! Why a block, header or transaction was refused: data, not an error.
//!
//! The reasons are Core's own strings, because miners (BIP22), wallets and tests compare them.

use std::borrow::Cow;
use std::fmt;

/// What sort of refusal it is, which decides what becomes of the object and of whoever sent it
/// (Core's `BlockValidationResult` and `TxValidationResult` in one list).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RejectKind {
    /// Invalid by the consensus rules, for ever.
    Consensus,
    /// The body does not belong to its header: other data may still make the block valid.
    Mutated,
    /// The header's proof of work, difficulty, time or version is wrong.
    InvalidHeader,
    /// The timestamp is too far ahead of this node's clock: may become valid later.
    TimeFuture,
    /// Was found invalid before.
    CachedInvalid,
    /// The parent is unknown.
    MissingPrev,
    /// The parent or one of its ancestors is invalid.
    InvalidPrev,
    /// The branch has too little work to be worth keeping.
    HeaderLowWork,
    /// The spent outputs fail this node's policy.
    InputsNotStandard,
    /// The transaction fails this node's policy.
    NotStandard,
    /// A spent output is unknown or already spent.
    MissingInputs,
    /// A coinbase is spent too early, or a lock time is not reached.
    PrematureSpend,
    /// The witness may have been changed by a third party.
    WitnessMutated,
    /// The witness is missing.
    WitnessStripped,
    /// Already in the mempool or the chain.
    Conflict,
    /// The mempool's fee, size, ancestor or replacement limits.
    MempoolPolicy,
    /// There is no mempool to judge by.
    NoMempool,
    /// Fails policy alone, might pass within a package.
    Reconsiderable,
    /// Not validated because its package failed.
    Unknown,
}

/// A refusal: its sort, Core's reason string and the details for the log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct RejectReason {
    /// What sort of refusal it is.
    pub kind: RejectKind,
    /// Core's reject reason, such as `bad-txns-vin-empty`. May be empty, as Core's are in places.
    pub reason: Cow<'static, str>,
    /// Details for people; often empty.
    pub debug: String,
}

impl RejectReason {
    /// A refusal without details.
    pub fn new(kind: RejectKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, reason: reason.into(), debug: String::new() }
    }

    /// A refusal by the consensus rules, without details.
    pub fn consensus(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(RejectKind::Consensus, reason)
    }

    /// The same refusal with details.
    #[must_use]
    pub fn with_debug(mut self, debug: impl Into<String>) -> Self {
        self.debug = debug.into();
        self
    }
}

impl fmt::Display for RejectReason {
    /// The reason, and the details behind a comma (Core's `ValidationState::ToString`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        if !self.debug.is_empty() {
            write!(f, ", {}", self.debug)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_core_does() {
        let reason = RejectReason::consensus("bad-cb-missing");
        assert_eq!(reason.to_string(), "bad-cb-missing");
        assert_eq!(
            reason.with_debug("first tx is not coinbase").to_string(),
            "bad-cb-missing, first tx is not coinbase"
        );
    }
}
