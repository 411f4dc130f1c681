//! What the interpreter asks about the transaction around the script.

use super::error::ScriptError;

/// Which rules a script, and the hash that its signatures sign, follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SigVersion {
    /// Bare and P2SH scripts.
    Base,
    /// Segwit v0 (BIP143).
    WitnessV0,
    /// A taproot key path (BIP341).
    Taproot,
    /// A taproot script path with leaf version 0xc0 (BIP342).
    Tapscript,
}

/// What a Schnorr signature covers besides the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaprootContext {
    /// SHA-256 of the annex with its length in front, if there is an annex.
    pub annex_hash: Option<[u8; 32]>,
    /// The leaf that runs; `None` on the key path.
    pub leaf_hash: Option<[u8; 32]>,
    /// The position of the last executed `OP_CODESEPARATOR`, counted in opcodes; `u32::MAX` if there was none.
    pub code_separator: u32,
}

/// Answers for one input of one transaction. The defaults know no transaction: nothing is signed, no time has come.
pub trait SignatureChecker {
    /// Whether `signature`, hash type at its end, signs the transaction with `key`.
    fn check_ecdsa(&self, signature: &[u8], key: &[u8], script_code: &[u8], version: SigVersion) -> bool {
        let _ = (signature, key, script_code, version);
        false
    }

    /// Checks a Schnorr signature of 64 or 65 bytes.
    fn check_schnorr(
        &self,
        signature: &[u8],
        key: &[u8; 32],
        context: &TaprootContext,
    ) -> Result<(), ScriptError> {
        let _ = (signature, key, context);
        Err(ScriptError::Unknown)
    }

    /// Whether the transaction's lock time has reached `lock_time` (BIP65).
    fn check_lock_time(&self, lock_time: i64) -> bool {
        let _ = lock_time;
        false
    }

    /// Whether the input's relative lock time has reached `sequence` (BIP112).
    fn check_sequence(&self, sequence: i64) -> bool {
        let _ = sequence;
        false
    }
}

/// A checker that knows no transaction.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTransaction;

impl SignatureChecker for NoTransaction {}
