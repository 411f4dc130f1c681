//! Whether a transaction's scripts and signatures hold, by the node's own interpreter.

use bitcoin::{Transaction, TxOut};
use chaincore_consensus::codec::Decode;
use chaincore_consensus::script::{
    ScriptError, SigVersion, SignatureChecker, TaprootContext, VerifyFlags, verify_script,
};
use chaincore_consensus::sighash::{PrecomputedTx, TxChecker};

/// A signature for the whole transaction, and nothing less.
const ALL: u8 = 1;

/// Checks one input after the other as a mempool would. Fails with the number of the first that does not hold.
pub(crate) fn verify_transaction(tx: &Transaction, spent: &[TxOut]) -> Result<(), (usize, ScriptError)> {
    let (tx, spent) = convert(tx, spent).ok_or((0, ScriptError::Unknown))?;
    let pre = PrecomputedTx::new(&tx, &spent);
    for input in 0..tx.inputs.len() {
        chaincore_consensus::script::verify_input(&tx, input, &spent, &pre, VerifyFlags::STANDARD, None)
            .map_err(|error| (input, error))?;
    }
    Ok(())
}

/// Checks a transaction's only input, whose signatures must all be for the whole transaction.
pub(crate) fn verify_whole_signatures(tx: &Transaction, spent: TxOut) -> Result<(), ScriptError> {
    let (tx, spent) = convert(tx, &[spent]).ok_or(ScriptError::Unknown)?;
    let ([input], [output]) = (&tx.inputs[..], &spent[..]) else { return Err(ScriptError::Unknown) };
    let pre = PrecomputedTx::new(&tx, &spent);
    let checker = WholeOnly(TxChecker::new(&tx, 0, &spent, &pre));
    verify_script(&input.script_sig, &output.script_pubkey, &input.witness, VerifyFlags::STANDARD, &checker)
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

fn convert(
    tx: &Transaction,
    spent: &[TxOut],
) -> Option<(chaincore_consensus::Transaction, Vec<chaincore_consensus::TxOut>)> {
    let tx = chaincore_consensus::Transaction::decode_exact(&bitcoin::consensus::serialize(tx)).ok()?;
    let output = |output: &TxOut| {
        chaincore_consensus::TxOut::decode_exact(&bitcoin::consensus::serialize(output)).ok()
    };
    Some((tx, spent.iter().map(output).collect::<Option<_>>()?))
}
