//! A node in memory, for the tests of methods and REST paths: a regtest chain without scripts or reorganisations,
//! coins in a map, a mempool in a list. It is a test double and nothing else.

#![allow(dead_code, clippy::unwrap_used, reason = "test code, of which each binary uses its own part")]

mod network;

use chaincore_consensus::address::Address;
use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::codec::Encode;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::filter::BasicFilter;
use chaincore_consensus::merkle::{
    WITNESS_COMMITMENT_HEADER, block_merkle_root, block_witness_merkle_root, witness_commitment,
    witness_commitment_position,
};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::{Work, block_work, check_proof_of_work};
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::script::Builder;
use chaincore_consensus::subsidy::block_subsidy;
use chaincore_consensus::undo::BlockUndo;
use chaincore_consensus::versionbits::{StateCache, compute_block_version};
use chaincore_consensus::{
    Amount, Block, BlockHash, Hash256, Header, OutPoint, Script, Transaction, Tx, TxIn, TxOut, TxRef, Txid,
};
use chaincore_rpc::json::Json;
use chaincore_rpc::methods;
use chaincore_rpc::network::Network;
use chaincore_rpc::node::*;
use chaincore_rpc::peering::*;
use chaincore_rpc::registry::{Registry, RegistryBuilder};
use network::NoPeers;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;

/// The chain as it was at one moment.
#[derive(Clone)]
pub struct View {
    active: Vec<BlockInfo>,
    side: Vec<BlockInfo>,
}

impl ChainView for View {
    fn tip(&self) -> BlockInfo {
        self.active.last().unwrap().clone()
    }

    fn best_header(&self) -> BlockInfo {
        self.tip()
    }

    fn at_height(&self, height: u32) -> Option<BlockInfo> {
        self.active.get(height as usize).cloned()
    }

    fn entry(&self, hash: &BlockHash) -> Option<BlockInfo> {
        self.active.iter().chain(&self.side).find(|block| block.hash == *hash).cloned()
    }

    fn is_active(&self, hash: &BlockHash) -> bool {
        self.active.iter().any(|block| block.hash == *hash)
    }

    fn ancestor(&self, hash: &BlockHash, height: u32) -> Option<BlockInfo> {
        let mut block = self.entry(hash)?;
        while block.height > height {
            block = self.entry(&block.header.previous)?;
        }
        (block.height == height).then_some(block)
    }

    fn tips(&self) -> Vec<BlockInfo> {
        let mut tips = self.side.clone();
        tips.push(self.tip());
        tips
    }

    fn ancestry(&self, hash: &BlockHash) -> Option<Box<dyn Ancestry + Send + Sync>> {
        let tip = self.entry(hash)?;
        let parent = self.active.iter().position(|block| block.hash == tip.header.previous);
        let shared = parent.map_or(0, |parent| parent + 1);
        let mut headers: Vec<Header> = self.active[..shared].iter().map(|block| block.header).collect();
        headers.push(tip.header);
        Some(Box::new(headers))
    }
}

struct State {
    view: View,
    blocks: HashMap<BlockHash, (Arc<Block>, Arc<BlockUndo>)>,
    coins: BTreeMap<([u8; 32], u32), Coin>,
    pool: Vec<(TxRef, Amount)>,
    updates: u64,
    deltas: Vec<Priority>,
    mock_time: Option<i64>,
    stopping: bool,
    net_log: bool,
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

fn info_of(
    header: Header,
    height: u32,
    parent: Option<&BlockInfo>,
    n_tx: u32,
    median_time: u32,
) -> BlockInfo {
    BlockInfo {
        hash: header.hash(),
        header,
        height,
        chain_work: parent.map_or(Work::ZERO, |parent| parent.chain_work) + block_work(header.bits),
        n_tx,
        chain_tx: parent.map_or(0, |parent| parent.chain_tx) + u64::from(n_tx),
        median_time,
        validity: BlockValidity::Scripts,
        has_data: true,
        has_undo: true,
    }
}

impl MemoryNode {
    /// A regtest node with its genesis alone, its clock at genesis.
    pub fn new() -> Arc<Self> {
        let params = ChainParams::regtest();
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
                updates: 1,
                deltas: Vec::new(),
                mock_time: Some(genesis.header.time.into()),
                stopping: false,
                net_log: false,
            }),
            tips: watch::channel(tip).0,
            params,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
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

