//! What is logged, and where to.

use std::path::PathBuf;

use chaincore_rpc::conf::{Conf, ConfError};

use crate::logging::CATEGORIES;

/// How much detail a category logs once it is switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing beyond what is always logged.
    Info,
    /// What happened.
    Debug,
    /// Every step.
    Trace,
}

impl LogLevel {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "info" => Some(Self::Info),
            "debug" => Some(Self::Debug),
            "trace" => Some(Self::Trace),
            _ => None,
        }
    }
}

/// The log.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// Whether lines go to standard output too.
    pub to_terminal: bool,
    /// The categories (of [`CATEGORIES`]) that log details, each with how many.
    pub details: Vec<(&'static str, LogLevel)>,
    /// Microseconds in the time of a line.
    pub micros: bool,
    /// The name of the thread in each line.
    pub thread_names: bool,
    /// The place in the source in each line.
    pub source_locations: bool,
}

impl LogConfig {
    pub(super) fn read(conf: &Conf, verbose: bool) -> Result<Self, ConfError> {
        let settings = &conf.settings;
        let file = match settings.is_negated("debuglogfile") {
            true => None,
            false => {
                let name = settings.text("debuglogfile").filter(|name| !name.is_empty());
                Some(conf.chain_path(name.as_deref().unwrap_or("debug.log")))
            }
        };
        Ok(Self {
            file,
            to_terminal: verbose || settings.switch_or("printtoconsole", false)?,
            details: details(conf)?,
            micros: settings.switch_or("logtimemicros", false)?,
            thread_names: settings.switch_or("logthreadnames", false)?,
            source_locations: settings.switch_or("logsourcelocations", false)?,
        })
    }
}

fn details(conf: &Conf) -> Result<Vec<(&'static str, LogLevel)>, ConfError> {
    let settings = &conf.settings;
    let mut on: Vec<&'static str> = Vec::new();
    for name in settings.list("debug") {
        match name.as_str() {
            "" | "1" | "all" => on = CATEGORIES.to_vec(),
            "0" | "none" => on.clear(),
            name => on.push(category("-debug", name)?),
        }
    }
    for name in settings.list("debugexclude") {
        match name.as_str() {
            "" | "1" | "all" => on.clear(),
            "0" | "none" => {}
            name => {
                let name = category("-debugexclude", name)?;
                on.retain(|other| *other != name);
            }
        }
    }
    on.sort_unstable();
    on.dedup();
    let mut global = LogLevel::Debug;
    let mut single = Vec::new();
    for text in settings.list("loglevel") {
        match text.split_once(':') {
            None => {
                global = LogLevel::parse(&text).ok_or_else(|| {
                    let valid = "Valid values: info, debug, trace.";
                    ConfError::Value(format!("Unsupported global logging level -loglevel={text}. {valid}"))
                })?;
            }
            Some((name, level)) => {
                let level = LogLevel::parse(level).zip(CATEGORIES.iter().find(|known| **known == name));
                let (level, name) = level.ok_or_else(|| {
                    ConfError::Value(format!(
                        "Unsupported category-specific logging level -loglevel={text}. Expected -loglevel=<category>:\
                         <loglevel>. Valid categories: {}. Valid loglevels: info, debug, trace.",
                        CATEGORIES.join(", ")
                    ))
                })?;
                single.push((*name, level));
            }
        }
    }
    let level_of = |name| single.iter().rfind(|entry| entry.0 == name).map_or(global, |entry| entry.1);
    Ok(on.into_iter().map(|name| (name, level_of(name))).collect())
}

fn category(option: &str, name: &str) -> Result<&'static str, ConfError> {
    // Categories of parts that only Core has, or had: nothing to log, no reason to refuse.
    const GONE: [&str; 7] = ["libevent", "leveldb", "walletdb", "qt", "ipc", "rand", "estimatefee"];
    match CATEGORIES.iter().find(|known| **known == name) {
        Some(known) => Ok(known),
        None if GONE.contains(&name) => Ok(""),
        None => Err(ConfError::Value(format!("Unsupported logging category {option}={name}."))),
    }
}
