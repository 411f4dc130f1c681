//! Miners that speak the protocol as real ones do, on a chain of the test's own.

use super::{StratumOptions, StratumPlugin};
use crate::chain::{ChainHandle, ChainOptions, Status};
use crate::mempool::{Mempool, MempoolOptions};
use crate::plugins::{Host, PluginState};
use crate::testkit::wait_until;
use chaincore_consensus::address::Address;
use chaincore_consensus::hash::sha256d;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::{self, Target};
use chaincore_consensus::{BlockHash, Script, hex};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

mod strangers;

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
    assert_eq!(code(&submit(&mut miner, "rig", &job, [0; 4], bad, Some(0x4000_0000))), 20);
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

/// Sends a line as it is, with its end, and reads up to its answer.
fn say(miner: &mut Miner, line: &str, id: &Value) -> Value {
    miner.send(line.as_bytes());
    loop {
        let message = miner.read().expect("an answer");
        if message.get("method").is_none() {
            assert_eq!(message["id"], *id, "nothing else is answered");
            return message;
        }
        miner.notices.push(message);
    }
}

/// What one program says: its lines until it has work, and the line with which it hands work in. `{name}` and the like
/// stand for what differs from run to run.
struct Firmware {
    begins: &'static [&'static str],
    submits: &'static str,
    /// Whether it rolls the version.
    rolls: bool,
    /// How it writes a nonce.
    nonce: fn(u32) -> String,
}

