//! The owner's own say in policy: what the pool takes, and in which order templates take it.
//!
//! Hooks come from plugins and are foreign code on the chain's thread. They can refuse transactions and move them within
//! a template, and nothing else: a filter is asked when all other checks have passed, an order only ranks what may be
//! mined anyway, and blocks are never shown to either. A hook that panics harms nothing: the transaction that a filter
//! failed on is refused, and an order that failed is left out from then on.

use super::precheck::Prechecked;
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::{Amount, Tx};
use chaincore_plugin::policy::{Candidate, MempoolFilter, TemplateOrder};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The most letters of a filter's reason.
const MAX_REASON: usize = 64;

/// What is ranked by a [`TemplateOrder`] that has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrderFailed;

/// The hooks of all plugins, in the order in which they were registered.
#[derive(Clone, Default)]
pub struct PolicyHooks {
    filters: Vec<Arc<dyn MempoolFilter>>,
    orders: Vec<Arc<Order>>,
}

struct Order {
    hook: Arc<dyn TemplateOrder>,
    failed: AtomicBool,
}

impl fmt::Debug for PolicyHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyHooks")
            .field("filters", &self.filters.len())
            .field("orders", &self.orders.len())
            .finish()
    }
}

/// A transaction as hooks see it.
pub(crate) fn candidate(tx: &Tx, fee: i64, vsize: i64) -> Candidate<'_> {
    Candidate { tx, fee: Amount(fee), vsize: vsize.unsigned_abs(), weight: tx.weight() as u64 }
}

/// A reason as peers and users may see it.
fn reason(text: &str) -> String {
    let allowed = |letter: &char| matches!(letter, 'a'..='z' | '0'..='9' | '-');
    let text: String = text.chars().filter(allowed).take(MAX_REASON).collect();
    format!("plugin-{}", if text.is_empty() { "refused" } else { &text })
}

impl PolicyHooks {
    /// Filters, all of which must let a transaction pass, and orders, of which the first decides and the others settle
    /// ties.
    pub fn new(filters: Vec<Arc<dyn MempoolFilter>>, orders: Vec<Arc<dyn TemplateOrder>>) -> Self {
        let order = |hook| Arc::new(Order { hook, failed: AtomicBool::new(false) });
        Self { filters, orders: orders.into_iter().map(order).collect() }
    }

    /// Asks the filters about a transaction that has passed everything else.
    pub(super) fn check(&self, checked: &Prechecked) -> Result<(), RejectReason> {
        let candidate = candidate(&checked.tx, checked.fee, checked.vsize());
        for filter in &self.filters {
            let refusal = match catch_unwind(AssertUnwindSafe(|| filter.check(&candidate))) {
                Ok(Ok(())) => continue,
                Ok(Err(text)) => reason(&text),
                Err(_) => {
                    tracing::error!(target: "mempool", txid = %checked.tx.txid(), "a mempool filter panicked");
                    reason("failed")
                }
            };
            return Err(RejectReason::new(RejectKind::MempoolPolicy, refusal));
        }
        Ok(())
    }

    /// Whether templates are ordered by a hook.
    pub(crate) fn orders_templates(&self) -> bool {
        self.orders.iter().any(|order| !order.failed.load(Ordering::Relaxed))
    }

    /// How early a chunk is to come, by each hook in turn. Fails if one panics, which is left out from then on.
    pub(crate) fn rank(&self, chunk: &[Candidate<'_>]) -> Result<Vec<i64>, OrderFailed> {
        let working = self.orders.iter().filter(|order| !order.failed.load(Ordering::Relaxed));
        let rank = |order: &Arc<Order>| {
            catch_unwind(AssertUnwindSafe(|| order.hook.rank(chunk))).map_err(|_| {
                order.failed.store(true, Ordering::Relaxed);
                tracing::error!(target: "mempool", "a template order panicked and is not asked again");
                OrderFailed
            })
        };
        working.map(rank).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_short_and_plain() {
        assert_eq!(reason("too-many-inputs"), "plugin-too-many-inputs");
        assert_eq!(reason("Ä bad\nOne 2"), "plugin-badne2");
        assert_eq!(reason("\u{0}"), "plugin-refused");
        assert_eq!(reason(&"x".repeat(1000)).len(), 7 + MAX_REASON);
    }
}
