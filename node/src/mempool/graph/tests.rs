use super::*;

fn id(n: u8) -> Txid {
    Txid([n; 32])
}

fn candidate(n: u8, fee: i64, parents: &[u8]) -> Candidate {
    let rate = FeeWeight { fee, weight: 400 };
    Candidate { txid: id(n), rate, parents: parents.iter().map(|n| id(*n)).collect() }
}

fn graph(list: &[(u8, i64, &[u8])]) -> TxGraph {
    let mut graph = TxGraph::default();
    for (n, fee, parents) in list {
        graph.add(candidate(*n, *fee, parents), &[]);
        graph.settle();
    }
    graph
}

fn order_of(graph: &TxGraph) -> Vec<u8> {
    graph.best_first().flat_map(|chunk| &chunk.txids).map(|txid| txid.0[0]).collect()
}

#[test]
fn the_best_chunk_comes_first_and_the_worst_goes_first() {
    let mut graph = graph(&[(1, 100, &[]), (2, 900, &[1]), (3, 400, &[]), (4, 50, &[3])]);
    assert_eq!(order_of(&graph), [1, 2, 3, 4]);
    assert_eq!(graph.worst_chunk().unwrap().txids, [id(4)]);
    graph.set_fee(&id(4), 10_000);
    assert_eq!(order_of(&graph), [3, 4, 1, 2]);
    assert_eq!(graph.worst_chunk().unwrap().txids, [id(1), id(2)]);
    assert_eq!(graph.ancestors(&id(2)), [id(2), id(1)]);
    assert_eq!(graph.descendants(&id(1)), [id(1), id(2)]);
}

#[test]
fn removing_a_parent_splits_a_cluster() {
    let mut graph = graph(&[(1, 10, &[]), (2, 20, &[1]), (3, 30, &[1])]);
    assert_eq!(graph.count_clusters(&[id(1), id(2), id(3)]), 1);
    graph.remove(&id(1));
    graph.settle();
    assert_eq!(graph.count_clusters(&[id(1), id(2), id(3)]), 2);
    assert_eq!(order_of(&graph), [3, 2]);
    graph.remove(&id(3));
    graph.remove(&id(2));
    graph.settle();
    assert!(graph.worst_chunk().is_none());
}

#[test]
fn skipping_a_chunk_skips_what_may_depend_on_it() {
    let graph = graph(&[(1, 900, &[]), (2, 800, &[1]), (3, 400, &[])]);
    let mut chunks = graph.best_first();
    assert_eq!(chunks.next().unwrap().txids, [id(1)]);
    chunks.skip_cluster();
    assert_eq!(chunks.next().unwrap().txids, [id(3)]);
    assert!(chunks.next().is_none());
}

#[test]
fn a_preview_shows_only_what_it_touches_and_holds_the_limits() {
    let graph = graph(&[(1, 100, &[]), (2, 50, &[1]), (9, 7, &[])]);
    let change = graph.preview(&HashSet::from([id(2)]), &[candidate(3, 300, &[1])], ClusterLimits::default());
    let rate = |fee, weight| FeeWeight { fee, weight };
    assert_eq!(
        change,
        Some(Change { before: vec![rate(100, 400), rate(50, 400)], after: vec![rate(400, 800)] })
    );
    let limits = ClusterLimits { count: 2, vsize: 1000 };
    assert!(graph.preview(&HashSet::new(), &[candidate(3, 300, &[1])], limits).is_none());
    assert!(
        !graph.fits(&[candidate(3, 300, &[1])], limits) && graph.fits(&[candidate(3, 300, &[9])], limits)
    );
    assert!(graph.preview(&HashSet::from([id(2)]), &[candidate(3, 300, &[1])], limits).is_some());
    let limits = ClusterLimits { count: 9, vsize: 199 };
    assert!(graph.preview(&HashSet::from([id(2)]), &[candidate(3, 300, &[1])], limits).is_none());
}

#[test]
fn a_late_parent_links_its_children_and_excess_goes() {
    let mut graph = graph(&[(2, 20, &[]), (3, 30, &[]), (4, 40, &[3])]);
    graph.add(candidate(1, 10, &[]), &[id(2), id(3)]);
    let excess = graph.excess(ClusterLimits { count: 3, vsize: 101_000 });
    assert_eq!(excess, [id(2)], "the best that fit stay");
    for txid in excess {
        graph.remove(&txid);
    }
    graph.settle();
    assert_eq!(graph.cluster(&id(1)).iter().map(|chunk| chunk.txids.len()).sum::<usize>(), 3);
    assert_eq!(graph.parents(&id(3)), [id(1)]);
}

/// After any changes, the graph is what it would be if it had been made at once.
#[test]
fn changes_leave_no_traces() {
    let mut state = 7u64;
    let mut roll = |sides: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    };
    let mut graph = TxGraph::default();
    let mut alive: Vec<(u8, i64, Vec<u8>)> = Vec::new();
    for n in 1..=200u8 {
        if alive.len() > 12 || (roll(3) == 0 && !alive.is_empty()) {
            let (gone, ..) = alive.remove(roll(alive.len() as u64) as usize);
            graph.remove(&id(gone));
            alive.iter_mut().for_each(|(_, _, parents)| parents.retain(|parent| *parent != gone));
        } else {
            let parents: Vec<u8> = alive.iter().filter(|_| roll(4) == 0).map(|(n, ..)| *n).collect();
            let fee = roll(1000) as i64;
            let change =
                graph.preview(&HashSet::new(), &[candidate(n, fee, &parents)], ClusterLimits::default());
            assert!(change.is_some());
            graph.add(candidate(n, fee, &parents), &[]);
            alive.push((n, fee, parents));
        }
        graph.settle();
        let mut fresh = TxGraph::default();
        for (n, fee, parents) in &alive {
            fresh.add(candidate(*n, *fee, parents), &[]);
        }
        fresh.settle();
        assert_eq!(order_of(&graph), order_of(&fresh));
        assert_eq!(graph.worst_chunk(), fresh.worst_chunk());
        assert_eq!(graph.clusters.len(), fresh.clusters.len());
    }
}
