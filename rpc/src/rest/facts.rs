//! What can be said of a block only after reading it, remembered: its size, what it earned, and whom it paid.
//!
//! A chart of a thousand blocks must not read a thousand blocks each time. Facts are true of a hash for ever, so they are
//! kept by it; the oldest go when there are too many.

use super::RestError;
use crate::node::{BlockInfo, Node};
use chaincore_consensus::address::Address;
use chaincore_consensus::codec::Decode;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::script::{Instruction, instructions};
use chaincore_consensus::subsidy::block_subsidy;
use chaincore_consensus::{Block, BlockHash, Tx};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// How many blocks are remembered; each takes some 200 bytes.
const REMEMBERED: usize = 20_000;
/// The longest text of a coinbase that is shown, in characters, and the shortest that counts as one.
const TAG: (usize, usize) = (80, 4);

/// What is known of a block that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockFacts {
    /// Its bytes.
    pub size: usize,
    /// Its weight.
    pub weight: usize,
    /// The weight of its transactions without the coinbase.
    pub paying_weight: usize,
    /// What its transactions pay, in satoshis.
    pub fees: i64,
    /// The new coins that it could make, in satoshis.
    pub subsidy: i64,
    /// What its coinbase pays out, in satoshis.
    pub reward: i64,
    /// The address that the coinbase pays most to.
    pub miner: Option<String>,
    /// What its coinbase says for people to read; empty if nothing.
    pub tag: String,
}

/// The texts in a coinbase: what is readable behind the height that it begins with, whether it was pushed or just put
/// there.
fn tag_of(coinbase: &Tx) -> String {
    let Some(input) = coinbase.inputs.first() else { return String::new() };
    let mut reader = instructions(&input.script_sig);
    reader.next();
    let mut bytes = Vec::new();
    loop {
        let rest = reader.rest();
        match reader.next() {
            None => break,
            // How long a push is is no letter of its text.
            Some(Ok(Instruction { data: Some(data), .. })) => bytes.extend([&[0], data, &[0]].concat()),
            Some(Ok(Instruction { op, .. })) => bytes.push(op),
            Some(Err(())) => {
                bytes.extend_from_slice(rest);
                break;
            }
        }
    }
    let (longest, shortest) = TAG;
    let texts = bytes.split(|byte| !matches!(byte, b' '..=b'~')).map(<[u8]>::trim_ascii);
    let texts: Vec<_> =
        texts.filter(|text| text.len() >= shortest).map(|text| String::from_utf8_lossy(text)).collect();
    texts.join(" ").chars().take(longest).collect()
}

fn miner_of(coinbase: &Tx, params: &ChainParams) -> Option<String> {
    let most = coinbase.outputs.iter().max_by_key(|output| output.value)?;
    Some(Address::from_script(&most.script_pubkey)?.to_text(&params.addresses))
}

impl BlockFacts {
    /// Those of a block. Fees are counted from what was spent; where that is not known, from what the coinbase took.
    fn new(node: &dyn Node, info: &BlockInfo, size: usize, block: &Block) -> Result<Option<Self>, RestError> {
        let Some((coinbase, others)) = block.transactions.split_first() else { return Ok(None) };
        let subsidy = block_subsidy(info.height, node.params()).sat();
        let reward = coinbase.output_sum().sat();
        let fees = match node.undo(&info.hash)? {
            _ if others.is_empty() => 0,
            Some(undo) if undo.txs.len() == others.len() => {
                let spent: i64 = undo.coins().map(|coin| coin.output.value.sat()).sum();
                spent - others.iter().map(|tx| tx.output_sum().sat()).sum::<i64>()
            }
            _ => (reward - subsidy).max(0),
        };
        Ok(Some(Self {
            size,
            weight: block.weight(),
            paying_weight: others.iter().map(|tx| tx.weight()).sum(),
            fees,
            subsidy,
            reward,
            miner: miner_of(coinbase, node.params()),
            tag: tag_of(coinbase),
        }))
    }
}

#[derive(Default)]
struct Memory {
    facts: HashMap<BlockHash, Arc<BlockFacts>>,
    order: VecDeque<BlockHash>,
}

/// The facts of the blocks that were asked for.
#[derive(Default)]
pub struct Facts(Mutex<Memory>);

impl Facts {
    /// A block's facts; `None` if it is not on disk.
    pub fn of(&self, node: &dyn Node, info: &BlockInfo) -> Result<Option<Arc<BlockFacts>>, RestError> {
        self.within(node, info, &mut usize::MAX.clone())
    }

    /// The same, `None` too for one that would have to be read when `budget`, in bytes, is used up; reading lowers it.
    pub fn within(
        &self,
        node: &dyn Node,
        info: &BlockInfo,
        budget: &mut usize,
    ) -> Result<Option<Arc<BlockFacts>>, RestError> {
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).facts.get(&info.hash) {
            return Ok(Some(known.clone()));
        }
        if *budget == 0 || !info.has_data {
            return Ok(None);
        }
        let Some(bytes) = node.block_bytes(&info.hash)? else { return Ok(None) };
        *budget = budget.saturating_sub(bytes.len());
        let damaged = |error| RestError::internal(format!("block {}: {error}", info.hash));
        let block = Block::decode_exact(&bytes).map_err(damaged)?;
        let Some(facts) = BlockFacts::new(node, info, bytes.len(), &block)?.map(Arc::new) else {
            return Ok(None);
        };
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.facts.insert(info.hash, facts.clone()).is_none() {
            memory.order.push_back(info.hash);
        }
        if memory.order.len() > REMEMBERED
            && let Some(oldest) = memory.order.pop_front()
        {
            memory.facts.remove(&oldest);
        }
        Ok(Some(facts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::{OutPoint, Script, Transaction, TxIn};

    #[test]
    fn a_coinbase_says_what_can_be_read() {
        let says = |script: &[u8]| {
            let input = TxIn {
                previous_output: OutPoint::NULL,
                script_sig: Script(script.to_vec()),
                sequence: 0,
                witness: vec![],
            };
            tag_of(&Transaction { version: 1, inputs: vec![input], outputs: vec![], lock_time: 0 }.into())
        };
        assert_eq!(says(b"\x03abc\x0b/ChainCore/"), "/ChainCore/");
        assert_eq!(says(b"\x04\xff\xff\0\x1d\x01\x04\x45The Times 03/Jan/2009 Chancellor on brink of second bailout for banks").len(), 69);
        assert_eq!(says(b"\x03abc\x04\0\x01\x02\x03\x05pool1\xff ok"), "pool1");
        assert_eq!(says(b"\x03abcpool one\x00pool two"), "pool one pool two");
        assert_eq!(says(b"\x03abc\x4c\x0apool three"), "pool three");
        assert_eq!((says(b""), says(b"\x03abc"), says(b"\x50")), ("".into(), "".into(), "".into()));
        assert_eq!(says(&[&b"\x01a\x4d\xff\xff"[..], &[b'x'; 500]].concat()).len(), 80);
        assert_eq!(says(&[&b"\x01a\x51"[..], &[b'x'; 500]].concat()).len(), 80);
        assert_eq!(says("\x01a\0<b>пул</b>".as_bytes()), "</b>");
    }
}
