//! The course of things: who finds a block when, what arrives when, and what either knows of it.

use crate::chance::{Dice, difficulty};
use crate::line::Line;
use crate::node::Node;
use crate::{PARTS, RATES};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::Work;
use chaincore_consensus::{BlockHash, Script};
use chaincore_miner::{Options, Search, Workers};
use chaincore_node::chain::{Origin, Outcome};
use chaincore_node::clock::Clock;
use chaincore_node::p2p::transport::TransportVersion;
use chaincore_node::template::{self, BlockTemplate, TemplateOptions, TemplateSource};
use chaincore_node::testkit::Numbers;
use chaincore_plugin::node::MinerEventKind;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

/// How long anything may take that is waited for. Generous: it is a bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(120);
/// Simulated seconds after which a miner asks for a new template anyway, as the node's own does.
const REFRESH: f64 = 30.0;

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// A miner and what it works on.
pub struct Miner {
    pub script: Script,
    templates: TemplateSource,
    template: BlockTemplate,
    /// The work that its template builds on.
    basis: Work,
    made: f64,
    finds: f64,
    pub blocks: u32,
    pub stale: u32,
    /// The last event of its node's log that was looked at.
    noted: u64,
}

/// A block that was found.
pub struct Found {
    pub at: f64,
    pub by: usize,
    pub bits: u32,
}

/// All of it, and what has been seen so far.
pub struct Simulation {
    start: i64,
    pub end: f64,
    now: f64,
    clock: Clock,
    dice: Dice,
    pub nodes: [Node; 2],
    line: Line,
    pub miners: [Miner; 2],
    workers: Workers,
    pub hashes: AtomicU64,
    pub expected_hashes: f64,
    pub found: HashMap<BlockHash, Found>,
    /// The most work there is, and since when. The last of the list.
    records: Vec<(Work, f64)>,
    /// When what was found last arrives.
    arrives: Option<f64>,
    /// The longest time that a miner had work while more was there to build on.
    pub stalest: f64,
    pub forks: u32,
}

impl Simulation {
    pub fn new(folder: &Path, hours: f64, seed: u64) -> Self {
        let params = Arc::new(ChainParams::chaincore());
        let start = i64::from(params.genesis.header.time) + 60;
        let clock = Clock::new();
        clock.set_mock(Some(start));
        let nodes = [0, 1].map(|n| {
            let folder = folder.join(n.to_string());
            std::fs::create_dir(&folder).unwrap();
            Node::start(&folder, &params, &clock)
        });
        let line = Line::to(nodes[0].p2p.bound()[0]);
        nodes[1]
            .runtime
            .block_on(nodes[1].p2p.outbound().try_once(&line.address.to_string(), TransportVersion::V1));
        let met = |node: &Node| {
            let peers = node.p2p.network().peers();
            peers.len() == 1 && peers[0].facts().handshake_done
        };
        wait_until("the nodes have met", || nodes.iter().all(met));
        let miners = [0u8, 1].map(|n| {
            let script = Script([&[0, 20][..], &[n + 1; 20]].concat());
            let templates = TemplateSource::new(nodes[usize::from(n)].chain.clone());
            let template =
                templates.build_blocking(TemplateOptions::paying_to(script.clone()), true).unwrap();
            let (basis, noted) = (nodes[0].work(), 0);
            Miner { script, templates, template, basis, made: 0.0, finds: 0.0, blocks: 0, stale: 0, noted }
        });
        let records = vec![(nodes[0].work(), 0.0)];
        let options = Options { threads: 1, pin: false, ..Options::default() };
        let mut simulation = Self {
            start,
            end: hours * 3_600.0,
            now: 0.0,
            clock,
            dice: Dice(Numbers::new(seed)),
            nodes,
            line,
            miners,
            workers: Workers::start(&options).unwrap(),
            hashes: AtomicU64::new(0),
            expected_hashes: 0.0,
            found: HashMap::new(),
            records,
            arrives: None,
            stalest: 0.0,
            forks: 0,
        };
        simulation.line.set_open(false);
        simulation.draw(0);
        simulation.draw(1);
        simulation
    }

    fn part(&self, at: f64) -> usize {
        PARTS.iter().position(|end| at < end * self.end).unwrap_or(PARTS.len() - 1)
    }

    /// Decides when a miner finds a block with its template and its rate of now. The past of a search has no say in it.
    fn draw(&mut self, n: usize) {
        let mean = difficulty(self.miners[n].template.block.header.bits) / RATES[self.part(self.now)][n];
        self.miners[n].finds = self.now + self.dice.exponential(mean);
    }

