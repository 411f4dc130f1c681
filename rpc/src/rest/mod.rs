//! The plain REST paths: status, blocks, addresses, transactions, mining and peers, for people and programs that
//! do not speak JSON-RPC.
//!
//! One table of routes ([`routes::ROUTES`]) makes both the router and the OpenAPI document, so neither can know a
//! path that the other does not. Amounts are whole satoshis; beside each, a string says the same in coins. Errors
//! are `{"error":{"code","message"}}` and name the bad value.
//!
//! Handlers block (disk, the chain's queue) and run on threads that may; long answers are streamed piece by piece
//! and never held whole.

mod addresses;
mod blocks;
mod documented;
pub mod esplora;
pub mod explorer;
mod facts;
mod feed;
mod light;
mod mining;
mod page;
mod peers;
pub mod route;
pub mod routes;
mod shapes;
mod status;
mod stream;
mod transactions;

use crate::error::{RpcError, code};
use crate::http::rest::{RestFuture, RestHandler, RestRequest, RestResponse, percent_decode};
use crate::json::Json;
use crate::node::{NodeError, NodeRef};
use crate::plugins::{PluginRoutes, Plugins};
use crate::value::to_json_string;
use crate::web::Web;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, StatusCode};
use route::Handler;
use serde::Serialize;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

/// A route's verb; there are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

impl Verb {
    /// The verb in capitals.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }

    fn of(method: &Method) -> Option<Self> {
        // The front leaves the body out of what HEAD is answered with.
        match *method {
            Method::GET | Method::HEAD => Some(Self::Get),
            Method::POST => Some(Self::Post),
            _ => None,
        }
    }
}

/// A request as handlers see it.
pub struct Request {
    request: RestRequest,
    /// The parts of the path that stand for the route's `{…}`, decoded.
    arguments: Vec<String>,
}

impl Request {
    /// The part of the path that stands for one of the route's `{…}`, by its place among them.
    fn argument(&self, at: usize) -> &str {
        self.arguments.get(at).map_or("", String::as_str)
    }

    /// A parameter of the query, if it is there and not empty.
    fn query(&self, name: &str) -> Option<String> {
        self.request.query_value(name).filter(|value| !value.is_empty())
    }

    /// A number in the query.
    fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, RestError> {
        let read = |text: String| {
            let message = format!("{name} must be a whole number that is not negative, not '{text}'");
            text.parse().map_err(|_| RestError::bad_request("bad_parameter", message))
        };
        self.query(name).map(read).transpose()
    }

    /// The body as text.
    fn text(&self) -> Result<&str, RestError> {
        let text = std::str::from_utf8(&self.request.body);
        text.map(str::trim).map_err(|_| RestError::bad_request("bad_body", "the body is not UTF-8 text"))
    }

    /// The body as JSON.
    fn json(&self) -> Result<Json, RestError> {
        Json::parse(&self.request.body)
            .ok_or_else(|| RestError::bad_request("bad_body", "the body is not JSON"))
    }
}

/// An answer in JSON.
fn json<T: Serialize + ?Sized>(value: &T) -> Answer {
    json_with(StatusCode::OK, value)
}

fn json_with<T: Serialize + ?Sized>(status: StatusCode, value: &T) -> Answer {
    let text = to_json_string(value);
    text.map(|text| RestResponse::json_status(status, text))
        .map_err(|error| RestError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))
}

/// An answer that says what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestError {
    /// The HTTP status.
    pub status: StatusCode,
    /// A word for programs.
    pub code: String,
    /// A sentence for people; it names the bad value.
    pub message: String,
}

impl RestError {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    fn bad_request(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// The error as an answer.
    pub fn into_response(self) -> RestResponse {
        RestResponse::error(self.status, &self.code, &self.message)
    }
}

impl From<NodeError> for RestError {
    fn from(error: NodeError) -> Self {
        let message = error.to_string();
        match error {
            NodeError::Stopping => Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", message),
            NodeError::IndexOff(name) => {
                let message = format!("{message}: start the node with -{name}");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "index_off", message)
            }
            NodeError::Storage(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "storage", message),
            NodeError::NoTemplate(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "no_template", message),
            NodeError::Other(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message),
        }
    }
}

