//! What the chain is busy with, for warm-up answers and progress reports.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

/// What the chain is busy with.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Phase {
    /// Reading the block index.
    #[default]
    Loading,
    /// Looking for blocks behind the last durable state.
    Scanning {
        /// The block file.
        file: u32,
    },
    /// Connecting blocks that the last durable state lacks.
    Replaying {
        /// The tip's height.
        height: u32,
        /// The height to reach.
        target: u32,
    },
    /// Taking in block files.
    Importing {
        /// The file.
        file: String,
        /// Blocks taken in so far.
        blocks: u64,
        /// Bytes read so far.
        bytes: u64,
        /// Bytes to read.
        total_bytes: u64,
    },
    /// Following the network.
    Ready,
    /// Stopped, with the reason.
    Stopped(String),
}

impl Phase {
    /// Core's warm-up text for the answer -28; `None` when calls can be answered.
    pub fn warmup_text(&self) -> Option<&'static str> {
        match self {
            Self::Loading => Some("Loading block index…"),
            Self::Scanning { .. } => Some("Verifying blocks…"),
            Self::Replaying { .. } => Some("Replaying blocks…"),
            Self::Importing { .. } | Self::Ready | Self::Stopped(_) => None,
        }
    }
}

/// The current [`Phase`], shared. Clones are the same status.
#[derive(Debug, Clone, Default)]
pub struct Status {
    phase: Arc<RwLock<Phase>>,
    /// What is asked for every block, apart.
    importing: Arc<AtomicBool>,
    replaying: Arc<AtomicBool>,
    interrupted: Arc<AtomicBool>,
}

impl Status {
    /// A status of a chain not opened yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the chain is busy with.
    pub fn phase(&self) -> Phase {
        self.phase.read().expect("no one panics while holding the phase").clone()
    }

    /// Whether block files are being taken in.
    pub fn is_importing(&self) -> bool {
        self.importing.load(Ordering::Relaxed)
    }

    /// Whether blocks behind the last durable state are being connected.
    pub fn is_replaying(&self) -> bool {
        self.replaying.load(Ordering::Relaxed)
    }

    /// Asks for whatever goes on (replay, import, change of branches) to end soon, at a block's end: the node is to
    /// stop.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
    }

    /// Whether [`Self::interrupt`] has been called.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, phase: Phase) {
        self.importing.store(matches!(phase, Phase::Importing { .. }), Ordering::Relaxed);
        self.replaying.store(matches!(phase, Phase::Replaying { .. }), Ordering::Relaxed);
        *self.phase.write().expect("no one panics while holding the phase") = phase;
    }
}
