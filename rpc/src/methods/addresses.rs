//! Addresses and scripts, without any chain state.

use super::tx_json::{ScriptPubKeyJson, has_valid_ops};
use super::{Reply, reply};
use crate::descriptor;
use crate::json::Json;
use crate::node::Node;
use crate::registry::Args;
use chaincore_consensus::address::Address;
use chaincore_consensus::hash::{hash160, sha256};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::script::{self, Builder, ScriptKind, classify, op};
use chaincore_consensus::{Script, hex};
use serde::Serialize;

#[derive(Serialize, Default)]
struct AddressInfo {
    isvalid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(rename = "scriptPubKey", skip_serializing_if = "Option::is_none")]
    script_pubkey: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    isscript: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iswitness: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness_version: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness_program: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_locations: Option<Vec<usize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub fn validateaddress(node: &dyn Node, args: &Args) -> Reply {
    let params = node.params();
    let address = match Address::parse(args.str(0)?, &params.addresses) {
        Ok(address) => address,
        Err(error) => {
            return reply(&AddressInfo {
                error: Some(error.to_string()),
                error_locations: Some(error.error_locations),
                ..AddressInfo::default()
            });
        }
    };
    let script = address.script_pubkey();
    let kind = classify(&script);
    let program = script.witness_program();
    // Core describes the anchor without its program, and does not say of unknown ones whether they are scripts.
    let shown_program = program.filter(|_| kind != ScriptKind::Anchor);
    reply(&AddressInfo {
        isvalid: true,
        address: Some(address.to_text(&params.addresses)),
        script_pubkey: Some(hex::encode(&script)),
        isscript: match kind {
            ScriptKind::WitnessUnknown { .. } => None,
            ScriptKind::PubKeyHash(_) | ScriptKind::WitnessV0KeyHash(_) => Some(false),
            _ => Some(true),
        },
        iswitness: Some(program.is_some()),
        witness_version: shown_program.map(|(version, _)| version),
        witness_program: shown_program.map(|(_, program)| hex::encode(program)),
        ..AddressInfo::default()
    })
}

#[derive(Serialize)]
struct SegwitJson {
    #[serde(flatten)]
    script: ScriptPubKeyJson,
    #[serde(rename = "p2sh-segwit")]
    p2sh_segwit: Option<String>,
}

#[derive(Serialize)]
struct DecodedScript {
    #[serde(flatten)]
    script: ScriptPubKeyJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    p2sh: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segwit: Option<SegwitJson>,
}

/// The address of the P2SH output that a script can redeem.
fn p2sh_address(script: &Script, params: &ChainParams) -> Option<String> {
    let output = Builder::new().op(op::OP_HASH160).push_data(&hash160(script)).op(op::OP_EQUAL).into_script();
    Address::from_script(&output).map(|address| address.to_text(&params.addresses))
}

/// Whether a script can sensibly be the redeem script of another output.
fn can_be_wrapped(script: &Script, kind: &ScriptKind<'_>) -> bool {
    let form = matches!(
        kind,
        ScriptKind::MultiSig { .. }
            | ScriptKind::NonStandard
            | ScriptKind::PubKey(_)
            | ScriptKind::PubKeyHash(_)
            | ScriptKind::WitnessV0KeyHash(_)
            | ScriptKind::WitnessV0ScriptHash(_)
    );
    // Opcodes that only tapscript gives a meaning make no sense elsewhere.
    let tapscript_only = |op: u8| op == op::OP_CHECKSIGADD || op::is_success(op);
    form && has_valid_ops(script)
        && !script.is_unspendable()
        && script::instructions(script).flatten().all(|instruction| !tapscript_only(instruction.op))
}

/// The segwit output that stands for a script: P2WPKH where the script is about one key, P2WSH otherwise. `None`
/// for scripts that segwit cannot hold.
fn segwit_output(script: &Script, kind: &ScriptKind<'_>) -> Option<Script> {
    let compressed = |key: &[u8]| key.len() == 33;
    let key_output = |hash: &[u8; 20]| Builder::new().push_int(0).push_data(hash).into_script();
    match kind {
        ScriptKind::PubKey(key) => compressed(key).then(|| key_output(&hash160(key))),
        ScriptKind::PubKeyHash(hash) => Some(key_output(hash)),
        ScriptKind::MultiSig { keys, .. } if !keys.iter().all(|key| compressed(key)) => None,
        ScriptKind::MultiSig { .. } | ScriptKind::NonStandard => {
            Some(Builder::new().push_int(0).push_data(&sha256(script)).into_script())
        }
        _ => None,
    }
}

pub fn decodescript(node: &dyn Node, args: &Args) -> Reply {
    let params = node.params();
    let script = match args.get(0) {
        Json::String(text) if text.is_empty() => Script::new(),
        argument => Script(argument.hex("argument")?),
    };
    let kind = classify(&script);
    let wrapped = can_be_wrapped(&script, &kind);
    let segwit = if wrapped { segwit_output(&script, &kind) } else { None };
    reply(&DecodedScript {
        script: ScriptPubKeyJson::new(&script, params, false),
        p2sh: if wrapped { p2sh_address(&script, params) } else { None },
        segwit: segwit.map(|output| {
            let mut json = ScriptPubKeyJson::new(&output, params, true);
            if let Some(desc) = descriptor::infer_wsh(&script, params) {
                json.desc = desc;
            }
            SegwitJson { script: json, p2sh_segwit: p2sh_address(&output, params) }
        }),
    })
}
