//! `chaincore-monitor chain` against real nodes, in pipes and in a real terminal.

use chaincore_tests::{Terminal, TestNode, binary};
use serde_json::{Value, json};
use std::process::{Command, Output};

const ALICE: &str = "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z";
const BOB: &str = "msX6jQXvxiNhx3Q62PKeLPrhrqZQdSimTg";

fn node(name: &str) -> TestNode {
    TestNode::start(&["-regtest", "-bind=127.0.0.1", "-listen=1", "-connect=0", &format!("--node-id={name}")])
}

fn mine(node: &TestNode, count: u32, address: &str) {
    node.rpc("generatetoaddress", json!([count, address]));
}

fn height(node: &TestNode) -> u64 {
    node.get_json("/status")["height"].as_u64().expect("a height")
}

fn connect(from: &TestNode, to: &TestNode) {
    from.rpc("addnode", json!([to.p2p_address().to_string(), "onetry"]));
    to.wait_until("both have the same tip", |to| {
        to.get_json("/status")["best_block_hash"] == from.get_json("/status")["best_block_hash"]
    });
}

fn monitor(args: &[&str]) -> Output {
    Command::new(binary("chaincore-monitor")).args(args).output().expect("the monitor can be run")
}

fn once(nodes: &str, more: &[&str]) -> (Option<i32>, Value) {
    let output = monitor(&[&["chain", "--once", "--json", "--grace", "1", "--nodes", nodes], more].concat());
    let text = String::from_utf8(output.stdout).expect("text");
    let report: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    let schema = include_str!("../../rpc/monitor/schema/chain.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("a schema");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{report:#}");
    assert_eq!(report["exit_code"].as_i64(), output.status.code().map(i64::from));
    (output.status.code(), report)
}

fn standings(report: &Value) -> Vec<&str> {
    let nodes = report["nodes"].as_array().expect("a list");
    nodes.iter().map(|node| node["standing"].as_str().expect("a word")).collect()
}

#[test]
fn scripts_learn_who_agrees_who_is_behind_and_who_disagrees() {
    let (one, mut two) = (node("one"), node("two"));
    mine(&one, 5, ALICE);
    let nodes = format!("{},{}", one.url(), two.url());

    // Two is new and has nothing.
    let (code, report) = once(&nodes, &[]);
    assert_eq!((code, standings(&report)), (Some(1), vec!["agrees", "syncing"]), "{report:#}");
    assert_eq!(report["nodes"][1]["blocks"], 5);

    connect(&two, &one);
    let (code, report) = once(&nodes, &[]);
    assert_eq!((code, standings(&report)), (Some(0), vec!["agrees", "agrees"]));
    assert_eq!(report["last_blocks"][0]["miner"]["payee"], ALICE);
    assert_eq!((&report["best"]["height"], &report["nodes"][1]["inbound"]), (&json!(5), &json!(0)));
    assert_eq!(report["nodes"][1]["outbound"], 1);

    // Apart, one goes on alone, then each finds blocks of its own.
    two.rpc("setnetworkactive", json!([false]));
    mine(&one, 3, ALICE);
    let (code, report) = once(&nodes, &[]);
    assert_eq!((code, standings(&report)), (Some(1), vec!["agrees", "behind"]), "{report:#}");
    mine(&two, 2, BOB);
    let (code, report) = once(&nodes, &[]);
    assert_eq!((code, standings(&report)), (Some(2), vec!["agrees", "disagrees"]), "{report:#}");
    assert_eq!((&report["nodes"][1]["fork_height"], &report["nodes"][1]["own"]), (&json!(5), &json!(2)));
    let text =
        String::from_utf8(monitor(&["chain", "--once", "--grace=0", "--nodes", &nodes]).stdout).unwrap();
    assert!(text.contains("NODES DISAGREE") && text.contains("getchaintips"), "{text}");
    assert!(!text.contains('\u{1b}'), "escape sequences in a pipe: {text}");

    two.kill();
    let (code, report) = once(&nodes, &[]);
    assert_eq!((code, standings(&report)), (Some(1), vec!["agrees", "unreachable"]));
    assert!(
        report["nodes"][1]["advice"]
            .as_str()
            .is_some_and(|text| text.contains("is chaincored running there"))
    );

    // Another chain is no chain to compare with.
    let other = TestNode::start(&["-signet", "-connect=0"]);
    let (code, report) = once(&format!("{},{}", one.url(), other.url()), &[]);
    assert_eq!((code, standings(&report)), (Some(2), vec!["agrees", "other_chain"]), "{report:#}");
}

