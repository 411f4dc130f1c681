//! Long changes of branches: readers are let in between their steps, and a stop ends them at a block.

#![allow(clippy::unwrap_used, reason = "a test may end there")]

mod kit;

use chaincore_consensus::{Amount, BlockHash, OutPoint, TxRef};
use chaincore_node::chain::{ChainHandle, Outcome};
use chaincore_node::testkit::{self, Branch, FEE, Lock, Utxo};
use kit::{assert_state, open, options, submit, submit_all};
use std::collections::BTreeSet;
use std::sync::Arc;

const DEPTH: usize = 130;

/// Two branches above a common part: the states of the first one, which is active, and the second, one block
/// longer, whose last block is not handed in yet.
struct Rivals {
    _dir: tempfile::TempDir,
    options: chaincore_node::chain::ChainOptions,
    chain: ChainHandle,
    /// The states of the chain from the fork on.
    states: Vec<Branch>,
    loser: Branch,
    winner: Branch,
}

fn payment(coin: &(OutPoint, Utxo), lock: Lock) -> TxRef {
    let value = Amount(coin.1.value.sat() - FEE);
    testkit::spend(&[*coin], vec![Utxo { value, lock, ..coin.1 }.output()])
}

fn rivals() -> Rivals {
    let params = Arc::new(testkit::params(3));
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), &params);
    let chain = open(&options);
    let mut loser = Branch::new(params, 71);
    for _ in 0..10 {
        submit_all(&chain, &[loser.mine_with(vec![], Lock::P2wpkh(0))]);
    }
    let mut states = vec![loser.clone()];
    let mut winner = loser.fork(72);
    for _ in 0..DEPTH {
        submit_all(&chain, &[loser.mine(1)]);
        states.push(loser.clone());
    }
    for _ in 0..DEPTH {
        assert_eq!(submit(&chain, &winner.mine(1)), Outcome::SideChain);
        states.push(winner.clone());
    }
    Rivals { _dir: dir, options, chain, states, loser, winner }
}

fn tip(chain: &ChainHandle) -> BlockHash {
    chain.snapshot().tip().hash()
}

#[test]
fn readers_are_let_in_between_the_steps_of_a_long_reorganization() {
    let Rivals { chain, winner, .. } = &mut rivals();
    let before = chain.snapshot().revision();
    assert_eq!(submit(chain, &winner.mine(1)), Outcome::Best { reorg_depth: DEPTH as u32 });
    assert_state(chain, winner);
    let states = chain.snapshot().revision() - before;
    assert!(states >= 2 * DEPTH as u64 / 32, "{states} states of {DEPTH} blocks down and up");
    // What fits one step is one for readers.
    let mut other = winner.fork(73);
    submit_all(chain, &[winner.mine(1)]);
    let before = chain.snapshot().revision();
    submit_all(chain, &[other.mine(1), other.mine(1)]);
    assert_state(chain, &other);
    assert_eq!(chain.snapshot().revision() - before, 1);
}

