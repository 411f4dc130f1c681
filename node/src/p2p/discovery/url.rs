//! How people name a peer: `http://host:port` for a node's API, `host:port` for its P2P port.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The longest text that is looked at, in bytes: a host name has 253.
const MAX_LEN: usize = 300;

/// A peer, as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerName {
    /// A node's API, which tells where its P2P port is.
    Api(ApiUrl),
    /// A P2P address: `host:port`.
    P2p(String),
}

/// The root of a node's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUrl {
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Why a text names no peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerNameError {
    /// It is neither form.
    #[error("a peer is http://host:port or host:port, not '{0}'")]
    Form(String),
    /// It is a URL of another kind.
    #[error("a node's API is reached over http, not '{0}'")]
    Scheme(String),
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority())
    }
}

impl ApiUrl {
    /// `host:port`, as the `Host` header has it.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(url) => url.fmt(f),
            Self::P2p(name) => f.write_str(name),
        }
    }
}

impl FromStr for PeerName {
    type Err = PeerNameError;

    /// Paths other than `/`, users and queries have no place in it: nothing but `/status` is ever asked for.
    fn from_str(text: &str) -> Result<Self, PeerNameError> {
        let form = || PeerNameError::Form(text.chars().take(MAX_LEN).collect());
        if text.len() > MAX_LEN {
            return Err(form());
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            let (host, port) = host_and_port(text).ok_or_else(form)?;
            return Ok(Self::P2p(ApiUrl { host, port }.authority()));
        };
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(PeerNameError::Scheme(text.to_owned()));
        }
        let (host, port) = host_and_port(rest.strip_suffix('/').unwrap_or(rest)).ok_or_else(form)?;
        Ok(Self::Api(ApiUrl { host, port }))
    }
}

fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    // `parse` alone would take a sign.
    let port = port.bytes().all(|digit| digit.is_ascii_digit()).then(|| port.parse::<u16>().ok())??;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').filter(|host| host.parse::<IpAddr>().is_ok())?,
        None => host,
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let is_fine = !host.is_empty() && (host.parse::<IpAddr>().is_ok() || host.chars().all(is_name));
    (is_fine && port != 0).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_named_in_two_ways() {
        let api = |host: &str, port| Ok(PeerName::Api(ApiUrl { host: host.into(), port }));
        let p2p = |name: &str| Ok(PeerName::P2p(name.into()));
        for (text, expected) in [
            ("http://localhost:5000", api("localhost", 5000)),
            ("http://localhost:5000/", api("localhost", 5000)),
            ("HTTP://10.0.0.1:80", api("10.0.0.1", 80)),
            ("http://[::1]:5000", api("::1", 5000)),
            ("localhost:8000", p2p("localhost:8000")),
            ("[::1]:8000", p2p("[::1]:8000")),
            ("node-1.example:8000", p2p("node-1.example:8000")),
        ] {
            assert_eq!(text.parse::<PeerName>(), expected, "{text}");
        }
        for text in [
            "",
            "localhost",
            "http://localhost",
            "http://:5000",
            "http://localhost:0",
            "http://localhost:65536",
            "http://localhost:+5",
            "http://user@localhost:5000",
            "http://localhost:5000/status",
            "http://localhost:5000?x",
            "http://local host:5000",
            "[localhost]:5000",
            "::1:5000:",
        ] {
            let error = text.parse::<PeerName>().unwrap_err();
            assert_eq!(error, PeerNameError::Form(text.into()));
        }
        assert_eq!(
            "https://localhost:5000".parse::<PeerName>(),
            Err(PeerNameError::Scheme("https://localhost:5000".into()))
        );
        assert!("a".repeat(1000).parse::<PeerName>().unwrap_err().to_string().len() < 400);
    }
}
