//! Blocks out of REST's JSON: every field is put together again, so that hashes can be computed and not believed.

use crate::nodes::{BlockReply, TxReply};
use chaincore_consensus::{
    Amount, Block, BlockHash, Hash256, Header, OutPoint, Script, Transaction, Tx, TxIn, TxOut, Txid, hex,
};
use std::sync::Arc;

/// A block as the node told it, and what it says the hashes are.
pub struct Told {
    /// The block.
    pub block: Block,
    /// What the node calls its hash.
    pub hash: BlockHash,
    /// What the node calls its height.
    pub height: u32,
    /// What the node calls its transactions.
    pub txids: Vec<Txid>,
}

/// Reads a block; the text says which field makes no sense.
pub fn read(reply: &BlockReply) -> Result<Told, String> {
    let header = Header {
        version: reply.version,
        previous: hash(&reply.previous_hash, "previous_hash")?,
        merkle_root: hash::<Hash256>(&reply.merkle_root, "merkle_root")?,
        time: reply.time,
        bits: u32::from_str_radix(&reply.bits, 16).map_err(|_| format!("bits '{}'", short(&reply.bits)))?,
        nonce: reply.nonce,
    };
    let transactions: Result<Vec<_>, String> = reply
        .transactions
        .iter()
        .enumerate()
        .map(|(at, tx)| transaction(tx).map_err(|error| format!("transaction {at}: {error}")))
        .collect();
    let txids: Result<Vec<_>, String> = reply.transactions.iter().map(|tx| hash(&tx.txid, "txid")).collect();
    Ok(Told {
        block: Block { header, transactions: transactions?.into_iter().map(Arc::new).collect() },
        hash: hash(&reply.hash, "hash")?,
        height: reply.height,
        txids: txids?,
    })
}

fn short(text: &str) -> String {
    crate::text::clean(text, 40)
}

fn hash<H: std::str::FromStr>(text: &str, name: &str) -> Result<H, String> {
    text.parse().map_err(|_| format!("{name} '{}' is not 64 hexadecimal digits", short(text)))
}

fn bytes(text: &str, name: &str) -> Result<Vec<u8>, String> {
    hex::decode(text).map_err(|_| format!("{name} '{}' is not hexadecimal", short(text)))
}

fn transaction(reply: &TxReply) -> Result<Tx, String> {
    let inputs: Result<Vec<TxIn>, String> = reply
        .inputs
        .iter()
        .map(|input| {
            let (previous_output, script) = match (&input.coinbase, &input.txid, input.vout) {
                (Some(script), _, _) => (OutPoint { txid: Txid::ZERO, vout: u32::MAX }, script.as_str()),
                (None, Some(txid), Some(vout)) => (
                    OutPoint { txid: hash(txid, "an input's txid")?, vout },
                    input.script_sig.as_deref().unwrap_or_default(),
                ),
                _ => return Err("an input has neither coinbase nor txid and vout".into()),
            };
            let witness =
                input.witness.iter().map(|item| bytes(item, "a witness")).collect::<Result<_, _>>()?;
            Ok(TxIn {
                previous_output,
                script_sig: Script(bytes(script, "an input's script")?),
                sequence: input.sequence,
                witness,
            })
        })
        .collect();
    let outputs: Result<Vec<TxOut>, String> = reply
        .outputs
        .iter()
        .map(|output| {
            let script_pubkey = Script(bytes(&output.script_pubkey, "an output's script")?);
            Ok(TxOut { value: Amount(output.value), script_pubkey })
        })
        .collect();
    let data =
        Transaction { version: reply.version, inputs: inputs?, outputs: outputs?, lock_time: reply.locktime };
    Ok(data.into())
}
