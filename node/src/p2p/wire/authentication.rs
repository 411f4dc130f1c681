//! The two messages by which the members of a private network prove themselves: ChainCore's own, and never sent
//! by a node that was not told to.

use chaincore_consensus::codec::{Decode, DecodeError, Encode, Reader, Sink};

/// The version of the exchange.
const VERSION: u8 = 1;

/// The ways to prove oneself, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthMethods(pub u8);

impl AuthMethods {
    /// By a secret that all members share.
    pub const SECRET: Self = Self(1);
    /// By a key of one's own that the others know.
    pub const KEY: Self = Self(2);

    /// Whether all of `other` are among these.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::fmt::Display for AuthMethods {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            1 => "shared secret",
            2 => "node key",
            3 => "shared secret and node key",
            _ => "unknown means",
        })
    }
}

/// `authchal`: what the other side is to prove itself by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthChallenge {
    /// By what the sender proves itself, and wants the other side to.
    pub methods: AuthMethods,
    /// Random bytes, for this connection alone.
    pub nonce: [u8; 32],
    /// The sender's public key (BIP340), zero bytes where keys are not used.
    pub key: [u8; 32],
}

/// `authproof`: the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthProof {
    /// That the sender knows the secret: an HMAC-SHA256.
    pub secret: Option<[u8; 32]>,
    /// That the sender has its key: a BIP340 signature.
    pub signature: Option<[u8; 64]>,
}

impl Encode for AuthChallenge {
    fn encode(&self, sink: &mut impl Sink) {
        sink.put(&[VERSION, self.methods.0]);
        sink.put(&self.nonce);
        sink.put(&self.key);
    }
}

impl Decode for AuthChallenge {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = reader.u8()?;
        if version != VERSION {
            return Err(DecodeError::Invalid(format!("unknown version {version} of authchal")));
        }
        Ok(Self { methods: AuthMethods(reader.u8()?), nonce: array(reader)?, key: array(reader)? })
    }
}

impl Encode for AuthProof {
    fn encode(&self, sink: &mut impl Sink) {
        let secret = self.secret.map_or(0, |_| AuthMethods::SECRET.0);
        let key = self.signature.map_or(0, |_| AuthMethods::KEY.0);
        sink.put(&[secret | key]);
        sink.put(self.secret.as_ref().map_or(&[][..], |mac| mac));
        sink.put(self.signature.as_ref().map_or(&[][..], |signature| signature));
    }
}

impl Decode for AuthProof {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let methods = AuthMethods(reader.u8()?);
        let secret = methods.contains(AuthMethods::SECRET).then(|| array(reader)).transpose()?;
        let signature = methods.contains(AuthMethods::KEY).then(|| array(reader)).transpose()?;
        Ok(Self { secret, signature })
    }
}

fn array<const N: usize>(reader: &mut Reader<'_>) -> Result<[u8; N], DecodeError> {
    let mut bytes = [0; N];
    bytes.copy_from_slice(reader.bytes(N)?);
    Ok(bytes)
}
