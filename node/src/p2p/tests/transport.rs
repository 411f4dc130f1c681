//! Which transport two nodes come to use, and who sits in between.

use super::{FULL, Node, PATIENCE, at, params, wait};
use crate::p2p::authentication::Credentials;
use crate::p2p::discovery::{Found, PeerName};
use crate::p2p::kind::ConnectionKind;
use crate::p2p::options::P2pOptions;
use crate::p2p::transport::{Event, Receiver, SendCipher, SessionId, Step, Transport, TransportVersion};
use crate::p2p::wire::{Frame, PeerAddress, ServiceFlags};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Frames, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};

fn encrypted(options: &mut P2pOptions) {
    options.services = FULL | ServiceFlags::P2P_V2;
}

/// Waits until two nodes have met; what they take the connection for, the caller's word first.
fn met(caller: &Node, called: &Node) -> [Transport; 2] {
    let ready = |node: &Node| node.links().iter().any(|link| link.facts().handshake_done);
    wait("the nodes have met", || ready(caller) && ready(called));
    [caller, called].map(|node| node.links()[0].transport().unwrap())
}

#[test]
fn two_nodes_that_can_encrypt_do() {
    let (caller, called) = (Node::start(encrypted), Node::start(encrypted));
    caller.call(&called);
    let [ours, theirs] = met(&caller, &called);
    assert_eq!(ours, theirs);
    assert!(ours.session().is_some());
    // What one has sent is what the other has got; the handshake is of no kind of message.
    let [ours, theirs] = [caller.links()[0].clone(), called.links()[0].clone()];
    wait("all has arrived", || ours.counters().sent() == theirs.counters().received());
    let sent = ours.counters().sent_by_message();
    wait("all is counted", || theirs.counters().received_by_message() == ours.counters().sent_by_message());
    assert!(sent.contains_key("version"), "{sent:?}");
    // A type in full, and what every packet has besides.
    assert_eq!(sent["verack"], 20 + 13);
    assert!(ours.counters().sent() >= sent.values().sum::<u64>() + 64 + 16 + 20);
}

#[test]
fn who_cannot_encrypt_is_called_again_in_the_open() {
    let (caller, called) = (Node::start(encrypted), Node::start(|_| {}));
    caller.run(caller.p2p.outbound().try_once(&called.place(), TransportVersion::V2));
    assert_eq!(met(&caller, &called), [Transport::Plain; 2]);
    let links = caller.links();
    assert_eq!(
        (links.len(), links[0].kind(), links[0].name()),
        (1, ConnectionKind::Manual, &called.place()[..])
    );
    assert_eq!(caller.p2p.network().next_peer(), 2, "it took two calls");
    // The other way round it takes one.
    called.run(called.p2p.outbound().try_once(&caller.place(), TransportVersion::V1));
    wait("it has called", || caller.links().iter().filter(|link| link.facts().handshake_done).count() == 2);
    assert_eq!(caller.links()[1].transport(), Some(Transport::Plain));
    assert_eq!((caller.p2p.network().next_peer(), called.p2p.network().next_peer()), (3, 3));
    // Who adds a peer by the API is told of the second call.
    let other = Node::start(|_| {});
    let name: PeerName = other.place().parse().unwrap();
    let found = caller.run(caller.p2p.discovery().add(&name)).unwrap();
    assert_eq!(found.outcome, Found::CONNECTED);
    assert_eq!(other.links()[0].transport(), Some(Transport::Plain));
}

#[test]
fn addresses_are_called_by_what_is_said_of_them() {
    let (one, other) = (Node::start(encrypted), Node::start(encrypted));
    let node = Node::start(|options| {
        encrypted(options);
        options.connect = None;
        options.active = false;
    });
    for (n, address, peer, services) in
        [(1u8, "81.1.1.1:8333", &one, FULL | ServiceFlags::P2P_V2), (2, "82.1.1.1:8333", &other, FULL)]
    {
        node.stand_in(address, peer);
        let time = u32::try_from(node.clock.now()).unwrap();
        let known = PeerAddress { address: at(address), services, time };
        node.p2p.network().book().add(&[known], &format!("{n}.1.1.1").parse().unwrap(), 0);
    }
    node.p2p.network().set_active(true);
    wait("both are connected", || {
        node.links().iter().filter(|link| link.facts().handshake_done).count() == 2
    });
    for link in node.links() {
        let version = link.transport().unwrap().version();
        let expected =
            if link.name().starts_with("81") { TransportVersion::V2 } else { TransportVersion::V1 };
        assert_eq!(version, expected, "{}", link.name());
    }
    // Whoever is met tells what it can.
    let listed = node.p2p.network().book().list(crate::p2p::address_book::Table::Tried);
    assert!(listed.iter().all(|listed| listed.address.services.contains(ServiceFlags::P2P_V2)));
}

#[test]
fn who_says_nothing_goes() {
    let node = Node::start(|options| {
        encrypted(options);
        options.peer_timeout = 60;
    });
    // One that does not even say which version it speaks, one that ends in the middle of its key, and one that never
    // ends its garbage.
    let mut silent: Vec<TcpStream> =
        (0..3).map(|_| TcpStream::connect(node.p2p.bound()[0]).unwrap()).collect();
    silent[0].write_all(&params().magic).unwrap();
    silent[1].write_all(&[7; 63]).unwrap();
    silent[2].write_all(&[7; 2000]).unwrap();
    wait("all has come", || node.links().iter().map(|link| link.counters().received()).sum::<u64>() == 2067);
    assert!(node.links().iter().all(|link| link.transport().is_none()));
    assert_eq!(node.p2p.network().unfinished(), 0, "they hold little");
    node.pass(61);
    wait("they are gone", || node.links().is_empty());

    // One that was called: it may not have understood.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    node.run(node.p2p.outbound().try_once(&place, TransportVersion::V2));
    let mut called = listener.accept().unwrap().0;
    called.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut key = [0; 64];
    called.read_exact(&mut key).unwrap();
    wait("it is counted", || node.links()[0].counters().sent() >= 64);
    assert_eq!(node.links()[0].transport(), None);
    node.pass(61);
    let mut again = listener.accept().unwrap().0;
    again.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut magic = [0; 4];
    again.read_exact(&mut magic).unwrap();
    assert_eq!(magic, params().magic);
}

