//! Frames: what is refused, and that a stream may arrive in any pieces.

use super::super::*;
use super::{MAGIC, samples};
use chaincore_consensus::hex;
use proptest::prelude::*;

#[test]
fn a_known_frame() {
    // The bytes that every implementation of the protocol has sent on mainnet.
    let bytes = "f9beb4d976657261636b000000000000000000005df6e0e2";
    assert_eq!(hex::encode(&Message::Verack.encode([0xf9, 0xbe, 0xb4, 0xd9])), bytes);
}

#[test]
fn frames_that_are_refused() {
    let good = Message::Ping(5).encode(MAGIC);
    let read = |bytes: &[u8]| {
        let mut input = bytes;
        let frame = FrameReader::new(MAGIC).read(&mut input);
        (frame, input.len())
    };
    let (frame, left) = read(&good);
    let frame = frame.unwrap().unwrap();
    assert_eq!((frame.command, frame.wire_len(), left), (Command::PING, 32, 0));
    let mut bad = good.clone();
    bad[0] ^= 1;
    let error = read(&bad).0.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "Wrong MessageStart fbbfb5da received");
    assert!(error.is_fatal());
    let mut bad = good.clone();
    bad[16..20].copy_from_slice(&4_000_001u32.to_le_bytes());
    let (error, left) = read(&bad);
    let error = error.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "Size too large (ping, 4000001 bytes)");
    assert!(error.is_fatal());
    assert_eq!(left, 8);
    let mut bad = good.clone();
    bad[16..20].copy_from_slice(&4_000_000u32.to_le_bytes());
    assert_eq!(read(&bad), (None, 0));
    // The rest only costs the message.
    let mut bad = good.clone();
    bad[31] ^= 1;
    let error = read(&bad).0.unwrap().unwrap_err();
    assert!(matches!(&error, FrameError::WrongChecksum { len: 8, .. }) && !error.is_fatal());
    let mut bad = good.clone();
    bad[15] = b'x';
    let error = read(&bad).0.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "Invalid message type (ping, 8 bytes)");
    assert!(!error.is_fatal());
}

#[test]
fn an_announced_length_allocates_little() {
    let header = FrameHeader { command: Command::BLOCK, len: 4_000_000, checksum: [0; 4] };
    let mut reader = FrameReader::new(MAGIC);
    assert_eq!(reader.read(&mut &header.to_bytes(MAGIC)[..]), None);
    assert_eq!(reader.read(&mut &[0; 1000][..]), None);
    assert_eq!(reader.pending(), 1024);
    assert!(reader.payload_capacity() <= 1000 + 256 * 1024);
}

proptest! {
    #[test]
    fn a_stream_may_be_cut_anywhere(
        messages in prop::collection::vec(samples::message(), 1..5),
        cuts in prop::collection::vec(1usize..40, 1..20),
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(|message| message.encode(MAGIC)).collect();
        let mut reader = FrameReader::new(MAGIC);
        let mut read = Vec::new();
        let mut rest = &stream[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (mut piece, tail) = rest.split_at((*cut).min(rest.len()));
            rest = tail;
            while let Some(frame) = reader.read(&mut piece) {
                let frame = frame.unwrap();
                read.push(Message::decode(&frame.command, &frame.payload).unwrap());
            }
            prop_assert!(piece.is_empty());
        }
        prop_assert_eq!(read, messages);
        prop_assert_eq!(reader.pending(), 0);
    }
}
