//! Answers the interpreter's questions for one input of a transaction.

use super::{
    PrecomputedTx, Sha256Sink, SighashType, legacy::one, legacy_state, segwit_v0_state, taproot_sighash,
};
use crate::amount::Amount;
use crate::hash::Hash256;
use crate::script::{
    LOCKTIME_THRESHOLD, ScriptError, SigVersion, SignatureChecker, TaprootContext, signature,
};
use crate::sigcache::SignatureCache;
use crate::transaction::{Transaction, TxIn, TxOut};
use std::cell::RefCell;

/// A relative lock time is off with this bit (BIP68).
const SEQUENCE_LOCKTIME_DISABLE_FLAG: u32 = 1 << 31;
/// A relative lock time counts units of 512 seconds and not blocks with this bit (BIP68).
const SEQUENCE_LOCKTIME_TYPE_FLAG: u32 = 1 << 22;
/// The bits of the lock time itself (BIP68).
const SEQUENCE_LOCKTIME_MASK: u32 = 0xffff;

/// A script code and the hashing of a transaction with it, up to the hash type.
type HashedCode = (Vec<u8>, Sha256Sink);

/// Checks signatures and lock times for one input. Remembers the hashing that signatures over the same script share,
/// so it is made anew for each input and stays on one thread.
pub struct TxChecker<'a> {
    tx: &'a Transaction,
    input: usize,
    amount: Amount,
    spent: &'a [TxOut],
    pre: &'a PrecomputedTx,
    cache: Option<&'a SignatureCache>,
    /// For each kind of hash type the last one hashed.
    states: RefCell<[Option<HashedCode>; 6]>,
}

impl<'a> TxChecker<'a> {
    /// A checker for `tx.inputs[input]`, which must exist. `spent` has the outputs spent, one per input, or is empty:
    /// then taproot signatures fail, and segwit ones check against an amount of 0 unless [`Self::with_amount`] gives
    /// another.
    pub fn new(tx: &'a Transaction, input: usize, spent: &'a [TxOut], pre: &'a PrecomputedTx) -> Self {
        let amount = spent.get(input).map_or(Amount::ZERO, |output| output.value);
        Self { tx, input, amount, spent, pre, cache: None, states: RefCell::default() }
    }

    /// The same with another value of the output spent.
    pub fn with_amount(mut self, amount: Amount) -> Self {
        self.amount = amount;
        self
    }

    /// The same, asking `cache` before a signature is verified and telling it afterwards.
    pub fn with_cache(mut self, cache: Option<&'a SignatureCache>) -> Self {
        self.cache = cache;
        self
    }

    fn signed_input(&self) -> &TxIn {
        &self.tx.inputs[self.input]
    }

    fn ecdsa_sighash(&self, script_code: &[u8], hash_type: SighashType, version: SigVersion) -> Hash256 {
        let mut states = self.states.borrow_mut();
        let entry = &mut states[hash_type.kind()];
        if let Some((code, state)) = entry.as_ref()
            && code == script_code
        {
            return state.clone().finish_with_type(hash_type);
        }
        let state = if version == SigVersion::WitnessV0 {
            segwit_v0_state(self.tx, self.input, script_code, self.amount, hash_type, self.pre)
        } else {
            let Some(state) = legacy_state(self.tx, self.input, script_code, hash_type, self.pre) else {
                return one();
            };
            state
        };
        *entry = Some((script_code.to_vec(), state.clone()));
        state.finish_with_type(hash_type)
    }
}

impl SignatureChecker for TxChecker<'_> {
    fn check_ecdsa(&self, signature: &[u8], key: &[u8], script_code: &[u8], version: SigVersion) -> bool {
        let Some((hash_type, der)) = signature.split_last() else { return false };
        if !signature::has_pubkey_size(key) {
            return false;
        }
        let hash = self.ecdsa_sighash(script_code, SighashType::from_byte(*hash_type), version);
        let verify = || signature::verify_ecdsa(der, key, hash.0);
        match self.cache {
            Some(cache) => cache.remember_ecdsa(&hash.0, key, der, verify),
            None => verify(),
        }
    }

    fn check_schnorr(
        &self,
        signature: &[u8],
        key: &[u8; 32],
        context: &TaprootContext,
    ) -> Result<(), ScriptError> {
        let (signature, hash_type) = match signature.split_first_chunk::<64>() {
            Some((signature, [])) => (signature, SighashType::DEFAULT),
            Some((_, [0])) => return Err(ScriptError::SchnorrSigHashType),
            Some((signature, [hash_type])) => (signature, SighashType::from_byte(*hash_type)),
            _ => return Err(ScriptError::SchnorrSigSize),
        };
        let hash = taproot_sighash(self.tx, self.input, self.spent, hash_type, context, self.pre)
            .ok_or(ScriptError::SchnorrSigHashType)?;
        let verify = || signature::verify_schnorr(*signature, key, &hash.0);
        let valid = match self.cache {
            Some(cache) => cache.remember_schnorr(&hash.0, key, signature, verify),
            None => verify(),
        };
        if valid { Ok(()) } else { Err(ScriptError::SchnorrSig) }
    }

    fn check_lock_time(&self, lock_time: i64) -> bool {
        let threshold = i64::from(LOCKTIME_THRESHOLD);
        let own = i64::from(self.tx.lock_time);
        // A final input switches the transaction's lock time off, so it proves nothing.
        (own < threshold) == (lock_time < threshold)
            && lock_time <= own
            && self.signed_input().sequence != TxIn::SEQUENCE_FINAL
    }

    fn check_sequence(&self, sequence: i64) -> bool {
        let own = self.signed_input().sequence;
        if self.tx.version < 2 || own & SEQUENCE_LOCKTIME_DISABLE_FLAG != 0 {
            return false;
        }
        let mask = SEQUENCE_LOCKTIME_TYPE_FLAG | SEQUENCE_LOCKTIME_MASK;
        let own = i64::from(own & mask);
        let wanted = sequence & i64::from(mask);
        let by_time = |sequence: i64| sequence >= i64::from(SEQUENCE_LOCKTIME_TYPE_FLAG);
        by_time(own) == by_time(wanted) && wanted <= own
    }
}
