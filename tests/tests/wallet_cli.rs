//! The command `chaincore-wallet` against real nodes: everything that a person does with it, and what goes wrong.

use chaincore_tests::binary;
use chaincore_tests::node::TestNode;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The words of BIP39's first vector: nobody's.
const WORDS: &str = "abandon abandon abandon abandon abandon abandon \
    abandon abandon abandon abandon abandon about";
/// An address of nobody's on regtest.
const STRANGER: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

/// A folder with wallets, and the nodes that they are told.
struct Purse {
    folder: TempDir,
    nodes: Vec<String>,
    password: Option<&'static str>,
}

impl Purse {
    fn new(nodes: &[&TestNode]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { folder, nodes: nodes.iter().map(|node| node.url().to_string()).collect(), password: None }
    }

    fn path(&self, wallet: &str) -> PathBuf {
        self.folder.path().join(wallet)
    }

    fn command(&self, wallet: &str, args: &[&str]) -> Command {
        let mut command = Command::new(binary("chaincore-wallet"));
        command.env_clear().stdin(Stdio::null()).args(args).arg("--wallet").arg(self.path(wallet));
        if let Some(password) = self.password {
            command.env("CHAINCORE_WALLET_PASSWORD", password);
        }
        command
    }

    fn run(&self, wallet: &str, args: &[&str]) -> Output {
        self.command(wallet, args).output().expect("chaincore-wallet can be run")
    }

    /// Runs a command that must succeed, with the nodes: its JSON.
    fn ok(&self, wallet: &str, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.push("--json");
        for node in &self.nodes {
            args.extend(["--node", node]);
        }
        let output = self.run(wallet, &args);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{args:?}: {err}\n{out}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{args:?}: {error}: {out}"))
    }

    /// Runs a command that must fail: the exit code and the code of the error.
    fn fails(&self, wallet: &str, args: &[&str]) -> (i32, String) {
        let output = self.run(wallet, &[args, &["--json"]].concat());
        let err = String::from_utf8_lossy(&output.stderr);
        let last = err.lines().last().unwrap_or_default();
        let error: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("{args:?}: {err}"));
        let code = error["error"]["code"].as_str().expect("a code").to_string();
        (output.status.code().expect("an exit code"), code)
    }

    /// A wallet without a password, and its first address.
    fn wallet(&self, name: &str) -> String {
        self.ok(name, &["create", "--no-encryption", "--chain", "regtest"]);
        self.ok(name, &["receive"])["address"].as_str().expect("an address").to_string()
    }
}

fn regtest() -> TestNode {
    TestNode::start(&["-regtest", "-txindex"])
}

