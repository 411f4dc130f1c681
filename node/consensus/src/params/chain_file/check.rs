//! From the tables to a chain: what may be missing, what must fit together, and the first block.

use super::error::{ChainFileError, bad};
use super::tables::{AddressTable, ChainFile, DeploymentTable, DifficultyTable, GenesisTable};
use super::values::{compact, fixed_seeds, four_bytes, integer, name, reward, script, work};
use crate::amount::Amount;
use crate::block::Block;
use crate::hash::BlockHash;
use crate::params::builtin::{FROM_THE_START, main_addresses, signet_magic};
use crate::params::{
    AddressFormat, AsertAnchor, BuriedHeights, ChainParams, GenesisSpec, Retarget, mine_genesis,
};
use crate::pow::{Target, Work};
use crate::script::Script;

impl ChainParams {
    /// The chain of these tables. `mine`: finds the first block's nonce where there is none.
    pub(super) fn described(file: ChainFile, mine: bool) -> Result<Self, ChainFileError> {
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
