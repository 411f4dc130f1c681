//! The methods against the strict reply schemas of a published Core client (unknown and missing fields fail), Core's
//! error codes and texts, and the order of fields where clients look at bytes.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use chaincore_consensus::codec::Encode;
use chaincore_consensus::hex;
use chaincore_rpc::json::Json;
use chaincore_rpc::node::Node;
use corepc_types::{bitcoin, v31};
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
async fn scripts_and_addresses_look_as_cores() {
    let registry = registry(&MemoryNode::new());
    let decode =
        async |script: &str| call(&registry, "decodescript", &format!("[\"{script}\"]")).await.unwrap();
    let text = "76a914000000000000000000000000000000000000000088ac";
    let found = Json::parse(decode(text).await.as_bytes()).unwrap();
    let field = |json: &Json, name: &str| json.field(name).get_str().unwrap().to_owned();
    let p2sh = |text: &str| {
        let script = bitcoin::ScriptBuf::from_hex(text).unwrap();
        bitcoin::Address::p2sh(&script, bitcoin::Network::Regtest).unwrap().to_string()
    };
    assert_eq!(
        field(&found, "asm"),
        "OP_DUP OP_HASH160 0000000000000000000000000000000000000000 OP_EQUALVERIFY OP_CHECKSIG"
    );
    assert!(field(&found, "desc").starts_with("addr(mfWxJ45yp2SFn7UciZyNpvDKrzbhyfKrY8)#"));
    assert_eq!((field(&found, "type"), field(&found, "p2sh")), ("pubkeyhash".into(), p2sh(text)));
    let segwit = found.field("segwit");
    let program = "00140000000000000000000000000000000000000000";
    assert_eq!((field(segwit, "hex"), field(segwit, "p2sh-segwit")), (program.into(), p2sh(program)));
    assert_eq!(field(segwit, "address"), "bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202");
    // A checksum that Core's own documents show.
    assert!(decode("51").await.contains("\"desc\":\"raw(51)#8lvh9jxk\""));
    let taproot = decode("5120292fc4a9752b6f3f0a8ad06b0e76c3cd8c6e8a0a9d0a83d5c8c9a7e0a0f4d2c1").await;
    assert!(taproot.contains("\"type\":\"witness_v1_taproot\"") && !taproot.contains("p2sh"), "{taproot}");
    assert_eq!(
        call(&registry, "validateaddress", "[\"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa\"]").await.unwrap(),
        "{\"isvalid\":false,\"error_locations\":[],\
         \"error\":\"Invalid or unsupported Base58-encoded address.\"}"
    );
    // One letter of a bech32 address is wrong: Core says which.
    assert_eq!(
        call(&registry, "validateaddress", "[\"bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdkp202\"]")
            .await
            .unwrap(),
        "{\"isvalid\":false,\"error_locations\":[40],\"error\":\"Invalid Bech32 checksum\"}"
    );
    assert_eq!(
        call(&registry, "validateaddress", &format!("[\"{}\"]", HARNESS[0])).await.unwrap(),
        "{\"isvalid\":true,\"address\":\"mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z\",\
         \"scriptPubKey\":\"76a9142b4569203694fc997e13f2c0a1383b9e16c77a0d88ac\",\
         \"isscript\":false,\"iswitness\":false}"
    );
}

