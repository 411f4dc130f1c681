//! A peer that says what a test wants.

use super::{FULL, Node, PATIENCE, params, start_time};
use crate::p2p::net_address::NetAddress;
use crate::p2p::wire::{FrameReader, Message, PROTOCOL_VERSION, ServiceFlags, Version};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;

pub struct RawPeer {
    stream: TcpStream,
    frames: FrameReader,
    waiting: VecDeque<Message>,
}

impl RawPeer {
    /// Calls a node and says hello.
    pub fn call(node: &Node, wants_addrv2: bool) -> Self {
        let before_verack = if wants_addrv2 { &[Message::SendAddrV2][..] } else { &[] };
        Self::call_saying(node, before_verack)
    }

    /// Calls a node and says hello, with these messages in between.
    pub fn call_saying(node: &Node, before_verack: &[Message]) -> Self {
        let stream = TcpStream::connect(node.p2p.bound()[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut peer = Self { stream, frames: FrameReader::new(params().magic), waiting: VecDeque::new() };
        peer.say(&Message::Version(Box::new(Version {
            version: PROTOCOL_VERSION.cast_signed(),
            services: FULL,
            time: start_time(),
            receiver_services: ServiceFlags::NONE,
            receiver: NetAddress::UNSPECIFIED,
            sender_services: ServiceFlags::NONE,
            sender: NetAddress::UNSPECIFIED,
            nonce: 7,
            user_agent: b"/raw/".to_vec(),
            start_height: 0,
            relay: true,
        })));
        before_verack.iter().for_each(|message| peer.say(message));
        peer.say(&Message::Verack);
        peer.hear(|message| matches!(message, Message::Verack));
        peer
    }

    pub fn say(&mut self, message: &Message) {
        self.stream.write_all(&message.encode(params().magic)).unwrap();
    }

    pub fn say_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    fn next(&mut self) -> Message {
        while self.waiting.is_empty() {
            let mut chunk = [0; 4096];
            let read = self.stream.read(&mut chunk).unwrap();
            assert!(read > 0, "the node has closed the connection");
            let mut rest = &chunk[..read];
            while let Some(frame) = self.frames.read(&mut rest) {
                let frame = frame.unwrap();
                self.waiting.push_back(Message::decode(&frame.command, &frame.payload).unwrap());
            }
        }
        let message = self.waiting.pop_front().unwrap();
        if let Message::Ping(nonce) = message {
            self.say(&Message::Pong(nonce));
        }
        message
    }

    /// The next message that is wanted; others are passed over.
    pub fn hear(&mut self, wanted: impl Fn(&Message) -> bool) -> Message {
        loop {
            let message = self.next();
            if wanted(&message) {
                return message;
            }
        }
    }

    /// Returns when the node has done all that was asked before, with what it said on addresses until then.
    pub fn settle(&mut self) -> Vec<Message> {
        self.say(&Message::Ping(99));
        let mut heard = vec![];
        loop {
            match self.next() {
                Message::Pong(99) => return heard,
                message @ (Message::Addr(_) | Message::AddrV2(_)) => heard.push(message),
                _ => {}
            }
        }
    }
}
