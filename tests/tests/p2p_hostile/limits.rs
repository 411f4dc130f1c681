//! Messages at and above what a message may be.

use crate::MB;
use crate::made_up::{addresses, inventory};
use bitcoin::BlockHash;
use bitcoin::hashes::Hash;
use bitcoin::p2p::ServiceFlags;
use bitcoin::p2p::address::{AddrV2, AddrV2Message};
use bitcoin::p2p::message::NetworkMessage;
use bitcoin::p2p::message_blockdata::{GetBlocksMessage, GetHeadersMessage};
use bitcoin::p2p::message_filter::GetCFilters;
use chaincore_tests::peer::{Hello, encode, frame};
use chaincore_tests::{Pair, Peer, mining};

#[test]
fn every_limit() {
    // What is no hello would be the beginning of an encrypted connection.
    let pair = Pair::start(3, &["-v2transport=0"]);
    let tip = pair.tip();
    let v2 = |count: u8| {
        let one = |n| AddrV2Message {
            time: 1_700_000_000,
            services: ServiceFlags::NETWORK,
            addr: AddrV2::Ipv4([8, 8, 8, n].into()),
            port: 8333,
        };
        NetworkMessage::AddrV2((0..1001u16).map(|n| one((n % u16::from(count)) as u8)).collect())
    };
    let locator = vec![tip.hash; 102];
    let mut other_magic = encode(NetworkMessage::Ping(1));
    other_magic[0] ^= 1;
    let mut too_long = frame("tx", &[]);
    too_long[16..20].copy_from_slice(&4_000_001u32.to_le_bytes());
    let cases = [
        (encode(NetworkMessage::Inv(inventory(50_001))), "inv message size = 50001"),
        (encode(NetworkMessage::GetData(inventory(50_001))), "getdata message size = 50001"),
        (
            encode(NetworkMessage::Headers(mining::headers(tip.hash, tip.time, 2001, 0))),
            "headers message size = 2001",
        ),
        (encode(NetworkMessage::Addr(addresses(1001, 0))), "addr message size = 1001"),
        (encode(v2(200)), "addrv2 message size = 1001"),
        (
            encode(NetworkMessage::GetHeaders(GetHeadersMessage::new(
                locator.clone(),
                BlockHash::all_zeros(),
            ))),
            "getheaders locator size 102 > 101",
        ),
        (
            encode(NetworkMessage::GetBlocks(GetBlocksMessage::new(locator, BlockHash::all_zeros()))),
            "getblocks locator size 102 > 101",
        ),
        (other_magic, "Wrong MessageStart"),
        (too_long, "Size too large (tx, 4000001 bytes)"),
        (frame("sendcmpct", &[2, 2, 0, 0, 0, 0, 0, 0, 0]), "invalid sendcmpct announce field"),
        (encode(NetworkMessage::MemPool), "mempool request with bloom filters disabled"),
        (encode(NetworkMessage::FilterClear), "filterclear received despite not offering bloom services"),
        (
            encode(NetworkMessage::GetCFilters(GetCFilters {
                filter_type: 0,
                start_height: 0,
                stop_hash: tip.hash,
            })),
            "requested unsupported block filter type: 0",
        ),
        (encode(NetworkMessage::WtxidRelay), "wtxidrelay received after verack"),
        (encode(NetworkMessage::SendAddrV2), "sendaddrv2 received after verack"),
    ];
    for (bytes, why) in cases {
        let mut peer = pair.attacker();
        peer.send_bytes(&bytes).expect("the node reads it");
        peer.wait_closed();
        pair.wait_for_log(why);
    }

    // What is only ignored.
    let mut peer = pair.attacker();
    let mut other_checksum = encode(NetworkMessage::Ping(7));
    other_checksum[20] ^= 1;
    let mut no_command = frame("ping", &[0; 8]);
    no_command[15] = b'x';
    for (bytes, what) in [
        (other_checksum, "Wrong checksum (ping, 8 bytes)"),
        (no_command, "Invalid message type"),
        (frame("nonsense", &[1; 1000]), "Unknown message type \"nonsense\""),
        (frame("inv", &[0xfd, 0xff]), "ProcessMessages(inv, 2 bytes)"),
        (frame("headers", &[0xff; 9]), "ProcessMessages(headers, 9 bytes)"),
        (encode(NetworkMessage::Inv(inventory(50_000))), "received: inv (1800003 bytes)"),
        (encode(NetworkMessage::Version(Peer::version(&Hello::default()))), "redundant version message"),
        (encode(NetworkMessage::Verack), "ignoring redundant verack"),
    ] {
        peer.send_bytes(&bytes).expect("the node reads it");
        let answers = peer.sync();
        assert!(!answers.contains(&NetworkMessage::Pong(7)), "{what}");
        pair.wait_for_log(what);
    }
    // Before hello, nothing else is listened to.
    let mut hasty = Peer::connect(pair.address());
    hasty.send(NetworkMessage::Ping(9));
    hasty.send(NetworkMessage::Verack);
    pair.wait_for_log("non-version message before version handshake. Message \"ping\"");
    hasty.say_hello(&Hello::default());
    assert!(!hasty.sync().contains(&NetworkMessage::Pong(9)));
    pair.goes_on();
    pair.has_grown_by_less_than(40 * MB, "messages at and above their limits");
}
