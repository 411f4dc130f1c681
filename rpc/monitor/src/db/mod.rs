//! `chaincore-monitor db`: the mirror's database.
//!
//! What is asked stands in `chaincore_mirror::status`: small tables and statistics only, so a look takes as long on
//! any chain. Nothing here names SQL.

mod judge;
mod report;
#[cfg(test)]
mod tests;
mod view;

use crate::chain::{size_of_stdout, write_out};
use crate::screen::{Paint, Session, Size, live, printed};
use crate::verdict::Verdict;
use crate::watch::now;
use anyhow::{Context, Result, bail};
use chaincore_mirror::MirrorError;
use chaincore_mirror::status::{Status, Watcher};
use judge::Trouble;
use ratatui::text::Line;
use report::report;
use std::collections::VecDeque;
use std::io::IsTerminal;
use std::time::Duration;
use tokio::sync::mpsc;

/// How many rates are kept for the curve.
const RATES_KEPT: usize = 120;
/// How many of the last blocks are asked for.
const BLOCKS: u32 = 12;
/// How long connecting and one question may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Names the database if the command line does not.
const VARIABLE: &str = "CHAINCORE_MIRROR";

/// What to look at and how.
#[derive(Debug)]
pub struct Options {
    /// Where the mirror is; if absent, what [`VARIABLE`] says.
    pub database: Option<String>,
    /// One look, in few lines.
    pub status_only: bool,
    /// Between two looks.
    pub interval: Duration,
    /// For programs.
    pub json: bool,
}

/// Per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Rows.
    pub rows: f64,
    /// Blocks.
    pub blocks: f64,
}

/// One look.
#[derive(Debug)]
pub enum Seen {
    /// The mirror's answer.
    Status(Box<Status>),
    /// Why there is none, and what to do next.
    Failure(String),
}

/// What was seen by now.
#[derive(Debug, Default)]
pub struct Looked {
    /// The server, without the password.
    pub server: String,
    /// When it was looked at last, in milliseconds since 1970 by this machine's clock.
    pub at: u64,
    /// What it said last.
    pub status: Option<Box<Status>>,
    /// Why it said nothing the last time.
    pub failure: Option<String>,
    /// How fast it grew, the newest last.
    pub rates: VecDeque<Rate>,
}

impl Looked {
    /// Takes a look in.
    pub fn take(&mut self, seen: Seen, at: u64) {
        self.at = at;
        match seen {
            Seen::Failure(why) => self.failure = Some(why),
            Seen::Status(status) => {
                if let Some(before) = self.status.as_ref().filter(|before| status.now > before.now) {
                    let blocks = status.sync.totals.blocks - before.sync.totals.blocks;
                    let rate = Rate {
                        rows: status.rows_per_second(before),
                        blocks: blocks.max(0) as f64 / (status.now - before.now),
                    };
                    self.rates.push_back(rate);
                    self.rates.drain(..self.rates.len().saturating_sub(RATES_KEPT));
                }
                self.failure = None;
                self.status = Some(status);
            }
        }
    }

    /// The answer to the last look.
    pub fn now(&self) -> Option<&Status> {
        self.status.as_deref().filter(|_| self.failure.is_none())
    }

    /// What is not as it should be.
    pub fn troubles(&self) -> Vec<Trouble> {
        match (&self.failure, &self.status) {
            (Some(why), _) => vec![Trouble { verdict: Verdict::Broken, text: why.clone() }],
            (None, Some(status)) => judge::troubles(status),
            (None, None) => Vec::new(),
        }
    }

    /// The worst of it.
    pub fn verdict(&self) -> Verdict {
        judge::verdict(&self.troubles())
    }
}

/// What an error means and what to do next.
fn advice(server: &str, error: &MirrorError) -> String {
    let next = match error {
        MirrorError::Silent { .. } => {
            "; the server is frozen, overloaded or behind a firewall that drops packets"
        }
        _ => "",
    };
    crate::text::clean(&format!("{server}: {error}{next}"), 600)
}

async fn look(watcher: &mut Watcher) -> Seen {
    match watcher.status(BLOCKS).await {
        Ok(status) => Seen::Status(Box::new(status)),
        Err(error) => Seen::Failure(advice(&watcher.server().to_string(), &error)),
    }
}

struct Screen(Looked);

impl Session for Screen {
    type Update = Seen;

    fn update(&mut self, seen: Seen) {
        self.0.take(seen, now());
    }

    fn picture(&self, size: Size, paint: Paint) -> Vec<Line<'static>> {
        view::picture(&self.0, size, paint)
    }
}

/// Runs until it is done or stopped; what was seen last.
pub async fn run(options: &Options) -> Result<Verdict> {
    let url = options.database.clone().or_else(|| std::env::var(VARIABLE).ok()).filter(|url| !url.is_empty());
    let Some(url) = url else {
        bail!("which database? --database postgres://user@host/name, or the environment variable {VARIABLE}");
    };
    let mut watcher = Watcher::new(&url, PATIENCE)
        .context("--database takes postgres://user@host:port/name, or ?host=/folder for a Unix socket")?;
    let mut looked = Looked { server: watcher.server().to_string(), ..Looked::default() };
    if options.status_only {
        looked.take(look(&mut watcher).await, now());
        let text = match options.json {
            true => serde_json::to_string(&report(&looked))? + "\n",
            false => printed(&view::summary(&looked, size_of_stdout(), Paint::of_stdout())),
        };
        write_out(&text)?;
        return Ok(looked.verdict());
    }
    let (sender, mut seen) = mpsc::channel(2);
    let interval = options.interval;
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = sender.closed() => return,
            }
            if sender.send(look(&mut watcher).await).await.is_err() {
                return;
            }
        }
    });
    if !options.json && std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        let mut screen = Screen(looked);
        live(&mut screen, &mut seen, Paint::of_stdout(), false).await?;
        return Ok(screen.0.verdict());
    }
    let stop = crate::stop::requested();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            answer = seen.recv() => {
                let Some(answer) = answer else { bail!("the database is not asked any more") };
                looked.take(answer, now());
                let text = match options.json {
                    true => serde_json::to_string(&report(&looked))? + "\n",
                    false => printed(&view::picture(&looked, size_of_stdout(), Paint::of_stdout())),
                };
                if !write_out(&text)? {
                    return Ok(looked.verdict());
                }
            }
            () = &mut stop => return Ok(looked.verdict()),
        }
    }
}
