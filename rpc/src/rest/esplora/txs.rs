//! Transactions, and what became of their outputs.

use super::lookup::{Found, block, find, must_find, not_found, txid};
use super::shapes::{Status, TxJson};
use super::{binary, text};
use crate::methods::proofs::merkle_block;
use crate::node::{BlockInfo, Node, NodeError, ScriptId};
use crate::rest::{Answer, Request, Rest, RestError, json};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::merkle::merkle_branch;
use chaincore_consensus::{Hash256, OutPoint, Txid, hex};
use serde::Serialize;

/// `GET /api/tx/{txid}`.
pub fn one(rest: &Rest, request: &Request) -> Answer {
    let node = rest.node();
    let found = must_find(node, request.argument(0))?;
    json(&TxJson::new(&found.tx, &found.spent(node)?, found.block(), node.params()))
}

/// `GET /api/tx/{txid}/raw`.
pub fn raw(rest: &Rest, request: &Request) -> Answer {
    Ok(binary(must_find(rest.node(), request.argument(0))?.tx.to_bytes()))
}

/// `GET /api/tx/{txid}/hex`.
pub fn hex_text(rest: &Rest, request: &Request) -> Answer {
    Ok(text(hex::encode(&must_find(rest.node(), request.argument(0))?.tx.to_bytes())))
}

/// `GET /api/tx/{txid}/status`. What nobody knows is not confirmed, as Esplora has it.
pub fn status(rest: &Rest, request: &Request) -> Answer {
    let found = find(rest.node(), &txid(request.argument(0))?)?;
    json(&Status::new(found.as_ref().and_then(Found::block)))
}

/// A transaction that must be in a block, with all ids of that block and its own position.
fn mined(node: &dyn Node, request: &Request) -> Result<(BlockInfo, Vec<Hash256>, usize), RestError> {
    let missing = || not_found("Transaction not found or is unconfirmed");
    let found = find(node, &txid(request.argument(0))?)?.ok_or_else(missing)?;
    let (info, position) = found.mined.ok_or_else(missing)?;
    let leaves = block(node, &info)?.transactions.iter().map(|tx| Hash256(tx.txid().0)).collect();
    Ok((info, leaves, position as usize))
}

#[derive(Serialize)]
struct MerkleProof {
    block_height: u32,
    merkle: Vec<Hash256>,
    pos: usize,
}

/// `GET /api/tx/{txid}/merkle-proof`: the branch as Electrum has it, lowest first.
pub fn merkle_proof(rest: &Rest, request: &Request) -> Answer {
    let (info, leaves, pos) = mined(rest.node(), request)?;
    json(&MerkleProof { block_height: info.height, merkle: merkle_branch(&leaves, pos), pos })
}

/// `GET /api/tx/{txid}/merkleblock-proof`: the message of BIP37 as hex, as `gettxoutproof` gives it.
pub fn merkle_block_proof(rest: &Rest, request: &Request) -> Answer {
    let (info, leaves, pos) = mined(rest.node(), request)?;
    let wanted: Vec<bool> = (0..leaves.len()).map(|at| at == pos).collect();
    Ok(text(hex::encode(&merkle_block(&info.header, &leaves, &wanted))))
}

/// What became of an output.
#[derive(Serialize)]
struct Outspend {
    spent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    txid: Option<Txid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vin: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

const UNSPENT: Outspend = Outspend { spent: false, txid: None, vin: None, status: None };

/// Of one output of a transaction that was found. In the mempool the node knows who spends what; in the chain the
/// address index does.
fn outspend(node: &dyn Node, found: &Found, vout: usize) -> Result<Outspend, RestError> {
    let outpoint = OutPoint { txid: found.tx.txid(), vout: u32::try_from(vout).unwrap_or(u32::MAX) };
    if let Some(spender) = node.mempool_spender(&outpoint)
        && let Some(tx) = node.mempool_tx(&spender)
    {
        let vin = tx.inputs.iter().position(|input| input.previous_output == outpoint);
        let vin = vin.and_then(|vin| u32::try_from(vin).ok());
        return Ok(Outspend { spent: true, txid: Some(spender), vin, status: Some(Status::new(None)) });
    }
    let output = &found.tx.outputs[vout];
    if found.mined.is_none() || output.script_pubkey.is_unspendable() || node.coin(&outpoint)?.is_some() {
        return Ok(UNSPENT);
    }
    let spender = node.spender(&outpoint, &ScriptId::of(&output.script_pubkey))?;
    let Some(spender) = spender else { return Ok(UNSPENT) };
    let block = node.chain().at_height(spender.height);
    Ok(Outspend {
        spent: true,
        txid: Some(spender.txid),
        vin: Some(spender.vin),
        status: Some(Status::new(block.as_ref())),
    })
}

/// `GET /api/tx/{txid}/outspend/{vout}`.
pub fn outspend_of(rest: &Rest, request: &Request) -> Answer {
    let found = must_find(rest.node(), request.argument(0))?;
    let vout = request.argument(1);
    let complaint = || RestError::bad_request("bad_index", format!("'{vout}' is not an output's number"));
    let vout: usize = vout.parse().map_err(|_| complaint())?;
    if vout >= found.tx.outputs.len() {
        // What is not there is not spent either, as Esplora has it.
        return json(&UNSPENT);
    }
    json(&outspend(rest.node(), &found, vout)?)
}

/// `GET /api/tx/{txid}/outspends`.
pub fn outspends(rest: &Rest, request: &Request) -> Answer {
    let node = rest.node();
    let found = must_find(node, request.argument(0))?;
    let mut all = Vec::with_capacity(found.tx.outputs.len());
    for vout in 0..found.tx.outputs.len() {
        if vout % 1024 == 1023 && node.is_stopping() {
            return Err(NodeError::Stopping.into());
        }
        all.push(outspend(node, &found, vout)?);
    }
    json(&all)
}
