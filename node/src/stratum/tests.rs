//! Miners that speak the protocol as real ones do, on a chain of the test's own.

use super::{StratumOptions, StratumPlugin};
use crate::chain::{ChainHandle, ChainOptions, Status};
use crate::mempool::{Mempool, MempoolOptions};
use crate::plugins::{Host, PluginState};
use chaincore_consensus::address::Address;
use chaincore_consensus::hash::sha256d;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::Target;
use chaincore_consensus::{BlockHash, Script, hex};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

fn open(params: ChainParams, dir: &std::path::Path) -> ChainHandle {
    let options = ChainOptions::new(Arc::new(params), dir.into());
    ChainHandle::open(&options, Mempool::new(MempoolOptions::default()), Status::new())
        .expect("a new folder opens")
}

fn serve(chain: &ChainHandle, options: StratumOptions) -> Host {
    let host = crate::testkit::host(chain);
    let slot = Arc::new(OnceLock::new());
    assert!(slot.set(chain.clone()).is_ok());
    host.start(Box::new(StratumPlugin::new(options, slot))).unwrap();
    wait_until("the server", || host.statuses()[0].state == PluginState::Live);
    host
}

fn tip(chain: &ChainHandle) -> BlockHash {
    chain.tip_state().borrow().applied.hash
}

fn options() -> StratumOptions {
    StratumOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        payout: None,
        difficulty: Some(1e-9),
        max_connections: 4,
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(120), "{what} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn port_of(host: &Host) -> u16 {
    let status = host.statuses().remove(0);
    status.description.rsplit(':').next().and_then(|port| port.parse().ok()).expect(&status.description)
}

/// A script that anybody can spend, and its address on regtest.
fn payee(n: u8) -> (Script, String) {
    let script = Script([&[0, 20][..], &[n; 20]].concat());
    let address = Address::from_script(&script.0).unwrap().to_text(&ChainParams::regtest().addresses);
    (script, address)
}

/// A miner that does by the book what is told to it.
struct Miner {
    stream: BufReader<TcpStream>,
    notices: Vec<Value>,
    own: Vec<u8>,
    next_id: u64,
}

