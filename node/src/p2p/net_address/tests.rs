//! Addresses against what Bitcoin Core's own tests say of them, and against themselves.

use super::*;
use chaincore_consensus::codec::{DecodeError, Reader};
use chaincore_consensus::hex;
use proptest::prelude::*;

const ONION: &str = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";

fn host(text: &str) -> Host {
    text.parse().unwrap()
}

fn v2(bytes: &str) -> (Result<Host, DecodeError>, usize) {
    let bytes = hex::decode(bytes).unwrap();
    let mut reader = Reader::new(&bytes);
    let host = Host::decode_v2(&mut reader);
    (host, reader.remaining())
}

fn v2_bytes(host: Host) -> String {
    let mut bytes = Vec::new();
    host.encode_v2(&mut bytes);
    hex::encode(&bytes)
}

#[test]
fn networks() {
    for (text, network) in [
        ("127.0.0.1", Network::Unroutable),
        ("::1", Network::Unroutable),
        ("8.8.8.8", Network::Ipv4),
        ("2001::8888", Network::Ipv6),
        (ONION, Network::Onion),
        ("ukeu3k5oycgaauneqgtnvselmt4yemvoilkln7jpvamvfx7dnkdq.b32.i2p", Network::I2p),
    ] {
        assert_eq!(host(text).network(), network, "{text}");
    }
    assert_eq!(Host::internal("foo.com").unwrap().network(), Network::Internal);
    assert_eq!(host("fc00:1:2:3:4:5:6:7").flip_to_cjdns().network(), Network::Cjdns);
    assert_eq!(host("fd00::1").flip_to_cjdns(), host("fd00::1"));
    for network in Network::REACHABLE {
        assert_eq!(Network::from_name(&network.name().to_uppercase()), Some(network));
    }
    for unknown in ["tor", "TOR", ":)", "", "internal", "not_publicly_routable"] {
        assert_eq!(Network::from_name(unknown), None, "{unknown}");
    }
}

#[test]
fn what_can_be_reached() {
    for text in [
        "10.0.0.1",
        "192.168.1.1",
        "172.31.255.255",
        "198.18.0.0",
        "198.19.255.255",
        "169.254.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "192.0.2.1",
        "198.51.100.7",
        "203.0.113.255",
        "0.1.2.3",
        "127.9.9.9",
        "2001:db8::",
        "fc00::",
        "fd87:d87e:eb44::1",
        "2001:10::",
        "2001:2f:ffff::1",
        "fe80::",
    ] {
        assert!(!host(text).is_routable(), "{text}");
        assert_eq!(host(text).network(), Network::Unroutable);
    }
    for text in [
        "8.8.8.8",
        "172.15.0.1",
        "172.32.0.1",
        "198.20.0.1",
        "100.128.0.1",
        "2001::1",
        "2001:30::1",
        "64:ff9b::1",
        "fe80:0:0:1::1",
        ONION,
    ] {
        assert!(host(text).is_routable(), "{text}");
    }
    assert!(host("127.0.0.1").is_valid() && host("127.0.0.1").is_local());
    assert!(host("::1").is_local() && !host("::2").is_local());
    for (text, any) in [("0.0.0.0", true), ("255.255.255.255", false), ("::", true)] {
        assert!(!host(text).is_valid(), "{text}");
        assert_eq!(host(text).is_bind_any(), any, "{text}");
    }
    let internal = Host::internal("bar.com").unwrap();
    assert!(internal.is_internal() && !internal.is_valid() && !internal.is_relayable());
    assert!(host(ONION).is_privacy_net() && !host(ONION).is_addr_v1_compatible());
    assert!(Host::Cjdns([0xfc; 16]).is_valid() && !Host::Cjdns([0xaa; 16]).is_valid());
    assert_eq!(Host::internal(""), None);
}

