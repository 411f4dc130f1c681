//! The signer's JSON face.

use crate::coins::*;
use bitcoin::ScriptBuf;
use chaincore_wallet::keys::AccountKind;
use chaincore_wallet::keystore::Params;
use chaincore_wallet::psbt::to_base64;
use chaincore_wallet::service::SignerService;
use serde_json::{Value, json};

fn service() -> SignerService {
    SignerService::with_kdf(Params::LEAST)
}

fn ask(service: &mut SignerService, method: &str, params: Value) -> Result<Value, String> {
    let answer: Value =
        serde_json::from_str(&service.call(&json!({"method": method, "params": params}).to_string()))
            .unwrap();
    match answer.get("error") {
        Some(error) => Err(error["code"].as_str().unwrap().to_string()),
        None => Ok(answer["result"].clone()),
    }
}

#[test]
fn from_words_to_a_signed_transaction() {
    let mut service = service();
    let words = ask(&mut service, "generate", json!({"words": 24})).unwrap()["mnemonic"]
        .as_str()
        .unwrap()
        .to_string();
    assert_eq!(ask(&mut service, "check", json!({"mnemonic": words})).unwrap(), json!({"valid": true}));
    let created = ask(
        &mut service,
        "create",
        json!({"chain": "regtest", "mnemonic": WORDS, "password": "a password", "name": "Alice", "birthday": 1_700_000_000}),
    )
    .unwrap();
    let accounts = created["accounts"].as_array().unwrap();
    assert_eq!(accounts.iter().map(|account| &account["kind"]).collect::<Vec<_>>(), ["segwit", "taproot"]);
    let sealed = created["vault"].clone();
    assert!(!sealed.to_string().contains("abandon"));

    // Locked, it does nothing with keys.
    ask(&mut service, "lock", json!({})).unwrap();
    for (method, params) in [
        ("account", json!({"kind": "legacy", "index": 0})),
        ("review", json!({"psbt": "cHNidA=="})),
        ("show_words", json!({"password": "a password"})),
        ("change_password", json!({"old": "a password", "new": "b"})),
    ] {
        let code = ask(&mut service, method, params).unwrap_err();
        assert!(code == "locked" || code == "bad_psbt", "{method}: {code}");
    }
    assert_eq!(
        ask(&mut service, "unlock", json!({"vault": sealed, "password": "wrong"})).unwrap_err(),
        "wrong_password"
    );
    let unlocked = ask(&mut service, "unlock", json!({"vault": sealed, "password": "a password"})).unwrap();
    for field in ["wallet_id", "state_key", "name", "birthday", "chain", "accounts", "fingerprint"] {
        assert_eq!(unlocked[field], created[field], "{field}");
    }
    assert_eq!(unlocked["chain"], json!({"name": "regtest"}));

    // Sign.
    let signer = signer(chain("regtest"));
    let draft = draft(
        &signer,
        &[(place(AccountKind::Taproot, 0), 100_000)],
        vec![
            pay(ScriptBuf::new_op_return([1]), 0),
            pay(place(AccountKind::Segwit, 0).script(&other_signer(chain("regtest"))), 98_000),
        ],
    );
    let psbt = json!({"psbt": to_base64(&draft.psbt)});
    let review = ask(&mut service, "review", psbt.clone()).unwrap();
    assert_eq!((review["fee"].as_u64(), review["net"].as_i64()), (Some(2_000), Some(100_000)));
    assert_eq!(review["outputs"][0]["kind"], "data");
    assert_eq!(review["inputs"][0]["path"], "m/86'/1'/0'/0/0");
    let signed = ask(&mut service, "sign", psbt).unwrap();
    let tx: bitcoin::Transaction =
        bitcoin::consensus::encode::deserialize_hex(signed["tx"].as_str().unwrap()).unwrap();
    accepted(&tx, &draft.spent).unwrap();
    assert_eq!(signed["txid"], tx.compute_txid().to_string());
    let done = ask(&mut service, "finalise", json!({"psbt": signed["psbt"]})).unwrap();
    assert_eq!((&done["complete"], &done["tx"]), (&json!(true), &signed["tx"]));
    let combined =
        ask(&mut service, "combine", json!({"psbts": [signed["psbt"], to_base64(&draft.psbt)]})).unwrap();
    assert_eq!(ask(&mut service, "finalise", combined).unwrap()["tx"], signed["tx"]);

    // Messages.
    let own = ask(&mut service, "address_at", json!({"kind": "segwit", "index": 3})).unwrap();
    for format in ["bip322", "legacy"] {
        let signed = ask(
            &mut service,
            "sign_message",
            json!({"address": own["address"], "message": "hi", "format": format}),
        )
        .unwrap();
        assert_eq!(signed["path"], own["path"]);
        let verdict = ask(&mut service, "verify_message", json!({"chain": "regtest", "address": own["address"], "message": "hi", "signature": signed["signature"]})).unwrap();
        assert_eq!(verdict["valid"], true, "{format}");
    }
    let mismatch = json!({"address": own["address"], "path": "m/84h/1h/0h/0/4", "message": "hi"});
    assert_eq!(ask(&mut service, "sign_message", mismatch).unwrap_err(), "not_mine");

    // Words only for the password; a new password opens, the old one no more.
    assert_eq!(ask(&mut service, "show_words", json!({"password": "no"})).unwrap_err(), "wrong_password");
    assert_eq!(
        ask(&mut service, "show_words", json!({"password": "a password"})).unwrap()["mnemonic"],
        WORDS
    );
    assert_eq!(
        ask(&mut service, "change_password", json!({"old": "no", "new": "b"})).unwrap_err(),
        "wrong_password"
    );
    let renewed = ask(&mut service, "change_password", json!({"old": "a password", "new": "another"}))
        .unwrap()["vault"]
        .clone();
    assert_eq!(
        ask(&mut service, "unlock", json!({"vault": renewed, "password": "a password"})).unwrap_err(),
        "wrong_password"
    );
    let again = ask(&mut service, "unlock", json!({"vault": renewed, "password": "another"})).unwrap();
    assert_eq!((&again["wallet_id"], &again["state_key"]), (&created["wallet_id"], &created["state_key"]));
}

