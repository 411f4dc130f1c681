//! Agreeing on keys: what is sent first, and what both sides derive from it.

use super::cipher::{ReceiveCipher, SendCipher};
use hkdf::Hkdf;
use rand::Rng;
use secp256k1::SecretKey;
use secp256k1::ellswift::{ElligatorSwift, Party};
use sha2::Sha256;
use std::fmt;

/// The bytes of a public key that look like random ones.
pub(super) const KEY_LEN: usize = 64;
/// The bytes that end the garbage.
pub(super) const TERMINATOR_LEN: usize = 16;
/// The most random bytes that may follow a key, for the length of the handshake to say nothing.
pub const MAX_GARBAGE: usize = 4095;

/// What both ends of a connection derive, and nobody in between.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionId(pub [u8; 32]);

impl fmt::Display for SessionId {
    /// As in `getpeerinfo`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chaincore_consensus::hex::encode(&self.0))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

/// What one side says first: its key, made for this connection, and garbage.
pub struct Greeting {
    secret: SecretKey,
    public: ElligatorSwift,
    garbage: Vec<u8>,
}

impl fmt::Debug for Greeting {
    /// Without its secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Greeting").field("garbage", &self.garbage.len()).finish_non_exhaustive()
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes
}

impl Greeting {
    /// A new key, and garbage of any length that is allowed.
    pub fn new() -> Self {
        let mut rng = rand::rng();
        let mut garbage = vec![0; rng.random_range(0..=MAX_GARBAGE)];
        rng.fill(&mut garbage[..]);
        Self::with_garbage(garbage)
    }

    /// A new key, and this garbage.
    pub fn with_garbage(garbage: Vec<u8>) -> Self {
        // All numbers but a few are keys.
        let secret = loop {
            if let Ok(secret) = SecretKey::from_secret_bytes(random()) {
                break secret;
            }
        };
        Self { secret, public: ElligatorSwift::from_seckey(secret, Some(random())), garbage }
    }

    #[cfg(test)]
    pub(super) fn of(secret: [u8; 32], public: [u8; KEY_LEN]) -> Self {
        let secret = SecretKey::from_secret_bytes(secret).unwrap();
        Self { secret, public: ElligatorSwift::from_byte_array(public), garbage: vec![] }
    }

    /// What is sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.public.to_byte_array()[..], &self.garbage].concat()
    }

    /// Derives the keys from this and the key that the other side has sent; and the garbage of this, by which the
    /// first packet is bound to it. `party` is this side.
    pub fn agree(mut self, theirs: [u8; KEY_LEN], party: Party, magic: [u8; 4]) -> (Session, Vec<u8>) {
        let theirs = ElligatorSwift::from_byte_array(theirs);
        let [initiator, responder] = match party {
            Party::Initiator => [self.public, theirs],
            Party::Responder => [theirs, self.public],
        };
        let mut shared = ElligatorSwift::shared_secret(initiator, responder, self.secret, party);
        let salt = [&b"bitcoin_v2_shared_secret"[..], &magic].concat();
        let derived = Hkdf::<Sha256>::new(Some(&salt), shared.as_secret_bytes());
        self.secret.non_secure_erase();
        shared.non_secure_erase();
        let derive = |what: &str| {
            let mut key = [0; 32];
            derived.expand(what.as_bytes(), &mut key).expect("32 bytes are not too many");
            key
        };
        let terminators = derive("garbage_terminators");
        let (first, second) = terminators.split_at(TERMINATOR_LEN);
        let mut sides = ["initiator", "responder"];
        let mut terminators = [first, second].map(|bytes| bytes.try_into().expect("16 of 32 bytes"));
        if party == Party::Responder {
            sides.reverse();
            terminators.reverse();
        }
        let [ours, theirs] = sides.map(|side| [derive(&format!("{side}_L")), derive(&format!("{side}_P"))]);
        let [send_terminator, receive_terminator] = terminators;
        let session = Session {
            send: SendCipher::new(ours[0], ours[1]),
            receive: ReceiveCipher::new(theirs[0], theirs[1]),
            send_terminator,
            receive_terminator,
            id: SessionId(derive("session_id")),
        };
        (session, self.garbage)
    }
}

impl Default for Greeting {
    fn default() -> Self {
        Self::new()
    }
}

/// What both sides of a connection have derived, as one of them sees it.
#[derive(Debug)]
pub struct Session {
    /// For the packets that this side sends.
    pub send: SendCipher,
    /// For the packets that the other side sends.
    pub receive: ReceiveCipher,
    /// What ends this side's garbage.
    pub send_terminator: [u8; TERMINATOR_LEN],
    /// What ends the other side's garbage.
    pub receive_terminator: [u8; TERMINATOR_LEN],
    /// The name of the session.
    pub id: SessionId,
}
