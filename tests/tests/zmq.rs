//! ZeroMQ notifications of a real node, heard by subscribers of others: the crate `zeromq`, Python's pyzmq where it can be
//! imported, and one that is spelled out here, byte by byte.

#![cfg(unix)]
#![allow(clippy::print_stdout, reason = "it says what was skipped")]

use bitcoin::consensus::encode::{deserialize, serialize, serialize_hex};
use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, TxOut};
use chaincore_tests::{TestNode, mining};
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;
use zeromq::{Socket, SocketRecv, SubSocket};

/// Ends a test that hangs; nothing here takes long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a new subscriber is given to hear of a block before another one is mined for it.
const TRY: Duration = Duration::from_millis(100);

/// A message.
#[derive(Clone, PartialEq, Eq)]
struct Heard {
    topic: String,
    body: Vec<u8>,
    count: u32,
}

impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = hex(&self.body[..self.body.len().min(45)]);
        write!(f, "{} {body} {}", self.topic, self.count)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits");
    (0..text.len()).step_by(2).map(byte).collect()
}

fn heard(parts: &[impl AsRef<[u8]>]) -> Heard {
    let [topic, body, count] = parts else { panic!("{} parts", parts.len()) };
    let count = u32::from_le_bytes(count.as_ref().try_into().expect("four bytes"));
    let topic = String::from_utf8(topic.as_ref().to_vec()).expect("a topic is text");
    Heard { topic, body: body.as_ref().to_vec(), count }
}

/// Hears everything, by means of the crate `zeromq`.
fn crate_subscriber(address: &str) -> Receiver<Heard> {
    let (address, (sender, receiver)) = (address.to_owned(), mpsc::channel());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut socket = SubSocket::new();
            socket.subscribe("").await.expect("it can subscribe");
            socket.connect(&address).await.expect("the node listens");
            while let Ok(message) = socket.recv().await {
                let parts: Vec<_> = message.iter().collect();
                if sender.send(heard(&parts)).is_err() {
                    return;
                }
            }
        });
    });
    receiver
}

/// Hears everything, by means of libzmq, if Python has it.
fn python_subscriber(address: &str) -> Option<Receiver<Heard>> {
    const PROGRAM: &str = "import sys, zmq\n\
        socket = zmq.Context().socket(zmq.SUB)\n\
        socket.setsockopt(zmq.SUBSCRIBE, b'')\n\
        socket.connect(sys.argv[1])\n\
        while True:\n    print(*[part.hex() for part in socket.recv_multipart()], flush=True)\n";
    let python = |program: &str, argument: &str| {
        let mut command = Command::new("python3");
        command.args(["-c", program, argument]).stdin(Stdio::null()).stderr(Stdio::null());
        command
    };
    if !python("import zmq", "").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        println!("skipped: python3 cannot import zmq");
        return None;
    }
    let mut child = python(PROGRAM, address).stdout(Stdio::piped()).spawn().expect("python3 can be started");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let stdout = child.stdout.take().expect("stdout is piped");
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let parts: Vec<_> = line.split(' ').map(unhex).collect();
            if sender.send(heard(&parts)).is_err() {
                break;
            }
        }
        // It is no longer listened to.
        let _ = child.kill();
        let _ = child.wait();
    });
    Some(receiver)
}

/// A subscriber that speaks the protocol itself, in version 3.0, and reads only when it is told to.
struct Raw<S> {
    stream: S,
    /// A byte that has been read already.
    ahead: Option<u8>,
}

impl<S: Read + Write> Raw<S> {
    /// Says who it is and what it wants.
    fn new(stream: S, prefix: &str) -> Self {
        Self { stream, ahead: None }.introduce(prefix).expect("the node listens")
    }

