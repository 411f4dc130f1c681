//! Addresses as peers gossip them.

use super::ServiceFlags;
use crate::p2p::net_address::NetAddress;
use chaincore_consensus::codec::{DecodeError, Reader, Sink, put_compact_size};

/// An address with what is known of the node there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PeerAddress {
    /// Where the node is.
    pub address: NetAddress,
    /// What it can do.
    pub services: ServiceFlags,
    /// When it was last heard of, in seconds since 1970.
    pub time: u32,
}

impl PeerAddress {
    /// The size of every entry of an `addr` message.
    pub(super) const V1_LEN: usize = 30;
    /// The least size of an entry of an `addrv2` message: one of an unknown network with no bytes.
    pub(super) const V2_LEAST_LEN: usize = 9;

    /// Puts an entry of an `addr` message.
    pub fn encode_v1(&self, sink: &mut impl Sink) {
        sink.put(&self.time.to_le_bytes());
        sink.put(&self.services.0.to_le_bytes());
        self.address.encode_v1(sink);
    }

    /// Reads an entry of an `addr` message.
    pub fn decode_v1(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let time = reader.u32()?;
        let services = ServiceFlags(reader.u64()?);
        Ok(Self { time, services, address: NetAddress::decode_v1(reader)? })
    }

    /// Puts an entry of an `addrv2` message (BIP155).
    pub fn encode_v2(&self, sink: &mut impl Sink) {
        sink.put(&self.time.to_le_bytes());
        put_compact_size(sink, self.services.0);
        self.address.encode_v2(sink);
    }

    /// Reads an entry of an `addrv2` message (BIP155). An address of an unknown network is read as none:
    /// [`crate::p2p::net_address::Host::UNSPECIFIED`].
    pub fn decode_v2(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let time = reader.u32()?;
        let services = ServiceFlags(reader.compact_size_unbounded()?);
        Ok(Self { time, services, address: NetAddress::decode_v2(reader)? })
    }
}
