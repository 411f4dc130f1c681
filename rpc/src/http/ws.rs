//! WebSockets, on `/` and `/ws`: jsonrpsee serves the registry's methods and subscriptions.
//!
//! Whoever authenticates gets the methods that the user may call, and the subscriptions. A browser cannot set headers
//! on a WebSocket: with one of the configured tokens in the query (`/ws?token=…`) it gets the subscriptions alone.

use super::auth::{Access, Auth, same};
use super::reply::{Reply, ReplyBody, plain};
use super::rest::query_value;
use crate::registry::{Caller, Registry};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderMap, UPGRADE};
use hyper::service::Service as _;
use hyper::{Method, Request, StatusCode};
use hyper_util::service::TowerToHyperService;
use jsonrpsee::server::{Methods, PingConfig, Server, ServerConfig, ServerHandle, stop_channel};
use std::future::Future;
use std::pin::Pin;

/// Messages that wait for a slow reader, of all of a connection's subscriptions together. A message of the feed has at most
/// some ten thousand bytes.
const MESSAGES_AHEAD: u32 = 16;

/// Subscriptions of one connection.
const SUBSCRIPTIONS: u32 = 8;

type Upgrade = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// The WebSocket side of the port.
pub(super) struct Sockets {
    serve: Box<dyn Fn(Methods, Request<Incoming>) -> Upgrade + Send + Sync>,
    handle: ServerHandle,
    tokens: Vec<String>,
}

/// Whether a request asks to become a WebSocket.
pub(super) fn is_upgrade(method: &Method, headers: &HeaderMap) -> bool {
    let has = |name, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    };
    method == Method::GET && has(CONNECTION, "upgrade") && has(UPGRADE, "websocket")
}

impl Sockets {
    /// `max_body` bounds a message of a client, `connections` how many there are at a time.
    pub(super) fn new(tokens: Vec<String>, max_body: usize, connections: usize) -> Self {
        let (stop, handle) = stop_channel();
        let config = ServerConfig::builder()
            .ws_only()
            .max_request_body_size(u32::try_from(max_body).unwrap_or(u32::MAX))
            .max_response_body_size(u32::MAX)
            .max_connections(u32::try_from(connections).unwrap_or(u32::MAX))
            .max_subscriptions_per_connection(SUBSCRIPTIONS)
            .set_message_buffer_capacity(MESSAGES_AHEAD)
            .enable_ws_ping(PingConfig::new())
            .build();
        let builder = Server::builder().set_config(config).to_service_builder();
        let serve = move |methods: Methods, request: Request<Incoming>| -> Upgrade {
            let service = TowerToHyperService::new(builder.clone().build(methods, stop.clone()));
            Box::pin(async move {
                match service.call(request).await {
                    Ok(response) => response.map(|_| ReplyBody::Whole(None)),
                    Err(error) => {
                        tracing::debug!(target: "http", "WebSocket refused: {error}");
                        plain(StatusCode::BAD_REQUEST, "")
                    }
                }
            })
        };
        Self { serve: Box::new(serve), handle, tokens }
    }

    /// Whether the query holds one of the tokens that open the subscriptions.
    pub(super) fn token_opens(&self, query: &str) -> bool {
        let Some(given) = query_value(query, "token") else { return false };
        self.tokens.iter().fold(false, |opens, token| opens | same(given.as_bytes(), token.as_bytes()))
    }

    /// Upgrades a request of an authenticated caller, or of one who may read the feed.
    pub(super) async fn upgrade(
        &self,
        mut request: Request<Incoming>,
        registry: &Registry,
        auth: &Auth,
        caller: Option<Caller>,
    ) -> Reply {
        let methods = match caller {
            None => registry.feed_methods(),
            Some(caller) => {
                let access = auth.access(&caller.user);
                if access == Access::Nothing {
                    return plain(StatusCode::FORBIDDEN, "");
                }
                let methods = registry.socket_methods(|method| access.allows(method));
                request.extensions_mut().insert(caller);
                methods
            }
        };
        (self.serve)(methods, request).await
    }

    /// Closes all WebSockets.
    pub(super) fn stop(&self) {
        // An error means that they are closed already.
        let _ = self.handle.stop();
    }
}
