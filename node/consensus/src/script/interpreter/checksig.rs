//! Opcodes that check signatures.

use super::super::error::ScriptError;
use super::super::flags::VerifyFlags;
use super::super::signature::{check_encoding, check_pubkey_encoding};
use super::super::stack::Item;
use super::super::{MAX_PUBKEYS_PER_MULTISIG, instruction::read_instruction};
use super::{Machine, Rules, push_prefix};
use std::borrow::Cow;

/// What a signature check with a result takes from the weight that a tapscript may use (BIP342).
const VALIDATION_WEIGHT_PER_SIGOP: i64 = 50;

impl<'a> Machine<'a, '_> {
    pub(super) fn check_sig(&mut self, verify: bool) -> Result<(), ScriptError> {
        self.stack.need(2)?;
        let (signature, key) = (*self.stack.peek(1)?, *self.stack.peek(0)?);
        let valid = self.signature_is_valid(signature.as_slice(), key.as_slice())?;
        self.stack.drop_top(2)?;
        self.push_verdict(valid, verify, ScriptError::CheckSigVerify)
    }

    pub(super) fn check_sig_add(&mut self) -> Result<(), ScriptError> {
        if !self.rules.is_tapscript() {
            return Err(ScriptError::BadOpcode);
        }
        self.stack.need(3)?;
        let (signature, key) = (*self.stack.peek(2)?, *self.stack.peek(0)?);
        let n = self.number(1)?;
        let valid = self.signature_is_valid(signature.as_slice(), key.as_slice())?;
        self.stack.drop_top(3)?;
        self.stack.push(Item::from_num(n + i64::from(valid)));
        Ok(())
    }

    fn signature_is_valid(&mut self, signature: &[u8], key: &[u8]) -> Result<bool, ScriptError> {
        if self.rules.is_tapscript() {
            return self.tapscript_signature_is_valid(signature, key);
        }
        let script_code = self.script_code_without(&[signature])?;
        check_encoding(signature, self.flags)?;
        let version = self.rules.ecdsa_version();
        check_pubkey_encoding(key, self.flags, version)?;
        let valid = self.checker.check_ecdsa(signature, key, &script_code, version);
        if !valid && !signature.is_empty() && self.flags.contains(VerifyFlags::NULLFAIL) {
            return Err(ScriptError::SigNullFail);
        }
        Ok(valid)
    }

    /// In tapscript the only signature that may fail is the empty one. The order of these checks is consensus.
    fn tapscript_signature_is_valid(&mut self, signature: &[u8], key: &[u8]) -> Result<bool, ScriptError> {
        let Rules::Tapscript(run) = &mut self.rules else { return Err(ScriptError::Unknown) };
        let signed = !signature.is_empty();
        if signed {
            run.weight_left -= VALIDATION_WEIGHT_PER_SIGOP;
            if run.weight_left < 0 {
                return Err(ScriptError::TapscriptValidationWeight);
            }
        }
        if key.is_empty() {
            return Err(ScriptError::TapscriptEmptyPubKey);
        }
        if let Ok(key) = key.try_into() {
            if signed {
                self.checker.check_schnorr(signature, key, &run.context)?;
            }
        } else if self.flags.contains(VerifyFlags::DISCOURAGE_UPGRADABLE_PUBKEYTYPE) {
            return Err(ScriptError::DiscourageUpgradablePubKeyType);
        }
        Ok(signed)
    }

    /// The part of the script that signatures cover: all from the last code separator, in scripts before segwit
    /// without any push of the signatures themselves.
    fn script_code_without(&self, signatures: &[&[u8]]) -> Result<Cow<'a, [u8]>, ScriptError> {
        let mut code = Cow::Borrowed(&self.script[self.code_at..]);
        if self.rules.is_base() {
            for signature in signatures {
                if let Some(shorter) = without_push(&code, signature) {
                    if self.flags.contains(VerifyFlags::CONST_SCRIPTCODE) {
                        return Err(ScriptError::SigFindAndDelete);
                    }
                    code = Cow::Owned(shorter);
                }
            }
        }
        Ok(code)
    }

    /// `dummy signature... m key... n`, from the bottom. Each signature must fit a key, in the order of the keys.
    pub(super) fn check_multisig(&mut self, verify: bool) -> Result<(), ScriptError> {
        if self.rules.is_tapscript() {
            return Err(ScriptError::TapscriptCheckMultiSig);
        }
        let keys = usize::try_from(self.number(0)?).ok().filter(|n| *n <= MAX_PUBKEYS_PER_MULTISIG);
        let keys = keys.ok_or(ScriptError::PubKeyCount)?;
        self.count_ops(keys)?;
        self.stack.need(keys + 2)?;
        let signatures = usize::try_from(self.number(keys + 1)?).ok().filter(|m| *m <= keys);
        let signatures = signatures.ok_or(ScriptError::SigCount)?;
        let first_signature = keys + 2;
        let arguments = first_signature + signatures;
        // One element more than the arguments is popped, a mistake of the first version that is now a rule.
        self.stack.need(arguments + 1)?;

        let valid = self.multisig_is_valid(keys, first_signature, signatures)?;
        if !valid && self.flags.contains(VerifyFlags::NULLFAIL) {
            for depth in first_signature..arguments {
                if !self.stack.peek(depth)?.as_slice().is_empty() {
                    return Err(ScriptError::SigNullFail);
                }
            }
        }
        let dummy = self.stack.peek(arguments)?;
        if self.flags.contains(VerifyFlags::NULLDUMMY) && !dummy.as_slice().is_empty() {
            return Err(ScriptError::SigNullDummy);
        }
        self.stack.drop_top(arguments + 1)?;
        self.push_verdict(valid, verify, ScriptError::CheckMultiSigVerify)
    }

    fn multisig_is_valid(
        &self,
        keys: usize,
        first_signature: usize,
        signatures: usize,
    ) -> Result<bool, ScriptError> {
        let mut all: [&[u8]; MAX_PUBKEYS_PER_MULTISIG] = [&[]; MAX_PUBKEYS_PER_MULTISIG];
        for (at, signature) in all[..signatures].iter_mut().enumerate() {
            *signature = self.stack.peek(first_signature + at)?.as_slice();
        }
        let mut unmatched = &all[..signatures];
        let script_code = self.script_code_without(unmatched)?;
        let version = self.rules.ecdsa_version();
        let mut key = 0;
        while let Some((signature, rest)) = unmatched.split_first() {
            if unmatched.len() > keys - key {
                return Ok(false);
            }
            key += 1;
            let key = self.stack.peek(key)?.as_slice();
            check_encoding(signature, self.flags)?;
            check_pubkey_encoding(key, self.flags, version)?;
            if self.checker.check_ecdsa(signature, key, &script_code, version) {
                unmatched = rest;
            }
        }
        Ok(true)
    }
}

