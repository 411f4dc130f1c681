//! Core's error codes and texts.

use crate::busy_node;
use crate::support::{HARNESS, call, registry, spend};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::hex;
use chaincore_rpc::node::Node;

#[tokio::test]
async fn errors_are_cores() {
    let node = busy_node();
    let registry = registry(&node);
    let hash = "00".repeat(32);
    let address = HARNESS[0];
    let known = node.chain().at_height(1).unwrap().hash;
    let burn = {
        let mut tx = spend(&node, 5, 0).into_inner();
        tx.outputs[0].script_pubkey = chaincore_consensus::Script(vec![0x6a]);
        hex::encode(&tx.to_bytes())
    };
    let mut lost = spend(&node, 5, 0).into_inner();
    lost.inputs[0].previous_output.vout = 7;
    let lost = hex::encode(&lost.to_bytes());
    let greedy = hex::encode(&spend(&node, 5, -1).to_bytes());
    let costly = hex::encode(&spend(&node, 5, 1_000_000_000).to_bytes());
    let generate_is_gone =
        "generate\n\nhas been replaced by the -generate cli option. Refer to -help for more information.\n";
    let cases: Vec<(&str, String, i32, String)> = vec![
        ("getblockhash", "[1000]".into(), -8, "Block height out of range".into()),
        ("getblockhash", "[-1]".into(), -8, "Block height out of range".into()),
        ("getblock", "[\"foo\"]".into(), -8, "blockhash must be of length 64 (not 3, for 'foo')".into()),
        ("getblock", format!("[\"{hash}\"]"), -5, "Block not found".into()),
        ("getblockheader", format!("[\"{hash}\"]"), -5, "Block not found".into()),
        ("invalidateblock", format!("[\"{hash}\"]"), -5, "Block not found".into()),
        ("invalidateblock", format!("[\"{known}\"]"), -20, "this double keeps its blocks".into()),
        ("getmempoolentry", format!("[\"{hash}\"]"), -5, "Transaction not in mempool".into()),
        (
            "getrawtransaction",
            format!("[\"{hash}\"]"),
            -5,
            "No such mempool or blockchain transaction. Use gettransaction for wallet transactions.".into(),
        ),
        (
            "getrawtransaction",
            format!("[\"{hash}\", 0, \"{known}\"]"),
            -5,
            "No such transaction found in the provided block. Use gettransaction for wallet transactions."
                .into(),
        ),
        (
            "getrawtransaction",
            "[\"4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b\"]".into(),
            -5,
            "The genesis block coinbase is not considered an ordinary transaction and cannot be retrieved"
                .into(),
        ),
        ("decoderawtransaction", "[\"00\"]".into(), -22, "TX decode failed".into()),
        (
            "sendrawtransaction",
            "[\"00\"]".into(),
            -22,
            "TX decode failed. Make sure the tx has at least one input.".into(),
        ),
        (
            "sendrawtransaction",
            format!("[\"{burn}\"]"),
            -25,
            "Unspendable output exceeds maximum configured by user (maxburnamount)".into(),
        ),
        ("sendrawtransaction", format!("[\"{lost}\"]"), -25, "bad-txns-inputs-missingorspent".into()),
        (
            "sendrawtransaction",
            format!("[\"{greedy}\"]"),
            -26,
            "bad-txns-in-belowout, value in (1.00) < value out (2.00)".into(),
        ),
        (
            "sendrawtransaction",
            format!("[\"{costly}\"]"),
            -25,
            "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)".into(),
        ),
        (
            "sendrawtransaction",
            format!("[\"{costly}\", 1]"),
            -8,
            "Fee rates larger than or equal to 1BTC/kvB are not accepted".into(),
        ),
        ("submitpackage", "[[]]".into(), -8, "Array must contain between 1 and 25 transactions.".into()),
        (
            "submitpackage",
            format!("[[\"{burn}\"]]"),
            -25,
            "Unspendable output exceeds maximum configured by user (maxburnamount)".into(),
        ),
        (
            "submitpackage",
            format!("[[\"{costly}\", \"{lost}\"]]"),
            -25,
            "package topology disallowed. not child-with-parents or parents depend on each other.".into(),
        ),
        ("testmempoolaccept", "[[]]".into(), -8, "Array must contain between 1 and 25 transactions.".into()),
        (
            "getrawmempool",
            "[true, true]".into(),
            -8,
            "Verbose results cannot contain mempool sequence values.".into(),
        ),
        ("gettxoutsetinfo", "[\"md5\"]".into(), -8, "'md5' is not a valid hash_type".into()),
        (
            "gettxoutsetinfo",
            "[\"none\", 5]".into(),
            -8,
            "Querying specific block heights requires coinstatsindex".into(),
        ),
        ("submitblock", "[\"00\"]".into(), -22, "Block decode failed".into()),
        ("submitheader", "[\"00\"]".into(), -22, "Block header decode failed".into()),
        ("generatetoaddress", "[1, \"nope\"]".into(), -5, "Error: Invalid address".into()),
        ("generatetoaddress", "[1.5, \"nope\"]".into(), -1, "JSON integer out of range".into()),
        ("generateblock", "[\"nope\", []]".into(), -5, "Error: Invalid address or descriptor".into()),
        (
            "generateblock",
            format!("[\"{address}\", [\"{hash}\"]]"),
            -5,
            format!("Transaction {hash} not in mempool."),
        ),
        ("generate", "[]".into(), -32601, generate_is_gone.into()),
        ("generatetodescriptor", "[1, \"raw()\"]".into(), -5, "Raw script is not hex".into()),
        ("generatetodescriptor", "[1, \"wpkh(xx)\"]".into(), -5, "wpkh(): key 'xx' is not valid".into()),
        ("generatetodescriptor", "[1, \"pk()\"]".into(), -5, "pk(): No key provided".into()),
        (
            "generatetodescriptor",
            "[1, \"raw(51)#12345678\"]".into(),
            -5,
            "Provided checksum '12345678' does not match computed checksum '8lvh9jxk'".into(),
        ),
        (
            "getblocktemplate",
            "[{}]".into(),
            -8,
            "getblocktemplate must be called with the segwit rule set (call with {\"rules\": [\"segwit\"]})"
                .into(),
        ),
        ("getblocktemplate", "[{\"mode\": \"x\"}]".into(), -8, "Invalid mode".into()),
        ("getblocktemplate", "[{\"mode\": 1}]".into(), -8, "Invalid mode".into()),
        (
            "getblocktemplate",
            "[{\"mode\": \"proposal\"}]".into(),
            -3,
            "Missing data String key for proposal".into(),
        ),
        ("getnetworkhashps", "[0]".into(), -8, "Invalid nblocks. Must be a positive number or -1.".into()),
        ("getnetworkhashps", "[1, 1000]".into(), -8, "Block does not exist at specified height".into()),
        ("setmocktime", "[-1]".into(), -8, "Mocktime must be in the range [0, 4294967295], not -1.".into()),
        ("waitfornewblock", "[-1]".into(), -1, "Negative timeout".into()),
        (
            "prioritisetransaction",
            format!("[\"{hash}\", 1, 1]"),
            -8,
            "Priority is no longer supported, dummy argument to prioritisetransaction must be 0.".into(),
        ),
    ];
    for (method, params, code, message) in cases {
        let error = call(&registry, method, &params).await.expect_err(method);
        assert_eq!(error, (code, message), "{method} {params}");
    }
}