    fn fee(state: &State, tx: &Tx) -> Option<Amount> {
        let mut sum = 0;
        for input in &tx.inputs {
            let outpoint = &input.previous_output;
            let parent = state.pool.iter().find(|(tx, _)| tx.txid() == outpoint.txid);
            sum += match state.coins.get(&key(outpoint)) {
                Some(coin) => coin.output.value.sat(),
                None => parent?.0.outputs.get(outpoint.vout as usize)?.value.sat(),
            };
        }
        Some(Amount(sum - tx.output_sum().sat()))
    }

    fn entry(state: &State, (tx, fee): &(TxRef, Amount)) -> MempoolEntry {
        let alone = Relatives { count: 1, vsize: tx.vsize() as u64, fees: *fee };
        let spends = |child: &Tx, parent: &Tx| {
            child.inputs.iter().any(|input| input.previous_output.txid == parent.txid())
        };
        let others = |wanted: &dyn Fn(&Tx) -> bool| -> Vec<Txid> {
            state.pool.iter().filter(|(other, _)| wanted(other)).map(|(other, _)| other.txid()).collect()
        };
        MempoolEntry {
            tx: tx.clone(),
            fee: *fee,
            modified_fee: *fee,
            vsize: tx.vsize() as u64,
            weight: tx.weight() as u64,
            time: 1_296_688_602,
            height: 1,
            ancestors: alone,
            descendants: alone,
            chunk_fee: *fee,
            chunk_weight: tx.weight() as u64,
            depends: others(&|other| spends(tx, other)),
            spent_by: others(&|other| spends(other, tx)),
            unbroadcast: true,
        }
    }
}

/// Makes the witness commitment and the merkle root right.
fn commit(block: &mut Block) {
    let commitment = witness_commitment(&block_witness_merkle_root(block), &[0; 32]);
    let place = witness_commitment_position(block).unwrap();
    let mut coinbase = Tx::clone(&block.transactions[0]).into_inner();
    coinbase.outputs[place].script_pubkey = Script([&WITNESS_COMMITMENT_HEADER[..], &commitment.0].concat());
    block.transactions[0] = Arc::new(coinbase.into());
    block.header.merkle_root = block_merkle_root(block).0;
}

impl Peering for MemoryNode {
    fn presence(&self) -> Presence {
        Presence {
            instance: "0123456789abcdef".into(),
            p2p_port: Some(8000),
            active: true,
            discovery_ports: Some((5000, 5100)),
            min_peers: 2,
            target_peers: 6,
            max_peers: 12,
            known_addresses: 7,
            ..Presence::default()
        }
    }

    fn neighbours(&self) -> Vec<Neighbour> {
        let called = Neighbour {
            address: "127.0.0.1:8001".into(),
            local_address: Some("127.0.0.1:50000".into()),
            node_id: Some("core1".into()),
            kind: "manual",
            ready: true,
            height: Some(9),
            ping: Some(1500),
            ..Neighbour::default()
        };
        let caller = Neighbour {
            id: 1,
            address: "127.0.0.1:50001".into(),
            inbound: true,
            kind: "inbound",
            ..Neighbour::default()
        };
        vec![called, caller]
    }

    fn discover_peers(&self) -> Search {
        let found = FoundPeer { name: "http://127.0.0.1:5001".into(), is_peer: true, ..FoundPeer::default() };
        Search { found: vec![found], ports: 101 }
    }

