//! The first message of either side.

use super::{MAX_USER_AGENT, ServiceFlags, sanitized};
use crate::p2p::net_address::NetAddress;
use chaincore_consensus::codec::{Decode, DecodeError, Encode, Reader, Sink, put_var_bytes};

/// Who a node says that it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// The protocol's version that it speaks.
    pub version: i32,
    /// What it can do.
    pub services: ServiceFlags,
    /// Its time, in seconds since 1970; negative ones are as good as 0.
    pub time: i64,
    /// What it believes the receiver can do.
    pub receiver_services: ServiceFlags,
    /// Where it believes the receiver is.
    pub receiver: NetAddress,
    /// Its services once more; nobody reads them.
    pub sender_services: ServiceFlags,
    /// Where it is; nobody reads it, and Core sends none.
    pub sender: NetAddress,
    /// By which a node notices that it is talking to itself.
    pub nonce: u64,
    /// What software it is (BIP14), as sent: at most [`MAX_USER_AGENT`] bytes of any kind.
    pub user_agent: Vec<u8>,
    /// The height of its best block, -1 where it doesn't say.
    pub start_height: i32,
    /// Whether it wants transactions announced (BIP37).
    pub relay: bool,
}

impl Version {
    /// The user agent without characters that logs and answers should not have.
    pub fn clean_user_agent(&self) -> String {
        sanitized(&self.user_agent)
    }
}

impl Encode for Version {
    fn encode(&self, sink: &mut impl Sink) {
        sink.put(&self.version.to_le_bytes());
        sink.put(&self.services.0.to_le_bytes());
        sink.put(&self.time.to_le_bytes());
        sink.put(&self.receiver_services.0.to_le_bytes());
        self.receiver.encode_v1(sink);
        sink.put(&self.sender_services.0.to_le_bytes());
        self.sender.encode_v1(sink);
        sink.put(&self.nonce.to_le_bytes());
        put_var_bytes(sink, &self.user_agent);
        sink.put(&self.start_height.to_le_bytes());
        sink.put(&[self.relay.into()]);
    }
}

impl Decode for Version {
    /// Reads a message that may end behind the receiver, the nonce, the user agent or the height: what is
    /// missing has the values that Core gives it.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut version = Self {
            version: reader.i32()?,
            services: ServiceFlags(reader.u64()?),
            time: reader.i64()?,
            receiver_services: ServiceFlags(reader.u64()?),
            receiver: NetAddress::decode_v1(reader)?,
            sender_services: ServiceFlags::NONE,
            sender: NetAddress::UNSPECIFIED,
            nonce: 1,
            user_agent: Vec::new(),
            start_height: -1,
            relay: true,
        };
        if reader.remaining() > 0 {
            version.sender_services = ServiceFlags(reader.u64()?);
            version.sender = NetAddress::decode_v1(reader)?;
            version.nonce = reader.u64()?;
        }
        if reader.remaining() > 0 {
            let len = reader.compact_size()?;
            if len > MAX_USER_AGENT {
                return Err(DecodeError::Invalid("String length limit exceeded".into()));
            }
            version.user_agent = reader.bytes(len)?.to_vec();
        }
        if reader.remaining() > 0 {
            version.start_height = reader.i32()?;
        }
        if reader.remaining() > 0 {
            version.relay = reader.u8()? != 0;
        }
        Ok(version)
    }
}
