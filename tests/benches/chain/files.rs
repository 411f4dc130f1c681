//! The chain as `blk` files in Core's framing.

use anyhow::{Context, Result, ensure};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::{Block, BlockHash};
use chaincore_tests::maker::{Maker, Mix};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// How large a chain to make.
#[derive(Debug, Clone, clap::Args)]
pub struct Plan {
    /// Blocks of transactions, after the blocks that only found coins.
    #[arg(long, default_value_t = 150)]
    pub blocks: u32,
    /// Inputs in each of them, about.
    #[arg(long, default_value_t = 2000)]
    pub inputs: u32,
    /// Out of 100 transactions, how many gather 50 inputs or spread to 50 outputs, each.
    #[arg(long, default_value_t = 2)]
    pub fan: u32,
    /// The seed of all choices.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What was made.
#[derive(Debug, Clone)]
pub struct Made {
    /// The files, in order.
    pub files: Vec<PathBuf>,
    /// The height of the tip.
    pub height: u32,
    /// The tip.
    pub tip: BlockHash,
    /// Transactions, coinbases included.
    pub transactions: u64,
    /// Inputs, coinbases not included.
    pub inputs: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// The largest a file gets, as Core's.
const MAX_FILE: u64 = 128 * 1024 * 1024;

/// Blocks that only found coins for the rest: those of more than one coinbase maturity.
pub const FOUNDING_BLOCKS: u32 = 120;

struct Writer {
    folder: PathBuf,
    magic: [u8; 4],
    file: Option<BufWriter<File>>,
    in_file: u64,
    files: Vec<PathBuf>,
    bytes: u64,
}

impl Writer {
    fn put(&mut self, block: &Block) -> Result<()> {
        let bytes = block.to_bytes();
        let framed = bytes.len() as u64 + 8;
        if self.file.is_none() || self.in_file + framed > MAX_FILE {
            let path = self.folder.join(format!("blk{:05}.dat", self.files.len()));
            let file = File::create(&path).with_context(|| path.display().to_string())?;
            if let Some(mut done) = self.file.replace(BufWriter::with_capacity(1 << 20, file)) {
                done.flush()?;
            }
            self.files.push(path);
            self.in_file = 0;
        }
        let file = self.file.as_mut().expect("opened above");
        file.write_all(&self.magic)?;
        file.write_all(&u32::try_from(bytes.len())?.to_le_bytes())?;
        file.write_all(&bytes)?;
        self.in_file += framed;
        self.bytes += framed;
        Ok(())
    }
}

/// Makes the chain in `folder`, telling `progress` of each block.
pub fn make(plan: &Plan, folder: &Path, mut progress: impl FnMut(u32)) -> Result<Made> {
    ensure!(plan.inputs >= 1 && plan.inputs <= 12_000, "--inputs must be 1 to 12000: a block holds no more");
    ensure!(plan.fan <= 50, "--fan must be at most 50");
    std::fs::create_dir_all(folder)?;
    let mut maker = Maker::regtest(plan.seed);
    let mut writer = Writer {
        folder: folder.to_path_buf(),
        magic: maker.params().magic,
        file: None,
        in_file: 0,
        files: Vec::new(),
        bytes: 0,
    };
    writer.put(&maker.params().genesis.clone())?;
    let (mut transactions, mut inputs) = (1u64, 0u64);
    for height in 1..=FOUNDING_BLOCKS + plan.blocks {
        let busy = if height > FOUNDING_BLOCKS { plan.inputs } else { 0 };
        let block = maker.next_block(Mix { inputs: busy, fan: plan.fan });
        transactions += block.transactions.len() as u64;
        inputs += block.transactions[1..].iter().map(|tx| tx.inputs.len() as u64).sum::<u64>();
        writer.put(&block)?;
        progress(height);
    }
    if let Some(file) = &mut writer.file {
        file.flush()?;
    }
    let (height, tip) = (maker.height(), maker.tip().hash());
    Ok(Made { files: writer.files, height, tip, transactions, inputs, bytes: writer.bytes })
}
