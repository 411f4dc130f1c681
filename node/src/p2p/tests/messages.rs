//! What peers say, and what a node makes of it and keeps of it.

use super::raw_peer::RawPeer;
use super::{Node, PATIENCE, params, start_time, wait};
use crate::chain::Origin;
use crate::p2p::connection::MAX_UNFINISHED;
use crate::p2p::discovery::{Found, PeerName};
use crate::p2p::processing::Protocol;
use crate::p2p::wire::{Command, CompactBlock, MAX_PAYLOAD, Message, ReceivedBlock, frame};
use crate::testkit::Branch;
use chaincore_consensus::{Txid, Wtxid};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

const SEND_CMPCT: Message = Message::SendCmpct { high_bandwidth: true, version: 2 };

#[test]
fn who_leaves_while_the_message_thread_is_busy_leaves_nothing_behind() {
    let node = Node::start(|_| {});
    let (release, busy) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel();
    node.p2p.protocol().run(move |_| {
        begun.send(()).unwrap();
        let _ = busy.recv();
    });
    begins.recv().unwrap();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(node.p2p.bound()[0]).unwrap();
        stream.write_all(&Message::Ping(1).encode(params().magic)).unwrap();
        wait("the call is taken", || !node.links().is_empty());
        drop(stream);
        wait("the connection has ended", || node.links().is_empty());
    }
    assert!(node.p2p.network().take_arrivals().is_empty());
    release.send(()).unwrap();
}

#[test]
fn the_message_thread_does_not_sleep_while_somebody_is_to_be_told_something() {
    let node = Node::start(|options| options.whitelist.add("noban@127.0.0.1").unwrap());
    let mut peer = RawPeer::call(&node, false);
    peer.settle();
    let nap = |news: bool| {
        let asked = move |protocol: &mut Protocol| {
            if news {
                protocol.relay_tx(Txid([1; 32]), Wtxid([2; 32]));
            }
            protocol.nap()
        };
        node.p2p.protocol().ask_blocking(asked).unwrap()
    };
    // By a clock that stands nobody knows how long that is.
    let longest = nap(true);
    assert!(longest >= Duration::from_millis(50));
    node.clock.set_mock(None);
    assert!(nap(true) < longest, "whoever is trusted hears of it at once");
    // What is not in the mempool is not told, and not waited for either.
    wait("nothing is left to be told", || nap(false) == longest);
}

#[test]
fn a_message_thread_that_fails_is_noticed() {
    let node = Node::start(|_| {});
    let ended = |limit| node.run(async { tokio::time::timeout(limit, node.p2p.ended()).await });
    assert!(ended(Duration::from_millis(10)).is_err());
    node.p2p.protocol().run(|_| panic!("as if a message had been too much"));
    assert!(ended(PATIENCE).is_ok());
    assert_eq!(node.p2p.protocol().ask_blocking(|_| ()), None);
}

#[test]
fn compact_blocks_may_be_asked_for_before_the_verack() {
    let node = Node::start(|_| {});
    let mut peer = RawPeer::call_saying(&node, &[SEND_CMPCT]);
    peer.settle();
    wait("the node knows", || node.links()[0].facts().high_bandwidth_from);
}

#[test]
fn a_block_that_came_whole_from_elsewhere_is_not_put_together_any_more() {
    let node = Node::start(|_| {});
    let mut main = Branch::new(params(), 5);
    for _ in 0..6 {
        let outcome = node.chain.submit_block_blocking(main.mine(0), Origin::Rpc).unwrap();
        assert!(outcome.is_accepted());
    }
    node.clock.set_mock(Some(i64::from(main.blocks.last().unwrap().header.time).max(start_time())));
    let rebuilt = || node.p2p.protocol().ask_blocking(|protocol| protocol.blocks_being_rebuilt()).unwrap();
    let (mut one, mut other) = (RawPeer::call_saying(&node, &[]), RawPeer::call(&node, false));
    one.say(&SEND_CMPCT);
    let block = main.mine(2);
    one.say(&Message::Headers(vec![block.header]));
    one.hear(|message| matches!(message, Message::GetData(_)));
    one.say(&Message::CmpctBlock(Box::new(CompactBlock::new(&block, 7))));
    one.hear(|message| matches!(message, Message::GetBlockTxn(_)));
    assert_eq!(rebuilt(), 1);
    other.say(&Message::Block(ReceivedBlock::from(block.clone())));
    other.settle();
    assert_eq!(node.chain.snapshot().tip().hash(), block.hash());
    assert_eq!(rebuilt(), 0, "what there was of it is kept until the peer leaves");
}

#[test]
fn messages_that_never_end_are_bounded_over_all_peers() {
    let node = Node::start(|_| {});
    let mut honest = RawPeer::call(&node, false);
    let whole = frame(params().magic, Command::from_bytes(*b"something\0\0\0"), |bytes| {
        bytes.resize(bytes.len() + MAX_PAYLOAD, 7);
    });
    // One connection more than there is room for, and none of them sends its last byte.
    let part = &whole[..whole.len() - 1];
    let mut slow = vec![];
    for _ in 0..17 {
        let mut stream = TcpStream::connect(node.p2p.bound()[0]).unwrap();
        stream.write_all(part).unwrap();
        slow.push(stream);
    }
    wait("the first one has gone", || node.links().len() == 17);
    let mut end = [0];
    slow[0].set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(!matches!(slow[0].read(&mut end), Ok(1)), "it is the one that has gone");
    wait("all the rest has come", || node.p2p.network().unfinished() > 15 * MAX_PAYLOAD);
    assert!(node.p2p.network().unfinished() <= MAX_UNFINISHED);
    // Whoever ends his messages is heard all the same, and whoever leaves makes room.
    honest.say_bytes(&whole);
    honest.settle();
    drop(slow);
    wait("nothing is left of it", || node.p2p.network().unfinished() == 0);
    wait("nobody else is there", || node.links().len() == 1);
}

/// Answers `GET` by what stands behind a path, on another address of this machine than nodes call from.
pub(super) fn api(answers: [(&'static str, String); 2]) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(8) {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let is_asked = |(path, _): &&(&str, String)| request.starts_with(&format!("GET {path} "));
            let body = answers.iter().find(is_asked).map_or("", |(_, body)| body);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all((head + body).as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn nobody_takes_others_connections_for_his_own() {
    let node = Node::start(|_| {});
    let mut honest = RawPeer::call(&node, false);
    honest.settle();
    let theirs = node.links()[0].clone();
    let liar = Node::start(|options| options.binds[0].address.set_ip(Ipv4Addr::new(127, 0, 0, 2).into()));
    let port = liar.p2p.bound()[0].port();
    let at = api([
        ("/status", format!(r#"{{"instance":"liar","p2p_port":{port}}}"#)),
        (
            "/getpeers",
            format!(
                r#"{{"connections":[{{"local_address":"{}","connection_type":"manual"}}]}}"#,
                theirs.address()
            ),
        ),
    ]);
    let name: PeerName = format!("http://{at}").parse().unwrap();
    let found = node.run(node.p2p.discovery().add(&name)).unwrap();
    assert_eq!(found.outcome, Found::CONNECTED);
    assert!(!theirs.is_closed());
    assert_eq!(node.links().len(), 2);
}
