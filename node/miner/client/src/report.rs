//! What people and programs are told: a line that renews itself on a terminal, plain lines in a pipe, or JSON. Who closes
//! the pipe has heard enough, which is the end of the miner and no failure.

use super::options::Options;
use chaincore_miner::{CardFigures, CoreFigures, Engine};
use serde_json::{Value, json};
use std::fmt::Arguments;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How the miner talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    Quiet,
    Json,
    /// For people; with a line for each core or without.
    Plain {
        cores: bool,
    },
}

impl Voice {
    pub(crate) fn of(options: &Options) -> Self {
        match (options.quiet, options.json) {
            (_, true) => Self::Json,
            (true, false) => Self::Quiet,
            (false, false) => Self::Plain { cores: options.stats },
        }
    }
}

/// Sums of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
}

/// What has been hashed since the start, and by whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    cores: Vec<CoreFigures>,
    cards: Vec<CardFigures>,
}

impl Figures {
    pub(crate) fn of(engine: &Engine) -> Self {
        Self { cores: engine.figures(), cards: engine.cards() }
    }

    pub(crate) fn hashes(&self) -> u64 {
        let cores = self.cores.iter().map(|core| core.hashes);
        cores.chain(self.cards.iter().map(|card| card.hashes)).sum()
    }
}

/// Tells what happens.
pub(crate) struct Report {
    voice: Voice,
    /// Whether a line that renews itself is on the screen.
    live: bool,
    is_terminal: bool,
    /// Whether nobody reads the standard output any more.
    is_unread: bool,
    begun: Instant,
    last: (Instant, u64),
    /// Cards whose failure was told.
    failed_cards: usize,
}

/// A hash rate as people say it.
pub(crate) fn rate(hashes: f64) -> String {
    let units = ["H/s", "kH/s", "MH/s", "GH/s", "TH/s"];
    let power = units.iter().enumerate().rev().find(|(n, _)| hashes >= 1000f64.powi(*n as i32));
    let (power, unit) = power.unwrap_or((0, &units[0]));
    format!("{:.2} {unit}", hashes / 1000f64.powi(power as i32))
}

/// A ratio of nothing to no time is nothing.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The rates as people read them: nothing of those that there are not yet.
fn rates(current: f64, average: f64) -> String {
    match (current > 0.0, average > 0.0) {
        (true, true) => format!("  {} ({} on average)", rate(current), rate(average)),
        (false, true) => format!("  {} on average", rate(average)),
        _ => String::new(),
    }
}

/// A line on the standard error, where nobody may be listening.
pub(crate) fn aside(text: &str) {
    let _ = writeln!(std::io::stderr(), "chaincore-miner: {text}");
}

/// Why it ends with this exit code, for programs.
pub(crate) fn fatal(text: &str, code: u8) {
    let _ = writeln!(std::io::stdout(), "{}", json!({"event": "error", "text": text, "exit_code": code}));
}

impl Report {
    pub(crate) fn new(voice: Voice) -> Self {
        let now = Instant::now();
        Self {
            voice,
            live: false,
            is_terminal: std::io::stdout().is_terminal(),
            is_unread: false,
            begun: now,
            last: (now, 0),
            failed_cards: 0,
        }
    }

    /// Whether it makes no sense to go on, because whoever listened does not any more.
    pub(crate) fn has_nobody(&self) -> bool {
        self.is_unread
    }

    fn write(&mut self, text: Arguments<'_>) {
        let mut out = std::io::stdout();
        self.is_unread |= out.write_fmt(text).and_then(|()| out.flush()).is_err();
    }

    fn line(&mut self, text: impl std::fmt::Display) {
        self.write(format_args!("{text}\n"));
    }

    /// Ends the line that renews itself, so that others can follow.
    fn break_line(&mut self) {
        if std::mem::take(&mut self.live) {
            self.write(format_args!("\n"));
        }
    }

