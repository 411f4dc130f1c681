//! Where a node can be reached: hosts of every network that Bitcoin's address gossip knows, with a port.
//!
//! Everything here is a pure function of the address's bytes and gives what Bitcoin Core gives: the wire formats
//! (the 16 bytes of the first `addr` message and BIP155's), the text form, which network an address is of and
//! the group that it is counted in when peers are chosen.

mod class;
mod codec;
#[cfg(test)]
mod tests;
mod text;

use chaincore_consensus::hash::sha256;
use std::cmp::Ordering;
use std::fmt;
use std::hash::Hasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

pub use text::{ParseAddressError, split_host_port};

/// What the 16 bytes of an IPv4 address begin with in an `addr` message (RFC 4291).
const IPV4_IN_IPV6: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
/// What the 16 bytes of a version 2 onion address began with (OnionCat); such addresses no longer exist.
const TORV2_IN_IPV6: [u8; 6] = [0xfd, 0x87, 0xd8, 0x7e, 0xeb, 0x43];
/// What the 16 bytes of an internal address begin with: 0xfd and the first bytes of the SHA-256 of "bitcoin".
const INTERNAL_IN_IPV6: [u8; 6] = [0xfd, 0x6b, 0x88, 0xc0, 0x87, 0x24];
/// What every CJDNS address begins with.
const CJDNS_PREFIX: u8 = 0xfc;

/// A network, in Core's order, which is part of the groups' bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Network {
    /// None that could be reached from elsewhere: private, local, documentation or invalid addresses.
    Unroutable = 0,
    /// IPv4.
    Ipv4 = 1,
    /// IPv6.
    Ipv6 = 2,
    /// Tor's onion services, version 3.
    Onion = 3,
    /// I2P.
    I2p = 4,
    /// CJDNS.
    Cjdns = 5,
    /// Names that stand for a source of addresses, such as a DNS seed; nothing that could be connected to.
    Internal = 6,
}

impl Network {
    /// All networks, in order.
    pub const ALL: [Self; 7] =
        [Self::Unroutable, Self::Ipv4, Self::Ipv6, Self::Onion, Self::I2p, Self::Cjdns, Self::Internal];

    /// The networks that a node can be on.
    pub const REACHABLE: [Self; 5] = [Self::Ipv4, Self::Ipv6, Self::Onion, Self::I2p, Self::Cjdns];

    /// Core's `GetNetworkName`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unroutable => "not_publicly_routable",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Onion => "onion",
            Self::I2p => "i2p",
            Self::Cjdns => "cjdns",
            Self::Internal => "internal",
        }
    }

    /// Whether this node can call there (Core's reachable networks): it speaks no protocol of Tor, I2P or CJDNS.
    pub const fn is_dialled(self) -> bool {
        matches!(self, Self::Ipv4 | Self::Ipv6)
    }

    /// The network of a name as users write it, in any case (Core's `ParseNetwork`).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::REACHABLE.into_iter().find(|network| name.eq_ignore_ascii_case(network.name()))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An address without a port. The order is Core's: by network, then by bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// An IPv4 address.
    Ipv4([u8; 4]),
    /// An IPv6 address; never one that stands for an IPv4, old onion or internal address.
    Ipv6([u8; 16]),
    /// The public key of an onion service, version 3.
    Onion([u8; 32]),
    /// The SHA-256 of an I2P destination.
    I2p([u8; 32]),
    /// A CJDNS address.
    Cjdns([u8; 16]),
    /// The first bytes of the SHA-256 of a name.
    Internal([u8; 10]),
}

impl Host {
    /// The IPv6 address of all zero bytes, which is no address: what unknown addresses are decoded to.
    pub const UNSPECIFIED: Self = Self::Ipv6([0; 16]);

    /// The address that 16 bytes stand for: an IPv6 address, or another one disguised as such (Core's
    /// `SetLegacyIPv6`). Old onion addresses become [`Self::UNSPECIFIED`].
    pub fn from_legacy_ipv6(bytes: [u8; 16]) -> Self {
        if let Some(rest) = strip::<12, 4>(&bytes, &IPV4_IN_IPV6) {
            Self::Ipv4(rest)
        } else if bytes.starts_with(&TORV2_IN_IPV6) {
            Self::UNSPECIFIED
        } else if let Some(rest) = strip::<6, 10>(&bytes, &INTERNAL_IN_IPV6) {
            Self::Internal(rest)
        } else {
            Self::Ipv6(bytes)
        }
    }

