//! The explorer's own paths.

use super::*;

#[test]
fn pictures_of_the_chain_have_their_figures() {
    let Scene { node, paid, .. } = scene();
    let chart = node.get_json("/api/v1/chain?blocks=20");
    let blocks = chart["blocks"].as_array().expect("a list");
    assert_eq!((blocks.len(), &chart["complete"], &chart["end"]), (20, &json!(true), &json!(104)));
    for block in blocks {
        let stats = node.rpc("getblockstats", json!([block["height"]]));
        assert_eq!(
            json!([block["hash"], block["time"], block["tx_count"], block["fees"], block["subsidy"]]),
            json!([stats["blockhash"], stats["time"], stats["txs"], stats["totalfee"], stats["subsidy"]])
        );
        assert_eq!(block["miner"], mining::address().to_string());
    }
    let last = blocks.last().expect("a block");
    let fee = node.get_json(&format!("/api/tx/{}", paid.compute_txid()))["fee"].clone();
    assert_eq!(last["fees"], fee);
    let size = |tx: &Value| tx["weight"].as_f64().expect("a number") / 4.0;
    let rate =
        fee.as_f64().expect("a number") / size(&node.get_json(&format!("/api/tx/{}", paid.compute_txid())));
    assert!((last["fee_rate"].as_f64().expect("a number") - rate).abs() < 1e-9, "{last}");
    let whole = node.get_json("/api/v1/chain?blocks=1008");
    assert_eq!(whole["blocks"].as_array().map(Vec::len), Some(105));
    assert_eq!(whole["blocks"][0]["interval"], Value::Null);
    assert_eq!(node.get_json("/api/v1/chain?blocks=3&end=7")["blocks"][0]["height"], 5);
    for bad in ["blocks=0", "blocks=1009", "blocks=x", "end=-1"] {
        assert_eq!(node.get(&format!("/api/v1/chain?{bad}")).0, 400, "{bad}");
    }

    let mining = node.get_json("/api/v1/mining?blocks=104");
    let miners = mining["miners"].as_array().expect("a list");
    assert_eq!((&mining["blocks"], miners.len(), &miners[0]["blocks"]), (&json!(104), 2, &json!(101)));
    assert_eq!(miners.iter().map(|miner| miner["share"].as_f64().expect("a share")).sum::<f64>(), 1.0);

    let named = |text: &str| node.get_json(&format!("/api/v1/search?q={text}"));
    let tip = node.rpc("getbestblockhash", json!([]));
    assert_eq!(named("104")["hash"], tip);
    assert_eq!(named("105")["kind"], "none");
    assert_eq!(named(tip.as_str().expect("a hash"))["height"], 104);
    assert_eq!(named(&paid.compute_txid().to_string())["kind"], "tx");
    assert_eq!(named(&mining::address().to_string())["kind"], "address");
    assert_eq!(named(&"5a".repeat(32))["kind"], "none");
    assert_eq!(named("%3Cscript%3E")["kind"], "none");
    assert_eq!(node.get("/api/v1/search").0, 400);

    let next = node.get_json("/api/v1/fees/mempool-blocks");
    assert_eq!((&next[0]["nTx"], next[0]["feeRange"].as_array().map(Vec::len)), (&json!(1), Some(7)));
    let plugins = node.get_json("/plugins")["plugins"].clone();
    let ids: BTreeSet<_> =
        plugins.as_array().expect("a list").iter().map(|plugin| plugin["id"].to_string()).collect();
    assert!(ids.contains("\"addressindex\"") && ids.contains("\"txindex\""), "{ids:?}");
    assert!(plugins[0].get("last_error").is_none(), "{plugins}");
}
