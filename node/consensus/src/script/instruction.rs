//! Reading a script one instruction at a time.

use super::op::{OP_PUSHDATA1, OP_PUSHDATA2, OP_PUSHDATA4};

/// One opcode with what it pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction<'a> {
    /// The opcode.
    pub op: u8,
    /// The bytes pushed by opcodes up to `OP_PUSHDATA4`, empty for `OP_0`; `None` for all others.
    pub data: Option<&'a [u8]>,
    /// Where the opcode stands in the script.
    pub at: usize,
}

/// Reads the instruction at `*at` and moves past it. `None` if the push runs past the end of the script: then
/// `*at` is left where the reading stopped, somewhere inside the instruction, which is where Core's
/// `GetScriptOp` leaves its iterator (the legacy signature hash can see that).
pub(crate) fn read_instruction<'a>(script: &'a [u8], at: &mut usize) -> Option<Instruction<'a>> {
    let start = *at;
    let op = *script.get(start)?;
    *at += 1;
    if op > OP_PUSHDATA4 {
        return Some(Instruction { op, data: None, at: start });
    }
    let size_len = match op {
        OP_PUSHDATA1 => 1,
        OP_PUSHDATA2 => 2,
        OP_PUSHDATA4 => 4,
        _ => 0,
    };
    let len = if size_len == 0 {
        usize::from(op)
    } else {
        let mut size = [0; 4];
        size[..size_len].copy_from_slice(script.get(*at..*at + size_len)?);
        *at += size_len;
        u32::from_le_bytes(size) as usize
    };
    let data = script[*at..].get(..len)?;
    *at += len;
    Some(Instruction { op, data: Some(data), at: start })
}

/// The instructions of a script; the iterator ends after the first push that runs past the end, which it
/// reports as an error.
#[derive(Debug, Clone)]
pub struct Instructions<'a> {
    script: &'a [u8],
    at: usize,
}

impl<'a> Instructions<'a> {
    /// The bytes not read yet.
    pub fn rest(&self) -> &'a [u8] {
        &self.script[self.at..]
    }
}

/// The instructions of `script`. `Err(())` marks a push that runs past the end.
pub fn instructions(script: &[u8]) -> Instructions<'_> {
    Instructions { script, at: 0 }
}

impl<'a> Iterator for Instructions<'a> {
    type Item = Result<Instruction<'a>, ()>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.script.len() {
            return None;
        }
        let instruction = read_instruction(self.script, &mut self.at).ok_or(());
        if instruction.is_err() {
            self.at = self.script.len();
        }
        Some(instruction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::op::*;

    #[test]
    fn every_kind_of_push() {
        let script =
            [0, 1, 7, OP_PUSHDATA1, 1, 8, OP_PUSHDATA2, 1, 0, 9, OP_PUSHDATA4, 1, 0, 0, 0, 10, OP_1, OP_DUP];
        let read: Vec<_> = instructions(&script).map(Result::unwrap).map(|i| (i.op, i.data, i.at)).collect();
        let expected: Vec<(u8, Option<&[u8]>, usize)> = vec![
            (OP_0, Some(&[]), 0),
            (1, Some(&[7]), 1),
            (OP_PUSHDATA1, Some(&[8]), 3),
            (OP_PUSHDATA2, Some(&[9]), 6),
            (OP_PUSHDATA4, Some(&[10]), 10),
            (OP_1, None, 16),
            (OP_DUP, None, 17),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn truncated_pushes_end_the_script() {
        for (script, stopped_at) in [
            (&[2, 1][..], 1),
            (&[OP_PUSHDATA1], 1),
            (&[OP_PUSHDATA1, 2, 0], 2),
            (&[OP_PUSHDATA2, 2], 1),
            (&[OP_PUSHDATA4, 0xff, 0xff, 0xff, 0xff, 1], 5),
        ] {
            assert_eq!(instructions(script).collect::<Vec<_>>(), [Err(())]);
            let mut at = 0;
            assert_eq!(read_instruction(script, &mut at), None);
            assert_eq!(at, stopped_at);
        }
    }
}
