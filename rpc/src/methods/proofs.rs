//! Proofs that transactions are in a block: the partial merkle trees of BIP37.

use super::blockchain::known_block;
use super::{Reply, reply};
use crate::error::{RpcError, code};
use crate::node::{BlockInfo, ChainView, Node, NodeError};
use crate::registry::Args;
use chaincore_consensus::codec::{Decode, DecodeError, Encode, Reader, Sink, put_compact_size};
use chaincore_consensus::hash::sha256d;
use chaincore_consensus::{Hash256, Header, OutPoint, Txid, hex};
use std::collections::BTreeSet;

/// The most transactions that a block has room for.
const MAX_TRANSACTIONS: u32 = 4_000_000 / 240;
/// The most outputs of one transaction that are asked for where no index knows its block.
const MAX_OUTPUTS: u32 = 111_112;

/// A merkle tree of which only the way to some leaves is known.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PartialTree {
    /// How many leaves the whole tree has.
    count: u32,
    hashes: Vec<Hash256>,
    /// One per node in depth-first order: whether a wanted leaf is below it.
    flags: Vec<bool>,
}

fn parent(left: &Hash256, right: &Hash256) -> Hash256 {
    Hash256(sha256d(&[left.0, right.0].concat()))
}

impl PartialTree {
    /// The tree over `leaves` with the ways to those that are `wanted`.
    fn new(leaves: &[Hash256], wanted: &[bool]) -> Self {
        let mut levels = vec![(leaves.to_vec(), wanted.to_vec())];
        while let Some((hashes, wanted)) = levels.last().filter(|(hashes, _)| hashes.len() > 1) {
            let above = hashes.chunks(2).map(|pair| parent(&pair[0], pair.last().unwrap_or(&pair[0])));
            let wanted = wanted.chunks(2).map(|pair| pair.contains(&true));
            levels.push((above.collect(), wanted.collect()));
        }
        let count = u32::try_from(leaves.len()).expect("a block's weight bounds its transactions");
        let mut tree = Self { count, hashes: vec![], flags: vec![] };
        tree.put(&levels, levels.len() - 1, 0);
        tree
    }

    fn put(&mut self, levels: &[(Vec<Hash256>, Vec<bool>)], height: usize, at: usize) {
        let (hashes, wanted) = &levels[height];
        self.flags.push(wanted[at]);
        if height == 0 || !wanted[at] {
            self.hashes.push(hashes[at]);
            return;
        }
        self.put(levels, height - 1, at * 2);
        if at * 2 + 1 < levels[height - 1].0.len() {
            self.put(levels, height - 1, at * 2 + 1);
        }
    }

    /// The root and the wanted leaves; `None` if the tree is not well formed.
    fn extract(&self) -> Option<(Hash256, Vec<Txid>)> {
        let sane = self.count > 0
            && self.count <= MAX_TRANSACTIONS
            && self.hashes.len() <= self.count as usize
            && self.flags.len() >= self.hashes.len();
        if !sane {
            return None;
        }
        let mut height = 0;
        while self.width(height) > 1 {
            height += 1;
        }
        let mut walk = Walk { tree: self, flags: 0, hashes: 0, found: vec![] };
        let root = walk.node(height, 0)?;
        let used = walk.flags.div_ceil(8) == self.flags.len().div_ceil(8) && walk.hashes == self.hashes.len();
        used.then_some((root, walk.found))
    }

    /// How many nodes a level has.
    fn width(&self, height: u32) -> u32 {
        self.count.div_ceil(1 << height)
    }
}

/// A walk through a tree, and what of it has been used.
struct Walk<'a> {
    tree: &'a PartialTree,
    flags: usize,
    hashes: usize,
    found: Vec<Txid>,
}

impl Walk<'_> {
    fn node(&mut self, height: u32, at: u32) -> Option<Hash256> {
        let wanted = *self.tree.flags.get(self.flags)?;
        self.flags += 1;
        if height == 0 || !wanted {
            let hash = *self.tree.hashes.get(self.hashes)?;
            self.hashes += 1;
            if wanted {
                self.found.push(Txid(hash.0));
            }
            return Some(hash);
        }
        let left = self.node(height - 1, at * 2)?;
        if at * 2 + 1 >= self.tree.width(height - 1) {
            return Some(parent(&left, &left));
        }
        let right = self.node(height - 1, at * 2 + 1)?;
        // Transactions are unique; equal halves hide a repeated one.
        (left != right).then(|| parent(&left, &right))
    }
}

impl Encode for PartialTree {
    fn encode(&self, sink: &mut impl Sink) {
        sink.put(&self.count.to_le_bytes());
        put_compact_size(sink, self.hashes.len() as u64);
        self.hashes.iter().for_each(|hash| hash.encode(sink));
        put_compact_size(sink, self.flags.len().div_ceil(8) as u64);
        for flags in self.flags.chunks(8) {
            let byte = flags.iter().enumerate().fold(0, |byte, (bit, flag)| byte | u8::from(*flag) << bit);
            sink.put(&[byte]);
        }
    }
}

impl Decode for PartialTree {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = reader.u32()?;
        let hashes = reader.vec(32, Hash256::decode)?;
        let bytes = reader.var_bytes()?;
        let flags = bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).collect();
        Ok(Self { count, hashes, flags })
    }
}

