//! Proof that a transaction is in a block whose header was checked: the merkle branch, in the JSON of Electrum and
//! Esplora.
//!
//! The tree's inner nodes are hashes of 64 bytes, and a transaction of 64 bytes can be made to look like one. Two lies
//! come of that. An inner node can be passed off as a transaction: so no transaction of 64 bytes is taken. And a
//! transaction of 64 bytes that is in the block can be passed off as an inner node with made-up leaves below it: so no
//! branch is taken that runs through 64 bytes which are a transaction. An honest branch has such a node once in about
//! four thousand million.

use bitcoin::hashes::Hash as _;
use chaincore_consensus::codec::Reader;
use chaincore_consensus::hash::sha256d;
use chaincore_consensus::merkle::merkle_branch;
use chaincore_consensus::{Hash256, Header, Transaction, hex};
use serde::Deserialize;

/// More levels than any block's tree can have: four million weight units hold less than 2^15 transactions.
const MAX_DEPTH: usize = 16;

/// The size that makes a transaction ambiguous.
const INNER_NODE: usize = 64;

/// Why a transaction is not proven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The JSON is not a proof.
    #[error("not a merkle proof: {0}")]
    Malformed(String),
    /// The bytes are not a transaction.
    #[error("not a transaction: {0}")]
    NotATransaction(String),
    /// The bytes are another transaction.
    #[error("the transaction's id is {0}")]
    OtherTransaction(bitcoin::Txid),
    /// The transaction has 64 bytes and could be an inner node of the tree.
    #[error("a transaction of 64 bytes can not be proven")]
    Ambiguous,
    /// The branch leads to another root.
    #[error("the branch leads to {0}, not to the root of block {1}")]
    OtherRoot(Hash256, u32),
    /// The position needs more levels than the branch has.
    #[error("position {0} is not in a tree of {1} levels")]
    Position(u64, usize),
    /// A node of the branch is itself a transaction.
    #[error("level {0} of the branch is a transaction")]
    TransactionInside(usize),
}

/// A merkle branch and where it is said to lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MerkleProof {
    /// The block's height.
    pub height: u32,
    /// The transaction's place in the block.
    pub position: u32,
    /// The hashes beside the path, lowest first.
    pub branch: Vec<Hash256>,
}

#[derive(Deserialize)]
struct Told {
    block_height: u32,
    merkle: Vec<String>,
    pos: u64,
}

impl MerkleProof {
    /// Reads `{"block_height", "merkle": […], "pos"}`.
    pub fn from_json(json: &[u8]) -> Result<Self, ProofError> {
        let told: Told =
            crate::text::read_json(json).map_err(|error| ProofError::Malformed(error.to_string()))?;
        let depth = told.merkle.len();
        if depth > MAX_DEPTH {
            return Err(ProofError::Malformed(format!("{depth} levels")));
        }
        let position = u32::try_from(told.pos).ok().filter(|position| position >> depth == 0);
        let position = position.ok_or(ProofError::Position(told.pos, depth))?;
        let hash = |text: &String| text.parse().map_err(|_| ProofError::Malformed(format!("hash '{text}'")));
        let branch = told.merkle.iter().map(hash).collect::<Result<_, _>>()?;
        Ok(Self { height: told.block_height, position, branch })
    }

    /// The branch of a transaction in a block of these, if it is one of them.
    pub fn from_list(height: u32, list: &[Hash256], txid: &bitcoin::Txid) -> Option<Self> {
        let wanted = Hash256(txid.to_byte_array());
        let position = list.iter().position(|listed| *listed == wanted)?;
        Some(Self { height, position: position as u32, branch: merkle_branch(list, position) })
    }

