//! Templates of a running chain.

use super::{BlockTemplate, LongpollId, TemplateOptions, build, update_time};
use crate::chain::{Chain, ChainError, ChainHandle};
use crate::mempool::{ChainView, Mempool};
use chaincore_consensus::versionbits::StateCache;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a template for miners is kept although the pool has changed, in seconds.
const KEEP: i64 = 5;
/// When a longpoll first looks at the pool, and how often then (as Core's).
const FIRST_LOOK: Duration = Duration::from_secs(60);
const NEXT_LOOK: Duration = Duration::from_secs(10);

/// Makes templates of a chain. Clones share what they remember.
///
/// They are made on the chain's writer thread, where tip, coins and pool belong together.
#[derive(Clone)]
pub struct TemplateSource {
    chain: ChainHandle,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    versions: StateCache,
    /// The template that miners were given last, and when it was made.
    current: Option<(BlockTemplate, i64)>,
}

impl Memory {
    fn build(
        &mut self,
        mempool: Option<&Mempool>,
        view: &ChainView<'_>,
        options: &TemplateOptions,
    ) -> BlockTemplate {
        build(mempool, view.tip, view.params, &mut self.versions, view.now, options)
    }

    /// The last template if it is still good, else a new one; with the current time.
    fn current(
        &mut self,
        mempool: &Mempool,
        view: &ChainView<'_>,
        options: &TemplateOptions,
    ) -> BlockTemplate {
        let is_good = |(template, made): &(BlockTemplate, i64)| {
            let unchanged = template.transactions_updated == mempool.transactions_updated();
            template.block.header.previous == view.tip.tip_hash() && (unchanged || view.now - made <= KEEP)
        };
        let (mut template, made) = match self.current.take().filter(is_good) {
            Some(current) => current,
            None => (self.build(Some(mempool), view, options), view.now),
        };
        self.current = Some((template.clone(), made));
        update_time(&mut template.block.header, view.tip, view.params, view.now);
        template
    }
}

impl TemplateSource {
    /// Templates of this chain.
    pub fn new(chain: ChainHandle) -> Self {
        Self { chain, memory: Arc::default() }
    }

    /// A new template, with the pool's transactions or without any.
    pub async fn build(
        &self,
        options: TemplateOptions,
        with_mempool: bool,
    ) -> Result<BlockTemplate, ChainError> {
        let memory = self.memory.clone();
        self.chain.query(move |chain| Ok(make(&memory, chain, &options, with_mempool))).await
    }

    /// [`Self::build`] for threads outside an async runtime.
    pub fn build_blocking(
        &self,
        options: TemplateOptions,
        with_mempool: bool,
    ) -> Result<BlockTemplate, ChainError> {
        let memory = self.memory.clone();
        self.chain.query_blocking(move |chain| Ok(make(&memory, chain, &options, with_mempool)))
    }

    /// The template for `getblocktemplate`: the last one while the tip is the same and the pool unchanged (or
    /// changed for less than a few seconds), brought up to date in its time. Always ask with the same options.
    pub async fn current(&self, options: TemplateOptions) -> Result<BlockTemplate, ChainError> {
        let memory = self.memory.clone();
        let work = move |chain: &mut Chain| {
            Ok(chain.with_mempool(|mempool, view| {
                let mut memory = memory.lock().expect("no one panics while making templates");
                memory.current(mempool, view, &options)
            }))
        };
        self.chain.query(work).await
    }

    /// Waits until the tip is not `seen`'s any more or, looking a minute later and then every ten seconds, the
    /// pool has changed; or the chain stops.
    pub async fn wait_for_news(&self, seen: LongpollId) {
        let mut tips = self.chain.tip_state();
        let mut look = FIRST_LOOK;
        while tips.borrow_and_update().applied.hash == seen.tip {
            match tokio::time::timeout(look, tips.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => {
                    let mempool =
                        self.chain.mempool().read().expect("no one panics while holding the mempool");
                    if mempool.transactions_updated() != seen.transactions_updated {
                        return;
                    }
                    look = NEXT_LOOK;
                }
            }
        }
    }
}

fn make(
    memory: &Mutex<Memory>,
    chain: &mut Chain,
    options: &TemplateOptions,
    with_mempool: bool,
) -> BlockTemplate {
    chain.with_mempool(|mempool, view| {
        let mut memory = memory.lock().expect("no one panics while making templates");
        memory.build(with_mempool.then_some(&*mempool), view, options)
    })
}
