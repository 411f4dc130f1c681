//! A deterministic, signature-heavy regtest chain.
//!
//! The same seed gives the same bytes on every machine: keys come from a counter, choices from a fixed-seed
//! generator, ECDSA nonces from RFC 6979 and Schnorr nonces without auxiliary randomness. A [`Maker`] can be
//! cloned to make a fork.

use crate::keys::{Lock, Signer};
use chaincore_consensus::hash::sha256d;
use chaincore_consensus::merkle::{block_merkle_root, block_witness_merkle_root};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::check_proof_of_work;
use chaincore_consensus::script::Builder;
use chaincore_consensus::subsidy::block_subsidy;
use chaincore_consensus::{Amount, Block, Hash256, Header, OutPoint, Script, Transaction, Tx, TxIn, TxOut};
use rayon::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;

/// What the transactions of a block look like.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    /// Inputs in the block, about.
    pub inputs: u32,
    /// Out of 100 transactions, how many gather 50 inputs or spread to 50 outputs, each.
    pub fan: u32,
}

const SPREAD: usize = 50;

/// What a block is filled to, and what the parts of a transaction weigh at most.
const WEIGHT_BUDGET: usize = 3_900_000;
const TX_WEIGHT: usize = 50;
const INPUT_WEIGHT: usize = 600;
const OUTPUT_WEIGHT: usize = 172;

#[derive(Clone)]
struct Coin {
    outpoint: OutPoint,
    output: TxOut,
    lock: Lock,
}

/// A 64-bit xorshift* generator: enough for choices, the same everywhere.
#[derive(Clone)]
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % bound
    }
}

/// A chain under construction and the coins that it can spend.
#[derive(Clone)]
pub struct Maker {
    params: Arc<ChainParams>,
    signer: Arc<Signer>,
    choices: Choices,
    young: VecDeque<(u32, Coin)>,
    coins: Vec<Coin>,
    tip: Header,
    height: u32,
}

