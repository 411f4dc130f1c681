//! Scripts: the bytes, their opcodes, how they are built, classified, counted and run.

mod asm;
mod builder;
mod checker;
mod classify;
mod error;
mod flags;
mod instruction;
mod interpreter;
pub mod num;
pub mod op;
mod pattern;
pub mod signature;
pub mod sigops;
mod stack;
pub mod taproot;
mod verify;
mod witness;

use std::fmt;
use std::ops::Deref;

pub use asm::to_asm;
pub use builder::Builder;
pub use checker::{NoTransaction, SigVersion, SignatureChecker, TaprootContext};
pub use classify::{ScriptKind, classify};
pub use error::ScriptError;
pub use flags::{UnknownFlagError, VerifyFlags};
pub use instruction::{Instruction, Instructions, instructions};
pub use pattern::{
    has_valid_ops, is_p2sh, is_p2tr, is_p2wsh, is_pay_to_anchor, is_push_only, is_unspendable,
    witness_program,
};
pub use verify::{verify_input, verify_script};

pub(crate) use instruction::read_instruction;

/// The most bytes that one stack element may have.
pub const MAX_SCRIPT_ELEMENT_SIZE: usize = 520;

/// The most operations other than pushes that a script before tapscript may have.
pub const MAX_OPS_PER_SCRIPT: usize = 201;

/// The most keys that `OP_CHECKMULTISIG` takes.
pub const MAX_PUBKEYS_PER_MULTISIG: usize = 20;

/// The most bytes that a script before tapscript may have.
pub const MAX_SCRIPT_SIZE: usize = 10_000;

/// The most elements on both stacks together.
pub const MAX_STACK_SIZE: usize = 1000;

/// Lock times below this are heights, from here on seconds since 1970.
pub const LOCKTIME_THRESHOLD: u32 = 500_000_000;

/// The bytes of a script, valid or not.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Script(pub Vec<u8>);

impl Script {
    /// An empty script.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// See [`is_p2sh`].
    pub fn is_p2sh(&self) -> bool {
        is_p2sh(self)
    }

    /// See [`is_p2wsh`].
    pub fn is_p2wsh(&self) -> bool {
        is_p2wsh(self)
    }

    /// See [`is_p2tr`].
    pub fn is_p2tr(&self) -> bool {
        is_p2tr(self)
    }

    /// See [`is_pay_to_anchor`].
    pub fn is_pay_to_anchor(&self) -> bool {
        is_pay_to_anchor(self)
    }

    /// See [`is_push_only`].
    pub fn is_push_only(&self) -> bool {
        is_push_only(self)
    }

    /// See [`is_unspendable`].
    pub fn is_unspendable(&self) -> bool {
        is_unspendable(self)
    }

    /// See [`witness_program`].
    pub fn witness_program(&self) -> Option<(u8, &[u8])> {
        witness_program(self)
    }

    /// See [`instructions`].
    pub fn instructions(&self) -> Instructions<'_> {
        instructions(self)
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
