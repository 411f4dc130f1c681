//! Watching a recording again, in the screens that showed it live.

use super::{SCHEMA, Session, Summary};
use crate::chain::{picture, size_of_stdout, write_out};
use crate::screen::{Align, Cell, Column, Paint, Session as Shown, Size, Table, live, printed, rule};
use crate::text::{clean, clock, count_of, grouped, moment, span_ms};
use crate::verdict::Verdict;
use crate::watch::{Observation, Patience, Watch};
use anyhow::{Context, Result, bail};
use ratatui::crossterm::event::KeyCode;
use ratatui::text::{Line, Span};
use std::io::{IsTerminal, Read};
use std::path::Path;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// The longest file that is read.
const LONGEST_FILE: u64 = 1 << 30;
/// A pause between two looks is never longer than this, whatever the file says.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// The slowest and the fastest that keys can make it.
const SPEEDS: (f64, f64) = (0.125, 4096.0);

/// Reads a recording and refuses what is none.
pub fn load(path: &Path) -> Result<Session> {
    let shown = path.display();
    let file = std::fs::File::open(path).with_context(|| format!("{shown} cannot be read"))?;
    let mut text = Vec::new();
    file.take(LONGEST_FILE + 1).read_to_end(&mut text).with_context(|| format!("{shown} cannot be read"))?;
    if text.len() as u64 > LONGEST_FILE {
        bail!("{shown} is longer than {LONGEST_FILE} bytes");
    }
    let json: serde_json::Value =
        serde_json::from_slice(&text).with_context(|| format!("{shown} is not JSON"))?;
    match json.get("schema").and_then(|schema| schema.as_str()) {
        Some(SCHEMA) => {}
        Some(other) => bail!(
            "{shown} is a {}, this monitor replays {SCHEMA}: what `chaincore-monitor track --record FILE` writes",
            clean(other, 60)
        ),
        None => bail!("{shown} is no recording of `chaincore-monitor track --record FILE`"),
    }
    let mut session: Session = serde_json::from_value(json).with_context(|| format!("{shown} is damaged"))?;
    session.frames.iter_mut().for_each(tame);
    Ok(session)
}

/// A recording may come from a stranger: its texts obey no terminal either.
fn tame(frame: &mut Observation) {
    let fix = |text: &mut String, most: usize| *text = clean(text, most);
    for node in &mut frame.nodes {
        fix(&mut node.url, 200);
        if let Some(error) = &mut node.error {
            fix(error, 200);
        }
        if let Some(facts) = &mut node.facts {
            for text in [&mut facts.node_id, &mut facts.version, &mut facts.chain, &mut facts.hash] {
                fix(text, 80);
            }
            facts.inbound = facts.inbound.min(1 << 20);
            facts.outbound = facts.outbound.min(1 << 20);
            facts.height = facts.height.min(u32::MAX - 1);
            facts.warnings.iter_mut().for_each(|warning| fix(warning, 300));
        }
    }
    for block in &mut frame.blocks {
        for text in [&mut block.hash, &mut block.miner.payee, &mut block.miner.tag] {
            fix(text, 100);
        }
    }
}

/// What is shown: the watch, where it is in the recording, and how fast it goes.
struct Screen {
    watch: Watch,
    period: (u64, u64),
    speed: watch::Sender<f64>,
    held: f64,
    frames_left: usize,
}

impl Shown for Screen {
    type Update = Observation;

    fn update(&mut self, seen: Observation) {
        self.watch.take(&seen);
        self.frames_left = self.frames_left.saturating_sub(1);
    }

    fn picture(&self, size: Size, paint: Paint) -> Vec<Line<'static>> {
        let now = self.watch.period.map_or(self.period.0, |(_, last)| last);
        let done = now.saturating_sub(self.period.0);
        let whole = self.period.1.saturating_sub(self.period.0);
        let speed = *self.speed.borrow();
        let state = match (self.frames_left, speed) {
            (0, _) => "END".to_owned(),
            (_, 0.0) => "HELD".to_owned(),
            (_, speed) => format!("×{speed}"),
        };
        let mut lines = vec![Line::from(vec![
            Span::styled("▶ REPLAY ", paint.heading()),
            Span::raw(format!("{} of {} · {state}", span_ms(done), span_ms(whole))),
        ])];
        lines.extend(picture(&self.watch, size, paint));
        lines
    }

    fn key(&mut self, key: KeyCode) {
        let held = self.held;
        let mut hold = None;
        self.speed.send_modify(|speed| match key {
            KeyCode::Char(' ') if *speed == 0.0 => *speed = if held > 0.0 { held } else { 1.0 },
            KeyCode::Char(' ') => hold = Some(std::mem::take(speed)),
            KeyCode::Char('+') => *speed = (*speed * 2.0).clamp(SPEEDS.0, SPEEDS.1),
            KeyCode::Char('-') => *speed = (*speed / 2.0).clamp(SPEEDS.0, SPEEDS.1),
            _ => {}
        });
        if let Some(speed) = hold {
            self.held = speed;
        }
    }

    fn hint(&self) -> String {
        "space holds · + - speed".into()
    }
}

