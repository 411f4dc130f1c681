use super::*;

fn cursor(height: u32) -> Option<Cursor> {
    Some(Cursor { height, hash: BlockHash([height as u8; 32]) })
}

fn keys(entries: Vec<Entry>) -> Vec<Vec<u8>> {
    entries.into_iter().map(|(key, _)| key).collect()
}

#[test]
fn batches_and_cursor_survive_together() {
    let folder = tempfile::tempdir().unwrap();
    let open = || IndexDb::open(folder.path(), 1 << 20).unwrap();
    let index = open();
    assert_eq!(index.cursor().unwrap(), None);
    let mut batch = IndexBatch::new();
    batch.put("a", "1");
    batch.put("b", "2");
    batch.remove("b");
    assert_eq!((batch.len(), batch.is_empty()), (3, false));
    index.apply(&batch, cursor(7)).unwrap();
    assert_eq!(index.cursor().unwrap(), cursor(7));
    index.flush().unwrap();
    index.close().unwrap();
    let index = open();
    assert_eq!((index.cursor().unwrap(), index.get(b"a").unwrap()), (cursor(7), Some(b"1".to_vec())));
    assert_eq!(index.get(b"b").unwrap(), None);
    index.apply(&IndexBatch::new(), None).unwrap();
    drop(index);
    assert_eq!(open().cursor().unwrap(), None);
}

#[test]
fn scans_in_both_directions_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let index = IndexDb::open(folder.path(), 1 << 20).unwrap();
    let mut batch = IndexBatch::new();
    for prefix in [0u8, 1, 0xfe, 0xff] {
        for n in 0..1000u16 {
            batch.put([&[prefix, 0xff][..], &n.to_be_bytes()].concat(), vec![prefix]);
        }
    }
    batch.put([1], []);
    index.apply(&batch, cursor(1)).unwrap();
    for prefix in [0u8, 1, 0xfe, 0xff] {
        let expected: Vec<Vec<u8>> =
            (0..1000u16).map(|n| [&[prefix, 0xff][..], &n.to_be_bytes()].concat()).collect();
        let mut forward: Vec<Vec<u8>> = Vec::new();
        loop {
            let page =
                keys(index.scan_prefix(&[prefix, 0xff], forward.last().map(Vec::as_slice), 137).unwrap());
            if page.is_empty() {
                break;
            }
            forward.extend(page);
        }
        assert_eq!(forward, expected);
        let mut backward: Vec<Vec<u8>> = Vec::new();
        loop {
            let before = backward.last().map(Vec::as_slice);
            let page = keys(index.scan_prefix_rev(&[prefix, 0xff], before, 137).unwrap());
            if page.is_empty() {
                break;
            }
            backward.extend(page);
        }
        backward.reverse();
        assert_eq!(backward, expected);
    }
    assert_eq!(index.scan_prefix(&[1], None, 1).unwrap(), [(vec![1], vec![])]);
    assert_eq!(index.scan_prefix(&[], None, 10_000).unwrap().len(), 4001);
    assert_eq!(index.scan_prefix_rev(&[], None, 10_000).unwrap().len(), 4001);
    assert_eq!(index.scan_prefix(&[2], None, 10).unwrap(), []);
    assert_eq!(index.scan_prefix_rev(&[0xfd], None, 10).unwrap(), []);
    let bound = [0xff, 0xff, 0, 5];
    assert_eq!(index.range(Bound::Excluded(&bound), Bound::Included(&bound), 10).unwrap(), []);
    assert_eq!(
        keys(index.range_rev(Bound::Unbounded, Bound::Included(&bound), 2).unwrap()),
        [vec![0xff, 0xff, 0, 5], vec![0xff, 0xff, 0, 4]]
    );
}

#[test]
fn a_prefix_ends_where_the_next_begins() {
    assert_eq!(prefix_end(&[1, 2]), Some(vec![1, 3]));
    assert_eq!(prefix_end(&[1, 0xff]), Some(vec![2]));
    assert_eq!(prefix_end(&[0xff, 0xff]), None);
    assert_eq!(prefix_end(&[]), None);
}
