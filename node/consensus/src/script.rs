//! Scripts: the bytes, their opcodes, how they are built, classified, counted and run.

use std::fmt;
use std::ops::Deref;

/// The bytes of a script, valid or not.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Script(pub Vec<u8>);

impl Script {
    /// An empty script.
    pub const fn new() -> Self {
        Self(Vec::new())
    }
}

impl Deref for Script {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Script {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({})", crate::hex::encode(&self.0))
    }
}
