//! A `chaincored` process under test.

use serde_json::{Value, json};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

/// How long anything a node is waited for may take. Generous: it is a bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(120);

/// The path of one of the project's binaries, built first if need be in the profile of the running test.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            // `cargo xtask test` has built them, with the features of the whole workspace.
            if let Some(folder) = std::env::var_os("CHAINCORE_BINARIES") {
                return folder.into();
            }
            // A test binary lies in <target>/<profile>/deps.
            let test = std::env::current_exe().expect("a test has an executable");
            let folder = test.parent().and_then(Path::parent).expect("<target>/<profile>/deps/<test>");
            let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            build.current_dir(env!("CARGO_MANIFEST_DIR"));
            build.args(["build", "--quiet", "-p", "chaincore-node", "-p", "chaincore-cli"]);
            build.args(["-p", "chaincore-monitor", "-p", "chaincore-miner-client", "-p", "chaincore-wallet"]);
            build.arg("--bins");
            build.arg("--target-dir").arg(folder.parent().expect("a profile folder lies in a target folder"));
            if folder.ends_with("release") {
                build.arg("--release");
            }
            let status = build.status().expect("cargo can be run");
            assert!(status.success(), "building the binaries failed: {status}");
            folder.to_path_buf()
        })
        .join(name)
}

/// What an RPC call that did not succeed said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcFailure {
    /// The error code.
    pub code: i64,
    /// The error message.
    pub message: String,
}

/// A running node and its folder.
pub struct TestNode {
    child: Option<Child>,
    datadir: PathBuf,
    own_folder: Option<tempfile::TempDir>,
    args: Vec<String>,
    url: String,
    agent: ureq::Agent,
}

