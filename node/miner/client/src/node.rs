//! One node: how it is asked for work and given blocks.

use super::template::{TemplateError, Work};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::{Block, Script, hex};
use data_encoding::BASE64;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a node may take to note a report.
const REPORT: Duration = Duration::from_secs(5);
/// The largest answer that is read: a template of the largest block, in hexadecimal, and its names.
const MAX_ANSWER: u64 = 64 << 20;
/// How long a node may hold a long poll. Core answers within minutes when the mempool changes.
const LONG_POLL: Duration = Duration::from_secs(15 * 60);

/// Who the miner is for the node.
#[derive(Clone, Debug)]
pub(crate) enum Login {
    /// Nobody: the node is asked by REST.
    None,
    /// A user and a password.
    Password(String),
    /// The file that holds them. It is read for each call: a node that starts again writes another.
    Cookie(PathBuf),
}

/// Why a node did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    /// It may work later, or with another node.
    #[error("{0}")]
    Passing(String),
    /// It will not work before somebody does something.
    #[error("{0}")]
    Lasting(String),
    /// The address cannot be paid on this chain.
    #[error("{0}")]
    Address(String),
}

impl From<TemplateError> for NodeError {
    fn from(error: TemplateError) -> Self {
        match error {
            TemplateError::Wrong(text) => Self::Passing(text),
            TemplateError::Unusable(text) => Self::Lasting(text),
        }
    }
}

/// What a node gave: work, and how to wait for the next.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) work: Work,
    pub(crate) longpollid: Option<String>,
}

/// A node and how to reach it.
pub(crate) struct Node {
    /// Its URL without user and password.
    pub(crate) url: String,
    login: Login,
    agent: ureq::Agent,
    /// Whether it has not said yet that it takes no reports.
    takes_reports: AtomicBool,
}

