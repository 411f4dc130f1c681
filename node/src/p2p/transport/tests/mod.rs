//! Both ends of a connection, whole and in pieces, and ends that do not keep to the rules.

mod vectors;

use super::message::{MAX_CONTENTS, by_short_id, short_id};
use super::session::TERMINATOR_LEN;
use super::*;
use crate::p2p::wire::{Command, Frame, MAX_PAYLOAD, Message, frame};
use proptest::prelude::*;
use secp256k1::ellswift::Party;

const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

/// One end of a connection, with what it has to send.
struct End {
    receiver: Receiver,
    cipher: Option<SendCipher>,
    is_plain: bool,
    out: Vec<u8>,
    session: Option<SessionId>,
    heard: Vec<Frame>,
    unusable: Vec<TransportError>,
    wire_len: u64,
}

impl End {
    fn new(receiver: Receiver) -> Self {
        Self {
            receiver,
            cipher: None,
            is_plain: false,
            out: vec![],
            session: None,
            heard: vec![],
            unusable: vec![],
            wire_len: 0,
        }
    }

    fn called() -> Self {
        Self::new(Receiver::called(MAGIC))
    }

    fn calling() -> Self {
        let (receiver, first) = Receiver::calling(MAGIC);
        let mut end = Self::new(receiver);
        end.take(first);
        end
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Plain => self.is_plain = true,
            Step::Greet(bytes) => self.out.extend(bytes),
            Step::Encrypt(bytes, cipher) => {
                self.out.extend(bytes);
                self.cipher = Some(*cipher);
            }
        }
    }

    fn hear(&mut self, mut bytes: &[u8]) -> Result<(), TransportError> {
        while let Some(event) = self.receiver.read(&mut bytes)? {
            match event {
                Event::Step(step) => self.take(step),
                Event::Established(session) => {
                    assert_eq!(self.session.replace(session), None);
                }
                Event::Message { frame, wire_len } => {
                    self.heard.push(frame);
                    self.wire_len += wire_len;
                }
                Event::Unusable { why, wire_len } => {
                    self.unusable.push(why);
                    self.wire_len += wire_len;
                }
            }
        }
        assert!(bytes.is_empty());
        Ok(())
    }

    fn say(&mut self, message: &Message) {
        let (command, mut bytes) = (message.command(), message.encode(MAGIC));
        let start = match &mut self.cipher {
            Some(cipher) => cipher.seal_frame(&command, &mut bytes),
            None => 0,
        };
        self.out.extend_from_slice(&bytes[start..]);
    }
}

/// Passes on what one end has to send, in pieces.
fn pass(from: &mut End, to: &mut End, cuts: &mut impl Iterator<Item = usize>) -> bool {
    let bytes = std::mem::take(&mut from.out);
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(cuts.next().unwrap_or(usize::MAX).min(rest.len()));
        to.hear(piece).unwrap();
        rest = more;
    }
    !bytes.is_empty()
}

/// Lets two ends greet each other.
fn meet(one: &mut End, other: &mut End, mut cuts: impl Iterator<Item = usize>) {
    while pass(one, other, &mut cuts) | pass(other, one, &mut cuts) {}
}

/// A peer of which a test says every byte: it has called, and greeted with this garbage.
struct Raw {
    node: End,
    session: Session,
}

impl Raw {
    fn greet(garbage: &[u8]) -> Self {
        let greeting = Greeting::with_garbage(garbage.to_vec());
        let mut node = End::called();
        node.hear(&greeting.to_bytes()).unwrap();
        let theirs = node.out[..64].try_into().unwrap();
        let (session, _) = greeting.agree(theirs, Party::Initiator, MAGIC);
        assert!(node.out.windows(TERMINATOR_LEN).any(|bytes| bytes == session.receive_terminator));
        Self { node, session }
    }

    /// The same, and its garbage has ended.
    fn met() -> Self {
        let mut raw = Self::greet(&[]);
        raw.node.hear(&raw.session.send_terminator.clone()).unwrap();
        raw
    }

    fn packet(&mut self, contents: &[u8], is_decoy: bool) -> Vec<u8> {
        self.session.send.packet(contents, &[], is_decoy)
    }

    fn say(&mut self, contents: &[u8]) -> Result<(), TransportError> {
        let packet = self.packet(contents, false);
        self.node.hear(&packet)
    }
}

fn sample() -> Vec<Message> {
    let unknown = Message::Unknown { command: Command::from_bytes(*b"something\0\0\0"), payload_len: 0 };
    vec![Message::Verack, Message::Ping(7), Message::GetAddr, unknown, Message::Inv(vec![])]
}

