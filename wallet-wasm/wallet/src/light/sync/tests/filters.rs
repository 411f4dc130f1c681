//! Lies about filters.

use super::*;

fn sync_with(nodes: &[&Server]) -> (Ledger, Sync) {
    let mut ledger = ledger();
    let mut sync = client(nodes[0], Mode::Filters, nodes.len());
    run(&mut sync, &mut ledger, nodes, nodes[0].maker.now());
    (ledger, sync)
}

/// The filter of the block with the first two payments, at height 21, is another.
#[test]
fn a_filter_that_does_not_fit_its_header() {
    let (server, txids) = story();
    let liar = server.lying(&[Lie::Filter(21)], &ledger());
    // Alone: the block is read instead.
    let (first, alone) = sync_with(&[&liar]);
    assert!(has(&alone, 0, FaultKind::WrongFilter), "{:?}", alone.faults());
    assert_eq!(alone.faults()[0].subject.height, Some(21));
    assert!(all_proven(&first, &txids) && alone.progress().synced);
    // With another node, that one's filters are used.
    let (second, helped) = sync_with(&[&liar, &server]);
    assert!(has(&helped, 0, FaultKind::WrongFilter));
    assert!(all_proven(&second, &txids) && helped.progress().synced);
}

#[test]
fn a_filter_header_that_hides_a_payment() {
    let (server, txids) = story();
    let liar = server.lying(&[Lie::FilterHeader(21)], &ledger());
    for nodes in [[&liar, &server], [&server, &liar]] {
        let (ledger, sync) = sync_with(&nodes);
        let at = nodes.iter().position(|node| std::ptr::eq(*node, &liar)).unwrap();
        assert!(has(&sync, at, FaultKind::WrongFilterHeader), "{:?}", sync.faults());
        assert!(!has(&sync, 1 - at, FaultKind::WrongFilterHeader));
        assert!(all_proven(&ledger, &txids) && sync.progress().synced, "{:?}", sync.progress());
    }
    // What blocks spend is part of their filters, too: block 27 has the wallet's spending.
    let liar = server.lying(&[Lie::FilterHeader(27)], &ledger());
    let (ledger, sync) = sync_with(&[&liar, &server]);
    assert!(has(&sync, 0, FaultKind::WrongFilterHeader));
    assert!(all_proven(&ledger, &txids));
}

/// One node alone that lies consistently is caught when a block is read by chance; then no filter of it is used.
#[test]
fn a_consistent_lie_is_found_by_chance() {
    let (server, txids) = story();
    let lies: Vec<Lie> = (1..=130).map(Lie::FilterHeader).collect();
    let liar = server.lying(&lies, &ledger());
    // Filters of made-up content in every block but those that pay to OP_1 only.
    let (ledger, sync) = sync_with(&[&liar]);
    if has(&sync, 0, FaultKind::WrongFilterHeader) {
        assert!(all_proven(&ledger, &txids) && sync.progress().synced, "{:?}", sync.progress());
    } else {
        // The block that was looked at pays to OP_1 alone, as the made-up filter says.
        assert!(ledger.txs().count() < txids.len());
    }
}

#[test]
fn blocks_that_are_others() {
    let (server, txids) = story();
    let liar = server.lying(&[Lie::Block], &ledger());
    let (first, alone) = sync_with(&[&liar]);
    assert!(has(&alone, 0, FaultKind::WrongBlock));
    assert_eq!(first.txs().count(), 0);
    assert!(!alone.progress().synced);
    let (second, helped) = sync_with(&[&liar, &server]);
    assert!(all_proven(&second, &txids), "{:?}", helped.faults());
}

#[test]
fn a_node_without_filters() {
    let (server, txids) = story();
    let without = server.lying(&[Lie::NoFilters], &ledger());
    let (first, alone) = sync_with(&[&without]);
    assert!(has(&alone, 0, FaultKind::NoFilters) && !alone.progress().synced);
    assert_eq!(first.txs().count(), 0);
    let (second, helped) = sync_with(&[&without, &server]);
    assert!(all_proven(&second, &txids) && helped.progress().synced);
}
