//! A `bitcoind` process, where `CHAINCORE_TEST_BITCOIND` names one.

use crate::mining;
use base64::Engine;
use bitcoin::{BlockHash, Txid};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take. Generous: it is a bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running `bitcoind` with a folder of its own, killed when it is dropped. It calls nobody unless it is told to, and
/// listens on loopback.
pub struct Core {
    child: Child,
    folder: tempfile::TempDir,
    chain: &'static str,
    rpc: SocketAddr,
    p2p: SocketAddr,
}

impl Core {
    /// Starts it on a chain whose folder has the chain's name (`regtest`, `signet`), with more arguments. Without one to
    /// start, says that the test is skipped.
    #[allow(clippy::print_stdout, reason = "whoever runs the test is told that it is skipped")]
    pub fn start(chain: &'static str, args: &[&str]) -> Option<Self> {
        let Some(program) = std::env::var_os("CHAINCORE_TEST_BITCOIND") else {
            println!("skipped: CHAINCORE_TEST_BITCOIND names no bitcoind");
            return None;
        };
        Some(Self::run(Path::new(&program), chain, args))
    }

    fn run(program: &Path, chain: &'static str, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // It does not say which ports the system gave it.
        let [rpc, p2p] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port is free"));
        let [rpc, p2p] = [rpc, p2p].map(|listener| listener.local_addr().expect("it is bound"));
        let child = Command::new(program)
            .args(["-server=1", "-listen=1", "-listenonion=0", "-connect=0", "-dnsseed=0"])
            .args(args)
            .arg(format!("-chain={chain}"))
            .arg(format!("-datadir={}", folder.path().display()))
            .arg(format!("-rpcport={}", rpc.port()))
            .arg(format!("-bind={p2p}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("bitcoind can be run");
        let mut core = Self { child, folder, chain, rpc, p2p };
        let since = Instant::now();
        while let Err(error) = core.call("getblockcount", json!([])) {
            let ended = core.child.try_wait().expect("bitcoind can be waited for");
            let waits = ended.is_none() && since.elapsed() < PATIENCE;
            assert!(waits, "bitcoind did not come up: {error} ({ended:?})\n{}", core.log_tail());
            std::thread::sleep(Duration::from_millis(50));
        }
        core
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.rpc)
    }

    /// Where its cookie is.
    pub fn cookie(&self) -> PathBuf {
        self.folder.path().join(self.chain).join(".cookie")
    }

    /// Where it listens for peers.
    pub fn p2p_address(&self) -> SocketAddr {
        self.p2p
    }

    /// Calls a method; what went wrong if something did.
    pub fn call(&self, method: &str, params: Value) -> Result<Value, String> {
        let cookie = std::fs::read(self.cookie()).map_err(|error| format!("the cookie: {error}"))?;
        let cookie = base64::engine::general_purpose::STANDARD.encode(cookie);
        let mut answer = ureq::post(self.url())
            .header("Authorization", format!("Basic {cookie}"))
            .config()
            .http_status_as_error(false)
            .build()
            .send(json!({"id": 1, "method": method, "params": params}).to_string())
            .map_err(|error| error.to_string())?;
        let text = answer.body_mut().read_to_string().map_err(|error| error.to_string())?;
        let mut answer: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
        if answer["error"].is_null() { Ok(answer["result"].take()) } else { Err(answer["error"].to_string()) }
    }

    /// Calls a method that must succeed.
    pub fn rpc(&self, method: &str, params: Value) -> Value {
        self.call(method, params).unwrap_or_else(|error| panic!("bitcoind: {method}: {error}"))
    }

    /// Asks until it is so.
    pub fn wait_until(&self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let since = Instant::now();
        while !done(self) {
            assert!(since.elapsed() < PATIENCE, "waited in vain until {what}\n{}", self.log_tail());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The last block of its chain.
    pub fn best(&self) -> BlockHash {
        hash(&self.rpc("getbestblockhash", json!([])))
    }

    /// Mines blocks whose coins anyone can [spend](mining::spend).
    pub fn mine(&self, count: usize) -> Vec<BlockHash> {
        let hashes = self.rpc("generatetoaddress", json!([count, mining::address()]));
        hashes.as_array().expect("hashes").iter().map(hash).collect()
    }

    /// Waits until a block is the last of its chain.
    pub fn wait_for_tip(&self, tip: BlockHash) {
        self.wait_until(&format!("bitcoind has {tip}"), |core| core.best() == tip);
    }

    /// Whether a transaction is in its mempool.
    pub fn has_in_mempool(&self, txid: Txid) -> bool {
        self.rpc("getrawmempool", json!([])).as_array().expect("txids").contains(&json!(txid.to_string()))
    }

    /// Its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(self.chain).join("debug.log"))
            .unwrap_or_else(|error| format!("no debug.log: {error}"))
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

fn hash(value: &Value) -> BlockHash {
    value.as_str().expect("a hash").parse().expect("a hash")
}

impl Drop for Core {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
