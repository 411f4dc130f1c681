//! Two miners on two nodes of the chain `chaincore` for ten hours that pass in seconds.
//!
//! Both nodes are whole: chain, storage, P2P over a real socket; they share a clock that the test moves. What is
//! simulated is hash power, as chance decides when a miner finds a block (exponential times, by the difficulty of its
//! template and its rate), and distance: what a node sends takes up to 0.9 s of that clock, so that now and then both
//! find a block. The blocks are really mined, with the chain's own rules and difficulty. Rates are some thousand
//! hashes per second, so that this takes no longer than the rest.
//!
//! All is drawn from a seed and everything waits for what it depends on: each run is the same. `CHAINCORE_SIMULATED_HOURS`
//! makes it longer, `CHAINCORE_SIMULATION_SEED` another one.

#![allow(clippy::unwrap_used, reason = "a test may end there")]

use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::{Target, Work};
use chaincore_consensus::{Amount, Block, BlockHash, Script};
use chaincore_miner::{Options, Search, Workers};
use chaincore_node::chain::{ChainHandle, ChainOptions, FlushPolicy, Origin, Outcome, Status};
use chaincore_node::clock::Clock;
use chaincore_node::mempool::Mempool;
use chaincore_node::p2p::connection::BoundAddress;
use chaincore_node::p2p::options::OwnOptions;
use chaincore_node::p2p::permissions::{Permissions, Whitelist};
use chaincore_node::p2p::reach::Reach;
use chaincore_node::p2p::transport::TransportVersion;
use chaincore_node::p2p::wire::ServiceFlags;
use chaincore_node::p2p::{P2p, P2pOptions};
use chaincore_node::template::{self, BlockTemplate, TemplateOptions, TemplateSource};
use chaincore_node::testkit::Numbers;
use chaincore_plugin::node::MinerEventKind;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How long anything may take that is waited for. Generous: it is a bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(120);
/// Simulated seconds after which a miner asks for a new template anyway, as the node's own does.
const REFRESH: f64 = 30.0;
/// Simulated seconds after the start and after each step that are not looked at for the pace.
const TRANSITION: f64 = 900.0;
/// Hashes per second of both miners in the three parts of the time: one becomes ten times what both were, and goes.
const RATES: [[f64; 2]; 3] = [[600.0, 400.0], [600.0, 9_400.0], [600.0, 400.0]];
/// When the parts end, of the whole time.
const PARTS: [f64; 3] = [0.4, 0.6, 1.0];

/// A line between two nodes that keeps what is sent until it is opened.
struct Line {
    address: SocketAddr,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl Line {
    /// An open line for one connection to `target`.
    fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let gate = Arc::new((Mutex::new(true), Condvar::new()));
        let shared = gate.clone();
        std::thread::spawn(move || {
            let (caller, _) = listener.accept().unwrap();
            let called = TcpStream::connect(target).unwrap();
            let copy = |stream: &TcpStream| stream.try_clone().unwrap();
            for (from, to) in [(copy(&caller), copy(&called)), (called, caller)] {
                let gate = shared.clone();
                std::thread::spawn(move || carry(from, to, &gate));
            }
        });
        Self { address, gate }
    }

