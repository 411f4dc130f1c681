//! Replies whose form clients look at: scripts and addresses, the mempool, signed messages, the log.

use crate::support::{HARNESS, MemoryNode, call, registry};
use crate::{busy_node, fits};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::hex;
use chaincore_rpc::json::Json;
use chaincore_rpc::node::Node;
use corepc_types::{bitcoin, v31};

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