impl Maker {
    /// The regtest chain of nothing but its genesis block.
    pub fn regtest(seed: u64) -> Self {
        let params = ChainParams::regtest();
        Self {
            tip: params.genesis.header,
            params: Arc::new(params),
            signer: Arc::new(Signer::new()),
            choices: Choices(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            young: VecDeque::new(),
            coins: Vec::new(),
            height: 0,
        }
    }

    /// The chain's parameters.
    pub fn params(&self) -> &ChainParams {
        &self.params
    }

    /// The height of the tip.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The last block's header.
    pub fn tip(&self) -> &Header {
        &self.tip
    }

    /// Makes all later choices differ from those of the maker that this one was cloned from.
    pub fn diverge(&mut self, salt: u64) {
        self.choices.0 ^= salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.choices.0 |= 1;
    }

    /// The next block: as many transactions of the mix as the mature coins allow.
    pub fn next_block(&mut self, mix: Mix) -> Block {
        self.height += 1;
        while self.young.front().is_some_and(|(made, _)| made + self.params.coinbase_maturity <= self.height)
        {
            self.coins.extend(self.young.pop_front().map(|(_, coin)| coin));
        }
        let planned = self.plan(mix);
        let signer = &self.signer;
        let signed: Vec<Tx> =
            planned.into_par_iter().map(|(tx, spent)| Tx::from(sign(tx, &spent, signer))).collect();
        for tx in &signed {
            let made = tx.outputs.iter().enumerate().map(|(at, output)| Coin {
                outpoint: OutPoint { txid: tx.txid(), vout: at as u32 },
                output: output.clone(),
                lock: signer.lock_of(&output.script_pubkey),
            });
            self.coins.extend(made);
        }
        // A coinbase's key depends on the branch too, or the coinbases of two branches would be one transaction.
        let lock = Lock::nth(self.choices.below(1 << 20) as usize);
        let reward = block_subsidy(self.height, &self.params);
        let block = assemble(&self.tip, self.height, reward, signer.script(lock), signed, &self.params);
        let coinbase = &block.transactions[0];
        let outpoint = OutPoint { txid: coinbase.txid(), vout: 0 };
        self.young.push_back((self.height, Coin { outpoint, output: coinbase.outputs[0].clone(), lock }));
        self.tip = block.header;
        block
    }

    /// The unsigned transactions of a block and the coins each spends. They take coins at random, so a chain has both
    /// coins that die young and coins that lie for long.
    fn plan(&mut self, mix: Mix) -> Vec<(Transaction, Vec<Coin>)> {
        let mut planned = Vec::new();
        let (mut used, mut weight) = (0, 0);
        while used < mix.inputs && weight < WEIGHT_BUDGET && !self.coins.is_empty() {
            let roll = self.choices.below(100) as u32;
            // Few coins: spread them. Otherwise mostly one or two inputs to two outputs.
            let (wanted, outputs) = if self.coins.len() < mix.inputs as usize * 2 || roll < mix.fan {
                (1, SPREAD)
            } else if roll < 2 * mix.fan {
                (SPREAD, 1)
            } else {
                (1 + self.choices.below(3) as usize, 2)
            };
            let wanted = wanted.min(self.coins.len()).min((mix.inputs - used) as usize);
            let spent: Vec<Coin> = (0..wanted)
                .map(|_| self.coins.swap_remove(self.choices.below(self.coins.len() as u64) as usize))
                .collect();
            let total: i64 = spent.iter().map(|coin| coin.output.value.sat()).sum();
            // A coin too small to divide goes on whole.
            let outputs = if total / (outputs as i64) < 20_000 { 1 } else { outputs };
            let share = total / outputs as i64;
            let outputs: Vec<TxOut> = (0..outputs)
                .map(|at| TxOut {
                    value: Amount(if at == 0 { total - share * (outputs as i64 - 1) } else { share }),
                    script_pubkey: self.signer.script(Lock::nth(self.choices.below(1 << 20) as usize)),
                })
                .collect();
            let inputs = spent
                .iter()
                .map(|coin| TxIn {
                    previous_output: coin.outpoint,
                    script_sig: Script::new(),
                    sequence: TxIn::SEQUENCE_FINAL,
                    witness: Vec::new(),
                })
                .collect();
            used += spent.len() as u32;
            weight += TX_WEIGHT + spent.len() * INPUT_WEIGHT + outputs.len() * OUTPUT_WEIGHT;
            planned.push((Transaction { version: 2, inputs, outputs, lock_time: 0 }, spent));
        }
        planned
    }
}

fn sign(mut tx: Transaction, spent: &[Coin], signer: &Signer) -> Transaction {
    let outputs: Vec<TxOut> = spent.iter().map(|coin| coin.output.clone()).collect();
    let locks: Vec<Lock> = spent.iter().map(|coin| coin.lock).collect();
    signer.sign(&mut tx, &outputs, &locks);
    tx
}

fn assemble(
    previous: &Header,
    height: u32,
    reward: Amount,
    script: Script,
    signed: Vec<Tx>,
    params: &ChainParams,
) -> Block {
    let mut height_push = Builder::new().push_int(height.into());
    if height <= 16 {
        height_push = height_push.op(0);
    }
    let coinbase = |commitment: Option<Hash256>| {
        let mut outputs = vec![TxOut { value: reward, script_pubkey: script.clone() }];
        outputs.extend(commitment.map(|root| {
            let hash = sha256d(&[root.0, [0; 32]].concat());
            let script_pubkey = [&[0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed][..], &hash].concat().into();
            TxOut { value: Amount::ZERO, script_pubkey }
        }));
        let input = TxIn {
            previous_output: OutPoint::NULL,
            script_sig: height_push.clone().into_script(),
            sequence: TxIn::SEQUENCE_FINAL,
            witness: if commitment.is_some() { vec![vec![0; 32]] } else { vec![] },
        };
        Arc::new(Tx::from(Transaction { version: 2, inputs: vec![input], outputs, lock_time: 0 }))
    };
    let mut transactions = vec![coinbase(None)];
    transactions.extend(signed.into_iter().map(Arc::new));
    let header = Header {
        version: 0x2000_0000,
        previous: previous.hash(),
        merkle_root: Hash256::ZERO,
        time: previous.time + 60,
        bits: previous.bits,
        nonce: 0,
    };
    let mut block = Block { header, transactions };
    block.transactions[0] = coinbase(Some(block_witness_merkle_root(&block)));
    block.header.merkle_root = block_merkle_root(&block).0;
    while !check_proof_of_work(&block.header.hash(), block.header.bits, params.pow_limit) {
        block.header.nonce += 1;
    }
    block
}
