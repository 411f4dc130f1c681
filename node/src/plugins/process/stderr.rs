//! A child's standard error on its way into the node's log: line by line, cut, and not more than so much at a time.

use super::fault::printable;
use super::limits::Limits;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

/// How much is read at a time.
const CHUNK: usize = 16 << 10;
/// The wait between two chunks. A child that says more than this lets through waits for the pipe, not the node.
const PAUSE: Duration = Duration::from_millis(10);

/// Takes lines and decides what of them is logged.
struct Log<S> {
    name: String,
    limits: Limits,
    sink: S,
    /// The line that has begun, up to what is logged of it.
    line: Vec<u8>,
    /// Whether more of it has been left out.
    cut: bool,
    window: Instant,
    logged: u32,
    left_out: u64,
}

impl<S: FnMut(String)> Log<S> {
    fn bytes(&mut self, bytes: &[u8], now: Instant) {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let mut part = lines.next();
        while let Some(text) = part {
            let room = self.limits.log_line.saturating_sub(self.line.len());
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            self.cut |= text.len() > room;
            part = lines.next();
            if part.is_some() {
                self.end_line(now);
            }
        }
    }

    fn end_line(&mut self, now: Instant) {
        let line = std::mem::take(&mut self.line);
        let cut = std::mem::take(&mut self.cut);
        if line.is_empty() {
            return;
        }
        if now.duration_since(self.window) >= self.limits.log_window {
            self.new_window(now);
        }
        if self.logged >= self.limits.log_lines {
            self.left_out += 1;
            return;
        }
        self.logged += 1;
        let text: String =
            String::from_utf8_lossy(&line).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        (self.sink)(format!("plugin {}: {}{}", self.name, text.trim_end(), if cut { "…" } else { "" }));
    }

    fn new_window(&mut self, now: Instant) {
        (self.window, self.logged) = (now, 0);
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            (self.sink)(format!("plugin {}: {left_out} more lines were left out", self.name));
        }
    }

    fn end(&mut self, now: Instant) {
        self.end_line(now);
        self.new_window(now);
    }
}

/// Logs what comes out of the pipe until it is closed. Counts what it leaves out.
pub(super) async fn log(name: String, from: impl AsyncRead + Unpin, limits: Limits) {
    let sink = |line: String| tracing::info!("{line}");
    log_to(sink, printable(&name), from, limits).await;
}

async fn log_to(sink: impl FnMut(String), name: String, mut from: impl AsyncRead + Unpin, limits: Limits) {
    let (window, line) = (Instant::now(), Vec::new());
    let mut log = Log { name, limits, sink, line, cut: false, window, logged: 0, left_out: 0 };
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(count) => log.bytes(&chunk[..count], Instant::now()),
        }
        tokio::time::sleep(PAUSE).await;
    }
    log.end(Instant::now());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(text: &[u8]) -> Vec<String> {
        let mut lines = vec![];
        let limits = Limits { log_line: 8, log_lines: 3, ..Limits::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(log_to(|line| lines.push(line), "p".into(), text, limits));
        lines
    }

    #[test]
    fn lines_are_cut_cleaned_and_counted() {
        assert_eq!(logged(b"one\n\ntwo"), ["plugin p: one", "plugin p: two"]);
        assert_eq!(logged(b"12345678\n123456789\n"), ["plugin p: 12345678", "plugin p: 12345678…"]);
        assert_eq!(logged(b"a\x1b[2Jb\r\n\xff\n"), ["plugin p: a [2Jb", "plugin p: \u{fffd}"]);
        assert_eq!(
            logged(b"1\n2\n3\n4\n5\n6"),
            ["plugin p: 1", "plugin p: 2", "plugin p: 3", "plugin p: 3 more lines were left out"]
        );
        let mut long = vec![b'x'; 100_000];
        long.push(b'\n');
        assert_eq!(logged(&long), ["plugin p: xxxxxxxx…"]);
    }
}
