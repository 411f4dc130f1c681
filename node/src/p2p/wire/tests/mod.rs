//! The codec against known bytes, against itself and against another implementation.

mod frames;
mod oracle;
mod samples;

use super::*;
use crate::p2p::net_address::NetAddress;
use chaincore_consensus::codec::{DecodeError, Encode, put_compact_size};
use chaincore_consensus::{BlockHash, Hash256, Header, hex};
use proptest::prelude::*;

const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

fn decode(command: Command, payload: &str) -> Result<Message, WireError> {
    Message::decode(&command, &hex::decode(payload).unwrap())
}

fn payload(message: &Message) -> Vec<u8> {
    message.encode(MAGIC)[FrameHeader::LEN..].to_vec()
}

/// A count and nothing behind it but `fill`, so many times.
fn counted(count: usize, fill: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_compact_size(&mut bytes, count as u64);
    bytes.extend(fill.repeat(count));
    bytes
}

#[test]
fn a_known_version() {
    // Bitcoin's wiki: a version message of Satoshi 0.7.2.
    let bytes = concat!(
        "62ea0000",
        "0100000000000000",
        "11b2d05000000000",
        "010000000000000000000000000000000000ffff000000000000",
        "010000000000000000000000000000000000ffff000000000000",
        "3b2eb35d8ce61765",
        "0f2f5361746f7368693a302e372e322f",
        "c03e0300",
    );
    let Ok(Message::Version(version)) = decode(Command::VERSION, bytes) else { panic!("no version") };
    assert_eq!(version.version, 60002);
    assert_eq!(version.services, ServiceFlags::NETWORK);
    assert_eq!(version.time, 1_355_854_353);
    assert_eq!(version.receiver, "0.0.0.0:0".parse().unwrap());
    assert_eq!(version.nonce, 0x6517_e68c_5db3_2e3b);
    assert_eq!(version.clean_user_agent(), "/Satoshi:0.7.2/");
    assert_eq!(version.start_height, 212_672);
    assert!(version.relay);
    assert_eq!(hex::encode(&payload(&Message::Version(version))), format!("{bytes}01"));
}

#[test]
fn a_version_may_end_early() {
    let whole = Version {
        version: 70016,
        services: ServiceFlags::NETWORK | ServiceFlags::WITNESS,
        time: -5,
        receiver_services: ServiceFlags::BLOOM,
        receiver: "1.2.3.4:8333".parse().unwrap(),
        sender_services: ServiceFlags::NETWORK,
        sender: "[2001::1]:1".parse().unwrap(),
        nonce: 7,
        user_agent: b"/x:1(\"y\")/".to_vec(),
        start_height: 9,
        relay: false,
    };
    let bytes = whole.to_bytes();
    let at = |len: usize| match Message::decode(&Command::VERSION, &bytes[..len]) {
        Ok(Message::Version(version)) => Ok(*version),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    let agent = 80 + 1 + whole.user_agent.len();
    let no_relay = Version { relay: true, ..whole.clone() };
    let no_height = Version { start_height: -1, ..no_relay.clone() };
    let no_agent = Version { user_agent: vec![], ..no_height.clone() };
    let no_sender = Version {
        sender_services: ServiceFlags::NONE,
        sender: NetAddress::UNSPECIFIED,
        nonce: 1,
        ..no_agent.clone()
    };
    assert_eq!(at(agent + 5), Ok(whole.clone()));
    assert_eq!(at(agent + 4), Ok(no_relay));
    assert_eq!(at(agent), Ok(no_height));
    assert_eq!(at(80), Ok(no_agent));
    assert_eq!(at(46), Ok(no_sender));
    for cut in (0..46).chain(47..80).chain(81..agent).chain(agent + 1..agent + 4) {
        assert!(matches!(at(cut), Err(WireError::Decode(DecodeError::EndOfData { .. }))), "{cut}");
    }
    assert_eq!(whole.clean_user_agent(), "/x:1(y)/");
    let long = Version { user_agent: vec![b'a'; MAX_USER_AGENT + 1], ..whole.clone() };
    let error = Message::decode(&Command::VERSION, &long.to_bytes()).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.penalty()),
        ("String length limit exceeded", Penalty::None)
    );
    let longest = Version { user_agent: vec![b'a'; MAX_USER_AGENT], ..whole };
    assert!(Message::decode(&Command::VERSION, &longest.to_bytes()).is_ok());
}

