//! The interpreter's stack.
//!
//! No opcode that is left makes an element longer than a hash, so an element either borrows from the scripts and
//! witness that put it there or fits in place: running a script copies no data and allocates only the stack itself.

use super::error::ScriptError;
use super::num;

/// An element of the stack.
#[derive(Clone, Copy)]
pub(crate) enum Item<'a> {
    /// Bytes of a script or witness.
    Borrowed(&'a [u8]),
    /// The first `len` of these bytes: the result of an opcode.
    Made {
        /// How many bytes count.
        len: u8,
        /// The bytes, with zeros behind.
        bytes: [u8; 32],
    },
}

impl<'a> Item<'a> {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Made { len, bytes } => &bytes[..usize::from(*len)],
        }
    }

    /// `result` is at most 32 bytes.
    pub(crate) fn made(result: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes[..result.len()].copy_from_slice(result);
        Self::Made { len: result.len() as u8, bytes }
    }

    pub(crate) fn from_num(n: i64) -> Self {
        Self::made(num::encode(n).as_slice())
    }

    pub(crate) const fn from_bool(value: bool) -> Self {
        if value { Self::Borrowed(&[1]) } else { Self::Borrowed(&[]) }
    }

    /// Whether the element is true: any byte is set, but a sign bit alone is zero.
    pub(crate) fn is_true(&self) -> bool {
        match self.as_slice().split_last() {
            None => false,
            Some((last, rest)) => *last & 0x7f != 0 || rest.iter().any(|byte| *byte != 0),
        }
    }
}

/// A stack of elements, the last one on top.
#[derive(Clone, Default)]
pub(crate) struct Stack<'a>(Vec<Item<'a>>);

impl<'a> Stack<'a> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn push(&mut self, item: Item<'a>) {
        self.0.push(item);
    }

    /// The top element.
    pub(crate) fn last(&self) -> Option<&Item<'a>> {
        self.0.last()
    }

    /// Fails if there are fewer than `len` elements.
    pub(crate) fn need(&self, len: usize) -> Result<(), ScriptError> {
        if self.0.len() < len { Err(ScriptError::InvalidStackOperation) } else { Ok(()) }
    }

    /// The element `depth` below the top, which is at depth 0.
    pub(crate) fn peek(&self, depth: usize) -> Result<&Item<'a>, ScriptError> {
        let at = self.0.len().checked_sub(depth + 1).ok_or(ScriptError::InvalidStackOperation)?;
        Ok(&self.0[at])
    }

    pub(crate) fn pop(&mut self) -> Result<Item<'a>, ScriptError> {
        self.0.pop().ok_or(ScriptError::InvalidStackOperation)
    }

    /// Takes `count` elements off the top; fails without taking any if there are fewer.
    pub(crate) fn drop_top(&mut self, count: usize) -> Result<(), ScriptError> {
        self.need(count)?;
        self.0.truncate(self.0.len() - count);
        Ok(())
    }

    /// Pushes copies of the `count` elements that start `depth` below the top, in their order; `count <= depth + 1`.
    pub(crate) fn copy_up(&mut self, depth: usize, count: usize) -> Result<(), ScriptError> {
        let at = self.0.len().checked_sub(depth + 1).ok_or(ScriptError::InvalidStackOperation)?;
        self.0.extend_from_within(at..at + count);
        Ok(())
    }

    /// The top `count` elements.
    pub(crate) fn top_mut(&mut self, count: usize) -> Result<&mut [Item<'a>], ScriptError> {
        let at = self.0.len().checked_sub(count).ok_or(ScriptError::InvalidStackOperation)?;
        Ok(&mut self.0[at..])
    }

    /// Takes out the element `depth` below the top.
    pub(crate) fn remove(&mut self, depth: usize) -> Result<Item<'a>, ScriptError> {
        let at = self.0.len().checked_sub(depth + 1).ok_or(ScriptError::InvalidStackOperation)?;
        Ok(self.0.remove(at))
    }

    /// Puts `item` below `depth` elements.
    pub(crate) fn insert(&mut self, depth: usize, item: Item<'a>) -> Result<(), ScriptError> {
        let at = self.0.len().checked_sub(depth).ok_or(ScriptError::InvalidStackOperation)?;
        self.0.insert(at, item);
        Ok(())
    }
}

impl<'a> FromIterator<&'a Vec<u8>> for Stack<'a> {
    fn from_iter<T: IntoIterator<Item = &'a Vec<u8>>>(items: T) -> Self {
        Self(items.into_iter().map(|item| Item::Borrowed(item)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth() {
        for (bytes, expected) in [
            (&[][..], false),
            (&[0], false),
            (&[0x80], false),
            (&[0, 0x80], false),
            (&[0x80, 0], true),
            (&[1], true),
            (&[0, 0, 2, 0], true),
            (&[0x81], true),
        ] {
            assert_eq!(Item::Borrowed(bytes).is_true(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn depth_counts_from_the_top() {
        let mut stack = Stack::default();
        for n in 1..=4 {
            stack.push(Item::from_num(n));
        }
        stack.copy_up(3, 2).unwrap();
        let values: Vec<_> = (0..6).map(|depth| stack.peek(depth).unwrap().as_slice().to_vec()).collect();
        assert_eq!(values, [[2], [1], [4], [3], [2], [1]]);
        assert!(stack.peek(6).is_err() && stack.drop_top(7).is_err());
        assert_eq!(stack.remove(5).unwrap().as_slice(), [1]);
        assert_eq!(stack.len(), 5);
    }
}
