//! Where plugins hear of the mempool from.

use crate::mempool::MempoolEvents;
use chaincore_plugin::{MempoolEvent, async_trait};

/// One reader of the mempool's events.
#[async_trait]
pub trait MempoolSource: Send {
    /// Waits for events, and gives at most `most` of them, in order. May be dropped while it waits: nothing is lost by
    /// that. Empty if there will be none any more.
    async fn next(&mut self, most: usize) -> Vec<MempoolEvent>;
}

/// Makes a reader that begins with what happens now.
pub type MempoolSubscriptions = dyn Fn() -> Box<dyn MempoolSource> + Send + Sync;

#[async_trait]
impl MempoolSource for MempoolEvents {
    async fn next(&mut self, most: usize) -> Vec<MempoolEvent> {
        MempoolEvents::next(self, most).await
    }
}
