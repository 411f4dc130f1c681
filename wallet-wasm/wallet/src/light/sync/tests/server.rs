//! A node for tests: it answers from a chain that is really mined, and lies when it is told to.

use crate::ledger::{AccountSpec, Ledger};
use crate::light::esplora::{script_hash, tests::told};
use crate::light::maker::{Maker, foreign, payment};
use crate::light::sync::{Answer, Fetch, Method, Sync};
use bitcoin::ScriptBuf;
use chaincore_consensus::codec::Encode;
use chaincore_consensus::filter::{BasicFilter, filter_hash, filter_header};
use chaincore_consensus::merkle::merkle_branch;
use chaincore_consensus::{BlockHash, Hash256, OutPoint, Script, Transaction, Tx};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};

/// What a node lies about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lie {
    /// The branch of every proof.
    Branch,
    /// It leaves out transactions paying this script's place in the wallet.
    Withhold(usize),
    /// The last header has no proof of work.
    Pow,
    /// The last header's target is the easiest.
    Difficulty,
    /// The last header builds on nothing.
    Link,
    /// The filter of this block is empty; the filter headers are honest.
    Filter(u32),
    /// The filter of this block is empty, and the filter headers say so.
    FilterHeader(u32),
    /// Blocks are other blocks.
    Block,
    /// Amounts are higher than they are.
    Value,
    /// It names a tip that is not there.
    Tip,
    /// It is on another chain.
    Genesis,
    /// It does not answer.
    Dead,
    /// It has no filters.
    NoFilters,
    /// It keeps no index of transactions. (That is no lie.)
    NoIndex,
    /// It says that all it has is malformed JSON.
    Garbage,
}

/// A node.
#[derive(Clone)]
pub struct Server {
    pub maker: Maker,
    pub mempool: Vec<Transaction>,
    pub lies: Vec<Lie>,
    /// The wallet's scripts, for the lies about them.
    pub scripts: Vec<ScriptBuf>,
    /// Confirmed transactions on a page.
    pub page: usize,
    /// How many requests, by the path's first parts.
    pub asked: std::cell::RefCell<BTreeMap<String, usize>>,
    pub refuse_next: Cell<u32>,
    /// The chain's transactions, as of a tip.
    index: std::cell::RefCell<Option<(BlockHash, std::rc::Rc<TxIndex>)>>,
}

#[derive(Default)]
struct TxIndex {
    /// Where a transaction is.
    places: HashMap<String, (usize, usize)>,
    /// Which transactions pay a script or spend from it, in the order of the chain.
    histories: HashMap<String, Vec<(usize, usize)>>,
}

impl Server {
    pub fn new(maker: Maker) -> Self {
        Self {
            maker,
            mempool: Vec::new(),
            lies: Vec::new(),
            scripts: Vec::new(),
            page: 25,
            asked: Default::default(),
            refuse_next: Cell::new(0),
            index: Default::default(),
        }
    }

    pub fn lying(&self, lies: &[Lie], ledger: &Ledger) -> Self {
        let mut server = self.clone();
        server.lies = lies.to_vec();
        server.scripts = ledger.scripts().to_vec();
        server.asked = Default::default();
        server
    }

    pub fn count(&self, what: &str) -> usize {
        self.asked.borrow().get(what).copied().unwrap_or(0)
    }

    fn lies(&self, lie: Lie) -> bool {
        self.lies.contains(&lie)
    }

    pub fn answer(&self, fetch: &Fetch) -> Answer {
        if self.lies(Lie::Dead) {
            return Answer::Unreachable("connection refused".into());
        }
        if self.refuse_next.get() > 0 {
            self.refuse_next.set(self.refuse_next.get() - 1);
            return Answer::Status(429, b"slowly".to_vec());
        }
        let (path, query) = fetch.path.split_once('?').unwrap_or((&fetch.path, ""));
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let kind = match parts.as_slice() {
            ["light", kind, ..] => format!("light/{kind}"),
            ["api", kind, _, what, ..] => format!("api/{kind}/{what}"),
            _ => path.to_owned(),
        };
        *self.asked.borrow_mut().entry(kind).or_default() += 1;
        if self.lies(Lie::Garbage) && parts[0] == "api" {
            return Answer::Status(200, b"<html>".to_vec());
        }
        if self.lies(Lie::NoIndex) && path.ends_with("/merkle-proof") {
            return Answer::Status(501, b"start it with -txindex".to_vec());
        }
        let skip: usize = query.strip_prefix("skip=").map_or(0, |skip| skip.parse().unwrap());
        match self.found(fetch, &parts, skip) {
            Some(body) => Answer::Status(200, body),
            None => Answer::Status(404, b"{}".to_vec()),
        }
    }

