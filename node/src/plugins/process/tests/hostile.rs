//! Children that break the protocol in every way that came to mind. Whatever they do, the host gets an answer, the
//! process and its group are gone, and the next process can do better.

use super::super::*;
use super::bench::{Bench, blocks, lives, retry};
use crate::testkit::wait_until;
use std::time::Duration;

/// What a child does instead of answering, and what is said of it. The last is whether only time tells.
const BEHAVIOURS: &[(&str, &str, bool)] = &[
    ("garbage", "is not a JSON-RPC 2.0 response", false),
    ("utf8", "is not a JSON-RPC 2.0 response", false),
    ("endless", "a line of more than 1048576 bytes", false),
    ("flood", "is not a JSON-RPC 2.0 response", false),
    ("exit", "the process ended by itself (exit status 7)", false),
    ("half", "the process ended by itself (exit status 0)", false),
    ("signal", "the process ended by itself (signal 11)", false),
    ("closes", "the process closed its standard output", false),
    ("id", "where call", false),
    ("fork", "the process ended by itself (exit status 3)", false),
    ("setsid", "the process ended by itself (exit status 3)", false),
    ("silence", "no answer to", true),
    ("drip", "no answer to", true),
    ("stderr", "no answer to", true),
];

fn bench(only_time_tells: bool) -> Bench {
    if only_time_tells { Bench::impatient() } else { Bench::new() }
}

