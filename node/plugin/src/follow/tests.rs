use super::{Guide, Step};
use crate::testkit::ledger::{Disk, Ledger, Spoil};
use crate::testkit::{Action, ScriptedChain, script};
use crate::{
    AppliedBlock, BatchLimits, BlockRef, ChainReader, Context, Gate, Manifest, Plugin, PluginError, Start,
    async_trait,
};
use proptest::prelude::*;
use std::sync::{Arc, Mutex};

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A ledger that is led, and dies.
struct Model {
    chain: ScriptedChain,
    disk: Disk,
    spoil: Spoil,
    guide: Option<Guide>,
}

impl Model {
    fn guide(&mut self) -> &mut Guide {
        let (chain, disk, spoil) = (&self.chain, &self.disk, self.spoil);
        self.guide.get_or_insert_with(|| {
            disk.revive();
            Guide::new(Box::new(Ledger::new(disk, spoil)), chain.context("unused"))
        })
    }

    /// Leads the ledger for some steps; whether it has come to the end.
    async fn lead(&mut self, steps: usize) -> Result<bool, String> {
        for _ in 0..steps {
            match self.guide().step().await {
                Ok(Step::Level) => return Ok(true),
                Ok(_) => {}
                // A process that is dead, or the host's next try.
                Err(PluginError::Retry { .. }) if self.spoil == Spoil::Believes => self.disk.revive(),
                Err(PluginError::Retry { .. }) => self.guide = None,
                Err(PluginError::Fatal(reason)) => return Err(reason),
            }
        }
        Ok(false)
    }

    async fn act(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Extend(count) => self.chain.extend(count),
            Action::Reorganize(depth) => self.chain.reorganize(depth),
            Action::TakeOff(depth) => self.chain.replace(depth, 0),
            Action::Flush => self.chain.flush(),
            Action::CrashNode => {
                self.guide = None;
                self.chain.crash();
                // What the node forgets no plugin may have stored.
                if let Some(cursor) = self.disk.cursor().filter(|at| !self.chain.is_ancestor(at, at)) {
                    return Err(format!("block {cursor} is stored and forgotten"));
                }
            }
            Action::Restart | Action::Kill => self.guide = None,
            Action::Steps(steps) => drop(self.lead(steps).await?),
            Action::Lead => drop(self.lead(1_000).await?),
        }
        Ok(())
    }
}

