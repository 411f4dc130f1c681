//! Three nodes in network namespaces of their own, where the machine allows that: a cable that is pulled out, which no
//! end notices, and where the kernel can do it latency and loss. Elsewhere the test says that it was skipped.

use chaincore_tests::binary;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take: a bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(240);

fn ip(args: &[&str]) -> Result<(), String> {
    run(Command::new("ip").args(args)).map(|_| ())
}

fn run(command: &mut Command) -> Result<Output, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(output),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// Namespaces joined by a bridge in one more of them; all go when this is dropped.
struct Lan {
    prefix: String,
    size: usize,
}

impl Lan {
    /// The error says why there can be none.
    fn new(size: usize) -> Result<Self, String> {
        let lan = Self { prefix: format!("cc{}", std::process::id()), size };
        let switch = lan.name(size);
        ip(&["netns", "add", &switch])?;
        ip(&["-n", &switch, "link", "add", "name", "br0", "type", "bridge"])?;
        ip(&["-n", &switch, "link", "add", "name", "probe", "type", "veth"])?;
        // From here on a failure is the test's.
        lan.join().expect("namespaces can be joined");
        Ok(lan)
    }

    fn join(&self) -> Result<(), String> {
        let switch = self.name(self.size);
        ip(&["-n", &switch, "link", "set", "br0", "up"])?;
        for at in 0..self.size {
            let (name, port) = (self.name(at), format!("port{at}"));
            ip(&["netns", "add", &name])?;
            let cable = ["type", "veth", "peer", "name", "eth", "netns", &name];
            ip(&[&["-n", &switch, "link", "add", "name", &port][..], &cable[..]].concat())?;
            ip(&["-n", &switch, "link", "set", &port, "master", "br0", "up"])?;
            ip(&["-n", &name, "link", "set", "lo", "up"])?;
            ip(&["-n", &name, "address", "add", &format!("{}/24", address(at)), "dev", "eth"])?;
            ip(&["-n", &name, "link", "set", "eth", "up"])?;
        }
        Ok(())
    }

    fn name(&self, at: usize) -> String {
        format!("{}-{at}", self.prefix)
    }

    /// Pulls a node's cable out of the switch, or puts it back.
    fn plug(&self, at: usize, is_in: bool) {
        let state = if is_in { "up" } else { "down" };
        let port = format!("port{at}");
        ip(&["-n", &self.name(self.size), "link", "set", &port, state]).expect("the cable can be pulled");
    }

    /// Makes a node's line slow and lossy.
    fn spoil(&self, at: usize) -> Result<(), String> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(at), "tc", "qdisc", "add", "dev", "eth", "root", "netem"]);
        run(command.args(["delay", "40ms", "10ms", "loss", "3%"])).map(|_| ())
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for at in 0..=self.size {
            let _ = ip(&["netns", "delete", &self.name(at)]);
        }
    }
}

fn address(at: usize) -> String {
    format!("10.77.0.{}", at + 1)
}

/// A node in a namespace. There every port is free, and only its own processes reach it.
struct Resident {
    namespace: String,
    folder: tempfile::TempDir,
    child: Child,
}

impl Resident {
    fn start(lan: &Lan, at: usize, calls: &[usize]) -> Self {
        let (namespace, folder) = (lan.name(at), tempfile::tempdir().expect("a folder"));
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &namespace]).arg(binary("chaincored"));
        command.args(["-regtest", "--api-port=5000", "--p2p-port=8000", "-listen=1", "-debug=net"]);
        command.arg(format!("-bind={}", address(at))).arg(format!("-datadir={}", folder.path().display()));
        command.args(calls.iter().map(|at| format!("-connect={}:8000", address(*at))));
        if calls.is_empty() {
            command.arg("-connect=0");
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("ip can be run");
        Self { namespace, folder, child }
    }

    fn ask(&self, args: &[&str]) -> String {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(binary("chaincore-cli"));
        command.args(["-regtest", "-rpcport=5000", "-rpcwait"]);
        command.arg(format!("-datadir={}", self.folder.path().display())).args(args);
        let output = run(&mut command).expect("the node answers");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("regtest/debug.log")).expect("a log");
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    fn mine(&self, count: u32, address: &str) -> String {
        self.ask(&["generatetoaddress", &count.to_string(), address]);
        self.ask(&["getbestblockhash"])
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        // `ip netns exec` becomes the node.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_for_tip(what: &str, nodes: &[&Resident], tip: &str) {
    let since = Instant::now();
    for node in nodes {
        while node.ask(&["getbestblockhash"]) != tip {
            let waits = since.elapsed() < PATIENCE;
            assert!(waits, "waited in vain for {tip} {what}\n{}: {}", node.namespace, node.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

const OURS: &str = "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z";
const THEIRS: &str = "msX6jQXvxiNhx3Q62PKeLPrhrqZQdSimTg";

#[test]
fn a_cable_is_pulled_and_put_back() {
    let lan = match Lan::new(3) {
        Ok(lan) => lan,
        Err(error) => {
            println!("skipped: no network namespaces here ({error})");
            return;
        }
    };
    let nodes =
        [Resident::start(&lan, 0, &[]), Resident::start(&lan, 1, &[0]), Resident::start(&lan, 2, &[0, 1])];
    // A node whose chain is of today asks all of its peers for headers; one that has nothing asks a single one at
    // first, which may have nothing either.
    for node in &nodes[1..] {
        node.mine(1, THEIRS);
    }
    let tip = nodes[0].mine(3, OURS);
    wait_for_tip("at the start", &nodes.each_ref(), &tip);

    // Nobody is told: no end of the connection sees it end.
    lan.plug(2, false);
    let few = nodes[2].mine(2, THEIRS);
    let many = nodes[1].mine(4, OURS);
    wait_for_tip("beside the pulled cable", &[&nodes[0]], &many);
    assert_eq!(nodes[2].ask(&["getbestblockhash"]), few, "nothing comes through a pulled cable");
    lan.plug(2, true);
    wait_for_tip("once the cable is back", &nodes.each_ref(), &many);

    match lan.spoil(1).and_then(|()| lan.spoil(2)) {
        Err(error) => println!("skipped in part: no latency and loss here ({error})"),
        Ok(()) => {
            for round in 0..5 {
                let tip = nodes[round % 3].mine(2, if round % 2 == 0 { OURS } else { THEIRS });
                wait_for_tip("over bad lines", &nodes.each_ref(), &tip);
            }
        }
    }
}
