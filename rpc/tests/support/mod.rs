//! A node in memory, for the tests of methods and REST paths: a regtest chain without scripts or reorganisations,
//! coins in a map, a mempool in a list. It is a test double and nothing else.

#![allow(dead_code, clippy::unwrap_used, reason = "test code, of which each binary uses its own part")]

mod calls;
mod chain;
mod network;
mod pool;
mod template;

pub use calls::*;
pub use chain::View;

use chain::info_of;
use chaincore_consensus::address::Address;
use chaincore_consensus::codec::Encode;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::filter::BasicFilter;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::check_proof_of_work;
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::undo::BlockUndo;
use chaincore_consensus::{Amount, Block, BlockHash, Hash256, Header, OutPoint, Script, Tx, TxRef, Txid};
use chaincore_plugin::MempoolEvent;
use chaincore_plugin::node::MinerReport;
use chaincore_rpc::network::Network;
use chaincore_rpc::node::*;
use network::NoPeers;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use template::commit;
use tokio::sync::watch;

struct State {
    view: View,
    blocks: HashMap<BlockHash, (Arc<Block>, Arc<BlockUndo>)>,
    coins: BTreeMap<([u8; 32], u32), Coin>,
    pool: Vec<(TxRef, Amount)>,
    /// What the next reader of the mempool's events is told.
    told: Vec<Vec<MempoolEvent>>,
    updates: u64,
    deltas: Vec<Priority>,
    mock_time: Option<i64>,
    stopping: bool,
    net_log: bool,
    reports: Vec<MinerReport>,
    no_template: Option<String>,
    /// How many peers there seem to be, and whether the first download seems to go on.
    peers: u32,
    downloading: bool,
}

/// The node.
pub struct MemoryNode {
    params: ChainParams,
    info: NodeInfo,
    state: Mutex<State>,
    tips: watch::Sender<Tip>,
    network: NoPeers,
}

fn key(outpoint: &OutPoint) -> ([u8; 32], u32) {
    (outpoint.txid.0, outpoint.vout)
}

impl MemoryNode {
    /// A regtest node with its genesis alone, its clock at genesis.
    pub fn new() -> Arc<Self> {
        Self::of(ChainParams::regtest())
    }

