//! The check that every plugin should pass.

use super::script::KNOWN;
use super::{Action, ScriptedChain, killed_at, script};
use crate::follow::{Guide, Step};
use crate::{BlockRef, ChainReader, Plugin, PluginError, Start};
use async_trait::async_trait;
use std::path::PathBuf;

/// A plugin under check, with what it stores.
#[async_trait]
pub trait Subject: Send {
    /// A plugin on what is stored. Called anew after every restart and kill; the one before has been dropped.
    fn plugin(&mut self) -> Box<dyn Plugin>;

    /// What is stored, in a form that is equal exactly if what is stored is equally right: all that the plugin has made
    /// of the blocks, without what depends on the way there (row numbers, counts of reorganizations, times). Called while
    /// no plugin is open.
    async fn contents(&mut self) -> String;

    /// The folder for the plugin's context.
    fn folder(&self) -> PathBuf {
        std::env::temp_dir().join("chaincore-plugin-check-unused")
    }
}

/// What a plugin does wrong.
#[derive(Debug, thiserror::Error)]
#[error("{scenario}: {what}")]
pub struct Failure {
    /// In which scenario.
    pub scenario: String,
    /// What.
    pub what: String,
}

/// The most failures in a row that a plugin may call passing.
const PATIENCE: usize = 20;
/// The most steps between two looks at the chain.
const MOST_STEPS: usize = 10_000;
/// How long random scripts are.
const RANDOM_ACTIONS: usize = 40;

/// How much is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effort {
    /// The plugin is killed in every so many-th step of the script of known troubles, which has some forty.
    pub every: usize,
    /// It is killed at so many of the points where one call waits.
    pub waits: usize,
    /// How many random scripts are run.
    pub scripts: u64,
}

impl Default for Effort {
    /// For plugins that take no more than a millisecond for a block.
    fn default() -> Self {
        Self { every: 1, waits: 6, scripts: 12 }
    }
}

impl Effort {
    /// For plugins that are slow.
    pub const SMALL: Self = Self { every: 7, waits: 2, scripts: 2 };
}

/// Checks that a plugin ends up with the same contents whatever way it was led: over extensions, reorganizations of up
/// to 8 blocks, restarts, crashes of the node that take back what was not durable, kills after every step, and kills and
/// failures in the middle of every call that waits for something. `fresh` makes a subject that has stored nothing yet; it is
/// called many times.
///
/// The plugin must begin with the genesis block ([`Start::Genesis`]): else what it ends with depends on the way.
pub async fn check_plugin<S: Subject>(fresh: impl FnMut() -> S) -> Result<(), Failure> {
    check_plugin_with(fresh, Effort::default()).await
}

/// [`check_plugin`] with more or less effort.
pub async fn check_plugin_with<S: Subject>(
    mut fresh: impl FnMut() -> S,
    effort: Effort,
) -> Result<(), Failure> {
    manifest_is_pure(&mut fresh())?;
    let known = run(&mut fresh, "known troubles", KNOWN, Kill::Never).await?;
    for step in (1..=known.steps).step_by(effort.every.max(1)) {
        let kill = Kill::After { step };
        run(&mut fresh, &format!("killed after step {step}"), KNOWN, kill).await?;
        for wait in 1..=effort.waits {
            let kill = Kill::Within { step, wait };
            let scenario = format!("killed in step {step} where it waits for the {wait}. time");
            if !run(&mut fresh, &scenario, KNOWN, kill).await?.killed {
                // It does not wait that often.
                break;
            }
            let kill = Kill::Fail { step, wait };
            let scenario = format!("failed in step {step} where it waits for the {wait}. time");
            run(&mut fresh, &scenario, KNOWN, kill).await?;
        }
    }
    for seed in 0..effort.scripts {
        let actions = script(seed, RANDOM_ACTIONS);
        run(&mut fresh, &format!("random script {seed}"), &actions, Kill::Never).await?;
    }
    run(&mut fresh, "killed after every step", KNOWN, Kill::Always).await?;
    another_chain(&mut fresh).await?;
    rollbacks_repeat(&mut fresh).await?;
    reset_empties(&mut fresh).await
}

