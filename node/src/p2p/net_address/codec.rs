//! The wire formats of addresses: the 16 bytes of the protocol's first version, and BIP155's.

use super::{Host, INTERNAL_IN_IPV6, IPV4_IN_IPV6, NetAddress, TORV2_IN_IPV6, strip};
use chaincore_consensus::codec::{DecodeError, Reader, Sink, put_compact_size};

/// The longest address that BIP155 allows, of whichever network.
const MAX_ADDRESS_LEN: usize = 512;

/// BIP155's number and name of a network, and how long its addresses are.
const NETWORKS: [(u8, &str, usize); 5] =
    [(1, "IPv4", 4), (2, "IPv6", 16), (4, "TORv3", 32), (5, "I2P", 32), (6, "CJDNS", 16)];

impl Host {
    /// The 16 bytes of an `addr` message: all zero bytes for addresses that don't fit.
    pub fn to_v1_bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        match self {
            Self::Ipv4(address) => {
                bytes[..12].copy_from_slice(&IPV4_IN_IPV6);
                bytes[12..].copy_from_slice(address);
            }
            Self::Ipv6(address) => bytes = *address,
            Self::Internal(name) => {
                bytes[..6].copy_from_slice(&INTERNAL_IN_IPV6);
                bytes[6..].copy_from_slice(name);
            }
            Self::Onion(_) | Self::I2p(_) | Self::Cjdns(_) => {}
        }
        bytes
    }

    /// Puts BIP155's form: network, length, address.
    pub fn encode_v2(&self, sink: &mut impl Sink) {
        let legacy = self.to_v1_bytes();
        let (network, bytes): (u8, &[u8]) = match self {
            Self::Ipv4(bytes) => (1, bytes),
            Self::Ipv6(bytes) => (2, bytes),
            Self::Onion(bytes) => (4, bytes),
            Self::I2p(bytes) => (5, bytes),
            Self::Cjdns(bytes) => (6, bytes),
            // Never told to peers, but kept in the address book's file.
            Self::Internal(_) => (2, &legacy),
        };
        sink.put(&[network]);
        put_compact_size(sink, bytes.len() as u64);
        sink.put(bytes);
    }

    /// Reads BIP155's form. Addresses of unknown networks, and IPv6 addresses that stand for another network's,
    /// become [`Self::UNSPECIFIED`]; a wrong length of a known network's is an error.
    pub fn decode_v2(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let network = reader.u8()?;
        let len = reader.compact_size()?;
        if len > MAX_ADDRESS_LEN {
            return Err(DecodeError::Invalid(format!("Address too long: {len} > {MAX_ADDRESS_LEN}")));
        }
        if let Some((_, name, right)) = NETWORKS.iter().find(|(number, ..)| *number == network)
            && len != *right
        {
            return Err(DecodeError::Invalid(format!(
                "BIP155 {name} address with length {len} (should be {right})"
            )));
        }
        Ok(match network {
            1 => Self::Ipv4(reader.array()?),
            2 => Self::from_ipv6_proper(reader.array()?),
            4 => Self::Onion(reader.array()?),
            5 => Self::I2p(reader.array()?),
            6 => Self::Cjdns(reader.array()?),
            _ => {
                reader.bytes(len)?;
                Self::UNSPECIFIED
            }
        })
    }

    /// BIP155 has numbers of their own for other networks, so that only internal names may hide in IPv6.
    fn from_ipv6_proper(bytes: [u8; 16]) -> Self {
        if let Some(name) = strip::<6, 10>(&bytes, &INTERNAL_IN_IPV6) {
            Self::Internal(name)
        } else if bytes.starts_with(&IPV4_IN_IPV6) || bytes.starts_with(&TORV2_IN_IPV6) {
            Self::UNSPECIFIED
        } else {
            Self::Ipv6(bytes)
        }
    }
}

impl NetAddress {
    /// Puts 16 bytes of address and the port, big-endian.
    pub fn encode_v1(&self, sink: &mut impl Sink) {
        sink.put(&self.host.to_v1_bytes());
        sink.put(&self.port.to_be_bytes());
    }

    /// Reads 16 bytes of address and the port.
    pub fn decode_v1(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let host = Host::from_legacy_ipv6(reader.array()?);
        Ok(Self::new(host, u16::from_be_bytes(reader.array()?)))
    }

    /// Puts BIP155's form of the address, and the port, big-endian.
    pub fn encode_v2(&self, sink: &mut impl Sink) {
        self.host.encode_v2(sink);
        sink.put(&self.port.to_be_bytes());
    }

    /// Reads BIP155's form of the address, and the port.
    pub fn decode_v2(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let host = Host::decode_v2(reader)?;
        Ok(Self::new(host, u16::from_be_bytes(reader.array()?)))
    }
}