/// The block that one of some transactions is in: by its unspent outputs, or by the index.
fn block_of(node: &dyn Node, chain: &dyn ChainView, txids: &BTreeSet<Txid>) -> Result<BlockInfo, RpcError> {
    let missing = || RpcError::not_found("Transaction not yet in block");
    let mut indexed = true;
    for txid in txids {
        match node.find_tx(txid) {
            Ok(Some(found)) => return chain.entry(&found.block).ok_or_else(missing),
            Ok(None) => {}
            Err(NodeError::IndexOff(_)) => {
                indexed = false;
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    if indexed {
        return Err(missing());
    }
    for txid in txids {
        for vout in 0..MAX_OUTPUTS {
            if vout % 4096 == 4095 && node.is_stopping() {
                return Err(RpcError::shutting_down());
            }
            if let Some(coin) = node.coin(&OutPoint { txid: *txid, vout })? {
                return chain.at_height(coin.height).ok_or_else(missing);
            }
        }
    }
    Err(missing())
}

pub fn gettxoutproof(node: &dyn Node, args: &Args) -> Reply {
    let wanted = args.array(0)?;
    if wanted.is_empty() {
        return Err(RpcError::invalid_parameter("Parameter 'txids' cannot be empty"));
    }
    let mut txids: BTreeSet<Txid> = BTreeSet::new();
    for txid in wanted {
        if !txids.insert(txid.hash("txid")?) {
            let text = txid.get_str()?;
            let message = format!("Invalid parameter, duplicated txid: {text}");
            return Err(RpcError::invalid_parameter(message));
        }
    }
    let chain = node.chain();
    let info = match args.opt_hash(1, "blockhash")? {
        Some(hash) => known_block(&*chain, &hash)?,
        None => block_of(node, &*chain, &txids)?,
    };
    if !info.has_data {
        return Err(RpcError::misc("Block not available (not fully downloaded)"));
    }
    let block = node.block(&info.hash)?;
    let block = block.ok_or_else(|| RpcError::new(code::INTERNAL_ERROR, "Can't read block from disk"))?;
    let leaves: Vec<Hash256> = block.transactions.iter().map(|tx| Hash256(tx.txid().0)).collect();
    let found: Vec<bool> = leaves.iter().map(|leaf| txids.contains(&Txid(leaf.0))).collect();
    if found.iter().filter(|found| **found).count() != txids.len() {
        return Err(RpcError::not_found("Not all transactions found in specified or retrieved block"));
    }
    reply(&hex::encode(&merkle_block(&block.header, &leaves, &found)))
}

/// The message `merkleblock` of BIP37: a block's header and the way to those of its transactions that are wanted. There
/// must be at least one.
pub fn merkle_block(header: &Header, txids: &[Hash256], wanted: &[bool]) -> Vec<u8> {
    [&header.to_array()[..], &PartialTree::new(txids, wanted).to_bytes()].concat()
}

pub fn verifytxoutproof(node: &dyn Node, args: &Args) -> Reply {
    let bytes = args.hex(0, "proof")?;
    let mut reader = Reader::new(&bytes);
    let decoded =
        Header::decode(&mut reader).and_then(|header| Ok((header, PartialTree::decode(&mut reader)?)));
    let (header, tree) =
        decoded.map_err(|_| RpcError::misc("SpanReader::read(): end of data: iostream error"))?;
    let none: [Txid; 0] = [];
    let Some((_, txids)) = tree.extract().filter(|(root, _)| *root == header.merkle_root) else {
        return reply(&none[..]);
    };
    let chain = node.chain();
    let block = chain.entry(&header.hash()).filter(|block| chain.is_active(&block.hash) && block.n_tx > 0);
    let block = block.ok_or_else(|| RpcError::not_found("Block not found in chain"))?;
    // A proof of another number of transactions may take an inner node for one.
    if block.n_tx == tree.count { reply(&txids) } else { reply(&none[..]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::merkle::merkle_root;

    #[test]
    fn every_set_of_leaves_is_proved() {
        for count in 1..=11usize {
            let leaves: Vec<Hash256> = (0..count).map(|n| Hash256([n as u8 + 1; 32])).collect();
            let root = merkle_root(&leaves).0;
            for set in 0..1u32 << count {
                let wanted: Vec<bool> = (0..count).map(|bit| set >> bit & 1 == 1).collect();
                let tree = PartialTree::new(&leaves, &wanted);
                let read = PartialTree::decode_exact(&tree.to_bytes()).unwrap();
                let (found_root, found) = read.extract().unwrap();
                assert_eq!(found_root, root);
                let expected = leaves.iter().zip(&wanted).filter(|(_, wanted)| **wanted);
                assert_eq!(found, expected.map(|(leaf, _)| Txid(leaf.0)).collect::<Vec<_>>());
                // With another number of leaves it is another tree, unless only its root is known.
                let spoiled = PartialTree { count: tree.count + 40, ..tree };
                assert!(set == 0 || spoiled.extract().is_none_or(|(spoiled, _)| spoiled != root));
            }
        }
        let huge = PartialTree { count: u32::MAX, hashes: vec![], flags: vec![] };
        assert_eq!(huge.extract(), None);
        let hidden = PartialTree { count: 2, hashes: vec![Hash256([1; 32]); 2], flags: vec![true; 8] };
        assert_eq!(hidden.extract(), None);
    }
}
