//! Reads the blocks that a plugin will be given next while it works on those that it has.
//!
//! A [`ReadAhead`] is the chain as one plugin sees it. While the plugin is far behind, a thread reads what lies on the way
//! that was asked for last; near the tip blocks are at hand in memory and there is nothing to do. It holds no more than
//! [`MAX_BLOCKS`] blocks and little more than [`MAX_BYTES`].

use chaincore_consensus::BlockHash;
use chaincore_plugin::{AppliedBlock, BlockRef, ChainReader, Path, ReadError};
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

/// The most that is read ahead.
const MAX_BLOCKS: usize = 64;
const MAX_BYTES: usize = 16 << 20;

/// A way of no more blocks is short: the chain has them in memory.
const SHORT: usize = 32;

/// Roughly what a spent coin takes.
const COIN_BYTES: usize = 100;

#[derive(Default)]
struct Ahead {
    wanted: VecDeque<BlockHash>,
    /// The block that the thread is reading.
    reading: Option<BlockHash>,
    ready: HashMap<BlockHash, (AppliedBlock, usize)>,
    bytes: usize,
    closed: bool,
}

struct Shared {
    chain: Arc<dyn ChainReader>,
    ahead: Mutex<Ahead>,
    changed: Condvar,
}

impl Shared {
    fn ahead(&self) -> MutexGuard<'_, Ahead> {
        self.ahead.lock().expect("no one panics while holding what was read")
    }

    fn wait<'a>(&self, ahead: MutexGuard<'a, Ahead>) -> MutexGuard<'a, Ahead> {
        self.changed.wait(ahead).expect("no one panics while holding what was read")
    }

    /// What the thread does.
    fn read(&self) {
        loop {
            let mut ahead = self.ahead();
            let next = loop {
                if ahead.closed {
                    return;
                }
                let has_room = ahead.ready.len() < MAX_BLOCKS && ahead.bytes < MAX_BYTES;
                if let Some(next) = ahead.wanted.front().copied().filter(|_| has_room) {
                    ahead.wanted.pop_front();
                    break next;
                }
                ahead = self.wait(ahead);
            };
            ahead.reading = Some(next);
            drop(ahead);
            // Whoever asks for a block that could not be read here is told why when it reads the block itself.
            let read = std::panic::catch_unwind(AssertUnwindSafe(|| self.chain.applied_block(&next)));
            let mut ahead = self.ahead();
            ahead.reading = None;
            if let Ok(Ok(block)) = read {
                let bytes = block.block.total_size() + COIN_BYTES * block.spent.len();
                ahead.bytes += bytes;
                ahead.ready.insert(next, (block, bytes));
            }
            drop(ahead);
            self.changed.notify_all();
        }
    }
}

/// A chain whose blocks are read ahead.
pub(super) struct ReadAhead {
    shared: Arc<Shared>,
    name: String,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl ReadAhead {
    /// The chain for the plugin of this name.
    pub(super) fn new(chain: Arc<dyn ChainReader>, id: &str) -> Self {
        let shared = Shared { chain, ahead: Mutex::default(), changed: Condvar::new() };
        Self { shared: Arc::new(shared), name: format!("reader-{id}"), thread: Mutex::default() }
    }

    /// The blocks that will be asked for.
    fn want(&self, way: &[BlockRef]) {
        let mut ahead = self.shared.ahead();
        let wanted: HashSet<BlockHash> = way.iter().map(|block| block.hash).collect();
        ahead.ready.retain(|hash, _| wanted.contains(hash));
        ahead.bytes = ahead.ready.values().map(|(_, bytes)| bytes).sum();
        let missing = way.iter().map(|block| block.hash);
        let missing = missing.filter(|hash| !ahead.ready.contains_key(hash) && ahead.reading != Some(*hash));
        ahead.wanted = missing.collect();
        drop(ahead);
        if !way.is_empty() {
            let mut thread = self.thread.lock().expect("no one panics while holding the thread");
            if thread.is_none() {
                let shared = self.shared.clone();
                let builder = std::thread::Builder::new().name(self.name.clone());
                // Without a thread the plugin reads its blocks itself.
                *thread = builder.spawn(move || shared.read()).ok();
            }
        }
        self.shared.changed.notify_all();
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.shared.ahead().closed = true;
        self.shared.changed.notify_all();
        let thread = self.thread.lock().expect("no one panics while holding the thread").take();
        if let Some(thread) = thread {
            // It ends after the block that it reads.
            let _ = thread.join();
        }
    }
}

impl ChainReader for ReadAhead {
    fn tip(&self) -> BlockRef {
        self.shared.chain.tip()
    }