    fn introduce(mut self, prefix: &str) -> io::Result<Self> {
        let mut greeting = b"\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL".to_vec();
        greeting.resize(64, 0);
        self.stream.write_all(&greeting)?;
        assert_eq!(self.bytes(64)?[..16], *b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01NULL");
        self.stream.write_all(b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB")?;
        assert_eq!(self.frame()?, (4, b"\x05READY\x0bSocket-Type\0\0\0\x03PUB".to_vec()));
        let mut wish = vec![0, prefix.len() as u8 + 1, 1];
        wish.extend(prefix.as_bytes());
        self.stream.write_all(&wish)?;
        Ok(self)
    }

    fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let flags = match self.ahead.take() {
            Some(flags) => flags,
            None => self.bytes(1)?[0],
        };
        let len = match flags & 2 {
            0 => self.bytes(1)?[0].into(),
            _ => u64::from_be_bytes(self.bytes(8)?.try_into().expect("eight bytes")),
        };
        Ok((flags, self.bytes(len as usize)?))
    }

    fn next(&mut self) -> io::Result<Heard> {
        let mut parts = vec![];
        loop {
            let (flags, part) = self.frame()?;
            parts.push(part);
            if flags & 1 == 0 {
                return Ok(heard(&parts));
            }
        }
    }
}

impl Raw<UnixStream> {
    /// Whether there is a message soon.
    fn hears(&mut self) -> bool {
        self.stream.set_read_timeout(Some(TRY)).expect("a timeout can be set");
        self.ahead = self.bytes(1).ok().map(|bytes| bytes[0]);
        self.stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        self.ahead.is_some()
    }
}

fn connect(path: &std::path::Path) -> UnixStream {
    let stream = UnixStream::connect(path).expect("the node listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    stream
}

/// Reads from now on.
fn forward(mut raw: Raw<UnixStream>) -> Receiver<Heard> {
    // It ends with the node, not with a message that does not come.
    raw.stream.set_read_timeout(None).expect("a timeout can be set");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok(heard) = raw.next() {
            if sender.send(heard).is_err() {
                return;
            }
        }
    });
    receiver
}

fn mine(node: &TestNode, count: usize) -> Vec<String> {
    let hashes = node.rpc("generatetoaddress", json!([count, mining::address()]));
    hashes.as_array().expect("hashes").iter().map(|hash| hash.as_str().expect("a hash").to_owned()).collect()
}

/// Mines blocks until the subscriber hears of one: only then has the node taken its wishes in.
fn begin(node: &TestNode, subscriber: &Receiver<Heard>) {
    node.wait_until("the subscriber hears of a block", |node| {
        mine(node, 1);
        subscriber.recv_timeout(TRY).is_ok()
    });
}

/// Everything up to a message, and with it.
fn until(subscriber: &Receiver<Heard>, last: impl Fn(&Heard) -> bool) -> Vec<Heard> {
    let mut all: Vec<Heard> = vec![];
    while !all.last().is_some_and(&last) {
        let next = subscriber.recv_timeout(PATIENCE);
        all.push(next.unwrap_or_else(|_| panic!("the last is missing in {all:?}")));
    }
    all
}

/// A coinbase that can be spent.
fn coin(node: &TestNode, height: usize) -> (OutPoint, Amount) {
    let hash = node.rpc("getblockhash", json!([height]));
    let block = node.rpc("getblock", json!([hash]));
    let txid = block["tx"][0].as_str().expect("a txid").parse().expect("a txid");
    (OutPoint { txid, vout: 0 }, Amount::from_int_btc(50))
}

fn pay((from, value): (OutPoint, Amount), fee: u64) -> Transaction {
    mining::spend(from, value, Amount::from_sat(fee), 1)
}

fn send(node: &TestNode, tx: &Transaction) -> u64 {
    let before = node.rpc("getrawmempool", json!([false, true]))["mempool_sequence"].as_u64();
    node.rpc("sendrawtransaction", json!([serialize_hex(tx), 0]));
    before.expect("a number")
}