fn texts(frames: &[Frame]) -> Vec<Message> {
    frames.iter().map(|frame| Message::decode(&frame.command, &frame.payload).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn two_ends_understand_each_other_however_the_stream_is_cut(
        cuts in prop::collection::vec(1usize..300, 1..20),
        rounds in 1usize..60,
    ) {
        let (mut caller, mut called) = (End::calling(), End::called());
        meet(&mut caller, &mut called, cuts.iter().copied().cycle());
        prop_assert!(caller.session.is_some());
        prop_assert_eq!(caller.session, called.session);
        // Beyond the first keys.
        for _ in 0..rounds {
            sample().iter().for_each(|message| caller.say(message));
            sample().iter().for_each(|message| called.say(message));
        }
        let sent = called.out.len() as u64;
        meet(&mut caller, &mut called, cuts.iter().copied().cycle());
        let expected: Vec<Message> = sample().into_iter().cycle().take(5 * rounds).collect();
        prop_assert_eq!(texts(&caller.heard), &expected[..]);
        prop_assert_eq!(texts(&called.heard), expected);
        prop_assert_eq!(caller.wire_len, sent);
        prop_assert!(caller.receiver.held() == 0 && called.receiver.held() < 64);
    }

    #[test]
    fn the_first_version_is_recognised_however_the_stream_is_cut(cuts in prop::collection::vec(1usize..40, 1..9)) {
        let mut node = End::called();
        let hello = frame(MAGIC, Command::VERSION, |bytes| bytes.extend([1; 90]));
        let mut peer = End::new(Receiver::plain(MAGIC));
        peer.out = hello.clone();
        sample().iter().for_each(|message| peer.say(message));
        let sent = peer.out.len() as u64;
        pass(&mut peer, &mut node, &mut cuts.iter().copied().cycle());
        prop_assert!(node.is_plain && node.cipher.is_none() && node.out.is_empty());
        prop_assert_eq!((node.heard[0].command, node.heard[0].payload.len()), (Command::VERSION, 90));
        prop_assert_eq!(texts(&node.heard[1..]), sample());
        prop_assert_eq!(node.wire_len, sent);
    }

    #[test]
    fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..9000), likely in any::<bool>()) {
        let mut node = End::called();
        let start: &[u8] = if likely { b"\xfa\xbf\xb5\xdaversion\0" } else { &[] };
        let _ = node.hear(&[start, &bytes].concat());
        prop_assert!(node.receiver.held() < 64 * 1024 + bytes.len() && node.heard.is_empty());
    }
}

#[test]
fn keys_are_replaced_and_each_end_follows() {
    let (mut caller, mut called) = (End::calling(), End::called());
    meet(&mut caller, &mut called, std::iter::empty());
    for nonce in 0..1000 {
        caller.say(&Message::Ping(nonce));
        called.say(&Message::Pong(nonce));
    }
    meet(&mut caller, &mut called, std::iter::empty());
    assert_eq!(texts(&called.heard), (0..1000).map(Message::Ping).collect::<Vec<_>>());
    assert_eq!(texts(&caller.heard), (0..1000).map(Message::Pong).collect::<Vec<_>>());
}

#[test]
fn types_have_their_numbers() {
    for command in Command::ALL {
        if let Some(id) = short_id(command) {
            assert_eq!(by_short_id(id), Some(*command));
        }
    }
    // Those whose numbers BIP324 does not have.
    let unnumbered: Vec<String> =
        Command::ALL.iter().filter(|command| short_id(command).is_none()).map(ToString::to_string).collect();
    let expected = ["version", "verack", "sendaddrv2", "getaddr", "sendheaders", "wtxidrelay", "sendtxrcncl"];
    assert_eq!(unnumbered, expected);
    assert_eq!((short_id(&Command::ADDR_V2), short_id(&Command::FEATURE)), (Some(28), Some(37)));
    assert_eq!(by_short_id(30), Some(Command::from_bytes([0; 12])));
    assert_eq!(by_short_id(38), None);
}

#[test]
fn a_peer_of_another_network_is_told_from_a_key() {
    let hello = frame([1, 2, 3, 4], Command::VERSION, |bytes| bytes.extend([0; 90]));
    let error = End::called().hear(&hello).unwrap_err();
    assert_eq!(error.to_string(), "V2 transport error: V1 peer with wrong MessageStart 01020304");
    // In pieces too.
    let mut node = End::called();
    assert!(hello.chunks(5).any(|piece| node.hear(piece).is_err()));
    // Whom we have called may have such a key.
    let mut caller = End::calling();
    caller.hear(&hello[..64]).unwrap();
    assert!(caller.cipher.is_some());
}

#[test]
fn garbage_ends_in_time() {
    for len in [0, 1, 15, 16, 4094, MAX_GARBAGE] {
        let garbage = vec![7; len];
        let mut raw = Raw::greet(&garbage);
        let terminator = raw.session.send_terminator;
        raw.node.hear(&terminator).unwrap();
        let version = raw.session.send.packet(b"what may be said one day", &garbage, false);
        raw.node.hear(&version).unwrap();
        assert_eq!(raw.node.session, Some(raw.session.id), "{len} bytes");
    }
    let mut raw = Raw::greet(&[7; MAX_GARBAGE]);
    raw.node.hear(&[7; TERMINATOR_LEN - 1]).unwrap();
    assert_eq!(raw.node.hear(&[7]), Err(TransportError::NoTerminator));
    assert_eq!(raw.node.receiver.held(), 0);
}