#[test]
fn far_behind_is_told_from_another_branch() {
    let (one, two) = (node("one"), node("two"));
    mine(&one, 130, ALICE);
    mine(&two, 3, BOB);
    let nodes = format!("{},{}", one.url(), two.url());
    let (code, report) = once(&nodes, &[]);
    assert_eq!((code, standings(&report)), (Some(2), vec!["agrees", "disagrees"]), "{report:#}");
}

fn shown(nodes: &str, variables: &[(&str, &str)]) -> Terminal {
    let args = ["chain", "--interval", "0.2", "--grace", "1", "--nodes", nodes];
    Terminal::start(&binary("chaincore-monitor"), &args, variables, (110, 40))
}

#[test]
fn a_terminal_shows_the_nodes_live_and_is_given_back() {
    let (one, mut two) = (node("one"), node("two"));
    mine(&one, 4, ALICE);
    connect(&two, &one);
    let nodes = format!("{},{}", one.url(), two.url());
    let mut terminal = shown(&nodes, &[]);
    terminal.wait_for_all(&[
        "all 2 nodes agree",
        "one   agrees",
        "two   agrees",
        "chain regtest",
        "height 4",
        "mjTkW3Dj…xdSz6z",
        "q quit",
    ]);
    assert!(terminal.is_full_screen() && terminal.has_colour());
    mine(&two, 1, BOB);
    terminal.wait_for_all(&["height 5", "msX6jQXv…dSimTg", "block 5 "]);

    // They part: a race at first, then an alarm.
    two.rpc("setnetworkactive", json!([false]));
    mine(&one, 1, ALICE);
    mine(&two, 2, BOB);
    terminal.wait_for_all(&["NODES DISAGREE", "after height 5", "FORK, 2 branches"]);

    // They meet again, and one leaves its block.
    two.rpc("setnetworkactive", json!([true]));
    connect(&two, &one);
    terminal.wait_for_all(&["all 2 nodes agree", "one left 1 block above height 5 for others"]);
    assert_eq!(height(&one), 7);

    // Narrow and wide again, and too small for anything.
    for (width, lines, part) in [(40, 24, "two"), (12, 3, "ChainCore"), (1, 1, "C"), (110, 40, "q quit")] {
        terminal.resize(width, lines);
        terminal.wait_for(part);
    }
    terminal.resize(110, 14);
    terminal.wait_for("↑↓ scroll");
    let shows_the_top = |terminal: &mut Terminal| terminal.text().contains("ChainCore nodes");
    terminal.press_until("\u{1b}[B", "the first line is scrolled away", |terminal| !shows_the_top(terminal));
    terminal.press_until("\u{1b}[H", "the first line is back", shows_the_top);

    two.kill();
    terminal.wait_for("UNREACHABLE");
    assert_eq!(terminal.quit(), 1, "the code tells what was seen last");
    terminal.is_restored();
}

#[test]
fn whatever_ends_it_the_terminal_is_given_back() {
    let one = node("one");
    for ending in ["\u{3}", "\u{1b}", "TERM", "HUP"] {
        let mut terminal = shown(one.url(), &[("NO_COLOR", "1")]);
        terminal.wait_for("the node answers");
        assert!(terminal.is_full_screen() && !terminal.has_colour());
        if ending.chars().all(char::is_alphabetic) {
            let signal = format!("-{ending}");
            let status = Command::new("kill").args([signal, terminal.pid().to_string()]).status();
            assert!(status.expect("kill can be run").success());
        } else {
            terminal.press(ending);
        }
        assert_eq!(terminal.wait_exit(), 0, "{ending:?}");
        terminal.is_restored();
    }
}
