//! The consensus crate builds for the browser.

use std::path::Path;
use std::process::Command;

#[test]
fn consensus_builds_for_wasm32() {
    let test = std::env::current_exe().expect("a test has an executable");
    let target = test.ancestors().nth(3).expect("<target>/<profile>/deps/<test>");
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "build",
            "-p",
            "chaincore-consensus",
            "--lib",
            "--target",
            "wasm32-unknown-unknown",
            "--target-dir",
        ])
        .arg(target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .expect("cargo can be run");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "(`cargo xtask setup` installs what this takes)\n{told}");
    assert!(target.join("wasm32-unknown-unknown/debug/libchaincore_consensus.rlib").exists(), "{told}");
}
