//! What the ledger makes of what it is told.

use super::world::{World, block, outside, proven, stranger, tx};
use super::*;
use crate::labels::LabelKind;
use bitcoin::hashes::Hash;
use proptest::prelude::*;

fn mempool(seen: u64) -> TxState {
    TxState::Mempool { seen }
}

#[test]
fn addresses_are_watched_a_gap_beyond_the_last_used() {
    let mut world = World::new();
    assert_eq!(world.ledger.scripts().len(), 4 * 2 * 20);
    let before = world.ledger.scripts().to_vec();
    // The 20th address is used: 20 more are watched; then one of those.
    let script = world.script(2, Keychain::Receive, 19);
    let later = world.script(2, Keychain::Receive, 30);
    let paid = tx(&[outside(1)], &[(script, 1000)]);
    let more = tx(&[outside(2)], &[(later, 500)]);
    let tip = world.ledger.tip().unwrap();
    let told = |tx: &Transaction| TxUpdate { tx: tx.clone(), state: proven(5, 1), prevouts: Vec::new() };
    // The second is told first, when nobody knows yet whose it is.
    let applied = world.ledger.apply(Update { txs: vec![told(&more)], ..Update::new(tip) });
    assert_eq!(applied.new_scripts, 0);
    assert_eq!(world.ledger.balance(None).total, 0);
    let applied = world.ledger.apply(Update { txs: vec![told(&paid)], ..Update::new(tip) });
    assert_eq!(applied.new_scripts, 31, "up to 30 + 20");
    assert_eq!(world.ledger.balance(None).confirmed, 1500);
    assert_eq!(world.ledger.scripts()[..before.len()], before, "what was watched keeps its place");
    let again = world.ledger.apply(Update { txs: vec![told(&paid)], ..Update::new(tip) });
    assert_eq!(again, Applied::default());
    let id = &world.ids[2];
    assert_eq!(world.ledger.account(id).unwrap().next_index(Keychain::Receive), 31);
}

#[test]
fn addresses_are_handed_out_one_by_one_within_the_gap() {
    let mut world = World::new();
    let id = world.ids[3].clone();
    let first = world.ledger.receive(&id, false).unwrap();
    assert_eq!(world.ledger.receive(&id, false).unwrap(), first, "the same until it is used");
    assert_eq!(first, (0, world.script(3, Keychain::Receive, 0)));
    for index in 1..20 {
        assert_eq!(world.ledger.receive(&id, true).unwrap().0, index);
    }
    assert_eq!(world.ledger.receive(&id, true).unwrap().0, 19, "a restored wallet finds no further");
    let paid = tx(&[outside(1)], &[(first.1, 1000)]);
    world.tell(vec![(paid, mempool(1))]);
    assert_eq!(world.ledger.receive(&id, true).unwrap().0, 20);
    assert!(world.ledger.receive("nobody", true).is_err());
}

#[test]
fn a_payment_and_its_change() {
    let mut world = World::new();
    let coin = world.fund(2, 100_000, proven(150, 3));
    let change = world.script(2, Keychain::Change, 0);
    let spend = tx(&[coin], &[(stranger(9), 60_000), (change, 39_000)]);
    let txid = spend.compute_txid();
    world.ledger.sent(spend, 1_700_100_000);
    let balance = world.ledger.balance(None);
    assert_eq!((balance.confirmed, balance.unconfirmed, balance.spendable), (0, 39_000, 39_000));
    let history = world.ledger.history(None, &|_| None);
    assert_eq!(history.len(), 2);
    let entry = &history[0];
    assert_eq!((entry.txid, entry.net(), entry.fee), (txid, -61_000, Some(1000)));
    assert!(entry.own && entry.can_speed_up && entry.can_cancel);
    assert_eq!(entry.outputs[1].owner, Some((world.ids[2].clone(), Keychain::Change, 0)));
    assert!(!history[1].can_speed_up && history[1].confirmations == 51);
    assert_eq!(history[1].fee, None, "nobody said what its input was worth");
    assert_eq!(world.ledger.history(Some(&world.ids[0]), &|_| None), Vec::new());
    // Somebody else's unconfirmed payment is no money to spend, but can be pushed.
    let theirs = world.fund(2, 7000, mempool(5));
    assert_eq!(world.ledger.balance(None).spendable, 39_000);
    let entry = world.ledger.entry(&theirs.txid, &|_| None).unwrap();
    assert!(entry.can_speed_up && !entry.can_cancel && !entry.own);
}

