//! `chaincore-monitor track`: a range of the chain, explored and checked from outside, and its export.

mod blocks;
mod check;
mod explore;
mod export;
mod findings;
mod mining;
mod patterns;
mod view;

use crate::chain::{size_of_stdout, write_out};
use crate::nodes::{Endpoint, NodeApi};
use crate::screen::{Paint, printed};
use crate::verdict::Verdict;
use anyhow::{Context, Result};
use explore::{Known, choose, explore};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What to look at.
#[derive(Debug)]
pub struct Options {
    /// The nodes; the one with the most work is read, the others are compared with it.
    pub nodes: Vec<Endpoint>,
    /// How long a node may take to answer.
    pub timeout: Duration,
    /// The first height.
    pub from: u32,
    /// The last one; the tip if absent.
    pub to: Option<u32>,
    /// Where the export goes; `-` is standard output.
    pub json: Option<PathBuf>,
}

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_millis(200);

/// Explores, prints and exports.
pub async fn run(options: &Options) -> Result<Verdict> {
    let asked =
        options.nodes.iter().map(|endpoint| Known::ask(NodeApi::new(endpoint.clone(), options.timeout)));
    let mut nodes = Vec::new();
    for node in asked {
        nodes.push(node.await);
    }
    let at = choose(&nodes)?;
    let to_stdout = options.json.as_deref() == Some(Path::new("-"));
    let mut told = Instant::now();
    let mut progress = |done: u64, total: u64| {
        if told.elapsed() >= TOLD_EVERY && std::io::stderr().is_terminal() {
            told = Instant::now();
            // Whoever does not see it misses nothing that is not told at the end.
            let _unseen = write!(std::io::stderr(), "\r{done} of {total} blocks ...").is_err();
        }
    };
    let stop = crate::stop::requested();
    let export = tokio::select! {
        export = explore(&nodes, at, options.from, options.to, &mut progress) => export?,
        () = stop => anyhow::bail!("stopped before the end of the range; a smaller one is given by --from and --to"),
    };
    if std::io::stderr().is_terminal() {
        let _unseen = write!(std::io::stderr(), "\r\u{1b}[K").is_err();
    }
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&export)? + "\n";
        if to_stdout {
            write_out(&text)?;
        } else {
            crate::files::replace(path, text.as_bytes())
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
    }
    if !to_stdout {
        write_out(&printed(&view::picture(&export, size_of_stdout(), Paint::of_stdout())))?;
    }
    Ok(export.validation.verdict)
}
