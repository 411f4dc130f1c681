//! The headers of the app's files: what its pages and workers may load, run and ask.
//!
//! Every file carries a policy of its own, as a worker is bound by its own response's and not by its page's. Scripts
//! come from this node alone and as files; what becomes markup or a script's address passes Trusted Types. The signer's
//! worker, which holds keys, may ask nobody and load nothing but itself, and neither may the one that takes pictures apart.
//!
//! A worker's file has its hash in its name, and is asked for again all the same: its policy may change when the file
//! does not (`-webconnect`), and what a browser keeps of a file keeps its policy.

use crate::http::rest::RestResponse;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use std::fmt::Write as _;
use std::str::FromStr;

/// Names of files that never change: their hash is in them.
const HASHED: &str = "app/assets/";

/// How the names of the workers begin that may ask nobody: the one that holds keys, and the one that reads pictures.
const ALONE: [&str; 2] = ["app/assets/signer-worker-", "app/assets/scan-worker-"];

/// What the names of all workers have in them.
const WORKER: &str = "-worker-";

const PERMISSIONS: &str = "camera=(self), clipboard-write=(self), accelerometer=(), autoplay=(), \
                           browsing-topics=(), clipboard-read=(), display-capture=(), encrypted-media=(), \
                           geolocation=(), gyroscope=(), hid=(), local-fonts=(), magnetometer=(), microphone=(), \
                           midi=(), payment=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), \
                           usb=(), xr-spatial-tracking=()";

/// An origin besides the node's own that the app may ask (`-webconnect`): `https://node.example`, `http://10.0.0.2:5000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectOrigin {
    secure: bool,
    authority: String,
}

/// The text is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an origin such as https://node.example or http://10.0.0.2:5000")]
pub struct ConnectError(pub String);

/// Whether a policy can name an authority: a host of letters, digits, dots and dashes, with or without a port. (IPv6
/// addresses cannot be named in a policy.)
fn is_nameable(authority: &str) -> bool {
    let (host, port) =
        authority.rsplit_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    !host.is_empty()
        && host.len() <= 253
        && host.bytes().all(plain)
        && port.is_none_or(|port| {
            port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse::<u16>().is_ok()
        })
}

impl FromStr for ConnectOrigin {
    type Err = ConnectError;

    fn from_str(text: &str) -> Result<Self, ConnectError> {
        let parse = || {
            let (scheme, authority) = text.trim_end_matches('/').split_once("://")?;
            let secure = match scheme.to_ascii_lowercase().as_str() {
                "https" => true,
                "http" => false,
                _ => return None,
            };
            is_nameable(authority).then(|| Self { secure, authority: authority.to_ascii_lowercase() })
        };
        parse().ok_or_else(|| ConnectError(text.into()))
    }
}

impl ConnectOrigin {
    /// Its pages and its WebSockets, as a policy names them.
    fn sources(&self) -> String {
        let Self { secure, authority } = self;
        let (pages, sockets) = if *secure { ("https", "wss") } else { ("http", "ws") };
        format!("{pages}://{authority} {sockets}://{authority}")
    }
}

/// The policy of the app's pages, workers and files.
fn app_policy(connect: &[ConnectOrigin]) -> String {
    let mut policy = String::from(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; \
         img-src 'self' data:; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types cc; connect-src 'self'",
    );
    for origin in connect {
        let _infallible = write!(policy, " {}", origin.sources());
    }
    policy
}

/// The policy of a worker that is alone: it runs WebAssembly that it is given, asks nobody, and of scripts may load its own
/// file alone (none where the node's name cannot be written in a policy).
fn lone_policy(name: &str, host: &str) -> String {
    let own = if is_nameable(host) {
        format!(" http://{host}/{name} https://{host}/{name}")
    } else {
        String::new()
    };
    format!(
        "default-src 'none'; script-src 'wasm-unsafe-eval'{own}; connect-src 'none'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

fn secured(response: RestResponse, policy: &str) -> RestResponse {
    const FIXED: [(HeaderName, &str); 6] = [
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    ];
    let policy = HeaderValue::try_from(policy).expect("what goes into a policy is checked to be plain text");
    let response = response.header(CONTENT_SECURITY_POLICY, policy);
    FIXED
        .into_iter()
        .fold(response, |response, (name, value)| response.header(name, HeaderValue::from_static(value)))
}

/// The policy of a file. `host` is the name by which the node was asked.
pub(super) fn policy_of(name: &str, host: &str, connect: &[ConnectOrigin]) -> String {
    if ALONE.iter().any(|alone| name.starts_with(alone)) {
        lone_policy(name, host)
    } else {
        app_policy(connect)
    }
}

/// The headers of a file with this policy.
pub(super) fn of_file(response: RestResponse, name: &str, policy: &str) -> RestResponse {
    let kept = name.starts_with(HASHED) && !name.contains(WORKER);
    let cache = if kept { "public, max-age=31536000, immutable" } else { "no-cache" };
    secured(response, policy).header(CACHE_CONTROL, HeaderValue::from_static(cache))
}

/// The headers of an answer that is no file.
pub(super) fn bare(response: RestResponse) -> RestResponse {
    secured(response, "default-src 'none'; frame-ancestors 'none'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_cannot_add_to_a_policy() {
        for (text, sources) in [
            ("https://node.example", "https://node.example wss://node.example"),
            ("HTTP://10.0.0.2:5000/", "http://10.0.0.2:5000 ws://10.0.0.2:5000"),
        ] {
            assert_eq!(text.parse::<ConnectOrigin>().unwrap().sources(), sources);
        }
        for bad in [
            "",
            "*",
            "https://",
            "https://*",
            "https://a b",
            "https://a;script-src",
            "https://a,b",
            "https://a/path",
            "https://[::1]:5000",
            "https://a:99999",
            "https://a:",
            "ws://a",
            "javascript://a",
            "https://a\r\nX: y",
            "node.example",
        ] {
            assert_eq!(bad.parse::<ConnectOrigin>(), Err(ConnectError(bad.into())), "{bad}");
        }
    }

    #[test]
    fn the_signer_asks_nobody() {
        let name = "app/assets/signer-worker-AB12.js";
        let policy = lone_policy(name, "127.0.0.1:5000");
        assert!(policy.contains("connect-src 'none'"), "{policy}");
        assert!(!policy.contains("'self'") && !policy.contains("unsafe-inline"), "{policy}");
        assert!(policy.contains(" http://127.0.0.1:5000/app/assets/signer-worker-AB12.js "), "{policy}");
        for host in ["", "[::1]:5000", "a; script-src *", "a b", "a'"] {
            assert!(lone_policy(name, host).contains("script-src 'wasm-unsafe-eval';"), "{host}");
        }
    }
}
