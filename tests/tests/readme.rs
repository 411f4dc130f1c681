//! Every command in the root README is run as it stands there, or is on a short list of those that are not.
//!
//! What is replaced before it is run: the folder of the binaries, the data folder, and ports, which the system chooses.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use chaincore_tests::{TestNode, binary};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

/// Blocks that are not run here, by how they begin, and where else they are accounted for.
/// Both are tasks of `cargo xtask`, of which only that they exist is seen here: this test is part of the latter.
const ELSEWHERE: &[(&str, &str)] = &[("cargo xtask run", "run"), ("cargo xtask test", "test")];

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap()
}

/// The shell blocks of a Markdown text.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut fences = text.split("\n```");
    fences.next();
    // Between an opening and a closing fence lies a block, between a closing and an opening one lies text.
    for block in fences.step_by(2) {
        let (language, body) = block.split_once('\n').unwrap_or((block, ""));
        assert_eq!(language, "sh", "a block of {language:?} is neither run nor accounted for: {body}");
        blocks.push(body.trim().to_owned());
    }
    blocks
}

/// Runs a script with bash; its output. Fails where the script fails.
fn bash(script: &str, folder: &Path) -> String {
    let script = format!(
        "set -euo pipefail\ncurl() {{ command curl --fail --silent --show-error \"$@\"; }}\n{script}\n"
    );
    let output =
        Command::new("bash").arg("-c").arg(&script).current_dir(folder).output().expect("bash can be run");
    let (told, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\n{}\n{told}\n{wrong}", output.status);
    told.into_owned()
}

#[test]
fn every_block_is_run_or_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let node = TestNode::start(&[]);
    let binaries = binary("chaincored").parent().unwrap().display().to_string();
    let port = node.url().rsplit(':').next().unwrap().to_owned();
    let datadir = format!("-datadir={} -rpcport={port}", node.datadir().display());
    let mut definitions = String::new();
    let (mut run, mut elsewhere) = (0, 0);
    for block in blocks(&readme()) {
        if let Some((_, task)) = ELSEWHERE.iter().find(|(start, _)| block.starts_with(start)) {
            assert_eq!(block.lines().count(), 1, "only its first line is accounted for: {block}");
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let help = Command::new(cargo)
                .args(["xtask", task, "--help"])
                .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
                .output()
                .unwrap();
            assert!(help.status.success(), "{}", String::from_utf8_lossy(&help.stderr));
            elsewhere += 1;
            continue;
        }
        let script = block
            .replace("target/release", &binaries)
            .replace("-datadir=$HOME/.chaincore-demo", &datadir)
            .replace("http://127.0.0.1:5000", node.url());
        if block.contains("--mirror") {
            mirrored_node(&script, &port, folder.path());
        } else if block.contains("--plugin") {
            test_node(&script.replace("$PWD", concat!(env!("CARGO_MANIFEST_DIR"), "/..")), folder.path());
        } else if block.contains("--bootstrap-nodes") {
            three_nodes(&script, &port, folder.path());
        } else if block.contains("chain new") {
            own_chain(&script, folder.path());
        } else if block.contains("-daemon") {
            test_node(&script, folder.path());
        } else {
            bash(&format!("{definitions}{script}"), folder.path());
            let defined = script.lines().filter(|line| line.starts_with("cli="));
            definitions.extend(defined.flat_map(|line| [line, "\n"]));
        }
        run += 1;
    }
    println!("{run} blocks were run, {elsewhere} are accounted for elsewhere");
    assert!(run >= 5, "the README has lost its tour");
}

/// The last line starts a node that stays; everything before it is run as it is.
fn own_chain(script: &str, folder: &Path) {
    let (before, start) = script.rsplit_once('\n').unwrap();
    bash(before, folder);
    let (_, options) = start.split_once("chaincored ").expect("the last line starts a node");
    let words = bash(&format!("printf '%s\\n' {options}"), folder);
    let datadir =
        words.lines().find_map(|word| word.strip_prefix("-datadir=")).expect("the node has a folder");
    let words: Vec<_> = words
        .lines()
        .filter(|word| !word.starts_with("-datadir="))
        .map(|word| match word.strip_prefix("--chain-file=") {
            Some(file) => format!("--chain-file={}", folder.join(file).display()),
            None => word.to_owned(),
        })
        .collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let mut node = TestNode::start_in(&folder.join(datadir), &words);
    assert_eq!(node.rpc("getblockchaininfo", serde_json::json!([]))["chain"], "town");
    node.kill();
    // From now on the name is enough.
    let node = TestNode::start_in(&folder.join(datadir), &["-chain=town"]);
    assert_eq!(node.rpc("getblockchaininfo", serde_json::json!([]))["chain"], "town");
}

