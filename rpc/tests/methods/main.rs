//! The methods against the strict reply schemas of a published Core client (unknown and missing fields fail), Core's
//! error codes and texts, and the order of fields where clients look at bytes.

#![allow(clippy::unwrap_used, reason = "test code")]

mod blocks;
mod errors;
mod looks;
#[path = "../support/mod.rs"]
mod support;

use chaincore_consensus::codec::Encode;
use chaincore_consensus::hex;
use chaincore_rpc::node::Node;
use corepc_types::v31;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use support::{HARNESS, MemoryNode, call, registry, spend};

fn fits<T: DeserializeOwned>(what: &str, answer: &str) -> T {
    serde_json::from_str(answer).unwrap_or_else(|error| panic!("{what}: {error}: {answer}"))
}

/// A chain of 110 blocks and one transaction in the mempool.
fn busy_node() -> Arc<MemoryNode> {
    let node = MemoryNode::new();
    node.mine(110, HARNESS[0]);
    node.submit_tx(Arc::new(spend(&node, 1, 1000))).unwrap().unwrap();
    node
}

#[tokio::test]
async fn replies_have_cores_fields() {
    let node = busy_node();
    let registry = registry(&node);
    let pooled = node.mempool_txids()[0];
    // One block with a transaction, one transaction on top.
    let mined = node.mine(1, HARNESS[3])[0];
    node.submit_tx(Arc::new(spend(&node, 2, 2000))).unwrap().unwrap();
    let waiting = node.mempool_txids()[0];
    let coinbase_out = node.block(&mined).unwrap().unwrap().transactions[0].txid();
    let waiting_hex = hex::encode(&node.mempool_tx(&waiting).unwrap().to_bytes());
    let fresh_hex = hex::encode(&spend(&node, 3, 500).to_bytes());
    let package_hex = hex::encode(&spend(&node, 6, 700).to_bytes());
    let mut lost = spend(&node, 7, 0).into_inner();
    lost.inputs[0].previous_output.vout = 7;
    let lost_hex = hex::encode(&lost.to_bytes());
    let next = spend(&node, 4, 100_000_000);
    let next_hex = hex::encode(&next.to_bytes());

    macro_rules! check {
        ($($method:literal $params:expr => $kind:ty;)*) => {$(
            let answer = call(&registry, $method, &$params).await.unwrap_or_else(|error| panic!("{}: {error:?}", $method));
            fits::<$kind>($method, &answer);
        )*};
    }
    check! {
        "getblockchaininfo" "[]" => v31::GetBlockchainInfo;
        "getblockcount" "[]" => v31::GetBlockCount;
        "getbestblockhash" "[]" => v31::GetBestBlockHash;
        "getblockhash" "[5]" => v31::GetBlockHash;
        "getdifficulty" "[]" => v31::GetDifficulty;
        "getchaintips" "[]" => v31::GetChainTips;
        "getdeploymentinfo" "[]" => v31::GetDeploymentInfo;
        "getblockheader" format!("[\"{mined}\"]") => v31::GetBlockHeaderVerbose;
        "getblockheader" format!("[\"{mined}\", false]") => v31::GetBlockHeader;
        "getblock" format!("[\"{mined}\", 0]") => v31::GetBlockVerboseZero;
        "getblock" format!("[\"{mined}\"]") => v31::GetBlockVerboseOne;
        "getblock" format!("[\"{mined}\", 2]") => v31::GetBlockVerboseTwo;
        "getblock" format!("[\"{mined}\", 3]") => v31::GetBlockVerboseThree;
        "gettxout" format!("[\"{coinbase_out}\", 0]") => v31::GetTxOut;
        "gettxoutsetinfo" "[]" => v31::GetTxOutSetInfo;
        "gettxoutsetinfo" "[\"muhash\"]" => v31::GetTxOutSetInfo;
        "getrawmempool" "[]" => v31::GetRawMempool;
        "getrawmempool" "[true]" => v31::GetRawMempoolVerbose;
        "getrawmempool" "[false, true]" => v31::GetRawMempoolSequence;
        "getmempoolentry" format!("[\"{waiting}\"]") => v31::GetMempoolEntry;
        "getmempoolancestors" format!("[\"{waiting}\"]") => v31::GetMempoolAncestors;
        "getmempooldescendants" format!("[\"{waiting}\", true]") => v31::GetMempoolDescendantsVerbose;
        "getmempoolinfo" "[]" => v31::GetMempoolInfo;
        "getnetworkinfo" "[]" => v31::GetNetworkInfo;
        "getpeerinfo" "[]" => v31::GetPeerInfo;
        "getconnectioncount" "[]" => v31::GetConnectionCount;
        "getmininginfo" "[]" => v31::GetMiningInfo;
        "getblocktemplate" "[{\"rules\": [\"segwit\"]}]" => v31::GetBlockTemplate;
        "getprioritisedtransactions" "[]" => v31::GetPrioritisedTransactions;
        "getrpcinfo" "[]" => v31::GetRpcInfo;
        "getindexinfo" "[]" => v31::GetIndexInfo;
        "getzmqnotifications" "[]" => Vec<v31::GetZmqNotifications>;
        "validateaddress" format!("[\"{}\"]", HARNESS[3]) => v31::ValidateAddress;
        "decodescript" "[\"5121030000000000000000000000000000000000000000000000000000000000000001 51ae\"]".replace(' ', "") => v31::DecodeScript;
        "decoderawtransaction" format!("[\"{waiting_hex}\"]") => v31::DecodeRawTransaction;
        "getrawtransaction" format!("[\"{waiting}\"]") => v31::GetRawTransaction;
        "getrawtransaction" format!("[\"{waiting}\", 1]") => v31::GetRawTransactionVerbose;
        "getrawtransaction" format!("[\"{pooled}\", 1]") => v31::GetRawTransactionVerbose;
        "testmempoolaccept" format!("[[\"{fresh_hex}\"]]") => v31::TestMempoolAccept;
        "testmempoolaccept" format!("[[\"{next_hex}\"]]") => v31::TestMempoolAccept;
        "sendrawtransaction" format!("[\"{fresh_hex}\"]") => v31::SendRawTransaction;
        "submitpackage" format!("[[\"{package_hex}\"]]") => v31::SubmitPackage;
        "submitpackage" format!("[[\"{lost_hex}\"]]") => v31::SubmitPackage;
        "generatetoaddress" format!("[1, \"{}\"]", HARNESS[0]) => v31::GenerateToAddress;
        "generatetodescriptor" "[1, \"raw(51)\"]" => v31::GenerateToDescriptor;
        "generateblock" format!("[\"{}\", [\"{next_hex}\"]]", HARNESS[2]) => v31::GenerateBlock;
        "waitforblockheight" "[1]" => v31::WaitForBlockHeight;
        "waitfornewblock" "[1]" => v31::WaitForNewBlock;
    }
    // The schema's flattened parts cannot hold the fee, which Core puts between the outputs and the bytes.
    for params in [format!("[\"{pooled}\", 2]"), format!("[\"{pooled}\", 2, \"{mined}\"]")] {
        let answer = call(&registry, "getrawtransaction", &params).await.unwrap();
        assert_eq!(answer.matches("],\"fee\":0.00001000,\"hex\":").count(), 1, "{answer}");
        let rest = answer.replace("\"fee\":0.00001000,", "");
        fits::<v31::GetRawTransactionVerboseWithPrevout>("getrawtransaction", &rest);
    }
    assert_eq!(call(&registry, "uptime", "[]").await.unwrap(), "61");
    assert_eq!(call(&registry, "gettxout", &format!("[\"{pooled}\", 9]")).await.unwrap(), "null");
    assert_eq!(
        call(&registry, "echo", "[1.50, {\"b\": 1, \"a\": null}]").await.unwrap(),
        "[1.50,{\"b\":1,\"a\":null}]"
    );
}
