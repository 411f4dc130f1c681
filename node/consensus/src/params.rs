//! A chain as data: everything in which one network differs from another.
//!
//! The rules read a [`ChainParams`] and never ask for a chain by name, so the built-in chains, `-test=bip94`,
//! `-testactivationheight` and a network out of a TOML file all run through the same code.
//!
//! # The pace of `chaincore`
//! One core finds three leading hexadecimal zeros in a millisecond, so the chain must speed through its first
//! blocks to the difficulty at which a block takes ten seconds, and again when it has slept. Its retargeting is
//! ASERT measured from each block's parent ([`AsertAnchor::Parent`]): a block found right away makes the next
//! one `2^(10/half-life)` times harder. `difficulty::tests::the_pace_of_chaincore` simulates a miner of 5 MH/s
//! over 40 seeds; per half-life, with the spread as the standard deviation of one block's spacing:
//!
//! | half-life | blocks until the pace is reached | seconds that takes | mean spacing after | spread | blocks after 8 h of sleep |
//! |---|---|---|---|---|---|
//! | 30 s | 49 | 83 | 10.0 s | 11.6 s | 20 |
//! | 60 s | 102 | 210 | 10.0 s | 10.7 s | 41 |
//! | 90 s | 150 | 291 | 10.0 s | 10.4 s | 60 |
//! | 120 s | 194 | 324 | 10.0 s | 10.3 s | 81 |
//!
//! A longer half-life is calmer by little and ramps longer; 60 s leaves room for a hundred times the hash rate (140
//! blocks). After a night's sleep the first block still has the old difficulty, and the next ones are easier by at
//! most a factor of sixteen, so there is no flood; a schedule since genesis would owe 2,880 blocks. That bound also
//! keeps a block with a time two hours ahead from stalling the chain: see [`AsertAnchor::Parent`]. Timestamps run at
//! most 9 s ahead of the clock, where the median time past pushes them during the ramp.

mod builtin;
mod chain_file;
mod genesis;

pub use chain_file::ChainFileError;
pub use genesis::{GenesisSpec, mine_genesis};

use crate::amount::Amount;
use crate::block::Block;
use crate::hash::BlockHash;
use crate::pow::{Target, Work};
use crate::script::Script;
use core::net::SocketAddr;

/// A chain's rules and constants. All fields are plain data: a node may change them before it starts.
#[derive(Clone, PartialEq, Debug)]
pub struct ChainParams {
    /// The chain's name, as `getblockchaininfo` says it (`main`, `testnet4`, `signet`, `regtest`, `chaincore`).
    pub name: String,
    /// The folder below the data folder that the chain lives in; empty on `main`.
    pub data_subfolder: String,
    /// What P2P messages and stored blocks begin with.
    pub magic: [u8; 4],
    /// The default port for peers.
    pub p2p_port: u16,
    /// The default port for JSON-RPC and REST.
    pub rpc_port: u16,
    /// Names that give addresses of peers.
    pub dns_seeds: Vec<String>,
    /// Addresses of nodes that are known to stay, for whoever finds no others.
    pub fixed_seeds: Vec<SocketAddr>,
    /// The first block. Its coinbase output can't be spent.
    pub genesis: Block,
    /// The first block's hash.
    pub genesis_hash: BlockHash,
    /// The easiest target.
    pub pow_limit: Target,
    /// How targets follow from earlier blocks.
    pub retarget: Retarget,
    /// The time between blocks that retargeting aims at, in seconds.
    pub target_spacing: u32,
    /// The time that one retarget interval should take, in seconds. [`ChainParams::retarget_interval`] counts it
    /// in blocks; the timewarp rule and warnings use the interval on chains without interval retargeting too.
    pub target_timespan: u32,
    /// Whether BIP94's rules hold: no timewarp at retarget boundaries, and (with [`Retarget::TestnetMinDifficulty`]
    /// or [`Retarget::Bitcoin2016`]) retargeting from the interval's first block.
    pub enforce_bip94: bool,
    /// The new coins of the first blocks.
    pub initial_subsidy: Amount,
    /// After how many blocks the new coins halve; not 0.
    pub halving_interval: u32,
    /// How many blocks deep a coinbase must be before it can be spent.
    pub coinbase_maturity: u32,
    /// How addresses and keys are written.
    pub addresses: AddressFormat,
    /// From which heights the soft forks hold.
    pub deployments: BuriedHeights,
    /// The block at the BIP34 height that proves that BIP30 need not be checked above it.
    pub bip34_hash: Option<BlockHash>,
    /// Blocks that repeat an earlier coinbase, against BIP30.
    pub bip30_repeats: Vec<(u32, BlockHash)>,
    /// Soft forks that miners vote on (BIP9).
    pub version_bits: Vec<VersionBitsDeployment>,
    /// Blocks whose scripts pass only with other flags: the bits of
    /// [`VerifyFlags`](crate::script::VerifyFlags) that replace P2SH, WITNESS and TAPROOT.
    pub script_flag_exceptions: Vec<(BlockHash, u32)>,
    /// The script that blocks must satisfy (BIP325).
    pub signet_challenge: Option<Script>,
    /// A chain with less work than this is not the one everybody else is on.
    pub minimum_chain_work: Work,
    /// Whether the clock may be set (`setmocktime`).
    pub mockable: bool,
}

