//! The shapes of scripts that consensus rules look at.

use super::instruction::instructions;
use super::op::{OP_1, OP_16, OP_EQUAL, OP_HASH160, OP_NOP10, OP_RETURN, small_number};
use super::{MAX_SCRIPT_ELEMENT_SIZE, MAX_SCRIPT_SIZE};

/// The witness version and program, if the script is exactly a version opcode and one direct push of 2 to 40
/// bytes (BIP141).
pub fn witness_program(script: &[u8]) -> Option<(u8, &[u8])> {
    let [version, len, program @ ..] = script else { return None };
    let version = small_number(*version)?;
    (program.len() == usize::from(*len) && (2..=40).contains(&program.len())).then_some((version, program))
}

/// Whether the script pays to a script hash (BIP16).
pub fn is_p2sh(script: &[u8]) -> bool {
    script_hash(script).is_some()
}

/// The hash that a pay-to-script-hash script commits to.
pub(crate) fn script_hash(script: &[u8]) -> Option<&[u8; 20]> {
    match script {
        [OP_HASH160, 20, hash @ .., OP_EQUAL] => hash.try_into().ok(),
        _ => None,
    }
}

/// Whether the script is a segwit v0 script hash program.
pub fn is_p2wsh(script: &[u8]) -> bool {
    matches!(script, [0, 0x20, program @ ..] if program.len() == 32)
}

/// Whether the script is a taproot output.
pub fn is_p2tr(script: &[u8]) -> bool {
    matches!(script, [OP_1, 0x20, program @ ..] if program.len() == 32)
}

/// Whether the script is a pay-to-anchor output, which anyone spends with an empty witness.
pub fn is_pay_to_anchor(script: &[u8]) -> bool {
    script == [OP_1, 2, 0x4e, 0x73]
}

/// Whether every instruction only pushes. As in Core, `OP_RESERVED` counts as a push.
pub fn is_push_only(script: &[u8]) -> bool {
    instructions(script).all(|instruction| instruction.is_ok_and(|i| i.op <= OP_16))
}

/// Whether no one can ever spend an output with this script, so that it never becomes a coin.
pub fn is_unspendable(script: &[u8]) -> bool {
    script.first() == Some(&OP_RETURN) || script.len() > MAX_SCRIPT_SIZE
}

/// Whether every instruction parses, has an opcode that scripts before tapscript know and pushes no more than the
/// stack takes (Core's `HasValidOps`): a sign that bytes are a script at all.
pub fn has_valid_ops(script: &[u8]) -> bool {
    instructions(script).all(|instruction| {
        instruction.is_ok_and(|i| {
            i.op <= OP_NOP10 && i.data.is_none_or(|data| data.len() <= MAX_SCRIPT_ELEMENT_SIZE)
        })
    })
}

/// The last thing that a script which only pushes leaves on the stack, as the P2SH rules read it: the data of the
/// last instruction, empty for one without data. `None` if an instruction does not parse or does more than push.
pub(crate) fn last_push(script: &[u8]) -> Option<&[u8]> {
    let mut last: &[u8] = &[];
    for instruction in instructions(script) {
        let instruction = instruction.ok().filter(|i| i.op <= OP_16)?;
        last = instruction.data.unwrap_or(&[]);
    }
    Some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn witness_programs() {
        let mut script = vec![OP_1, 32];
        script.extend([9; 32]);
        assert_eq!(witness_program(&script), Some((1, &[9; 32][..])));
        assert!(is_p2tr(&script) && !is_p2wsh(&script));
        script.push(0);
        assert_eq!(witness_program(&script), None);
        assert_eq!(witness_program(&[0, 1, 5]), None);
        assert_eq!(witness_program(&[0x50, 2, 5, 5]), None);
        assert_eq!(witness_program(&[0x60, 2, 5, 5]), Some((16, &[5, 5][..])));
        assert!(is_pay_to_anchor(&[0x51, 2, 0x4e, 0x73]));
        let mut longest = vec![0, 40];
        longest.extend([1; 40]);
        assert!(witness_program(&longest).is_some());
        longest[1] = 41;
        longest.push(1);
        assert!(witness_program(&longest).is_none());
    }

    #[test]
    fn pushes() {
        assert!(is_push_only(&[]));
        assert!(is_push_only(&[0x50, 0x60, 1, 9]));
        assert!(!is_push_only(&[0x61]));
        assert!(!is_push_only(&[2, 9]));
        assert!(has_valid_ops(&[1, 9, 0xb9]));
        assert!(!has_valid_ops(&[0xba]) && !has_valid_ops(&[2, 9]));
        let too_long = crate::script::Builder::new().push_data(&[0; 521]).into_script();
        assert!(!has_valid_ops(&too_long));
        assert_eq!(last_push(&[1, 9, 0x51]), Some(&[][..]));
        assert_eq!(last_push(&[0x51, 1, 9]), Some(&[9][..]));
    }
}
