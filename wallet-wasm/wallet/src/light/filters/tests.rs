use super::*;
use crate::light::maker::{Maker, payment};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::merkle::merkle_root;
use proptest::prelude::*;

fn script(n: u8) -> Script {
    Script([&[0x00, 0x14][..], &[n; 20]].concat())
}

/// A chain in which block 4 spends from blocks 1 and 3 and from itself.
fn maker() -> Maker {
    let mut maker = Maker::regtest(2);
    let coin = |maker: &Maker, height: usize| OutPoint {
        txid: maker.blocks[height].transactions[0].txid(),
        vout: 0,
    };
    let first = payment(coin(&maker, 1), &[script(1), script(2)]);
    let first_id = first.compute_txid();
    maker.mine(vec![first]);
    let second = payment(OutPoint { txid: first_id, vout: 1 }, &[script(3)]);
    let second_id = second.compute_txid();
    let third = payment(OutPoint { txid: second_id, vout: 0 }, &[script(4)]);
    let fourth = payment(coin(&maker, 2), &[script(5)]);
    maker.mine(vec![second, third, fourth]);
    maker
}

#[test]
fn files_and_their_filters() {
    let maker = Maker::regtest(1205);
    let first = maker.filter_file(0).unwrap();
    let filters = parse_file(&first).unwrap();
    assert_eq!(filters.len(), 1000);
    let second = maker.filter_file(1).unwrap();
    assert_eq!(parse_file(&second).unwrap().len(), 206);
    let headers = parse_header_file(&maker.filter_header_file(0).unwrap()).unwrap();
    assert_eq!(headers, maker.filter_headers);
    for height in [0, 1, 999] {
        let below = if height == 0 { HEADER_BEFORE_GENESIS } else { headers[height - 1] };
        let hash = maker.headers[height].hash();
        let check = |bytes: &[u8]| check_filter(height as u32, hash, bytes, &below, &headers[height]);
        assert!(check(filters[height]).is_ok());
        assert_eq!(check(filters[(height + 1) % 1000]), Err(FilterFault::OtherFilter(height as u32)));
        assert_eq!(check(&[0]), Err(FilterFault::OtherFilter(height as u32)), "an empty filter hides all");
    }
    // A filter header that commits to rubbish.
    let rubbish = [5, 1, 2];
    let header = chaincore_consensus::filter::filter_header(
        &chaincore_consensus::filter::filter_hash(&rubbish),
        &headers[4],
    );
    let checked = check_filter(5, maker.headers[5].hash(), &rubbish, &headers[4], &header);
    assert!(matches!(checked, Err(FilterFault::NoFilter(5, _))));
}

#[test]
fn malformed_files() {
    let malformed = |bytes: &[u8]| matches!(parse_file(bytes), Err(FilterFault::Malformed(_)));
    assert_eq!(parse_file(&[]), Ok(vec![]));
    assert_eq!(parse_file(&[1, 0, 0, 0, 9]), Ok(vec![&[9][..]]));
    for bytes in [&[1][..], &[1, 0, 0, 0], &[0xff; 4], &[0xff; 40], &[0; 4 * 1001]] {
        assert!(malformed(bytes), "{bytes:?}");
    }
    assert!(parse_header_file(&[0; 33]).is_err());
    assert!(parse_header_file(&[0; 32 * 2001]).is_err());
    assert_eq!(parse_header_file(&[7; 64]), Ok(vec![Hash256([7; 32]); 2]));
}

#[test]
fn blocks_prove_themselves() {
    let maker = maker();
    let block = &maker.blocks[4];
    let (hash, bytes) = (block.hash(), block.to_bytes());
    assert_eq!(read_block(&hash, &bytes).as_ref(), Ok(block.as_ref()));
    let other = Err(FilterFault::OtherBlock(hash));
    assert_eq!(read_block(&hash, &maker.blocks[3].to_bytes()), other);
    assert_eq!(read_block(&hash, &bytes[..bytes.len() - 1]), other);
    assert_eq!(read_block(&hash, &[]), other);
    // A transaction left out, changed, or told twice (which has the same root when the count is odd).
    let mut without = block.as_ref().clone();
    without.transactions.pop();
    assert_eq!(read_block(&hash, &without.to_bytes()), other);
    let mut odd = without.clone();
    odd.header.merkle_root = block_merkle_root(&odd).0;
    assert!(read_block(&odd.hash(), &odd.to_bytes()).is_ok());
    let hash = odd.hash();
    odd.transactions.push(odd.transactions[2].clone());
    let leaves: Vec<Hash256> = odd.transactions.iter().map(|tx| Hash256(tx.txid().0)).collect();
    assert_eq!(merkle_root(&leaves).0, odd.header.merkle_root);
    assert_eq!(read_block(&hash, &odd.to_bytes()), Err(FilterFault::OtherBlock(hash)));
}

#[test]
fn a_dispute_is_settled_by_the_block() {
    let maker = maker();
    let mut settlement = Settlement::new(4, maker.blocks[4].as_ref().clone()).unwrap();
    assert_eq!(settlement.filter(), None);
    let needed: Vec<Txid> = settlement.missing().copied().collect();
    assert_eq!(needed.len(), 2, "what the block makes itself is not asked for");
    assert!(!settlement.put(&maker.blocks[1].transactions[0]), "not asked for");
    for tx in [&maker.blocks[2].transactions[0], &maker.blocks[3].transactions[1]] {
        assert!(settlement.put(tx));
        assert!(!settlement.put(tx));
    }
    let truth = settlement.filter().unwrap();
    assert_eq!(truth.as_bytes(), maker.filters[4]);
    assert_eq!(settlement.header(Some(&maker.filter_headers[3])), Some(maker.filter_headers[4]));
    assert_eq!(settlement.header(None).unwrap(), truth.header(&HEADER_BEFORE_GENESIS));
    // What can be said without the spent outputs.
    assert!(!lacks_an_output(&truth, &maker.blocks[4]));
    let hiding = BasicFilter::build(maker.blocks[4].hash(), [&script(4)[..], &[0x51]]);
    assert!(lacks_an_output(&hiding, &maker.blocks[4]));
}

#[test]
fn differences() {
    let list = |seeds: &[u8]| -> Vec<Hash256> { seeds.iter().map(|seed| Hash256([*seed; 32])).collect() };
    assert_eq!(first_difference(10, &list(&[1, 2, 3]), &list(&[1, 2, 3])), None);
    assert_eq!(first_difference(10, &list(&[1, 2, 3]), &list(&[1, 9, 3])), Some(11));
    assert_eq!(first_difference(10, &list(&[1, 2, 3]), &list(&[1, 2])), None);
    assert_eq!(first_difference(10, &list(&[]), &list(&[1, 2])), None);
}

proptest! {
    #[test]
    fn any_bytes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_file(&bytes);
        let _ = parse_header_file(&bytes);
        prop_assert!(read_block(&BlockHash([1; 32]), &bytes).is_err());
    }

    #[test]
    fn files_come_back(filters in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..40)) {
        let file: Vec<u8> = filters
            .iter()
            .flat_map(|filter| [&(filter.len() as u32).to_le_bytes()[..], filter].concat())
            .collect();
        let parsed = parse_file(&file).unwrap();
        prop_assert_eq!(parsed, filters.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
}
