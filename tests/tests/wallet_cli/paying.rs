//! Coins come, are sent, hurried up and taken back.

use super::{Purse, STRANGER, entry, mine, regtest, text};
use chaincore_tests::node::TestNode;
use serde_json::json;

#[test]
fn mined_coins_are_received_sent_hurried_up_and_taken_back() {
    let node = regtest();
    let purse = Purse::new(&[&node]);
    let alice = purse.wallet("alice.json");
    let bob = purse.wallet("bob.json");
    mine(&node, 1, &alice);
    mine(&node, 100, STRANGER);
    let balance = purse.ok("alice.json", &["balance"]);
    assert_eq!(
        (&balance["confirmed"], &balance["unproven"]),
        (&json!(5_000_000_000u64), &json!(0)),
        "{balance}"
    );
    let plain = purse.run("alice.json", &["balance", "--node", node.url()]);
    assert_eq!(String::from_utf8_lossy(&plain.stdout), "50.00000000\n");

    // What is sent arrives, and the change comes back.
    let args = ["send", "--to", &bob, "--amount", "1.5", "--feerate", "2", "--label", "rent"];
    let sent = purse.ok("alice.json", &args);
    let fee = sent["fee"].as_u64().expect("a fee");
    let vsize = sent["vsize"].as_u64().expect("a size");
    assert!(fee >= 2 * vsize && fee <= 2 * vsize + 4, "{sent}");
    let pooled = node.rpc("getmempoolentry", json!([sent["txid"]]));
    assert_eq!(pooled["vsize"], sent["vsize"]);
    let theirs = purse.ok("bob.json", &["balance"]);
    assert_eq!((&theirs["unconfirmed"], &theirs["spendable"]), (&json!(150_000_000), &json!(0)));
    let history = purse.ok("alice.json", &["history"]);
    let payment = entry(&history, &sent["txid"]);
    assert_eq!(payment["net"], json!(-150_000_000 - i64::try_from(fee).expect("a small fee")));
    assert_eq!((&payment["label"], &payment["can_cancel"]), (&json!("rent"), &json!(true)));

    // A fee that nobody can mean is asked about, and nobody is there to answer.
    let dear = ["send", "--to", &bob, "--amount", "0.1", "--feerate", "5000", "--node", node.url()];
    assert_eq!(purse.fails("alice.json", &dear), (1, "high_fee".into()));

    // Faster, by a replacement; and what was replaced counts no more.
    let faster = purse.ok("alice.json", &["bump", text(&sent["txid"]), "--feerate", "10"]);
    assert_eq!(faster["method"], "rbf");
    assert!(node.try_rpc("getmempoolentry", json!([sent["txid"]])).is_err());
    let history = purse.ok("bob.json", &["history"]);
    assert_eq!(entry(&history, &faster["txid"])["net"], 150_000_000);
    mine(&node, 1, STRANGER);
    let history = purse.ok("alice.json", &["history"]);
    assert_eq!(entry(&history, &faster["txid"])["state"], "proven");
    assert_eq!(entry(&history, &sent["txid"])["state"], "replaced");
    let exit =
        purse.fails("alice.json", &["bump", text(&faster["txid"]), "--feerate", "20", "--node", node.url()]);
    assert_eq!(exit, (1, "not_replaceable".into()));

    // Taken back before it is confirmed.
    let wrong = purse.ok("bob.json", &["send", "--to", STRANGER, "--amount", "0.7", "--feerate", "1"]);
    let back = purse.ok("bob.json", &["cancel", text(&wrong["txid"])]);
    mine(&node, 1, STRANGER);
    let balance = purse.ok("bob.json", &["balance"]);
    assert_eq!(balance["confirmed"], json!(150_000_000 - back["fee"].as_u64().expect("a fee")));

    // Somebody else's payment that waits is hurried up by a child.
    let slow = purse.ok("alice.json", &["send", "--to", &bob, "--amount", "0.2", "--feerate", "1"]);
    let child = purse.ok("bob.json", &["bump", text(&slow["txid"]), "--feerate", "12"]);
    assert_eq!(child["method"], "cpfp");
    let family = node.rpc("getmempoolentry", json!([child["txid"]]));
    let (fees, size) = (family["fees"]["ancestor"].as_f64(), family["ancestorsize"].as_f64());
    let rate = fees.expect("fees") * 1e8 / size.expect("a size");
    assert!((12.0..12.5).contains(&rate), "{rate} sat/vB");

    // All of it, to a taproot address and by a URI.
    mine(&node, 1, STRANGER);
    let taproot = purse.ok("alice.json", &["receive", "--account", "taproot", "--label", "savings & more"]);
    let sent =
        purse.ok("bob.json", &["send", "--to", text(&taproot["uri"]), "--amount", "all", "--feerate", "1"]);
    mine(&node, 1, STRANGER);
    assert_eq!(purse.ok("bob.json", &["balance"])["total"], 0);
    let coins = purse.ok("alice.json", &["coins", "--account", "taproot"]);
    assert_eq!(coins[0]["label"], "savings & more");
    assert!(text(&coins[0]["outpoint"]).starts_with(text(&sent["txid"])));

    // A frozen coin stays, and the labels travel.
    let coin = text(&coins[0]["outpoint"]);
    purse.ok("alice.json", &["freeze", coin]);
    let pay = ["send", "--to", STRANGER, "--amount", "0.1", "--account", "taproot", "--node", node.url()];
    assert_eq!(purse.fails("alice.json", &pay), (5, "not_enough_money".into()));
    let labels = purse.run("alice.json", &["label", "export"]);
    let labels = String::from_utf8(labels.stdout).expect("text");
    assert!(labels.contains("\"spendable\":false") && labels.contains("savings & more"), "{labels}");
    std::fs::write(purse.path("labels.jsonl"), &labels).expect("a file can be written");
    let file = purse.path("labels.jsonl");
    let taken = purse.ok("bob.json", &["label", "import", file.to_str().expect("a path")]);
    assert_eq!(taken["count"], labels.lines().count());
    purse.ok("alice.json", &["unfreeze", coin]);
    purse.ok("alice.json", &pay[..7]);

    // The words bring the same wallet back, elsewhere.
    let words = text(&purse.ok("alice.json", &["words"])["mnemonic"]).to_string();
    std::fs::write(purse.path("words"), words).expect("a file can be written");
    let file = purse.path("words");
    let file = file.to_str().expect("a path");
    purse.ok("again.json", &["restore", "--words-file", file, "--no-encryption", "--chain", "regtest"]);
    let (balance, again) = (purse.ok("alice.json", &["balance"]), purse.ok("again.json", &["balance"]));
    assert_eq!(balance, again);
}

