//! The feed, read with a WebSocket client of others from a real node: whoever comes back gets to where the chain is.

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Amount, OutPoint};
use chaincore_tests::{TestNode, mining};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket, client};

/// Ends a test that hangs; nothing here takes long.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection with its subscriptions.
struct Reader {
    socket: WebSocket<TcpStream>,
    /// Notifications that came while something else was waited for.
    pending: Vec<Value>,
}

impl Reader {
    fn address(node: &TestNode) -> SocketAddr {
        node.url().trim_start_matches("http://").parse().expect("an address")
    }

    /// Connects over a stream; the status if the node refuses.
    fn over(stream: TcpStream, path: &str, authorization: Option<String>) -> Result<Self, u16> {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        let url = format!("ws://{}{path}", stream.peer_addr().expect("it is connected"));
        let mut request = url.into_client_request().expect("a URL");
        if let Some(value) = authorization {
            request.headers_mut().insert("Authorization", value.parse().expect("a header"));
        }
        match client(request, stream) {
            Ok((socket, _)) => Ok(Self { socket, pending: vec![] }),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn connect(node: &TestNode) -> Self {
        let stream = TcpStream::connect(Self::address(node)).expect("the node listens");
        Self::over(stream, "/ws", Some(node.authorization())).expect("the node takes the cookie")
    }

    fn message(&mut self) -> Value {
        loop {
            match self.socket.read().expect("a message in time") {
                Message::Text(text) => return serde_json::from_str(&text).expect("messages are JSON"),
                Message::Close(reason) => panic!("closed: {reason:?}"),
                _ => {}
            }
        }
    }

    /// Calls a method: its answer, while notifications wait.
    fn call(&mut self, method: &str, params: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        self.socket.send(Message::text(request.to_string())).expect("it can be sent");
        loop {
            let message = self.message();
            if message["id"] == 7 {
                return message;
            }
            self.pending.push(message);
        }
    }

    fn subscribe(&mut self, method: &str, params: Value) -> Value {
        let answer = self.call(method, params);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    /// The next notification: its name, its subscription and what it says.
    fn next(&mut self) -> (String, Value, Value) {
        let message = if self.pending.is_empty() { self.message() } else { self.pending.remove(0) };
        let params = &message["params"];
        let name = message["method"].as_str().expect("a name").to_owned();
        (name, params["subscription"].clone(), params["result"].clone())
    }
}

/// What a reader that keeps hashes by height makes of the steps.
#[derive(Default, Clone, PartialEq, Debug)]
struct Copy(BTreeMap<u64, String>);

fn place(of: &Value) -> (u64, String) {
    (of["height"].as_u64().expect("a height"), of["hash"].as_str().expect("a hash").to_owned())
}

impl Copy {
    /// Takes in a step; whether it is at the tip then.
    fn take(&mut self, step: &Value) -> bool {
        let (fork, hash) = place(&step["fork"]);
        self.0.retain(|height, _| *height <= fork);
        if let Some(known) = self.0.get(&fork) {
            assert_eq!(*known, hash, "the fork is known: {step}");
        } else {
            assert_eq!(fork, 0, "only the genesis block may be news: {step}");
            self.0.insert(fork, hash);
        }
        for block in step["connect"].as_array().expect("a list") {
            let (height, hash) = place(block);
            assert_eq!(height, self.0.len() as u64, "{step}");
            self.0.insert(height, hash);
        }
        self.last() == place(&step["tip"])
    }

    fn last(&self) -> (u64, String) {
        let (height, hash) = self.0.last_key_value().expect("it has begun");
        (*height, hash.clone())
    }

    /// Whether it has the node's active chain.
    fn is_of(&self, node: &TestNode) -> bool {
        let hashes: Vec<Value> =
            (0..self.0.len()).map(|height| node.rpc("getblockhash", json!([height]))).collect();
        node.rpc("getblockcount", json!([])) == self.0.len() as u64 - 1
            && hashes.iter().zip(self.0.values()).all(|(hash, copy)| hash == copy)
    }

    /// Reads until it is at the tip of now.
    fn follow(&mut self, reader: &mut Reader) {
        loop {
            let (name, _, step) = reader.next();
            assert_eq!(name, "chain");
            if self.take(&step) {
                return;
            }
        }
    }
}

fn mine(node: &TestNode, count: usize) -> Vec<String> {
    let hashes = node.rpc("generatetoaddress", json!([count, mining::address()]));
    hashes.as_array().expect("a list").iter().map(|hash| hash.as_str().expect("a hash").into()).collect()
}

/// Replaces everything above a height by a longer branch.
fn reorganize(node: &TestNode, above: u64, count: usize) {
    let first = node.rpc("getblockhash", json!([above + 1]));
    node.rpc("invalidateblock", json!([first]));
    // Other times, or the blocks would be the same.
    let time = node.rpc("getblockheader", json!([node.rpc("getbestblockhash", json!([]))]))["time"].clone();
    node.rpc("setmocktime", json!([time.as_u64().expect("a time") + 77]));
    mine(node, count);
    node.rpc("setmocktime", json!([0]));
}

#[test]
fn a_reader_resumes_after_what_it_slept_through() {
    let node = TestNode::start(&["-regtest"]);
    mine(&node, 5);
    let mut reader = Reader::connect(&node);
    reader.subscribe("subscribe_chain", json!([]));
    let mut copy = Copy::default();
    copy.follow(&mut reader);
    assert!(copy.0.len() == 6 && copy.is_of(&node));
    // Live, block by block, and over a reorganization.
    mine(&node, 2);
    while copy.last().0 < 7 {
        copy.follow(&mut reader);
    }
    reorganize(&node, 4, 4);
    while copy.last().0 < 8 {
        copy.follow(&mut reader);
    }
    assert!(copy.is_of(&node));
    drop(reader);

    // Asleep: the branch goes, and another one with it.
    mine(&node, 3);
    let stale = Copy(copy.0.clone());
    reorganize(&node, 6, 9);
    reorganize(&node, 2, 30);
    let mut reader = Reader::connect(&node);
    reader.subscribe("subscribe_chain", json!({"known": [stale.last().1]}));
    let (_, _, step) = reader.next();
    assert_eq!((&step["from"], &step["fork"]["height"]), (&json!(stale.last().1), &json!(2)));
    assert!(copy.take(&step) && copy.is_of(&node));

    // The same by REST, in small pieces; one that this node never had is no harm beside one that it had.
    let mut by_rest = stale;
    let mut known = format!("{},{}", "5a".repeat(32), by_rest.last().1);
    loop {
        let step = node.get_json(&format!("/rest/chain/updates?known={known}&limit=7"));
        assert!(step["connect"].as_array().is_some_and(|blocks| blocks.len() <= 7));
        let arrived = by_rest.take(&step);
        assert!(place(&step["durable_tip"]).0 <= place(&step["tip"]).0);
        known = by_rest.last().1;
        if arrived {
            break;
        }
    }
    assert_eq!(by_rest, copy);
    let (status, text) = node.get("/rest/chain/updates?known=xyz");
    assert!(status == 400 && text.contains("xyz"), "{text}");
    let refused = reader.call("subscribe_chain", json!([["ab"]]));
    assert!(refused["error"]["message"].as_str().is_some_and(|text| text.contains("'ab'")), "{refused}");
    let refused = reader.call("subscribe_chain", json!([vec!["5a".repeat(32); 101]]));
    assert_eq!(refused["error"]["code"], -8, "{refused}");
}

#[test]
fn slow_readers_far_behind_miss_nothing_and_delay_nobody() {
    let node = TestNode::start(&["-regtest"]);
    mine(&node, 1000);
    // A small buffer, so that what is not read waits in the node.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a size");
    socket.connect(&Reader::address(&node).into()).expect("the node listens");
    let mut slow = Reader::over(socket.into(), "/ws", Some(node.authorization())).expect("the cookie");
    let mut copies: BTreeMap<String, Copy> = BTreeMap::new();
    for _ in 0..8 {
        let id = slow.subscribe("subscribe_chain", json!([]));
        copies.insert(id.to_string(), Copy::default());
    }
    // It reads nothing while the chain goes on and changes branches. Others are not kept waiting.
    mine(&node, 50);
    reorganize(&node, 500, 600);
    let mut fast = Reader::connect(&node);
    fast.subscribe("subscribe_chain", json!([]));
    let mut copy = Copy::default();
    copy.follow(&mut fast);
    assert!(copy.last().0 == 1100 && copy.is_of(&node));
    while copies.values().any(|slow| *slow != copy) {
        let (_, id, step) = slow.next();
        copies.get_mut(&id.to_string()).expect("one of these").take(&step);
    }
    let mut after = copy.clone();
    mine(&node, 1);
    // What comes first may tell of the durable tip alone.
    while after.last().0 < 1101 {
        after.follow(&mut fast);
    }
    assert!(after.is_of(&node));
}

#[test]
fn the_mempool_tells_who_comes_and_goes() {
    let node = TestNode::start(&["-regtest", "-acceptnonstdtxn"]);
    let blocks = mine(&node, 103);
    let coin = |height: usize| {
        let block = node.rpc("getblock", json!([blocks[height - 1]]));
        let txid = block["tx"][0].as_str().expect("a txid").parse().expect("a txid");
        (OutPoint { txid, vout: 0 }, Amount::from_int_btc(50))
    };
    let mut reader = Reader::connect(&node);
    reader.subscribe("subscribe_mempool", json!([]));
    let (name, _, begin) = reader.next();
    let start = node.rpc("getrawmempool", json!([false, true]))["mempool_sequence"].clone();
    assert_eq!((name.as_str(), &begin), ("mempool", &json!({"sequence": start, "events": []})));

    let send = |(from, value), fee| {
        let tx = mining::spend(from, value, Amount::from_sat(fee), 1);
        let txid = node.rpc("sendrawtransaction", json!([serialize_hex(&tx), 0]));
        txid.as_str().expect("a txid").to_owned()
    };
    let first = send(coin(1), 10_000);
    let better = send(coin(1), 50_000);
    let other = send(coin(2), 20_000);
    let block = mine(&node, 1).remove(0);
    node.rpc("invalidateblock", json!([block]));
    let mut events = Vec::new();
    while events.len() < 8 {
        let (_, _, message) = reader.next();
        events.extend(message["events"].as_array().expect("a list").iter().cloned());
        assert_eq!(
            message["sequence"].as_u64(),
            Some(start.as_u64().expect("a number") + events.len() as u64)
        );
    }
    let told = |event: &Value| {
        let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
        (text("event"), text("txid"), text("reason"))
    };
    let expected = [
        ("added", &first, "-"),
        ("removed", &first, "replaced"),
        ("added", &better, "-"),
        ("added", &other, "-"),
        ("removed", &better, "block"),
        ("removed", &other, "block"),
    ];
    for (at, (event, (kind, txid, reason))) in events.iter().zip(expected).enumerate() {
        assert_eq!(told(event), (kind.into(), txid.clone(), reason.into()), "{at}");
        assert_eq!(event["sequence"], json!(start.as_u64().expect("a number") + at as u64));
    }
    assert_eq!(events[1]["replaced_by"], json!(better));
    assert_eq!((&events[2]["fee"], &events[4]["block"]), (&json!(50_000), &json!(block)));
    let mut back: Vec<_> = events[6..].iter().map(told).collect();
    back.sort();
    let mut expected = [better, other].map(|txid| ("added".to_owned(), txid, "-".to_owned()));
    expected.sort();
    assert_eq!(back, expected);
    let now = node.rpc("getrawmempool", json!([false, true]))["mempool_sequence"].clone();
    assert_eq!(now.as_u64(), start.as_u64().map(|start| start + 8));
}

#[test]
fn tokens_open_the_feed_and_nothing_else() {
    let token = "a.long-enough_token~1";
    let option = format!("-feedtoken={token}");
    let node = TestNode::start(&["-regtest", &option]);
    let open = |path: &str| {
        let stream = TcpStream::connect(Reader::address(&node)).expect("the node listens");
        Reader::over(stream, path, None)
    };
    let mut reader = open(&format!("/ws?token={token}")).expect("the token is right");
    reader.subscribe("subscribe_tip", json!([]));
    let genesis = node.rpc("getbestblockhash", json!([]));
    let (name, _, tip) = reader.next();
    assert_eq!((name.as_str(), tip), ("tip", json!({"height": 0, "hash": genesis})));
    let hash = mine(&node, 1).remove(0);
    assert_eq!(reader.next().2, json!({"height": 1, "hash": hash}));
    assert_eq!(reader.call("getblockcount", json!([]))["error"]["code"], -32601);
    for path in ["/ws", "/ws?token=", "/ws?token=a.long-enough_token~2"] {
        assert_eq!(open(path).err(), Some(401), "{path}");
    }
    assert!(!node.log().contains(token), "the log does not tell it");

    let folder = tempfile::tempdir().expect("a folder");
    let wrong = TestNode::command(folder.path(), &["-regtest", "-feedtoken=short"]).output();
    let wrong = wrong.expect("chaincored can be started");
    let text = String::from_utf8_lossy(&wrong.stderr);
    assert!(!wrong.status.success() && text.contains("Invalid -feedtoken"), "{text}");
}
