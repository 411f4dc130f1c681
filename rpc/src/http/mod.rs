//! The one HTTP port: JSON-RPC in Core's dialects, REST, WebSockets.
//!
//! hyper speaks HTTP/1.1; everything above it is here, byte for byte what Core's clients read: status lines,
//! header case, one line of JSON with a newline and a Content-Length. Invariants: every body, header, queue and wait
//! has a bound; nothing is executed for who may not; what is being answered is sent before the server ends.

pub mod auth;
mod envelope;
mod front;
pub mod limits;
mod origin;
mod reply;
pub mod rest;
mod wire;
mod ws;

pub use auth::{Auth, AuthError, AuthOptions, CookieAccess};
pub use limits::{Subnet, SubnetError};
pub use origin::OriginRules;
pub use rest::{RestBody, RestFuture, RestHandler, RestRequest, RestResponse, RestStreamError};

use crate::ratelimit::{Rate, RateLimiter};
use crate::registry::Registry;
use front::{Ends, Front};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use wire::Wire;

/// How many bytes the request line and the headers may have.
const MAX_HEADER_BYTES: usize = 8192;

/// How long [`HttpServer::shutdown`] waits for answers that are being made or sent.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(15);

/// How the port is opened and what it lets through.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Where to listen (`-rpcbind`, `-rpcport`, `--api-port`). Port 0 takes a free one.
    pub bind: Vec<SocketAddr>,
    /// Who may connect besides this machine (`-rpcallowip`).
    pub allowed: Vec<Subnet>,
    /// Who may call.
    pub auth: AuthOptions,
    /// How long a connection may be idle, a request incomplete, or an answer untaken (`-rpcservertimeout`); `None`
    /// (0 there) is for ever.
    pub timeout: Option<Duration>,
    /// Bytes of a body.
    pub max_body: usize,
    /// Requests in a batch.
    pub max_batch: usize,
    /// Connections at a time; further ones are answered 503 and closed.
    pub max_connections: usize,
    /// How often one client may ask for REST paths; `None` is as often as it likes.
    pub rest_rate: Option<Rate>,
    /// Which web pages may use the node.
    pub origins: OriginRules,
    /// Tokens that open the subscriptions over a WebSocket.
    pub feed_tokens: Vec<String>,
}

impl Default for HttpOptions {
    /// This machine alone, on port 5000, with no way to authenticate; Core's limits.
    fn default() -> Self {
        Self {
            bind: vec![(Ipv4Addr::LOCALHOST, 5000).into(), (Ipv6Addr::LOCALHOST, 5000).into()],
            allowed: Vec::new(),
            auth: AuthOptions::default(),
            timeout: Some(Duration::from_secs(30)),
            max_body: 32 * 1024 * 1024,
            max_batch: 50_000,
            max_connections: 3000,
            rest_rate: Some(Rate::default()),
            origins: OriginRules::default(),
            feed_tokens: Vec::new(),
        }
    }
}

/// Why the port cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Somebody listens there.
    #[error("Unable to bind to {0} on this computer. ChainCore is probably already running.")]
    InUse(SocketAddr),
    /// The system refuses.
    #[error("Unable to bind to {address} on this computer (bind returned error {source})")]
    Bind {
        /// Where to.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// There is no address to listen on.
    #[error("Unable to bind any endpoint for RPC server")]
    NoAddress,
    /// The options that say who may call are wrong.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

/// The running server. It must be ended by [`shutdown`](Self::shutdown); dropped, it stops listening and cuts nothing
/// short.
pub struct HttpServer {
    addresses: Vec<SocketAddr>,
    front: Arc<Front>,
    stop: watch::Sender<bool>,
    /// Closed when the last connection has ended.
    alive: mpsc::Receiver<()>,
}

impl HttpServer {
    /// Binds all addresses, writes the cookie, and answers from then on: -28 and 503 until the registry's warm-up is
    /// finished. A loopback address of a protocol that this machine does not have is passed over.
    pub async fn start(
        options: HttpOptions,
        registry: Arc<Registry>,
        rest: Option<Arc<dyn RestHandler>>,
    ) -> Result<Self, HttpError> {
        let mut listeners = Vec::new();
        for address in &options.bind {
            match listen(*address) {
                Ok(listener) => listeners.push(listener),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    return Err(HttpError::InUse(*address));
                }
                Err(error) if address.ip().is_loopback() && options.bind.len() > 1 => {
                    tracing::warn!(target: "http", "no RPC on {address}: {error}");
                }
                Err(source) => return Err(HttpError::Bind { address: *address, source }),
            }
        }
        let mut addresses = Vec::new();
        for (listener, wanted) in listeners.iter().zip(&options.bind) {
            let address = listener.local_addr();
            addresses.push(address.map_err(|source| HttpError::Bind { address: *wanted, source })?);
        }
        if addresses.is_empty() {
            return Err(HttpError::NoAddress);
        }
        // The cookie comes after the ports: a second node that fails to bind must not overwrite the first one's.
        let auth = Auth::new(&options.auth)?;
        let front = Arc::new(Front {
            registry,
            rest,
            auth,
            allowed: options.allowed,
            origins: options.origins,
            limiter: options.rest_rate.map(RateLimiter::new),
            sockets: ws::Sockets::new(options.feed_tokens, options.max_body, options.max_connections),
            max_body: options.max_body,
            max_batch: options.max_batch,
            patience: options.timeout,
        });
        let (stop, stopping) = watch::channel(false);
        let (alive_sender, alive) = mpsc::channel(1);
        let acceptor = Acceptor {
            front: front.clone(),
            http: http_builder(options.timeout),
            timeout: options.timeout,
            slots: Arc::new(Semaphore::new(options.max_connections.clamp(1, Semaphore::MAX_PERMITS))),
            stopping,
            alive: alive_sender,
        };
        for listener in listeners {
            tokio::spawn(acceptor.clone().run(listener));
        }
        tracing::debug!(target: "http", "HTTP server listens on {addresses:?}");
        Ok(Self { addresses, front, stop, alive })
    }

    /// Where it listens, with the ports that were taken.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Stops listening, ends calls that wait, sends the answers that are due (the reply to `stop` among them), closes
    /// the connections, and removes the cookie. What takes longer than 15 s is cut short.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        self.front.registry.stop();
        self.front.sockets.stop();
        if tokio::time::timeout(SHUTDOWN_PATIENCE, self.alive.recv()).await.is_err() {
            tracing::warn!(target: "http", "some HTTP clients did not take their answers in time");
        }
        // The front, and with it the cookie, may be held by a connection that was cut short.
        self.front.auth.remove_cookie();
    }
}

