//! The answers, one by one.

use super::view::View;
use super::{Service, failure, index_failure, mempool, pool_file};
use crate::chain::{Chain, ChainError, Origin, Outcome};
use crate::config::LogLevel;
use crate::index::IndexStatus as Follow;
use crate::mempool::{FeeRate, Mempool, policy};
use crate::p2p::kind::ConnectionKind;
use crate::p2p::processing::OrphanInfo;
use crate::template::{self, TemplateError, TemplateOptions};
use chaincore_consensus::check::CheckOptions;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::merkle::block_merkle_root;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::undo::BlockUndo;
use chaincore_consensus::{Amount, Block, BlockHash, Hash256, Header, OutPoint, Script, TxRef, Txid};
use chaincore_plugin::node::MinerReport;
use chaincore_rpc::network::Network;
use chaincore_rpc::node::{
    BlockFilter, BlockOutcome, BlockTemplate, ChainView, ConfirmedTx, Connections, ImportMempool,
    IndexStatus, MempoolChunk, MempoolEntry, MempoolEvents, MempoolInfo, Node, NodeError, NodeInfo,
    NodeResult, Notification, Orphan, PackageSubmission, PackageTest, Priority, ScriptEvent, ScriptId,
    ScriptTotals, ScriptUnspent, Spender, TemplateStats, Tip, TxAccepted, TxPlace, TxTest,
};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLockReadGuard};
use std::time::Duration;
use tokio::sync::watch;

impl Service {
    pub(super) fn mempool(&self) -> RwLockReadGuard<'_, Mempool> {
        self.chain_handle().mempool().read().expect("no one panics while holding the mempool")
    }

    fn on_writer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Chain) -> Result<T, ChainError> + Send + 'static,
    ) -> NodeResult<T> {
        self.chain_handle().query_blocking(work).map_err(failure)
    }
}

/// A reading that has no answer because the block or its data is not there, told from one that failed.
fn available<T>(read: Result<T, ChainError>) -> NodeResult<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(ChainError::UnknownBlock(_) | ChainError::Unavailable(_)) => Ok(None),
        Err(error) => Err(failure(error)),
    }
}

fn outcome(outcome: Outcome) -> BlockOutcome {
    match outcome {
        Outcome::Best { .. } => BlockOutcome::Best,
        Outcome::SideChain => BlockOutcome::SideChain,
        Outcome::AlreadyKnown => BlockOutcome::AlreadyKnown,
        Outcome::KnownInvalid => BlockOutcome::KnownInvalid,
        Outcome::MissingParent => BlockOutcome::MissingParent,
        Outcome::Rejected(reason) => BlockOutcome::Rejected(reason),
    }
}

impl Node for Service {
    fn params(&self) -> &ChainParams {
        &self.params
    }

    fn info(&self) -> &NodeInfo {
        &self.info
    }

    fn now(&self) -> i64 {
        self.clock.now()
    }

    fn set_mock_time(&self, time: Option<i64>) {
        self.clock.set_mock(time);
    }

    fn uptime(&self) -> Duration {
        self.since.elapsed()
    }

    fn warnings(&self) -> Vec<String> {
        let Some(core) = self.core.get() else { return vec![] };
        let stopped = |follow: Follow| {
            let reason = follow.failure?;
            Some(format!("the index {} has stopped: {reason}", follow.name))
        };
        core.indexes.statuses().into_iter().filter_map(stopped).collect()
    }

    fn initial_block_download(&self) -> bool {
        self.chain_handle().is_initial_download()
    }

    fn blocks_disk_size(&self) -> u64 {
        self.chain_handle().store().block_files().disk_bytes()
    }

    fn coins_disk_size(&self) -> u64 {
        self.chain_handle().store().disk_bytes().unwrap_or(0)
    }

    fn network(&self) -> &dyn Network {
        &**self.p2p.get().expect("nothing is asked while the node warms up")
    }

