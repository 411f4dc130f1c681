//! The REST paths: every documented path answers with the documented members, a block is mined and a transaction
//! sent without JSON-RPC, and what is wrong is named.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use chaincore_consensus::address::Address;
use chaincore_consensus::codec::Encode;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{Header, codec::Decode, hex, pow};
use chaincore_rpc::http::rest::{RestBody, RestHandler, RestRequest};
use chaincore_rpc::json::Json;
use chaincore_rpc::node::{Node, NodeRef, ScriptId};
use chaincore_rpc::rest::Rest;
use chaincore_rpc::rest::route::{Field, Reply};
use chaincore_rpc::rest::routes;
use std::sync::Arc;
use support::{HARNESS, MemoryNode, spend};

struct Answer {
    status: u16,
    content_type: String,
    text: String,
}

impl Answer {
    fn json(&self) -> Json {
        Json::parse(self.text.as_bytes()).unwrap_or_else(|| panic!("not JSON: {}", self.text))
    }

    fn error(&self) -> (u16, String, String) {
        let body = self.json();
        let error = body.field("error");
        let part = |name: &str| error.field(name).get_str().unwrap().to_owned();
        (self.status, part("code"), part("message"))
    }
}

async fn ask(rest: &Rest, verb: &str, target: &str, body: &str) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    assert!(rest.claims(path), "{path}");
    let request = RestRequest {
        method: verb.parse().unwrap(),
        path: path.into(),
        query: query.into(),
        headers: Default::default(),
        body: body.to_owned().into(),
        peer: ([127, 0, 0, 1], 1).into(),
    };
    let response = rest.handle(request).await;
    let text = match response.body {
        RestBody::Full(bytes) => bytes.to_vec(),
        RestBody::Stream(mut pieces) => {
            let mut all = Vec::new();
            while let Some(piece) = pieces.recv().await {
                all.extend_from_slice(&piece.unwrap());
            }
            all
        }
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    Answer { status: response.status.as_u16(), content_type: response.content_type.into_owned(), text }
}

fn node() -> (Arc<MemoryNode>, Rest) {
    let node = MemoryNode::new();
    node.mine(105, HARNESS[0]);
    node.submit_tx(Arc::new(spend(&node, 1, 1000))).unwrap().unwrap();
    let shared: NodeRef = node.clone();
    (node, Rest::new(shared))
}

/// What a miner tells.
fn report(worker: &str, hashes: &str, address: &str) -> String {
    format!(
        "{{\"worker\":\"{worker}\",\"miner_address\":\"{address}\",\"hashes\":{hashes},\"hashes_per_second\":7,\
         \"accepted\":1,\"rejected\":0,\"uptime\":60}}"
    )
}

#[tokio::test]
async fn what_a_miner_tells_is_kept_and_bounded() {
    let (node, rest) = node();
    assert!(rest.controls("/mining_stats").is_some(), "not everybody may tell or see it");
    let told = report("rig.1", "18446744073709551615", HARNESS[0]);
    assert_eq!(ask(&rest, "POST", "/mining_stats", &told).await.text.trim_end(), "{\"noted\":true}");
    assert_eq!(node.miner_reports()[0].1.hashes, u64::MAX);
    let shown = ask(&rest, "GET", "/mining_stats", "").await.json();
    let shown = shown.field("miners").get_array().unwrap()[0].clone();
    assert_eq!(shown.field("worker").get_str().unwrap(), "rig.1");
    assert_eq!(shown.field("miner_address").get_str().unwrap(), HARNESS[0]);
    assert_eq!(shown.field("hashes").get_int::<u64>().unwrap(), u64::MAX);
    let long = "w".repeat(65);
    for (worker, hashes, address, code, part) in [
        ("", "1", HARNESS[0], "bad_report", "1 to 64"),
        (long.as_str(), "1", HARNESS[0], "bad_report", "1 to 64"),
        ("a b", "1", HARNESS[0], "bad_report", "letters"),
        ("rig", "-1", HARNESS[0], "bad_report", "hashes"),
        ("rig", "18446744073709551616", HARNESS[0], "bad_report", "hashes"),
        ("rig", "1", "alice", "bad_address", "'alice'"),
    ] {
        let refused = ask(&rest, "POST", "/mining_stats", &report(worker, hashes, address)).await.error();
        assert_eq!((refused.0, refused.1.as_str()), (400, code), "{}", refused.2);
        assert!(refused.2.contains(part), "{}", refused.2);
    }
    assert_eq!(node.miner_reports().len(), 1);
}