#[test]
fn known_addresses() {
    let at = |time, services, port: u16| PeerAddress {
        address: format!("[::1]:{port}").parse().unwrap(),
        services: ServiceFlags(services),
        time,
    };
    let addresses = vec![at(0x4966_bc61, 0, 0), at(0x8376_6279, 1, 0xf1), at(u32::MAX, 0x448, 0xf1f2)];
    let one = "00000000000000000000000000000001";
    let v1 = format!(
        "0361bc66490000000000000000{one}0000796276830100000000000000{one}00f1ffffffff4804000000000000{one}f1f2"
    );
    let v2 = format!("0361bc6649000210{one}000079627683010210{one}00f1fffffffffd48040210{one}f1f2");
    for (command, message, bytes) in [
        (Command::ADDR, Message::Addr(addresses.clone()), v1),
        (Command::ADDR_V2, Message::AddrV2(addresses.clone()), v2),
    ] {
        assert_eq!(hex::encode(&payload(&message)), bytes);
        assert_eq!(decode(command, &bytes), Ok(message));
    }
}

#[test]
fn an_address_of_an_unknown_network_keeps_its_place() {
    let bytes = "0200000000010a0401020304208d000000000101040102030405dc";
    let Ok(Message::AddrV2(addresses)) = decode(Command::ADDR_V2, bytes) else { panic!("no addresses") };
    assert!(!addresses[0].address.is_valid());
    assert_eq!(addresses[0].address.port(), 8333);
    assert_eq!(addresses[1].address, "1.2.3.4:1500".parse().unwrap());
}

#[test]
fn too_many_is_told_apart_from_cut_short() {
    let inventory = [1u8; 36];
    let v1 = [0u8; 30];
    let v2 = hex::decode("000000000101040102030405dc").unwrap();
    for (command, cap, entry, what) in [
        (Command::INV, MAX_INVENTORY, &inventory[..], "inv"),
        (Command::GET_DATA, MAX_INVENTORY, &inventory, "getdata"),
        (Command::ADDR, MAX_ADDRESSES, &v1, "addr"),
        (Command::ADDR_V2, MAX_ADDRESSES, &v2, "addrv2"),
    ] {
        assert!(Message::decode(&command, &counted(cap, entry)).is_ok(), "{what}");
        let mut bytes = counted(cap + 1, entry);
        let error = Message::decode(&command, &bytes).unwrap_err();
        assert_eq!(error, WireError::TooMany { what, count: cap + 1 });
        assert_eq!(error.to_string(), format!("{what} message size = {}", cap + 1));
        assert_eq!(error.penalty(), Penalty::Misbehaving);
        bytes.pop();
        let error = Message::decode(&command, &bytes).unwrap_err();
        assert!(matches!(error, WireError::Decode(DecodeError::EndOfData { .. })), "{what}");
        assert_eq!(error.penalty(), Penalty::None);
    }
    // No cap but the message's length.
    let many = counted(MAX_INVENTORY + 1, &inventory);
    let Ok(Message::NotFound(entries)) = Message::decode(&Command::NOT_FOUND, &many) else { panic!("none") };
    assert_eq!(entries.len(), MAX_INVENTORY + 1);
    // Headers are counted before they are read.
    let error = Message::decode(&Command::HEADERS, &counted(MAX_HEADERS + 1, &[])).unwrap_err();
    assert_eq!(error.to_string(), "headers message size = 2001");
    assert_eq!(error.penalty(), Penalty::Misbehaving);
}