#[test]
fn in_the_middle_of_a_call_it_is_ended_and_started_anew() {
    for (behaviour, why, only_time_tells) in BEHAVIOURS {
        let bench = bench(*only_time_tells);
        let mut plugin = bench.open(&format!("extend:{behaviour} once"));
        let blocks = blocks(1);
        let text = retry(bench.run(plugin.extend(&blocks)));
        assert!(text.contains(why), "{behaviour}: {text}");
        assert!(!text.contains(char::is_control) && text.len() < 1500, "{behaviour}: {text}");
        bench.assert_gone();
        // Nothing works before it is opened again, and everything does after.
        let text = retry(bench.run(plugin.tick()));
        assert!(text.contains("the process is not running") && text.contains(why), "{behaviour}: {text}");
        assert_eq!(bench.run(plugin.open(&bench.context())).unwrap(), None, "{behaviour}");
        bench.run(plugin.extend(&blocks)).unwrap();
        bench.run(plugin.close());
        bench.assert_gone();
        for pid in bench.noted("escaped") {
            // It has left the group on purpose, with the node's pipes: it lives, and nobody waited for it.
            assert!(lives(&pid), "{behaviour}");
            let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
    }
}

#[test]
fn before_it_has_said_who_it_is_the_node_starts_without_it() {
    for (behaviour, why, only_time_tells) in BEHAVIOURS {
        let mut bench = Bench::new();
        if *only_time_tells {
            bench.limits.manifest = Duration::from_secs(1);
        }
        // Some not even wait to be asked.
        let at = if ["endless", "flood", "exit", "fork", "closes"].contains(behaviour) {
            "start"
        } else {
            "manifest"
        };
        let command = bench.command(&format!("{at}:{behaviour}"));
        let mut plugin = ProcessPlugin::start(command, false, &bench.environment(), &bench.limits);
        let failure = plugin.failure().unwrap_or_else(|| panic!("{behaviour}")).to_owned();
        assert!(failure.contains(why), "{behaviour}: {failure}");
        assert_eq!(plugin.manifest().id, "child");
        bench.assert_gone();
        let error = bench.run(plugin.open(&bench.context())).unwrap_err();
        assert!(matches!(&error, PluginError::Fatal(text) if text.contains(why)), "{behaviour}: {error}");
        bench.run(plugin.close());
        for pid in bench.noted("escaped") {
            let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
    }
}

#[test]
fn between_calls_it_must_neither_speak_nor_end() {
    for (behaviour, why) in [
        ("garbage", "a line that nobody asked for"),
        ("answers", "a line that nobody asked for: {"),
        ("endless", "a line of more than 1048576 bytes"),
        ("exit", "the process ended by itself (exit status 7)"),
        ("fork", "the process ended by itself (exit status 3)"),
    ] {
        let bench = Bench::new();
        let mut plugin = bench.open(&format!("after-open:{behaviour} once"));
        bench.assert_gone();
        let text = retry(bench.run(plugin.tick()));
        assert!(text.contains(why), "{behaviour}: {text}");
        assert_eq!(bench.run(plugin.open(&bench.context())).unwrap(), None);
        bench.run(plugin.tick()).unwrap();
    }
}

#[test]
fn a_second_answer_is_one_too_many() {
    for behaviour in ["twice", "answers"] {
        let bench = Bench::new();
        let mut plugin = bench.open(&format!("tick:{behaviour} once"));
        // The first of them is a fine answer, unless the second is seen first.
        let first = bench.run(plugin.tick());
        assert!(first.is_ok(), "{first:?}");
        bench.assert_gone();
        retry(bench.run(plugin.tick()));
        bench.run(plugin.open(&bench.context())).unwrap();
        bench.run(plugin.tick()).unwrap();
    }
}

#[test]
fn who_does_not_read_cannot_hold_a_batch_up() {
    let bench = Bench::impatient();
    let mut plugin = bench.open("after-open:silence once");
    let mut blocks = blocks(1);
    let output = chaincore_consensus::TxOut {
        value: chaincore_consensus::Amount(1),
        script_pubkey: vec![0x6a; 1 << 20].into(),
    };
    let coin = chaincore_consensus::coin::Coin { output, height: 1, coinbase: false, tx_index: 1 };
    blocks[0].spent = vec![coin].into();
    let text = retry(bench.run(plugin.extend(&blocks)));
    assert!(text.starts_with("no answer to extend within 2 s"), "{text}");
    bench.assert_gone();
}

#[test]
fn deaf_to_every_request_to_end_it_is_ended() {
    let mut bench = Bench::new();
    bench.limits.exit = Duration::from_millis(100);
    let mut plugin = bench.open("close:deaf");
    bench.run(plugin.close());
    bench.assert_gone();
    assert_eq!(bench.noted("pids").len(), 2);

    bench.limits.close = Duration::from_millis(100);
    let mut plugin = bench.open("close:silence");
    bench.run(plugin.close());
    bench.assert_gone();
}

#[test]
fn a_call_that_nobody_waits_for_ends_the_process() {
    let bench = Bench::new();
    let mut plugin = bench.open("extend:silence once");
    let blocks = blocks(1);
    bench.run(async {
        let call = plugin.extend(&blocks);
        assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err());
    });
    bench.assert_gone();
    let text = retry(bench.run(plugin.tick()));
    assert_eq!(text, "the process is not running: extend was abandoned");
    bench.run(plugin.open(&bench.context())).unwrap();
    bench.run(plugin.extend(&blocks)).unwrap();
}

#[test]
fn dropped_in_the_middle_of_a_call_it_is_ended() {
    let bench = Bench::new();
    let mut plugin = bench.open("extend:deaf");
    let blocks = blocks(1);
    bench.run(plugin.extend(&blocks)).unwrap();
    bench.run(async {
        let call = plugin.tick();
        assert!(tokio::time::timeout(Duration::from_millis(10), call).await.is_err());
    });
    drop(plugin);
    bench.assert_gone();
}

#[test]
fn a_flood_on_standard_error_holds_nothing_up() {
    let bench = Bench::new();
    // The child works while its own child floods what both of them log to.
    let script = format!(
        "while :; do echo help; done >&2 & exec python3 {0}/child.py {0}",
        bench.folder.path().display()
    );
    let command = CommandLine { program: "/bin/sh".into(), arguments: vec!["-c".into(), script] };
    let mut plugin = ProcessPlugin::start(command, false, &bench.environment(), &bench.limits);
    assert_eq!(plugin.failure(), None);
    bench.run(plugin.open(&bench.context())).unwrap();
    for block in blocks(50) {
        bench.run(plugin.extend(&[block])).unwrap();
    }
    bench.run(plugin.close());
    bench.assert_gone();
}

#[test]
fn another_manifest_needs_another_start_of_the_node() {
    let bench = Bench::new();
    let mut plugin = bench.open("tick:exit");
    retry(bench.run(plugin.tick()));
    std::fs::write(bench.path("manifest.json"), r#"{"methods": []}"#).unwrap();
    let error = bench.run(plugin.open(&bench.context())).unwrap_err();
    assert!(matches!(&error, PluginError::Fatal(text) if text.contains("restart the node")), "{error}");
    bench.assert_gone();
}

#[test]
fn a_wrong_result_is_no_cursor() {
    for (script, why) in [
        (r#"{"cursor":{"height":1,"hash":"zz"}}"#, "wrong answer to open"),
        ("{}", "missing field `cursor`"),
        ("null", "wrong answer to open"),
    ] {
        let bench = Bench::new();
        let child = format!(
            "read l; echo '{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"protocol\":1,\"id\":\"x\"}}}}'\n\
             read l; echo '{{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{script}}}'; read l"
        );
        let command = CommandLine { program: "/bin/sh".into(), arguments: vec!["-c".into(), child] };
        let mut plugin = ProcessPlugin::start(command, true, &bench.environment(), &bench.limits);
        let text = retry(bench.run(plugin.open(&bench.context())));
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn the_thread_and_the_pipes_are_gone_with_the_plugin() {
    let open_files = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let bench = Bench::new();
    let threads = || {
        let names = std::fs::read_dir("/proc/self/task").into_iter().flatten().filter_map(Result::ok);
        names
            .filter(|task| {
                std::fs::read_to_string(task.path().join("comm"))
                    .is_ok_and(|name| name.trim() == "child leak")
            })
            .count()
    };
    std::fs::rename(bench.path("child.py"), bench.path("leak.py")).unwrap();
    let text = format!("python3 {0}/leak.py {0} extend:exit", bench.folder.path().display());
    let command = CommandLine::parse(&text).unwrap();
    let mut most = 0;
    for round in 0..5 {
        let mut plugin = ProcessPlugin::start(command.clone(), false, &bench.environment(), &bench.limits);
        for _ in 0..3 {
            bench.run(plugin.open(&bench.context())).unwrap();
            retry(bench.run(plugin.extend(&blocks(1))));
        }
        assert_eq!(threads(), 1);
        drop(plugin);
        wait_until("its threads have ended", || threads() == 0);
        if round == 0 {
            most = open_files();
        }
    }
    // Other tests of this process open files too, but not 3 for each of the 15 processes.
    wait_until(&format!("hardly more than {most} files are open"), || open_files() < most + 40);
}
