//! The log: `debug.log`, and the terminal if wanted.
//!
//! A line is in the file before the call that logged it returns: nothing is buffered, so that whoever has an answer
//! of the node in hand finds what led to it in the log. Lines are `time [category] message`; the category is the
//! `target` of the tracing event where that is one of [`CATEGORIES`], else it follows from the module. Information
//! is always logged and shows no category, warnings and errors show `[warning]` and `[error]`, details show their
//! category and are only logged where it is switched on. Third-party crates are only heard from warnings upwards.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogLevel};

/// The categories of details, in the order of the alphabet: Core's, and `index`, `mining`, `plugin` and `storage`.
pub const CATEGORIES: &[&str] = &[
    "addrman",
    "bench",
    "blockstorage",
    "cmpctblock",
    "coindb",
    "http",
    "i2p",
    "index",
    "kernel",
    "mempool",
    "mempoolrej",
    "mining",
    "net",
    "plugin",
    "privatebroadcast",
    "proxy",
    "prune",
    "reindex",
    "rpc",
    "scan",
    "selectcoins",
    "storage",
    "tor",
    "txpackages",
    "txreconciliation",
    "validation",
    "zmq",
];

/// The category of what a module of ours logs under its own path.
const MODULES: &[(&str, &str)] = &[
    ("chaincore_node::chain", "validation"),
    ("chaincore_node::index", "index"),
    ("chaincore_node::mempool", "mempool"),
    ("chaincore_node::template", "mining"),
    ("chaincore_node::p2p", "net"),
    ("chaincore_node::plugins", "plugin"),
    ("chaincore_node", "validation"),
    ("chaincore_miner", "mining"),
    // What these call themselves: Core has no category of theirs.
    ("miner", "mining"),
    ("stratum", "mining"),
    ("sv2", "mining"),
    ("chaincore_rpc::http", "http"),
    ("chaincore_rpc", "rpc"),
    ("chaincore_storage", "storage"),
];

fn index_of(category: &str) -> Option<usize> {
    CATEGORIES.binary_search(&category).ok()
}

/// The category of an event, by its target; `None` for code that is not ours.
fn category_of(target: &str) -> Option<&'static str> {
    if let Some(index) = index_of(target) {
        return Some(CATEGORIES[index]);
    }
    let of = |module: &str| {
        target.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    MODULES.iter().find(|(module, _)| of(module)).map(|(_, category)| *category)
}

/// Which categories log details: one bit per category. Shared with whoever switches them while the node runs.
#[derive(Debug, Default)]
struct Switches {
    debug: AtomicU64,
    trace: AtomicU64,
}

impl Switches {
    fn set(&self, category: &str, level: LogLevel) -> bool {
        let Some(bit) = index_of(category).map(|index| 1u64 << index) else { return false };
        for (mask, on) in [(&self.debug, level >= LogLevel::Debug), (&self.trace, level >= LogLevel::Trace)] {
            if on {
                mask.fetch_or(bit, Ordering::Relaxed);
            } else {
                mask.fetch_and(!bit, Ordering::Relaxed);
            }
        }
        true
    }

    fn allows(&self, metadata: &Metadata<'_>) -> bool {
        let level = *metadata.level();
        let Some(category) = category_of(metadata.target()) else { return level <= Level::WARN };
        if level <= Level::INFO {
            return true;
        }
        let mask = if level == Level::DEBUG { &self.debug } else { &self.trace };
        index_of(category).is_some_and(|index| mask.load(Ordering::Relaxed) & (1 << index) != 0)
    }

    fn most(&self) -> LevelFilter {
        match (self.debug.load(Ordering::Relaxed), self.trace.load(Ordering::Relaxed)) {
            (0, 0) => LevelFilter::INFO,
            (_, 0) => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }
    }
}

/// Switches categories of a running log. A cheap clone.
#[derive(Debug, Clone)]
pub struct LogHandle {
    switches: Arc<Switches>,
}

impl LogHandle {
    /// Lets a category log details up to `level`; `false` if there is no such category.
    pub fn set(&self, category: &str, level: LogLevel) -> bool {
        let known = self.switches.set(category, level);
        tracing::callsite::rebuild_interest_cache();
        known
    }

