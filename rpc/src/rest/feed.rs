//! `GET /rest/chain/updates`: the way from what a reader knows to the active chain.

use super::{Answer, Request, Rest, RestError, json};
use crate::feed::{MAX_KNOWN, step};
use chaincore_consensus::BlockHash;

/// Blocks that one answer may have, and has if nothing is said.
const MAX_LIMIT: usize = 2000;
const DEFAULT_LIMIT: usize = 500;

fn known(list: &str) -> Result<Vec<BlockHash>, RestError> {
    let count = list.split(',').count();
    if count > MAX_KNOWN {
        let message = format!("known has {count} hashes, and may have {MAX_KNOWN}");
        return Err(RestError::bad_request("bad_parameter", message));
    }
    let hash = |text: &str| {
        let message = || format!("known must be block hashes of 64 hexadecimal digits, not '{text}'");
        text.parse().map_err(|_| RestError::bad_request("bad_parameter", message()))
    };
    list.split(',').map(hash).collect()
}

/// `GET /rest/chain/updates?known=&limit=`.
pub fn updates(rest: &Rest, request: &Request) -> Answer {
    let known = request.query("known").map_or(Ok(vec![]), |list| known(&list))?;
    let limit = request.number("limit")?.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let message = format!("limit must be 1 to {MAX_LIMIT}, not {limit}");
        return Err(RestError::bad_request("bad_parameter", message));
    }
    let durable = *rest.node().durable_watch().borrow();
    json(&step(&*rest.node().chain(), durable, &known, limit))
}
