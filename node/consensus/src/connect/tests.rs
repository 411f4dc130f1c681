use super::*;
use crate::amount::MAX_MONEY;
use crate::block::Header;
use crate::locktime::SEQUENCE_TYPE_FLAG;
use crate::script::op::OP_CHECKSIG;
use crate::transaction::{TxIn, TxOut};
use crate::{Hash256, Script, Txid};
use std::sync::Arc;

fn coin(value: i64, height: u32, coinbase: bool) -> Coin {
    Coin {
        output: TxOut { value: Amount(value), script_pubkey: Script::new() },
        height,
        coinbase,
        tx_index: 0,
    }
}

fn spend(sequences: &[u32], value: i64) -> Transaction {
    let input = |(at, sequence): (usize, &u32)| TxIn {
        previous_output: OutPoint { txid: Txid([9; 32]), vout: at as u32 },
        script_sig: Script::new(),
        sequence: *sequence,
        witness: vec![],
    };
    Transaction {
        version: 2,
        inputs: sequences.iter().enumerate().map(input).collect(),
        outputs: vec![TxOut { value: Amount(value), script_pubkey: Script::new() }],
        lock_time: 0,
    }
}

fn block(reward: i64, txs: Vec<Transaction>) -> Block {
    let mut coinbase = ChainParams::regtest().genesis.transactions[0].as_ref().clone().into_inner();
    coinbase.outputs[0] = TxOut { value: Amount(reward), script_pubkey: Script::new() };
    let header = ChainParams::regtest().genesis.header;
    let transactions = std::iter::once(coinbase).chain(txs).map(|tx| Arc::new(Tx::from(tx))).collect();
    Block { header, transactions }
}

fn branch(count: u32) -> Vec<Header> {
    let genesis = ChainParams::regtest().genesis.header;
    (0..count)
        .map(|n| Header { time: genesis.time + n * 600, merkle_root: Hash256([n as u8; 32]), ..genesis })
        .collect()
}

#[test]
fn inputs_of_a_transaction() {
    let check = |coins: &[Coin], value| check_tx_inputs(&spend(&[0, 0], value), coins, 150, 100);
    assert_eq!(check(&[coin(5, 1, false), coin(6, 149, false)], 10), Ok(Amount(1)));
    assert_eq!(check(&[coin(5, 50, true), coin(6, 50, true)], 11), Ok(Amount(0)));
    let refusal = check(&[coin(5, 51, true), coin(6, 1, true)], 11).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 99"
    );
    assert_eq!(refusal.kind, RejectKind::PrematureSpend);
    let refusal = check(&[coin(5, 1, false), coin(6, 1, false)], 12).unwrap_err();
    assert_eq!(refusal.to_string(), "bad-txns-in-belowout, value in (0.00000011) < value out (0.00000012)");
    for coins in [[coin(MAX_MONEY, 1, false), coin(1, 1, false)], [coin(-1, 1, false), coin(1, 1, false)]] {
        assert_eq!(check(&coins, 1).unwrap_err().reason, "bad-txns-inputvalues-outofrange");
    }
}

#[test]
fn money_has_two_decimals_at_least() {
    for (sat, text) in [(0, "0.00"), (1, "0.00000001"), (150_000_000, "1.50"), (-123_456_000, "-1.23456")] {
        assert_eq!(money(Amount(sat)), text);
    }
}

#[test]
fn rewards_fees_and_missing_coins() {
    let params = ChainParams::regtest();
    let branch = branch(120);
    let connect =
        |block: &Block, spent: &[Vec<Coin>]| connect_block_rules(block, 120, spent, &branch, &params);
    let subsidy = 50 * COIN;
    let summary = connect(&block(subsidy + 3, vec![spend(&[0], 7)]), &[vec![coin(10, 1, true)]]).unwrap();
    assert_eq!((summary.fees, summary.sigop_cost), (Amount(3), 0));
    let refusal = connect(&block(subsidy + 4, vec![spend(&[0], 7)]), &[vec![coin(10, 1, true)]]).unwrap_err();
    let expected = "bad-cb-amount, coinbase pays too much (actual=5000000004 vs limit=5000000003)";
    assert_eq!(refusal.to_string(), expected);
    let two = block(0, vec![spend(&[0], 7), spend(&[0], 8)]);
    let refusal = connect(&two, &[vec![coin(10, 1, true)]]).unwrap_err();
    let txid = two.transactions[2].txid();
    let expected =
        format!("bad-txns-inputs-missingorspent, CheckTxInputs: inputs missing/spent in transaction {txid}");
    assert_eq!((refusal.to_string(), refusal.kind), (expected, RejectKind::Consensus));
    // The first fault is the one that is told.
    let refusal = connect(&two, &[vec![coin(6, 1, true)]]).unwrap_err();
    assert_eq!(refusal.reason, "bad-txns-in-belowout");
    let rich = block(0, vec![spend(&[0], 0), spend(&[0], 0)]);
    let refusal = connect(&rich, &[vec![coin(MAX_MONEY, 1, false)], vec![coin(1, 1, false)]]).unwrap_err();
    assert_eq!(refusal.reason, "bad-txns-accumulated-fee-outofrange");
}

