//! A template as a client sees it, and the block that a solution makes of it.

use crate::template::{BlockTemplate, TemplateOptions, complete_submitted_block};
use binary_sv2::{B016MOwned, B064KOwned, B0255Owned, Seq064KOwned, Seq0255Owned, U256Owned};
use chaincore_consensus::codec::{Decode, DecodeError, Encode};
use chaincore_consensus::merkle::{merkle_branch, root_from_branch};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{Block, BlockHash, Hash256, Header, Tx};
use std::sync::Arc;
use template_distribution_sv2::{
    CoinbaseOutputConstraints, NewTemplateOwned, RequestTransactionDataSuccessOwned, SetNewPrevHashOwned,
    SubmitSolution,
};

/// What a block weighs beside its transactions and the client's outputs, by chapter 7.1 of the specification: header
/// and count of transactions, and a coinbase with its largest script, witness and witness commitment.
const FIXED_WEIGHT: i64 = 320 + 12 + 236 + 400 + 12 + 188;
/// Core reserves no less.
const MIN_RESERVED_WEIGHT: i64 = 2000;
/// The same for signature operations: the client's bytes in the coinbase's script may happen to look like some.
const MIN_RESERVED_SIGOPS: i64 = 400;
/// No block may weigh more (BIP141).
const MAX_WEIGHT: i64 = 4_000_000;

/// How much of a block a client's coinbase may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reserve {
    weight: i64,
    sigops: i64,
}

impl Reserve {
    /// `None` if no block has that much room.
    pub(super) fn of(constraints: CoinbaseOutputConstraints) -> Option<Self> {
        let outputs = 4 * i64::from(constraints.coinbase_output_max_additional_size);
        let weight = (FIXED_WEIGHT + outputs).max(MIN_RESERVED_WEIGHT);
        let sigops = i64::from(constraints.coinbase_output_max_additional_sigops).max(MIN_RESERVED_SIGOPS);
        (weight <= MAX_WEIGHT).then_some(Self { weight, sigops })
    }

    /// How to fill a template that leaves this much free.
    pub(super) fn apply(self, options: &TemplateOptions) -> TemplateOptions {
        TemplateOptions { reserved_weight: self.weight, reserved_sigops: self.sigops, ..options.clone() }
    }
}

/// Why a solution makes no block.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoBlock {
    /// The coinbase is no transaction.
    #[error("its coinbase is no transaction: {0}")]
    Coinbase(#[from] DecodeError),
    /// The coinbase is a transaction of another kind.
    #[error("its coinbase is no coinbase")]
    NoCoinbase,
    /// There is too little work in it.
    #[error("its hash {0} does not meet the target")]
    Target(BlockHash),
}

/// A template with the number under which a client knows it.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) id: u64,
    pub(super) template: BlockTemplate,
    /// The hashes between the coinbase and the merkle root.
    branch: Vec<Hash256>,
    /// What the transactions pay, in satoshis.
    pub(super) fees: i64,
}

impl Work {
    pub(super) fn new(id: u64, template: BlockTemplate) -> Self {
        let leaves: Vec<Hash256> =
            template.block.transactions.iter().map(|tx| Hash256(tx.txid().0)).collect();
        Self { id, branch: merkle_branch(&leaves, 0), fees: template.fees.iter().sum(), template }
    }

    /// The block that it builds on.
    pub(super) fn previous(&self) -> BlockHash {
        self.template.block.header.previous
    }

    /// The proof of work that it asks for, as in a header.
    pub(super) fn bits(&self) -> u32 {
        self.template.block.header.bits
    }

    fn coinbase(&self) -> &Tx {
        &self.template.block.transactions[0]
    }

