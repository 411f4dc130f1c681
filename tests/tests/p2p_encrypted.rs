//! The encrypted transport (BIP324) with the implementation of the `bip324` crate at the other end of a real node's
//! connection, whoever calls; and what the node's owner is told and may say of it.

use bip324::Role;
use bip324::io::{Payload, Protocol};
use bip324::serde::{deserialize, serialize};
use bitcoin::Network;
use bitcoin::p2p::message::NetworkMessage;
use bitcoin::p2p::message_blockdata::GetHeadersMessage;
use chaincore_tests::peer::Hello;
use chaincore_tests::{Peer, TestNode, mining};
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const ARGS: [&str; 5] = ["-regtest", "-bind=127.0.0.1", "-listen=1", "-connect=0", "-debug=net"];
/// A bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(120);
/// The most garbage that there may be.
const MAX_GARBAGE: usize = 4095;

/// The other implementation.
struct Other(Protocol<TcpStream, TcpStream>);

impl Other {
    fn on(stream: TcpStream, role: Role, garbage: usize, decoys: Vec<Vec<u8>>) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a connected socket");
        stream.set_nodelay(true).expect("a connected socket");
        let (reader, writer) = (stream.try_clone().expect("a socket"), stream);
        let garbage = Some(vec![7; garbage]);
        let protocol = Protocol::new(Network::Regtest, role, garbage, Some(decoys), reader, writer);
        Self(protocol.unwrap_or_else(|error| panic!("the handshake fails: {error}")))
    }

    fn send(&mut self, message: NetworkMessage) {
        self.0.write(&Payload::genuine(serialize(message))).expect("the connection holds");
    }

    /// The next message that is wanted.
    fn wait_for<T>(&mut self, wanted: impl Fn(&NetworkMessage) -> Option<T>) -> T {
        loop {
            let payload = self.0.read().unwrap_or_else(|error| panic!("the node has hung up: {error}"));
            let message = deserialize(payload.contents()).expect("the node sends what can be read");
            if let Some(found) = wanted(&message) {
                return found;
            }
        }
    }

    fn say_hello(&mut self) {
        self.send(NetworkMessage::Version(Peer::version(&Hello::default())));
        self.wait_for(|message| matches!(message, NetworkMessage::Version(_)).then_some(()));
        self.send(NetworkMessage::Verack);
        self.wait_for(|message| matches!(message, NetworkMessage::Verack).then_some(()));
    }

    /// The node answers whatever it is asked, over several changes of keys.
    fn lives_with(&mut self, node: &TestNode, blocks: usize) {
        self.say_hello();
        for nonce in 0..500 {
            if nonce % 100 == 0 {
                self.0.write(&Payload::decoy(vec![nonce as u8; 3000])).expect("the connection holds");
            }
            self.send(NetworkMessage::Ping(nonce));
            self.wait_for(|message| (*message == NetworkMessage::Pong(nonce)).then_some(()));
        }
        let genesis = bitcoin::constants::genesis_block(Network::Regtest).block_hash();
        let question = GetHeadersMessage::new(vec![genesis], bitcoin::hashes::Hash::all_zeros());
        self.send(NetworkMessage::GetHeaders(question));
        let headers = self.wait_for(|message| match message {
            NetworkMessage::Headers(headers) => Some(headers.len()),
            _ => None,
        });
        assert_eq!(headers, blocks);
        let peer = &node.rpc("getpeerinfo", json!([]))[0];
        assert_eq!(peer["transport_protocol_type"], "v2", "{peer}");
        assert_eq!(peer["session_id"].as_str().map(str::len), Some(64), "{peer}");
        // Twenty bytes of each packet, one for the type and eight of the message.
        assert_eq!(
            peer["bytesrecv_per_msg"]["ping"],
            500 * 29,
            "decoys and handshakes are of no kind of message"
        );
        assert!(node.log().contains("transport: v2"));
    }
}

fn node_with_blocks(args: &[&str]) -> TestNode {
    let node = TestNode::start(&[&ARGS[..], args].concat());
    node.rpc("generatetoaddress", json!([20, mining::address()]));
    node
}