    fn set_open(&self, is_open: bool) {
        *self.gate.0.lock().unwrap() = is_open;
        self.gate.1.notify_all();
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, gate: &(Mutex<bool>, Condvar)) {
    let _ = to.set_nodelay(true);
    let mut piece = vec![0; 64 << 10];
    while let Ok(size) = from.read(&mut piece)
        && size > 0
    {
        let open = gate.1.wait_while(gate.0.lock().unwrap(), |is_open| !*is_open).unwrap();
        drop(open);
        if to.write_all(&piece[..size]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}

struct Node {
    chain: ChainHandle,
    p2p: P2p,
    runtime: tokio::runtime::Runtime,
}

impl Node {
    fn start(folder: &Path, params: &Arc<ChainParams>, clock: &Clock) -> Self {
        let options = ChainOptions {
            clock: clock.clone(),
            flush: FlushPolicy { coins_bytes: 8 << 20, blocks: 2_000, interval: Duration::from_secs(3_600) },
            script_threads: 1,
            ..ChainOptions::new(params.clone(), folder.join("chain"))
        };
        let chain = ChainHandle::open(&options, Mempool::default(), Status::new()).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let network = p2p_options(folder, params);
        let p2p = runtime.block_on(P2p::start(network, clock.clone(), chain.clone(), None)).unwrap();
        Self { chain, p2p, runtime }
    }

    /// The tip, as miners are told of it.
    fn tip(&self) -> BlockHash {
        self.chain.tip_state().borrow().applied.hash
    }

    fn work(&self) -> Work {
        self.chain.entry(&self.tip()).unwrap().chain_work()
    }

    /// The number of its only connection.
    fn connection(&self) -> u64 {
        let peers = self.p2p.network().peers();
        assert_eq!(peers.len(), 1, "the nodes are connected once");
        assert!(peers[0].facts().handshake_done);
        peers[0].id().0
    }
}

fn p2p_options(folder: &Path, params: &ChainParams) -> P2pOptions {
    P2pOptions {
        magic: params.magic,
        default_port: params.p2p_port,
        services: ServiceFlags(1 | 1 << 3 | 1 << 10),
        user_agent: "/simulation:1/".into(),
        minimum_chain_work: params.minimum_chain_work,
        headers_ahead: Default::default(),
        active: true,
        listen: true,
        binds: vec![BoundAddress {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            permissions: Permissions::NONE,
            is_onion: false,
        }],
        external: vec![],
        port: params.p2p_port,
        discover: false,
        max_inbound: 8,
        max_automatic: 11,
        target_outbound: 8,
        target_block_relay: 2,
        add: vec![],
        connect: Some(vec![]),
        seeds: vec![],
        dns_seeds: vec![],
        dns_seeding: false,
        force_dns_seeds: false,
        fixed_seeds: None,
        reach: Reach::ALL,
        upload_target: 0,
        dns: false,
        blocks_only: false,
        peer_timeout: i64::MAX,
        dial_timeout: Duration::from_secs(5),
        max_receive: 5_000_000,
        max_send: 1_000_000,
        whitelist: Whitelist::new(true, false, false),
        ban_time: 86_400,
        own: OwnOptions::default(),
        folder: folder.to_path_buf(),
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// Chance.
struct Dice(Numbers);

impl Dice {
    /// Evenly in (0, 1].
    fn even(&mut self) -> f64 {
        ((self.0.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -self.even().ln() * mean
    }
}

/// Hashes that a block with this target takes on average.
fn difficulty(bits: u32) -> f64 {
    Target::from_compact(bits).unwrap().work().to_f64()
}

/// A miner and what it works on.
struct Miner {
    script: Script,
    templates: TemplateSource,
    template: BlockTemplate,
    /// The work that its template builds on.
    basis: Work,
    made: f64,
    finds: f64,
    blocks: u32,
    stale: u32,
    /// The last event of its node's log that was looked at.
    noted: u64,
}

/// A block that was found.
struct Found {
    at: f64,
    by: usize,
    bits: u32,
}

struct Simulation {
    start: i64,
    end: f64,
    now: f64,
    clock: Clock,
    dice: Dice,
    nodes: [Node; 2],
    line: Line,
    miners: [Miner; 2],
    workers: Workers,
    hashes: AtomicU64,
    expected_hashes: f64,
    found: HashMap<BlockHash, Found>,
    /// The most work there is, and since when. The last of the list.
    records: Vec<(Work, f64)>,
    /// When what was found last arrives.
    arrives: Option<f64>,
    /// The longest time that a miner had work while more was there to build on.
    stalest: f64,
    forks: u32,
}

impl Simulation {
    fn new(folder: &Path, hours: f64, seed: u64) -> Self {
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
    fn run(&mut self) {
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
    fn settle(&mut self) {
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
    fn chain(&self, n: usize) -> Vec<BlockHash> {
        let snapshot = self.nodes[n].chain.snapshot();
        snapshot.blocks(1, snapshot.height() as usize).iter().map(|entry| entry.hash()).collect()
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    sum / f64::from(count)
}

#[test]
fn two_miners_on_two_nodes_keep_the_pace_for_ten_hours() {
    let given = |name: &str| std::env::var(name).ok().map(|text| text.parse::<f64>().unwrap());
    let hours = given("CHAINCORE_SIMULATED_HOURS").unwrap_or(10.0);
    assert!(hours >= 5.0, "the time after a step must be longer than the transition");
    let seed = given("CHAINCORE_SIMULATION_SEED").map_or(7, |seed| seed as u64);
    let dir = tempfile::tempdir().unwrap();
    let mut simulation = Simulation::new(dir.path(), hours, seed);
    let connections = [simulation.nodes[0].connection(), simulation.nodes[1].connection()];
    let begun = Instant::now();
    simulation.run();
    let (end, simulated) = (simulation.end, begun.elapsed());
    simulation.settle();
    simulation.end = end;

    // One chain, without a quarrel.
    let chain = simulation.chain(0);
    assert_eq!(chain, simulation.chain(1));
    assert_eq!(connections, [simulation.nodes[0].connection(), simulation.nodes[1].connection()]);
    let blocks: Vec<&Found> = chain.iter().map(|hash| &simulation.found[hash]).collect();
    for miner in 0..2 {
        let all = simulation.found.values().filter(|found| found.by == miner).count();
        let kept = blocks.iter().filter(|found| found.by == miner).count();
        simulation.miners[miner].stale = u32::try_from(all - kept).unwrap();
        assert_eq!(simulation.miners[miner].blocks as usize, all);
    }
    let stale = simulation.miners[0].stale + simulation.miners[1].stale;
    println!(
        "{hours} simulated hours in {simulated:.1?}: {} blocks, {} forks, {stale} stale blocks (of the miners: {} and \
         {}); work at most {:.2} s old",
        chain.len(),
        simulation.forks,
        simulation.miners[0].stale,
        simulation.miners[1].stale,
        simulation.stalest,
    );
    assert!(simulation.forks > 0 && stale > 0, "a simulation without forks shows nothing of how they end");
    assert!(stale <= 2 * simulation.forks, "more was lost than forked");
    assert!(simulation.stalest > 0.0 && simulation.stalest <= 1.0, "{}", simulation.stalest);

    // Who mined what: the coinbases say what the miners know.
    let mut coins = [Amount::ZERO; 2];
    for (hash, found) in chain.iter().zip(&blocks) {
        let block: Arc<Block> = simulation.nodes[1 - found.by].chain.read_block(hash).unwrap();
        let coinbase = &block.transactions[0];
        assert_eq!(coinbase.outputs[0].script_pubkey, simulation.miners[found.by].script);
        let tag = format!("/miner {}/", found.by);
        assert!(coinbase.inputs[0].script_sig.0.windows(tag.len()).any(|bytes| bytes == tag.as_bytes()));
        coins[found.by] = Amount(coins[found.by].sat() + coinbase.outputs[0].value.sat());
    }
    assert_eq!(coins[0].sat() + coins[1].sat(), 50_0000_0000 * i64::try_from(chain.len()).unwrap());

    // The work that was told was done: single blocks differ, all of them hardly.
    let hashed = simulation.hashes.load(std::sync::atomic::Ordering::Relaxed) as f64;
    let told = hashed / simulation.expected_hashes;
    println!("{:.0} million hashes, {told:.3} of what the targets ask for", hashed / 1e6);
    assert!((0.85..1.15).contains(&told), "{told}");

    let mut begins = 0.0;
    for (part, rates) in RATES.iter().enumerate() {
        let ends = PARTS[part] * end;
        let total = rates[0] + rates[1];
        let ideal = 10.0 * total;
        let of_part: Vec<&&Found> =
            blocks.iter().filter(|found| found.at >= begins && found.at < ends).collect();
        // How the difficulty comes to where it belongs.
        let arrived = of_part.iter().position(|found| {
            let ratio = difficulty(found.bits) / ideal;
            (0.8..1.25).contains(&ratio)
        });
        let arrived = arrived.expect("the difficulty follows the hash rate");
        let took = of_part[arrived].at - begins;
        // And how it stays there.
        let settled: Vec<&&&Found> = of_part.iter().filter(|found| found.at >= begins + TRANSITION).collect();
        let count = settled.len();
        let spacing = (settled[count - 1].at - settled[0].at) / (count - 1) as f64;
        let ratio = mean(settled.iter().map(|found| difficulty(found.bits) / ideal));
        let share = mean(settled.iter().map(|found| f64::from(u8::from(found.by == 0))));
        println!(
            "{total:.0} hashes/s: the difficulty is right after {arrived} blocks, {took:.0} s; then {count} blocks every \
             {spacing:.2} s, difficulty {ratio:.3} of 10 s of work, miner 0 has {share:.3} of {:.3}",
            rates[0] / total,
        );
        // The mean time of n blocks differs from 10 s by 60 s times the doublings of the difficulty from the first to
        // the last, over n: that is how ASERT is made. They are seldom more than one apart, and n is 600 at least.
        assert!((spacing - 10.0).abs() < 0.25, "{spacing}");
        assert!((ratio - 1.0).abs() < 0.15, "{ratio}");
        // A factor of ten takes 38 blocks up and 200 s either way if every block came when it should.
        assert!(arrived < 120 && took < TRANSITION, "{arrived} blocks, {took} s");
        let expected = rates[0] / total;
        let deviation = (expected * (1.0 - expected) / count as f64).sqrt();
        assert!((share - expected).abs() < 5.0 * deviation + 0.01, "{share}");
        begins = ends;
    }
    for node in &simulation.nodes {
        node.p2p.stop();
        node.chain.shutdown_blocking().unwrap();
    }
}