    fn add_peer(&self, name: &str) -> Result<FoundPeer, AddPeerError> {
        let text = format!("no '{name}'");
        match name {
            "http://localhost:5001" => {
                Ok(FoundPeer { name: name.into(), is_peer: true, ..FoundPeer::default() })
            }
            "http://self:1" => Err(AddPeerError::Unfit(text)),
            "http://nobody:1" => Err(AddPeerError::Unreachable(text)),
            "http://off:1" => Err(AddPeerError::Off(text)),
            _ => Err(AddPeerError::Name(text)),
        }
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
        false
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
        Connections::default()
    }
    fn indexes(&self) -> Vec<IndexStatus> {
        let best_height = self.chain().tip().height;
        let status = |name: &str| IndexStatus { name: name.into(), synced: true, best_height };
        vec![status("txindex"), status("basic block filter index")]
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
        let mut state = self.state();
        let hash = block.hash();
        if state.view.entry(&hash).is_some() {
            return Ok(BlockOutcome::AlreadyKnown);
        }
        if !check_proof_of_work(&hash, block.header.bits, self.params.pow_limit) {
            let reason = RejectReason::new(RejectKind::InvalidHeader, "high-hash");
            return Ok(BlockOutcome::Rejected(reason.with_debug("proof of work failed")));
        }
        let Some(parent) = state.view.entry(&block.header.previous) else {
            return Ok(BlockOutcome::MissingParent);
        };
        if block.transactions.iter().any(|tx| tx.is_coinbase() && !tx.has_witness()) {
            return Ok(BlockOutcome::Rejected(RejectReason::consensus("bad-witness-nonce-size")));
        }
        let mut headers: Vec<Header> = state.view.active.iter().map(|block| block.header).collect();
        headers.truncate(parent.height as usize + 1);
        headers.push(block.header);
        let count = u32::try_from(block.transactions.len()).unwrap();
        let height = parent.height + 1;
        let info = info_of(block.header, height, Some(&parent), count, headers.median_time_past());
        if parent.hash != state.view.tip().hash {
            state.view.side.push(BlockInfo { validity: BlockValidity::Transactions, ..info });
            state.blocks.insert(hash, (block, Arc::default()));
            return Ok(BlockOutcome::SideChain);
        }
        let mut undo = BlockUndo::default();
        for (at, tx) in block.transactions.iter().enumerate() {
            if !tx.is_coinbase() {
                let spent =
                    tx.inputs.iter().map(|input| state.coins.remove(&key(&input.previous_output)).unwrap());
                undo.txs.push(spent.collect());
            }
            for (vout, output) in tx.outputs.iter().enumerate() {
                if !output.script_pubkey.is_unspendable() {
                    let coin = Coin {
                        output: output.clone(),
                        height,
                        coinbase: tx.is_coinbase(),
                        tx_index: u32::try_from(at).unwrap(),
                    };
                    state.coins.insert((tx.txid().0, u32::try_from(vout).unwrap()), coin);
                }
            }
            state.pool.retain(|(pooled, _)| pooled.txid() != tx.txid());
        }
        state.view.active.push(info);
        state.blocks.insert(hash, (block, Arc::new(undo)));
        self.tips.send_replace(Tip { hash, height });
        Ok(BlockOutcome::Best)
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
        let (tip, pool) = {
            let state = self.state();
            (state.view.tip(), if use_mempool { state.pool.clone() } else { Vec::new() })
        };
        let height = tip.height + 1;
        let branch = self.chain().ancestry(&tip.hash).unwrap();
        let fees: Vec<Amount> = pool.iter().map(|(_, fee)| *fee).collect();
        let reward =
            block_subsidy(height, &self.params).sat() + fees.iter().map(|fee| fee.sat()).sum::<i64>();
        let mut script_sig = Builder::new().push_int(height.into());
        if height <= 16 {
            script_sig = script_sig.push_int(0);
        }
        let commitment = [&WITNESS_COMMITMENT_HEADER[..], &[0; 32]].concat();
        let coinbase = Transaction {
            version: 2,
            inputs: vec![TxIn {
                previous_output: OutPoint::NULL,
                script_sig: script_sig.into_script(),
                sequence: 0xffff_fffe,
                witness: vec![vec![0; 32]],
            }],
            outputs: vec![
                TxOut { value: Amount(reward), script_pubkey: coinbase_script },
                TxOut { value: Amount::ZERO, script_pubkey: Script(commitment) },
            ],
            lock_time: height - 1,
        };
        let mut transactions: Vec<TxRef> = vec![Arc::new(coinbase.into())];
        transactions.extend(pool.iter().map(|(tx, _)| tx.clone()));
        let min_time = tip.median_time + 1;
        let header = Header {
            version: compute_block_version(&self.params, &*branch, &mut StateCache::default()),
            previous: tip.hash,
            merkle_root: Hash256::ZERO,
            time: min_time.max(u32::try_from(self.now()).unwrap()),
            bits: tip.header.bits,
            nonce: 0,
        };
        let mut block = Block { header, transactions };
        commit(&mut block);
        let witness_commitment = block.transactions[0].outputs[1].script_pubkey.clone();
        Ok(BlockTemplate {
            block,
            height,
            sigops: vec![4; fees.len()],
            fees,
            min_time,
            witness_commitment: Some(witness_commitment),
        })
    }

