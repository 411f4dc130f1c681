//! What kind of address a host is: the ranges that RFCs set aside, networks and groups.

use super::{CJDNS_PREFIX, Host, INTERNAL_IN_IPV6, IPV4_IN_IPV6, Network};

impl Host {
    /// RFC 1918: private IPv4 networks.
    fn is_private(&self) -> bool {
        matches!(self, Self::Ipv4([10, ..] | [192, 168, ..] | [172, 16..=31, ..]))
    }

    /// RFC 2544: IPv4 for benchmarks between networks.
    fn is_benchmark(&self) -> bool {
        matches!(self, Self::Ipv4([198, 18 | 19, ..]))
    }

    /// RFC 6598: IPv4 of a provider's address translation.
    fn is_shared(&self) -> bool {
        matches!(self, Self::Ipv4([100, 64..=127, ..]))
    }

    /// RFC 5737: IPv4 for documentation.
    fn is_documentation_v4(&self) -> bool {
        matches!(self, Self::Ipv4([192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _]))
    }

    /// RFC 3927: IPv4 configured without a server.
    fn is_link_local_v4(&self) -> bool {
        matches!(self, Self::Ipv4([169, 254, ..]))
    }

    /// RFC 3849: IPv6 for documentation.
    fn is_documentation_v6(&self) -> bool {
        matches!(self, Self::Ipv6([0x20, 0x01, 0x0d, 0xb8, ..]))
    }

