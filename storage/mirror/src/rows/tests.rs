//! Rows of blocks made by hand.

use super::*;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::{Amount, Block, BlockHash, Hash256, Header, Transaction, TxIn, TxOut};
use chaincore_plugin::BlockRef;
use std::sync::Arc;

fn pays(value: i64, script: &[u8]) -> TxOut {
    TxOut { value: Amount(value), script_pubkey: script.to_vec().into() }
}

fn spends(outpoint: OutPoint, sequence: u32, witness: Vec<Vec<u8>>) -> TxIn {
    TxIn { previous_output: outpoint, script_sig: vec![].into(), sequence, witness }
}

fn block(params: &ChainParams, transactions: Vec<Transaction>, spent: Vec<Coin>) -> AppliedBlock {
    let header = Header {
        version: -1,
        previous: params.genesis_hash,
        merkle_root: Hash256([9; 32]),
        time: params.genesis.header.time + 600,
        bits: 0x1d00_ffff,
        nonce: u32::MAX,
    };
    let transactions = transactions.into_iter().map(|tx| Arc::new(Tx::from(tx))).collect();
    let block = Arc::new(Block { header, transactions });
    let at = BlockRef { height: 1, hash: block.hash() };
    AppliedBlock { at, prev: params.genesis_hash, block, spent: spent.into() }
}

fn genesis(params: &ChainParams) -> AppliedBlock {
    let at = BlockRef { height: 0, hash: params.genesis_hash };
    let block = Arc::new(params.genesis.clone());
    AppliedBlock { at, prev: BlockHash::ZERO, block, spent: Arc::new([]) }
}

fn coinbase(outputs: Vec<TxOut>) -> Transaction {
    let inputs = vec![spends(OutPoint::NULL, u32::MAX, vec![])];
    Transaction { version: 1, inputs, outputs, lock_time: 0 }
}

#[test]
fn the_genesis_block_s_coin_cannot_be_spent() {
    let params = ChainParams::main();
    let maker = Maker { params: &params, owners: true };
    let mut lineage = Lineage::default();
    let rows = maker.rows(&genesis(&params), &mut lineage).unwrap();
    let hash = chaincore_consensus::hex::encode(&rows.block.hash);
    assert_eq!(hash, "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f");
    assert_eq!(rows.block.unspendable_value, 5_000_000_000);
    assert_eq!((rows.block.utxo_delta, rows.block.utxo_acc), (0, 0));
    assert_eq!(rows.block.chainwork[27..], [1, 0, 1, 0, 1]);
    assert_eq!(rows.block.median_time, 1_231_006_505);
    assert_eq!(rows.block.difficulty, 1.0);
    assert!(rows.block.feerates.is_none() && rows.block.witness_commitment.is_none());
    assert!(!rows.outputs[0].is_coin && rows.outputs[0].script.address.is_none());
    assert_eq!(rows.outputs[0].script.script_type, ScriptType::PubKey);
    assert!(rows.outputs[0].raw_script.is_some());
    assert_eq!(lineage.tip().unwrap().height, 0);
}

