//! The harness in Python, which drives the real binaries as harnesses written for Bitcoin Core do.

use chaincore_tests::binary;
use std::path::Path;
use std::process::Command;

#[test]
fn every_scenario_of_the_harness_passes() {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR")).join("harness/run.py");
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let output = Command::new("python3")
        .arg("-B")
        .arg(harness)
        .arg("--daemon")
        .arg(binary("chaincored"))
        .arg("--cli")
        .arg(binary("chaincore-cli"))
        .arg("--dir")
        .arg(folder.path())
        .output()
        .expect("python3 can be run: `cargo xtask setup` installs it");
    let shown = String::from_utf8_lossy(&output.stdout);
    println!("{shown}");
    assert!(output.status.success(), "{shown}\n{}", String::from_utf8_lossy(&output.stderr));
    // A harness that found nothing to do would succeed, too.
    let passed = shown.lines().last().and_then(|_| shown.lines().find_map(passed_of)).unwrap_or(0);
    assert!(passed >= 110, "only {passed} scenarios passed");
}

/// The number in `71 passed, 0 failed, 0 skipped in 90 s`.
fn passed_of(line: &str) -> Option<u32> {
    line.split_once(" passed, ")?.0.trim().parse().ok()
}