    /// Every category, and whether it logs details.
    pub fn categories(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let mask = self.switches.debug.load(Ordering::Relaxed);
        CATEGORIES.iter().enumerate().map(move |(index, name)| (*name, mask & (1 << index) != 0))
    }
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file could not be opened.
    #[error("Could not open debug log file {path}: {source}")]
    Open {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A log was set up before in this process.
    #[error("the log was already set up")]
    Twice,
}

/// Sets up the process's log. Its folder must exist; an old log is appended to.
pub fn start(config: &LogConfig) -> Result<LogHandle, LogError> {
    let sink = Sink::open(config)?;
    let switches = sink.switches.clone();
    tracing_subscriber::registry().with(sink).try_init().map_err(|_| LogError::Twice)?;
    log_panics();
    Ok(LogHandle { switches })
}

/// A panic is written to the log before it takes its thread down.
fn log_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        tracing::error!(target: "validation", "panic: {info}");
        before(info);
    }));
}

/// Where lines go.
#[derive(Debug)]
struct Sink {
    file: Option<Mutex<File>>,
    to_terminal: bool,
    micros: bool,
    thread_names: bool,
    source_locations: bool,
    switches: Arc<Switches>,
}

impl Sink {
    fn open(config: &LogConfig) -> Result<Self, LogError> {
        let file = match &config.file {
            None => None,
            Some(path) => Some(Mutex::new(
                open_private(path)
                    .map_err(|source| LogError::Open { path: path.display().to_string(), source })?,
            )),
        };
        let switches = Switches::default();
        for (category, level) in &config.details {
            switches.set(category, *level);
        }
        Ok(Self {
            file,
            to_terminal: config.to_terminal,
            micros: config.micros,
            thread_names: config.thread_names,
            source_locations: config.source_locations,
            switches: Arc::new(switches),
        })
    }

    fn line(&self, event: &Event<'_>) -> String {
        let metadata = event.metadata();
        let mut line = timestamp(SystemTime::now(), self.micros);
        if self.thread_names {
            let _ = write!(line, " [{}]", std::thread::current().name().unwrap_or("unknown"));
        }
        if self.source_locations
            && let (Some(file), Some(number)) = (metadata.file(), metadata.line())
        {
            let _ = write!(line, " [{file}:{number}]");
        }
        let category = category_of(metadata.target());
        let _ = match *metadata.level() {
            Level::ERROR => write!(line, " [error]"),
            Level::WARN => write!(line, " [warning]"),
            Level::INFO => Ok(()),
            Level::DEBUG => write!(line, " [{}]", category.unwrap_or("other")),
            Level::TRACE => write!(line, " [{}:trace]", category.unwrap_or("other")),
        };
        if category.is_none() {
            let _ = write!(line, " {}:", metadata.target());
        }
        let mut text = Text::default();
        event.record(&mut text);
        line.push(' ');
        push_escaped(&mut line, text.message.trim_end_matches('\n'));
        push_escaped(&mut line, &text.fields);
        line.push('\n');
        line
    }
}

impl<S: Subscriber> Layer<S> for Sink {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.is_event() && self.switches.allows(metadata)
    }

    fn register_callsite(&self, _: &'static Metadata<'static>) -> tracing::subscriber::Interest {
        // Categories can be switched at any time, so no place's answer is final.
        tracing::subscriber::Interest::sometimes()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.switches.most())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let line = self.line(event);
        // There is nobody to tell that the log cannot be written.
        if let Some(file) = &self.file {
            let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let _ = file.write_all(line.as_bytes());
        }
        if self.to_terminal {
            let _ = io::stdout().lock().write_all(line.as_bytes());
        }
    }
}

fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The message of an event, and its other fields as ` name=value`.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

/// What peers and users send must not be able to forge lines or move a terminal's cursor.
fn push_escaped(line: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\n' => line.push_str("\n    "),
            c if c.is_control() => {
                let _ = write!(line, "\\x{:02x}", u32::from(c));
            }
            c => line.push(c),
        }
    }
}

