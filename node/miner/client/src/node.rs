//! One node: how it is asked for work and given blocks.

use super::template::{TemplateError, Work};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::params::{ChainParams, Retarget};
use chaincore_consensus::{Block, Script, hex};
use data_encoding::BASE64;
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a node may take to note a report.
const REPORT: Duration = Duration::from_secs(5);
/// The status of a node that is asked too much, how often it is asked all the same, and the waits in between if it does
/// not say how long, and at most.
const TOO_MANY: u16 = 429;
const BUSY_ATTEMPTS: u32 = 5;
const BUSY: Duration = Duration::from_secs(1);
const LONGEST_BUSY: Duration = Duration::from_secs(10);
/// Why nobody else mines a signet (BIP325).
pub(crate) const SIGNED: &str =
    "blocks of a signet carry its owner's signature; only its owner can mine them";
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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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

impl NodeError {
    /// Of a node whose template is of no use.
    fn template(url: &str, error: TemplateError) -> Self {
        match error {
            TemplateError::Wrong(_) => Self::Passing(format!("{url}: {error}")),
            TemplateError::Unusable(text) => Self::Lasting(text),
        }
    }
}

/// What must be known of a node's chain before work is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// The script that pays the miner. `None` where the node itself makes the coinbase.
    script: Option<Script>,
    /// Whether the target stays right when a block's time moves on; not so on testnets, where time makes blocks easy.
    is_time_free: bool,
}

#[cfg(test)]
impl Terms {
    /// Those of a chain of which nothing is known.
    pub(crate) fn of_nobody() -> Self {
        Self { script: None, is_time_free: false }
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
    timeout: Duration,
    /// Whether it has not said yet that it takes no reports.
    takes_reports: AtomicBool,
}

/// An answer's status and body.
struct Reply {
    status: u16,
    body: Vec<u8>,
    /// When a node that is asked too much wants to be asked again.
    again_after: Option<Duration>,
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
        // The colons of an IPv6 address stand in brackets.
        let after_name = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
        if let Some((_, port)) = after_name.rsplit_once(':')
            && !port.parse::<u16>().is_ok_and(|port| port > 0)
        {
            return Err(format!("'http://{host}': {port} is no port; ports are 1 to 65535"));
        }
        let login = user.map_or_else(|| login.clone(), |user| Login::Password(user.to_owned()));
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(timeout))
            .build()
            .into();
        Ok(Self {
            url: format!("http://{host}"),
            login,
            agent,
            timeout,
            takes_reports: AtomicBool::new(true),
        })
    }

    fn authorization(&self) -> Result<Option<String>, NodeError> {
        let user = match &self.login {
            Login::None => return Ok(None),
            Login::Password(user) => user.clone(),
            Login::Cookie(path) => read_cookie(path)?,
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
        let wait = wait.unwrap_or(self.timeout);
        let mut attempts = 0;
        loop {
            let mut request = self
                .agent
                .post(format!("{}{path}", self.url))
                .header("User-Agent", concat!("chaincore-miner/", env!("CARGO_PKG_VERSION")))
                .header(header.0, header.1);
            if let Some(authorization) = self.authorization()? {
                request = request.header("Authorization", authorization);
            }
            let request = request.config().timeout_global(Some(wait)).build();
            let reply = self.finish(request.send(body), wait)?;
            attempts += 1;
            // On an easy chain blocks come faster than a node likes to be asked: it says when to come again.
            if reply.status != TOO_MANY || attempts == BUSY_ATTEMPTS {
                return Ok(reply);
            }
            std::thread::sleep(reply.again_after.unwrap_or(BUSY).min(LONGEST_BUSY));
        }
    }

    fn finish(
        &self,
        sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
        wait: Duration,
    ) -> Result<Reply, NodeError> {
        let broken = |error| NodeError::Passing(format!("{}: {}", self.url, in_words(&error, wait)));
        let mut response = sent.map_err(broken)?;
        let status = response.status().as_u16();
        let again = response.headers().get("Retry-After").and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(broken)?;
        Ok(Reply { status, body, again_after: again.map(Duration::from_secs) })
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
            if reply.status != 200 {
                return Err(NodeError::Passing(format!("{}: HTTP {}", self.url, reply.status)));
            }
            return Ok(Ok(answer["result"].take()));
        }
        let message = answer["error"]["message"].as_str().unwrap_or("no message").to_owned();
        Ok(Err((answer["error"]["code"].as_i64().unwrap_or_default(), message)))
    }

    fn is_rest(&self) -> bool {
        matches!(self.login, Login::None)
    }

    /// What the node's chain says of an address and of time.
    pub(crate) fn terms(&self, address: &str) -> Result<Terms, NodeError> {
        if self.is_rest() {
            // A node that does not tell its chain is asked for new work instead of moving the time of the old.
            let is_time_free = self.status().is_ok_and(|status| is_time_free(status["chain"].as_str()));
            return Ok(Terms { script: None, is_time_free });
        }
        let said = self.ask("validateaddress", &json!([address]))?;
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
        // A user who may not ask for it can mine all the same.
        let chain = self.ask("getblockchaininfo", &json!([])).unwrap_or_default();
        Ok(Terms { script: Some(Script(script)), is_time_free: is_time_free(chain["chain"].as_str()) })
    }

    /// A call whose error may pass.
    fn ask(&self, method: &str, params: &Value) -> Result<Value, NodeError> {
        let said = self.call(method, params, None)?;
        said.map_err(|(code, text)| NodeError::Passing(format!("{}: {text} ({code})", self.url)))
    }

    /// New work; with a `longpollid`, once there is something new.
    pub(crate) fn work(
        &self,
        address: &str,
        terms: &Terms,
        words: &str,
        longpollid: Option<&str>,
    ) -> Result<Given, NodeError> {
        let Some(script) = &terms.script else { return self.rest_work(address, terms, words) };
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
                return Err(NodeError::Lasting(SIGNED.into()));
            }
            Err((code, text)) => return Err(NodeError::Passing(format!("{}: {text} ({code})", self.url))),
        };
        let longpollid = template["longpollid"].as_str().map(str::to_owned);
        let work = Work::from_template(&template, script, words)
            .map_err(|error| NodeError::template(&self.url, error))?;
        Ok(Given { work: work.with_free_time(terms.is_time_free), longpollid })
    }

    fn rest_work(&self, address: &str, terms: &Terms, words: &str) -> Result<Given, NodeError> {
        let body = json!({"miner_address": address}).to_string();
        let reply = self.post("/mine_block", &body, ("Content-Type", "application/json"), None)?;
        let answer = reply.json().unwrap_or_default();
        let said = answer["error"]["message"].as_str().unwrap_or_default();
        let code = answer["error"]["code"].as_str().unwrap_or_default();
        match reply.status {
            200 => {}
            _ if code.contains("signet") || said.to_lowercase().contains("signet") => {
                return Err(NodeError::Lasting(SIGNED.into()));
            }
            400 if code.contains("address") => {
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
        let work = Work::from_block(&answer, words).map_err(|error| NodeError::template(&self.url, error))?;
        Ok(Given { work: work.with_free_time(terms.is_time_free), longpollid: None })
    }

    /// The hash of the tip, for nodes that are not asked by long polls.
    pub(crate) fn tip(&self) -> Result<String, NodeError> {
        if !self.is_rest() {
            let said = self.ask("getbestblockhash", &json!([]))?;
            return said
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| NodeError::Passing(format!("{}: getbestblockhash tells no hash", self.url)));
        }
        let status = self.status()?;
        let hash = status["best_block_hash"].as_str().map(str::to_owned);
        hash.ok_or_else(|| NodeError::Passing(format!("{}: /status tells no best_block_hash", self.url)))
    }

    fn status(&self) -> Result<Value, NodeError> {
        let request = self.agent.get(format!("{}/status", self.url));
        let reply = self.finish(request.call(), self.timeout)?;
        reply
            .json()
            .filter(|_| reply.status == 200)
            .ok_or_else(|| NodeError::Passing(format!("{}: HTTP {} for /status", self.url, reply.status)))
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

    /// Hands a block in. `Ok(None)` if it became the tip, `Ok(Some(reason))` if it did not: the reason is `duplicate` if
    /// the node has the block already.
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

/// User and password from a file. A node that starts again writes another, and a little later.
fn read_cookie(path: &Path) -> Result<String, NodeError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let path = path.display();
        NodeError::Passing(match error.kind() {
            ErrorKind::NotFound => format!(
                "the cookie file {path} is not there: a node writes it when it starts, as .cookie in the folder of its \
                 chain (for Bitcoin Core ~/.bitcoin/.cookie, ~/.bitcoin/regtest/.cookie and so on)"
            ),
            _ => format!("the cookie file {path} cannot be read: {error}"),
        })
    })?;
    Ok(text.trim().to_owned())
}