#[test]
fn rewards_ripen() {
    let mut world = World::new();
    let script = world.script(2, Keychain::Receive, 0);
    let mut reward = tx(&[OutPoint::null()], &[(script, 5_000_000_000)]);
    reward.input[0].script_sig = ScriptBuf::from_bytes(vec![0x01, 0x65]);
    world.tell(vec![(reward.clone(), proven(101, 0))]);
    assert_eq!(world.ledger.balance(None).confirmed, 5_000_000_000, "100 confirmations at height 200");
    world.ledger.apply(Update::new((199, block(199, 0))));
    let balance = world.ledger.balance(None);
    assert_eq!((balance.confirmed, balance.immature, balance.spendable), (0, 5_000_000_000, 0));
    // Its block is gone: so is the reward.
    let reorg = Update { reorg_from: Some(101), ..Update::new((150, block(150, 1))) };
    world.ledger.apply(reorg);
    assert_eq!(world.ledger.balance(None), Balance::default());
    // And back again.
    world.tell(vec![(reward, proven(101, 0))]);
    assert_eq!(world.ledger.balance(None).immature, 5_000_000_000);
}

#[test]
fn of_two_that_spend_the_same_the_confirmed_or_later_one_counts() {
    let mut world = World::new();
    let coin = world.fund(2, 100_000, proven(150, 3));
    let to = |n: u8, amount| tx(&[coin], &[(stranger(n), amount)]);
    let child_script = world.script(2, Keychain::Change, 1);
    let (first, second) = (to(1, 90_000), tx(&[coin], &[(child_script, 95_000)]));
    let grandchild = tx(&[OutPoint::new(second.compute_txid(), 0)], &[(stranger(3), 94_000)]);
    world.tell(vec![(first.clone(), mempool(20)), (second.clone(), mempool(10))]);
    world.tell(vec![(grandchild.clone(), mempool(15))]);
    assert!(world.ledger.counts(&first.compute_txid()), "the later one");
    assert!(!world.ledger.counts(&second.compute_txid()));
    assert!(!world.ledger.counts(&grandchild.compute_txid()), "nor what is built on the other");
    let standing =
        |world: &World, tx: &Transaction| world.ledger.entry(&tx.compute_txid(), &|_| None).unwrap().standing;
    assert_eq!(standing(&world, &second), Standing::Replaced);
    // A miner decides.
    world.tell(vec![(second.clone(), proven(200, 2))]);
    assert!(world.ledger.counts(&second.compute_txid()) && world.ledger.counts(&grandchild.compute_txid()));
    assert!(!world.ledger.counts(&first.compute_txid()));
    // Long after, what lost is forgotten.
    world.ledger.apply(Update::new((300, block(300, 0))));
    assert!(world.ledger.tx(&first.compute_txid()).is_none());
    assert!(world.ledger.tx(&second.compute_txid()).is_some());
}

#[test]
fn what_was_sent_last_counts_even_in_the_same_second() {
    // Whichever id is the smaller one.
    for swap in [false, true] {
        let mut world = World::new();
        let coin = world.fund(2, 100_000, proven(150, 3));
        let mut pair = [60_000, 50_000].map(|value| tx(&[coin], &[(stranger(9), value)]));
        pair.sort_by_key(Transaction::compute_txid);
        if swap {
            pair.reverse();
        }
        let [first, second] = pair;
        world.ledger.sent(first.clone(), 1_700_000_000);
        world.ledger.sent(second.clone(), 1_700_000_000);
        let standing = |tx: &Transaction| world.ledger.entry(&tx.compute_txid(), &|_| None).unwrap().standing;
        assert_eq!((standing(&first), standing(&second)), (Standing::Replaced, Standing::Good));
    }
}

