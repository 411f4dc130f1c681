//! Vectors of what signatures sign (BIP143, BIP341) and of Schnorr signatures (BIP340).

use super::{at, hex, same, text};
use bitcoin::consensus::deserialize;
use bitcoin::hashes::Hash;
use bitcoin::key::TapTweak;
use bitcoin::secp256k1::{Keypair, Message, Secp256k1, SecretKey, schnorr};
use bitcoin::sighash::{Prevouts, SighashCache};
use bitcoin::taproot::TapNodeHash;
use bitcoin::{Amount, EcdsaSighashType, ScriptBuf, TapSighashType, Transaction, TxOut, XOnlyPublicKey};
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct SegwitV0 {
    tx: String,
    input: usize,
    value: u64,
    program: Option<String>,
    witness_script: Option<String>,
    #[serde(rename = "type")]
    kind: u32,
    sighash: String,
}

pub(super) fn bip143(vectors: &[SegwitV0]) -> Result<usize, String> {
    for (number, vector) in vectors.iter().enumerate() {
        let tx: Transaction = deserialize(&hex(&vector.tx)?).map_err(|error| at(number, error))?;
        let mut cache = SighashCache::new(&tx);
        let kind = EcdsaSighashType::from_standard(vector.kind).map_err(|error| at(number, error))?;
        let value = Amount::from_sat(vector.value);
        let hash = match (&vector.program, &vector.witness_script) {
            (Some(program), _) => {
                let program = ScriptBuf::from_bytes(hex(program)?);
                cache
                    .p2wpkh_signature_hash(vector.input, &program, value, kind)
                    .map_err(|error| at(number, error))?
            }
            (None, Some(script)) => {
                let script = ScriptBuf::from_bytes(hex(script)?);
                cache
                    .p2wsh_signature_hash(vector.input, &script, value, kind)
                    .map_err(|error| at(number, error))?
            }
            (None, None) => return Err(at(number, "neither program nor script")),
        };
        same(number, "sighash", text(&hash.to_byte_array()), vector.sighash.clone())?;
    }
    Ok(vectors.len())
}

#[derive(Deserialize)]
pub(super) struct Schnorr {
    d: Option<String>,
    pk: String,
    m: String,
    aux: Option<String>,
    sig: String,
    result: bool,
}