    /// Checks that the branch leads from the transaction to the root of the header, which is one of the checked chain
    /// at [`MerkleProof::height`].
    pub fn check(&self, tx: &bitcoin::Transaction, header: &Header) -> Result<(), ProofError> {
        if tx.base_size() == INNER_NODE {
            return Err(ProofError::Ambiguous);
        }
        let mut hash = Hash256(tx.compute_txid().to_byte_array());
        for (level, sibling) in self.branch.iter().enumerate() {
            let right = self.position >> level & 1 == 1;
            let mut node = [0; INNER_NODE];
            let (left, right) = if right { (sibling, &hash) } else { (&hash, sibling) };
            node[..32].copy_from_slice(&left.0);
            node[32..].copy_from_slice(&right.0);
            if is_transaction(&node) {
                return Err(ProofError::TransactionInside(level));
            }
            hash = Hash256(sha256d(&node));
        }
        if hash == header.merkle_root { Ok(()) } else { Err(ProofError::OtherRoot(hash, self.height)) }
    }
}

/// Reads a block's list of transactions, `["<id>", …]`.
pub fn read_txids(json: &[u8]) -> Result<Vec<Hash256>, ProofError> {
    let malformed = |what: String| ProofError::Malformed(what);
    let told: Vec<String> = crate::text::read_json(json).map_err(|error| malformed(error.to_string()))?;
    told.iter().map(|text| text.parse().map_err(|_| malformed(format!("id '{text}'")))).collect()
}

fn is_transaction(bytes: &[u8; INNER_NODE]) -> bool {
    let mut reader = Reader::new(bytes);
    Transaction::decode_stripped(&mut reader).is_ok_and(|tx| !tx.inputs.is_empty() && !tx.outputs.is_empty())
        && reader.remaining() == 0
}

/// The transaction with that id, from its bytes.
pub fn read_transaction(raw: &[u8], txid: &bitcoin::Txid) -> Result<bitcoin::Transaction, ProofError> {
    let tx: bitcoin::Transaction = bitcoin::consensus::deserialize(raw)
        .map_err(|error| ProofError::NotATransaction(error.to_string()))?;
    is_the_one(tx, txid)
}

/// [`read_transaction`] from hexadecimal text.
pub fn read_transaction_hex(text: &str, txid: &bitcoin::Txid) -> Result<bitcoin::Transaction, ProofError> {
    let raw = hex::decode(text.trim()).map_err(|error| ProofError::NotATransaction(error.to_string()))?;
    read_transaction(&raw, txid)
}

