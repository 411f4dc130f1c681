//! A recorded session: what nodes and miners did, from when to when, and every look at them, so that it can be
//! watched again. `schema/session.schema.json` describes the file, and a test holds the two together.

mod record;
mod replay;
mod summary;

pub use record::{Options as RecordOptions, record};
pub use replay::replay;
pub use summary::Summary;

use crate::watch::{Event, Observation};
use serde::{Deserialize, Serialize};

/// The name and version of the format. The number rises when a reader of the old one could be misled.
pub const SCHEMA: &str = "chaincore-monitor-session/1";

/// A recording as it lies in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// [`SCHEMA`].
    pub schema: String,
    /// The monitor's version.
    pub version: String,
    /// For how long nodes may differ before it counts, in milliseconds.
    pub grace_ms: u64,
    /// For how long a node that lacks blocks may take none, in milliseconds.
    pub stall_ms: u64,
    /// What it came to.
    pub summary: Summary,
    /// What happened, the oldest first; the node is the number of its place in `summary.nodes`.
    pub events: Vec<Event>,
    /// How many events are not listed because there were too many.
    pub events_left_out: u64,
    /// Every look; a node's `recent` are blocks that its earlier ones had not shown.
    pub frames: Vec<Observation>,
    /// How many looks are not listed because there were too many.
    pub frames_left_out: u64,
}
