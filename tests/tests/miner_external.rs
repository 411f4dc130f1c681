//! Miners of others: the exact bytes that they send, over HTTP and over Stratum, mine on `regtest` and on `chaincore`.

use bitcoin::block::{Header, Version};
use bitcoin::consensus::encode::{deserialize_hex, serialize};
use bitcoin::hashes::{Hash, sha256d};
use bitcoin::{Address, BlockHash, CompactTarget, ScriptBuf, Target, Transaction, TxMerkleNode};
use chaincore_tests::TestNode;
use chaincore_tests::mining::{address, spend};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

/// A bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(120);

/// A chain, how a node is started on it, and an address and its script there.
struct Chain {
    args: &'static [&'static str],
    payee: &'static str,
}

const CHAINS: [Chain; 2] = [
    Chain { args: &["-regtest"], payee: "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080" },
    Chain { args: &["-connect=0"], payee: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4" },
];

fn script(payee: &str) -> ScriptBuf {
    let address: Address<bitcoin::address::NetworkUnchecked> = payee.parse().expect("an address");
    address.assume_checked().script_pubkey()
}

#[test]
fn cpuminer_and_ckpool_mine_by_template() {
    for chain in &CHAINS {
        let node = TestNode::start(chain.args);
        let script = script(chain.payee);
        let mut height = 0;
        for dialect in [None, Some("ckpool")] {
            let output = Command::new(env!("CARGO_BIN_EXE_gbt-miner"))
                .args([node.url(), &node.authorization(), &script.to_hex_string(), "4"])
                .args(dialect)
                .output()
                .expect("the miner can be run");
            assert!(output.status.success(), "{dialect:?}: {}", String::from_utf8_lossy(&output.stderr));
            let hashes = String::from_utf8(output.stdout).expect("text");
            assert_eq!(hashes.lines().count(), 4);
            for hash in hashes.lines() {
                height += 1;
                let block = node.rpc("getblock", json!([hash, 2]));
                assert_eq!(block["height"], height);
                assert_eq!(block["confirmations"].as_i64().map(|n| n > 0), Some(true));
                assert_eq!(block["tx"][0]["vout"][0]["scriptPubKey"]["address"], chain.payee);
            }
        }
    }
}

/// A machine that speaks Stratum, byte by byte as real ones do.
struct Machine {
    stream: BufReader<TcpStream>,
    /// What came and was no answer.
    told: Vec<Value>,
    extranonce: String,
    extranonce2_bytes: usize,
}

impl Machine {
    fn connect(node: &TestNode) -> Self {
        let mut at = None;
        node.wait_until("the Stratum server listens", |node| {
            let plugins = node.rpc("listplugins", json!([]));
            let servers = plugins
                .as_array()
                .into_iter()
                .flatten()
                .filter(|plugin| plugin["id"] == "stratum" || plugin["name"] == "stratum");
            let text = servers.map(|server| server.to_string()).collect::<String>();
            let port = text
                .split("127.0.0.1:")
                .nth(1)
                .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
            at = port.and_then(|port| port.parse::<u16>().ok());
            at.is_some()
        });
        let stream = TcpStream::connect(("127.0.0.1", at.expect("it has a port"))).expect("it takes calls");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        Self { stream: BufReader::new(stream), told: vec![], extranonce: String::new(), extranonce2_bytes: 0 }
    }

    fn read(&mut self) -> Value {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("the server says something");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Sends a line and waits for the answer with this id.
    fn ask(&mut self, line: &str, id: u64) -> Value {
        self.stream.get_mut().write_all(format!("{line}\n").as_bytes()).expect("the server listens");
        loop {
            let message = self.read();
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
            self.told.push(message);
        }
    }

    fn subscribe(&mut self, line: &str, id: u64) {
        let answer = self.ask(line, id);
        assert!(answer["error"].is_null(), "{answer}");
        self.extranonce = answer["result"][1].as_str().expect("an extranonce").to_owned();
        self.extranonce2_bytes =
            answer["result"][2].as_u64().and_then(|n| n.try_into().ok()).expect("a size");
    }

    /// The newest job on this block.
    fn job_on(&mut self, tip: BlockHash) -> Value {
        loop {
            let jobs = self.told.iter().rev().filter(|told| told["method"] == "mining.notify");
            let found = jobs.map(|told| &told["params"]).find(|job| previous(job) == tip);
            if let Some(job) = found {
                return job.clone();
            }
            let message = self.read();
            self.told.push(message);
        }
    }

    /// The header of a job as a machine makes it, solved.
    fn solve(&self, job: &Value, extranonce2: &str, rolled: u32) -> (Header, Transaction) {
        let text = |n: usize| job[n].as_str().expect("a text");
        let number = |n: usize| u32::from_str_radix(text(n), 16).expect("a number");
        let coinbase = [text(2), &self.extranonce, extranonce2, text(3)].concat();
        let coinbase: Transaction = deserialize_hex(&coinbase).expect("the parts make a transaction");
        let mut root = sha256d::Hash::hash(&serialize(&coinbase));
        for branch in job[4].as_array().expect("a branch") {
            let branch: Vec<u8> =
                bitcoin::hex::FromHex::from_hex(branch.as_str().expect("a hash")).expect("hex");
            root = sha256d::Hash::hash(&[root.as_byte_array().to_vec(), branch].concat());
        }
        let mut header = Header {
            version: Version::from_consensus((number(5) | rolled).cast_signed()),
            prev_blockhash: previous(job),
            merkle_root: TxMerkleNode::from_byte_array(root.to_byte_array()),
            time: number(7),
            bits: CompactTarget::from_consensus(number(6)),
            nonce: 0,
        };
        let target = Target::from_compact(header.bits);
        while !target.is_met_by(header.block_hash()) {
            header.nonce += 1;
        }
        (header, coinbase)
    }
}

/// The block that a job builds on: its bytes come in words that are turned.
fn previous(job: &Value) -> BlockHash {
    let mut bytes: Vec<u8> =
        bitcoin::hex::FromHex::from_hex(job[1].as_str().expect("a hash")).expect("hexadecimal");
    bytes.chunks_exact_mut(4).for_each(<[u8]>::reverse);
    BlockHash::from_slice(&bytes).expect("32 bytes")
}

fn tip(node: &TestNode) -> BlockHash {
    node.rpc("getbestblockhash", json!([])).as_str().and_then(|hash| hash.parse().ok()).expect("a hash")
}

fn served(chain: &Chain) -> TestNode {
    TestNode::start(&[chain.args, &["-stratum=127.0.0.1:0"]].concat())
}

#[test]
fn cpuminer_mines_over_stratum() {
    for chain in &CHAINS {
        let node = served(chain);
        let mut machine = Machine::connect(&node);
        machine
            .subscribe("{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": [\"cpuminer/2.5.1\"]}", 1);
        let user = format!("{}.rig", chain.payee);
        let line =
            format!("{{\"id\": 2, \"method\": \"mining.authorize\", \"params\": [\"{user}\", \"x\"]}}");
        assert_eq!(machine.ask(&line, 2)["result"], true);
        for height in 1..=4u64 {
            let job = machine.job_on(tip(&node));
            let extranonce2 = format!("{height:0width$x}", width = 2 * machine.extranonce2_bytes);
            let (header, coinbase) = machine.solve(&job, &extranonce2, 0);
            let line = format!(
                "{{\"method\": \"mining.submit\", \"params\": [\"{user}\", \"{}\", \"{extranonce2}\", \"{:08x}\", \
                 \"{:08x}\"], \"id\":4}}",
                job[0].as_str().expect("a name"),
                header.time,
                header.nonce,
            );
            let answer = machine.ask(&line, 4);
            assert_eq!((&answer["result"], &answer["error"]), (&json!(true), &Value::Null), "{answer}");
            node.wait_until("the block is there", |node| tip(node) == header.block_hash());
            assert_eq!(node.rpc("getblockcount", json!([])), height);
            assert_eq!(coinbase.output[0].script_pubkey, script(chain.payee));
        }
    }
}

#[test]
fn cgminer_mines_transactions_over_stratum_with_rolled_versions() {
    // Coins that anyone can spend, so that there is a branch to hash.
    let chain = &CHAINS[0];
    let node = served(chain);
    let hashes = node.rpc("generatetoaddress", json!([104, address()]));
    for n in 0..3 {
        let block = node.rpc("getblock", json!([hashes[n], 2]));
        let txid = block["tx"][0]["txid"].as_str().and_then(|txid| txid.parse().ok()).expect("a txid");
        let tx = spend(
            bitcoin::OutPoint { txid, vout: 0 },
            bitcoin::Amount::from_sat(50_0000_0000),
            bitcoin::Amount::from_sat(10_000),
            2,
        );
        node.rpc("sendrawtransaction", json!([bitcoin::consensus::encode::serialize_hex(&tx)]));
    }
    // A new tip, at which the server makes a job of what is in the pool.
    node.rpc("generateblock", json!([address(), []]));
    let mut machine = Machine::connect(&node);
    let configured = machine.ask(
        "{\"id\": 0, \"method\": \"mining.configure\", \"params\": [[\"version-rolling\"], \
         {\"version-rolling.mask\": \"ffffffff\"}]}",
        0,
    );
    assert_eq!(configured["result"]["version-rolling"], true, "{configured}");
    let mask = configured["result"]["version-rolling.mask"].as_str().expect("a mask");
    assert_eq!(mask, "1fffe000");
    machine.subscribe("{\"id\": 1, \"method\": \"mining.subscribe\", \"params\": [\"cgminer/4.11.1\"]}", 1);
    let user = chain.payee;
    let line = format!("{{\"id\": 2, \"method\": \"mining.authorize\", \"params\": [\"{user}\", \"x\"]}}");
    assert_eq!(machine.ask(&line, 2)["result"], true);
    let job = machine.job_on(tip(&node));
    assert_eq!(job[4].as_array().map(Vec::len), Some(2), "three transactions beside the coinbase: {job}");
    let extranonce2 = "ab".repeat(machine.extranonce2_bytes);
    let rolled = 0x0246_2000;
    let (header, _) = machine.solve(&job, &extranonce2, rolled);
    let line = format!(
        "{{\"params\": [\"{user}\", \"{}\", \"{extranonce2}\", \"{:08x}\", \"{:08x}\", \"{rolled:08x}\"], \"id\": 5, \
         \"method\": \"mining.submit\"}}",
        job[0].as_str().expect("a name"),
        header.time,
        header.nonce,
    );
    let answer = machine.ask(&line, 5);
    assert_eq!((&answer["result"], &answer["error"]), (&json!(true), &Value::Null), "{answer}");
    node.wait_until("the block is there", |node| tip(node) == header.block_hash());
    let block = node.rpc("getblock", json!([header.block_hash().to_string(), 2]));
    assert_eq!(block["nTx"], 4);
    let paid = block["tx"][0]["vout"][0]["value"].as_f64().expect("a value");
    assert_eq!((paid * 1e8).round() as u64, 50_0000_0000 + 30_000);
}
