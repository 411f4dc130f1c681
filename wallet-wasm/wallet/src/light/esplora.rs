//! Reading what an Esplora server says of transactions. Nothing of it is believed here: a transaction is taken only if
//! it hashes to the id that it is told under, and the rest waits for a proof.

use super::proof::{ProofError, is_the_one};
use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode;
use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::{Amount, OutPoint, Script, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};
use chaincore_consensus::hex;
use serde::Deserialize;

/// How many confirmed transactions a page has, if there are more.
pub const PAGE: usize = 25;

/// A transaction as told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldTx {
    /// The transaction: it has the id that was told.
    pub tx: Transaction,
    /// Its id.
    pub txid: Txid,
    /// What its inputs spend, as told.
    pub prevouts: Vec<Option<TxOut>>,
    /// The height and time of its block, as told; `None` while it is unconfirmed.
    pub confirmed: Option<(u32, Option<u32>)>,
}

/// Why an answer is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToldError {
    /// It is not in Esplora's form.
    #[error("not a list of transactions: {0}")]
    Malformed(String),
    /// A transaction is another one than it is told to be.
    #[error("transaction {0}: {1}")]
    Wrong(Txid, ProofError),
}

#[derive(Deserialize)]
struct Told {
    txid: String,
    version: i32,
    locktime: u32,
    vin: Vec<Input>,
    vout: Vec<Output>,
    status: Status,
}

#[derive(Deserialize)]
struct Input {
    txid: String,
    vout: u32,
    #[serde(default)]
    prevout: Option<Output>,
    #[serde(default)]
    scriptsig: String,
    #[serde(default)]
    witness: Vec<String>,
    sequence: u32,
}

#[derive(Deserialize)]
struct Output {
    scriptpubkey: String,
    value: u64,
}

#[derive(Deserialize)]
struct Status {
    confirmed: bool,
    #[serde(default)]
    block_height: Option<u32>,
    #[serde(default)]
    block_time: Option<u32>,
}

/// The hash under which a script's history is asked for: SHA-256, not reversed.
pub fn script_hash(script: &Script) -> String {
    sha256::Hash::hash(script.as_bytes()).to_string()
}

/// A page of a script's history.
pub fn read_page(json: &[u8]) -> Result<Vec<ToldTx>, ToldError> {
    let told: Vec<Told> =
        crate::text::read_json(json).map_err(|error| ToldError::Malformed(error.to_string()))?;
    told.into_iter().map(read).collect()
}

fn read(told: Told) -> Result<ToldTx, ToldError> {
    let malformed = |what: &str| ToldError::Malformed(format!("{what} of {}", told.txid));
    let txid: Txid = told.txid.parse().map_err(|_| malformed("txid"))?;
    let script = |text: &str| hex::decode(text).map(ScriptBuf::from_bytes).map_err(|_| malformed("script"));
    let output = |output: &Output| {
        Ok(TxOut { value: Amount::from_sat(output.value), script_pubkey: script(&output.scriptpubkey)? })
    };
    let mut prevouts = Vec::with_capacity(told.vin.len());
    let mut input = Vec::with_capacity(told.vin.len());
    for vin in &told.vin {
        let items: Result<Vec<Vec<u8>>, _> = vin.witness.iter().map(|item| hex::decode(item)).collect();
        input.push(TxIn {
            previous_output: OutPoint {
                txid: vin.txid.parse().map_err(|_| malformed("input"))?,
                vout: vin.vout,
            },
            script_sig: script(&vin.scriptsig)?,
            sequence: Sequence(vin.sequence),
            witness: Witness::from_slice(&items.map_err(|_| malformed("witness"))?),
        });
        prevouts.push(vin.prevout.as_ref().map(output).transpose()?);
    }
    let tx = Transaction {
        version: bitcoin::transaction::Version(told.version),
        lock_time: LockTime::from_consensus(told.locktime),
        input,
        output: told.vout.iter().map(output).collect::<Result<_, ToldError>>()?,
    };
    let confirmed = match (&told.status.confirmed, told.status.block_height) {
        (true, Some(height)) => Some((height, told.status.block_time)),
        (true, None) => return Err(malformed("height")),
        (false, _) => None,
    };
    let tx = is_the_one(tx, &txid).map_err(|error| ToldError::Wrong(txid, error))?;
    Ok(ToldTx { tx, txid, prevouts, confirmed })
}

/// A list of transaction ids.
pub fn read_txids(json: &[u8]) -> Result<Vec<Txid>, ToldError> {
    let texts: Vec<String> =
        crate::text::read_json(json).map_err(|error| ToldError::Malformed(error.to_string()))?;
    let read = |text: String| text.parse().map_err(|_| ToldError::Malformed(format!("txid '{text}'")));
    texts.into_iter().map(read).collect()
}