#[test]
fn locators_are_capped() {
    let locator = |count: usize| {
        let message = Message::GetHeaders {
            locator: Locator::new(vec![BlockHash([3; 32]); count]),
            stop: BlockHash([4; 32]),
        };
        payload(&message)
    };
    let bytes = locator(MAX_LOCATOR);
    assert_eq!(&bytes[..5], [0x80, 0x11, 0x01, 0, 101]);
    assert!(Message::decode(&Command::GET_HEADERS, &bytes).is_ok());
    assert!(Message::decode(&Command::GET_BLOCKS, &bytes).is_ok());
    let mut bytes = locator(MAX_LOCATOR + 1);
    for (command, text) in [
        (Command::GET_HEADERS, "getheaders locator size 102 > 101"),
        (Command::GET_BLOCKS, "getblocks locator size 102 > 101"),
    ] {
        let error = Message::decode(&command, &bytes).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.penalty()), (text, Penalty::Disconnect));
    }
    bytes.pop();
    assert!(matches!(Message::decode(&Command::GET_BLOCKS, &bytes), Err(WireError::Decode(_))));
}

#[test]
fn each_header_has_a_count_of_transactions() {
    let header = Header {
        version: 1,
        previous: BlockHash([1; 32]),
        merkle_root: Hash256([2; 32]),
        time: 3,
        bits: 4,
        nonce: 5,
    };
    let message = Message::Headers(vec![header; 2]);
    let mut bytes = payload(&message);
    assert_eq!(bytes.len(), 1 + 2 * 81);
    // Whatever the count says, no transactions are read.
    bytes[81] = 77;
    assert_eq!(Message::decode(&Command::HEADERS, &bytes), Ok(message));
    bytes.pop();
    assert!(Message::decode(&Command::HEADERS, &bytes).is_err());
    bytes.push(0xfd);
    assert!(Message::decode(&Command::HEADERS, &bytes).is_err());
}

#[test]
fn small_messages() {
    for (command, bytes, message) in [
        (Command::SEND_CMPCT, "010200000000000000", Message::SendCmpct { high_bandwidth: true, version: 2 }),
        (Command::SEND_CMPCT, "000100000000000000", Message::SendCmpct { high_bandwidth: false, version: 1 }),
        (Command::FEE_FILTER, "e803000000000000", Message::FeeFilter(1000)),
        (Command::FEE_FILTER, "ffffffffffffffff", Message::FeeFilter(-1)),
        (Command::PING, "0000000000000000", Message::Ping(0)),
        (Command::PING, "", Message::PingBare),
        (Command::PONG, "0100000000000000", Message::Pong(1)),
        (Command::PONG, "", Message::PongBare(0)),
        (Command::PONG, "00000000000000", Message::PongBare(7)),
        (Command::SEND_TX_RCNCL, "010000000200000000000000", Message::SendTxRcncl { version: 1, salt: 2 }),
        (Command::FEATURE, "0474657374020102", Message::Feature { name: b"test".to_vec(), data: vec![1, 2] }),
    ] {
        assert_eq!(decode(command, bytes), Ok(message.clone()));
        assert_eq!(hex::encode(&payload(&message)), bytes);
    }
    assert!(matches!(decode(Command::PING, "00000000000000"), Err(WireError::Decode(_))));
    let error = decode(Command::SEND_CMPCT, "020200000000000000").unwrap_err();
    assert_eq!(error.to_string(), "invalid sendcmpct announce field");
    assert_eq!(error.penalty(), Penalty::Misbehaving);
    assert!(matches!(decode(Command::SEND_CMPCT, "0202"), Err(WireError::Decode(_))));
}

#[test]
fn features_are_read_strictly() {
    let feature =
        |name: usize, data: usize| payload(&Message::Feature { name: vec![b'a'; name], data: vec![0; data] });
    for (name, data, right) in [(4, 0, true), (80, 512, true), (3, 0, false), (81, 0, false), (4, 513, false)]
    {
        let read = Message::decode(&Command::FEATURE, &feature(name, data));
        assert_eq!(read.is_ok(), right, "{name} {data}");
        assert!(right || read == Err(WireError::BadFeature));
    }
    let mut long = feature(4, 1);
    long.push(0);
    let error = Message::decode(&Command::FEATURE, &long).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.penalty()),
        ("invalid feature payload", Penalty::Disconnect)
    );
    assert_eq!(Message::decode(&Command::FEATURE, &[]), Err(WireError::BadFeature));
}

