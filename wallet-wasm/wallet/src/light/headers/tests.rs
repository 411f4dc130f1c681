use super::*;
use crate::light::maker::{Maker, solve};
use chaincore_consensus::Script;
use chaincore_consensus::pow::Target;
use proptest::prelude::*;

fn chain(maker: &Maker) -> HeaderChain {
    HeaderChain::new(Arc::clone(&maker.params))
}

/// Feeds files as a node serves them.
fn feed(chain: &mut HeaderChain, maker: &Maker) -> Connected {
    let mut last = Connected::default();
    for file in 0.. {
        let Some(bytes) = maker.header_file(file) else { break };
        last = chain.connect(file * FILE, &parse_file(&bytes).unwrap(), maker.now());
        assert_eq!(last.fault, None);
    }
    last
}

fn fault(maker: &Maker, bad: &[Header], start: u32) -> Option<HeaderError> {
    let mut chain = chain(maker);
    assert_eq!(chain.connect(1, maker.from(1), maker.now()).fault, None);
    let before = chain.tip();
    let fault = chain.connect(start, bad, maker.now() + 60).fault;
    assert!(chain.tip().0 >= before.0);
    fault
}

#[test]
fn an_honest_chain_is_taken_whole_or_in_pieces() {
    let maker = Maker::regtest(60);
    let mut whole = chain(&maker);
    assert_eq!(feed(&mut whole, &maker).added, 60);
    assert_eq!(whole.tip(), (60, maker.tip_hash()));
    let mut pieces = chain(&maker);
    for at in (1..60).step_by(7) {
        // They may overlap.
        let end = (at + 12).min(61);
        let connected = pieces.connect(at - 1, &maker.headers[at as usize - 1..end as usize], maker.now());
        assert_eq!(connected.fault, None);
    }
    assert_eq!(pieces.tip(), whole.tip());
    assert_eq!(pieces.work(), whole.work());
    assert_eq!(whole.connect(0, maker.from(0), maker.now()), Connected::default());
    assert_eq!(whole.contains(17, &maker.headers[17].hash()), Some(true));
    assert_eq!(whole.contains(17, &maker.headers[18].hash()), Some(false));
    assert_eq!(whole.contains(61, &maker.headers[18].hash()), Some(false));
}

#[test]
fn every_kind_of_bad_header_is_named() {
    let maker = Maker::regtest(20);
    let good = maker.fork(20);
    let next = {
        let mut more = good.clone();
        more.mine(Vec::new());
        *more.headers.last().unwrap()
    };
    assert_eq!(fault(&maker, &[next], 21), None);
    let solved = |mut header: Header| {
        solve(&mut header, &maker.params);
        header
    };
    let mut unsolved = next;
    while check_proof_of_work(&unsolved.hash(), unsolved.bits, maker.params.pow_limit) {
        unsolved.nonce += 1;
    }
    assert_eq!(fault(&maker, &[unsolved], 21), Some(HeaderError::NoWork(21)));
    // More work than asked for is no better than less.
    let hard = solved(Header { bits: 0x2000_ffff, nonce: 0, ..next });
    assert_eq!(fault(&maker, &[hard], 21), Some(HeaderError::WrongDifficulty(21)));
    let easy = Header { bits: 0x2100_ffff, ..next };
    assert_eq!(fault(&maker, &[easy], 21), Some(HeaderError::NoWork(21)));
    let unlinked = solved(Header { previous: maker.headers[19].hash(), ..next });
    assert_eq!(fault(&maker, &[unlinked], 21), Some(HeaderError::NotLinked(21)));
    let gap = Some(HeaderError::Gap(22));
    assert_eq!(fault(&maker, &[next], 22), gap);
    let early = solved(Header { time: maker.headers[10].time, ..next });
    let reason = String::from("time-too-old");
    assert_eq!(fault(&maker, &[early], 21), Some(HeaderError::Invalid { height: 21, reason }));
    let future = solved(Header { time: maker.now() as u32 + 60 + 7201, ..next });
    assert_eq!(fault(&maker, &[future], 21), Some(HeaderError::Future(21)));
    let old = solved(Header { version: 1, ..next });
    let reason = String::from("bad-version(0x00000001)");
    assert_eq!(fault(&maker, &[old], 21), Some(HeaderError::Invalid { height: 21, reason }));
    // In the middle: what comes before stays.
    let mut chain = chain(&maker);
    let mut headers = maker.from(1).to_vec();
    headers[9].nonce ^= 1;
    let connected = chain.connect(1, &headers, maker.now());
    assert_eq!(connected.added, 9);
    assert!(matches!(connected.fault, Some(HeaderError::NoWork(10) | HeaderError::NotLinked(11))));
}