#[tokio::test]
async fn the_mempool_as_a_whole() {
    let node = busy_node();
    let registry = registry(&node);
    let txid = node.mempool_txids()[0];
    let tx = node.mempool_tx(&txid).unwrap();
    let weight = tx.weight();
    for (method, params, expected) in [
        (
            "getmempoolcluster",
            format!("[\"{txid}\"]"),
            format!(
                "{{\"clusterweight\":{weight},\"txcount\":1,\"chunks\":[{{\"chunkfee\":0.00001000,\"chunkweight\":{weight},\
                 \"txs\":[\"{txid}\"]}}]}}"
            ),
        ),
        (
            "getmempoolfeeratediagram",
            "[]".into(),
            format!("[{{\"weight\":0,\"fee\":0.00000000}},{{\"weight\":{weight},\"fee\":0.00001000}}]"),
        ),
        ("savemempool", "[]".into(), "{\"filename\":\"/nowhere/mempool.dat\"}".into()),
        ("importmempool", "{\"filepath\":\"/good.dat\",\"apply_unbroadcast_set\":true}".into(), "{}".into()),
    ] {
        assert_eq!(call(&registry, method, &params).await.unwrap(), expected, "{method}");
    }
    let spent = tx.inputs[0].previous_output;
    let prevout = format!("{{\"txid\":\"{}\",\"vout\":{}}}", spent.txid, spent.vout);
    let unspent = format!("{{\"txid\":\"{txid}\",\"vout\":0}}");
    assert_eq!(
        call(&registry, "gettxspendingprevout", &format!("[[{prevout},{unspent}]]")).await.unwrap(),
        format!("[{},\"spendingtxid\":\"{txid}\"}},{unspent}]", prevout.strip_suffix('}').unwrap())
    );
    let (wtxid, bytes, vsize) = (tx.wtxid(), tx.total_size(), tx.vsize());
    let orphan = format!(
        "\"txid\":\"{txid}\",\"wtxid\":\"{wtxid}\",\"bytes\":{bytes},\"vsize\":{vsize},\"weight\":{weight},\"from\":[3,7]"
    );
    let raw = hex::encode(&tx.to_bytes());
    for (params, expected) in [
        ("[]", format!("[\"{txid}\"]")),
        ("[1]", format!("[{{{orphan}}}]")),
        ("[2]", format!("[{{{orphan},\"hex\":\"{raw}\"}}]")),
    ] {
        assert_eq!(call(&registry, "getorphantxs", params).await.unwrap(), expected);
    }
    let zero = "0".repeat(64);
    for (method, params, expected) in [
        ("getorphantxs", "[3]".into(), (-8, "Invalid verbosity value 3")),
        ("getorphantxs", "[true]".into(), (-3, "Verbosity was boolean but only integer allowed")),
        ("getmempoolcluster", format!("[\"{zero}\"]"), (-5, "Transaction not in mempool")),
        (
            "importmempool",
            "[\"/bad\"]".into(),
            (-1, "Unable to import mempool file, see debug log for details."),
        ),
        ("gettxspendingprevout", "[[]]".into(), (-8, "Invalid parameter, outputs are missing")),
        ("gettxspendingprevout", "[[{}]]".into(), (-3, "Missing txid")),
        (
            "gettxspendingprevout",
            format!("[[{{\"txid\":\"{zero}\",\"vout\":\"x\"}}]]"),
            (-3, "JSON value of type string for field vout is not of expected type number"),
        ),
        (
            "gettxspendingprevout",
            format!("[[{{\"txid\":\"{zero}\",\"vout\":0,\"x\":1}}]]"),
            (-3, "Unexpected key x"),
        ),
        (
            "gettxspendingprevout",
            format!("[[{{\"txid\":\"{zero}\",\"vout\":-1}}]]"),
            (-8, "Invalid parameter, vout cannot be negative"),
        ),
        (
            "gettxspendingprevout",
            format!("[[{unspent}], {{\"mempool_only\":false}}]"),
            (-1, "Mempool lacks a relevant spend, and txospenderindex is unavailable."),
        ),
    ] {
        let error = call(&registry, method, &params).await.unwrap_err();
        assert_eq!((error.0, error.1.as_str()), expected, "{method} {params}");
    }
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

#[tokio::test]
async fn messages_and_the_log() {
    let node = MemoryNode::new();
    let registry = registry(&node);
    // The key 1, as Bitcoin Core signs with it.
    let wif = "cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87JcbXMTcA";
    let address = "mrCDrCybB6J1vRfbwM5hemdJz73FwDBC8r";
    let signature =
        call(&registry, "signmessagewithprivkey", &format!("[\"{wif}\", \"hello\"]")).await.unwrap();
    let verify = |message: &str| format!("[\"{address}\", {signature}, \"{message}\"]");
    assert_eq!(call(&registry, "verifymessage", &verify("hello")).await.unwrap(), "true");
    assert_eq!(call(&registry, "verifymessage", &verify("hullo")).await.unwrap(), "false");
    for (method, params, expected) in [
        ("signmessagewithprivkey", "[\"x\", \"\"]".to_owned(), (-5, "Invalid private key")),
        ("verifymessage", "[\"x\", \"\", \"\"]".into(), (-5, "Invalid address")),
        ("verifymessage", format!("[\"{}\", \"\", \"\"]", HARNESS[3]), (-3, "Address does not refer to key")),
        ("verifymessage", format!("[\"{address}\", \"!\", \"\"]"), (-3, "Malformed base64 encoding")),
        ("logging", "[[\"foo\"]]".into(), (-8, "unknown logging category foo")),
        ("getmemoryinfo", "[\"foo\"]".into(), (-8, "unknown mode foo")),
    ] {
        let error = call(&registry, method, &params).await.unwrap_err();
        assert_eq!((error.0, error.1.as_str()), expected, "{method} {params}");
    }
    let _: v31::GetMemoryInfoStats =
        fits("getmemoryinfo", &call(&registry, "getmemoryinfo", "[]").await.unwrap());
    let log = |on| format!("{{\"mempool\":false,\"net\":{on}}}");
    assert_eq!(call(&registry, "logging", "[]").await.unwrap(), log(false));
    assert_eq!(call(&registry, "logging", "[[\"all\"]]").await.unwrap(), log(true));
    assert_eq!(call(&registry, "logging", "[[\"net\"], [\"net\"]]").await.unwrap(), log(false));
}
