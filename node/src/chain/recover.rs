//! Opening a chain: from the last durable state to the state before the node stopped, however it stopped.

use super::shared::Shared;
use super::tree::BlockTree;
use super::writer::{Accepted, Chain};
use super::{
    ChainError, ChainOptions, CheckedBlock, Origin, Phase, Rebuild, ScriptVerifier, Snapshot, Status,
    Validity,
};
use crate::mempool::Mempool;
use chaincore_consensus::BlockHash;
use chaincore_consensus::codec::Encode;
use chaincore_consensus::sigcache::SignatureCache;
use chaincore_storage::{CoinsCache, Commit, FilePos, Store, StoreOptions, Wipe};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, RwLock};

/// The name of the note in the store that block files still have to be taken in.
const REINDEXING: &str = "reindexing";

/// Blocks behind the last durable state that may wait for their parent; more are left out. Only their positions are
/// kept, as when files are taken in.
const MAX_PARKED: usize = 2_000_000;

impl Chain {
    /// Opens the store, reads the block index, takes in the blocks that were stored behind the last durable
    /// state, and connects what is best.
    pub(super) fn open(options: &ChainOptions, mempool: Mempool, status: Status) -> Result<Self, ChainError> {
        status.set(Phase::Loading);
        let store = Arc::new(open_store(options)?);
        let genesis = options.params.genesis.header;
        let (tree, orphans) = BlockTree::load(genesis, store.load_index()?);
        if let Some(orphan) = orphans.first() {
            return Err(ChainError::Damaged(format!(
                "{} headers such as {orphan} have no parent",
                orphans.len()
            )));
        }
        let tip = match store.durable_tip() {
            None => tree.genesis(),
            Some(hash) => {
                let no_header = || ChainError::Damaged(format!("the coins are of the unknown block {hash}"));
                tree.get(&hash).ok_or_else(no_header)?
            }
        };
        let coins = Arc::new(CoinsCache::new(store.coins(), options.flush.coins_bytes));
        let cache = Arc::new(SignatureCache::new(options.signature_cache_bytes, random_salt()));
        let scripts = ScriptVerifier::new(options.script_threads, cache)?;
        let (best, next) = (tree.best_header().clone(), [tree.next_id(), 0]);
        let snapshot = Snapshot::new(tip.clone(), best, tree.shared().clone(), next, tree.waiting());
        let shared = Arc::new(Shared::new(options, store, coins, status.clone(), snapshot));
        let mut chain = Self::new(options, shared, tree, tip, scripts, Arc::new(RwLock::new(mempool)));
        chain.tree.rebuild_candidates(&chain.tip.clone());
        if options.rebuild == Rebuild::Everything {
            chain.note_reindexing(true)?;
        }
        if !chain.is_reindexing()? {
            chain.ensure_genesis()?;
            chain.recover_stored()?;
        }
        chain.replay()?;
        status.set(Phase::Ready);
        chain.publish();
        Ok(chain)
    }

    /// Stores the genesis block of a new chain. Its coinbase cannot be spent, so there are no coins of it.
    pub(super) fn ensure_genesis(&mut self) -> Result<(), ChainError> {
        let genesis = self.tree.genesis();
        if genesis.has_data() {
            return Ok(());
        }
        let block = self.params.genesis.clone();
        let pos = self.shared.store.block_files().append_block(&block.to_bytes())?;
        self.adopt_genesis(pos);
        self.commit_state()
    }

    fn adopt_genesis(&mut self, pos: FilePos) {
        let genesis = self.tree.genesis();
        let n_tx = u32::try_from(self.params.genesis.transactions.len()).expect("a genesis block is small");
        let tip = self.tip.clone();
        self.tree.body_stored(&genesis, pos, n_tx, Some(&tip));
        genesis.raise_validity(Validity::Scripts);
    }

    /// Takes in the blocks whose index records a crash has lost.
    fn recover_stored(&mut self) -> Result<(), ChainError> {
        let files = self.shared.store.block_files().clone();
        let mut parked: HashMap<BlockHash, Vec<FilePos>> = HashMap::new();
        let (mut waiting, mut found) = (0, 0);
        for mut scan in files.scan_uncommitted()? {
            while let Some(scanned) = scan.next_block()? {
                if self.shared.status.is_interrupted() {
                    return Err(ChainError::Stopped("the start was interrupted".into()));
                }
                self.shared.status.set(Phase::Scanning { file: scanned.pos.file });
                let Ok(block) = CheckedBlock::decode(scanned.bytes, &self.params) else {
                    scan.reject();
                    continue;
                };
                let parent = block.block().header.previous;
                if self.tree.get(&parent).is_none() && block.hash() != self.tree.genesis().hash() {
                    if waiting < MAX_PARKED {
                        waiting += 1;
                        parked.entry(parent).or_default().push(scanned.pos);
                    } else {
                        tracing::warn!(hash = %block.hash(), "too many blocks wait for their parents: one is left out");
                    }
                    continue;
                }
                found += self.adopt(&block, scanned.pos)?;
                let mut ready = parked.remove(&block.hash()).unwrap_or_default();
                while let Some(pos) = ready.pop() {
                    waiting -= 1;
                    let bytes = files.read_block(pos)?;
                    let Ok(block) = CheckedBlock::decode(bytes, &self.params) else { continue };
                    found += self.adopt(&block, pos)?;
                    ready.extend(parked.remove(&block.hash()).unwrap_or_default());
                }
            }
        }
        if found > 0 {
            tracing::info!(blocks = found, "found blocks behind the last durable state");
        }
        Ok(())
    }

