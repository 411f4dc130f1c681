//! Blocks handed in, measured, checked and proved, and the long poll for the next one.

use crate::support::{HARNESS, MemoryNode, call, registry};
use crate::{busy_node, fits};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::hex;
use chaincore_rpc::json::Json;
use chaincore_rpc::node::Node;
use corepc_types::v31;
use std::sync::Arc;

#[tokio::test]
async fn blocks_are_submitted_as_bip22_says() {
    let node = MemoryNode::new();
    node.mine(3, HARNESS[0]);
    let registry = registry(&node);
    // A miner that knows only txids sends a coinbase without its witness.
    let generated =
        call(&registry, "generateblock", &format!("[\"{}\", [], false]", HARNESS[1])).await.unwrap();
    let generated = Json::parse(generated.as_bytes()).unwrap();
    let text = generated.field("hex").get_str().unwrap();
    let bytes = hex::decode(text).unwrap();
    let block =
        <chaincore_consensus::Block as chaincore_consensus::codec::Decode>::decode_exact(&bytes).unwrap();
    let mut bare = block.clone();
    let mut coinbase = chaincore_consensus::Tx::clone(&bare.transactions[0]).into_inner();
    coinbase.inputs[0].witness.clear();
    bare.transactions[0] = Arc::new(coinbase.into());
    let submit = |block: &chaincore_consensus::Block| format!("[\"{}\"]", hex::encode(&block.to_bytes()));
    assert_eq!(call(&registry, "submitblock", &submit(&bare)).await.unwrap(), "null");
    assert_eq!(call(&registry, "submitblock", &submit(&block)).await.unwrap(), "\"duplicate\"");
    // What follows a block or a header is not looked at.
    let with_more = submit(&block).replace("\"]", "beef\"]");
    assert_eq!(call(&registry, "submitblock", &with_more).await.unwrap(), "\"duplicate\"");
    assert_eq!(call(&registry, "submitheader", &with_more).await.unwrap(), "null");
    let proposal = |block: &chaincore_consensus::Block| {
        format!("[{{\"mode\": \"proposal\", \"data\": \"{}\"}}]", hex::encode(&block.to_bytes()))
    };
    assert_eq!(call(&registry, "getblocktemplate", &proposal(&block)).await.unwrap(), "\"duplicate\"");

    // The same height again is a branch of no more work.
    let mut rival = block.clone();
    let solve = |block: &mut chaincore_consensus::Block| {
        let params = node.params();
        while !chaincore_consensus::pow::check_proof_of_work(
            &block.hash(),
            block.header.bits,
            params.pow_limit,
        ) {
            block.header.nonce += 1;
        }
    };
    rival.header.time += 5;
    solve(&mut rival);
    assert_eq!(
        call(&registry, "getblocktemplate", &proposal(&rival)).await.unwrap(),
        "\"inconclusive-not-best-prevblk\""
    );
    assert_eq!(call(&registry, "submitblock", &submit(&rival)).await.unwrap(), "\"inconclusive\"");
    let tips = call(&registry, "getchaintips", "[]").await.unwrap();
    assert!(
        tips.contains("\"branchlen\":1,\"status\":\"valid-headers\"") && tips.contains("\"active\""),
        "{tips}"
    );

    let mut orphan = block.clone();
    orphan.header.previous = chaincore_consensus::BlockHash([9; 32]);
    solve(&mut orphan);
    assert_eq!(call(&registry, "submitblock", &submit(&orphan)).await.unwrap(), "\"prev-blk-not-found\"");
    let mut weak = block;
    weak.header.bits = 0x1d00_ffff;
    assert_eq!(call(&registry, "submitblock", &submit(&weak)).await.unwrap(), "\"high-hash\"");
}

