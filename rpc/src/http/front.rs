//! What happens to one request: the gates it passes, the router, the body, the answer.

use super::auth::Auth;
use super::envelope;
use super::limits::{Subnet, may_connect};
use super::origin::{self, Intent, OriginRules, Refused};
use super::reply::{Reply, closing, json, plain, rest, unauthorized};
use super::rest::{RestHandler, RestRequest, RestResponse};
use super::ws::{Opener, Sockets, is_upgrade};
use crate::ratelimit::RateLimiter;
use crate::registry::{Caller, Registry};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a wrong password waits for its 401.
const WRONG_PASSWORD_DELAY: Duration = Duration::from_millis(250);

/// A body of up to this size is read before a refusal, so that the connection can go on.
const POLITE_BODY: u64 = 1024 * 1024;

/// By these a proxy tells that it speaks for somebody.
const PROXY_HEADERS: &[&str] = &["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// By this a miner on this machine says what it is.
const LOCAL_MINING: &str = "x-local-mining";

/// Everything that requests share.
pub(super) struct Front {
    pub(super) registry: Arc<Registry>,
    pub(super) rest: Option<Arc<dyn RestHandler>>,
    pub(super) auth: Auth,
    pub(super) allowed: Vec<Subnet>,
    pub(super) origins: OriginRules,
    pub(super) limiter: Option<RateLimiter>,
    pub(super) sockets: Sockets,
    pub(super) max_body: usize,
    pub(super) max_batch: usize,
    /// How long a client may be silent inside a body.
    pub(super) patience: Option<Duration>,
}

/// The two ends of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
}

/// The connection cannot go on: the client left or fell silent within a body.
#[derive(Debug, thiserror::Error)]
#[error("the request's body ended early")]
pub(super) struct Broken;

enum Received {
    Whole(Vec<u8>),
    TooLarge,
}

enum Route {
    Rpc,
    Socket,
    Rest(Arc<dyn RestHandler>),
    /// JSON-RPC's path with another verb.
    WrongVerb,
    UnknownVerb,
    Nothing,
}

impl Front {
    fn route(&self, request: &Request<Incoming>) -> Route {
        let path = request.uri().path();
        let method = request.method();
        if matches!(path, "/" | "/ws") && is_upgrade(method, request.headers()) {
            return Route::Socket;
        }
        if path == "/" && method == Method::POST && request.uri().query().is_none() {
            return Route::Rpc;
        }
        if let Some(handler) = &self.rest
            && (path != "/" || matches!(*method, Method::GET | Method::HEAD))
            && method != Method::OPTIONS
            && handler.claims(path)
        {
            return Route::Rest(handler.clone());
        }
        match *method {
            Method::GET | Method::POST | Method::HEAD | Method::PUT
                if path == "/" && *method != Method::POST =>
            {
                Route::WrongVerb
            }
            Method::GET | Method::POST | Method::HEAD | Method::PUT => Route::Nothing,
            _ => Route::UnknownVerb,
        }
    }