    fn durable_tip(&self) -> BlockRef {
        self.shared.chain.durable_tip()
    }

    fn is_ancestor(&self, block: &BlockRef, of: &BlockRef) -> bool {
        self.shared.chain.is_ancestor(block, of)
    }

    fn path(&self, known: &[BlockRef], limit: usize) -> Path {
        if limit == 0 {
            return self.shared.chain.path(known, 0);
        }
        let mut path = self.shared.chain.path(known, limit.saturating_add(MAX_BLOCKS));
        self.want(if path.connect.len() > SHORT { &path.connect } else { &[] });
        path.connect.truncate(limit);
        path
    }

    fn parent(&self, block: &BlockRef) -> Option<BlockRef> {
        self.shared.chain.parent(block)
    }

    fn applied_block(&self, hash: &BlockHash) -> Result<AppliedBlock, ReadError> {
        let mut ahead = self.shared.ahead();
        loop {
            if let Some((block, bytes)) = ahead.ready.remove(hash) {
                ahead.bytes -= bytes;
                drop(ahead);
                self.shared.changed.notify_all();
                return Ok(block);
            }
            if ahead.reading != Some(*hash) {
                break;
            }
            ahead = self.shared.wait(ahead);
        }
        ahead.wanted.retain(|wanted| wanted != hash);
        drop(ahead);
        self.shared.chain.applied_block(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::wait_until;
    use chaincore_plugin::testkit::ScriptedChain;

    #[track_caller]
    fn wait_for(reader: &ReadAhead, what: impl Fn(&Ahead) -> bool) {
        wait_until("what lies ahead", || what(&reader.shared.ahead()));
    }

    fn follow(reader: &ReadAhead, mut cursor: BlockRef) -> Vec<BlockRef> {
        let mut seen = vec![];
        loop {
            let path = reader.path(&[cursor], 10);
            assert_eq!(path.fork, cursor);
            assert!(path.connect.len() <= 10);
            let Some(last) = path.connect.last() else { return seen };
            cursor = *last;
            for at in &path.connect {
                let block = reader.applied_block(&at.hash).unwrap();
                assert_eq!(block.at, *at);
                seen.push(*at);
            }
        }
    }

    #[test]
    fn what_lies_ahead_is_read_within_bounds_and_nothing_is_left_at_the_end() {
        let chain = ScriptedChain::new(1);
        chain.extend(300);
        let reader = ReadAhead::new(Arc::new(chain.clone()), "test");
        let genesis = chain.at(0).unwrap();
        reader.path(&[genesis], 100);
        wait_for(&reader, |ahead| ahead.ready.len() == MAX_BLOCKS && ahead.reading.is_none());
        // One that is at hand is given even if it cannot be read any more; others are not made up.
        let (first, far) = (chain.at(1).unwrap(), chain.at(290).unwrap());
        chain.set_readable(&first, false);
        chain.set_readable(&far, false);
        assert_eq!(reader.applied_block(&first.hash).unwrap().at, first);
        assert!(reader.applied_block(&far.hash).is_err());
        chain.set_readable(&first, true);
        chain.set_readable(&far, true);
        let seen = follow(&reader, genesis);
        assert_eq!(seen.len(), 300);
        assert_eq!(seen.last(), Some(&chain.tip()));
        wait_for(&reader, |ahead| ahead.reading.is_none());
        reader.path(&[chain.tip()], 10);
        let ahead = reader.shared.ahead();
        assert_eq!((ahead.ready.len(), ahead.wanted.len(), ahead.bytes), (0, 0, 0));
    }

    #[test]
    fn a_branch_that_was_left_is_forgotten() {
        let chain = ScriptedChain::new(2);
        chain.extend(100);
        let reader = ReadAhead::new(Arc::new(chain.clone()), "test");
        let cursor = chain.at(20).unwrap();
        reader.path(&[cursor], 10);
        wait_for(&reader, |ahead| !ahead.ready.is_empty());
        chain.replace(79, 90);
        let seen = follow(&reader, cursor);
        assert_eq!((seen.len(), seen.last()), (91, Some(&chain.tip())));
    }
}