    fn found(&self, fetch: &Fetch, parts: &[&str], skip: usize) -> Option<Vec<u8>> {
        let number = |name: &str| name.strip_suffix(".bin").unwrap().parse::<u32>().unwrap();
        match *parts {
            ["light", "chain"] => Some(self.chain().to_string().into_bytes()),
            ["light", "headers", name] => {
                let headers = self.headers();
                let file = headers.chunks(2000).nth(number(name) as usize)?;
                Some(file.iter().skip(skip).flat_map(|header| header.to_array()).collect())
            }
            ["light", "filters", name] if !self.lies(Lie::NoFilters) => {
                let filters = self.filters();
                let file = filters.chunks(1000).nth(number(name) as usize)?;
                let framed = |filter: &Vec<u8>| [&(filter.len() as u32).to_le_bytes()[..], filter].concat();
                Some(file.iter().skip(skip).flat_map(framed).collect())
            }
            ["light", "filterheaders", name] if !self.lies(Lie::NoFilters) => {
                let headers = self.filter_headers();
                let file = headers.chunks(2000).nth(number(name) as usize)?;
                Some(file.iter().skip(skip).flat_map(|header| header.0).collect())
            }
            ["api", "scripthash", hash, "txs"] => Some(self.history(hash, None)),
            ["api", "scripthash", hash, "txs", "chain", after] => Some(self.history(hash, Some(after))),
            ["api", "tx", txid, "merkle-proof"] => self.proof(txid),
            ["api", "tx", txid, "raw"] => self.transaction(txid).map(|tx| Tx::from(tx).to_bytes()),
            ["api", "block", hash, "txids"] => self.txids(hash),
            ["api", "block", hash, "raw"] => self.block(hash),
            ["api", "mempool", "txids"] => {
                let txids: Vec<String> =
                    self.mempool.iter().map(|tx| tx.compute_txid().to_string()).collect();
                Some(json!(txids).to_string().into_bytes())
            }
            ["api", "fee-estimates"] => Some(br#"{"1":3.5,"6":1.0}"#.to_vec()),
            ["api", "tx"] if fetch.method == Method::Post => {
                let tx: bitcoin::Transaction =
                    bitcoin::consensus::encode::deserialize_hex(std::str::from_utf8(&fetch.body).unwrap())
                        .unwrap();
                (tx.lock_time.to_consensus_u32() == 0).then(|| tx.compute_txid().to_string().into_bytes())
            }
            _ => panic!("nobody asks for {}", fetch.path),
        }
    }

    fn chain(&self) -> Value {
        let headers = self.headers();
        let tip = headers.last().unwrap();
        let mut hash = tip.hash();
        let mut genesis = self.maker.params.genesis_hash;
        if self.lies(Lie::Tip) {
            hash = BlockHash([7; 32]);
        }
        if self.lies(Lie::Genesis) {
            genesis = BlockHash([8; 32]);
        }
        json!({
            "name": "x", "genesis": genesis.to_string(), "file": null,
            "tip": { "height": headers.len() - 1, "hash": hash.to_string() },
            "filters": !self.lies(Lie::NoFilters),
        })
    }

    fn headers(&self) -> Vec<chaincore_consensus::Header> {
        use crate::light::maker::solve;
        let mut headers = self.maker.headers.clone();
        let params = &self.maker.params;
        let last = headers.last_mut().unwrap();
        if self.lies(Lie::Pow) {
            while chaincore_consensus::pow::check_proof_of_work(&last.hash(), last.bits, params.pow_limit) {
                last.nonce += 1;
            }
        }
        if self.lies(Lie::Difficulty) {
            last.bits = 0x2000_ffff;
            solve(last, params);
        }
        if self.lies(Lie::Link) {
            last.previous = BlockHash([9; 32]);
            solve(last, params);
        }
        headers
    }

    fn filters(&self) -> Vec<Vec<u8>> {
        let mut filters = self.maker.filters.clone();
        for lie in &self.lies {
            if let Lie::Filter(height) | Lie::FilterHeader(height) = *lie {
                let hash = self.maker.headers[height as usize].hash();
                filters[height as usize] = BasicFilter::build(hash, [&[0x51][..]]).into_bytes();
            }
        }
        filters
    }

    fn filter_headers(&self) -> Vec<Hash256> {
        if !self.lies.iter().any(|lie| matches!(lie, Lie::FilterHeader(_))) {
            return self.maker.filter_headers.clone();
        }
        let mut below = Hash256::ZERO;
        self.filters()
            .iter()
            .map(|filter| {
                below = filter_header(&filter_hash(filter), &below);
                below
            })
            .collect()
    }

    fn hides(&self, tx: &Transaction) -> bool {
        self.lies.iter().any(|lie| match lie {
            Lie::Withhold(at) => {
                tx.outputs.iter().any(|output| output.script_pubkey[..] == self.scripts[*at].as_bytes()[..])
            }
            _ => false,
        })
    }

    fn index(&self) -> std::rc::Rc<TxIndex> {
        let tip = self.maker.tip_hash();
        if let Some((at, index)) = &*self.index.borrow()
            && *at == tip
        {
            return index.clone();
        }
        let mut index = TxIndex::default();
        for (height, block) in self.maker.blocks.iter().enumerate() {
            for (at, tx) in block.transactions.iter().enumerate() {
                for hash in self.touched(tx, &index) {
                    let history = index.histories.entry(hash).or_default();
                    if history.last() != Some(&(height, at)) {
                        history.push((height, at));
                    }
                }
                index.places.insert(tx.txid().to_string(), (height, at));
            }
        }
        let index = std::rc::Rc::new(index);
        *self.index.borrow_mut() = Some((tip, index.clone()));
        index
    }

    /// The hashes of the scripts that a transaction pays or spends from.
    fn touched(&self, tx: &Transaction, index: &TxIndex) -> Vec<String> {
        let hash = |script: &Script| script_hash(bitcoin::Script::from_bytes(script));
        let paid = tx.outputs.iter().map(|output| hash(&output.script_pubkey));
        let spent = tx.inputs.iter().filter_map(|input| {
            let place = index.places.get(&input.previous_output.txid.to_string())?;
            let spent = &self.maker.blocks[place.0].transactions[place.1];
            Some(hash(&spent.outputs[input.previous_output.vout as usize].script_pubkey))
        });
        paid.chain(spent).collect()
    }

    /// Transactions that pay a script or spend from it, the newest first.
    fn history(&self, hash: &str, after: Option<&str>) -> Vec<u8> {
        let index = self.index();
        let told = |tx: &Transaction, height: Option<usize>| {
            let place = height.map(|height| {
                let header = &self.maker.headers[height];
                (height as u32, header.hash().to_string(), header.time)
            });
            let place = place.as_ref().map(|(height, hash, time)| (*height, hash.as_str(), *time));
            let mut value = told(&foreign(tx), place);
            for (at, input) in tx.inputs.iter().enumerate() {
                if let Some(spent) = self.transaction(&input.previous_output.txid.to_string()) {
                    let output = &spent.outputs[input.previous_output.vout as usize];
                    value["vin"][at]["prevout"] = json!({
                        "scriptpubkey": chaincore_consensus::hex::encode(&output.script_pubkey),
                        "value": output.value.sat(),
                    });
                }
            }
            if self.lies(Lie::Value) {
                value["vout"][0]["value"] = json!(tx.outputs[0].value.sat() + 1);
            }
            value
        };
        let mut list = Vec::new();
        if after.is_none() {
            let touches = |tx: &Transaction| self.touched(tx, &index).iter().any(|touched| touched == hash);
            list.extend(
                self.mempool.iter().filter(|tx| touches(tx) && !self.hides(tx)).map(|tx| told(tx, None)),
            );
        }
        let places = index.histories.get(hash).into_iter().flatten().rev();
        let mut confirmed: Vec<Value> = places
            .map(|(height, at)| (*height, &*self.maker.blocks[*height].transactions[*at]))
            .filter(|(_, tx)| !self.hides(tx))
            .map(|(height, tx)| told(tx, Some(height)))
            .collect();
        if let Some(after) = after {
            let at = confirmed.iter().position(|tx| tx["txid"] == after).unwrap();
            confirmed.drain(..=at);
        }
        confirmed.truncate(self.page);
        list.extend(confirmed);
        json!(list).to_string().into_bytes()
    }

    fn proof(&self, txid: &str) -> Option<Vec<u8>> {
        let (height, at) = *self.index().places.get(txid)?;
        let block = &self.maker.blocks[height];
        let leaves: Vec<Hash256> = block.transactions.iter().map(|tx| Hash256(tx.txid().0)).collect();
        let mut branch = merkle_branch(&leaves, at);
        if self.lies(Lie::Branch) {
            branch.push(Hash256([3; 32]));
        }
        let merkle: Vec<String> = branch.iter().map(ToString::to_string).collect();
        Some(json!({ "block_height": height, "merkle": merkle, "pos": at }).to_string().into_bytes())
    }

    fn txids(&self, hash: &str) -> Option<Vec<u8>> {
        let at = self.maker.headers.iter().position(|header| header.hash().to_string() == hash)?;
        let ids = self.maker.blocks[at].transactions.iter().map(|tx| tx.txid().to_string());
        let more = self.lies(Lie::Branch).then(|| "03".repeat(32));
        Some(json!(ids.chain(more).collect::<Vec<_>>()).to_string().into_bytes())
    }

    fn transaction(&self, txid: &str) -> Option<Transaction> {
        if let Some((height, at)) = self.index().places.get(txid) {
            return Some(self.maker.blocks[*height].transactions[*at].as_ref().clone().into_inner());
        }
        self.mempool.iter().find(|tx| tx.compute_txid().to_string() == txid).cloned()
    }

    fn block(&self, hash: &str) -> Option<Vec<u8>> {
        let at = self.maker.headers.iter().position(|header| header.hash().to_string() == hash)?;
        // The one below, or above the first.
        let at = if self.lies(Lie::Block) { at.checked_sub(1).unwrap_or(1) } else { at };
        Some(self.maker.blocks[at].to_bytes())
    }
}

/// The wallet whose words are BIP84's: its first account.
pub fn ledger() -> Ledger {
    const KEY: &str = "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V";
    let mut ledger = Ledger::new(100);
    let spec =
        AccountSpec { name: "one".into(), receive: format!("wpkh({KEY}/<0;1>/*)"), change: None, held: true };
    ledger.add_account(spec).unwrap();
    ledger
}

/// A script of the ledger in the node's type.
pub fn script(ledger: &Ledger, at: usize) -> Script {
    Script(ledger.scripts()[at].to_bytes())
}

/// Spends the coinbase of a block that pays anybody.
pub fn from_block(maker: &Maker, height: u32, scripts: &[Script]) -> Transaction {
    let txid = maker.blocks[height as usize].transactions[0].txid();
    payment(OutPoint { txid, vout: 0 }, scripts)
}

/// Lets the client talk with the nodes until it has nothing to ask for some seconds; how many seconds that took.
pub fn run(sync: &mut Sync, ledger: &mut Ledger, nodes: &[&Server], from: u64) -> u64 {
    let mut now = from;
    let mut quiet = 0;
    for _ in 0..3000 {
        let fetches = sync.poll(ledger, now);
        if fetches.is_empty() {
            now += 1;
            quiet += 1;
            if quiet > 40 && sync.progress().in_flight == 0 {
                return now;
            }
            continue;
        }
        // What is only looking again, every few seconds, is quiet enough.
        if fetches.iter().any(|fetch| {
            !fetch.path.contains("/light/chain")
                && !fetch.path.contains("/api/mempool")
                && !fetch.path.contains("/api/fee")
                && !fetch.path.contains("/api/scripthash")
                && !fetch.path.contains("/merkle-proof")
        }) {
            quiet = 0;
        }
        for fetch in &fetches {
            sync.give(fetch.id, nodes[fetch.node].answer(fetch));
        }
    }
    now
}
