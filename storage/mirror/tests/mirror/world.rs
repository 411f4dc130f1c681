//! A chain that a test grows as it likes: blocks with real spends, all kinds of scripts and odd contents. Their proof
//! of work is not real and their scripts are never run. The same seed and calls give the same blocks.

use chaincore_consensus::coin::Coin;
use chaincore_consensus::merkle::block_merkle_root;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{
    Amount, Block, BlockHash, Hash256, Header, OutPoint, Script, Transaction, Tx, TxIn, TxOut, TxRef,
};
use chaincore_plugin::{AppliedBlock, BlockRef, ChainReader, Path, ReadError};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

/// The coins after a block.
type Coins = BTreeMap<OutPoint, Coin>;

/// Numbers that look random and are not (splitmix64).
#[derive(Clone, Debug)]
pub struct Numbers(pub u64);

impl Numbers {
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        (self.draw() >> 11) % bound
    }
}

/// How blocks are filled.
#[derive(Clone, Copy, Debug)]
pub struct Filling {
    /// The most transactions beside the coinbase.
    pub txs: u64,
    /// How many different scripts of each kind there are.
    pub scripts: u64,
}

struct Entry {
    applied: AppliedBlock,
    coins: Arc<Coins>,
}

struct State {
    entries: HashMap<BlockHash, Entry>,
    active: Vec<BlockRef>,
    numbers: Numbers,
    filling: Filling,
    /// Transactions of blocks that were taken off: they come again if they still can.
    again: Vec<TxRef>,
}

/// The chain. Clones are the same one.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    params: Arc<Mutex<ChainParams>>,
}

