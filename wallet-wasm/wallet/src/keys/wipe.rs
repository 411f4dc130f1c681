//! Wiping: types of others that hold secrets and do not wipe them, wrapped; and the stack.

use bitcoin::bip32::{ChainCode, Xpriv};
use bitcoin::secp256k1::{Keypair, SecretKey};
use core::ops::Deref;
use zeroize::Zeroize;

/// A secret that overwrites itself when dropped.
pub(crate) struct Wiped<T: Wipe>(T);

/// How a type of another crate is overwritten.
pub(crate) trait Wipe {
    fn wipe(&mut self);
}

impl<T: Wipe> Wiped<T> {
    pub(crate) fn new(secret: T) -> Self {
        Self(secret)
    }
}

impl<T: Wipe> Deref for Wiped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Wipe> Drop for Wiped<T> {
    fn drop(&mut self) {
        self.0.wipe();
    }
}

impl Wipe for SecretKey {
    fn wipe(&mut self) {
        self.non_secure_erase();
    }
}

impl Wipe for Keypair {
    fn wipe(&mut self) {
        self.non_secure_erase();
    }
}

impl Wipe for Xpriv {
    fn wipe(&mut self) {
        self.private_key.non_secure_erase();
        self.chain_code = ChainCode::from([0; 32]);
        core::hint::black_box(&self.chain_code);
    }
}

/// Overwrites the part of the stack that the calls before have used. Keys pass through registers and temporaries that
/// no destructor reaches; what they leave behind lies here. (It is a help, not a promise: ending the process or the
/// worker is the one sure wipe.)
#[inline(never)]
pub(crate) fn burn_stack() {
    let mut bytes = [0x5a_u8; 64 * 1024];
    core::hint::black_box(&mut bytes);
    bytes.zeroize();
    core::hint::black_box(&bytes);
}
