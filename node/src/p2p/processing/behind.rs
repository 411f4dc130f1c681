//! Outbound peers whose chain has less work than ours: they are asked, and dropped if they stay behind.

use super::{Peer, Protocol};
use crate::chain::BlockEntry;
use std::sync::Arc;

/// How long an outbound peer may be behind before it is asked, and before it is dropped, in seconds.
const BEHIND_TIMEOUT: i64 = 20 * 60;
const BEHIND_ANSWER: i64 = 2 * 60;

/// What is done about an outbound peer whose chain has less work than ours (Core's `ChainSyncTimeoutState`).
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// When its time is up, in seconds; 0 if it is not behind.
    timeout: i64,
    /// The tip that it is measured by.
    mark: Option<Arc<BlockEntry>>,
    asked: bool,
}

impl Protocol {
    /// Drops an outbound peer that stays behind (Core's `ConsiderEviction`).
    pub(super) fn consider_eviction(&mut self, peer: &mut Peer) {
        let is_candidate = peer.kind().is_outbound_or_block_relay()
            && !peer.headers.is_protected
            && self.headers.started.contains(&peer.id());
        if !is_candidate {
            return;
        }
        let now = self.now();
        let snapshot = self.snapshot();
        let work = peer.headers.best_known.as_ref().map(|best| best.chain_work());
        let behind = &mut peer.headers.behind;
        let has = |mark: &Arc<BlockEntry>| work.is_some_and(|work| work >= mark.chain_work());
        if has(snapshot.tip()) {
            *behind = Behind::default();
        } else if behind.timeout == 0 || behind.mark.as_ref().is_some_and(has) {
            *behind =
                Behind { timeout: now + BEHIND_TIMEOUT, mark: Some(snapshot.tip().clone()), asked: false };
        } else if now > behind.timeout {
            let best = match &peer.headers.best_known {
                Some(best) => best.hash().to_string(),
                None => "<none>".into(),
            };
            if behind.asked {
                self.disconnect_loudly(
                    peer,
                    format_args!("Outbound peer has old chain, best known block = {best}"),
                );
                return;
            }
            behind.asked = true;
            behind.timeout = now + BEHIND_ANSWER;
            let mark = behind.mark.clone().unwrap_or_else(|| snapshot.tip().clone());
            let from = mark.parent().unwrap_or(&mark).clone();
            self.send_getheaders(peer, &from);
            tracing::debug!(
                target: "net",
                "sending getheaders to outbound peer={} to verify chain work (current best known block:{best}, \
                 benchmark blockhash: {})",
                peer.id(),
                mark.hash()
            );
        }
    }
}