impl Miner {
    fn connect(host: &Host) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port_of(host))).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { stream: BufReader::new(stream), notices: vec![], own: vec![], next_id: 1 }
    }

    fn read(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_str(&line).expect(&line)),
            Err(error) => panic!("{error}"),
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        // The server may have hung up already.
        let _ = self.stream.get_mut().write_all(bytes);
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        self.send(format!("{}\n", json!({"id": id, "method": method, "params": params})).as_bytes());
        loop {
            let message = self.read().expect("an answer");
            if message["id"] == id {
                return message;
            }
            self.notices.push(message);
        }
    }

    fn begin(&mut self, name: &str, password: &str) {
        let reply = self.call("mining.subscribe", json!(["test/1.0"]));
        self.own = hex::decode(reply["result"][1].as_str().unwrap()).unwrap();
        assert_eq!(reply["result"][2], 4);
        assert_eq!(self.call("mining.authorize", json!([name, password]))["result"], true);
    }

    /// The parameters of the last job, waiting for one that `is` what is waited for.
    fn job(&mut self, is: impl Fn(&Value) -> bool) -> Value {
        loop {
            let jobs = self.notices.iter().rev().filter(|notice| notice["method"] == "mining.notify");
            if let Some(job) = jobs.map(|notice| &notice["params"]).find(|job| is(job)) {
                return job.clone();
            }
            let message = self.read().expect("a job");
            self.notices.push(message);
        }
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn number(value: &Value) -> u32 {
    u32::from_str_radix(value.as_str().unwrap(), 16).unwrap()
}

/// The header of a job as miners make it of the parts, for one choice of what is theirs.
fn header(job: &Value, own: &[u8], extra: [u8; 4], version: u32, nonce: u32) -> [u8; 80] {
    let coinbase = [bytes(&job[2]), own.to_vec(), extra.to_vec(), bytes(&job[3])].concat();
    let mut root = sha256d(&coinbase);
    for hash in job[4].as_array().unwrap() {
        root = sha256d(&[&root[..], &bytes(hash)].concat());
    }
    let mut previous = bytes(&job[1]);
    previous.chunks_exact_mut(4).for_each(<[u8]>::reverse);
    let mut header = [0; 80];
    header[..4].copy_from_slice(&version.to_le_bytes());
    header[4..36].copy_from_slice(&previous);
    header[36..68].copy_from_slice(&root);
    header[68..72].copy_from_slice(&number(&job[7]).to_le_bytes());
    header[72..76].copy_from_slice(&number(&job[6]).to_le_bytes());
    header[76..].copy_from_slice(&nonce.to_le_bytes());
    header
}

/// A nonce whose hash meets the target of the job's bits, or does not.
fn nonce(job: &Value, own: &[u8], extra: [u8; 4], version: u32, solves: bool) -> u32 {
    let target = Target::from_compact(number(&job[6])).unwrap();
    let found = (0..).find(|nonce| {
        let hash = BlockHash(sha256d(&header(job, own, extra, version, *nonce)));
        target.is_met_by(&hash) == solves
    });
    found.unwrap()
}

fn submit(
    miner: &mut Miner,
    name: &str,
    job: &Value,
    extra: [u8; 4],
    nonce: u32,
    version: Option<u32>,
) -> Value {
    let mut params = vec![json!(name), job[0].clone(), json!(hex::encode(&extra)), job[7].clone()];
    params.push(json!(format!("{nonce:08x}")));
    params.extend(version.map(|bits| json!(format!("{bits:08x}"))));
    miner.call("mining.submit", json!(params))
}

#[test]
fn a_miner_by_the_book_mines_blocks_that_pay_its_address() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(ChainParams::regtest(), dir.path());
    let host = serve(&chain, options());
    let (script, address) = payee(7);
    let name = format!("{address}.rig1");
    let mut miner = Miner::connect(&host);
    miner.begin(&name, "x");
    for height in 1..=20u32 {
        let mut previous = tip(&chain).0;
        previous.chunks_exact_mut(4).for_each(<[u8]>::reverse);
        let previous = json!(hex::encode(&previous));
        let job = miner.job(|job| job[1] == previous);
        assert_eq!(job[8], true, "{job}");
        let (extra, version) = ([height as u8, 1, 2, 3], number(&job[5]));
        let own = miner.own.clone();
        let nonce = nonce(&job, &own, extra, version, true);
        let reply = submit(&mut miner, &name, &job, extra, nonce, None);
        assert_eq!((&reply["result"], &reply["error"]), (&json!(true), &Value::Null));
        wait_until("the block", || chain.snapshot().height() == height);
        let expected = BlockHash(sha256d(&header(&job, &own, extra, version, nonce)));
        assert_eq!(tip(&chain), expected);
        let block = chain.read_block(&expected).unwrap();
        assert_eq!(block.transactions[0].outputs[0].script_pubkey, script);
    }
    wait_until("the count", || {
        host.statuses()[0]
            .figures
            .iter()
            .any(|figure| figure.name == "stratum_blocks_total" && figure.value == 20.0)
    });
    drop(miner);
    wait_until("the miner to be gone", || host.statuses()[0].description.starts_with("0 miners"));
    host.stop();
    chain.shutdown_blocking().unwrap();
}

