//! Whatever bytes come: an error at most.

use super::super::session::Session;
use super::super::wire::{Event, Frame, Wire};
use super::*;
use binary_sv2::from_bytes;
use codec_sv2::{Handshake, HandshakeMessage, MessageFrame, NoiseEncoder, TransportEncryptState};
use noise_sv2::Initiator;
use proptest::prelude::*;
use std::sync::LazyLock;
use std::time::Instant;

/// What does not change from case to case: a key and a template.
struct Fixture {
    authority: Authority,
    template: crate::template::BlockTemplate,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(params(), dir.path());
    let authority = Authority::open(&dir.path().join("key")).unwrap();
    let source = TemplateSource::new(chain.clone());
    let template = source.build_blocking(TemplateOptions::paying_to(Script::new()), true).unwrap();
    chain.shutdown_blocking().unwrap();
    Fixture { authority, template }
});

/// The server's side after a handshake, and the key of what the client says.
fn connected() -> (Wire, TransportEncryptState) {
    let mut wire = Wire::new(&FIXTURE.authority).unwrap();
    let initiator = Initiator::from_raw_k(FIXTURE.authority.public()).unwrap();
    let (first, sent) = Handshake::initiator(initiator).step_0().unwrap();
    let mut input = first.payload().to_vec();
    let Ok(Some(Event::Handshake(answer))) = wire.next(&mut input) else { panic!("no handshake") };
    let answer = HandshakeMessage::from_message(answer);
    let (seal, _) = sent.step_2(answer.payload().try_into().unwrap()).unwrap().split();
    (wire, seal)
}

/// A session that has been given a template.
fn session() -> Session {
    let mut session = Session::new(Arc::new(params()), 1, Duration::from_secs(1));
    let frame = |kind, payload: Vec<u8>| Frame { extension: 0, channel: false, kind, payload };
    let mut set_up = vec![2, 2, 0, 2, 0, 0, 0, 0, 0];
    set_up.extend([0; 7]);
    assert_eq!(session.frame(frame(common::MESSAGE_TYPE_SETUP_CONNECTION, set_up)).close, None);
    let constraints = distribution::MESSAGE_TYPE_COINBASE_OUTPUT_CONSTRAINTS;
    assert_eq!(session.frame(frame(constraints, vec![0; 6])).close, None);
    assert_eq!(session.offer(FIXTURE.template.clone(), Instant::now()).len(), 2);
    session
}

/// A message that is as it should be, more or less: of a type that is known, with numbers that are.
fn message() -> impl Strategy<Value = Frame> {
    let kind = prop_oneof![Just(0u8), 0x70u8..=0x76, any::<u8>()];
    let payload = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        (0u64..3, proptest::collection::vec(any::<u8>(), 0..200)).prop_map(|(id, rest)| {
            // A solution of a template that is known, with a coinbase of these bytes.
            let mut payload = id.to_le_bytes().to_vec();
            payload.extend([0; 12]);
            payload.extend((rest.len() as u16).to_le_bytes());
            payload.extend(rest);
            payload
        }),
        (0u64..3).prop_map(|id| id.to_le_bytes().to_vec()),
    ];
    (prop_oneof![9 => Just(0u16), 1 => any::<u16>()], prop::bool::weighted(0.05), kind, payload).prop_map(
        |(extension, channel, kind, payload)| Frame { extension: extension & 0x7fff, channel, kind, payload },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_in_place_of_a_handshake_do_harm(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..6),
    ) {
        let mut wire = Wire::new(&FIXTURE.authority).unwrap();
        let mut input = Vec::new();
        let mut events = 0;
        for piece in pieces {
            input.extend(piece);
            while let Ok(Some(event)) = wire.next(&mut input) {
                // Any 64 bytes are somebody's key, but nobody can say anything with them.
                prop_assert!(matches!(event, Event::Handshake(_)));
                events += 1;
            }
        }
        prop_assert!(events <= 1);
    }

    #[test]
    fn no_message_does_harm(frames in proptest::collection::vec(message(), 1..20)) {
        let (mut session, mut fresh) = (session(), Session::new(Arc::new(params()), 1, Duration::ZERO));
        for frame in frames {
            let step = session.frame(frame.clone());
            // All that these can be is refused or ignored: a block takes work, and its coinbase a transaction.
            prop_assert!(step.block.is_none());
            prop_assert!(fresh.frame(frame).replies.len() <= 1);
        }
    }

    #[test]
    fn a_frame_comes_whole_or_not_at_all(
        size in prop_oneof![0usize..300, 65_000usize..70_000],
        cut in 1usize..5000,
        flip in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (mut wire, mut seal) = connected();
        let payload = binary_sv2::B016MOwned::new(vec![7; size]).unwrap();
        let frame = MessageFrame::from_message(payload, 0x76, 0, false).unwrap();
        let mut bytes: Vec<u8> = NoiseEncoder::new().encode_transport(frame, &mut seal).unwrap();
        if let Some(at) = flip {
            let at = at.index(bytes.len());
            bytes[at] ^= 1;
        }
        let (mut input, mut got) = (Vec::new(), Ok(None));
        for piece in bytes.chunks(cut) {
            input.extend(piece);
            got = wire.next(&mut input);
            if !matches!(got, Ok(None)) {
                break;
            }
        }
        match got {
            Ok(Some(Event::Frame(mut frame))) => {
                prop_assert!(flip.is_none() && size <= 65_557 - 3);
                let payload: binary_sv2::B016M = from_bytes(&mut frame.payload).unwrap();
                prop_assert_eq!(payload.as_bytes(), vec![7; size]);
            }
            Err(_) => {
                prop_assert!(flip.is_some() || size > 65_557 - 3);
                // There is no way back.
                prop_assert!(wire.next(&mut vec![0; 100]).is_err());
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
