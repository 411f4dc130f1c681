//! JSON-RPC envelopes in Core's three dialects (`httprpc.cpp`, `rpc/request.cpp`).
//!
//! Without `"jsonrpc"`, or with `"1.0"`, a request is legacy: the reply has `result`, `error` and `id`, and a failure
//! is an HTTP status too. With `"2.0"` the reply has `jsonrpc`, one of `result` and `error`, and `id`, always at HTTP
//! 200, and a request without an `id` is executed and answered by 204. What cannot be read as a request at all is
//! answered by an HTTP status in either dialect.

use super::auth::{Access, Auth};
use crate::error::{RpcError, code};
use crate::json::Json;
use crate::registry::{Caller, PrintedResult, Registry, Ticket};
use hyper::StatusCode;
use hyper::body::Bytes;

/// What goes back: a status, and a line of JSON unless the status says it all.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) line: Option<Line>,
}

/// A line of JSON without its newline, maybe around a text that other answers have too.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    before: String,
    shared: Bytes,
    after: String,
}

impl From<String> for Line {
    fn from(before: String) -> Self {
        Self { before, ..Self::default() }
    }
}

impl Line {
    /// Its pieces, the last of which ends it.
    pub(super) fn pieces(mut self) -> Vec<Bytes> {
        let end = if self.shared.is_empty() { &mut self.before } else { &mut self.after };
        end.push('\n');
        let pieces = [self.before.into(), self.shared, self.after.into()];
        pieces.into_iter().filter(|piece: &Bytes| !piece.is_empty()).collect()
    }
}

impl Answer {
    fn status(status: StatusCode) -> Self {
        Self { status, line: None }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Legacy,
    Two,
}

/// What is known of the request that is being answered. In a batch it lives on: an element that is no object is
/// answered with the id and version of the one before it, as Core does.
struct Envelope {
    /// `None`: the request has no `id`.
    id: Option<Json>,
    version: Version,
}

/// A request's member, taken out; `None` if there is none.
fn take(members: &mut [(String, Json)], key: &str) -> Option<Json> {
    members.iter_mut().find(|(name, _)| name == key).map(|(_, value)| std::mem::take(value))
}

/// Core's default set of harmless characters, so that a log line stays one.
fn sanitized(text: &str) -> String {
    text.chars().filter(|letter| letter.is_ascii_alphanumeric() || " .,;-_/:?@()".contains(*letter)).collect()
}

impl Envelope {
    fn new() -> Self {
        Self { id: Some(Json::Null), version: Version::Legacy }
    }

    fn is_notification(&self) -> bool {
        self.id.is_none() && self.version == Version::Two
    }

    /// Reads the id first, so that whatever is wrong with the rest is answered under it.
    fn read(&mut self, request: Json, user: &str) -> Result<(String, Json), RpcError> {
        let Json::Object(mut members) = request else {
            return Err(RpcError::invalid_request("Invalid Request object"));
        };
        self.id = take(&mut members, "id");
        self.version = Version::Legacy;
        match take(&mut members, "jsonrpc") {
            None | Some(Json::Null) => {}
            Some(Json::String(version)) if version == "1.0" => {}
            Some(Json::String(version)) if version == "2.0" => self.version = Version::Two,
            Some(Json::String(_)) => return Err(RpcError::invalid_request("JSON-RPC version not supported")),
            Some(_) => return Err(RpcError::invalid_request("jsonrpc field must be a string")),
        }
        let method = match take(&mut members, "method") {
            None | Some(Json::Null) => return Err(RpcError::invalid_request("Missing method")),
            Some(Json::String(method)) => method,
            Some(_) => return Err(RpcError::invalid_request("Method must be a string")),
        };
        if tracing::enabled!(target: "rpc", tracing::Level::DEBUG) {
            let id = match &self.id {
                Some(Json::String(text) | Json::Number(text)) => sanitized(text),
                _ => String::new(),
            };
            tracing::debug!(target: "rpc", "ThreadRPCServer method={} user={user} id={id}", sanitized(&method));
        }
        match take(&mut members, "params") {
            None | Some(Json::Null) => Ok((method, Json::Array(Vec::new()))),
            Some(params @ (Json::Array(_) | Json::Object(_))) => Ok((method, params)),
            Some(_) => Err(RpcError::invalid_request("Params must be an array or object")),
        }
    }

    /// One reply, its result's text left out if there is one: what comes before it, and what comes after.
    fn around(&self, result: &PrintedResult, room: usize) -> (String, String) {
        let (mut out, mut after) = (String::with_capacity(room + 96), String::new());
        out.push('{');
        if self.version == Version::Two {
            out.push_str("\"jsonrpc\":\"2.0\",");
        }
        match (result, self.version) {
            (Ok(_), version) => {
                out.push_str("\"result\":");
                if version == Version::Legacy {
                    after.push_str(",\"error\":null");
                }
            }
            (Err(error), version) => {
                if version == Version::Legacy {
                    out.push_str("\"result\":null,");
                }
                out.push_str("\"error\":");
                error.write_json(&mut out);
            }
        }
        if let Some(id) = &self.id {
            after.push_str(",\"id\":");
            id.write(&mut after);
        }
        after.push('}');
        (out, after)
    }

