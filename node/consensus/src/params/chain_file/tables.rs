//! The tables of a chain file as they are read: which keys there are, and of which type each is.

#[cfg(not(target_family = "wasm"))]
use super::error::ChainFileError;
use serde::Deserialize;

/// The file that the text is.
#[cfg(not(target_family = "wasm"))]
pub(super) fn parse(text: &str) -> Result<ChainFile, ChainFileError> {
    toml::from_str(text).map_err(|error| ChainFileError::Syntax(error.to_string().trim_end().to_owned()))
}

/// The whole file. Every key may be missing: what that means is said where the chain is made of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChainFile {
    pub(super) name: Option<String>,
    pub(super) magic: Option<String>,
    pub(super) p2p_port: Option<i64>,
    pub(super) rpc_port: Option<i64>,
    pub(super) target_block_time: Option<i64>,
    pub(super) initial_reward: Option<Coins>,
    pub(super) halving_interval: Option<i64>,
    pub(super) coinbase_maturity: Option<i64>,
    pub(super) mockable: Option<bool>,
    pub(super) signet_challenge: Option<String>,
    pub(super) minimum_chain_work: Option<String>,
    pub(super) dns_seeds: Option<Vec<String>>,
    pub(super) fixed_seeds: Option<Vec<String>>,
    #[serde(default)]
    pub(super) difficulty: DifficultyTable,
    #[serde(default)]
    pub(super) genesis: GenesisTable,
    #[serde(default)]
    pub(super) addresses: AddressTable,
    #[serde(default)]
    pub(super) deployments: DeploymentTable,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct DifficultyTable {
    pub(super) leading_hex_zeros: Option<i64>,
    pub(super) bits: Option<String>,
    pub(super) limit: Option<String>,
    pub(super) retarget: Option<String>,
    pub(super) half_life: Option<i64>,
    pub(super) anchor: Option<String>,
    pub(super) interval: Option<i64>,
    pub(super) bip94: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct GenesisTable {
    pub(super) message: Option<String>,
    pub(super) time: Option<i64>,
    pub(super) bits: Option<String>,
    pub(super) reward: Option<Coins>,
    pub(super) script: Option<String>,
    pub(super) nonce: Option<i64>,
    pub(super) hash: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct AddressTable {
    pub(super) p2pkh: Option<i64>,
    pub(super) p2sh: Option<i64>,
    pub(super) wif: Option<i64>,
    pub(super) xpub: Option<String>,
    pub(super) xprv: Option<String>,
    pub(super) bech32: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct DeploymentTable {
    pub(super) bip34: Option<i64>,
    pub(super) bip65: Option<i64>,
    pub(super) bip66: Option<i64>,
    pub(super) csv: Option<i64>,
    pub(super) segwit: Option<i64>,
    pub(super) taproot: Option<i64>,
}

/// Coins as a text or as a number.
pub(super) struct Coins(pub(super) String);

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
