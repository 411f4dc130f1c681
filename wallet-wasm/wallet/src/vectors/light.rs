//! Vectors of what a light wallet reads: filters, payment URIs, labels.

use super::{at, hex, same, text};
use crate::chain::Chain;
use crate::labels::Labels;
use crate::uri;
use chaincore_consensus::codec::Decode as _;
use chaincore_consensus::filter::BasicFilter;
use chaincore_consensus::{Block, Hash256};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub(super) struct Filter {
    hash: String,
    block: String,
    spent: Vec<String>,
    previous: String,
    filter: String,
    header: String,
}

pub(super) fn bip158(vectors: &[Filter]) -> Result<usize, String> {
    for (number, vector) in vectors.iter().enumerate() {
        let block = Block::decode_exact(&hex(&vector.block)?).map_err(|error| at(number, error))?;
        same(number, "hash", block.hash().to_string(), vector.hash.clone())?;
        let spent = vector.spent.iter().map(|script| hex(script)).collect::<Result<Vec<_>, _>>()?;
        let filter = BasicFilter::of_block(&block, spent.iter().map(Vec::as_slice));
        same(number, "filter", text(filter.as_bytes()), vector.filter.clone())?;
        let previous: Hash256 = vector.previous.parse().map_err(|error| at(number, error))?;
        same(number, "header", filter.header(&previous).to_string(), vector.header.clone())?;
        let told =
            BasicFilter::decode(block.hash(), hex(&vector.filter)?).map_err(|error| at(number, error))?;
        // What the block spends is found in the filter as it was told.
        for script in spent.iter().filter(|script| !script.is_empty()) {
            same(number, "a match", told.matches(script), true)?;
        }
    }
    Ok(vectors.len())
}

#[derive(Deserialize)]
pub(super) struct Uri {
    uri: String,
    #[serde(default)]
    address: String,
    amount: Option<u64>,
    label: Option<String>,
    message: Option<String>,
    refused: Option<String>,
}

pub(super) fn bip21(vectors: &[Uri]) -> Result<usize, String> {
    let main = Chain::from_name("main").map_err(|error| error.to_string())?;
    for (number, vector) in vectors.iter().enumerate() {
        match uri::parse(&vector.uri, &main) {
            Ok(read) => {
                same(number, "refusal", None, vector.refused.clone())?;
                same(number, "address", read.address, vector.address.clone())?;
                same(number, "amount", read.amount, vector.amount)?;
                same(number, "label", read.label, vector.label.clone())?;
                same(number, "message", read.message, vector.message.clone())?;
            }
            Err(error) => same(number, "refusal", Some(error.code().to_owned()), vector.refused.clone())?,
        }
    }
    Ok(vectors.len())
}

pub(super) fn bip329(lines: &[String]) -> Result<usize, String> {
    let mut labels = Labels::default();
    labels.import(&lines.join("\n")).map_err(|error| error.to_string())?;
    let value = |line: &str| serde_json::from_str::<Value>(line).map_err(|error| error.to_string());
    let told = lines.iter().map(|line| value(line)).collect::<Result<Vec<_>, _>>()?;
    let frozen = told.iter().filter(|label| label["spendable"] == false);
    let frozen = frozen.filter_map(|label| label["ref"].as_str().map(str::to_owned));
    let exported = labels.export(frozen);
    let out = exported.lines().map(value).collect::<Result<Vec<_>, _>>()?;
    same(0, "number of labels", out.len(), told.len())?;
    for (number, label) in told.iter().enumerate() {
        same(number, "label that comes out", out.contains(label), true)?;
    }
    Ok(told.len())
}
