//! Frames: what tells messages apart in a stream of bytes (Core's `V1Transport`).

use super::{Command, MAX_PAYLOAD};
use chaincore_consensus::hash::sha256d;
use chaincore_consensus::hex;

/// How much is allocated for a payload ahead of the bytes received: a peer that only announces a long message
/// does not take its memory.
const ALLOCATE_AHEAD: usize = 256 * 1024;

/// Why a frame is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The frame is of another network, or no frame at all.
    #[error("Wrong MessageStart {} received", hex::encode(.0))]
    WrongMagic([u8; 4]),
    /// The payload is longer than [`MAX_PAYLOAD`].
    #[error("Size too large ({command}, {len} bytes)")]
    TooLarge {
        /// The message's type.
        command: Command,
        /// What it says its payload's length is.
        len: u32,
    },
    /// The payload is not what the header says.
    #[error("Wrong checksum ({command}, {len} bytes), expected {} was {}", hex::encode(.expected), hex::encode(.was))]
    WrongChecksum {
        /// The message's type.
        command: Command,
        /// The payload's length in bytes.
        len: usize,
        /// The payload's checksum.
        expected: [u8; 4],
        /// What the header says.
        was: [u8; 4],
    },
    /// The command has unprintable bytes or bytes behind its end.
    #[error("Invalid message type ({command}, {len} bytes)")]
    InvalidCommand {
        /// The message's type.
        command: Command,
        /// The payload's length in bytes.
        len: usize,
    },
}

impl FrameError {
    /// How many bytes the unusable frame had, its header included.
    pub fn wire_len(&self) -> u64 {
        match self {
            Self::WrongMagic(_) | Self::TooLarge { .. } => FrameHeader::LEN as u64,
            Self::WrongChecksum { len, .. } | Self::InvalidCommand { len, .. } => {
                (FrameHeader::LEN + len) as u64
            }
        }
    }

    /// Whether the peer is disconnected. If not, only the message is ignored: its bytes have been read, and a
    /// frame follows.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::WrongMagic(_) | Self::TooLarge { .. })
    }
}

/// What is in front of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The message's type.
    pub command: Command,
    /// The payload's length in bytes, at most [`MAX_PAYLOAD`].
    pub len: u32,
    /// The first bytes of the payload's double SHA-256.
    pub checksum: [u8; 4],
}

impl FrameHeader {
    /// The size of every header.
    pub const LEN: usize = 24;

    /// Reads a header of the network with this magic.
    pub fn parse(bytes: &[u8; Self::LEN], magic: [u8; 4]) -> Result<Self, FrameError> {
        let field = |at: usize| -> [u8; 4] { bytes[at..at + 4].try_into().expect("four bytes") };
        if field(0) != magic {
            return Err(FrameError::WrongMagic(field(0)));
        }
        let command = Command::from_bytes(bytes[4..16].try_into().expect("twelve bytes"));
        let len = u32::from_le_bytes(field(16));
        if len as usize > MAX_PAYLOAD {
            return Err(FrameError::TooLarge { command, len });
        }
        Ok(Self { command, len, checksum: field(20) })
    }

    /// The header of a payload.
    fn of(command: Command, payload: &[u8]) -> Self {
        let len = u32::try_from(payload.len()).expect("no message of 4 GiB is made");
        Self { command, len, checksum: checksum(payload) }
    }

    /// The header's bytes.
    pub fn to_bytes(&self, magic: [u8; 4]) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..4].copy_from_slice(&magic);
        bytes[4..16].copy_from_slice(self.command.as_bytes());
        bytes[16..20].copy_from_slice(&self.len.to_le_bytes());
        bytes[20..].copy_from_slice(&self.checksum);
        bytes
    }

    /// Whether the payload is the one that the header says, and the command one that can be.
    pub fn check(&self, payload: &[u8]) -> Result<(), FrameError> {
        let (command, len) = (self.command, payload.len());
        let expected = checksum(payload);
        if expected != self.checksum {
            return Err(FrameError::WrongChecksum { command, len, expected, was: self.checksum });
        }
        if !command.is_valid() {
            return Err(FrameError::InvalidCommand { command, len });
        }
        Ok(())
    }
}

fn checksum(payload: &[u8]) -> [u8; 4] {
    sha256d(payload)[..4].try_into().expect("a hash has 32 bytes")
}

/// A whole frame, whose payload is what `put` puts.
pub fn frame(magic: [u8; 4], command: Command, put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = vec![0; FrameHeader::LEN];
    put(&mut bytes);
    let header = FrameHeader::of(command, &bytes[FrameHeader::LEN..]);
    bytes[..FrameHeader::LEN].copy_from_slice(&header.to_bytes(magic));
    bytes
}

/// A message as it arrived, its checksum right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The message's type.
    pub command: Command,
    /// What [`super::Message::decode`] reads.
    pub payload: Vec<u8>,
}

impl Frame {
    /// How many bytes the frame took on the wire.
    pub fn wire_len(&self) -> usize {
        FrameHeader::LEN + self.payload.len()
    }
}

/// Cuts a stream of bytes into frames.
#[derive(Debug)]
pub struct FrameReader {
    magic: [u8; 4],
    /// The header's bytes so far.
    head: [u8; FrameHeader::LEN],
    head_len: usize,
    /// The header once it is whole.
    header: Option<FrameHeader>,
    payload: Vec<u8>,
}

impl FrameReader {
    /// A reader at the start of a stream of the network with this magic.
    pub fn new(magic: [u8; 4]) -> Self {
        Self { magic, head: [0; FrameHeader::LEN], head_len: 0, header: None, payload: Vec::new() }
    }

    /// Takes bytes off the front of `input` until they make a frame: `None` if they don't yet, and then all have
    /// been taken. After an error that is fatal there is nothing more to be read from the peer.
    pub fn read(&mut self, input: &mut &[u8]) -> Option<Result<Frame, FrameError>> {
        let header = match self.header {
            Some(header) => header,
            None => {
                let taken = take(input, FrameHeader::LEN - self.head_len);
                self.head[self.head_len..self.head_len + taken.len()].copy_from_slice(taken);
                self.head_len += taken.len();
                if self.head_len < FrameHeader::LEN {
                    return None;
                }
                match FrameHeader::parse(&self.head, self.magic) {
                    Ok(header) => *self.header.insert(header),
                    Err(error) => return Some(Err(error)),
                }
            }
        };
        let missing = header.len as usize - self.payload.len();
        let taken = take(input, missing);
        if self.payload.capacity() < self.payload.len() + taken.len() {
            self.payload.reserve_exact(missing.min(taken.len() + ALLOCATE_AHEAD));
        }
        self.payload.extend_from_slice(taken);
        if taken.len() < missing {
            return None;
        }
        self.header = None;
        self.head_len = 0;
        let payload = std::mem::take(&mut self.payload);
        Some(header.check(&payload).map(|()| Frame { command: header.command, payload }))
    }

    /// How many bytes of memory the payload of a frame takes that is not whole.
    pub fn payload_capacity(&self) -> usize {
        self.payload.capacity()
    }

    /// How many bytes are held of a frame that is not whole.
    pub fn pending(&self) -> usize {
        self.head_len + self.payload.len()
    }
}

fn take<'a>(input: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(most.min(input.len()));
    *input = rest;
    taken
}
