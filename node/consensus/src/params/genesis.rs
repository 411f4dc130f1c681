//! Making and mining first blocks.

use crate::amount::Amount;
use crate::block::{Block, Header};
use crate::hash::BlockHash;
use crate::pow::Target;
use crate::script::{Builder, Script};
use crate::transaction::{OutPoint, Transaction, Tx, TxIn, TxOut, Witness};
use std::sync::Arc;

/// What a first block is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GenesisSpec {
    /// The text in the coinbase, which shows that the chain was not begun earlier.
    pub message: String,
    /// Who could spend the first reward, if anybody could.
    pub script_pubkey: Script,
    /// Seconds since 1970.
    pub time: u32,
    /// The target in compact form.
    pub bits: u32,
    /// The nonce that meets it.
    pub nonce: u32,
    /// The first reward.
    pub reward: Amount,
}

impl GenesisSpec {
    /// The block, in the shape of Bitcoin's first one: its proof of work is as good as the nonce.
    pub fn build(&self) -> Block {
        // The script sig pushes 0x1d00ffff and 4, and then the text, as Bitcoin's first block did.
        let script_sig = Builder::new()
            .push_int(0x1d00_ffff)
            .push_data(&[4])
            .push_data(self.message.as_bytes())
            .into_script();
        let coinbase = Tx::from(Transaction {
            version: 1,
            inputs: vec![TxIn {
                previous_output: OutPoint::NULL,
                script_sig,
                sequence: TxIn::SEQUENCE_FINAL,
                witness: Witness::new(),
            }],
            outputs: vec![TxOut { value: self.reward, script_pubkey: self.script_pubkey.clone() }],
            lock_time: 0,
        });
        let header = Header {
            version: 1,
            previous: BlockHash::ZERO,
            // The root of a single transaction is its id.
            merkle_root: crate::Hash256(coinbase.txid().0),
            time: self.time,
            bits: self.bits,
            nonce: self.nonce,
        };
        Block { header, transactions: vec![Arc::new(coinbase)] }
    }
}

/// The block of `spec` with the first nonce, from the given one on, that meets the target; if none does, the
/// time moves on by a second. `None` if the bits name no target.
///
/// Takes as many hashes as the target asks for: seconds up to 24 or so leading zero bits.
pub fn mine_genesis(spec: &GenesisSpec) -> Option<Block> {
    let target = Target::from_compact(spec.bits).ok()?;
    let mut block = spec.build();
    loop {
        if target.is_met_by(&block.hash()) {
            return Some(block);
        }
        match block.header.nonce.checked_add(1) {
            Some(nonce) => block.header.nonce = nonce,
            None => {
                block.header.nonce = 0;
                block.header.time = block.header.time.checked_add(1)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mining_finds_the_first_good_nonce() {
        let spec = GenesisSpec {
            message: "m".repeat(300),
            script_pubkey: Script(vec![0x6a]),
            time: 1_700_000_000,
            bits: 0x2000_ffff,
            nonce: 0,
            reward: Amount::from_coins(50),
        };
        let block = mine_genesis(&spec).unwrap();
        let target = Target::from_compact(spec.bits).unwrap();
        assert!(target.is_met_by(&block.hash()));
        for nonce in 0..block.header.nonce {
            assert!(!target.is_met_by(&GenesisSpec { nonce, ..spec.clone() }.build().hash()));
        }
        assert_eq!(mine_genesis(&GenesisSpec { bits: 0, ..spec }), None);
    }
}