    /// RFC 4862: IPv6 configured without a server.
    fn is_link_local_v6(&self) -> bool {
        matches!(self, Self::Ipv6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, ..]))
    }

    /// RFC 4193: IPv6 of a site.
    fn is_unique_local(&self) -> bool {
        matches!(self, Self::Ipv6([0xfc | 0xfd, ..]))
    }

    /// RFC 4843 and RFC 7343: hashes that look like IPv6 addresses.
    fn is_orchid(&self) -> bool {
        matches!(self, Self::Ipv6([0x20, 0x01, 0, 0x10..=0x2f, ..]))
    }

    /// IPv6 of Hurricane Electric, where one tunnel user has many networks.
    fn is_he_net(&self) -> bool {
        matches!(self, Self::Ipv6([0x20, 0x01, 0x04, 0x70, ..]))
    }

    /// Whether this is this machine's own address, or the "any" of IPv4 (Core's `IsLocal`).
    pub fn is_local(&self) -> bool {
        matches!(
            self,
            Self::Ipv4([127 | 0, ..]) | Self::Ipv6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
        )
    }

    /// Whether this stands for a name and not for a host.
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Internal(_))
    }

    /// Whether this is the "any" of IPv4 or IPv6, what a socket that listens everywhere is bound to.
    pub fn is_bind_any(&self) -> bool {
        matches!(self, Self::Ipv4([0, 0, 0, 0]) | &Self::UNSPECIFIED)
    }

    /// Whether this could be a host's address (Core's `IsValid`): not "any", not for documentation in IPv6, not
    /// a name.
    pub fn is_valid(&self) -> bool {
        match self {
            Self::Ipv4(bytes) => !matches!(bytes, [0, 0, 0, 0] | [255, 255, 255, 255]),
            Self::Ipv6(_) => *self != Self::UNSPECIFIED && !self.is_documentation_v6(),
            Self::Cjdns(bytes) => bytes[0] == CJDNS_PREFIX,
            Self::Onion(_) | Self::I2p(_) => true,
            Self::Internal(_) => false,
        }
    }

    /// Whether the host can be reached from everywhere (Core's `IsRoutable`).
    pub fn is_routable(&self) -> bool {
        self.is_valid()
            && !(self.is_private()
                || self.is_benchmark()
                || self.is_link_local_v4()
                || self.is_link_local_v6()
                || self.is_shared()
                || self.is_documentation_v4()
                || self.is_unique_local()
                || self.is_orchid()
                || self.is_local())
    }

    /// Whether the network hides where its hosts are (Core's `IsPrivacyNet`).
    pub fn is_privacy_net(&self) -> bool {
        matches!(self, Self::Onion(_) | Self::I2p(_))
    }

    /// Whether the address may be told to peers, whether or not this node could reach it (Core's `IsRelayable`).
    pub fn is_relayable(&self) -> bool {
        !self.is_internal()
    }

    /// Whether an `addr` message can hold the address, or only an `addrv2` message.
    pub fn is_addr_v1_compatible(&self) -> bool {
        matches!(self, Self::Ipv4(_) | Self::Ipv6(_) | Self::Internal(_))
    }

    /// The network that the address's form is of, whether or not it is routable.
    pub fn form(&self) -> Network {
        match self {
            Self::Ipv4(_) => Network::Ipv4,
            Self::Ipv6(_) => Network::Ipv6,
            Self::Onion(_) => Network::Onion,
            Self::I2p(_) => Network::I2p,
            Self::Cjdns(_) => Network::Cjdns,
            Self::Internal(_) => Network::Internal,
        }
    }

    /// The network that the host is reached over (Core's `GetNetwork`): [`Network::Unroutable`] for what isn't
    /// routable.
    pub fn network(&self) -> Network {
        if self.is_internal() || self.is_routable() { self.form() } else { Network::Unroutable }
    }

    /// As [`Self::network`], but IPv6 addresses with an IPv4 address inside count as IPv4 (Core's `GetNetClass`).
    pub fn net_class(&self) -> Network {
        if self.linked_ipv4().is_some() { Network::Ipv4 } else { self.network() }
    }

    /// The IPv4 address that packets to a routable host go to: its own, or the one inside an IPv6 address that
    /// is translated (RFC 6052, RFC 6145) or tunnelled (RFC 3964, RFC 4380).
    pub fn linked_ipv4(&self) -> Option<[u8; 4]> {
        if !self.is_routable() {
            return None;
        }
        match *self {
            Self::Ipv4(bytes) => Some(bytes),
            Self::Ipv6(
                [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]
                | [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, a, b, c, d]
                | [0x20, 0x02, a, b, c, d, ..],
            ) => Some([a, b, c, d]),
            Self::Ipv6([0x20, 0x01, 0, 0, .., a, b, c, d]) => Some([!a, !b, !c, !d]),
            _ => None,
        }
    }

    /// The address's bytes, 16 where an `addr` message could hold it (Core's `GetAddrBytes`).
    pub fn address_bytes(&self) -> Vec<u8> {
        match self {
            Self::Ipv4(bytes) => [&IPV4_IN_IPV6[..], bytes].concat(),
            Self::Internal(bytes) => [&INTERNAL_IN_IPV6[..], bytes].concat(),
            Self::Ipv6(bytes) | Self::Cjdns(bytes) => bytes.to_vec(),
            Self::Onion(bytes) | Self::I2p(bytes) => bytes.to_vec(),
        }
    }

    /// The group that the host is counted in (Core's `NetGroupManager::GetGroup` without a map of autonomous
    /// systems): whoever has one address of a group may well have many. The network's number, then the leading
    /// bits of the address with the rest of their last byte set.
    pub fn group(&self) -> Vec<u8> {
        let mut group = vec![self.net_class() as u8];
        let linked = self.linked_ipv4();
        let (bytes, bits): (&[u8], usize) = match (self, &linked) {
            (Self::Internal(bytes), _) => (bytes, 80),
            _ if !self.is_routable() => (&[], 0),
            (_, Some(bytes)) => (bytes, 16),
            (Self::Ipv4(bytes), None) => (bytes, 16),
            (Self::Onion(bytes) | Self::I2p(bytes), None) => (bytes, 4),
            // The first byte is the same for all.
            (Self::Cjdns(bytes), None) => (bytes, 12),
            (Self::Ipv6(bytes), None) => (bytes, if self.is_he_net() { 36 } else { 32 }),
        };
        group.extend(&bytes[..bits / 8]);
        if bits % 8 > 0 {
            group.push(bytes[bits / 8] | (0xff >> (bits % 8)));
        }
        group
    }
}
