//! What one is about to sign: read out of the PSBT, with everything derived or computed here and nothing taken from
//! whoever made it.

use super::own::{Own, OwnKey, Paths, kind_paying};
use super::size::vsize;
use super::{PsbtError, Spent, is_final, spent_outputs};
use crate::chain::Chain;
use crate::keys::{AccountKind, Master};
use bitcoin::psbt::{Input, PsbtSighashType};
use bitcoin::{EcdsaSighashType, Psbt, Script, TapSighashType, Transaction, TxOut};
use chaincore_consensus::amount::MAX_MONEY;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A fee above this share of what is sent is pointed out: a twentieth.
const HIGH_FEE_DIVISOR: u64 = 20;

/// A fee rate above this is pointed out, in satoshis per virtual byte.
const HIGH_FEERATE: f64 = 500.0;

/// An address further out than this in its branch is not searched for when a wallet is restored.
const MAX_CHANGE_INDEX: u32 = 100_000;

/// Where money comes from, where it goes, and what is odd about it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Review {
    /// The transaction's id. It still changes if a P2PKH input is not signed yet ([`Review::txid_final`]).
    pub txid: String,
    /// Whether the id stays when the transaction is signed.
    pub txid_final: bool,
    /// Where money comes from.
    pub inputs: Vec<InputReview>,
    /// Where it goes.
    pub outputs: Vec<OutputReview>,
    /// What miners get, in satoshis.
    pub fee: u64,
    /// The signed transaction's size in virtual bytes, at most.
    pub vsize: u64,
    /// The fee per virtual byte, in satoshis; to show, not to compute with.
    pub feerate: f64,
    /// What leaves the wallet: its inputs' worth without what comes back to it. Negative if more comes in.
    pub net: i64,
    /// Until when the transaction can't be mined: a height below 500,000,000, a time above; 0 for at once.
    pub lock_time: u32,
    /// Whether it says that it may be replaced (BIP125).
    pub replaceable: bool,
    /// What one should know before signing.
    pub warnings: Vec<Warning>,
    /// Whether all inputs are signed.
    pub complete: bool,
}

/// Where money comes from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InputReview {
    /// The output spent, `txid:number`.
    pub outpoint: String,
    /// Its worth in satoshis.
    pub value: u64,
    /// Its address, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Whether one of this wallet's keys alone spends it.
    pub mine: bool,
    /// Whether one of this wallet's keys spends it together with others.
    #[serde(default)]
    pub shared: bool,
    /// The key's path, if one is this wallet's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether it is signed (by this wallet's key, if it is shared).
    pub signed: bool,
}

/// Where money goes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OutputReview {
    /// The address, if the script has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The script in hexadecimal digits, if it has no address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// How much, in satoshis.
    pub value: u64,
    /// What for.
    pub kind: OutputKind,
    /// Whether it pays this wallet: always for change, and for a payment to one of its own receive addresses.
    pub mine: bool,
    /// The key's path, if it is this wallet's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// What an output is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// It pays somebody (or a receive address of the wallet itself).
    Payment,
    /// It goes back to the wallet: the key at its change path leads to the very script.
    Change,
    /// It carries data and pays nobody.
    Data,
}

/// Something to know before signing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Warning {
    /// A word for programs: `high_fee`, `high_feerate`, `missing_previous`, `foreign_input`, `shared_input`,
    /// `false_origin`, `unusual_path`, `address_reuse`, `burned`, `unknown_witness`, `nothing_mine`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

impl Review {
    /// Takes over what only the finished transaction has.
    pub(crate) fn set_transaction(&mut self, tx: &Transaction) {
        self.txid = tx.compute_txid().to_string();
        self.txid_final = true;
        self.vsize = tx.vsize() as u64;
        self.feerate = feerate(self.fee, self.vsize);
    }
}

/// Satoshis per virtual byte, to two places; to show, not to compute with.
fn feerate(fee: u64, vsize: u64) -> f64 {
    (fee as f64 / vsize.max(1) as f64 * 100.0).round() / 100.0
}

/// How an input is signed by one of the wallet's keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Spend {
    /// The key alone, in one of the usual scripts.
    Single(AccountKind),
    /// The key among others in the script behind a P2SH output.
    Sh,
    /// The key among others in the script behind a P2WSH output (in P2SH or not).
    Wsh,
}

/// An input that the wallet's keys sign.
pub(crate) struct OwnInput {
    pub key: OwnKey,
    pub spend: Spend,
}

/// A review, and what a signer needs besides.
pub(crate) struct Plan {
    pub review: Review,
    pub spent: Vec<TxOut>,
    pub own: Vec<Vec<OwnInput>>,
}

