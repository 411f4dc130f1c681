//! What people and programs are told: a line that renews itself on a terminal, plain lines in a pipe, or JSON.

use chaincore_miner::CoreFigures;
use serde_json::{Value, json};
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

/// Sums of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
}

/// Tells what happens.
pub(crate) struct Report {
    voice: Voice,
    /// Whether a line that renews itself is on the screen.
    live: bool,
    is_terminal: bool,
    begun: Instant,
    last: (Instant, u64),
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

impl Report {
    pub(crate) fn new(voice: Voice) -> Self {
        let now = Instant::now();
        Self { voice, live: false, is_terminal: std::io::stdout().is_terminal(), begun: now, last: (now, 0) }
    }

    /// Ends the line that renews itself, so that others can follow.
    fn break_line(&mut self) {
        if std::mem::take(&mut self.live) {
            println!();
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
                println!("{line}");
            }
            Voice::Plain { .. } => {
                self.break_line();
                println!("{text}");
            }
        }
    }

    /// Something is wrong but may pass.
    pub(crate) fn trouble(&mut self, text: &str) {
        match self.voice {
            Voice::Json => println!("{}", json!({"event": "trouble", "text": text})),
            _ => {
                self.break_line();
                eprintln!("chaincore-miner: {text}");
            }
        }
    }

    /// How fast it goes. `cores` are the threads' sums since the start.
    pub(crate) fn progress(&mut self, height: Option<u32>, sums: Sums, cores: &[CoreFigures]) {
        let now = Instant::now();
        let hashes: u64 = cores.iter().map(|core| core.hashes).sum();
        let elapsed = (now - self.last.0).as_secs_f64().max(1e-3);
        let current = (hashes - self.last.1.min(hashes)) as f64 / elapsed;
        let average = hashes as f64 / (now - self.begun).as_secs_f64().max(1e-3);
        self.last = (now, hashes);
        match self.voice {
            Voice::Quiet => {}
            Voice::Json => {
                let cores: Vec<Value> = cores.iter().map(|core| {
                    json!({
                        "core": core.core, "hashes": core.hashes, "hashes_per_second": finite(core.rate()).round(),
                        "efficiency": (finite(core.efficiency()) * 1000.0).round() / 1000.0,
                    })
                }).collect();
                println!(
                    "{}",
                    json!({
                        "event": "stats", "height": height, "seconds": (now - self.begun).as_secs(), "hashes": hashes,
                        "hashes_per_second": current.round(), "average_hashes_per_second": average.round(),
                        "accepted": sums.accepted, "refused": sums.refused, "cores": cores,
                    })
                );
            }
            Voice::Plain { cores: each } => {
                let at = height.map_or("waiting for work".into(), |height| format!("block {height}"));
                let line = format!(
                    "{}  {at}  {} ({} on average)  {} found, {} refused",
                    span(now - self.begun),
                    rate(current),
                    rate(average),
                    sums.accepted,
                    sums.refused
                );
                if self.is_terminal && !each {
                    print!("\r\x1b[K{line}");
                    let _ = std::io::stdout().flush();
                    self.live = true;
                    return;
                }
                println!("{line}");
                for core in cores.iter().filter(|_| each) {
                    let name = core.core.map_or("any core".into(), |core| format!("core {core}"));
                    println!(
                        "    {name:9} {:>14}  {:5.1} % of its time",
                        rate(finite(core.rate())),
                        100.0 * finite(core.efficiency())
                    );
                }
            }
        }
    }

    /// The end.
    pub(crate) fn end(&mut self) {
        self.break_line();
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
        assert_eq!(span(Duration::from_secs(3_725)), "1:02:05");
    }
}