#[tokio::test]
async fn instances_of_a_worker_are_kept_apart_and_added_up() {
    let (node, rest) = node();
    assert!(rest.serves_local_miners("/submit_block") && rest.serves_local_miners("/mine_block"));
    assert!(!rest.serves_local_miners("/status"));
    let now = node.now();
    let with = |instance: &str| report("rig", "9", HARNESS[0]).replacen('{', &format!("{{{instance},"), 1);
    for body in [with("\"instance\":\"a\""), with("\"instance\":\"b\""), report("rig", "9", HARNESS[0])] {
        assert_eq!(ask(&rest, "POST", "/mining_stats", &body).await.status, 200, "{body}");
    }
    for bad in ["\"instance\":\"\"", "\"instance\":7", "\"instance\":\"a b\""] {
        assert_eq!(ask(&rest, "POST", "/mining_stats", &with(bad)).await.error().1, "bad_report", "{bad}");
    }
    node.set_mock_time(Some(now.max(7)));
    let shown = ask(&rest, "GET", "/mining_stats", "").await.json();
    let miners = shown.field("miners").get_array().unwrap();
    let instances: Vec<String> = miners.iter().map(|miner| miner.field("instance").to_string()).collect();
    assert_eq!(instances, ["\"a\"", "\"b\"", "null"]);
    assert!(miners.iter().all(|miner| miner.field("via").get_str().unwrap() == "rest"));
    let workers = |shown: &Json| shown.field("workers").get_array().unwrap()[0].to_string();
    // The double's reports are from the year 1970.
    let sum = format!(
        "{{\"worker\":\"rig\",\"miner_address\":\"{}\",\"instances\":3,\"hashes_per_second\":0,\"accepted\":3,\
         \"rejected\":0,\"blocks\":3}}",
        HARNESS[0]
    );
    assert_eq!(workers(&shown), sum);
    node.set_mock_time(Some(187));
    let shown = ask(&rest, "GET", "/mining_stats", "").await.json();
    assert_eq!(workers(&shown), sum.replace("second\":0", "second\":21"));
}

#[tokio::test]
async fn every_path_answers_with_what_is_documented() {
    let (node, rest) = node();
    let fresh = |height| hex::encode(&spend(&node, height, 500).to_bytes());
    let script = Address::parse(HARNESS[0], &node.params().addresses).unwrap().script_pubkey();
    let first = node.chain().at_height(1).unwrap();
    let coinbase = node.block(&first.hash).unwrap().unwrap().transactions[0].txid().to_string();
    for route in routes::all() {
        let target = route.path.replace("{address}", HARNESS[0]).replace("{hash}", &first.hash.to_string());
        let target = target.replace("{scripthash}", &hex::encode(&ScriptId::of(&script).0));
        let target =
            target.replace("{txid}", &coinbase).replace("{last}", &coinbase).replace("{height}", "7");
        let target = target
            .replace("{start}", "0")
            .replace("{index}", "0")
            .replace("{vout}", "0")
            .replace("{file}", "0.bin");
        let target = match route.path {
            "/api/v1/search" => format!("{target}?q={}", HARNESS[0]),
            "/blocks/range" => format!("{target}?start=0&end=3"),
            "/rest/chain/updates" => format!("{target}?known={}", node.chain().tip().hash),
            _ => target,
        };
        let body = match route.path {
            "/add_transaction" => format!("{{\"hex\": \"{}\"}}", fresh(2)),
            "/api/tx" => fresh(3),
            "/api/txs/package" => format!("[\"{}\"]", fresh(4)),
            "/mine_block" => format!("{{\"miner_address\": \"{}\"}}", HARNESS[1]),
            "/submit_block" => {
                let tip = node.chain().tip().hash;
                format!("{{\"block\": \"{}\"}}", hex::encode(&node.block_bytes(&tip).unwrap().unwrap()))
            }
            "/addpeer" => "{\"peer_url\": \"http://localhost:5001\"}".into(),
            "/mining_stats" => report("rig-1", "42", HARNESS[0]),
            _ => String::new(),
        };
        let answer = ask(&rest, route.verb.name(), &target, &body).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.text);
        match route.reply {
            Reply::Html => {
                assert_eq!(answer.content_type, "text/html; charset=utf-8");
                assert!(
                    answer.text.contains("<polyline") && answer.text.contains("regtest"),
                    "{}",
                    answer.text
                );
                assert!(
                    !answer.text.contains("http://") && !answer.text.contains("https://"),
                    "{}",
                    answer.text
                );
            }
            // Their bytes are looked at where they are tested.
            Reply::Bytes => assert_eq!(answer.content_type, "application/octet-stream"),
            Reply::AnyJson => assert!(answer.json().get_object().is_ok()),
            Reply::List(_) => assert!(answer.json().get_array().is_ok(), "{target}: {}", answer.text),
            Reply::Text(_) => assert_eq!(answer.content_type, "text/plain", "{target}"),
            Reply::Json(fields) => {
                let body = answer.json();
                let members: Vec<&str> =
                    body.get_object().unwrap().iter().map(|(name, _)| name.as_str()).collect();
                let there = |field: &&Field| !field.optional || members.contains(&field.name);
                let documented: Vec<&str> = fields.iter().filter(there).map(|field| field.name).collect();
                assert_eq!(members, documented, "{target}");
                let must = fields.iter().filter(|field| !field.optional);
                must.for_each(|field| assert!(!body.field(field.name).is_null(), "{target}: {}", field.name));
            }
        }
        let wrong = ask(&rest, "DELETE", &target, "").await;
        assert_eq!(wrong.status, 405, "{target}");
    }
}

