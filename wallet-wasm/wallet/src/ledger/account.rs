//! An account: two descriptors, one for receiving and one for change, and how far their addresses are in use.

use bitcoin::ScriptBuf;
use bitcoin::secp256k1::{Secp256k1, VerifyOnly};
use miniscript::{DefiniteDescriptorKey, Descriptor, DescriptorPublicKey};
use serde::{Deserialize, Serialize};

/// Which of an account's two chains of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keychain {
    /// Addresses that are handed out.
    Receive,
    /// Addresses that change goes to.
    Change,
}

impl Keychain {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Receive, Self::Change];

    pub(super) fn position(self) -> usize {
        match self {
            Self::Receive => 0,
            Self::Change => 1,
        }
    }
}

/// What an account is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSpec {
    /// What people call it.
    pub name: String,
    /// The descriptor of the addresses that are handed out. One with two paths (`<0;1>`, BIP389) brings its change
    /// addresses along.
    pub receive: String,
    /// The descriptor of change addresses. Without one, change goes to addresses of `receive`.
    pub change: Option<String>,
    /// Whether this wallet holds the keys. If not, it only watches.
    pub held: bool,
}

/// Why an account can't be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Not a descriptor, or its checksum is wrong.
    #[error("not a descriptor: {0}")]
    Descriptor(String),
    /// Its addresses can't be derived without private keys.
    #[error("a descriptor with a hardened step below its public key has no addresses: {0}")]
    Hardened(String),
    /// Nothing can be sent to it, or nothing can spend it.
    #[error("the descriptor is not one to hold coins with: {0}")]
    Unsafe(String),
    /// More or less than two paths.
    #[error("a descriptor may have one path or two (receive; change), not {0}")]
    Paths(usize),
    /// It is there already.
    #[error("the account is there already: {0}")]
    Duplicate(String),
    /// Every account costs scripts to watch.
    #[error("a wallet has at most {0} accounts")]
    TooMany(usize),
    /// No such account.
    #[error("no account '{0}'")]
    Unknown(String),
}

impl AccountError {
    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Descriptor(_) => "bad_descriptor",
            Self::Hardened(_) => "hardened_descriptor",
            Self::Unsafe(_) => "unsafe_descriptor",
            Self::Paths(_) => "too_many_branches",
            Self::Duplicate(_) => "account_exists",
            Self::TooMany(_) => "too_many_accounts",
            Self::Unknown(_) => "no_such_account",
        }
    }
}

/// How many of a chain's addresses are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Use {
    /// How many addresses were handed out or used: the index of the next one.
    pub next: u32,
    /// One more than the highest index that a transaction used; 0 if none.
    pub seen: u32,
    /// How many scripts are watched.
    pub watched: u32,
}

/// An account of a ledger.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "Stored", try_from = "Stored")]
pub struct Account {
    id: String,
    name: String,
    held: bool,
    chains: Vec<Descriptor<DescriptorPublicKey>>,
    pub(super) used: [Use; 2],
}

/// How an account is written.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    name: String,
    held: bool,
    receive: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    change: Option<String>,
    used: [Use; 2],
}

impl From<Account> for Stored {
    fn from(account: Account) -> Self {
        Self {
            receive: account.descriptor(Keychain::Receive).to_string(),
            change: account.chains.get(1).map(ToString::to_string),
            name: account.name,
            held: account.held,
            used: account.used,
        }
    }
}

impl TryFrom<Stored> for Account {
    type Error = AccountError;

    fn try_from(stored: Stored) -> Result<Self, AccountError> {
        let Stored { name, held, receive, change, used } = stored;
        let account = Self::new(AccountSpec { name, receive, change, held })?;
        Ok(Self { used, ..account })
    }
}

impl Account {
    pub(super) fn new(spec: AccountSpec) -> Result<Self, AccountError> {
        let mut chains = parse(&spec.receive)?;
        if let Some(change) = &spec.change {
            let mut change = parse(change)?;
            if chains.len() + change.len() != 2 {
                return Err(AccountError::Paths(chains.len() + change.len()));
            }
            chains.append(&mut change);
        }
        let shown = chains[0].to_string();
        // The checksum tells descriptors apart as well as eight characters can, and comes out the same wherever the
        // wallet is restored.
        let id = shown.rsplit('#').next().unwrap_or_default().to_string();
        Ok(Self { id, name: spec.name, held: spec.held, chains, used: Default::default() })
    }

