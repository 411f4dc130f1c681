//! What comes in over a connection, from its first byte on (Core's `V1Transport` and the receiving half of its
//! `V2Transport`).

use super::cipher::{HEADER_LEN, LENGTH_LEN, ReceiveCipher, SendCipher, TAG_LEN};
use super::message::{self, MAX_CONTENTS};
use super::session::{Greeting, KEY_LEN, MAX_GARBAGE, Session, SessionId, TERMINATOR_LEN};
use crate::p2p::wire::{Command, Frame, FrameError, FrameReader};
use chaincore_consensus::hex;
use secp256k1::ellswift::Party;

/// How much is allocated for a packet ahead of the bytes received.
const ALLOCATE_AHEAD: usize = 256 * 1024;
/// What every connection of the first version begins with: the chain's four bytes and the type `version`.
const PREFIX_LEN: usize = 4 + Command::LEN;

/// Why a connection, or a message, is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// A frame of the first version.
    #[error("Header error: {0}")]
    Frame(#[from] FrameError),
    /// The peer speaks the first version, and is of another network.
    #[error("V2 transport error: V1 peer with wrong MessageStart {}", hex::encode(.0))]
    OtherNetwork([u8; 4]),
    /// There is no end of the garbage.
    #[error("V2 transport error: missing garbage terminator")]
    NoTerminator,
    /// A packet is longer than any message.
    #[error("V2 transport error: packet too large ({0} bytes)")]
    TooLarge(usize),
    /// A packet is not what the other side has sent, or the other side has other keys.
    #[error("V2 transport error: packet decryption failure ({0} bytes)")]
    Damaged(usize),
    /// A packet's contents are no message.
    #[error("V2 transport error: invalid message type ({0} bytes contents)")]
    NoMessage(usize),
}

impl TransportError {
    fn is_fatal(&self) -> bool {
        match self {
            Self::Frame(error) => error.is_fatal(),
            Self::NoMessage(_) => false,
            _ => true,
        }
    }
}

/// What has to be sent, or how, because of what came.
#[derive(Debug)]
pub enum Step {
    /// Messages go out in the open, from the first on.
    Plain,
    /// These bytes go out: our key and garbage.
    Greet(Vec<u8>),
    /// These bytes go out, and from then on packets.
    Encrypt(Vec<u8>, Box<SendCipher>),
}

/// What came.
#[derive(Debug)]
pub enum Event {
    /// Something is to be done by who sends.
    Step(Step),
    /// The other side has the same keys: the connection is encrypted.
    Established(SessionId),
    /// A message.
    Message {
        /// Its type and payload.
        frame: Frame,
        /// How many bytes it took.
        wire_len: u64,
    },
    /// Something that is no message and is passed over.
    Unusable {
        /// Why.
        why: TransportError,
        /// How many bytes it took.
        wire_len: u64,
    },
}

#[derive(Debug)]
enum State {
    /// The first version.
    Plain(FrameReader),
    /// The peer has called, and it is not known yet which version it speaks.
    Unknown,
    /// The second version; our key has been sent, or is on its way.
    Key(Greeting, Party),
    /// Keys have been derived; the other side's garbage comes.
    Garbage(Box<ReceiveCipher>, [u8; TERMINATOR_LEN], SessionId),
    /// Packets come.
    Packets(Box<Packets>),
    /// It was no use.
    Ended,
}

#[derive(Debug)]
struct Packets {
    cipher: ReceiveCipher,
    /// The garbage that the other side has sent, for its first packet.
    aad: Vec<u8>,
    /// Until the other side's version packet has come.
    unproved: Option<SessionId>,
    /// The length of the contents of the packet that comes.
    contents: Option<usize>,
}

/// Takes what comes in over a connection.
#[derive(Debug)]
pub struct Receiver {
    magic: [u8; 4],
    state: State,
    buffer: Vec<u8>,
}