    /// The address that stands for a name, such as a DNS seed's; `None` for the empty name.
    pub fn internal(name: &str) -> Option<Self> {
        if name.is_empty() {
            return None;
        }
        let hash = sha256(name.as_bytes());
        Some(Self::Internal(hash[..10].try_into().expect("a hash has 32 bytes")))
    }

    /// The same bytes read as a CJDNS address, if they can be one: what a node that is on CJDNS takes its IPv6
    /// sockets' addresses for (Core's `MaybeFlipIPv6toCJDNS`).
    pub fn flip_to_cjdns(self) -> Self {
        match self {
            Self::Ipv6(bytes) if bytes[0] == CJDNS_PREFIX => Self::Cjdns(bytes),
            other => other,
        }
    }

    /// The IP address to connect a socket to, `None` for onion, I2P and internal addresses.
    pub fn to_ip(&self) -> Option<IpAddr> {
        match *self {
            Self::Ipv4(bytes) => Some(Ipv4Addr::from(bytes).into()),
            Self::Ipv6(bytes) | Self::Cjdns(bytes) => Some(Ipv6Addr::from(bytes).into()),
            Self::Onion(_) | Self::I2p(_) | Self::Internal(_) => None,
        }
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::Ipv4(ip.octets()),
            IpAddr::V6(ip) => Self::from_legacy_ipv6(ip.octets()),
        }
    }
}

/// The last `REST` bytes of an IPv6 address that begins with `prefix`.
fn strip<const PREFIX: usize, const REST: usize>(
    bytes: &[u8; 16],
    prefix: &[u8; PREFIX],
) -> Option<[u8; REST]> {
    bytes.strip_prefix(prefix)?.try_into().ok()
}

/// An address with a port. Two that differ in their zone only are equal, as Core's are.
#[derive(Clone, Copy)]
pub struct NetAddress {
    host: Host,
    port: u16,
    /// The zone of a link-local IPv6 address (RFC 4007), 0 for none.
    zone: u32,
}

impl NetAddress {
    /// No address and port 0: what the protocol sends for "none".
    pub const UNSPECIFIED: Self = Self::new(Host::UNSPECIFIED, 0);

    /// A host and a port.
    pub const fn new(host: Host, port: u16) -> Self {
        Self { host, port, zone: 0 }
    }

    /// The host.
    pub const fn host(&self) -> Host {
        self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The same host with another port.
    pub const fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// See [`Host::flip_to_cjdns`].
    pub fn flip_to_cjdns(self) -> Self {
        Self { host: self.host.flip_to_cjdns(), ..self }
    }

    /// What to connect a socket to, `None` for onion, I2P and internal addresses.
    pub fn to_socket_addr(&self) -> Option<SocketAddr> {
        Some(match self.host.to_ip()? {
            IpAddr::V4(ip) => SocketAddr::V4(SocketAddrV4::new(ip, self.port)),
            IpAddr::V6(ip) => SocketAddr::V6(SocketAddrV6::new(ip, self.port, 0, self.zone)),
        })
    }

    /// The network that the address is of (Core's `GetNetwork`).
    pub fn network(&self) -> Network {
        self.host.network()
    }

    /// Whether the address could be that of a host (Core's `IsValid`).
    pub fn is_valid(&self) -> bool {
        self.host.is_valid()
    }

    /// Whether the address can be reached from everywhere (Core's `IsRoutable`).
    pub fn is_routable(&self) -> bool {
        self.host.is_routable()
    }

    /// Whether the address is this machine's own (Core's `IsLocal`).
    pub fn is_local(&self) -> bool {
        self.host.is_local()
    }

    /// The group that the address is counted in when peers are chosen (Core's `GetGroup`).
    pub fn group(&self) -> Vec<u8> {
        self.host.group()
    }

    /// The bytes of the address and the port, big-endian: what Core's address manager hashes (`GetKey`).
    pub fn key(&self) -> Vec<u8> {
        let mut key = self.host.address_bytes();
        key.extend(self.port.to_be_bytes());
        key
    }
}

impl From<SocketAddr> for NetAddress {
    fn from(address: SocketAddr) -> Self {
        let zone = match address {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(address) => address.scope_id(),
        };
        Self { host: address.ip().into(), port: address.port(), zone }
    }
}

impl PartialEq for NetAddress {
    fn eq(&self, other: &Self) -> bool {
        (self.host, self.port) == (other.host, other.port)
    }
}

impl Eq for NetAddress {}

impl PartialOrd for NetAddress {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NetAddress {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.host, self.port).cmp(&(other.host, other.port))
    }
}

impl std::hash::Hash for NetAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.host, self.port).hash(state);
    }
}