/// The default chain's own difficulty rule: its headers pass, and the easiest target everywhere does not.
#[test]
fn the_default_chain_retargets() {
    let mut params = ChainParams::chaincore();
    params.pow_limit = Target::from_leading_hex_zeros(1).unwrap();
    let mut maker = Maker::new(params);
    // The genesis block's target is the old limit; from there the chain may get easier.
    for height in 1..40 {
        maker.mine_after(if height % 3 == 0 { 1 } else { 60 }, Script(vec![0x51]), Vec::new());
    }
    let mut honest = chain(&maker);
    assert_eq!(feed(&mut honest, &maker).added, 39);
    let bits: std::collections::HashSet<u32> = maker.headers.iter().map(|header| header.bits).collect();
    assert!(bits.len() > 10, "the difficulty moves: {bits:?}");
    let mut lazy = maker.fork(30);
    let limit = lazy.params.pow_limit.to_compact();
    let mut easy = lazy.headers[30];
    easy.previous = lazy.tip_hash();
    easy.time += 1;
    easy.bits = limit;
    solve(&mut easy, &lazy.params);
    lazy.headers.push(easy);
    let mut chain = chain(&maker);
    let connected = chain.connect(1, lazy.from(1), maker.now());
    assert_eq!((connected.added, connected.fault), (30, Some(HeaderError::WrongDifficulty(31))));
}

#[test]
fn more_work_wins() {
    let maker = Maker::regtest(30);
    let mut chain = chain(&maker);
    feed(&mut chain, &maker);
    let mut other = maker.fork(27);
    for _ in 0..3 {
        other.mine(Vec::new());
    }
    // The same work: the first seen stays, and the branch is remembered.
    let equal = chain.connect(0, other.from(0), other.now());
    assert_eq!(equal, Connected { on_side: true, ..Connected::default() });
    assert_eq!(chain.tip(), (30, maker.tip_hash()));
    other.mine(Vec::new());
    let better = chain.connect(31, other.from(31), other.now());
    assert_eq!(better, Connected { added: 4, fork: Some(27), on_side: false, fault: None });
    assert_eq!(chain.tip(), (31, other.tip_hash()));
    assert_eq!(chain.contains(28, &other.headers[28].hash()), Some(true));
    // And back again, this time in one piece, with a bad header behind.
    let mut third = maker.fork(20);
    for _ in 0..13 {
        third.mine(Vec::new());
    }
    let mut headers = third.from(1).to_vec();
    headers[32].merkle_root.0[0] ^= 1;
    let result = chain.connect(1, &headers, third.now());
    assert_eq!((result.added, result.fork), (12, Some(20)));
    assert!(result.fault.is_some());
    assert_eq!(chain.tip(), (32, third.headers[32].hash()));
    // A branch on nothing of ours.
    let foreign = Header { previous: BlockHash([9; 32]), ..third.headers[25] };
    assert_eq!(chain.connect(25, &[foreign], third.now()).fault, Some(HeaderError::NotLinked(25)));
}

/// A chain of several files: the window moves, checkpoints stay, old files prove themselves.
#[test]
fn the_window_moves_and_old_files_prove_themselves() {
    let maker = Maker::regtest(7100);
    let mut chain = chain(&maker);
    feed(&mut chain, &maker);
    assert_eq!(chain.tip(), (7100, maker.tip_hash()));
    assert_eq!(chain.window_base(), 6000);
    assert_eq!(chain.header(5999), None);
    assert_eq!(chain.contains(5999, &maker.headers[5999].hash()), Some(true));
    assert_eq!(chain.contains(5998, &maker.headers[5998].hash()), None);
    for file in 0..4 {
        let mut headers = parse_file(&maker.header_file(file).unwrap()).unwrap();
        assert_eq!(chain.check_file(file, &headers), Ok(()));
        let at = headers.len() / 2;
        headers[at].time += 1;
        assert_eq!(chain.check_file(file, &headers), Err(HeaderError::OtherFile(file)));
        headers.truncate(at);
        let cut = chain.check_file(file, &headers);
        assert_eq!(cut, if file < 3 { Err(HeaderError::OtherFile(file)) } else { Ok(()) });
        assert!(chain.check_file(file, &[]).is_err());
    }
    assert!(chain.check_file(4, &maker.headers[..10]).is_err());
    assert!(chain.check_file(u32::MAX, &maker.headers[..10]).is_err());
    // Times: the first file whose blocks can be that late.
    assert_eq!(chain.height_before(maker.headers[5000].time), 2000);
    assert_eq!(chain.height_before(0), 0);
    // A stored chain goes on.
    let text = serde_json::to_string(&chain.state()).unwrap();
    assert!(text.len() < 100_000, "{} bytes", text.len());
    let state = serde_json::from_str(&text).unwrap();
    let mut restored = HeaderChain::from_state(Arc::clone(&maker.params), &state).unwrap();
    assert_eq!((restored.tip(), restored.work()), (chain.tip(), chain.work()));
    let mut longer = maker.fork(7000);
    for _ in 0..150 {
        longer.mine(Vec::new());
    }
    let connected = restored.connect(6000, longer.from(6000), longer.now());
    assert_eq!((connected.fork, connected.added), (Some(7000), 150));
    assert_eq!(restored.tip(), (7150, longer.tip_hash()));
    // A fork below the window cannot be judged here.
    let deep = maker.fork(5990);
    let mut deep = deep;
    for _ in 0..20 {
        deep.mine(Vec::new());
    }
    let refused = restored.connect(4011, deep.from(4011), deep.now());
    assert_eq!(refused.fault, Some(HeaderError::ForkTooDeep(6000)));
    let too_many = restored.connect(0, &maker.headers[..2001], maker.now());
    assert!(matches!(too_many.fault, Some(HeaderError::Size(_))));
}

