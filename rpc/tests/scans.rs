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

#[tokio::test]
async fn coins_of_descriptors() {
    let node = MemoryNode::new();
    let mined = node.mine(2, HARNESS[0]);
    node.mine(1, HARNESS[1]);
    let registry = registry(&node);
    let object = format!("[\"start\", [\"addr({})\"]]", HARNESS[0]);
    let answer = call(&registry, "scantxoutset", &object).await.unwrap();
    let found: v31::ScanTxOutSetStart = serde_json::from_str(&answer).unwrap();
    assert!(found.success);
    assert_eq!(found.unspents.len(), 2);
    assert!(answer.contains(&format!("\"blockhash\":\"{}\",\"confirmations\":3", mined[0])), "{answer}");
    assert!(answer.ends_with("\"total_amount\":100.00000000}"), "{answer}");
    assert!(answer.starts_with("{\"success\":true,\"txouts\":3,\"height\":3,\"bestblock\":"), "{answer}");
    let script = chaincore_consensus::address::Address::parse(HARNESS[0], &node.params().addresses).unwrap();
    let raw =
        format!("[\"start\", [\"raw({})\"]]", chaincore_consensus::hex::encode(&script.script_pubkey()));
    let by_script = call(&registry, "scantxoutset", &raw).await.unwrap();
    assert_eq!(by_script, answer, "the descriptor is the inferred one either way");

    for (params, expected) in [
        ("[\"status\"]", Ok("null".to_owned())),
        ("[\"abort\"]", Ok("false".to_owned())),
        ("[\"foo\"]", error(-8, "Invalid action 'foo'")),
        ("[\"start\"]", error(-1, "scanobjects argument is required for the start action")),
        ("[\"start\", [5]]", error(-8, "Scan object needs to be either a string or an object")),
        ("[\"start\", [{}]]", error(-8, "Descriptor needs to be provided in scan object")),
        ("[\"start\", [\"foo\"]]", error(-5, "'foo' is not a valid descriptor function")),
        (
            "[\"start\", [{\"desc\": \"raw(51)\", \"range\": [2, 1]}]]",
            error(-8, "Range specified as [begin,end] must not have begin after end"),
        ),
    ] {
        assert_eq!(call(&registry, "scantxoutset", params).await, expected, "{params}");
    }
}

#[tokio::test]
async fn blocks_of_descriptors() {
    let node = MemoryNode::new();
    node.mine(3, HARNESS[0]);
    let wanted = node.mine(2, HARNESS[1]);
    let registry = registry(&node);
    let object = format!("[\"addr({})\"]", HARNESS[1]);
    let list = wanted.iter().map(|hash| format!("\"{hash}\"")).collect::<Vec<_>>().join(",");
    let answer = |from, to, list: &str| {
        Ok(format!(
            "{{\"from_height\":{from},\"to_height\":{to},\"relevant_blocks\":[{list}],\"completed\":true}}"
        ))
    };
    for (params, expected) in [
        (format!("[\"start\", {object}]"), answer(0, 5, &list)),
        (format!("[\"start\", {object}, 1, 4]"), answer(1, 4, &format!("\"{}\"", wanted[0]))),
        (
            format!("{{\"action\": \"start\", \"scanobjects\": {object}, \"filter_false_positives\": true}}"),
            answer(0, 5, &list),
        ),
        (format!("[\"start\", {object}, 6]"), error(-1, "Invalid start_height")),
        (format!("[\"start\", {object}, 3, 2]"), error(-1, "Invalid stop_height")),
        (format!("[\"start\", {object}, 0, 5, \"x\"]"), error(-5, "Unknown filtertype")),
        ("[\"status\"]".into(), Ok("null".into())),
        ("[\"abort\"]".into(), Ok("false".into())),
    ] {
        assert_eq!(call(&registry, "scanblocks", &params).await, expected, "{params}");
    }
}

#[tokio::test]
async fn descriptors_and_multisig() {
    let node = MemoryNode::new();
    let registry = registry(&node);
    let key = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
    let other = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5";
    let info = call(&registry, "getdescriptorinfo", &format!("[\"wpkh({key})\"]")).await.unwrap();
    let _: v31::GetDescriptorInfo = serde_json::from_str(&info).unwrap();
    assert!(info.ends_with("\"isrange\":false,\"issolvable\":true,\"hasprivatekeys\":false}"), "{info}");
    for (params, expected) in [
        ("[\"raw(51)\"]".to_owned(), error(-5, "Missing checksum")),
        ("[\"raw(51)#8lvh9jxk\"]".to_owned(), error(-5, "Descriptor does not have a corresponding address")),
        (
            "[\"raw(51)#8lvh9jxk\", 5]".to_owned(),
            error(-8, "Range should not be specified for an un-ranged descriptor"),
        ),
    ] {
        assert_eq!(call(&registry, "deriveaddresses", &params).await, expected, "{params}");
    }
    let made = call(&registry, "createmultisig", &format!("[2, [\"{key}\", \"{other}\"], \"bech32\"]")).await;
    let made: v31::CreateMultisig = serde_json::from_str(&made.unwrap()).unwrap();
    assert!(made.descriptor.starts_with("wsh(multi(2,"));
    let few = call(&registry, "createmultisig", &format!("[2, [\"{key}\"]]")).await;
    assert_eq!(few, error(-8, "not enough keys supplied (got 1 keys, but need at least 2 to redeem)"));
}