/// The script without the instructions that begin with a push of `data` as its own length prefix would write it
/// (Core's `FindAndDelete`); `None` if there is none.
fn without_push(script: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let (prefix, prefix_len) = push_prefix(data.len());
    let prefix = &prefix[..prefix_len];
    let len = prefix_len + data.len();
    let starts_with_push =
        |rest: &[u8]| rest.len() >= len && rest.starts_with(prefix) && rest[prefix_len..].starts_with(data);
    if script.len() < len {
        return None;
    }
    let mut kept: Option<Vec<u8>> = None;
    let (mut at, mut from) = (0, 0);
    loop {
        let stop = at;
        while starts_with_push(&script[at..]) {
            at += len;
        }
        if at > stop {
            kept.get_or_insert_default().extend_from_slice(&script[from..stop]);
            from = at;
        }
        // The instruction read last stays whatever it is, even one that runs past the end.
        let mut next = at;
        if read_instruction(script, &mut next).is_none() {
            break;
        }
        at = next;
    }
    kept.map(|mut kept| {
        kept.extend_from_slice(&script[from..]);
        kept
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_are_deleted_only_at_instructions() {
        let hex = |text: &str| crate::hex::decode(text).unwrap();
        // The cases of Core's findAndDelete test that a push can express.
        for (script, data, left) in [
            ("0302ff03", "ff03", None),
            ("0302ff030302ff03", "02ff03", Some("")),
            ("0302ff0302ff03", "ff03", Some("0302ff03")),
            ("02feed5169", "feed", Some("5169")),
            ("516902feed5169", "feed", Some("51695169")),
            ("516902feed5169", "ed51", None),
            ("00", "", Some("")),
            ("5100510069", "", Some("515169")),
            ("0001000069", "", Some("010069")),
            ("0100", "", None),
            ("02feed02feed4c", "feed", Some("4c")),
        ] {
            let result = without_push(&hex(script), &hex(data));
            assert_eq!(result, left.map(hex), "{script} without {data}");
        }
    }
}
