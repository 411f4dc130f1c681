//! Templates and the built-in miner.

use chaincore_consensus::address::Address;
use chaincore_consensus::amount::Amount;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::script::Script;
use chaincore_rpc::conf::{Conf, ConfError};

use super::mempool::fee_rate;
use crate::mempool::FeeRate;
use crate::stratum::{DEFAULT_PORT, StratumOptions};
use crate::sv2::{HANDSHAKE, KEY_FILE, MAX_CONNECTIONS, STALE_KEPT, Sv2Options};
use crate::template::TemplateOptions;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// No block may weigh more (BIP141).
const MAX_WEIGHT: u32 = 4_000_000;
/// Less than this is no room for a coinbase (Core's safety value).
const MIN_RESERVED_WEIGHT: u32 = 2000;

/// How blocks are made.
#[derive(Debug, Clone)]
pub struct MiningConfig {
    /// Where the rewards of the built-in miner go: the address as given, and its script.
    pub mine: Option<(String, Script)>,
    /// Its threads, at least 1.
    pub threads: usize,
    /// Largest weight of a template.
    pub max_weight: u32,
    /// Weight kept free in it.
    pub reserved_weight: u32,
    /// Lowest fee rate of its transactions, in satoshis per 1000 virtual bytes.
    pub min_fee: Amount,
    /// Version of its blocks, if it is not computed.
    pub block_version: Option<i32>,
    /// How mining machines are served, if they are.
    pub stratum: Option<StratumOptions>,
    /// How pools and job declarators are served with templates, if they are.
    pub sv2: Option<Sv2Options>,
    /// Warnings of options that do nothing without another.
    pub unused: Vec<String>,
}

/// Options with the one without which they do nothing.
const NEEDED: &[(&str, &[&str])] = &[
    ("mine", &["minethreads"]),
    ("stratum", &["stratumaddress", "stratumdifficulty", "stratummaxconnections"]),
    ("sv2", &["sv2bind", "sv2port", "sv2interval", "sv2feedelta"]),
];

impl MiningConfig {
    pub(super) fn read(conf: &Conf, params: &ChainParams) -> Result<Self, ConfError> {
        let settings = &conf.settings;
        let mine = payee(conf, params, "mine")?;
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let threads = match settings.number("minethreads", 0..=1024)?.unwrap_or(1) {
            0 => cores,
            threads => threads,
        };
        let max_weight = settings.number("blockmaxweight", 0..=u32::MAX)?.unwrap_or(MAX_WEIGHT);
        let reserved_weight = settings.number("blockreservedweight", 0..=u32::MAX)?.unwrap_or(8000);
        let stratum = stratum(conf, params, mine.as_ref().map(|(_, script)| script))?;
        let wrong = |text: String| Err(ConfError::Value(text));
        if reserved_weight < MIN_RESERVED_WEIGHT {
            return wrong(format!(
                "-blockreservedweight ({reserved_weight}) is lower than minimum safety value of ({MIN_RESERVED_WEIGHT})"
            ));
        }
        for (name, weight) in [("-blockreservedweight", reserved_weight), ("-blockmaxweight", max_weight)] {
            if weight > MAX_WEIGHT {
                return wrong(format!(
                    "{name} ({weight}) exceeds consensus maximum block weight ({MAX_WEIGHT})"
                ));
            }
        }
        if reserved_weight > max_weight {
            return wrong(format!(
                "-blockreservedweight ({reserved_weight}) exceeds -blockmaxweight ({max_weight})"
            ));
        }
        let min_fee = fee_rate(conf, "blockmintxfee", 1)?;
        let block_version = settings.number("blockversion", i32::MIN..=i32::MAX)?;
        let template = TemplateOptions {
            max_weight: max_weight.into(),
            min_rate: FeeRate(min_fee.sat()),
            version: block_version,
            ..TemplateOptions::paying_to(Script::new())
        };
        let sv2 = sv2(conf, params, template)?;
        let on = |name| match name {
            "mine" => mine.is_some(),
            "stratum" => stratum.is_some(),
            _ => sv2.is_some(),
        };
        let mut unused = Vec::new();
        for (needed, options) in NEEDED.iter().filter(|(needed, _)| !on(*needed)) {
            let given = options.iter().filter(|name| settings.is_set(name));
            unused.extend(given.map(|name| format!("-{name} has no effect without -{needed}")));
        }
        Ok(Self { mine, threads, max_weight, reserved_weight, min_fee, block_version, stratum, sv2, unused })
    }
}

