//! Chains of one's own: a TOML file that founds a network, and the same file with its first block mined.

#[cfg(any(test, target_family = "wasm"))]
mod small;
mod write;

use super::builtin::{FROM_THE_START, main_addresses, signet_magic};
use super::{AddressFormat, AsertAnchor, BuriedHeights, ChainParams, GenesisSpec, Retarget, mine_genesis};
use crate::amount::{Amount, MAX_MONEY};
use crate::block::Block;
use crate::hash::BlockHash;
use crate::hex;
use crate::pow::{Target, Work};
use crate::script::Script;
use core::net::SocketAddr;
use serde::Deserialize;

/// Why a text is not a chain file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFileError {
    /// The text is not TOML, a key is unknown, or a value has the wrong type; says where.
    #[error("chain file: {0}")]
    Syntax(String),
    /// A key that has no default is missing.
    #[error("chain file: key '{0}' is missing")]
    Missing(&'static str),
    /// A value is out of range or of an unknown form.
    #[error("chain file: {key} = {value}: {expected}")]
    Value {
        /// The key's full name.
        key: &'static str,
        /// What the file says.
        value: String,
        /// What it may say.
        expected: String,
    },
    /// The first block's proof of work is not done: the file has no nonce, or one that does not meet the target.
    #[error("chain file: genesis.nonce = {nonce}: block {hash} does not meet target {target}")]
    GenesisWork {
        /// The nonce given.
        nonce: u32,
        /// The hash it leads to.
        hash: BlockHash,
        /// The target it should meet.
        target: Target,
    },
    /// The first block is another than the file says.
    #[error("chain file: genesis.hash = {expected}: the file's first block is {actual}")]
    GenesisHash {
        /// What the file says.
        expected: BlockHash,
        /// What its other values make.
        actual: BlockHash,
    },
}

fn bad<T>(key: &'static str, value: impl ToString, expected: impl Into<String>) -> Result<T, ChainFileError> {
    Err(ChainFileError::Value { key, value: value.to_string(), expected: expected.into() })
}

