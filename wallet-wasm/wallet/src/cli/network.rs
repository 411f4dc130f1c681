//! Following the chain until the wallet knows what the nodes know, and sending.

use super::clock;
use super::failure::Failure;
use super::nodes::{Nodes, Request, Response};
use super::output::{self, plain};
use super::wallet::Wallet;
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// So many requests are on their way at a time.
const PARALLEL: usize = 8;
/// If nothing new comes for so long, what is there has to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same, once all that can be fetched was: what is missing then is a proof that nobody gives.
const SETTLED: Duration = Duration::from_secs(8);
/// How long to wait before the wallet is asked again whether there is something to fetch.
const NAP: Duration = Duration::from_millis(50);
/// So many requests in a row without an answer, and a node counts as dead.
const DEAD: u32 = 3;

/// What is under way.
struct Round<'a> {
    nodes: &'a Nodes,
    silent: Vec<u32>,
    seen: String,
    /// Since when `seen` is what is seen.
    since: Instant,
    /// How long it has waited for something to ask, since the last answer and since what is seen changed. Counted by its
    /// own naps: a machine that was put to sleep meanwhile has not waited.
    napped: Duration,
    shown: bool,
}

/// Follows the chain until everything is known. Warns of what was not proven.
pub fn sync(wallet: &mut Wallet<'_>, nodes: &Nodes) -> Result<(), Failure> {
    let mut round = Round::new(wallet, nodes)?;
    loop {
        let (progress, faults, idle) = round.turn(wallet)?;
        let on_another = |fault: &&Value| fault["kind"] == "wrong_chain";
        if faults.as_array().into_iter().flatten().filter(on_another).count() >= nodes.urls.len() {
            break;
        }
        if progress["synced"] == true && progress["in_flight"] == 0 {
            break;
        }
        if round.stands_still(&progress, PATIENCE) || idle && round.has_settled() {
            wallet.warn(&format!("not everything could be proven: {}", sentence(&faults, &progress)));
            break;
        }
    }
    round.end(wallet);
    report(wallet)
}

/// Sends a transaction in hexadecimal; its id.
pub fn broadcast(wallet: &mut Wallet<'_>, nodes: &Nodes, tx: &str) -> Result<String, Failure> {
    let txid = wallet.call("broadcast", json!({"tx": tx}))?["txid"].clone();
    let unsure = || {
        let txid = txid.as_str().unwrap_or_default();
        let message = format!(
            "no node said whether it took the transaction {txid}; it may be on its way. Look at `history` before you \
             pay again"
        );
        Failure::new("no_node", message)
    };
    let mut round = Round::new(wallet, nodes)?;
    loop {
        let (progress, _, _) = round.turn(wallet).map_err(|failure| match failure.code() {
            "no_node" => unsure(),
            _ => failure,
        })?;
        let summary = wallet.call("summary", json!({}))?;
        let sent = summary["sent"].as_array().into_iter().flatten().rev().find(|sent| sent["txid"] == txid);
        match sent {
            Some(sent) if sent["accepted"] == true => break,
            Some(sent) => {
                let refused = |said| format!("no node took the transaction: {}", plain(said));
                return Err(match sent["error"].as_str() {
                    Some(said) => Failure::new("refused", refused(said)),
                    None => unsure(),
                });
            }
            None if round.stands_still(&progress, PATIENCE) => {
                return Err(unsure());
            }
            None => {}
        }
    }
    round.end(wallet);
    Ok(txid.as_str().unwrap_or_default().to_string())
}

impl<'a> Round<'a> {
    fn new(wallet: &mut Wallet<'_>, nodes: &'a Nodes) -> Result<Self, Failure> {
        let mut configure = json!({"nodes": nodes.urls});
        if let Some(mode) = wallet.mode() {
            configure["mode"] = mode.into();
        }
        wallet.call("configure", configure)?;
        wallet.call("nudge", json!({}))?;
        Ok(Self {
            nodes,
            silent: vec![0; nodes.urls.len()],
            seen: String::new(),
            since: Instant::now(),
            napped: Duration::ZERO,
            shown: false,
        })
    }

    /// Asks and answers once: how far things are, what is wrong, and whether there was nothing to fetch.
    fn turn(&mut self, wallet: &mut Wallet<'_>) -> Result<(Value, Value, bool), Failure> {
        let poll = wallet.call("poll", json!({"now": clock::now()}))?;
        let requests: Vec<Request> =
            poll["fetch"].as_array().into_iter().flatten().filter_map(request).collect();
        let idle = requests.is_empty();
        for response in fetch(self.nodes, requests) {
            let silent = &mut self.silent[response.node];
            *silent = if response.status == 0 { *silent + 1 } else { 0 };
            wallet.give(response);
        }
        if !idle {
            self.napped = Duration::ZERO;
        }
        if self.silent.iter().all(|silent| *silent >= DEAD) {
            return Err(Failure::new("no_node", "no node answers any more"));
        }
        let progress = poll["progress"].clone();
        self.show(wallet, &progress);
        if idle && progress["synced"] != true {
            std::thread::sleep(NAP);
            self.napped += NAP;
        }
        Ok((progress, poll["faults"].clone(), idle))
    }