/// A listening socket; an IPv6 one takes no IPv4 connections, so that both can be bound to one port.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // On Unix this allows a port that is in TIME_WAIT; elsewhere it would allow stealing one.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

fn http_builder(timeout: Option<Duration>) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .title_case_headers(true)
        .keep_alive(true)
        .half_close(true)
        .max_header_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADER_BYTES / 32)
        .header_read_timeout(timeout);
    builder
}

/// Returns when the server is to stop, or is gone.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the server was dropped.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// What an accept loop needs.
#[derive(Clone)]
struct Acceptor {
    front: Arc<Front>,
    http: http1::Builder,
    timeout: Option<Duration>,
    slots: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
    alive: mpsc::Sender<()>,
}

impl Acceptor {
    async fn run(mut self, listener: TcpListener) {
        let mut refused = Refusals::default();
        loop {
            let accepted = tokio::select! {
                () = stopped(&mut self.stopping) => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => match self.slots.clone().try_acquire_owned() {
                    Ok(slot) => {
                        tokio::spawn(self.clone().serve(stream, peer, slot));
                    }
                    Err(_) => {
                        refused.note();
                        refuse_connection(&stream);
                    }
                },
                // Out of file descriptors, or the client left: neither ends the server.
                Err(error) => {
                    tracing::debug!(target: "http", "cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn serve(mut self, stream: TcpStream, peer: SocketAddr, _slot: OwnedSemaphorePermit) {
        let Ok(local) = stream.local_addr() else { return };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(target: "http", "connection from {peer}: no TCP_NODELAY: {error}");
        }
        let ends = Ends { peer, local };
        let front = self.front.clone();
        let stopping = self.stopping.clone();
        let service = service_fn(move |request| {
            let (front, stopping) = (front.clone(), stopping.clone());
            async move {
                let reply = front.handle(request, ends).await?;
                Ok::<_, front::Broken>(if *stopping.borrow() { reply::closing(reply) } else { reply })
            }
        });
        let io = TokioIo::new(Wire::new(stream, self.timeout));
        let connection = self.http.serve_connection(io, service).with_upgrades();
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped(&mut self.stopping) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(target: "http", "connection from {peer} ended: {error}");
        }
        // Explicitly last: the server's end waits for it.
        drop(self.alive);
    }
}

/// Tells the log of refused connections, once a minute at most.
#[derive(Default)]
struct Refusals {
    count: u64,
    told: Option<Instant>,
}

impl Refusals {
    fn note(&mut self) {
        self.count += 1;
        if self.told.is_none_or(|told| told.elapsed() >= Duration::from_secs(60)) {
            tracing::warn!(
                target: "http",
                "{} connections were refused: too many at a time; more are taken with a higher -rpclongpolls= setting",
                self.count
            );
            *self = Self { count: 0, told: Some(Instant::now()) };
        }
    }
}

/// Says that there are too many connections, if the socket takes it at once.
fn refuse_connection(stream: &TcpStream) {
    const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 20\r\nConnection: close\r\n\r\nToo many connections";
    // The connection is dropped either way.
    let _ = stream.try_write(FULL);
}
