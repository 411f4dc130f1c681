//! Followers that keep what they make of blocks are led to the durable tip. With the chain's own pace of flushing they
//! would show a block half a minute late; so when the chain is quiet and such a follower waits, it is asked to flush. For
//! one that is behind anyway (its server is slow, frozen or gone) nothing is flushed out of turn.

use crate::chain::{Chain, ChainHandle, Phase};
use crate::plugins::Host;
use std::time::Duration;

/// For how long the tip must not have moved. While blocks come one after the other nothing is gained by flushing after
/// each: it is done when they pause, or by the chain's own policy.
const QUIET: Duration = Duration::from_millis(250);

/// How often to look whether a flush that was put off can be made, or is waited for by now.
const LOOK: Duration = Duration::from_millis(500);

/// Flushes whenever the chain pauses with blocks that are not durable and that a plugin waits for. Ends with the chain.
pub(super) fn keep_up(chain: ChainHandle, host: Host) {
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
                && host.waits_at(state.durable)
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
