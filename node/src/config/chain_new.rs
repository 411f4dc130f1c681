//! `chaincored chain new`: founding a chain of one's own.

use std::path::PathBuf;

use chaincore_consensus::params::ChainParams;
use clap::Parser;

/// Write a file that defines a chain of one's own, with its first block mined.
#[derive(Debug, Parser)]
#[command(name = "chaincored chain new", about, version)]
pub(super) struct NewChain {
    /// Name of the chain: 1 to 32 of a-z, 0-9, - and _; also the name of its folder.
    #[arg(long)]
    name: String,
    /// The file to write; it must not exist yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Text in the first block (default: the name).
    #[arg(long)]
    message: Option<String>,
    /// Time of the first block in seconds since 1970 (default: now).
    #[arg(long, value_name = "SECONDS")]
    time: Option<u32>,
    /// Difficulty at the start, as leading hexadecimal zeros of a block hash (default: 3).
    #[arg(long, value_name = "N", conflicts_with = "bits")]
    leading_zeros: Option<u32>,
    /// Difficulty at the start, as 8 hexadecimal digits of a compact target.
    #[arg(long)]
    bits: Option<String>,
    /// How the difficulty follows: asert (default), bitcoin2016, testnet-min-difficulty, none or fixed.
    #[arg(long, value_name = "KIND")]
    retarget: Option<String>,
    /// For asert: seconds of lead or lag that double or halve the difficulty (default: six block times).
    #[arg(long, value_name = "SECONDS")]
    half_life: Option<u32>,
    /// Seconds between blocks that the difficulty aims at (default: 10).
    #[arg(long, value_name = "SECONDS")]
    block_time: Option<u32>,
    /// New coins per block (default: 50).
    #[arg(long, value_name = "COINS")]
    reward: Option<String>,
    /// Blocks after which the reward halves (default: 210000).
    #[arg(long, value_name = "BLOCKS")]
    halving: Option<u32>,
    /// Blocks before a reward can be spent (default: 100).
    #[arg(long, value_name = "BLOCKS")]
    maturity: Option<u32>,
    /// Port of JSON-RPC and REST (default: 5000).
    #[arg(long, value_name = "PORT")]
    rpc_port: Option<u16>,
    /// Port for peers (default: 8000).
    #[arg(long, value_name = "PORT")]
    p2p_port: Option<u16>,
    /// Four bytes that stored blocks and messages begin with, in hexadecimal (default: from the name).
    #[arg(long, value_name = "HEX")]
    magic: Option<String>,
    /// Prefix of segwit addresses (default: bc).
    #[arg(long, value_name = "PREFIX")]
    bech32: Option<String>,
    /// Version byte of P2PKH addresses (default: 0).
    #[arg(long, value_name = "BYTE")]
    p2pkh: Option<u8>,
    /// Version byte of P2SH addresses (default: 5).
    #[arg(long, value_name = "BYTE")]
    p2sh: Option<u8>,
    /// Let setmocktime stop the clock, for tests.
    #[arg(long)]
    mockable: bool,
}

impl NewChain {
    /// Founds the chain and writes its file; the text for the terminal.
    pub(super) fn run(&self) -> anyhow::Result<String> {
        let now = self.time.unwrap_or_else(|| {
            let since =
                std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
        });
        let params = ChainParams::found(&self.toml().to_string(), now)?;
        let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&self.out);
        let mut file =
            file.map_err(|error| anyhow::anyhow!("{} was not written: {error}", self.out.display()))?;
        std::io::Write::write_all(&mut file, params.to_toml().as_bytes())?;
        Ok(format!(
            "Chain {name} is founded: its first block is {hash}.\n\nGive {out} to everyone who takes part. Start a node \
             with\n\n    chaincored --chain-file {out}\n",
            name = params.name,
            hash = params.genesis_hash,
            out = self.out.display(),
        ))
    }

    /// The chain file without what follows from it. What is not given is left to the defaults of chain files.
    fn toml(&self) -> toml::Table {
        let mut chain = Table::default();
        chain.put("name", Some(self.name.clone()));
        chain.put("magic", self.magic.clone());
        chain.put("rpc_port", self.rpc_port.map(i64::from));
        chain.put("p2p_port", self.p2p_port.map(i64::from));
        chain.put("target_block_time", self.block_time.map(i64::from));
        chain.put("initial_reward", self.reward.clone());
        chain.put("halving_interval", self.halving.map(i64::from));
        chain.put("coinbase_maturity", self.maturity.map(i64::from));
        chain.put("mockable", self.mockable.then_some(true));
        let mut difficulty = Table::default();
        difficulty.put("leading_hex_zeros", self.leading_zeros.map(i64::from));
        difficulty.put("bits", self.bits.clone());
        difficulty.put("retarget", self.retarget.clone());
        difficulty.put("half_life", self.half_life.map(i64::from));
        chain.put("difficulty", Some(difficulty.0));
        let mut genesis = Table::default();
        genesis.put("message", self.message.clone());
        genesis.put("time", self.time.map(i64::from));
        chain.put("genesis", Some(genesis.0));
        let mut addresses = Table::default();
        addresses.put("bech32", self.bech32.clone());
        addresses.put("p2pkh", self.p2pkh.map(i64::from));
        addresses.put("p2sh", self.p2sh.map(i64::from));
        chain.put("addresses", Some(addresses.0));
        chain.0
    }
}

/// A table that leaves out what is not given.
#[derive(Default)]
struct Table(toml::Table);

impl Table {
    fn put(&mut self, key: &str, value: Option<impl Into<toml::Value>>) {
        if let Some(value) = value {
            self.0.insert(key.to_owned(), value.into());
        }
    }
}
