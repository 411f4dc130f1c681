//! Blocks for tests and benches: a chain of one's own with real spends, always the same for the same seed.
//!
//! A [`Branch`] makes blocks and keeps the coins that they leave, by rules simple enough to be believed: what the
//! node ends up with is compared with that.

mod network;

pub use network::quiet_network;

use crate::chain::ChainHandle;
use crate::plugins::{BackoffPolicy, Host, HostOptions, Surroundings};
use chaincore_consensus::hash::{hash160, sha256};
use chaincore_consensus::merkle::{block_merkle_root, block_witness_merkle_root, witness_commitment};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::check_proof_of_work;
use chaincore_consensus::script::op::{OP_CHECKSIG, OP_DUP, OP_EQUALVERIFY, OP_HASH160, OP_RETURN, OP_TRUE};
use chaincore_consensus::script::{Builder, op};
use chaincore_consensus::sighash::{PrecomputedTx, SighashType, legacy_sighash, segwit_v0_sighash};
use chaincore_consensus::subsidy::block_subsidy;
use chaincore_consensus::{
    Amount, Block, BlockHash, Hash256, Header, OutPoint, Script, Transaction, Tx, TxIn, TxOut, TxRef,
};
use chaincore_plugin::testkit::NodeDouble;
use secp256k1::{Message, PublicKey, SecretKey};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many keys there are of each kind.
pub const KEYS: u8 = 8;

/// What every transaction pays, in satoshis.
pub const FEE: i64 = 1_000;

/// A way to lock an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lock {
    /// Anyone can spend it.
    Anyone,
    /// Pay to the hash of a key's public key.
    P2pkh(u8),
    /// The same with a witness.
    P2wpkh(u8),
}

impl Lock {
    /// All locks.
    pub fn all() -> impl Iterator<Item = Self> {
        let of_keys = (0..KEYS).flat_map(|key| [Self::P2pkh(key), Self::P2wpkh(key)]);
        std::iter::once(Self::Anyone).chain(of_keys)
    }

    fn nth(n: u64) -> Self {
        Self::all().nth((n % (1 + 2 * u64::from(KEYS))) as usize).expect("there are that many")
    }

    /// The output script.
    pub fn script(self) -> Script {
        match self {
            Self::Anyone => Builder::new().op(OP_TRUE).into_script(),
            Self::P2pkh(key) => p2pkh_script(&key_hash(key)),
            Self::P2wpkh(key) => Builder::new().op(op::OP_0).push_data(&key_hash(key)).into_script(),
        }
    }
}

fn secret(key: u8) -> SecretKey {
    SecretKey::from_secret_bytes(sha256(&[b"chaincore test key".as_slice(), &[key]].concat()))
        .expect("a hash is a valid key")
}

fn public(key: u8) -> [u8; 33] {
    PublicKey::from_secret_key(&secret(key)).serialize()
}

fn key_hash(key: u8) -> [u8; 20] {
    hash160(&public(key))
}

fn p2pkh_script(hash: &[u8; 20]) -> Script {
    let script = Builder::new().op(OP_DUP).op(OP_HASH160).push_data(hash);
    script.op(OP_EQUALVERIFY).op(OP_CHECKSIG).into_script()
}

/// An unspent output of a [`Branch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Utxo {
    /// Its value.
    pub value: Amount,
    /// How it is locked.
    pub lock: Lock,
    /// The height of its block.
    pub height: u32,
    /// Whether a coinbase made it.
    pub coinbase: bool,
    /// The position in its block of the transaction that made it.
    pub tx_index: u32,
}

impl Utxo {
    /// The output.
    pub fn output(&self) -> TxOut {
        TxOut { value: self.value, script_pubkey: self.lock.script() }
    }
}