    fn connections(&self) -> Connections {
        let Some(p2p) = self.p2p.get() else { return Connections::default() };
        let inbound = p2p.network().count(ConnectionKind::is_inbound);
        let outbound = p2p.network().count(|kind| !kind.is_inbound());
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Connections { inbound: count(inbound), outbound: count(outbound), enabled: p2p.network().is_active() }
    }

    fn indexes(&self) -> Vec<IndexStatus> {
        let status = |follow: Follow| IndexStatus {
            name: follow.name.into(),
            synced: follow.synced,
            best_height: follow.best_block.height,
        };
        self.core().indexes.statuses().into_iter().map(status).collect()
    }

    fn notifications(&self) -> Vec<Notification> {
        self.notifications.get().cloned().unwrap_or_default()
    }

    fn log_categories(&self) -> Vec<(&'static str, bool)> {
        self.log.get().map_or_else(Vec::new, |log| log.categories().collect())
    }

    fn set_log_category(&self, category: &str, on: bool) -> bool {
        let level = if on { LogLevel::Debug } else { LogLevel::Info };
        self.log.get().is_some_and(|log| log.set(category, level))
    }

    fn request_shutdown(&self) {
        self.stopping.send_replace(true);
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    fn chain(&self) -> Arc<dyn ChainView> {
        Arc::new(View(self.chain_handle().snapshot()))
    }

    fn tip_watch(&self) -> watch::Receiver<Tip> {
        self.tips.subscribe()
    }

    fn durable_watch(&self) -> watch::Receiver<Tip> {
        self.durables.subscribe()
    }

    fn sync(&self) -> NodeResult<()> {
        self.on_writer(|_| Ok(()))?;
        let indexes = &self.core().indexes;
        indexes.addresses.iter().for_each(|index| self.wait_for(index));
        indexes.transactions.iter().for_each(|index| self.wait_for(index));
        indexes.filters.iter().for_each(|index| self.wait_for(index));
        Ok(())
    }

    fn block_bytes(&self, hash: &BlockHash) -> NodeResult<Option<Vec<u8>>> {
        available(self.chain_handle().read_block_bytes(hash))
    }

    fn block(&self, hash: &BlockHash) -> NodeResult<Option<Arc<Block>>> {
        available(self.chain_handle().read_block(hash))
    }

    fn undo(&self, hash: &BlockHash) -> NodeResult<Option<Arc<BlockUndo>>> {
        if *hash == self.params.genesis.hash() {
            return Ok(None);
        }
        Ok(available(self.chain_handle().read_undo(hash))?.map(Arc::new))
    }

    fn coin(&self, outpoint: &OutPoint) -> NodeResult<Option<Coin>> {
        self.chain_handle().coin(outpoint).map(|(coin, _)| coin).map_err(failure)
    }

    fn visit_coins(&self, visit: &mut dyn FnMut(&OutPoint, &Coin) -> bool) -> NodeResult<Tip> {
        let walk = self.chain_handle().read_durable_blocking(|store, at| {
            for coin in store.coins().iter() {
                let (outpoint, coin) = coin?;
                if !visit(&outpoint, &coin) {
                    break;
                }
            }
            Ok(at)
        });
        walk.map(|at| Tip { hash: at.hash, height: at.height }).map_err(failure)
    }

    fn submit_block(&self, block: Arc<Block>) -> NodeResult<BlockOutcome> {
        self.chain_handle().submit_block_blocking(block, Origin::Rpc).map(outcome).map_err(failure)
    }

    fn submit_header(&self, header: Header) -> NodeResult<Result<(), RejectReason>> {
        self.on_writer(move |chain| Ok(chain.accept_headers(&[header], true).map(|_| ())))
    }

    fn test_block(
        &self,
        block: Arc<Block>,
        check_pow: bool,
        check_merkle_root: bool,
    ) -> NodeResult<Result<(), RejectReason>> {
        let options = CheckOptions { pow: check_pow, merkle: check_merkle_root };
        self.on_writer(move |chain| chain.check_proposal(&block, options))
    }

    fn invalidate_block(&self, hash: BlockHash) -> NodeResult<()> {
        self.on_writer(move |chain| chain.invalidate(hash))
    }

    fn reconsider_block(&self, hash: BlockHash) -> NodeResult<()> {
        self.on_writer(move |chain| chain.reconsider(hash))
    }

    fn precious_block(&self, hash: BlockHash) -> NodeResult<()> {
        self.on_writer(move |chain| chain.precious(hash))
    }

    fn build_template(&self, coinbase_script: Script, use_mempool: bool) -> NodeResult<BlockTemplate> {
        let options = TemplateOptions {
            max_weight: self.templates.max_weight,
            reserved_weight: self.templates.reserved_weight,
            min_rate: self.templates.min_rate,
            version: self.templates.version,
            ..TemplateOptions::paying_to(coinbase_script)
        };
        let source = &self.core().templates;
        let template = source.build_blocking(options, use_mempool).map_err(|error| match error {
            TemplateError::Chain(error) => failure(error),
            TemplateError::Invalid(_) => NodeError::NoTemplate(error.to_string()),
        })?;
        let weight = template.block.transactions[1..].iter().map(|tx| tx.weight() as u64).sum::<u64>();
        let reserved = u64::try_from(self.templates.reserved_weight).unwrap_or(0);
        let stats = TemplateStats {
            weight: weight + reserved,
            transactions: template.block.transactions.len() as u64 - 1,
        };
        *self.last_template.lock().expect("no one panics while holding the figures") = Some(stats);
        Ok(BlockTemplate {
            height: template.height,
            fees: template.fees.into_iter().map(Amount).collect(),
            sigops: template.sigop_costs,
            min_time: u32::try_from(template.min_time).unwrap_or(0),
            witness_commitment: template.segwit_active.then_some(template.witness_commitment),
            block: template.block,
        })
    }

    fn finish_template(&self, block: &mut Block) -> NodeResult<()> {
        let parent = self.chain_handle().entry(&block.header.previous);
        let parent =
            parent.ok_or_else(|| NodeError::Other(format!("block {} not found", block.header.previous)))?;
        template::regenerate_commitment(block, parent.height() + 1, &self.params);
        block.header.merkle_root = block_merkle_root(block).0;
        Ok(())
    }

    fn note_miner(&self, report: MinerReport) {
        self.chain_handle().mining_log().report(self.clock.now(), report);
    }

    fn miner_reports(&self) -> Vec<(i64, MinerReport)> {
        self.chain_handle().mining_log().reports()
    }

    fn template_stats(&self) -> Option<TemplateStats> {
        *self.last_template.lock().expect("no one panics while holding the figures")
    }

    fn block_min_fee_rate(&self) -> Amount {
        Amount(self.templates.min_rate.0)
    }

    fn mempool_info(&self) -> MempoolInfo {
        mempool::info(&self.mempool(), self.clock.now(), self.is_mempool_loaded())
    }

    fn mempool_events(&self) -> Box<dyn MempoolEvents> {
        Box::new(mempool::Events(self.mempool().subscribe()))
    }

    fn mempool_txids(&self) -> Vec<Txid> {
        self.mempool().in_mining_order().map(|entry| entry.tx.txid()).collect()
    }

    fn mempool_tx(&self, txid: &Txid) -> Option<TxRef> {
        self.mempool().get(txid).map(|entry| entry.tx.clone())
    }

    fn mempool_entry(&self, txid: &Txid) -> Option<MempoolEntry> {
        let pool = self.mempool();
        pool.get(txid).map(|entry| mempool::entry(&pool, entry))
    }

    fn mempool_entries(&self) -> Vec<MempoolEntry> {
        let pool = self.mempool();
        pool.in_mining_order().map(|entry| mempool::entry(&pool, entry)).collect()
    }

    fn mempool_ancestors(&self, txid: &Txid) -> Option<Vec<Txid>> {
        let pool = self.mempool();
        pool.get(txid).map(|_| mempool::others(pool.ancestors(txid), txid))
    }

    fn mempool_descendants(&self, txid: &Txid) -> Option<Vec<Txid>> {
        let pool = self.mempool();
        pool.get(txid).map(|_| mempool::others(pool.descendants(txid), txid))
    }

    fn mempool_spender(&self, outpoint: &OutPoint) -> Option<Txid> {
        self.mempool().spender(outpoint).copied()
    }

    fn mempool_cluster(&self, txid: &Txid) -> Option<Vec<MempoolChunk>> {
        let pool = self.mempool();
        pool.get(txid).map(|_| pool.cluster(txid).iter().map(mempool::chunk).collect())
    }

    fn mempool_chunks(&self) -> Vec<MempoolChunk> {
        self.mempool().best_chunks().map(mempool::chunk).collect()
    }

    fn save_mempool(&self) -> NodeResult<PathBuf> {
        let path = self.info.data_dir.join(pool_file::FILE_NAME);
        let saved = pool_file::save(&path, self.chain_handle());
        saved.map_err(|error| NodeError::Other(error.to_string()))?;
        Ok(path)
    }

    fn import_mempool(&self, path: &Path, how: ImportMempool) -> NodeResult<bool> {
        pool_file::load(path, self.chain_handle(), how).map_err(failure)
    }

    fn submit_tx(&self, tx: TxRef) -> NodeResult<Result<TxAccepted, RejectReason>> {
        let verdict = self.on_writer(move |chain| {
            let verdict = chain.accept_tx(&tx)?;
            if verdict.is_ok() {
                chain.with_mempool(|mempool, _| mempool.set_unbroadcast(&tx.txid(), true));
            }
            Ok(verdict)
        })?;
        Ok(verdict.map(|accepted| mempool::accepted(&accepted)))
    }

    fn orphans(&self) -> Vec<Orphan> {
        let orphans = self.p2p.get().map(|p2p| p2p.orphans_blocking()).unwrap_or_default();
        let shown = |orphan: OrphanInfo| Orphan {
            tx: orphan.tx,
            from: orphan.announcers.iter().map(|peer| peer.0).collect(),
        };
        orphans.into_iter().map(shown).collect()
    }

    fn announce_tx(&self, txid: &Txid) {
        let wtxid = self.mempool().get(txid).map(|entry| entry.tx.wtxid());
        if let (Some(p2p), Some(wtxid)) = (self.p2p.get(), wtxid) {
            p2p.relay_tx(*txid, wtxid);
        }
    }

    fn submit_package(&self, txs: Vec<TxRef>, max_fee_rate: Option<Amount>) -> NodeResult<PackageSubmission> {
        let wtxids: Vec<_> = txs.iter().map(|tx| tx.wtxid()).collect();
        let max_rate = max_fee_rate.map(|rate| FeeRate(rate.sat()));
        let mut outcome = self.on_writer(move |chain| chain.accept_package(&txs, max_rate))?;
        let results = wtxids.iter().map(|wtxid| outcome.results.remove(wtxid).map(mempool::packaged));
        let transactions = results.collect();
        Ok(PackageSubmission { error: outcome.error.map(|reason| reason.to_string()), transactions })
    }

    fn test_txs(&self, txs: Vec<TxRef>) -> NodeResult<PackageTest> {
        let asked = txs.clone();
        let (error, mut results) = self.on_writer(move |chain| {
            // One transaction alone may replace others; a package may not.
            if let [tx] = txs.as_slice() {
                let verdict = match chain.with_mempool(|mempool, view| mempool.test(tx, view)) {
                    Ok(accepted) => Ok(accepted),
                    Err(error) => Err(error.into_rejection()?),
                };
                return Ok((None, [(tx.wtxid(), verdict)].into_iter().collect()));
            }
            let test = chain.with_mempool(|mempool, view| mempool.test_package(&txs, view))?;
            Ok((test.error, test.results))
        })?;
        let transactions = asked.iter().map(|tx| TxTest {
            txid: tx.txid(),
            wtxid: tx.wtxid(),
            verdict: results.remove(&tx.wtxid()).map(|verdict| verdict.map(|fine| mempool::accepted(&fine))),
        });
        Ok(PackageTest {
            transactions: transactions.collect(),
            package_error: error.map(|reason| reason.to_string()),
        })
    }

    fn prioritise(&self, txid: Txid, delta: Amount) -> NodeResult<bool> {
        self.on_writer(move |chain| {
            Ok(chain.with_mempool(|mempool, _| {
                let dust_rate = mempool.options().dust_relay;
                if mempool
                    .get(&txid)
                    .is_some_and(|entry| !policy::dust_outputs(&entry.tx, dust_rate).is_empty())
                {
                    return false;
                }
                mempool.prioritise(txid, delta.sat());
                true
            }))
        })
    }

    fn priorities(&self) -> Vec<Priority> {
        let pool = self.mempool();
        let priority = |entry: crate::mempool::Prioritised| Priority {
            txid: entry.txid,
            delta: Amount(entry.fee_delta),
            modified_fee: entry.modified_fee.map(Amount),
        };
        pool.prioritised().map(priority).collect()
    }

    fn find_tx(&self, txid: &Txid) -> NodeResult<Option<ConfirmedTx>> {
        let index = self.core().indexes.transactions.as_ref().ok_or(NodeError::IndexOff("txindex"))?;
        self.current(index)?;
        let found = index.transaction(txid).map_err(index_failure)?;
        Ok(found.map(|(tx, place)| ConfirmedTx { tx, block: place.block, tx_index: place.tx_index }))
    }

    fn block_filter(&self, hash: &BlockHash) -> NodeResult<Option<BlockFilter>> {
        let index = self.core().indexes.filters.as_ref();
        let index = index.ok_or(NodeError::IndexOff("blockfilterindex"))?;
        self.current(index)?;
        let filter = index.filter(hash).map_err(index_failure)?;
        let header = index.filter_header(hash).map_err(index_failure)?;
        Ok(filter.zip(header).map(|(filter, header)| BlockFilter { filter, header }))
    }

    fn filters(&self, stop: &BlockHash, start: u32) -> NodeResult<Option<Vec<Vec<u8>>>> {
        let filters = self.of_filters(|index| index.range(stop, start))?;
        Ok(filters.map(|filters| filters.into_iter().map(|(_, filter)| filter).collect()))
    }

    fn filter_headers(&self, stop: &BlockHash, start: u32) -> NodeResult<Option<Vec<Hash256>>> {
        self.of_filters(|index| index.headers(stop, start))
    }

    fn script_totals(&self, script: &ScriptId) -> NodeResult<ScriptTotals> {
        self.totals_of(script)
    }

    fn script_unspent(&self, script: &ScriptId, skip: usize, limit: usize) -> NodeResult<Vec<ScriptUnspent>> {
        self.unspent_of(script, skip, limit)
    }

    fn script_history(
        &self,
        script: &ScriptId,
        before: Option<TxPlace>,
        skip: usize,
        limit: usize,
    ) -> NodeResult<Vec<ScriptEvent>> {
        self.history_of(script, before, skip, limit)
    }

    fn spender(&self, outpoint: &OutPoint, script: &ScriptId) -> NodeResult<Option<Spender>> {
        let found = self.addresses()?.spender(outpoint, &Hash256(script.0)).map_err(index_failure)?;
        Ok(found.map(|found| Spender { txid: found.txid, vin: found.vin, height: found.height }))
    }
}
