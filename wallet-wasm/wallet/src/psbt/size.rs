//! How large a transaction will be when it is signed.

use super::review::{OwnInput, Spend};
use super::{Spent, is_final};
use crate::chain::Chain;
use crate::keys::AccountKind;
use bitcoin::psbt::Input;
use bitcoin::{Psbt, Script};

/// The size of the signed transaction in virtual bytes, at most for the wallet's own inputs and about for others'.
pub(super) fn vsize(psbt: &Psbt, spent: &[Spent], own: &[Vec<OwnInput>]) -> u64 {
    let sizes: Vec<(u64, u64)> = psbt
        .inputs
        .iter()
        .zip(spent)
        .zip(own)
        .map(|((fields, spent), own)| satisfaction_size(fields, &spent.output.script_pubkey, own))
        .collect();
    let stripped: u64 = psbt.unsigned_tx.base_size() as u64
        + sizes.iter().map(|(script_sig, _)| script_sig + 2 * u64::from(*script_sig > 252)).sum::<u64>();
    let any_witness = sizes.iter().any(|(_, witness)| *witness > 0);
    // Two bytes of marker and flag; an input without witness then has an empty one.
    let witness: u64 =
        if any_witness { 2 + sizes.iter().map(|(_, witness)| (*witness).max(1)).sum::<u64>() } else { 0 };
    (stripped * 4 + witness).div_ceil(4)
}

/// The bytes of an input's script and witness.
fn satisfaction_size(fields: &Input, script: &Script, own: &[OwnInput]) -> (u64, u64) {
    if is_final(fields) {
        let script_sig = fields.final_script_sig.as_ref().map_or(0, |script| script.len());
        let witness = fields.final_script_witness.as_ref().map_or(0, bitcoin::Witness::size);
        return (script_sig as u64, witness as u64);
    }
    let single = own.iter().find_map(|own| match own.spend {
        Spend::Single(kind) => Some(kind),
        Spend::Sh | Spend::Wsh => None,
    });
    // A signature with a small r has 70 bytes at most and its type's byte; one of others may have two more.
    let signature = if single.is_some() { 71 } else { 73 };
    let pushes = signature + 1 + 34;
    let inner = fields.witness_script.as_ref().or(fields.redeem_script.as_ref());
    match single.or_else(|| Chain::kind_of(script)) {
        Some(AccountKind::Legacy) => (pushes, 0),
        Some(AccountKind::Segwit) => (0, 1 + pushes),
        Some(AccountKind::Taproot) => {
            let default = fields.sighash_type.is_none_or(|kind| kind.to_u32() == 0);
            (0, if default { 66 } else { 67 })
        }
        Some(AccountKind::Nested) if inner.is_none_or(|inner| inner.is_p2wpkh()) => (23, 1 + pushes),
        nested => {
            let Some(inner) = inner else { return (0, 1 + pushes) };
            let signatures = inner.first_opcode().map_or(1, |first| match first.to_u8() {
                byte @ 0x51..=0x60 => u64::from(byte - 0x50),
                _ => 1,
            });
            let content = 1 + signatures * 74 + 3 + inner.len() as u64;
            match (nested, fields.witness_script.is_some()) {
                (Some(_), false) => (content, 0),
                (Some(_), true) => (35, 1 + content),
                (None, _) => (0, 1 + content),
            }
        }
    }
}