#[test]
fn groups() {
    let group = |text: &str| host(text).group();
    for text in ["127.0.0.1", "10.0.0.1", "169.254.1.1", "::1", "::", "fc00::1"] {
        assert_eq!(group(text), [0], "{text}");
    }
    for text in [
        "1.2.3.4",
        "::ffff:0:102:304",
        "64:ff9b::102:304",
        "2002:102:304:9999:9999:9999:9999:9999",
        "2001:0:9999:9999:9999:9999:fefd:fcfb",
    ] {
        assert_eq!(group(text), [1, 1, 2], "{text}");
        assert_eq!(host(text).linked_ipv4(), Some([1, 2, 3, 4]), "{text}");
    }
    assert_eq!(group("2001:470:abcd:9999:9999:9999:9999:9999"), [2, 32, 1, 4, 112, 175]);
    assert_eq!(group("2001:2001:9999:9999:9999:9999:9999:9999"), [2, 32, 1, 32, 1]);
    let internal = [6, 0x12, 0x92, 0x94, 0x00, 0xeb, 0x46, 0x07, 0xc4, 0xac, 0x07];
    assert_eq!(Host::internal("baz.net").unwrap().group(), internal);
    assert_eq!(host(ONION).group(), [3, 0x7f]);
    assert_eq!(Host::I2p([0xa2; 32]).group(), [4, 0xaf]);
    assert_eq!(host("fc12:3456::").flip_to_cjdns().group(), [5, 0xfc, 0x1f]);
}

#[test]
fn keys() {
    let key = |text: &str| hex::encode(&text.parse::<NetAddress>().unwrap().key());
    assert_eq!(key("1.2.3.4:8333"), "00000000000000000000ffff01020304208d");
    assert_eq!(key("[1a1b:2a2b::8a8b]:1"), "1a1b2a2b000000000000000000008a8b0001");
    let onion = format!("{ONION}:258");
    assert_eq!(key(&onion), "79bcc625184b05194975c28b66b66b0469f7f6556fb1ac3189a79b40dda32f1f0102");
    let internal = NetAddress::new(Host::internal("a").unwrap(), 0);
    assert_eq!(hex::encode(&internal.key()), "fd6b88c08724ca978112ca1bbdcafac20000");
}

