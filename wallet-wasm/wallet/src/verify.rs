//! Whether a transaction's scripts and signatures hold, by the node's own interpreter.

use bitcoin::{Script, Transaction, TxOut, Witness};
use chaincore_consensus::codec::Decode;
use chaincore_consensus::script::{
    ScriptError, SigVersion, SignatureChecker, TaprootContext, VerifyFlags, verify_script,
};
use chaincore_consensus::sighash::{PrecomputedTx, TxChecker};

/// A signature for the whole transaction, and nothing less.
const ALL: u8 = 1;

/// A transaction whose inputs can be judged one by one, by what is to unlock them.
pub(crate) struct Judge {
    tx: chaincore_consensus::Transaction,
    spent: Vec<Option<chaincore_consensus::TxOut>>,
    /// All of them, or none if one is unknown: taproot signatures commit to all.
    all_spent: Vec<chaincore_consensus::TxOut>,
    pre: PrecomputedTx,
}

impl Judge {
    /// A judge of a transaction that spends these outputs, as far as they are known; as many as it has inputs. The
    /// scripts and witnesses that it has itself do not matter.
    pub(crate) fn new(tx: &Transaction, spent: &[Option<TxOut>]) -> Option<Self> {
        let tx = chaincore_consensus::Transaction::decode_exact(&bitcoin::consensus::serialize(tx)).ok()?;
        let convert = |output: &TxOut| {
            chaincore_consensus::TxOut::decode_exact(&bitcoin::consensus::serialize(output)).ok()
        };
        let spent: Vec<_> = spent.iter().map(|output| output.as_ref().and_then(convert)).collect();
        let all_spent: Vec<_> = spent.iter().cloned().collect::<Option<_>>().unwrap_or_default();
        let pre = PrecomputedTx::new(&tx, &all_spent);
        (spent.len() == tx.inputs.len()).then_some(Self { tx, spent, all_spent, pre })
    }

    /// Whether these unlock what an input spends, by a mempool's rules.
    pub(crate) fn input(
        &self,
        input: usize,
        script_sig: &Script,
        witness: &Witness,
    ) -> Result<(), ScriptError> {
        self.run(input, script_sig, witness, &self.checker(input)?)
    }

    /// The same, with signatures for the whole transaction alone.
    pub(crate) fn whole_input(
        &self,
        input: usize,
        script_sig: &Script,
        witness: &Witness,
    ) -> Result<(), ScriptError> {
        self.run(input, script_sig, witness, &WholeOnly(self.checker(input)?))
    }

    fn checker(&self, input: usize) -> Result<TxChecker<'_>, ScriptError> {
        let spent = self.spent.get(input).and_then(Option::as_ref).ok_or(ScriptError::Unknown)?;
        Ok(TxChecker::new(&self.tx, input, &self.all_spent, &self.pre).with_amount(spent.value))
    }

    fn run(
        &self,
        input: usize,
        script_sig: &Script,
        witness: &Witness,
        checker: &dyn SignatureChecker,
    ) -> Result<(), ScriptError> {
        let spent = self.spent.get(input).and_then(Option::as_ref).ok_or(ScriptError::Unknown)?;
        verify_script(
            script_sig.as_bytes(),
            &spent.script_pubkey,
            &witness.to_vec(),
            VerifyFlags::STANDARD,
            checker,
        )
    }
}

/// Refuses signatures for less than the whole transaction.
struct WholeOnly<'a>(TxChecker<'a>);

impl SignatureChecker for WholeOnly<'_> {
    fn check_ecdsa(&self, signature: &[u8], key: &[u8], script_code: &[u8], version: SigVersion) -> bool {
        signature.last() == Some(&ALL) && self.0.check_ecdsa(signature, key, script_code, version)
    }

    fn check_schnorr(
        &self,
        signature: &[u8],
        key: &[u8; 32],
        context: &TaprootContext,
    ) -> Result<(), ScriptError> {
        match signature {
            [.., kind] if signature.len() == 65 && *kind != ALL => Err(ScriptError::SchnorrSigHashType),
            _ => self.0.check_schnorr(signature, key, context),
        }
    }

    fn check_lock_time(&self, lock_time: i64) -> bool {
        self.0.check_lock_time(lock_time)
    }

    fn check_sequence(&self, sequence: i64) -> bool {
        self.0.check_sequence(sequence)
    }
}