/// Fee rates in satoshis per virtual byte, by the number of blocks in which a transaction with them should confirm.
pub fn read_fees(json: &[u8]) -> Option<std::collections::BTreeMap<u32, f64>> {
    let told: std::collections::BTreeMap<String, f64> = crate::text::read_json(json).ok()?;
    told.into_iter()
        .map(|(target, rate)| {
            Some((target.parse().ok()?, Some(rate).filter(|rate| rate.is_finite() && *rate >= 0.0)?))
        })
        .collect()
}

/// A transaction's bytes as the body of `POST /api/tx`.
pub fn broadcast_body(tx: &Transaction) -> Vec<u8> {
    encode::serialize_hex(tx).into_bytes()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::light::maker::{foreign, payment};
    use chaincore_consensus::{OutPoint as OurOutPoint, Script as OurScript, Txid as OurTxid};
    use serde_json::{Value, json};

    /// A transaction as an Esplora server tells it.
    pub fn told(tx: &Transaction, confirmed: Option<(u32, &str, u32)>) -> Value {
        let vin: Vec<Value> = tx
            .input
            .iter()
            .map(|input| {
                json!({
                    "txid": input.previous_output.txid.to_string(),
                    "vout": input.previous_output.vout,
                    "prevout": null,
                    "scriptsig": input.script_sig.to_hex_string(),
                    "witness": input.witness.iter().map(hex::encode).collect::<Vec<_>>(),
                    "is_coinbase": tx.is_coinbase(),
                    "sequence": input.sequence.0,
                })
            })
            .collect();
        let vout: Vec<Value> = tx
            .output
            .iter()
            .map(|output| {
                json!({ "scriptpubkey": output.script_pubkey.to_hex_string(), "value": output.value.to_sat() })
            })
            .collect();
        let status = match confirmed {
            None => json!({ "confirmed": false }),
            Some((height, hash, time)) => {
                json!({ "confirmed": true, "block_height": height, "block_hash": hash, "block_time": time })
            }
        };
        json!({
            "txid": tx.compute_txid().to_string(),
            "version": tx.version.0,
            "locktime": tx.lock_time.to_consensus_u32(),
            "vin": vin,
            "vout": vout,
            "size": 100, "weight": 400, "fee": 0,
            "status": status,
        })
    }

    #[test]
    fn a_page_comes_back() {
        let mut ours = payment(OurOutPoint { txid: OurTxid([1; 32]), vout: 3 }, &[OurScript(vec![0x51])]);
        ours.inputs[0].witness = vec![vec![1, 2], vec![]];
        let tx = foreign(&ours);
        let mut value = told(&tx, Some((7, &"00".repeat(32), 99)));
        value["vin"][0]["prevout"] = json!({ "scriptpubkey": "52", "value": 5 });
        let page = json!([value, told(&tx, None)]);
        let read = read_page(page.to_string().as_bytes()).unwrap();
        assert_eq!((&read[0].tx, read[0].confirmed), (&tx, Some((7, Some(99)))));
        let spent = TxOut { value: Amount::from_sat(5), script_pubkey: ScriptBuf::from_bytes(vec![0x52]) };
        assert_eq!(read[0].prevouts, [Some(spent)]);
        assert_eq!((read[1].txid, read[1].confirmed), (tx.compute_txid(), None));
        assert_eq!(read[1].prevouts, [None]);
        // A value that was changed on the way.
        let mut lie = told(&tx, None);
        lie["vout"][0]["value"] = json!(1);
        let error = read_page(json!([lie]).to_string().as_bytes()).unwrap_err();
        assert!(
            matches!(error, ToldError::Wrong(txid, ProofError::OtherTransaction(_)) if txid == tx.compute_txid())
        );
        for (field, bad) in
            [("txid", json!("xy")), ("vin", json!(5)), ("status", json!({ "confirmed": true }))]
        {
            let mut value = told(&tx, None);
            value[field] = bad;
            let error = read_page(json!([value]).to_string().as_bytes()).unwrap_err();
            assert!(matches!(error, ToldError::Malformed(_)), "{field}");
        }
        assert!(read_page(b"{}").is_err() && read_page(b"").is_err());
    }

    #[test]
    fn other_answers() {
        assert_eq!(read_txids(b"[]"), Ok(vec![]));
        assert!(read_txids(b"[\"00\"]").is_err());
        let fees = read_fees(br#"{"1": 2.5, "144": 1}"#).unwrap();
        assert_eq!(fees.into_iter().collect::<Vec<_>>(), [(1, 2.5), (144, 1.0)]);
        assert_eq!(read_fees(br#"{"1": -2.5}"#), None);
        assert_eq!(read_fees(br#"{"x": 1}"#), None);
        // The example of the Electrum protocol's description, whose hash is this one reversed.
        let script = ScriptBuf::from_hex("76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac").unwrap();
        assert_eq!(script_hash(&script), "6191c3b590bfcfa0475e877c302da1e323497acf3b42c08d8fa28e364edf018b");
    }
}
