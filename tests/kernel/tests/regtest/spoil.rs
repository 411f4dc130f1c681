//! Ways to change a valid block. Some leave it valid: what counts is that Core thinks the same.

use super::ours::Chain;
use super::wallet::{Kind, output, spend};
use super::{Draft, Random, change, mine, with_root};
use chaincore_consensus::amount::MAX_MONEY;
use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::script::{Builder, Script, op};
use chaincore_consensus::{Amount, Block, BlockHash, Hash256, OutPoint, Transaction, Tx, TxOut, Txid};
use std::sync::Arc;

/// A change and its name.
pub type Spoil = (&'static str, fn(Draft, &Chain, &mut Random) -> Block);

/// The last transaction, unless there is only the coinbase.
fn last(draft: &mut Draft) -> &mut Transaction {
    draft.txs.last_mut().expect("there is a coinbase")
}

/// A coin of the chain that may be spent by the next block and is not yet spent in the draft.
fn fresh_coin(draft: &Draft, chain: &Chain, coinbase_depth: Option<u32>) -> Option<(OutPoint, Coin)> {
    let height = chain.headers.tip_height() + 1;
    let spent: Vec<OutPoint> =
        draft.txs.iter().flat_map(|tx| tx.inputs.iter().map(|input| input.previous_output)).collect();
    let fits = |coin: &Coin| match coinbase_depth {
        Some(depth) => coin.coinbase && height - coin.height == depth,
        None => height - coin.height >= 100,
    };
    let mut coins: Vec<_> =
        chain.coins.iter().filter(|(at, coin)| fits(coin) && !spent.contains(at)).collect();
    coins.sort_by_key(|(at, _)| **at);
    coins.first().map(|(at, coin)| (**at, (*coin).clone()))
}

/// The draft with one more transaction, which spends `coin` whole.
fn with_spend(mut draft: Draft, coin: Option<(OutPoint, Coin)>) -> Draft {
    if let Some(coin) = coin {
        let value = coin.1.output.value.sat();
        draft.txs.push(spend(&[coin], vec![output(Kind::PubKeyHash, value)]));
    }
    draft
}

fn flip(bytes: &mut [u8], random: &mut Random) {
    if !bytes.is_empty() {
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
    }
}

/// A transaction that is not the coinbase, if there is one.
fn any_tx(draft: &Draft, random: &mut Random) -> usize {
    match draft.txs.len() {
        1 => 0,
        count => 1 + random.below(count - 1),
    }
}

fn with_version(mut draft: Draft, version: i32) -> Block {
    draft.header.version = version;
    draft.finish()
}

fn with_height_script(mut draft: Draft, script: Script) -> Block {
    draft.txs[0].inputs[0].script_sig = script;
    draft.finish()
}

fn with_output_script(mut draft: Draft, len: usize, byte: u8) -> Block {
    draft.txs[0].outputs.push(TxOut { value: Amount::ZERO, script_pubkey: Script(vec![byte; len]) });
    draft.finish()
}

/// All changes.
pub const ALL: &[Spoil] = &[
    ("nothing", |draft, _, _| draft.finish()),
    ("coinbase takes one more", |mut draft, _, _| {
        draft.txs[0].outputs[0].value.0 += 1;
        draft.finish()
    }),
    ("coinbase takes one less", |mut draft, _, _| {
        draft.txs[0].outputs[0].value.0 -= 1;
        draft.finish()
    }),
    ("no proof of work", |draft, _, _| mine(draft.finish(), false)),
    ("other merkle root", |draft, _, _| {
        let mut block = draft.finish();
        block.header.merkle_root = Hash256([7; 32]);
        mine(block, true)
    }),
    ("last transaction twice", |draft, _, _| {
        let mut block = draft.finish();
        block.transactions.extend(block.transactions.last().cloned());
        with_root(block)
    }),
    ("a list with another's root", |draft, _, _| {
        let mut block = draft.finish();
        // Three and the last once more have the root of three.
        while block.transactions.len() % 2 == 0 {
            block.transactions.pop();
        }
        let last = block.transactions.last().cloned();
        let mut block = with_root(block);
        block.transactions.extend(last);
        block
    }),
    ("harder bits", |mut draft, _, _| {
        draft.header.bits = 0x207f_fffe;
        draft.finish()
    }),
    ("impossible bits", |mut draft, _, _| {
        draft.header.bits = 0x2100_ffff;
        draft.finish()
    }),
    ("time at the median", |mut draft, chain, _| {
        draft.header.time = chain.headers.median_time_past();
        draft.finish()
    }),
    ("time just after the median", |mut draft, chain, _| {
        draft.header.time = chain.headers.median_time_past() + 1;
        draft.finish()
    }),
    ("time three hours ahead", |mut draft, chain, _| {
        draft.header.time = u32::try_from(chain.now + 3 * 3600).expect("not yet 2106");
        draft.finish()
    }),
    ("version 1", |draft, _, _| with_version(draft, 1)),
    ("version 3", |draft, _, _| with_version(draft, 3)),
    ("version 4", |draft, _, _| with_version(draft, 4)),
    ("negative version", |draft, _, _| with_version(draft, -1)),
    ("all version bits", |draft, _, _| with_version(draft, 0x3fff_ffff)),
    ("unknown parent", |mut draft, _, _| {
        draft.header.previous = BlockHash([3; 32]);
        draft.finish()
    }),
    ("height one too low", |draft, chain, _| {
        let height = chain.headers.tip_height();
        with_height_script(draft, Builder::new().push_int(height.into()).push_int(0).into_script())
    }),
    ("height with a zero byte more", |draft, chain, _| {
        let mut bytes = (chain.headers.tip_height() + 1).to_le_bytes().to_vec();
        bytes.truncate(3);
        with_height_script(draft, Builder::new().push_data(&bytes).push_int(0).into_script())
    }),
    ("coinbase script of one byte", |draft, _, _| with_height_script(draft, Script(vec![0x51]))),
    ("coinbase script of 100 bytes", |mut draft, _, _| {
        draft.txs[0].inputs[0].script_sig.0.resize(100, 0);
        draft.finish()
    }),
    ("coinbase script of 101 bytes", |mut draft, _, _| {
        draft.txs[0].inputs[0].script_sig.0.resize(101, 0);
        draft.finish()
    }),
    ("no coinbase", |draft, _, _| {
        let mut block = draft.finish();
        block.transactions.remove(0);
        if block.transactions.is_empty() { block } else { with_root(block) }
    }),
    ("two coinbases", |draft, _, _| {
        let mut block = draft.finish();
        let again = change(&block, 0, |tx| tx.lock_time = 1).transactions[0].clone();
        block.transactions.push(again);
        with_root(block)
    }),
    ("no transactions", |draft, _, _| {
        let mut block = draft.finish();
        block.transactions.clear();
        with_root(block)
    }),
    ("a bit of an unlocking script", |mut draft, _, random| {
        let at = any_tx(&draft, random);
        let input = random.below(draft.txs[at].inputs.len());
        flip(&mut draft.txs[at].inputs[input].script_sig.0, random);
        draft.finish()
    }),
    ("a bit of a witness", |mut draft, _, random| {
        let at = any_tx(&draft, random);
        for input in &mut draft.txs[at].inputs {
            let count = input.witness.len();
            if count > 0 {
                flip(&mut input.witness[random.below(count)], random);
            }
        }
        draft.finish()
    }),
    ("a bit of a witness against the commitment", |mut draft, chain, random| {
        let coin = fresh_coin(&draft, chain, None);
        draft = with_spend(draft, coin);
        let at = draft.txs.len() - 1;
        change(&draft.finish(), at, |tx| match tx.inputs[0].witness.last_mut() {
            Some(item) => flip(item, random),
            None => tx.inputs[0].witness.push(vec![1]),
        })
    }),
    ("a witness item more", |mut draft, _, random| {
        let at = any_tx(&draft, random);
        draft.txs[at].inputs[0].witness.insert(0, vec![1]);
        draft.finish()
    }),
    ("no witness in any spend", |mut draft, _, _| {
        draft.txs[1..].iter_mut().flat_map(|tx| &mut tx.inputs).for_each(|input| input.witness.clear());
        draft.finish()
    }),
    ("no commitment", |mut draft, _, _| {
        draft.commit = false;
        draft.finish()
    }),
    ("no commitment and no reserved value", |mut draft, _, _| {
        draft.commit = false;
        draft.txs[0].inputs[0].witness.clear();
        draft.finish()
    }),
    ("reserved value of 31 bytes", |mut draft, _, _| {
        draft.txs[0].inputs[0].witness[0].pop();
        draft.finish()
    }),
    ("two reserved values", |mut draft, _, _| {
        draft.txs[0].inputs[0].witness.push(vec![0; 32]);
        draft.finish()
    }),
    ("another reserved value", |mut draft, _, _| {
        draft.txs[0].inputs[0].witness[0] = vec![9; 32];
        draft.finish()
    }),
    ("a second commitment that is wrong", |draft, _, _| {
        with_root(change(&draft.finish(), 0, |tx| {
            let mut wrong = tx.outputs.last().expect("the commitment").clone();
            wrong.script_pubkey.0[10] ^= 1;
            tx.outputs.push(wrong);
        }))
    }),
    ("spends an unknown output", |mut draft, _, _| {
        last(&mut draft).inputs[0].previous_output = OutPoint { txid: Txid([5; 32]), vout: 0 };
        draft.finish()
    }),
    ("spends nothing", |mut draft, chain, _| {
        let coin = fresh_coin(&draft, chain, None);
        draft = with_spend(draft, coin);
        let tx = last(&mut draft);
        let more = tx.inputs[0].clone();
        tx.inputs.push(more);
        tx.inputs[1].previous_output = OutPoint::NULL;
        draft.finish()
    }),
    ("an input twice", |mut draft, chain, _| {
        let coin = fresh_coin(&draft, chain, None);
        draft = with_spend(draft, coin);
        let tx = last(&mut draft);
        let more = tx.inputs[0].clone();
        tx.inputs.push(more);
        draft.finish()
    }),
    ("a coin spent by two", |mut draft, chain, _| {
        if let Some(coin) = fresh_coin(&draft, chain, None) {
            for value in [1, 2] {
                draft.txs.push(spend(std::slice::from_ref(&coin), vec![output(Kind::Taproot, value)]));
            }
        }
        draft.finish()
    }),
    ("a reward at depth 99", |draft, chain, _| {
        let coin = fresh_coin(&draft, chain, Some(99));
        with_spend(draft, coin).finish()
    }),
    ("a reward at depth 100", |draft, chain, _| {
        let coin = fresh_coin(&draft, chain, Some(100));
        with_spend(draft, coin).finish()
    }),
    ("its own reward", |draft, chain, _| {
        let block = draft.finish();
        let coinbase = &block.transactions[0];
        let coin = Coin {
            output: coinbase.outputs[0].clone(),
            height: chain.headers.tip_height() + 1,
            coinbase: true,
            tx_index: 0,
        };
        let tx =
            spend(&[(OutPoint { txid: coinbase.txid(), vout: 0 }, coin)], vec![output(Kind::Taproot, 1)]);
        // A spend without a witness keeps the commitment.
        let mut more = block.clone();
        more.transactions
            .push(Arc::new(Tx::from(Transaction { inputs: without_witnesses(tx.inputs), ..tx })));
        with_root(more)
    }),
    ("pays more than it has", |mut draft, chain, _| {
        if let Some(coin) = fresh_coin(&draft, chain, None) {
            let value = coin.1.output.value.sat() + 1;
            draft.txs.push(spend(&[coin], vec![output(Kind::PubKey, value)]));
        }
        draft.finish()
    }),
    ("a negative output", |mut draft, _, _| {
        last(&mut draft).outputs[0].value = Amount(-1);
        draft.finish()
    }),
    ("an output above all money", |mut draft, _, _| {
        last(&mut draft).outputs[0].value = Amount(MAX_MONEY + 1);
        draft.finish()
    }),
    ("outputs above all money together", |mut draft, _, _| {
        let rich = output(Kind::PubKey, MAX_MONEY);
        last(&mut draft).outputs.extend([rich.clone(), rich]);
        draft.finish()
    }),
    ("no outputs", |mut draft, chain, _| {
        let coin = fresh_coin(&draft, chain, None);
        draft = with_spend(draft, coin);
        last(&mut draft).outputs.clear();
        if draft.txs.len() == 1 {
            draft.commit = false;
        }
        draft.finish()
    }),
    ("lock time at this height", |mut draft, chain, _| {
        draft.txs[0].lock_time = chain.headers.tip_height() + 1;
        draft.finish()
    }),
    ("lock time one below", |mut draft, chain, _| {
        draft.txs[0].lock_time = chain.headers.tip_height();
        draft.finish()
    }),
    ("lock time at this height, but final", |mut draft, chain, _| {
        draft.txs[0].lock_time = chain.headers.tip_height() + 1;
        draft.txs[0].inputs[0].sequence = u32::MAX;
        draft.finish()
    }),
    ("lock time at the median", |mut draft, chain, _| {
        draft.txs[0].lock_time = chain.headers.median_time_past();
        draft.finish()
    }),
    ("lock time one second below the median", |mut draft, chain, _| {
        draft.txs[0].lock_time = chain.headers.median_time_past() - 1;
        draft.finish()
    }),
    ("relative lock of random length", |mut draft, chain, random| {
        let height = chain.headers.tip_height() + 1;
        if let Some(coin) = fresh_coin(&draft, chain, None) {
            let depth = height - coin.1.height;
            let mut tx = spend(std::slice::from_ref(&coin), vec![output(Kind::PubKeyHash, 1)]);
            tx.inputs[0].sequence = depth - 1 + random.below(3) as u32;
            super::wallet::sign(&mut tx, &[coin]);
            draft.txs.push(tx);
        }
        draft.finish()
    }),
    ("relative lock in time", |mut draft, chain, random| {
        let height = chain.headers.tip_height() + 1;
        if let Some(coin) = fresh_coin(&draft, chain, None) {
            let start = chain.headers.median_time_past_at(coin.1.height.min(height) - 1);
            let units = (chain.headers.median_time_past() - start) / 512;
            let mut tx = spend(std::slice::from_ref(&coin), vec![output(Kind::PubKeyHash, 1)]);
            tx.inputs[0].sequence = 1 << 22 | (units + random.below(2) as u32);
            super::wallet::sign(&mut tx, &[coin]);
            draft.txs.push(tx);
        }
        draft.finish()
    }),
    ("lock time script with a lower lock time", |mut draft, _, _| {
        last(&mut draft).lock_time = 4;
        draft.finish()
    }),
    ("sequence that switches checks off", |mut draft, _, _| {
        last(&mut draft).inputs.iter_mut().for_each(|input| input.sequence = u32::MAX);
        draft.finish()
    }),
    ("version 1 transaction", |mut draft, _, _| {
        last(&mut draft).version = 1;
        draft.finish()
    }),
    ("as many sigops as allowed", |draft, chain, _| {
        // What the rest costs differs; both sides of the limit are met.
        let own = chain.headers.tip_height() as usize % 7;
        with_output_script(draft, 19_997 + own, op::OP_CHECKSIG)
    }),
    ("one sigop too many", |draft, _, _| with_output_script(draft, 20_001, op::OP_CHECKSIG)),
    ("multisig sigops", |draft, _, _| with_output_script(draft, 1_001, op::OP_CHECKMULTISIG)),
    ("too large without witnesses", |draft, _, _| with_output_script(draft, 1_000_000, 0)),
    ("too heavy", |mut draft, chain, _| {
        if let Some(coin) = fresh_coin(&draft, chain, None) {
            let mut tx = spend(&[coin], vec![output(Kind::PubKey, 1)]);
            tx.inputs[0].witness.insert(0, vec![0; 400_000]);
            draft.txs.push(tx);
        }
        with_output_script(draft, 900_000, 0)
    }),
    ("a child before its parent", |mut draft, chain, _| {
        if let Some(coin) = fresh_coin(&draft, chain, None) {
            let (parent, child) = family(coin, chain);
            draft.txs.extend([child, parent]);
        }
        draft.finish()
    }),
    ("a child after its parent", |mut draft, chain, _| {
        if let Some(coin) = fresh_coin(&draft, chain, None) {
            let (parent, child) = family(coin, chain);
            draft.txs.extend([parent, child]);
        }
        draft.finish()
    }),
];

fn without_witnesses(mut inputs: Vec<chaincore_consensus::TxIn>) -> Vec<chaincore_consensus::TxIn> {
    inputs.iter_mut().for_each(|input| input.witness.clear());
    inputs
}

fn family(coin: (OutPoint, Coin), chain: &Chain) -> (Transaction, Transaction) {
    let value = coin.1.output.value.sat();
    let parent = spend(&[coin], vec![output(Kind::WitnessKeyHash, value)]);
    let made = Coin {
        output: parent.outputs[0].clone(),
        height: chain.headers.tip_height() + 1,
        coinbase: false,
        tx_index: 1,
    };
    let outpoint = OutPoint { txid: parent.compute_txid(), vout: 0 };
    let child = spend(&[(outpoint, made)], vec![output(Kind::Taproot, value)]);
    (parent, child)
}
