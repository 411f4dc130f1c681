//! What is known of one plugin, for whoever asks: written by its thread, read by everybody.

use chaincore_plugin::{BlockRef, Reporter};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

/// The longest description, in bytes, and the most figures that are kept.
const MAX_DESCRIPTION: usize = 300;
const MAX_FIGURES: usize = 64;

/// What a plugin is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PluginState {
    /// It has not been opened yet.
    Starting,
    /// It is being led to the tip.
    CatchingUp,
    /// It is where its gate is.
    Live,
    /// It has failed and will be tried again.
    Backoff,
    /// It has failed for good.
    Failed,
    /// It was stopped.
    Stopped,
}

impl PluginState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Starting, Self::CatchingUp, Self::Live, Self::Backoff, Self::Failed, Self::Stopped];

    /// The state in a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::CatchingUp => "catching_up",
            Self::Live => "live",
            Self::Backoff => "backoff",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// A figure that a plugin tells of itself.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// What it counts, with its unit.
    pub help: &'static str,
    /// Its last value.
    pub value: f64,
}

/// What is known of a plugin at one moment.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Known {
    pub(super) state: PluginState,
    pub(super) cursor: Option<BlockRef>,
    pub(super) last_error: Option<String>,
    /// Failures that were followed by another try.
    pub(super) retries: u64,
    /// Blocks taken in since the node started.
    pub(super) blocks: u64,
    pub(super) description: String,
    figures: BTreeMap<&'static str, Figure>,
}

impl Known {
    pub(super) fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.figures.values()
    }
}

/// What is known of one plugin.
#[derive(Debug)]
pub(super) struct Board {
    known: Mutex<Known>,
    stopping: AtomicBool,
}

impl Board {
    pub(super) fn new() -> Self {
        let known = Known {
            state: PluginState::Starting,
            cursor: None,
            last_error: None,
            retries: 0,
            blocks: 0,
            description: String::new(),
            figures: BTreeMap::new(),
        };
        Self { known: Mutex::new(known), stopping: AtomicBool::new(false) }
    }

    pub(super) fn change(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("no one panics while holding what is known of a plugin")
    }

    pub(super) fn known(&self) -> Known {
        self.change().clone()
    }

    pub(super) fn set_stopping(&self, stopping: bool) {
        self.stopping.store(stopping, Ordering::Relaxed);
    }
}

impl Reporter for Board {
    fn describe(&self, text: &str) {
        let mut known = self.change();
        known.description.clear();
        let end = text.floor_char_boundary(MAX_DESCRIPTION);
        known.description.extend(text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }));
    }

    fn figure(&self, name: &'static str, help: &'static str, value: f64) {
        let mut known = self.change();
        if known.figures.len() < MAX_FIGURES || known.figures.contains_key(name) {
            known.figures.insert(name, Figure { name, help, value });
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_plugins_tell_is_bounded() {
        let board = Board::new();
        board.describe(&"ü\n".repeat(1_000));
        let known = board.known();
        assert!(known.description.len() <= MAX_DESCRIPTION && !known.description.contains('\n'));
        for number in 0..200 {
            board.figure(Box::leak(format!("f{number}").into_boxed_str()), "", 0.0);
        }
        board.figure("f0", "", 7.0);
        let known = board.known();
        assert_eq!(known.figures().count(), MAX_FIGURES);
        assert!(known.figures().any(|figure| figure.name == "f0" && figure.value == 7.0));
    }
}