#[test]
fn damaged_states_are_refused() {
    let maker = Maker::regtest(5100);
    let mut chain = chain(&maker);
    feed(&mut chain, &maker);
    let state = chain.state();
    let restore = |state: &HeaderState| HeaderChain::from_state(Arc::clone(&maker.params), state).map(|_| ());
    assert_eq!(restore(&state), Ok(()));
    let other_chain = HeaderChain::from_state(Arc::new(ChainParams::chaincore()), &state);
    assert_eq!(other_chain.map(|_| ()), Err(HeaderError::State("another genesis block")));
    let cut = |text: &str| text[..text.len() / 2 / 48 * 4].to_owned();
    for damaged in [
        HeaderState { base: 2000, ..state.clone() },
        HeaderState { base: u32::MAX, ..state.clone() },
        HeaderState { below: BlockHash([1; 32]), ..state.clone() },
        HeaderState { work: "x".into(), ..state.clone() },
        HeaderState { window: String::new(), ..state.clone() },
        HeaderState { window: "====".into(), ..state.clone() },
        HeaderState { window: cut(&state.window[..960]), ..state.clone() },
        HeaderState { checkpoints: String::new(), ..state.clone() },
    ] {
        assert!(restore(&damaged).is_err(), "{damaged:?}");
    }
}

/// Bitcoin's first 256 blocks after genesis, where the folder with them exists.
#[test]
fn bitcoins_first_headers() {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/mainnet");
    let Ok(packed) = std::fs::read(folder.join("blocks1-256.bz2")) else {
        println!("skipped: no {}", folder.display());
        return;
    };
    let mut blocks = Vec::new();
    std::io::Read::read_to_end(&mut bzip2::read::BzDecoder::new(&packed[..]), &mut blocks).unwrap();
    let mut headers = Vec::new();
    let mut rest = &blocks[..];
    while !rest.is_empty() {
        let len = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        headers.push(Header::decode_first(&rest[8..]).unwrap());
        rest = &rest[8 + len..];
    }
    assert!(headers.len() >= 250, "{}", headers.len());
    let mut chain = HeaderChain::new(Arc::new(ChainParams::main()));
    let connected = chain.connect(1, &headers, 1_300_000_000);
    assert_eq!((connected.added, connected.fault), (headers.len() as u32, None));
    assert_eq!(chain.tip_hash(), headers.last().unwrap().hash());
    assert!(!chain.has_minimum_work(), "these few blocks are not what everybody is on");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever order two branches come in, in whatever pieces: the chain ends at the one with more blocks, every
    /// header is linked, and the work is the sum.
    #[test]
    fn branches_in_any_order(
        fork in 1u32..40,
        lengths in (1u32..30, 1u32..30),
        turns in prop::collection::vec((any::<bool>(), 1usize..12), 1..12),
    ) {
        let trunk = Maker::regtest(fork);
        let branch = |salt: u32, blocks: u32| {
            let mut branch = trunk.fork(fork);
            for _ in 0..salt {
                branch = branch.fork(fork);
            }
            for _ in 0..blocks {
                branch.mine(Vec::new());
            }
            branch
        };
        let branches = [branch(1, lengths.0), branch(2, lengths.1)];
        let mut chain = chain(&trunk);
        let now = branches.iter().map(Maker::now).max().unwrap();
        for (which, len) in turns {
            let headers = branches[usize::from(which)].from(0);
            let connected = chain.connect(0, &headers[..headers.len().min(fork as usize + len)], now);
            prop_assert_eq!(connected.fault, None);
        }
        for branch in &branches {
            prop_assert_eq!(chain.connect(0, branch.from(0), now).fault, None);
        }
        prop_assert_eq!(chain.tip().0, fork + lengths.0.max(lengths.1));
        let best = branches.iter().find(|branch| branch.tip_hash() == chain.tip().1).unwrap();
        let work: Work = best.headers.iter().map(|header| block_work(header.bits)).sum();
        prop_assert_eq!(chain.work(), work);
        for (height, header) in (0..).zip(&best.headers) {
            prop_assert_eq!(chain.header(height), Some(header));
            prop_assert_eq!(chain.hash(height), Some(header.hash()));
        }
    }

    #[test]
    fn any_bytes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), start: u32) {
        if let Ok(headers) = parse_file(&bytes) {
            let maker = Maker::regtest(3);
            let mut chain = chain(&maker);
            chain.connect(1, maker.from(1), maker.now());
            chain.connect(start, &headers, maker.now());
            prop_assert_eq!(chain.tip(), (3, maker.tip_hash()));
            prop_assert!(chain.check_file(start, &headers).is_err() || headers.is_empty());
        }
    }
}