#[test]
fn ipv6_text_is_canonical() {
    for (text, canonical) in [
        ("0000:0000:0000:0000:0000:0000:0000:0000", "::"),
        ("00:00:00:00:00:00:00:00", "::"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:0db8:85a3:0000:0000:8a2e:0370:7334", "2001:db8:85a3::8a2e:370:7334"),
        ("2001:0db8::0001:0000", "2001:db8::1:0"),
        ("2001:db8:0000:0:1::1", "2001:db8::1:0:0:1"),
        ("2001:db8:0000:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"),
        ("2001:db8:0:0:aaaa::1", "2001:db8::aaaa:0:0:1"),
        ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:db8:aaaa:bbbb:cccc:dddd::1", "2001:db8:aaaa:bbbb:cccc:dddd:0:1"),
        ("2001:db8:aaaa:bbbb:cccc:dddd:eeee:AaAa", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa"),
        ("1122:3344:5566:7788:9900:aabb:ccdd:eeff", "1122:3344:5566:7788:9900:aabb:ccdd:eeff"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("::FFFF:0102:0304", "1.2.3.4"),
        // Addresses of the kind that was called compatible are ordinary ones.
        ("::1.2.3.4", "::102:304"),
    ] {
        assert_eq!(host(text).to_string(), canonical, "{text}");
    }
}

#[test]
fn names_of_other_networks() {
    assert_eq!(host(ONION).to_string(), ONION);
    assert_eq!(host(&ONION.replace("pg6m", "PG6M")), host(ONION));
    let i2p = "UDHDrtrcetjm5sxzskjyr5ztpeszydbh4dpl3pl4utgqqw2v4jna.b32.I2P";
    assert_eq!(host(i2p).to_string(), i2p.to_lowercase());
    assert_eq!(Host::internal("esffpp").unwrap().to_string(), "esffpvrt3wpeaygy.internal");
    for wrong in [
        // Version 2, a wrong checksum, a wrong version, a zero byte, lengths and alphabets.
        "6hzph5hv6337r6p2.onion",
        "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscsad.onion",
        "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscrye.onion",
        "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd\0wtf.onion",
        "mfrggzak.onion",
        "mf*g zak.onion",
        "udhdrtrcetjm5sxzskjyr5ztpeszydbh4dpl3pl4utgqqw2v4jn=.b32.i2p",
        "udhdrtrcetjm5sxzskjyr5ztpeszydbh4dpl3pl4utgqqw2v4jna=.b32.i2p",
        "udhdrtrcetjm5sxzskjyr5ztpeszydbh4dpl3pl4utgqqw2v\0wtf.b32.i2p",
        "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscsad.b32.i2p",
        "tp*szydbh4dp.b32.i2p",
        "esffpvrt3wpeaygy.internal",
        "fd6b:88c0:8724:edb1:8e4:3588:e546:35ca",
        "257.0.0.1",
        "totally bogus",
        "",
        "é.b32.i2p",
    ] {
        assert!(wrong.parse::<Host>().is_err(), "{wrong}");
    }
}

#[test]
fn hosts_and_ports_are_told_apart() {
    for (text, host, port, valid) in [
        ("www.bitcoincore.org", "www.bitcoincore.org", None, true),
        ("[www.bitcoincore.org]", "www.bitcoincore.org", None, true),
        ("www.bitcoincore.org:80", "www.bitcoincore.org", Some(80), true),
        ("[www.bitcoincore.org]:80", "www.bitcoincore.org", Some(80), true),
        ("127.0.0.1", "127.0.0.1", None, true),
        ("[127.0.0.1]:8333", "127.0.0.1", Some(8333), true),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", None, true),
        ("[::ffff:127.0.0.1]:8333", "::ffff:127.0.0.1", Some(8333), true),
        ("[::]:8333", "::", Some(8333), true),
        ("::8333", "::8333", None, true),
        (":8333", "", Some(8333), true),
        ("[]:8333", "", Some(8333), true),
        ("", "", None, true),
        ("[", "[", None, true),
        (":65535", "", Some(65535), true),
        (":65536", ":65536", None, false),
        (":-1", ":-1", None, false),
        ("[]:70001", "[]:70001", None, false),
        ("[]:-0", "[]:-0", None, false),
        ("[]:+1", "[]:+1", None, false),
        ("[]:0", "", Some(0), false),
        ("[]:1/2", "[]:1/2", None, false),
        ("[]:1E2", "[]:1E2", None, false),
        ("127.0.0.1:65536", "127.0.0.1:65536", None, false),
        ("127.0.0.1:0", "127.0.0.1", Some(0), false),
        ("127.0.0.1:", "127.0.0.1:", None, false),
    ] {
        assert_eq!(split_host_port(text), (host, port, valid), "{text}");
    }
}

#[test]
fn addresses_with_and_without_ports() {
    for (text, canonical) in [
        ("127.0.0.1", "127.0.0.1:65535"),
        ("127.0.0.1:8333", "127.0.0.1:8333"),
        ("::ffff:127.0.0.1", "127.0.0.1:65535"),
        ("::", "[::]:65535"),
        ("[::]:8333", "[::]:8333"),
        ("[127.0.0.1]", "127.0.0.1:65535"),
        ("[fd6c:88c0:8724:1:2:3:4:5]", "[fd6c:88c0:8724:1:2:3:4:5]:65535"),
        ("fe80::1%32", "[fe80::1%32]:65535"),
        ("[fe80::1%32]:1", "[fe80::1%32]:1"),
    ] {
        assert_eq!(NetAddress::parse(text, 65535).unwrap().to_string(), canonical, "{text}");
    }
    for wrong in [":::", "[fd6b:88c0:8724:1:2:3:4:5]", "1.2:345", "127.0.0.1:65536", "fe80::1%eth0", ""] {
        assert!(NetAddress::parse(wrong, 1).is_err(), "{wrong}");
    }
    let cjdns = NetAddress::new(Host::Cjdns([0xfc; 16]), 1);
    assert_eq!(cjdns.to_string(), "[fcfc:fcfc:fcfc:fcfc:fcfc:fcfc:fcfc:fcfc]:1");
    assert_eq!("1.2.3.4".parse::<NetAddress>().unwrap().port(), 0);
}

#[test]
fn sockets() {
    for text in ["1.2.3.4:5", "[2001:db8::1]:5"] {
        let socket: SocketAddr = text.parse().unwrap();
        assert_eq!(NetAddress::from(socket).to_socket_addr(), Some(socket));
        assert_eq!(NetAddress::from(socket).to_string(), text);
    }
    let zoned = SocketAddr::V6(SocketAddrV6::new("fe80::1".parse().unwrap(), 5, 0, 32));
    assert_eq!(NetAddress::from(zoned).to_socket_addr(), Some(zoned));
    assert_eq!(NetAddress::from(zoned).to_string(), "[fe80::1%32]:5");
    assert_eq!(NetAddress::from(zoned), "[fe80::1]:5".parse().unwrap());
    let mapped: SocketAddr = "[::ffff:1.2.3.4]:5".parse().unwrap();
    assert_eq!(NetAddress::from(mapped).to_socket_addr(), Some("1.2.3.4:5".parse().unwrap()));
    assert_eq!(format!("{ONION}:5").parse::<NetAddress>().unwrap().to_socket_addr(), None);
    assert_eq!(
        host("fc00::1").flip_to_cjdns().to_ip(),
        Some("fc00::1".parse::<std::net::Ipv6Addr>().unwrap().into())
    );
}

#[test]
fn order_is_by_network_bytes_and_port() {
    let sorted = ["1.2.3.4:2", "1.2.3.4:9", "200.0.0.1:1", "[::1]:1", "[100::]:1"];
    let sorted: Vec<NetAddress> = sorted.iter().map(|text| text.parse().unwrap()).collect();
    assert!(sorted.is_sorted());
    assert!(sorted[4] < NetAddress::new(Host::Onion([0; 32]), 0));
    assert!(Host::Cjdns([0xff; 16]) < Host::Internal([0; 10]));
}

#[test]
fn the_first_format() {
    let bytes = |host: Host| hex::encode(&host.to_v1_bytes());
    assert_eq!(bytes(Host::UNSPECIFIED), "00".repeat(16));
    assert_eq!(bytes(host("1.2.3.4")), "00000000000000000000ffff01020304");
    assert_eq!(bytes(host("1a1b:2a2b:3a3b:4a4b:5a5b:6a6b:7a7b:8a8b")), "1a1b2a2b3a3b4a4b5a5b6a6b7a7b8a8b");
    assert_eq!(bytes(host(ONION)), "00".repeat(16));
    assert_eq!(bytes(Host::internal("a").unwrap()), "fd6b88c08724ca978112ca1bbdcafac2");
    let read = |text: &str| Host::from_legacy_ipv6(hex::decode(text).unwrap().try_into().unwrap());
    assert_eq!(read("fd6b88c08724ca978112ca1bbdcafac2"), Host::internal("a").unwrap());
    assert_eq!(read("fd87d87eeb430102030405060708090a"), Host::UNSPECIFIED);
}

#[test]
fn bip155() {
    for (host, bytes) in [
        (Host::UNSPECIFIED, "021000000000000000000000000000000000"),
        (host("1.2.3.4"), "010401020304"),
        (host("1a1b:2a2b:3a3b:4a4b:5a5b:6a6b:7a7b:8a8b"), "02101a1b2a2b3a3b4a4b5a5b6a6b7a7b8a8b"),
        (
            host("kpgvmscirrdqpekbqjsvw5teanhatztpp2gl6eee4zkowvwfxwenqaid.onion"),
            "042053cd5648488c4707914182655b7664034e09e66f7e8cbf1084e654eb56c5bd88",
        ),
        (host(ONION), "042079bcc625184b05194975c28b66b66b0469f7f6556fb1ac3189a79b40dda32f1f"),
        (
            host("ukeu3k5oycgaauneqgtnvselmt4yemvoilkln7jpvamvfx7dnkdq.b32.i2p"),
            "0520a2894dabaec08c0051a481a6dac88b64f98232ae42d4b6fd2fa81952dfe36a87",
        ),
        (host("fc00:1:2:3:4:5:6:7").flip_to_cjdns(), "0610fc000001000200030004000500060007"),
        (Host::internal("a").unwrap(), "0210fd6b88c08724ca978112ca1bbdcafac2"),
    ] {
        assert_eq!(v2_bytes(host), bytes);
        assert_eq!(v2(bytes), (Ok(host), 0));
    }
    assert_eq!(
        v2("0210fd6b88c08724ca978112ca1bbdcafac2").0.unwrap().to_string(),
        "zklycewkdo64v6wc.internal"
    );
}

#[test]
fn bip155_addresses_that_are_none() {
    for ignored in [
        // IPv4 and old onion addresses inside IPv6 ones, old onion addresses, unknown networks.
        "021000000000000000000000ffff01020304",
        "0210fd87d87eeb430102030405060708090a",
        "030af1f2f3f4f5f6f7f8f9fa",
        "aa0401020304",
        "aa00",
        &format!("aafd0002{}", "00".repeat(512)),
    ] {
        assert_eq!(v2(ignored), (Ok(Host::UNSPECIFIED), 0), "{ignored}");
    }
    // CJDNS with a wrong first byte is read, but is no valid address.
    let cjdns = v2("0610aa000001000200030004000500060007").0.unwrap();
    assert!(!cjdns.is_valid() && matches!(cjdns, Host::Cjdns(_)));
    for (wrong, error) in [
        ("010501020304", "BIP155 IPv4 address with length 5 (should be 4)"),
        ("01fd010201020304", "Address too long: 513 > 512"),
        ("020400", "BIP155 IPv6 address with length 4 (should be 16)"),
        ("040000", "BIP155 TORv3 address with length 0 (should be 32)"),
        ("050300", "BIP155 I2P address with length 3 (should be 32)"),
        ("060100", "BIP155 CJDNS address with length 1 (should be 16)"),
        ("aafe0000000201020304050607", "Address too long: 33554432 > 512"),
    ] {
        assert_eq!(v2(wrong).0.unwrap_err().to_string(), error);
    }
    assert!(matches!(v2("01040102").0, Err(DecodeError::EndOfData { .. })));
    assert!(matches!(v2("aa040102").0, Err(DecodeError::EndOfData { .. })));
}

prop_compose! {
    fn any_host()(kind in 0..6, bytes in any::<[u8; 32]>(), zeroed in 0usize..33) -> Host {
        let mut bytes = bytes;
        bytes[..zeroed].fill(0);
        let [ten, sixteen] = [10, 16].map(|len| bytes[..len].to_vec());
        match kind {
            0 => Host::Ipv4(bytes[..4].try_into().unwrap()),
            1 => Host::from_legacy_ipv6(sixteen.try_into().unwrap()),
            2 => Host::Onion(bytes),
            3 => Host::I2p(bytes),
            4 => Host::Cjdns(sixteen.try_into().unwrap()),
            _ => Host::Internal(ten.try_into().unwrap()),
        }
    }
}

proptest! {
    #[test]
    fn text_and_both_formats_round_trip(host in any_host(), port: u16) {
        let address = NetAddress::new(host, port);
        let mut bytes = Vec::new();
        address.encode_v2(&mut bytes);
        prop_assert_eq!(NetAddress::decode_v2(&mut Reader::new(&bytes)), Ok(address));
        bytes.clear();
        address.encode_v1(&mut bytes);
        let read = NetAddress::decode_v1(&mut Reader::new(&bytes)).unwrap();
        let expected = if host.is_addr_v1_compatible() { host } else { Host::UNSPECIFIED };
        prop_assert_eq!(read, NetAddress::new(expected, port));
        let text = address.to_string();
        match host {
            Host::Internal(_) => prop_assert!(text.parse::<NetAddress>().is_err()),
            Host::Cjdns(bytes) => {
                let read: NetAddress = text.parse().unwrap();
                prop_assert_eq!(read.host(), Host::from_legacy_ipv6(bytes));
            }
            _ => prop_assert_eq!(text.parse(), Ok(address)),
        }
    }

    #[test]
    fn classes_agree(host in any_host()) {
        prop_assert!(host.is_valid() || !host.is_routable());
        prop_assert_eq!(host.is_routable(), !matches!(host.network(), Network::Unroutable | Network::Internal));
        prop_assert_eq!(host.group()[0], host.net_class() as u8);
        let ip = host.to_ip().is_some();
        prop_assert_eq!(ip, matches!(host, Host::Ipv4(_) | Host::Ipv6(_) | Host::Cjdns(_)));
    }

    #[test]
    fn no_text_panics(text in "\\PC*", port in "[\\[\\]:%.0-9a-f]*") {
        let _ = text.parse::<NetAddress>();
        let _ = port.parse::<NetAddress>();
        let _ = split_host_port(&text);
    }
}
