//! What the command says when it can do nothing else.

use std::process::{Command, Output};

fn monitor(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chaincore-monitor")).args(args).output().expect("the command can be run")
}

#[test]
fn what_cannot_be_done_is_said_and_has_its_own_exit_code() {
    for (args, said) in [
        (&["chain", "--nodes", "https://x"][..], "SSH tunnel"),
        (&["chain", "--interval", "0"], "from 0.1 to 86400"),
        (&["nonsense"], "unrecognized subcommand"),
        (&["track", "--nodes", ":1"], "is chaincored running there"),
        (&["replay", "/nonexistent/x.json"], "cannot be read"),
        (&["track", "--record", "/nonexistent/x.json", "--for", "1"], "cannot be written"),
    ] {
        let output = monitor(args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{args:?}: {text}");
        assert!(text.contains(said), "{args:?}: {text}");
    }
    for command in [
        &["--help"][..],
        &["chain", "--help"],
        &["track", "--help"],
        &["replay", "--help"],
        &["db", "--help"],
    ] {
        let output = monitor(command);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0));
        assert!(text.contains("Examples:\n  ") && text.contains("chaincore-monitor "), "{text}");
    }
}