#[test]
fn a_block_s_rows_say_what_is_in_it() {
    let params = ChainParams::regtest();
    let mut lineage = Lineage::default();
    let maker = Maker { params: &params, owners: true };
    maker.rows(&genesis(&params), &mut lineage).unwrap();
    let taproot = [&[0x51, 0x20][..], &[3; 32]].concat();
    let key = [&[0x00, 0x14][..], &[4; 20]].concat();
    let coin = Coin { output: pays(10_000, &taproot), height: 0, coinbase: false, tx_index: 5 };
    let outpoint = OutPoint { txid: chaincore_consensus::Txid([1; 32]), vout: 6 };
    let first = Transaction {
        version: 2,
        inputs: vec![spends(outpoint, 0xffff_fffd, vec![vec![0; 64]])],
        outputs: vec![pays(8_000, &key), pays(0, &[0x6a, 0x5d, 1, 7]), pays(1_000, &[0x6a, 0xac])],
        lock_time: 77,
    };
    let first_id = Tx::from(first.clone()).txid();
    // Spends what the one before made.
    let second = Transaction {
        version: 1,
        inputs: vec![spends(OutPoint { txid: first_id, vout: 0 }, u32::MAX, vec![])],
        outputs: vec![pays(7_000, &key)],
        lock_time: 0,
    };
    let inside = Coin { output: pays(8_000, &key), height: 1, coinbase: false, tx_index: 1 };
    let block = block(
        &params,
        vec![coinbase(vec![pays(2_000, &[0x6a]), pays(50, &key)]), first, second],
        vec![coin, inside],
    );
    let rows = maker.rows(&block, &mut lineage).unwrap();

    assert_eq!(rows.count(), 1 + 3 + 6 + 2);
    let kinds: Vec<_> =
        rows.transactions.iter().map(|tx| (tx.tx_id, tx.fee, tx.n_in, tx.n_out, tx.flags)).collect();
    let marks = flags::SEGWIT | flags::TAPROOT | flags::RBF | flags::OP_RETURN | flags::RUNESTONE;
    let base = 1 << 20;
    assert_eq!(
        kinds,
        [
            (base, 0, 0, 2, flags::COINBASE | flags::OP_RETURN),
            (base + 1, 1_000, 1, 3, marks),
            (base + 2, 1_000, 1, 1, 0)
        ]
    );
    assert!(rows.transactions[1].wtxid.is_some() && rows.transactions[2].wtxid.is_none());
    assert_eq!(rows.transactions[1].txid[31], first_id.0[0]);
    let input = &rows.inputs[0];
    assert_eq!((input.prev_tx_id, input.prev_vout, input.value), (5, 6, 10_000));
    assert_eq!(
        (input.script_type, input.witness_size, input.sequence),
        (ScriptType::Taproot, 66, 0xffff_fffd)
    );
    assert_eq!(rows.inputs[1].prev_tx_id, base + 1);
    let owner = input.owner.clone().unwrap();
    assert!(owner.name.starts_with("bcrt1p") && owner.script_key == input.script_key);

    let row = &rows.block;
    assert_eq!(
        (row.fees, row.input_value, row.output_value, row.coinbase_value),
        (2_000, 18_000, 18_050, 2_050)
    );
    assert_eq!((row.segwit_txs, row.taproot_inputs, row.rbf_txs, row.op_return_count), (1, 1, 1, 2));
    assert_eq!(row.unspendable_value, 3_000);
    // Made: 8000, 7000, 50; spent: 10000, 8000.
    assert_eq!((row.utxo_delta, row.utxo_value_delta), (1, 7_050 - 10_000));
    let mark = |txid, vout, value| coin_mark(&OutPoint { txid, vout }, value);
    let (paid, last) = (block.block.transactions[0].txid(), block.block.transactions[2].txid());
    let sum =
        mark(paid, 1, 50).wrapping_add(mark(last, 0, 7_000)).wrapping_sub(mark(outpoint.txid, 6, 10_000));
    assert_eq!(row.utxo_acc as u64, sum);
    assert_eq!((row.version, row.nonce), (-1, u32::MAX));
    assert!(row.coinbase_address.as_ref().unwrap().starts_with("bcrt1q"));
    let keys = rows.types[&ScriptType::WitnessKeyHash];
    assert_eq!(keys, TypeStats { n_out: 3, out_value: 15_050, n_in: 1, in_value: 8_000 });
    assert_eq!(rows.types[&ScriptType::NullData].n_out, 2);
    assert_eq!(rows.types[&ScriptType::NonStandard].n_out, 1);

    let effects = crate::effects::Effects::of(std::slice::from_ref(&rows)).unwrap();
    assert_eq!(effects.spent, [(5, 6)]);
    assert_eq!(effects.created.iter().map(|output| output.value).collect::<Vec<_>>(), [50, 7_000]);
    let change: i64 = effects.balances.values().map(|delta| delta.received - delta.sent).sum();
    assert_eq!(change, row.utxo_value_delta);
}

#[test]
fn blocks_that_do_not_fit_are_refused() {
    let params = ChainParams::regtest();
    let maker = Maker { params: &params, owners: false };
    let mut lineage = Lineage::default();
    maker.rows(&genesis(&params), &mut lineage).unwrap();
    let mut wrong = block(&params, vec![coinbase(vec![])], vec![]);
    wrong.prev = BlockHash([5; 32]);
    assert!(maker.rows(&wrong, &mut lineage).unwrap_err().to_string().contains("follows"));
    let spend = Transaction {
        version: 1,
        inputs: vec![spends(OutPoint { txid: chaincore_consensus::Txid([1; 32]), vout: 0 }, 0, vec![])],
        outputs: vec![],
        lock_time: 0,
    };
    let missing = block(&params, vec![coinbase(vec![]), spend.clone()], vec![]);
    assert!(maker.rows(&missing, &mut lineage).unwrap_err().to_string().contains("spends 1 coins"));
    // Twice the same coin.
    let coin = Coin { output: pays(1, &[0x51]), height: 0, coinbase: false, tx_index: 1 };
    let twice = block(&params, vec![coinbase(vec![]), spend.clone(), spend], vec![coin.clone(), coin]);
    let rows = Maker { owners: true, ..maker }.rows(&twice, &mut lineage).unwrap();
    assert!(crate::effects::Effects::of(&[rows]).is_err());
}

#[test]
fn the_two_repeated_coinbases_add_no_coins() {
    let mut params = ChainParams::regtest();
    let pays_two = coinbase(vec![pays(7, &[0x51]), pays(1, &[0x6a])]);
    let block = block(&params, vec![pays_two], vec![]);
    params.bip30_repeats = vec![(1, block.at.hash)];
    let maker = Maker { params: &params, owners: true };
    let mut lineage = Lineage::default();
    maker.rows(&genesis(&params), &mut lineage).unwrap();
    let rows = maker.rows(&block, &mut lineage).unwrap();
    assert!(rows.repeats_coinbase);
    assert_eq!((rows.block.utxo_delta, rows.block.utxo_acc, rows.block.unspendable_value), (0, 0, 8));
    let effects = crate::effects::Effects::of(std::slice::from_ref(&rows)).unwrap();
    assert_eq!(effects.created.len(), 1);
    assert!(effects.balances.values().all(|delta| (delta.received, delta.coins) == (0, 0)));
}

#[test]
fn script_types_have_the_numbers_of_the_schema() {
    let cases: [(&[u8], i16); 6] = [
        (&[], 0),
        (&[0x6a], 5),
        (&[0x51, 0x02, 0x4e, 0x73], 9),
        (&[0x52, 0x02, 1, 2], 10),
        (&[0x51, 0x02, 1, 2], 10),
        (&[0x00, 0x02, 1, 2], 0),
    ];
    for (script, code) in cases {
        assert_eq!(ScriptType::of(script).code(), code, "{script:02x?}");
    }
}
