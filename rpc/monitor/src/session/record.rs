//! Recording: looks go in, a file comes out, whole at every moment.

use super::{SCHEMA, Session, Summary};
use crate::chain::{picture, print, size_of_stdout, write_out};
use crate::nodes::Endpoint;
use crate::screen::{Paint, Session as Shown, Size, live, printed};
use crate::text::{count_of, span_ms};
use crate::verdict::Verdict;
use crate::watch::{Event, Observation, Patience, Poller, Watch};
use anyhow::{Context, Result};
use ratatui::text::{Line, Span};
use std::collections::{HashMap, HashSet};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How many looks and events are kept: a look every two seconds for eleven days.
const MOST_FRAMES: usize = 500_000;
/// How many events are kept.
const MOST_EVENTS: usize = 100_000;
/// How often what was recorded is brought to the file while the recording goes on.
const SAVED_EVERY: Duration = Duration::from_secs(30);

/// A recording that goes on.
pub struct Recording {
    watch: Watch,
    summary: Summary,
    events: Vec<Event>,
    events_left_out: u64,
    frames: Vec<Observation>,
    frames_left_out: u64,
    /// What each node listed at the look before.
    listed: HashMap<String, HashSet<String>>,
}

impl Recording {
    /// Of these nodes.
    pub fn new(urls: &[String], patience: Patience) -> Self {
        Self {
            watch: Watch::new(urls.iter().cloned(), patience),
            summary: Summary::new(urls.iter().cloned()),
            events: Vec::new(),
            events_left_out: 0,
            frames: Vec::new(),
            frames_left_out: 0,
            listed: HashMap::new(),
        }
    }

    /// Takes a look in.
    pub fn take(&mut self, mut seen: Observation) {
        let happened = self.watch.take(&seen);
        self.summary.take(&seen, &self.watch, &happened);
        let room = MOST_EVENTS.saturating_sub(self.events.len());
        self.events_left_out += happened.len().saturating_sub(room) as u64;
        self.events.extend(happened.into_iter().take(room));
        if self.frames.len() >= MOST_FRAMES {
            self.frames_left_out += 1;
            return;
        }
        for node in &mut seen.nodes {
            let Some(facts) = &mut node.facts else { continue };
            let listed: HashSet<String> = facts.recent.iter().map(|block| block.hash.clone()).collect();
            let before = self.listed.insert(node.url.clone(), listed).unwrap_or_default();
            // The block below the first new one stays: it tells where the new ones begin.
            let new = facts.recent.iter().position(|block| !before.contains(&block.hash));
            facts.recent.drain(..new.map_or(facts.recent.len(), |new| new.saturating_sub(1)));
        }
        self.frames.push(seen);
    }

    /// What was recorded by now.
    pub fn session(&self) -> Session {
        Session {
            schema: SCHEMA.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            grace_ms: u64::try_from(self.watch.patience.grace.as_millis()).unwrap_or(u64::MAX),
            stall_ms: u64::try_from(self.watch.patience.stall.as_millis()).unwrap_or(u64::MAX),
            summary: self.summary.clone(),
            events: self.events.clone(),
            events_left_out: self.events_left_out,
            frames: self.frames.clone(),
            frames_left_out: self.frames_left_out,
        }
    }

    fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string(&self.session())? + "\n";
        crate::files::replace(path, text.as_bytes())
            .with_context(|| format!("{} cannot be written", path.display()))
    }
}

/// What to record and for how long.
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
    /// The file.
    pub file: PathBuf,
    /// For how long.
    pub duration: Duration,
}

/// The recording on a screen.
struct Screen<'a> {
    recording: Recording,
    options: &'a Options,
    saved: Instant,
    failure: Option<anyhow::Error>,
}

impl Shown for Screen<'_> {
    type Update = Observation;

    fn update(&mut self, seen: Observation) {
        self.recording.take(seen);
        if self.saved.elapsed() >= SAVED_EVERY {
            self.saved = Instant::now();
            self.failure = self.recording.save(&self.options.file).err();
        }
    }

    fn picture(&self, size: Size, paint: Paint) -> Vec<Line<'static>> {
        let recorded = self.recording.summary.to - self.recording.summary.from;
        let mut spans = vec![
            Span::styled("● REC ", paint.bad()),
            Span::raw(format!(
                "{} of {} · {} · to {}",
                span_ms(recorded),
                span_ms(u64::try_from(self.options.duration.as_millis()).unwrap_or(u64::MAX)),
                count_of(self.recording.summary.looks, "look"),
                self.options.file.display()
            )),
        ];
        if let Some(failure) = &self.failure {
            spans.push(Span::styled(format!(" · {failure:#}"), paint.bad()));
        }
        let mut lines = vec![Line::from(spans)];
        lines.extend(picture(&self.recording.watch, size, paint));
        lines
    }
}