/// Two nodes in the background that join the one of the test; the ports of all are others.
fn three_nodes(script: &str, port: &str, folder: &Path) {
    let mut script = script.replace("-daemon", "--no-discover -daemon").replace("5000", port);
    for named in ["5001", "5002", "8001", "8002"] {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        script = script.replace(named, &free.to_string());
    }
    let told = bash(&script, folder);
    let lengths: Vec<_> = told.lines().filter(|line| line.starts_with("\"blockchain_length\":")).collect();
    assert!(lengths.len() == 3 && lengths.iter().all(|length| *length == lengths[0]), "{told}");
    assert!(told.contains("\"status\":\"added\"") && told.contains("\"active_peers\":"), "{told}");
}

/// A node that joins the one of the test and mirrors the chain to a server of the test.
fn mirrored_node(script: &str, port: &str, folder: &Path) {
    let server = chaincore_postgres::Server::shared();
    // What asks for the server on this machine finds the test's.
    let place =
        format!("export PGHOST={} PGPORT={} PGUSER=postgres\n", server.folder().display(), server.port());
    let mut script = script.replace("5000", port);
    for named in ["5003", "8003"] {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        script = script.replace(named, &free.to_string());
    }
    let told = bash(&format!("{place}{script}"), folder);
    assert!(told.contains("The mirror is what the node has."), "{told}");
    assert!(told.contains("12 of 12 checks held"), "{told}");
}

/// A node in the background, on a port that was free a moment ago and in a folder of the test.
fn test_node(script: &str, folder: &Path) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let datadir = folder.join(format!("test{port}"));
    let script = script
        .replace("/tmp/chaincore-plugin", &datadir.display().to_string())
        .replace("/tmp/chaincore-test", &datadir.display().to_string())
        .replace("-regtest", &format!("-regtest -rpcport={port}"));
    let told = bash(&script, folder);
    assert!(told.contains("starting"), "{told}");
}

#[test]
fn blocks_are_found() {
    let text = "a\n```sh\nx\ny\n```\nb `z`\n\n```sh\nw\n```\n";
    assert_eq!(blocks(text), ["x\ny", "w"]);
    assert!(std::panic::catch_unwind(|| blocks("\n```python\nx\n```\n")).is_err());
    assert!(blocks(&readme()).len() > 5);
}

/// What a link calls a heading: its words in lower case with hyphens.
fn anchor(line: &str) -> String {
    let words = line.trim_start_matches('#').trim().to_lowercase();
    words
        .chars()
        .filter(|char| char.is_alphanumeric() || " -_".contains(*char))
        .collect::<String>()
        .replace(' ', "-")
}

#[test]
fn links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut count = 0;
    for folder in ["", "node", "rpc", "storage", "tests", "wallet-wasm", "web", "migrations"] {
        let text = std::fs::read_to_string(root.join(folder).join("README.md")).unwrap();
        for (at, _) in text.match_indices("](") {
            let link = text[at + 2..].split(')').next().unwrap();
            if !link.starts_with("http") && !link.starts_with('#') {
                let (file, heading) = link.split_once('#').unwrap_or((link, ""));
                let target = root.join(folder).join(file);
                assert!(target.exists(), "{folder}/README.md: {link}");
                if !heading.is_empty() {
                    let target = std::fs::read_to_string(target).unwrap();
                    let found = target.lines().any(|line| line.starts_with('#') && anchor(line) == heading);
                    assert!(found, "{folder}/README.md: {link}");
                }
                count += 1;
            }
        }
        // That of the migrations is a reference: every column, as the database itself has it.
        assert!(text.lines().count() < 200 || folder == "migrations", "{folder}/README.md is too long");
    }
    assert!(count > 5);
}
