//! BIP322: a message is signed by spending an output that cannot exist and commits to the message.

use super::Verdict;
use crate::verify::Judge;
use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::opcodes::all::OP_RETURN;
use bitcoin::script::Builder;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, OutPoint, Script, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness, consensus,
};
use chaincore_consensus::hash::tagged_hash;
use chaincore_consensus::script::ScriptError;

/// The transaction that pays an address and commits to a message (`to_spend`).
pub fn to_spend(script: &Script, message: &str) -> Transaction {
    let hash = tagged_hash("BIP0322-signed-message", &[message.as_bytes()]);
    Transaction {
        version: Version(0),
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(Txid::all_zeros(), u32::MAX),
            script_sig: Builder::new().push_int(0).push_slice(hash).into_script(),
            sequence: Sequence::ZERO,
            witness: Witness::new(),
        }],
        output: vec![TxOut { value: Amount::ZERO, script_pubkey: script.to_owned() }],
    }
}

/// The transaction that spends it (`to_sign`), without signatures.
pub fn to_sign(to_spend: &Transaction) -> Transaction {
    Transaction {
        version: Version(0),
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(to_spend.compute_txid(), 0),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ZERO,
            witness: Witness::new(),
        }],
        output: vec![TxOut {
            value: Amount::ZERO,
            script_pubkey: Builder::new().push_opcode(OP_RETURN).into_script(),
        }],
    }
}

/// Judges the simple form: a witness alone. `None` if the bytes are no witness.
pub(super) fn verify_simple(script: &Script, message: &str, bytes: &[u8]) -> Option<Verdict> {
    let witness: Witness = consensus::deserialize(bytes).ok()?;
    let to_spend = to_spend(script, message);
    let mut tx = to_sign(&to_spend);
    if script.is_p2sh() {
        // The form is meant for addresses without a scriptSig. Wallets use it for P2WPKH in P2SH all the same: what the
        // scriptSig must be then follows from the key in the witness.
        let key = witness.last().and_then(|key| bitcoin::CompressedPublicKey::from_slice(key).ok());
        let Some(key) = key else {
            return Some(Verdict::invalid("the simple form has no place for this address's script"));
        };
        tx.input[0].script_sig = crate::psbt::nested_script_sig(&key.0);
    }
    tx.input[0].witness = witness;
    Some(judge(&to_spend, &tx))
}

/// Judges the full form: the whole transaction. `None` if the bytes are no transaction.
pub(super) fn verify_full(script: &Script, message: &str, bytes: &[u8]) -> Option<Verdict> {
    let tx: Transaction = consensus::deserialize(bytes).ok()?;
    let to_spend = to_spend(script, message);
    let unsigned = to_sign(&to_spend);
    if tx.output != unsigned.output {
        return Some(Verdict::invalid("its outputs are not those of a signed message"));
    }
    let [input] = &tx.input[..] else {
        return Some(Verdict::invalid("it does not have exactly one input"));
    };
    if input.previous_output != unsigned.input[0].previous_output {
        return Some(Verdict::invalid("it was made for another message or another address"));
    }
    if !matches!(tx.version, Version(0 | 2)) {
        return Some(Verdict::Inconclusive { reason: format!("transaction version {}", tx.version.0) });
    }
    Some(judge(&to_spend, &tx))
}

fn judge(to_spend: &Transaction, tx: &Transaction) -> Verdict {
    use ScriptError::{
        DiscourageOpSuccess, DiscourageUpgradableNops, DiscourageUpgradablePubKeyType,
        DiscourageUpgradableTaprootVersion, DiscourageUpgradableWitnessProgram,
    };
    let input = &tx.input[0];
    let judged = Judge::new(tx, &[Some(to_spend.output[0].clone())])
        .ok_or(ScriptError::Unknown)
        .and_then(|judge| judge.whole_input(0, &input.script_sig, &input.witness));
    match judged {
        Ok(()) => Verdict::Valid {
            lock_time: tx.lock_time.to_consensus_u32(),
            sequence: input.sequence.to_consensus_u32(),
        },
        Err(
            error @ (DiscourageOpSuccess
            | DiscourageUpgradableNops
            | DiscourageUpgradablePubKeyType
            | DiscourageUpgradableTaprootVersion
            | DiscourageUpgradableWitnessProgram),
        ) => Verdict::Inconclusive { reason: error.to_string() },
        Err(error) => Verdict::invalid(error),
    }
}
