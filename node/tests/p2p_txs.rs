//! Transactions over real connections: what a peer sees of them. The clock stands until a test moves it.
#![allow(clippy::unwrap_used, reason = "a test may end there")]

mod kit;

use chaincore_consensus::codec::Encode;
use chaincore_consensus::{Amount, Hash256, OutPoint, Tx, TxOut, TxRef};
use chaincore_node::chain::ChainHandle;
use chaincore_node::clock::Clock;
use chaincore_node::p2p::connection::BoundAddress;
use chaincore_node::p2p::permissions::{Permissions, Whitelist};
use chaincore_node::p2p::wire::{InvKind, Inventory, Message, ServiceFlags};
use chaincore_node::p2p::{P2p, P2pOptions};
use chaincore_node::testkit::{self, Branch, Lock, Utxo};
use kit::peer::Peer;
use std::net::SocketAddr;
use std::sync::Arc;

/// Long enough for a burst of announcements to be due whatever chance says, in seconds, and far from the ten minutes after
/// which the owner's transactions are announced again.
const A_WHILE: i64 = 100;

/// A node with a short chain, which listens for plain peers, for trusted ones, and for some with other permissions.
struct World {
    _dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    clock: Clock,
    chain: ChainHandle,
    branch: Branch,
    coins: Vec<(OutPoint, Utxo)>,
    p2p: P2p,
}

#[derive(Clone, Copy)]
enum Port {
    Plain,
    NoBan,
    ForceRelay,
    Mempool,
}

