//! The command `chaincore-wallet` against real nodes: everything that a person does with it, and what goes wrong.

use chaincore_tests::binary;
use chaincore_tests::node::TestNode;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

mod files;
mod nodes;
mod paying;

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