#[test]
fn the_very_lines_of_real_miners_mine_blocks() {
    let padded = |nonce: u32| format!("{nonce:08x}");
    let programs = [
        // cpuminer-multi: no space where others have one, its own ids.
        Firmware {
            begins: &[
                "{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": [\"cpuminer-multi/1.3.7\"]}\n",
                "{\"id\": 2, \"method\": \"mining.authorize\", \"params\": [\"{name}\", \"x\"]}\n",
                "{\"id\": 3, \"method\": \"mining.extranonce.subscribe\", \"params\": []}\n",
            ],
            submits: "{\"method\": \"mining.submit\", \"params\": [\"{name}\", \"{job}\", \"{extra}\", \"{time}\", \"{nonce}\"], \"id\":4}\n",
            rolls: false,
            nonce: padded,
        },
        // BFGMiner: it says what it would like before it subscribes, which is answered by nothing, and asks for each job's
        // transactions; ids are texts.
        Firmware {
            begins: &[
                "{\"id\": null, \"method\": \"mining.suggest_target\", \"params\": [\"00000000ffff0000000000000000000000000000000000000000000000000000\"]}\n",
                "{\"id\":null,\"method\":\"mining.capabilities\",\"params\":[{\"notify\":[],\"set_difficulty\":{},\"set_goal\":[],\"malgo\":{\"SHA256d\":{}}}]}\n",
                "{\"id\": 0, \"method\": \"mining.subscribe\", \"params\": [\"bfgminer/5.5.0\"]}\n",
                "{\"id\": \"xnsub\", \"method\": \"mining.extranonce.subscribe\", \"params\": []}\n",
                "{\"id\": \"auth\", \"method\": \"mining.authorize\", \"params\": [\"{name}\", \"x\"]}\n",
                "{\"params\": [\"1\"], \"id\": \"txlist1\", \"method\": \"mining.get_transactions\"}\n",
            ],
            submits: "{\"params\": [\"{name}\", \"{job}\", \"{extra}\", \"{time}\", \"{nonce}\"], \"id\": 4, \"method\": \"mining.submit\"}\n",
            rolls: false,
            nonce: padded,
        },
        // Bitaxe boards (ESP-Miner): JSON-RPC 2.0, and the difference of the versions.
        Firmware {
            begins: &[
                "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"mining.configure\", \"params\": [[\"version-rolling\"], {\"version-rolling.mask\": \"ffffffff\"}]}\n",
                "{\"jsonrpc\": \"2.0\", \"id\": 2, \"method\": \"mining.subscribe\", \"params\": [\"bitaxe/BM1370/v2.9.0\"]}\n",
                "{\"jsonrpc\": \"2.0\", \"id\": 3, \"method\": \"mining.authorize\", \"params\": [\"{name}\", \"x\"]}\n",
            ],
            submits: "{\"jsonrpc\": \"2.0\", \"id\": 4, \"method\": \"mining.submit\", \"params\": [\"{name}\", \"{job}\", \"{extra}\", \"{time}\", \"{nonce}\", \"{version}\"]}\n",
            rolls: true,
            nonce: padded,
        },
        // NerdMiner: no spaces between parameters, and nonces without the zeros in front.
        Firmware {
            begins: &[
                "{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": [\"NerdMinerV2\"]}\n",
                "{\"params\": [\"{name}\", \"x\"], \"id\": 2, \"method\": \"mining.authorize\"}\n",
                "{\"id\": 3, \"method\": \"mining.suggest_difficulty\", \"params\": [1e-09]}\n",
            ],
            submits: "{\"id\": 4, \"method\": \"mining.submit\", \"params\": [\"{name}\",\"{job}\",\"{extra}\",\"{time}\",\"{nonce}\"]}\n",
            rolls: false,
            nonce: |nonce| format!("{nonce:x}"),
        },
    ];
    let dir = tempfile::tempdir().unwrap();
    let chain = open(ChainParams::regtest(), dir.path());
    let host = serve(&chain, options());
    for (height, program) in (1..).zip(&programs) {
        let (script, address) = payee(height as u8);
        let name = format!("{address}.rig");
        let mut miner = Miner::connect(&host);
        for line in program.begins {
            let request: Value = serde_json::from_str(line).unwrap();
            let line = line.replace("{name}", &name);
            if request["id"].is_null() {
                miner.send(line.as_bytes());
                continue;
            }
            let reply = say(&mut miner, &line, &request["id"]);
            if line.contains("mining.subscribe") {
                miner.own = hex::decode(reply["result"][1].as_str().unwrap()).unwrap();
            } else if !line.contains("get_transactions") {
                assert_eq!(reply["error"], Value::Null, "{line}");
            }
        }
        let mut previous = tip(&chain).0;
        previous.chunks_exact_mut(4).for_each(<[u8]>::reverse);
        let previous = json!(hex::encode(&previous));
        let job = miner.job(|job| job[1] == previous);
        let (base, own) = (number(&job[5]), miner.own.clone());
        let version = if program.rolls { base ^ 0x0000_6000 } else { base };
        let nonce = nonce(&job, &own, [1, 0, 0, 0], version, true);
        let line = program
            .submits
            .replace("{name}", &name)
            .replace("{job}", job[0].as_str().unwrap())
            .replace("{extra}", "01000000")
            .replace("{time}", job[7].as_str().unwrap())
            .replace("{nonce}", &(program.nonce)(nonce))
            .replace("{version}", &format!("{:08x}", version ^ base));
        let reply = say(&mut miner, &line, &json!(4));
        assert_eq!((&reply["result"], &reply["error"]), (&json!(true), &Value::Null), "{line}");
        wait_until("the block", || chain.snapshot().height() == height);
        let block = chain.read_block(&tip(&chain)).unwrap();
        assert_eq!(block.transactions[0].outputs[0].script_pubkey, script);
        assert_eq!(block.header.version as u32, version);
    }
    host.stop();
    chain.shutdown_blocking().unwrap();
}

/// The next difficulty that a miner is told.
fn told(miner: &mut Miner) -> f64 {
    loop {
        let told = miner.notices.iter().position(|notice| notice["method"] == "mining.set_difficulty");
        if let Some(told) = told {
            return miner.notices.remove(told)["params"][0].as_f64().unwrap();
        }
        let message = miner.read().expect("a difficulty");
        miner.notices.push(message);
    }
}

#[test]
fn no_share_is_harder_than_a_block() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(ChainParams::regtest(), dir.path());
    let host = serve(&chain, StratumOptions { difficulty: None, ..options() });
    for password in ["x", "d=1", "d=1e-9"] {
        let mut miner = Miner::connect(&host);
        miner.begin(&format!("{}.rig", payee(3).1), password);
        let job = miner.job(|_| true);
        let network = pow::difficulty(number(&job[6]));
        let told = told(&mut miner);
        assert!(told > 0.0 && told <= network, "{password}: {told} above {network}");
    }
    host.stop();
    chain.shutdown_blocking().unwrap();
}

#[test]
fn wishes_are_heard_and_miners_known_by_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(ChainParams::chaincore(), dir.path());
    let host = serve(&chain, StratumOptions { difficulty: None, payout: Some(payee(3).0), ..options() });
    let mut miner = Miner::connect(&host);
    miner.begin("rig", "x");
    let network = pow::difficulty(number(&miner.job(|_| true)[6]));
    for (wish, given) in [(1.0, network), (1e-12, 1e-9), (1e-8, 1e-8), (1e-8, 1e-8)] {
        miner.notices.clear();
        assert_eq!(miner.call("mining.suggest_difficulty", json!([wish]))["result"], true);
        // The difficulty that came of it, and a job which it holds for.
        assert_eq!(told(&mut miner), given, "{wish}");
        miner.notices.clear();
        miner.job(|_| true);
    }
    assert_eq!(miner.call("mining.suggest_difficulty", json!([0]))["error"][0], 20);
    // The password is the owner's word, a suggestion the machine's.
    let mut fixed = Miner::connect(&host);
    fixed.begin("other", "d=2e-8");
    fixed.job(|_| true);
    fixed.notices.clear();
    assert_eq!(fixed.call("mining.suggest_difficulty", json!([1e-8]))["result"], true);
    assert_eq!(told(&mut fixed), 2e-8);
    wait_until("both to be known", || chain.mining_log().reports().len() == 2);
    let known = chain.mining_log().reports();
    let address = Address::from_script(&payee(3).0.0).unwrap().to_text(&chain.params().addresses);
    let names: Vec<_> = known.iter().map(|(_, known)| known.worker.as_str()).collect();
    assert_eq!(names, ["rig", "other"]);
    for (_, known) in &known {
        assert!(known.address == address && known.via.name() == "stratum" && known.instance.is_some());
    }
    host.stop();
    assert!(chain.mining_log().reports().is_empty(), "who is gone is not shown");
    chain.shutdown_blocking().unwrap();
}