    /// Gives a miner a new template, and looks how old its work had become.
    fn renew(&mut self, n: usize) {
        let miner = &mut self.miners[n];
        if let Some((_, since)) = self.records.iter().find(|(work, _)| *work > miner.basis) {
            self.stalest = self.stalest.max(self.now - since);
        }
        let options = TemplateOptions::paying_to(miner.script.clone());
        miner.template = miner.templates.build_blocking(options, true).unwrap();
        let previous = miner.template.block.header.previous;
        assert_eq!(previous, self.nodes[n].tip(), "a template builds on its node's tip");
        miner.basis = self.nodes[n].work();
        miner.made = self.now;
        self.draw(n);
    }

    /// Mines the template of the miner whose time has come, and hands the block in to its node.
    fn find(&mut self, n: usize) {
        let miner = &mut self.miners[n];
        let (mut block, height) = (miner.template.block.clone(), miner.template.height);
        template::set_extra_nonce(&mut block, height, format!("/miner {n}/").as_bytes());
        let target = miner.template.target();
        let never = AtomicBool::new(false);
        let Search::Found(nonce) = self.workers.search(&block.header, target, &never, &self.hashes) else {
            panic!("four thousand million nonces suffice")
        };
        block.header.nonce = nonce;
        let (hash, bits) = (block.hash(), block.header.bits);
        self.expected_hashes += difficulty(bits);
        let outcome = self.nodes[n].chain.submit_block_blocking(Arc::new(block), Origin::Rpc).unwrap();
        miner.blocks += 1;
        match outcome {
            Outcome::Best { reorg_depth: 0 } => {}
            other => panic!("miner {n} works on its node's tip, yet its block is {other:?}"),
        }
        self.found.insert(hash, Found { at: self.now, by: n, bits });
        let work = self.nodes[n].work();
        let best = self.records.last().unwrap().0;
        if work > best {
            self.records.push((work, self.now));
        } else {
            // The other has found one as well, which has not come here yet.
            self.forks += 1;
        }
        let distance = 0.05 + 0.85 * self.dice.even();
        self.arrives = Some(self.arrives.map_or(self.now + distance, |at| at.min(self.now + distance)));
        self.renew(n);
    }

    /// Lets through what was sent, until both nodes have a chain with the most work.
    fn deliver(&mut self) {
        let most = self.records.last().unwrap().0;
        let before = [self.nodes[0].tip(), self.nodes[1].tip()];
        self.line.set_open(true);
        wait_until("both nodes have the most work", || self.nodes.iter().all(|node| node.work() == most));
        self.line.set_open(false);
        self.arrives = None;
        for (n, before) in before.into_iter().enumerate() {
            if self.nodes[n].tip() != before {
                self.renew(n);
            }
        }
    }

    /// What comes next happens, until nothing comes before the end.
    pub fn run(&mut self) {
        let mut next_part = 0;
        loop {
            let times = [
                self.miners[0].finds,
                self.miners[1].finds,
                self.arrives.unwrap_or(f64::INFINITY),
                self.miners[0].made + REFRESH,
                self.miners[1].made + REFRESH,
                PARTS[next_part] * self.end,
            ];
            let next = (0..times.len()).min_by(|a, b| times[*a].total_cmp(&times[*b])).unwrap();
            assert!(times[next] >= self.now);
            self.now = times[next];
            self.clock.set_mock(Some(self.start + self.now as i64));
            match next {
                0 | 1 => self.find(next),
                2 => self.deliver(),
                3 | 4 => self.renew(next - 3),
                _ => {
                    next_part += 1;
                    if next_part == PARTS.len() {
                        return;
                    }
                    self.draw(0);
                    self.draw(1);
                }
            }
            if next < 2 {
                self.read_log(next);
            }
        }
    }

    /// The last word: blocks of one more round, until the nodes agree.
    pub fn settle(&mut self) {
        self.end = f64::INFINITY;
        while self.nodes[0].tip() != self.nodes[1].tip() {
            if let Some(at) = self.arrives {
                self.now = self.now.max(at);
                self.deliver();
            } else {
                self.find(0);
                self.read_log(0);
            }
        }
        self.line.set_open(true);
    }

    /// What a node has noted of its miner is what that miner did, block by block.
    fn read_log(&mut self, n: usize) {
        let miner = &mut self.miners[n];
        for event in self.nodes[n].chain.mining_log().after(miner.noted) {
            assert_eq!(event.number, miner.noted + 1, "no event is lost");
            miner.noted = event.number;
            match event.kind {
                MinerEventKind::Template => {}
                MinerEventKind::Submit | MinerEventKind::Accepted => {
                    let found = &self.found[&event.hash.unwrap()];
                    assert_eq!((found.by, event.at), (n, self.start + found.at as i64));
                }
                MinerEventKind::Rejected | MinerEventKind::Stale | MinerEventKind::Report => {
                    panic!("{event:?}")
                }
            }
        }
    }

    /// The blocks of the chain, the first block of the miners first.
    pub fn chain(&self, n: usize) -> Vec<BlockHash> {
        let snapshot = self.nodes[n].chain.snapshot();
        snapshot.blocks(1, snapshot.height() as usize).iter().map(|entry| entry.hash()).collect()
    }
}