/// What is expected, by topic and body in hexadecimal digits.
type Story = Vec<(&'static str, String)>;

fn of_tx(tx: &Transaction) -> Story {
    vec![("hashtx", tx.compute_txid().to_string()), ("rawtx", serialize_hex(tx))]
}

fn of_mempool(tx: &Transaction, letter: u8, sequence: u64) -> Story {
    let body = [&[letter][..], &sequence.to_le_bytes()].concat();
    vec![("sequence", format!("{}{}", tx.compute_txid(), hex(&body)))]
}

fn of_block(node: &TestNode, hash: &str, letter: u8) -> Story {
    let bytes = node.rpc("getblock", json!([hash, 0]));
    let block: bitcoin::Block = deserialize(&unhex(bytes.as_str().expect("hex"))).expect("a block");
    let mut story: Story = block.txdata.iter().flat_map(of_tx).collect();
    story.push(("sequence", format!("{hash}{letter:02x}")));
    story
}

fn of_tip(node: &TestNode, hash: &str) -> Story {
    let bytes = node.rpc("getblock", json!([hash, 0]));
    vec![("hashblock", hash.to_owned()), ("rawblock", bytes.as_str().expect("hex").to_owned())]
}

#[test]
fn subscribers_hear_everything_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("zmq");
    let mut args = vec!["-regtest".to_owned(), "-acceptnonstdtxn".into(), "-zmqpubsequencehwm=77".into()];
    let topics = ["sequence", "rawtx", "rawblock", "hashtx", "hashblock"];
    args.extend(topics.map(|topic| format!("-zmqpub{topic}=tcp://127.0.0.1:0")));
    args.push(format!("-zmqpubhashtx=unix:{}", path.display()));
    args.push("-zmqpubrawtx=tcp://*:0".into());
    let node = TestNode::start(&args.iter().map(String::as_str).collect::<Vec<_>>());

    let listed = node.rpc("getzmqnotifications", json!([]));
    let address = listed[0]["address"].as_str().expect("an address");
    let everywhere = listed[5]["address"].as_str().expect("an address");
    let entry = |kind: &str, address: &str, hwm: u32| json!({"type": kind, "address": address, "hwm": hwm});
    let expected = json!([
        entry("pubhashblock", address, 1000),
        entry("pubhashtx", address, 1000),
        entry("pubhashtx", &format!("ipc://{}", path.display()), 1000),
        entry("pubrawblock", address, 1000),
        entry("pubrawtx", address, 1000),
        entry("pubrawtx", everywhere, 1000),
        entry("pubsequence", address, 77),
    ]);
    assert_eq!(listed, expected);
    let warnings = node.log().lines().filter(|line| line.contains("whoever reaches that address")).count();
    assert_eq!(warnings, 1, "one of the addresses is not this machine's alone");
    let port = everywhere.strip_prefix("tcp://*:").expect("a port of all addresses");
    Raw::new(TcpStream::connect(format!("127.0.0.1:{port}")).expect("the node listens"), "");

    mine(&node, 103);
    let subscribers: Vec<_> = [Some(crate_subscriber(address)), python_subscriber(address)]
        .into_iter()
        .flatten()
        .inspect(|subscriber| begin(&node, subscriber))
        .collect();
    let hashes = forward(Raw::new(connect(&path), "hashtx"));
    begin(&node, &hashes);
    let start = mine(&node, 1).remove(0);
    let counts: Vec<_> = subscribers
        .iter()
        .map(|subscriber| {
            let is_last = |heard: &Heard| heard.topic == "rawblock" && block_of(&heard.body) == start;
            until(subscriber, is_last)
        })
        .collect();
    let first = node.rpc("getblock", json!([start]))["tx"][0].as_str().expect("a txid").to_owned();
    until(&hashes, |heard| hex(&heard.body) == first);

    // A block; a transaction, one that replaces it, and one beside; a block with both.
    let mut story = Story::new();
    let hash = mine(&node, 1).remove(0);
    story.extend([of_block(&node, &hash, b'C'), of_tip(&node, &hash)].concat());
    let [cheap, better, other] =
        [(1, 10_000), (1, 50_000), (2, 20_000)].map(|(height, fee)| pay(coin(&node, height), fee));
    let sequence = send(&node, &cheap);
    story.extend([of_tx(&cheap), of_mempool(&cheap, b'A', sequence)].concat());
    assert_eq!(send(&node, &better), sequence + 1);
    story.extend(of_mempool(&cheap, b'R', sequence + 1));
    story.extend([of_tx(&better), of_mempool(&better, b'A', sequence + 2)].concat());
    assert_eq!(send(&node, &other), sequence + 3);
    story.extend([of_tx(&other), of_mempool(&other, b'A', sequence + 3)].concat());
    let hash = mine(&node, 1).remove(0);
    story.extend([of_block(&node, &hash, b'C'), of_tip(&node, &hash)].concat());
    // The block is declared invalid, an empty one comes in its place, and it comes back. Meanwhile its transactions are
    // in the mempool again, in the order in which the block has them.
    let gone = of_block(&node, &hash, b'D');
    let back = |from: u64, story: &mut Story| {
        let block = node.rpc("getblock", json!([hash]));
        for (place, txid) in (from..).zip(&block["tx"].as_array().expect("a list")[1..]) {
            let tx = [&better, &other].into_iter().find(|tx| json!(tx.compute_txid().to_string()) == *txid);
            let tx = tx.expect("it was sent before");
            story.extend([of_tx(tx), of_mempool(tx, b'A', place)].concat());
        }
    };
    node.rpc("invalidateblock", json!([hash]));
    story.extend(gone);
    // Both had left for the block, which counts.
    back(sequence + 6, &mut story);
    let empty = node.rpc("generateblock", json!([mining::address(), []]))["hash"].clone();
    let empty = empty.as_str().expect("a hash");
    story.extend([of_block(&node, empty, b'C'), of_tip(&node, empty)].concat());
    node.rpc("reconsiderblock", json!([hash]));
    node.rpc("preciousblock", json!([hash]));
    story.extend([of_block(&node, empty, b'D'), of_block(&node, &hash, b'C'), of_tip(&node, &hash)].concat());
    let end = node.rpc("getrawmempool", json!([false, true]));
    assert_eq!(end, json!({"txids": [], "mempool_sequence": sequence + 10}));
    let hash = mine(&node, 1).remove(0);
    story.extend([of_block(&node, &hash, b'C'), of_tip(&node, &hash)].concat());

    for (subscriber, before) in subscribers.iter().zip(counts) {
        let is_last = |heard: &Heard| heard.topic == "rawblock" && block_of(&heard.body) == hash;
        let told = until(subscriber, is_last);
        for (at, (heard, (topic, body))) in told.iter().zip(&story).enumerate() {
            assert_eq!((heard.topic.as_str(), &hex(&heard.body)), (*topic, body), "{at} of {told:#?}");
        }
        assert_eq!(told.len(), story.len());
        for topic in topics {
            let of_topic = |heard: &&Heard| heard.topic == topic;
            let last = before.iter().rev().find(of_topic).map(|heard| heard.count);
            let counts: Vec<u32> = told.iter().filter(of_topic).map(|heard| heard.count).collect();
            let expected: Vec<u32> =
                (last.expect("a block has all topics") + 1..).take(counts.len()).collect();
            assert_eq!(counts, expected, "{topic}");
        }
    }
    let expected: Vec<&String> =
        story.iter().filter(|(topic, _)| *topic == "hashtx").map(|(_, body)| body).collect();
    for txid in expected {
        let next = hashes.recv_timeout(PATIENCE).expect("it is told everywhere");
        assert_eq!((next.topic.as_str(), &hex(&next.body)), ("hashtx", txid));
    }
}

