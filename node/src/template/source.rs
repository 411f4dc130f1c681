//! Templates of a running chain.

use super::{BlockTemplate, TemplateOptions, build};
use crate::chain::{ChainError, ChainHandle};
use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::versionbits::StateCache;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Why there is no template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The chain could not be asked, and will not be able to.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// No valid block can be made now: mostly the clock is wrong. Another try may do better. The words are Core's.
    #[error("TestBlockValidity failed: {0}")]
    Invalid(RejectReason),
}

/// Makes templates of a chain. Clones share what they remember.
///
/// They are made on the chain's writer thread, where tip, coins and pool belong together. Which of them are kept for
/// `getblocktemplate`, and for how long, is for that method to say.
#[derive(Clone)]
pub struct TemplateSource {
    chain: ChainHandle,
    versions: Arc<Mutex<StateCache>>,
}

impl TemplateSource {
    /// Templates of this chain.
    pub fn new(chain: ChainHandle) -> Self {
        Self { chain, versions: Arc::default() }
    }

    /// A new template, with the pool's transactions or without any, of a block that is valid but for its work (Core's
    /// `CreateNewBlock` asks `TestBlockValidity` the same). For threads outside an async runtime.
    pub fn build_blocking(
        &self,
        options: TemplateOptions,
        with_mempool: bool,
    ) -> Result<BlockTemplate, TemplateError> {
        let (versions, begun) = (self.versions.clone(), Instant::now());
        let made = self.chain.query_blocking(move |chain| {
            let asked = Instant::now();
            let template = chain.with_mempool(|mempool, view| {
                let mut versions = versions.lock().expect("no one panics while making templates");
                let mempool = with_mempool.then_some(&*mempool);
                build(mempool, view.tip, view.params, &mut versions, view.now, &options)
            });
            // The pool is free again meanwhile.
            let filled = asked.elapsed();
            let verdict = chain.check_template(&template.block)?;
            tracing::debug!(
                target: "bench",
                "a template of {} transactions: {:.2} ms to fill it, {:.2} ms to check it",
                template.block.transactions.len(),
                filled.as_secs_f64() * 1e3,
                (asked.elapsed() - filled).as_secs_f64() * 1e3
            );
            Ok(verdict.map(|()| template))
        })?;
        let template = made.map_err(TemplateError::Invalid)?;
        self.chain.mining_log().template(self.chain.clock().now(), template.height, begun.elapsed());
        Ok(template)
    }
}