/// Runs a script, with the ledger's process dying after so many of its writes, and says what is wrong at the end.
fn outcome(spoil: Spoil, seed: u64, actions: &[Action], deaths: &[usize]) -> Result<(), String> {
    let mut model = Model { chain: ScriptedChain::new(seed), disk: Disk::default(), spoil, guide: None };
    run(async {
        for (at, action) in actions.iter().enumerate() {
            if !deaths.is_empty() && at % 3 == 0 {
                model.guide();
                model.disk.die_after(deaths[at / 3 % deaths.len()]);
            }
            model.act(*action).await?;
        }
        model.chain.flush();
        if !model.lead(10_000).await? {
            return Err("it does not come to an end".into());
        }
        let branch = model.chain.branch(&model.chain.tip());
        let row = |block: &AppliedBlock| {
            let spent: i64 = block.spent.iter().map(|coin| coin.output.value.sat()).sum();
            (block.at.height, (block.at.hash, 1, spent))
        };
        let (expected, rows) = (branch.iter().map(row).collect(), model.disk.rows());
        match (rows == expected, model.disk.cursor() == Some(model.chain.tip())) {
            (true, true) => Ok(()),
            (false, _) => Err(format!("{rows:?} instead of {expected:?}")),
            (_, false) => Err(format!("the cursor is {:?}", model.disk.cursor())),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random mining, reorganizations to depth 8, crashes of the node, kills of the plugin between steps, before and
    /// after each of its writes: in the end it has each block of the chain, once.
    #[test]
    fn every_way_ends_where_the_chain_is(
        seed in any::<u64>(),
        length in 1..60_usize,
        deaths in prop::collection::vec(0..4_usize, 0..8),
    ) {
        let actions = script(seed, length);
        let result = outcome(Spoil::Nothing, seed, &actions, &deaths);
        prop_assert!(result.is_ok(), "{actions:?}: {result:?}");
    }
}

#[test]
fn the_property_does_not_hold_for_plugins_that_break_the_contract() {
    let spoils = [Spoil::CursorFirst, Spoil::CursorLast, Spoil::RowsStay, Spoil::NotGated, Spoil::Believes];
    for spoil in spoils {
        let caught = (0..400).any(|seed| {
            let deaths = [seed as usize % 3, 1, 2, 0];
            outcome(spoil, seed, &script(seed, 40), &deaths).is_err()
        });
        assert!(caught, "{spoil:?} is caught");
    }
}

/// Notes what it is called with.
#[derive(Clone)]
struct Witness {
    manifest: Manifest,
    cursor: Option<BlockRef>,
    locator: Vec<BlockRef>,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Witness {
    fn new(manifest: Manifest) -> Self {
        Self { manifest, cursor: None, locator: vec![], calls: Arc::default() }
    }

    fn note(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }
}

#[async_trait]
impl Plugin for Witness {
    fn manifest(&self) -> Manifest {
        self.manifest.clone()
    }

    async fn open(&mut self, _: &Context) -> Result<Option<BlockRef>, PluginError> {
        self.note("open".into());
        Ok(self.cursor)
    }

    async fn extend(&mut self, blocks: &[AppliedBlock]) -> Result<(), PluginError> {
        let heights = (blocks[0].at.height, blocks[blocks.len() - 1].at.height);
        self.note(format!("extend {}-{}", heights.0, heights.1));
        Ok(())
    }

    async fn rollback(&mut self, to: BlockRef) -> Result<(), PluginError> {
        self.note(format!("rollback {}", to.height));
        Ok(())
    }

    async fn reorganize(&mut self, to: BlockRef, blocks: &[AppliedBlock]) -> Result<(), PluginError> {
        self.note(format!("reorganize {} +{}", to.height, blocks.len()));
        Ok(())
    }

    async fn locator(&mut self) -> Result<Vec<BlockRef>, PluginError> {
        self.note("locator".into());
        Ok(self.locator.clone())
    }

    async fn reset(&mut self) -> Result<(), PluginError> {
        self.note("reset".into());
        Ok(())
    }
}

/// Leads a witness until it is level, and says what it was called with since the last time.
fn calls(guide: &mut Guide, witness: &Witness) -> Vec<String> {
    run(async { while guide.step().await.unwrap() != Step::Level {} });
    std::mem::take(&mut *witness.calls.lock().unwrap())
}

fn guide(witness: &Witness, chain: &ScriptedChain) -> Guide {
    Guide::new(Box::new(witness.clone()), chain.context("unused"))
}

#[test]
fn blocks_come_in_bounded_batches_up_to_the_gate() {
    let chain = ScriptedChain::new(1);
    chain.extend(7);
    let batch = BatchLimits { max_blocks: 3, ..BatchLimits::default() };
    let witness = Witness::new(Manifest { batch, gate: Gate::Applied, ..Manifest::new("w", "1") });
    let mut led = guide(&witness, &chain);
    assert_eq!(calls(&mut led, &witness), ["open", "extend 0-2", "extend 3-5", "extend 6-7"]);

    // A branch that was left is replaced at once, as far as a batch goes.
    chain.reorganize(4);
    assert_eq!(calls(&mut led, &witness), ["reorganize 3 +3", "extend 7-8"]);
    chain.replace(2, 0);
    assert_eq!(calls(&mut led, &witness), ["rollback 6"]);

    // One block may be larger than a batch.
    let batch = BatchLimits { max_bytes: 1, ..BatchLimits::default() };
    let witness = Witness::new(Manifest { batch, ..Manifest::new("w", "1") });
    let mut led = guide(&witness, &chain);
    assert_eq!(calls(&mut led, &witness), ["open", "extend 0-0"]);
    chain.flush();
    assert_eq!(calls(&mut led, &witness).len(), 6);
}

#[test]
fn the_durable_branch_is_followed_even_when_it_is_left() {
    let chain = ScriptedChain::new(1);
    chain.extend(5);
    chain.flush();
    let witness = Witness::new(Manifest::new("w", "1"));
    let mut led = guide(&witness, &chain);
    chain.reorganize(3);
    assert_eq!(calls(&mut led, &witness), ["open", "extend 0-5"]);
    assert_eq!(led.cursor(), Some(chain.durable_tip()));
    chain.flush();
    assert_eq!(calls(&mut led, &witness), ["reorganize 2 +4"]);
    // Ahead of what is durable it waits, as long as it is on the chain.
    let ahead = Witness { cursor: Some(chain.at(6).unwrap()), ..witness.clone() };
    chain.replace(1, 0);
    chain.flush();
    chain.extend(3);
    let tip = chain.tip();
    let ahead = Witness { cursor: Some(tip), ..ahead };
    let mut led = guide(&ahead, &chain);
    assert_eq!(calls(&mut led, &ahead), ["open"]);
    assert_eq!(led.cursor(), Some(tip));
    chain.replace(1, 2);
    assert_eq!(calls(&mut led, &ahead), ["rollback 7"]);
    chain.flush();
    assert_eq!(calls(&mut led, &ahead), ["extend 8-9"]);
}

#[test]
fn a_plugin_begins_where_it_says() {
    let chain = ScriptedChain::new(1);
    chain.extend(4);
    let fourth = chain.tip();
    let at = |start| Witness::new(Manifest { start, gate: Gate::Applied, ..Manifest::new("w", "1") });
    let tip = at(Start::Tip);
    let mut led = guide(&tip, &chain);
    assert_eq!(calls(&mut led, &tip), ["open"]);
    chain.extend(2);
    assert_eq!(calls(&mut led, &tip), ["extend 5-6"]);
    let above = at(Start::At(fourth));
    assert_eq!(calls(&mut guide(&above, &chain), &above), ["open", "extend 5-6"]);
    chain.reorganize(4);
    let gone = at(Start::At(fourth));
    let error = run(guide(&gone, &chain).step()).unwrap_err();
    assert!(matches!(error, PluginError::Fatal(_)), "{error}");

    // What came while the first blocks could not be read is not left out.
    let tip = at(Start::Tip);
    let mut led = guide(&tip, &chain);
    assert_eq!(calls(&mut led, &tip), ["open"]);
    chain.extend(1);
    let next = chain.tip();
    chain.set_readable(&next, false);
    assert!(matches!(run(led.step()), Err(PluginError::Retry { .. })));
    chain.extend(1);
    chain.set_readable(&next, true);
    let heights = format!("extend {}-{}", next.height, next.height + 1);
    assert_eq!(calls(&mut led, &tip), ["open", &heights]);
}

#[test]
fn a_plugin_of_another_chain_is_found_by_its_locator_or_emptied() {
    let (chain, other) = (ScriptedChain::new(1), ScriptedChain::new(2));
    chain.extend(5);
    chain.flush();
    other.extend(9);
    let located = Witness {
        cursor: Some(other.tip()),
        locator: vec![other.at(8).unwrap(), chain.at(3).unwrap(), chain.at(1).unwrap()],
        ..Witness::new(Manifest::new("w", "1"))
    };
    assert_eq!(
        calls(&mut guide(&located, &chain), &located),
        ["open", "locator", "rollback 3", "extend 4-5"]
    );
    // This one says the same after a reset, which must not go on for ever.
    let lost = Witness { cursor: Some(other.tip()), ..Witness::new(Manifest::new("w", "1")) };
    let mut led = guide(&lost, &chain);
    assert_eq!(run(led.step()).unwrap(), Step::Emptied);
    assert!(matches!(run(led.step()), Err(PluginError::Fatal(_))));
    assert_eq!(*lost.calls.lock().unwrap(), ["open", "locator", "reset", "open", "locator"]);
    // A height that is not the block's is not believed either.
    let lying = Witness {
        cursor: Some(BlockRef { height: 4, ..chain.tip() }),
        ..Witness::new(Manifest::new("w", "1"))
    };
    assert_eq!(run(guide(&lying, &chain).step()).unwrap(), Step::Emptied);
}

#[test]
fn who_wants_no_blocks_is_where_the_chain_is() {
    let chain = ScriptedChain::new(1);
    chain.extend(5);
    let manifest = Manifest { needs_blocks: false, gate: Gate::Applied, ..Manifest::new("w", "1") };
    let witness = Witness::new(manifest);
    let mut led = guide(&witness, &chain);
    assert_eq!(calls(&mut led, &witness), ["open"]);
    chain.reorganize(3);
    assert_eq!(calls(&mut led, &witness), Vec::<String>::new());
    assert_eq!(led.cursor(), Some(chain.tip()));
}

/// Writes no more than it must.
struct Bare(bool);

#[async_trait]
impl Plugin for Bare {
    fn manifest(&self) -> Manifest {
        Manifest { needs_blocks: self.0, gate: Gate::Applied, ..Manifest::new("bare", "1") }
    }

    async fn open(&mut self, _: &Context) -> Result<Option<BlockRef>, PluginError> {
        Ok(None)
    }
}

#[test]
fn who_wants_no_blocks_need_not_be_able_to_take_them() {
    let chain = ScriptedChain::new(1);
    chain.extend(5);
    let mut led = Guide::new(Box::new(Bare(false)), chain.context("unused"));
    run(async {
        while led.step().await.unwrap() != Step::Level {}
        chain.reorganize(3);
        assert_eq!(led.step().await.unwrap(), Step::Level);
        led.reset().await.unwrap();
        while led.step().await.unwrap() != Step::Level {}
    });
    assert_eq!(led.cursor(), Some(chain.tip()));
}

#[test]
fn who_wants_blocks_and_cannot_take_them_fails() {
    let chain = ScriptedChain::new(1);
    let mut led = Guide::new(Box::new(Bare(true)), chain.context("unused"));
    assert_eq!(run(led.step()).unwrap(), Step::Opened(None));
    let error = run(led.step()).unwrap_err();
    assert!(matches!(&error, PluginError::Fatal(reason) if reason.contains("`extend`")), "{error}");
    let error = run(Bare(true).rollback(chain.tip())).unwrap_err();
    assert!(matches!(&error, PluginError::Fatal(reason) if reason.contains("`rollback`")), "{error}");
    let error = run(led.reset()).unwrap_err();
    assert!(matches!(&error, PluginError::Fatal(reason) if reason.contains("`reset`")), "{error}");
}

#[test]
fn spent_coins_are_left_out_for_those_who_do_not_want_them() {
    struct Counts(bool, Arc<Mutex<usize>>);

    #[async_trait]
    impl Plugin for Counts {
        fn manifest(&self) -> Manifest {
            Manifest { needs_spent: self.0, gate: Gate::Applied, ..Manifest::new("w", "1") }
        }

        async fn open(&mut self, _: &Context) -> Result<Option<BlockRef>, PluginError> {
            Ok(None)
        }

        async fn extend(&mut self, blocks: &[AppliedBlock]) -> Result<(), PluginError> {
            *self.1.lock().unwrap() += blocks.iter().map(|block| block.spent.len()).sum::<usize>();
            Ok(())
        }
    }

    let chain = ScriptedChain::new(1);
    chain.extend(20);
    for wanted in [true, false] {
        let count = Arc::default();
        let mut led = Guide::new(Box::new(Counts(wanted, Arc::clone(&count))), chain.context("unused"));
        run(async { while led.step().await.unwrap() != Step::Level {} });
        assert_eq!(*count.lock().unwrap() > 0, wanted);
    }
}