/// Whether a block's time may move on without another target on the chain of this name. Nothing is known of the chains
/// of others.
fn is_time_free(chain: Option<&str>) -> bool {
    let params = chain.and_then(ChainParams::by_name);
    params.is_some_and(|params| params.retarget != Retarget::TestnetMinDifficulty)
}

/// What went wrong on the way to a node, for people.
fn in_words(error: &ureq::Error, wait: Duration) -> String {
    match error {
        ureq::Error::Timeout(_) => format!("no answer within {} s", wait.as_secs()),
        ureq::Error::HostNotFound => "there is no such host".into(),
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => "nothing listens there (connection refused)".into(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
                "the connection broke".into()
            }
            ErrorKind::TimedOut => format!("no answer within {} s", wait.as_secs()),
            _ => error.to_string(),
        },
        error => error.to_string(),
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
            ("http://127.0.0.1:99999", "99999 is no port"),
            ("http://a:b@[::1]:0", "0 is no port"),
            ("http://localhost:", "is no port"),
        ] {
            let said = node(url).err().unwrap_or_default();
            assert!(said.contains(words) && !said.contains("a:b"), "{url}: {said}");
        }
        assert_eq!(node("http://[::1]").unwrap().url, "http://[::1]");
    }

    #[test]
    fn only_where_time_makes_no_block_easy_may_it_move() {
        for (chain, free) in [
            (Some("main"), true),
            (Some("regtest"), true),
            (Some("chaincore"), true),
            (Some("test"), false),
            (Some("testnet4"), false),
            (Some("somebody's own"), false),
            (None, false),
        ] {
            assert_eq!(is_time_free(chain), free, "{chain:?}");
        }
    }

    #[test]
    fn a_cookie_that_is_not_there_is_said_to_be_missing() {
        let said = read_cookie(Path::new("/nonexistent/.cookie")).unwrap_err().to_string();
        assert!(said.contains("/nonexistent/.cookie is not there") && said.contains("~/.bitcoin"), "{said}");
    }
}
