//! Descriptors and what they pay to, without any chain state.

use super::scans::descriptor_range;
use super::{Reply, reply};
use crate::descriptor::{self, Descriptor, Provider, multisig, p2sh, p2wsh};
use crate::error::RpcError;
use crate::json::Json;
use crate::node::Node;
use crate::registry::Args;
use crate::value::Hex;
use chaincore_consensus::address::Address;
use chaincore_consensus::hex;
use chaincore_consensus::params::AddressFormat;
use chaincore_consensus::script::{MAX_PUBKEYS_PER_MULTISIG, MAX_SCRIPT_ELEMENT_SIZE, ScriptKind, classify};
use serde::Serialize;

#[derive(Serialize)]
struct DescriptorInfo {
    descriptor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    multipath_expansion: Option<Vec<String>>,
    checksum: String,
    isrange: bool,
    issolvable: bool,
    hasprivatekeys: bool,
}

pub fn getdescriptorinfo(node: &dyn Node, args: &Args) -> Reply {
    let format = &node.params().addresses;
    let text = args.str(0)?;
    let found = Descriptor::parse(text, format).map_err(RpcError::not_found)?;
    let (_, checksum) = descriptor::split_checksum(text).map_err(RpcError::not_found)?;
    let texts: Vec<String> = found.iter().map(|descriptor| descriptor.to_text(format)).collect();
    let expression = found[0].expression();
    reply(&DescriptorInfo {
        descriptor: texts[0].clone(),
        checksum,
        isrange: expression.is_range(),
        issolvable: expression.is_solvable(),
        hasprivatekeys: expression.is_private(),
        multipath_expansion: (texts.len() > 1).then_some(texts),
    })
}

/// The addresses of a descriptor at a range of positions.
fn addresses_of(
    descriptor: &Descriptor,
    (first, last): (u32, u32),
    format: &AddressFormat,
) -> Result<Vec<String>, RpcError> {
    let mut addresses = Vec::new();
    for position in first..=last {
        let scripts = descriptor.scripts(position, &mut Provider::default());
        let scripts =
            scripts.ok_or_else(|| RpcError::not_found("Cannot derive script without private keys"))?;
        for script in &scripts {
            match Address::from_script(script) {
                Some(address) => addresses.push(address.to_text(format)),
                // combo() stands for a bare key as well.
                None if scripts.len() > 1 && matches!(classify(script), ScriptKind::PubKey(_)) => {}
                None => {
                    return Err(RpcError::not_found("Descriptor does not have a corresponding address"));
                }
            }
        }
    }
    if addresses.is_empty() { Err(RpcError::misc("Unexpected empty result")) } else { Ok(addresses) }
}

pub fn deriveaddresses(node: &dyn Node, args: &Args) -> Reply {
    let format = &node.params().addresses;
    let range = args.some(1).map(descriptor_range).transpose()?.unwrap_or((0, 0));
    let found = Descriptor::parse_with_checksum(args.str(0)?, format).map_err(RpcError::not_found)?;
    match (found[0].is_range(), args.len()) {
        (false, 2..) => {
            let message = "Range should not be specified for an un-ranged descriptor";
            return Err(RpcError::invalid_parameter(message));
        }
        (true, 1) => {
            return Err(RpcError::invalid_parameter("Range must be specified for a ranged descriptor"));
        }
        _ => {}
    }
    let each = found.iter().map(|descriptor| addresses_of(descriptor, range, format));
    let mut each: Vec<Vec<String>> = each.collect::<Result<_, _>>()?;
    if each.len() == 1 { reply(&each.remove(0)) } else { reply(&each) }
}

/// A public key that a caller gave in hexadecimal (Core's `HexToPubKey`).
fn public_key(value: &Json) -> Result<Vec<u8>, RpcError> {
    let text = value.get_str()?;
    let wrong = |what: &str| RpcError::not_found(format!("Pubkey \"{text}\" must {what}"));
    let key = hex::decode(text).ok().filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| wrong("be a hex string"))?;
    if !matches!(key.len(), 33 | 65) {
        return Err(wrong("have a length of either 33 or 65 bytes"));
    }
    if secp256k1::PublicKey::from_slice(&key).is_err() {
        return Err(wrong("be cryptographically valid."));
    }
    Ok(key)
}

#[derive(Serialize)]
struct MultisigJson<'a> {
    address: String,
    #[serde(rename = "redeemScript")]
    redeem_script: Hex<'a>,
    descriptor: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<&'static str>,
}

pub fn createmultisig(node: &dyn Node, args: &Args) -> Reply {
    let format = &node.params().addresses;
    let required: i32 = args.int(0)?;
    let keys: Vec<Vec<u8>> = args.array(1)?.iter().map(public_key).collect::<Result<_, _>>()?;
    let kind = args.opt_str(2)?.unwrap_or("legacy");
    match kind {
        "legacy" | "p2sh-segwit" | "bech32" => {}
        "bech32m" => {
            return Err(RpcError::not_found("createmultisig cannot create bech32m multisig addresses"));
        }
        _ => return Err(RpcError::not_found(format!("Unknown address type '{kind}'"))),
    }
    let wrong = |text: String| Err(RpcError::invalid_parameter(text));
    let count = keys.len();
    if required < 1 {
        return wrong("a multisignature address must require at least one key to redeem".into());
    }
    if (count as i64) < i64::from(required) {
        return wrong(format!(
            "not enough keys supplied (got {count} keys, but need at least {required} to redeem)"
        ));
    }
    if count > MAX_PUBKEYS_PER_MULTISIG {
        return wrong(format!(
            "Number of keys involved in the multisignature address creation > {MAX_PUBKEYS_PER_MULTISIG}\n\
             Reduce the number"
        ));
    }
    let redeem = multisig(required.unsigned_abs(), &keys);
    // Segwit knows no uncompressed keys.
    let made = if keys.iter().all(|key| key.len() == 33) { kind } else { "legacy" };
    if made == "legacy" && redeem.len() > MAX_SCRIPT_ELEMENT_SIZE {
        return wrong(format!(
            "redeemScript exceeds size limit: {} > {MAX_SCRIPT_ELEMENT_SIZE}",
            redeem.len()
        ));
    }
    let mut provider = Provider::default();
    provider.add_script(&redeem);
    let output = match made {
        "bech32" => p2wsh(&redeem),
        "p2sh-segwit" => {
            let program = p2wsh(&redeem);
            provider.add_script(&program);
            p2sh(&program)
        }
        _ => p2sh(&redeem),
    };
    let address = Address::from_script(&output).map(|address| address.to_text(format));
    let mixed = "Unable to make chosen address type, please ensure no uncompressed public keys are present.";
    reply(&MultisigJson {
        address: address.unwrap_or_default(),
        redeem_script: Hex(&redeem),
        descriptor: descriptor::infer_with(&output, &provider, format),
        warnings: if made == kind { vec![] } else { vec![mixed] },
    })
}