#[test]
fn a_reorganisation_takes_a_payment_back() {
    let node = regtest();
    let purse = Purse::new(&[&node]);
    let alice = purse.wallet("alice.json");
    mine(&node, 3, &alice);
    assert_eq!(purse.ok("alice.json", &["balance"])["immature"], 15_000_000_000u64);
    let block = node.rpc("getblockhash", json!([2]));
    node.rpc("invalidateblock", json!([block]));
    mine(&node, 4, STRANGER);
    let balance = purse.ok("alice.json", &["balance"]);
    assert_eq!((&balance["total"], &balance["tip"]["height"]), (&json!(5_000_000_000u64), &json!(5)));
}

#[test]
fn filters_find_what_the_index_finds() {
    let node = TestNode::start(&["-regtest", "-txindex", "-blockfilterindex=1"]);
    let purse = Purse::new(&[&node]);
    let alice = purse.wallet("alice.json");
    mine(&node, 2, &alice);
    mine(&node, 101, STRANGER);
    let balance = purse.ok("alice.json", &["balance", "--mode", "filters"]);
    assert_eq!((&balance["confirmed"], &balance["unproven"]), (&json!(10_000_000_000u64), &json!(0)));
    assert_eq!(purse.ok("alice.json", &["balance", "--mode", "verified"]), balance);
}

#[test]
fn a_wallet_that_watches_and_one_that_signs() {
    let node = regtest();
    let purse = Purse::new(&[&node]);
    let address = purse.wallet("cold.json");
    let descriptors = purse.ok("cold.json", &["descriptors"]);
    let both = format!("{}\n{}", text(&descriptors[0]["receive"]), text(&descriptors[0]["change"]));
    purse.ok("watch.json", &["create", "--chain", "regtest", "--no-encryption", "--watch", &both]);
    assert_eq!(purse.ok("watch.json", &["receive"])["address"], address.as_str());
    mine(&node, 1, &address);
    mine(&node, 100, STRANGER);
    assert_eq!(purse.ok("watch.json", &["balance"])["spendable"], 5_000_000_000u64);
    let pay = ["--to", STRANGER, "--amount", "20", "--feerate", "3"];
    assert_eq!(purse.fails("watch.json", &[&["send"], &pay[..]].concat()), (1, "no_keys".into()));
    let file = purse.path("pay.psbt");
    let file = file.to_str().expect("a path");
    let made = purse.ok("watch.json", &[&["psbt", "create"], &pay[..], &["--out", file]].concat());
    let shown = purse.ok("cold.json", &["psbt", "show", file]);
    assert_eq!(shown["fee"], made["fee"]);
    for shown in [shown, purse.ok("watch.json", &["psbt", "show", file])] {
        let outputs = shown["outputs"].as_array().expect("outputs");
        assert!(outputs.iter().any(|output| output["kind"] == "change"), "both know the change: {shown}");
    }
    let bytes = std::fs::read(file).expect("a file");
    assert!(bytes.starts_with(b"psbt\xff"), "a file of this name is what BIP174 says");
    assert_eq!(purse.fails("watch.json", &["psbt", "finalise", file]), (1, "incomplete".into()));
    let signed = purse.ok("cold.json", &["psbt", "sign", file]);
    assert_eq!(signed["complete"], true);
    let psbt = text(&signed["psbt"]);
    let combined = purse.ok("watch.json", &["psbt", "combine", file, psbt]);
    let sent = purse.ok("watch.json", &["psbt", "send", text(&combined["psbt"])]);
    node.rpc("getmempoolentry", json!([sent["txid"]]));
    assert_eq!(purse.ok("watch.json", &["history"])[0]["txid"], sent["txid"]);

    // Messages, too.
    let signed = purse.ok("cold.json", &["message", "sign", "--address", &address, "--message", "it is me"]);
    let signature = text(&signed["signature"]);
    let verify = |message: &str| {
        let args =
            ["message", "verify", "--address", &address, "--message", message, "--signature", signature];
        purse.run("watch.json", &args).status.code()
    };
    assert_eq!((verify("it is me"), verify("it is you")), (Some(0), Some(1)));
}

#[test]
fn addresses_are_not_handed_out_further_than_a_restored_wallet_looks() {
    let purse = Purse::new(&[]);
    let first = purse.wallet("a.json");
    let mut all = vec![first];
    for _ in 1..20 {
        let next = purse.ok("a.json", &["receive", "--new"])["address"].clone();
        all.push(text(&next).to_string());
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 20, "each is another");
    assert_eq!(purse.fails("a.json", &["receive", "--new"]), (1, "gap_full".into()));
    let further = purse.ok("a.json", &["receive", "--new", "--beyond-gap"])["address"].clone();
    assert!(!all.contains(&text(&further).to_string()));
    assert_eq!(purse.ok("a.json", &["receive"])["address"], further);
}