/// `2009-01-03T18:15:05Z`, or with microseconds before the `Z`.
fn timestamp(time: SystemTime, micros: bool) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Days are counted from 1 March of year 0, so that the leap day ends a year, and in eras of 400 years.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let fraction = if micros { format!(".{:06}", since.subsec_micros()) } else { String::new() };
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn config(path: &Path) -> LogConfig {
        LogConfig {
            file: Some(path.to_owned()),
            to_terminal: false,
            details: vec![("net", LogLevel::Debug), ("rpc", LogLevel::Trace)],
            micros: false,
            thread_names: false,
            source_locations: false,
        }
    }

    /// Lines without their times.
    fn lines(path: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| line.split_once(' ').map_or(line, |(_, rest)| rest).to_owned()).collect()
    }

    #[test]
    fn lines_are_in_the_file_at_once_and_old_ones_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("debug.log");
        std::fs::write(&path, "before\n").unwrap();
        let sink = Sink::open(&config(&path)).unwrap();
        let switches = sink.switches.clone();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(sink), || {
            tracing::info!("started");
            assert_eq!(lines(&path), ["before", "started"]);
            tracing::info!(target: "net", height = 3, "forged\nline\u{1b}[2J");
            tracing::warn!("low");
            tracing::debug!(target: "net", "received");
            tracing::debug!(target: "mempool", "not switched on");
            tracing::trace!(target: "net", "not so much");
            tracing::trace!(target: "rpc", "every step");
            tracing::info!(target: "hyper::proto", "not ours");
            tracing::error!(target: "hyper::proto", "not ours, but bad");
            switches.set("mempool", LogLevel::Debug);
            switches.set("net", LogLevel::Info);
            tracing::callsite::rebuild_interest_cache();
            tracing::debug!(target: "net", "switched off");
            tracing::debug!(target: "mempool", "switched on");
        });
        assert_eq!(
            lines(&path)[2..],
            [
                "forged",
                "   line\\x1b[2J height=3",
                "[warning] low",
                "[net] received",
                "[rpc:trace] every step",
                "[error] hyper::proto: not ours, but bad",
                "[mempool] switched on",
            ]
        );
    }

    #[test]
    fn a_log_that_cannot_be_opened_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let error = Sink::open(&config(&dir.path().join("missing/debug.log"))).unwrap_err();
        assert!(error.to_string().starts_with("Could not open debug log file "), "{error}");
    }

    #[test]
    fn categories_are_sorted_and_found_by_module() {
        assert!(CATEGORIES.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(CATEGORIES.len() <= 64, "one bit per category");
        assert!(MODULES.iter().all(|(_, category)| index_of(category).is_some()));
        assert_eq!(category_of("chaincore_node::chain::connect"), Some("validation"));
        assert_eq!(category_of("chaincore_node::chainlike"), Some("validation"));
        assert_eq!(category_of("chaincore_nodes"), None);
        assert_eq!(category_of("chaincore_rpc::http::front"), Some("http"));
        assert_eq!(category_of("tor"), Some("tor"));
    }

    #[test]
    fn whatever_our_code_calls_itself_reaches_the_log() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders = vec![root.join("src"), root.join("../rpc/src"), root.join("../storage/src")];
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                // The tests here log as code of others.
                } else if path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("logging.rs") {
                    let mut text = std::fs::read_to_string(&path).unwrap();
                    text.retain(|letter| !letter.is_whitespace());
                    for named in text.split("!(target:\"").skip(1) {
                        let name = named.split('"').next().unwrap();
                        assert!(category_of(name).is_some(), "{name} in {}", path.display());
                        seen += 1;
                    }
                }
            }
        }
        assert!(seen > 50, "the targets in the sources were not found: {seen}");
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        let at = |seconds, micros| UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(micros);
        assert_eq!(timestamp(at(0, 0), false), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(at(1_231_006_505, 7), true), "2009-01-03T18:15:05.000007Z");
        assert_eq!(timestamp(at(951_782_399, 0), false), "2000-02-28T23:59:59Z");
        assert_eq!(timestamp(at(951_782_400, 0), false), "2000-02-29T00:00:00Z");
        assert_eq!(timestamp(at(4_107_542_400, 0), false), "2100-03-01T00:00:00Z");
        assert_eq!(timestamp(at(1_767_225_599, 999_999), true), "2025-12-31T23:59:59.999999Z");
    }
}