#[test]
fn what_the_node_lost_frees_its_coins_but_is_not_forgotten() {
    let mut world = World::new();
    let coin = world.fund(2, 100_000, proven(150, 3));
    let spend = tx(&[coin], &[(stranger(9), 60_000)]);
    let txid = spend.compute_txid();
    world.ledger.sent(spend.clone(), 10);
    assert_eq!(world.ledger.balance(None).total, 0);
    let tip = world.ledger.tip().unwrap();
    world.ledger.apply(Update { gone: vec![txid, coin.txid], ..Update::new(tip) });
    assert_eq!(world.ledger.balance(None).confirmed, 100_000, "a proof outweighs hearsay");
    assert_eq!(world.ledger.entry(&txid, &|_| None).unwrap().standing, Standing::Dropped);
    world.tell(vec![(spend, mempool(12))]);
    assert!(world.ledger.counts(&txid));
    assert!(!world.ledger.forget(&txid), "what counts can't be forgotten");
    world.ledger.apply(Update { gone: vec![txid], ..Update::new(tip) });
    // Another payment of the same coins says where they went, whether or not the node lost this one before.
    let other = tx(&[coin], &[(stranger(9), 50_000)]);
    world.tell(vec![(other, proven(151, 3))]);
    assert_eq!(world.ledger.entry(&txid, &|_| None).unwrap().standing, Standing::Replaced);
    assert!(world.ledger.forget(&txid) && world.ledger.tx(&txid).is_none());
}

#[test]
fn frozen_coins_labels_and_absurd_amounts() {
    let mut world = World::new();
    let coin = world.fund(2, 100_000, TxState::Reported { height: 120, time: None });
    world.ledger.set_frozen(coin, true);
    let balance = world.ledger.balance(None);
    assert_eq!((balance.frozen, balance.confirmed, balance.spendable), (100_000, 0, 0));
    assert_eq!(balance.unproven, 100_000);
    world.ledger.set_frozen(coin, false);
    assert_eq!(world.ledger.balance(None).spendable, 100_000);
    // A coin is called as its transaction, its address or itself is, the nearest first.
    let address = |_: &bitcoin::Script| Some("address".to_string());
    let label = |world: &World| world.ledger.coins(&address)[0].label.clone();
    let mut set = |kind, reference: &str, text: &str| world.ledger.labels.set(kind, reference, text).unwrap();
    set(LabelKind::Tx, &coin.txid.to_string(), "salary");
    assert_eq!(label(&world).as_deref(), Some("salary"));
    let mut set = |kind, reference: &str, text: &str| world.ledger.labels.set(kind, reference, text).unwrap();
    set(LabelKind::Addr, "address", "work");
    assert_eq!(label(&world).as_deref(), Some("work"));
    let mut set = |kind, reference: &str, text: &str| world.ledger.labels.set(kind, reference, text).unwrap();
    set(LabelKind::Output, &coin.to_string(), "this one");
    assert_eq!(label(&world).as_deref(), Some("this one"));
    let entry = world.ledger.entry(&coin.txid, &address).unwrap();
    assert_eq!(entry.label.as_deref(), Some("salary"));

    let absurd = tx(&[outside(77)], &[(world.script(2, Keychain::Receive, 0), u64::MAX)]);
    world.tell(vec![(absurd, proven(3, 3))]);
    assert_eq!(world.ledger.balance(None).total, 100_000);
}

