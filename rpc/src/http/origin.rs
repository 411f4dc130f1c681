//! What web pages may do with this node.
//!
//! A browser on this machine runs pages from anywhere, and a page can send requests to this port. Three rules keep it
//! from more than it may:
//! - A page whose name resolves to this machine although it is not this machine's (DNS rebinding) shows in `Host`. A
//!   `Host` that is neither an IP address, nor `localhost`, nor a configured name is refused when there is an `Origin`;
//!   and on a loopback address, where no honest name but those arrives, also for the paths that need no password; and
//!   always for the web app.
//! - A page of another origin may not change anything: verbs other than GET and HEAD, and WebSockets, need an `Origin`
//!   that is this node's own or in the list of allowed ones.
//! - A page of another origin may not read anything either: without an entry in that list there is no CORS header.
//!
//! Clients that are no browsers send no `Origin` and need no `Host`; none of this concerns them.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, HOST, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use std::net::{IpAddr, Ipv6Addr};

/// Which pages may use this node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OriginRules {
    /// Origins that may read and write, `https://wallet.example`; `*` lets every page in.
    pub allowed: Vec<String>,
    /// Names of this node besides `localhost` and IP addresses.
    pub host_names: Vec<String>,
}

/// A refusal in words, for a 403.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) String);

/// What a request wants, as far as origins are concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Intent {
    /// It arrived on a loopback address.
    pub(super) loopback: bool,
    /// It needs no password.
    pub(super) open: bool,
    /// It may change something, or opens a WebSocket.
    pub(super) writes: bool,
    /// It is answered under own names alone.
    pub(super) named: bool,
}

/// The host of a `Host` header, without port and brackets.
fn host_of(header: &str) -> &str {
    if let Some(rest) = header.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    header.rsplit_once(':').map_or(header, |(host, port)| {
        if port.bytes().all(|digit| digit.is_ascii_digit()) { host } else { header }
    })
}

impl OriginRules {
    fn is_own_name(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        host.is_empty()
            || host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<IpAddr>().is_ok()
            || host.split('%').next().is_some_and(|host| host.parse::<Ipv6Addr>().is_ok())
            || self.host_names.iter().any(|name| name.eq_ignore_ascii_case(&host))
    }

    fn allows(&self, origin: &str) -> bool {
        self.allowed
            .iter()
            .any(|allowed| allowed == "*" || allowed.trim_end_matches('/').eq_ignore_ascii_case(origin))
    }

    /// Lets a request through or refuses it. With `Some`, the response must say that this origin may read it.
    pub(super) fn judge(&self, headers: &HeaderMap, intent: Intent) -> Result<Option<HeaderValue>, Refused> {
        let host = headers.get(HOST).map(|value| value.to_str().unwrap_or("?")).unwrap_or_default();
        let origin = headers.get(ORIGIN);
        let foreign = !self.is_own_name(host_of(host));
        if foreign && (origin.is_some() || intent.named || (intent.loopback && intent.open)) {
            return Err(Refused(format!(
                "host '{}' is not a name of this node; name it with -rpcallowhost if it is",
                host_of(host)
            )));
        }
        let Some(value) = origin else { return Ok(None) };
        let origin = value.to_str().unwrap_or("?");
        if self.allows(origin) {
            return Ok(Some(value.clone()));
        }
        if intent.writes && !is_own(origin, host) {
            return Err(Refused(format!("origin '{origin}' may not use this node; allow it with -cors")));
        }
        Ok(None)
    }
}

/// Whether an origin is the node's own: what it was asked by.
fn is_own(origin: &str, host: &str) -> bool {
    origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

/// Whether a request that was let through is of a page of the node's own.
pub(super) fn is_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    text(ORIGIN).zip(text(HOST)).is_some_and(|(origin, host)| is_own(origin, host))
}

/// Says in a response that `origin` may read it.
pub(super) fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(VARY, HeaderValue::from_static("Origin"));
}

