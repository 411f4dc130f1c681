//! Writing a chain as its file.

use crate::hex;
use crate::params::{AsertAnchor, ChainParams, Retarget};
use crate::pow::Work;
use std::fmt::Write;

/// Writes all that a chain file says, with comments.
pub(super) fn write_chain(out: &mut String, params: &ChainParams) -> std::fmt::Result {
    let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
    writeln!(out, "# A chain of its own. Everyone on it needs this very file: the first block is in it.")?;
    writeln!(out, "name = {}", quote(&params.name))?;
    writeln!(out, "# What messages between peers and stored blocks begin with.")?;
    writeln!(out, "magic = \"{}\"", hex::encode(&params.magic))?;
    writeln!(out, "p2p_port = {}\nrpc_port = {}", params.p2p_port, params.rpc_port)?;
    if !params.dns_seeds.is_empty() {
        let seeds: Vec<String> = params.dns_seeds.iter().map(|seed| quote(seed)).collect();
        writeln!(out, "dns_seeds = [{}]", seeds.join(", "))?;
    }
    if !params.fixed_seeds.is_empty() {
        let seeds: Vec<String> = params.fixed_seeds.iter().map(|seed| quote(&seed.to_string())).collect();
        writeln!(out, "fixed_seeds = [{}]", seeds.join(", "))?;
    }
    writeln!(out, "# Seconds between blocks that the difficulty aims at.")?;
    writeln!(out, "target_block_time = {}", params.target_spacing)?;
    writeln!(out, "# New coins per block, and after how many blocks they halve.")?;
    writeln!(out, "initial_reward = \"{}\"", params.initial_subsidy)?;
    writeln!(out, "halving_interval = {}", params.halving_interval)?;
    writeln!(out, "# How deep a reward must be before it can be spent.")?;
    writeln!(out, "coinbase_maturity = {}", params.coinbase_maturity)?;
    writeln!(out, "# Whether the clock may be set for tests (setmocktime).")?;
    writeln!(out, "mockable = {}", params.mockable)?;
    if let Some(challenge) = &params.signet_challenge {
        writeln!(out, "# The script that every block must satisfy (BIP325).")?;
        writeln!(out, "signet_challenge = \"{}\"", hex::encode(challenge))?;
    }
    if params.minimum_chain_work != Work::ZERO {
        writeln!(out, "# The expected hashes of the whole chain by now: a chain of less is not followed.")?;
        writeln!(out, "minimum_chain_work = \"{}\"", params.minimum_chain_work)?;
    }
    write_difficulty(out, params)?;
    let genesis = &params.genesis;
    let coinbase = &genesis.transactions[0];
    let header = &genesis.header;
    writeln!(out, "\n# The first block. Its reward can't be spent.\n[genesis]")?;
    writeln!(out, "message = {}", quote(&genesis_message(&coinbase.inputs[0].script_sig)))?;
    writeln!(out, "time = {}\nbits = \"{:08x}\"", header.time, header.bits)?;
    writeln!(out, "reward = \"{}\"", coinbase.outputs[0].value)?;
    writeln!(out, "script = \"{}\"", hex::encode(&coinbase.outputs[0].script_pubkey))?;
    writeln!(out, "nonce = {}\nhash = \"{}\"", header.nonce, params.genesis_hash)?;
    let formats = &params.addresses;
    writeln!(
        out,
        "\n# How addresses and keys are written; the defaults are Bitcoin mainnet's.\n[addresses]"
    )?;
    writeln!(out, "p2pkh = {}\np2sh = {}\nwif = {}", formats.p2pkh, formats.p2sh, formats.wif)?;
    writeln!(out, "xpub = \"{}\"\nxprv = \"{}\"", hex::encode(&formats.xpub), hex::encode(&formats.xprv))?;
    writeln!(out, "bech32 = {}", quote(&formats.bech32_hrp))?;
    let heights = &params.deployments;
    writeln!(out, "\n# From which heights the soft forks hold.\n[deployments]")?;
    writeln!(out, "bip34 = {}\nbip65 = {}\nbip66 = {}", heights.bip34, heights.bip65, heights.bip66)?;
    writeln!(out, "csv = {}\nsegwit = {}\ntaproot = {}", heights.csv, heights.segwit, heights.taproot)
}

fn write_difficulty(out: &mut String, params: &ChainParams) -> std::fmt::Result {
    writeln!(out, "\n[difficulty]")?;
    writeln!(
        out,
        "# The start as a compact target (or leading_hex_zeros = n), and the easiest target ever allowed."
    )?;
    let start = match params.retarget {
        Retarget::Fixed(bits) => bits,
        _ => params.genesis.header.bits,
    };
    writeln!(out, "bits = \"{start:08x}\"\nlimit = \"{}\"", params.pow_limit)?;
    let retarget = match params.retarget {
        Retarget::Bitcoin2016 => "bitcoin2016",
        Retarget::TestnetMinDifficulty => "testnet-min-difficulty",
        Retarget::NoRetarget => "none",
        Retarget::Fixed(_) => "fixed",
        Retarget::Asert { .. } => "asert",
    };
    writeln!(out, "# asert, bitcoin2016, testnet-min-difficulty, none or fixed.\nretarget = \"{retarget}\"")?;
    if let Retarget::Asert { half_life, anchor } = params.retarget {
        let anchor = match anchor {
            AsertAnchor::Genesis => "genesis",
            AsertAnchor::Parent => "parent",
        };
        writeln!(
            out,
            "# Seconds of lead or lag that double or halve the difficulty, measured from this block."
        )?;
        writeln!(out, "half_life = {half_life}\nanchor = \"{anchor}\"")?;
    }
    writeln!(out, "# Blocks per retarget interval, and whether BIP94's rules hold at its ends.")?;
    writeln!(out, "interval = {}\nbip94 = {}", params.retarget_interval(), params.enforce_bip94)
}

/// The text in a first block's coinbase: the last push of the script that [`GenesisSpec::build`](crate::params::GenesisSpec::build) makes.
fn genesis_message(script_sig: &[u8]) -> String {
    let pushed = match script_sig.get(7..) {
        Some([0x4c, _, text @ ..] | [0x4d, _, _, text @ ..] | [_, text @ ..]) => text,
        _ => &[],
    };
    String::from_utf8_lossy(pushed).into_owned()
}
