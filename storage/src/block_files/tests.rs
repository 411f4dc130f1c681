use super::*;
use std::io::{Seek, SeekFrom, Write};

const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

fn open(folder: &Path, marks: BTreeMap<u32, FileInfo>) -> BlockFiles {
    BlockFiles::open(folder, MAGIC, marks, 10_000).unwrap()
}

fn block(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| seed.wrapping_mul(31).wrapping_add(at as u8)).collect()
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    [&MAGIC[..], &(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

fn scanned(scan: BlockScan) -> Vec<(u32, Vec<u8>)> {
    scan.map(|block| block.unwrap()).map(|block| (block.pos.offset, block.bytes)).collect()
}

#[test]
fn blocks_and_undo_come_back_over_several_files() {
    let folder = tempfile::tempdir().unwrap();
    let files = open(folder.path(), BTreeMap::new());
    let mut stored = Vec::new();
    for seed in 0..40 {
        let bytes = block(seed, 100 + usize::from(seed) * 50);
        let pos = files.append_block(&bytes).unwrap();
        let previous = BlockHash([seed; 32]);
        let undo = files.append_undo(pos.file, &bytes[..seed.into()], &previous).unwrap();
        stored.push((bytes, pos, undo, previous));
    }
    files.sync().unwrap();
    assert_eq!(stored[0].1, FilePos { file: 0, offset: 8 });
    assert!(files.numbers().unwrap().len() > 3);
    let infos = files.infos();
    assert_eq!(infos.values().map(|info| info.blocks).sum::<u32>(), 40);
    assert!(infos.values().all(|info| info.size <= 10_000));
    // What was appended after the last commit is found again without its marks, and appending goes on behind it.
    for marks in [infos.clone(), BTreeMap::from([(0, infos[&0])])] {
        let files = open(folder.path(), marks);
        for (bytes, pos, ..) in &stored {
            assert_eq!(&files.read_block(*pos).unwrap(), bytes);
            assert_eq!(files.read_block_part(*pos, 7, 80).unwrap(), bytes[7..87]);
            assert!(files.read_block_part(*pos, 7, bytes.len() as u32).is_err());
        }
        assert_eq!(files.infos().values().map(|info| info.blocks).sum::<u32>(), 40);
        let all: Vec<_> =
            files.numbers().unwrap().iter().flat_map(|n| scanned(files.scan(*n, 0).unwrap())).collect();
        assert!(all.iter().map(|(_, bytes)| bytes).eq(stored.iter().map(|(bytes, ..)| bytes)));
        let undo_known = files.infos().get(&1).is_some_and(|info| info.undo_size > 0);
        for (bytes, pos, undo, previous) in &stored {
            if pos.file == 0 || undo_known {
                assert_eq!(files.read_undo(*undo, previous).unwrap(), bytes[..previous.0[0].into()]);
                assert!(files.read_undo(*undo, &BlockHash([0xee; 32])).is_err());
            } else {
                assert!(
                    files.read_undo(*undo, previous).is_err(),
                    "undo data behind the marks is not served"
                );
            }
        }
    }
}

#[test]
fn the_largest_undo_data_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let files = open(folder.path(), BTreeMap::new());
    let previous = BlockHash([1; 32]);
    files.append_block(&block(1, 200)).unwrap();
    // 24,390 inputs that each spend a script of 10,000 bytes.
    let undo = vec![7; 24_390 * 10_020];
    let pos = files.append_undo(0, &undo, &previous).unwrap();
    assert!(files.read_undo(pos, &previous).unwrap() == undo);
    // Positions have 32 bits: what would pass them is refused, not wrapped around.
    files.writer().infos.get_mut(&0).unwrap().undo_size = u32::MAX - 1000;
    assert!(matches!(files.append_undo(0, &[0; 961], &previous), Err(StorageError::TooLarge(961))));
}

#[test]
fn a_torn_end_is_never_served_and_never_built_upon() {
    let folder = tempfile::tempdir().unwrap();
    let files = open(folder.path(), BTreeMap::new());
    let first = files.append_block(&block(1, 200)).unwrap();
    let marks = files.infos();
    let second = files.append_block(&block(2, 300)).unwrap();
    drop(files);
    let path = file_path(folder.path(), Kind::Block, 0);
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&framed(&block(3, 400))[..150]).unwrap();
    let len = file.metadata().unwrap().len();

    let files = open(folder.path(), marks.clone());
    assert_eq!(files.infos()[&0], FileInfo { blocks: 2, size: 516, undo_size: 0 });
    let third = files.append_block(&block(4, 100)).unwrap();
    assert_eq!(third, FilePos { file: 1, offset: 8 });
    assert_eq!(std::fs::metadata(&path).unwrap().len(), len, "nothing is cut off");
    let uncommitted: Vec<_> = files.scan_uncommitted().unwrap().into_iter().flat_map(scanned).collect();
    assert_eq!(uncommitted, [(second.offset, block(2, 300)), (third.offset, block(4, 100))]);
    assert_eq!(files.read_block(first).unwrap(), block(1, 200));
    assert!(files.read_block(FilePos { file: 0, offset: 524 }).is_err());
    // Committed bytes that are gone are damage, not something to go on from.
    file.set_len(100).unwrap();
    assert!(matches!(
        BlockFiles::open(folder.path(), MAGIC, marks, 10_000),
        Err(StorageError::Corrupt { .. })
    ));
}

