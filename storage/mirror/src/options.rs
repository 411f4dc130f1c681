//! What a user can choose about the mirror.

use crate::connection::Limits;
use std::time::Duration;

/// What a user can choose. Only the URL has no default.
#[derive(Clone)]
pub struct MirrorOptions {
    /// The server: `postgres://user:password@host:port/database?sslmode=…`.
    pub url: String,
    /// How long the server may take.
    pub limits: Limits,
    /// How long to wait for another writer to let go before telling that there is one.
    pub lease_patience: Duration,
    /// From how many missing blocks on a mirror with indexes is made bare and loaded in bulk again; and only if they
    /// are more than three tenths of the chain.
    pub bulk_from: u32,
    /// From how few missing blocks on each block is committed alone and to the disk.
    pub tip_from: u32,
    /// The most blocks in a transaction while catching up.
    pub catch_up_blocks: usize,
    /// Memory that the server may take to build an index, as PostgreSQL writes it.
    pub seal_memory: String,
    /// How often the mempool and the node are recorded.
    pub sample: Duration,
    /// How often the analysts' materialized views are filled anew.
    pub refresh: Duration,
    /// Whether everything that happens in the mempool is recorded too.
    pub mempool_events: bool,
    /// How long mempool events are kept.
    pub keep_events: Duration,
    /// How long samples of nodes are kept.
    pub keep_samples: Duration,
    /// Whether the node stops if the mirror fails for good.
    pub important: bool,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl MirrorOptions {
    /// The defaults, with this server.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            limits: Limits::default(),
            lease_patience: Duration::from_secs(3),
            bulk_from: 5_000,
            tip_from: 6,
            catch_up_blocks: 20,
            seal_memory: "512MB".into(),
            sample: Duration::from_secs(60),
            refresh: DAY,
            mempool_events: false,
            keep_events: 14 * DAY,
            keep_samples: 30 * DAY,
            important: false,
        }
    }
}

impl std::fmt::Debug for MirrorOptions {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MirrorOptions")
            .field("limits", &self.limits)
            .field("mempool_events", &self.mempool_events)
            .finish_non_exhaustive()
    }
}
