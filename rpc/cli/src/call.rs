//! One call: find the node, send the request, wait for the node if asked to. Texts are those of bitcoin-cli.

use std::time::{Duration, Instant};

use chaincore_rpc::client::{Client, ClientError, ClientOptions, Credentials, HttpReply};
use chaincore_rpc::conf::{Conf, ConfError, read_cookie};
use chaincore_rpc::error::code;
use chaincore_rpc::json::Json;
use hyper::Method;

/// Why a call has no reply. All but [`CallError::Unreachable`] and [`CallError::NoCookie`] are final.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The node cannot be reached, or is still starting.
    #[error("{0}")]
    Unreachable(String),
    /// The node refused the cookie, or there is none: a node that is just starting may not have written its own yet.
    #[error("{0}")]
    NoCookie(String),
    /// The node answered with something that is no reply, or refused.
    #[error("{0}")]
    Refused(String),
    /// An option has a bad value.
    #[error(transparent)]
    Option(#[from] ConfError),
}

/// How the node proves that it may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Password,
    Cookie,
    UnreadableCookie,
    DisabledCookie,
}

/// What is needed for a call.
#[derive(Debug)]
pub struct Caller {
    host: String,
    port: u16,
    timeout: Option<Duration>,
    wait: bool,
    wait_limit: Option<Duration>,
    runtime: tokio::runtime::Runtime,
}

