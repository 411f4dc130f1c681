//! Methods that look through blocks, filters and coins: their answers and Core's error texts.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use chaincore_rpc::node::Node;
use corepc_types::v31;
use support::{HARNESS, MemoryNode, call, registry};

fn error(code: i32, message: &str) -> Result<String, (i32, String)> {
    Err((code, message.into()))
}

#[tokio::test]
async fn filters_of_blocks() {
    let node = MemoryNode::new();
    let mined = node.mine(3, HARNESS[0]);
    let registry = registry(&node);
    let params = format!("[\"{}\"]", mined[2]);
    let answer = call(&registry, "getblockfilter", &params).await.unwrap();
    let _: v31::GetBlockFilter = serde_json::from_str(&answer).unwrap();
    let found = node.block_filter(&mined[2]).unwrap().unwrap();
    let filter = chaincore_consensus::hex::encode(found.filter.as_bytes());
    assert_eq!(answer, format!("{{\"filter\":\"{filter}\",\"header\":\"{}\"}}", found.header));
    let named = format!("{{\"blockhash\":\"{}\",\"filtertype\":\"basic\"}}", mined[2]);
    assert_eq!(call(&registry, "getblockfilter", &named).await.unwrap(), answer);

    let zero = "0".repeat(64);
    for (params, expected) in [
        (format!("[\"{}\", \"fancy\"]", mined[2]), error(-5, "Unknown filtertype")),
        (format!("[\"{zero}\"]"), error(-5, "Block not found")),
        ("[\"00\"]".into(), error(-8, "blockhash must be of length 64 (not 2, for '00')")),
    ] {
        assert_eq!(call(&registry, "getblockfilter", &params).await, expected, "{params}");
    }
    let indexes = call(&registry, "getindexinfo", "[\"basic block filter index\"]").await.unwrap();
    assert_eq!(indexes, "{\"basic block filter index\":{\"synced\":true,\"best_block_height\":3}}");
}
