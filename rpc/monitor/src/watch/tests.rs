//! Who agrees with whom, and what happened.

use super::testing::{block, down, facts, look, up};
use super::*;

fn watch(names: &[&str]) -> Watch {
    Watch::new(names.iter().map(|name| format!("http://{name}:5000")), Patience::default())
}

fn standings(watch: &Watch) -> Vec<String> {
    watch.nodes.iter().map(|node| node.standing().word()).collect()
}

#[test]
fn nodes_with_one_tip_agree() {
    let mut watch = watch(&["n0", "n1"]);
    assert!(watch.is_open());
    watch.take(&look(0, vec![up(facts("n0", 'a', 0, 7)), up(facts("n1", 'a', 0, 7))]));
    assert_eq!((standings(&watch), watch.verdict()), (vec!["agrees".into(), "agrees".into()], Verdict::Good));
    assert!(!watch.is_open());
}

#[test]
fn a_block_on_its_way_is_no_alarm_but_one_that_does_not_come_is() {
    let mut watch = watch(&["n0", "n1"]);
    let both = |second| look(second, vec![up(facts("n0", 'a', 0, 8)), up(facts("n1", 'a', 0, 7))]);
    watch.take(&both(0));
    assert_eq!(
        (watch.nodes[1].standing(), watch.verdict()),
        (&Standing::Lagging { blocks: 1 }, Verdict::Good)
    );
    assert!(watch.is_open());
    watch.take(&both(9));
    assert_eq!(watch.verdict(), Verdict::Good);
    let events = watch.take(&both(10));
    assert_eq!(
        (watch.nodes[1].standing(), watch.verdict()),
        (&Standing::Behind { blocks: 1 }, Verdict::Behind)
    );
    assert_eq!(events.len(), 1, "{events:?}");
    watch.take(&both(61));
    assert!(matches!(watch.nodes[1].standing(), Standing::Stalled { blocks: 1, seconds: 61 }));
    // One that moves is behind, not stalled.
    watch.take(&look(70, vec![up(facts("n0", 'a', 0, 20)), up(facts("n1", 'a', 0, 9))]));
    assert_eq!(watch.nodes[1].standing(), &Standing::Behind { blocks: 11 });
    let events = watch.take(&look(71, vec![up(facts("n0", 'a', 0, 20)), up(facts("n1", 'a', 0, 20))]));
    assert_eq!((watch.verdict(), events[0].what.words().as_str()), (Verdict::Good, "now: agrees"));
}

#[test]
fn different_blocks_at_one_height_are_a_race_and_then_a_disagreement() {
    let mut watch = watch(&["n0", "n1", "n2"]);
    let seen = |second| {
        look(second, vec![up(facts("n0", 'a', 0, 7)), up(facts("n1", 'b', 4, 6)), up(facts("n2", 'a', 0, 6))])
    };
    watch.take(&seen(0));
    assert_eq!(watch.nodes[1].standing(), &Standing::Race { fork_height: Some(4), own: 2 });
    assert_eq!(watch.nodes[2].standing(), &Standing::Lagging { blocks: 1 });
    watch.take(&seen(10));
    assert_eq!(watch.nodes[1].standing(), &Standing::Disagrees { fork_height: Some(4), own: 2 });
    assert_eq!((watch.verdict(), watch.branches_at(5), watch.branches_at(4)), (Verdict::Broken, 2, 1));
    // It gives up its two blocks: a reorg, and the end of the disagreement.
    let all = vec![up(facts("n0", 'a', 0, 7)), up(facts("n1", 'a', 0, 7)), up(facts("n2", 'a', 0, 7))];
    let events = watch.take(&look(12, all));
    let reorg = Happening::Reorg { fork_height: Some(4), depth: 2 };
    assert!(events.iter().any(|event| event.node == Some(1) && event.what == reorg), "{events:?}");
    assert_eq!((watch.verdict(), watch.nodes[1].reorgs, watch.nodes[1].deepest_reorg), (Verdict::Good, 1, 2));
}

#[test]
fn a_race_that_ends_in_time_is_forgotten() {
    let mut watch = watch(&["n0", "n1"]);
    for second in [0, 8, 16, 24] {
        let other = if second % 16 == 0 { facts("n1", 'b', 4, 5) } else { facts("n1", 'a', 0, 5) };
        watch.take(&look(second, vec![up(facts("n0", 'a', 0, 5)), up(other)]));
        assert_eq!(watch.verdict(), Verdict::Good, "after {second} s");
    }
}

