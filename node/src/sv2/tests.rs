//! Clients that speak the protocol by the crates' other side, on a chain of the test's own.

mod bytes;
mod client;
mod room;

use super::keys::Authority;
use super::{Sv2Options, Sv2Plugin};
use crate::chain::{ChainHandle, ChainOptions, Origin, Outcome, Status};
use crate::mempool::{Mempool, MempoolOptions};
use crate::plugins::{Host, PluginState};
use crate::template::{TemplateOptions, TemplateSource};
use crate::testkit::{Lock, Utxo, solve, spend, wait_until};
use chaincore_consensus::codec::{Decode, Encode};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{Amount, Block, BlockHash, OutPoint, Script, Tx, TxOut, TxRef};
use client::{Client, Job, SetUp, accepted, solved};
use common_messages_sv2 as common;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use template_distribution_sv2 as distribution;

const COIN: i64 = 100_000_000;

/// Regtest, but coins of coinbases can be spent soon.
fn params() -> ChainParams {
    ChainParams { coinbase_maturity: 2, ..ChainParams::regtest() }
}

fn open(params: ChainParams, dir: &Path) -> ChainHandle {
    let options = ChainOptions::new(Arc::new(params), dir.into());
    ChainHandle::open(&options, Mempool::new(MempoolOptions::default()), Status::new())
        .expect("a new folder opens")
}

fn options(dir: &Path) -> Sv2Options {
    Sv2Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        key_file: dir.join("key"),
        interval: Duration::from_millis(20),
        fee_delta: 1000,
        max_connections: 3,
        handshake: Duration::from_secs(60),
        stale_kept: Duration::from_secs(3600),
        template: TemplateOptions::paying_to(Script::new()),
    }
}

fn start(chain: &ChainHandle, options: Sv2Options) -> Host {
    let host = crate::testkit::host(chain);
    let slot = Arc::new(OnceLock::new());
    assert!(slot.set(chain.clone()).is_ok());
    host.start(Box::new(Sv2Plugin::new(options, slot))).unwrap();
    host
}

fn serve(chain: &ChainHandle, options: Sv2Options) -> Host {
    let host = start(chain, options);
    wait_until("the server", || host.statuses()[0].state == PluginState::Live);
    host
}

fn tip(chain: &ChainHandle) -> BlockHash {
    chain.tip_state().borrow().applied.hash
}

fn port_of(host: &Host) -> u16 {
    let description = host.statuses().remove(0).description;
    let address = description.split(' ').find_map(|word| word.strip_suffix(',')).expect(&description);
    address.parse::<std::net::SocketAddr>().expect(&description).port()
}

fn figure(host: &Host, name: &str) -> f64 {
    let figures = host.statuses().remove(0).figures;
    figures.iter().find(|figure| figure.name == name).map_or(0.0, |figure| figure.value)
}

/// Mines blocks that pay to `lock`, and gives their coins.
fn mine(chain: &ChainHandle, lock: Lock, count: usize) -> Vec<(OutPoint, Utxo)> {
    let source = TemplateSource::new(chain.clone());
    let mut coins = Vec::new();
    for _ in 0..count {
        let options = TemplateOptions::paying_to(lock.script());
        let mut block = source.build_blocking(options, false).unwrap().block;
        solve(&mut block, chain.params());
        let coinbase = &block.transactions[0];
        let value = coinbase.outputs[0].value;
        let height = chain.snapshot().height() + 1;
        let outpoint = OutPoint { txid: coinbase.txid(), vout: 0 };
        coins.push((outpoint, Utxo { value, lock, height, coinbase: true, tx_index: 0 }));
        let outcome = chain.submit_block_blocking(Arc::new(block), Origin::Mined).unwrap();
        assert!(matches!(outcome, Outcome::Best { .. }), "{outcome:?}");
    }
    coins
}

