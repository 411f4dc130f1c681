//! The wallet's WebAssembly module and its package for npm, under Node.js: the suites of `wallet-wasm/tests`.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
