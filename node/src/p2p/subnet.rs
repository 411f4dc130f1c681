//! Ranges of hosts, as bans and permissions name them (Core's `CSubNet`).

use super::net_address::Host;
use std::fmt;

/// All IPv4 or IPv6 hosts whose addresses begin with the same bits, or a single host of another network.
///
/// The order is Core's: by network, then by address, then by size, the largest first. The bits behind the prefix
/// are always 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    host: Host,
    /// How many bits matter; 0 where the host is of no IP network.
    prefix: u8,
}

/// Why a text is not a subnet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an address or a subnet")]
pub struct ParseSubnetError(pub String);

impl Subnet {
    /// The hosts whose first `prefix` bits are `host`'s; `None` for more bits than there are, and for hosts of
    /// other networks than IPv4 and IPv6.
    pub fn new(host: Host, prefix: u8) -> Option<Self> {
        let host = match host {
            Host::Ipv4(bytes) => Host::Ipv4(mask_v4(bytes, prefix)?),
            Host::Ipv6(bytes) => Host::Ipv6(mask_v6(bytes, prefix)?),
            _ => return None,
        };
        Some(Self { host, prefix })
    }

    /// The subnet of a mask such as `255.255.0.0`, which must be of the host's network and without holes.
    pub fn with_mask(host: Host, mask: Host) -> Option<Self> {
        let (prefix, ones) = match (host, mask) {
            (Host::Ipv4(_), Host::Ipv4(mask)) => {
                let mask = u32::from_be_bytes(mask);
                (mask.leading_ones(), mask.count_ones())
            }
            (Host::Ipv6(_), Host::Ipv6(mask)) => {
                let mask = u128::from_be_bytes(mask);
                (mask.leading_ones(), mask.count_ones())
            }
            _ => return None,
        };
        if prefix == ones { Self::new(host, prefix as u8) } else { None }
    }

    /// The host alone; `None` for one that only stands for a name.
    pub fn single(host: Host) -> Option<Self> {
        match host {
            Host::Ipv4(_) => Self::new(host, 32),
            Host::Ipv6(_) => Self::new(host, 128),
            Host::Onion(_) | Host::I2p(_) | Host::Cjdns(_) => Some(Self { host, prefix: 0 }),
            Host::Internal(_) => None,
        }
    }

    /// Reads an address, or an IPv4 or IPv6 address with a number of bits or a mask behind a slash. On a node
    /// that is on CJDNS, addresses that could be that network's are.
    pub fn parse(text: &str, on_cjdns: bool) -> Result<Self, ParseSubnetError> {
        parse(text, on_cjdns).ok_or_else(|| ParseSubnetError(text.into()))
    }

    /// Whether the host is in the subnet. Hosts that could be nobody's are in none.
    pub fn contains(&self, host: &Host) -> bool {
        let masked = match *host {
            Host::Ipv4(bytes) => mask_v4(bytes, self.prefix).map(Host::Ipv4),
            Host::Ipv6(bytes) => mask_v6(bytes, self.prefix).map(Host::Ipv6),
            other => Some(other),
        };
        host.is_valid() && masked == Some(self.host)
    }
}

fn parse(text: &str, on_cjdns: bool) -> Option<Subnet> {
    let (address, mask) = match text.rsplit_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let host: Host = address.parse().ok()?;
    let host = if on_cjdns { host.flip_to_cjdns() } else { host };
    let Some(mask) = mask else {
        return Subnet::single(host);
    };
    let digits = !mask.is_empty() && mask.bytes().all(|byte| byte.is_ascii_digit());
    match mask.parse() {
        Ok(prefix) if digits => Subnet::new(host, prefix),
        _ => Subnet::with_mask(host, mask.parse().ok()?),
    }
}

fn mask_v4(bytes: [u8; 4], prefix: u8) -> Option<[u8; 4]> {
    let behind = 32_u32.checked_sub(prefix.into())?;
    let mask = u32::MAX.checked_shl(behind).unwrap_or(0);
    Some((u32::from_be_bytes(bytes) & mask).to_be_bytes())
}

