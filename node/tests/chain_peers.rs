//! What the chain tells those who hand it what peers have sent.

#![allow(clippy::unwrap_used, reason = "a test may end there")]

mod kit;

use chaincore_consensus::reject::RejectKind;
use chaincore_consensus::{Amount, Block};
use chaincore_node::chain::{BlockVerdict, ChainHandle, CheckedBlock, Origin, Outcome, is_block_mutated};
use chaincore_node::testkit::{self, Branch, Lock};
use kit::{open, options, submit, submit_all};
use std::sync::{Arc, Mutex, OnceLock};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

const UNASKED: Origin = Origin::Peer { requested: false, min_pow_checked: true };

/// The messages of every event of this process, with their levels.
static LOG: Mutex<Vec<(tracing::Level, String)>> = Mutex::new(vec![]);

struct Keep;

impl<S: tracing::Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        struct Message(String);
        impl Visit for Message {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        LOG.lock().unwrap().push((*event.metadata().level(), message.0));
    }
}

fn listen() {
    static LISTENING: OnceLock<()> = OnceLock::new();
    LISTENING.get_or_init(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Keep)).unwrap();
    });
}

fn assert_logged(level: tracing::Level, line: &str) {
    let log = LOG.lock().unwrap();
    assert!(log.iter().any(|(at, text)| *at == level && text == line), "{line} is not in {log:#?}");
}

/// A chain with ten blocks.
fn start(seed: u64) -> (tempfile::TempDir, ChainHandle, Branch) {
    listen();
    let params = Arc::new(testkit::params(3));
    let dir = tempfile::tempdir().unwrap();
    let chain = open(&options(dir.path(), &params));
    let mut main = Branch::new(params, seed);
    for _ in 0..10 {
        submit_all(&chain, &[main.mine(2)]);
    }
    chain.take_block_verdicts();
    (dir, chain, main)
}

fn greedy(branch: &Branch) -> Arc<Block> {
    Arc::new(branch.assemble(vec![], Lock::Anyone, Amount::from_coins(60), 1))
}

#[test]
fn headers_of_branches_that_may_have_too_little_work_are_not_kept() {
    let (_dir, chain, mut main) = start(81);
    let known = main.blocks[9].header;
    let fresh = [main.mine(0).header, main.mine(0).header];
    let refused = chain.submit_headers_blocking(vec![known, fresh[0]], false).unwrap().unwrap_err();
    assert_eq!((refused.kind, &*refused.reason), (RejectKind::HeaderLowWork, "too-little-chainwork"));
    assert!(chain.entry(&fresh[0].hash()).is_none());
    assert!(chain.submit_headers_blocking(vec![known], false).unwrap().is_ok());
    assert_logged(
        tracing::Level::DEBUG,
        &format!(
            "AcceptBlockHeader: not adding new block header {}, missing anti-dos proof-of-work validation",
            fresh[0].hash()
        ),
    );
    let block = main.blocks[10].clone();
    let unchecked = Origin::Peer { requested: true, min_pow_checked: false };
    match chain.submit_block_blocking(block.clone(), unchecked).unwrap() {
        Outcome::Rejected(reason) => assert_eq!(reason.reason, "too-little-chainwork"),
        other => panic!("{other:?}"),
    }
    assert_logged(tracing::Level::ERROR, "ProcessNewBlock: AcceptBlock FAILED (too-little-chainwork)");
    // A body whose header is known is another matter.
    let last = chain.submit_headers_blocking(fresh.to_vec(), true).unwrap().unwrap().unwrap();
    assert_eq!((last.height(), chain.snapshot().best_header().height()), (12, 12));
    assert_eq!(chain.submit_block_blocking(block, unchecked).unwrap(), Outcome::Best { reorg_depth: 0 });
}

#[test]
fn verdicts_tell_of_blocks_that_turn_out_invalid_later() {
    let (_dir, chain, mut main) = start(82);
    let mut side = main.fork(83);
    submit_all(&chain, &[main.mine(1), main.mine(1), side.mine(1)]);
    let bad = greedy(&side);
    assert_eq!(chain.submit_block_blocking(bad.clone(), UNASKED).unwrap(), Outcome::SideChain);
    let mut above = side.clone();
    above.mine_with(vec![], Lock::Anyone);
    let mut third = above.assemble(vec![], Lock::Anyone, Amount::from_coins(50), 1);
    third.header.previous = bad.hash();
    testkit::solve(&mut third, chain.params());
    chain.take_block_verdicts();
    // One peer's good-looking block shows that another peer's was bad.
    assert_eq!(chain.submit_block_blocking(Arc::new(third), UNASKED).unwrap(), Outcome::SideChain);
    let verdicts = chain.take_block_verdicts();
    let of =
        |hash| verdicts.iter().find(|verdict| verdict.hash == hash).map(|verdict| verdict.result.clone());
    assert_eq!(of(side.tip_hash()), Some(Ok(())));
    let reason = of(bad.hash()).unwrap().unwrap_err();
    assert_eq!((reason.kind, &*reason.reason), (RejectKind::Consensus, "bad-cb-amount"));
    assert_logged(tracing::Level::INFO, &format!("Block validation error: {reason}"));
    assert_logged(
        tracing::Level::ERROR,
        &format!("ConnectTip: ConnectBlock {} failed, {reason}", bad.hash()),
    );
    assert!(chain.take_block_verdicts().is_empty());
}