fn mine(node: &TestNode, blocks: u32, address: &str) {
    node.rpc("generatetoaddress", json!([blocks, address]));
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// The entry of a transaction in a history.
fn entry<'a>(history: &'a Value, txid: &Value) -> &'a Value {
    let entries = history.as_array().expect("a list");
    entries.iter().find(|entry| entry["txid"] == *txid).unwrap_or_else(|| panic!("no {txid} in {history}"))
}

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
fn dead_nodes_are_passed_over_and_strange_ones_are_not_believed() {
    // Nobody listens where somebody just did.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let dead = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let node = regtest();
    let mut purse = Purse::new(&[&node]);
    let alice = purse.wallet("alice.json");
    mine(&node, 101, &alice);
    purse.nodes = vec![dead.clone(), node.url().into()];
    let balance = purse.ok("alice.json", &["balance"]);
    assert_eq!(balance["confirmed"], 10_000_000_000u64);
    // The whole fee, as it is said, if that is much, too; unless it is much for what is paid.
    for (amount, fee, satoshis) in [("1", "0.00005", 5_000), ("10.0", "0.5", 50_000_000)] {
        let sent = purse.ok("alice.json", &["send", "--to", STRANGER, "--amount", amount, "--fee", fee]);
        assert_eq!(sent["fee"], satoshis);
        node.rpc("getmempoolentry", json!([sent["txid"]]));
    }
    let dear = ["send", "--to", STRANGER, "--amount", "0.5", "--fee", "0.5", "--node", node.url()];
    assert_eq!(purse.fails("alice.json", &dear), (1, "high_fee".into()));
    assert_eq!(purse.fails("alice.json", &["balance", "--node", &dead]), (6, "no_node".into()));
    assert_eq!(purse.fails("alice.json", &["balance", "--node", "nonsense"]), (2, "usage".into()));
    // What was known is still known, and nodes are remembered.
    let offline = purse.run("alice.json", &["balance", "--offline", "--json"]);
    let offline: Value = serde_json::from_slice(&offline.stdout).expect("JSON");
    assert_eq!(offline["tip"]["height"], 101);
    purse.nodes = Vec::new();
    assert_eq!(purse.ok("alice.json", &["balance"])["tip"]["height"], 101);
    // Another chain's node.
    let other = TestNode::start(&["-chain=chaincore", "-txindex"]);
    assert_eq!(purse.fails("alice.json", &["balance", "--node", other.url()]), (9, "wrong_chain".into()));
    // And a node of which the wallet takes the chain.
    purse.nodes = vec![other.url().into()];
    purse.ok("other.json", &["create", "--no-encryption"]);
    let address = purse.ok("other.json", &["receive"])["address"].clone();
    mine(&other, 2, text(&address));
    let balance = purse.ok("other.json", &["balance"]);
    assert_eq!((&balance["immature"], &balance["unproven"]), (&json!(10_000_000_000u64), &json!(0)));
    assert_eq!(purse.ok("other.json", &["info"])["chain"], "chaincore");
}

