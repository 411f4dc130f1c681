//! Block templates: the next block, complete but for its nonce.
//!
//! [`build`] takes the mempool's best chunks, in their order, as long as they fit; the coinbase is Core's to the
//! byte, so that on regtest the same blocks come out (version 2, the height in the script, lock time one below
//! the height, the witness commitment in the second output). It is a pure function of the pool, the branch and
//! the time: whether a template is valid is for the chain to say (`Chain::check_template`). [`TemplateSource`]
//! asks both of a running chain, and gives out nothing that is not valid. Plugins may have another order of chunks than by fee rate ([`PolicyHooks`]); what they
//! may not have is a block that breaks a limit.
//!
//! [`PolicyHooks`]: crate::mempool::PolicyHooks

mod coinbase;
mod order;
mod select;
mod source;

pub use coinbase::{complete_submitted_block, personal_coinbase, regenerate_commitment, set_extra_nonce};
pub use source::{TemplateError, TemplateSource};

use crate::mempool::{FeeRate, Mempool};
use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::context::minimum_time;
use chaincore_consensus::difficulty::next_bits;
use chaincore_consensus::merkle::block_merkle_root;
use chaincore_consensus::params::{ChainParams, Retarget};
use chaincore_consensus::pow::Target;
use chaincore_consensus::subsidy::block_subsidy;
use chaincore_consensus::versionbits::{StateCache, compute_block_version};
use chaincore_consensus::{Amount, Block, Hash256, Header, Script};

/// How a template is to be filled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TemplateOptions {
    /// The most weight that the block may have (`-blockmaxweight`).
    pub max_weight: i64,
    /// Weight kept free for header, count and coinbase (`-blockreservedweight`).
    pub reserved_weight: i64,
    /// Signature operations kept free for the coinbase's outputs.
    pub reserved_sigops: i64,
    /// What a chunk must pay at least (`-blockmintxfee`).
    pub min_rate: FeeRate,
    /// Who gets the reward.
    pub coinbase_script: Script,
    /// A version to use instead of the one that votes for everything (`-blockversion`).
    pub version: Option<i32>,
}

impl TemplateOptions {
    /// Core's defaults, with the reward going to `coinbase_script`.
    pub fn paying_to(coinbase_script: Script) -> Self {
        Self {
            max_weight: 4_000_000,
            reserved_weight: 8_000,
            reserved_sigops: 400,
            min_rate: FeeRate(1),
            coinbase_script,
            version: None,
        }
    }
}

/// A block to be mined, and what miners are told about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockTemplate {
    /// The block, with merkle root and nonce 0.
    pub block: Block,
    /// Its height.
    pub height: u32,
    /// What each transaction after the coinbase pays, in satoshis.
    pub fees: Vec<i64>,
    /// What the signature operations of each transaction after the coinbase cost.
    pub sigop_costs: Vec<i64>,
    /// What the coinbase may pay out: the subsidy and the fees.
    pub reward: Amount,
    /// The least time that the block may have, in seconds since 1970.
    pub min_time: i64,
    /// The script of the coinbase's witness commitment.
    pub witness_commitment: Script,
    /// Whether witnesses are committed to at this height (BIP141).
    pub segwit_active: bool,
    /// The pool's [`Mempool::transactions_updated`] when the template was made.
    pub transactions_updated: u64,
}

impl BlockTemplate {
    /// The target that the block's hash must meet.
    pub fn target(&self) -> Target {
        Target::from_compact(self.block.header.bits).expect("difficulty rules make valid bits")
    }
}

/// Makes a template on top of `tip` at time `now` (seconds since 1970), from the transactions of `mempool` or
/// with none.
pub fn build(
    mempool: Option<&Mempool>,
    tip: &dyn Ancestry,
    params: &ChainParams,
    versions: &mut StateCache,
    now: i64,
    options: &TemplateOptions,
) -> BlockTemplate {
    let height = tip.tip_height() + 1;
    let mut selection = select::Selection::default();
    if let Some(mempool) = mempool {
        selection = select::select(mempool, height, tip.median_time_past().into(), options);
    }
    let reward = Amount(block_subsidy(height, params).sat() + selection.fees.iter().sum::<i64>());
    let coinbase = coinbase::coinbase(height, reward, &options.coinbase_script, &[]);
    let header = Header {
        version: options.version.unwrap_or_else(|| compute_block_version(params, tip, versions)),
        previous: tip.tip_hash(),
        merkle_root: Hash256::ZERO,
        time: clamp_time(now),
        bits: 0,
        nonce: 0,
    };
    let transactions = std::iter::once(coinbase).chain(selection.transactions).collect();
    let mut block = Block { header, transactions };
    let witness_commitment = coinbase::commit(&mut block, height, params);
    update_time(&mut block.header, tip, params, now);
    block.header.bits = next_bits(params, tip, block.header.time);
    block.header.merkle_root = block_merkle_root(&block).0;
    BlockTemplate {
        block,
        height,
        fees: selection.fees,
        sigop_costs: selection.sigop_costs,
        reward,
        min_time: minimum_time(params, tip),
        witness_commitment,
        segwit_active: height >= params.deployments.segwit,
        transactions_updated: mempool.map_or(0, Mempool::transactions_updated),
    }
}

/// Moves a header's time up to `now`, or to the least that `tip` allows; never back. Where late blocks may be
/// easy, its bits follow.
pub fn update_time(header: &mut Header, tip: &dyn Ancestry, params: &ChainParams, now: i64) {
    header.time = header.time.max(clamp_time(minimum_time(params, tip).max(now)));
    if params.retarget == Retarget::TestnetMinDifficulty {
        header.bits = next_bits(params, tip, header.time);
    }
}

/// Header times have 32 bits.
fn clamp_time(time: i64) -> u32 {
    u32::try_from(time.max(0)).unwrap_or(u32::MAX)
}