#[test]
fn requests_that_are_wrong() {
    let mut service = service();
    for (request, code) in [
        ("", "bad_request"),
        ("[]", "bad_request"),
        ("{\"params\":{}}", "bad_request"),
        ("{\"method\":\"fly\"}", "unknown_method"),
        ("{\"method\":\"generate\"}", "bad_params"),
        ("{\"method\":\"generate\",\"params\":{\"words\":13}}", "bad_params"),
        ("{\"method\":\"account\",\"params\":{\"kind\":\"wrapped\",\"index\":0}}", "bad_params"),
        (
            "{\"method\":\"create\",\"params\":{\"chain\":\"moon\",\"mnemonic\":\"x\",\"password\":\"p\"}}",
            "unknown_chain",
        ),
        (
            "{\"method\":\"create\",\"params\":{\"chain\":{\"file\":\"x = [\"},\"mnemonic\":\"x\",\"password\":\"p\"}}",
            "bad_chain_file",
        ),
        (
            "{\"method\":\"create\",\"params\":{\"chain\":\"main\",\"mnemonic\":\"x\",\"password\":\"p\"}}",
            "unknown_words",
        ),
        ("{\"method\":\"describe\",\"params\":{\"chain\":\"main\",\"text\":\"xpub\"}}", "bad_extended_key"),
        ("{\"method\":\"address\",\"params\":{\"chain\":\"main\",\"address\":\"xpub\"}}", "bad_address"),
        ("{\"method\":\"finalise\",\"params\":{\"psbt\":\"xpub\"}}", "bad_psbt"),
    ] {
        let answer: Value = serde_json::from_str(&service.call(request)).unwrap();
        assert_eq!(answer["error"]["code"], code, "{request}: {answer}");
        assert!(answer["error"]["message"].as_str().is_some_and(|message| message.len() > 10), "{answer}");
    }
    // A secret of the wrong type is not repeated.
    let answer = service.call("{\"method\":\"check\",\"params\":{\"mnemonic\":{\"secret word\":1}}}");
    assert!(answer.contains("bad_params") && !answer.contains("secret"), "{answer}");
    let answer = service.call("{\"method\":\"account\",\"params\":{\"kind\":\"secret word\",\"index\":0}}");
    assert!(answer.contains("bad_params") && !answer.contains("secret"), "{answer}");
}

#[test]
fn a_passphrase_makes_another_wallet() {
    let mut service = service();
    let mut create = |passphrase: &str| {
        let params =
            json!({"chain": {"name": "main"}, "mnemonic": WORDS, "passphrase": passphrase, "password": "p"});
        ask(&mut service, "create", params).unwrap()["accounts"][0]["receive"].clone()
    };
    assert_ne!(create(""), create("extra"));
    // Letters that look the same are the same, however they were typed (NFKD).
    assert_eq!(create("caf\u{e9}"), create("cafe\u{301}"));
    assert_eq!(
        ask(&mut service, "xpub", json!({"path": "m/84h/0h"})).unwrap()["origin"]
            .as_str()
            .unwrap()
            .split_once('/')
            .unwrap()
            .1,
        "84'/0']"
    );
    assert_eq!(ask(&mut service, "xpub", json!({"path": "m/x"})).unwrap_err(), "bad_path");
}
