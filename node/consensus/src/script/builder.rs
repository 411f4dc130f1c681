//! Writing scripts.

use super::Script;
use super::num;
use super::op::{OP_0, OP_1, OP_PUSHDATA1, OP_PUSHDATA2, OP_PUSHDATA4};

/// A script under construction. Pushes come out as Core's `CScript <<` writes them.
#[derive(Debug, Clone, Default)]
pub struct Builder(Vec<u8>);

impl Builder {
    /// An empty script.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Pushes a number: one opcode for -1 to 16, otherwise its shortest bytes.
    pub fn push_int(mut self, n: i64) -> Self {
        match n {
            0 => self.0.push(OP_0),
            -1 | 1..=16 => self.0.push((i64::from(OP_1 - 1) + n) as u8),
            _ => return self.push_data(num::encode(n).as_slice()),
        }
        self
    }

    /// Pushes bytes with the shortest length prefix. Never turns them into a number opcode.
    pub fn push_data(mut self, data: &[u8]) -> Self {
        let (prefix, len) = push_prefix(data.len());
        self.0.extend_from_slice(&prefix[..len]);
        self.0.extend_from_slice(data);
        self
    }

    /// Appends an opcode.
    pub fn op(mut self, op: u8) -> Self {
        self.0.push(op);
        self
    }

    /// The script.
    pub fn into_script(self) -> Script {
        Script(self.0)
    }
}

/// The opcode and size bytes in front of a push of `len` bytes, and how many they are.
pub(crate) fn push_prefix(len: usize) -> ([u8; 5], usize) {
    let size = u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
    match len {
        0..=0x4b => ([size[0], 0, 0, 0, 0], 1),
        0x4c..=0xff => ([OP_PUSHDATA1, size[0], 0, 0, 0], 2),
        0x100..=0xffff => ([OP_PUSHDATA2, size[0], size[1], 0, 0], 3),
        _ => ([OP_PUSHDATA4, size[0], size[1], size[2], size[3]], 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::instructions;

    #[test]
    fn pushes_are_the_shortest() {
        let ints =
            [(-1, "4f"), (0, "00"), (1, "51"), (16, "60"), (17, "0111"), (-2, "0182"), (255, "02ff00")];
        for (n, hex) in ints {
            assert_eq!(crate::hex::encode(&Builder::new().push_int(n).into_script()), hex);
        }
        assert_eq!(Builder::new().push_data(&[1]).into_script().0, [1, 1]);
        for len in [0, 1, 75, 76, 255, 256, 65535, 65536] {
            let data = vec![7; len];
            let script = Builder::new().push_data(&data).into_script();
            let read: Vec<_> = instructions(&script).map(|i| i.unwrap().data.unwrap().to_vec()).collect();
            assert_eq!(read, [data]);
        }
    }
}