#[test]
fn accounts_that_only_watch_and_accounts_that_are_refused() {
    let mut world = World::new();
    let keys = world.signer.account(crate::keys::AccountKind::Segwit, 1).unwrap();
    let spec = |receive: &str| AccountSpec {
        name: "watched".into(),
        receive: receive.into(),
        change: None,
        held: false,
    };
    let id = world.ledger.add_account(spec(&keys.receive)).unwrap();
    assert_eq!(world.ledger.scripts().len(), 9 * 20);
    assert!(matches!(world.ledger.add_account(spec(&keys.receive)), Err(AccountError::Duplicate(_))));
    let script = world.script(4, Keychain::Receive, 0);
    world.tell(vec![(tx(&[outside(5)], &[(script, 5000)]), proven(9, 1))]);
    let balance = world.ledger.balance(None);
    assert_eq!((balance.confirmed, balance.spendable), (5000, 0), "its keys are elsewhere");
    assert_eq!(world.ledger.change(&id).unwrap().0, Keychain::Receive, "it has no change addresses");
    // Two paths in one descriptor.
    let both = keys.receive.split('#').next().unwrap().replace("/0/*", "/<0;1>/*");
    let mut other = Ledger::new(100);
    other.add_account(spec(&both)).unwrap();
    assert_eq!(other.scripts().len(), 40);
    // One address only.
    let mut single = Ledger::new(100);
    let pubkey = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
    let id = single.add_account(spec(&format!("wpkh({pubkey})"))).unwrap();
    assert_eq!(single.scripts().len(), 1);
    assert_eq!(single.receive(&id, true).unwrap().0, 0);
    assert_eq!(single.receive(&id, true).unwrap().0, 0);
    for bad in ["", "wpkh()", "wpkh(xpub)", "wpkh(02)#abcdefgh", &format!("{}x", keys.receive)] {
        assert!(matches!(other.add_account(spec(bad)), Err(AccountError::Descriptor(_))), "{bad}");
    }
    let hardened = keys.receive.split('#').next().unwrap().replace("/0/*", "/0/*h");
    assert!(matches!(other.add_account(spec(&hardened)), Err(AccountError::Hardened(_))));
    let three = both.replace("<0;1>", "<0;1;2>");
    assert_eq!(other.add_account(spec(&three)), Err(AccountError::Paths(3)));
}

#[test]
fn a_ledger_that_is_kept_is_the_same() {
    let mut world = World::new();
    world.ledger.set_birthday(1_700_000_000);
    let coin = world.fund(1, 100_000, proven(150, 3));
    world.fund(3, 20_000, mempool(77));
    world.ledger.set_frozen(coin, true);
    world.ledger.labels.set(LabelKind::Output, &coin.to_string(), "kept").unwrap();
    let text = serde_json::to_string(&world.ledger).unwrap();
    let read: Ledger = serde_json::from_str(&text).unwrap();
    assert_eq!(read.scripts(), world.ledger.scripts());
    assert_eq!(read.balance(None), world.ledger.balance(None));
    assert_eq!(read.history(None, &|_| None), world.ledger.history(None, &|_| None));
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    let newer = text.replacen("\"version\":1", "\"version\":2", 1);
    assert!(serde_json::from_str::<Ledger>(&newer).unwrap_err().to_string().contains("version 2"));
}

/// A plan of what happens: coins that come in, payments that spend them, and when each is confirmed.
#[derive(Debug, Clone)]
struct Step {
    /// Which earlier output is spent (modulo their number), or a new coin comes in.
    spends: Option<usize>,
    value: u64,
    /// Its height, or none.
    height: Option<u32>,
    /// Whether it goes to the wallet.
    ours: bool,
}

fn step() -> impl Strategy<Value = Step> {
    (proptest::option::of(0usize..8), 1000u64..1_000_000, proptest::option::of(100u32..200), any::<bool>())
        .prop_map(|(spends, value, height, ours)| Step { spends, value, height, ours })
}