/// Whether a transaction has that id, which commits to all of it but the witnesses.
pub fn is_the_one(
    tx: bitcoin::Transaction,
    txid: &bitcoin::Txid,
) -> Result<bitcoin::Transaction, ProofError> {
    match tx.compute_txid() {
        found if found == *txid => Ok(tx),
        found => Err(ProofError::OtherTransaction(found)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::light::maker::{Maker, foreign, payment};
    use chaincore_consensus::codec::Encode;
    use chaincore_consensus::merkle::{merkle_branch, merkle_root};
    use chaincore_consensus::{Block, OutPoint, Script, Tx, Txid};
    use proptest::prelude::*;

    fn leaves(block: &Block) -> Vec<Hash256> {
        block.transactions.iter().map(|tx| Hash256(tx.txid().0)).collect()
    }

    fn proof(block: &Block, position: usize) -> MerkleProof {
        let branch = merkle_branch(&leaves(block), position);
        MerkleProof { height: 1, position: position as u32, branch }
    }

    fn block_of(count: u32) -> Block {
        let mut maker = Maker::regtest(1);
        let coins = OutPoint { txid: maker.blocks[1].transactions[0].txid(), vout: 0 };
        let fan = payment(coins, &vec![Script(vec![0x51]); count as usize]);
        let txid = fan.compute_txid();
        maker.mine(vec![fan]);
        let spend = |vout| payment(OutPoint { txid, vout }, &[Script(vec![0x52, vout as u8])]);
        maker.mine((0..count - 1).map(spend).collect());
        maker.blocks[3].as_ref().clone()
    }

    #[test]
    fn every_transaction_of_a_block_is_proven_and_no_other() {
        for count in [1, 2, 3, 5, 8, 13] {
            let block = block_of(count);
            for (position, tx) in block.transactions.iter().enumerate() {
                let good = proof(&block, position);
                let tx = foreign(tx);
                assert_eq!(good.check(&tx, &block.header), Ok(()), "{position} of {count}");
                for level in 0..good.branch.len() {
                    let mut bad = good.clone();
                    bad.branch[level].0[7] ^= 1;
                    assert!(matches!(bad.check(&tx, &block.header), Err(ProofError::OtherRoot(..))));
                }
                let mut wrong = tx.clone();
                wrong.lock_time = bitcoin::absolute::LockTime::from_consensus(1);
                assert!(matches!(good.check(&wrong, &block.header), Err(ProofError::OtherRoot(..))));
                if count > 1 {
                    let moved = MerkleProof { position: good.position ^ 1, ..good.clone() };
                    let at_the_end = position == block.transactions.len() - 1 && count % 2 == 1;
                    assert_eq!(moved.check(&tx, &block.header).is_ok(), at_the_end, "{position} of {count}");
                    let shorter = MerkleProof { branch: good.branch[1..].to_vec(), ..good };
                    assert!(shorter.check(&tx, &block.header).is_err());
                }
            }
        }
    }

    /// Where the folder with real blocks is, their transactions are proven, too.
    #[test]
    fn real_blocks() {
        let folder =
            std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/mainnet");
        let Ok(raw) = std::fs::read(folder.join("block928816.raw")) else {
            println!("skipped: no {}", folder.display());
            return;
        };
        let block: Block = chaincore_consensus::codec::Decode::decode_exact(&raw).unwrap();
        for position in 0..block.transactions.len() {
            let tx = foreign(&block.transactions[position]);
            assert_eq!(proof(&block, position).check(&tx, &block.header), Ok(()), "{position}");
        }
    }

    /// A transaction of exactly 64 bytes: one input, one output, four bytes of scripts.
    fn small() -> Transaction {
        let mut tx = payment(OutPoint { txid: Txid([7; 32]), vout: 3 }, &[Script(vec![0x51, 0x51])]);
        tx.inputs[0].script_sig = Script(vec![0x51, 0x51]);
        assert_eq!(tx.stripped_len(), 64);
        tx
    }

    /// The lie downwards: in the block there is a transaction of 64 bytes, and its first half is the id of a payment
    /// that never was. (On a real chain finding such a pair takes some 2^70 hashes; here nobody asks what it spends.)
    #[test]
    fn no_payment_hangs_below_a_transaction() {
        let mut fake = payment(OutPoint { txid: Txid([1; 32]), vout: 0 }, &[Script(vec![0x51; 22])]);
        while fake.compute_txid().0[4] != 1 {
            fake.lock_time += 1;
        }
        let other_half: [u8; 32] = small().to_bytes()[32..].try_into().unwrap();
        let node = [fake.compute_txid().0, other_half].concat();
        assert!(is_transaction(&node.clone().try_into().unwrap()));
        let coinbase = Hash256([5; 32]);
        let header = Header {
            merkle_root: merkle_root(&[coinbase, Hash256(sha256d(&node))]).0,
            ..chaincore_consensus::params::ChainParams::regtest().genesis.header
        };
        let proof = MerkleProof { height: 1, position: 2, branch: vec![Hash256(other_half), coinbase] };
        let climbed =
            chaincore_consensus::merkle::root_from_branch(Hash256(fake.compute_txid().0), &proof.branch, 2);
        assert_eq!(climbed, header.merkle_root, "the branch is a good one, but for its meaning");
        assert_eq!(proof.check(&foreign(&fake), &header), Err(ProofError::TransactionInside(0)));
    }

    /// The lie upwards: an inner node is told as a transaction.
    #[test]
    fn an_inner_node_is_no_transaction() {
        let tx = small();
        let header = Header {
            merkle_root: Hash256(tx.compute_txid().0),
            ..chaincore_consensus::params::ChainParams::regtest().genesis.header
        };
        let proof = MerkleProof { height: 1, position: 0, branch: vec![] };
        assert_eq!(proof.check(&foreign(&tx), &header), Err(ProofError::Ambiguous));
        assert!(!is_transaction(&[0; 64]) && !is_transaction(&[1; 64]));
    }

    #[test]
    fn json() {
        let hash = "11".repeat(32);
        let text = format!(r#"{{"block_height":5,"merkle":["{hash}","{hash}"],"pos":3}}"#);
        let read = MerkleProof::from_json(text.as_bytes()).unwrap();
        assert_eq!((read.height, read.position, read.branch.len()), (5, 3, 2));
        let position = text.replace(":3}", ":4}");
        assert_eq!(MerkleProof::from_json(position.as_bytes()), Err(ProofError::Position(4, 2)));
        let huge = text.replace(":3}", ":18446744073709551615}");
        assert_eq!(MerkleProof::from_json(huge.as_bytes()), Err(ProofError::Position(u64::MAX, 2)));
        let levels = vec![format!("\"{hash}\""); MAX_DEPTH + 1].join(",");
        let deep = format!(r#"{{"block_height":5,"merkle":[{levels}],"pos":0}}"#);
        assert_eq!(
            MerkleProof::from_json(deep.as_bytes()),
            Err(ProofError::Malformed(format!("{} levels", MAX_DEPTH + 1)))
        );
        for bad in ["", "{}", "[]", r#"{"block_height":-1,"merkle":[],"pos":0}"#, &text.replace("11", "1")] {
            assert!(matches!(MerkleProof::from_json(bad.as_bytes()), Err(ProofError::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn transactions_by_their_id() {
        let tx = payment(OutPoint { txid: Txid([1; 32]), vout: 0 }, &[Script(vec![0x51])]);
        let raw = Tx::from(tx.clone()).to_bytes();
        let txid = foreign(&tx).compute_txid();
        assert_eq!(read_transaction(&raw, &txid), Ok(foreign(&tx)));
        assert_eq!(read_transaction_hex(&hex::encode(&raw), &txid), Ok(foreign(&tx)));
        let other = bitcoin::Txid::from_byte_array([2; 32]);
        assert_eq!(read_transaction(&raw, &other), Err(ProofError::OtherTransaction(txid)));
        assert!(matches!(read_transaction(&raw[1..], &txid), Err(ProofError::NotATransaction(_))));
        assert!(matches!(read_transaction_hex("zz", &txid), Err(ProofError::NotATransaction(_))));
    }

    proptest! {
        #[test]
        fn any_json_is_no_panic(text: String) {
            let _ = MerkleProof::from_json(text.as_bytes());
        }

        /// A branch proves what the tree has and nothing else, for trees of any width.
        #[test]
        fn branches(seeds in prop::collection::vec(any::<u8>(), 1..40), at: prop::sample::Index, bit in 0..256usize) {
            let txs: Vec<Transaction> = seeds
                .iter()
                .enumerate()
                .map(|(n, seed)| payment(
                    OutPoint { txid: Txid([*seed; 32]), vout: n as u32 },
                    &[Script(vec![0x51; 22])],
                ))
                .collect();
            let leaves: Vec<Hash256> = txs.iter().map(|tx| Hash256(tx.compute_txid().0)).collect();
            let position = at.index(leaves.len());
            let proof = MerkleProof {
                height: 9,
                position: position as u32,
                branch: merkle_branch(&leaves, position),
            };
            let mut header = chaincore_consensus::params::ChainParams::regtest().genesis.header;
            header.merkle_root = merkle_root(&leaves).0;
            let tx = foreign(&txs[position]);
            prop_assert_eq!(proof.check(&tx, &header), Ok(()));
            header.merkle_root.0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(proof.check(&tx, &header).is_err());
        }
    }
}
