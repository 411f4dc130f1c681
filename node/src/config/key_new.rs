//! `chaincored key new`: a key to mine to, for whoever has no wallet yet; with `--node`, the key of a node in a
//! private network.

use crate::p2p::authentication::NodeKey;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use chaincore_consensus::address::{Address, WifKey};
use chaincore_consensus::hex;
use chaincore_consensus::params::ChainParams;
use chaincore_rpc::conf::Chain;
use clap::Parser;
use secp256k1::{PublicKey, SecretKey};

/// Make a private key, write it to a file that only you can read, and print its address.
#[derive(Debug, Parser)]
#[command(name = "chaincored key new", about, version)]
pub(super) struct NewKey {
    /// The file to write: the key in WIF and its address, one per line; it must not exist yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The chain whose address format is used.
    #[arg(long, default_value = "chaincore", conflicts_with = "chain_file")]
    chain: String,
    /// Make the key of a node instead, for -nodekey, and print its public key, for -peerkeys of the others.
    #[arg(long, conflicts_with_all = ["chain", "chain_file"])]
    node: bool,
    /// A chain of one's own whose address format is used.
    #[arg(long, value_name = "FILE")]
    chain_file: Option<PathBuf>,
}

impl NewKey {
    /// Makes the key and writes its file; the address, for the terminal.
    pub(super) fn run(&self) -> anyhow::Result<String> {
        if self.node {
            let key = NodeKey::random()?;
            key.write(&self.out)?;
            return Ok(format!("{}\n", hex::encode(&key.public())));
        }
        let params = match &self.chain_file {
            Some(path) => Chain::from_file(path)?.params,
            None => Arc::new(ChainParams::by_name(&self.chain).ok_or_else(|| {
                anyhow::anyhow!("unknown chain '{}': one of {}", self.chain, ChainParams::NAMES.join(", "))
            })?),
        };
        let secret = random_key()?;
        let key = WifKey { secret, compressed: true };
        let address = Address::p2wpkh(&PublicKey::from_secret_key(&secret)).to_text(&params.addresses);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.out);
        let mut file =
            file.map_err(|error| anyhow::anyhow!("{} was not written: {error}", self.out.display()))?;
        writeln!(file, "{}\n{address}", key.to_text(&params.addresses))?;
        file.sync_all()?;
        Ok(format!("{address}\n"))
    }
}

/// A key of the system's randomness.
fn random_key() -> anyhow::Result<SecretKey> {
    loop {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| anyhow::anyhow!("the system has no randomness: {error}"))?;
        // All but one in 2^127 numbers are keys.
        if let Ok(key) = SecretKey::from_secret_bytes(bytes) {
            return Ok(key);
        }
    }
}
