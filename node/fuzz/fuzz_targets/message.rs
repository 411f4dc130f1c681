//! Throws bytes at the decoder of messages: the first picks the message's type, the rest is the payload.
//!
//! Nothing may panic, and what is read has to be what is read again after it was sent.

#![no_main]

use chaincore_node::p2p::wire::{Command, FrameReader, Message};
use libfuzzer_sys::fuzz_target;

const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

fuzz_target!(|bytes: &[u8]| {
    let Some((pick, payload)) = bytes.split_first() else { return };
    let command = Command::ALL[usize::from(*pick) % Command::ALL.len()];
    let Ok(message) = Message::decode(&command, payload) else { return };
    let frame = message.encode(MAGIC);
    let read = FrameReader::new(MAGIC).read(&mut &frame[..]).expect("a whole frame").expect("a right frame");
    assert_eq!(read.command, command);
    assert_eq!(Message::decode(&command, &read.payload), Ok(message));
});
