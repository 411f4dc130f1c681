//! Templates and the built-in miner.

use chaincore_consensus::address::Address;
use chaincore_consensus::amount::Amount;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::script::Script;
use chaincore_rpc::conf::{Conf, ConfError};

use super::mempool::fee_rate;

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
}

impl MiningConfig {
    pub(super) fn read(conf: &Conf, params: &ChainParams) -> Result<Self, ConfError> {
        let settings = &conf.settings;
        let mine = match settings.text("mine") {
            None => None,
            Some(text) => match Address::parse(&text, &params.addresses) {
                Ok(address) => Some((text, address.script_pubkey())),
                Err(error) => {
                    let allowed = format!("an address of chain {} ({error})", params.name);
                    return Err(settings.bad_value("mine", &text, &allowed));
                }
            },
        };
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let threads = match settings.number("minethreads", 0..=1024)?.unwrap_or(1) {
            0 => cores,
            threads => threads,
        };
        let max_weight = settings.number("blockmaxweight", 0..=u32::MAX)?.unwrap_or(MAX_WEIGHT);
        let reserved_weight = settings.number("blockreservedweight", 0..=u32::MAX)?.unwrap_or(8000);
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
        Ok(Self {
            mine,
            threads,
            max_weight,
            reserved_weight,
            min_fee: fee_rate(conf, "blockmintxfee", 1)?,
            block_version: settings.number("blockversion", i32::MIN..=i32::MAX)?,
        })
    }
}