#[tokio::test]
async fn there_is_work_by_rest_where_getblocktemplate_has_some_and_nowhere_else() {
    let refused = async |node: &Arc<MemoryNode>, address: &str| {
        let shared: NodeRef = node.clone();
        let body = format!("{{\"miner_address\": \"{address}\"}}");
        ask(&Rest::new(shared), "POST", "/mine_block", &body).await
    };
    let template = async |node: &Arc<MemoryNode>| {
        support::call(&support::registry(node), "getblocktemplate", "[{\"rules\": [\"segwit\"]}]").await
    };
    let main = MemoryNode::of(ChainParams::main());
    let address = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
    for (peers, downloading, rpc, code) in [(0, true, -9, "not_connected"), (1, true, -10, "initial_sync")] {
        main.seem(peers, downloading);
        let (number, message) = template(&main).await.unwrap_err();
        assert_eq!(number, rpc);
        assert_eq!(refused(&main, address).await.error(), (503, code.into(), message));
    }
    main.seem(1, false);
    assert!(template(&main).await.is_ok());
    assert_eq!(refused(&main, address).await.status, 200);
    // A test chain may begin with one node.
    let regtest = MemoryNode::new();
    regtest.seem(0, true);
    assert_eq!(refused(&regtest, HARNESS[0]).await.status, 200);
    // A block of a signet needs a signature, whatever else.
    let signet = MemoryNode::of(ChainParams::signet());
    let (status, code, message) = refused(&signet, HARNESS[0]).await.error();
    assert_eq!((status, code.as_str()), (400, "signet"));
    assert!(message.contains("signature") && message.contains("getblocktemplate"), "{message}");
    // No valid block can be made.
    regtest.refuse_templates("TestBlockValidity failed: time-too-new, x");
    let (number, message) = template(&regtest).await.unwrap_err();
    assert_eq!((number, message.as_str()), (-1, "TestBlockValidity failed: time-too-new, x"));
    assert_eq!(refused(&regtest, HARNESS[0]).await.error(), (503, "no_template".into(), message.clone()));
    let registry = support::registry(&regtest);
    let params = format!("[1, \"{}\"]", HARNESS[0]);
    assert_eq!(support::call(&registry, "generatetoaddress", &params).await.unwrap_err(), (-1, message));
}