struct Notes(Vec<Warning>);

impl Notes {
    fn add(&mut self, code: &str, message: impl Into<String>) {
        self.0.push(Warning { code: code.into(), message: message.into() });
    }
}

/// Looks through a PSBT with a wallet's keys.
///
/// # Errors
/// Whatever must not be signed: contradictions about what is spent, amounts that are unknown or out of range,
/// signature types other than DEFAULT and ALL at the wallet's own inputs.
pub(crate) fn plan(psbt: &Psbt, master: &Master, paths: Paths) -> Result<Plan, PsbtError> {
    let spent = known_outputs(psbt)?;
    let mut own = Own::new(master, paths);
    let mut notes = Notes(Vec::new());
    let chain = master.chain();

    let mut inputs = Vec::with_capacity(spent.len());
    let mut own_inputs = Vec::with_capacity(spent.len());
    for (index, (fields, spent)) in psbt.inputs.iter().zip(&spent).enumerate() {
        let keys = own.keys(&fields.bip32_derivation, &fields.tap_key_origins);
        let claims = claims(fields, master);
        let mine: Vec<OwnInput> =
            keys.into_iter().filter_map(|key| own_input(key, fields, &spent.output)).collect();
        if !mine.is_empty() {
            check_own(index, fields, spent, &mine)?;
        } else if claims {
            notes.add(
                "false_origin",
                format!("Input {index} is said to be this wallet's, but none of its keys spends it."),
            );
        }
        inputs.push(input_review(psbt, index, spent, &mine, chain));
        own_inputs.push(mine);
    }
    warn_of_inputs(&spent, &inputs, &own_inputs, &mut notes);

    let outputs = review_outputs(psbt, &mut own, &spent, chain, &mut notes);
    let (fee, net) = totals(&inputs, &outputs)?;
    let vsize = vsize(psbt, &spent, &own_inputs);
    let feerate = feerate(fee, vsize);
    warn_of_fee(fee, feerate, &outputs, &mut notes);

    let (txid, txid_final) = predicted_txid(psbt, &own_inputs, &spent);
    let complete = inputs
        .iter()
        .zip(&psbt.inputs)
        .all(|(review, fields)| is_final(fields) || review.mine && review.signed);
    let review = Review {
        txid,
        txid_final,
        inputs,
        outputs,
        fee,
        vsize,
        feerate,
        net,
        lock_time: psbt.unsigned_tx.lock_time.to_consensus_u32(),
        replaceable: psbt.unsigned_tx.is_explicitly_rbf(),
        warnings: notes.0,
        complete,
    };
    Ok(Plan { review, spent: spent.into_iter().map(|spent| spent.output).collect(), own: own_inputs })
}

/// What each input spends; none may be unknown, or nobody knows the fee.
fn known_outputs(psbt: &Psbt) -> Result<Vec<Spent>, PsbtError> {
    spent_outputs(psbt)?
        .into_iter()
        .enumerate()
        .map(|(input, spent)| spent.ok_or(PsbtError::MissingSpent { input }))
        .collect()
}

/// Whether an input says that a key of this wallet has to do with it.
fn claims(fields: &Input, master: &Master) -> bool {
    let ecdsa = fields.bip32_derivation.values();
    let taproot = fields.tap_key_origins.values().map(|(_, source)| source);
    ecdsa.chain(taproot).any(|(fingerprint, _)| *fingerprint == master.fingerprint())
}

fn own_input(key: OwnKey, fields: &Input, spent: &TxOut) -> Option<OwnInput> {
    let script = &spent.script_pubkey;
    if let Some(kind) = kind_paying(script, &key.key) {
        return Some(OwnInput { key, spend: Spend::Single(kind) });
    }
    let contains = |script: &Script| {
        script.instructions().any(|instruction| {
            instruction.is_ok_and(|instruction| {
                instruction.push_bytes().is_some_and(|bytes| bytes.as_bytes() == key.key.serialize())
            })
        })
    };
    // What the output commits to must be the script that is given, or it says nothing.
    let redeem = fields.redeem_script.as_ref().filter(|redeem| redeem.to_p2sh() == *script);
    let program = redeem.map_or(script, |redeem| redeem);
    let witness = fields.witness_script.as_ref().filter(|witness| witness.to_p2wsh() == *program);
    let spend = match (witness, redeem) {
        (Some(witness), _) if contains(witness) => Spend::Wsh,
        (None, Some(redeem)) if contains(redeem) => Spend::Sh,
        _ => return None,
    };
    Some(OwnInput { key, spend })
}