    /// Takes in a block that lies in a block file; how many blocks the chain has got by it.
    fn adopt(&mut self, block: &CheckedBlock, pos: FilePos) -> Result<u32, ChainError> {
        let accepted = self.store_block(block, Origin::Import, Some(pos))?;
        Ok(u32::from(matches!(accepted, Accepted::Stored(_))))
    }

    /// Connects what is best, from the durable tip on.
    fn replay(&mut self) -> Result<(), ChainError> {
        if self.tip.is_failed() {
            // The node died while it took the chain back from a block declared invalid.
            self.leave_failed_branch()?;
            self.tree.rebuild_candidates(&self.tip);
        }
        let Some(target) = self.tree.best_candidate().filter(|best| best.hash() != self.tip.hash()) else {
            return Ok(());
        };
        tracing::info!(from = self.tip.height(), to = target.height(), "replaying blocks");
        self.shared.status.set(Phase::Replaying { height: self.tip.height(), target: target.height() });
        self.activate(None)?;
        self.flush()
    }

    /// Whether the block files still have to be taken in, wholly or in part (`-reindex`, perhaps interrupted).
    pub(super) fn is_reindexing(&self) -> Result<bool, ChainError> {
        Ok(self.shared.store.extra(REINDEXING)?.is_some())
    }

    pub(super) fn note_reindexing(&mut self, reindexing: bool) -> Result<(), ChainError> {
        let value = reindexing.then(|| vec![1]);
        let commit = Commit { extra: vec![(REINDEXING.into(), value)], ..Commit::default() };
        Ok(self.shared.store.commit(commit)?)
    }
}

fn open_store(options: &ChainOptions) -> Result<Store, ChainError> {
    let params = &options.params;
    let mut store = StoreOptions::new(params.name.clone(), params.magic, params.genesis_hash);
    store.sled_cache_bytes = options.database_cache_bytes;
    store.wipe = match options.rebuild {
        Rebuild::Nothing => Wipe::Nothing,
        Rebuild::Coins => Wipe::Coins,
        Rebuild::Everything => Wipe::AllButBlocks,
    };
    store.max_file_bytes = options.max_block_file_bytes;
    store.blocks = options.blocks_dir.clone();
    store.note_beside_blocks = Some(REINDEXING);
    Ok(Store::open(&options.dir, &store)?)
}

/// What keeps others from predicting the signature cache's places.
fn random_salt() -> [u8; 32] {
    let mut salt = [0; 32];
    for part in salt.chunks_exact_mut(8) {
        part.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
    }
    salt
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::ChainHandle;
    use crate::testkit::{self, Branch};

    #[test]
    fn a_start_ends_an_invalidation_that_a_crash_cut_short() {
        let params = Arc::new(testkit::params(4));
        let dir = tempfile::tempdir().unwrap();
        let options = ChainOptions::new(params.clone(), dir.path().to_path_buf());
        let open = || ChainHandle::open(&options, Mempool::default(), Status::new()).unwrap();
        let chain = open();
        let mut branch = Branch::new(params, 91);
        for _ in 0..40 {
            chain.submit_block_blocking(branch.mine(1), Origin::Rpc).unwrap();
        }
        // What is durable once the marks are made and nothing has left the chain yet.
        let first = branch.blocks[2].hash();
        let marked = move |chain: &mut Chain| {
            let entry = chain.tree.get(&first).expect("it was accepted");
            chain.tree.mark_failed(&entry);
            chain.commit_state()
        };
        chain.query_blocking(marked).unwrap();
        chain.crash_blocking();
        drop(chain);
        let chain = open();
        assert_eq!(chain.snapshot().tip().hash(), branch.blocks[1].hash());
        chain.query_blocking(move |chain| chain.reconsider(first)).unwrap();
        assert_eq!(chain.snapshot().tip().hash(), branch.tip_hash());
    }
}
