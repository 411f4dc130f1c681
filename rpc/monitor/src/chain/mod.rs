//! `chaincore-monitor chain`: several nodes beside each other.

mod report;
mod view;

pub use report::report;
pub use view::picture;

use crate::nodes::Endpoint;
use crate::screen::{Paint, Session, Size, live, printed};
use crate::verdict::Verdict;
use crate::watch::{Observation, Patience, Poller, Watch};
use anyhow::Result;
use ratatui::text::Line;
use std::io::{IsTerminal, Write};
use std::time::Duration;
use tokio::sync::mpsc;

/// How wide and high a picture is that goes to no terminal.
pub const PRINTED: Size = Size { width: 120, height: 48 };
/// How often nodes that differ are asked again while `--once` waits for the grace to end.
const AGAIN: Duration = Duration::from_millis(500);

/// What to look at and how.
#[derive(Debug)]
pub struct Options {
    /// The nodes.
    pub nodes: Vec<Endpoint>,
    /// Between two looks.
    pub interval: Duration,
    /// How long a node may take to answer.
    pub timeout: Duration,
    /// How patient to be with differences.
    pub patience: Patience,
    /// One look only.
    pub once: bool,
    /// For programs.
    pub json: bool,
}

/// The watch on a screen.
pub struct Screen(pub Watch);

impl Session for Screen {
    type Update = Observation;

    fn update(&mut self, seen: Observation) {
        self.0.take(&seen);
    }

    fn picture(&self, size: Size, paint: Paint) -> Vec<Line<'static>> {
        picture(&self.0, size, paint)
    }
}

/// Writes a state to standard output, as a picture or as a line of JSON. False if nobody reads it any more.
pub fn print(watch: &Watch, json: bool) -> Result<bool> {
    let text = if json {
        serde_json::to_string(&report(watch))? + "\n"
    } else {
        printed(&picture(watch, size_of_stdout(), Paint::of_stdout()))
    };
    write_out(&text)
}

/// As wide as the terminal, if it is one; `PRINTED` otherwise.
pub fn size_of_stdout() -> Size {
    let terminal = std::io::stdout().is_terminal().then(ratatui::crossterm::terminal::size);
    match terminal {
        Some(Ok((width, _))) if width > 0 => Size { width: width.max(crate::screen::NARROWEST), ..PRINTED },
        _ => PRINTED,
    }
}

/// Writes to standard output. False if nobody reads it any more.
pub fn write_out(text: &str) -> Result<bool> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Runs until it is done or stopped; what was seen last.
pub async fn run(options: &Options) -> Result<Verdict> {
    let mut watch = Watch::new(options.nodes.iter().map(ToString::to_string), options.patience);
    let mut poller = Poller::new(&options.nodes, options.timeout);
    if options.once {
        // What differs now may be a block on its way: it is looked at until that is clear.
        // On a chain whose blocks come faster than they travel it never is; then it is told as it stands.
        let begun = std::time::Instant::now();
        watch.take(&poller.look().await);
        while watch.is_open() && begun.elapsed() < 2 * options.patience.grace + AGAIN {
            tokio::time::sleep(AGAIN).await;
            watch.take(&poller.look().await);
        }
        print(&watch, options.json)?;
        return Ok(watch.verdict());
    }
    let (sender, mut seen) = mpsc::channel(2);
    tokio::spawn(poller.run(options.interval, sender));
    if !options.json && std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        let mut screen = Screen(watch);
        live(&mut screen, &mut seen, Paint::of_stdout(), false).await?;
        return Ok(screen.0.verdict());
    }
    let stop = crate::stop::requested();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            observation = seen.recv() => match observation {
                Some(observation) => {
                    watch.take(&observation);
                    if !print(&watch, options.json)? {
                        return Ok(watch.verdict());
                    }
                    if options.json {
                        // Each line tells what is new; a reader has the others.
                        watch.events.clear();
                    }
                }
                None => anyhow::bail!("the nodes are not asked any more"),
            },
            () = &mut stop => return Ok(watch.verdict()),
        }
    }
}