    fn finish_template(&self, block: &mut Block) -> NodeResult<()> {
        commit(block);
        Ok(())
    }
    fn template_stats(&self) -> Option<TemplateStats> {
        Some(TemplateStats { weight: 8000, transactions: 0 })
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
            let tx = block.transactions.iter().find(|tx| tx.txid() == *txid)?;
            Some(ConfirmedTx { tx: tx.clone(), block: info.hash })
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
    fn script_totals(&self, script: &Script) -> NodeResult<ScriptTotals> {
        let tip = self.chain().tip();
        let unspent = self.script_unspent(script, 0, usize::MAX)?;
        let sum = |coins: &[ScriptUnspent]| Amount(coins.iter().map(|coin| coin.value.sat()).sum());
        let young: Vec<_> = unspent
            .iter()
            .filter(|coin| coin.coinbase && tip.height + 1 < coin.height + 100)
            .cloned()
            .collect();
        Ok(ScriptTotals {
            at: Tip { hash: tip.hash, height: tip.height },
            received: sum(&unspent),
            unspent: sum(&unspent),
            immature: sum(&young),
            unspent_count: unspent.len() as u64,
            tx_count: unspent.len() as u64,
        })
    }
    fn script_unspent(&self, script: &Script, skip: usize, limit: usize) -> NodeResult<Vec<ScriptUnspent>> {
        let state = self.state();
        let mut found: Vec<ScriptUnspent> = state
            .coins
            .iter()
            .filter(|(_, coin)| coin.output.script_pubkey == *script)
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
    fn script_history(&self, script: &Script, skip: usize, limit: usize) -> NodeResult<Vec<ScriptEvent>> {
        let unspent = self.script_unspent(script, skip, limit)?;
        let event =
            |coin: ScriptUnspent| ScriptEvent { txid: coin.outpoint.txid, height: coin.height, tx_index: 0 };
        Ok(unspent.into_iter().map(event).collect())
    }
}

/// The methods of a node, ready to be called.
pub fn registry(node: &Arc<MemoryNode>) -> Arc<Registry> {
    let mut builder = RegistryBuilder::new();
    let node: NodeRef = node.clone();
    methods::register(&mut builder, &node);
    let registry = builder.build().unwrap();
    registry.warmup().finish();
    registry
}

/// Calls a method; the answer's text, or the error.
pub async fn call(registry: &Registry, method: &str, params: &str) -> Result<String, (i32, String)> {
    let params = Json::parse(params.as_bytes()).expect("the test's parameters are JSON");
    let answer = registry.call_local(method, params).await;
    answer.map(|raw| raw.get().to_owned()).map_err(|error| (error.code, error.message))
}

/// The three P2PKH addresses and the taproot address that Core's test harness mines to.
pub const HARNESS: [&str; 4] = [
    "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z",
    "msX6jQXvxiNhx3Q62PKeLPrhrqZQdSimTg",
    "mnonCMyH9TmAsSj3M59DsbH8H63U3RKoFP",
    "bcrt1p9yfmy5h72durp7zrhlw9lf7jpwjgvwdg0jr0lqmmjtgg83266lqsekaqka",
];

/// A transaction that spends the coinbase of the block at a height, which the double does not ask a signature for.
pub fn spend(node: &MemoryNode, height: u32, fee: i64) -> Tx {
    let hash = node.chain().at_height(height).unwrap().hash;
    let coinbase = node.block(&hash).unwrap().unwrap().transactions[0].clone();
    let script = Address::parse(HARNESS[1], &node.params().addresses).unwrap().script_pubkey();
    let input = TxIn {
        previous_output: OutPoint { txid: coinbase.txid(), vout: 0 },
        script_sig: Script(vec![0x51]),
        sequence: 0xffff_fffd,
        witness: vec![vec![7; 3]],
    };
    let value = Amount(coinbase.outputs[0].value.sat() - fee);
    Transaction {
        version: 2,
        inputs: vec![input],
        outputs: vec![TxOut { value, script_pubkey: script }],
        lock_time: 0,
    }
    .into()
}
