//! WebSockets, on `/` and `/ws`: jsonrpsee serves the registry's methods and subscriptions.
//!
//! Whoever authenticates gets the methods that the user may call, and the subscriptions. A browser cannot set headers
//! on a WebSocket: with one of the configured tokens in the query (`/ws?token=…`) it gets the subscriptions alone, and so
//! does a page of the node's own origin without one. Who needs no password may say little ([`FEED_BODY`]) and have few
//! connections ([`OPEN_PER_CLIENT`], [`OPEN_IN_ALL`]).

use super::auth::{Access, Auth, same};
use super::reply::{Reply, ReplyBody, plain};
use super::rest::query_value;
use crate::ratelimit::client_of;
use crate::registry::{Caller, Registry};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderMap, UPGRADE};
use hyper::service::Service as _;
use hyper::{Method, Request, StatusCode};
use hyper_util::service::TowerToHyperService;
use jsonrpsee::server::{
    BatchRequestConfig, Methods, PingConfig, Server, ServerConfig, ServerConfigBuilder, ServerHandle,
    StopHandle, stop_channel,
};
use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

/// Messages that wait for a slow reader, of all of a connection's subscriptions together. A message of the feed has at most
/// some ten thousand bytes.
const MESSAGES_AHEAD: u32 = 16;

/// Subscriptions of one connection.
const SUBSCRIPTIONS: u32 = 8;

/// Bytes of a message, and calls of a batch, of who may only subscribe.
const FEED_BODY: u32 = 8 * 1024;
const FEED_BATCH: u32 = 8;

/// Connections without password or token, of one client (an address; a /64 of IPv6) and of all.
const OPEN_PER_CLIENT: usize = 16;
const OPEN_IN_ALL: usize = 256;

type Upgrade = Pin<Box<dyn Future<Output = Reply> + Send>>;
type Serve = Box<dyn Fn(Methods, Request<Incoming>) -> Upgrade + Send + Sync>;

/// Who opens a WebSocket.
pub(super) enum Opener {
    /// A user: the methods that it may call, and the subscriptions.
    User(Caller),
    /// One that knows a token: the subscriptions.
    Token,
    /// A page of the node's own, at this address: the subscriptions, on few connections.
    OwnPage(IpAddr),
}

/// The WebSocket side of the port.
pub(super) struct Sockets {
    serve: Serve,
    serve_feed: Serve,
    handle: ServerHandle,
    tokens: Vec<String>,
    open: OpenSeats,
}

/// Counts the connections that need no password.
#[derive(Clone, Default)]
struct OpenSeats(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One of them; free again when it is dropped.
struct Seat {
    seats: OpenSeats,
    client: IpAddr,
}

impl OpenSeats {
    /// A seat for a connection from an address, if there is one.
    fn take(&self, address: IpAddr) -> Option<Seat> {
        let client = client_of(address);
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_client = taken.get(&client).copied().unwrap_or(0);
        if of_client >= OPEN_PER_CLIENT || taken.values().sum::<usize>() >= OPEN_IN_ALL {
            return None;
        }
        taken.insert(client, of_client + 1);
        Some(Seat { seats: self.clone(), client })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.client);
            }
        }
    }
}

/// What serves connections with some limits.
fn serve(limits: ServerConfigBuilder, stop: StopHandle) -> Serve {
    let config = limits
        .ws_only()
        .max_response_body_size(u32::MAX)
        .max_subscriptions_per_connection(SUBSCRIPTIONS)
        .set_message_buffer_capacity(MESSAGES_AHEAD)
        .enable_ws_ping(PingConfig::new())
        .build();
    let builder = Server::builder().set_config(config).to_service_builder();
    Box::new(move |methods: Methods, request: Request<Incoming>| -> Upgrade {
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
    })
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
        let connections = u32::try_from(connections).unwrap_or(u32::MAX);
        let limits = ServerConfig::builder().max_connections(connections);
        let full = limits.clone().max_request_body_size(u32::try_from(max_body).unwrap_or(u32::MAX));
        let feed = limits
            .max_request_body_size(FEED_BODY)
            .set_batch_request_config(BatchRequestConfig::Limit(FEED_BATCH));
        Self {
            serve: serve(full, stop.clone()),
            serve_feed: serve(feed, stop),
            handle,
            tokens,
            open: OpenSeats::default(),
        }
    }

    /// Whether the query holds one of the tokens that open the subscriptions.
    pub(super) fn token_opens(&self, query: &str) -> bool {
        let Some(given) = query_value(query, "token") else { return false };
        self.tokens.iter().fold(false, |opens, token| opens | same(given.as_bytes(), token.as_bytes()))
    }

    /// Upgrades a request of one who may.
    pub(super) async fn upgrade(
        &self,
        mut request: Request<Incoming>,
        registry: &Registry,
        auth: &Auth,
        opener: Opener,
    ) -> Reply {
        match opener {
            Opener::Token => {}
            Opener::OwnPage(address) => match self.open.take(address) {
                // The connection keeps the request's extensions for as long as it lasts.
                Some(seat) => drop(request.extensions_mut().insert(Arc::new(seat))),
                None => return plain(StatusCode::TOO_MANY_REQUESTS, ""),
            },
            Opener::User(caller) => {
                let access = auth.access(&caller.user);
                if access == Access::Nothing {
                    return plain(StatusCode::FORBIDDEN, "");
                }
                let methods = registry.socket_methods(|method| access.allows(method));
                request.extensions_mut().insert(caller);
                return (self.serve)(methods, request).await;
            }
        }
        (self.serve_feed)(registry.feed_methods(), request).await
    }

    /// Closes all WebSockets.
    pub(super) fn stop(&self) {
        // An error means that they are closed already.
        let _ = self.handle.stop();
    }
}