    /// Whether nothing has moved for so long.
    fn stands_still(&mut self, progress: &Value, patience: Duration) -> bool {
        let seen = progress.to_string();
        if seen != self.seen {
            self.seen = seen;
            self.since = Instant::now();
            self.napped = Duration::ZERO;
        }
        self.since.elapsed() > patience
    }

    /// Whether there was nothing to ask for so long: a node that takes its time with an answer does not count as silence.
    fn has_settled(&self) -> bool {
        self.napped > SETTLED
    }

    fn show(&mut self, wallet: &Wallet<'_>, progress: &Value) {
        if wallet.is_quiet() || !std::io::stderr().is_terminal() {
            return;
        }
        let part = |name: &str| {
            let part = &progress[name];
            format!("{name} {}/{}", part["at"], part["of"])
        };
        let found = if wallet.mode() == Some("filters") { part("filters") } else { part("scripts") };
        output::write_aside(format_args!("\r\x1b[K{}, {found}", part("headers")));
        self.shown = true;
    }

    fn end(&mut self, _: &Wallet<'_>) {
        if self.shown {
            output::write_aside(format_args!("\r\x1b[K"));
        }
    }
}

fn request(fetch: &Value) -> Option<Request> {
    let body = data_encoding::HEXLOWER.decode(fetch["body"].as_str()?.as_bytes()).ok()?;
    // What the fee is was looked at before it was signed: the node's own limit does not bind who wants to pay more.
    let path = match fetch["path"].as_str()? {
        "/api/tx" => "/api/tx?maxfeerate=0",
        path => path,
    };
    Some(Request {
        id: fetch["id"].as_u64()?,
        node: usize::try_from(fetch["node"].as_u64()?).ok()?,
        post: fetch["method"] == "POST",
        path: path.to_string(),
        body,
    })
}

/// Asks some at a time.
fn fetch(nodes: &Nodes, requests: Vec<Request>) -> Vec<Response> {
    let workers = PARALLEL.min(requests.len());
    let (queue, done) = (Mutex::new(requests.into_iter()), Mutex::new(Vec::new()));
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(request) = next() {
                    let response = nodes.ask(&request);
                    if let Ok(mut done) = done.lock() {
                        done.push(response);
                    }
                }
            });
        }
    });
    done.into_inner().unwrap_or_default()
}

/// What is wrong, in one line.
fn sentence(faults: &Value, progress: &Value) -> String {
    let current = faults.as_array().into_iter().flatten().filter(|fault| fault["passed"] != true);
    let messages: Vec<String> = current.filter_map(|fault| fault["message"].as_str()).map(plain).collect();
    match progress["unproven"].as_u64() {
        _ if !messages.is_empty() => messages.join("; "),
        Some(unproven @ 1..) => format!("no node gives a proof for {unproven} of the transactions"),
        _ => "the nodes give no answer to it".into(),
    }
}

/// Says what the nodes did wrong. A main node on another chain is no node to go on with.
fn report(wallet: &mut Wallet<'_>) -> Result<(), Failure> {
    let summary = wallet.call("summary", json!({}))?;
    let nodes = summary["nodes"].as_array().cloned().unwrap_or_default();
    let name = |fault: &Value| {
        let at = fault["node"].as_u64().and_then(|at| usize::try_from(at).ok()).unwrap_or_default();
        nodes.get(at).and_then(Value::as_str).unwrap_or("a node").to_string()
    };
    let faults = summary["faults"].as_array().cloned().unwrap_or_default();
    let wrong_chain = |fault: &&Value| fault["kind"] == "wrong_chain";
    if !faults.is_empty() && faults.iter().filter(wrong_chain).count() >= nodes.len() {
        return Err(Failure::new(
            "wrong_chain",
            format!("the node is on another chain: {}", sentence(&faults.into(), &Value::Null)),
        ));
    }
    for fault in faults.iter().filter(|fault| fault["severity"] == "lie" || fault["passed"] != true) {
        let message = plain(fault["message"].as_str().unwrap_or_default());
        match fault["severity"].as_str() {
            Some("lie") => wallet.warn(&format!("{} has lied: {message}", name(fault))),
            _ => wallet.warn(&format!("{}: {message}", name(fault))),
        }
    }
    Ok(())
}
