use super::*;
use chaincore_consensus::Hash256;

fn header(previous: BlockHash, salt: u32) -> Header {
    Header { version: 1, previous, merkle_root: Hash256::ZERO, time: salt, bits: 0x207f_ffff, nonce: salt }
}

fn grow(tree: &mut BlockTree, from: &Arc<BlockEntry>, count: u32, salt: u32) -> Vec<Arc<BlockEntry>> {
    let mut entries: Vec<Arc<BlockEntry>> = vec![];
    for n in 0..count {
        let parent = entries.last().unwrap_or(from).clone();
        let header = header(parent.hash(), salt + n);
        entries.push(tree.insert(header.hash(), header, &parent));
    }
    entries
}

/// A tree whose first blocks have bodies.
fn tree(bodies: u32) -> (BlockTree, Vec<Arc<BlockEntry>>) {
    let mut tree = BlockTree::new(header(BlockHash::ZERO, 0));
    let genesis = tree.genesis();
    let mut main = vec![genesis.clone()];
    main.extend(grow(&mut tree, &genesis, bodies, 1));
    for entry in &main {
        tree.body_stored(entry, FilePos { file: 0, offset: 8 }, 1, None);
    }
    assert_eq!(tree.waiting(), 0);
    (tree, main)
}

#[test]
fn headers_without_blocks_are_forgotten_and_may_come_back() {
    let (mut tree, main) = tree(10);
    let before = tree.next_id();
    let good = grow(&mut tree, &main[10], 50, 1_000);
    let junk = grow(&mut tree, &main[3], 200, 2_000);
    let twig = grow(&mut tree, &good[20], 30, 3_000);
    assert_eq!(tree.waiting(), 280);
    assert_eq!(tree.best_header().hash(), junk[199].hash());
    tree.clean();
    let unstored = grow(&mut tree, &junk[199], 5, 4_000);
    let next = tree.next_id();

    assert_eq!(tree.forget_waiting(&[good[40].clone(), main[4].clone()]), 200 + 5 + 30 + 9);
    assert_eq!(tree.waiting(), 41);
    assert_eq!(tree.best_header().hash(), good[40].hash());
    for gone in junk.iter().chain(&unstored).chain(&twig).chain(&good[41..]) {
        assert!(tree.get(&gone.hash()).is_none());
    }
    for kept in main.iter().chain(&good[..41]) {
        assert!(tree.get(&kept.hash()).is_some());
    }
    let tips = |tree: &BlockTree, upto| {
        let tips = tree.read().tips(upto);
        tips.iter().map(|tip| tip.hash()).collect::<Vec<_>>()
    };
    assert_eq!(tips(&tree, next), [good[40].hash()]);
    assert_eq!(tips(&tree, before), [main[10].hash()]);
    // What was never stored need not be removed from the store, nor what has come back.
    assert_eq!(tree.forgotten().len(), 200 + 30 + 9);
    let again = tree.insert(junk[0].hash(), *junk[0].header(), &main[3]);
    assert!(again.id() >= next, "numbers are not given twice");
    assert_eq!(tree.forgotten().len(), 200 + 30 + 8);
    assert!(!tree.forgotten().contains(&again.hash()));
    assert_eq!(tree.dirty_records().len(), 1);
    // Forgotten anew, its record in the store is still to go.
    assert_eq!(tree.forget_waiting(&[good[40].clone()]), 1);
    assert_eq!(tree.forgotten().len(), 200 + 30 + 9);
    assert!(tree.is_dirty());
    tree.clean();
    assert!(!tree.is_dirty() && tree.forgotten().is_empty());
}

#[test]
fn a_body_above_a_gap_goes_with_its_header() {
    let (mut tree, main) = tree(2);
    let branch = grow(&mut tree, &main[2], 6, 50);
    for (n, entry) in (1..).zip([&branch[1], &branch[5]]) {
        tree.body_stored(entry, FilePos { file: 0, offset: 100 * n }, 1, None);
    }
    assert_eq!(tree.waiting(), 6);
    assert_eq!(tree.forget_waiting(&[branch[3].clone()]), 2);
    // The one that stayed is linked once the gap is closed; then the gap above keeps nothing.
    tree.body_stored(&branch[0], FilePos { file: 0, offset: 900 }, 1, None);
    assert_eq!((branch[1].chain_tx(), branch[2].chain_tx()), (5, 0));
    assert_eq!(tree.waiting(), 2);
    assert_eq!(tree.forget_waiting(&[]), 2);
    assert!(tree.unlinked.is_empty());
    let records: Vec<_> =
        main.iter().chain(&branch[..2]).map(|entry| (entry.hash(), entry.record())).collect();
    let (loaded, orphans) = BlockTree::load(*main[0].header(), records);
    assert_eq!((loaded.waiting(), orphans.len()), (0, 0));
    assert_eq!(loaded.best_header().hash(), branch[1].hash());
}
