//! Messages signed by the key of an address.

use super::{Reply, reply};
use crate::error::RpcError;
use crate::node::Node;
use crate::registry::Args;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chaincore_consensus::address::{Address, WifKey};
use chaincore_consensus::codec::put_var_bytes;
use chaincore_consensus::hash::{hash160, sha256d};
use secp256k1::Message;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};

/// What comes first in every signed message, so that none is a transaction.
const MAGIC: &[u8] = b"Bitcoin Signed Message:\n";

/// The first byte of a compact signature, for recovery number 0 and an uncompressed key.
const FIRST_HEADER: u8 = 27;
/// What is added to it for a compressed key.
const COMPRESSED: u8 = 4;

fn digest(message: &str) -> Message {
    let mut bytes = Vec::with_capacity(MAGIC.len() + message.len() + 10);
    put_var_bytes(&mut bytes, MAGIC);
    put_var_bytes(&mut bytes, message.as_bytes());
    Message::from_digest(sha256d(&bytes))
}

pub fn signmessagewithprivkey(node: &dyn Node, args: &Args) -> Reply {
    let key = WifKey::parse(args.str(0)?, &node.params().addresses);
    let key = key.ok_or_else(|| RpcError::not_found("Invalid private key"))?;
    let signature = RecoverableSignature::sign_ecdsa_recoverable(digest(args.str(1)?), &key.secret);
    let (id, compact) = signature.serialize_compact();
    let header = FIRST_HEADER + u8::from(id) + if key.compressed { COMPRESSED } else { 0 };
    reply(&STANDARD.encode([&[header][..], &compact].concat()))
}

pub fn verifymessage(node: &dyn Node, args: &Args) -> Reply {
    let address = Address::parse(args.str(0)?, &node.params().addresses);
    let address = address.map_err(|_| RpcError::not_found("Invalid address"))?;
    let Address::PubKeyHash(hash) = address else {
        return Err(RpcError::wrong_type("Address does not refer to key"));
    };
    let signature = STANDARD.decode(args.str(1)?);
    let signature = signature.map_err(|_| RpcError::wrong_type("Malformed base64 encoding"))?;
    let recovered = || {
        let (header, compact) = signature.split_first().filter(|(_, compact)| compact.len() == 64)?;
        let bits = header.wrapping_sub(FIRST_HEADER);
        let id = RecoveryId::from_u8_masked(bits);
        let signature = RecoverableSignature::from_compact(compact, id).ok()?;
        let key = signature.recover(digest(args.str(2).ok()?)).ok()?;
        Some(if bits & COMPRESSED != 0 {
            hash160(&key.serialize())
        } else {
            hash160(&key.serialize_uncompressed())
        })
    };
    reply(&(recovered() == Some(hash)))
}