/// Answers a browser's question before a request of an allowed origin.
pub(super) fn allow_preflight(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Authorization, Content-Type"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Intent = Intent { loopback: true, open: true, writes: false, named: false };
    const WRITE: Intent = Intent { writes: true, ..READ };
    const CALL: Intent = Intent { open: false, writes: true, ..READ };
    const PUBLIC: Intent = Intent { loopback: false, ..READ };
    const APP: Intent = Intent { named: true, ..PUBLIC };

    fn judge(
        rules: &OriginRules,
        host: Option<&str>,
        origin: Option<&str>,
        intent: Intent,
    ) -> Result<bool, ()> {
        let mut headers = HeaderMap::new();
        for (name, value) in [(HOST, host), (ORIGIN, origin)] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_str(value).unwrap());
            }
        }
        rules.judge(&headers, intent).map(|origin| origin.is_some()).map_err(|_| ())
    }

    #[test]
    fn native_clients_are_let_through() {
        let rules = OriginRules::default();
        for host in [
            None,
            Some(""),
            Some("localhost:5000"),
            Some("127.0.0.1"),
            Some("[::1]:5000"),
            Some("[fe80::1%25eth0]"),
        ] {
            for intent in [READ, WRITE, CALL, PUBLIC] {
                assert_eq!(judge(&rules, host, None, intent), Ok(false), "{host:?} {intent:?}");
            }
        }
        // A container's name: behind a password, or from another machine.
        assert_eq!(judge(&rules, Some("node:5000"), None, CALL), Ok(false));
        assert_eq!(judge(&rules, Some("node:5000"), None, PUBLIC), Ok(false));
    }

    #[test]
    fn the_app_is_only_under_own_names() {
        let rules = OriginRules { host_names: vec!["my.node".into()], ..OriginRules::default() };
        for host in ["192.168.1.2:5000", "localhost:5000", "my.node", "[::1]:5000"] {
            assert_eq!(judge(&rules, Some(host), None, APP), Ok(false), "{host}");
        }
        for host in ["evil.example", "node:5000", "192.168.1.2.evil.example", "localhost.evil.example:80"] {
            assert_eq!(judge(&rules, Some(host), None, APP), Err(()), "{host}");
        }
    }

    #[test]
    fn own_pages_are_known_by_their_origin() {
        for (origin, host, own) in [
            ("http://127.0.0.1:5000", "127.0.0.1:5000", true),
            ("https://My.node", "my.node", true),
            ("http://127.0.0.1:5001", "127.0.0.1:5000", false),
            ("null", "127.0.0.1:5000", false),
            ("127.0.0.1:5000", "127.0.0.1:5000", false),
        ] {
            let value = |text: &str| HeaderValue::from_str(text).unwrap();
            let headers = HeaderMap::from_iter([(ORIGIN, value(origin)), (HOST, value(host))]);
            assert_eq!(is_own_page(&headers), own, "{origin}");
        }
        assert!(!is_own_page(&HeaderMap::new()));
    }

    #[test]
    fn rebinding_is_refused() {
        let rules = OriginRules { host_names: vec!["my.node".into()], ..OriginRules::default() };
        let evil = Some("evil.example:5000");
        assert_eq!(judge(&rules, evil, None, READ), Err(()));
        for intent in [READ, WRITE, CALL, PUBLIC] {
            assert_eq!(judge(&rules, evil, Some("http://evil.example:5000"), intent), Err(()));
        }
        assert_eq!(judge(&rules, Some("My.Node"), Some("http://my.node"), WRITE), Ok(false));
    }

    #[test]
    fn foreign_pages_neither_write_nor_read() {
        let rules = OriginRules { allowed: vec!["https://wallet.example/".into()], ..OriginRules::default() };
        let host = Some("127.0.0.1:5000");
        for origin in ["http://evil.example", "null", "http://127.0.0.1:5001", "http://127.0.0.1"] {
            assert_eq!(judge(&rules, host, Some(origin), WRITE), Err(()), "{origin}");
            assert_eq!(judge(&rules, host, Some(origin), CALL), Err(()), "{origin}");
            assert_eq!(judge(&rules, host, Some(origin), READ), Ok(false), "{origin}");
        }
        assert_eq!(judge(&rules, host, Some("http://127.0.0.1:5000"), WRITE), Ok(false));
        assert_eq!(judge(&rules, host, Some("https://wallet.example"), WRITE), Ok(true));
        let open = OriginRules { allowed: vec!["*".into()], ..OriginRules::default() };
        assert_eq!(judge(&open, host, Some("null"), WRITE), Ok(true));
    }
}