    /// Takes the line that renews itself away, with the ^C that a terminal may have put there.
    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.live) {
            self.write(format_args!("\r\x1b[K"));
        }
    }

    /// Something happened.
    pub(crate) fn event(&mut self, name: &str, text: &str, facts: Value) {
        match self.voice {
            Voice::Quiet => {}
            Voice::Json => {
                let mut line = json!({"event": name});
                if let (Some(line), Some(facts)) = (line.as_object_mut(), facts.as_object()) {
                    line.extend(facts.clone());
                }
                self.line(line);
            }
            Voice::Plain { .. } => {
                self.break_line();
                self.line(text);
            }
        }
    }

    /// Something is wrong but may pass.
    pub(crate) fn trouble(&mut self, text: &str) {
        match self.voice {
            Voice::Json => self.line(json!({"event": "trouble", "text": text})),
            _ => {
                self.break_line();
                aside(text);
            }
        }
    }

    /// How fast it goes: since the last time, and since the start.
    fn speeds(&mut self, hashes: u64) -> (f64, f64) {
        let now = Instant::now();
        let elapsed = (now - self.last.0).as_secs_f64().max(1e-3);
        let current = hashes.saturating_sub(self.last.1) as f64 / elapsed;
        self.last = (now, hashes);
        (current, hashes as f64 / (now - self.begun).as_secs_f64().max(1e-3))
    }

    /// How fast it goes. The figures are sums since the start.
    pub(crate) fn progress(&mut self, height: Option<u32>, sums: Sums, figures: &Figures) {
        self.tell_failed_cards(figures);
        let (current, average) = self.speeds(figures.hashes());
        match self.voice {
            Voice::Quiet => {}
            Voice::Json => self.stats(height, sums, figures, current, average),
            Voice::Plain { cores: each } => {
                let at = height.map_or("waiting for work".into(), |height| format!("block {height}"));
                let line = format!(
                    "{}  {at}{}  {} found, {} refused",
                    span(self.begun.elapsed()),
                    rates(current, average),
                    sums.accepted,
                    sums.refused
                );
                if self.is_terminal && !each {
                    self.live = true;
                    return self.write(format_args!("\r\x1b[K{line}"));
                }
                self.line(line);
                if each {
                    self.each(figures);
                }
            }
        }
    }

    /// For programs.
    fn stats(&mut self, height: Option<u32>, sums: Sums, figures: &Figures, current: f64, average: f64) {
        let core = |core: &CoreFigures| {
            json!({
                "core": core.core, "hashes": core.hashes, "hashes_per_second": finite(core.rate()).round(),
                "efficiency": (finite(core.efficiency()) * 1000.0).round() / 1000.0,
            })
        };
        let card =
            |card: &CardFigures| json!({"card": card.name, "hashes": card.hashes, "failure": card.failure});
        let cores: Vec<Value> = figures.cores.iter().map(core).collect();
        let cards: Vec<Value> = figures.cards.iter().map(card).collect();
        self.line(json!({
            "event": "stats", "height": height, "seconds": self.begun.elapsed().as_secs(),
            "hashes": figures.hashes(), "hashes_per_second": current.round(),
            "average_hashes_per_second": average.round(), "accepted": sums.accepted, "refused": sums.refused,
            "cores": cores, "cards": cards,
        }));
    }

    /// A line for each core and card.
    fn each(&mut self, figures: &Figures) {
        for core in &figures.cores {
            let name = core.core.map_or("any core".into(), |core| format!("core {core}"));
            let (rate, part) = (rate(finite(core.rate())), 100.0 * finite(core.efficiency()));
            self.line(format_args!("    {name:9} {rate:>14}  {part:5.1} % of its time"));
        }
        let seconds = self.begun.elapsed().as_secs_f64().max(1e-3);
        for card in &figures.cards {
            let rate = rate(card.hashes as f64 / seconds);
            self.line(format_args!("    {rate:>24}  {}", card.name));
        }
    }

    fn tell_failed_cards(&mut self, figures: &Figures) {
        let failed: Vec<_> = figures.cards.iter().filter(|card| card.failure.is_some()).collect();
        if failed.len() > std::mem::replace(&mut self.failed_cards, failed.len()) {
            for card in failed {
                let why = card.failure.as_deref().unwrap_or_default();
                self.trouble(&format!("{} does not mine any more: {why}", card.name));
            }
        }
    }

    /// The end: what it came to.
    pub(crate) fn end(&mut self, sums: Sums, figures: &Figures) {
        self.clear();
        let (current, average) = self.speeds(figures.hashes());
        let seconds = self.begun.elapsed();
        match self.voice {
            Voice::Quiet => {}
            Voice::Json => {
                self.stats(None, sums, figures, current, average);
                self.line(json!({
                    "event": "end", "seconds": seconds.as_secs(), "hashes": figures.hashes(),
                    "average_hashes_per_second": average.round(), "accepted": sums.accepted,
                    "refused": sums.refused,
                }));
            }
            Voice::Plain { cores } => {
                let (accepted, refused) = (sums.accepted, sums.refused);
                let (span, rates) = (span(seconds), rates(0.0, average));
                self.line(format_args!("The end after {span}{rates}  {accepted} found, {refused} refused"));
                if cores {
                    self.each(figures);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_the_unit_that_fits() {
        for (hashes, text) in [
            (0.0, "0.00 H/s"),
            (999.0, "999.00 H/s"),
            (1000.0, "1.00 kH/s"),
            (42_700_000.0, "42.70 MH/s"),
            (1.5e13, "15.00 TH/s"),
            (1.5e16, "15000.00 TH/s"),
        ] {
            assert_eq!(rate(hashes), text);
        }
        assert_eq!(rates(0.0, 0.0), "", "nothing is known yet");
        assert_eq!(rates(0.0, 1000.0), "  1.00 kH/s on average");
        assert_eq!(span(Duration::from_secs(3_725)), "1:02:05");
    }
}
