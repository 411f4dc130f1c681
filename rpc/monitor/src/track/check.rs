//! The rules that can be checked from outside: all that need no scripts.

use super::blocks::Told;
use super::findings::{Check, Findings};
use crate::text::{clean, coins};
use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::{Target, Work, block_work, check_proof_of_work};
use chaincore_consensus::{BlockHash, Header, OutPoint, Tx, difficulty, merkle};
use std::collections::HashMap;

/// How many unspent outputs are remembered; with more, spends are not checked any further.
const MOST_COINS: usize = 3_000_000;
/// How far ahead a block's time may be, in seconds.
const AHEAD: u64 = 2 * 60 * 60;
/// A script longer than this cannot be spent, nor one that begins with OP_RETURN.
const LONGEST_SCRIPT: usize = 10_000;
const OP_RETURN: u8 = 0x6a;

/// What is known of the chain's rules.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Everything, if it is a chain that is built in.
    pub params: Option<ChainParams>,
    /// New coins of the first blocks and after how many they halve, if they are known.
    pub subsidy: Option<(i64, u32)>,
}

impl Rules {
    /// The rules of the chain with this name and first block, or what follows from what the node says its next
    /// block's reward is.
    pub fn of(chain: &str, genesis: &str, next_height: u32, next_reward: i64, interval: u32) -> Self {
        let params = ChainParams::by_name(chain).filter(|params| params.genesis_hash.to_string() == genesis);
        let subsidy = match &params {
            Some(params) => Some((params.initial_subsidy.sat(), params.halving_interval)),
            None => {
                let halvings = next_height.checked_div(interval);
                // After some halvings the last bits of the first reward are lost.
                halvings.filter(|halvings| *halvings < 8).map(|halvings| (next_reward << halvings, interval))
            }
        };
        Self { params, subsidy }
    }

    fn subsidy_at(&self, height: u32) -> Option<i64> {
        let (initial, interval) = self.subsidy?;
        let halvings = height.checked_div(interval)?;
        Some(if halvings >= 64 { 0 } else { initial >> halvings })
    }
}

#[derive(Debug, Clone, Copy)]
struct Coin {
    value: i64,
    height: u32,
    coinbase: bool,
}

/// What a block's transactions came to.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    /// What each transaction but the coinbase pays, in block order; none where an input is not known.
    pub fees: Vec<Option<i64>>,
    /// What the coinbase pays out, in satoshis.
    pub coinbase: i64,
    /// What all outputs are worth, in satoshis.
    pub outputs: i64,
}

/// The headers that were checked, genesis or the first of the range first.
struct Branch<'a>(&'a [Header], &'a [BlockHash]);

impl Ancestry for Branch<'_> {
    fn tip_height(&self) -> u32 {
        u32::try_from(self.0.len() - 1).expect("heights fit in 32 bits")
    }

    fn header_at(&self, height: u32) -> Header {
        self.0[height as usize]
    }

    fn hash_at(&self, height: u32) -> BlockHash {
        self.1[height as usize]
    }
}

/// Checks blocks one after another.
pub struct Checker {
    rules: Rules,
    from: u32,
    now: u64,
    headers: Vec<Header>,
    hashes: Vec<BlockHash>,
    /// Unspent outputs; none if there are too many.
    unspent: Option<HashMap<OutPoint, Coin>>,
    /// What all blocks so far are worth.
    pub work: Work,
    /// What was found.
    pub findings: Findings,
}

impl Checker {
    /// Checks from the height `from` on, at the time `now` (seconds since 1970).
    pub fn new(rules: Rules, from: u32, now: u64) -> Self {
        let mut findings = Findings::default();
        if rules.params.is_none() {
            findings.note(Check::Difficulty, "the chain is not built in: its rules are not known here");
        } else if from > 0 {
            findings.note(Check::Difficulty, "only from the first block on (--from 0)");
        }
        if from > 0 {
            findings.note(Check::Genesis, "not in the range");
            findings.note(Check::Spends, "only from the first block on (--from 0)");
            findings.note(Check::Sums, "only where all inputs are in the range");
            findings.note(Check::Reward, "only where all inputs are in the range");
            findings.note(Check::ChainWork, "only from the first block to the tip");
            findings.note(Check::Count, "only from the first block to the tip");
        }
        if rules.subsidy.is_none() {
            findings.note(Check::Reward, "what a block may make is not known here");
        }
        Self {
            rules,
            from,
            now,
            headers: Vec::new(),
            hashes: Vec::new(),
            unspent: Some(HashMap::new()),
            work: Work::ZERO,
            findings,
        }
    }