/// The address of an option, as given, and its script.
fn payee(conf: &Conf, params: &ChainParams, name: &str) -> Result<Option<(String, Script)>, ConfError> {
    let Some(text) = conf.settings.text(name) else { return Ok(None) };
    match Address::parse(&text, &params.addresses) {
        Ok(address) => Ok(Some((text, address.script_pubkey()))),
        Err(error) => {
            let allowed = format!("an address of chain {} ({error})", params.name);
            Err(conf.settings.bad_value(name, &text, &allowed))
        }
    }
}

/// The options of the Stratum server, if `-stratum` switches it on.
fn stratum(
    conf: &Conf,
    params: &ChainParams,
    mine: Option<&Script>,
) -> Result<Option<StratumOptions>, ConfError> {
    let settings = &conf.settings;
    let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
    let text = settings.text("stratum").unwrap_or_else(|| "0".into());
    let listen = match text.as_str() {
        "0" => return Ok(None),
        // The option without a value.
        "1" | "" => SocketAddr::new(loopback, DEFAULT_PORT),
        text => text
            .parse()
            .or_else(|_| text.parse().map(|port| SocketAddr::new(loopback, port)))
            .map_err(|_| settings.bad_value("stratum", text, "a port, or address:port"))?,
    };
    let difficulty = match settings.text("stratumdifficulty") {
        None => None,
        Some(text) => match text.parse::<f64>() {
            Ok(difficulty) if difficulty > 0.0 && difficulty.is_finite() => Some(difficulty),
            _ => return Err(settings.bad_value("stratumdifficulty", &text, "a number above 0")),
        },
    };
    let payout = payee(conf, params, "stratumaddress")?.map(|(_, script)| script);
    let max_connections = settings.number("stratummaxconnections", 1..=100_000)?.unwrap_or(1000);
    Ok(Some(StratumOptions { listen, payout: payout.or_else(|| mine.cloned()), difficulty, max_connections }))
}

/// The port that the configurations of pools and job declarators have for a template provider on the same machine.
fn sv2_port(params: &ChainParams) -> u16 {
    match params.name.as_str() {
        "testnet4" => 48442,
        "signet" => 38442,
        "regtest" => 18447,
        _ => 8442,
    }
}

/// The options of the template provider, if `-sv2` switches it on.
fn sv2(
    conf: &Conf,
    params: &ChainParams,
    template: TemplateOptions,
) -> Result<Option<Sv2Options>, ConfError> {
    let settings = &conf.settings;
    let on = settings.switch_or("sv2", false)?;
    let port = settings.port("sv2port")?.unwrap_or_else(|| sv2_port(params));
    let text = settings.text("sv2bind").unwrap_or_else(|| "127.0.0.1".into());
    let listen = text
        .parse()
        .or_else(|_| text.parse().map(|address: IpAddr| SocketAddr::new(address, port)))
        .map_err(|_| settings.bad_value("sv2bind", &text, "an IP address, or address:port"))?;
    let interval = settings.number("sv2interval", 1..=86_400)?.unwrap_or(30);
    let fee_delta = settings.number("sv2feedelta", 1..=i64::MAX)?.unwrap_or(1000);
    Ok(on.then(|| Sv2Options {
        listen,
        key_file: conf.chain_path(KEY_FILE),
        interval: Duration::from_secs(interval),
        fee_delta,
        max_connections: MAX_CONNECTIONS,
        handshake: HANDSHAKE,
        stale_kept: STALE_KEPT,
        template,
    }))
}