#[test]
fn relative_lock_times() {
    let mut params = ChainParams::regtest();
    let branch = branch(120);
    let reason = |sequence: u32, height: u32, params: &ChainParams| {
        let block = block(0, vec![spend(&[sequence], 0)]);
        let result = connect_block_rules(&block, 120, &[vec![coin(1, height, false)]], &branch, params);
        result.err().map(|refusal| refusal.reason.into_owned())
    };
    assert_eq!(reason(10, 110, &params), None);
    assert_eq!(reason(11, 110, &params).as_deref(), Some("bad-txns-nonfinal"));
    assert_eq!(reason(1, 120, &params).as_deref(), Some("bad-txns-nonfinal"));
    assert_eq!(reason(0, 120, &params), None);
    // From the median at 109 to that at 119 there are 6000 seconds: eleven times 512.
    assert_eq!(reason(SEQUENCE_TYPE_FLAG | 11, 110, &params), None);
    assert_eq!(reason(SEQUENCE_TYPE_FLAG | 12, 110, &params).as_deref(), Some("bad-txns-nonfinal"));
    params.deployments.csv = 121;
    assert_eq!(reason(11, 110, &params), None);
}

#[test]
fn signature_operations() {
    let params = ChainParams::regtest();
    let branch = branch(120);
    let mut tx = spend(&[0], 0);
    tx.outputs[0].script_pubkey = Script(vec![OP_CHECKSIG; 19_999]);
    let mut spent = vec![vec![coin(1, 1, false)]];
    spent[0][0].output.script_pubkey = Script([&[0, 20][..], &[0; 20]].concat());
    let summary = connect_block_rules(&block(0, vec![tx.clone()]), 120, &spent, &branch, &params).unwrap();
    assert_eq!(summary.sigop_cost, 79_997);
    tx.outputs[0].script_pubkey.0.push(OP_CHECKSIG);
    let refusal = connect_block_rules(&block(0, vec![tx]), 120, &spent, &branch, &params).unwrap_err();
    assert_eq!(refusal.to_string(), "bad-blk-sigops, too many sigops");
}

#[test]
fn flags_follow_the_heights() {
    let main = ChainParams::main();
    let none = BlockHash::ZERO;
    let names = |height, hash: &BlockHash| format!("{:?}", script_flags(height, hash, &main));
    assert_eq!(names(1, &none), "P2SH,WITNESS,TAPROOT");
    assert_eq!(names(363_725, &none), "P2SH,DERSIG,WITNESS,TAPROOT");
    let all = "P2SH,DERSIG,NULLDUMMY,CHECKLOCKTIMEVERIFY,CHECKSEQUENCEVERIFY,WITNESS,TAPROOT";
    assert_eq!(names(800_000, &none), all);
    assert_eq!(names(170_060, &main.script_flag_exceptions[0].0), "NONE");
    assert_eq!(names(692_261, &main.script_flag_exceptions[1].0), all.trim_end_matches(",TAPROOT"));
    let mut params = ChainParams::regtest();
    params.deployments.taproot = 10;
    assert!(!script_flags(9, &none, &params).contains(VerifyFlags::TAPROOT));
    assert!(script_flags(10, &none, &params).contains(VerifyFlags::TAPROOT));
}

#[test]
fn bip30() {
    let mut params = ChainParams::regtest();
    let branch = branch(120);
    let hash = BlockHash([1; 32]);
    assert!(bip30_applies(120, &hash, &branch, &params));
    params.bip30_repeats = vec![(120, hash)];
    assert!(!bip30_applies(120, &hash, &branch, &params));
    assert!(bip30_applies(120, &BlockHash::ZERO, &branch, &params));
    params.bip34_hash = Some(branch.hash_at(1));
    assert!(!bip30_applies(120, &BlockHash::ZERO, &branch, &params));
    params.deployments.bip34 = 2;
    assert!(bip30_applies(120, &BlockHash::ZERO, &branch, &params));
    assert!(bip30_applies(BIP34_IMPLIES_BIP30_LIMIT, &hash, &branch, &params));
    let block = block(0, vec![spend(&[0], 0)]);
    let known = OutPoint { txid: block.transactions[1].txid(), vout: 0 };
    assert_eq!(check_bip30::<RejectReason>(&block, |_| Ok(false)), Ok(()));
    let refusal = check_bip30::<RejectReason>(&block, |outpoint| Ok(*outpoint == known)).unwrap_err();
    assert_eq!(refusal.to_string(), "bad-txns-BIP30, tried to overwrite transaction");
}
