//! A message in a packet: its type, in one byte if BIP324 has a number for it and else in thirteen, and its payload.

use super::cipher::{EXPANSION, HEADER_LEN, LENGTH_LEN, SendCipher};
use crate::p2p::wire::{Command, Frame, FrameHeader, MAX_PAYLOAD};

/// The longest contents of a packet: the longest message with its type in full.
pub(super) const MAX_CONTENTS: usize = 1 + Command::LEN + MAX_PAYLOAD;

/// How many numbers there are names for. Those without one are of messages that nobody here understands.
const SHORT_IDS: usize = 38;

/// The types that have numbers, with these.
const NUMBERED: [(u8, Command); 29] = [
    (1, Command::ADDR),
    (2, Command::BLOCK),
    (3, Command::BLOCK_TXN),
    (4, Command::CMPCT_BLOCK),
    (5, Command::FEE_FILTER),
    (6, Command::FILTER_ADD),
    (7, Command::FILTER_CLEAR),
    (8, Command::FILTER_LOAD),
    (9, Command::GET_BLOCKS),
    (10, Command::GET_BLOCK_TXN),
    (11, Command::GET_DATA),
    (12, Command::GET_HEADERS),
    (13, Command::HEADERS),
    (14, Command::INV),
    (15, Command::MEMPOOL),
    (16, Command::MERKLE_BLOCK),
    (17, Command::NOT_FOUND),
    (18, Command::PING),
    (19, Command::PONG),
    (20, Command::SEND_CMPCT),
    (21, Command::TX),
    (22, Command::GET_CFILTERS),
    (23, Command::CFILTER),
    (24, Command::GET_CFHEADERS),
    (25, Command::CFHEADERS),
    (26, Command::GET_CFCHECKPT),
    (27, Command::CFCHECKPT),
    (28, Command::ADDR_V2),
    (37, Command::FEATURE),
];

/// The number of a type; `None` if it has none.
pub(super) fn short_id(command: &Command) -> Option<u8> {
    NUMBERED.iter().find(|(_, numbered)| numbered == command).map(|(id, _)| *id)
}

/// The type with a number; one without a name if the number has none; `None` if there is no such number.
pub(super) fn by_short_id(id: u8) -> Option<Command> {
    let nameless = || Command::from_bytes([0; Command::LEN]);
    let named = NUMBERED.iter().find(|(numbered, _)| *numbered == id).map(|(_, command)| *command);
    (usize::from(id) < SHORT_IDS).then(|| named.unwrap_or_else(nameless))
}

/// Reads the message in an opened packet, whose header stands in front; the length of the contents if there is none.
pub(super) fn read(mut packet: Vec<u8>) -> Result<Frame, usize> {
    let len = packet.len() - HEADER_LEN;
    let contents = &packet[HEADER_LEN..];
    let (command, front) = match contents.split_first() {
        None => return Err(len),
        Some((0, rest)) => {
            let name = rest.first_chunk::<{ Command::LEN }>().ok_or(len)?;
            (Command::from_bytes(*name), 1 + Command::LEN)
        }
        Some((id, _)) => (by_short_id(*id).ok_or(len)?, 1),
    };
    if !command.is_valid() {
        return Err(len);
    }
    packet.drain(..HEADER_LEN + front);
    Ok(Frame { command, payload: packet })
}

/// How many bytes a packet with contents of this length has.
pub(super) fn wire_len(contents: usize) -> u64 {
    (contents + EXPANSION) as u64
}

impl SendCipher {
    /// Makes a packet of a message's frame, in the frame's memory. The packet begins at the index that is returned.
    pub fn seal_frame(&mut self, command: &Command, frame: &mut Vec<u8>) -> usize {
        // A frame's header is longer than what stands in front of a packet's payload.
        let type_at = match short_id(command) {
            Some(id) => {
                let at = FrameHeader::LEN - 1;
                frame[at] = id;
                at
            }
            None => {
                let at = FrameHeader::LEN - 1 - Command::LEN;
                frame[at] = 0;
                frame[at + 1..FrameHeader::LEN].copy_from_slice(command.as_bytes());
                at
            }
        };
        let start = type_at - HEADER_LEN - LENGTH_LEN;
        self.seal(frame, start, &[], false);
        start
    }
}