pub(super) fn bip340(vectors: &[Schnorr]) -> Result<usize, String> {
    let secp = Secp256k1::new();
    for (number, vector) in vectors.iter().enumerate() {
        let message = Message::from_digest_slice(&hex(&vector.m)?).map_err(|error| at(number, error))?;
        let verifies = XOnlyPublicKey::from_slice(&hex(&vector.pk)?).is_ok_and(|key| {
            hex(&vector.sig)
                .ok()
                .and_then(|bytes| schnorr::Signature::from_slice(&bytes).ok())
                .is_some_and(|signature| secp.verify_schnorr(&signature, &message, &key).is_ok())
        });
        same(number, "verdict", verifies, vector.result)?;
        let secret = vector.d.as_ref().filter(|digits| !digits.is_empty());
        if let (Some(secret), Some(aux)) = (secret, &vector.aux) {
            let secret = SecretKey::from_slice(&hex(secret)?).map_err(|error| at(number, error))?;
            let pair = Keypair::from_secret_key(&secp, &secret);
            same(number, "public key", text(&pair.x_only_public_key().0.serialize()), vector.pk.clone())?;
            let aux: [u8; 32] = hex(aux)?.try_into().map_err(|_| at(number, "32 bytes are needed"))?;
            let signature = secp.sign_schnorr_with_aux_rand(&message, &pair, &aux);
            same(number, "signature", text(&signature.serialize()), vector.sig.clone())?;
        }
    }
    Ok(vectors.len())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Taproot {
    script_pub_key: Vec<Output>,
    key_path_spending: Vec<Spending>,
}

#[derive(Deserialize)]
struct Output {
    given: OutputGiven,
    intermediary: Intermediary,
    expected: OutputExpected,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutputGiven {
    internal_pubkey: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Intermediary {
    merkle_root: Option<String>,
    tweaked_pubkey: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutputExpected {
    script_pub_key: String,
    bip350_address: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spending {
    given: SpendingGiven,
    input_spending: Vec<Input>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpendingGiven {
    raw_unsigned_tx: String,
    utxos_spent: Vec<Utxo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Utxo {
    script_pub_key: String,
    #[serde(rename = "amountSats")]
    amount: u64,
}

#[derive(Deserialize)]
struct Input {
    given: InputGiven,
    intermediary: InputIntermediary,
    expected: InputExpected,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InputGiven {
    txin_index: usize,
    internal_privkey: String,
    merkle_root: Option<String>,
    hash_type: u8,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InputIntermediary {
    internal_pubkey: String,
    sig_hash: String,
}

#[derive(Deserialize)]
struct InputExpected {
    witness: Vec<String>,
}

fn merkle_root(digits: Option<&String>) -> Result<Option<TapNodeHash>, String> {
    let Some(digits) = digits else { return Ok(None) };
    TapNodeHash::from_slice(&hex(digits)?).map(Some).map_err(|error| error.to_string())
}

pub(super) fn bip341(vectors: &Taproot) -> Result<usize, String> {
    let secp = Secp256k1::new();
    let main = crate::chain::Chain::from_name("main").map_err(|error| error.to_string())?;
    for (number, vector) in vectors.script_pub_key.iter().enumerate() {
        let internal = XOnlyPublicKey::from_slice(&hex(&vector.given.internal_pubkey)?)
            .map_err(|error| at(number, error))?;
        let root = merkle_root(vector.intermediary.merkle_root.as_ref())?;
        let (tweaked, _) = internal.tap_tweak(&secp, root);
        same(number, "key", text(&tweaked.serialize()), vector.intermediary.tweaked_pubkey.clone())?;
        let script = ScriptBuf::new_p2tr(&secp, internal, root);
        same(number, "script", script.to_hex_string(), vector.expected.script_pub_key.clone())?;
        same(number, "address", main.address(&script).as_ref(), Some(&vector.expected.bip350_address))?;
    }
    let mut checked = vectors.script_pub_key.len();
    for spending in &vectors.key_path_spending {
        let tx: Transaction =
            deserialize(&hex(&spending.given.raw_unsigned_tx)?).map_err(|error| at(checked, error))?;
        let mut spent = Vec::new();
        for utxo in &spending.given.utxos_spent {
            let script_pubkey = ScriptBuf::from_bytes(hex(&utxo.script_pub_key)?);
            spent.push(TxOut { value: Amount::from_sat(utxo.amount), script_pubkey });
        }
        let mut cache = SighashCache::new(&tx);
        for input in &spending.input_spending {
            let number = input.given.txin_index;
            let kind = TapSighashType::from_consensus_u8(input.given.hash_type)
                .map_err(|error| at(number, error))?;
            let hash = cache
                .taproot_key_spend_signature_hash(number, &Prevouts::All(&spent), kind)
                .map_err(|error| at(number, error))?;
            same(number, "sighash", text(&hash.to_byte_array()), input.intermediary.sig_hash.clone())?;
            let secret = SecretKey::from_slice(&hex(&input.given.internal_privkey)?)
                .map_err(|error| at(number, error))?;
            let pair = Keypair::from_secret_key(&secp, &secret);
            let internal = text(&pair.x_only_public_key().0.serialize());
            same(number, "internal key", internal, input.intermediary.internal_pubkey.clone())?;
            let tweaked = pair.tap_tweak(&secp, merkle_root(input.given.merkle_root.as_ref())?).to_keypair();
            let message = Message::from_digest(hash.to_byte_array());
            let signature = bitcoin::taproot::Signature {
                signature: secp.sign_schnorr_with_aux_rand(&message, &tweaked, &[0; 32]),
                sighash_type: kind,
            };
            same(number, "witness", vec![text(&signature.to_vec())], input.expected.witness.clone())?;
            checked += 1;
        }
    }
    Ok(checked)
}
