//! Who may be a peer in a private network.
//!
//! A node that has [`Credentials`] serves and believes nobody who does not prove to have them too: a secret that all
//! members share, or a key that is on this node's list, or both. The proof is over a transcript of the connection:
//! chain, roles, the nonces of both version messages, both challenges, and the session of an encrypted connection. So
//! it is worth nothing on another connection, in the other direction or on another chain; and nobody who sits between
//! two members of an encrypted connection has a session with either that the proofs of both fit.
//!
//! On a connection in the open it says who is at the other end when the connection begins: whoever can change the
//! bytes under way can still do so afterwards. So a node that encrypts makes none in a private network.

mod files;

pub use files::{FileError, NodeKey, read_key, read_keys, read_or_make_key, read_secret};

use super::transport::SessionId;
use super::wire::{AuthChallenge, AuthMethods, AuthProof};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::hash::tagged_hash;
use hmac::{Hmac, KeyInit, Mac};
use secp256k1::{XOnlyPublicKey, schnorr};
use sha2::Sha256;
use std::collections::BTreeSet;
use std::fmt;

/// The domain of all that is signed here.
const TAG: &str = "ChainCore/peer authentication/1";

/// Which side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It called.
    Caller,
    /// It was called.
    Called,
}

impl Side {
    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Caller => Self::Called,
            Self::Called => Self::Caller,
        }
    }
}

/// What both sides of a connection have said.
#[derive(Debug, Clone)]
pub struct Transcript {
    /// The chain's four bytes.
    pub magic: [u8; 4],
    /// The hash of the chain's first block.
    pub genesis: [u8; 32],
    /// The nonces of the version messages, the caller's first.
    pub version_nonces: [u64; 2],
    /// The challenges, the caller's first.
    pub challenges: [AuthChallenge; 2],
    /// The session of an encrypted connection.
    pub session: Option<SessionId>,
}

impl Transcript {
    fn challenge(&self, side: Side) -> &AuthChallenge {
        match side {
            Side::Caller => &self.challenges[0],
            Side::Called => &self.challenges[1],
        }
    }

    /// What `side` proves itself by.
    fn digest(&self, side: Side) -> [u8; 32] {
        let [caller, called] = &self.challenges;
        let role = match side {
            Side::Caller => 0,
            Side::Called => 1,
        };
        tagged_hash(
            TAG,
            &[
                &self.magic,
                &self.genesis,
                &[role],
                &self.version_nonces[0].to_le_bytes(),
                &self.version_nonces[1].to_le_bytes(),
                &caller.to_bytes(),
                &called.to_bytes(),
                self.session.as_ref().map_or(&[], |session| &session.0[..]),
            ],
        )
    }
}

/// Why a peer is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthFailure {
    /// The two do not agree how to prove themselves.
    #[error("the peer authenticates by {theirs}, this node by {ours}")]
    Methods {
        /// The peer's way.
        theirs: AuthMethods,
        /// Ours.
        ours: AuthMethods,
    },
    /// The proof is for another secret.
    #[error("the peer has another secret")]
    Secret,
    /// The key is not on the list.
    #[error("the peer's key {0} is not on the list of -peerkeys")]
    UnknownKey(String),
    /// The signature is not by the key.
    #[error("the peer has not signed with its key {0}")]
    Signature(String),
}

/// What this node proves itself by, and wants peers to.
pub struct Credentials {
    secret: Option<Vec<u8>>,
    keys: Option<(NodeKey, BTreeSet<[u8; 32]>)>,
}

impl fmt::Debug for Credentials {
    /// Without what must not be in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.methods())
    }
}

impl Credentials {
    /// By a secret, or by one's key and a list of the others' keys, or both; `None` if by neither.
    pub fn new(secret: Option<Vec<u8>>, keys: Option<(NodeKey, BTreeSet<[u8; 32]>)>) -> Option<Self> {
        (secret.is_some() || keys.is_some()).then_some(Self { secret, keys })
    }

    /// By what.
    pub fn methods(&self) -> AuthMethods {
        let secret = self.secret.as_ref().map_or(0, |_| AuthMethods::SECRET.0);
        let keys = self.keys.as_ref().map_or(0, |_| AuthMethods::KEY.0);
        AuthMethods(secret | keys)
    }

    /// This node's public key, if keys are used.
    pub fn public_key(&self) -> Option<[u8; 32]> {
        self.keys.as_ref().map(|(own, _)| own.public())
    }

    /// A challenge with this nonce.
    pub fn challenge(&self, nonce: [u8; 32]) -> AuthChallenge {
        let key = self.public_key().unwrap_or_default();
        AuthChallenge { methods: self.methods(), nonce, key }
    }

    /// Proves that this node, which is `side`, has them.
    pub fn prove(&self, transcript: &Transcript, side: Side) -> AuthProof {
        let digest = transcript.digest(side);
        AuthProof {
            secret: self.secret.as_ref().map(|secret| mac(secret, &digest).finalize().into_bytes().into()),
            signature: self.keys.as_ref().map(|(own, _)| own.sign(&digest)),
        }
    }

    /// Whether the two sides could agree at all. It is found out first, for a clear word in the log.
    pub fn check_challenge(&self, theirs: &AuthChallenge) -> Result<(), AuthFailure> {
        let (ours, theirs_by) = (self.methods(), theirs.methods);
        if ours != theirs_by {
            return Err(AuthFailure::Methods { theirs: theirs_by, ours });
        }
        match &self.keys {
            Some((_, allowed)) if !allowed.contains(&theirs.key) => {
                Err(AuthFailure::UnknownKey(chaincore_consensus::hex::encode(&theirs.key)))
            }
            _ => Ok(()),
        }
    }

    /// Whether the peer, which is `side`, has proved itself.
    pub fn check(&self, transcript: &Transcript, side: Side, proof: &AuthProof) -> Result<(), AuthFailure> {
        let challenge = transcript.challenge(side);
        self.check_challenge(challenge)?;
        let digest = transcript.digest(side);
        if let Some(secret) = &self.secret {
            let given = proof.secret.ok_or(AuthFailure::Secret)?;
            // Compares in constant time.
            mac(secret, &digest).verify_slice(&given).map_err(|_| AuthFailure::Secret)?;
        }
        if self.keys.is_some() {
            let failed = || AuthFailure::Signature(chaincore_consensus::hex::encode(&challenge.key));
            let key = XOnlyPublicKey::from_byte_array(challenge.key).map_err(|_| failed())?;
            let signature = schnorr::Signature::from_byte_array(proof.signature.ok_or_else(failed)?);
            schnorr::verify(&signature, &digest, &key).map_err(|_| failed())?;
        }
        Ok(())
    }
}

fn mac(secret: &[u8], digest: &[u8; 32]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(digest);
    mac
}

#[cfg(test)]
mod tests;