#[test]
fn files_without_marks_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = framed(&block(1, 90));
    bytes.extend([0; 5000]);
    std::fs::write(folder.path().join("blk00007.dat"), &bytes).unwrap();
    let files = open(folder.path(), BTreeMap::new());
    assert_eq!(files.append_block(&block(2, 90)).unwrap(), FilePos { file: 8, offset: 8 });
    assert_eq!(std::fs::read(folder.path().join("blk00007.dat")).unwrap(), bytes);
    assert_eq!(files.numbers().unwrap(), [7, 8]);
    files.adopt_block(FilePos { file: 7, offset: 8 }, 90);
    assert_eq!(files.infos()[&7], FileInfo { blocks: 1, size: 98, undo_size: 0 });
}

#[test]
fn scanning_passes_over_what_is_no_block() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bootstrap.dat");
    let (a, b, c) = (block(1, 80), block(2, 1_500_000), block(3, 81));
    let mut bytes = vec![0; 1000];
    bytes.extend(&MAGIC[..3]);
    let at_a = bytes.len() as u32 + 8;
    bytes.extend(framed(&a));
    bytes.extend(vec![0x55; 3_000_001]);
    // Lengths that no block has.
    bytes.extend([&MAGIC[..], &79u32.to_le_bytes()].concat());
    bytes.extend([&MAGIC[..], &(MAX_BLOCK_BYTES + 1).to_le_bytes()].concat());
    bytes.extend([&MAGIC[..], &u32::MAX.to_le_bytes()].concat());
    let at_b = bytes.len() as u32 + 8;
    bytes.extend(framed(&b));
    // A frame that the file's end cuts short, with a good one inside.
    bytes.extend([&MAGIC[..], &3_000_000u32.to_le_bytes()].concat());
    let at_c = bytes.len() as u32 + 8;
    bytes.extend(framed(&c));
    bytes.extend(&MAGIC);
    bytes.extend([9, 0]);
    let expected = vec![(at_a, a), (at_b, b), (at_c, c)];

    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(scanned(BlockScan::open(&path, 3, MAGIC).unwrap()), expected);
    // The same obfuscated, as Core writes it since version 28.
    let key = [0x11, 0x80, 3, 0, 0xff, 7, 0xaa, 0x5c];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte ^= key[at % 8];
    }
    std::fs::write(&path, &bytes).unwrap();
    std::fs::write(folder.path().join("xor.dat"), key).unwrap();
    assert_eq!(scanned(BlockScan::open(&path, 3, MAGIC).unwrap()), expected);
    std::fs::write(folder.path().join("xor.dat"), [1; 9]).unwrap();
    assert!(BlockScan::open(&path, 3, MAGIC).is_err());
}

