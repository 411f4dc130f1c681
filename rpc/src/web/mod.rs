//! The web app: static files, from the binary or from a folder, with the headers that a page with keys in it needs.
//!
//! `index.html` is what `GET /` answers, every other file answers at its own path; the app's router lives behind the
//! `#`, so there are no other paths. Files under `app/assets/` have their hash in their name and never change; all
//! others, and workers, whose policy may, are asked for again, by an ETag of bytes and policy. Invariants: a file is served to own names of the node alone (a page that reaches
//! the node under a foreign name would keep its wallet for whoever owns that name); no answer lacks the headers; no path
//! leaves the folder.

mod encoding;
mod files;
mod headers;

pub use headers::{ConnectError, ConnectOrigin};

use crate::http::rest::{RestRequest, RestResponse};
use chaincore_consensus::hash::sha256;
use chaincore_consensus::hex;
use files::{Files, Found};
use hyper::header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, ETAG, HOST, HeaderValue, IF_NONE_MATCH, VARY};
use hyper::{Method, StatusCode};
use std::path::PathBuf;

/// How the web app is served.
#[derive(Debug, Clone, Default)]
pub struct WebOptions {
    /// A folder to serve instead of what is in the binary (`-webdir`).
    pub folder: Option<PathBuf>,
    /// Other nodes that the app may ask (`-webconnect`).
    pub connect: Vec<ConnectOrigin>,
}

/// The web app of this node.
pub struct Web {
    files: Files,
    connect: Vec<ConnectOrigin>,
}

impl Web {
    /// The app as the options say.
    pub fn new(options: WebOptions) -> Self {
        let files = options.folder.map_or_else(Files::embedded, Files::Folder);
        Self { files, connect: options.connect }
    }

    /// An app of these files, named by their paths in `web/dist`.
    pub fn of_files(files: &[(&str, &[u8])], connect: Vec<ConnectOrigin>) -> Self {
        Self { files: Files::in_memory(files.iter().map(|(name, bytes)| (*name, bytes.to_vec()))), connect }
    }

    /// Whether there is an app to serve.
    pub fn is_there(&self) -> bool {
        self.files.has("index.html")
    }

    /// Whether a path is the app's: `/` if there is an app, all below `/app` in any case, and other files that it has.
    pub(crate) fn claims(&self, path: &str) -> bool {
        match path {
            "/" => self.is_there(),
            "/app" => true,
            _ => path.starts_with("/app/") || name_of(path).is_some_and(|name| self.files.has(name)),
        }
    }

    /// Answers a request for a claimed path. May read a file.
    pub(crate) fn answer(&self, request: &RestRequest) -> RestResponse {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            let message = format!("{} is not a method of {}, GET is", request.method, request.path);
            let refused = RestResponse::error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", &message);
            return headers::bare(refused.header(ALLOW, HeaderValue::from_static("GET")));
        }
        let name = name_of(&request.path);
        let accepted = request.headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
        let Some((name, found)) =
            name.and_then(|name| Some((name, self.files.find(name, accepted.unwrap_or_default())?)))
        else {
            let message = format!("there is no {}", request.path);
            return headers::bare(RestResponse::error(StatusCode::NOT_FOUND, "not_found", &message));
        };
        let host = request.headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let policy = headers::policy_of(name, host, &self.connect);
        headers::of_file(reply(request, name, &policy, found), name, &policy)
    }
}

impl Default for Web {
    /// None.
    fn default() -> Self {
        Self { files: Files::Memory(Default::default()), connect: Vec::new() }
    }
}

/// The file that a path names; `None` for paths that cannot be one's. Names are made of letters, digits and `._-`: what
/// would lead out of a folder, or to a hidden file, has no name.
fn name_of(path: &str) -> Option<&str> {
    if path == "/" {
        return Some("index.html");
    }
    let name = path.strip_prefix('/')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let good = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain);
    (name.len() <= 256 && name.split('/').all(good)).then_some(name)
}

/// The file, or that the client has it already.
fn reply(request: &RestRequest, name: &str, policy: &str, found: Found) -> RestResponse {
    // Whoever has the file under another policy does not have it.
    let etag = format!("\"{}-{}\"", found.etag, hex::encode(&sha256(policy.as_bytes())[..4]));
    let known = request.headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    // Weak or not: the bytes are what is compared.
    let same = |tag: &str| tag.trim() == "*" || tag.trim().trim_start_matches("W/") == etag;
    let unchanged = known.flat_map(|tags| tags.split(',')).any(same);
    let (status, body) = if unchanged {
        (StatusCode::NOT_MODIFIED, Default::default())
    } else {
        (StatusCode::OK, found.bytes)
    };
    let etag = HeaderValue::try_from(etag).expect("a tag is hexadecimal digits in quotes");
    let mut response = RestResponse::new(status, files::content_type(name), body)
        .header(ETAG, etag)
        .header(VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(encoding) = found.encoding {
        response = response.header(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

#[cfg(test)]
mod tests;
