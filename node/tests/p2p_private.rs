//! A private network seen from the wire: what a node with a secret says to whoever has not proved to know it (nothing),
//! and that a node without one never speaks of such things.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{BlockHash, Hash256};
use chaincore_node::p2p::authentication::{Credentials, Side, Transcript};
use chaincore_node::p2p::net_address::NetAddress;
use chaincore_node::p2p::wire::{
    AuthChallenge, AuthMethods, AuthProof, FrameReader, InvKind, Inventory, Locator, Message, ServiceFlags,
    Version,
};
use data_encoding::BASE64;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(60);
const SECRET: &[u8] = b"what the members know";
const NONCE: u64 = 0x0123_4567_89ab_cdef;

struct Node {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
    api: u16,
}

impl Node {
    fn start(secret: Option<&[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_chaincored"));
        command.arg(format!("-datadir={}", folder.path().display()));
        command.args(["-regtest", "-port=0", "-rpcport=0", "-debug=net"]);
        if let Some(secret) = secret {
            let file = folder.path().join("secret");
            std::fs::write(&file, secret).unwrap();
            command.arg(format!("-peersecret={}", file.display()));
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let told = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let api = told.take(2).find_map(|line| line.split_once("http://").map(|(_, rest)| rest.to_owned()));
        let api = number_behind(&api.expect("the node says where it listens"), "127.0.0.1:");
        let mut node = Self { child, folder, port: 0, api };
        node.wait_for_log("init message: Done loading");
        node.port = number_behind(&node.log(), "Bound to 127.0.0.1:");
        node
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("regtest/debug.log")).unwrap_or_default()
    }

    fn wait_for_log(&self, text: &str) {
        let since = Instant::now();
        while !self.log().contains(text) {
            assert!(since.elapsed() < PATIENCE, "the log never said {text:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn peer(&self) -> Peer {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let magic = ChainParams::regtest().magic;
        Peer { stream, frames: FrameReader::new(magic), read: VecDeque::new(), said: vec![], magic }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn number_behind(text: &str, before: &str) -> u16 {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {text}"));
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

/// A peer that is driven message by message.
struct Peer {
    stream: TcpStream,
    frames: FrameReader,
    read: VecDeque<Message>,
    /// Every command that the node has sent.
    said: Vec<String>,
    magic: [u8; 4],
}

impl Peer {
    fn send(&mut self, message: &Message) {
        // The node may have left.
        let _ = self.stream.write_all(&message.encode(self.magic));
    }

    /// The next message; `None` when the node has left.
    fn next(&mut self) -> Option<Message> {
        let mut bytes = [0; 4096];
        while self.read.is_empty() {
            let read = match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}; so far: {:?}", self.said),
            };
            let mut rest = &bytes[..read];
            while let Some(frame) = self.frames.read(&mut rest) {
                let frame = frame.unwrap();
                self.said.push(frame.command.to_string());
                self.read.push_back(Message::decode(&frame.command, &frame.payload).unwrap());
            }
        }
        self.read.pop_front()
    }

    fn until<T>(&mut self, wanted: impl Fn(&Message) -> Option<T>) -> T {
        loop {
            let message = self.next().unwrap_or_else(|| panic!("the node has left; it said {:?}", self.said));
            if let Some(found) = wanted(&message) {
                return found;
            }
        }
    }

    fn until_left(&mut self) {
        while self.next().is_some() {}
    }

    /// Says hello; the nonce of the node's version message.
    fn greet(&mut self) -> u64 {
        let nowhere: NetAddress = "0.0.0.0:0".parse().unwrap();
        self.send(&Message::Version(Box::new(Version {
            version: 70016,
            services: ServiceFlags::NETWORK | ServiceFlags::WITNESS,
            time: 0,
            receiver_services: ServiceFlags::NONE,
            receiver: nowhere,
            sender_services: ServiceFlags::NONE,
            sender: nowhere,
            nonce: NONCE,
            user_agent: b"/stranger:1/".to_vec(),
            start_height: 0,
            relay: true,
        })));
        let nonce = self.until(|message| match message {
            Message::Version(version) => Some(version.nonce),
            _ => None,
        });
        self.send(&Message::Verack);
        nonce
    }

    fn challenge(&mut self) -> AuthChallenge {
        self.until(|message| match message {
            Message::AuthChallenge(challenge) => Some((**challenge).clone()),
            _ => None,
        })
    }

    fn proof(&mut self) -> AuthProof {
        self.until(|message| match message {
            Message::AuthProof(proof) => Some((**proof).clone()),
            _ => None,
        })
    }

    fn pong(&mut self, nonce: u64) {
        self.send(&Message::Ping(nonce));
        self.until(|message| (*message == Message::Pong(nonce)).then_some(()));
    }

    /// Asks for all that there is.
    fn ask_for_everything(&mut self) {
        let genesis = ChainParams::regtest().genesis.hash();
        let locator = Locator::new(vec![BlockHash([1; 32])]);
        let stop = BlockHash([0; 32]);
        let block = Inventory { kind: InvKind::WitnessBlock, hash: Hash256(genesis.0) };
        self.send(&Message::GetAddr);
        self.send(&Message::SendHeaders);
        self.send(&Message::SendCmpct { high_bandwidth: true, version: 2 });
        self.send(&Message::GetHeaders { locator: locator.clone(), stop: genesis });
        self.send(&Message::GetBlocks { locator, stop });
        self.send(&Message::GetData(vec![block]));
        self.send(&Message::Inv(vec![block]));
        self.send(&Message::Headers(vec![ChainParams::regtest().genesis.header]));
        self.pong(1);
    }
}

fn transcript(theirs: (u64, AuthChallenge), ours: AuthChallenge) -> Transcript {
    let params = ChainParams::regtest();
    Transcript {
        magic: params.magic,
        genesis: params.genesis.hash().0,
        version_nonces: [NONCE, theirs.0],
        challenges: [ours, theirs.1],
        session: None,
    }
}

fn members() -> Credentials {
    Credentials::new(Some(SECRET.to_vec()), None).unwrap()
}

/// `setmocktime`, by hand: the only call there is to make here.
fn set_time(node: &Node, time: u64) {
    let cookie = std::fs::read(node.folder.path().join("regtest/.cookie")).unwrap();
    let body = format!(r#"{{"method":"setmocktime","params":[{time}],"id":1}}"#);
    let mut stream = TcpStream::connect(("127.0.0.1", node.api)).unwrap();
    let (auth, len) = (BASE64.encode(&cookie), body.len());
    write!(
        stream,
        "POST / HTTP/1.1\r\nConnection: close\r\nAuthorization: Basic {auth}\r\nContent-Length: {len}\r\n\r\n{body}"
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
}

#[test]
fn strangers_get_nothing_but_pongs() {
    let node = Node::start(Some(SECRET));
    let mut peer = node.peer();
    peer.greet();
    peer.send(&Message::Mempool);
    peer.ask_for_everything();
    assert_eq!(peer.said, ["version", "wtxidrelay", "sendaddrv2", "verack", "authchal", "pong"]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    set_time(&node, now + 11);
    peer.until_left();
    assert_eq!(peer.said.len(), 6, "{:?}", peer.said);
    node.wait_for_log("peer authentication failed: the peer has not proved itself in time");
}

#[test]
fn proofs_must_be_right_and_in_turn() {
    let node = Node::start(Some(SECRET));
    let refused = |why: &str, act: &dyn Fn(&mut Peer, u64)| {
        let mut peer = node.peer();
        let nonce = peer.greet();
        act(&mut peer, nonce);
        peer.until_left();
        node.wait_for_log(&format!("peer authentication failed: {why}"));
        assert!(!peer.said.iter().any(|command| command == "sendcmpct"), "{:?}", peer.said);
    };
    let nothing = AuthProof { secret: None, signature: None };
    refused("authproof out of turn", &|peer, _| peer.send(&Message::AuthProof(Box::new(nothing.clone()))));
    refused("the peer authenticates by node key, this node by shared secret", &|peer, _| {
        let by_key = AuthChallenge { methods: AuthMethods::KEY, nonce: [1; 32], key: [2; 32] };
        peer.send(&Message::AuthChallenge(Box::new(by_key)));
    });
    refused("the peer has another secret", &|peer, _| {
        // All that the node says is said back to it.
        let challenge = peer.challenge();
        peer.send(&Message::AuthChallenge(Box::new(challenge)));
        let proof = peer.proof();
        peer.send(&Message::AuthProof(Box::new(proof)));
    });
    refused("authchal out of turn", &|peer, _| {
        let challenge = members().challenge([3; 32]);
        peer.challenge();
        peer.send(&Message::AuthChallenge(Box::new(challenge.clone())));
        peer.send(&Message::AuthChallenge(Box::new(challenge)));
    });

    // Who knows the secret proves it, sees the node's proof, and is served.
    let mut member = node.peer();
    let their_nonce = member.greet();
    let theirs = member.challenge();
    let ours = members().challenge([9; 32]);
    member.send(&Message::AuthChallenge(Box::new(ours.clone())));
    let said = transcript((their_nonce, theirs), ours);
    let proof = member.proof();
    assert_eq!(members().check(&said, Side::Called, &proof), Ok(()));
    member.send(&Message::AuthProof(Box::new(members().prove(&said, Side::Caller))));
    member.until(|message| matches!(message, Message::SendCmpct { .. }).then_some(()));
    member.send(&Message::GetData(vec![Inventory {
        kind: InvKind::WitnessBlock,
        hash: Hash256(ChainParams::regtest().genesis.hash().0),
    }]));
    member.until(|message| matches!(message, Message::Block(_)).then_some(()));
}

#[test]
fn a_node_without_a_secret_never_speaks_of_it() {
    let node = Node::start(None);
    let mut peer = node.peer();
    peer.greet();
    peer.ask_for_everything();
    assert!(!peer.said.iter().any(|command| command.starts_with("auth")), "{:?}", peer.said);
    assert!(peer.said.iter().any(|command| command == "block"), "{:?}", peer.said);
    peer.send(&Message::AuthChallenge(Box::new(members().challenge([1; 32]))));
    peer.until_left();
    node.wait_for_log(
        "the peer requires authentication, and this node has neither -peersecret nor -peerkeys",
    );
    assert!(Path::new(&node.folder.path().join("regtest/node_id")).exists());
}