/// One of the two connections of somebody in between.
struct Leg {
    stream: TcpStream,
    cipher: Mutex<Option<SendCipher>>,
    greeted: Condvar,
}

impl Leg {
    fn take(&self, step: Step) {
        let mut cipher = self.cipher.lock().unwrap();
        match step {
            Step::Plain => panic!("it is encrypted"),
            Step::Greet(bytes) => (&self.stream).write_all(&bytes).unwrap(),
            Step::Encrypt(bytes, made) => {
                (&self.stream).write_all(&bytes).unwrap();
                *cipher = Some(*made);
                self.greeted.notify_all();
            }
        }
    }

    /// Passes on what the other leg hears, until that ends.
    fn pass_on(&self, frames: &Frames<Frame>) {
        for frame in frames {
            let cipher = self.cipher.lock().unwrap();
            let mut cipher = self.greeted.wait_while(cipher, |cipher| cipher.is_none()).unwrap();
            let mut bytes = crate::p2p::wire::frame(params().magic, frame.command, |bytes| {
                bytes.extend_from_slice(&frame.payload);
            });
            let start = cipher.as_mut().unwrap().seal_frame(&frame.command, &mut bytes);
            if (&self.stream).write_all(&bytes[start..]).is_err() {
                break;
            }
        }
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    fn hear(&self, mut receiver: Receiver, frames: &Sender<Frame>, sessions: &Sender<SessionId>) {
        let mut chunk = [0; 4096];
        while let Ok(read @ 1..) = (&self.stream).read(&mut chunk) {
            let mut rest = &chunk[..read];
            while let Some(event) = receiver.read(&mut rest).unwrap() {
                match event {
                    Event::Step(step) => self.take(step),
                    Event::Established(session) => sessions.send(session).unwrap(),
                    Event::Message { frame, .. } => drop(frames.send(frame)),
                    Event::Unusable { why, .. } => panic!("{why}"),
                }
            }
        }
    }
}

/// Somebody who sits between a caller and a node, makes an encrypted connection with either, and passes on what they
/// say. Where to call, and the sessions.
fn between(node: &Node) -> (String, Frames<SessionId>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let target = node.place();
    let (sessions, told) = channel();
    std::thread::spawn(move || {
        let magic = params().magic;
        let leg = |stream| Arc::new(Leg { stream, cipher: Mutex::default(), greeted: Condvar::new() });
        let caller = leg(listener.accept().unwrap().0);
        let called = leg(TcpStream::connect(target).unwrap());
        let (receiver, first) = Receiver::calling(magic);
        called.take(first);
        let (to_called, for_called) = channel();
        let (to_caller, for_caller) = channel();
        for (leg, receiver, heard, said) in [
            (caller, Receiver::called(magic), to_called, for_caller),
            (called, receiver, to_caller, for_called),
        ] {
            let (speaker, sessions) = (leg.clone(), sessions.clone());
            std::thread::spawn(move || speaker.pass_on(&said));
            std::thread::spawn(move || leg.hear(receiver, &heard, &sessions));
        }
    });
    (place, told)
}

#[test]
fn who_sits_between_members_of_a_private_network_is_noticed() {
    let secretive = |options: &mut P2pOptions| {
        encrypted(options);
        let secret = b"a secret of more than sixteen bytes".to_vec();
        options.own.credentials = Credentials::new(Some(secret), None).map(Arc::new);
    };
    // Where nobody proves anything nobody notices.
    let (caller, called) = (Node::start(encrypted), Node::start(encrypted));
    let (place, sessions) = between(&called);
    caller.run(caller.p2p.outbound().try_once(&place, TransportVersion::V2));
    let [ours, theirs] = met(&caller, &called);
    assert!(ours != theirs);
    let told = [sessions.recv_timeout(PATIENCE).unwrap(), sessions.recv_timeout(PATIENCE).unwrap()];
    assert!([ours, theirs].iter().all(|transport| told.contains(&transport.session().unwrap())));

    // Members meet.
    let (caller, called) = (Node::start(secretive), Node::start(secretive));
    caller.run(caller.p2p.outbound().try_once(&called.place(), TransportVersion::V2));
    let [ours, theirs] = met(&caller, &called);
    assert!(ours == theirs && ours.session().is_some());

    // But not through somebody else, who can do no more than to pass on what they prove.
    let (caller, called) = (Node::start(secretive), Node::start(secretive));
    let (place, sessions) = between(&called);
    let kind = ConnectionKind::Manual;
    let link = caller.run(caller.p2p.network().connect(&place, kind, TransportVersion::V2)).unwrap();
    for _ in 0..2 {
        sessions.recv_timeout(PATIENCE).unwrap();
    }
    wait("they have parted", || link.is_closed() && called.links().is_empty());
    assert_eq!(called.p2p.network().next_peer(), 1);
    assert!(!link.facts().handshake_done && caller.links().is_empty());
}