#[test]
fn a_fork_deeper_than_what_is_listed_is_a_fork_all_the_same() {
    let mut watch = watch(&["n0", "n1"]);
    let seen = |second| look(second, vec![up(facts("n0", 'a', 0, 500)), up(facts("n1", 'b', 100, 500))]);
    watch.take(&seen(0));
    watch.take(&seen(10));
    assert!(matches!(watch.nodes[1].standing(), Standing::Disagrees { fork_height: None, .. }));
    // Far behind, and nothing to compare with: behind is all that can be said ...
    let mut watch = self::watch(&["n0", "n1"]);
    let far = facts("n1", 'b', 10, 50);
    watch.take(&look(0, vec![up(facts("n0", 'a', 0, 500)), up(far.clone())]));
    assert_eq!(watch.nodes[1].standing(), &Standing::Lagging { blocks: 450 });
    // ... until the best node tells its block at that height.
    let mut best = facts("n0", 'a', 0, 500);
    best.recent.insert(0, facts("n0", 'a', 0, 50).recent[49].clone());
    watch.take(&look(1, vec![up(best), up(far)]));
    assert!(matches!(watch.nodes[1].standing(), Standing::Race { fork_height: None, .. }));
}

#[test]
fn a_node_that_goes_and_comes_is_told_about() {
    let mut watch = watch(&["n0", "n1"]);
    watch.take(&look(0, vec![up(facts("n0", 'a', 0, 7)), up(facts("n1", 'a', 0, 7))]));
    let events = watch.take(&look(2, vec![up(facts("n0", 'a', 0, 7)), down("n1", "connection refused")]));
    assert_eq!((watch.verdict(), events.len()), (Verdict::Behind, 1));
    assert_eq!(events[0].what, Happening::Down { reason: "connection refused".into() });
    let again = look(4, vec![up(facts("n0", 'a', 0, 7)), down("n1", "connection refused")]);
    assert_eq!(watch.take(&again), []);
    let mut restarted = facts("n1", 'a', 0, 7);
    restarted.instance = "another".into();
    let events = watch.take(&look(6, vec![up(facts("n0", 'a', 0, 7)), up(restarted)]));
    let words: Vec<_> = events.iter().map(|event| event.what.words()).collect();
    assert_eq!((words, watch.verdict()), (vec!["answers".into(), "was restarted".into()], Verdict::Good));
    // Nobody answers.
    watch.take(&look(8, vec![down("n0", "gone"), down("n1", "gone")]));
    assert_eq!((standings(&watch), watch.verdict()), (vec!["UNREACHABLE".into(); 2], Verdict::Behind));
}

#[test]
fn another_chain_is_a_disagreement_at_once_and_the_few_are_the_ones_that_differ() {
    let mut watch = watch(&["n0", "n1", "n2"]);
    let mut other = facts("n0", 'a', 0, 9000);
    other.genesis_hash = testing::hash('x', 0);
    watch.take(&look(0, vec![up(other), up(facts("n1", 'a', 0, 7)), up(facts("n2", 'a', 0, 7))]));
    assert_eq!(standings(&watch), ["OTHER CHAIN", "agrees", "agrees"]);
    assert_eq!(watch.verdict(), Verdict::Broken);
}

#[test]
fn blocks_are_told_once_and_memory_is_bounded() {
    let mut watch = watch(&["n0"]);
    let mut old = look(0, vec![up(facts("n0", 'a', 0, 6))]);
    old.blocks.push(block('a', 6, "alice"));
    assert_eq!(watch.take(&old).len(), 1, "the node came, its blocks were there");
    let mut seen = look(1, vec![up(facts("n0", 'a', 0, 7))]);
    seen.blocks.push(block('a', 7, "alice"));
    let blocks = |events: Vec<Event>| {
        events.iter().filter(|event| matches!(event.what, Happening::Block { .. })).count()
    };
    let first = watch.take(&seen);
    assert_eq!(blocks(first), 1);
    let again = watch.take(&seen);
    assert_eq!(blocks(again), 0);
    assert_eq!(watch.last_blocks(1)[0].2.map(|block| block.miner.payee.as_str()), Some("alice"));
    for height in (8..5000).step_by(60) {
        let mut seen = look(u64::from(height), vec![up(facts("n0", 'a', 0, height))]);
        seen.blocks.extend((height.saturating_sub(59)..=height).map(|height| block('a', height, "bob")));
        watch.take(&seen);
    }
    assert!(watch.blocks.len() <= BLOCKS_KEPT && watch.nodes[0].chain.len() <= HASHES_KEPT);
    assert_eq!(watch.events.len(), EVENTS_KEPT);
}

#[test]
fn a_chain_that_got_shorter_was_reorganised() {
    let mut watch = watch(&["n0"]);
    watch.take(&look(0, vec![up(facts("n0", 'a', 0, 9))]));
    let events = watch.take(&look(2, vec![up(facts("n0", 'a', 0, 6))]));
    assert_eq!(events[0].what, Happening::Reorg { fork_height: Some(6), depth: 3 });
    // Down to genesis, which is not listed.
    let mut genesis = facts("n0", 'a', 0, 0);
    genesis.hash = genesis.genesis_hash.clone();
    let events = watch.take(&look(4, vec![up(genesis)]));
    assert_eq!(events[0].what, Happening::Reorg { fork_height: Some(0), depth: 6 });
}
