//! `chaincore-miner` with nodes that refuse, wait for ever, go away or come back: a tiny HTTP server plays them. Real nodes
//! are in the workspace's `tests`.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A test that takes so long has failed.
const PATIENCE: Duration = Duration::from_secs(90);
const WALLET: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

#[derive(Default)]
struct State {
    height: u64,
    /// What the next blocks are answered; afterwards all are taken. `None`: nothing at all.
    verdicts: VecDeque<Option<Value>>,
    /// Its status for everything instead.
    status: Option<u16>,
    /// Its answer to `POST /mine_block`.
    rest: Option<(u16, Value)>,
    /// The blocks that came, and the reports.
    blocks: Vec<String>,
    reports: Vec<Value>,
    /// Whether nobody finds a block in a lifetime.
    is_hard: bool,
}

/// A node that holds every long poll, and each block that it does not judge, until it breaks.
struct Fake {
    port: u16,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Fake {
    fn start(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new((Mutex::new(state), Condvar::new()));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = shared.clone();
                std::thread::spawn(move || while serve(&stream, &shared).is_some() {});
            }
        });
        Self { port, state }
    }

    /// With a password, so that it is asked by JSON-RPC.
    fn url(&self) -> String {
        format!("http://user:secret@127.0.0.1:{}", self.port)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.0.lock().unwrap());
        self.state.1.notify_all();
    }

    fn wait_until(&self, what: &str, mut done: impl FnMut(&State) -> bool) {
        let state = self.state.0.lock().unwrap();
        let waited = self.state.1.wait_timeout_while(state, PATIENCE, |state| !done(state)).unwrap();
        assert!(!waited.1.timed_out(), "{what}");
    }
}

/// Answers one request.
fn serve(stream: &TcpStream, shared: &(Mutex<State>, Condvar)) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut state = shared.0.lock().unwrap();
    let answered = answer(&path, &request, &mut state);
    let (status, answer) = match answered {
        Some(answered) => answered,
        None => {
            state = shared.1.wait_while(state, |state| state.status.is_none()).unwrap();
            (state.status.unwrap(), json!({}))
        }
    };
    drop(state);
    shared.1.notify_all();
    let text = answer.to_string();
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    )
    .ok()
}

/// What is answered, if anything ever is.
fn answer(path: &str, request: &Value, state: &mut State) -> Option<(u16, Value)> {
    if let Some(status) = state.status {
        return Some((status, json!({})));
    }
    match path {
        "/mine_block" => return state.rest.clone(),
        "/mining_stats" => {
            state.reports.push(request.clone());
            return Some((200, json!({"noted": true})));
        }
        "/status" => return Some((200, json!({"chain": "regtest"}))),
        _ => {}
    }
    let param = &request["params"][0];
    let result = match request["method"].as_str()? {
        "validateaddress" => json!({"isvalid": true, "scriptPubKey": "51"}),
        "getblockchaininfo" => json!({"chain": "regtest"}),
        "getblocktemplate" if param["longpollid"].is_string() => return None,
        "getblocktemplate" => {
            let target = if state.is_hard { "00".repeat(32) } else { format!("7f{}", "ff".repeat(31)) };
            json!({
                "version": 536_870_912, "rules": ["csv", "!segwit", "taproot"], "transactions": [],
                "previousblockhash": format!("{:064x}", state.height), "coinbaseaux": {},
                "coinbasevalue": 5_000_000_000u64, "height": state.height + 1, "bits": "207fffff",
                "curtime": 1_600_000_000, "target": target, "longpollid": "x", "mutable": ["time"],
            })
        }
        "submitblock" => {
            state.blocks.push(param.as_str()?.to_owned());
            let verdict = state.verdicts.pop_front().unwrap_or(Some(Value::Null))?;
            if verdict.is_null() {
                state.height += 1;
            }
            verdict
        }
        _ => return Some((200, json!({"result": null, "error": {"code": -32601, "message": "what?"}}))),
    };
    Some((200, json!({"result": result, "error": null})))
}

struct Miner(Child);

impl Miner {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chaincore-miner"));
        command.args(["--wallet", WALLET, "--threads", "1", "--json", "--interval", "1"]).args(args);
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn output(&mut self) -> Events {
        Events(BufReader::new(self.0.stdout.take().unwrap()))
    }

    fn end(&mut self) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(since.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn interrupt(&self) {
        let kill = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }
}

impl Drop for Miner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a miner tells, event by event.
struct Events(BufReader<ChildStdout>);

impl Iterator for Events {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }
}

/// What it tells until it ends; it is killed if it does not.
fn told(miner: &mut Miner) -> Vec<Value> {
    let events = miner.output();
    let reading = std::thread::spawn(move || events.collect());
    miner.end();
    reading.join().unwrap()
}

fn count(told: &[Value], event: &str) -> usize {
    told.iter().filter(|line| line["event"] == event).count()
}