/// The hash of a block's bytes.
fn block_of(bytes: &[u8]) -> String {
    let header: bitcoin::block::Header = deserialize(&bytes[..80]).expect("a header");
    header.block_hash().to_string()
}

/// A figure of the plugin.
fn figure(node: &TestNode, name: &str) -> f64 {
    let (_, text) = node.get("/metrics");
    let line = text.lines().find(|line| line.starts_with(&format!("chaincore_plugin_{name}{{")));
    line.and_then(|line| line.rsplit(' ').next()).and_then(|value| value.parse().ok()).unwrap_or(0.0)
}

/// How many large transactions are sent.
const LARGE: usize = 25;

/// A transaction of some 90 kB.
fn large(coin: (OutPoint, Amount)) -> Transaction {
    let mut tx = pay(coin, 100_000);
    let mut script = vec![0x6a];
    script.resize(90_000, 0x51);
    tx.output.push(TxOut { value: Amount::ZERO, script_pubkey: ScriptBuf::from_bytes(script) });
    tx
}

#[test]
fn who_does_not_read_misses_messages_and_the_node_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("zmq");
    let option = format!("-zmqpubrawtx=unix:{}", path.display());
    let node = TestNode::start(&["-regtest", "-acceptnonstdtxn", "-zmqpubrawtxhwm=3", &option]);
    mine(&node, 100 + LARGE);
    let mut slow = Raw::new(connect(&path), "rawtx");
    let attentive = forward(Raw::new(connect(&path), "rawtx"));
    begin(&node, &attentive);
    node.wait_until("the slow subscriber hears of a block", |node| {
        mine(node, 1);
        slow.hears()
    });
    let first = slow.next().expect("the rest follows");

    // More than the system keeps for a socket of this kind.
    let mut sent = vec![];
    for height in 1..=LARGE {
        let tx = large(coin(&node, height));
        send(&node, &tx);
        let (tx, mut told) = (serialize(&tx), vec![]);
        // Who reads misses nothing, however small the mark is.
        while told != tx {
            told = attentive.recv_timeout(PATIENCE).expect("who reads is told").body;
        }
        sent.push(tx);
    }
    node.wait_until("messages are dropped", |node| figure(node, "zmq_dropped_total") > 0.0);
    assert_eq!(figure(&node, "zmq_left_total"), 0.0);

    // What was kept comes, then there is a hole, then what happens now.
    let mut told = vec![first];
    let reader = forward(slow);
    let is_hole = |pair: &[Heard]| pair[1].count != pair[0].count + 1;
    node.wait_until("the subscriber has come past the hole", |node| {
        mine(node, 1);
        told.extend(reader.recv_timeout(TRY).into_iter().chain(reader.try_iter()));
        told.windows(2).any(is_hole)
    });
    assert!(told.is_sorted_by(|a, b| a.count < b.count), "{told:?}");
    let before = told.windows(2).position(is_hole).expect("there is one");
    let kept = told[..=before].iter().filter(|heard| sent.contains(&heard.body)).count();
    assert!(kept >= 3, "as many as the mark says had waited: {told:?}");
}

#[test]
fn what_cannot_be_published_at_is_refused_with_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let at_taken = format!("-zmqpubrawtx=tcp://127.0.0.1:{port}");
    let expected = format!("Unable to publish on tcp://127.0.0.1:{port} (-zmqpubrawtx): ");
    let cases: &[(&str, &str)] = &[
        ("-zmqpubhashblock=tcp://127.0.0.1", "Invalid port specified in -zmqpubhashblock: 'tcp://127.0.0.1'"),
        ("-zmqpubrawblock=foo", "Invalid value 'foo' for -zmqpubrawblock: "),
        ("-zmqpubsequencehwm=-1", "Invalid value '-1' for -zmqpubsequencehwm: "),
        (&at_taken, &expected),
    ];
    for (option, text) in cases {
        let output = TestNode::command(folder.path(), &["-regtest", option]).output();
        let output = output.expect("chaincored can be started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(text), "{option}: {said}");
    }
    let none = TestNode::start(&["-regtest"]);
    assert_eq!(none.rpc("getzmqnotifications", json!([])), Value::Array(vec![]));
}
