//! What REST handlers get and give. The front does the rest: body limits, rate limits, origins, worker slots.

use crate::json::write_string;
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, StatusCode};
use std::borrow::Cow;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use tokio::sync::mpsc;

/// A REST request whose body has been read.
#[derive(Debug, Clone)]
pub struct RestRequest {
    /// The verb.
    pub method: Method,
    /// The path as sent, without the query.
    pub path: String,
    /// The query as sent, without the question mark; empty if there is none.
    pub query: String,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// Where the request came from.
    pub peer: SocketAddr,
}

impl RestRequest {
    /// The first value of `key` in the query, decoded; empty if it is given without one.
    pub fn query_value(&self, key: &str) -> Option<String> {
        query_value(&self.query, key)
    }

    /// The path's segments, decoded: `/balance/a%20b` has `balance` and `a b`.
    pub fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|part| !part.is_empty()).map(percent_decode).collect()
    }
}

/// The first value of `key` in a query string, decoded.
pub fn query_value(query: &str, key: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent_decode(name) == key).then(|| percent_decode(value))
    })
}

/// Undoes percent encoding; what is not a valid escape stays, and what is not UTF-8 becomes U+FFFD.
pub fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escaped.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())) {
            Some(digits) => {
                out.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits are a byte"));
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A response's body.
#[derive(Debug)]
pub enum RestBody {
    /// All at once, with a Content-Length.
    Full(Bytes),
    /// Piece by piece as a task sends them, without ever being whole in memory. The channel's bound is the
    /// back-pressure: a send waits until the client has taken what is before it, and fails when the client is gone.
    /// An error breaks the connection off, so that a client cannot mistake a part for the whole.
    Stream(mpsc::Receiver<Result<Bytes, RestStreamError>>),
}

/// Why a streamed body ends early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the response broke off: {0}")]
pub struct RestStreamError(pub String);

/// A REST response.
#[derive(Debug)]
pub struct RestResponse {
    /// The status.
    pub status: StatusCode,
    /// The media type.
    pub content_type: Cow<'static, str>,
    /// Headers besides the media type.
    pub headers: Vec<(hyper::header::HeaderName, hyper::header::HeaderValue)>,
    /// The body.
    pub body: RestBody,
}

impl RestResponse {
    /// A whole body of any type.
    pub fn new(
        status: StatusCode,
        content_type: impl Into<Cow<'static, str>>,
        body: impl Into<Bytes>,
    ) -> Self {
        Self {
            status,
            content_type: content_type.into(),
            headers: Vec::new(),
            body: RestBody::Full(body.into()),
        }
    }

    /// 200 with JSON text; a newline is added, as Core's REST does.
    pub fn json(text: impl Into<String>) -> Self {
        Self::json_status(StatusCode::OK, text)
    }

    /// Any status with JSON text and a newline.
    pub fn json_status(status: StatusCode, text: impl Into<String>) -> Self {
        let mut text = text.into();
        text.push('\n');
        Self::new(status, "application/json", text)
    }

    /// `{"error":{"code":…,"message":…}}` with a status: a word for programs, and a sentence for people that should
    /// name the bad value.
    pub fn error(status: StatusCode, code: &str, message: &str) -> Self {
        let mut text = String::from("{\"error\":{\"code\":");
        write_string(code, &mut text);
        text.push_str(",\"message\":");
        write_string(message, &mut text);
        text.push_str("}}");
        Self::json_status(status, text)
    }

    /// 200 with a body that is sent piece by piece.
    pub fn stream(content_type: &'static str, body: mpsc::Receiver<Result<Bytes, RestStreamError>>) -> Self {
        let content_type = Cow::Borrowed(content_type);
        Self { status: StatusCode::OK, content_type, headers: Vec::new(), body: RestBody::Stream(body) }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: hyper::header::HeaderName, value: hyper::header::HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// A response on its way.
pub type RestFuture<'a> = Pin<Box<dyn Future<Output = RestResponse> + Send + 'a>>;

/// The paths that are not JSON-RPC.
///
/// Handlers run on the server's async threads and hold one worker slot until the response is returned (a streamed
/// body goes on without it): what blocks belongs on `tokio::task::spawn_blocking`.
pub trait RestHandler: Send + Sync + 'static {
    /// Whether `path` (as sent, without the query) is one of its paths, whatever the verb. `GET /` is asked for as
    /// `/`; every other verb on `/` is JSON-RPC's. What no handler claims is answered with Core's empty 404.
    fn claims(&self, path: &str) -> bool;

    /// Whether the path answers while the node is still starting; what does not is answered with 503 and the text of
    /// the start-up state.
    fn answers_in_warmup(&self, path: &str) -> bool {
        let _ = path;
        false
    }

    /// Whether requests to the path count against the client's rate limit.
    fn rate_limited(&self, path: &str) -> bool {
        let _ = path;
        true
    }

    /// Whether a miner on this machine, that no proxy speaks for and that says so with `X-Local-Mining: true`, may come to
    /// the path however often it came before: a block must not be lost to the rate limit.
    fn serves_local_miners(&self, path: &str) -> bool {
        let _ = path;
        false
    }

    /// Whether the path answers only where the node is asked by a name of its own, from wherever: a page with keys in
    /// it must not come to lie under a name that is somebody else's.
    fn own_names_only(&self, path: &str) -> bool {
        let _ = path;
        false
    }

    /// Of a path that controls the node: the JSON-RPC method whose right a user needs for it. Such paths are for
    /// clients on this machine that no proxy speaks for, and for users with that right.
    fn controls(&self, path: &str) -> Option<&'static str> {
        let _ = path;
        None
    }

    /// Answers a request to a claimed path. Wrong verbs are its own to refuse (405).
    fn handle(&self, request: RestRequest) -> RestFuture<'_>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_and_segments_are_decoded() {
        let request = RestRequest {
            method: Method::GET,
            path: "/a%20b//c%zz/%e2%82%ac".into(),
            query: "start=1&x%79=%31%32&flag&start=2".into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            peer: ([127, 0, 0, 1], 1).into(),
        };
        assert_eq!(request.segments(), ["a b", "c%zz", "€"]);
        assert_eq!(request.query_value("start").as_deref(), Some("1"));
        assert_eq!(request.query_value("xy").as_deref(), Some("12"));
        assert_eq!(request.query_value("flag").as_deref(), Some(""));
        assert_eq!(request.query_value("none"), None);
        assert_eq!(percent_decode("%"), "%");
        assert_eq!(percent_decode("é%4"), "é%4");
    }

    #[test]
    fn errors_are_json() {
        let response = RestResponse::error(StatusCode::BAD_REQUEST, "bad_hash", "not a \"hash\"");
        let RestBody::Full(body) = response.body else { panic!("errors are whole") };
        assert_eq!(body, "{\"error\":{\"code\":\"bad_hash\",\"message\":\"not a \\\"hash\\\"\"}}\n");
    }
}
