//! From a script back to a descriptor, as far as the script itself or what is known of its hashes tells.

use super::provider::Provider;
use super::script::tree_text;
use chaincore_consensus::address::Address;
use chaincore_consensus::hex;
use chaincore_consensus::params::AddressFormat;
use chaincore_consensus::script::{ScriptKind, classify, instructions, op};

use super::key::Context;

/// Whether a public key's form is one that descriptors can hold: compressed or uncompressed, not hybrid.
fn is_plain_key(key: &[u8]) -> bool {
    matches!((key.first(), key.len()), (Some(2 | 3), 33) | (Some(4), 65))
}

/// The expression of a public key with its origin; `None` of a key that may not stand there.
fn key_text(key: &[u8], context: Context, provider: &Provider) -> Option<String> {
    let short_only = !matches!(context, Context::Top | Context::P2sh);
    if !is_plain_key(key) || (short_only && key.len() != 33) {
        return None;
    }
    let origin = provider.origin(key).map(|origin| format!("[{}]", origin.to_text(false)));
    Some(origin.unwrap_or_default() + &hex::encode(key))
}

fn x_only_text(key: &[u8], provider: &Provider) -> String {
    let with = |parity: u8| [&[parity], key].concat();
    let origin = provider.origin(&with(2)).or_else(|| provider.origin(&with(3)));
    let origin = origin.map(|origin| format!("[{}]", origin.to_text(false)));
    origin.unwrap_or_default() + &hex::encode(key)
}

/// The threshold and keys of a leaf that asks for several signatures.
fn multi_a(script: &[u8]) -> Option<(i64, Vec<&[u8]>)> {
    let all: Vec<_> = instructions(script).collect::<Result<_, _>>().ok()?;
    let (pairs, [threshold, last]) = all.split_at_checked(all.len().checked_sub(2)?)? else { return None };
    if last.op != op::OP_NUMEQUAL || pairs.is_empty() || pairs.len() % 2 != 0 {
        return None;
    }
    let mut keys = Vec::with_capacity(pairs.len() / 2);
    for (at, pair) in pairs.chunks(2).enumerate() {
        let check = if at == 0 { op::OP_CHECKSIG } else { op::OP_CHECKSIGADD };
        let key = pair[0].data.filter(|data| data.len() == 32 && pair[1].op == check)?;
        keys.push(key);
    }
    let threshold = match (threshold.op, threshold.data) {
        (op @ op::OP_1..=op::OP_16, _) => i64::from(op - op::OP_1) + 1,
        (_, Some([low])) if *low > 16 && *low < 0x80 => (*low).into(),
        (_, Some([low, high])) if *high > 0 && *high < 0x80 || *high == 0 && *low >= 0x80 => {
            i64::from(u16::from_le_bytes([*low, *high]))
        }
        _ => return None,
    };
    (threshold >= 1 && threshold <= keys.len() as i64).then_some((threshold, keys))
}

/// The expression of a taproot leaf.
fn leaf_text(script: &[u8], provider: &Provider) -> Option<String> {
    if let [32, key @ .., op::OP_CHECKSIG] = script
        && key.len() == 32
    {
        return Some(format!("pk({})", x_only_text(key, provider)));
    }
    let (threshold, keys) = multi_a(script)?;
    let keys: String = keys.iter().map(|key| format!(",{}", x_only_text(key, provider))).collect();
    Some(format!("multi_a({threshold}{keys})"))
}

/// The expression of a script in its place; `None` where nothing but its bytes is known and that may not be said.
pub(super) fn script_text(
    script: &[u8],
    context: Context,
    provider: &Provider,
    format: &AddressFormat,
) -> Option<String> {
    use Context::{P2sh, P2wpkh, Top};
    let top_or_sh = matches!(context, Top | P2sh);
    let found = match classify(script) {
        ScriptKind::PubKey(key) => key_text(key, context, provider).map(|key| format!("pk({key})")),
        ScriptKind::PubKeyHash(hash) => provider
            .key(hash)
            .and_then(|key| key_text(key, context, provider))
            .map(|key| format!("pkh({key})")),
        ScriptKind::WitnessV0KeyHash(hash) if top_or_sh => provider
            .key(hash)
            .and_then(|key| key_text(key, P2wpkh, provider))
            .map(|key| format!("wpkh({key})")),
        ScriptKind::MultiSig { m, keys } => {
            let keys: Option<String> =
                keys.iter().map(|key| Some(format!(",{}", key_text(key, context, provider)?))).collect();
            keys.map(|keys| format!("multi({m}{keys})"))
        }
        ScriptKind::ScriptHash(hash) if context == Top => provider
            .script(hash)
            .and_then(|script| script_text(script, P2sh, provider, format))
            .map(|inner| format!("sh({inner})")),
        ScriptKind::WitnessV0ScriptHash(hash) if top_or_sh => provider
            .witness_script(hash)
            .and_then(|script| script_text(script, Context::P2wsh, provider, format))
            .map(|inner| format!("wsh({inner})")),
        ScriptKind::WitnessV1Taproot(key) if context == Top => taproot_text(key, provider).or_else(|| {
            let is_point = secp256k1::XOnlyPublicKey::from_byte_array(*key).is_ok();
            is_point.then(|| format!("rawtr({})", x_only_text(key, provider)))
        }),
        _ => None,
    };
    if found.is_some() || context != Top {
        return found;
    }
    Some(match Address::from_script(script) {
        Some(address) => format!("addr({})", address.to_text(format)),
        None => format!("raw({})", hex::encode(script)),
    })
}

fn taproot_text(output_key: &[u8; 32], provider: &Provider) -> Option<String> {
    let (key, leaves) = provider.tree(output_key)?;
    let key = x_only_text(key, provider);
    if leaves.is_empty() {
        return Some(format!("tr({key})"));
    }
    let text = |(depth, leaf): &(u8, chaincore_consensus::Script)| Some((*depth, leaf_text(leaf, provider)?));
    let leaves: Vec<(u8, String)> = leaves.iter().map(text).collect::<Option<_>>()?;
    Some(format!("tr({key},{})", tree_text(leaves.into_iter())))
}
