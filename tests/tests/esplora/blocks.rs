//! Blocks.

use super::*;

#[test]
fn blocks_are_what_rpc_says() {
    let Scene { node, api, paid, .. } = scene();
    let hash: BlockHash = serde_json::from_value(node.rpc("getbestblockhash", json!([]))).expect("a hash");
    assert_eq!((api.get_height().expect("a height"), api.get_tip_hash().expect("a hash")), (104, hash));
    assert_eq!(api.get_block_hash(104).expect("a hash"), hash);
    let info = api.get_block_info(&hash).expect("a block");
    let rpc = node.rpc("getblock", json!([hash, 1]));
    assert_eq!(
        json!([info.id, info.height, info.timestamp, info.tx_count, info.size, info.weight.to_wu()]),
        json!([rpc["hash"], rpc["height"], rpc["time"], rpc["nTx"], rpc["size"], rpc["weight"]])
    );
    assert_eq!(
        json!([info.merkle_root, info.previousblockhash, info.mediantime, info.nonce, info.difficulty]),
        json!([
            rpc["merkleroot"],
            rpc["previousblockhash"],
            rpc["mediantime"],
            rpc["nonce"],
            rpc["difficulty"]
        ])
    );
    let block = api.get_block_by_hash(&hash).expect("an answer").expect("a block");
    assert_eq!(block.block_hash(), hash);
    assert_eq!(api.get_header_by_hash(&hash).expect("a header"), block.header);
    assert_eq!(info.bits, block.header.bits);
    let txids: Vec<Txid> = block.txdata.iter().map(Transaction::compute_txid).collect();
    assert_eq!(api.get_block_txids(&hash).expect("a list"), txids);
    assert_eq!(api.get_txid_at_block_index(&hash, 1).expect("an answer"), Some(paid.compute_txid()));
    assert_eq!(api.get_txid_at_block_index(&hash, 2).expect("an answer"), None);
    let status = api.get_block_status(&hash).expect("a status");
    assert!(status.in_best_chain && status.height == Some(104) && status.next_best.is_none());
    let below = api.get_block_status(&block.header.prev_blockhash).expect("a status");
    assert_eq!(below.next_best, Some(hash));

    let txs = api.get_block_txs(&hash, None).expect("a page");
    assert_eq!(txs.iter().map(|tx| tx.to_tx()).collect::<Vec<_>>(), block.txdata);
    assert!(txs[0].vin[0].is_coinbase && txs[0].vin[0].prevout.is_none() && txs[0].fee == Amount::ZERO);
    for start in [1, 25, 4_294_967_295] {
        let refused = api.get_block_txs(&hash, Some(start));
        assert!(matches!(refused, Err(Error::HttpResponse { status: 400, .. })), "{start}: {refused:?}");
    }

    // Ten a page, down to genesis.
    let tops = api.get_block_infos(None).expect("blocks");
    assert_eq!(
        tops.iter().map(|block| block.height).collect::<Vec<_>>(),
        (95..=104).rev().collect::<Vec<_>>()
    );
    let bottom = api.get_block_infos(Some(3)).expect("blocks");
    assert_eq!(bottom.iter().map(|block| block.height).collect::<Vec<_>>(), [3, 2, 1, 0]);
    assert_eq!(bottom[3].previousblockhash, None);
    assert_eq!(node.rpc("getblockhash", json!([0])), json!(bottom[3].id));
    let genesis = api.get_block_by_hash(&bottom[3].id).expect("an answer").expect("a block");
    let of_genesis = api.get_tx(&genesis.txdata[0].compute_txid()).expect("an answer");
    assert_eq!(of_genesis.as_ref(), Some(&genesis.txdata[0]));

    // One that a reorganization has left behind is still there, and not in the chain.
    node.rpc("invalidateblock", json!([hash]));
    let left = api.get_block_status(&hash).expect("a status");
    assert!(!left.in_best_chain && left.height.is_none() && left.next_best.is_none());
    assert_eq!(api.get_block_info(&hash).expect("a block").height, 104);
    let unknown = "5a".repeat(32);
    for path in ["", "/header", "/status", "/raw", "/txids", "/txid/0", "/txs", "/txs/0"] {
        assert_eq!(
            node.get(&format!("/api/block/{unknown}{path}")),
            (404, "Block not found".into()),
            "{path}"
        );
    }
    assert_eq!(node.get("/api/block-height/104"), (404, "Block not found".into()));
}