#[test]
fn garbage_that_was_changed_under_way_is_noticed() {
    let mut raw = Raw::greet(b"garbage");
    let terminator = raw.session.send_terminator;
    raw.node.hear(&terminator).unwrap();
    let version = raw.session.send.packet(&[], b"gxrbage", false);
    assert_eq!(raw.node.hear(&version), Err(TransportError::Damaged(0)));
    assert_eq!(raw.node.session, None);
}

#[test]
fn decoys_are_passed_over() {
    let mut raw = Raw::met();
    for decoy in [&b""[..], b"decoy", &[0; 70_000]] {
        let packet = raw.packet(decoy, true);
        raw.node.hear(&packet).unwrap();
    }
    assert_eq!(raw.node.session, None, "a decoy is no version packet");
    raw.say(&[]).unwrap();
    assert_eq!(raw.node.session, Some(raw.session.id));
    let packet = raw.packet(b"\x12decoy", true);
    raw.node.hear(&packet).unwrap();
    raw.say(&[&[18][..], &7u64.to_le_bytes()].concat()).unwrap();
    assert_eq!(texts(&raw.node.heard), [Message::Ping(7)]);
    assert_eq!(raw.node.wire_len, 20 + 9, "only messages are counted");
}

#[test]
fn contents_that_are_no_message_are_passed_over() {
    let mut raw = Raw::met();
    raw.say(b"the version packet").unwrap();
    let long = |name: &[u8; 12]| [&[0][..], name].concat();
    let bad: [&[u8]; 6] = [
        &[],
        &[38],
        &[255, 1, 2],
        b"\0version",
        &long(b"ver\0sion\0\0\0\0"),
        &long(b"ver\x01\0\0\0\0\0\0\0\0"),
    ];
    for contents in bad {
        raw.say(contents).unwrap();
        assert_eq!(raw.node.unusable.pop(), Some(TransportError::NoMessage(contents.len())), "{contents:?}");
    }
    assert!(raw.node.heard.is_empty());
    // The long name of a type with a number is as good, and a number without a type is a message of no type.
    raw.say(&[&long(b"ping\0\0\0\0\0\0\0\0")[..], &7u64.to_le_bytes()].concat()).unwrap();
    raw.say(&[30, 1, 2]).unwrap();
    let nameless = Message::Unknown { command: Command::from_bytes([0; 12]), payload_len: 2 };
    assert_eq!(texts(&raw.node.heard), [Message::Ping(7), nameless]);
}

#[test]
fn what_was_changed_under_way_is_noticed() {
    // The header, the contents and the tag.
    for at in [3, 5, 20] {
        let mut raw = Raw::met();
        raw.say(&[]).unwrap();
        let mut packet = raw.packet(&[18, 0, 0, 0, 0, 0, 0, 0, 0], false);
        packet[at] ^= 1;
        assert_eq!(raw.node.hear(&packet), Err(TransportError::Damaged(9)), "byte {at}");
        // Nothing is taken any more.
        raw.say(&[19, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        assert!(raw.node.heard.is_empty() && raw.node.receiver.held() == 0);
    }
    let mut raw = Raw::met();
    raw.say(&[]).unwrap();
    let [first, second] = [1, 2].map(|byte| raw.packet(&[byte], false));
    // The right length before the wrong packet: a wrong length may be one that is waited for.
    let swapped = [&first[..3], &second[3..]].concat();
    assert_eq!(raw.node.hear(&swapped), Err(TransportError::Damaged(1)), "packets have an order");
}

#[test]
fn the_longest_message_is_taken_and_no_longer_packet() {
    let mut raw = Raw::met();
    raw.say(&[]).unwrap();
    let mut contents = vec![0; MAX_CONTENTS];
    contents[1..4].copy_from_slice(b"abc");
    raw.say(&contents).unwrap();
    assert_eq!(raw.node.heard.pop().unwrap().payload.len(), MAX_PAYLOAD);
    let length = raw.session.send.announce(MAX_CONTENTS + 1);
    assert_eq!(raw.node.hear(&length), Err(TransportError::TooLarge(MAX_CONTENTS + 1)));
}

#[test]
fn an_announced_length_allocates_little() {
    let mut raw = Raw::met();
    raw.say(&[]).unwrap();
    let length = raw.session.send.announce(MAX_CONTENTS);
    raw.node.hear(&length).unwrap();
    assert!(raw.node.receiver.held() <= 1024);
    raw.node.hear(&[0; 1000]).unwrap();
    assert!(raw.node.receiver.held() <= 1000 + 256 * 1024);
}