impl From<RpcError> for RestError {
    fn from(error: RpcError) -> Self {
        let (status, code) = match error.code {
            code::DESERIALIZATION_ERROR => (StatusCode::BAD_REQUEST, "undecodable"),
            code::VERIFY_ERROR | code::VERIFY_REJECTED => (StatusCode::BAD_REQUEST, "rejected"),
            code::VERIFY_ALREADY_IN_UTXO_SET => (StatusCode::CONFLICT, "already_confirmed"),
            code::INVALID_ADDRESS_OR_KEY => (StatusCode::NOT_FOUND, "not_found"),
            code::CLIENT_NOT_CONNECTED => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            code::IN_WARMUP => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
            code::TYPE_ERROR | code::INVALID_PARAMETER | code::MISC => {
                (StatusCode::BAD_REQUEST, "bad_parameter")
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        Self::new(status, code, error.message)
    }
}

/// What a handler answers.
type Answer = Result<RestResponse, RestError>;

/// The REST paths of one node.
#[derive(Clone)]
pub struct Rest(Arc<Inner>);

struct Inner {
    node: NodeRef,
    plugins: PluginRoutes,
    web: Web,
    control: Option<Arc<dyn Plugins>>,
    templates: mining::TemplateStore,
    pool: Mutex<esplora::Pool>,
    facts: facts::Facts,
}

/// What the paths answer with besides the node.
#[derive(Default)]
pub struct RestParts {
    /// The paths of plugins.
    pub plugins: PluginRoutes,
    /// The web app.
    pub web: Web,
    /// The plugins themselves, to be listed.
    pub control: Option<Arc<dyn Plugins>>,
}

impl Rest {
    /// The paths of a node alone.
    pub fn new(node: NodeRef) -> Self {
        Self::with(node, RestParts::default())
    }

    /// The paths of a node with all that is around it.
    pub fn with(node: NodeRef, parts: RestParts) -> Self {
        let RestParts { plugins, web, control } = parts;
        let (templates, pool, facts) = Default::default();
        Self(Arc::new(Inner { node, plugins, web, control, templates, pool, facts }))
    }

    async fn answer(&self, request: RestRequest) -> RestResponse {
        let path = request.path.clone();
        if self.0.web.claims(&path) {
            let rest = self.clone();
            let answer = tokio::task::spawn_blocking(move || rest.0.web.answer(&request));
            return answer.await.unwrap_or_else(|_| failed().into_response());
        }
        let answer = self.answer_of_route(request).await;
        answer.unwrap_or_else(if esplora::has(&path) {
            esplora::plain_error
        } else {
            RestError::into_response
        })
    }

    async fn answer_of_route(&self, request: RestRequest) -> Answer {
        let verb = Verb::of(&request.method);
        let path = request.path.clone();
        let at_path = || routes::all().filter(|route| matched(route.path, &path).is_some());
        let Some(route) = at_path().find(|route| Some(route.verb) == verb) else {
            if self.0.plugins.claims(&path) {
                return self.answer_of_plugin(verb, request).await;
            }
            let Some(known) = at_path().next() else {
                return Err(RestError::new(
                    StatusCode::NOT_FOUND,
                    "not_found",
                    format!("there is no {path}"),
                ));
            };
            return Ok(wrong_verb(&request, known.verb));
        };
        let parts = matched(route.path, &path).unwrap_or_default();
        let arguments = parts.into_iter().map(percent_decode).collect();
        let rest = self.clone();
        let run = route.run;
        let answer = tokio::task::spawn_blocking(move || match run {
            Handler::Node(run) => run(&rest, &Request { request, arguments }),
            Handler::Document => crate::openapi::document(rest.node(), &rest.0.plugins),
        });
        answer.await.unwrap_or_else(|_| Err(failed()))
    }

    async fn answer_of_plugin(&self, verb: Option<Verb>, request: RestRequest) -> Answer {
        if verb != Some(Verb::Get) {
            return Ok(wrong_verb(&request, Verb::Get));
        }
        let rest = self.clone();
        let answer = tokio::task::spawn_blocking(move || rest.0.plugins.answer(&request));
        answer.await.unwrap_or_else(|_| Err(failed()))
    }

    fn node(&self) -> &dyn crate::node::Node {
        &*self.0.node
    }
}

/// The answer when a handler has panicked.
fn failed() -> RestError {
    RestError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the handler failed")
}

/// The answer to a verb that a path does not have.
fn wrong_verb(request: &RestRequest, verb: Verb) -> RestResponse {
    let message = format!("{} is not a method of {}, {} is", request.method, request.path, verb.name());
    let error = RestError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
    error.into_response().header(ALLOW, HeaderValue::from_static(verb.name()))
}

/// Whether a path has a pattern's form, and what stands for its `{…}`, each of which is a whole part.
fn matched<'a>(pattern: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let mut arguments = Vec::new();
    let mut parts = path.split('/');
    for wanted in pattern.split('/') {
        let part = parts.next()?;
        match wanted.starts_with('{') {
            true if part.is_empty() => return None,
            true => arguments.push(part),
            false if part != wanted => return None,
            false => {}
        }
    }
    parts.next().is_none().then_some(arguments)
}

impl RestHandler for Rest {
    /// All below the routes' first parts, so that `/status/` is told what is wrong as `/balance/nonsense` is.
    fn claims(&self, path: &str) -> bool {
        let first_part = |path: &'static str| path.split('/').nth(1).unwrap_or_default();
        let below = |first: &str| !first.is_empty() && path.split('/').nth(1) == Some(first);
        self.0.web.claims(path)
            || self.0.plugins.claims(path)
            || routes::all().any(|route| route.path == path || below(first_part(route.path)))
    }

    /// The app can tell how far the start is.
    fn answers_in_warmup(&self, path: &str) -> bool {
        self.0.web.claims(path)
    }

    /// One page is many files, and they are in memory.
    fn rate_limited(&self, path: &str) -> bool {
        !self.0.web.claims(path)
    }

    fn serves_local_miners(&self, path: &str) -> bool {
        mining::serves_local_miners(path)
    }

    fn own_names_only(&self, path: &str) -> bool {
        self.0.web.claims(path)
    }

    fn controls(&self, path: &str) -> Option<&'static str> {
        peers::controls(path).or_else(|| mining::controls(path))
    }

    fn handle(&self, request: RestRequest) -> RestFuture<'_> {
        Box::pin(self.answer(request))
    }
}