#[tokio::test]
async fn a_long_poll_ends_with_the_tip() {
    let node = MemoryNode::new();
    node.mine(1, HARNESS[0]);
    let registry = registry(&node);
    let first = call(&registry, "getblocktemplate", "[{\"rules\": [\"segwit\"]}]").await.unwrap();
    let first = Json::parse(first.as_bytes()).unwrap();
    let keys: Vec<&str> = first.get_object().unwrap().iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "capabilities",
            "version",
            "rules",
            "vbavailable",
            "vbrequired",
            "previousblockhash",
            "transactions",
            "coinbaseaux",
            "coinbasevalue",
            "longpollid",
            "target",
            "mintime",
            "mutable",
            "noncerange",
            "sigoplimit",
            "sizelimit",
            "weightlimit",
            "curtime",
            "bits",
            "height",
            "default_witness_commitment"
        ]
    );
    let id = first.field("longpollid").get_str().unwrap();
    let params = format!("[{{\"rules\": [\"segwit\"], \"longpollid\": \"{id}\"}}]");
    let waiting = tokio::spawn({
        let registry = registry.clone();
        async move { call(&registry, "getblocktemplate", &params).await }
    });
    while registry.active_calls().list().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    let tip = node.mine(1, HARNESS[0])[0];
    let second = waiting.await.unwrap().unwrap();
    assert!(second.contains(&format!("\"previousblockhash\":\"{tip}\"")), "{second}");
    let waited = tokio::spawn({
        let registry = registry.clone();
        async move { call(&registry, "waitforblockheight", "[3]").await }
    });
    node.mine(1, HARNESS[0]);
    assert!(waited.await.unwrap().unwrap().ends_with("\"height\":3}"));
}

#[tokio::test]
async fn blocks_are_measured_checked_and_proved() {
    let node = busy_node();
    let mined = node.mine(1, HARNESS[1])[0];
    let registry = registry(&node);
    let block = node.block(&mined).unwrap().unwrap();
    let [coinbase, payment] = [0, 1].map(|at| block.transactions[at].txid());
    let stats = call(&registry, "getblockstats", "[111]").await.unwrap();
    let stats: v31::GetBlockStats = fits("getblockstats", &stats);
    assert_eq!((stats.total_fee.unwrap(), stats.txs.unwrap(), stats.inputs.unwrap()), (1000, 2, 1));
    let some = call(&registry, "getblockstats", "[111, [\"txs\", \"avgfee\"]]").await.unwrap();
    assert_eq!(some, "{\"avgfee\":1000,\"txs\":2}");
    let stats = call(&registry, "getchaintxstats", "[10]").await.unwrap();
    let stats: v31::GetChainTxStats = fits("getchaintxstats", &stats);
    assert_eq!((stats.window_tx_count, stats.window_block_count), (Some(11), 10));
    for level in 0..4 {
        assert_eq!(call(&registry, "verifychain", &format!("[{level}, 0]")).await.unwrap(), "true");
    }

    let proof = call(&registry, "gettxoutproof", &format!("[[\"{payment}\"], \"{mined}\"]")).await.unwrap();
    let proved = call(&registry, "verifytxoutproof", &format!("[{proof}]")).await.unwrap();
    assert_eq!(proved, format!("[\"{payment}\"]"));
    let both = format!("[[\"{payment}\", \"{coinbase}\"], \"{mined}\"]");
    let both = call(&registry, "gettxoutproof", &both).await.unwrap();
    let proved = call(&registry, "verifytxoutproof", &format!("[{both}]")).await.unwrap();
    assert_eq!(proved, format!("[\"{coinbase}\",\"{payment}\"]"));
    // Another root, then another block.
    let spoiled = format!("{}00{}", &proof[..80], &proof[82..]);
    assert_eq!(call(&registry, "verifytxoutproof", &format!("[{spoiled}]")).await.unwrap(), "[]");
    let spoiled = format!("{}00{}", &proof[..12], &proof[14..]);
    let zero = "0".repeat(64);
    for (method, params, expected) in [
        ("verifytxoutproof", format!("[{spoiled}]"), (-5, "Block not found in chain")),
        ("gettxoutproof", "[[]]".into(), (-8, "Parameter 'txids' cannot be empty")),
        ("gettxoutproof", format!("[[\"{payment}\"], \"{zero}\"]"), (-5, "Block not found")),
        (
            "gettxoutproof",
            format!("[[\"{zero}\"], \"{mined}\"]"),
            (-5, "Not all transactions found in specified or retrieved block"),
        ),
        ("getblockstats", "[112]".into(), (-8, "Target block height 112 after current tip 111")),
        ("getblockstats", "[-1]".into(), (-8, "Target block height -1 is negative")),
        ("getblockstats", "[1, [\"x\"]]".into(), (-8, "Invalid selected statistic 'x'")),
        (
            "getchaintxstats",
            "[111]".into(),
            (-8, "Invalid block count: should be between 0 and the block's height - 1"),
        ),
    ] {
        let error = call(&registry, method, &params).await.unwrap_err();
        assert_eq!((error.0, error.1.as_str()), expected, "{method} {params}");
    }
}