#[test]
fn passwords_files_and_what_people_mistype() {
    let mut purse = Purse::new(&[]);
    // Without a node, and without a password.
    let create = ["create", "--chain", "regtest"];
    assert_eq!(purse.fails("a.json", &create), (3, "no_password".into()));
    assert!(!purse.path("a.json").exists());
    purse.password = Some("correct horse");
    let made = purse.ok("a.json", &create);
    assert_eq!(text(&made["mnemonic"]).split(' ').count(), 12);
    let file = std::fs::read_to_string(purse.path("a.json")).expect("a file");
    assert!(!file.contains(text(&made["mnemonic"])) && !file.contains("wpkh"), "nothing is readable: {file}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(purse.path("a.json")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(purse.fails("a.json", &create), (8, "file_exists".into()));
    assert_eq!(purse.fails("none.json", &["info"]), (8, "no_file".into()));
    let address = purse.ok("a.json", &["receive"])["address"].clone();
    purse.password = Some("wrong horse");
    assert_eq!(purse.fails("a.json", &["info"]), (3, "wrong_password".into()));
    // The password from a file, and another one.
    std::fs::write(purse.path("password"), "correct horse\n").expect("a file can be written");
    let file = purse.path("password");
    let with_file = ["--password-file", file.to_str().expect("a path")];
    let mut change = purse.command("a.json", &[&["password"], &with_file[..]].concat());
    let changed = change.env("CHAINCORE_WALLET_NEW_PASSWORD", "battery staple").output().expect("it runs");
    assert!(changed.status.success());
    purse.password = Some("battery staple");
    assert_eq!(purse.ok("a.json", &["words"])["mnemonic"], made["mnemonic"]);
    assert_eq!(purse.ok("a.json", &["receive"])["address"], address, "the state opens with it, too");

    purse.password = None;
    purse.ok("b.json", &["create", "--no-encryption", "--chain", "regtest"]);
    let typo = STRANGER.replace("w508d6", "w508d7");
    let send = |to: &str, amount: &str| {
        purse.fails("b.json", &["send", "--to", to, "--amount", amount, "--feerate", "1"])
    };
    assert_eq!(send(&typo, "1"), (4, "bad_address".into()));
    assert_eq!(send("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "1"), (4, "bad_address".into()));
    assert_eq!(send("bitcoin:?req-magic=1", "1"), (4, "uri_unsupported".into()));
    for amount in ["1,5", "0", "-1", "0.123456789", "1e3", "lots"] {
        assert_eq!(send(STRANGER, amount).0, 2, "{amount}");
    }
    assert_eq!(send(STRANGER, "1"), (6, "no_node".into()), "none was named");
    let psbt = ["psbt", "create", "--to", STRANGER, "--amount", "1", "--offline"];
    assert_eq!(purse.fails("b.json", &psbt), (5, "not_enough_money".into()));
    assert_eq!(purse.fails("b.json", &["psbt", "sign", "cHNidP8="]), (4, "bad_psbt".into()));
    assert_eq!(purse.fails("b.json", &["bump", "xyz", "--feerate", "1"]), (2, "usage".into()));
    let watch = ["create", "--chain", "regtest", "--watch", "wpkh(tpubnonsense)#12345678"];
    assert_eq!(purse.fails("c.json", &watch).0, 4);

    // Words with a mistake, and words of which the addresses are known.
    let restore = |words: &str| {
        std::fs::write(purse.path("words"), words).expect("a file can be written");
        let file = purse.path("words");
        let file = file.to_str().expect("a path").to_string();
        [
            "restore",
            "--words-file",
            &file,
            "--chain",
            "regtest",
            "--no-encryption",
            "--birthday",
            "2026-01-31",
        ]
        .map(String::from)
    };
    let run = |words: &str| {
        let args = restore(words);
        purse.fails("d.json", &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(run(&WORDS.replace("about", "abandon")), (4, "bad_checksum".into()));
    assert_eq!(run(&WORDS.replace("about", "abuot")), (4, "unknown_words".into()));
    let args = restore(WORDS);
    purse.ok("d.json", &args.iter().map(String::as_str).collect::<Vec<_>>());
    let receive = purse.ok("d.json", &["receive"]);
    assert_eq!(receive["address"], "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk", "BIP84, coin type 1");
    assert_eq!(purse.ok("d.json", &["info"])["birthday"], 1_769_817_600);
    let file = purse.path("words");
    let older = ["restore", "--words-file", file.to_str().expect("a path"), "--chain", "regtest"];
    purse.ok(
        "e.json",
        &[&older[..], &["--no-encryption", "--kinds", "legacy,nested", "--gap", "50"]].concat(),
    );
    let receive = purse.ok("e.json", &["receive"]);
    assert_eq!(receive["address"], "mkpZhYtJu2r87Js3pDiWJDmPte2NRZ8bJV", "BIP44, coin type 1");
    assert_eq!(purse.ok("e.json", &["descriptors"]).as_array().map(Vec::len), Some(2));
    assert!(only_wallets(purse.folder.path()), "nothing is left beside the files");
}

/// Whether a folder has no half-written file.
fn only_wallets(folder: &Path) -> bool {
    std::fs::read_dir(folder).expect("a folder").all(|entry| {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy();
        !name.starts_with('.') || name.ends_with(".lock")
    })
}

#[test]
fn a_wallet_that_watches_is_encrypted_too() {
    let mut purse = Purse::new(&[]);
    let descriptor = {
        purse.ok("keys.json", &["create", "--no-encryption", "--chain", "regtest"]);
        let all = purse.ok("keys.json", &["descriptors"]);
        text(&all[0]["receive"]).to_string()
    };
    let address = purse.ok("keys.json", &["receive"])["address"].clone();
    let create = ["create", "--chain", "regtest", "--name", "savings", "--watch", &descriptor];
    assert_eq!(purse.fails("watch.json", &create), (3, "no_password".into()));
    purse.password = Some("correct horse");
    purse.ok("watch.json", &create);
    let file = std::fs::read_to_string(purse.path("watch.json")).expect("a file");
    assert!(!file.contains("pkh(") && !file.contains("tpub") && !file.contains("savings"), "{file}");
    assert_eq!(purse.ok("watch.json", &["receive"])["address"], address);
    let info = purse.ok("watch.json", &["info"]);
    assert_eq!(
        (&info["name"], &info["encrypted"], &info["keys"]),
        (&json!("savings"), &json!(true), &json!(false))
    );
    let mut change = purse.command("watch.json", &["password"]);
    let changed = change.env("CHAINCORE_WALLET_NEW_PASSWORD", "battery staple").output().expect("it runs");
    assert!(changed.status.success());
    assert_eq!(purse.fails("watch.json", &["info"]), (3, "wrong_password".into()));
    purse.password = Some("battery staple");
    assert_eq!(purse.ok("watch.json", &["receive"])["address"], address);
    assert_eq!(purse.fails("watch.json", &["words"]), (1, "no_keys".into()));
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

#[test]
fn processes_that_run_at_the_same_time_and_those_that_are_killed() {
    let node = regtest();
    let purse = Purse::new(&[&node]);
    let alice = purse.wallet("alice.json");
    mine(&node, 3, &alice);
    mine(&node, 100, STRANGER);
    // Two payments at once spend no coin twice.
    let pay = ["send", "--to", STRANGER, "--amount", "1", "--feerate", "2", "--json", "--node", node.url()];
    let start = |args: &[&str]| {
        let mut command = purse.command("alice.json", args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("chaincore-wallet can be run")
    };
    let sends = [(); 2].map(|()| start(&pay));
    let txids = sends.map(|send| {
        let output = send.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")["txid"].clone()
    });
    let pool = node.rpc("getrawmempool", json!([]));
    let pool = pool.as_array().expect("a list");
    assert!(txids.iter().all(|txid| pool.contains(txid)) && txids[0] != txids[1], "{txids:?} {pool:?}");
    // Nobody's change is lost.
    let names: Vec<String> = (0..4).map(|at| format!("label {at}")).collect();
    let labels: Vec<_> = (0..4)
        .map(|at| start(&["label", "set", "output", &format!("{}:{at}", text(&txids[0])), &names[at]]))
        .collect();
    for label in labels {
        assert!(label.wait_with_output().expect("it ends").status.success());
    }
    let export = purse.run("alice.json", &["label", "export"]);
    let export = String::from_utf8_lossy(&export.stdout).into_owned();
    assert!(names.iter().all(|name| export.contains(name)), "{export}");
    // Whenever a process is killed, the file is the old one or the new one, and nobody waits for it.
    for millis in 0..16 {
        let mut killed = start(&["label", "set", "addr", &alice, &format!("killed {millis}")]);
        std::thread::sleep(std::time::Duration::from_millis(millis * 2));
        let _ = killed.kill();
        killed.wait().expect("it ends");
        let export = purse.run("alice.json", &["label", "export"]);
        assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));
        assert!(String::from_utf8_lossy(&export.stdout).contains("label 3"));
    }
    purse.ok("alice.json", &["label", "set", "addr", &alice, "in the end"]);
    assert!(only_wallets(purse.folder.path()), "what the killed left is cleared away");
}

#[test]
fn nobody_has_to_read_to_the_end() {
    let purse = Purse::new(&[]);
    purse.wallet("a.json");
    for args in [&["descriptors"][..], &["receive"], &["info", "--json"]] {
        let mut child = purse.command("a.json", args);
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success() && output.stderr.is_empty(), "{args:?}: {output:?}");
    }
    #[cfg(target_os = "linux")]
    {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("it is there");
        let output =
            purse.command("a.json", &["descriptors", "--json"]).stdout(full).output().expect("it runs");
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("\"output\""), "{output:?}");
    }
}