    /// The hash of the last block that was taken.
    pub fn last(&self) -> Option<BlockHash> {
        self.hashes.last().copied()
    }

    /// The height of the next block.
    pub fn next_height(&self) -> u32 {
        self.from + u32::try_from(self.hashes.len()).unwrap_or(u32::MAX)
    }

    /// Checks the next block.
    pub fn take(&mut self, told: &Told, genesis: &str) -> Sums {
        let height = self.next_height();
        self.header(told, height, genesis);
        self.transactions(told, height);
        let sums = self.coins(told, height);
        self.headers.push(told.block.header);
        self.hashes.push(told.block.header.hash());
        self.work += block_work(told.block.header.bits);
        sums
    }

    fn header(&mut self, told: &Told, height: u32, genesis: &str) {
        let header = &told.block.header;
        let hash = header.hash();
        let found = &mut self.findings;
        if height == 0 {
            found.check(0, Check::Genesis, hash.to_string() == genesis, || {
                format!("the first block is {hash}, /status says {}", clean(genesis, 64))
            });
        }
        let expected = if height == 0 { Some(BlockHash::ZERO) } else { self.hashes.last().copied() };
        if let Some(before) = expected {
            found.check(height, Check::Link, header.previous == before, || {
                format!("it builds on {}, the block before is {before}", header.previous)
            });
        }
        found.check(height, Check::Hash, hash == told.hash && told.height == height, || {
            format!("told as {} at {}, the header hashes to {hash}", told.hash, told.height)
        });
        let limit = self.rules.params.as_ref().map(|params| params.pow_limit);
        let target = Target::from_compact(header.bits).ok();
        let works = match (limit, target) {
            (Some(limit), _) => check_proof_of_work(&hash, header.bits, limit),
            (None, Some(target)) => target.is_met_by(&hash),
            (None, None) => false,
        };
        found.check(height, Check::Work, works, || {
            format!("{hash} has no proof of work for {:08x}", header.bits)
        });
        if let Some(params) = self.rules.params.as_ref().filter(|_| self.from == 0 && height > 0) {
            let due = difficulty::next_bits(params, &Branch(&self.headers, &self.hashes), header.time);
            found.check(height, Check::Difficulty, header.bits == due, || {
                format!("the target is {:08x}, due is {due:08x}", header.bits)
            });
        }
        let before = &self.headers[self.headers.len().saturating_sub(11)..];
        if before.len() == 11 || (self.from == 0 && !before.is_empty()) {
            let mut times: Vec<u32> = before.iter().map(|header| header.time).collect();
            times.sort_unstable();
            let median = times[times.len() / 2];
            found.check(height, Check::Time, header.time > median, || {
                format!("its time {} is not after {median}, the median of those before", header.time)
            });
        }
        found.check(height, Check::Time, u64::from(header.time) <= self.now + AHEAD, || {
            format!("its time {} is more than two hours ahead of {}", header.time, self.now)
        });
    }

    fn transactions(&mut self, told: &Told, height: u32) {
        let block = &told.block;
        let found = &mut self.findings;
        let wrong = block.transactions.iter().zip(&told.txids).find(|(tx, txid)| tx.txid() != **txid);
        found.check(height, Check::Txids, wrong.is_none(), || {
            wrong.map_or_else(String::new, |(tx, txid)| format!("told as {txid}, hashes to {}", tx.txid()))
        });
        let (root, mutated) = merkle::block_merkle_root(block);
        found.check(height, Check::Merkle, root == block.header.merkle_root && !mutated, || {
            let twice = if mutated { " (with transactions twice)" } else { "" };
            format!("the header says {}, the transactions come to {root}{twice}", block.header.merkle_root)
        });
        let coinbases = block.transactions.iter().filter(|tx| tx.is_coinbase()).count();
        let first = block.transactions.first().is_some_and(|tx| tx.is_coinbase());
        found.check(height, Check::Coinbase, first && coinbases == 1, || match first {
            true => format!("there are {coinbases} coinbases"),
            false => "the first transaction is no coinbase".into(),
        });
        let witnesses = block.transactions.iter().any(|tx| tx.has_witness());
        match merkle::witness_commitment_position(block) {
            Some(at) if witnesses => {
                let coinbase = &block.transactions[0];
                let reserved = coinbase.inputs.first().and_then(|input| input.witness.first());
                let reserved = reserved.map_or(&[][..], |item| item.as_slice());
                let due = merkle::witness_commitment(&merkle::block_witness_merkle_root(block), reserved);
                let said = &coinbase.outputs[at].script_pubkey.0[6..38];
                found.check(height, Check::Witness, said == due.as_bytes(), || {
                    "the coinbase commits to other witnesses".into()
                });
            }
            None if witnesses => found.check(height, Check::Witness, false, || {
                "there are witnesses that the coinbase does not commit to".into()
            }),
            _ => {}
        }
    }