    /// Tells the client of it. A `future` one is to be mined only when [`Self::activation`] says so.
    pub(super) fn announcement(&self, future: bool) -> NewTemplateOwned {
        let coinbase = self.coinbase();
        let input = &coinbase.inputs[0];
        // The first output is the client's to make; the others are demanded by consensus.
        let demanded = &coinbase.outputs[1..];
        let mut outputs = Vec::new();
        demanded.iter().for_each(|output| output.encode(&mut outputs));
        let path = self.branch.iter().map(|hash| U256Owned::from(hash.0)).collect();
        NewTemplateOwned {
            template_id: self.id,
            future_template: future,
            version: self.template.block.header.version.cast_unsigned(),
            coinbase_tx_version: coinbase.version,
            coinbase_prefix: B0255Owned::new(input.script_sig.0.clone())
                .expect("a height and nothing else is short"),
            coinbase_tx_input_sequence: input.sequence,
            coinbase_tx_value_remaining: self.template.reward.sat().cast_unsigned(),
            coinbase_tx_outputs_count: demanded.len() as u32,
            coinbase_tx_outputs: B064KOwned::new(outputs).expect("a witness commitment is short"),
            coinbase_tx_locktime: coinbase.lock_time,
            merkle_path: Seq0255Owned::new(path).expect("a tree of so many transactions fits no block"),
        }
    }

    /// Tells the client to mine on it.
    pub(super) fn activation(&self) -> SetNewPrevHashOwned {
        let header = &self.template.block.header;
        let mut target = self.template.target().to_be_bytes();
        target.reverse();
        SetNewPrevHashOwned {
            template_id: self.id,
            prev_hash: U256Owned::from(header.previous.0),
            header_timestamp: header.time,
            n_bits: header.bits,
            target: U256Owned::from(target),
        }
    }

    /// All transactions but the coinbase, and what its witness has to be.
    pub(super) fn data(&self) -> RequestTransactionDataSuccessOwned {
        let reserved = self.coinbase().inputs[0].witness.first().cloned().unwrap_or_default();
        let rest = self.template.block.transactions.iter().skip(1);
        let list = rest.map(|tx| {
            let mut bytes = Vec::with_capacity(tx.total_size());
            tx.encode(&mut bytes);
            B016MOwned::new(bytes).expect("no transaction of a block has 16 MB")
        });
        RequestTransactionDataSuccessOwned {
            template_id: self.id,
            excess_data: B064KOwned::new(reserved).expect("a reserved value has 32 bytes"),
            transaction_list: Seq064KOwned::new(list.collect())
                .expect("no block has more than 65535 transactions"),
        }
    }

    /// The block of a solution. Whether it is valid is for the chain to say; that it took work is made sure of here. The
    /// coinbase may come with or without its witness.
    pub(super) fn block(
        &self,
        solution: &SubmitSolution<'_>,
        params: &ChainParams,
    ) -> Result<Block, NoBlock> {
        let coinbase = Tx::decode_exact(solution.coinbase_tx.as_bytes())?;
        if !coinbase.is_coinbase() {
            return Err(NoBlock::NoCoinbase);
        }
        let header = Header {
            version: solution.version.cast_signed(),
            merkle_root: root_from_branch(Hash256(coinbase.txid().0), &self.branch, 0),
            time: solution.header_timestamp,
            nonce: solution.header_nonce,
            ..self.template.block.header
        };
        let hash = header.hash();
        if !self.template.target().is_met_by(&hash) {
            return Err(NoBlock::Target(hash));
        }
        let mut transactions = self.template.block.transactions.clone();
        transactions[0] = Arc::new(coinbase);
        let mut block = Block { header, transactions };
        complete_submitted_block(&mut block, self.template.height, params);
        Ok(block)
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn room_is_kept_as_the_specification_counts_it() {
        let of = |size, sigops| {
            Reserve::of(CoinbaseOutputConstraints {
                coinbase_output_max_additional_size: size,
                coinbase_output_max_additional_sigops: sigops,
            })
        };
        assert_eq!(of(0, 0), Some(Reserve { weight: 2000, sigops: 400 }));
        assert_eq!(of(1000, 1000), Some(Reserve { weight: 1168 + 4000, sigops: 1000 }));
        assert_eq!(of((4_000_000 - 1168) / 4, 0).map(|reserve| reserve.weight), Some(4_000_000));
        assert_eq!(of((4_000_000 - 1168) / 4 + 1, 0), None);
        assert_eq!(of(u32::MAX, u16::MAX), None);
    }
}
