//! A peer on a plain socket that does what a test says, good or bad: written from the BIPs, with the `bitcoin` crate's
//! types for messages, so that nothing of the node's own codec is trusted.

use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::hashes::{Hash, sha256d};
use bitcoin::p2p::address::Address;
use bitcoin::p2p::message::{NetworkMessage, RawNetworkMessage};
use bitcoin::p2p::message_network::VersionMessage;
use bitcoin::p2p::{Magic, ServiceFlags};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// How long an answer may take. Generous: it is a bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(120);

/// The protocol version that this peer speaks.
const VERSION: u32 = 70016;

/// The bytes in front of a payload: magic, command, length, checksum.
const HEADER: usize = 24;

/// One end of a connection to a node.
pub struct Peer {
    stream: TcpStream,
    received: Vec<u8>,
}

/// What is said in a version message.
#[derive(Debug, Clone)]
pub struct Hello {
    /// Offered services.
    pub services: ServiceFlags,
    /// The height of the best block.
    pub height: i32,
    /// Whether transactions are wanted.
    pub relay: bool,
}

impl Default for Hello {
    fn default() -> Self {
        Self { services: ServiceFlags::NETWORK | ServiceFlags::WITNESS, height: 0, relay: true }
    }
}

/// A frame of regtest with any command and payload, which need not make sense.
pub fn frame(command: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Magic::REGTEST.to_bytes().to_vec();
    bytes.extend_from_slice(command.as_bytes());
    bytes.resize(16, 0);
    bytes.extend_from_slice(&u32::try_from(payload.len()).expect("less than 4 GiB").to_le_bytes());
    bytes.extend_from_slice(&sha256d::Hash::hash(payload).to_byte_array()[..4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// The frame of a message.
pub fn encode(message: NetworkMessage) -> Vec<u8> {
    serialize(&RawNetworkMessage::new(Magic::REGTEST, message))
}

impl Peer {
    /// Connects, and says nothing.
    pub fn connect(node: SocketAddr) -> Self {
        Self::try_connect(node).expect("the node listens")
    }

    /// Connects, and says nothing; fails if nobody listens.
    pub fn try_connect(node: SocketAddr) -> io::Result<Self> {
        TcpStream::connect(node).map(Self::on)
    }

    /// Waits for a node to call in the open. One that calls by the encrypted transport (BIP324) is hung up on, which
    /// tells it to try again.
    pub fn accept(listener: &TcpListener) -> Self {
        loop {
            let (stream, _) = listener.accept().expect("somebody calls");
            let mut magic = [0; 4];
            let peer = Self::on(stream);
            // As much as it takes to tell: nothing is taken away.
            while matches!(peer.stream.peek(&mut magic), Ok(1..4)) {
                std::thread::yield_now();
            }
            if magic == Magic::REGTEST.to_bytes() {
                return peer;
            }
        }
    }

    fn on(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a connected socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a connected socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a connected socket");
        Self { stream, received: vec![] }
    }

    /// Connects and says hello.
    pub fn greet(node: SocketAddr) -> Self {
        Self::greet_as(node, &Hello::default())
    }

    /// Connects and says hello in a way of one's own.
    pub fn greet_as(node: SocketAddr, hello: &Hello) -> Self {
        let mut peer = Self::connect(node);
        peer.say_hello(hello);
        peer
    }

    /// Exchanges `version` and `verack`, whoever called.
    pub fn say_hello(&mut self, hello: &Hello) {
        self.send(NetworkMessage::Version(Self::version(hello)));
        self.wait_for("version", |message| matches!(message, NetworkMessage::Version(_)).then_some(()));
        self.send(NetworkMessage::WtxidRelay);
        self.send(NetworkMessage::SendAddrV2);
        self.send(NetworkMessage::Verack);
        self.wait_for("verack", |message| matches!(message, NetworkMessage::Verack).then_some(()));
    }

    /// A version message.
    pub fn version(hello: &Hello) -> VersionMessage {
        static NONCE: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let nobody = Address { services: ServiceFlags::NONE, address: [0; 8], port: 0 };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        VersionMessage {
            version: VERSION,
            services: hello.services,
            timestamp: i64::try_from(now.as_secs()).expect("before the end of time"),
            receiver: nobody.clone(),
            sender: nobody,
            nonce: NONCE.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
            user_agent: "/chaincore-tests/".into(),
            start_height: hello.height,
            relay: hello.relay,
        }
    }

    /// Sends a message.
    pub fn send(&mut self, message: NetworkMessage) {
        self.try_send(message).expect("the connection holds");
    }

    /// Sends a message; fails if the node has hung up.
    pub fn try_send(&mut self, message: NetworkMessage) -> io::Result<()> {
        self.send_bytes(&encode(message))
    }

    /// Sends bytes that need not be a message.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next message; `None` if the node has hung up. Pings are answered, and returned too.
    pub fn receive(&mut self) -> Option<NetworkMessage> {
        let header = self.read(HEADER)?;
        let length = u32::from_le_bytes(header[16..20].try_into().expect("four bytes")) as usize;
        assert!(length <= 4_000_000, "the node sent a message of {length} bytes");
        let mut bytes = header;
        bytes.extend(self.read(length)?);
        let message: RawNetworkMessage = deserialize(&bytes).expect("the node sends what can be read");
        assert_eq!(*message.magic(), Magic::REGTEST);
        let message = message.into_payload();
        if let NetworkMessage::Ping(nonce) = message {
            // The node may have hung up by now.
            let _ = self.try_send(NetworkMessage::Pong(nonce));
        }
        Some(message)
    }

    fn read(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut chunk = vec![0; 64 << 10];
        while self.received.len() < count {
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(read) => self.received.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("the node is silent: {error}"),
            }
        }
        let rest = self.received.split_off(count);
        Some(std::mem::replace(&mut self.received, rest))
    }

    /// Reads until a message is what is waited for.
    pub fn wait_for<T>(&mut self, what: &str, mut take: impl FnMut(&NetworkMessage) -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            let message = self.receive().unwrap_or_else(|| panic!("hung up before {what}"));
            if let Some(found) = take(&message) {
                return found;
            }
            assert!(since.elapsed() < PATIENCE, "waited in vain for {what}");
        }
    }

    /// Returns when the node has done all that was sent before. Returns what it sent meanwhile, or `None` if it has
    /// hung up.
    pub fn try_sync(&mut self) -> Option<Vec<NetworkMessage>> {
        static NONCE: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1 << 32);
        let nonce = NONCE.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.try_send(NetworkMessage::Ping(nonce)).ok()?;
        let mut meanwhile = vec![];
        loop {
            match self.receive()? {
                NetworkMessage::Pong(answer) if answer == nonce => return Some(meanwhile),
                message => meanwhile.push(message),
            }
        }
    }

    /// [`Self::try_sync`] with a node that must not hang up.
    pub fn sync(&mut self) -> Vec<NetworkMessage> {
        self.try_sync().expect("the node does not hang up")
    }

    /// Returns once the node has hung up.
    pub fn wait_closed(&mut self) {
        let since = Instant::now();
        while self.receive().is_some() {
            assert!(since.elapsed() < PATIENCE, "the node does not hang up");
        }
    }

    /// Whether the node has hung up, as far as can be seen without waiting. What it sent is thrown away.
    pub fn is_closed(&mut self) -> bool {
        self.stream.set_nonblocking(true).expect("a connected socket");
        let mut chunk = [0; 4096];
        let closed = loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(error) => break error.kind() != io::ErrorKind::WouldBlock,
            }
        };
        self.stream.set_nonblocking(false).expect("a connected socket");
        closed
    }
}