/// Records until the time is over or it is stopped; the worst that was seen.
pub async fn record(options: &Options) -> Result<Verdict> {
    let urls: Vec<String> = options.nodes.iter().map(ToString::to_string).collect();
    let recording = Recording::new(&urls, options.patience);
    // A file that cannot be written is told now, not at the end of an hour.
    recording.save(&options.file)?;
    let poller = Poller::new(&options.nodes, options.timeout);
    let (sender, mut seen) = mpsc::channel(2);
    let (interval, duration) = (options.interval, options.duration);
    tokio::spawn(async move {
        // Over: nobody sends any more, and that ends the recording.
        let _over = tokio::time::timeout(duration, poller.run(interval, sender)).await.is_err();
    });
    let mut screen = Screen { recording, options, saved: Instant::now(), failure: None };
    if std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        let shown = live(&mut screen, &mut seen, Paint::of_stdout(), false).await;
        screen.recording.save(&options.file)?;
        shown?;
    } else {
        let stop = crate::stop::requested();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                observation = seen.recv() => match observation {
                    Some(observation) => screen.update(observation),
                    None => break,
                },
                () = &mut stop => break,
            }
        }
        screen.recording.save(&options.file)?;
    }
    let summary = &screen.recording.summary;
    let mut text = format!(
        "{} recorded in {}: {}, {}\n",
        count_of(summary.looks, "look"),
        options.file.display(),
        span_ms(summary.to - summary.from),
        count_of(screen.recording.events.len() as u64, "event")
    );
    text.push_str(&printed(&super::replay::lines_of(summary, size_of_stdout(), Paint::of_stdout())));
    write_out(&text)?;
    // What the recording is of was shown; how it ended is the exit code's.
    Ok(screen.recording.watch.verdict())
}

/// Prints the watch as it is at a look of a recording.
pub(super) fn print_look(watch: &Watch, json: bool) -> Result<bool> {
    print(watch, json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::testing::{block, facts, look, up};

    #[test]
    fn what_is_recorded_shows_the_same_again() {
        let urls = ["http://n0:5000".to_owned(), "http://n1:5000".to_owned()];
        let mut recording = Recording::new(&urls, Patience::default());
        for second in 0..30u64 {
            let height = 130 + second as u32;
            let other =
                if second < 20 { facts("n1", 'b', 100, height - 5) } else { facts("n1", 'a', 0, height) };
            let mut seen = look(second, vec![up(facts("n0", 'a', 0, height)), up(other)]);
            seen.blocks.push(block('a', height, "alice"));
            recording.take(seen);
        }
        let text = serde_json::to_string(&recording.session()).expect("JSON");
        let session: Session = serde_json::from_str(&text).expect("the same");
        assert!(
            text == serde_json::to_string(&session).expect("JSON"),
            "it reads otherwise than it was written"
        );
        // A block is in it twice per node at most, not at every look.
        let hashes: usize = session.frames.iter().flat_map(|frame| &frame.nodes).map(recent).sum();
        assert!(hashes < 450, "{hashes}");
        let mut again = Watch::new(urls, Patience::default());
        for frame in &session.frames {
            again.take(frame);
        }
        let size = Size { width: 100, height: 50 };
        let pictures = [&again, &recording.watch].map(|watch| printed(&picture(watch, size, Paint::plain())));
        assert_eq!(pictures[0], pictures[1]);
        let words = |watch: &Watch| watch.events.iter().map(|event| event.what.words()).collect::<Vec<_>>();
        assert_eq!(words(&again), words(&recording.watch));
        assert!(words(&again).contains(&"left 44 blocks above height 100 for others".into()));
        assert_eq!((session.summary.worst, session.summary.nodes[1].deepest_reorg), (2, 44));
    }

    fn recent(node: &crate::watch::NodeSeen) -> usize {
        node.facts.as_ref().map_or(0, |facts| facts.recent.len())
    }
}