/// A transaction that spends `inputs`, signed.
pub fn spend(inputs: &[(OutPoint, Utxo)], outputs: Vec<TxOut>) -> TxRef {
    let input = |(outpoint, _): &(OutPoint, Utxo)| TxIn {
        previous_output: *outpoint,
        script_sig: Script::new(),
        sequence: TxIn::SEQUENCE_FINAL,
        witness: vec![],
    };
    let mut tx =
        Transaction { version: 2, inputs: inputs.iter().map(input).collect(), outputs, lock_time: 0 };
    // Witnesses announce which parts of the signature hash are to be prepared.
    for (input, (_, utxo)) in tx.inputs.iter_mut().zip(inputs) {
        if matches!(utxo.lock, Lock::P2wpkh(_)) {
            input.witness = vec![vec![]];
        }
    }
    let spent: Vec<TxOut> = inputs.iter().map(|(_, utxo)| utxo.output()).collect();
    let precomputed = PrecomputedTx::new(&tx, &spent);
    let unsigned = tx.clone();
    let sign = |key: u8, hash: Hash256| {
        let mut signature = secret(key).sign_ecdsa(Message::from_digest(hash.0)).serialize_der().to_vec();
        signature.push(SighashType::ALL.0 as u8);
        signature
    };
    for (at, (_, utxo)) in inputs.iter().enumerate() {
        match utxo.lock {
            Lock::Anyone => {}
            Lock::P2pkh(key) => {
                let hash = legacy_sighash(&unsigned, at, &utxo.lock.script(), SighashType::ALL, &precomputed);
                tx.inputs[at].script_sig =
                    Builder::new().push_data(&sign(key, hash)).push_data(&public(key)).into_script();
            }
            Lock::P2wpkh(key) => {
                let code = p2pkh_script(&key_hash(key));
                let hash =
                    segwit_v0_sighash(&unsigned, at, &code, utxo.value, SighashType::ALL, &precomputed);
                tx.inputs[at].witness = vec![sign(key, hash), public(key).to_vec()];
            }
        }
    }
    Arc::new(Tx::from(tx))
}

/// A source of numbers that look random and are not.
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// The next number below `bound` (not 0).
    pub fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }
}

/// Regtest with coinbases that can be spent after `maturity` blocks: short chains get to spend.
pub fn params(maturity: u32) -> ChainParams {
    ChainParams { coinbase_maturity: maturity, ..ChainParams::regtest() }
}

/// A branch under construction: its tip and the coins there. A clone is where a fork begins.
#[derive(Debug, Clone)]
pub struct Branch {
    params: Arc<ChainParams>,
    tip: Header,
    height: u32,
    /// The coins at the tip.
    pub coins: BTreeMap<OutPoint, Utxo>,
    /// Coins that [`Branch::mine`] leaves alone.
    pub reserved: BTreeSet<OutPoint>,
    /// The blocks above the genesis block.
    pub blocks: Vec<Arc<Block>>,
    numbers: Numbers,
}

impl Branch {
    /// The genesis block alone. Branches of different seeds make different blocks.
    pub fn new(params: Arc<ChainParams>, seed: u64) -> Self {
        let tip = params.genesis.header;
        Self {
            params,
            tip,
            height: 0,
            coins: BTreeMap::new(),
            reserved: BTreeSet::new(),
            blocks: vec![],
            numbers: Numbers::new(seed),
        }
    }

    /// A fork that goes its own way from here.
    pub fn fork(&self, seed: u64) -> Self {
        Self { numbers: Numbers::new(seed), ..self.clone() }
    }

    /// The height of the tip.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The tip's hash.
    pub fn tip_hash(&self) -> BlockHash {
        self.tip.hash()
    }

    /// The coins that the next block could spend.
    pub fn spendable(&self) -> Vec<(OutPoint, Utxo)> {
        let next = self.height + 1;
        let ripe = |utxo: &Utxo| !utxo.coinbase || next - utxo.height >= self.params.coinbase_maturity;
        self.coins.iter().filter(|(_, utxo)| ripe(utxo)).map(|(outpoint, utxo)| (*outpoint, *utxo)).collect()
    }

    /// Makes the next block with up to `spends` transactions.
    pub fn mine(&mut self, spends: usize) -> Arc<Block> {
        let mut spendable = self.spendable();
        spendable.retain(|(outpoint, _)| !self.reserved.contains(outpoint));
        let mut transactions: Vec<TxRef> = vec![];
        for tx_index in (1u32..).take(spends) {
            let mut inputs = vec![];
            for _ in 0..=self.numbers.below(3) {
                if !spendable.is_empty() {
                    let at = self.numbers.below(spendable.len() as u64) as usize;
                    inputs.push(spendable.swap_remove(at));
                }
            }
            let total: i64 = inputs.iter().map(|(_, utxo)| utxo.value.sat()).sum();
            if total <= 10 * FEE {
                continue;
            }
            let count = 1 + self.numbers.below(3) as i64;
            let locks: Vec<Lock> = (0..count).map(|_| Lock::nth(self.numbers.next())).collect();
            let value = Amount((total - FEE) / count);
            let tx = spend(
                &inputs,
                locks.iter().map(|lock| TxOut { value, script_pubkey: lock.script() }).collect(),
            );
            // What is left by the division goes to the fees; the rest can be spent in the same block.
            for (vout, lock) in (0u32..).zip(locks) {
                let utxo = Utxo { value, lock, height: self.height + 1, coinbase: false, tx_index };
                spendable.push((OutPoint { txid: tx.txid(), vout }, utxo));
            }
            transactions.push(tx);
        }
        let lock = Lock::nth(self.numbers.next());
        self.mine_with(transactions, lock)
    }

