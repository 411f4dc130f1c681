//! What becomes of a block that is handed to the chain.

use chaincore_consensus::check::{CheckOptions, check_block, check_merkle_root};
use chaincore_consensus::codec::{Decode, Encode};
use chaincore_consensus::context::{check_witness_commitment, is_mutated};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::{Block, BlockHash};
use std::sync::Arc;

/// Where a block comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `submitblock` and its kin.
    Rpc,
    /// This node's own miner.
    Mined,
    /// A block file.
    Import,
    /// A peer. A body that was not asked for is kept only if it could become the tip soon.
    Peer {
        /// Whether this node asked for the block.
        requested: bool,
        /// Whether the branch is known to have enough work to be worth keeping. The header of a block that is not is
        /// refused, unless it is known.
        min_pow_checked: bool,
    },
}

impl Origin {
    pub(super) fn is_min_pow_checked(self) -> bool {
        !matches!(self, Self::Peer { min_pow_checked: false, .. })
    }
}

/// Whether a block's transactions or witnesses are not those that its header commits to, as far as the block itself
/// tells (Core's `IsBlockMutated`); logs what is wrong.
pub fn is_block_mutated(block: &Block, segwit_is_active: bool) -> bool {
    let mutated = is_mutated(block, segwit_is_active);
    if mutated
        && let Err(reason) =
            check_merkle_root(block).and_then(|()| check_witness_commitment(block, segwit_is_active))
    {
        tracing::debug!("Block mutated: {reason}");
    }
    mutated
}

/// The answer to a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The block is in the active chain now.
    Best {
        /// How many blocks left the active chain for it.
        reorg_depth: u32,
    },
    /// The block is stored, in a branch that is not active (or cannot be connected yet).
    SideChain,
    /// The block was stored before.
    AlreadyKnown,
    /// The block was found invalid before.
    KnownInvalid,
    /// The parent is unknown; nothing was kept.
    MissingParent,
    /// The block breaks a rule.
    Rejected(RejectReason),
}

impl Outcome {
    /// Whether the node has the block now and knows nothing against it.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Best { .. } | Self::SideChain | Self::AlreadyKnown)
    }

    /// The refusal, in Core's words; `None` if the block was not refused.
    pub fn reject_reason(&self) -> Option<RejectReason> {
        match self {
            Self::Best { .. } | Self::SideChain | Self::AlreadyKnown => None,
            Self::KnownInvalid => Some(RejectReason::new(RejectKind::CachedInvalid, "duplicate-invalid")),
            Self::MissingParent => Some(RejectReason::new(RejectKind::MissingPrev, "prev-blk-not-found")),
            Self::Rejected(reason) => Some(reason.clone()),
        }
    }
}

/// A block that follows all rules which need nothing but the block, with what was computed to find that out.
#[derive(Debug, Clone)]
pub struct CheckedBlock {
    block: Arc<Block>,
    hash: BlockHash,
    bytes: Vec<u8>,
}

impl CheckedBlock {
    /// Checks a block. This is the expensive part that needs no chain state: do it on the caller's thread.
    pub fn new(block: Arc<Block>, params: &ChainParams) -> Result<Self, RejectReason> {
        let bytes = block.to_bytes();
        Self::with_bytes(block, bytes, params)
    }

    /// Decodes and checks a block.
    pub fn decode(bytes: Vec<u8>, params: &ChainParams) -> Result<Self, RejectReason> {
        let block = Block::decode_exact(&bytes).map_err(|error| {
            RejectReason::new(RejectKind::Mutated, "block-decode-failed").with_debug(error.to_string())
        })?;
        Self::with_bytes(Arc::new(block), bytes, params)
    }

    /// Checks a block whose wire form is at hand. `bytes` must be exactly what the block encodes to, as they are
    /// what will be stored.
    pub fn from_parts(block: Arc<Block>, bytes: Vec<u8>, params: &ChainParams) -> Result<Self, RejectReason> {
        debug_assert!(bytes == block.to_bytes(), "the bytes are of another block");
        Self::with_bytes(block, bytes, params)
    }

    fn with_bytes(block: Arc<Block>, bytes: Vec<u8>, params: &ChainParams) -> Result<Self, RejectReason> {
        check_block(&block, params, CheckOptions::ALL)?;
        Ok(Self { hash: block.hash(), block, bytes })
    }

    /// The block.
    pub fn block(&self) -> &Arc<Block> {
        &self.block
    }

    /// Its hash.
    pub fn hash(&self) -> BlockHash {
        self.hash
    }

    /// Its wire form.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
