//! The chain that Core's functional tests cache, mined by the same calls, is the same chain bit for bit.

use chaincore_tests::TestNode;
use serde_json::{Value, json};

const ADDRESSES: [&str; 4] = [
    "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z",
    "msX6jQXvxiNhx3Q62PKeLPrhrqZQdSimTg",
    "mnonCMyH9TmAsSj3M59DsbH8H63U3RKoFP",
    "bcrt1p9yfmy5h72durp7zrhlw9lf7jpwjgvwdg0jr0lqmmjtgg83266lqsekaqka",
];

#[test]
fn the_cached_chain_of_cores_harness() {
    let mut node = TestNode::start(&["-regtest", "-disablewallet"]);
    let genesis = node.rpc("getbestblockhash", json!([]));
    let time = node.rpc("getblockheader", json!({"blockhash": genesis}))["time"].clone();
    node.rpc("setmocktime", json!([time]));
    for round in 0..8 {
        let count = if round == 7 { 24 } else { 25 };
        let params = json!({"nblocks": count, "address": ADDRESSES[round % 4], "maxtries": 1_000_000});
        let hashes = node.rpc("generatetoaddress", params);
        assert_eq!(hashes.as_array().map(Vec::len), Some(count));
        if round == 0 {
            assert_eq!(hashes[0], "4a31ceeaab3807a7441be5f951d86a4682a217bff37123f34196e2709d852f5e");
        }
    }
    assert_eq!(node.rpc("getblockcount", json!([])), 199);
    let tip = "70561696b71207e34ce30fd728f44836b9a49b391af801d77b4621e3cb16e888";
    assert_eq!(node.rpc("getbestblockhash", json!([])), tip);
    let info = node.rpc("gettxoutsetinfo", json!(["muhash"]));
    assert_eq!(info["muhash"], "36534f06309cd7f54739afe99c2224e39a53a759da8973f057fe257b1b961c79");
    assert_eq!(node.stop(), Some(0));

    // What the harness does with the folder: nothing but files besides the three folders, and it can be copied.
    let chain = node.datadir().join("regtest");
    for entry in std::fs::read_dir(&chain).expect("the chain's folder").map(|entry| entry.expect("an entry"))
    {
        let name = entry.file_name().into_string().expect("a plain name");
        let is_folder = entry.file_type().expect("a type").is_dir();
        let expected = ["blocks", "chainstate", "indexes", "wallets"].contains(&name.as_str());
        assert_eq!(is_folder, expected, "{name}");
        if !is_folder {
            std::fs::remove_file(entry.path()).expect("a plain file");
        }
    }
    std::fs::remove_dir(chain.join("wallets")).expect("wallets/ is there and empty");
    let copy = tempfile::tempdir().expect("a folder");
    let status = std::process::Command::new("cp").arg("-r").arg(&chain).arg(copy.path()).status();
    assert!(status.expect("cp can be run").success());
    let copied = TestNode::start_in(copy.path(), &["-regtest"]);
    assert_eq!(copied.rpc("getbestblockhash", json!([])), tip);
    let mined = copied.rpc("generatetoaddress", json!([1, ADDRESSES[0]]));
    let block = copied.rpc("getblock", json!([mined[0], 0]));
    node.launch();
    assert_eq!(node.rpc("submitblock", json!([block])), Value::Null);
    let info = node.rpc("getblockchaininfo", json!([]));
    assert_eq!((&info["blocks"], &info["initialblockdownload"]), (&json!(200), &json!(false)));
    assert_eq!(node.rpc("submitblock", json!([block])), "duplicate");
}