fn mask_v6(bytes: [u8; 16], prefix: u8) -> Option<[u8; 16]> {
    let behind = 128_u32.checked_sub(prefix.into())?;
    let mask = u128::MAX.checked_shl(behind).unwrap_or(0);
    Some((u128::from_be_bytes(bytes) & mask).to_be_bytes())
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::Ipv4(_) | Host::Ipv6(_) => write!(f, "{}/{}", self.host, self.prefix),
            _ => self.host.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONION: &str = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";

    fn host(text: &str) -> Host {
        text.parse().unwrap()
    }

    fn subnet(text: &str) -> Subnet {
        Subnet::parse(text, false).unwrap()
    }

    #[test]
    fn texts_are_normalised() {
        for (text, shown) in [
            ("1.2.3.4", "1.2.3.4/32"),
            ("1.2.3.4/8", "1.0.0.0/8"),
            ("1.2.3.4/0", "0.0.0.0/0"),
            ("1.2.3.4/255.255.255.255", "1.2.3.4/32"),
            ("1.2.3.4/255.255.255.254", "1.2.3.4/31"),
            ("1.2.3.4/255.128.0.0", "1.0.0.0/9"),
            ("1.2.3.4/0.0.0.0", "0.0.0.0/0"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8/128"),
            ("1:2:3:4:5:6:7:8/ffff:ffff::", "1:2::/32"),
            ("1:2:3:4:5:6:7:8/ffff:ffff:ffff:fe00::", "1:2:3::/55"),
            ("[::1]/128", "::1/128"),
            ("::ffff:127.0.0.1", "127.0.0.1/32"),
            ("fc00::1", "fc00::1/128"),
            (ONION, ONION),
        ] {
            assert_eq!(subnet(text).to_string(), shown);
            assert_eq!(subnet(shown), subnet(text));
        }
        let cjdns = Subnet::parse("fc00::1", true).unwrap();
        assert_eq!(cjdns.to_string(), "fc00::1");
        assert!(cjdns.contains(&host("fc00::1").flip_to_cjdns()) && !cjdns.contains(&host("fc00::1")));
    }

    #[test]
    fn what_is_no_subnet() {
        for text in [
            "",
            "/",
            "/24",
            "bloop",
            "1.2.3.0/",
            "1.2.3.0/-1",
            "1.2.3.0/+24",
            "1.2.3.0/33",
            "1.2.3.0/300",
            "1.2.3.0/24/24",
            "1:2:3:4:5:6:7:8/-1",
            "1:2:3:4:5:6:7:8/129",
            "1.2.3.4/255.0.255.255",
            "1.2.3.4/255.232.0.0",
            "1.1.1.1/ffff::",
            "::1/255.0.0.0",
            "1.2.3.4\0",
            "1.2.3.4\0/24",
        ] {
            assert_eq!(Subnet::parse(text, false), Err(ParseSubnetError(text.into())));
        }
        assert!(Subnet::parse(&format!("{ONION}/8"), false).is_err());
        assert!(Subnet::parse("fc00::1/8", true).is_err());
        assert_eq!(Subnet::single(Host::internal("seed").unwrap()), None);
    }

    #[test]
    fn containing() {
        for (text, inside) in [
            ("1.2.3.0/24", "1.2.3.4"),
            ("1.2.3.4", "1.2.3.4"),
            ("192.168.0.20/29", "192.168.0.18"),
            ("1.2.2.110/31", "1.2.2.111"),
            ("1.2.2.20/26", "1.2.2.63"),
            ("1:2:3:4:5:6:7:0/112", "1:2:3:4:5:6:7:1234"),
            ("::/0", "1:2:3:4:5:6:7:1234"),
            (ONION, ONION),
        ] {
            assert!(subnet(text).contains(&host(inside)), "{inside} in {text}");
        }
        for (text, outside) in [
            ("1.2.2.0/24", "1.2.3.4"),
            ("1.2.3.4", "5.6.7.8"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:9"),
            ("::/0", "1.2.3.4"),
            ("0.0.0.0/0", "1:2:3:4:5:6:7:1234"),
            ("::/0", "::"),
            ("0.0.0.0/0", "0.0.0.0"),
            (ONION, "kpgvmscirrdqpekbqjsvw5teanhatztpp2gl6eee4zkowvwfxwenqaid.onion"),
        ] {
            assert!(!subnet(text).contains(&host(outside)), "{outside} in {text}");
        }
    }

    #[test]
    fn the_order_is_by_network_and_address() {
        let sorted = ["0.0.0.0/0", "1.2.0.0/16", "1.2.0.0/24", "9.0.0.0/8", "::/0", "1::/16", ONION];
        assert!(sorted.map(subnet).is_sorted());
    }
}