#[test]
fn indexes_ascend_and_fit_16_bits() {
    let request = |distances: &[u64]| {
        let mut bytes = vec![7; 32];
        put_compact_size(&mut bytes, distances.len() as u64);
        for distance in distances {
            put_compact_size(&mut bytes, *distance);
        }
        match Message::decode(&Command::GET_BLOCK_TXN, &bytes) {
            Ok(Message::GetBlockTxn(request)) => Ok(request.indexes),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    };
    assert_eq!(request(&[0, 0, 1, 0]), Ok(vec![0, 1, 3, 4]));
    assert_eq!(request(&[0xffff]), Ok(vec![0xffff]));
    let overflow = Err("differential value overflow".to_string());
    assert_eq!(request(&[0x1_0000]), overflow);
    assert_eq!(request(&[0xffff, 0]), overflow);
    assert_eq!(request(&[0x7000, 0x1_0000 - 0x7000 - 2, 0]), overflow);
    assert_eq!(request(&[0x0200_0000; 3]), overflow);
    assert!(request(&[0, 0x0200_0001]).unwrap_err().contains("too large"));
}

#[test]
fn compact_blocks_are_bounded() {
    let head = [0u8; 88];
    let tx = "01000000000000000000";
    let build = |ids: usize, offset: u64| {
        let mut bytes = head.to_vec();
        bytes.extend(counted(ids, &[1; 6]));
        put_compact_size(&mut bytes, 1);
        put_compact_size(&mut bytes, offset);
        bytes.extend(hex::decode(tx).unwrap());
        Message::decode(&Command::CMPCT_BLOCK, &bytes)
    };
    let Ok(Message::CmpctBlock(block)) = build(65534, 0xffff) else { panic!("no compact block") };
    assert_eq!(
        (block.tx_count(), block.short_ids[0], block.prefilled[0].offset),
        (65535, 0x0101_0101_0101, 0xffff)
    );
    assert_eq!(build(65535, 0).unwrap_err().to_string(), "indexes overflowed 16 bits");
    assert_eq!(build(1, 0x1_0000).unwrap_err().to_string(), "CompactSize exceeds limit of type");
}

#[test]
fn bytes_behind_the_end_are_ignored() {
    for (command, bytes) in [
        (Command::VERACK, "00"),
        (Command::PING, "000000000000000001"),
        (Command::PONG, "000000000000000001"),
        (Command::INV, "00ff"),
        (Command::HEADERS, "00ff"),
        (Command::TX, "01000000000000000000ff"),
        (Command::FEE_FILTER, "0000000000000000ff"),
        (Command::FILTER_LOAD, "ffffff"),
        (Command::MERKLE_BLOCK, "ffffff"),
    ] {
        assert!(decode(command, bytes).is_ok(), "{command}");
    }
    let genesis = chaincore_consensus::params::ChainParams::regtest().genesis;
    let bytes = genesis.to_bytes();
    let Ok(Message::Block(read)) = Message::decode(&Command::BLOCK, &[&bytes[..], &[1, 2]].concat()) else {
        panic!("no block");
    };
    assert_eq!(*read.block, genesis);
    assert_eq!(read.bytes, bytes);
}

#[test]
fn unknown_messages_are_kept_apart() {
    let command = Command::from_bytes(*b"alert\0\0\0\0\0\0\0");
    assert!(command.is_valid() && !command.is_known());
    let message = Message::decode(&command, &[1; 9]).unwrap();
    assert_eq!(message, Message::Unknown { command, payload_len: 9 });
    assert_eq!(message.command(), command);
    for command in Command::ALL {
        assert!(command.is_valid() && command.is_known());
        let read = Message::decode(command, &[]);
        assert!(!matches!(read, Ok(Message::Unknown { .. })), "{command}");
    }
}

#[test]
fn commands_are_printable_and_padded() {
    for (bytes, valid, text) in [
        (b"version\0\0\0\0\0", true, "version"),
        (b"\0\0\0\0\0\0\0\0\0\0\0\0", true, ""),
        (b"twelve bytes", true, "twelve bytes"),
        (b"blocktxn\0\0\0a", false, "blocktxn"),
        (b"ver\x1fsion\0\0\0\0", false, "version"),
        (b"ver\x7fsion\0\0\0\0", false, "version"),
        (b"ver\xffsion\0\0\0\0", false, "version"),
        (b"<b>&~\0\0\0\0\0\0\0", true, "b"),
    ] {
        let command = Command::from_bytes(*bytes);
        assert_eq!((command.is_valid(), command.to_string().as_str()), (valid, text));
    }
}

#[test]
fn service_names() {
    let flags = ServiceFlags(0x0c4d | 1 << 1 | 1 << 63);
    let names = [
        "NETWORK",
        "UNKNOWN[2^1]",
        "BLOOM",
        "WITNESS",
        "COMPACT_FILTERS",
        "NETWORK_LIMITED",
        "P2P_V2",
        "UNKNOWN[2^63]",
    ];
    assert_eq!(flags.names(), names);
    assert_eq!(ServiceFlags(0xc09).to_string(), "0000000000000c09");
    assert!(flags.contains(ServiceFlags::NETWORK | ServiceFlags::WITNESS));
    assert!(!ServiceFlags::NETWORK.contains(ServiceFlags::NETWORK | ServiceFlags::WITNESS));
    assert!(
        ServiceFlags::NETWORK_LIMITED.may_have_addresses() && !ServiceFlags::WITNESS.may_have_addresses()
    );
    assert_eq!(flags.without(flags), ServiceFlags::NONE);
}

#[test]
fn inventory_as_logged() {
    let text = |number: u32| {
        let entry = Inventory { kind: InvKind::from_number(number), hash: Hash256::ZERO };
        assert_eq!(entry.kind.number(), number);
        entry.to_string().split_once(' ').unwrap().0.to_string()
    };
    for (number, name) in [
        (1, "tx"),
        (2, "block"),
        (3, "merkleblock"),
        (4, "cmpctblock"),
        (5, "wtx"),
        (0x4000_0001, "witness-tx"),
        (0x4000_0002, "witness-block"),
        (0, "0x00000000"),
        (6, "0x00000006"),
        (0x8000_0001, "tx"),
    ] {
        assert_eq!(text(number), name);
    }
    assert!(InvKind::WtxId.is_tx() && InvKind::CompactBlock.is_block());
    assert!(!InvKind::Unknown(0).is_tx() && !InvKind::Unknown(0).is_block());
}

proptest! {
    #[test]
    fn messages_round_trip(message in samples::message()) {
        let frame = message.encode(MAGIC);
        let mut input = &frame[..];
        let read = FrameReader::new(MAGIC).read(&mut input).unwrap().unwrap();
        prop_assert_eq!(read.command, message.command());
        prop_assert_eq!(read.wire_len(), frame.len());
        prop_assert_eq!(Message::decode(&read.command, &read.payload), Ok(message));
    }

    #[test]
    fn random_payloads_do_not_panic(
        command in prop::sample::select(Command::ALL),
        payload in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = Message::decode(&command, &payload);
    }

    #[test]
    fn damaged_payloads_do_not_panic(
        message in samples::message(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        keep in any::<prop::sample::Index>(),
        cut: bool,
    ) {
        let mut bytes = payload(&message);
        prop_assume!(!bytes.is_empty());
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cut {
            bytes.truncate(keep.index(bytes.len()));
        }
        if let Ok(read) = Message::decode(&message.command(), &bytes) {
            // What is read is what is sent again, but for the bytes that are not kept.
            let again = payload(&read);
            prop_assert_eq!(Message::decode(&message.command(), &again), Ok(read));
        }
    }
}