/// Puts a transaction into the pool that spends a coin for this fee.
fn pay(chain: &ChainHandle, coin: (OutPoint, Utxo), fee: i64, mut more: Vec<TxOut>) -> TxRef {
    let rest = coin.1.value.sat() - fee - more.iter().map(|output| output.value.sat()).sum::<i64>();
    more.push(TxOut { value: Amount(rest), script_pubkey: Lock::P2wpkh(1).script() });
    let tx = spend(&[coin], more);
    let verdict = chain.submit_tx_blocking(tx.clone()).unwrap();
    assert!(verdict.is_ok(), "{verdict:?}");
    tx
}

/// The block at the tip, once it is this one.
fn mined(chain: &ChainHandle, hash: BlockHash) -> Arc<Block> {
    wait_until("the block", || tip(chain) == hash);
    chain.read_block(&hash).unwrap()
}

#[test]
fn a_client_by_the_book_mines_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(params(), dir.path());
    let host = serve(&chain, options(dir.path()));
    let mut client = Client::connect(&host, dir.path());
    client.set_up();
    client.constrain(100, 0);
    // A height of up to 16 is one byte in the coinbase.
    let mut coins = Vec::new();
    for height in 1..=18u32 {
        let job = client.activated();
        assert_eq!(job.previous, tip(&chain));
        assert_eq!(job.template.coinbase_tx_value_remaining, 50 * COIN as u64);
        assert_eq!(job.template.coinbase_tx_outputs_count, 1);
        assert!(job.template.coinbase_prefix.len() <= 8);
        let lock = if height % 2 == 0 { Lock::P2pkh(1) } else { Lock::P2wpkh(1) };
        let payee = TxOut { value: Amount(50 * COIN), script_pubkey: lock.script() };
        // Some clients leave out the witness.
        let coinbase = job.coinbase(b"own bytes", vec![payee], height % 3 != 0);
        let value = coinbase.outputs[0].value;
        coins.push((
            OutPoint { txid: coinbase.compute_txid(), vout: 0 },
            Utxo { value, lock, height, coinbase: true, tx_index: 0 },
        ));
        let solution = solved(&job, &coinbase, true);
        client.submit(&solution);
        let block = mined(&chain, solution.hash());
        assert_eq!(chain.snapshot().height(), height);
        assert_eq!(block.transactions[0].inputs[0].witness, [vec![0; 32]]);
        assert_eq!(block.header.version.cast_unsigned(), job.template.version);
    }
    // Transactions with and without witnesses. The first comes with the tip; the fees of the others make it a better one.
    let job = client.activated();
    let txs: Vec<TxRef> = coins.drain(..4).map(|coin| pay(&chain, coin, 10_000, vec![])).collect();
    assert_eq!(txs.iter().filter(|tx| tx.has_witness()).count(), 2);
    let mut better = client.template();
    while better.coinbase_tx_value_remaining < 50 * COIN as u64 + 40_000 {
        assert!(better.template_id > job.template.template_id && !better.future_template);
        better = client.template();
    }
    let job = Job { template: better, ..job };
    assert_eq!(job.template.merkle_path.len(), 3);
    let data = client.data(job.template.template_id).expect("it is the newest");
    assert_eq!(data.excess_data.as_bytes(), [0; 32]);
    let told: Vec<TxRef> =
        data.transaction_list.iter().map(|tx| Arc::new(Tx::decode_exact(tx.as_bytes()).unwrap())).collect();
    let mut ids: Vec<_> = told.iter().map(|tx| tx.wtxid()).collect();
    let mut expected: Vec<_> = txs.iter().map(|tx| tx.wtxid()).collect();
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    let before = client.data(job.template.template_id + 1_000).unwrap_err();
    assert_eq!(before, "template-id-not-found");
    // Not enough work: nothing happens, and the connection goes on.
    let payee = TxOut { value: Amount(50 * COIN + 40_000), script_pubkey: Lock::P2wpkh(1).script() };
    let coinbase = job.coinbase(b"", vec![payee.clone()], true);
    client.submit(&solved(&job, &coinbase, false));
    client.submit_raw(job.template.template_id, &[0xff; 60]);
    client.submit_raw(1_000_000, &[]);
    let solution = solved(&job, &coinbase, true);
    client.submit(&solution);
    let block = mined(&chain, solution.hash());
    assert_eq!(block.transactions[1..], told[..]);
    // The tip moved: what was known is stale, but its block still is a block.
    let next = client.activated();
    assert_eq!(next.previous, solution.hash());
    assert_eq!(client.data(job.template.template_id).unwrap_err(), "stale-template-id");
    let late = job.coinbase(b"late", vec![payee], true);
    let late = solved(&job, &late, true);
    client.submit(&late);
    wait_until("the block beside the tip", || chain.entry(&late.hash()).is_some());
    assert_eq!(tip(&chain), solution.hash());
    wait_until("the count", || figure(&host, "sv2_blocks_total") == 19.0);
    wait_until("its standing", || {
        let known = chain.mining_log().reports();
        known.iter().any(|(_, known)| {
            (known.via.name(), known.blocks, known.rejected) == ("sv2", 19, 1)
                && known.address.starts_with("bcrt1q")
        })
    });
    drop(client);
    wait_until("the client to be gone", || host.statuses()[0].description.starts_with("0 clients"));
    host.stop();
    chain.shutdown_blocking().unwrap();
}

