//! What a text that somebody typed names: a height, a block, a transaction, an address or the hash of a script.

use crate::node::{Node, ScriptId};
use crate::rest::esplora::find;
use crate::rest::{Answer, Request, Rest, RestError, json};
use chaincore_consensus::address::Address;
use chaincore_consensus::{BlockHash, Txid};
use serde::Serialize;

/// The longest text that is looked at, in bytes.
const LONGEST: usize = 200;

#[derive(Serialize, Default)]
struct Found {
    query: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<BlockHash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    txid: Option<Txid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scripthash: Option<String>,
}

/// `GET /api/v1/search`.
pub fn search(rest: &Rest, request: &Request) -> Answer {
    let query = request.query("q").unwrap_or_default().trim().to_owned();
    if query.is_empty() || query.len() > LONGEST {
        let message = format!("q must have 1 to {LONGEST} bytes: ?q=HEIGHT, HASH, TXID or ADDRESS");
        return Err(RestError::bad_request("bad_parameter", message));
    }
    let found = named(rest.node(), &query)?;
    json(&Found { query, ..found })
}

fn named(node: &dyn Node, text: &str) -> Result<Found, RestError> {
    let none = Found { kind: "none", ..Found::default() };
    let chain = node.chain();
    if let Ok(height) = text.parse::<u32>() {
        let block = chain.at_height(height);
        return Ok(block.map_or(none, |block| block_found(block.height, block.hash)));
    }
    if let Ok(address) = Address::parse(text, &node.params().addresses) {
        let address = address.to_text(&node.params().addresses);
        return Ok(Found { kind: "address", address: Some(address), ..Found::default() });
    }
    let Ok(hash) = text.parse::<BlockHash>() else { return Ok(none) };
    if let Some(block) = chain.entry(&hash) {
        return Ok(block_found(block.height, block.hash));
    }
    let txid = Txid(hash.0);
    match find(node, &txid) {
        Ok(Some(_)) => return Ok(Found { kind: "tx", txid: Some(txid), ..Found::default() }),
        // Without that index nothing is known of it; the text may still be a script's.
        Ok(None) => {}
        Err(error) if error.code == "index_off" => {}
        Err(error) => return Err(error),
    }
    let mut script = hash.0;
    script.reverse();
    match node.script_totals(&ScriptId(script)) {
        Ok(totals) if totals.tx_count > 0 => {
            Ok(Found { kind: "scripthash", scripthash: Some(text.to_ascii_lowercase()), ..Found::default() })
        }
        Ok(_) | Err(crate::node::NodeError::IndexOff(_)) => Ok(none),
        Err(error) => Err(error.into()),
    }
}

fn block_found(height: u32, hash: BlockHash) -> Found {
    Found { kind: "block", height: Some(height), hash: Some(hash), ..Found::default() }
}