/// Refuses own inputs that must not be signed.
fn check_own(index: usize, fields: &Input, spent: &Spent, mine: &[OwnInput]) -> Result<(), PsbtError> {
    for own in mine {
        let legacy = matches!(own.spend, Spend::Single(AccountKind::Legacy) | Spend::Sh);
        if legacy && !spent.proven {
            return Err(PsbtError::PreviousNeeded { input: index });
        }
        if let Some(asked) = fields.sighash_type {
            let allowed = match own.spend {
                Spend::Single(AccountKind::Taproot) => {
                    matches!(asked.taproot_hash_ty(), Ok(TapSighashType::Default | TapSighashType::All))
                }
                _ => matches!(asked.ecdsa_hash_ty(), Ok(EcdsaSighashType::All)),
            };
            if !allowed {
                return Err(PsbtError::Sighash { input: index, kind: sighash_name(asked) });
            }
        }
    }
    Ok(())
}

fn sighash_name(kind: PsbtSighashType) -> String {
    match kind.ecdsa_hash_ty() {
        Ok(known) => known.to_string(),
        Err(_) => format!("{:#x}", kind.to_u32()),
    }
}

fn input_review(psbt: &Psbt, index: usize, spent: &Spent, mine: &[OwnInput], chain: &Chain) -> InputReview {
    let fields = &psbt.inputs[index];
    let single = mine.iter().any(|own| matches!(own.spend, Spend::Single(_)));
    let signed = is_final(fields)
        || mine.iter().any(|own| match own.spend {
            Spend::Single(AccountKind::Taproot) => fields.tap_key_sig.is_some(),
            _ => fields.partial_sigs.contains_key(&bitcoin::PublicKey::new(own.key.key)),
        });
    InputReview {
        outpoint: psbt.unsigned_tx.input[index].previous_output.to_string(),
        value: spent.output.value.to_sat(),
        address: chain.address(&spent.output.script_pubkey),
        mine: single,
        shared: !single && !mine.is_empty(),
        path: mine.first().map(|own| path_text(&own.key)),
        signed,
    }
}

fn path_text(key: &OwnKey) -> String {
    format!("m/{}", key.path)
}

fn warn_of_inputs(spent: &[Spent], inputs: &[InputReview], own: &[Vec<OwnInput>], notes: &mut Notes) {
    let count = |which: &dyn Fn(&InputReview) -> bool| inputs.iter().filter(|input| which(input)).count();
    let shared = count(&|input| input.shared);
    let foreign = count(&|input| !input.mine && !input.shared);
    if foreign == inputs.len() {
        notes.add("nothing_mine", "None of the inputs is this wallet's: there is nothing to sign.");
    } else if foreign > 0 {
        notes.add(
            "foreign_input",
            format!("{foreign} of {} inputs are not this wallet's: others pay too.", inputs.len()),
        );
    }
    if shared > 0 {
        notes
            .add("shared_input", format!("{shared} inputs need signatures of others besides this wallet's."));
    }
    // A signature of segwit version 0 commits to its own input's amount alone: who lies about another's can make
    // one pay more than one saw, in two rounds. A taproot signature commits to all amounts: under a lie it is worthless.
    let committed = own.iter().flatten().any(|own| own.spend == Spend::Single(AccountKind::Taproot));
    let missing = if committed { 0 } else { spent.iter().filter(|spent| !spent.proven).count() };
    if missing > 0 {
        notes.add(
            "missing_previous",
            format!(
                "For {missing} inputs the previous transaction is missing: their amounts, and so the fee, are \
                 only claimed."
            ),
        );
    }
    let unusual = own.iter().flatten().any(|own| {
        matches!(own.spend, Spend::Single(kind) if own.key.place.is_none_or(|place| place.kind != kind))
    });
    if unusual {
        notes.add("unusual_path", "An input's key is at a path that no account of this wallet uses.");
    }
}