impl Caller {
    /// Finds host and port: `-rpcport`, else the port in `-rpcconnect`, else the chain's.
    pub fn new(conf: &Conf) -> Result<Self, CallError> {
        let settings = &conf.settings;
        let place = settings.text("rpcconnect").filter(|text| !text.is_empty() && text != "0");
        let place = place.unwrap_or_else(|| "127.0.0.1".to_owned());
        let (host, port_of_host) = split_host_port(&place)
            .ok_or_else(|| CallError::Refused(format!("Invalid port provided in -rpcconnect: {place}")))?;
        let port = match settings.text("rpcport") {
            None => port_of_host.unwrap_or(conf.chain.params.rpc_port),
            Some(text) => {
                let port = text.parse::<u16>().ok().filter(|port| *port != 0);
                let wrong = || CallError::Refused(format!("Invalid port provided in -rpcport: {text}"));
                let port = port.ok_or_else(wrong)?;
                if port_of_host.is_some() {
                    crate::warn(&format!(
                        "Warning: Port specified in both -rpcconnect and -rpcport. Using -rpcport {port}"
                    ));
                }
                port
            }
        };
        let seconds = |name, default| -> Result<Option<Duration>, ConfError> {
            let seconds = settings.number(name, i64::MIN..=i64::MAX)?.unwrap_or(default);
            Ok(u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs))
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| CallError::Refused(format!("no runtime: {error}")))?;
        Ok(Self {
            host,
            port,
            timeout: seconds("rpcclienttimeout", 900)?,
            wait: settings.switch_or("rpcwait", false)?,
            wait_limit: seconds("rpcwaittimeout", 0)?,
            runtime,
        })
    }

    /// Sends `body` and returns the reply; waits for a node that is not there yet if `-rpcwait` was given.
    pub fn call(&self, conf: &Conf, body: &Json, wallet: Option<&str>) -> Result<Json, CallError> {
        let since = Instant::now();
        loop {
            let failure = match self.try_call(conf, body, wallet) {
                Ok(reply) if self.wait && is_starting(&reply) => "server in warmup".to_owned(),
                Err(CallError::Unreachable(text) | CallError::NoCookie(text)) if self.wait => text,
                done => return done,
            };
            if self.wait_limit.is_some_and(|limit| since.elapsed() >= limit) {
                return Err(CallError::Unreachable(format!("timeout on transient error: {failure}")));
            }
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    fn try_call(&self, conf: &Conf, body: &Json, wallet: Option<&str>) -> Result<Json, CallError> {
        // The cookie may be there only after the node has started, so it is read for every attempt.
        let (credentials, proof) = credentials(conf);
        let path = wallet.map_or_else(|| "/".to_owned(), |name| format!("/wallet/{}", percent_encode(name)));
        let client = Client::new(ClientOptions {
            host: self.host.clone(),
            port: self.port,
            path: path.clone(),
            credentials,
            timeout: self.timeout,
        });
        let reply = self
            .runtime
            .block_on(client.http(Method::POST, &path, format!("{body}\n")))
            .map_err(|error| self.unreachable(&error))?;
        self.read(conf, proof, &reply)
    }

    fn unreachable(&self, error: &ClientError) -> CallError {
        let why = match error {
            // The kind of this error has no stable name.
            ClientError::Connect { source, .. } if source.to_string().contains("lookup address") => {
                format!("Could not resolve host: {}", self.host)
            }
            ClientError::Connect { .. } => "Could not connect to the server".to_owned(),
            other => other.to_string(),
        };
        CallError::Unreachable(format!(
            "Error while attempting to communicate with server {}:{} ({why})\n\nMake sure the chaincored server is running \
             and that you are connecting to the correct RPC port.\nUse \"chaincore-cli -help\" for more info.",
            self.host, self.port
        ))
    }

    fn read(&self, conf: &Conf, proof: Proof, reply: &HttpReply) -> Result<Json, CallError> {
        let refused = |text: String| Err(CallError::Refused(text));
        match reply.status {
            401 => {
                let why = match proof {
                    Proof::Password => "Incorrect rpcuser or rpcpassword were specified.",
                    Proof::Cookie => "Cookie file credentials were invalid and no rpcpassword was specified.",
                    Proof::UnreadableCookie => "Failed to read cookie file and no rpcpassword was specified.",
                    Proof::DisabledCookie => {
                        "Cookie file was disabled via -norpccookiefile and no rpcpassword was specified."
                    }
                };
                let text =
                    format!("Authorization failed: {why} Configuration file: ({})", conf.conf_path.display());
                match proof {
                    Proof::Cookie | Proof::UnreadableCookie => Err(CallError::NoCookie(text)),
                    Proof::Password | Proof::DisabledCookie => refused(text),
                }
            }
            503 => refused(format!("Server response: {}", String::from_utf8_lossy(&reply.body))),
            400 | 404 | 500 => self.parse(reply),
            status if status >= 400 => refused(format!("server returned HTTP error {status}")),
            _ => self.parse(reply),
        }
    }

    fn parse(&self, reply: &HttpReply) -> Result<Json, CallError> {
        let refused = |text: &str| Err(CallError::Refused(text.to_owned()));
        if reply.body.is_empty() {
            return refused("no response from server");
        }
        match Json::parse(&reply.body) {
            None => refused("couldn't parse reply from server"),
            Some(Json::Object(members)) if members.is_empty() => {
                refused("expected reply to have result, error and id properties")
            }
            Some(json @ (Json::Object(_) | Json::Array(_))) => Ok(json),
            Some(_) => refused("expected reply to have result, error and id properties"),
        }
    }
}

fn is_starting(reply: &Json) -> bool {
    let replies = reply.get_array().unwrap_or(std::slice::from_ref(reply));
    replies.iter().any(|reply| reply.field("error").field("code").get_int() == Ok(code::IN_WARMUP))
}

/// Password if there is one, else the cookie.
fn credentials(conf: &Conf) -> (Credentials, Proof) {
    let settings = &conf.settings;
    if let Some(password) = settings.text("rpcpassword").filter(|text| !text.is_empty()) {
        let user = settings.text("rpcuser").unwrap_or_default();
        return (Credentials::Password { user, password }, Proof::Password);
    }
    let Some(path) = conf.cookie_path() else { return (Credentials::None, Proof::DisabledCookie) };
    match read_cookie(&path) {
        Ok(pair) => {
            let (user, password) = pair.split_once(':').unwrap_or((&pair, ""));
            let (user, password) = (user.to_owned(), password.to_owned());
            (Credentials::Password { user, password }, Proof::Cookie)
        }
        // The node is asked all the same: whether it listens at all is the better thing to know.
        Err(_) => (Credentials::None, Proof::UnreadableCookie),
    }
}

/// `host`, `host:port`, `[v6]:port` or a bare v6 address; `None` if the port is none.
fn split_host_port(text: &str) -> Option<(String, Option<u16>)> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port != 0);
    if let Some((host, after)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return match after.strip_prefix(':') {
            Some(digits) => Some((host.to_owned(), Some(port(digits)?))),
            None => after.is_empty().then(|| (host.to_owned(), None)),
        };
    }
    match text.split_once(':') {
        Some((host, digits)) if !digits.contains(':') => Some((host.to_owned(), Some(port(digits)?))),
        _ => Some((text.to_owned(), None)),
    }
}

/// A wallet's name in a URL.
fn percent_encode(name: &str) -> String {
    let mut path = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                path.push(char::from(byte))
            }
            byte => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_told_apart() {
        let split = |text| split_host_port(text).map(|(host, port)| (host, port.unwrap_or(0)));
        assert_eq!(split("127.0.0.1"), Some(("127.0.0.1".into(), 0)));
        assert_eq!(split("localhost:5001"), Some(("localhost".into(), 5001)));
        assert_eq!(split("[::1]:5001"), Some(("::1".into(), 5001)));
        assert_eq!(split("[::1]"), Some(("::1".into(), 0)));
        assert_eq!(split("::1"), Some(("::1".into(), 0)));
        for text in ["host:0", "host:70000", "host:x", "host:", "[::1]x", "[::1]:"] {
            assert_eq!(split(text), None, "{text}");
        }
    }

    #[test]
    fn wallet_names_are_encoded() {
        assert_eq!(percent_encode("a b/\u{e9}.~"), "a%20b%2F%C3%A9.~");
    }
}
