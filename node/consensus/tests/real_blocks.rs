//! Real blocks of Bitcoin's main chain, where the folder with them exists.

#[path = "../examples/verify_block/verify.rs"]
#[allow(dead_code)]
mod verify;

use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::check::{CheckOptions, check_block};
use chaincore_consensus::codec::{Decode, Encode};
use chaincore_consensus::coin::Coin;
use chaincore_consensus::connect::{bip30_applies, check_bip30, connect_block_rules};
use chaincore_consensus::context::{check_block_context, check_header};
use chaincore_consensus::merkle::{
    WITNESS_COMMITMENT_HEADER, block_merkle_root, block_witness_merkle_root, witness_commitment,
    witness_commitment_position,
};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::{Work, block_work};
use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::script::verify_input;
use chaincore_consensus::sighash::PrecomputedTx;
use chaincore_consensus::undo::BlockUndo;
use chaincore_consensus::{Amount, Block, Header, OutPoint, Transaction, Tx, TxOut};
use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use verify::{VerifyError, read_outputs, verify, verify_bytes};

/// The folder, or `None` (and a line that says so) on a machine without it.
#[allow(clippy::print_stdout)]
fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/mainnet");
    if !folder.is_dir() {
        println!("skipped: no real blocks in {}", folder.display());
        return None;
    }
    Some(folder)
}