/// An answer's status and body.
struct Reply {
    status: u16,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl Node {
    /// A node by its URL, which may hold user and password.
    pub(crate) fn new(url: &str, login: &Login, timeout: Duration) -> Result<Self, String> {
        let rest = url.strip_prefix("http://").ok_or_else(|| match url.split_once("://") {
            Some(("https", _)) => {
                format!("{url}: nodes speak http; reach one that is far away through an SSH tunnel or a VPN")
            }
            _ => format!("'{url}' is no URL of a node such as http://localhost:5000"),
        })?;
        let (user, host) = match rest.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, rest),
        };
        let host = host.trim_end_matches('/');
        if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
            return Err(format!("'http://{host}' is no URL of a node such as http://localhost:5000"));
        }
        let login = user.map_or_else(|| login.clone(), |user| Login::Password(user.to_owned()));
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(timeout))
            .build()
            .into();
        Ok(Self { url: format!("http://{host}"), login, agent, takes_reports: AtomicBool::new(true) })
    }

    fn authorization(&self) -> Result<Option<String>, NodeError> {
        let user = match &self.login {
            Login::None => return Ok(None),
            Login::Password(user) => user.clone(),
            Login::Cookie(path) => std::fs::read_to_string(path)
                .map_err(|error| {
                    NodeError::Passing(format!("{}: {error}; is the node running?", path.display()))
                })?
                .trim()
                .to_owned(),
        };
        Ok(Some(format!("Basic {}", BASE64.encode(user.as_bytes()))))
    }

    fn post(
        &self,
        path: &str,
        body: &str,
        header: (&str, &str),
        wait: Option<Duration>,
    ) -> Result<Reply, NodeError> {
        let mut request = self
            .agent
            .post(format!("{}{path}", self.url))
            .header("User-Agent", concat!("chaincore-miner/", env!("CARGO_PKG_VERSION")))
            .header(header.0, header.1);
        if let Some(authorization) = self.authorization()? {
            request = request.header("Authorization", authorization);
        }
        let request = match wait {
            Some(wait) => request.config().timeout_global(Some(wait)).build(),
            None => request,
        };
        self.finish(request.send(body))
    }

    fn finish(
        &self,
        sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Reply, NodeError> {
        let broken = |error: ureq::Error| NodeError::Passing(format!("{}: {error}", self.url));
        let mut response = sent.map_err(broken)?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(broken)?;
        Ok(Reply { status, body })
    }

    /// A call of JSON-RPC: its result, or the code and message of its error.
    fn call(
        &self,
        method: &str,
        params: &Value,
        wait: Option<Duration>,
    ) -> Result<Result<Value, (i64, String)>, NodeError> {
        let request = json!({"jsonrpc": "1.0", "id": "miner", "method": method, "params": params});
        let reply = self.post("/", &request.to_string(), ("Content-Type", "application/json"), wait)?;
        match reply.status {
            401 => return Err(NodeError::Lasting(format!("{}: wrong user or password", self.url))),
            403 => {
                return Err(NodeError::Lasting(format!(
                    "{}: the node lets this machine do nothing (403)",
                    self.url
                )));
            }
            _ => {}
        }
        let Some(mut answer) = reply.json() else {
            return Err(NodeError::Passing(format!("{}: HTTP {} without JSON", self.url, reply.status)));
        };
        if answer["error"].is_null() {
            return Ok(Ok(answer["result"].take()));
        }
        let message = answer["error"]["message"].as_str().unwrap_or("no message").to_owned();
        Ok(Err((answer["error"]["code"].as_i64().unwrap_or_default(), message)))
    }

    fn is_rest(&self) -> bool {
        matches!(self.login, Login::None)
    }

    /// The script that pays an address on the node's chain. `None` where the node itself makes the coinbase.
    pub(crate) fn script_of(&self, address: &str) -> Result<Option<Script>, NodeError> {
        if self.is_rest() {
            return Ok(None);
        }
        let said = self.call("validateaddress", &json!([address]), None)?;
        let said =
            said.map_err(|(code, text)| NodeError::Passing(format!("{}: {text} ({code})", self.url)))?;
        if said["isvalid"] != true {
            let why = said["error"].as_str().unwrap_or("it is not valid");
            return Err(NodeError::Address(format!(
                "'{address}' cannot be paid on the chain of {}: {why}",
                self.url
            )));
        }
        let script = said["scriptPubKey"].as_str().and_then(|text| hex::decode(text).ok());
        let script = script
            .ok_or_else(|| NodeError::Passing(format!("{}: validateaddress tells no script", self.url)))?;
        Ok(Some(Script(script)))
    }

    /// New work; with a `longpollid`, once there is something new.
    pub(crate) fn work(
        &self,
        address: &str,
        script: Option<&Script>,
        words: &str,
        longpollid: Option<&str>,
    ) -> Result<Given, NodeError> {
        let Some(script) = script else { return self.rest_work(address, words) };
        let mut request = json!({
            "capabilities": ["coinbasevalue", "longpoll"],
            "rules": ["segwit"],
        });
        let mut wait = None;
        if let Some(id) = longpollid {
            request["longpollid"] = json!(id);
            wait = Some(LONG_POLL);
        }
        let template = match self.call("getblocktemplate", &json!([request]), wait)? {
            Ok(template) => template,
            // Core's words where blocks need a signature (BIP325).
            Err((-8, text)) if text.contains("signet") => {
                return Err(NodeError::Lasting(
                    "blocks of a signet carry its owner's signature; only its owner can mine them".into(),
                ));
            }
            Err((code, text)) => return Err(NodeError::Passing(format!("{}: {text} ({code})", self.url))),
        };
        let longpollid = template["longpollid"].as_str().map(str::to_owned);
        Ok(Given { work: Work::from_template(&template, script, words)?, longpollid })
    }

    fn rest_work(&self, address: &str, words: &str) -> Result<Given, NodeError> {
        let body = json!({"miner_address": address}).to_string();
        let reply = self.post("/mine_block", &body, ("Content-Type", "application/json"), None)?;
        let answer = reply.json().unwrap_or_default();
        let said = answer["error"]["message"].as_str().unwrap_or_default();
        match reply.status {
            200 => {}
            400 if answer["error"]["code"].as_str().is_some_and(|code| code.contains("address")) => {
                return Err(NodeError::Address(said.to_owned()));
            }
            401 | 403..=405 => {
                return Err(NodeError::Lasting(format!(
                    "{}: it serves no POST /mine_block (HTTP {}); for JSON-RPC say --cookie FILE or --rpcuser and --rpcpassword",
                    self.url, reply.status
                )));
            }
            status => return Err(NodeError::Passing(format!("{}: HTTP {status} {said}", self.url))),
        }
        Ok(Given { work: Work::from_block(&answer, words)?, longpollid: None })
    }

    /// The hash of the tip, for nodes that are not asked by long polls.
    pub(crate) fn tip(&self) -> Result<String, NodeError> {
        if !self.is_rest() {
            let said = self.call("getbestblockhash", &json!([]), None)?;
            let hash = said.ok().and_then(|hash| hash.as_str().map(str::to_owned));
            return hash
                .ok_or_else(|| NodeError::Passing(format!("{}: getbestblockhash tells no hash", self.url)));
        }
        let request = self.agent.get(format!("{}/status", self.url));
        let reply = self.finish(request.call())?;
        let hash = reply.json().and_then(|status| status["best_block_hash"].as_str().map(str::to_owned));
        hash.ok_or_else(|| {
            NodeError::Passing(format!(
                "{}: /status tells no best_block_hash (HTTP {})",
                self.url, reply.status
            ))
        })
    }

    /// Tells the node how the miner works. One that takes no reports (Bitcoin Core, or one that is far away and has no
    /// password) is not told again; what is lost is told by the next report.
    pub(crate) fn report(&self, report: &Value) {
        if !self.takes_reports.load(Ordering::Relaxed) {
            return;
        }
        let header = ("Content-Type", "application/json");
        if let Ok(reply) = self.post("/mining_stats", &report.to_string(), header, Some(REPORT)) {
            let refused = (400..500).contains(&reply.status) && reply.status != 429;
            self.takes_reports.store(!refused, Ordering::Relaxed);
        }
    }

    /// Hands a block in. `Ok(None)` if it became the tip, `Ok(Some(reason))` if it did not.
    pub(crate) fn submit(&self, block: &Block) -> Result<Option<String>, NodeError> {
        let text = hex::encode(&block.to_bytes());
        if self.is_rest() {
            let reply = self.post("/submit_block", &text, ("X-Local-Mining", "true"), None)?;
            let answer = reply.json().unwrap_or_default();
            return match reply.status {
                200 if answer["status"] == "accepted" => Ok(None),
                200..=299 => Ok(Some(answer["status"].as_str().unwrap_or("unknown").to_owned())),
                400 => Ok(Some(answer["error"]["message"].as_str().unwrap_or("refused").to_owned())),
                status => Err(NodeError::Passing(format!("{}: HTTP {status} for a block", self.url))),
            };
        }
        match self.call("submitblock", &json!([text]), None)? {
            Ok(Value::Null) => Ok(None),
            Ok(said) => Ok(Some(said.as_str().unwrap_or("refused").to_owned())),
            Err((code, text)) => Err(NodeError::Passing(format!("{}: {text} ({code})", self.url))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_with_their_passwords_and_shown_without() {
        let node = |url: &str| Node::new(url, &Login::None, Duration::from_secs(1));
        let known = node("http://alice:pass@word@localhost:8332/").unwrap();
        assert_eq!(known.url, "http://localhost:8332");
        assert!(matches!(&known.login, Login::Password(user) if user == "alice:pass@word"));
        assert!(node("http://localhost:5000").unwrap().is_rest());
        for (url, words) in [
            ("https://node.example", "SSH tunnel"),
            ("localhost:5000", "no URL"),
            ("http://", "no URL"),
            ("http://a:b@c/path", "no URL"),
        ] {
            let said = node(url).err().unwrap_or_default();
            assert!(said.contains(words) && !said.contains("a:b"), "{url}: {said}");
        }
    }
}