    /// Spends and makes coins.
    fn coins(&mut self, told: &Told, height: u32) -> Sums {
        let mut sums = Sums::default();
        let mut all_known = true;
        for (at, tx) in told.block.transactions.iter().enumerate() {
            let out = tx.output_sum().sat();
            sums.outputs = sums.outputs.saturating_add(out);
            if at == 0 {
                sums.coinbase = out;
            } else {
                let inputs = self.spend(tx, height);
                if let Some(inputs) = inputs {
                    self.findings.check(height, Check::Sums, inputs >= out, || {
                        format!("{} takes in {} and pays out {}", tx.txid(), coins(inputs), coins(out))
                    });
                }
                all_known &= inputs.is_some();
                sums.fees.push(inputs.map(|inputs| inputs.saturating_sub(out)));
            }
            self.make(tx, height, at == 0);
        }
        let fees: i64 = sums.fees.iter().flatten().fold(0, |sum, fee| sum.saturating_add(*fee));
        if let Some(subsidy) = self.rules.subsidy_at(height).filter(|_| all_known && height > 0) {
            let most = subsidy.saturating_add(fees);
            self.findings.check(height, Check::Reward, sums.coinbase <= most, || {
                format!(
                    "the coinbase claims {}, it may {} (new coins {}, fees {})",
                    coins(sums.coinbase),
                    coins(most),
                    coins(subsidy),
                    coins(fees)
                )
            });
        }
        sums
    }

    /// What a transaction's inputs are worth, if that is known.
    fn spend(&mut self, tx: &Tx, height: u32) -> Option<i64> {
        let unspent = self.unspent.as_mut()?;
        let maturity = self.rules.params.as_ref().map_or(0, |params| params.coinbase_maturity);
        let mut sum = Some(0i64);
        for input in &tx.inputs {
            let coin = unspent.remove(&input.previous_output);
            if self.from == 0 {
                let young = coin.filter(|coin| coin.coinbase && height - coin.height < maturity);
                self.findings.check(height, Check::Spends, coin.is_some() && young.is_none(), || {
                    let out = &input.previous_output;
                    match young {
                        Some(coin) => {
                            format!("{} spends the coinbase of block {} too early", tx.txid(), coin.height)
                        }
                        None => format!("{} spends {}:{}, which is not there", tx.txid(), out.txid, out.vout),
                    }
                });
            }
            sum = sum.zip(coin).map(|(sum, coin)| sum.saturating_add(coin.value));
        }
        sum
    }

    fn make(&mut self, tx: &Tx, height: u32, coinbase: bool) {
        let Some(unspent) = &mut self.unspent else { return };
        // What genesis pays can never be spent.
        if height == 0 {
            return;
        }
        for (vout, output) in (0u32..).zip(&tx.outputs) {
            let script = &output.script_pubkey.0;
            if script.first() == Some(&OP_RETURN) || script.len() > LONGEST_SCRIPT {
                continue;
            }
            let coin = Coin { value: output.value.sat(), height, coinbase };
            unspent.insert(OutPoint { txid: tx.txid(), vout }, coin);
        }
        if unspent.len() > MOST_COINS {
            self.unspent = None;
            for check in [Check::Spends, Check::Sums, Check::Reward] {
                self.findings.note(check, format!("up to height {height}: too many outputs to remember"));
            }
        }
    }
}
