//! What the command says when it cannot mine. Mining itself is tested against real nodes.

use std::process::{Command, Output};

fn miner(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chaincore-miner")).args(args).output().expect("the command can be run")
}

#[test]
fn what_cannot_be_done_is_said_and_has_its_own_exit_code() {
    let good = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
    for (args, code, words) in [
        (&[][..], 2, "--wallet"),
        (&["--wallet", good, "--threads", "x"], 2, "--threads"),
        (&["--wallet", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"], 3, "is no address"),
        (&["--wallet", good, "--node", "https://x"], 4, "SSH tunnel"),
        (&["--wallet", good, "--kernel", "abacus"], 5, "abacus"),
    ] {
        let output = miner(args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(text.contains(words), "{args:?}: {text}");
    }
    let help = miner(&["--help"]);
    let text = String::from_utf8_lossy(&help.stdout);
    assert!(help.status.success() && text.contains("Examples:") && text.contains("--single-core"), "{text}");
}