#[test]
fn the_mempool_has_after_many_steps_what_it_would_have_after_one() {
    let params = Arc::new(testkit::params(3));
    let dir = tempfile::tempdir().unwrap();
    let chain = open(&options(dir.path(), &params));
    let mut loser = Branch::new(params, 74);
    for _ in 0..10 {
        submit_all(&chain, &[loser.mine_with(vec![], Lock::P2wpkh(0))]);
    }
    let mut winner = loser.fork(75);
    let coins = loser.spendable();
    let confirmed: Vec<TxRef> = coins.iter().take(3).map(|coin| payment(coin, Lock::P2wpkh(1))).collect();
    submit_all(&chain, &[loser.mine_with(confirmed.clone(), Lock::P2wpkh(0))]);
    for _ in 0..DEPTH {
        submit_all(&chain, &[loser.mine_with(vec![], Lock::P2wpkh(0))]);
    }
    // Waiting: one that builds on what the loser confirmed, one that spends a coinbase of the loser's, one that has
    // nothing to do with either.
    let made = OutPoint { txid: confirmed[0].txid(), vout: 0 };
    let child = payment(&(made, loser.coins[&made]), Lock::P2wpkh(2));
    let of_loser = loser.spendable().into_iter().find(|(_, utxo)| utxo.coinbase && utxo.height > 20).unwrap();
    let lost = payment(&of_loser, Lock::P2wpkh(3));
    let stranger = payment(&coins[3], Lock::P2wpkh(4));
    for tx in [&child, &lost, &stranger] {
        let tx = tx.clone();
        chain.query_blocking(move |chain| chain.accept_tx(&tx)).unwrap().unwrap();
    }
    let sequence = chain.mempool().read().unwrap().get(&child.txid()).unwrap().sequence;
    // The winner confirms one of the three itself.
    submit_all(&chain, &[winner.mine_with(vec![confirmed[1].clone()], Lock::P2wpkh(0))]);
    for _ in 0..=DEPTH {
        submit_all(&chain, &[winner.mine_with(vec![], Lock::P2wpkh(0))]);
    }
    assert_state(&chain, &winner);
    let pool = chain.mempool().read().unwrap();
    let found: BTreeSet<_> = pool.entries().map(|entry| entry.tx.txid()).collect();
    let expected = [&confirmed[0], &confirmed[2], &child, &stranger].map(|tx| tx.txid());
    assert_eq!(found, BTreeSet::from(expected));
    assert_eq!(pool.get(&child.txid()).unwrap().sequence, sequence);
}

/// Runs a change and interrupts it as soon as readers see a new state.
fn interrupted(chain: &ChainHandle, change: impl FnOnce(&ChainHandle) + Send) {
    let mut state = chain.tip_state();
    state.mark_unchanged();
    std::thread::scope(|scope| {
        let watcher = chain.clone();
        scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(state.changed()).unwrap();
            watcher.status().interrupt();
        });
        change(chain);
    });
}

#[test]
fn a_stop_ends_a_long_reorganization_at_a_block_and_the_next_start_goes_on() {
    let mut midway = 0;
    // Whether the watcher wakes in time is the system's to say, so there is more than one attempt.
    for _ in 0..5 {
        let Rivals { _dir, options, chain, states, loser, mut winner } = rivals();
        let last = winner.mine(1);
        interrupted(&chain, |chain| {
            submit(chain, &last);
        });
        let at = tip(&chain);
        let state = states.iter().chain([&winner]).find(|state| state.tip_hash() == at).unwrap();
        assert_state(&chain, state);
        midway += usize::from(at != winner.tip_hash() && at != loser.tip_hash());
        chain.shutdown_blocking().unwrap();
        drop(chain);
        assert_state(&open(&options), &winner);
        if midway > 0 {
            return;
        }
    }
    panic!("no attempt was interrupted on the way");
}

#[test]
fn a_stop_ends_a_deep_invalidation_with_what_has_left_declared_invalid() {
    let mut midway = 0;
    for _ in 0..5 {
        let Rivals { _dir, options, chain, states, loser, .. } = rivals();
        let first = loser.blocks[10].hash();
        interrupted(&chain, |chain| chain.query_blocking(move |chain| chain.invalidate(first)).unwrap());
        let at = tip(&chain);
        let state = states.iter().find(|state| state.tip_hash() == at).unwrap();
        assert_state(&chain, state);
        let on_loser = chain.entry(&at).unwrap().is_ancestor_of(&chain.entry(&loser.tip_hash()).unwrap());
        if on_loser && state.height() > 10 {
            midway += 1;
            assert!(!chain.entry(&at).unwrap().is_failed());
            assert!(!chain.entry(&first).unwrap().is_failed());
            assert!(chain.entry(&loser.blocks[state.height() as usize].hash()).unwrap().is_failed());
        }
        chain.shutdown_blocking().unwrap();
        drop(chain);
        let chain = open(&options);
        // The other branch is the best that is left.
        assert_eq!(chain.snapshot().height(), 10 + DEPTH as u32);
        assert_ne!(tip(&chain), loser.tip_hash());
        if midway > 0 {
            return;
        }
    }
    panic!("no attempt was interrupted on the way");
}
