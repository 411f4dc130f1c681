//! The light worker's face, without a node: requests as a page writes them.

use super::*;
use crate::ledger::world::WORDS;
use crate::service::SignerService;

/// Calls a method that must succeed.
fn ok(service: &mut LightService, method: &str, params: Value) -> Value {
    let answer: Value =
        serde_json::from_str(&service.call(&json!({"method": method, "params": params}).to_string()))
            .unwrap();
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].clone()
}

/// Calls a method that must fail: the code.
fn fails(service: &mut LightService, method: &str, params: Value) -> String {
    let answer: Value =
        serde_json::from_str(&service.call(&json!({"method": method, "params": params}).to_string()))
            .unwrap();
    answer["error"]["code"].as_str().unwrap_or_else(|| panic!("{method}: {answer}")).to_string()
}

/// The accounts of a signer on regtest.
fn accounts() -> Vec<Value> {
    let mut signer = SignerService::with_kdf(keystore::Params::LEAST);
    let create = json!({"method": "create", "params": {
        "chain": "regtest", "mnemonic": WORDS, "password": "x", "name": "a",
    }});
    let answer: Value = serde_json::from_str(&signer.call(&create.to_string())).unwrap();
    answer["result"]["accounts"].as_array().unwrap().clone()
}

fn open() -> LightService {
    let mut service = LightService::new();
    ok(&mut service, "open", json!({"chain": {"name": "regtest"}}));
    for account in accounts() {
        ok(&mut service, "add_account", account);
    }
    service
}

#[test]
fn a_wallet_is_opened_filled_kept_and_opened_again() {
    let mut service = LightService::new();
    assert_eq!(fails(&mut service, "summary", json!({})), "not_open");
    assert_eq!(fails(&mut service, "nonsense", json!({})), "unknown_method");
    let key = "11".repeat(32);
    let opening = json!({"chain": {"name": "regtest"}, "state_key": key, "wallet_id": "w"});
    assert_eq!(ok(&mut service, "open", opening)["new"], true);
    for account in accounts() {
        ok(&mut service, "add_account", account.clone());
        assert_eq!(fails(&mut service, "add_account", account), "account_exists");
    }
    let address = ok(&mut service, "receive", json!({"account": "taproot"}));
    assert!(address["address"].as_str().unwrap().starts_with("bcrt1p"), "{address}");
    assert_eq!(address["path"], "m/86'/1'/0'/0/0");
    ok(&mut service, "label", json!({"kind": "addr", "ref": address["address"], "label": "Ann & Bob"}));
    let nodes = json!({"mode": "filters", "nodes": ["http://a", "http://b"], "birthday": 7, "gap": 5});
    assert_eq!(ok(&mut service, "configure", nodes.clone())["gap"], 5);
    let state = ok(&mut service, "save", json!({}))["state"].clone();
    assert!(!state.as_str().unwrap().contains("regtest"), "it is sealed");
    let mut again = LightService::new();
    let reopen = |id: &str, key: &str, chain: &str| json!({"chain": {"name": chain}, "state_key": key, "wallet_id": id, "state": state});
    let accounts = ok(&mut again, "open", reopen("w", &key, "regtest"))["accounts"].clone();
    assert_eq!(accounts.as_array().unwrap().len(), 2);
    let uri = ok(&mut again, "receive", json!({"account": "taproot"}))["uri"].clone();
    assert!(uri.as_str().unwrap().ends_with("?label=Ann%20%26%20Bob"), "{uri}");
    assert_eq!(ok(&mut again, "configure", json!({})), nodes_with_defaults(&nodes));
    assert_eq!(fails(&mut again, "open", reopen("other", &key, "regtest")), "wrong_password");
    assert_eq!(fails(&mut again, "open", reopen("w", &"22".repeat(32), "regtest")), "wrong_password");
    assert_eq!(fails(&mut again, "open", reopen("w", &key, "main")), "wrong_chain");
    assert_eq!(fails(&mut again, "open", reopen("w", "zz", "main")), "bad_params");
}

fn nodes_with_defaults(nodes: &Value) -> Value {
    json!({"mode": nodes["mode"], "gap": 5, "birthday": 7, "nodes": nodes["nodes"]})
}

#[test]
fn what_to_fetch_is_said_and_bad_answers_are_survived() {
    let mut service = open();
    let poll = ok(&mut service, "poll", json!({"now": 1_800_000_000}));
    let fetch = poll["fetch"].as_array().unwrap();
    assert_eq!((&fetch[0]["path"], &fetch[0]["method"]), (&json!("/light/chain"), &json!("GET")));
    let id = fetch[0]["id"].as_u64().unwrap();
    service.give(id, 0, b"connection refused".to_vec());
    service.give(id, 200, b"nobody asked twice".to_vec());
    service.give(999, 200, Vec::new());
    let poll = ok(&mut service, "poll", json!({"now": 1_800_000_001}));
    assert_eq!(poll["faults"][0]["kind"], "unreachable");
    assert_eq!(poll["progress"]["synced"], false);
    assert_eq!(ok(&mut service, "summary", json!({}))["balance"]["total"], 0);
}

