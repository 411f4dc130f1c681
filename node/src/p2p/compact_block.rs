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

#[cfg(test)]
mod tests {
    use super::super::wire::{BlockTxn, BlockTxnRequest, PrefilledTx};
    use super::*;
    use chaincore_consensus::merkle::block_merkle_root;
    use chaincore_consensus::{
        Amount, BlockHash, Hash256, OutPoint, Script, Transaction, Tx, TxIn, TxOut, Txid,
    };
    use proptest::prelude::*;
    use std::sync::Arc;

    const NONE: [TxRef; 0] = [];

    fn spend(previous: OutPoint) -> TxRef {
        Arc::new(Tx::from(Transaction {
            version: 2,
            inputs: vec![TxIn {
                previous_output: previous,
                script_sig: Script(vec![0x51, 0x51]),
                sequence: 0,
                witness: vec![],
            }],
            outputs: vec![TxOut { value: Amount(5), script_pubkey: Script(vec![0x51]) }],
            lock_time: 0,
        }))
    }

    fn other(n: u8) -> TxRef {
        spend(OutPoint { txid: Txid([n; 32]), vout: 0 })
    }

    /// A block of a coinbase and `count - 1` other transactions.
    fn block(count: u8) -> Block {
        let transactions = std::iter::once(spend(OutPoint::NULL)).chain((1..count).map(other)).collect();
        let header = Header {
            version: 4,
            previous: BlockHash([9; 32]),
            merkle_root: Hash256::ZERO,
            time: 1,
            bits: 0x207f_ffff,
            nonce: 2,
        };
        let mut block = Block { header, transactions };
        block.header.merkle_root = block_merkle_root(&block).0;
        block
    }

    fn by_wtxid(tx: &TxRef) -> (Wtxid, TxRef) {
        (tx.wtxid(), tx.clone())
    }

    fn partial(
        compact: &CompactBlock,
        mempool: &[TxRef],
        extra: &[TxRef],
    ) -> Result<PartialBlock, ReconstructError> {
        let extra: Vec<_> = extra.iter().map(by_wtxid).collect();
        PartialBlock::new(compact, mempool, &extra)
    }

    /// A transaction whose short id is said to be `id`, by a compact block that holds it at that place.
    fn with_id(compact: &CompactBlock, at: usize, tx: &TxRef) -> CompactBlock {
        let mut changed = compact.clone();
        changed.short_ids[at] = compact.short_id_hasher().short_id(&tx.wtxid());
        changed
    }

