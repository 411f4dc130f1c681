//! What an output's script says.

use chaincore_consensus::address::Address;
use chaincore_consensus::hash::sha256;
use chaincore_consensus::hex;
use chaincore_consensus::params::AddressFormat;
use chaincore_consensus::script::{ScriptKind, classify};

/// The kind of an output's script; Core's kinds. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(i16)]
pub enum ScriptType {
    /// Anything without a name.
    NonStandard = 0,
    /// A public key.
    PubKey = 1,
    /// The hash of a public key.
    PubKeyHash = 2,
    /// The hash of a script.
    ScriptHash = 3,
    /// Some of several keys.
    MultiSig = 4,
    /// Data.
    NullData = 5,
    /// Segwit, the hash of a public key.
    WitnessKeyHash = 6,
    /// Segwit, the hash of a script.
    WitnessScriptHash = 7,
    /// Taproot.
    Taproot = 8,
    /// Pay to anchor.
    Anchor = 9,
    /// A witness program without meaning yet.
    WitnessUnknown = 10,
}

impl ScriptType {
    /// The type of a script.
    pub fn of(script: &[u8]) -> Self {
        Self::of_kind(&classify(script))
    }

    fn of_kind(kind: &ScriptKind<'_>) -> Self {
        match kind {
            ScriptKind::NonStandard => Self::NonStandard,
            ScriptKind::PubKey(_) => Self::PubKey,
            ScriptKind::PubKeyHash(_) => Self::PubKeyHash,
            ScriptKind::ScriptHash(_) => Self::ScriptHash,
            ScriptKind::MultiSig { .. } => Self::MultiSig,
            ScriptKind::NullData => Self::NullData,
            ScriptKind::WitnessV0KeyHash(_) => Self::WitnessKeyHash,
            ScriptKind::WitnessV0ScriptHash(_) => Self::WitnessScriptHash,
            ScriptKind::WitnessV1Taproot(_) => Self::Taproot,
            ScriptKind::Anchor => Self::Anchor,
            ScriptKind::WitnessUnknown { .. } => Self::WitnessUnknown,
        }
    }

    /// The stored number.
    pub fn code(self) -> i16 {
        self as i16
    }
}

/// The first 8 bytes of a script's SHA-256, as a big-endian number. At 1.5 billion scripts a few per cent likely to
/// name two of them: whoever searches by it compares address or script too.
pub fn script_key(digest: &[u8; 32]) -> i64 {
    i64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
}

/// Whom balances are kept for: all outputs with one script.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Owner {
    /// See [`script_key`].
    pub script_key: i64,
    /// The address; `raw:` and the script's SHA-256 in hexadecimal if it has none.
    pub name: String,
}

impl Owner {
    /// The owner of what a script locks.
    pub fn of(script: &[u8], format: &AddressFormat) -> Self {
        let digest = sha256(script);
        let address = Address::from_script(script).map(|address| address.to_text(format));
        let name = address.unwrap_or_else(|| format!("raw:{}", hex::encode(&digest)));
        Self { script_key: script_key(&digest), name }
    }
}

/// A script as the tables describe it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScriptFacts {
    /// Its kind.
    pub script_type: ScriptType,
    /// See [`script_key`].
    pub script_key: i64,
    /// Its address, if there is a form for it.
    pub address: Option<String>,
}

impl ScriptFacts {
    /// The facts about a script.
    pub fn of(script: &[u8], format: &AddressFormat) -> Self {
        Self {
            script_type: ScriptType::of(script),
            script_key: script_key(&sha256(script)),
            address: Address::from_script(script).map(|address| address.to_text(format)),
        }
    }

    /// Whose it is. `script` is that which the facts are about.
    pub fn owner(&self, script: Option<&[u8]>) -> Owner {
        let name = match (&self.address, script) {
            (Some(address), _) => address.clone(),
            (None, script) => format!("raw:{}", hex::encode(&sha256(script.unwrap_or_default()))),
        };
        Owner { script_key: self.script_key, name }
    }
}