/// What a ledger shows, without what was replaced: a wallet that starts anew never hears of it.
fn shown(ledger: &Ledger) -> (Balance, Vec<Coin>, Vec<(Txid, TxState, i64)>) {
    let history = ledger.history(None, &|_| None).into_iter();
    let good = history.filter(|entry| entry.standing == Standing::Good);
    let mut coins = ledger.coins(&|_| None);
    coins.sort_by_key(|coin| coin.outpoint);
    (ledger.balance(None), coins, good.map(|entry| (entry.txid, entry.state, entry.net())).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn order_and_reorganisations_leave_no_trace(
        steps in prop::collection::vec(step(), 1..14),
        order in any::<u64>(),
        batch in 1usize..5,
        fork in 100u32..201,
    ) {
        let world = World::new();
        let mut outputs: Vec<OutPoint> = Vec::new();
        let mut txs: Vec<(Transaction, TxState)> = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            let n = u32::try_from(at).unwrap();
            let script = if step.ours { world.script(2, Keychain::Receive, n * 7 % 45) } else { stranger(1) };
            let input = match step.spends {
                Some(which) if !outputs.is_empty() => outputs[which % outputs.len()],
                _ => outside(n),
            };
            let spend = tx(&[input], &[(script, step.value)]);
            // Nobody's transaction is confirmed before its parent, or beside another that spends the same.
            let taken = txs.iter().any(|(tx, state)| {
                tx.input[0].previous_output == input && state.height().is_some()
            });
            let parent = txs.iter().find(|(tx, _)| tx.compute_txid() == input.txid).map(|(_, state)| *state);
            let height = step.height.filter(|_| !taken).and_then(|height| match parent {
                Some(state) => state.height().map(|parent| parent.max(height)),
                None => Some(height),
            });
            let state = match height {
                Some(height) => proven(height, n),
                None => mempool(u64::from(n)),
            };
            outputs.push(OutPoint::new(spend.compute_txid(), 0));
            txs.push((spend, state));
        }
        let told = |(tx, state): &(Transaction, TxState)| TxUpdate {
            tx: tx.clone(), state: *state, prevouts: Vec::new(),
        };
        // From scratch, all at once.
        let tip = (200, block(200, 0));
        let mut scratch = world.ledger.clone();
        scratch.apply(Update { txs: txs.iter().map(told).collect(), ..Update::new(tip) });

        // In some order, bit by bit, on a branch that is then reorganised away.
        let mut shuffled = txs.clone();
        crate::selection::Chance::new(order).shuffle(&mut shuffled);
        let mut ledger = world.ledger.clone();
        for chunk in shuffled.chunks(batch) {
            let other = chunk.iter().map(|(tx, state)| {
                let state = match *state {
                    TxState::Proven { height, index, time, .. } if height >= fork => {
                        TxState::Proven { height, index, time, block: block(height, 1) }
                    }
                    state => state,
                };
                told(&(tx.clone(), state))
            });
            ledger.apply(Update { txs: other.collect(), ..Update::new((200, block(200, 1))) });
        }
        let again = txs.iter().filter(|(_, state)| state.height().is_some_and(|height| height >= fork));
        let reorg = Update { reorg_from: Some(fork), txs: again.map(told).collect(), ..Update::new(tip) };
        ledger.apply(reorg);
        prop_assert_eq!(shown(&ledger), shown(&scratch));
        let balance = ledger.balance(None);
        let coins = ledger.coins(&|_| None);
        prop_assert_eq!(balance.total, coins.iter().map(|coin| coin.value).sum::<u64>());
        prop_assert_eq!(
            balance.total,
            balance.confirmed + balance.unconfirmed + balance.immature + balance.frozen
        );
        let net: i64 = shown(&ledger).2.iter().map(|(_, _, net)| net).sum();
        prop_assert_eq!(i64::try_from(balance.total).unwrap(), net, "what came and went is what is there");
        // Everything is gone: nothing is left.
        let gone: Vec<Txid> = txs.iter().map(|(tx, _)| tx.compute_txid()).collect();
        ledger.apply(Update { reorg_from: Some(0), gone, ..Update::new((0, BlockHash::all_zeros())) });
        prop_assert_eq!(ledger.balance(None), Balance::default());
    }
}