#[test]
fn a_template_is_told_when_the_fees_are_worth_it() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(params(), dir.path());
    let coins = mine(&chain, Lock::P2wpkh(1), 6);
    // Nothing stale is kept.
    let host =
        serve(&chain, Sv2Options { stale_kept: Duration::ZERO, fee_delta: 5000, ..options(dir.path()) });
    let mut client = Client::connect(&host, dir.path());
    client.set_up();
    client.constrain(0, 0);
    let job = client.activated();
    let subsidy = job.template.coinbase_tx_value_remaining;
    wait_until("the count", || figure(&host, "sv2_templates_made_total") == 1.0);
    pay(&chain, coins[0], 4999, vec![]);
    // It was looked at, and it was too little.
    wait_until("a look", || figure(&host, "sv2_templates_made_total") >= 2.0);
    pay(&chain, coins[1], 1000, vec![]);
    let better = client.template();
    assert!(!better.future_template);
    assert_eq!(better.coinbase_tx_value_remaining, subsidy + 5999);
    assert_eq!((better.template_id, better.merkle_path.len()), (2, 2));
    // Other needs, another template, at once and on the same tip; the same needs again, nothing.
    client.constrain(1000, 8);
    let renewed = client.activated();
    assert_eq!((renewed.previous, renewed.template.template_id), (job.previous, 3));
    client.constrain(1000, 8);
    assert!(client.data(2).is_ok());
    // A block of another's: what was told is neither known nor taken any more.
    mine(&chain, Lock::Anyone, 1);
    let next = client.activated();
    assert_eq!((next.previous, next.template.template_id), (tip(&chain), 4));
    assert_eq!(client.data(3).unwrap_err(), "template-id-not-found");
    let coinbase = renewed.coinbase(b"", vec![], true);
    let stale = solved(&renewed, &coinbase, true);
    client.submit(&stale);
    let coinbase = next.coinbase(b"", vec![], true);
    let solution = solved(&next, &coinbase, true);
    client.submit(&solution);
    mined(&chain, solution.hash());
    assert!(chain.entry(&stale.hash()).is_none());
    host.stop();
    chain.shutdown_blocking().unwrap();
}