impl World {
    fn new(blocks_only: bool) -> Self {
        let params = Arc::new(testkit::params(3));
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::new();
        let mut options = kit::options(dir.path(), &params);
        options.clock = clock.clone();
        let mut branch = Branch::new(params, 7);
        let blocks: Vec<_> = (0..12).map(|_| branch.mine_with(vec![], Lock::Anyone)).collect();
        clock.set_mock(Some(i64::from(blocks[11].header.time)));
        let chain = kit::open(&options);
        kit::submit_all(&chain, &blocks);
        assert!(!chain.is_initial_download());
        let ports = [Permissions::NONE, Permissions::NOBAN, Permissions::FORCE_RELAY, Permissions::MEMPOOL];
        let options = P2pOptions {
            services: ServiceFlags::NETWORK | ServiceFlags::WITNESS,
            binds: ports
                .map(|permissions| BoundAddress {
                    address: "127.0.0.1:0".parse().unwrap(),
                    permissions,
                    is_onion: false,
                })
                .into(),
            target_outbound: 0,
            target_block_relay: 0,
            max_automatic: 0,
            blocks_only,
            whitelist: Whitelist::default(),
            ..testkit::quiet_network(dir.path(), chain.params())
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let p2p = runtime.block_on(P2p::start(options, clock.clone(), chain.clone(), None)).unwrap();
        let coins = branch.spendable();
        Self { _dir: dir, runtime, clock, chain, branch, coins, p2p }
    }

    fn address(&self, port: Port) -> SocketAddr {
        self.p2p.bound()[port as usize]
    }

    fn peer(&self, port: Port) -> Peer {
        Peer::dial(self.address(port), true, true)
    }

    /// Lets time pass, and the peers have what it brings them.
    fn pass(&self, seconds: i64, peers: &mut [&mut Peer]) {
        self.clock.set_mock(Some(self.clock.now() + seconds));
        for peer in peers {
            peer.sync();
        }
    }

    /// A payment of some coin to anyone.
    fn pay(&mut self, fee: i64) -> TxRef {
        let coin = self.coins.pop().unwrap();
        spend(coin, fee)
    }

    fn has(&self, tx: &Tx) -> bool {
        self.chain.mempool().read().unwrap().get(&tx.txid()).is_some()
    }

    /// Takes a transaction in as the owner's.
    fn send(&self, tx: &TxRef) {
        let txid = tx.txid();
        self.chain.submit_tx_blocking(tx.clone()).unwrap().unwrap();
        self.chain
            .query_blocking(move |chain| {
                chain.with_mempool(|pool, _| pool.set_unbroadcast(&txid, true));
                Ok(())
            })
            .unwrap();
        self.p2p.relay_tx(txid, tx.wtxid());
        self.p2p.sync_blocking();
    }

    fn unbroadcast(&self) -> usize {
        self.chain.mempool().read().unwrap().unbroadcast().count()
    }

    fn stop(self) {
        self.p2p.stop();
        drop(self.p2p);
        self.chain.shutdown_blocking().unwrap();
        drop(self.runtime);
    }
}

fn spend((outpoint, utxo): (OutPoint, Utxo), fee: i64) -> TxRef {
    // The witness makes wtxid and txid differ for what spends the output.
    let lock = Lock::P2wpkh(1);
    let output = TxOut { value: Amount(utxo.value.sat() - fee), script_pubkey: lock.script() };
    testkit::spend(&[(outpoint, utxo)], vec![output])
}

fn child_of(parent: &TxRef, fee: i64) -> TxRef {
    let utxo = Utxo {
        value: parent.outputs[0].value,
        lock: Lock::P2wpkh(1),
        height: 0,
        coinbase: false,
        tx_index: 0,
    };
    spend((OutPoint { txid: parent.txid(), vout: 0 }, utxo), fee)
}

fn by_wtxid(tx: &Tx) -> Inventory {
    Inventory::wtxid(tx.wtxid())
}

#[test]
fn announcements_come_in_bursts_by_the_name_that_a_peer_uses() {
    let mut world = World::new(false);
    let (mut modern, mut trusted) = (world.peer(Port::Plain), world.peer(Port::NoBan));
    let mut old = Peer::dial(world.address(Port::Plain), true, false);
    let mut silent = Peer::dial(world.address(Port::Plain), false, true);
    world.pass(A_WHILE, &mut [&mut modern, &mut trusted, &mut old, &mut silent]);
    let coin = world.pay(1000);
    let first = child_of(&coin, 1000);
    world.send(&coin);
    world.send(&first);
    trusted.sync();
    assert_eq!(trusted.announced(), [by_wtxid(&coin), by_wtxid(&first)]);
    modern.sync();
    assert_eq!(modern.announced(), []);
    // Until it is announced, nobody is told that it is there, whether they guess it or not.
    assert_eq!(modern.ask(&[by_wtxid(&first)]), (vec![], vec![by_wtxid(&first)]));
    world.pass(A_WHILE, &mut [&mut modern, &mut old, &mut silent]);
    assert_eq!(modern.announced(), [by_wtxid(&coin), by_wtxid(&first)]);
    let by_txid = |tx: &Tx| Inventory::txid(InvKind::Tx, tx.txid());
    assert_eq!(old.announced(), [by_txid(&coin), by_txid(&first)]);
    assert_eq!(silent.announced(), []);
    // Every form; who does not want transactions is not even told that there is none.
    assert_eq!(world.unbroadcast(), 2);
    let unknown = Inventory { kind: InvKind::WtxId, hash: Hash256([9; 32]) };
    let (txs, missing) = modern.ask(&[by_wtxid(&first), unknown, by_txid(&first)]);
    assert_eq!((txs.len(), missing), (2, vec![unknown]));
    assert_eq!(txs[0].to_bytes(), first.to_bytes());
    assert_eq!(txs[1].wtxid().0, first.txid().0);
    assert_eq!(silent.ask(&[by_wtxid(&first), unknown]), (vec![], vec![]));
    assert_eq!(world.unbroadcast(), 1);
    // Nobody is told twice, nor of what he told.
    let told = world.pay(1000);
    modern.send_tx(&told);
    assert!(world.has(&told));
    world.pass(A_WHILE, &mut [&mut modern, &mut old]);
    assert_eq!(modern.announced(), []);
    assert_eq!(old.announced(), [by_txid(&told)]);
    world.stop();
}

#[test]
fn the_owners_transactions_are_announced_until_somebody_asks() {
    let mut world = World::new(false);
    let tx = world.pay(1000);
    world.send(&tx);
    // This one came too late to hear of it.
    let mut peer = world.peer(Port::Plain);
    world.pass(A_WHILE, &mut [&mut peer]);
    assert_eq!(peer.announced(), []);
    world.p2p.advance_schedule_blocking(15 * 60);
    world.pass(A_WHILE, &mut [&mut peer]);
    assert_eq!(peer.announced(), [by_wtxid(&tx)]);
    assert_eq!(peer.ask(&[by_wtxid(&tx)]).0, [tx]);
    assert_eq!(world.unbroadcast(), 0);
    let mut other = world.peer(Port::Plain);
    world.p2p.advance_schedule_blocking(15 * 60);
    world.pass(A_WHILE, &mut [&mut other]);
    assert_eq!(other.announced(), []);
    world.stop();
}

#[test]
fn announced_transactions_are_fetched_and_passed_on() {
    let mut world = World::new(false);
    let (mut first, mut second) = (world.peer(Port::Plain), world.peer(Port::Plain));
    world.pass(A_WHILE, &mut [&mut first, &mut second]);
    let tx = world.pay(1000);
    for peer in [&mut first, &mut second] {
        peer.send(&Message::Inv(vec![by_wtxid(&tx)]));
        peer.sync();
        assert_eq!(peer.asked(), []);
    }
    world.pass(2, &mut [&mut first, &mut second]);
    let asked = [first.asked(), second.asked()];
    let (mut asked, mut spare) = if asked[0].is_empty() { (second, first) } else { (first, second) };
    assert_eq!(asked.asked(), []);
    assert_eq!(spare.asked(), []);
    // It has not got it after all.
    asked.send(&Message::NotFound(vec![by_wtxid(&tx)]));
    asked.sync();
    spare.sync();
    assert_eq!(spare.asked(), [by_wtxid(&tx)]);
    spare.send_tx(&tx);
    assert!(world.has(&tx));
    // Both have it.
    world.pass(A_WHILE, &mut [&mut asked, &mut spare]);
    assert_eq!((asked.announced(), spare.announced()), (vec![], vec![]));
    let mut third = world.peer(Port::Plain);
    third.send(&Message::Inv(vec![by_wtxid(&tx)]));
    world.pass(A_WHILE, &mut [&mut third]);
    assert_eq!(third.asked(), []);
    world.stop();
}

#[test]
fn an_orphans_parent_is_fetched_by_txid() {
    let mut world = World::new(false);
    let mut peer = world.peer(Port::Plain);
    let parent = world.pay(1000);
    let child = child_of(&parent, 1000);
    peer.send_tx(&child);
    assert!(!world.has(&child));
    let orphans = world.p2p.orphans_blocking();
    assert_eq!((orphans.len(), &orphans[0].tx), (1, &child));
    world.pass(2, &mut [&mut peer]);
    assert_eq!(peer.asked(), []);
    world.pass(2, &mut [&mut peer]);
    assert_eq!(peer.asked(), [Inventory::txid(InvKind::WitnessTx, parent.txid())]);
    peer.send_tx(&parent);
    assert!(world.has(&parent) && world.has(&child));
    assert!(world.p2p.orphans_blocking().is_empty());
    // Orphans that a block makes impossible go.
    let double = spend(world.coins[0], 2000);
    let orphan = child_of(&double, 1000);
    peer.send_tx(&orphan);
    assert_eq!(world.p2p.orphans_blocking().len(), 1);
    let block = world.branch.mine_with(vec![double.clone(), orphan.clone()], Lock::Anyone);
    kit::submit_all(&world.chain, &[block]);
    world.p2p.sync_blocking();
    assert!(world.p2p.orphans_blocking().is_empty());
    // What the block confirmed is not fetched again, but given away.
    peer.send(&Message::Inv(vec![by_wtxid(&orphan)]));
    world.pass(A_WHILE, &mut [&mut peer]);
    assert_eq!(peer.asked(), []);
    assert_eq!(peer.ask(&[by_wtxid(&orphan)]).0, [orphan]);
    world.stop();
}

#[test]
fn a_child_pays_for_a_parent_that_came_first() {
    let mut world = World::new(false);
    let mut peer = world.peer(Port::Plain);
    let parent = world.pay(0);
    let child = child_of(&parent, 5000);
    peer.send_tx(&parent);
    assert!(!world.has(&parent));
    peer.send_tx(&child);
    world.pass(4, &mut [&mut peer]);
    assert_eq!(peer.asked(), [Inventory::txid(InvKind::WitnessTx, parent.txid())]);
    peer.send_tx(&parent);
    assert!(world.has(&parent) && world.has(&child));
    world.stop();
}

#[test]
fn peers_say_what_they_want_to_hear_of() {
    let mut world = World::new(false);
    let (mut picky, mut other) = (world.peer(Port::Plain), world.peer(Port::Plain));
    let filters = |peer: &mut Peer| {
        peer.take(|message| match message {
            Message::FeeFilter(rate) => Some(*rate),
            _ => None,
        })
    };
    assert_eq!(filters(&mut picky), [100]);
    picky.send(&Message::FeeFilter(1_000_000));
    world.pass(A_WHILE, &mut [&mut picky, &mut other]);
    let (cheap, dear) = (world.pay(1000), world.pay(1_000_000));
    world.send(&cheap);
    world.send(&dear);
    world.pass(A_WHILE, &mut [&mut picky, &mut other]);
    assert_eq!(picky.announced(), [by_wtxid(&dear)]);
    // What pays more comes first.
    assert_eq!(other.announced(), [by_wtxid(&dear), by_wtxid(&cheap)]);
    // All of the mempool is for those who are allowed to ask.
    let mut allowed = world.peer(Port::Mempool);
    world.pass(A_WHILE, &mut [&mut allowed]);
    allowed.send(&Message::Mempool);
    allowed.sync();
    world.pass(A_WHILE, &mut [&mut allowed]);
    assert_eq!(allowed.announced(), [by_wtxid(&dear), by_wtxid(&cheap)]);
    other.send(&Message::Mempool);
    assert!(other.is_dropped());
    let mut trusted = world.peer(Port::NoBan);
    trusted.send(&Message::Mempool);
    assert!(!trusted.is_dropped());
    assert_eq!(trusted.announced(), []);
    picky.send(&Message::FilterClear);
    assert!(picky.is_dropped());
    world.stop();
}

#[test]
fn a_gateways_transactions_are_relayed_again() {
    let mut world = World::new(false);
    let (mut gateway, mut peer) = (world.peer(Port::ForceRelay), world.peer(Port::Plain));
    assert!(gateway.received.iter().all(|message| !matches!(message, Message::FeeFilter(_))));
    let tx = world.pay(1000);
    gateway.send_tx(&tx);
    assert!(world.has(&tx));
    let mut late = world.peer(Port::Plain);
    world.pass(A_WHILE, &mut [&mut peer, &mut late]);
    assert_eq!((peer.announced(), late.announced()), (vec![by_wtxid(&tx)], vec![]));
    gateway.send_tx(&tx);
    world.pass(A_WHILE, &mut [&mut peer, &mut late]);
    assert_eq!((peer.announced(), late.announced()), (vec![], vec![by_wtxid(&tx)]));
    world.stop();
}

#[test]
fn with_blocks_only_transactions_end_the_connection() {
    let mut world = World::new(true);
    let tx = world.pay(1000);
    let mut peer = world.peer(Port::Plain);
    assert!(peer.received.iter().all(|message| !matches!(message, Message::FeeFilter(_))));
    peer.send(&Message::Tx(tx.clone()));
    assert!(peer.is_dropped());
    let mut peer = world.peer(Port::Plain);
    peer.send(&Message::Inv(vec![by_wtxid(&tx)]));
    assert!(peer.is_dropped());
    // Who may relay may do both.
    let mut allowed = world.peer(Port::ForceRelay);
    allowed.send_tx(&tx);
    assert!(world.has(&tx));
    world.stop();
}
