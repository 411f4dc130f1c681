//! What plugins add to the node's interfaces. Everything is known before the node serves its first request: two of the
//! same name end the start.

use crate::policy::{MempoolFilter, TemplateOrder};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a call failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// Core's error code (`rpc/protocol.h`), for example -8 for a wrong argument.
    pub code: i32,
    /// What is wrong, for people.
    pub message: String,
}

impl ApiError {
    /// `RPC_INVALID_PARAMETER`.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { code: -8, message: message.into() }
    }

    /// `RPC_MISC_ERROR`.
    pub fn other(message: impl Into<String>) -> Self {
        Self { code: -1, message: message.into() }
    }
}

/// Answers a call. It is made on a thread that may wait.
pub type MethodHandler = Arc<dyn Fn(&[Value]) -> Result<Value, ApiError> + Send + Sync>;

/// An argument of a method.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parameter {
    /// Its name, for calls by name.
    pub name: String,
    /// What it is, for the help; one line.
    pub description: String,
    /// Whether it may be left out. Then all after it may.
    pub optional: bool,
}

/// An RPC method.
#[derive(Clone)]
pub struct Method {
    /// Its name: lower case, unique in the node.
    pub name: String,
    /// What it does, for `help`; the first line is its summary.
    pub description: String,
    /// Its arguments, in order.
    pub parameters: Vec<Parameter>,
    /// Answers it. Arguments that were left out at the end are missing in the slice.
    pub handler: MethodHandler,
}

/// A request to a REST path.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RestRequest {
    /// The path below the route's, without slashes at its ends; empty for the route itself.
    pub rest: String,
    /// The query, decoded; the last of several values of one name.
    pub query: BTreeMap<String, String>,
}

/// The answer to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestReply {
    /// The HTTP status.
    pub status: u16,
    /// The media type.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

impl RestReply {
    /// 200 with JSON.
    pub fn json(value: &Value) -> Self {
        Self { status: 200, content_type: "application/json".into(), body: value.to_string().into_bytes() }
    }
}

/// Answers a request. It is made on a thread that may wait.
pub type RestHandler = Arc<dyn Fn(&RestRequest) -> Result<RestReply, ApiError> + Send + Sync>;

/// A REST path, `GET /plugins/<id>/<path>`; public and rate-limited like the node's own.
#[derive(Clone)]
pub struct Route {
    /// The path below the plugin's, of `a-z 0-9 - _`; empty for the plugin's own.
    pub path: String,
    /// What it shows, for the list of paths; one line.
    pub description: String,
    /// Answers it.
    pub handler: RestHandler,
}

/// Where a plugin registers what it adds.
pub trait ApiRegistry {
    /// Adds an RPC method.
    fn method(&mut self, method: Method);
    /// Adds a REST path.
    fn route(&mut self, route: Route);
    /// Adds a say in the order of transactions in block templates.
    fn template_order(&mut self, order: Arc<dyn TemplateOrder>);
    /// Adds a say in what the mempool takes.
    fn mempool_filter(&mut self, filter: Arc<dyn MempoolFilter>);
}
