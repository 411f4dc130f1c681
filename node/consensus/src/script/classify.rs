//! What kind of output a script makes (Core's `Solver`).

use super::num;
use super::op::{
    OP_1, OP_16, OP_CHECKMULTISIG, OP_CHECKSIG, OP_DUP, OP_EQUALVERIFY, OP_HASH160, OP_PUSHDATA4, OP_RETURN,
};
use super::pattern::{is_pay_to_anchor, is_push_only, script_hash, witness_program};
use super::{MAX_PUBKEYS_PER_MULTISIG, instruction::Instruction, instruction::instructions, signature};

/// A standard form of output script with its parameters, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptKind<'a> {
    /// A public key and `OP_CHECKSIG`.
    PubKey(&'a [u8]),
    /// The hash of a public key.
    PubKeyHash(&'a [u8; 20]),
    /// The hash of a script (BIP16).
    ScriptHash(&'a [u8; 20]),
    /// `m` of these keys.
    MultiSig {
        /// How many signatures are needed.
        m: u8,
        /// The keys, `m` to 20 of them.
        keys: Vec<&'a [u8]>,
    },
    /// `OP_RETURN` and pushes only.
    NullData,
    /// Segwit v0, the hash of a public key.
    WitnessV0KeyHash(&'a [u8; 20]),
    /// Segwit v0, the SHA-256 of a script.
    WitnessV0ScriptHash(&'a [u8; 32]),
    /// Taproot, the output key.
    WitnessV1Taproot(&'a [u8; 32]),
    /// Pay to anchor.
    Anchor,
    /// A witness program that has no meaning yet.
    WitnessUnknown {
        /// The witness version, 1 to 16.
        version: u8,
        /// The program, 2 to 40 bytes.
        program: &'a [u8],
    },
    /// Anything else.
    NonStandard,
}

impl ScriptKind<'_> {
    /// Core's name for the kind, as RPC prints it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PubKey(_) => "pubkey",
            Self::PubKeyHash(_) => "pubkeyhash",
            Self::ScriptHash(_) => "scripthash",
            Self::MultiSig { .. } => "multisig",
            Self::NullData => "nulldata",
            Self::WitnessV0KeyHash(_) => "witness_v0_keyhash",
            Self::WitnessV0ScriptHash(_) => "witness_v0_scripthash",
            Self::WitnessV1Taproot(_) => "witness_v1_taproot",
            Self::Anchor => "anchor",
            Self::WitnessUnknown { .. } => "witness_unknown",
            Self::NonStandard => "nonstandard",
        }
    }
}

/// The kind of output that `script` makes.
pub fn classify(script: &[u8]) -> ScriptKind<'_> {
    if let Some(hash) = script_hash(script) {
        return ScriptKind::ScriptHash(hash);
    }
    if let Some((version, program)) = witness_program(script) {
        return classify_program(script, version, program);
    }
    match script {
        [OP_RETURN, rest @ ..] if is_push_only(rest) => return ScriptKind::NullData,
        [len @ (33 | 65), key @ .., OP_CHECKSIG]
            if key.len() == usize::from(*len) && signature::has_pubkey_size(key) =>
        {
            return ScriptKind::PubKey(key);
        }
        [OP_DUP, OP_HASH160, 20, hash @ .., OP_EQUALVERIFY, OP_CHECKSIG] => {
            if let Ok(hash) = hash.try_into() {
                return ScriptKind::PubKeyHash(hash);
            }
        }
        _ => {}
    }
    match multisig(script) {
        Some((m, keys)) => ScriptKind::MultiSig { m, keys },
        None => ScriptKind::NonStandard,
    }
}

fn classify_program<'a>(script: &[u8], version: u8, program: &'a [u8]) -> ScriptKind<'a> {
    match (version, <&[u8; 32]>::try_from(program)) {
        (0, Ok(hash)) => ScriptKind::WitnessV0ScriptHash(hash),
        (0, Err(_)) => program.try_into().map_or(ScriptKind::NonStandard, ScriptKind::WitnessV0KeyHash),
        (1, Ok(key)) => ScriptKind::WitnessV1Taproot(key),
        _ if is_pay_to_anchor(script) => ScriptKind::Anchor,
        _ => ScriptKind::WitnessUnknown { version, program },
    }
}