/// When a plugin is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kill {
    Never,
    /// After this step.
    After {
        step: usize,
    },
    /// In this step, where it waits for something for this time.
    Within {
        step: usize,
        wait: usize,
    },
    /// The same, but the same plugin is opened again, as after a failure.
    Fail {
        step: usize,
        wait: usize,
    },
    /// After every step.
    Always,
}

struct Report {
    steps: usize,
    killed: bool,
}

/// A subject that is led along a chain.
struct Led<'a, S> {
    scenario: &'a str,
    subject: S,
    chain: ScriptedChain,
    guide: Option<Guide>,
    kill: Kill,
    steps: usize,
    killed: bool,
}

impl<'a, S: Subject> Led<'a, S> {
    fn new(scenario: &'a str, subject: S, chain: ScriptedChain, kill: Kill) -> Self {
        Self { scenario, subject, chain, guide: None, kill, steps: 0, killed: false }
    }

    fn failure(&self, what: impl Into<String>) -> Failure {
        Failure { scenario: self.scenario.into(), what: what.into() }
    }

    fn guide(&mut self) -> &mut Guide {
        let Self { guide, subject, chain, .. } = self;
        guide.get_or_insert_with(|| Guide::new(subject.plugin(), chain.context(subject.folder())))
    }

    async fn close(&mut self) {
        if let Some(mut guide) = self.guide.take()
            && guide.is_open()
        {
            guide.close().await;
        }
    }

    /// One step, and what it did; none if the plugin was killed in it.
    async fn step(&mut self) -> Result<Option<Step>, PluginError> {
        self.steps += 1;
        let (kill, now) = (self.kill, self.steps);
        let step = self.guide().step();
        let done = match kill {
            Kill::Within { step: at, wait } | Kill::Fail { step: at, wait } if at == now => {
                killed_at(step, wait).await.transpose()?
            }
            _ => Some(step.await?),
        };
        let dies = done.is_none() || kill == Kill::After { step: now };
        // Else it would never come anywhere.
        let always = kill == Kill::Always && !matches!(done, Some(Step::Opened(_) | Step::Level));
        if dies || always {
            self.killed = true;
            if !matches!(kill, Kill::Fail { .. }) {
                self.guide = None;
            }
            return Ok(None);
        }
        Ok(done)
    }

    /// Leads the plugin so many steps, or until there are none to make.
    async fn lead(&mut self, most: usize) -> Result<bool, Failure> {
        let mut failed = 0;
        for _ in 0..most {
            match self.step().await {
                Ok(Some(Step::Level)) => match self.guide().tick().await {
                    Ok(()) => return Ok(true),
                    Err(PluginError::Retry { .. }) => failed += 1,
                    Err(PluginError::Fatal(reason)) => return Err(self.failure(reason)),
                },
                Ok(_) => failed = 0,
                Err(PluginError::Retry { source, .. }) if failed == PATIENCE => {
                    return Err(self.failure(format!("it does not get over: {source}")));
                }
                Err(PluginError::Retry { .. }) => failed += 1,
                Err(PluginError::Fatal(reason)) => return Err(self.failure(reason)),
            }
        }
        Ok(false)
    }

    async fn lead_to_end(&mut self) -> Result<(), Failure> {
        if self.lead(MOST_STEPS).await? { Ok(()) } else { Err(self.failure("it does not come to an end")) }
    }

    async fn act(&mut self, action: Action) -> Result<(), Failure> {
        match action {
            Action::Extend(count) => self.chain.extend(count),
            Action::Reorganize(depth) => self.chain.reorganize(depth),
            Action::TakeOff(depth) => self.chain.replace(depth, 0),
            Action::Flush => self.chain.flush(),
            Action::CrashNode => {
                // What runs in the node dies with it.
                self.guide = None;
                self.chain.crash();
            }
            Action::Restart => self.close().await,
            Action::Kill => self.guide = None,
            Action::Steps(count) => return self.lead(count).await.map(drop),
            Action::Lead => return self.lead_to_end().await,
        }
        Ok(())
    }

