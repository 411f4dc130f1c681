//! Passwords, files, several processes at a time, and what people mistype.

use super::{Purse, STRANGER, WORDS, mine, regtest, text};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;

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