#[tokio::test]
async fn a_block_is_mined_with_the_template() {
    let (node, rest) = node();
    let work =
        ask(&rest, "POST", "/mine_block", &format!("{{\"miner_address\": \"{}\"}}", HARNESS[2])).await.json();
    let text = |name: &str| work.field(name).get_str().unwrap().to_owned();
    let header = hex::decode(&text("header")).unwrap();
    let mut header = Header::decode_exact(&header).unwrap();
    assert_eq!(work.field("nonce_offset").get_int::<usize>().unwrap(), 76);
    assert_eq!(work.field("transactions").get_array().unwrap().len(), 1);
    assert_eq!(work.field("fees").get_int::<i64>().unwrap(), 1000);
    assert_eq!(text("reward_coins"), "50.00001000");
    header.time += 1;
    while hex::encode(&reversed(header.hash().0)) > text("target") {
        header.nonce += 1;
    }
    assert!(pow::check_proof_of_work(&header.hash(), header.bits, node.params().pow_limit));
    let id = text("template_id");
    let found =
        format!("{{\"template_id\": \"{id}\", \"nonce\": {}, \"time\": {}}}", header.nonce, header.time);
    let done = ask(&rest, "POST", "/submit_block", &found).await;
    assert_eq!(
        done.text.trim_end(),
        format!(
            "{{\"accepted\":true,\"status\":\"accepted\",\"hash\":\"{}\",\"height\":106,\"blockchain_length\":107}}",
            header.hash()
        )
    );
    let again = ask(&rest, "POST", "/submit_block", &found).await.json();
    assert_eq!(again.field("status").get_str().unwrap(), "duplicate");
    let as_header =
        format!("{{\"template_id\": \"{id}\", \"header\": \"{}\"}}", hex::encode(&header.to_array()));
    assert_eq!(ask(&rest, "POST", "/submit_block", &as_header).await.status, 200);
    header.bits = 0x0300_0001;
    let weak = format!("{{\"template_id\": \"{id}\", \"header\": \"{}\"}}", hex::encode(&header.to_array()));
    let (status, code, message) = ask(&rest, "POST", "/submit_block", &weak).await.error();
    assert_eq!((status, code.as_str()), (400, "high-hash"));
    assert!(message.contains("proof of work failed"), "{message}");
    assert_eq!(node.mempool_txids().len(), 0);
}

fn reversed(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes.reverse();
    bytes
}

#[tokio::test]
async fn transactions_come_in_every_documented_shape() {
    let (node, rest) = node();
    let hex_of = |height| hex::encode(&spend(&node, height, 700).to_bytes());
    let send = async |body: String| ask(&rest, "POST", "/add_transaction", &body).await;
    let plain = send(hex_of(2)).await.json();
    assert_eq!(plain.field("status").get_str().unwrap(), "accepted");
    assert_eq!(plain.field("fee").get_int::<i64>().unwrap(), 700);
    assert_eq!(plain.field("fee_coins").get_str().unwrap(), "0.00000700");
    assert_eq!(send(format!("\"{}\"", hex_of(2))).await.json().field("status").get_str().unwrap(), "known");
    assert_eq!(send(format!("{{\"tx_hex\": \"{}\"}}", hex_of(3))).await.status, 200);
    assert_eq!(send(format!("{{\"transaction\": \"{}\"}}", hex_of(4))).await.status, 200);
    // Our own shape, in satoshis.
    let tx = spend(&node, 5, 700);
    let input = &tx.inputs[0];
    let own = format!(
        "{{\"version\": 2, \"locktime\": 0, \"inputs\": [{{\"txid\": \"{}\", \"vout\": 0, \"script_sig\": \"51\", \
         \"witness\": [\"070707\"], \"sequence\": 4294967293}}], \"outputs\": [{{\"value\": {}, \"address\": \"{}\"}}]}}",
        input.previous_output.txid,
        tx.outputs[0].value.sat(),
        HARNESS[1]
    );
    assert_eq!(send(own).await.json().field("txid").get_str().unwrap(), tx.txid().to_string());
    // What decoderawtransaction shows, in coins.
    let tx = Arc::new(spend(&node, 6, 700));
    let registry = support::registry(&node);
    let params = format!("[\"{}\"]", hex::encode(&tx.to_bytes()));
    let shown = support::call(&registry, "decoderawtransaction", &params).await.unwrap();
    let accepted = send(format!("{{\"transaction\": {shown}}}")).await.json();
    assert_eq!(accepted.field("wtxid").get_str().unwrap(), tx.wtxid().to_string());
    let pool = ask(&rest, "GET", "/transaction_pool?limit=2", "").await.json();
    assert_eq!(pool.field("count").get_int::<u64>().unwrap(), 6);
    assert_eq!(pool.field("next").get_int::<u64>().unwrap(), 2);
}