/// Addresses with a port: names have their place among the DNS seeds.
fn fixed_seeds(listed: Vec<String>) -> Result<Vec<SocketAddr>, ChainFileError> {
    let parsed = listed.into_iter().map(|text| match text.parse::<SocketAddr>() {
        Ok(address) if address.port() != 0 => Ok(address),
        _ => bad("fixed_seeds", text, "expected addresses with a port, such as 203.0.113.7:8000"),
    });
    parsed.collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainFile {
    name: Option<String>,
    magic: Option<String>,
    p2p_port: Option<i64>,
    rpc_port: Option<i64>,
    target_block_time: Option<i64>,
    initial_reward: Option<Coins>,
    halving_interval: Option<i64>,
    coinbase_maturity: Option<i64>,
    mockable: Option<bool>,
    signet_challenge: Option<String>,
    minimum_chain_work: Option<String>,
    dns_seeds: Option<Vec<String>>,
    fixed_seeds: Option<Vec<String>>,
    #[serde(default)]
    difficulty: DifficultyTable,
    #[serde(default)]
    genesis: GenesisTable,
    #[serde(default)]
    addresses: AddressTable,
    #[serde(default)]
    deployments: DeploymentTable,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct DifficultyTable {
    leading_hex_zeros: Option<i64>,
    bits: Option<String>,
    limit: Option<String>,
    retarget: Option<String>,
    half_life: Option<i64>,
    anchor: Option<String>,
    interval: Option<i64>,
    bip94: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct GenesisTable {
    message: Option<String>,
    time: Option<i64>,
    bits: Option<String>,
    reward: Option<Coins>,
    script: Option<String>,
    nonce: Option<i64>,
    hash: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct AddressTable {
    p2pkh: Option<i64>,
    p2sh: Option<i64>,
    wif: Option<i64>,
    xpub: Option<String>,
    xprv: Option<String>,
    bech32: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct DeploymentTable {
    bip34: Option<i64>,
    bip65: Option<i64>,
    bip66: Option<i64>,
    csv: Option<i64>,
    segwit: Option<i64>,
    taproot: Option<i64>,
}

/// Coins as a text or as a number.
struct Coins(String);

impl<'de> Deserialize<'de> for Coins {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Coins;

            fn expecting(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                formatter.write_str("coins, as a text or a number")
            }

            fn visit_i64<E>(self, coins: i64) -> Result<Coins, E> {
                Ok(Coins(coins.to_string()))
            }

            #[cfg(not(target_family = "wasm"))]
            fn visit_f64<E>(self, coins: f64) -> Result<Coins, E> {
                Ok(Coins(coins.to_string()))
            }

            fn visit_str<E>(self, coins: &str) -> Result<Coins, E> {
                Ok(Coins(coins.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The integer at `key`, or the default, within the range.
fn integer<T: TryFrom<i64>>(
    key: &'static str,
    value: Option<i64>,
    default: T,
    range: std::ops::RangeInclusive<i64>,
) -> Result<T, ChainFileError> {
    let Some(value) = value else { return Ok(default) };
    let expected = || format!("expected a number from {} to {}", range.start(), range.end());
    if !range.contains(&value) {
        return bad(key, value, expected());
    }
    T::try_from(value).or_else(|_| bad(key, value, expected()))
}

fn four_bytes(key: &'static str, text: &str) -> Result<[u8; 4], ChainFileError> {
    let bytes = hex::decode(text).ok().and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
    bytes.map_or_else(|| bad(key, text, "expected 8 hexadecimal digits"), Ok)
}

fn work(key: &'static str, text: &str) -> Result<Work, ChainFileError> {
    text.parse().or_else(|_| bad(key, text, "expected 1 to 64 hexadecimal digits"))
}

fn script(key: &'static str, text: &str) -> Result<Script, ChainFileError> {
    match hex::decode(text) {
        Ok(bytes) if bytes.len() <= 10_000 => Ok(Script(bytes)),
        _ => bad(key, text, "expected a script of at most 10000 bytes in hexadecimal"),
    }
}

fn compact(key: &'static str, text: &str) -> Result<(u32, Target), ChainFileError> {
    let bits = if text.len() == 8 { u32::from_str_radix(text, 16).ok() } else { None };
    match bits.map(|bits| (bits, Target::from_compact(bits))) {
        Some((bits, Ok(target))) if target.to_compact() == bits => Ok((bits, target)),
        Some((_, Err(error))) => bad(key, text, error.to_string()),
        _ => bad(key, text, "expected a compact target of 8 hexadecimal digits"),
    }
}

fn reward(key: &'static str, value: Option<Coins>) -> Result<Amount, ChainFileError> {
    let Some(Coins(text)) = value else { return Ok(Amount::from_coins(50)) };
    match Amount::from_coins_text(&text) {
        Ok(amount) if (0..=MAX_MONEY).contains(&amount.sat()) => Ok(amount),
        _ => bad(key, text, "expected coins from 0 to 21000000 with at most 8 decimals"),
    }
}

/// Names that would be mistaken for a built-in chain or for a folder of the node's own.
const RESERVED_NAMES: [&str; 11] = [
    "main",
    "test",
    "testnet",
    "testnet3",
    "testnet4",
    "signet",
    "regtest",
    "chaincore",
    "blocks",
    "chainstate",
    "indexes",
];

fn name(value: Option<String>) -> Result<String, ChainFileError> {
    let name = value.ok_or(ChainFileError::Missing("name"))?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > 32 || name.starts_with('-') || !name.bytes().all(plain) {
        return bad("name", format!("'{name}'"), "expected 1 to 32 of a-z, 0-9, - and _");
    }
    if RESERVED_NAMES.contains(&name.as_str()) {
        return bad("name", format!("'{name}'"), "the name is taken");
    }
    Ok(name)
}

impl ChainParams {
    /// The chain that a chain file describes, its first block included: the nonce must be there and good.
    pub fn from_toml(text: &str) -> Result<Self, ChainFileError> {
        Self::described(parse(text)?, false)
    }

    /// The chain that a chain file describes; mines its first block where the file has no nonce for it. Where it
    /// has no time either, `now` (seconds since 1970) is the block's time.
    pub fn found(text: &str, now: u32) -> Result<Self, ChainFileError> {
        let has_time = parse(text)?.genesis.time.is_some();
        if has_time {
            return Self::described(parse(text)?, true);
        }
        let mut table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| ChainFileError::Syntax(error.to_string()))?;
        let genesis = table.entry("genesis").or_insert_with(|| toml::Table::new().into());
        if let Some(genesis) = genesis.as_table_mut() {
            genesis.insert("time".into(), i64::from(now).into());
        }
        Self::described(parse(&table.to_string())?, true)
    }

    fn described(file: ChainFile, mine: bool) -> Result<Self, ChainFileError> {
        let name = name(file.name)?;
        let p2p_port = integer("p2p_port", file.p2p_port, 8000, 1..=65535)?;
        let rpc_port = integer("rpc_port", file.rpc_port, 5000, 1..=65535)?;
        if p2p_port == rpc_port {
            return bad("rpc_port", rpc_port, "expected another port than p2p_port");
        }
        let signet_challenge =
            file.signet_challenge.map(|text| script("signet_challenge", &text)).transpose()?;
        let target_spacing = integer("target_block_time", file.target_block_time, 10, 1..=1_000_000)?;
        let (start_bits, pow_limit, retarget) = difficulty(&file.difficulty, target_spacing)?;
        let interval: u32 = integer("difficulty.interval", file.difficulty.interval, 2016, 2..=100_000)?;
        let Some(target_timespan) =
            interval.checked_mul(target_spacing).filter(|span| *span <= i32::MAX as u32)
        else {
            return bad("difficulty.interval", interval, "the interval would take longer than 68 years");
        };
        let initial_subsidy = reward("initial_reward", file.initial_reward)?;
        let genesis = genesis(file.genesis, &name, start_bits, pow_limit, initial_subsidy, mine)?;
        let magic = match (&file.magic, &signet_challenge) {
            (Some(text), _) => four_bytes("magic", text)?,
            (None, Some(challenge)) => signet_magic(challenge),
            // As the name: different networks should not talk by accident.
            (None, None) => signet_magic(name.as_bytes()),
        };
        Ok(Self {
            data_subfolder: name.clone(),
            name,
            magic,
            p2p_port,
            rpc_port,
            dns_seeds: file.dns_seeds.unwrap_or_default(),
            fixed_seeds: fixed_seeds(file.fixed_seeds.unwrap_or_default())?,
            genesis_hash: genesis.hash(),
            genesis,
            pow_limit,
            retarget,
            target_spacing,
            target_timespan,
            enforce_bip94: file.difficulty.bip94.unwrap_or(false),
            initial_subsidy,
            halving_interval: integer(
                "halving_interval",
                file.halving_interval,
                210_000,
                1..=u32::MAX.into(),
            )?,
            coinbase_maturity: integer("coinbase_maturity", file.coinbase_maturity, 100, 0..=1_000_000)?,
            addresses: addresses(file.addresses)?,
            deployments: deployments(&file.deployments)?,
            bip34_hash: None,
            bip30_repeats: Vec::new(),
            version_bits: Vec::new(),
            script_flag_exceptions: Vec::new(),
            signet_challenge,
            minimum_chain_work: file
                .minimum_chain_work
                .map_or(Ok(Work::ZERO), |text| work("minimum_chain_work", &text))?,
            mockable: file.mockable.unwrap_or(false),
        })
    }

    /// The chain file of this chain, with its first block's nonce and hash. Reading it back gives the same chain
    /// where it was made from such a file; what only Bitcoin's own chains have (voted deployments, exceptions)
    /// has no place in it.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        write::write_chain(&mut text, self).expect("writing to a string does not fail");
        text
    }
}

#[cfg(target_family = "wasm")]
use small::parse;

#[cfg(not(target_family = "wasm"))]
fn parse(text: &str) -> Result<ChainFile, ChainFileError> {
    toml::from_str(text).map_err(|error| ChainFileError::Syntax(error.to_string().trim_end().to_owned()))
}

fn difficulty(table: &DifficultyTable, spacing: u32) -> Result<(u32, Target, Retarget), ChainFileError> {
    let (start_bits, start) = match (&table.leading_hex_zeros, &table.bits) {
        (Some(_), Some(bits)) => {
            return bad("difficulty.bits", bits, "expected either leading_hex_zeros or bits, not both");
        }
        (None, Some(bits)) => compact("difficulty.bits", bits)?,
        (zeros, None) => {
            let zeros = integer("difficulty.leading_hex_zeros", *zeros, 3u32, 0..=60)?;
            let target = Target::from_leading_hex_zeros(zeros).expect("60 is below 64");
            (target.to_compact(), target)
        }
    };
    let limit = match &table.limit {
        None => start,
        Some(text) => match text.parse::<Target>() {
            Ok(limit) if limit >= start.rounded() => limit,
            Ok(_) => {
                return bad(
                    "difficulty.limit",
                    text,
                    format!("expected a target no harder than the start's {start}"),
                );
            }
            Err(error) => return bad("difficulty.limit", text, error.to_string()),
        },
    };
    let retarget = match table.retarget.as_deref() {
        None | Some("asert") => {
            let default = spacing.saturating_mul(6);
            let half_life = integer("difficulty.half_life", table.half_life, default, 1..=i32::MAX.into())?;
            let anchor = match table.anchor.as_deref() {
                None | Some("parent") => AsertAnchor::Parent,
                Some("genesis") => AsertAnchor::Genesis,
                Some(other) => {
                    return bad("difficulty.anchor", format!("'{other}'"), "expected 'parent' or 'genesis'");
                }
            };
            return Ok((start_bits, limit, Retarget::Asert { half_life, anchor }));
        }
        Some("bitcoin2016") => Retarget::Bitcoin2016,
        Some("testnet-min-difficulty") => Retarget::TestnetMinDifficulty,
        Some("none") => Retarget::NoRetarget,
        Some("fixed") => Retarget::Fixed(start_bits),
        Some(other) => {
            return bad(
                "difficulty.retarget",
                format!("'{other}'"),
                "expected 'asert', 'bitcoin2016', 'testnet-min-difficulty', 'none' or 'fixed'",
            );
        }
    };
    if let Some(half_life) = table.half_life {
        return bad("difficulty.half_life", half_life, "only retarget = 'asert' has a half-life");
    }
    if let Some(anchor) = &table.anchor {
        return bad("difficulty.anchor", format!("'{anchor}'"), "only retarget = 'asert' has an anchor");
    }
    Ok((start_bits, limit, retarget))
}

fn genesis(
    table: GenesisTable,
    name: &str,
    start_bits: u32,
    pow_limit: Target,
    initial_subsidy: Amount,
    mine: bool,
) -> Result<Block, ChainFileError> {
    let message = table.message.unwrap_or_else(|| name.to_owned());
    if message.len() > 1000 {
        return bad("genesis.message", format!("'{message}'"), "expected at most 1000 bytes");
    }
    let bits = match &table.bits {
        None => start_bits,
        Some(text) => match compact("genesis.bits", text)? {
            (_, target) if target > pow_limit => {
                return bad("genesis.bits", text, format!("expected a target within the limit {pow_limit}"));
            }
            (bits, _) => bits,
        },
    };
    let spec = GenesisSpec {
        message,
        script_pubkey: table.script.map_or(Ok(Script(vec![0x6a])), |text| script("genesis.script", &text))?,
        time: match table.time {
            None => return Err(ChainFileError::Missing("genesis.time")),
            time => integer("genesis.time", time, 0, 0..=u32::MAX.into())?,
        },
        bits,
        nonce: integer("genesis.nonce", table.nonce, 0, 0..=u32::MAX.into())?,
        reward: match table.reward {
            None => initial_subsidy,
            value => reward("genesis.reward", value)?,
        },
    };
    let block = match table.nonce {
        Some(_) => spec.build(),
        None if mine => mine_genesis(&spec).ok_or(ChainFileError::Missing("genesis.nonce"))?,
        None => return Err(ChainFileError::Missing("genesis.nonce")),
    };
    let hash = block.hash();
    let target = Target::from_compact(bits).expect("checked when it was read");
    if !target.is_met_by(&hash) {
        return Err(ChainFileError::GenesisWork { nonce: spec.nonce, hash, target });
    }
    if let Some(text) = table.hash {
        match text.parse::<BlockHash>() {
            Ok(expected) if expected == hash => {}
            Ok(expected) => return Err(ChainFileError::GenesisHash { expected, actual: hash }),
            Err(error) => return bad("genesis.hash", text, error.to_string()),
        }
    }
    Ok(block)
}

fn addresses(table: AddressTable) -> Result<AddressFormat, ChainFileError> {
    let main = main_addresses();
    let bech32_hrp = table.bech32.unwrap_or(main.bech32_hrp);
    let plain = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_uppercase();
    if !(1..=30).contains(&bech32_hrp.len()) || !bech32_hrp.bytes().all(plain) {
        return bad(
            "addresses.bech32",
            format!("'{bech32_hrp}'"),
            "expected 1 to 30 lower-case ASCII letters, digits or signs",
        );
    }
    let p2pkh = integer("addresses.p2pkh", table.p2pkh, main.p2pkh, 0..=255)?;
    let p2sh = integer("addresses.p2sh", table.p2sh, main.p2sh, 0..=255)?;
    if p2pkh == p2sh {
        return bad("addresses.p2sh", p2sh, "expected another version byte than addresses.p2pkh");
    }
    let version =
        |key, text: Option<String>, default| text.map_or(Ok(default), |text| four_bytes(key, &text));
    Ok(AddressFormat {
        p2pkh,
        p2sh,
        wif: integer("addresses.wif", table.wif, main.wif, 0..=255)?,
        xpub: version("addresses.xpub", table.xpub, main.xpub)?,
        xprv: version("addresses.xprv", table.xprv, main.xprv)?,
        bech32_hrp,
    })
}

fn deployments(table: &DeploymentTable) -> Result<BuriedHeights, ChainFileError> {
    let start = FROM_THE_START;
    let height = |key, value, default: u32| integer(key, value, default, 0..=i32::MAX.into());
    Ok(BuriedHeights {
        bip34: height("deployments.bip34", table.bip34, start.bip34)?,
        bip65: height("deployments.bip65", table.bip65, start.bip65)?,
        bip66: height("deployments.bip66", table.bip66, start.bip66)?,
        csv: height("deployments.csv", table.csv, start.csv)?,
        segwit: height("deployments.segwit", table.segwit, start.segwit)?,
        taproot: height("deployments.taproot", table.taproot, start.taproot)?,
    })
}

#[cfg(test)]
mod tests;
