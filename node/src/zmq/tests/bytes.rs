//! The protocol's bytes, spelled out as RFC 37 has them.

use crate::zmq::zmtp::{self, Frame, MAX_FRAME, Request, ZmtpError};
use proptest::prelude::*;

async fn read(mut bytes: &[u8]) -> Result<Frame, ZmtpError> {
    let frame = zmtp::read_frame(&mut bytes).await?;
    assert!(bytes.is_empty(), "the frame is all there is");
    Ok(frame)
}

#[test]
fn the_greeting_says_version_three_and_no_security() {
    let greeting = zmtp::greeting();
    let mut expected = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01NULL".to_vec();
    expected.resize(64, 0);
    assert_eq!(greeting.to_vec(), expected);
    zmtp::check_greeting(&greeting).unwrap();
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = greeting;
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        zmtp::check_greeting(&changed)
    };
    with(11, &[0]).unwrap();
    with(1, &[9; 8]).unwrap();
    assert!(matches!(with(0, b"GET"), Err(ZmtpError::Signature)));
    assert!(matches!(with(9, &[0]), Err(ZmtpError::Signature)));
    assert!(matches!(with(10, &[1]), Err(ZmtpError::Version(1))));
    assert!(matches!(with(12, b"CURVE"), Err(ZmtpError::Mechanism(name)) if name == "CURVE"));
    assert!(matches!(with(12, b"NULLS"), Err(ZmtpError::Mechanism(_))));
}

#[tokio::test]
async fn messages_have_three_frames_and_long_ones_an_eight_byte_length() {
    assert_eq!(
        zmtp::message("hashtx", &[7; 2], 258),
        b"\x01\x06hashtx\x01\x02\x07\x07\x00\x04\x02\x01\x00\x00"
    );
    let long = zmtp::message("rawtx", &[7; 256], 0);
    assert_eq!(long[..16], *b"\x01\x05rawtx\x03\0\0\0\0\0\0\x01\0");
    assert_eq!(long.len(), 16 + 256 + 6);
    assert_eq!(zmtp::message("rawtx", &[7; 255], 0)[7..9], [1, 255]);
}

#[tokio::test]
async fn only_sockets_that_subscribe_are_let_in() {
    assert_eq!(zmtp::ready(), b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03PUB");
    let check = async |bytes: &[u8]| zmtp::check_ready(&read(bytes).await.unwrap());
    check(b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB").await.unwrap();
    check(b"\x04\x28\x05READY\x08Identity\0\0\0\x01x\x0bSOCKET-TYPE\0\0\0\x04XSUB").await.unwrap();
    let pulling = check(b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PULL").await.unwrap_err();
    assert_eq!(zmtp::refusal(&pulling), b"\x04\x25\x05ERROR\x1ea PULL socket cannot subscribe");
    let wrong: &[&[u8]] = &[
        b"\x00\x06\x05READY",
        b"\x04\x06\x05READY",
        b"\x04\x01\x05",
        b"\x04\x00",
        b"\x04\x07\x05ERROR\x00",
        b"\x04\x16\x05READY\x0bSocket-Type\xff\xff\xff\xff",
    ];
    for bytes in wrong {
        check(bytes).await.unwrap_err();
    }
}

#[tokio::test]
async fn what_is_wanted_comes_in_commands_or_in_messages() {
    let cases: &[(&[u8], Request<'_>)] = &[
        (b"\x04\x0e\x09SUBSCRIBEhash", Request::Subscribe(b"hash")),
        (b"\x04\x06\x06CANCE", Request::Nothing),
        (b"\x04\x07\x06CANCEL", Request::Cancel(b"")),
        (b"\x00\x05\x01hash", Request::Subscribe(b"hash")),
        (b"\x00\x01\x00", Request::Cancel(b"")),
        (b"\x01\x01\x01", Request::Nothing),
        (b"\x00\x05\x02hash", Request::Nothing),
        (b"\x00\x00", Request::Nothing),
        (b"\x04\x09\x04PING\0\x0aab", Request::Answer(b"\x04\x07\x04PONGab".to_vec())),
    ];
    for (bytes, request) in cases {
        assert_eq!(zmtp::request(&read(bytes).await.unwrap()).unwrap(), *request, "{bytes:?}");
    }
    let ping = read(b"\x04\x06\x04PING\0").await.unwrap();
    assert!(matches!(zmtp::request(&ping), Err(ZmtpError::CutShort("PING"))));
    let mut talkative = b"\x04\x1b\x04PING\0\0".to_vec();
    talkative.resize(29, b'x');
    let Request::Answer(pong) = zmtp::request(&read(&talkative).await.unwrap()).unwrap() else { panic!() };
    assert_eq!(pong.len(), 2 + 5 + 16);
}

#[tokio::test]
async fn long_frames_are_refused_before_there_is_room_for_them() {
    let mut frame = vec![2];
    frame.extend((MAX_FRAME + 1).to_be_bytes());
    assert!(matches!(read(&frame).await, Err(ZmtpError::Length(length)) if length == MAX_FRAME + 1));
    frame[1..].fill(0xff);
    assert!(matches!(read(&frame).await, Err(ZmtpError::Length(u64::MAX))));
    frame[1..].copy_from_slice(&MAX_FRAME.to_be_bytes());
    frame.resize(9 + MAX_FRAME as usize, 1);
    assert_eq!(read(&frame).await.unwrap().body.len() as u64, MAX_FRAME);
    assert!(matches!(read(b"\x08\x00").await, Err(ZmtpError::Flags(8))));
}

proptest! {
    #[test]
    fn nothing_that_a_subscriber_sends_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut rest = &bytes[..];
            while let Ok(frame) = zmtp::read_frame(&mut rest).await {
                let _ = zmtp::check_ready(&frame);
                let _ = zmtp::request(&frame);
            }
        });
    }
}