#[test]
fn shares_are_judged() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(ChainParams::regtest(), dir.path());
    let host = serve(&chain, StratumOptions { payout: Some(payee(9).0), ..options() });
    let mut miner = Miner::connect(&host);
    let code = |reply: &Value| reply["error"][0].as_i64().unwrap();
    assert_eq!(code(&miner.call("mining.submit", json!(["w", "1", "00000000", "00000000", "00000000"]))), 25);
    let told = miner
        .call("mining.configure", json!([["version-rolling", "x"], {"version-rolling.mask": "ffffffff"}]));
    assert_eq!(
        told["result"],
        json!({"version-rolling": true, "version-rolling.mask": "1fffe000", "x": false})
    );
    // No address: it is paid to the node's.
    miner.begin("rig", "x");
    let job = miner.job(|_| true);
    let own = miner.own.clone();
    let rolled = |bits: u32| number(&job[5]) & !0x1fff_e000 | bits;
    let bad = nonce(&job, &own, [0; 4], rolled(0x2000), false);
    assert_eq!(code(&submit(&mut miner, "rig", &job, [0; 4], bad, Some(0x2000))), 23);
    assert_eq!(code(&submit(&mut miner, "other", &job, [0; 4], bad, Some(0x2000))), 24);
    assert_eq!(code(&submit(&mut miner, "rig", &job, [0; 4], bad, Some(0x2000_0000))), 20);
    let mut unknown = job.clone();
    unknown[0] = json!("abc");
    assert_eq!(code(&submit(&mut miner, "rig", &unknown, [0; 4], bad, None)), 21);
    for (at, time) in [(7, "00000000"), (7, "ffffffff")] {
        let mut wrong = job.clone();
        wrong[at] = json!(time);
        assert_eq!(code(&submit(&mut miner, "rig", &wrong, [0; 4], bad, None)), 20);
    }
    let good = nonce(&job, &own, [0; 4], rolled(0x0080_2000), true);
    assert_eq!(submit(&mut miner, "rig", &job, [0; 4], good, Some(0x0080_2000))["result"], true);
    // The same again: a duplicate, or stale when the new job is here already.
    let again = code(&submit(&mut miner, "rig", &job, [0; 4], good, Some(0x0080_2000)));
    assert!([21, 22].contains(&again), "{again}");
    wait_until("the block", || chain.snapshot().height() == 1);
    let block = chain.read_block(&tip(&chain)).unwrap();
    assert_eq!(block.transactions[0].outputs[0].script_pubkey, payee(9).0);
    assert_eq!(block.header.version as u32, rolled(0x0080_2000));
    let fresh = miner.job(|new| new[1] != job[1]);
    assert_eq!(fresh[8], true);
    assert_eq!(code(&submit(&mut miner, "rig", &job, [1; 4], good, None)), 21);
    host.stop();
    chain.shutdown_blocking().unwrap();
}

#[test]
fn whoever_is_no_miner_is_turned_away() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(ChainParams::regtest(), dir.path());
    let host = serve(&chain, options());
    let mut nobody = Miner::connect(&host);
    nobody.call("mining.subscribe", json!([]));
    let refused = nobody.call("mining.authorize", json!(["nobody", "x"]));
    assert!(refused["error"][1].as_str().unwrap().contains("-stratumaddress"), "{refused}");
    // Garbage, floods and lines without an end are cut off.
    for junk in [
        vec![b'x'; 100_000],
        b"\xff\xfe\n".repeat(5000),
        b"{}\n".repeat(5000),
        b"{\"id\":1,\"method\":\"x\"}\n".repeat(5000),
    ] {
        let mut miner = Miner::connect(&host);
        let stream = miner.stream.get_ref().try_clone().unwrap();
        let writer = std::thread::spawn(move || {
            let mut stream = stream;
            // It is cut off while it writes.
            let _ = stream.write_all(&junk);
        });
        let mut line = String::new();
        while miner.stream.read_line(&mut line).is_ok_and(|read| read > 0) {
            line.clear();
        }
        writer.join().unwrap();
    }
    // No more than four at a time.
    let mut miners: Vec<Miner> = (0..3).map(|_| Miner::connect(&host)).collect();
    for (n, miner) in miners.iter_mut().enumerate() {
        miner.begin(&payee(n as u8).1, "d=0.000000001");
    }
    let mut fifth = Miner::connect(&host);
    let mut line = String::new();
    assert!(!fifth.stream.read_line(&mut line).is_ok_and(|read| read > 0), "{line}");
    drop(nobody);
    wait_until("a place", || {
        let mut late = Miner::connect(&host);
        late.send(b"{\"id\":7,\"method\":\"mining.ping\"}\n");
        let mut line = String::new();
        late.stream.read_line(&mut line).is_ok_and(|read| read > 0) && line.contains("pong")
    });
    host.stop();
    chain.shutdown_blocking().unwrap();
}

#[test]
fn a_signet_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(ChainParams::signet(), dir.path());
    let host = crate::testkit::host(&chain);
    let slot = Arc::new(OnceLock::new());
    assert!(slot.set(chain.clone()).is_ok());
    host.start(Box::new(StratumPlugin::new(options(), slot))).unwrap();
    wait_until("the refusal", || host.statuses()[0].state == PluginState::Failed);
    let error = host.statuses().remove(0).last_error.unwrap_or_default();
    assert!(error.contains("signature"), "{error}");
    host.stop();
    chain.shutdown_blocking().unwrap();
}
