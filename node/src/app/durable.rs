//! Followers that keep what they make of blocks are led to the durable tip. With the chain's own pace of flushing they
//! would show a block half a minute late; so when the chain is quiet and has such followers, it is asked to flush.

use crate::chain::{Chain, ChainHandle, Phase};
use std::time::Duration;

/// For how long the tip must not have moved. While blocks come one after the other nothing is gained by flushing after
/// each: it is done when they pause, or by the chain's own policy.
const QUIET: Duration = Duration::from_millis(250);

/// How often to look whether a flush that was put off can be made.
const LOOK: Duration = Duration::from_secs(2);

/// Flushes whenever the chain pauses with blocks that are not durable. Ends with the chain.
pub(super) fn keep_up(chain: ChainHandle) {
    tokio::spawn(async move {
        let mut tips = chain.tip_state();
        loop {
            let state = *tips.borrow_and_update();
            if state.applied == state.durable {
                if tips.changed().await.is_err() {
                    return;
                }
                continue;
            }
            match tokio::time::timeout(QUIET, tips.changed()).await {
                Ok(Ok(())) => continue,
                Ok(Err(_)) => return,
                Err(_) => {}
            }
            if chain.status().phase() == Phase::Ready
                && let Err(error) = chain.query(Chain::flush).await
            {
                // The chain says itself why it cannot go on.
                tracing::debug!("the chain was not flushed for its followers: {error}");
                return;
            }
            let state = *tips.borrow();
            if state.applied != state.durable
                && tokio::time::timeout(LOOK, tips.changed()).await.is_ok_and(|on| on.is_err())
            {
                return;
            }
        }
    });
}