    /// Answers one request.
    pub(super) async fn handle(&self, request: Request<Incoming>, ends: Ends) -> Result<Reply, Broken> {
        if !may_connect(&self.allowed, ends.peer.ip()) {
            tracing::debug!(target: "http", "HTTP request from {} rejected: Client network is not allowed RPC access", ends.peer);
            return Ok(closing(plain(StatusCode::FORBIDDEN, "")));
        }
        let route = self.route(&request);
        let intent = Intent {
            loopback: ends.local.ip().to_canonical().is_loopback(),
            open: matches!(route, Route::Rest(_) | Route::Socket),
            writes: matches!(route, Route::Socket)
                || !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS),
            named: matches!(&route, Route::Rest(handler) if handler.own_names_only(request.uri().path())),
        };
        let readable_by = match self.origins.judge(request.headers(), intent) {
            Ok(origin) => origin,
            Err(Refused(why)) => {
                tracing::debug!(target: "http", "HTTP request from {} rejected: {why}", ends.peer);
                return Ok(closing(rest(RestResponse::error(StatusCode::FORBIDDEN, "forbidden", &why))));
            }
        };
        let mut reply = if request.method() == Method::OPTIONS && readable_by.is_some() {
            let mut reply = plain(StatusCode::NO_CONTENT, "");
            origin::allow_preflight(reply.headers_mut());
            reply
        } else {
            match route {
                Route::Rpc => self.rpc(request, ends).await?,
                Route::Socket => self.socket(request, ends).await,
                Route::Rest(handler) => self.rest(&*handler, request, ends).await?,
                Route::WrongVerb => {
                    self.refuse(
                        request,
                        plain(StatusCode::METHOD_NOT_ALLOWED, "JSONRPC server handles only POST requests"),
                    )
                    .await?
                }
                Route::UnknownVerb => self.refuse(request, plain(StatusCode::METHOD_NOT_ALLOWED, "")).await?,
                Route::Nothing => self.refuse(request, plain(StatusCode::NOT_FOUND, "")).await?,
            }
        };
        if let Some(origin) = readable_by {
            origin::allow(reply.headers_mut(), origin);
        }
        Ok(reply)
    }

    /// Reads the body, bounded in size and in the time between its pieces.
    async fn receive(&self, mut body: Incoming) -> Result<Received, Broken> {
        let hint = body.size_hint();
        if hint.lower() > self.max_body as u64 {
            return Ok(Received::TooLarge);
        }
        // What the client promises is not allocated before it arrives.
        let mut bytes = Vec::with_capacity(usize::try_from(hint.lower().min(64 * 1024)).unwrap_or(0));
        loop {
            let frame = match self.patience {
                None => body.frame().await,
                Some(patience) => tokio::time::timeout(patience, body.frame()).await.map_err(|_| Broken)?,
            };
            let Some(frame) = frame else { return Ok(Received::Whole(bytes)) };
            // What is not data are trailers, which nobody reads.
            if let Ok(data) = frame.map_err(|_| Broken)?.into_data() {
                if bytes.len() + data.len() > self.max_body {
                    return Ok(Received::TooLarge);
                }
                bytes.extend_from_slice(&data);
            }
        }
    }

    /// Answers without looking at the body. A small one is read all the same: the connection can be used again.
    async fn refuse(&self, request: Request<Incoming>, reply: Reply) -> Result<Reply, Broken> {
        let body = request.into_body();
        match body.size_hint().upper() {
            Some(0) => Ok(reply),
            Some(size) if size <= POLITE_BODY => match self.receive(body).await? {
                Received::Whole(_) => Ok(reply),
                Received::TooLarge => Ok(closing(reply)),
            },
            _ => Ok(closing(reply)),
        }
    }

    fn caller(&self, user: String, request: &Request<Incoming>, ends: Ends) -> Caller {
        Caller { user, peer: Some(ends.peer), path: request.uri().path().to_owned() }
    }

    async fn rpc(&self, request: Request<Incoming>, ends: Ends) -> Result<Reply, Broken> {
        let Some(credentials) = request.headers().get(AUTHORIZATION) else {
            return self.refuse(request, unauthorized()).await;
        };
        let Some(user) = self.auth.user_of(credentials.as_bytes()) else {
            tracing::warn!(target: "rpc", "ThreadRPCServer incorrect password attempt from {}", ends.peer);
            tokio::time::sleep(WRONG_PASSWORD_DELAY).await;
            return self.refuse(request, unauthorized()).await;
        };
        let caller = self.caller(user, &request, ends);
        let body = match self.receive(request.into_body()).await? {
            Received::Whole(body) => body,
            Received::TooLarge => return Ok(closing(plain(StatusCode::PAYLOAD_TOO_LARGE, ""))),
        };
        let Ok(ticket) = self.registry.workers().acquire().await else { return Ok(busy()) };
        let answer =
            envelope::execute(body, &self.registry, &self.auth, caller, ticket, self.max_batch).await;
        Ok(match answer.line {
            Some(line) => json(answer.status, line.pieces()),
            None => plain(answer.status, ""),
        })
    }

    async fn socket(&self, request: Request<Incoming>, ends: Ends) -> Reply {
        let opener = match request.headers().get(AUTHORIZATION) {
            None if self.sockets.token_opens(request.uri().query().unwrap_or_default()) => Opener::Token,
            None if origin::is_own_page(request.headers()) => {
                if let Some(limiter) = &self.limiter
                    && limiter.take(ends.peer.ip(), Instant::now()).is_err()
                {
                    return plain(StatusCode::TOO_MANY_REQUESTS, "");
                }
                Opener::OwnPage(ends.peer.ip())
            }
            None => return unauthorized(),
            Some(credentials) => match self.auth.user_of(credentials.as_bytes()) {
                Some(user) => Opener::User(self.caller(user, &request, ends)),
                None => {
                    tokio::time::sleep(WRONG_PASSWORD_DELAY).await;
                    return unauthorized();
                }
            },
        };
        self.sockets.upgrade(request, &self.registry, &self.auth, opener).await
    }

    /// What a client is told that may not control the node: it is not on this machine, and no user that may call
    /// `method`.
    async fn refuse_control(&self, request: &Request<Incoming>, ends: Ends, method: &str) -> Option<Reply> {
        let path = request.uri().path();
        let refused = |text: &str| Some(rest(RestResponse::error(StatusCode::FORBIDDEN, "forbidden", text)));
        let Some(credentials) = request.headers().get(AUTHORIZATION) else {
            if is_from_this_machine(request.headers(), ends) {
                return None;
            }
            return refused(&format!(
                "{path} is for clients on this machine; from elsewhere it needs the user and password of JSON-RPC"
            ));
        };
        let Some(user) = self.auth.user_of(credentials.as_bytes()) else {
            tracing::warn!(target: "rpc", "incorrect password attempt from {}", ends.peer);
            tokio::time::sleep(WRONG_PASSWORD_DELAY).await;
            return Some(unauthorized());
        };
        if self.auth.access(&user).allows(method) {
            return None;
        }
        refused(&format!("user '{user}' may not call {method}, so {path} is not for it"))
    }

    async fn rest(
        &self,
        handler: &dyn RestHandler,
        request: Request<Incoming>,
        ends: Ends,
    ) -> Result<Reply, Broken> {
        let path = request.uri().path().to_owned();
        let is_local_miner =
            handler.serves_local_miners(&path) && is_local_miner(request.method(), request.headers(), ends);
        if let Some(limiter) = &self.limiter
            && handler.rate_limited(&path)
            && !is_local_miner
            && let Err(wait) = limiter.take(ends.peer.ip(), Instant::now())
        {
            let seconds = wait.as_secs() + 1;
            let text = format!("too many requests from {}: try again in {seconds} s", ends.peer.ip());
            let response = RestResponse::error(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", &text);
            let reply = rest(response.header(RETRY_AFTER, HeaderValue::from(seconds)));
            return self.refuse(request, reply).await;
        }
        if !handler.answers_in_warmup(&path)
            && let Some(status) = self.registry.warmup().status()
        {
            let text = format!("Service temporarily unavailable: {status}");
            let response = RestResponse::error(StatusCode::SERVICE_UNAVAILABLE, "starting", &text);
            return self.refuse(request, rest(response)).await;
        }
        if let Some(method) = handler.controls(&path)
            && let Some(refusal) = self.refuse_control(&request, ends, method).await
        {
            return self.refuse(request, refusal).await;
        }
        let (parts, body) = request.into_parts();
        let body = match self.receive(body).await? {
            Received::Whole(body) => body,
            Received::TooLarge => {
                let text = format!("the body is larger than {} bytes", self.max_body);
                let response = RestResponse::error(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", &text);
                return Ok(closing(rest(response)));
            }
        };
        let Ok(_ticket) = self.registry.workers().acquire().await else { return Ok(busy()) };
        let request = RestRequest {
            method: parts.method,
            path,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body: body.into(),
            peer: ends.peer,
        };
        Ok(rest(handler.handle(request).await))
    }
}

/// Whether a client on this machine asks. A proxy on this machine speaks for clients that are anywhere.
fn is_from_this_machine(headers: &HeaderMap, ends: Ends) -> bool {
    let proxied = PROXY_HEADERS.iter().any(|name| headers.contains_key(*name));
    ends.peer.ip().to_canonical().is_loopback() && !proxied
}

/// Whether a miner on this machine asks for work or hands it in, by its own words.
fn is_local_miner(method: &Method, headers: &HeaderMap, ends: Ends) -> bool {
    let says_so =
        headers.get(LOCAL_MINING).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    says_so && method == Method::POST && is_from_this_machine(headers, ends)
}

fn busy() -> Reply {
    tracing::warn!(
        target: "http",
        "Request rejected because http work queue depth exceeded, it can be increased with the -rpcworkqueue= setting"
    );
    plain(StatusCode::SERVICE_UNAVAILABLE, "Work queue depth exceeded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_miner_is_on_this_machine_and_says_so() {
        let local: SocketAddr = "127.0.0.1:5000".parse().unwrap();
        let judge = |peer: &str, headers: &[(&'static str, &'static str)]| {
            let ends = Ends { peer: peer.parse().unwrap(), local };
            let headers =
                headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
            is_local_miner(&Method::POST, &headers.collect(), ends)
        };
        let mining = ("x-local-mining", "true");
        assert!(judge("127.0.0.1:7", &[mining]));
        assert!(judge("[::1]:7", &[("x-local-mining", "True")]));
        assert!(!judge("127.0.0.1:7", &[]));
        assert!(!judge("127.0.0.1:7", &[("x-local-mining", "false")]));
        assert!(!judge("127.0.0.1:7", &[mining, ("x-forwarded-for", "10.0.0.7")]));
        assert!(!judge("10.0.0.7:7", &[mining]));
    }
}
