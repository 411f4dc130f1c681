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
        (&["--wallet", good, "--threads", "100000"], 2, "1024"),
        (&["--wallet", good, "--quiet", "--json"], 2, "--quiet"),
        (&["--wallet", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"], 3, "is no address"),
        (&["--wallet", ""], 3, "empty"),
        (&["--wallet", good, "--node", "https://x"], 2, "SSH tunnel"),
        (&["--wallet", good, "--node", "http://127.0.0.1:99999"], 2, "99999 is no port"),
        (&["--wallet", good, "--cookie", "a", "--cookie", "b"], 2, "2 cookies for 1 node"),
        (&["--wallet", good, "--kernel", "abacus"], 2, "abacus"),
        (&["--wallet", good, "--gpu", "4000"], 5, "--gpu"),
    ] {
        let output = miner(args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        assert!(text.contains(words), "{args:?}: {text}");
    }
    for args in [&["--json"][..], &["--json", "--wallet", "x"], &["--json", "--wallet", good, "--node", "x"]]
    {
        let output = miner(args);
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one object");
        assert_eq!(told["exit_code"].as_i64(), output.status.code().map(Into::into), "{told}");
        assert!(told["event"] == "error" && told["text"].is_string(), "{told}");
    }
    let help = miner(&["--help"]);
    let text = String::from_utf8_lossy(&help.stdout);
    assert!(help.status.success() && text.contains("Examples:") && text.contains("--single-core"), "{text}");
}