#[tokio::test]
async fn blocks_are_paged() {
    let (_node, rest) = node();
    let page = ask(&rest, "GET", "/blockchain?start=100&limit=4", "").await.json();
    assert_eq!(page.field("length").get_int::<u32>().unwrap(), 106);
    assert_eq!(page.field("next").get_int::<u32>().unwrap(), 104);
    let heights: Vec<u32> = page
        .field("chain")
        .get_array()
        .unwrap()
        .iter()
        .map(|block| block.field("height").get_int().unwrap())
        .collect();
    assert_eq!(heights, [100, 101, 102, 103]);
    let last = ask(&rest, "GET", "/blockchain?start=104", "").await.json();
    assert!(last.field("next").is_null());
    assert_eq!(last.field("chain").get_array().unwrap().len(), 2);
    assert_eq!(
        ask(&rest, "GET", "/blockchain?start=500", "").await.json().field("count").get_int::<u32>().unwrap(),
        0
    );
    let whole = ask(&rest, "GET", "/blockchain", "").await.json();
    assert_eq!(whole.field("chain").get_array().unwrap().len(), 106);
    let range = ask(&rest, "GET", "/blocks/range?start=105&end=400", "").await.json();
    assert_eq!(range.field("end").get_int::<u32>().unwrap(), 105);
    assert_eq!(range.field("blocks").get_array().unwrap().len(), 1);
}