    /// The account's id: the checksum of its receiving descriptor.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn set_name(&mut self, name: String) {
        self.name = name;
    }

    /// Whether this wallet holds the keys.
    pub fn held(&self) -> bool {
        self.held
    }

    /// `legacy`, `nested`, `segwit`, `taproot`, or `script` for anything that is not one key with a standard path.
    pub fn kind(&self) -> &'static str {
        use miniscript::descriptor::DescriptorType as Type;
        match self.chains[0].desc_type() {
            Type::Pkh => "legacy",
            Type::ShWpkh => "nested",
            Type::Wpkh => "segwit",
            Type::Tr if self.chains[0].tap_tree().is_none() => "taproot",
            _ => "script",
        }
    }

    /// The chain that serves for this one: an account without change addresses uses those for receiving.
    pub(super) fn chain(&self, keychain: Keychain) -> Keychain {
        if self.chains.len() < 2 { Keychain::Receive } else { keychain }
    }

    /// The chains that it really has.
    pub(super) fn keychains(&self) -> &'static [Keychain] {
        &Keychain::ALL[..self.chains.len()]
    }

    /// The descriptor of a chain; its `Display` writes the checksum.
    pub fn descriptor(&self, keychain: Keychain) -> &Descriptor<DescriptorPublicKey> {
        &self.chains[self.chain(keychain).position()]
    }

    /// How many addresses of a chain were handed out or used.
    pub fn next_index(&self, keychain: Keychain) -> u32 {
        self.used[self.chain(keychain).position()].next
    }

    /// The descriptor of one address.
    pub fn at(&self, keychain: Keychain, index: u32) -> Descriptor<DefiniteDescriptorKey> {
        self.descriptor(keychain)
            .at_derivation_index(index)
            .expect("indexes stay below 2^31, and descriptors with hardened steps are refused")
    }

    /// The script of one address.
    pub fn script(&self, secp: &Secp256k1<VerifyOnly>, keychain: Keychain, index: u32) -> ScriptBuf {
        self.at(keychain, index).derived_descriptor(secp).script_pubkey()
    }

    /// Whether a chain has more than one address.
    pub fn is_ranged(&self, keychain: Keychain) -> bool {
        self.descriptor(keychain).has_wildcard()
    }

    /// The most weight that the signatures of one input take: script and witness, without the lengths of a bare
    /// input.
    pub fn satisfaction_weight(&self) -> u64 {
        self.chains[0].max_weight_to_satisfy().map_or(0, bitcoin::Weight::to_wu)
    }

    /// Whether inputs of this account carry a witness.
    pub fn is_segwit(&self) -> bool {
        use miniscript::descriptor::DescriptorType as Type;
        !matches!(self.chains[0].desc_type(), Type::Bare | Type::Sh | Type::Pkh | Type::ShSortedMulti)
    }

    /// Whether inputs of this account are taproot's, whose signatures cover the amounts of all inputs.
    pub fn is_taproot(&self) -> bool {
        self.chains[0].desc_type() == miniscript::descriptor::DescriptorType::Tr
    }
}

/// The descriptors that a text stands for: one, or two for one with two paths.
fn parse(text: &str) -> Result<Vec<Descriptor<DescriptorPublicKey>>, AccountError> {
    let descriptor: Descriptor<DescriptorPublicKey> = text
        .trim()
        .parse()
        .map_err(|error: miniscript::Error| AccountError::Descriptor(error.to_string()))?;
    descriptor.sanity_check().map_err(|error| AccountError::Unsafe(error.to_string()))?;
    if descriptor.max_weight_to_satisfy().is_err() {
        return Err(AccountError::Unsafe("it can't be spent".into()));
    }
    let chains =
        descriptor.into_single_descriptors().map_err(|error| AccountError::Descriptor(error.to_string()))?;
    if chains.is_empty() || chains.len() > 2 {
        return Err(AccountError::Paths(chains.len()));
    }
    for chain in &chains {
        if chain.at_derivation_index(0).is_err() {
            return Err(AccountError::Hardened(chain.to_string()));
        }
    }
    Ok(chains)
}