fn read(folder: &std::path::Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn whole_blocks_verify_with_every_script() {
    let Some(folder) = folder() else { return };
    let mut inputs = 0;
    for (height, transactions) in [(300_025, 461), (928_816, 889), (928_828, 201)] {
        let block = read(&folder, &format!("block{height}.raw"));
        let undo = read(&folder, &format!("block{height}-undo.raw"));
        let report = verify_bytes(&block, &undo, height).unwrap_or_else(|error| panic!("{height}: {error}"));
        println!(
            "block {height}: {} transactions, {} inputs, {} fees, sigop cost {}, weight {}",
            report.transactions, report.inputs, report.fees, report.sigop_cost, report.weight
        );
        assert_eq!(report.transactions, transactions);
        // These miners took all that they could.
        assert_eq!(report.reward, report.reward_limit);
        inputs += report.inputs;
    }
    println!("{inputs} scripts verified");
}

fn rejected(block: &Block, spent: &[TxOut], height: u32) -> String {
    // A changed block has no proof of work, and its own merkle root.
    let mut block = block.clone();
    block.header.merkle_root = block_merkle_root(&block).0;
    let options = CheckOptions { pow: false, merkle: true };
    match verify(&block, spent.to_vec(), height, options) {
        Err(VerifyError::Rejected(reason)) => reason.reason.into_owned(),
        other => panic!("not rejected: {other:?}"),
    }
}

fn change(block: &Block, at: usize, change: impl FnOnce(&mut Transaction)) -> Block {
    let mut block = block.clone();
    let mut tx = Transaction::clone(&block.transactions[at]);
    change(&mut tx);
    block.transactions[at] = Arc::new(Tx::from(tx));
    block
}

#[test]
fn spoiled_blocks_are_refused_with_core_s_reasons() {
    let Some(folder) = folder() else { return };
    let raw = read(&folder, "block300025.raw");
    let undo = read(&folder, "block300025-undo.raw");
    let mut flipped = raw.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let error = verify_bytes(&flipped, &undo, 300_025).unwrap_err();
    assert!(
        matches!(error, VerifyError::Rejected(ref reason) if reason.reason == "bad-txnmrklroot"),
        "{error}"
    );
    let mut flipped = raw.clone();
    flipped[79] ^= 1;
    let error = verify_bytes(&flipped, &undo, 300_025).unwrap_err();
    assert!(matches!(error, VerifyError::Rejected(ref reason) if reason.reason == "high-hash"), "{error}");
    let block = Block::decode_exact(&raw).unwrap();
    assert_eq!(block.to_bytes(), raw);
    let spent = read_outputs(&undo).unwrap();
    for at in [1, block.transactions.len() / 2, block.transactions.len() - 1] {
        let spoiled = change(&block, at, |tx| tx.inputs[0].script_sig.0[20] ^= 1);
        let reason = rejected(&spoiled, &spent, 300_025);
        // Either the signature, or who spends the changed transaction within the block.
        assert!(
            reason.starts_with("block-script-verify-flag-failed (") || reason.starts_with("bad-txns"),
            "{reason}"
        );
        let spoiled = change(&block, at, |tx| {
            tx.outputs[0].value = Amount(tx.outputs[0].value.sat() + 2_000_000_000_000)
        });
        assert_eq!(rejected(&spoiled, &spent, 300_025), "bad-txns-in-belowout");
    }
    let greedy = change(&block, 0, |tx| tx.outputs[0].value = Amount(tx.outputs[0].value.sat() + 1));
    assert_eq!(rejected(&greedy, &spent, 300_025), "bad-cb-amount");
    let early = change(&block, 1, |tx| {
        tx.lock_time = 300_025;
        tx.inputs[0].sequence = 0;
    });
    assert_eq!(rejected(&early, &spent, 300_025), "bad-txns-nonfinal");
    assert_eq!(rejected(&block, &spent, 300_026), "bad-cb-height");
    let mut twice = block.clone();
    twice.transactions.push(block.transactions[1].clone());
    let more: Vec<TxOut> =
        spent.iter().chain(&spent[..block.transactions[1].inputs.len()]).cloned().collect();
    assert_eq!(rejected(&twice, &more, 300_025), "bad-txns-inputs-missingorspent");
    let error = verify(&block, spent[1..].to_vec(), 300_025, CheckOptions::ALL).unwrap_err();
    assert!(matches!(error, VerifyError::Count { .. }), "{error}");
}

#[test]
fn spoiled_spends_are_refused() {
    let Some(folder) = folder() else { return };
    let mut refused = HashMap::new();
    for height in [928_816, 928_828] {
        let block = Block::decode_exact(&read(&folder, &format!("block{height}.raw"))).unwrap();
        let spent = read_outputs(&read(&folder, &format!("block{height}-undo.raw"))).unwrap();
        let inputs = block.transactions.iter().enumerate().skip(1);
        let inputs = inputs.flat_map(|(at, tx)| (0..tx.inputs.len()).map(move |input| (at, input)));
        for ((at, input), output) in inputs.zip(&spent) {
            let has_witness = !block.transactions[at].inputs[input].witness.is_empty();
            let kind = (output.script_pubkey.len(), output.script_pubkey[0], has_witness);
            if refused.contains_key(&kind) {
                continue;
            }
            // What is unlocked with ends in a key or a script, of which the output has the hash.
            let mut spoiled = change(&block, at, |tx| {
                let input = &mut tx.inputs[input];
                let last = input.witness.last_mut().unwrap_or(&mut input.script_sig.0);
                *last.last_mut().unwrap() ^= 1;
            });
            // Without a new commitment the witness does not belong to the block.
            assert_eq!(rejected(&spoiled, &spent, height), "bad-witness-merkle-match");
            let root = block_witness_merkle_root(&spoiled);
            let position = witness_commitment_position(&spoiled).unwrap();
            spoiled = change(&spoiled, 0, |tx| {
                let hash = witness_commitment(&root, &tx.inputs[0].witness[0]);
                tx.outputs[position].script_pubkey.0 = [&WITNESS_COMMITMENT_HEADER[..], &hash.0].concat();
            });
            let reason = rejected(&spoiled, &spent, height);
            assert!(reason.starts_with("block-script-verify-flag-failed ("), "{kind:?}: {reason}");
            refused.insert(kind, reason);
        }
    }
    println!("{} kinds of spends: {refused:#?}", refused.len());
    assert!(refused.len() >= 3);
}

/// A chain in memory with the simplest store of coins.
struct Chain {
    params: ChainParams,
    headers: Vec<Header>,
    coins: HashMap<OutPoint, Coin>,
    work: Work,
}

impl Chain {
    fn connect(&mut self, block: &Block) -> Result<(), RejectReason> {
        let now = i64::from(block.header.time);
        let height = self.headers.tip_height() + 1;
        assert_eq!(block.header.previous, self.headers.tip_hash());
        check_header(&block.header, &self.headers, now, &self.params)?;
        check_block(block, &self.params, CheckOptions::ALL)?;
        check_block_context(block, &self.headers, &self.params)?;
        if bip30_applies(height, &block.hash(), &self.headers, &self.params) {
            check_bip30::<RejectReason>(block, |outpoint| Ok(self.coins.contains_key(outpoint)))?;
        }
        let mut undo = BlockUndo::default();
        for (at, tx) in block.transactions.iter().enumerate() {
            if at > 0 {
                let spent =
                    tx.inputs.iter().map_while(|input| self.coins.remove(&input.previous_output)).collect();
                undo.txs.push(spent);
            }
            for (vout, output) in tx.outputs.iter().enumerate() {
                let coin = Coin { output: output.clone(), height, coinbase: at == 0, tx_index: at as u32 };
                self.coins.insert(OutPoint { txid: tx.txid(), vout: vout as u32 }, coin);
            }
        }
        let summary = connect_block_rules(block, height, &undo.txs, &self.headers, &self.params)?;
        for (tx, coins) in block.transactions[1..].iter().zip(&undo.txs) {
            let spent: Vec<TxOut> = coins.iter().map(|coin| coin.output.clone()).collect();
            let pre = PrecomputedTx::new(tx, &spent);
            for input in 0..tx.inputs.len() {
                verify_input(tx, input, &spent, &pre, summary.script_flags, None)
                    .unwrap_or_else(|error| panic!("input {input} of {}: {error}", tx.txid()));
            }
        }
        assert_eq!(BlockUndo::decode_exact(&undo.to_bytes()), Ok(undo));
        self.headers.push(block.header);
        self.work += block_work(block.header.bits);
        Ok(())
    }
}

#[test]
fn the_first_blocks_connect() {
    let Some(folder) = folder() else { return };
    let packed = read(&folder, "blocks1-256.bz2");
    let mut bytes = Vec::new();
    bzip2::read::MultiBzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
    let params = ChainParams::main();
    let mut chain = Chain {
        headers: vec![params.genesis.header],
        coins: HashMap::new(),
        work: block_work(params.genesis.header.bits),
        params,
    };
    let mut rest = bytes.as_slice();
    let (mut transactions, mut last) = (0, None);
    while !rest.is_empty() {
        assert_eq!(rest[..4], chain.params.magic);
        let len = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        let block = Block::decode_exact(&rest[8..8 + len]).unwrap();
        chain.connect(&block).unwrap_or_else(|refusal| panic!("block {}: {refusal}", chain.headers.len()));
        transactions += block.transactions.len();
        last = Some(block);
        rest = &rest[8 + len..];
    }
    let height = chain.headers.tip_height();
    // The file's name counts genesis, which is not in it: its last block has height 255.
    assert!(height >= 255);
    let total: i64 = chain.coins.values().map(|coin| coin.output.value.sat()).sum();
    // Nobody burnt anything or left a fee yet: all rewards are there, but genesis's.
    assert_eq!(Amount(total), Amount::from_coins(i64::from(height) * 50));
    assert_eq!(chain.work.to_f64(), f64::from(height + 1) * 4_295_032_833.0);
    assert!(transactions > height as usize, "the first payments are among them");
    let tip = chain.headers.tip_hash();
    println!("{height} blocks, {transactions} transactions, {} coins, tip {tip}", chain.coins.len());
    // The last block once more does not fit on itself, and a doctored one does not fit at all.
    let again = last.unwrap();
    chain.headers.pop();
    let greedy = change(&again, 0, |tx| tx.outputs[0].value = Amount(tx.outputs[0].value.sat() + 1));
    assert_eq!(chain.connect(&greedy).unwrap_err().reason, "bad-txnmrklroot");
    assert_eq!(chain.connect(&again).unwrap_err().reason, "bad-txns-BIP30");
}