impl World {
    pub fn new(seed: u64, filling: Filling) -> Self {
        let params = ChainParams::regtest();
        let block = Arc::new(params.genesis.clone());
        let at = BlockRef { height: 0, hash: block.hash() };
        let applied = AppliedBlock { at, prev: BlockHash::ZERO, block, spent: Arc::new([]) };
        let entry = Entry { applied, coins: Arc::default() };
        let state = State {
            entries: HashMap::from([(at.hash, entry)]),
            active: vec![at],
            numbers: Numbers(seed),
            filling,
            again: vec![],
        };
        Self { state: Arc::new(Mutex::new(state)), params: Arc::new(Mutex::new(params)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The rules, with the blocks that [`World::repeat`] has made.
    pub fn params(&self) -> ChainParams {
        self.params.lock().unwrap().clone()
    }

    /// Puts blocks on.
    pub fn extend(&self, count: u32) {
        let mut state = self.state();
        (0..count).for_each(|_| state.fill());
    }

    /// Puts blocks on that hold a coinbase that nobody can spend.
    pub fn extend_bare(&self, count: u32) {
        let mut state = self.state();
        for _ in 0..count {
            let height = state.active.len() as u32;
            let script_sig = [&[4][..], &height.to_le_bytes()].concat();
            let output = TxOut { value: Amount(0), script_pubkey: vec![0x6a, 1, 7].into() };
            let inputs = vec![input(OutPoint::NULL, script_sig, vec![], u32::MAX)];
            let coinbase = Transaction { version: 1, inputs, outputs: vec![output], lock_time: 0 };
            state.put(vec![], Some(Arc::new(Tx::from(coinbase))));
        }
    }

    /// Takes blocks off, not the genesis block. Their transactions come again where they can.
    pub fn take_off(&self, depth: u32) {
        let mut state = self.state();
        let left = state.active.len().saturating_sub(depth as usize).max(1);
        let gone = state.active.split_off(left);
        for at in gone {
            let block = state.entries[&at.hash].applied.block.clone();
            state.again.extend(block.transactions.iter().skip(1).cloned());
        }
    }

    /// Makes the chain of a known block the active one.
    pub fn activate(&self, tip: BlockRef) {
        let mut state = self.state();
        let mut chain = vec![tip];
        while let Some(below) = state.parent(chain.last().unwrap()) {
            chain.push(below);
        }
        chain.reverse();
        state.active = chain;
    }

    /// Puts a block on whose coinbase is that of the active block at `height`, byte for byte, as an exception of BIP30.
    /// The coins of that one must not be spent.
    pub fn repeat(&self, height: u32) -> BlockRef {
        let mut state = self.state();
        let earlier =
            state.entries[&state.active[height as usize].hash].applied.block.transactions[0].clone();
        state.put(vec![], Some(earlier));
        let at = state.tip();
        self.params.lock().unwrap().bip30_repeats.push((at.height, at.hash));
        at
    }

    /// Puts a block on with this coinbase script and these outputs of the coinbase, and these transactions.
    pub fn put(&self, coinbase_script: Vec<u8>, outputs: Vec<TxOut>, transactions: Vec<TxRef>) {
        let input = input(OutPoint::NULL, coinbase_script, vec![], u32::MAX);
        let coinbase = Transaction { version: 1, inputs: vec![input], outputs, lock_time: 0 };
        self.state().put(transactions, Some(Arc::new(Tx::from(coinbase))));
    }

    /// The coins at the tip.
    pub fn coins(&self) -> Arc<Coins> {
        let state = self.state();
        state.entries[&state.tip().hash].coins.clone()
    }

    /// The active chain.
    pub fn blocks(&self) -> Vec<AppliedBlock> {
        let state = self.state();
        state.active.iter().map(|at| state.entries[&at.hash].applied.clone()).collect()
    }
}

impl State {
    fn tip(&self) -> BlockRef {
        *self.active.last().unwrap()
    }

    fn parent(&self, block: &BlockRef) -> Option<BlockRef> {
        let applied = &self.entries.get(&block.hash)?.applied;
        Some(BlockRef { height: applied.at.height.checked_sub(1)?, hash: applied.prev })
    }

    /// Puts on a block with random contents.
    fn fill(&mut self) {
        let coins = self.entries[&self.tip().hash].coins.clone();
        let mut left: Coins = (*coins).clone();
        let mut transactions: Vec<TxRef> = vec![];
        let height = self.active.len() as u32;
        // What was in another branch and still can be in this one.
        for tx in std::mem::take(&mut self.again) {
            let fits = tx.inputs.iter().all(|input| left.contains_key(&input.previous_output));
            if fits && self.numbers.below(4) > 0 && transactions.len() < 200 {
                tx.inputs.iter().for_each(|input| drop(left.remove(&input.previous_output)));
                add(&mut left, &tx, height, transactions.len() as u32 + 1);
                transactions.push(tx);
            }
        }
        for _ in 0..self.numbers.below(self.filling.txs + 1) {
            let Some(tx) = self.spend(&mut left) else { break };
            add(&mut left, &tx, height, transactions.len() as u32 + 1);
            transactions.push(tx);
        }
        self.put(transactions, None);
    }

    fn spend(&mut self, coins: &mut Coins) -> Option<TxRef> {
        let mut inputs = vec![];
        let mut value = 0;
        for _ in 0..=self.numbers.below(if coins.len() > 400 { 6 } else { 3 }) {
            if coins.is_empty() {
                break;
            }
            // From a random place on, so that new and old coins are spent, those of the same block too.
            let from = OutPoint { txid: random_txid(&mut self.numbers), vout: 0 };
            let found = coins.range(from..).next().or_else(|| coins.iter().next());
            let outpoint = found.map(|(outpoint, _)| *outpoint)?;
            value += coins.remove(&outpoint)?.output.value.0;
            let sequence = [u32::MAX, u32::MAX - 1, u32::MAX - 2, 7][self.numbers.below(4) as usize];
            let witness = match self.numbers.below(3) {
                0 => vec![],
                1 => vec![vec![0x30; 70], vec![2; 33]],
                _ => vec![vec![], vec![9; 300]],
            };
            let script_sig = vec![0x51; self.numbers.below(120) as usize];
            inputs.push(input(outpoint, script_sig, witness, sequence));
        }
        if inputs.is_empty() {
            return None;
        }
        let fee = (self.numbers.below(50_000) as i64).min(value / 10);
        let count = 1 + self.numbers.below(4) as i64;
        let mut rest = value - fee;
        let mut outputs = vec![];
        for at in 0..count {
            let share = if at + 1 == count { rest } else { rest / 2 };
            rest -= share;
            outputs.push(TxOut { value: Amount(share), script_pubkey: self.script() });
        }
        let (version, lock_time) = (self.numbers.draw() as u32, self.numbers.draw() as u32);
        Some(Arc::new(Tx::from(Transaction { version, inputs, outputs, lock_time })))
    }

    fn script(&mut self) -> Script {
        let scripts = self.filling.scripts;
        let number = self.numbers.below(scripts);
        let fill = |len: usize| -> Vec<u8> {
            let mut numbers = Numbers(number.wrapping_mul(77));
            (0..len).map(|_| numbers.draw() as u8).collect()
        };
        let parts: Vec<Vec<u8>> = match self.numbers.below(24) {
            0..4 => vec![vec![0x00, 0x14], fill(20)],
            4..6 => vec![vec![0x51, 0x20], fill(32)],
            6..9 => vec![vec![0x76, 0xa9, 0x14], fill(20), vec![0x88, 0xac]],
            9..11 => vec![vec![0xa9, 0x14], fill(20), vec![0x87]],
            11..13 => vec![vec![0x00, 0x20], fill(32)],
            13 => vec![vec![0x21, 0x02], fill(32), vec![0xac]],
            14 => vec![vec![0x51, 0x21, 0x02], fill(32), vec![0x51, 0xae]],
            15 => vec![vec![0x6a, 0x04], fill(4)],
            16 => vec![vec![0x6a, 0x5d, 0x02], fill(2)],
            // Not only pushes: no one can spend it, but it is not nulldata.
            17 => vec![vec![0x6a, 0xac], fill(2)],
            18 => vec![],
            19 => vec![vec![0x51, 0x02, 0x4e, 0x73]],
            20 => vec![vec![0x52, 0x10], fill(16)],
            21 => vec![vec![0xff], fill(3)],
            // One byte more than a script may have.
            22 if number == 0 => vec![vec![0x51; 10_001]],
            _ => vec![vec![0x51], fill(1)],
        };
        parts.concat().into()
    }

    fn put(&mut self, transactions: Vec<TxRef>, coinbase: Option<TxRef>) {
        let below = self.tip();
        let (header, mut coins) = {
            let entry = &self.entries[&below.hash];
            (entry.applied.block.header, (*entry.coins).clone())
        };
        let height = below.height + 1;
        let mut fees = 0;
        let mut spent = vec![];
        for (tx, index) in transactions.iter().zip(1..) {
            for input in &tx.inputs {
                let coin = coins.remove(&input.previous_output).expect("a test spends what there is");
                fees += coin.output.value.0;
                spent.push(coin);
            }
            fees -= tx.output_sum().0;
            add(&mut coins, tx, height, index);
        }
        let coinbase = coinbase.unwrap_or_else(|| {
            let mut tag = vec![4];
            tag.extend(height.to_le_bytes());
            tag.extend(b"\0/Pool ");
            tag.push(b'A' + self.numbers.below(3) as u8);
            tag.extend(self.numbers.draw().to_le_bytes());
            let reward = TxOut { value: Amount(5_000_000_000 + fees), script_pubkey: self.script() };
            let mut outputs = vec![reward];
            if self.numbers.below(2) == 0 {
                let commitment = [&[0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed][..], &[7; 32]].concat();
                outputs.push(TxOut { value: Amount(0), script_pubkey: commitment.into() });
            }
            let witness = if outputs.len() == 2 { vec![vec![0; 32]] } else { vec![] };
            let inputs = vec![input(OutPoint::NULL, tag, witness, u32::MAX)];
            Arc::new(Tx::from(Transaction { version: 2, inputs, outputs, lock_time: 0 }))
        });
        add(&mut coins, &coinbase, height, 0);
        let mut block = Block {
            header: Header {
                version: self.numbers.draw() as i32,
                previous: below.hash,
                merkle_root: Hash256::ZERO,
                time: header.time.saturating_add(self.numbers.below(1_200) as u32).saturating_sub(200),
                bits: [0x207f_ffff, 0x1d00_ffff, 0x1903_a30c][self.numbers.below(3) as usize],
                nonce: self.numbers.draw() as u32,
            },
            transactions: [vec![coinbase], transactions].concat(),
        };
        block.header.merkle_root = block_merkle_root(&block).0;
        let at = BlockRef { height, hash: block.hash() };
        let applied = AppliedBlock { at, prev: below.hash, block: Arc::new(block), spent: spent.into() };
        self.entries.insert(at.hash, Entry { applied, coins: Arc::new(coins) });
        self.active.push(at);
    }
}

fn random_txid(numbers: &mut Numbers) -> chaincore_consensus::Txid {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&numbers.draw().to_be_bytes());
    chaincore_consensus::Txid(bytes)
}

pub fn input(previous_output: OutPoint, script_sig: Vec<u8>, witness: Vec<Vec<u8>>, sequence: u32) -> TxIn {
    TxIn { previous_output, script_sig: script_sig.into(), sequence, witness }
}

fn add(coins: &mut Coins, tx: &TxRef, height: u32, tx_index: u32) {
    for (vout, output) in (0u32..).zip(&tx.outputs) {
        if !output.script_pubkey.is_unspendable() {
            let coin = Coin { output: output.clone(), height, coinbase: tx_index == 0, tx_index };
            coins.insert(OutPoint { txid: tx.txid(), vout }, coin);
        }
    }
}

impl ChainReader for World {
    fn tip(&self) -> BlockRef {
        self.state().tip()
    }

    fn durable_tip(&self) -> BlockRef {
        self.tip()
    }

    fn is_ancestor(&self, block: &BlockRef, of: &BlockRef) -> bool {
        let state = self.state();
        let mut at = *of;
        while at.height > block.height {
            let Some(below) = state.parent(&at) else { return false };
            at = below;
        }
        at == *block && state.entries.contains_key(&at.hash)
    }

    fn path(&self, known: &[BlockRef], limit: usize) -> Path {
        let state = self.state();
        let is_active = |block: &&BlockRef| state.active.get(block.height as usize) == Some(block);
        let fork = known.iter().find(is_active).copied().unwrap_or(state.active[0]);
        let above = state.active.iter().skip(fork.height as usize + 1);
        Path { fork, connect: above.take(limit).copied().collect(), tip: state.tip() }
    }

    fn parent(&self, block: &BlockRef) -> Option<BlockRef> {
        self.state().parent(block)
    }

    fn applied_block(&self, hash: &BlockHash) -> Result<AppliedBlock, ReadError> {
        let state = self.state();
        let entry = state.entries.get(hash).ok_or(ReadError::Unavailable(*hash))?;
        Ok(entry.applied.clone())
    }
}
