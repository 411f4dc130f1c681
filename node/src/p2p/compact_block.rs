//! Putting a block together from a compact one (BIP152), as Core's `PartiallyDownloadedBlock` does.

use super::wire::CompactBlock;
use chaincore_consensus::check::MAX_BLOCK_WEIGHT;
use chaincore_consensus::context::is_mutated;
use chaincore_consensus::transaction::WITNESS_SCALE_FACTOR;
use chaincore_consensus::{Block, Header, TxRef, Wtxid};
use std::collections::HashMap;

/// The least weight of a transaction that can be serialized: 10 bytes without a witness.
const LEAST_TX_WEIGHT: usize = 10 * WITNESS_SCALE_FACTOR;

/// Why a compact block can't be made a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReconstructError {
    /// The sender made it wrong (Core's `READ_STATUS_INVALID`).
    #[error("invalid compact block")]
    Invalid,
    /// Short ids collide, which is nobody's fault: the whole block has to be asked for (Core's
    /// `READ_STATUS_FAILED`).
    #[error("short ids collide")]
    Failed,
}

/// Where the transactions of a block that is being put together are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sources {
    /// From the compact block itself.
    pub prefilled: usize,
    /// From the mempool or the extra transactions.
    pub mempool: usize,
    /// From the extra transactions, at least.
    pub extra: usize,
}

/// A block some of whose transactions may be missing.
#[derive(Debug, Clone)]
pub struct PartialBlock {
    header: Header,
    slots: Vec<Option<TxRef>>,
    sources: Sources,
}

impl PartialBlock {
    /// Finds a compact block's transactions among those of the mempool and a few extra ones.
    pub fn new<'a>(
        compact: &CompactBlock,
        mempool: impl IntoIterator<Item = &'a TxRef>,
        extra: impl IntoIterator<Item = &'a (Wtxid, TxRef)>,
    ) -> Result<Self, ReconstructError> {
        let mut block = Self::prefilled(compact)?;
        let positions = block.positions(compact)?;
        let ids = compact.short_id_hasher();
        // Slots that something was found for, even if it was taken out again.
        let mut found = vec![false; block.slots.len()];
        for tx in mempool {
            if let Some(&at) = positions.get(&ids.short_id(&tx.wtxid())) {
                if !found[at] {
                    found[at] = true;
                    block.slots[at] = Some(tx.clone());
                    block.sources.mempool += 1;
                } else if block.slots[at].take().is_some() {
                    // Either could be meant: asking costs less than guessing wrong.
                    block.sources.mempool -= 1;
                }
            }
            if block.sources.mempool == positions.len() {
                break;
            }
        }
        for (wtxid, tx) in extra {
            if let Some(&at) = positions.get(&ids.short_id(wtxid)) {
                if !found[at] {
                    found[at] = true;
                    block.slots[at] = Some(tx.clone());
                    block.sources.mempool += 1;
                    block.sources.extra += 1;
                } else if block.slots[at].as_ref().is_some_and(|known| known.wtxid() != tx.wtxid()) {
                    block.slots[at] = None;
                    block.sources.mempool -= 1;
                    block.sources.extra = block.sources.extra.saturating_sub(1);
                }
            }
            if block.sources.mempool == positions.len() {
                break;
            }
        }
        Ok(block)
    }

    /// The block with nothing but what the compact block holds whole.
    fn prefilled(compact: &CompactBlock) -> Result<Self, ReconstructError> {
        let count = compact.tx_count();
        // A header without a target is none (Core's `IsNull`).
        if compact.header.bits == 0 || count == 0 || count > MAX_BLOCK_WEIGHT / LEAST_TX_WEIGHT {
            return Err(ReconstructError::Invalid);
        }
        let mut slots = vec![None; count];
        let mut next = 0;
        for (n, prefilled) in compact.prefilled.iter().enumerate() {
            if prefilled.tx.inputs.is_empty() && prefilled.tx.outputs.is_empty() {
                return Err(ReconstructError::Invalid);
            }
            let at = next + usize::from(prefilled.offset);
            // Beyond that, there would be a transaction with neither a short id nor a body.
            if at > usize::from(u16::MAX) || at > compact.short_ids.len() + n {
                return Err(ReconstructError::Invalid);
            }
            slots[at] = Some(prefilled.tx.clone());
            next = at + 1;
        }
        let sources = Sources { prefilled: compact.prefilled.len(), ..Sources::default() };
        Ok(Self { header: compact.header, slots, sources })
    }

    /// The places of the short ids. The map's hash is keyed at random, so that nobody can choose short ids that
    /// slow it down: Core's limit on the fill of one bucket, against the same, isn't needed.
    fn positions(&self, compact: &CompactBlock) -> Result<HashMap<u64, usize>, ReconstructError> {
        let free = self.slots.iter().enumerate().filter(|(_, slot)| slot.is_none()).map(|(at, _)| at);
        let positions: HashMap<u64, usize> = compact.short_ids.iter().copied().zip(free).collect();
        if positions.len() == compact.short_ids.len() { Ok(positions) } else { Err(ReconstructError::Failed) }
    }

    /// The block's header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How many transactions the block has.
    pub fn tx_count(&self) -> usize {
        self.slots.len()
    }

    /// Where the transactions that are here are from.
    pub fn sources(&self) -> Sources {
        self.sources
    }

    /// Whether the transaction at a place is here.
    pub fn is_available(&self, at: usize) -> bool {
        self.slots.get(at).is_some_and(Option::is_some)
    }

    /// The places of the transactions to ask for, in order.
    pub fn missing(&self) -> Vec<u16> {
        let missing = self.slots.iter().enumerate().filter(|(_, slot)| slot.is_none());
        missing.map(|(at, _)| u16::try_from(at).expect("a compact block's places fit 16 bits")).collect()
    }

    /// The block, given the missing transactions in order. `check_witness_root` is whether segwit is active for
    /// the block. A block that doesn't match its header is [`ReconstructError::Failed`], as a short id may have
    /// been met by the wrong transaction.
    pub fn fill(self, missing: Vec<TxRef>, check_witness_root: bool) -> Result<Block, ReconstructError> {
        let mut missing = missing.into_iter();
        let transactions: Option<Vec<TxRef>> =
            self.slots.into_iter().map(|slot| slot.or_else(|| missing.next())).collect();
        let transactions = transactions.ok_or(ReconstructError::Invalid)?;
        if missing.next().is_some() {
            return Err(ReconstructError::Invalid);
        }
        let block = Block { header: self.header, transactions };
        if is_mutated(&block, check_witness_root) { Err(ReconstructError::Failed) } else { Ok(block) }
    }
}
