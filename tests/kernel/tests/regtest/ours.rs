//! A chain in memory by our rules, the way a node would judge a block that arrives.

use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::check::{CheckOptions, check_block, check_header_pow};
use chaincore_consensus::coin::Coin;
use chaincore_consensus::connect::{bip30_applies, block_script_failure, check_bip30, connect_block_rules};
use chaincore_consensus::context::{check_block_context, check_header};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::script::{is_unspendable, verify_input};
use chaincore_consensus::sighash::PrecomputedTx;
use chaincore_consensus::{Block, Header, OutPoint, TxOut};
use std::collections::HashMap;

/// The chain.
pub struct Chain {
    /// Its rules.
    pub params: ChainParams,
    /// Its headers, genesis first.
    pub headers: Vec<Header>,
    /// Its unspent outputs.
    pub coins: HashMap<OutPoint, Coin>,
    /// The clock.
    pub now: i64,
}

impl Chain {
    /// Only genesis.
    pub fn new(now: i64) -> Self {
        let params = ChainParams::regtest();
        Self { headers: vec![params.genesis.header], coins: HashMap::new(), now, params }
    }

    /// Connects a block on top of the tip, or says why not.
    pub fn connect(&mut self, block: &Block) -> Result<(), RejectReason> {
        check_block(block, &self.params, CheckOptions::ALL)?;
        check_header_pow(&block.header, &self.params)?;
        if block.header.previous != self.headers.tip_hash() {
            return Err(RejectReason::new(RejectKind::MissingPrev, "prev-blk-not-found"));
        }
        check_header(&block.header, &self.headers, self.now, &self.params)?;
        check_block_context(block, &self.headers, &self.params)?;
        let height = self.headers.tip_height() + 1;
        if bip30_applies(height, &block.hash(), &self.headers, &self.params) {
            check_bip30::<RejectReason>(block, |outpoint| Ok(self.coins.contains_key(outpoint)))?;
        }
        let mut coins = self.coins.clone();
        let mut spent: Vec<Vec<Coin>> = Vec::new();
        for (at, tx) in block.transactions.iter().enumerate() {
            if at > 0 {
                let of_tx: Vec<Coin> =
                    tx.inputs.iter().map_while(|input| coins.remove(&input.previous_output)).collect();
                if of_tx.len() < tx.inputs.len() {
                    break;
                }
                spent.push(of_tx);
            }
            for (vout, output) in tx.outputs.iter().enumerate() {
                if !is_unspendable(&output.script_pubkey) {
                    let coin =
                        Coin { output: output.clone(), height, coinbase: at == 0, tx_index: at as u32 };
                    coins.insert(OutPoint { txid: tx.txid(), vout: vout as u32 }, coin);
                }
            }
        }
        let summary = connect_block_rules(block, height, &spent, &self.headers, &self.params)?;
        for (tx, coins) in block.transactions[1..].iter().zip(&spent) {
            let outputs: Vec<TxOut> = coins.iter().map(|coin| coin.output.clone()).collect();
            let pre = PrecomputedTx::new(tx, &outputs);
            for input in 0..tx.inputs.len() {
                verify_input(tx, input, &outputs, &pre, summary.script_flags, None)
                    .map_err(|error| block_script_failure(&error, tx, input))?;
            }
        }
        self.coins = coins;
        self.headers.push(block.header);
        Ok(())
    }
}
