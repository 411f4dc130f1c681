//! What a miner that waits for news has seen (BIP22).

use chaincore_consensus::BlockHash;
use std::fmt;
use std::str::FromStr;

/// The tip and the state of the pool that a template was made from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LongpollId {
    /// The tip.
    pub tip: BlockHash,
    /// The pool's `transactions_updated`.
    pub transactions_updated: u64,
}

/// A text that does not begin with a block hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("longpollid '{0}' does not begin with a block hash")]
pub struct LongpollIdError(pub String);

impl fmt::Display for LongpollId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.tip, self.transactions_updated)
    }
}

impl FromStr for LongpollId {
    type Err = LongpollIdError;

    /// Reads 64 hexadecimal digits and, as leniently as Core, the number behind them: 0 if there is none.
    fn from_str(text: &str) -> Result<Self, LongpollIdError> {
        let fail = || LongpollIdError(text.into());
        let (hash, rest) = text.split_at_checked(64).ok_or_else(fail)?;
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        Ok(Self {
            tip: hash.parse().map_err(|_| fail())?,
            transactions_updated: rest[..digits].parse().unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_reads_leniently() {
        let id = LongpollId { tip: BlockHash([0xab; 32]), transactions_updated: 1729 };
        let text = id.to_string();
        assert_eq!(text, "ab".repeat(32) + "1729");
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text[..64].parse(), Ok(LongpollId { transactions_updated: 0, ..id }));
        assert_eq!(format!("{text}x7").parse(), Ok(id));
        assert!("ab".parse::<LongpollId>().is_err());
        assert!(("é".repeat(40)).parse::<LongpollId>().is_err());
        assert!("zz".repeat(32).parse::<LongpollId>().is_err());
    }
}
