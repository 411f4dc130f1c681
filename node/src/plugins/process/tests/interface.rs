//! RPC methods and REST paths of a child.

use super::super::*;
use super::bench::{Bench, Registered, retry};
use crate::testkit::wait_until;
use std::time::Duration;

fn registered(plugin: &ProcessPlugin) -> Registered {
    let mut registered = Registered::default();
    plugin.register(&mut registered);
    registered
}

#[test]
fn they_are_answered_by_the_child() {
    let bench = Bench::new();
    let plugin = bench.open("");
    let api = registered(&plugin);
    let names: Vec<_> = api.methods.iter().map(|method| method.name.as_str()).collect();
    assert_eq!(names, ["echo", "refuse", "hang"]);
    assert_eq!(api.methods[0].parameters[0].name, "x");
    assert_eq!(api.call("echo", &[json!("a\nb"), json!(1)]).unwrap(), json!({"echo": ["a\nb", 1]}));
    let refused = api.call("refuse", &[]).unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), (-8, "No such thing"));
    let query = [("a".to_owned(), "1".to_owned())].into();
    let request = RestRequest { rest: "x/y".into(), query };
    let page = (api.routes[0].handler)(&request).unwrap();
    assert_eq!((page.status, page.content_type.as_str()), (200, "application/json"));
    let body: Value = serde_json::from_slice(&page.body).unwrap();
    assert_eq!(body, json!({"path": "", "rest": "x/y", "query": {"a": "1"}}));
    let page = (api.routes[1].handler)(&request).unwrap();
    assert_eq!((page.status, &page.body[..]), (404, &b"x/y"[..]));
}

#[test]
fn without_an_open_child_they_say_so() {
    let bench = Bench::new();
    let mut plugin = bench.start("tick:exit once");
    let api = registered(&plugin);
    let error = |api: &Registered| {
        let error = api.call("echo", &[]).unwrap_err();
        assert_eq!(error.code, -1);
        error.message
    };
    assert_eq!(error(&api), "plugin tester is not open");
    bench.run(plugin.open(&bench.context())).unwrap();
    assert!(api.call("echo", &[]).is_ok());
    retry(bench.run(plugin.tick()));
    assert_eq!(error(&api), "plugin tester is not running: the process ended by itself (exit status 7)");
    bench.run(plugin.open(&bench.context())).unwrap();
    assert!(api.call("echo", &[]).is_ok());
    bench.run(plugin.close());
    assert_eq!(error(&api), "plugin tester is not running: it is stopped");
    drop(plugin);
    assert_eq!(error(&api), "plugin tester has ended");
}

#[test]
fn a_silent_child_holds_few_callers_for_a_while_and_the_others_not_at_all() {
    let mut bench = Bench::new();
    bench.limits.api = Duration::from_secs(3);
    let mut plugin = bench.open("");
    let api = Arc::new(registered(&plugin));
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let api = api.clone();
            std::thread::spawn(move || api.call("hang", &[]).unwrap_err().message)
        })
        .collect();
    let said: Vec<String> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
    let count = |text: &str| said.iter().filter(|message| message.contains(text)).count();
    assert_eq!(count("no answer to call within 3 s") + count("is busy"), 20, "{said:#?}");
    // One was asked of the child, the queue has four, and who comes while one is taken from it finds room again.
    assert!(count("failed") == 1 && count("is busy") >= 10, "{said:#?}");
    bench.assert_gone();
    assert!(retry(bench.run(plugin.tick())).contains("no answer to call"));
    bench.run(plugin.open(&bench.context())).unwrap();
    assert_eq!(api.call("echo", &[]).unwrap(), json!({"echo": []}));
}

#[test]
fn a_busy_child_is_waited_for_a_while() {
    let mut bench = Bench::new();
    bench.limits.queue = Duration::ZERO;
    let mut plugin = bench.open("extend:silence");
    let api = Arc::new(registered(&plugin));
    let blocks = super::bench::blocks(1);
    let caller = {
        let (api, lines) = (api.clone(), bench.path("lines"));
        std::thread::spawn(move || {
            let is_asked = || std::fs::read_to_string(&lines).is_ok_and(|text| text.contains("extend"));
            wait_until("the child is asked", is_asked);
            api.call("echo", &[]).unwrap_err().message
        })
    };
    bench.run(async {
        let call = plugin.extend(&blocks);
        assert!(tokio::time::timeout(Duration::from_secs(2), call).await.is_err());
    });
    let said = caller.join().unwrap();
    assert!(said == "plugin tester is busy" || said.contains("abandoned"), "{said}");
}