#[test]
fn whoever_is_no_client_is_turned_away() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(params(), dir.path());
    let host = serve(&chain, options(dir.path()));
    let authority = Authority::open(&dir.path().join("key")).unwrap();
    assert!(host.statuses()[0].description.ends_with(&format!("authority key {}", authority.text())));
    // A client that expects somebody else.
    let other = Authority::open(&dir.path().join("other")).unwrap();
    assert!(Client::handshake(client::stream(&host), other.public()).is_err());
    // What cannot be agreed on is said, and the connection closed.
    let usual = SetUp { protocol: 2, versions: (2, 2), flags: 0 };
    for (asked, code, flags) in [
        (SetUp { protocol: 0, ..usual }, "unsupported-protocol", 0),
        (SetUp { protocol: 7, ..usual }, "unsupported-protocol", 0),
        (SetUp { versions: (3, 9), ..usual }, "protocol-version-mismatch", 0),
        (SetUp { versions: (0, 1), ..usual }, "protocol-version-mismatch", 0),
        (SetUp { flags: 5, ..usual }, "unsupported-feature-flags", 5),
    ] {
        let mut client = Client::connect(&host, dir.path());
        client.ask(asked);
        let (kind, mut payload) = client.read().expect("an answer");
        assert_eq!(kind, common::MESSAGE_TYPE_SETUP_CONNECTION_ERROR);
        let error: common::SetupConnectionError = binary_sv2::from_bytes(&mut payload).unwrap();
        assert_eq!((error.error_code.as_bytes(), error.flags), (code.as_bytes(), flags));
        assert!(client.read().is_none());
    }
    // A wider range of versions has the one that counts in it.
    let mut client = Client::connect(&host, dir.path());
    client.ask(SetUp { versions: (1, 3), ..usual });
    accepted(client.read());
    // Before it says what it needs it gets nothing; what is not known is ignored.
    client.send(0x0001, 0x00, &[1, 2, 3]);
    client.send(0x8000, distribution::MESSAGE_TYPE_COINBASE_OUTPUT_CONSTRAINTS, &[0; 6]);
    client.send(0, 0x55, &[0; 100]);
    assert_eq!(client.data(1).unwrap_err(), "template-id-not-found");
    client.constrain(0, 0);
    assert_eq!(client.activated().template.template_id, 1);
    // What ends a connection.
    let constraints = distribution::MESSAGE_TYPE_COINBASE_OUTPUT_CONSTRAINTS;
    let ends: [&dyn Fn(&mut Client); 7] = [
        &|client| client.send(0, constraints, &[0; 6]),
        &|client| {
            client.set_up();
            client.send(0, common::MESSAGE_TYPE_SETUP_CONNECTION, &[]);
        },
        &|client| {
            client.set_up();
            client.constrain(u32::MAX, 0);
        },
        &|client| {
            client.set_up();
            client.send(0, constraints, &[0; 5]);
        },
        &|client| {
            client.set_up();
            (0..2000).for_each(|_| client.send(0, 0x55, &[]));
        },
        &|client| {
            client.set_up();
            client.send(0, 0x55, &vec![0; 70_000]);
        },
        &|client| {
            client.set_up();
            client.garble();
        },
    ];
    for end in ends {
        let mut client = Client::connect(&host, dir.path());
        end(&mut client);
        assert!(client.read().is_none());
    }
    // Bytes that are no handshake get an answer that is none, and an end.
    let mut stream = client::stream(&host);
    let _ = stream.write_all(&[0x5a; 500]);
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    // No more than three at a time.
    let mut clients: Vec<Client> = (0..2).map(|_| Client::connect(&host, dir.path())).collect();
    clients.iter_mut().for_each(Client::set_up);
    let mut fourth = client::stream(&host);
    assert!(!fourth.read(&mut [0; 1]).is_ok_and(|read| read > 0));
    drop(clients.pop());
    wait_until("a place", || Client::handshake(client::stream(&host), authority.public()).is_ok());
    // All the while the first one is served.
    mine(&chain, Lock::Anyone, 1);
    assert_eq!(client.activated().previous, tip(&chain));
    host.stop();
    chain.shutdown_blocking().unwrap();
}

#[test]
fn who_says_nothing_gives_its_place_to_a_client() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(params(), dir.path());
    let handshake = Duration::from_millis(100);
    let host = serve(&chain, Sv2Options { handshake, max_connections: 1, ..options(dir.path()) });
    let mut silent = client::stream(&host);
    silent.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let closed = std::io::Read::read(&mut silent, &mut [0; 8]);
    assert_eq!(closed.expect("it is closed long before the time for the whole introduction is over"), 0);
    host.stop();
    chain.shutdown_blocking().unwrap();
}

#[test]
fn a_signet_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(ChainParams::signet(), dir.path());
    let host = start(&chain, options(dir.path()));
    wait_until("the refusal", || host.statuses()[0].state == PluginState::Failed);
    let error = host.statuses().remove(0).last_error.unwrap_or_default();
    assert!(error.contains("signature"), "{error}");
    host.stop();
    chain.shutdown_blocking().unwrap();
}