#[test]
fn refusals_are_logged_in_cores_words_when_they_happen() {
    let (_dir, chain, mut main) = start(84);
    // Context: the version is too old. The header alone tells.
    let mut old = main.assemble(vec![], Lock::Anyone, Amount::from_coins(50), 2);
    old.header.version = 1;
    testkit::solve(&mut old, chain.params());
    let hash = old.hash();
    submit(&chain, &Arc::new(old));
    assert_logged(
        tracing::Level::DEBUG,
        &format!(
            "AcceptBlockHeader: Consensus::ContextualCheckBlockHeader: {hash}, bad-version(0x00000001), rejected nVersion=0x00000001 block"
        ),
    );
    // Body: the witness is not the one committed to. Nothing is said against the header.
    let good = main.mine(0);
    let mut stripped = (*good).clone();
    let mut coinbase = (*stripped.transactions[0]).clone().into_inner();
    coinbase.inputs[0].witness = vec![vec![1; 32]];
    stripped.transactions[0] = Arc::new(coinbase.into());
    assert!(is_block_mutated(&stripped, true) && !is_block_mutated(&good, true));
    let state =
        "bad-witness-merkle-match, CheckWitnessMalleation : witness merkle commitment mismatch".to_string();
    assert_logged(tracing::Level::DEBUG, &format!("Block mutated: {state}"));
    let refused = submit(&chain, &Arc::new(stripped));
    assert_eq!(refused.reject_reason().unwrap().kind, RejectKind::Mutated);
    assert_logged(tracing::Level::ERROR, &format!("AcceptBlock: {state}"));
    assert_logged(tracing::Level::ERROR, &format!("ProcessNewBlock: AcceptBlock FAILED ({state})"));
    // No parent, known as invalid, and wrong by itself.
    let parent = main.mine(0);
    let orphan = main.mine(0);
    assert_eq!(submit(&chain, &orphan), Outcome::MissingParent);
    assert_logged(
        tracing::Level::DEBUG,
        &format!("header {} has prev block not found: {}", orphan.hash(), parent.hash()),
    );
    assert_logged(tracing::Level::ERROR, "ProcessNewBlock: AcceptBlock FAILED (prev-blk-not-found)");
    submit_all(&chain, &[good, parent, orphan]);
    let bad = greedy(&main);
    submit(&chain, &bad);
    assert_eq!(submit(&chain, &bad), Outcome::KnownInvalid);
    assert_logged(
        tracing::Level::ERROR,
        &format!(
            "ProcessNewBlock: AcceptBlock FAILED (duplicate-invalid, block {} was previously marked invalid)",
            bad.hash()
        ),
    );
    chain.take_block_verdicts();
    let mut none = main.assemble(vec![], Lock::Anyone, Amount::from_coins(50), 3);
    none.transactions.push(main.blocks[0].transactions[0].clone());
    testkit::solve(&mut none, chain.params());
    let none = Arc::new(none);
    let refused = submit(&chain, &none).reject_reason().unwrap();
    assert_eq!(refused.reason, "bad-cb-multiple");
    assert_logged(tracing::Level::ERROR, &format!("ProcessNewBlock: AcceptBlock FAILED ({refused})"));
    let verdict = BlockVerdict { hash: none.hash(), result: Err(refused) };
    assert_eq!(chain.take_block_verdicts(), [verdict]);
}

#[test]
fn blocks_can_be_checked_elsewhere_and_passed_on_before_they_are_connected() {
    use chaincore_consensus::codec::Encode;
    let (_dir, chain, mut main) = start(85);
    let seen = Arc::new(Mutex::new(vec![]));
    let (noted, at) = (seen.clone(), chain.tip_state());
    assert!(chain.set_new_pow_valid_block(Box::new(move |block, entry| {
        assert_eq!(block.hash(), entry.hash());
        noted.lock().unwrap().push((entry.hash(), at.borrow().applied.height));
    })));
    assert!(!chain.set_new_pow_valid_block(Box::new(|_, _| panic!("there is a listener"))));
    let check = |block: Arc<Block>| {
        let bytes = block.to_bytes();
        CheckedBlock::from_parts(block, bytes, chain.params()).unwrap()
    };
    // The times of these blocks lie years back: the node is still catching up, and tells nobody.
    submit_all(&chain, &[main.mine(1)]);
    assert!(seen.lock().unwrap().is_empty());
    chain.clock().set_mock(Some(i64::from(main.blocks[10].header.time) + 60));
    submit_all(&chain, &[main.mine(1)]);
    assert!(!chain.is_initial_download());
    seen.lock().unwrap().clear();
    let mut side = main.fork(86);
    let next = main.mine(1);
    let outcome = chain.submit_checked_blocking(check(next.clone()), UNASKED).unwrap();
    assert_eq!(outcome, Outcome::Best { reorg_depth: 0 });
    assert_eq!(chain.read_block(&next.hash()).unwrap(), next);
    // Beside the tip: not passed on. Above the tip and wrong where it takes coins to see it: passed on.
    assert_eq!(chain.submit_checked_blocking(check(side.mine(1)), UNASKED).unwrap(), Outcome::SideChain);
    let bad = greedy(&main);
    assert!(!chain.submit_checked_blocking(check(bad.clone()), UNASKED).unwrap().is_accepted());
    assert_eq!(*seen.lock().unwrap(), [(next.hash(), 12), (bad.hash(), 13)]);
}