/// How the target of a block follows from its ancestors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retarget {
    /// Once per interval, by the interval's duration, at most by a factor of four (Bitcoin).
    Bitcoin2016,
    /// As [`Retarget::Bitcoin2016`], but a block more than two spacings after its parent has the easiest target
    /// (testnets; with `enforce_bip94` as on testnet4).
    TestnetMinDifficulty,
    /// Every block has its parent's target (regtest).
    NoRetarget,
    /// Every block has this target, in compact form.
    Fixed(u32),
    /// After every block, exponentially (aserti3-2d of Bitcoin Cash).
    Asert {
        /// The lead or lag, in seconds, that halves or doubles the target; not 0.
        half_life: u32,
        /// The block that lead and lag are measured from.
        anchor: AsertAnchor,
    },
}

/// What ASERT measures the schedule from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AsertAnchor {
    /// The genesis block: the whole history keeps its average spacing, and a chain that slept catches up.
    Genesis,
    /// Each block's parent: a block moves the target by its own lead or lag alone, at most by four halvings or
    /// doublings, so a long pause is forgiven and a wrong clock does little.
    Parent,
}

/// How a chain writes addresses and keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddressFormat {
    /// The version byte of pay-to-public-key-hash addresses.
    pub p2pkh: u8,
    /// The version byte of pay-to-script-hash addresses.
    pub p2sh: u8,
    /// The version byte of private keys.
    pub wif: u8,
    /// The version of extended public keys (BIP32).
    pub xpub: [u8; 4],
    /// The version of extended private keys (BIP32).
    pub xprv: [u8; 4],
    /// The human-readable part of segwit addresses, in lower case.
    pub bech32_hrp: String,
}

/// The heights of the first blocks that a soft fork's rules hold for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BuriedHeights {
    /// The height in the coinbase.
    pub bip34: u32,
    /// `OP_CHECKLOCKTIMEVERIFY`.
    pub bip65: u32,
    /// Strict DER signatures.
    pub bip66: u32,
    /// Relative lock times and the median time past (BIP68, BIP112, BIP113).
    pub csv: u32,
    /// Witness commitments and `NULLDUMMY` (BIP141, BIP143, BIP147). Witness scripts run at every height.
    pub segwit: u32,
    /// Taproot scripts (BIP341, BIP342); 0 on all chains that Core knows.
    pub taproot: u32,
}

/// A soft fork that miners vote on with a bit of the version (BIP9).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VersionBitsDeployment {
    /// The name, as `getdeploymentinfo` says it.
    pub name: String,
    /// The bit of the version, below 29.
    pub bit: u8,
    /// When voting starts.
    pub start: DeploymentStart,
    /// The median time past at which voting has failed, in seconds since 1970; `i64::MAX` for never.
    pub timeout: i64,
    /// The least height at which the rules hold.
    pub min_activation_height: u32,
    /// How many blocks a voting period has; not 0.
    pub period: u32,
    /// How many blocks of a period must vote for it.
    pub threshold: u32,
    /// Whether miners that do not know the rule may mine all the same (no `!` in `getblocktemplate`'s `rules`).
    pub gbt_optional: bool,
}

/// When voting on a deployment starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeploymentStart {
    /// At this median time past, in seconds since 1970.
    Time(i64),
    /// No vote: it has always held (Core's `-1`).
    AlwaysActive,
    /// No vote: it never holds (Core's `-2`).
    NeverActive,
}

impl ChainParams {
    /// The names of the built-in chains.
    pub const NAMES: [&str; 5] = ["chaincore", "regtest", "testnet4", "signet", "main"];

    /// The built-in chain of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "chaincore" => Some(Self::chaincore()),
            "regtest" => Some(Self::regtest()),
            "testnet4" => Some(Self::testnet4()),
            "signet" => Some(Self::signet()),
            "main" => Some(Self::main()),
            _ => None,
        }
    }

    /// How many blocks a retarget interval has (Core's `DifficultyAdjustmentInterval`); at least 1.
    pub fn retarget_interval(&self) -> u32 {
        (self.target_timespan / self.target_spacing.max(1)).max(1)
    }

    /// Whether this is anything but Bitcoin's main network.
    pub fn is_test_chain(&self) -> bool {
        self.name != "main"
    }

    /// Makes a signet one of one's own: another challenge has another magic (BIP325), and nothing is known of its
    /// chain.
    pub fn set_signet_challenge(&mut self, challenge: Script) {
        self.magic = builtin::signet_magic(&challenge);
        self.signet_challenge = Some(challenge);
        self.minimum_chain_work = Work::ZERO;
        self.dns_seeds.clear();
        self.fixed_seeds.clear();
    }
}
