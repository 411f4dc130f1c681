//! Scripts as text in the form that Esplora shows (rust-bitcoin's, not Core's): every push with its opcode's name.

use chaincore_consensus::hex;
use chaincore_consensus::script::op::{
    OP_1, OP_1NEGATE, OP_16, OP_PUSHDATA1, OP_PUSHDATA2, OP_PUSHDATA4, name,
};
use std::fmt::Write;

/// `OP_CHECKSIGADD`, which only tapscript has, and the byte that no script can hold.
const OP_CHECKSIGADD: u8 = 0xba;
const OP_INVALIDOPCODE: u8 = 0xff;
const OP_CHECKLOCKTIMEVERIFY: u8 = 0xb1;
const OP_CHECKSEQUENCEVERIFY: u8 = 0xb2;

fn opcode(op: u8, out: &mut String) {
    let _infallible = match op {
        0 => write!(out, "OP_0"),
        1..OP_PUSHDATA1 => write!(out, "OP_PUSHBYTES_{op}"),
        OP_1NEGATE => write!(out, "OP_PUSHNUM_NEG1"),
        OP_1..=OP_16 => write!(out, "OP_PUSHNUM_{}", op - (OP_1 - 1)),
        OP_CHECKLOCKTIMEVERIFY => write!(out, "OP_CLTV"),
        OP_CHECKSEQUENCEVERIFY => write!(out, "OP_CSV"),
        OP_CHECKSIGADD => write!(out, "OP_CHECKSIGADD"),
        OP_INVALIDOPCODE => write!(out, "OP_INVALIDOPCODE"),
        // All without a meaning fail as OP_RETURN does.
        187..=254 => write!(out, "OP_RETURN_{op}"),
        _ => write!(out, "{}", name(op)),
    };
}

/// The script as text.
pub fn asm(script: &[u8]) -> String {
    let mut out = String::new();
    let mut rest = script;
    while let Some((&op, after)) = rest.split_first() {
        let size_len = match op {
            OP_PUSHDATA1 => 1,
            OP_PUSHDATA2 => 2,
            OP_PUSHDATA4 => 4,
            _ => 0,
        };
        let Some((size, after)) = after.split_at_checked(size_len) else {
            out.push_str("<unexpected end>");
            break;
        };
        let mut bytes = [0; 4];
        bytes[..size_len].copy_from_slice(size);
        let length = if op < OP_PUSHDATA1 { op.into() } else { u32::from_le_bytes(bytes) as usize };
        if !out.is_empty() {
            out.push(' ');
        }
        opcode(op, &mut out);
        rest = after;
        if length > 0 {
            let Some((data, after)) = rest.split_at_checked(length) else {
                out.push_str(" <push past end>");
                break;
            };
            out.push(' ');
            out.push_str(&hex::encode(data));
            rest = after;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_opcode_has_the_name_that_explorers_show() {
        for op in 0..=255 {
            let script = [op, 0x51];
            assert_eq!(asm(&script), bitcoin::Script::from_bytes(&script).to_asm_string(), "{op}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_shown_as_explorers_show_them(script: Vec<u8>) {
            prop_assert_eq!(asm(&script), bitcoin::Script::from_bytes(&script).to_asm_string());
        }

        #[test]
        fn pushes_of_all_kinds_are(op in 0x4c_u8..=0x4e, size: u16, data: Vec<u8>) {
            let script = [&[op][..], &size.to_le_bytes(), &data].concat();
            prop_assert_eq!(asm(&script), bitcoin::Script::from_bytes(&script).to_asm_string());
        }
    }
}
