//! A peer that a test plays.

use chaincore_consensus::TxRef;
use chaincore_node::p2p::net_address::NetAddress;
use chaincore_node::p2p::wire::{FrameReader, Inventory, Message, PROTOCOL_VERSION, ServiceFlags, Version};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// Regtest's.
pub const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

/// The other end of a connection.
pub struct Peer {
    stream: TcpStream,
    frames: FrameReader,
    /// What came and was not taken, the oldest first.
    pub received: VecDeque<Message>,
    closed: bool,
    pings: u64,
}

impl Peer {
    /// Connects and says hello. `relay`: wants to hear of transactions; `by_wtxid`: by their wtxids.
    pub fn dial(address: SocketAddr, relay: bool, by_wtxid: bool) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        let frames = FrameReader::new(MAGIC);
        let mut peer = Self { stream, frames, received: VecDeque::new(), closed: false, pings: 0 };
        peer.send(&Message::Version(Box::new(Version {
            version: PROTOCOL_VERSION.cast_signed(),
            services: ServiceFlags::NETWORK | ServiceFlags::WITNESS,
            time: 0,
            receiver_services: ServiceFlags::NONE,
            receiver: NetAddress::UNSPECIFIED,
            sender_services: ServiceFlags::NONE,
            sender: NetAddress::UNSPECIFIED,
            nonce: 1,
            user_agent: b"/test:0/".to_vec(),
            start_height: 0,
            relay,
        })));
        if by_wtxid {
            peer.send(&Message::WtxidRelay);
        }
        peer.send(&Message::Verack);
        peer.sync();
        peer
    }

    /// Sends a message.
    pub fn send(&mut self, message: &Message) {
        // The node may have hung up, which reading shows.
        let _ = self.stream.write_all(&message.encode(MAGIC));
    }

    /// Sends a transaction and waits until it is done with.
    pub fn send_tx(&mut self, tx: &TxRef) {
        self.send(&Message::Tx(tx.clone()));
        self.sync();
    }

    /// Reads what has come; waits for something to come.
    fn read(&mut self) {
        let mut buffer = [0; 4096];
        let count = self.stream.read(&mut buffer).unwrap_or(0);
        self.closed |= count == 0;
        let mut input = &buffer[..count];
        while let Some(frame) = self.frames.read(&mut input) {
            let frame = frame.unwrap();
            let message = Message::decode(&frame.command, &frame.payload).unwrap();
            if let Message::Ping(nonce) = message {
                self.send(&Message::Pong(nonce));
            }
            self.received.push_back(message);
        }
    }

    /// Returns when all that was sent has been processed and what follows from it has come: the second pong leaves after
    /// a whole send cycle.
    pub fn sync(&mut self) {
        for _ in 0..2 {
            self.pings += 1;
            let nonce = self.pings;
            self.send(&Message::Ping(nonce));
            while !self.closed
                && !self.received.iter().any(|got| matches!(got, Message::Pong(n) if *n == nonce))
            {
                self.read();
            }
        }
    }

    /// Whether the node has hung up after what was sent.
    pub fn is_dropped(&mut self) -> bool {
        self.sync();
        self.closed
    }

    /// Takes everything of one kind from what came.
    pub fn take<T>(&mut self, pick: impl Fn(&Message) -> Option<T>) -> Vec<T> {
        let found = self.received.iter().filter_map(&pick).collect();
        self.received.retain(|message| pick(message).is_none());
        found
    }

    /// Takes what was announced.
    pub fn announced(&mut self) -> Vec<Inventory> {
        let items = |message: &Message| match message {
            Message::Inv(items) => Some(items.clone()),
            _ => None,
        };
        self.take(items).concat()
    }

    /// Takes what was asked for.
    pub fn asked(&mut self) -> Vec<Inventory> {
        let items = |message: &Message| match message {
            Message::GetData(items) => Some(items.clone()),
            _ => None,
        };
        self.take(items).concat()
    }

    /// Asks for things: the transactions that come, and what there is not.
    pub fn ask(&mut self, items: &[Inventory]) -> (Vec<TxRef>, Vec<Inventory>) {
        self.send(&Message::GetData(items.to_vec()));
        self.sync();
        let tx = |message: &Message| match message {
            Message::Tx(tx) => Some(tx.clone()),
            _ => None,
        };
        let missing = |message: &Message| match message {
            Message::NotFound(items) => Some(items.clone()),
            _ => None,
        };
        (self.take(tx), self.take(missing).concat())
    }
}
