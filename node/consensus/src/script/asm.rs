//! Scripts as text (Core's `ScriptToAsmStr`).

use super::VerifyFlags;
use super::instruction::instructions;
use super::num;
use super::op;
use super::pattern::is_unspendable;
use super::signature;
use crate::hex;
use crate::sighash::SighashType;

/// The script as words: opcodes by name, pushes of up to 4 bytes as numbers, longer ones as hexadecimal digits, and
/// `[error]` where a push runs past the end. With `decode_sighash`, what looks like a signature ends in the name of
/// its hash type (`[ALL]`): for scripts that may hold signatures, not for output scripts.
pub fn to_asm(script: &[u8], decode_sighash: bool) -> String {
    let decode_sighash = decode_sighash && !is_unspendable(script);
    let mut text = String::with_capacity(script.len() * 2 + 16);
    for instruction in instructions(script) {
        if !text.is_empty() {
            text.push(' ');
        }
        match instruction {
            Err(()) => text.push_str("[error]"),
            Ok(instruction) => match instruction.data {
                None => text.push_str(op::name(instruction.op)),
                Some(data) => push_data(&mut text, data, decode_sighash),
            },
        }
    }
    text
}

fn push_data(text: &mut String, data: &[u8], decode_sighash: bool) {
    if let Ok(n) = num::decode(data, false, num::DEFAULT_MAX_LEN) {
        text.push_str(&n.to_string());
        return;
    }
    if decode_sighash
        && signature::check_encoding(data, VerifyFlags::STRICTENC).is_ok()
        && let Some((hash_type, der)) = data.split_last()
        && let Some(name) = SighashType::from_byte(*hash_type).name()
    {
        text.push_str(&hex::encode(der));
        text.push('[');
        text.push_str(name);
        text.push(']');
        return;
    }
    text.push_str(&hex::encode(data));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let script = hex::decode("76a9140102030405060708090a0b0c0d0e0f101112131488ac").unwrap();
        assert_eq!(
            to_asm(&script, false),
            "OP_DUP OP_HASH160 0102030405060708090a0b0c0d0e0f1011121314 OP_EQUALVERIFY OP_CHECKSIG"
        );
        assert_eq!(
            to_asm(&hex::decode("00514f01ff0400000080ba4c").unwrap(), false),
            "0 1 -1 -127 0 OP_CHECKSIGADD [error]"
        );
        assert_eq!(to_asm(&[], false), "");
    }

    #[test]
    fn signatures_show_their_hash_type() {
        let signature = "304402207fa7a6d1e0ee81132a269ad84e68d695483745cde8b541e3bf630749894e342a\
                         022061f1be676f0f73f6b1b5ff4a0d4a55d2e5b4a2c1a3a4b5c6d7e8f9a0b1c2d3e4";
        let script = hex::decode(&format!("47{signature}81")).unwrap();
        assert_eq!(to_asm(&script, true), format!("{signature}[ALL|ANYONECANPAY]"));
        assert_eq!(to_asm(&script, false), format!("{signature}81"));
        let undefined = hex::decode(&format!("47{signature}04")).unwrap();
        assert_eq!(to_asm(&undefined, true), format!("{signature}04"));
        let unspendable = hex::decode(&format!("6a47{signature}01")).unwrap();
        assert_eq!(to_asm(&unspendable, true), format!("OP_RETURN {signature}01"));
    }
}
