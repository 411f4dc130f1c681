//! What the watch decides, signal by signal, without nodes: those named here are not there.

use super::*;
use crate::node::Login;
use chaincore_consensus::Script;
use serde_json::json;
use std::sync::mpsc::channel;

/// A watch of so many nodes, and what it tells.
fn watch(nodes: usize) -> (Watch, Receiver<News>) {
    let node = |_| Arc::new(Node::new("http://127.0.0.1:1", &Login::None, FIRST_WAIT).unwrap());
    let nodes: Vec<_> = (0..nodes).map(node).collect();
    let (news, told) = channel();
    // What the threads that it starts say is not heard.
    let (signals, _) = channel();
    (Watch::new(&nodes, "an address", "", news, signals), told)
}

fn given(height: u32) -> Given {
    let template = json!({
        "version": 1, "rules": [], "transactions": [], "previousblockhash": format!("{height:064x}"),
        "coinbasevalue": 0, "height": height, "bits": "207fffff", "curtime": 1, "target": "00".repeat(32),
    });
    let work = Work::from_template(&template, &Script(vec![0x51]), "").unwrap();
    Given { work, longpollid: Some("x".into()) }
}

fn gave(watch: &mut Watch, node: usize, since: (u64, u64), height: u32) {
    watch.nodes[node].is_asked = false;
    watch.gave(node, since, (Terms::of_nobody(), given(height))).unwrap();
}

/// The nodes and heights of the work that was told of.
fn works(told: &Receiver<News>) -> Vec<(usize, u32)> {
    let work = |news| match news {
        News::Work { node, work, .. } => Some((node, work.height)),
        _ => None,
    };
    told.try_iter().filter_map(work).collect()
}

fn wish(watch: &mut Watch) {
    watch.wish += 1;
    watch.due = Instant::now();
    watch.act(Instant::now()).unwrap();
}

#[test]
fn waits_double_within_bounds_and_differ() {
    let mut backoff = Backoff::new();
    let waits: Vec<f64> = (0..12).map(|_| backoff.next().as_secs_f64()).collect();
    for (turn, wait) in waits.iter().enumerate() {
        let expected = 2f64.powi(turn as i32).min(60.0);
        assert!((expected * 0.75..expected * 1.25).contains(wait), "{waits:?}");
    }
    let again: Vec<f64> = {
        backoff.reset();
        (0..12).map(|_| backoff.next().as_secs_f64()).collect()
    };
    assert_ne!(waits, again);
}

#[test]
fn what_was_asked_for_before_the_last_wish_is_asked_for_again() {
    let (mut watch, told) = watch(1);
    watch.act(Instant::now()).unwrap();
    gave(&mut watch, 0, (0, 0), 5);
    assert_eq!(works(&told), [(0, 5)]);
    // The refresh is under way when a long poll brings newer work, which is solved at once.
    watch.due = Instant::now();
    watch.act(Instant::now()).unwrap();
    watch.waited(0, (0, 1), WaitEnd::Given(Box::new(given(6)))).unwrap();
    wish(&mut watch);
    assert!(watch.nodes[0].is_asked && watch.due > Instant::now());
    gave(&mut watch, 0, (0, 1), 5);
    assert!(watch.due <= Instant::now(), "it is due at once");
    watch.act(Instant::now()).unwrap();
    assert!(watch.nodes[0].is_asked);
    gave(&mut watch, 0, (1, 2), 7);
    assert_eq!(works(&told), [(0, 6), (0, 7)]);
    // Long polls of before are no news, but a new tip ends a pause.
    watch.wish += 1;
    watch.due = Instant::now() + LAST_WAIT;
    watch.waited(0, (1, 3), WaitEnd::Given(Box::new(given(7)))).unwrap();
    assert!(watch.due > Instant::now());
    watch.waited(0, (1, 3), WaitEnd::Given(Box::new(given(8)))).unwrap();
    assert!(watch.due <= Instant::now() && works(&told).is_empty());
}

#[test]
fn a_preferred_node_is_tried_beside_the_mining() {
    let (mut watch, told) = watch(3);
    watch.act(Instant::now()).unwrap();
    watch.failed(0, NodeError::Passing("away".into())).unwrap();
    watch.act(Instant::now()).unwrap();
    gave(&mut watch, 1, (0, 0), 5);
    watch.nodes[0].is_asked = false;
    watch.prefer_due = Instant::now();
    watch.act(Instant::now()).unwrap();
    assert!(watch.nodes[0].is_asked && !watch.nodes[2].is_asked && watch.current == Some(1));
    // It is still away, which was said; then it is back. The third comes too late for anything.
    watch.failed(0, NodeError::Passing("away".into())).unwrap();
    assert_eq!(watch.current, Some(1));
    gave(&mut watch, 2, (0, 1), 6);
    gave(&mut watch, 0, (0, 1), 6);
    assert_eq!(watch.current, Some(0));
    let told: Vec<_> = told.try_iter().collect();
    let is_work = |news: &&News| matches!(news, News::Work { .. });
    assert_eq!((told.len(), told.iter().filter(is_work).count()), (3, 2), "one trouble, and no idleness");
}

#[test]
fn the_others_are_asked_before_it_is_said_that_none_gives_work() {
    let (mut watch, told) = watch(2);
    watch.act(Instant::now()).unwrap();
    gave(&mut watch, 0, (0, 0), 5);
    watch.failed(0, NodeError::Lasting("wrong password".into())).unwrap();
    watch.act(Instant::now()).unwrap();
    assert!(watch.nodes[1].is_asked && watch.current.is_none());
    watch.nodes[1].is_asked = false;
    watch.failed(1, NodeError::Passing("away".into())).unwrap();
    watch.act(Instant::now()).unwrap();
    let told: Vec<_> = told.try_iter().collect();
    assert!(matches!(&told[..], [News::Work { .. }, News::Trouble(first), News::Trouble(_), News::Idle(_)]
            if first.contains("wrong password") && first.contains("again")));
    // It is asked again, but not in every round.
    assert!(!watch.may_be_asked(0, Instant::now()) && watch.may_be_asked(0, Instant::now() + LASTING));
}