impl TestNode {
    /// Starts a node with a new folder and these arguments besides `-datadir` and the ports.
    pub fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut node = Self::new(folder.path(), args);
        node.own_folder = Some(folder);
        node.launch();
        node
    }

    /// Starts a node on a folder that outlives it.
    pub fn start_in(datadir: &Path, args: &[&str]) -> Self {
        let mut node = Self::new(datadir, args);
        node.launch();
        node
    }

    fn new(datadir: &Path, args: &[&str]) -> Self {
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        Self {
            child: None,
            datadir: datadir.to_path_buf(),
            own_folder: None,
            args: args.iter().map(ToString::to_string).collect(),
            url: String::new(),
            agent: config.into(),
        }
    }

    /// The command that starts this node.
    pub fn command(datadir: &Path, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(binary("chaincored"));
        command
            .arg(format!("-datadir={}", datadir.display()))
            // A node of a test must not find the nodes of whoever runs it, unless it is told to.
            .args(["--api-port=0", "--p2p-port=0", "--no-discover"])
            .args(args);
        command
    }

    /// Starts the process (again) and waits until it answers.
    pub fn launch(&mut self) {
        assert!(self.child.is_none(), "the node is running");
        let mut child = Self::command(&self.datadir, &self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("chaincored can be started");
        let stdout = child.stdout.take().expect("stdout is piped");
        let (found, url) = mpsc::channel();
        // The pipe is read to its end, so that the node never waits for a reader.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(at) = line.find("http://") {
                    let url = line[at..].split_whitespace().next().unwrap_or_default();
                    let _ = found.send(url.trim_end_matches('/').to_string());
                }
            }
        });
        self.url = url.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let status = child.try_wait();
            let _ = child.kill();
            panic!("the node did not say where it listens; it ended with {status:?}\n{}", self.log_tail())
        });
        self.child = Some(child);
        let since = Instant::now();
        loop {
            match self.try_rpc("getblockcount", json!([])) {
                Ok(_) => return,
                Err(failure) if failure.code == -28 && since.elapsed() < PATIENCE => {}
                Err(failure) => panic!("the node did not come up: {failure:?}\n{}", self.log_tail()),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The folder given as `-datadir`.
    pub fn datadir(&self) -> &Path {
        &self.datadir
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the node is running").id()
    }

    /// Where the node listens for peers.
    pub fn p2p_address(&self) -> SocketAddr {
        let log = self.log();
        let line = log.lines().rev().find_map(|line| line.split_once("Bound to ")).expect("it listens");
        let bound: SocketAddr = line.1.trim().parse().expect("an address");
        SocketAddr::from(([127, 0, 0, 1], bound.port()))
    }

    /// The node's log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.chain_dir().join("debug.log")).expect("the log can be read")
    }

    /// The folder of the chain's data, the one with the cookie.
    pub fn chain_dir(&self) -> PathBuf {
        self.find_file(".cookie").parent().expect("a file has a folder").to_path_buf()
    }

    fn find_file(&self, name: &str) -> PathBuf {
        let direct = self.datadir.join(name);
        if direct.exists() {
            return direct;
        }
        let entries = std::fs::read_dir(&self.datadir).expect("the datadir can be read");
        entries
            .filter_map(Result::ok)
            .map(|entry| entry.path().join(name))
            .find(|path| path.exists())
            .unwrap_or_else(|| panic!("no {name} below {}", self.datadir.display()))
    }

    /// The value of an `Authorization` header that the node takes.
    pub fn authorization(&self) -> String {
        use base64::Engine;
        let cookie = std::fs::read_to_string(self.find_file(".cookie")).expect("the cookie can be read");
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(cookie))
    }

    /// Calls a method; its result or its error.
    pub fn try_rpc(&self, method: &str, params: Value) -> Result<Value, RpcFailure> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let transport = |error: &dyn std::fmt::Display| RpcFailure { code: 0, message: error.to_string() };
        let mut response = self
            .agent
            .post(&self.url)
            .header("Authorization", self.authorization())
            .send(request.to_string())
            .map_err(|error| transport(&error))?;
        let text =
            response.body_mut().with_config().limit(1 << 30).read_to_string().map_err(|e| transport(&e))?;
        let reply: Value = serde_json::from_str(&text).map_err(|error| transport(&error))?;
        match reply.get("error") {
            None | Some(Value::Null) => Ok(reply["result"].clone()),
            Some(error) => Err(RpcFailure {
                code: error["code"].as_i64().unwrap_or_default(),
                message: error["message"].as_str().unwrap_or_default().to_string(),
            }),
        }
    }

    /// Calls a method that must succeed.
    pub fn rpc(&self, method: &str, params: Value) -> Value {
        let shown = params.to_string();
        self.try_rpc(method, params).unwrap_or_else(|failure| {
            let shown: String = shown.chars().take(300).collect();
            panic!("{method} {shown}: {failure:?}\n{}", self.log_tail())
        })
    }

    /// `GET`s a path without authentication: the status and the body.
    pub fn get(&self, path: &str) -> (u16, String) {
        let mut response = self.agent.get(format!("{}{path}", self.url)).call().expect("the node answers");
        let body = response.body_mut().with_config().limit(1 << 30).read_to_string().expect("a text");
        (response.status().as_u16(), body)
    }

    /// `GET`s a path that must answer 200 with JSON.
    pub fn get_json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }

    /// `POST`s a JSON body without authentication: the status and the reply.
    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let mut response = self
            .agent
            .post(format!("{}{path}", self.url))
            .content_type("application/json")
            .send(body.to_string())
            .expect("the node answers");
        let text = response.body_mut().with_config().limit(1 << 30).read_to_string().expect("a text");
        (response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Runs `chaincore-cli` against this node.
    pub fn cli(&self, args: &[&str]) -> Output {
        let port = self.url.rsplit(':').next().expect("a URL with a port");
        let mut command = Command::new(binary("chaincore-cli"));
        command.arg(format!("-datadir={}", self.datadir.display())).arg(format!("-rpcport={port}"));
        // The daemon's choice of chain is the client's too.
        command.args(self.args.iter().filter(|arg| {
            let name = arg.trim_start_matches('-').split('=').next().unwrap_or_default();
            ["regtest", "testnet4", "signet", "chain", "chain-file"].contains(&name)
        }));
        command.args(args).output().expect("chaincore-cli can be run")
    }

    /// Kills the process as `kill -9` does.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("the node is running");
        child.kill().expect("the node can be killed");
        child.wait().expect("the node can be waited for");
    }

    /// Waits for a process that something else has killed, or kills it now.
    pub fn reap(&mut self) {
        let mut child = self.child.take().expect("the node was started");
        let _ = child.kill();
        child.wait().expect("the node can be waited for");
    }

    /// Stops the node by RPC and returns its exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.rpc("stop", json!([]));
        self.wait_exit()
    }

    /// Waits until the process ends by itself; its exit code.
    pub fn wait_exit(&mut self) -> Option<i32> {
        let mut child = self.child.take().expect("the node is running");
        let since = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("the node can be waited for") {
                return status.code();
            }
            if since.elapsed() > PATIENCE {
                let _ = child.kill();
                panic!("the node did not stop\n{}", self.log_tail());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks until the answer is `want`.
    pub fn wait_until(&self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let since = Instant::now();
        while !done(self) {
            assert!(since.elapsed() < PATIENCE, "waited in vain until {what}\n{}", self.log_tail());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The end of the node's log.
    pub fn log_tail(&self) -> String {
        let mut folders = vec![self.datadir.clone()];
        let entries = std::fs::read_dir(&self.datadir).into_iter().flatten().filter_map(Result::ok);
        folders.extend(entries.map(|entry| entry.path()));
        let log =
            folders.into_iter().find_map(|folder| std::fs::read_to_string(folder.join("debug.log")).ok());
        let log = log.unwrap_or_else(|| "no debug.log".into());
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