#[test]
fn a_rejected_frame_does_not_hide_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blk00000.dat");
    let good = block(1, 100);
    let torn = [&[1; 50][..], &framed(&good), &[2; 50]].concat();
    std::fs::write(&path, framed(&torn)).unwrap();
    let mut scan = BlockScan::open(&path, 0, MAGIC).unwrap();
    assert_eq!(scan.next_block().unwrap().unwrap().bytes, torn);
    scan.reject();
    let found = scan.next_block().unwrap().unwrap();
    assert_eq!((found.pos, found.bytes), (FilePos { file: 0, offset: 66 }, good));
    assert_eq!(scan.next_block().unwrap(), None);
    assert_eq!(scan.next_block().unwrap(), None);
}

#[test]
fn reads_verify_the_frame() {
    let folder = tempfile::tempdir().unwrap();
    let files = open(folder.path(), BTreeMap::new());
    let pos = files.append_block(&block(1, 100)).unwrap();
    let previous = BlockHash([4; 32]);
    let undo = files.append_undo(0, b"undo bytes", &previous).unwrap();
    assert!(files.append_block(&[0; 79]).is_err());
    assert!(files.append_block(&vec![0; MAX_BLOCK_BYTES as usize + 1]).is_err());
    for offset in [0, 7, 9, 50, 107, 5000, u32::MAX] {
        assert!(
            matches!(files.read_block(FilePos { file: 0, offset }), Err(StorageError::Corrupt { .. })),
            "{offset}"
        );
    }
    assert!(matches!(files.read_block(FilePos { file: 5, offset: 8 }), Err(StorageError::Io { .. })));
    let flip = |kind, at: u64| {
        let mut file =
            std::fs::OpenOptions::new().write(true).open(file_path(folder.path(), kind, 0)).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&[0xff]).unwrap();
    };
    flip(Kind::Undo, u64::from(undo.offset) + 3);
    assert!(files.read_undo(undo, &previous).is_err());
    flip(Kind::Block, u64::from(pos.offset) - 1);
    assert!(files.read_block(pos).is_err());
}

#[cfg(unix)]
#[test]
fn files_are_the_users_own() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let blocks = folder.path().join("a/blocks");
    let files = open(&blocks, BTreeMap::new());
    files.append_block(&block(1, 100)).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&blocks), 0o700);
    assert_eq!(mode(&blocks.join("blk00000.dat")), 0o600);
}

/// Every eight bytes a frame of the largest length begins. Copying each would take days.
#[test]
fn a_file_full_of_false_magics_is_searched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blk00000.dat");
    let good = block(1, 100);
    let mut bytes = [&MAGIC[..], &MAX_BLOCK_BYTES.to_le_bytes()].concat().repeat(700_000);
    let at_good = bytes.len() as u32 + FRAME_HEAD;
    bytes.extend(framed(&good));
    std::fs::write(&path, &bytes).unwrap();
    let mut scan = BlockScan::open(&path, 0, MAGIC).unwrap();
    let mut rejected = 0;
    let found = loop {
        let frame = scan.next_frame().unwrap().unwrap();
        let read = scan.read_frame(&frame).unwrap().unwrap();
        assert_eq!(frame.header, read[..Header::LEN]);
        if read == good {
            break frame;
        }
        rejected += 1;
        scan.reject();
    };
    assert_eq!((found.pos.offset, found.len as usize), (at_good, good.len()));
    // Those that the file is long enough for.
    assert_eq!(rejected, (bytes.len() - MAX_BLOCK_BYTES as usize) / 8);
    assert_eq!(scan.next_frame().unwrap(), None);
}