#[test]
fn refused_and_unanswered_blocks_stop_nobody() {
    let refused = |reason: &str| Some(json!(reason));
    let verdicts = [refused("high-hash"), refused("bad-txns"), None].into();
    let node = Fake::start(State { verdicts, ..State::default() });
    // The third block is not answered at first.
    let mut miner = Miner::start(&["--node", &node.url(), "--blocks", "3", "--timeout", "4"]);
    let told = told(&mut miner);
    assert!(miner.end().success());
    assert_eq!((count(&told, "refused"), count(&told, "accepted")), (2, 3), "{told:?}");
    let troubles: Vec<_> = told.iter().filter(|line| line["event"] == "trouble").collect();
    assert!(troubles.iter().any(|line| line["text"].as_str().unwrap().contains("no answer")), "{troubles:?}");
    let mut all = node.state.0.lock().unwrap().blocks.clone();
    assert_eq!(all.len(), 6);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 5, "one was handed in twice");
}

#[test]
fn another_node_takes_the_block_that_its_own_does_not() {
    let mute = Fake::start(State { verdicts: vec![None; 50].into(), ..State::default() });
    let other = Fake::start(State { is_hard: true, ..State::default() });
    let nodes = format!("{},{}", mute.url(), other.url());
    let mut miner = Miner::start(&["--node", &nodes, "--blocks", "1"]);
    assert_eq!(count(&told(&mut miner), "accepted"), 1);
    let blocks = |node: &Fake| node.state.0.lock().unwrap().blocks.clone();
    assert!(blocks(&mute).contains(&blocks(&other)[0]));
}

#[test]
fn a_wrong_password_is_said_and_nobody_is_given_up() {
    let locked = Fake::start(State { status: Some(401), ..State::default() });
    // A port that is taken, and nobody listens.
    let taken = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    taken.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let away = taken.local_addr().unwrap().as_socket().unwrap();
    let good = Fake::start(State::default());
    let nodes = format!("http://127.0.0.1:{},{},{}", away.port(), locked.url(), good.url());
    let mut miner = Miner::start(&["--node", &nodes, "--blocks", "2"]);
    let told = told(&mut miner);
    let said = |words: &str| {
        told.iter().filter(|line| line["text"].as_str().is_some_and(|text| text.contains(words))).count()
    };
    assert_eq!(said("wrong user or password"), 1, "{told:?}");
    assert_eq!((said("nothing listens there"), said("no node gives work")), (1, 0), "{told:?}");
    assert_eq!(count(&told, "accepted"), 2);
    // Alone it is no use to wait.
    let mut miner = Miner::start(&["--node", &locked.url()]);
    assert_eq!(miner.end().code(), Some(4));
}

#[test]
fn the_other_node_is_asked_before_it_is_said_that_none_gives_work() {
    let first = Fake::start(State { is_hard: true, ..State::default() });
    let second = Fake::start(State { status: Some(503), ..State::default() });
    let mut miner = Miner::start(&["--node", &format!("{},{}", first.url(), second.url())]);
    let mut events = miner.output();
    let mut next = |wanted: &str| events.by_ref().find(|line| line["event"] == wanted).unwrap();
    assert_eq!(next("node")["height"], 1);
    first.change(|state| state.status = Some(503));
    second.change(|state| (state.status, state.height) = (None, 7));
    let trouble = next("trouble");
    assert!(trouble["text"].as_str().unwrap().contains("503"), "{trouble}");
    assert_eq!(next("node")["height"], 8);
}

#[test]
fn a_signet_is_refused_by_rest_too() {
    let refusal = json!({"error": {"code": "signet", "message": "blocks of a signet carry a signature"}});
    let node = Fake::start(State { rest: Some((400, refusal)), ..State::default() });
    let mut miner = Miner::start(&["--node", &format!("http://127.0.0.1:{}", node.port)]);
    let told = told(&mut miner);
    assert_eq!(miner.end().code(), Some(4));
    assert!(told[0]["exit_code"] == 4 && told[0]["text"].as_str().unwrap().contains("owner"), "{told:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_says_what_was_done_and_tells_the_node() {
    let node = Fake::start(State { is_hard: true, ..State::default() });
    let mut miner = Miner::start(&["--node", &node.url(), "--worker", "rig"]);
    let mut events = miner.output();
    assert!(events.any(|line| line["event"] == "node"));
    miner.interrupt();
    let rest: Vec<Value> = events.collect();
    assert!(miner.end().success(), "{rest:?}");
    assert_eq!(
        (&rest.last().unwrap()["event"], &rest.last().unwrap()["accepted"]),
        (&json!("end"), &json!(0))
    );
    node.wait_until("the node was told", |state| !state.reports.is_empty());
    let report = node.state.0.lock().unwrap().reports.pop().unwrap();
    assert!(report["worker"] == "rig" && report["instance"].is_string(), "{report}");
}

#[test]
fn who_closes_the_pipe_has_heard_enough() {
    let node = Fake::start(State { is_hard: true, ..State::default() });
    let mut miner = Miner::start(&["--node", &node.url()]);
    let mut events = miner.output();
    assert!(events.next().is_some());
    drop(events);
    assert!(miner.end().success());
    let mut said = String::new();
    miner.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}