    /// Makes the next block with the given transactions, which spend coins of this branch.
    pub fn mine_with(&mut self, transactions: Vec<TxRef>, coinbase: Lock) -> Arc<Block> {
        let tag = self.numbers.next();
        let height = self.height + 1;
        let mut fees = 0;
        let mut coins = self.coins.clone();
        for (tx_index, tx) in (1u32..).zip(&transactions) {
            for input in &tx.inputs {
                let spent =
                    coins.remove(&input.previous_output).expect("the transactions spend coins of the branch");
                fees += spent.value.sat();
            }
            for (vout, output) in (0u32..).zip(&tx.outputs) {
                fees -= output.value.sat();
                let lock = Lock::all().find(|lock| lock.script() == output.script_pubkey);
                let lock = lock.expect("the transactions use the locks of the kit");
                let utxo = Utxo { value: output.value, lock, height, coinbase: false, tx_index };
                coins.insert(OutPoint { txid: tx.txid(), vout }, utxo);
            }
        }
        let value = Amount(block_subsidy(height, &self.params).sat() + fees);
        let block = Arc::new(self.assemble(transactions, coinbase, value, tag));
        let utxo = Utxo { value, lock: coinbase, height, coinbase: true, tx_index: 0 };
        coins.insert(OutPoint { txid: block.transactions[0].txid(), vout: 0 }, utxo);
        self.coins = coins;
        self.height = height;
        self.tip = block.header;
        self.blocks.push(block.clone());
        block
    }

    /// A block on the tip that is not checked for anything: its coinbase takes `value`, whatever that is. The
    /// branch does not grow.
    pub fn assemble(&self, transactions: Vec<TxRef>, coinbase: Lock, value: Amount, tag: u64) -> Block {
        let height = i64::from(self.height) + 1;
        let mut coinbase = Transaction {
            version: 2,
            inputs: vec![TxIn {
                previous_output: OutPoint::NULL,
                script_sig: Builder::new().push_int(height).push_data(&tag.to_le_bytes()).into_script(),
                sequence: TxIn::SEQUENCE_FINAL,
                witness: vec![vec![0; 32]],
            }],
            outputs: vec![TxOut { value, script_pubkey: coinbase.script() }],
            lock_time: 0,
        };
        let mut block = Block {
            header: Header {
                version: 0x2000_0000,
                previous: self.tip.hash(),
                merkle_root: Hash256::ZERO,
                time: self.tip.time + 60,
                bits: self.tip.bits,
                nonce: 0,
            },
            transactions: [vec![Arc::new(Tx::from(coinbase.clone()))], transactions].concat(),
        };
        let commitment = witness_commitment(&block_witness_merkle_root(&block), &[0; 32]);
        let push = [[0xaa, 0x21, 0xa9, 0xed].as_slice(), &commitment.0].concat();
        let script_pubkey = Builder::new().op(OP_RETURN).push_data(&push).into_script();
        coinbase.outputs.push(TxOut { value: Amount::ZERO, script_pubkey });
        block.transactions[0] = Arc::new(Tx::from(coinbase));
        solve(&mut block, &self.params);
        block
    }
}

/// A host of plugins on a chain, with a double of the rest of the node. Failures are tried again at once.
///
/// # Panics
/// If the host cannot be opened.
pub fn host(chain: &ChainHandle) -> Host {
    let quick = BackoffPolicy { first: Duration::from_millis(1), most: Duration::from_millis(50) };
    let host = Host::new(HostOptions { backoff: quick, ..HostOptions::default() });
    let opened = host.open(Surroundings {
        chain: Arc::new(chain.clone()),
        node: Arc::new(NodeDouble::default()),
        params: chain.params().clone(),
        folder: chain.store().folder().to_path_buf(),
        tips: chain.tip_state(),
        mempool: None,
    });
    opened.expect("a host without plugins opens");
    host
}

/// How long something may take that must come: a bound for what never does, not a measurement.
const PATIENCE: Duration = Duration::from_secs(240);

/// Waits until something holds. `what` is said if it never does.
///
/// # Panics
/// If it does not hold within four minutes.
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sets a block's merkle root and finds its nonce.
pub fn solve(block: &mut Block, params: &ChainParams) {
    block.header.merkle_root = block_merkle_root(block).0;
    while !check_proof_of_work(&block.header.hash(), block.header.bits, params.pow_limit) {
        block.header.nonce += 1;
    }
}
