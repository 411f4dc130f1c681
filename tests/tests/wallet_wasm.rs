//! The wallet's WebAssembly module and its package for npm, under Node.js: the suites of `wallet-wasm/tests`.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use chaincore_tests::TestNode;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Mining to it gives nobody anything.
const NOBODY: &str = "bcrt1qs758ursh4q9z627kt3pp5yysm78ddny6txaqgw";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wallet-wasm").canonicalize().unwrap()
}

#[test]
fn the_module_passes_its_suites() {
    assert!(
        folder().join("pkg/package.json").exists(),
        "the package was not built: run `cargo xtask web` first"
    );
    let mut suites: Vec<_> = std::fs::read_dir(folder().join("tests"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().is_some_and(|path| path.ends_with(".test.mjs")))
        .collect();
    suites.sort();
    assert!(suites.len() > 2, "{suites:?}");
    let output = Command::new("node")
        .arg("--test")
        .args(&suites)
        .stdin(Stdio::null())
        .output()
        .expect("Node.js can be run");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    // Its size and its hash are worth seeing.
    for line in told.lines().filter(|line| line.contains("wallet_bg.wasm:")) {
        println!("{line}");
    }
}

/// Runs the example for Node.js as somebody who installed the package; what it printed.
fn example(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("node")
        .arg("node.mjs")
        .args(arguments)
        .env("WALLET_PASSWORD", "correct horse")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("Node.js can be run");
    let (told, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{wrong}");
    told.into_owned()
}

fn line(text: &str, name: &str) -> String {
    let found = text.lines().find_map(|line| line.strip_prefix(name));
    found.unwrap_or_else(|| panic!("no line '{name}' in {text}")).trim().to_owned()
}

#[test]
fn the_example_for_node_js_is_paid_and_pays() {
    let installed = tempfile::tempdir().unwrap();
    std::fs::create_dir(installed.path().join("node_modules")).unwrap();
    std::os::unix::fs::symlink(folder().join("pkg"), installed.path().join("node_modules/chaincore-wallet"))
        .unwrap();
    std::fs::copy(folder().join("examples/node.mjs"), installed.path().join("node.mjs")).unwrap();
    let node = TestNode::start(&["-regtest", "-txindex"]);

    let first = example(installed.path(), &[node.url(), "wallet.json"]);
    assert_eq!(line(&first, "write these words down:").split(' ').count(), 12);
    let address = line(&first, "address");
    node.rpc("generatetoaddress", json!([1, address]));
    node.rpc("generatetoaddress", json!([100, NOBODY]));

    let second = example(installed.path(), &[node.url(), "wallet.json", NOBODY, "123456789"]);
    assert!(!second.contains("write these words down"), "{second}");
    let sent: Value = serde_json::from_str(&line(&second, "sent")).unwrap();
    let txid = sent[0]["txid"].as_str().unwrap();
    assert_eq!(node.rpc("getrawmempool", json!([])), json!([txid]));
    let tx = node.rpc("getrawtransaction", json!([txid, true]));
    let paid =
        tx["vout"].as_array().unwrap().iter().find(|output| output["scriptPubKey"]["address"] == NOBODY);
    assert_eq!(paid.unwrap()["value"].to_string(), "1.23456789");
    assert_ne!(line(&second, "address"), address, "a used address is not given out again");
}

#[test]
fn the_web_app_has_few_packages_and_its_lock_file_names_no_registry() {
    let web = folder().join("../web");
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(web.join(name)).unwrap()).unwrap()
    };
    let manifest = read("package.json");
    let named: usize = ["dependencies", "devDependencies"]
        .iter()
        .map(|kind| manifest[kind].as_object().unwrap().len())
        .sum();
    assert!(named <= 10, "{named} packages");
    let locked = read("package-lock.json");
    let packages = locked["packages"].as_object().unwrap();
    assert!(packages.len() > named);
    for (name, package) in packages {
        assert!(package.get("resolved").is_none(), "{name} says where it was downloaded");
        assert!(name.is_empty() || package["integrity"].is_string(), "{name} has no hash");
        assert!(
            package.get("hasInstallScript").is_none() || name == "node_modules/esbuild",
            "{name} has a script"
        );
    }
}
