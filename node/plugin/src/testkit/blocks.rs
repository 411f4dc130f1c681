//! Blocks of a scripted chain: small, always the same for the same seed, with real spends. Their proof of work is not
//! real, and their scripts are never run.

use chaincore_consensus::coin::Coin;
use chaincore_consensus::merkle::block_merkle_root;
use chaincore_consensus::{
    Amount, Block, BlockHash, Hash256, Header, OutPoint, Script, Transaction, Tx, TxIn, TxOut, TxRef,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a coinbase takes.
const REWARD: i64 = 5_000_000_000;
/// How many scripts there are to pay to.
const SCRIPTS: u64 = 7;
/// Coins above which more are joined than split.
const MANY_COINS: usize = 60;

/// The coins at a block.
pub(super) type Coins = BTreeMap<OutPoint, Coin>;

/// Numbers that look random and are not (splitmix64).
#[derive(Clone, Debug)]
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }
}

/// An output script: pay to the hash of a witness key, a different one for each of a few numbers.
fn script(number: u64) -> Script {
    let mut bytes = vec![0x00, 0x14];
    bytes.extend([0x10 + (number % SCRIPTS) as u8; 20]);
    bytes.into()
}

fn input(previous_output: OutPoint, script_sig: Vec<u8>, witness: Vec<Vec<u8>>) -> TxIn {
    TxIn { previous_output, script_sig: script_sig.into(), sequence: TxIn::SEQUENCE_FINAL, witness }
}

fn tx(inputs: Vec<TxIn>, outputs: Vec<TxOut>) -> TxRef {
    Arc::new(Tx::from(Transaction { version: 2, inputs, outputs, lock_time: 0 }))
}

/// The next block on one with this header: the block, what it spends, and the coins after it.
pub(super) fn next_block(
    below: &Header,
    previous: BlockHash,
    height: u32,
    coins: &Coins,
    numbers: &mut Numbers,
) -> (Block, Vec<Coin>, Coins) {
    let mut coins = coins.clone();
    let mut spent = vec![];
    let mut transactions = vec![];
    let mut fees = 0;
    for tx_index in 1..=numbers.below(4) as u32 {
        let joins = if coins.len() > MANY_COINS { 5 } else { 2 };
        let mut inputs = vec![];
        let mut value = 0;
        for _ in 0..=numbers.below(joins) {
            if coins.is_empty() {
                break;
            }
            let at = numbers.below(coins.len() as u64) as usize;
            let outpoint = *coins.keys().nth(at).expect("the number is below the count");
            let coin = coins.remove(&outpoint).expect("its key was just read");
            value += coin.output.value.sat();
            inputs.push(input(outpoint, vec![], vec![vec![0x30; 8], vec![0x02; 33]]));
            spent.push(coin);
        }
        if inputs.is_empty() {
            break;
        }
        let fee = 1_000.min(value);
        fees += fee;
        let count = 1 + numbers.below(3) as i64;
        let mut outputs = vec![];
        for at in 0..count {
            let rest = value - fee - (value - fee) / count * (count - 1);
            let share = if at == 0 { rest } else { (value - fee) / count };
            outputs.push(TxOut { value: Amount(share), script_pubkey: script(numbers.next()) });
        }
        let made = tx(inputs, outputs);
        add_coins(&mut coins, &made, height, tx_index);
        transactions.push(made);
    }
    let tag = [height.to_le_bytes().as_slice(), &numbers.next().to_le_bytes()].concat();
    let reward = TxOut { value: Amount(REWARD + fees), script_pubkey: script(numbers.next()) };
    let coinbase = tx(vec![input(OutPoint::NULL, tag, vec![])], vec![reward]);
    add_coins(&mut coins, &coinbase, height, 0);
    let mut block = Block {
        header: Header {
            version: 0x2000_0000,
            previous,
            merkle_root: Hash256::ZERO,
            time: below.time + 60,
            bits: below.bits,
            nonce: 0,
        },
        transactions: [vec![coinbase], transactions].concat(),
    };
    block.header.merkle_root = block_merkle_root(&block).0;
    (block, spent, coins)
}

fn add_coins(coins: &mut Coins, tx: &TxRef, height: u32, tx_index: u32) {
    for (vout, output) in (0u32..).zip(&tx.outputs) {
        let coin = Coin { output: output.clone(), height, coinbase: tx_index == 0, tx_index };
        coins.insert(OutPoint { txid: tx.txid(), vout }, coin);
    }
}