    /// One reply, without the newline.
    fn reply(&self, result: &PrintedResult) -> String {
        let text = result.as_ref().map_or("", |printed| printed.text());
        let (mut out, after) = self.around(result, text.len());
        out.push_str(text);
        out.push_str(&after);
        out
    }

    /// One reply as a line of its own.
    fn line(&self, result: &PrintedResult) -> Line {
        match result.as_ref().ok().and_then(|printed| printed.shared_bytes()) {
            None => self.reply(result).into(),
            Some(shared) => {
                let (before, after) = self.around(result, 0);
                Line { before, shared, after }
            }
        }
    }

    /// A failure that shows in the HTTP status.
    fn failure(&self, error: RpcError) -> Answer {
        let status = match error.code {
            code::INVALID_REQUEST => StatusCode::BAD_REQUEST,
            code::METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Answer { status, line: Some(self.line(&Err(error))) }
    }
}

/// Reads a body; large ones on a thread that may compute for long.
async fn parsed(body: Vec<u8>) -> Option<Json> {
    const LARGE: usize = 256 * 1024;
    if body.len() < LARGE {
        return Json::parse(&body);
    }
    tokio::task::spawn_blocking(move || Json::parse(&body)).await.ok().flatten()
}

/// Executes what `body` asks for, on the worker that `ticket` stands for.
pub(super) async fn execute(
    body: Vec<u8>,
    registry: &Registry,
    auth: &Auth,
    caller: Caller,
    ticket: Ticket,
    max_batch: usize,
) -> Answer {
    let envelope = Envelope::new();
    let Some(request) = parsed(body).await else {
        return envelope.failure(RpcError::new(code::PARSE_ERROR, "Parse error"));
    };
    let access = auth.access(&caller.user);
    if access == Access::Nothing {
        tracing::warn!(target: "rpc", "RPC User {} not allowed to call any methods", caller.user);
        return Answer::status(StatusCode::FORBIDDEN);
    }
    match request {
        request @ Json::Object(_) => single(request, envelope, registry, &access, caller, ticket).await,
        Json::Array(requests) => {
            if requests.len() > max_batch {
                let text = format!("Batch of {} requests exceeds the limit of {max_batch}", requests.len());
                return envelope.failure(RpcError::invalid_request(text));
            }
            batch(requests, envelope, registry, &access, caller, ticket).await
        }
        _ => envelope.failure(RpcError::new(code::PARSE_ERROR, "Top-level object parse error")),
    }
}

fn forbidden(user: &str, method: &str) -> Answer {
    tracing::warn!(target: "rpc", "RPC User {user} not allowed to call method {}", sanitized(method));
    Answer::status(StatusCode::FORBIDDEN)
}

async fn single(
    request: Json,
    mut envelope: Envelope,
    registry: &Registry,
    access: &Access<'_>,
    caller: Caller,
    ticket: Ticket,
) -> Answer {
    let (method, params) = match envelope.read(request, &caller.user) {
        Ok(read) => read,
        Err(error) => return envelope.failure(error),
    };
    if !access.allows(&method) {
        return forbidden(&caller.user, &method);
    }
    let (result, _ticket) = registry.call(&method, params, caller, ticket).await;
    match result {
        Err(error) if envelope.version == Version::Legacy => envelope.failure(error),
        _ if envelope.is_notification() => Answer::status(StatusCode::NO_CONTENT),
        result => Answer { status: StatusCode::OK, line: Some(envelope.line(&result)) },
    }
}

async fn batch(
    requests: Vec<Json>,
    mut envelope: Envelope,
    registry: &Registry,
    access: &Access<'_>,
    caller: Caller,
    mut ticket: Ticket,
) -> Answer {
    if let Access::Only(methods) = access {
        // Nothing is executed unless everything may be.
        for request in &requests {
            if !matches!(request, Json::Object(_)) {
                return envelope.failure(RpcError::invalid_request("Invalid Request object"));
            }
            match request.field("method").get_str() {
                Ok(method) if methods.contains(method) => {}
                Ok(method) => return forbidden(&caller.user, method),
                Err(error) => return envelope.failure(RpcError::new(code::PARSE_ERROR, error.message)),
            }
        }
    }
    let some = !requests.is_empty();
    let mut out = String::from("[");
    for request in requests {
        let result = match envelope.read(request, &caller.user) {
            Err(error) => Err(error),
            Ok((method, params)) => {
                let (result, handed_back) = registry.call(&method, params, caller.clone(), ticket).await;
                ticket = handed_back;
                result
            }
        };
        if !envelope.is_notification() {
            if out.len() > 1 {
                out.push(',');
            }
            out.push_str(&envelope.reply(&result));
        }
    }
    if out.len() == 1 && some {
        return Answer::status(StatusCode::NO_CONTENT);
    }
    out.push(']');
    Answer { status: StatusCode::OK, line: Some(out.into()) }
}
