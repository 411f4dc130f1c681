//! Making and signing transactions: what comes out is valid, and what is wrong is said in Core's words.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use chaincore_consensus::codec::Decode;
use chaincore_consensus::script::{VerifyFlags, verify_input};
use chaincore_consensus::sighash::PrecomputedTx;
use chaincore_consensus::{OutPoint, Transaction, TxOut, Txid, hex};
use chaincore_rpc::json::Json;
use chaincore_rpc::node::Node;
use corepc_types::v31;
use std::sync::Arc;
use support::{HARNESS, MemoryNode, call, registry};

// The private keys 1 and 2, and what is paid to the first.
const WIF1: &str = "cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87JcbXMTcA";
const WIF2: &str = "cMahea7zqjxrtgAbB7LSGbcQUr1uX1ojuat9jZodMN87K7XCyj5v";
const KEY1: &str = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
const KEY2: &str = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5";

fn coinbase(node: &Arc<MemoryNode>, address: &str) -> Txid {
    let mined = node.mine(1, address)[0];
    node.block(&mined).unwrap().unwrap().transactions[0].txid()
}

/// Asserts that every input of a transaction satisfies what it spends.
fn assert_signed(node: &MemoryNode, text: &str) {
    let tx = Transaction::decode_exact(&hex::decode(text).unwrap()).unwrap();
    let output = |outpoint: &OutPoint| node.coin(outpoint).unwrap().unwrap().output;
    let spent: Vec<TxOut> = tx.inputs.iter().map(|input| output(&input.previous_output)).collect();
    let pre = PrecomputedTx::new(&tx, &spent);
    for input in 0..tx.inputs.len() {
        assert_eq!(verify_input(&tx, input, &spent, &pre, VerifyFlags::STANDARD, None), Ok(()));
    }
}

/// The answer of a signing: the transaction, whether it is complete, and how many inputs failed. (The published
/// client's type does not know the errors' witnesses.)
struct Signed {
    hex: String,
    complete: bool,
    errors: usize,
}

fn read_signed(answer: &str) -> Signed {
    let json = Json::parse(answer.as_bytes()).unwrap();
    Signed {
        hex: json.field("hex").get_str().unwrap().into(),
        complete: json.field("complete").get_bool().unwrap(),
        errors: json.member("errors").map_or(0, |errors| errors.get_array().unwrap().len()),
    }
}

fn text(answer: &str) -> &str {
    answer.trim_matches('"')
}

#[tokio::test]
async fn every_kind_of_output_is_spent() {
    let node = MemoryNode::new();
    let registry = registry(&node);
    let mut inputs = Vec::new();
    for descriptor in [
        format!("pkh({KEY1})"),
        format!("wpkh({KEY1})"),
        format!("sh(wpkh({KEY1}))"),
        format!("rawtr({})", &KEY1[2..]),
    ] {
        let info = call(&registry, "getdescriptorinfo", &format!("[\"{descriptor}\"]")).await.unwrap();
        let info = Json::parse(info.as_bytes()).unwrap();
        let whole = info.field("descriptor").get_str().unwrap().to_owned();
        let addresses = call(&registry, "deriveaddresses", &format!("[\"{whole}\"]")).await.unwrap();
        let address = addresses.trim_matches(['[', ']', '"']).to_owned();
        inputs.push(format!("{{\"txid\":\"{}\",\"vout\":0}}", coinbase(&node, &address)));
    }
    let params = format!("[[{}], [{{\"{}\": 1}}, {{\"data\": \"00ff\"}}]]", inputs.join(","), HARNESS[0]);
    let raw = call(&registry, "createrawtransaction", &params).await.unwrap();
    // P2SH needs its script named, as the node does not keep any.
    let unsigned =
        call(&registry, "signrawtransactionwithkey", &format!("[{raw}, [\"{WIF1}\"]]")).await.unwrap();
    let partly = read_signed(&unsigned);
    assert_eq!((partly.complete, partly.errors), (false, 1), "{unsigned}");
    let tx = Transaction::decode_exact(&hex::decode(text(&raw)).unwrap()).unwrap();
    let script = node.coin(&tx.inputs[2].previous_output).unwrap().unwrap().output.script_pubkey;
    let prevtx = format!(
        "{{\"txid\":\"{}\",\"vout\":0,\"scriptPubKey\":\"{}\",\"redeemScript\":\"0014751e76e8199196d454941c45d1b3a323f1433bd6\",\"amount\":50}}",
        tx.inputs[2].previous_output.txid,
        hex::encode(&script)
    );
    for kind in ["ALL", "NONE", "SINGLE|ANYONECANPAY"] {
        // The last kind covers outputs that are not there for the third and fourth input.
        let params = format!("[{raw}, [\"{WIF1}\"], [{prevtx}], \"{kind}\"]");
        let signed = call(&registry, "signrawtransactionwithkey", &params).await.unwrap();
        let signed = read_signed(&signed);
        assert_eq!(signed.complete, !kind.starts_with("SINGLE"));
        if signed.complete {
            assert_signed(&node, &signed.hex);
        }
    }
}

