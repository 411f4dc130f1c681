//! The verification of one block against the outputs that it spends.

use chaincore_consensus::check::{CheckOptions, check_block};
use chaincore_consensus::codec::{Decode, DecodeError, Reader};
use chaincore_consensus::coin::Coin;
use chaincore_consensus::connect::{block_script_failure, check_spending, missing_inputs, script_flags};
use chaincore_consensus::context::{check_body, check_version};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::script::{VerifyFlags, verify_input};
use chaincore_consensus::sighash::PrecomputedTx;
use chaincore_consensus::subsidy::block_subsidy;
use chaincore_consensus::{Amount, Block, BlockHash, OutPoint, Tx, TxOut};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What needs the block's ancestors.
pub const NOT_CHECKED: &str = "difficulty and median time of the header, relative lock times, coinbase maturity and \
     BIP30, which need the chain; that the spent outputs are those of the inputs, but for what signatures commit to \
     and what the block itself makes";

/// Why a block was not found valid.
#[derive(Debug)]
pub enum VerifyError {
    /// The block's bytes are no block.
    Block(DecodeError),
    /// The bytes of the spent outputs are none.
    Undo(DecodeError),
    /// There are not as many spent outputs as inputs.
    Count {
        /// The inputs.
        inputs: usize,
        /// The outputs.
        outputs: usize,
    },
    /// The block breaks a rule.
    Rejected(RejectReason),
}

impl std::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Block(error) => write!(f, "the block can't be read: {error}"),
            Self::Undo(error) => write!(f, "the spent outputs can't be read: {error}"),
            Self::Count { inputs, outputs } => write!(f, "{outputs} spent outputs for {inputs} inputs"),
            Self::Rejected(reason) => reason.fmt(f),
        }
    }
}

impl From<RejectReason> for VerifyError {
    fn from(reason: RejectReason) -> Self {
        Self::Rejected(reason)
    }
}

/// What a valid block has.
#[derive(Debug)]
pub struct Report {
    /// Its hash.
    pub hash: BlockHash,
    /// How many transactions.
    pub transactions: usize,
    /// How many inputs besides the coinbase's, each with its script run.
    pub inputs: usize,
    /// Its weight.
    pub weight: usize,
    /// What its signature operations cost.
    pub sigop_cost: i64,
    /// The rules its scripts keep.
    pub script_flags: VerifyFlags,
    /// The fees.
    pub fees: Amount,
    /// What the coinbase pays.
    pub reward: Amount,
    /// What it may pay.
    pub reward_limit: Amount,
    /// How many threads ran scripts.
    pub threads: usize,
}

/// Verifies a raw block against the raw outputs that it spends.
pub fn verify_bytes(block: &[u8], undo: &[u8], height: u32) -> Result<Report, VerifyError> {
    let block = Block::decode_exact(block).map_err(VerifyError::Block)?;
    let spent = read_outputs(undo).map_err(VerifyError::Undo)?;
    verify(&block, spent, height, CheckOptions::ALL)
}

/// The outputs in an undo file.
pub fn read_outputs(bytes: &[u8]) -> Result<Vec<TxOut>, DecodeError> {
    let mut reader = Reader::new(bytes);
    let mut outputs = Vec::new();
    while reader.remaining() > 0 {
        outputs.push(TxOut::decode(&mut reader)?);
    }
    Ok(outputs)
}

/// Verifies a block of the main chain against the outputs that it spends.
pub fn verify(
    block: &Block,
    spent: Vec<TxOut>,
    height: u32,
    options: CheckOptions,
) -> Result<Report, VerifyError> {
    let params = ChainParams::main();
    check_block(block, &params, options)?;
    check_version(&block.header, height, &params)?;
    // The parent's median time past is unknown, but earlier than the block: no later lock time can be reached.
    check_body(block, height, block.header.time.into(), &params)?;
    let coins = coins(block, spent, height)?;
    let flags = script_flags(height, &block.hash(), &params);
    let summary = check_spending(block, height, &coins, flags, &params, |_, _| true)?;
    let threads = run_scripts(block, &coins, flags)?;
    Ok(Report {
        hash: block.hash(),
        transactions: block.transactions.len(),
        inputs: coins.iter().map(Vec::len).sum(),
        weight: block.weight(),
        sigop_cost: summary.sigop_cost,
        script_flags: flags,
        fees: summary.fees,
        reward: block.transactions[0].output_sum(),
        reward_limit: Amount(summary.fees.sat() + block_subsidy(height, &params).sat()),
        threads,
    })
}

/// The coins that each transaction spends. Where the block makes a coin itself, the file must agree; what the block
/// does not make is taken from the file, without a height.
fn coins(block: &Block, spent: Vec<TxOut>, height: u32) -> Result<Vec<Vec<Coin>>, VerifyError> {
    let inputs = block.transactions.iter().skip(1).map(|tx| tx.inputs.len()).sum();
    if inputs != spent.len() {
        return Err(VerifyError::Count { inputs, outputs: spent.len() });
    }
    let positions: HashMap<_, _> =
        block.transactions.iter().enumerate().map(|(at, tx)| (tx.txid(), at)).collect();
    let mut seen: HashMap<OutPoint, ()> = HashMap::with_capacity(inputs);
    let mut spent = spent.into_iter();
    let mut coins = Vec::with_capacity(block.transactions.len());
    for (at, tx) in block.transactions.iter().enumerate().skip(1) {
        let mut of_tx = Vec::with_capacity(tx.inputs.len());
        for (input, output) in tx.inputs.iter().zip(&mut spent) {
            let outpoint = input.previous_output;
            let made = positions.get(&outpoint.txid).copied();
            if let Some(made) = made {
                let here = block.transactions[made].outputs.get(outpoint.vout as usize);
                if made >= at || here != Some(&output) {
                    return Err(missing_inputs().into());
                }
            }
            if seen.insert(outpoint, ()).is_some() {
                return Err(missing_inputs().into());
            }
            let (height, tx_index) = made.map_or((0, 0), |made| (height, made as u32));
            of_tx.push(Coin { output, height, coinbase: made == Some(0), tx_index });
        }
        coins.push(of_tx);
    }
    Ok(coins)
}

/// Runs every script on all cores; how many threads that took.
fn run_scripts(block: &Block, coins: &[Vec<Coin>], flags: VerifyFlags) -> Result<usize, RejectReason> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let failure: Mutex<Option<RejectReason>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(coins) = coins.get(at) else { return };
                    if let Err(reason) = run_transaction(&block.transactions[at + 1], coins, flags) {
                        *failure.lock().expect("no thread panics while it holds the lock") = Some(reason);
                        next.store(usize::MAX / 2, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    failure.into_inner().expect("no thread panicked").map_or(Ok(threads), Err)
}

fn run_transaction(tx: &Tx, coins: &[Coin], flags: VerifyFlags) -> Result<(), RejectReason> {
    let spent: Vec<TxOut> = coins.iter().map(|coin| coin.output.clone()).collect();
    let pre = PrecomputedTx::new(tx, &spent);
    for input in 0..tx.inputs.len() {
        verify_input(tx, input, &spent, &pre, flags, None)
            .map_err(|error| block_script_failure(&error, tx, input))?;
    }
    Ok(())
}
