//! Reorganizations: what is left is what a node has that only ever saw the winner.

mod kit;

use chaincore_consensus::OutPoint;
use chaincore_node::chain::Outcome;
use chaincore_node::testkit::{self, Branch, FEE, Lock, Utxo};
use kit::{address_index, assert_addresses, assert_state, open, options, submit, submit_all};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A transaction that moves a coin to another lock.
fn payment(coin: &(OutPoint, Utxo), lock: Lock) -> chaincore_consensus::TxRef {
    let value = chaincore_consensus::Amount(coin.1.value.sat() - FEE);
    testkit::spend(&[*coin], vec![Utxo { value, lock, ..coin.1 }.output()])
}

#[test]
fn a_reorganization_of_a_hundred_blocks_leaves_what_the_winner_has() {
    let params = Arc::new(testkit::params(10));
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), &params);
    // The coins cache overflows on the way, and files are many: disconnected blocks come from all of them.
    options.flush.coins_bytes = 64 << 10;
    options.max_block_file_bytes = 32 << 10;
    let chain = open(&options);
    let index = address_index(&chain);
    let mut loser = Branch::new(params.clone(), 11);
    for _ in 0..40 {
        submit_all(&chain, &[loser.mine(8)]);
    }
    // The loser confirms payments that the winner knows nothing of.
    let coins = loser.spendable();
    loser.reserved = coins[..6].iter().map(|(outpoint, _)| *outpoint).collect();
    let mut winner = loser.fork(12);
    let payments: Vec<_> = coins[..6].iter().map(|coin| payment(coin, Lock::P2wpkh(5))).collect();
    submit_all(&chain, &[loser.mine_with(payments.clone(), Lock::Anyone)]);
    for _ in 1..100 {
        submit_all(&chain, &[loser.mine(8)]);
    }
    assert_addresses(&index, &loser);
    // Both branches spend the coins that they share.
    for n in 0..101 {
        let block = winner.mine(8);
        let expected = if n < 100 { Outcome::SideChain } else { Outcome::Best { reorg_depth: 100 } };
        assert_eq!(submit(&chain, &block), expected);
    }
    let spent = |branch: &Branch| -> BTreeSet<OutPoint> {
        let blocks = branch.blocks[40..].iter();
        blocks
            .flat_map(|block| block.transactions.iter().skip(1))
            .flat_map(|tx| tx.inputs.iter())
            .map(|i| i.previous_output)
            .collect()
    };
    assert!(spent(&loser).intersection(&spent(&winner)).count() > 20);
    assert_state(&chain, &winner);
    assert_addresses(&index, &winner);

    let fresh_dir = tempfile::tempdir().unwrap();
    let fresh = open(&kit::options(fresh_dir.path(), &params));
    let fresh_index = address_index(&fresh);
    submit_all(&fresh, &winner.blocks);
    assert_state(&fresh, &winner);
    assert_addresses(&fresh_index, &winner);
    assert!(kit::coins(&fresh) == kit::coins(&chain));

    // The mempool took back what the loser had confirmed and the winner has not, and nothing else: every
    // transaction in it can be mined.
    let waiting: Vec<_> = {
        let mempool = chain.mempool().read().unwrap();
        mempool.in_mining_order().map(|entry| entry.tx.clone()).collect()
    };
    let ids = |transactions: &[chaincore_consensus::TxRef]| -> BTreeSet<_> {
        transactions.iter().map(|tx| tx.txid()).collect()
    };
    assert!(ids(&waiting).is_superset(&ids(&payments)));
    let losers: BTreeSet<_> = loser.blocks[40..]
        .iter()
        .flat_map(|block| block.transactions.iter().skip(1))
        .map(|tx| tx.txid())
        .collect();
    assert!(ids(&waiting).is_subset(&losers));
    assert_eq!(submit(&chain, &winner.mine_with(waiting, Lock::Anyone)), Outcome::Best { reorg_depth: 0 });
    assert!(chain.mempool().read().unwrap().is_empty());

    index.stop();
    chain.shutdown_blocking().unwrap();
    drop((index, chain));
    let chain = open(&options);
    assert_state(&chain, &winner);
    let index = address_index(&chain);
    assert_addresses(&index, &winner);
}

#[test]
fn the_mempool_follows_the_chain() {
    let params = Arc::new(testkit::params(3));
    let dir = tempfile::tempdir().unwrap();
    let chain = open(&options(dir.path(), &params));
    let mut main = Branch::new(params, 13);
    for _ in 0..30 {
        submit_all(&chain, &[main.mine_with(vec![], Lock::P2wpkh(0))]);
    }
    let mut side = main.fork(14);
    let coins = main.spendable();
    let accept = |tx: &chaincore_consensus::TxRef| {
        let tx = tx.clone();
        chain.query_blocking(move |chain| chain.accept_tx(&tx)).unwrap()
    };
    let pooled = || -> BTreeSet<_> {
        chain.mempool().read().unwrap().entries().map(|entry| entry.tx.txid()).collect()
    };

    let confirmed = payment(&coins[0], Lock::P2wpkh(1));
    let waiting = payment(&coins[1], Lock::P2wpkh(2));
    let conflicted = payment(&coins[2], Lock::P2wpkh(3));
    for tx in [&confirmed, &waiting, &conflicted] {
        accept(tx).unwrap();
    }
    assert_eq!(pooled(), BTreeSet::from([confirmed.txid(), waiting.txid(), conflicted.txid()]));
    let rival = payment(&coins[2], Lock::P2wpkh(4));
    submit_all(&chain, &[main.mine_with(vec![confirmed.clone(), rival.clone()], Lock::P2wpkh(0))]);
    assert_eq!(pooled(), BTreeSet::from([waiting.txid()]));
    assert_eq!(accept(&rival).unwrap_err().reason, "txn-already-known");

    // The other branch confirms the waiting one; the first branch's two come back.
    submit_all(
        &chain,
        &[side.mine_with(vec![waiting.clone()], Lock::P2wpkh(0)), side.mine_with(vec![], Lock::P2wpkh(0))],
    );
    assert_state(&chain, &side);
    assert_eq!(pooled(), BTreeSet::from([confirmed.txid(), rival.txid()]));

    // Declaring the branch invalid does the same the other way round.
    let first = side.blocks[30].hash();
    chain.query_blocking(move |chain| chain.invalidate(first)).unwrap();
    assert_state(&chain, &main);
    assert_eq!(pooled(), BTreeSet::from([waiting.txid()]));
}