impl Receiver {
    fn new(magic: [u8; 4], state: State) -> Self {
        Self { magic, state, buffer: Vec::new() }
    }

    /// For a connection of the first version, whoever called, on the network with this magic.
    pub fn plain(magic: [u8; 4]) -> Self {
        Self::new(magic, State::Plain(FrameReader::new(magic)))
    }

    /// For a peer that has called and may speak either version.
    pub fn called(magic: [u8; 4]) -> Self {
        Self::new(magic, State::Unknown)
    }

    /// For a peer that we have called and speak the second version to; and what is to be sent first.
    pub fn calling(magic: [u8; 4]) -> (Self, Step) {
        let greeting = Greeting::new();
        let first = Step::Greet(greeting.to_bytes());
        (Self::new(magic, State::Key(greeting, Party::Initiator)), first)
    }

    fn prefix(&self) -> [u8; PREFIX_LEN] {
        let mut prefix = [0; PREFIX_LEN];
        prefix[..4].copy_from_slice(&self.magic);
        prefix[4..].copy_from_slice(Command::VERSION.as_bytes());
        prefix
    }

    /// Takes bytes off the front of `input` until something has come: `None` if nothing has yet, and then all bytes
    /// have been taken. After an error there is nothing more to be read from the peer.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Event>, TransportError> {
        let result = self.step(input);
        if result.is_err() {
            self.state = State::Ended;
            self.buffer = Vec::new();
        }
        result
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<Option<Event>, TransportError> {
        if let State::Plain(frames) = &mut self.state {
            return read_frame(frames, input);
        }
        while !input.is_empty() {
            let event = match &mut self.state {
                State::Plain(_) => return Ok(None),
                State::Unknown => self.find_version(input),
                State::Key(_, party) => {
                    let is_called = *party == Party::Responder;
                    self.take_key(input, is_called)?
                }
                State::Garbage(..) => self.take_garbage(input)?,
                State::Packets(packets) => packets.take(&mut self.buffer, input)?,
                State::Ended => {
                    *input = &[];
                    None
                }
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// Takes so much that it has `most` bytes.
    fn fill(&mut self, input: &mut &[u8], most: usize) {
        let missing = most.saturating_sub(self.buffer.len());
        let (taken, rest) = input.split_at(missing.min(input.len()));
        self.buffer.extend_from_slice(taken);
        *input = rest;
    }

    fn find_version(&mut self, input: &mut &[u8]) -> Option<Event> {
        let prefix = self.prefix();
        self.fill(input, PREFIX_LEN);
        if !prefix.starts_with(&self.buffer) {
            let greeting = Greeting::new();
            let step = Step::Greet(greeting.to_bytes());
            self.state = State::Key(greeting, Party::Responder);
            return Some(Event::Step(step));
        }
        if self.buffer.len() < PREFIX_LEN {
            return None;
        }
        let mut frames = FrameReader::new(self.magic);
        let begun = frames.read(&mut &self.buffer[..]);
        debug_assert!(begun.is_none(), "a header is longer");
        self.buffer = Vec::new();
        self.state = State::Plain(frames);
        Some(Event::Step(Step::Plain))
    }

    fn take_key(&mut self, input: &mut &[u8], is_called: bool) -> Result<Option<Event>, TransportError> {
        self.fill(input, KEY_LEN);
        if let Some((magic, rest)) = self.buffer.split_first_chunk::<4>()
            && is_called
            && rest.starts_with(Command::VERSION.as_bytes())
        {
            return Err(TransportError::OtherNetwork(*magic));
        }
        let Ok(theirs) = <[u8; KEY_LEN]>::try_from(&self.buffer[..]) else { return Ok(None) };
        self.buffer.clear();
        let State::Key(greeting, party) = std::mem::replace(&mut self.state, State::Ended) else {
            return Ok(None);
        };
        let (session, garbage) = greeting.agree(theirs, party, self.magic);
        let Session { mut send, receive, send_terminator, receive_terminator, id } = session;
        // The version packet is empty: there is nothing yet that could be said in it.
        let bytes = [&send_terminator[..], &send.packet(&[], &garbage, false)].concat();
        self.state = State::Garbage(Box::new(receive), receive_terminator, id);
        Ok(Some(Event::Step(Step::Encrypt(bytes, Box::new(send)))))
    }

    fn take_garbage(&mut self, input: &mut &[u8]) -> Result<Option<Event>, TransportError> {
        let State::Garbage(_, terminator, _) = &self.state else { return Ok(None) };
        let terminator = *terminator;
        // One by one: it may end anywhere.
        while let Some((byte, rest)) = input.split_first() {
            *input = rest;
            self.buffer.push(*byte);
            if self.buffer.ends_with(&terminator) {
                let mut aad = std::mem::take(&mut self.buffer);
                aad.truncate(aad.len() - TERMINATOR_LEN);
                if let State::Garbage(cipher, _, id) = std::mem::replace(&mut self.state, State::Ended) {
                    let packets = Packets { cipher: *cipher, aad, unproved: Some(id), contents: None };
                    self.state = State::Packets(Box::new(packets));
                }
                return Ok(None);
            }
            if self.buffer.len() >= MAX_GARBAGE + TERMINATOR_LEN {
                return Err(TransportError::NoTerminator);
            }
        }
        Ok(None)
    }

    /// How many bytes of memory are taken by what has come in part.
    pub fn held(&self) -> usize {
        let more = match &self.state {
            State::Plain(frames) => frames.payload_capacity(),
            State::Packets(packets) => packets.aad.capacity(),
            _ => 0,
        };
        self.buffer.capacity() + more
    }
}

fn read_frame(frames: &mut FrameReader, input: &mut &[u8]) -> Result<Option<Event>, TransportError> {
    let Some(read) = frames.read(input) else { return Ok(None) };
    match read {
        Ok(frame) => {
            let wire_len = frame.wire_len() as u64;
            Ok(Some(Event::Message { frame, wire_len }))
        }
        Err(error) => {
            let wire_len = error.wire_len();
            let why = TransportError::from(error);
            if why.is_fatal() { Err(why) } else { Ok(Some(Event::Unusable { why, wire_len })) }
        }
    }
}

impl Packets {
    fn take(&mut self, buffer: &mut Vec<u8>, input: &mut &[u8]) -> Result<Option<Event>, TransportError> {
        let whole = self.contents.map_or(LENGTH_LEN, |contents| HEADER_LEN + contents + TAG_LEN);
        let missing = whole - buffer.len();
        let (taken, rest) = input.split_at(missing.min(input.len()));
        *input = rest;
        if buffer.capacity() < buffer.len() + taken.len() {
            buffer.reserve_exact(missing.min(taken.len() + ALLOCATE_AHEAD));
        }
        buffer.extend_from_slice(taken);
        if taken.len() < missing {
            return Ok(None);
        }
        let Some(contents) = self.contents.take() else {
            let length = buffer[..].try_into().expect("three bytes");
            buffer.clear();
            let contents = self.cipher.length(length);
            if contents > MAX_CONTENTS {
                return Err(TransportError::TooLarge(contents));
            }
            self.contents = Some(contents);
            return Ok(None);
        };
        let mut packet = std::mem::take(buffer);
        let aad = std::mem::take(&mut self.aad);
        let is_decoy = self.cipher.open(&mut packet, &aad).map_err(|_| TransportError::Damaged(contents))?;
        if is_decoy {
            return Ok(None);
        }
        // What is in the version packet is for versions to come.
        if let Some(id) = self.unproved.take() {
            return Ok(Some(Event::Established(id)));
        }
        let wire_len = message::wire_len(contents);
        Ok(Some(match message::read(packet) {
            Ok(frame) => Event::Message { frame, wire_len },
            Err(len) => Event::Unusable { why: TransportError::NoMessage(len), wire_len },
        }))
    }
}