#[test]
fn payments_without_money_and_addresses_that_are_wrong() {
    let mut service = open();
    let own = ok(&mut service, "receive", json!({}))["address"].clone();
    let pay = |address: &Value, amount: Value, feerate: Value| json!({"to": [{"address": address, "amount": amount}], "feerate": feerate});
    assert_eq!(fails(&mut service, "create", pay(&own, json!(1000), json!("1.5"))), "not_enough_money");
    assert_eq!(fails(&mut service, "create", pay(&own, json!("all"), json!(2))), "not_enough_money");
    assert_eq!(fails(&mut service, "create", pay(&own, json!(10), json!(2))), "dust");
    assert_eq!(fails(&mut service, "create", pay(&own, json!(1.5), json!(2))), "bad_amount");
    assert_eq!(fails(&mut service, "create", pay(&own, json!(-5), json!(2))), "bad_amount");
    assert_eq!(fails(&mut service, "create", pay(&own, json!(1000), json!("1.2345"))), "bad_feerate");
    assert_eq!(fails(&mut service, "create", pay(&own, json!(1000), json!(0))), "bad_feerate");
    let main = json!("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4");
    assert_eq!(fails(&mut service, "create", pay(&main, json!(1000), json!(2))), "bad_address");
    assert_eq!(ok(&mut service, "check_address", json!({"address": main}))["valid"], false);
    let check = ok(&mut service, "check_address", json!({"address": own}));
    assert_eq!((&check["mine"], &check["warning"]["code"]), (&json!(true), &json!("own")));
    let txid = "00".repeat(32);
    assert_eq!(fails(&mut service, "speed_up", json!({"txid": txid, "feerate": 5})), "not_replaceable");
    assert_eq!(fails(&mut service, "cancel", json!({"txid": "x"})), "bad_params");
    assert_eq!(fails(&mut service, "broadcast", json!({"tx": "00"})), "bad_transaction");
    let outpoint = format!("{txid}:0");
    assert_eq!(fails(&mut service, "freeze", json!({"outpoint": outpoint, "frozen": true})), "no_such_coin");
    let labels = format!("{{\"type\":\"output\",\"ref\":\"{outpoint}\",\"spendable\":false}}\n");
    assert_eq!(ok(&mut service, "labels_import", json!({"jsonl": labels}))["count"], 1);
    let exported = ok(&mut service, "labels_export", json!({}))["jsonl"].clone();
    assert_eq!(exported.as_str().unwrap().lines().count(), 1);
}

#[test]
fn addresses_that_look_alike_are_pointed_out() {
    let mut service = open();
    let known = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
    ok(&mut service, "label", json!({"kind": "addr", "ref": known, "label": "Bob"}));
    let check = |service: &mut LightService, address: &str| {
        ok(service, "check_address", json!({"address": address}))["warning"]["code"].clone()
    };
    assert_eq!(check(&mut service, known), Value::Null);
    assert!(super::names::looks_like(known, "bcrt1qw508xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxt080"));
    assert!(!super::names::looks_like(known, "bcrt1qw508xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxt081"));
    assert!(!super::names::looks_like(known, "bcrt1qx508xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxt080"));
    assert!(super::names::looks_like(
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "1A1zPxxxxxxxxxxxxxxxxxxxxxxxxDivfNa"
    ));
}

#[test]
fn watched_accounts_and_uris() {
    let mut service = LightService::new();
    ok(&mut service, "open", json!({"chain": "regtest"}));
    let keys = accounts().remove(0);
    let watch = json!({"name": "cold", "descriptor": keys["xpub"]});
    ok(&mut service, "watch", watch.clone());
    assert_eq!(fails(&mut service, "watch", watch), "account_exists");
    let descriptors = ok(&mut service, "descriptors", json!({}));
    assert_eq!(descriptors[0]["held"], false);
    let address = ok(&mut service, "receive", json!({"account": "cold", "next": true}))["address"].clone();
    let uri =
        ok(&mut service, "make_uri", json!({"address": address, "amount": 5, "label": "x"}))["uri"].clone();
    let read = ok(&mut service, "parse_uri", json!({"text": uri}));
    assert_eq!((&read["address"], &read["amount"], &read["label"]), (&address, &json!(5), &json!("x")));
    assert_eq!(fails(&mut service, "parse_uri", json!({"text": "http://x"})), "bad_uri");
    ok(&mut service, "rename_account", json!({"account": "cold", "name": "colder"}));
    assert_eq!(fails(&mut service, "receive", json!({"account": "cold"})), "no_such_account");
}