    #[test]
    fn known_short_ids() {
        // SipHash's own vector for 32 bytes under its key, cut to 48 bits, is what the hasher must be made of; the
        // keys come from the single SHA-256 of header and nonce, which the comparison with another implementation
        // checks.
        let hasher = siphasher::sip::SipHasher24::new_with_keys(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        let bytes: Vec<u8> = (0..32).collect();
        assert_eq!(hasher.hash(&bytes), 0x7127_512f_72f2_7cce);
    }

    #[test]
    fn what_is_missing_is_asked_for() {
        let block = block(5);
        let compact = CompactBlock::new(&block, 7);
        let mempool = [other(200), block.transactions[2].clone(), block.transactions[4].clone()];
        let partial = partial(&compact, &mempool, &[]).unwrap();
        assert_eq!(partial.missing(), [1, 3]);
        assert!(partial.is_available(0) && !partial.is_available(1) && !partial.is_available(5));
        assert_eq!(partial.sources(), Sources { prefilled: 1, mempool: 2, extra: 0 });
        assert_eq!((partial.tx_count(), partial.header()), (5, &block.header));
        let request = BlockTxnRequest { block: block.hash(), indexes: partial.missing() };
        let answer = BlockTxn::answer(&block, &request).unwrap().transactions;
        let fill = |txs: &[TxRef]| partial.clone().fill(txs.to_vec(), true);
        assert_eq!(fill(&answer), Ok(block.clone()));
        assert_eq!(fill(&[]), Err(ReconstructError::Invalid));
        assert_eq!(fill(&answer[..1]), Err(ReconstructError::Invalid));
        assert_eq!(fill(&[&answer[..], &answer[..1]].concat()), Err(ReconstructError::Invalid));
        let swapped = [answer[1].clone(), answer[0].clone()];
        assert_eq!(fill(&swapped), Err(ReconstructError::Failed));
        let beyond = BlockTxnRequest { block: block.hash(), indexes: vec![5] };
        assert_eq!(BlockTxn::answer(&block, &beyond), None);
    }

    #[test]
    fn a_block_of_a_coinbase_needs_nothing() {
        let block = block(1);
        let partial = partial(&CompactBlock::new(&block, 7), &NONE, &[]).unwrap();
        assert!(partial.missing().is_empty());
        assert_eq!(partial.fill(vec![], true), Ok(block));
    }

    #[test]
    fn prefilled_transactions_stand_where_they_say() {
        let block = block(3);
        let ids = CompactBlock::new(&block, 7).short_id_hasher();
        let [coinbase, first, second] = &block.transactions[..] else { panic!("three transactions") };
        let compact = |short: &[&TxRef], prefilled: &[(u16, &TxRef)]| CompactBlock {
            header: block.header,
            nonce: 7,
            short_ids: short.iter().map(|tx| ids.short_id(&tx.wtxid())).collect(),
            prefilled: prefilled
                .iter()
                .map(|(offset, tx)| PrefilledTx { offset: *offset, tx: (*tx).clone() })
                .collect(),
        };
        let one =
            partial(&compact(&[coinbase, second], &[(1, first)]), std::slice::from_ref(second), &[]).unwrap();
        assert_eq!(one.missing(), [0]);
        assert_eq!(one.fill(vec![coinbase.clone()], true), Ok(block.clone()));
        let two =
            partial(&compact(&[first], &[(0, coinbase), (1, second)]), std::slice::from_ref(first), &[])
                .unwrap();
        assert_eq!(two.fill(vec![], true), Ok(block.clone()));
        // All prefilled, in a row.
        let all = partial(&compact(&[], &[(0, coinbase), (0, first), (0, second)]), &NONE, &[]).unwrap();
        assert_eq!(all.fill(vec![], true), Ok(block.clone()));
    }

    #[test]
    fn what_no_node_sends_is_invalid() {
        let block = block(3);
        let compact = CompactBlock::new(&block, 7);
        let judge = |change: &dyn Fn(&mut CompactBlock)| {
            let mut changed = compact.clone();
            change(&mut changed);
            partial(&changed, &NONE, &[]).map(|_| ())
        };
        let empty =
            Arc::new(Tx::from(Transaction { version: 1, inputs: vec![], outputs: vec![], lock_time: 0 }));
        let prefill = |offset, tx: &TxRef| PrefilledTx { offset, tx: tx.clone() };
        assert_eq!(judge(&|_| {}), Ok(()));
        let invalid = Err(ReconstructError::Invalid);
        assert_eq!(judge(&|compact| compact.header.bits = 0), invalid);
        assert_eq!(judge(&|compact| (compact.short_ids, compact.prefilled) = (vec![], vec![])), invalid);
        assert_eq!(judge(&|compact| compact.prefilled[0].tx = empty.clone()), invalid);
        assert_eq!(judge(&|compact| compact.prefilled[0].offset = 2), Ok(()));
        assert_eq!(judge(&|compact| compact.prefilled[0].offset = 3), invalid);
        assert_eq!(judge(&|compact| compact.prefilled.push(prefill(2, &other(1)))), Ok(()));
        assert_eq!(judge(&|compact| compact.prefilled.push(prefill(3, &other(1)))), invalid);
        assert_eq!(judge(&|compact| compact.prefilled.push(prefill(u16::MAX, &other(1)))), invalid);
        let too_many = |compact: &mut CompactBlock| compact.short_ids = (0..100_000).collect();
        assert_eq!(judge(&too_many), invalid);
    }

    #[test]
    fn equal_short_ids_fail() {
        let block = block(3);
        let mut compact = CompactBlock::new(&block, 7);
        compact.short_ids[1] = compact.short_ids[0];
        assert_eq!(partial(&compact, &NONE, &[]).map(|_| ()), Err(ReconstructError::Failed));
    }

    #[test]
    fn a_wrong_match_fails_in_the_end() {
        let block = block(3);
        let compact = with_id(&CompactBlock::new(&block, 7), 0, &other(77));
        let partial = partial(&compact, &[other(77), block.transactions[2].clone()], &[]).unwrap();
        assert!(partial.missing().is_empty());
        assert_eq!(partial.fill(vec![], true), Err(ReconstructError::Failed));
    }

    #[test]
    fn two_matches_of_one_id_are_asked_for() {
        let block = block(3);
        let compact = CompactBlock::new(&block, 7);
        let tx = &block.transactions[1];
        let one = std::slice::from_ref(tx);
        // The same transaction twice stands for two that share an id.
        let twice = partial(&compact, &[tx.clone(), tx.clone()], &[]).unwrap();
        assert_eq!((twice.missing(), twice.sources().mempool), (vec![1, 2], 0));
        // A third doesn't bring it back, nor does the extra pool.
        let thrice = partial(&compact, &[tx.clone(), tx.clone(), tx.clone()], one).unwrap();
        assert_eq!(thrice.missing(), [1, 2]);
        // The same transaction in both pools is no conflict, another with its id is.
        let both = partial(&compact, one, one).unwrap();
        assert_eq!(
            (both.missing(), both.sources()),
            (vec![2], Sources { prefilled: 1, mempool: 1, extra: 0 })
        );
        let conflict = [(tx.wtxid(), other(99))];
        let conflicting = PartialBlock::new(&compact, one, &conflict).unwrap();
        assert_eq!((conflicting.missing(), conflicting.sources().mempool), (vec![1, 2], 0));
    }

    #[test]
    fn extra_transactions_help() {
        let block = block(4);
        let compact = CompactBlock::new(&block, 7);
        let extra = [other(100), block.transactions[1].clone()];
        let partial = partial(&compact, &block.transactions[2..3], &extra).unwrap();
        assert_eq!(partial.missing(), [3]);
        assert_eq!(partial.sources(), Sources { prefilled: 1, mempool: 2, extra: 1 });
    }

    proptest! {
        #[test]
        fn any_split_of_the_transactions_rebuilds_the_block(
            count in 1u8..30,
            places in prop::collection::vec(0u8..4, 30),
            nonce: u64,
        ) {
            let block = block(count);
            let at = |place: u8| {
                let of = block.transactions.iter().zip(&places).filter(move |(_, at)| **at == place);
                of.map(|(tx, _)| tx.clone()).collect::<Vec<_>>()
            };
            let ids = CompactBlock::new(&block, nonce).short_id_hasher();
            let mut compact = CompactBlock { header: block.header, nonce, short_ids: vec![], prefilled: vec![] };
            let mut offset = 0;
            for (tx, place) in block.transactions.iter().zip(&places) {
                if *place == 0 {
                    compact.prefilled.push(PrefilledTx { offset, tx: tx.clone() });
                    offset = 0;
                } else {
                    compact.short_ids.push(ids.short_id(&tx.wtxid()));
                    offset += 1;
                }
            }
            let partial = partial(&compact, &at(1), &at(2)).unwrap();
            let missing: Vec<usize> = partial.missing().into_iter().map(usize::from).collect();
            let expected: Vec<usize> = (0..usize::from(count)).filter(|n| places[*n] == 3).collect();
            prop_assert_eq!(missing, expected);
            prop_assert_eq!(partial.fill(at(3), true), Ok(block));
        }
    }
}