fn review_outputs(
    psbt: &Psbt,
    own: &mut Own<'_>,
    spent: &[Spent],
    chain: &Chain,
    notes: &mut Notes,
) -> Vec<OutputReview> {
    let spent_scripts: BTreeSet<&Script> =
        spent.iter().map(|spent| spent.output.script_pubkey.as_script()).collect();
    let mut seen = BTreeSet::new();
    let mut reviews = Vec::with_capacity(psbt.outputs.len());
    for (index, (output, fields)) in psbt.unsigned_tx.output.iter().zip(&psbt.outputs).enumerate() {
        let script = output.script_pubkey.as_script();
        let data = script.is_op_return();
        // Change is what a key of an account leads to, at the place where a restored wallet would look for it.
        let place = own
            .keys(&fields.bip32_derivation, &fields.tap_key_origins)
            .into_iter()
            .filter(|key| {
                kind_paying(script, &key.key).is_some_and(|kind| {
                    key.place.is_some_and(|place| place.kind == kind && place.index <= MAX_CHANGE_INDEX)
                })
            })
            .find_map(|key| Some((key.place?, path_text(&key))));
        let change = place.as_ref().is_some_and(|(place, _)| place.change);
        let kind = match (data, change) {
            (true, _) => OutputKind::Data,
            (false, true) => OutputKind::Change,
            (false, false) => OutputKind::Payment,
        };
        let address = chain.address(script);
        warn_of_output(index, output, data, address.as_deref(), notes);
        if !data && (spent_scripts.contains(script) || !seen.insert(script)) {
            notes.add(
                "address_reuse",
                format!(
                    "Output {index} pays an address that this transaction uses already: it tells who is who."
                ),
            );
        }
        reviews.push(OutputReview {
            script: address.is_none().then(|| script.to_hex_string()),
            address,
            value: output.value.to_sat(),
            kind,
            mine: place.is_some(),
            path: place.map(|(_, path)| path),
        });
    }
    reviews
}

fn warn_of_output(index: usize, output: &TxOut, data: bool, address: Option<&str>, notes: &mut Notes) {
    let script = &output.script_pubkey;
    if data && output.value.to_sat() > 0 {
        notes.add(
            "burned",
            format!("Output {index} destroys {} sat: nobody can spend it.", output.value.to_sat()),
        );
    } else if !data && address.is_none() {
        notes.add("no_address", format!("Output {index} pays a script that has no address."));
    } else if script.witness_version().is_some_and(|version| version.to_num() > 1) {
        notes.add(
            "unknown_witness",
            format!("Output {index} pays a witness version without rules yet: anybody could take it."),
        );
    }
}

/// The fee, and what leaves the wallet.
fn totals(inputs: &[InputReview], outputs: &[OutputReview]) -> Result<(u64, i64), PsbtError> {
    let sum = |values: &mut dyn Iterator<Item = u64>| {
        let mut sum = 0_u64;
        for value in values {
            sum = sum.checked_add(value).ok_or(PsbtError::Amount)?;
            if i64::try_from(sum).map_or(true, |sum| sum > MAX_MONEY) {
                return Err(PsbtError::Amount);
            }
        }
        Ok(sum)
    };
    let spent = sum(&mut inputs.iter().map(|input| input.value))?;
    let out = sum(&mut outputs.iter().map(|output| output.value))?;
    let own_spent = sum(&mut inputs.iter().filter(|input| input.mine).map(|input| input.value))?;
    let own_out = sum(&mut outputs.iter().filter(|output| output.mine).map(|output| output.value))?;
    let fee = spent.checked_sub(out).ok_or(PsbtError::Overspent { spent, out })?;
    let signed = |amount: u64| i64::try_from(amount).map_err(|_| PsbtError::Amount);
    Ok((fee, signed(own_spent)? - signed(own_out)?))
}

fn warn_of_fee(fee: u64, feerate: f64, outputs: &[OutputReview], notes: &mut Notes) {
    let sent: u64 = outputs.iter().filter(|output| !output.mine).map(|output| output.value).sum();
    let all: u64 = outputs.iter().map(|output| output.value).sum();
    let measure = if sent > 0 { sent } else { all };
    if fee > measure / HIGH_FEE_DIVISOR {
        notes.add(
            "high_fee",
            format!("The fee of {fee} sat is more than 5 % of the {measure} sat that are sent."),
        );
    }
    if feerate > HIGH_FEERATE {
        notes.add("high_feerate", format!("The fee rate of {feerate} sat/vB is very high."));
    }
}

/// The id that the transaction has, and whether it keeps it when signed: scripts of nested inputs are known before,
/// those of P2PKH inputs are not.
fn predicted_txid(psbt: &Psbt, own: &[Vec<OwnInput>], spent: &[Spent]) -> (String, bool) {
    let mut tx = psbt.unsigned_tx.clone();
    let mut certain = true;
    for (((input, fields), own), spent) in tx.input.iter_mut().zip(&psbt.inputs).zip(own).zip(spent) {
        let nested = own.iter().find(|own| own.spend == Spend::Single(AccountKind::Nested));
        if is_final(fields) {
            input.script_sig = fields.final_script_sig.clone().unwrap_or_default();
        } else if let Some(nested) = nested {
            input.script_sig = super::own::nested_script_sig(&nested.key.key);
        } else if spent.output.script_pubkey.witness_version().is_none() {
            certain = false;
        }
    }
    (tx.compute_txid().to_string(), certain)
}
