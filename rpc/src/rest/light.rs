//! What light clients read: the chain's headers, filters and filter headers as files that caches may keep.
//!
//! A file is named by its number: `/light/headers/3.bin` begins at block 6000. A file that is full and buried
//! [`BURIED`] blocks deep is told to be immutable; others are to be asked for again, which costs little: their ETag
//! names the last block in them, and `?skip=n` leaves out the first n that the client has. A client checks all of it by proof of work and by the filter headers, so nothing here
//! is signed.

use super::{Answer, Request, Rest, RestError, json};
use crate::http::rest::{RestResponse, RestStreamError};
use crate::node::{BlockInfo, ChainView, Node};
use crate::value::Object;
use chaincore_consensus::params::ChainParams;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use hyper::{StatusCode, header};
use std::ops::RangeInclusive;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Headers and filter headers in a full file.
const HEADERS: u32 = 2000;

/// Filters in a full file.
const FILTERS: u32 = 1000;

/// A file whose last block is so deep is not expected to change.
const BURIED: u32 = 1000;

/// Filters that are read at a time.
const FILTERS_AT_A_TIME: u32 = 100;

/// What is larger than this is streamed instead of held whole, in bytes.
const WHOLE: usize = 1 << 20;

/// What the index calls itself.
const FILTER_INDEX: &str = "basic block filter index";

/// Pieces that wait for a slow reader.
const PIECES_AHEAD: usize = 1;

/// `GET /light/chain`.
pub fn chain(rest: &Rest, _: &Request) -> Answer {
    let node = rest.node();
    let (params, tip) = (node.params(), node.chain().tip());
    // A chain of one's own is told whole; the others every client knows.
    let file = (!ChainParams::NAMES.contains(&params.name.as_str())).then(|| params.to_toml());
    let place = Object::new().with("height", &tip.height).with("hash", &tip.hash);
    let about = Object::new()
        .with("name", &params.name)
        .with("genesis", &params.genesis_hash)
        .with("file", &file)
        .with("tip", &place)
        .with("filters", &has_filters(node));
    let answer = json(&about)?;
    Ok(answer.header(CACHE_CONTROL, HeaderValue::from_static("no-cache")))
}

fn has_filters(node: &dyn Node) -> bool {
    node.indexes().iter().any(|index| index.name == FILTER_INDEX)
}

/// One file of the active chain.
struct File {
    /// From the first that is not skipped to the last; empty if all are skipped.
    heights: RangeInclusive<u32>,
    last: BlockInfo,
    immutable: bool,
}

impl File {
    /// The file that the path names.
    fn of(request: &Request, chain: &dyn ChainView, size: u32) -> Result<Self, RestError> {
        let name = request.argument(0);
        let number: u32 = name
            .strip_suffix(".bin")
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .filter(|digits| *digits == "0" || !digits.starts_with('0'))
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| not_found(format!("a file is named by its number, as 0.bin, not '{name}'")))?;
        let tip = chain.tip();
        let first = number.checked_mul(size).filter(|first| *first <= tip.height);
        let first = first.ok_or_else(|| {
            not_found(format!("file {number} begins above the tip, which is block {}", tip.height))
        })?;
        let full = first.saturating_add(size - 1);
        let last = chain.at_height(full.min(tip.height)).unwrap_or(tip.clone());
        let skip: u32 = request.number("skip")?.unwrap_or(0);
        let immutable = skip == 0 && last.height == full && tip.height - full >= BURIED;
        Ok(Self { heights: first.saturating_add(skip)..=last.height, last, immutable })
    }

    /// Names the file's content.
    fn tag(&self) -> String {
        format!("\"{}-{}\"", self.last.hash, self.heights.clone().count())
    }

    /// What the client has already, if it is the same.
    fn unchanged(&self, request: &Request) -> Option<RestResponse> {
        let known = request.request.headers.get(IF_NONE_MATCH)?.to_str().ok()?;
        let tag = self.tag();
        let same = known.split(',').map(str::trim).any(|known| known.trim_start_matches("W/") == tag);
        same.then(|| self.label(RestResponse::new(StatusCode::NOT_MODIFIED, OCTETS, Bytes::new())))
    }

    fn label(&self, response: RestResponse) -> RestResponse {
        let cache = if self.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
        let tag = HeaderValue::from_str(&self.tag()).expect("hexadecimal digits in quotation marks");
        let nosniff: HeaderName = header::X_CONTENT_TYPE_OPTIONS;
        response
            .header(CACHE_CONTROL, HeaderValue::from_static(cache))
            .header(ETAG, tag)
            .header(nosniff, HeaderValue::from_static("nosniff"))
    }

    fn answer(&self, bytes: Vec<u8>) -> RestResponse {
        self.label(RestResponse::new(StatusCode::OK, OCTETS, bytes))
    }
}