    /// The same of another chain.
    pub fn of(params: ChainParams) -> Arc<Self> {
        let genesis = params.genesis.clone();
        let first = info_of(genesis.header, 0, None, 1, genesis.header.time);
        let tip = Tip { hash: first.hash, height: 0 };
        let blocks = HashMap::from([(first.hash, (Arc::new(genesis.clone()), Arc::default()))]);
        Arc::new(Self {
            network: NoPeers::default(),
            info: NodeInfo {
                node_id: "core0".into(),
                version: "0.1.0".into(),
                core_version: 310_000,
                subversion: "/Satoshi:31.0.0/ChainCore:0.1.0/".into(),
                protocol_version: 70016,
                services: 0x409,
                data_dir: "/nowhere".into(),
                log_path: None,
            },
            state: Mutex::new(State {
                view: View { active: vec![first], side: Vec::new() },
                blocks,
                coins: BTreeMap::new(),
                pool: Vec::new(),
                told: Vec::new(),
                updates: 1,
                deltas: Vec::new(),
                mock_time: Some(genesis.header.time.into()),
                stopping: false,
                net_log: false,
                reports: Vec::new(),
                no_template: None,
                peers: 0,
                downloading: false,
            }),
            tips: watch::channel(tip).0,
            params,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Sets what the next reader of the mempool's events is told, message by message.
    pub fn tell(&self, messages: Vec<Vec<MempoolEvent>>) {
        self.state().told = messages;
    }

    /// Lets no more template be made.
    pub fn refuse_templates(&self, why: &str) {
        self.state().no_template = Some(why.into());
    }

    /// Makes it seem to have so many peers, and to download or not.
    pub fn seem(&self, peers: u32, downloading: bool) {
        (self.state().peers, self.state().downloading) = (peers, downloading);
    }

    /// Every transaction above genesis with its place and what it spent.
    fn mined(&self) -> Vec<(TxPlace, TxRef, Vec<Coin>)> {
        let state = self.state();
        let mut all = Vec::new();
        for info in state.view.active.iter().skip(1) {
            let (block, undo) = &state.blocks[&info.hash];
            let spent = std::iter::once(Vec::new()).chain(undo.txs.iter().cloned());
            for ((tx_index, tx), spent) in (0u32..).zip(&block.transactions).zip(spent) {
                all.push((TxPlace { height: info.height, tx_index }, tx.clone(), spent));
            }
        }
        all
    }

    fn outputs_to(&self, script: &ScriptId) -> Vec<chaincore_consensus::TxOut> {
        let outputs = self.mined().into_iter().flat_map(|(_, tx, _)| tx.outputs.clone());
        outputs.filter(|output| ScriptId::of(&output.script_pubkey) == *script).collect()
    }

    /// Mines blocks that pay to an address, without JSON.
    pub fn mine(self: &Arc<Self>, count: usize, address: &str) -> Vec<BlockHash> {
        let script = Address::parse(address, &self.params.addresses).unwrap().script_pubkey();
        let mine_one = |_| {
            let mut block = self.build_template(script.clone(), true).unwrap().block;
            while !check_proof_of_work(&block.hash(), block.header.bits, self.params.pow_limit) {
                block.header.nonce += 1;
            }
            let hash = block.hash();
            assert_eq!(self.submit_block(Arc::new(block)).unwrap(), BlockOutcome::Best);
            hash
        };
        (0..count).map(mine_one).collect()
    }
}

impl Node for MemoryNode {
    fn params(&self) -> &ChainParams {
        &self.params
    }
    fn info(&self) -> &NodeInfo {
        &self.info
    }
    fn now(&self) -> i64 {
        self.state().mock_time.unwrap_or(1_800_000_000)
    }
    fn set_mock_time(&self, time: Option<i64>) {
        self.state().mock_time = time;
    }
    fn uptime(&self) -> Duration {
        Duration::from_secs(61)
    }
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
    fn initial_block_download(&self) -> bool {
        self.state().downloading
    }
    fn blocks_disk_size(&self) -> u64 {
        1000
    }
    fn coins_disk_size(&self) -> u64 {
        500
    }
    fn network(&self) -> &dyn Network {
        &self.network
    }
    fn connections(&self) -> Connections {
        Connections { inbound: self.state().peers, ..Connections::default() }
    }
    fn indexes(&self) -> Vec<IndexStatus> {
        let best_height = self.chain().tip().height;
        let status = |name: &str| IndexStatus { name: name.into(), synced: true, best_height };
        vec![status("txindex"), status("basic block filter index")]
    }
    fn notifications(&self) -> Vec<Notification> {
        let (kind, address) = ("pubhashtx".into(), "tcp://127.0.0.1:28332".into());
        vec![Notification { kind, address, high_water_mark: 1000 }]
    }
    fn log_categories(&self) -> Vec<(&'static str, bool)> {
        vec![("mempool", false), ("net", self.state().net_log)]
    }
    fn set_log_category(&self, category: &str, on: bool) -> bool {
        if category == "net" {
            self.state().net_log = on;
        }
        matches!(category, "mempool" | "net")
    }
    fn request_shutdown(&self) {
        self.state().stopping = true;
    }
    fn is_stopping(&self) -> bool {
        self.state().stopping
    }
    fn chain(&self) -> Arc<dyn ChainView> {
        Arc::new(self.state().view.clone())
    }
    fn tip_watch(&self) -> watch::Receiver<Tip> {
        self.tips.subscribe()
    }
    fn durable_watch(&self) -> watch::Receiver<Tip> {
        self.tips.subscribe()
    }
    fn sync(&self) -> NodeResult<()> {
        Ok(())
    }
    fn block_bytes(&self, hash: &BlockHash) -> NodeResult<Option<Vec<u8>>> {
        Ok(self.state().blocks.get(hash).map(|(block, _)| block.to_bytes()))
    }
    fn block(&self, hash: &BlockHash) -> NodeResult<Option<Arc<Block>>> {
        Ok(self.state().blocks.get(hash).map(|(block, _)| block.clone()))
    }
    fn undo(&self, hash: &BlockHash) -> NodeResult<Option<Arc<BlockUndo>>> {
        Ok(self.state().blocks.get(hash).map(|(_, undo)| undo.clone()))
    }
    fn coin(&self, outpoint: &OutPoint) -> NodeResult<Option<Coin>> {
        Ok(self.state().coins.get(&key(outpoint)).cloned())
    }
    fn visit_coins(&self, visit: &mut dyn FnMut(&OutPoint, &Coin) -> bool) -> NodeResult<Tip> {
        let (coins, tip) = {
            let state = self.state();
            (state.coins.clone(), state.view.tip())
        };
        for ((txid, vout), coin) in &coins {
            if !visit(&OutPoint { txid: Txid(*txid), vout: *vout }, coin) {
                break;
            }
        }
        Ok(Tip { hash: tip.hash, height: tip.height })
    }

    fn submit_block(&self, block: Arc<Block>) -> NodeResult<BlockOutcome> {
        Ok(self.connect(block))
    }
    fn submit_header(&self, _: Header) -> NodeResult<Result<(), RejectReason>> {
        Ok(Ok(()))
    }
    fn test_block(&self, block: Arc<Block>, _: bool, _: bool) -> NodeResult<Result<(), RejectReason>> {
        if block.header.previous != self.chain().tip().hash {
            return Ok(Err(RejectReason::consensus("inconclusive-not-best-prevblk")));
        }
        Ok(Ok(()))
    }
    fn invalidate_block(&self, _: BlockHash) -> NodeResult<()> {
        Err(NodeError::Other("this double keeps its blocks".into()))
    }
    fn reconsider_block(&self, _: BlockHash) -> NodeResult<()> {
        Ok(())
    }
    fn precious_block(&self, _: BlockHash) -> NodeResult<()> {
        Ok(())
    }

    fn build_template(&self, coinbase_script: Script, use_mempool: bool) -> NodeResult<BlockTemplate> {
        if let Some(why) = self.state().no_template.clone() {
            return Err(NodeError::NoTemplate(why));
        }
        Ok(self.template(coinbase_script, use_mempool))
    }
    fn finish_template(&self, block: &mut Block) -> NodeResult<()> {
        commit(block);
        Ok(())
    }
    fn template_stats(&self) -> Option<TemplateStats> {
        Some(TemplateStats { weight: 8000, transactions: 0 })
    }
    fn note_miner(&self, report: MinerReport) {
        self.state().reports.push(report);
    }
    fn miner_reports(&self) -> Vec<(i64, MinerReport)> {
        self.state().reports.iter().map(|report| (7, report.clone())).collect()
    }
    fn block_min_fee_rate(&self) -> Amount {
        Amount(1)
    }

    fn mempool_info(&self) -> MempoolInfo {
        let state = self.state();
        MempoolInfo {
            loaded: true,
            count: state.pool.len() as u64,
            vsize: state.pool.iter().map(|(tx, _)| tx.vsize() as u64).sum(),
            usage: 1000,
            total_fee: Amount(state.pool.iter().map(|(_, fee)| fee.sat()).sum()),
            max_usage: 300_000_000,
            min_fee_rate: Amount(0),
            min_relay_fee_rate: Amount(100),
            incremental_fee_rate: Amount(100),
            unbroadcast: state.pool.len() as u64,
            permit_bare_multisig: true,
            max_data_carrier: Some(100_000),
            cluster_count_limit: 64,
            cluster_size_limit: 101_000,
            optimal: true,
            sequence: state.updates,
            updates: state.updates,
        }
    }
    fn mempool_events(&self) -> Box<dyn MempoolEvents> {
        Box::new(pool::Script(std::mem::take(&mut self.state().told).into()))
    }
    fn mempool_txids(&self) -> Vec<Txid> {
        self.state().pool.iter().map(|(tx, _)| tx.txid()).collect()
    }
    fn mempool_tx(&self, txid: &Txid) -> Option<TxRef> {
        self.state().pool.iter().find(|(tx, _)| tx.txid() == *txid).map(|(tx, _)| tx.clone())
    }
    fn mempool_entry(&self, txid: &Txid) -> Option<MempoolEntry> {
        let state = self.state();
        state.pool.iter().find(|(tx, _)| tx.txid() == *txid).map(|pooled| Self::entry(&state, pooled))
    }
    fn mempool_entries(&self) -> Vec<MempoolEntry> {
        let state = self.state();
        state.pool.iter().map(|pooled| Self::entry(&state, pooled)).collect()
    }
    fn mempool_ancestors(&self, txid: &Txid) -> Option<Vec<Txid>> {
        self.mempool_entry(txid).map(|entry| entry.depends)
    }
    fn mempool_descendants(&self, txid: &Txid) -> Option<Vec<Txid>> {
        self.mempool_entry(txid).map(|entry| entry.spent_by)
    }
    fn mempool_spender(&self, outpoint: &OutPoint) -> Option<Txid> {
        let spends = |tx: &Tx| tx.inputs.iter().any(|input| input.previous_output == *outpoint);
        self.state().pool.iter().find(|(tx, _)| spends(tx)).map(|(tx, _)| tx.txid())
    }
    fn mempool_cluster(&self, txid: &Txid) -> Option<Vec<MempoolChunk>> {
        let entry = self.mempool_entry(txid)?;
        Some(vec![MempoolChunk { txids: vec![*txid], fee: entry.chunk_fee, weight: entry.chunk_weight }])
    }
    fn mempool_chunks(&self) -> Vec<MempoolChunk> {
        self.mempool_txids().iter().flat_map(|txid| self.mempool_cluster(txid).unwrap()).collect()
    }
    fn save_mempool(&self) -> NodeResult<std::path::PathBuf> {
        Ok(self.info.data_dir.join("mempool.dat"))
    }
    fn import_mempool(&self, path: &std::path::Path, _: ImportMempool) -> NodeResult<bool> {
        Ok(path.ends_with("good.dat"))
    }
    fn announce_tx(&self, _: &Txid) {}

    fn orphans(&self) -> Vec<Orphan> {
        let orphan = |(tx, _): &(TxRef, _)| Orphan { tx: tx.clone(), from: vec![3, 7] };
        self.state().pool.iter().take(1).map(orphan).collect()
    }

    fn submit_tx(&self, tx: TxRef) -> NodeResult<Result<TxAccepted, RejectReason>> {
        let verdict = self.test_txs(vec![tx.clone()])?.transactions.remove(0).verdict.unwrap();
        if let Ok(accepted) = &verdict {
            let mut state = self.state();
            state.pool.push((tx, accepted.fee));
            state.updates += 1;
        }
        Ok(verdict)
    }
    fn submit_package(&self, txs: Vec<TxRef>, _: Option<Amount>) -> NodeResult<PackageSubmission> {
        let mut transactions = Vec::new();
        for tx in txs {
            transactions.push(Some(match self.submit_tx(tx)? {
                Ok(accepted) => PackagedTx::Accepted { accepted, replaced: vec![] },
                Err(reason) => PackagedTx::Refused(reason),
            }));
        }
        let failed = transactions.iter().any(|tx| matches!(tx, Some(PackagedTx::Refused(_))));
        Ok(PackageSubmission { error: failed.then(|| "transaction failed".into()), transactions })
    }
    fn test_txs(&self, txs: Vec<TxRef>) -> NodeResult<PackageTest> {
        let state = self.state();
        let test = |tx: &TxRef| {
            let missing = || RejectReason::new(RejectKind::MissingInputs, "bad-txns-inputs-missingorspent");
            let verdict = match Self::fee(&state, tx) {
                None => Err(missing()),
                Some(fee) if fee.sat() < 0 => Err(RejectReason::consensus("bad-txns-in-belowout")
                    .with_debug("value in (1.00) < value out (2.00)")),
                Some(fee) => Ok(TxAccepted {
                    vsize: tx.vsize() as u64,
                    fee,
                    effective_fee_rate: Amount(fee.sat() * 1000 / tx.vsize() as i64),
                    effective_includes: vec![tx.wtxid()],
                }),
            };
            TxTest { txid: tx.txid(), wtxid: tx.wtxid(), verdict: Some(verdict) }
        };
        Ok(PackageTest { package_error: None, transactions: txs.iter().map(test).collect() })
    }
    fn prioritise(&self, txid: Txid, delta: Amount) -> NodeResult<bool> {
        self.state().deltas.push(Priority { txid, delta, modified_fee: None });
        Ok(true)
    }
    fn priorities(&self) -> Vec<Priority> {
        self.state().deltas.clone()
    }

    fn find_tx(&self, txid: &Txid) -> NodeResult<Option<ConfirmedTx>> {
        let state = self.state();
        let found = state.view.active.iter().skip(1).find_map(|info| {
            let block = &state.blocks[&info.hash].0;
            let (tx_index, tx) = (0u32..).zip(&block.transactions).find(|(_, tx)| tx.txid() == *txid)?;
            Some(ConfirmedTx { tx: tx.clone(), block: info.hash, tx_index })
        });
        Ok(found)
    }
    fn block_filter(&self, hash: &BlockHash) -> NodeResult<Option<BlockFilter>> {
        let mut at = *hash;
        let mut filters = Vec::new();
        loop {
            let Some((block, undo)) = self.state().blocks.get(&at).cloned() else { return Ok(None) };
            let spent = undo.coins().map(|coin| &coin.output.script_pubkey[..]);
            filters.push(BasicFilter::of_block(&block, spent));
            if at == self.params.genesis.hash() {
                break;
            }
            at = block.header.previous;
        }
        let header = filters.iter().rev().fold(Hash256::ZERO, |below, filter| filter.header(&below));
        Ok(filters.into_iter().next().map(|filter| BlockFilter { filter, header }))
    }
    fn script_totals(&self, script: &ScriptId) -> NodeResult<ScriptTotals> {
        let tip = self.chain().tip();
        let unspent = self.script_unspent(script, 0, usize::MAX)?;
        let sum = |coins: &[ScriptUnspent]| Amount(coins.iter().map(|coin| coin.value.sat()).sum());
        let young: Vec<_> = unspent
            .iter()
            .filter(|coin| coin.coinbase && tip.height + 1 < coin.height + 100)
            .cloned()
            .collect();
        let paid = self.outputs_to(script);
        Ok(ScriptTotals {
            at: Tip { hash: tip.hash, height: tip.height },
            received: Amount(paid.iter().map(|output| output.value.sat()).sum()),
            unspent: sum(&unspent),
            immature: sum(&young),
            funded_count: paid.len() as u64,
            unspent_count: unspent.len() as u64,
            tx_count: self.script_history(script, None, 0, usize::MAX)?.len() as u64,
        })
    }
    fn script_unspent(&self, script: &ScriptId, skip: usize, limit: usize) -> NodeResult<Vec<ScriptUnspent>> {
        let state = self.state();
        let mut found: Vec<ScriptUnspent> = state
            .coins
            .iter()
            .filter(|(_, coin)| ScriptId::of(&coin.output.script_pubkey) == *script)
            .map(|((txid, vout), coin)| ScriptUnspent {
                outpoint: OutPoint { txid: Txid(*txid), vout: *vout },
                value: coin.output.value,
                height: coin.height,
                coinbase: coin.coinbase,
            })
            .collect();
        found.sort_by_key(|coin| coin.height);
        Ok(found.into_iter().skip(skip).take(limit).collect())
    }
    fn script_history(
        &self,
        script: &ScriptId,
        before: Option<TxPlace>,
        skip: usize,
        limit: usize,
    ) -> NodeResult<Vec<ScriptEvent>> {
        let mut events = Vec::new();
        for (place, tx, spent) in self.mined() {
            let pays = tx.outputs.iter().any(|output| ScriptId::of(&output.script_pubkey) == *script);
            let spends = spent.iter().any(|coin| ScriptId::of(&coin.output.script_pubkey) == *script);
            if (pays || spends) && before.is_none_or(|before| place < before) {
                let TxPlace { height, tx_index } = place;
                events.push(ScriptEvent { txid: tx.txid(), height, tx_index });
            }
        }
        events.reverse();
        Ok(events.into_iter().skip(skip).take(limit).collect())
    }
    fn spender(&self, outpoint: &OutPoint, _: &ScriptId) -> NodeResult<Option<Spender>> {
        Ok(self.mined().into_iter().find_map(|(place, tx, _)| {
            let mut inputs = (0u32..).zip(&tx.inputs);
            let (vin, _) = inputs.find(|(_, input)| input.previous_output == *outpoint)?;
            Some(Spender { txid: tx.txid(), vin, height: place.height })
        }))
    }
}
