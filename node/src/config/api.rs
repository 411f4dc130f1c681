//! JSON-RPC and REST.

use std::path::PathBuf;
use std::time::Duration;

use chaincore_rpc::conf::{Conf, ConfError};
use chaincore_rpc::web::{ConnectError, ConnectOrigin};

/// Who may read the cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieReaders {
    /// The user that runs the node (mode 0600).
    Owner,
    /// Its group too (0640).
    Group,
    /// Everybody (0644).
    All,
}

/// How JSON-RPC and REST are served.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Whether they are served at all.
    pub enabled: bool,
    /// Hosts and ports to listen on.
    pub binds: Vec<(String, u16)>,
    /// Addresses, networks with a mask or with bits, that may ask; this machine always may.
    pub allow: Vec<String>,
    /// User and password in the clear, if there is a password.
    pub password: Option<(String, String)>,
    /// `user:salt$hash` entries.
    pub auth: Vec<String>,
    /// Where the cookie is written, if it is; there is none where a password is set.
    pub cookie: Option<PathBuf>,
    /// Who may read it.
    pub cookie_readers: CookieReaders,
    /// Calls that are worked on at the same time.
    pub threads: usize,
    /// Calls that may wait for their turn.
    pub queue: usize,
    /// Calls that may wait for something to happen.
    pub long_polls: usize,
    /// When an idle connection is closed.
    pub idle_timeout: Duration,
    /// `user:method,method` entries.
    pub whitelist: Vec<String>,
    /// Whether users without an entry may call nothing.
    pub whitelist_default: bool,
    /// Whether Core's `/rest/` paths are served.
    pub core_rest: bool,
    /// REST requests per second and client address; `None` for no limit.
    pub rate_limit: Option<u32>,
    /// Origins whose pages may read REST answers.
    pub cors_origins: Vec<String>,
    /// Tokens that open the subscriptions over a WebSocket without a password.
    pub feed_tokens: Vec<String>,
    /// A folder with the web app, instead of the one in the program.
    pub web_folder: Option<PathBuf>,
    /// Other nodes that the web app may ask.
    pub web_connect: Vec<ConnectOrigin>,
    /// Names of this machine, besides `localhost`, that requests may be for.
    pub host_names: Vec<String>,
}

impl ApiConfig {
    pub(super) fn read(conf: &Conf) -> Result<Self, ConfError> {
        let settings = &conf.settings;
        let port = settings.port("rpcport")?.unwrap_or(conf.chain.params.rpc_port);
        let allow = settings.list("rpcallowip");
        let mut binds = Vec::new();
        for bind in settings.list("rpcbind") {
            let (host, own_port) = split_host_port(&bind)
                .ok_or_else(|| ConfError::Value(format!("Invalid port specified in -rpcbind: '{bind}'")))?;
            binds.push((host, own_port.unwrap_or(port)));
        }
        // Core's rule: nobody opens the port to a network by an -rpcbind alone.
        if binds.is_empty() || allow.is_empty() {
            binds = vec![("127.0.0.1".to_owned(), port)];
            // A port that the system chooses would be another one for each address.
            if port != 0 {
                binds.push(("::1".to_owned(), port));
            }
        }
        let password = settings.text("rpcpassword").filter(|password| !password.is_empty());
        let user = settings.text("rpcuser").unwrap_or_default();
        let whitelist = settings.list("rpcwhitelist");
        let cookie_readers = match settings.text("rpccookieperms").as_deref() {
            None | Some("owner") => CookieReaders::Owner,
            Some("group") => CookieReaders::Group,
            Some("all") => CookieReaders::All,
            Some(other) => {
                return Err(ConfError::Value(format!(
                    "Invalid -rpccookieperms={other}; must be one of 'owner', 'group', or 'all'."
                )));
            }
        };
        Ok(Self {
            enabled: settings.switch_or("server", true)?,
            binds,
            allow,
            cookie: if password.is_none() { conf.cookie_path() } else { None },
            password: password.map(|password| (user, password)),
            auth: settings.list("rpcauth"),
            cookie_readers,
            threads: settings.number("rpcthreads", 1..=1024)?.unwrap_or(16),
            queue: settings.number("rpcworkqueue", 1..=1 << 20)?.unwrap_or(64),
            long_polls: settings.number("rpclongpolls", 1..=1_000_000)?.unwrap_or(2000),
            idle_timeout: Duration::from_secs(
                settings.number("rpcservertimeout", 0..=u64::MAX >> 1)?.unwrap_or(30),
            ),
            whitelist_default: settings.switch_or("rpcwhitelistdefault", !whitelist.is_empty())?,
            whitelist,
            core_rest: settings.switch_or("rest", false)?,
            rate_limit: Some(settings.number("ratelimit", 0..=1 << 20)?.unwrap_or(100))
                .filter(|limit| *limit != 0),
            cors_origins: settings.list("cors"),
            feed_tokens: feed_tokens(settings.list("feedtoken"))?,
            web_folder: settings.text("webdir").map(|folder| web_folder(&folder)).transpose()?,
            web_connect: settings
                .list("webconnect")
                .iter()
                .map(|text| web_connect(text))
                .collect::<Result<_, _>>()?,
            host_names: settings.list("rpcallowhost"),
        })
    }
}

/// A folder that holds the app: one that is named and does not is a mistake.
fn web_folder(text: &str) -> Result<PathBuf, ConfError> {
    let folder = PathBuf::from(text);
    if folder.join("index.html").is_file() {
        return Ok(folder);
    }
    Err(ConfError::Value(format!("Invalid -webdir={text}: there is no index.html in that folder")))
}

fn web_connect(text: &str) -> Result<ConnectOrigin, ConfError> {
    text.parse().map_err(|error: ConnectError| ConfError::Value(format!("Invalid -webconnect: {error}")))
}

/// Tokens are what a URL can have as it is, and long enough not to be found by trying. The error does not repeat them.
fn feed_tokens(tokens: Vec<String>) -> Result<Vec<String>, ConfError> {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let good = |token: &String| (16..=256).contains(&token.len()) && token.bytes().all(unreserved);
    if tokens.iter().all(good) {
        return Ok(tokens);
    }
    let message = "Invalid -feedtoken: a token has 16 to 256 letters, digits or any of -._~";
    Err(ConfError::Value(message.into()))
}

/// `host`, `host:port`, `[v6]:port` or a bare v6 address; `None` if the port is none.
pub(super) fn split_host_port(text: &str) -> Option<(String, Option<u16>)> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port != 0);
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
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
