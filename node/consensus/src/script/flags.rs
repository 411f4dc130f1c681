//! Which rules a script is held to.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Not};

/// A set of script rules, with the bit numbers of Core's `SCRIPT_VERIFY_*`.
///
/// Every flag is a soft fork: a script that is valid under a set of flags is valid under any subset that keeps
/// the dependencies, which are that `WITNESS` needs `P2SH` and `CLEANSTACK` needs both.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VerifyFlags(pub u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal)*) => {
        impl VerifyFlags {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            /// Every flag with its name, by bit number.
            pub const NAMED: &[(&str, Self)] = &[$((stringify!($name), Self::$name)),*];
        }
    };
}

flags! {
    /// Runs redeem scripts (BIP16).
    P2SH = 0
    /// Policy: signatures are strict DER with a defined hash type, keys are compressed or uncompressed.
    STRICTENC = 1
    /// Signatures are strict DER (BIP66).
    DERSIG = 2
    /// Policy: signatures have a low S (BIP62 rule 5).
    LOW_S = 3
    /// The extra element that `OP_CHECKMULTISIG` pops is empty (BIP147).
    NULLDUMMY = 4
    /// Policy: a scriptSig only pushes (BIP62 rule 2).
    SIGPUSHONLY = 5
    /// Policy: pushes and numbers take their shortest form (BIP62 rules 3 and 4).
    MINIMALDATA = 6
    /// Policy: the NOPs left for upgrades are not executed.
    DISCOURAGE_UPGRADABLE_NOPS = 7
    /// Policy: exactly one element is left on the stack (BIP62 rule 6).
    CLEANSTACK = 8
    /// `OP_CHECKLOCKTIMEVERIFY` (BIP65).
    CHECKLOCKTIMEVERIFY = 9
    /// `OP_CHECKSEQUENCEVERIFY` (BIP112).
    CHECKSEQUENCEVERIFY = 10
    /// Segregated witness (BIP141, BIP143).
    WITNESS = 11
    /// Policy: witness programs of unknown versions are not spent.
    DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM = 12
    /// Policy for segwit v0: the argument of `OP_IF` is empty or exactly 1.
    MINIMALIF = 13
    /// Policy: a signature that does not verify is empty (BIP146).
    NULLFAIL = 14
    /// Policy: keys in segwit v0 scripts are compressed.
    WITNESS_PUBKEYTYPE = 15
    /// Policy: no `OP_CODESEPARATOR` and no signature inside its own script in scripts before segwit.
    CONST_SCRIPTCODE = 16
    /// Taproot and tapscript (BIP341, BIP342).
    TAPROOT = 17
    /// Policy: unknown taproot leaf versions are not spent.
    DISCOURAGE_UPGRADABLE_TAPROOT_VERSION = 18
    /// Policy: no `OP_SUCCESSx`.
    DISCOURAGE_OP_SUCCESS = 19
    /// Policy: tapscript keys are of the known kind.
    DISCOURAGE_UPGRADABLE_PUBKEYTYPE = 20
}

/// A flag name that is not one of [`VerifyFlags::NAMED`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown script verification flag '{0}'")]
pub struct UnknownFlagError(pub String);

impl VerifyFlags {
    /// No rule beyond the original ones.
    pub const NONE: Self = Self(0);

    /// The rules whose violation makes a transaction invalid and not only non-standard, as the mempool sees it
    /// (Core's `MANDATORY_SCRIPT_VERIFY_FLAGS`).
    pub const MANDATORY: Self = Self(
        Self::P2SH.0
            | Self::DERSIG.0
            | Self::NULLDUMMY.0
            | Self::CHECKLOCKTIMEVERIFY.0
            | Self::CHECKSEQUENCEVERIFY.0
            | Self::WITNESS.0
            | Self::TAPROOT.0,
    );

    /// The rules that a transaction must keep to be relayed (Core's `STANDARD_SCRIPT_VERIFY_FLAGS`).
    pub const STANDARD: Self = Self(
        Self::MANDATORY.0
            | Self::STRICTENC.0
            | Self::MINIMALDATA.0
            | Self::DISCOURAGE_UPGRADABLE_NOPS.0
            | Self::CLEANSTACK.0
            | Self::MINIMALIF.0
            | Self::NULLFAIL.0
            | Self::LOW_S.0
            | Self::DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM.0
            | Self::WITNESS_PUBKEYTYPE.0
            | Self::CONST_SCRIPTCODE.0
            | Self::DISCOURAGE_UPGRADABLE_TAPROOT_VERSION.0
            | Self::DISCOURAGE_OP_SUCCESS.0
            | Self::DISCOURAGE_UPGRADABLE_PUBKEYTYPE.0,
    );

    /// Every flag there is.
    pub const ALL: Self = Self((1 << Self::NAMED.len()) - 1);

    /// Whether every flag of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any flag of `other` is set.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The flags without those of `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The flags that `text` names: names joined by commas, or nothing or `NONE` for none.
    pub fn from_names(text: &str) -> Result<Self, UnknownFlagError> {
        if text.is_empty() || text == "NONE" {
            return Ok(Self::NONE);
        }
        text.split(',').try_fold(Self::NONE, |flags, word| {
            let named = Self::NAMED.iter().find(|(name, _)| *name == word);
            named.map(|(_, flag)| flags | *flag).ok_or_else(|| UnknownFlagError(word.into()))
        })
    }

    /// The names of the flags set, by bit number.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMED.iter().filter(move |(_, flag)| self.contains(*flag)).map(|(name, _)| *name)
    }
}

impl BitOr for VerifyFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for VerifyFlags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for VerifyFlags {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for VerifyFlags {
    type Output = Self;

    fn not(self) -> Self {
        Self(!self.0 & Self::ALL.0)
    }
}

impl fmt::Debug for VerifyFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().collect();
        f.write_str(if names.is_empty() { "NONE" } else { "" })?;
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        let flags = VerifyFlags::from_names("P2SH,WITNESS").unwrap();
        assert_eq!(flags, VerifyFlags::P2SH | VerifyFlags::WITNESS);
        assert_eq!(format!("{flags:?}"), "P2SH,WITNESS");
        assert_eq!(VerifyFlags::from_names("NONE"), Ok(VerifyFlags::NONE));
        assert!(VerifyFlags::from_names("P2SH,NOPE").is_err());
        assert_eq!(!VerifyFlags::NONE, VerifyFlags::ALL);
        assert!(VerifyFlags::ALL.contains(VerifyFlags::STANDARD));
        assert_eq!((!VerifyFlags::STANDARD), VerifyFlags::SIGPUSHONLY);
        assert_eq!(VerifyFlags::DISCOURAGE_UPGRADABLE_PUBKEYTYPE.0, 1 << 20);
    }
}