#[test]
fn another_implementation_calls() {
    let node = node_with_blocks(&[]);
    for (garbage, decoys) in [(0, vec![]), (MAX_GARBAGE, vec![vec![], vec![1; 2000]])] {
        let stream = TcpStream::connect(node.p2p_address()).expect("the node listens");
        let mut other = Other::on(stream, Role::Initiator, garbage, decoys);
        other.lives_with(&node, 20);
        drop(other);
        node.wait_until("the peer is gone", |node| node.rpc("getconnectioncount", json!([])) == 0);
    }
    // One that speaks the first version is as welcome.
    let mut plain = Peer::greet(node.p2p_address());
    plain.sync();
    let peer = &node.rpc("getpeerinfo", json!([]))[0];
    assert_eq!((&peer["transport_protocol_type"], &peer["session_id"]), (&json!("v1"), &json!("")));
    // And it is not known yet what one is that has said nothing.
    let _silent = TcpStream::connect(node.p2p_address()).expect("the node listens");
    node.wait_until("a second one is there", |node| {
        node.rpc("getpeerinfo", json!([]))[1]["transport_protocol_type"] == "detecting"
    });
}

#[test]
fn another_implementation_is_called() {
    let node = node_with_blocks(&[]);
    for garbage in [0, MAX_GARBAGE] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let place = listener.local_addr().expect("it is bound").to_string();
        node.rpc("addnode", json!([place, "onetry"]));
        let (stream, _) = listener.accept().expect("the node calls");
        let mut other = Other::on(stream, Role::Responder, garbage, vec![vec![2; 100]]);
        other.lives_with(&node, 20);
        drop(other);
        node.wait_until("the peer is gone", |node| node.rpc("getconnectioncount", json!([])) == 0);
    }
    assert!(node.log().contains("start sending v2 handshake to peer="));
    assert!(!node.log().contains("retrying with v1"), "who has answered is not called again");

    // Asked to, the node begins in the open; else with those only who do not answer.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let place = listener.local_addr().expect("it is bound").to_string();
    node.rpc("addnode", json!([place, "onetry", false]));
    Peer::accept(&listener).say_hello(&Hello::default());
    assert!(!node.log().contains("retrying with v1"));
    node.wait_until("the peer is gone", |node| node.rpc("getconnectioncount", json!([])) == 0);
    node.rpc("addconnection", json!([place, "outbound-full-relay", true]));
    // Whoever does not understand hangs up.
    drop(listener.accept().expect("the node calls"));
    let mut peer = Peer::accept(&listener);
    peer.say_hello(&Hello::default());
    let info = node.rpc("getpeerinfo", json!([]));
    let told: Vec<&Value> =
        ["transport_protocol_type", "connection_type", "addr"].map(|key| &info[0][key]).into();
    assert_eq!(told, [&json!("v1"), &json!("outbound-full-relay"), &json!(place)]);
    assert!(node.log().contains("retrying with v1 transport protocol for peer="));
}

#[test]
fn the_owner_decides() {
    let services = |node: &TestNode| {
        let info = node.rpc("getnetworkinfo", json!([]));
        let names = info["localservicesnames"].as_array().expect("names").contains(&json!("P2P_V2"));
        (info["localservices"].clone(), names)
    };
    let node = TestNode::start(&ARGS);
    assert_eq!(services(&node), (json!("0000000000000c09"), true));
    let node = TestNode::start(&[&ARGS[..], &["-v2transport=0"]].concat());
    assert_eq!(services(&node), (json!("0000000000000409"), false));
    let refused =
        |method: &str, params: Value| node.try_rpc(method, params).expect_err("it is refused").message;
    assert_eq!(
        refused("addnode", json!(["127.0.0.1:1", "onetry", true])),
        "Error: v2transport requested but not enabled (see -v2transport)"
    );
    assert_eq!(
        refused("addconnection", json!(["127.0.0.1:1", "feeler", true])),
        "Error: Adding v2transport connections requires -v2transport init flag to be set."
    );
    // It takes nothing but the first version, and calls so.
    let stream = TcpStream::connect(node.p2p_address()).expect("the node listens");
    let (reader, writer) = (stream.try_clone().expect("a socket"), stream);
    assert!(Protocol::new(Network::Regtest, Role::Initiator, None, None, reader, writer).is_err());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    node.rpc("addnode", json!([listener.local_addr().expect("it is bound").to_string(), "onetry"]));
    Peer::accept(&listener).say_hello(&Hello::default());
    assert!(!node.log().contains("v2 handshake"));
}
