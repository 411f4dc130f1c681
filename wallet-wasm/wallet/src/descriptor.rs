//! Output descriptors (BIP380 to 386, 389): public ones only, in and out, each with its checksum.
//!
//! A descriptor is written with BIP32's own version bytes (`xpub` on chains with the main network's format, `tpub` on all
//! others), whatever bytes a chain of one's own uses for its extended keys, so other wallets can read it.

use crate::chain::{Chain, shorten};
use crate::keys::{AccountKind, ExtendedKeyError, ExtendedPublicKey};
use bitcoin::{ScriptBuf, Weight};
use miniscript::descriptor::checksum::{Engine, verify_checksum};
use miniscript::descriptor::{DescriptorType, Wildcard, XKeyNetwork};
use miniscript::{DefiniteDescriptorKey, Descriptor, DescriptorPublicKey, ForEachKey};

/// No descriptor that a wallet reads is longer.
pub const MAX_DESCRIPTOR_LEN: usize = 20_000;

/// Indices of addresses are below 2^31.
pub const MAX_INDEX: u32 = (1 << 31) - 1;

/// A public descriptor with one address for each index (or only one address, if it has no `*`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicDescriptor(Descriptor<DescriptorPublicKey>);

/// What somebody watches: where coins are received, and where change goes, if that is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watched {
    /// Receive addresses.
    pub receive: PublicDescriptor,
    /// Change addresses.
    pub change: Option<PublicDescriptor>,
}

/// Why a text is no descriptor that a wallet can watch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// Longer than any descriptor.
    #[error("a descriptor has at most {MAX_DESCRIPTOR_LEN} characters, this text has {0}")]
    TooLong(usize),
    /// The text was changed since its checksum was made.
    #[error("the descriptor's checksum is wrong: it should be {expected}")]
    Checksum {
        /// What its text leads to.
        expected: String,
    },
    /// A private key stands in it.
    #[error("the descriptor contains a private key: it is not needed to watch, keep it secret")]
    Private,
    /// The text is no descriptor.
    #[error("this is no descriptor: {0}")]
    Syntax(String),
    /// Its keys are for the other kind of network.
    #[error("the descriptor's keys are written for other networks than the chain {0}")]
    Network(String),
    /// It needs private keys to go on from address to address.
    #[error("the descriptor goes on by hardened steps, which only private keys can")]
    Hardened,
    /// Two branches are receive and change; more have no meaning.
    #[error("the descriptor has {0} branches, a wallet has one or two")]
    Branches(usize),
    /// Addresses are numbered below 2^31.
    #[error("there is no address {0}")]
    Index(u32),
    /// An extended public key that is none.
    #[error(transparent)]
    ExtendedKey(#[from] ExtendedKeyError),
}

impl DescriptorError {
    /// The error's name in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Private => "private_key",
            Self::Checksum { .. } => "bad_descriptor_checksum",
            Self::Network(_) => "wrong_network",
            Self::ExtendedKey(error) => error.code(),
            _ => "bad_descriptor",
        }
    }
}

impl PublicDescriptor {
    /// Reads a descriptor with one branch, with or without a checksum.
    pub fn parse(text: &str, chain: &Chain) -> Result<Self, DescriptorError> {
        let mut all = parse_branches(text, chain)?;
        match (all.pop(), all.len()) {
            (Some(only), 0) => Ok(only),
            (_, others) => Err(DescriptorError::Branches(others + 1)),
        }
    }

    /// The script that the address with this index pays to.
    pub fn script(&self, index: u32) -> Result<ScriptBuf, DescriptorError> {
        Ok(self.at(index)?.derived_descriptor(crate::keys::secp()).script_pubkey())
    }

    /// The descriptor of the address with this index alone: for what a PSBT says of it.
    pub fn at(&self, index: u32) -> Result<Descriptor<DefiniteDescriptorKey>, DescriptorError> {
        self.0.at_derivation_index(index).map_err(|_| DescriptorError::Index(index))
    }

    /// Whether it has an address for each index.
    pub fn is_ranged(&self) -> bool {
        self.0.has_wildcard()
    }

    /// The kind of account it is like: one key in one of the four usual scripts. `None` for any other, such as
    /// multisignature scripts.
    pub fn kind(&self) -> Option<AccountKind> {
        match (&self.0, self.0.desc_type()) {
            (_, DescriptorType::Pkh) => Some(AccountKind::Legacy),
            (_, DescriptorType::ShWpkh) => Some(AccountKind::Nested),
            (_, DescriptorType::Wpkh) => Some(AccountKind::Segwit),
            (Descriptor::Tr(tr), _) if tr.tap_tree().is_none() => Some(AccountKind::Taproot),
            _ => None,
        }
    }

    /// How much heavier a transaction gets by what satisfies an input, at most: signatures and witness, without the
    /// input's 41 bytes.
    pub fn max_satisfaction_weight(&self) -> Weight {
        self.0.max_weight_to_satisfy().unwrap_or(Weight::from_wu(4_000))
    }

