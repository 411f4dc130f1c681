//! `chaincore-wallet` beside Bitcoin Core: a `bitcoind` follows the same chain and judges the wallet's descriptors,
//! addresses, PSBTs, transactions and messages. Runs where `CHAINCORE_TEST_BITCOIND` names a `bitcoind`.

use chaincore_tests::{Core, TestNode, binary};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};

/// An address of nobody's on regtest.
const STRANGER: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const KINDS: [&str; 4] = ["legacy", "nested", "segwit", "taproot"];

/// That Core would take a transaction: its size.
fn accepts(core: &Core, tx: &Value) -> u64 {
    let verdict = core.rpc("testmempoolaccept", json!([[tx]]))[0].clone();
    assert_eq!(verdict["allowed"], true, "{verdict}");
    verdict["vsize"].as_u64().expect("a size")
}

/// A wallet without a password, which knows its node.
struct Wallet<'a> {
    file: &'a Path,
}

impl Wallet<'_> {
    fn ok(&self, args: &[&str]) -> Value {
        let mut command = Command::new(binary("chaincore-wallet"));
        command.env_clear().stdin(Stdio::null()).args(args);
        command.args(["--json", "--wallet"]).arg(self.file);
        let output = command.output().expect("chaincore-wallet can be run");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{args:?}: {err}\n{out}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{args:?}: {error}: {out}"))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Has a PSBT of this wallet decoded, signed here, finished by both, and judged by Core.
fn judge(core: &Core, wallet: &Wallet<'_>, made: &Value, inputs: usize) {
    let decoded = core.rpc("decodepsbt", json!([made["psbt"]]));
    assert_eq!(decoded["tx"]["txid"], made["txid"]);
    let coins = decoded["fee"].as_f64().expect("Core knows what is spent, so all of it is in the PSBT");
    assert_eq!((coins * 1e8).round() as u64, made["fee"].as_u64().expect("a fee"));
    let parts = decoded["inputs"].as_array().expect("inputs");
    assert_eq!(parts.len(), inputs);
    for part in parts {
        let derived = part.get("bip32_derivs").or(part.get("taproot_bip32_derivs"));
        assert_eq!(
            derived.and_then(Value::as_array).map(Vec::len),
            Some(1),
            "the key's path is said: {part}"
        );
    }
    let analysis = core.rpc("analyzepsbt", json!([made["psbt"]]));
    for (part, found) in parts.iter().zip(analysis["inputs"].as_array().expect("inputs")) {
        // Of taproot inputs Core does not count the missing signatures, and never says so.
        let next = if part["taproot_bip32_derivs"].is_null() { "signer" } else { "updater" };
        assert_eq!((&found["has_utxo"], &found["next"]), (&json!(true), &json!(next)), "{analysis}");
    }
    let signed = wallet.ok(&["psbt", "sign", text(&made["psbt"])]);
    assert_eq!(signed["signatures"], inputs);
    let finished = core.rpc("finalizepsbt", json!([signed["psbt"]]));
    assert_eq!(finished["complete"], true, "{finished}");
    let ours = wallet.ok(&["psbt", "finalise", text(&signed["psbt"])]);
    assert_eq!(finished["hex"], ours["tx"], "both make the same transaction of it");
    let combined = core.rpc("combinepsbt", json!([[made["psbt"], signed["psbt"]]]));
    assert_eq!(core.rpc("finalizepsbt", json!([combined]))["hex"], ours["tx"]);
    let both = wallet.ok(&["psbt", "combine", text(&made["psbt"]), text(&signed["psbt"])]);
    assert_eq!(core.rpc("finalizepsbt", json!([both["psbt"]]))["hex"], ours["tx"]);
    let vsize = accepts(core, &ours["tx"]);
    let promised = made["vsize"].as_u64().expect("a size");
    assert!(vsize <= promised && promised <= vsize + inputs as u64, "{vsize} of {promised} vB");
}

#[test]
fn bitcoin_core_agrees_with_the_wallet() {
    let Some(core) = Core::start("regtest", &["-txindex"]) else { return };
    let call = format!("-connect={}", core.p2p_address());
    let node = TestNode::start(&["-regtest", "-txindex", "-bind=127.0.0.1", "-listen=1", &call]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.json");
    let wallet = Wallet { file: &file };
    wallet.ok(&["create", "--no-encryption", "--node", node.url()]);
    for kind in ["legacy", "nested"] {
        wallet.ok(&["account", "add", "--kind", kind]);
    }

    // Descriptors, their checksums, and the addresses that they stand for.
    let accounts = wallet.ok(&["descriptors"]);
    let accounts = accounts.as_array().expect("accounts");
    let mut descriptors = Vec::new();
    for kind in KINDS {
        let account =
            accounts.iter().find(|account| account["kind"] == kind).expect("an account of the kind");
        for chain in ["receive", "change"] {
            let descriptor = text(&account[chain]);
            let about = core.rpc("getdescriptorinfo", json!([descriptor]));
            assert_eq!(about["checksum"], descriptor.rsplit('#').next().expect("a checksum"), "{about}");
            assert_eq!((&about["isrange"], &about["hasprivatekeys"]), (&json!(true), &json!(false)));
            descriptors.push(json!({"desc": descriptor, "range": 20}));
        }
        let theirs = core.rpc("deriveaddresses", json!([account["receive"], [0, 3]]));
        let ours: Vec<Value> =
            (0..4).map(|_| wallet.ok(&["receive", "--new", "--account", kind])["address"].clone()).collect();
        assert_eq!(theirs, json!(ours), "{kind}");
        // Two coins each, so that one transaction has several inputs of a kind.
        for address in &ours[..2] {
            node.rpc("generatetoaddress", json!([1, address]));
        }
    }
    node.rpc("generatetoaddress", json!([100, STRANGER]));
    let tip = node.rpc("getbestblockhash", json!([]));
    core.wait_for_tip(text(&tip).parse().expect("a hash"));

    // A transaction of every kind of coin to every kind of address, and one of all coins at once.
    for (from, to) in KINDS.iter().zip(KINDS.iter().cycle().skip(1)) {
        let address = wallet.ok(&["receive", "--account", to])["address"].clone();
        let pay = ["psbt", "create", "--account", from, "--to", text(&address), "--amount", "60"];
        judge(&core, &wallet, &wallet.ok(&[&pay[..], &["--feerate", "3"]].concat()), 2);
    }
    let all =
        ["psbt", "create", "--to", STRANGER, "--amount", "all", "--feerate", "2", "--data", "all kinds"];
    judge(&core, &wallet, &wallet.ok(&all), 8);

    // A PSBT of Core's, filled in by Core from the descriptors alone.
    let coins = wallet.ok(&["coins"]);
    let spent: Vec<Value> = coins
        .as_array()
        .expect("coins")
        .iter()
        .map(|coin| {
            let (txid, vout) = text(&coin["outpoint"]).split_once(':').expect("txid:number");
            json!({"txid": txid, "vout": vout.parse::<u32>().expect("a number")})
        })
        .collect();
    assert_eq!(spent.len(), 8);
    let bare = core.rpc("createpsbt", json!([spent, [{STRANGER: 399.999}]]));
    let filled = core.rpc("utxoupdatepsbt", json!([bare, descriptors]));
    let signed = wallet.ok(&["psbt", "sign", text(&filled)]);
    assert_eq!((&signed["signatures"], &signed["complete"]), (&json!(8), &json!(true)));
    let finished = core.rpc("finalizepsbt", json!([signed["psbt"]]));
    assert_eq!(finished["complete"], true);
    accepts(&core, &finished["hex"]);

    // What is really sent gets there.
    let sent = wallet.ok(&["send", "--to", STRANGER, "--amount", "1", "--fee", "0.0001"]);
    core.wait_until("bitcoind has what was sent", |core| {
        core.call("getmempoolentry", json!([sent["txid"]])).is_ok()
    });
    let faster = wallet.ok(&["bump", text(&sent["txid"]), "--feerate", "100"]);
    core.wait_until("bitcoind has its replacement", |core| {
        core.call("getmempoolentry", json!([faster["txid"]])).is_ok()
    });

    // Messages in the older form are all that Core knows.
    let legacy = wallet.ok(&["receive", "--account", "legacy"])["address"].clone();
    let sign = ["message", "sign", "--legacy", "--address", text(&legacy), "--message", "it is me"];
    let signature = wallet.ok(&sign)["signature"].clone();
    let verify = |message: &str| core.rpc("verifymessage", json!([legacy, signature, message]));
    assert_eq!((verify("it is me"), verify("it is you")), (json!(true), json!(false)));
}
