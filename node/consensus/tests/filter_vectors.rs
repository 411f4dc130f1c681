//! Basic filters against BIP158's vectors, and against the `bitcoin` crate's in both directions.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod vectors;

use bitcoin::bip158;
use bitcoin::hashes::Hash;
use chaincore_consensus::codec::Decode;
use chaincore_consensus::filter::{BasicFilter, HEADER_BEFORE_GENESIS, filter_hash, filter_header};
use chaincore_consensus::{Block, BlockHash, Hash256};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::cell::RefCell;

#[test]
fn every_vector_of_bip158() {
    let rows = vectors::load("blockfilters.json");
    let rows = &rows.as_array().unwrap()[1..];
    assert!(rows.len() >= 10);
    for row in rows {
        let hash: BlockHash = row[1].as_str().unwrap().parse().unwrap();
        let block = Block::decode_exact(&vectors::bytes(&row[2])).unwrap();
        assert_eq!(block.hash(), hash);
        let spent: Vec<Vec<u8>> = row[3].as_array().unwrap().iter().map(vectors::bytes).collect();
        let previous: Hash256 = row[4].as_str().unwrap().parse().unwrap();
        let header: Hash256 = row[6].as_str().unwrap().parse().unwrap();
        let filter = BasicFilter::of_block(&block, spent.iter().map(Vec::as_slice));
        assert_eq!(filter.as_bytes(), vectors::bytes(&row[5]), "{}", row[7]);
        assert_eq!(filter.header(&previous), header);
        assert_eq!(filter_header(&filter_hash(filter.as_bytes()), &previous), header);
        assert_eq!(BasicFilter::decode(hash, vectors::bytes(&row[5])), Ok(filter.clone()));
        if row[0] == 0 {
            assert_eq!(previous, HEADER_BEFORE_GENESIS);
        }
        for script in spent.iter().filter(|script| !script.is_empty()) {
            assert!(filter.matches(script));
        }
        let theirs: bitcoin::Block = bitcoin::consensus::deserialize(&vectors::bytes(&row[2])).unwrap();
        let spent = RefCell::new(spent.iter());
        let next = |_: &bitcoin::OutPoint| {
            let script = spent.borrow_mut().next().unwrap();
            Ok(bitcoin::ScriptBuf::from_bytes(script.clone()))
        };
        let theirs = bip158::BlockFilter::new_script_filter(&theirs, next).unwrap();
        assert_eq!(theirs.content, filter.as_bytes());
    }
}

/// Asks the `bitcoin` crate whether any of `scripts` is in a filter.
fn theirs_matches(block: BlockHash, filter: &[u8], scripts: &[Vec<u8>]) -> bool {
    let filter = bip158::BlockFilter::new(filter);
    let block = bitcoin::BlockHash::from_byte_array(block.0);
    filter.match_any(&block, scripts.iter().map(Vec::as_slice)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(3),
        ..ProptestConfig::default()
    })]

    #[test]
    fn ours_and_theirs_build_and_match_alike(
        hash: [u8; 32],
        inside in btree_set(vec(any::<u8>(), 1..40), 0..300),
        outside in vec(vec(any::<u8>(), 1..40), 1..50),
    ) {
        let block = BlockHash(hash);
        let inside: Vec<Vec<u8>> = inside.into_iter().collect();
        let ours = BasicFilter::build(block, inside.iter().map(Vec::as_slice));
        prop_assert_eq!(ours.len() as usize, inside.len());
        let mut bytes = vec![];
        let (k0, k1) = hash[..16].split_at(8);
        let half = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
        let mut writer = bip158::GcsFilterWriter::new(&mut bytes, half(k0), half(k1), 784_931, 19);
        inside.iter().for_each(|script| writer.add_element(script));
        writer.finish().unwrap();
        prop_assert_eq!(&bytes, ours.as_bytes());
        let decoded = BasicFilter::decode(block, bytes.clone());
        prop_assert_eq!(decoded.as_ref(), Ok(&ours));

        // No false negative, alone or among others.
        for script in &inside {
            prop_assert!(ours.matches(script));
            prop_assert!(ours.matches_any(outside.iter().chain([script]).map(Vec::as_slice)));
        }
        if !inside.is_empty() {
            prop_assert!(theirs_matches(block, ours.as_bytes(), &inside[..1]));
        }
        prop_assert_eq!(
            ours.matches_any(outside.iter().map(Vec::as_slice)),
            theirs_matches(block, ours.as_bytes(), &outside)
        );
        prop_assert!(!ours.matches_any([]));
    }

    #[test]
    fn spoiled_filters_are_refused_or_are_filters(
        hash: [u8; 32],
        inside in btree_set(vec(any::<u8>(), 1..10), 0..60),
        at in any::<proptest::sample::Index>(),
        bit in 0u8..8,
        cut in any::<Option<proptest::sample::Index>>(),
    ) {
        let block = BlockHash(hash);
        let mut bytes = BasicFilter::build(block, inside.iter().map(Vec::as_slice)).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(filter) = BasicFilter::decode(block, bytes.clone()) {
            prop_assert_eq!(filter.as_bytes(), &bytes[..]);
            filter.matches(b"anything");
        }
    }
}
