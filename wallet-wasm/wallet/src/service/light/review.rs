//! What a PSBT does, as far as the ledger knows: for wallets that only watch, and for looking before the signer is asked.
//! Nothing is signed after this alone: the signer reads the PSBT anew, with its keys.

use super::Session;
use crate::ledger::Keychain;
use crate::psbt::{self, PsbtError, spent_outputs};
use crate::service::{Fault, Params};
use bitcoin::{Psbt, TxOut};
use serde::Deserialize;
use serde_json::{Value, json};

/// Weight units of an unsigned input's script and witness, if the wallet knows nothing of it: those of P2WPKH.
const USUAL_SATISFACTION: u64 = 109;

impl Session {
    pub(super) fn review(&self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Text {
            psbt: String,
        }
        let psbt = psbt::from_base64(&params.read::<Text>()?.psbt)?;
        let spent = spent_outputs(&psbt)?;
        let (mut inputs, mut all_in, mut net) = (Vec::new(), 0u64, 0i64);
        let (mut unproven, mut foreign) = (0, 0);
        for (index, (input, spent)) in psbt.unsigned_tx.input.iter().zip(&spent).enumerate() {
            let spent = spent.as_ref().ok_or(PsbtError::MissingSpent { input: index })?;
            let value = spent.output.value.to_sat();
            let mine = self.ledger.owner(&spent.output.script_pubkey).is_some();
            all_in = all_in.checked_add(value).ok_or(PsbtError::Amount)?;
            if mine {
                net += signed(value)?;
            }
            foreign += u32::from(!mine);
            unproven += u32::from(!spent.proven && !spent.output.script_pubkey.is_p2tr());
            inputs.push(json!({
                "outpoint": input.previous_output.to_string(),
                "value": value,
                "address": self.address(&spent.output.script_pubkey),
                "mine": mine,
                "shared": false,
                "signed": is_signed(&psbt, index),
            }));
        }
        let (mut outputs, mut all_out) = (Vec::new(), 0u64);
        for output in &psbt.unsigned_tx.output {
            let (shown, mine) = self.reviewed(output);
            all_out = all_out.checked_add(output.value.to_sat()).ok_or(PsbtError::Amount)?;
            if mine {
                net -= signed(output.value.to_sat())?;
            }
            outputs.push(shown);
        }
        let fee = all_in.checked_sub(all_out).ok_or(PsbtError::Overspent { spent: all_in, out: all_out })?;
        let vsize = self.signed_vsize(&psbt, spent.iter().flatten().map(|spent| &spent.output));
        let mut warnings = Vec::new();
        let mut warn = |code: &str, message: String| warnings.push(json!({"code": code, "message": message}));
        if foreign as usize == inputs.len() {
            warn("nothing_mine", "None of the inputs is this wallet's.".into());
        } else if foreign > 0 {
            warn("foreign_input", format!("{foreign} inputs are not this wallet's: others pay too."));
        }
        if unproven > 0 {
            warn("missing_previous", format!("For {unproven} inputs the amounts are only claimed."));
        }
        Ok(json!({
            "txid": psbt.unsigned_tx.compute_txid().to_string(),
            "txid_final": spent.iter().flatten().all(|spent| spent.output.script_pubkey.witness_version().is_some()),
            "complete": (0..inputs.len()).all(|index| is_signed(&psbt, index)),
            "inputs": inputs,
            "outputs": outputs,
            "fee": fee,
            "vsize": vsize,
            "feerate": fee as f64 / vsize as f64,
            "net": net,
            "lock_time": psbt.unsigned_tx.lock_time.to_consensus_u32(),
            "replaceable": psbt.unsigned_tx.input.iter().any(|input| input.sequence.is_rbf()),
            "warnings": warnings,
        }))
    }

    /// An output, and whether it is the wallet's.
    fn reviewed(&self, output: &TxOut) -> (Value, bool) {
        let script = &output.script_pubkey;
        let owner = self.ledger.owner(script);
        let kind = match owner {
            Some(owner) if owner.keychain == Keychain::Change => "change",
            _ if script.is_op_return() => "data",
            _ => "payment",
        };
        let address = self.address(script);
        let shown = json!({
            "script": address.is_none().then(|| script.to_hex_string()),
            "address": address,
            "value": output.value.to_sat(),
            "kind": kind,
            "mine": owner.is_some(),
        });
        (shown, owner.is_some())
    }

    /// The size that the transaction has when it is signed, in virtual bytes, at most for inputs of the wallet.
    fn signed_vsize<'a>(&self, psbt: &Psbt, spent: impl Iterator<Item = &'a TxOut>) -> u64 {
        let satisfaction = spent.map(|output| {
            let account = self.ledger.owner(&output.script_pubkey).map(|owner| owner.account);
            let account = account.and_then(|account| self.ledger.accounts().get(account));
            account.map_or(USUAL_SATISFACTION, |account| account.satisfaction_weight())
        });
        let weight = 4 * psbt.unsigned_tx.base_size() as u64 + 2 + satisfaction.sum::<u64>();
        weight.div_ceil(4)
    }
}

fn signed(value: u64) -> Result<i64, PsbtError> {
    i64::try_from(value).map_err(|_| PsbtError::Amount)
}

fn is_signed(psbt: &Psbt, index: usize) -> bool {
    let fields = &psbt.inputs[index];
    fields.final_script_sig.is_some()
        || fields.final_script_witness.is_some()
        || fields.tap_key_sig.is_some()
        || !fields.partial_sigs.is_empty()
}
