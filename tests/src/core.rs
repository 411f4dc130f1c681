//! A `bitcoind` process, where `CHAINCORE_TEST_BITCOIND` names one.

use base64::Engine;
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to come up. Generous: it is a bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running `bitcoind` with a folder of its own, killed when it is dropped. It calls nobody and listens for nobody.
pub struct Core {
    child: Child,
    folder: tempfile::TempDir,
    chain: &'static str,
    rpc: SocketAddr,
}

impl Core {
    /// Starts it on a chain (`regtest`, `signet`). Without one to start, says that the test is skipped.
    #[allow(clippy::print_stdout, reason = "whoever runs the test is told that it is skipped")]
    pub fn start(chain: &'static str) -> Option<Self> {
        let Some(program) = std::env::var_os("CHAINCORE_TEST_BITCOIND") else {
            println!("skipped: CHAINCORE_TEST_BITCOIND names no bitcoind");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        // It does not say which port the system gave it.
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let rpc = listener.local_addr().expect("it is bound");
        drop(listener);
        let child = Command::new(program)
            .args(["-listen=0", "-connect=0", "-dnsseed=0", "-server=1"])
            .arg(format!("-chain={chain}"))
            .arg(format!("-datadir={}", folder.path().display()))
            .arg(format!("-rpcport={}", rpc.port()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("bitcoind can be run");
        let core = Self { child, folder, chain, rpc };
        let since = Instant::now();
        while core.try_rpc("getblockcount", &json!([])).is_none() {
            assert!(since.elapsed() < PATIENCE, "bitcoind did not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(core)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.rpc)
    }

    /// Where its cookie is.
    pub fn cookie(&self) -> PathBuf {
        self.folder.path().join(self.chain).join(".cookie")
    }

    fn try_rpc(&self, method: &str, params: &Value) -> Option<Value> {
        let cookie = base64::engine::general_purpose::STANDARD.encode(std::fs::read(self.cookie()).ok()?);
        let mut answer = ureq::post(self.url())
            .header("Authorization", format!("Basic {cookie}"))
            .config()
            .http_status_as_error(false)
            .build()
            .send(json!({"id": 1, "method": method, "params": params}).to_string())
            .ok()?;
        let answer: Value = serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()?;
        if !answer["error"].is_null() && answer["error"]["code"] != -28 {
            panic!("bitcoind: {method}: {}", answer["error"]);
        }
        answer["error"].is_null().then(|| answer["result"].clone())
    }

    /// Calls a method that must succeed.
    pub fn rpc(&self, method: &str, params: Value) -> Value {
        self.try_rpc(method, &params).unwrap_or_else(|| panic!("bitcoind: {method} failed"))
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