#[tokio::test]
async fn pages_behind_the_last_are_empty() {
    let (_node, rest) = node();
    let (skip, limit) = (usize::MAX, 10_000);
    for (path, list) in
        [("/utxos/", "utxos"), ("/history/", "transactions"), ("/transaction_pool", "transactions")]
    {
        let address = if path.ends_with('/') { HARNESS[1] } else { "" };
        let page = ask(&rest, "GET", &format!("{path}{address}?skip={skip}&limit={limit}"), "").await.json();
        assert_eq!(page.field(list).get_array().unwrap().len(), 0, "{path}");
        assert!(page.field("next").is_null(), "{path}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let (_node, rest) = node();
    let cases = [
        ("GET", "/balance/test", "", 400, "bad_address", "'test' is not an address of the chain 'regtest'"),
        ("GET", "/blocks/range?start=0&end=1000", "", 400, "range_too_large", "at most 1000"),
        ("GET", "/blocks/range?start=5&end=4", "", 400, "bad_range", "start 5 is above end 4"),
        ("GET", "/blocks/range?start=x&end=4", "", 400, "bad_parameter", "'x'"),
        ("GET", "/blocks/range?end=4", "", 400, "bad_parameter", "start is missing"),
        ("GET", "/blocks/range?start=900&end=901", "", 404, "not_found", "900"),
        ("GET", "/blockchain?limit=-1", "", 400, "bad_parameter", "'-1'"),
        ("GET", "/transaction_pool?limit=10001", "", 400, "bad_parameter", "10001"),
        ("POST", "/mine_block", "{\"miner_address\": \"test\"}", 400, "bad_address", "'test'"),
        ("POST", "/mine_block", "{}", 400, "bad_body", "miner_address"),
        ("POST", "/mine_block", "{", 400, "bad_body", "not JSON"),
        ("POST", "/add_transaction", "zz", 400, "bad_transaction", "'zz'"),
        ("POST", "/add_transaction", "{}", 400, "bad_transaction", "no inputs"),
        (
            "POST",
            "/add_transaction",
            "{\"inputs\": [], \"outputs\": [{\"value\": 0.5}]}",
            400,
            "bad_transaction",
            "0.5",
        ),
        (
            "POST",
            "/add_transaction",
            "{\"inputs\": [{\"txid\": \"ab\"}], \"outputs\": []}",
            400,
            "bad_transaction",
            "\"ab\"",
        ),
        ("POST", "/submit_block", "zz", 400, "bad_block", "not hexadecimal"),
        (
            "POST",
            "/submit_block",
            "{\"template_id\": \"ab\", \"nonce\": 1}",
            404,
            "unknown_template",
            "\"ab\"",
        ),
        ("POST", "/addpeer", "{\"peer_url\": \"localhost\"}", 400, "bad_peer_url", "'localhost'"),
        ("POST", "/addpeer", "{\"peer_url\": 5}", 400, "bad_body", "peer_url"),
        ("POST", "/addpeer", "{\"peer_url\": \"http://self:1\"}", 409, "unfit_peer", "'http://self:1'"),
        ("POST", "/addpeer", "{\"peer_url\": \"http://nobody:1\"}", 502, "unreachable", "'http://nobody:1'"),
        ("POST", "/addpeer", "{\"peer_url\": \"http://off:1\"}", 503, "p2p_unavailable", "'http://off:1'"),
        ("GET", "/rest/chain/updates?known=ab", "", 400, "bad_parameter", "'ab'"),
        ("GET", "/rest/chain/updates?known=,", "", 400, "bad_parameter", "''"),
        ("GET", "/rest/chain/updates?limit=0", "", 400, "bad_parameter", "not 0"),
        ("GET", "/rest/chain/updates?limit=2001", "", 400, "bad_parameter", "not 2001"),
        ("GET", "/rest/chain", "", 404, "not_found", "/rest/chain"),
        ("POST", "/status", "", 405, "method_not_allowed", "GET"),
        ("GET", "/balance/", "", 404, "not_found", "/balance/"),
        ("GET", "/balance/a/b", "", 404, "not_found", "/balance/a/b"),
        ("POST", "/submit_block", "{}", 400, "bad_block", "template_id"),
    ];
    for (verb, target, body, status, code, part) in cases {
        let (found_status, found_code, message) = ask(&rest, verb, target, body).await.error();
        assert_eq!((found_status, found_code.as_str()), (status, code), "{verb} {target} {body}: {message}");
        assert!(message.contains(part), "{verb} {target}: {message}");
    }
    assert!(
        !rest.claims("/nothing") && rest.claims("/balance/a/b"),
        "only paths below the known ones are claimed"
    );
}

#[tokio::test]
async fn peers_are_listed_and_shared() {
    let (_, rest) = node();
    let peers = ask(&rest, "GET", "/peers", "").await.json();
    assert_eq!(peers.field("count").get_int::<i64>().unwrap(), 2);
    assert_eq!(peers.field("active_peers").get_int::<i64>().unwrap(), 1);
    let [called, caller] = peers.field("peers").get_array().unwrap() else { panic!("two peers") };
    assert_eq!(called.field("node_id").get_str().unwrap(), "core1");
    assert_eq!(called.field("direction").get_str().unwrap(), "outbound");
    assert!(caller.field("node_id").is_null() && caller.field("last_seen").is_null());

    let shared = ask(&rest, "GET", "/getpeers", "").await.json();
    let addresses = shared.field("peers").get_array().unwrap();
    assert_eq!(addresses.len(), 1, "whoever called cannot be called at that port");
    assert_eq!(addresses[0].get_str().unwrap(), "127.0.0.1:8001");
    let connections = shared.field("connections").get_array().unwrap();
    assert_eq!(connections[0].field("local_address").get_str().unwrap(), "127.0.0.1:50000");

    let stats = ask(&rest, "GET", "/stats", "").await.json();
    assert_eq!(stats.field("peers").field("by_kind").field("manual").get_int::<i64>().unwrap(), 1);
    assert_eq!(stats.field("network").field("best_peer_height").get_int::<i64>().unwrap(), 9);
    let status = ask(&rest, "GET", "/status", "").await.json();
    assert_eq!(status.field("active_peers").get_int::<i64>().unwrap(), 1);
    assert_eq!(status.field("p2p_port").get_int::<i64>().unwrap(), 8000);

    let found = ask(&rest, "POST", "/discover_peers", "").await.json();
    assert_eq!(found.field("discovered").get_int::<i64>().unwrap(), 1);
    assert!(found.field("message").get_str().unwrap().contains("5000 to 5100"));
}

#[tokio::test]
async fn only_what_makes_the_node_call_somebody_or_tells_of_miners_is_a_control() {
    let (_, rest) = node();
    let controls: Vec<&str> =
        routes::all().map(|route| route.path).filter(|path| rest.controls(path).is_some()).collect();
    let told = |path: &&str| controls.iter().filter(|control| *control == path).count();
    assert_eq!(controls.len(), 4, "{controls:?}");
    assert_eq!(["/discover_peers", "/addpeer", "/mining_stats"].map(|path| told(&path)), [1, 1, 2]);
}