#[tokio::test]
async fn signatures_of_several_come_together() {
    let node = MemoryNode::new();
    let registry = registry(&node);
    for kind in ["legacy", "bech32", "p2sh-segwit"] {
        let made = format!("[2, [\"{KEY1}\", \"{KEY2}\"], \"{kind}\"]");
        let made = call(&registry, "createmultisig", &made).await.unwrap();
        let made: v31::CreateMultisig = serde_json::from_str(&made).unwrap();
        let txid = coinbase(&node, &made.address);
        let output = node.coin(&OutPoint { txid, vout: 0 }).unwrap().unwrap().output;
        let params = format!("[[{{\"txid\":\"{txid}\",\"vout\":0}}], {{\"{}\": 49}}]", HARNESS[0]);
        let raw = call(&registry, "createrawtransaction", &params).await.unwrap();
        let field = if kind == "legacy" { "redeemScript" } else { "witnessScript" };
        let prevtx = format!(
            "{{\"txid\":\"{txid}\",\"vout\":0,\"scriptPubKey\":\"{}\",\"{field}\":\"{}\",\"amount\":50}}",
            hex::encode(&output.script_pubkey),
            made.redeem_script
        );
        let mut halves = Vec::new();
        for key in [WIF1, WIF2] {
            let params = format!("[{raw}, [\"{key}\"], [{prevtx}]]");
            let half = call(&registry, "signrawtransactionwithkey", &params).await.unwrap();
            let half = read_signed(&half);
            assert!(!half.complete);
            halves.push(half.hex);
        }
        let params = format!("[[\"{}\", \"{}\"]]", halves[1], halves[0]);
        let combined = call(&registry, "combinerawtransaction", &params).await.unwrap();
        assert_signed(&node, text(&combined));
        // The second signer goes on where the first stopped, and comes to the same.
        let params = format!("[\"{}\", [\"{WIF2}\"], [{prevtx}]]", halves[0]);
        let signed = call(&registry, "signrawtransactionwithkey", &params).await.unwrap();
        let signed = read_signed(&signed);
        assert_eq!((signed.complete, signed.hex.as_str()), (true, text(&combined)));
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_in_cores_words() {
    let node = MemoryNode::new();
    let registry = registry(&node);
    let zero = "0".repeat(64);
    let input = format!("{{\"txid\":\"{zero}\",\"vout\":0}}");
    let address = HARNESS[0];
    let raw = format!("[[{input}], {{\"{address}\": 1}}]");
    let raw = call(&registry, "createrawtransaction", &raw).await.unwrap();
    assert_eq!(
        text(&raw),
        format!(
            "0200000001{zero}0000000000fdffffff0100e1f505000000001976a9142b4569203694fc997e13f2c0a1383b9e16c77a0d88ac00000000"
        )
    );
    let make = "createrawtransaction";
    let sign = "signrawtransactionwithkey";
    for (method, params, expected) in [
        (make, format!("[[{{\"txid\":\"{zero}\"}}], []]"), (-8, "Invalid parameter, missing vout key")),
        (
            make,
            format!("[[{{\"txid\":\"{zero}\",\"vout\":-1}}], []]"),
            (-8, "Invalid parameter, vout cannot be negative"),
        ),
        (
            make,
            format!("[[{{\"txid\":\"{zero}\",\"vout\":0,\"sequence\":4294967296}}], []]"),
            (-8, "Invalid parameter, sequence number is out of range"),
        ),
        (
            make,
            format!("[[{{\"txid\":\"{zero}\",\"vout\":0,\"sequence\":4294967295}}], [], 0, true]"),
            (-8, "Invalid parameter combination: Sequence number(s) contradict replaceable option"),
        ),
        (make, format!("[[{input}], [], -1]"), (-8, "Invalid parameter, locktime out of range")),
        (make, format!("[[{input}], [], 0, true, 4]"), (-8, "Invalid parameter, version out of range(1~3)")),
        (make, "[[], [{}]]".into(), (-8, "Invalid parameter, key-value pair must contain exactly one key")),
        (make, "[[], [5]]".into(), (-8, "Invalid parameter, key-value pair not an object as expected")),
        (
            make,
            "[[], [{\"data\":\"00\"},{\"data\":\"00\"}]]".into(),
            (-8, "Invalid parameter, duplicate key: data"),
        ),
        (make, "[[], {\"foo\":1}]".into(), (-5, "Invalid Bitcoin address: foo")),
        (
            make,
            format!("[[], [{{\"{address}\":1}},{{\"{address}\":1}}]]"),
            (-8, "Invalid parameter, duplicated address: mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z"),
        ),
        (sign, "[\"zz\", []]".into(), (-22, "TX decode failed. Make sure the tx has at least one input.")),
        (sign, format!("[{raw}, [\"x\"]]"), (-5, "Invalid private key")),
        (sign, format!("[{raw}, [], [], \"x\"]"), (-8, "'x' is not a valid sighash parameter.")),
        (sign, format!("[{raw}, [], [{{}}]]"), (-3, "Missing scriptPubKey")),
        (
            "combinerawtransaction",
            format!("[[{raw}]]"),
            (-22, "Missing transactions. At least two transactions required."),
        ),
        ("combinerawtransaction", format!("[[{raw}, {raw}]]"), (-25, "Input not found or already spent")),
    ] {
        let error = call(&registry, method, &params).await.unwrap_err();
        assert_eq!((error.0, error.1.as_str()), expected, "{method} {params}");
    }
}