    /// The descriptor as the library has it.
    pub fn inner(&self) -> &Descriptor<DescriptorPublicKey> {
        &self.0
    }
}

/// The descriptor with its checksum; hardened steps are written `h`, as Core does, so that one descriptor has one text.
impl core::fmt::Display for PublicDescriptor {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let body = format!("{:#}", self.0).replace('\'', "h");
        formatter.write_str(&with_checksum(&body).ok_or(core::fmt::Error)?)
    }
}

impl Watched {
    /// Reads whatever names a wallet's public side: a descriptor (with `<0;1>` or `**` branches or only one), two
    /// descriptors on two lines, or an extended public key (`xpub`, `ypub`, `zpub`, `tpub`, `upub`, `vpub`, or the
    /// chain's own form). For an `xpub` the kind must be said; without, segwit is meant.
    pub fn parse(text: &str, kind: Option<AccountKind>, chain: &Chain) -> Result<Self, DescriptorError> {
        let text = text.trim();
        if text.len() > MAX_DESCRIPTOR_LEN {
            return Err(DescriptorError::TooLong(text.len()));
        }
        if !text.contains('(') {
            return Self::from_extended(text, kind, chain);
        }
        let mut branches = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            branches.append(&mut parse_branches(line, chain)?);
        }
        let count = branches.len();
        let mut branches = branches.into_iter();
        match (branches.next(), branches.next(), branches.next()) {
            (Some(receive), change, None) => Ok(Self { receive, change }),
            _ => Err(DescriptorError::Branches(count)),
        }
    }

    fn from_extended(text: &str, kind: Option<AccountKind>, chain: &Chain) -> Result<Self, DescriptorError> {
        let key = ExtendedPublicKey::parse(text, chain)?;
        let kind = kind.or(key.kind).unwrap_or(AccountKind::Segwit);
        let branch = |number: u32| {
            PublicDescriptor::parse(&kind.descriptor(&format!("{}/{number}/*", key.key)), chain)
        };
        Ok(Self { receive: branch(0)?, change: Some(branch(1)?) })
    }
}

/// A descriptor with its checksum behind it; `None` if it has characters that descriptors do not.
pub fn with_checksum(descriptor: &str) -> Option<String> {
    let mut engine = Engine::new();
    engine.input(descriptor).ok()?;
    Some(format!("{descriptor}#{}", engine.checksum()))
}

fn parse_branches(text: &str, chain: &Chain) -> Result<Vec<PublicDescriptor>, DescriptorError> {
    let text = text.trim();
    if text.len() > MAX_DESCRIPTOR_LEN {
        return Err(DescriptorError::TooLong(text.len()));
    }
    let body = checked_body(text)?;
    // Never repeated in a message: what stands here could spend.
    if has_private_key(body) {
        return Err(DescriptorError::Private);
    }
    let parsed: Descriptor<DescriptorPublicKey> = body
        .parse()
        .map_err(|error: miniscript::Error| DescriptorError::Syntax(shorten(&error.to_string())))?;
    let expected = if chain.network_kind().is_mainnet() {
        XKeyNetwork::Single(bitcoin::NetworkKind::Main)
    } else {
        XKeyNetwork::Single(bitcoin::NetworkKind::Test)
    };
    let network = parsed.xkey_network();
    if network != expected && network != XKeyNetwork::NoXKeys {
        return Err(DescriptorError::Network(chain.name().into()));
    }
    let hardened =
        parsed.for_any_key(|key| key.wildcard() == Some(Wildcard::Hardened) || key.has_hardened_step());
    if hardened {
        return Err(DescriptorError::Hardened);
    }
    let branches = parsed
        .into_single_descriptors()
        .map_err(|error| DescriptorError::Syntax(shorten(&error.to_string())))?;
    Ok(branches.into_iter().map(PublicDescriptor).collect())
}

/// The text without its checksum, which must be right where there is one.
fn checked_body(text: &str) -> Result<&str, DescriptorError> {
    let Some((body, _)) = text.split_once('#') else { return Ok(text) };
    if verify_checksum(text).is_ok() {
        return Ok(body);
    }
    let right = with_checksum(body).ok_or_else(|| {
        DescriptorError::Syntax("it contains characters that descriptors do not have".into())
    })?;
    Err(DescriptorError::Checksum { expected: right[body.len() + 1..].to_string() })
}

/// Whether a private key stands in the text: an extended one, or one in wallet import format.
fn has_private_key(body: &str) -> bool {
    body.split(|character: char| !character.is_ascii_alphanumeric()).any(|word| {
        // Of an extended key by its beginning alone: within a public one these letters stand by chance.
        word.get(1..4) == Some("prv")
            || (51..=52).contains(&word.len())
                && chaincore_consensus::address::decode_base58_check(word, 34).is_some()
    })
}
