//! Output descriptors, as far as a script or a public key alone tells them: the `desc` of JSON answers, and what
//! mining methods take (BIP380, BIP381, BIP382, BIP384, BIP385, BIP386).

use crate::error::RpcError;
use chaincore_consensus::address::Address;
use chaincore_consensus::hash::hash160;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::script::{Builder, ScriptKind, classify, op};
use chaincore_consensus::{Script, hex};

/// The characters a descriptor may have, in the order that the checksum numbers them.
const INPUT_CHARSET: &[u8; 95] =
    b"0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
const CHECKSUM_CHARSET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

fn polymod(mut checksum: u64, value: u64) -> u64 {
    const GENERATORS: [u64; 5] = [0xf5dee51989, 0xa9fdca3312, 0x1bab10e32d, 0x3706b1677a, 0x644d626ffd];
    let top = checksum >> 35;
    checksum = ((checksum & 0x7ffffffff) << 5) ^ value;
    for (bit, generator) in GENERATORS.iter().enumerate() {
        if top >> bit & 1 == 1 {
            checksum ^= generator;
        }
    }
    checksum
}

/// The eight characters that follow `#`; `None` if the descriptor has characters that none may have.
pub fn checksum(descriptor: &str) -> Option<String> {
    let mut sum = 1;
    let mut groups = 0;
    let mut pending = 0;
    for byte in descriptor.bytes() {
        let position = INPUT_CHARSET.iter().position(|known| *known == byte)? as u64;
        sum = polymod(sum, position & 31);
        groups = groups * 3 + (position >> 5);
        pending += 1;
        if pending == 3 {
            sum = polymod(sum, groups);
            (groups, pending) = (0, 0);
        }
    }
    if pending > 0 {
        sum = polymod(sum, groups);
    }
    for _ in 0..8 {
        sum = polymod(sum, 0);
    }
    sum ^= 1;
    Some((0..8).map(|at| char::from(CHECKSUM_CHARSET[(sum >> (5 * (7 - at)) & 31) as usize])).collect())
}

fn with_checksum(descriptor: String) -> String {
    let checksum = checksum(&descriptor).expect("descriptors made here have only characters of the set");
    descriptor + "#" + &checksum
}

/// Whether a public key's form is one that descriptors can hold: compressed or uncompressed, not hybrid.
fn is_plain_key(key: &[u8]) -> bool {
    matches!((key.first(), key.len()), (Some(2 | 3), 33) | (Some(4), 65))
}

/// The descriptor of a script of which nothing else is known, with its checksum, as Core infers it.
pub fn infer(script: &Script, params: &ChainParams) -> String {
    let descriptor = match classify(script) {
        ScriptKind::PubKey(key) if is_plain_key(key) => Some(format!("pk({})", hex::encode(key))),
        ScriptKind::MultiSig { m, keys } if keys.iter().all(|key| is_plain_key(key)) => {
            let keys: String = keys.iter().map(|key| format!(",{}", hex::encode(key))).collect();
            Some(format!("multi({m}{keys})"))
        }
        ScriptKind::WitnessV1Taproot(key) if secp256k1::XOnlyPublicKey::from_byte_array(*key).is_ok() => {
            Some(format!("rawtr({})", hex::encode(key)))
        }
        _ => Address::from_script(script)
            .map(|address| format!("addr({})", address.to_text(&params.addresses))),
    };
    with_checksum(descriptor.unwrap_or_else(|| format!("raw({})", hex::encode(script))))
}

/// The descriptor of the P2WSH output of a script, if Core tells more of it than its address.
pub fn infer_wsh(script: &Script) -> Option<String> {
    let ScriptKind::MultiSig { m, keys } = classify(script) else { return None };
    let keys: String = keys.iter().map(|key| format!(",{}", hex::encode(key))).collect();
    Some(with_checksum(format!("wsh(multi({m}{keys}))")))
}

/// The script of a descriptor of one key, given in hexadecimal; `None` if the function is none of those.
/// `combo` stands for several scripts: mining pays to P2WPKH, or to P2PKH if the key is not compressed.
fn single_key_script(payload: &str) -> Option<Result<Script, RpcError>> {
    let (function, rest) = payload.split_once('(')?;
    let text = rest.strip_suffix(')')?;
    if !matches!(function, "pk" | "pkh" | "wpkh" | "combo") {
        return None;
    }
    let invalid = |what: String| Some(Err(RpcError::not_found(format!("{function}(): {what}"))));
    if text.is_empty() {
        return invalid("No key provided".into());
    }
    let key = hex::decode(text)
        .ok()
        .filter(|key| is_plain_key(key) && secp256k1::PublicKey::from_slice(key).is_ok());
    let Some(key) = key else { return invalid(format!("key '{text}' is not valid")) };
    let compressed = key.len() == 33;
    let p2wpkh = || Address::Witness { version: 0, program: hash160(&key).to_vec() }.script_pubkey();
    Some(Ok(match function {
        "pk" => Builder::new().push_data(&key).op(op::OP_CHECKSIG).into_script(),
        "wpkh" if !compressed => return invalid("Uncompressed keys are not allowed".into()),
        "wpkh" => p2wpkh(),
        "combo" if compressed => p2wpkh(),
        _ => Address::PubKeyHash(hash160(&key)).script_pubkey(),
    }))
}

/// The script that a descriptor, with or without a checksum, stands for: `raw(HEX)`, `addr(ADDRESS)`, and `pk`,
/// `pkh`, `wpkh` and `combo` of a public key in hexadecimal.
pub fn parse_script(descriptor: &str, params: &ChainParams) -> Result<Script, RpcError> {
    let invalid = |message: String| RpcError::not_found(message);
    let (payload, given) = match descriptor.split_once('#') {
        None => (descriptor, None),
        Some((payload, given)) => (payload, Some(given)),
    };
    if let Some(given) = given {
        if given.contains('#') {
            return Err(invalid("Multiple '#' symbols".into()));
        }
        if given.len() != 8 {
            return Err(invalid(format!("Expected 8 character checksum, not {} characters", given.len())));
        }
    }
    let computed = checksum(payload).ok_or_else(|| invalid("Invalid characters in payload".into()))?;
    if let Some(given) = given.filter(|given| *given != computed) {
        return Err(invalid(format!(
            "Provided checksum '{given}' does not match computed checksum '{computed}'"
        )));
    }
    let inner = |name: &str| payload.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(text) = inner("raw") {
        let script = hex::decode(text).ok().filter(|script| !script.is_empty());
        return script.map(Script).ok_or_else(|| invalid("Raw script is not hex".into()));
    }
    if let Some(text) = inner("addr") {
        let address =
            Address::parse(text, &params.addresses).map_err(|_| invalid("Address is not valid".into()))?;
        return Ok(address.script_pubkey());
    }
    if let Some(script) = single_key_script(payload) {
        return script;
    }
    Err(invalid(format!("'{payload}' is not a valid descriptor function")))
}