    /// Leads the plugin to the end of the chain, closes it and compares what it has with what it would have had on the
    /// straight way.
    async fn finish(&mut self, straight: S) -> Result<(), Failure> {
        self.chain.flush();
        self.lead_to_end().await?;
        let (cursor, tip) = (self.guide().cursor(), self.chain.tip());
        if cursor != Some(tip) {
            return Err(self.failure(format!("it ends at {cursor:?} and not at the tip {tip}")));
        }
        self.close().await;
        let contents = self.subject.contents().await;
        let mut straight = Led::new(self.scenario, straight, self.chain.clone(), Kill::Never);
        straight.lead_to_end().await?;
        straight.close().await;
        let expected = straight.subject.contents().await;
        if contents == expected {
            return Ok(());
        }
        Err(self.failure(format!("it ends with\n{contents}\nand not with\n{expected}")))
    }
}

fn manifest_is_pure<S: Subject>(subject: &mut S) -> Result<(), Failure> {
    let manifest = subject.plugin().manifest();
    let failure = |what: String| Err(Failure { scenario: "manifest".into(), what });
    if manifest != subject.plugin().manifest() {
        return failure("it is not the same each time".into());
    }
    if !manifest.is_id_valid() {
        return failure(format!("'{}' cannot be an id", manifest.id));
    }
    if manifest.start != Start::Genesis {
        return failure("the check needs a plugin that begins with the genesis block".into());
    }
    Ok(())
}

async fn run<S: Subject>(
    fresh: &mut impl FnMut() -> S,
    scenario: &str,
    actions: &[Action],
    kill: Kill,
) -> Result<Report, Failure> {
    let mut led = Led::new(scenario, fresh(), ScriptedChain::new(1), kill);
    for action in actions {
        led.act(*action).await?;
    }
    led.finish(fresh()).await?;
    Ok(Report { steps: led.steps, killed: led.killed })
}

/// What was stored of one chain does not survive on another one.
async fn another_chain<S: Subject>(fresh: &mut impl FnMut() -> S) -> Result<(), Failure> {
    let scenario = "another chain";
    let mut led = Led::new(scenario, fresh(), ScriptedChain::new(2), Kill::Never);
    led.chain.extend(12);
    led.chain.flush();
    led.lead_to_end().await?;
    led.close().await;
    led.chain = ScriptedChain::new(3);
    led.chain.extend(9);
    led.finish(fresh()).await
}

/// Rolling back twice is rolling back once.
async fn rollbacks_repeat<S: Subject>(fresh: &mut impl FnMut() -> S) -> Result<(), Failure> {
    let mut led = Led::new("rollback repeated", fresh(), ScriptedChain::new(4), Kill::Never);
    led.chain.extend(8);
    led.chain.flush();
    led.lead_to_end().await?;
    led.close().await;
    let to = led.chain.at(5).unwrap_or_else(|| led.chain.tip());
    let mut plugin = led.subject.plugin();
    let context = led.chain.context(led.subject.folder());
    let twice = async {
        plugin.open(&context).await?;
        plugin.rollback(to).await?;
        plugin.rollback(to).await
    };
    twice.await.map_err(|error| led.failure(error.to_string()))?;
    plugin.close().await;
    drop(plugin);
    led.finish(fresh()).await
}

/// After a reset nothing is left.
async fn reset_empties<S: Subject>(fresh: &mut impl FnMut() -> S) -> Result<(), Failure> {
    let mut led = Led::new("reset", fresh(), ScriptedChain::new(5), Kill::Never);
    led.chain.extend(8);
    led.chain.flush();
    led.lead_to_end().await?;
    let after: Result<Option<BlockRef>, PluginError> = async {
        led.guide().reset().await?;
        match led.guide().step().await? {
            Step::Opened(cursor) => Ok(cursor),
            other => Err(PluginError::fatal(format!("{other:?} instead of being opened"))),
        }
    }
    .await;
    match after.map_err(|error| led.failure(error.to_string()))? {
        None => led.finish(fresh()).await,
        Some(cursor) => Err(led.failure(format!("its cursor is {cursor} after it was reset"))),
    }
}
