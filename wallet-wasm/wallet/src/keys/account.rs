//! Accounts: which keys of the tree a wallet uses, and for which kind of script.

use super::KeyError;
use crate::chain::Chain;
use bitcoin::bip32::{ChildNumber, DerivationPath, Fingerprint};
use serde::{Deserialize, Serialize};

/// The kinds of accounts that a wallet derives from its words, by the script they pay to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountKind {
    /// P2PKH at `44'` (BIP44).
    Legacy,
    /// P2WPKH inside P2SH at `49'` (BIP49).
    Nested,
    /// P2WPKH at `84'` (BIP84).
    Segwit,
    /// P2TR, spent by its key, at `86'` (BIP86).
    Taproot,
}

impl AccountKind {
    /// All kinds, by purpose.
    pub const ALL: [Self; 4] = [Self::Legacy, Self::Nested, Self::Segwit, Self::Taproot];

    /// The first step of the kind's paths.
    pub fn purpose(self) -> u32 {
        match self {
            Self::Legacy => 44,
            Self::Nested => 49,
            Self::Segwit => 84,
            Self::Taproot => 86,
        }
    }

    /// The kind whose paths begin with that step.
    pub fn from_purpose(purpose: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.purpose() == purpose)
    }

    /// The descriptor of this kind around a key expression (BIP380 to 386), without a checksum.
    pub fn descriptor(self, key: &str) -> String {
        match self {
            Self::Legacy => format!("pkh({key})"),
            Self::Nested => format!("sh(wpkh({key}))"),
            Self::Segwit => format!("wpkh({key})"),
            Self::Taproot => format!("tr({key})"),
        }
    }
}

/// The public side of an account: all that a wallet without keys needs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccountKeys {
    /// Which script it pays to.
    pub kind: AccountKind,
    /// Its number.
    pub index: u32,
    /// The descriptor of its receive addresses, with origin and checksum.
    pub receive: String,
    /// The descriptor of its change addresses, with origin and checksum.
    pub change: String,
    /// The account's extended public key, written as the chain writes them.
    pub xpub: String,
    /// The master key's fingerprint, 8 hexadecimal digits.
    pub fingerprint: String,
}

/// The place of one key of an account: `m / purpose' / coin type' / account' / branch / index` (BIP44).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountPath {
    /// The kind.
    pub kind: AccountKind,
    /// The account's number.
    pub account: u32,
    /// Whether it is a change address (branch 1), not a receive address (branch 0).
    pub change: bool,
    /// The address's number.
    pub index: u32,
}

impl AccountPath {
    /// The whole path on a chain.
    pub fn to_path(self, chain: &Chain) -> Result<DerivationPath, KeyError> {
        let mut steps = account_steps(self.kind, self.account, chain)?.to_vec();
        steps.push(normal(u32::from(self.change))?);
        steps.push(normal(self.index)?);
        Ok(steps.into())
    }

    /// The place that a whole path names, if it is one of a wallet's own on that chain.
    pub fn from_path(path: &DerivationPath, chain: &Chain) -> Option<Self> {
        use ChildNumber::{Hardened, Normal};
        let steps: &[ChildNumber] = path.as_ref();
        let [
            Hardened { index: purpose },
            Hardened { index: coin },
            Hardened { index: account },
            Normal { index: branch @ 0..=1 },
            Normal { index },
        ] = *steps
        else {
            return None;
        };
        let kind = AccountKind::from_purpose(purpose)?;
        (coin == chain.coin_type()).then_some(Self { kind, account, change: branch == 1, index })
    }
}

fn normal(index: u32) -> Result<ChildNumber, KeyError> {
    ChildNumber::from_normal_idx(index).map_err(|_| KeyError::Index(index))
}

fn hardened(index: u32) -> Result<ChildNumber, KeyError> {
    ChildNumber::from_hardened_idx(index).map_err(|_| KeyError::Index(index))
}

/// The path to an account.
pub fn account_path(kind: AccountKind, index: u32, chain: &Chain) -> Result<DerivationPath, KeyError> {
    Ok(account_steps(kind, index, chain)?.to_vec().into())
}

fn account_steps(kind: AccountKind, index: u32, chain: &Chain) -> Result<[ChildNumber; 3], KeyError> {
    Ok([hardened(kind.purpose())?, hardened(chain.coin_type())?, hardened(index)?])
}

/// The public side of an account whose extended public key is known.
pub(super) fn account_keys(
    kind: AccountKind,
    index: u32,
    fingerprint: Fingerprint,
    xpub: &bitcoin::bip32::Xpub,
    chain: &Chain,
) -> AccountKeys {
    let origin = format!("[{fingerprint}/{}h/{}h/{index}h]", kind.purpose(), chain.coin_type());
    let descriptor = |branch: u32| {
        crate::descriptor::with_checksum(&kind.descriptor(&format!("{origin}{xpub}/{branch}/*")))
            .expect("a descriptor of digits, letters and brackets has a checksum")
    };
    AccountKeys {
        kind,
        index,
        receive: descriptor(0),
        change: descriptor(1),
        xpub: super::extended_to_text(xpub, chain),
        fingerprint: fingerprint.to_string(),
    }
}