/// Sends the looks with the pauses that were between them, divided by the speed, which may change at any time; 0
/// holds.
async fn play(frames: Vec<Observation>, mut speed: watch::Receiver<f64>, looks: mpsc::Sender<Observation>) {
    let mut before: Option<u64> = None;
    for frame in frames {
        let pause = before.map_or(0, |before| frame.at.saturating_sub(before));
        let mut left = Duration::from_millis(pause).min(LONGEST_PAUSE).as_secs_f64();
        before = Some(frame.at);
        while left > 0.0 {
            let factor = *speed.borrow_and_update();
            let begun = tokio::time::Instant::now();
            let over = async {
                match factor > 0.0 {
                    true => tokio::time::sleep(Duration::from_secs_f64(left / factor)).await,
                    false => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => left = 0.0,
                changed = speed.changed() => {
                    left -= begun.elapsed().as_secs_f64() * factor;
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
        if looks.send(frame).await.is_err() {
            return;
        }
    }
}

/// Replays a file; the verdict at its end.
pub async fn replay(path: &Path, speed: f64, json: bool) -> Result<Verdict> {
    let session = load(path)?;
    let urls: Vec<String> = session.summary.nodes.iter().map(|node| clean(&node.url, 200)).collect();
    let patience = Patience {
        grace: Duration::from_millis(session.grace_ms),
        stall: Duration::from_millis(session.stall_ms),
    };
    let mut watch_over = Watch::new(urls, patience);
    if session.frames.is_empty() {
        bail!("{} has no looks in it: it was stopped before the first", path.display());
    }
    if speed == 0.0 {
        for frame in &session.frames {
            watch_over.take(frame);
            if json && !super::record::print_look(&watch_over, true)? {
                return Ok(watch_over.verdict());
            }
            if json {
                watch_over.events.clear();
            }
        }
        if !json {
            let (size, paint) = (size_of_stdout(), Paint::of_stdout());
            let mut lines = picture(&watch_over, size, paint);
            lines.push(Line::default());
            lines.extend(lines_of(&session.summary, size, paint));
            write_out(&printed(&lines))?;
        }
        return Ok(watch_over.verdict());
    }
    let (sender, mut looks) = mpsc::channel(1);
    let (speeds, listener) = watch::channel(speed);
    let period = (session.frames[0].at, session.frames[session.frames.len() - 1].at);
    let frames_left = session.frames.len();
    tokio::spawn(play(session.frames, listener, sender));
    if !json && std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        let mut screen = Screen { watch: watch_over, period, speed: speeds, held: speed, frames_left };
        live(&mut screen, &mut looks, Paint::of_stdout(), true).await?;
        return Ok(screen.watch.verdict());
    }
    let stop = crate::stop::requested();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            look = looks.recv() => {
                let Some(look) = look else { break };
                watch_over.take(&look);
                if !super::record::print_look(&watch_over, json)? {
                    break;
                }
                if json {
                    watch_over.events.clear();
                }
            }
            () = &mut stop => break,
        }
    }
    Ok(watch_over.verdict())
}

/// What a session came to, in words.
pub(super) fn lines_of(summary: &Summary, size: Size, paint: Paint) -> Vec<Line<'static>> {
    let title = format!("session {} to {} UTC", moment(summary.from), clock(summary.to));
    let mut lines = vec![rule(&title, size.width, paint)];
    let column = |title, align, rank| Column { title, align, rank };
    let mut nodes = Table::new(&[
        column("node", Align::Left, 0),
        column("answered", Align::Left, 0),
        column("heights", Align::Left, 1),
        column("silent", Align::Right, 2),
        column("restarts", Align::Right, 3),
        column("reorgs", Align::Right, 2),
    ]);
    for node in &summary.nodes {
        let periods: Vec<_> = node
            .answered
            .iter()
            .take(3)
            .map(|(from, to)| format!("{}–{}", clock(*from), clock(*to)))
            .collect();
        let more = if node.answered.len() > 3 {
            format!(" and {} more", node.answered.len() - 3)
        } else {
            String::new()
        };
        let answered = if periods.is_empty() { "never".into() } else { periods.join(", ") + &more };
        nodes.row(vec![
            Cell(clean(node.node_id.as_deref().unwrap_or(&node.url), 80), paint.strong()),
            Cell(answered, if node.silent_looks > 0 { paint.late() } else { paint.normal() }),
            Cell::new(match (node.first_height, node.last_height) {
                (Some(first), Some(last)) => format!("{first}–{last}"),
                _ => "-".into(),
            }),
            Cell::new(grouped(node.silent_looks)),
            Cell::new(node.restarts.to_string()),
            Cell::new(match node.reorgs {
                0 => "0".into(),
                count => format!("{count} (≤{})", node.deepest_reorg),
            }),
        ]);
    }
    lines.extend(nodes.lines(size.width, paint));
    if summary.miners.is_empty() {
        lines.push(Line::styled("no blocks came", paint.dim()));
        return lines;
    }
    let mut miners = Table::new(&[
        column("miner", Align::Left, 0),
        column("mined", Align::Left, 0),
        column("blocks", Align::Right, 0),
        column("heights", Align::Left, 1),
        column("tx", Align::Right, 2),
        column("says", Align::Left, 3),
    ]);
    for miner in summary.miners.iter().take(20) {
        miners.row(vec![
            Cell(clean(&miner.payee, 80), paint.strong()),
            Cell::new(format!("{}–{}", clock(miner.from), clock(miner.to))),
            Cell::new(grouped(miner.blocks)),
            Cell::new(format!("{}–{}", miner.first_height, miner.last_height)),
            Cell::new(grouped(miner.transactions)),
            Cell(clean(&miner.tag, 40), paint.dim()),
        ]);
    }
    lines.extend(miners.lines(size.width, paint));
    if summary.miners.len() > 20 {
        let more = count_of((summary.miners.len() - 20) as u64, "miner");
        lines.push(Line::styled(format!("and {more} more"), paint.dim()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_recording_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.json");
        for (content, said) in [
            ("nonsense", "is not JSON"),
            ("[]", "is no recording of `chaincore-monitor track --record FILE`"),
            (
                r#"{"schema":"chaincore-monitor-track/1"}"#,
                "is a chaincore-monitor-track/1, this monitor replays",
            ),
            (r#"{"schema":"chaincore-monitor-session/1"}"#, "is damaged"),
        ] {
            std::fs::write(&path, content).expect("there is room");
            let error = format!("{:#}", load(&path).expect_err("it is none"));
            assert!(error.contains(said), "{error}");
        }
        assert!(load(&folder.path().join("none")).is_err());
    }

    #[test]
    fn keys_hold_and_change_the_speed() {
        let (speed, listener) = watch::channel(4.0);
        let watch = Watch::new([], Patience::default());
        let mut screen = Screen { watch, period: (0, 0), speed, held: 4.0, frames_left: 1 };
        let mut after = |key: char| {
            screen.key(KeyCode::Char(key));
            *listener.borrow()
        };
        assert_eq!(['+', ' ', ' ', '-', 'x'].map(&mut after), [8.0, 0.0, 8.0, 4.0, 4.0]);
    }

    #[tokio::test]
    async fn looks_come_in_order_and_wait_while_held() {
        let frame = |at| Observation { at, nodes: Vec::new(), blocks: Vec::new() };
        let (sender, mut looks) = mpsc::channel(1);
        let (speed, listener) = watch::channel(100_000.0);
        let frames = vec![frame(0), frame(20_000), frame(3_000_000), frame(2_000_000)];
        let playing = tokio::spawn(play(frames, listener, sender));
        assert_eq!(looks.recv().await.map(|look| look.at), Some(0));
        assert_eq!(looks.recv().await.map(|look| look.at), Some(20_000));
        speed.send_replace(0.0);
        let held = tokio::time::timeout(Duration::from_millis(150), looks.recv()).await;
        assert!(held.is_err(), "{held:?}");
        speed.send_replace(1e6);
        // A look from before the last comes at once.
        assert_eq!(looks.recv().await.map(|look| look.at), Some(3_000_000));
        assert_eq!(looks.recv().await.map(|look| look.at), Some(2_000_000));
        assert_eq!(looks.recv().await, None);
        playing.await.expect("it did not panic");
    }
}