const OCTETS: &str = "application/octet-stream";

fn not_found(message: String) -> RestError {
    RestError::new(StatusCode::NOT_FOUND, "not_found", message)
}

/// Without the index these paths are as good as absent.
fn need_filters(node: &dyn Node) -> Result<(), RestError> {
    let message = "this node has no block filters: it was started without -blockfilterindex";
    has_filters(node)
        .then_some(())
        .ok_or_else(|| RestError::new(StatusCode::NOT_FOUND, "no_filters", message))
}

fn behind() -> RestError {
    RestError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "index_behind",
        "the block filter index has not come that far: try again",
    )
}

/// `GET /light/headers/{file}`: 80 bytes each.
pub fn headers(rest: &Rest, request: &Request) -> Answer {
    let chain = rest.node().chain();
    let file = File::of(request, &*chain, HEADERS)?;
    if let Some(same) = file.unchanged(request) {
        return Ok(same);
    }
    let missing = || RestError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "a header is missing");
    let mut bytes = Vec::with_capacity(file.heights.clone().count() * chaincore_consensus::Header::LEN);
    for height in file.heights.clone() {
        let block = chain.at_height(height).ok_or_else(missing)?;
        bytes.extend_from_slice(&block.header.to_array());
    }
    Ok(file.answer(bytes))
}

/// `GET /light/filterheaders/{file}`: 32 bytes each.
pub fn filter_headers(rest: &Rest, request: &Request) -> Answer {
    let chain = rest.node().chain();
    let file = File::of(request, &*chain, HEADERS)?;
    // Whether there are filters at all comes before what the client has of them.
    need_filters(rest.node())?;
    if let Some(same) = file.unchanged(request) {
        return Ok(same);
    }
    if file.heights.is_empty() {
        return Ok(file.answer(Vec::new()));
    }
    let headers = rest.node().filter_headers(&file.last.hash, *file.heights.start())?;
    let headers = headers.ok_or_else(behind)?;
    Ok(file.answer(headers.iter().flat_map(|header| header.0).collect()))
}

/// Reads the filters of some blocks, each behind its length in four little-endian bytes.
fn read_filters(
    node: &dyn Node,
    chain: &dyn ChainView,
    heights: RangeInclusive<u32>,
) -> Result<Vec<u8>, RestError> {
    let last = chain.at_height(*heights.end()).ok_or_else(behind)?;
    let filters = node.filters(&last.hash, *heights.start())?.ok_or_else(behind)?;
    let mut bytes = Vec::with_capacity(filters.iter().map(|filter| 4 + filter.len()).sum());
    for filter in filters {
        bytes.extend_from_slice(&(filter.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&filter);
    }
    Ok(bytes)
}

/// `GET /light/filters/{file}`.
pub fn filters(rest: &Rest, request: &Request) -> Answer {
    let chain = rest.node().chain();
    let file = File::of(request, &*chain, FILTERS)?;
    need_filters(rest.node())?;
    if let Some(same) = file.unchanged(request) {
        return Ok(same);
    }
    let (mut next, end) = (*file.heights.start(), *file.heights.end());
    let mut bytes = Vec::new();
    while next <= end {
        let stop = next.saturating_add(FILTERS_AT_A_TIME - 1).min(end);
        bytes.extend(read_filters(rest.node(), &*chain, next..=stop)?);
        next = stop + 1;
        if bytes.len() > WHOLE {
            break;
        }
    }
    if next > end {
        return Ok(file.answer(bytes));
    }
    Ok(file.label(stream(rest, chain, bytes, next..=end)))
}

/// Sends what has been read and goes on reading as the client takes it.
fn stream(
    rest: &Rest,
    chain: Arc<dyn ChainView>,
    read: Vec<u8>,
    rest_of: RangeInclusive<u32>,
) -> RestResponse {
    let (pieces, body) = mpsc::channel(PIECES_AHEAD);
    let node = rest.0.node.clone();
    tokio::spawn(async move {
        let mut piece = Ok(Bytes::from(read));
        let (mut next, end) = rest_of.into_inner();
        loop {
            let broken = piece.is_err();
            if pieces.send(piece).await.is_err() || broken || next > end {
                return;
            }
            let heights = next..=next.saturating_add(FILTERS_AT_A_TIME - 1).min(end);
            next = *heights.end() + 1;
            let (node, chain) = (node.clone(), chain.clone());
            let made = tokio::task::spawn_blocking(move || {
                if node.is_stopping() {
                    return Err(RestStreamError("the node is stopping".into()));
                }
                read_filters(&*node, &*chain, heights).map_err(|error| RestStreamError(error.message))
            });
            piece = match made.await {
                Ok(made) => made.map(Bytes::from),
                Err(_) => return,
            };
        }
    });
    RestResponse::stream(OCTETS, body)
}