fn multisig(script: &[u8]) -> Option<(u8, Vec<&[u8]>)> {
    if script.last() != Some(&OP_CHECKMULTISIG) {
        return None;
    }
    let mut rest = instructions(script);
    let m = count(rest.next()?.ok()?, 1)?;
    let mut keys = Vec::new();
    let n = loop {
        let instruction = rest.next()?.ok()?;
        match instruction.data.filter(|data| signature::has_pubkey_size(data)) {
            Some(key) => keys.push(key),
            None => break count(instruction, m)?,
        }
    };
    (keys.len() == usize::from(n) && rest.rest().len() == 1).then_some((m, keys))
}

/// The number that an instruction pushes in its shortest form, if it is between `min` and the most keys.
fn count(instruction: Instruction<'_>, min: u8) -> Option<u8> {
    let n = match instruction {
        Instruction { op: op @ OP_1..=OP_16, .. } => i64::from(op - (OP_1 - 1)),
        Instruction { op, data: Some(data), .. } if is_minimal_push(op, data) => {
            num::decode(data, true, num::DEFAULT_MAX_LEN).ok()?
        }
        _ => return None,
    };
    u8::try_from(n).ok().filter(|n| (min..=MAX_PUBKEYS_PER_MULTISIG as u8).contains(n))
}

/// Whether `op` is the shortest way to push `data` (Core's `CheckMinimalPush`); `op` is at most `OP_PUSHDATA4`.
pub(crate) fn is_minimal_push(op: u8, data: &[u8]) -> bool {
    debug_assert!(op <= OP_PUSHDATA4);
    match data {
        [1..=16 | 0x81] => false,
        _ => super::builder::push_prefix(data.len()).0[0] == op,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Builder;

    #[test]
    fn kinds_have_cores_names() {
        let key = [2; 33];
        let build = |n: i64| Builder::new().push_int(1).push_data(&key).push_data(&key).push_int(n);
        let cases = [
            (Builder::new().push_data(&key).op(OP_CHECKSIG), "pubkey"),
            (Builder::new().push_data(&[5; 33]).op(OP_CHECKSIG), "nonstandard"),
            (Builder::new().op(OP_RETURN).push_data(&[1; 90]), "nulldata"),
            (Builder::new().op(OP_RETURN).op(OP_DUP), "nonstandard"),
            (build(2).op(OP_CHECKMULTISIG), "multisig"),
            (build(3).op(OP_CHECKMULTISIG), "nonstandard"),
            (build(2).op(OP_1).op(OP_CHECKMULTISIG), "nonstandard"),
            (Builder::new().push_int(0).push_data(&[1; 20]), "witness_v0_keyhash"),
            (Builder::new().push_int(0).push_data(&[1; 32]), "witness_v0_scripthash"),
            (Builder::new().push_int(0).push_data(&[1; 31]), "nonstandard"),
            (Builder::new().push_int(1).push_data(&[1; 32]), "witness_v1_taproot"),
            (Builder::new().push_int(1).push_data(&[0x4e, 0x73]), "anchor"),
            (Builder::new().push_int(2).push_data(&[1; 32]), "witness_unknown"),
            (Builder::new(), "nonstandard"),
        ];
        for (script, name) in cases {
            let script = script.into_script();
            assert_eq!(classify(&script).name(), name, "{script:?}");
        }
    }

    #[test]
    fn minimal_pushes() {
        assert!(is_minimal_push(0, &[]));
        assert!(!is_minimal_push(1, &[16]) && !is_minimal_push(1, &[0x81]));
        assert!(is_minimal_push(1, &[17]) && is_minimal_push(1, &[0]));
        assert!(is_minimal_push(75, &[0; 75]) && !is_minimal_push(0x4c, &[0; 75]));
        assert!(is_minimal_push(0x4c, &[0; 255]) && is_minimal_push(0x4d, &[0; 256]));
        assert!(!is_minimal_push(0x4e, &[0; 256]));
    }
}
