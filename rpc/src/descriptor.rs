//! Output descriptors (BIP380 to BIP386, BIP389): what methods take in place of addresses, and the `desc` of JSON
//! answers. Miniscript and `musig()` are not understood.
//!
//! Pure: text and keys in, scripts out. Errors of parsing are Core's texts.

mod bip32;
mod infer;
mod key;
mod parse;
mod provider;
mod script;

pub use provider::Provider;
pub use script::{Expression, multisig, p2sh, p2wsh, x_only};

use crate::error::RpcError;
use chaincore_consensus::Script;
use chaincore_consensus::params::{AddressFormat, ChainParams};
use chaincore_consensus::script::{ScriptKind, classify};
use key::Context;

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

/// A parsed descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor(Expression);

impl Descriptor {
    /// Reads a descriptor with or without a checksum: one, or as many as its multipath steps have ways. The error is
    /// Core's text.
    pub fn parse(text: &str, format: &AddressFormat) -> Result<Vec<Self>, String> {
        let (payload, _) = split_checksum(text)?;
        let expression = parse::parse(payload, format)?;
        Ok((0..expression.ways()).map(|way| Self(expression.way(way))).collect())
    }

    /// The same of a descriptor that must have a checksum.
    pub fn parse_with_checksum(text: &str, format: &AddressFormat) -> Result<Vec<Self>, String> {
        if !text.contains('#') {
            return Err("Missing checksum".into());
        }
        Self::parse(text, format)
    }

    /// What it is.
    pub fn expression(&self) -> &Expression {
        &self.0
    }

    /// Whether it stands for scripts at each position.
    pub fn is_range(&self) -> bool {
        self.0.is_range()
    }

    /// The scripts at a position, and what is behind their hashes; `None` if that takes private keys that are not
    /// there.
    pub fn scripts(&self, position: u32, provider: &mut Provider) -> Option<Vec<Script>> {
        self.0.scripts(position, provider)
    }

    /// The text in canonical form, with public keys only and with its checksum.
    pub fn to_text(&self, format: &AddressFormat) -> String {
        with_checksum(self.0.to_text(format))
    }
}

/// A descriptor's payload, and the checksum that it has or should have; what is wrong with one that is given.
pub fn split_checksum(descriptor: &str) -> Result<(&str, String), String> {
    let (payload, given) = match descriptor.split_once('#') {
        None => (descriptor, None),
        Some((payload, given)) => (payload, Some(given)),
    };
    if let Some(given) = given {
        if given.contains('#') {
            return Err("Multiple '#' symbols".into());
        }
        if given.len() != 8 {
            return Err(format!("Expected 8 character checksum, not {} characters", given.len()));
        }
    }
    let computed = checksum(payload).ok_or("Invalid characters in payload")?;
    match given.filter(|given| *given != computed) {
        None => Ok((payload, computed)),
        Some(given) => {
            Err(format!("Provided checksum '{given}' does not match computed checksum '{computed}'"))
        }
    }
}

/// The descriptor of a script with its checksum, as Core infers it from what `provider` knows.
pub fn infer_with(script: &Script, provider: &Provider, format: &AddressFormat) -> String {
    let text = infer::script_text(script, Context::Top, provider, format);
    with_checksum(text.expect("at the top every script has an expression"))
}

/// The descriptor of a script of which nothing else is known.
pub fn infer(script: &Script, params: &ChainParams) -> String {
    infer_with(script, &Provider::default(), &params.addresses)
}

/// The descriptor of the P2WSH output of a script, if Core tells more of it than its address.
pub fn infer_wsh(script: &Script, params: &ChainParams) -> Option<String> {
    let ScriptKind::MultiSig { .. } = classify(script) else { return None };
    let mut provider = Provider::default();
    provider.add_script(script);
    Some(infer_with(&p2wsh(script), &provider, &params.addresses))
}

/// The script that mining to a descriptor pays: the only one it stands for, or of `combo()` the segwit one.
pub fn parse_script(descriptor: &str, params: &ChainParams) -> Result<Script, RpcError> {
    let found = Descriptor::parse(descriptor, &params.addresses).map_err(RpcError::not_found)?;
    let [descriptor] = found.as_slice() else {
        return Err(RpcError::invalid_parameter("Multipath descriptor not accepted"));
    };
    if descriptor.is_range() {
        return Err(RpcError::invalid_parameter(
            "Ranged descriptor not accepted. Maybe pass through deriveaddresses first?",
        ));
    }
    let scripts = descriptor.scripts(0, &mut Provider::default());
    let mut scripts =
        scripts.ok_or_else(|| RpcError::not_found("Cannot derive script without private keys"))?;
    let wanted = match scripts.len() {
        1 => 0,
        4 => 2,
        _ => 1,
    };
    Ok(scripts.swap_remove(wanted))
}

#[cfg(test)]
mod tests;
