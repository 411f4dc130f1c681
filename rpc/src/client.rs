//! A client of this node's or Bitcoin Core's JSON-RPC, for the command line, the miner and tests.
//!
//! It speaks JSON-RPC 2.0 over HTTP/1.1, keeps one connection open between calls, and tells apart what callers treat
//! differently: nobody listens, the password is wrong, the node is starting, the method failed.

use crate::error::{RpcError, code};
use crate::json::{Json, write_string};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

/// How a client proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Not at all.
    None,
    /// By name and password.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// By the content of a cookie file, read before each new connection.
    Cookie(PathBuf),
}

/// Where the node is and how to talk to it.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// A host name or IP address (IPv6 without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
    /// Where calls are posted: `/`, or `/wallet/<name>`.
    pub path: String,
    /// How to prove who calls.
    pub credentials: Credentials,
    /// The longest a call may take; `None` waits for ever. Connecting takes at most 5 s in any case.
    pub timeout: Option<Duration>,
}

impl Default for ClientOptions {
    /// `127.0.0.1:5000`, no credentials, 15 minutes.
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 5000,
            path: "/".into(),
            credentials: Credentials::None,
            timeout: Some(Duration::from_secs(900)),
        }
    }
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection: nobody listens there, or the address is unknown.
    #[error("could not connect to the server {address}: {source}")]
    Connect {
        /// Host and port.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The cookie file cannot be read.
    #[error("could not read the cookie file {}: {source}", path.display())]
    Cookie {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The node does not accept the credentials (HTTP 401).
    #[error("authorization failed: incorrect rpcuser or rpcpassword")]
    Unauthorized,
    /// An HTTP status without a JSON-RPC reply: 403, 404, 503 and the like.
    #[error("server returned HTTP error {status}{}{body}", if body.is_empty() { "" } else { ": " })]
    Http {
        /// The status.
        status: u16,
        /// The beginning of the body, as text.
        body: String,
    },
    /// The node is still starting (code -28); the text says where it is. Ask again later.
    #[error("{0}")]
    Warmup(String),
    /// The method failed.
    #[error(transparent)]
    Rpc(RpcError),
    /// No answer within the timeout.
    #[error("timeout: no answer within {0:?}")]
    Timeout(Duration),
    /// The connection broke while a call was on its way; whether it was executed is not known.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The answer is longer than the caller takes.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The answer is not JSON-RPC.
    #[error("couldn't parse reply from server: {0}")]
    Malformed(String),
}

impl ClientError {
    /// Whether the node may be on its way up: nobody listens yet, it warms up, or its cookie is not there yet. What
    /// `-rpcwait` waits for.
    pub fn is_starting(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Warmup(_) | Self::Cookie { .. })
    }
}

/// One call of a batch: the method and its parameters (an array, an object or `null`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchCall {
    /// The method.
    pub method: String,
    /// The parameters.
    pub params: Json,
}

type Sender = SendRequest<Full<Bytes>>;

/// A client. Calls of one client go one after another over one connection; make several for several at a time.
#[derive(Debug)]
pub struct Client {
    options: ClientOptions,
    connection: Mutex<Option<(Sender, Option<HeaderValue>)>>,
}

/// A status and a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpReply {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

impl Client {
    /// A client; it connects with the first call.
    pub fn new(options: ClientOptions) -> Self {
        Self { options, connection: Mutex::new(None) }
    }

    /// What the client was made with.
    pub fn options(&self) -> &ClientOptions {
        &self.options
    }

    /// Calls `method` with positional parameters.
    pub async fn call(&self, method: &str, params: &[Json]) -> Result<Json, ClientError> {
        self.call_with(method, &Json::Array(params.to_vec())).await
    }

    /// Calls `method` with `params`: an array, an object of named parameters, or `null`.
    pub async fn call_with(&self, method: &str, params: &Json) -> Result<Json, ClientError> {
        let mut body = String::new();
        write_call(method, params, 1, &mut body);
        let (status, mut reply) = self.post_json(body).await?;
        let error = std::mem::take(member_mut(&mut reply, "error"));
        if !error.is_null() {
            return Err(rpc_failure(&error));
        }
        if status != StatusCode::OK.as_u16() {
            return Err(ClientError::Malformed(format!("HTTP {status} with a result")));
        }
        match reply.member("result") {
            Some(_) => Ok(std::mem::take(member_mut(&mut reply, "result"))),
            None => {
                Err(ClientError::Malformed("expected reply to have result, error and id properties".into()))
            }
        }
    }

    /// Calls `method` and reads the result as a `T`. Numbers go through `serde_json`: amounts that must be exact are
    /// read from [`call`](Self::call)'s [`Json`] instead.
    pub async fn call_as<T: serde::de::DeserializeOwned>(
        &self,
        method: &str,
        params: &[Json],
    ) -> Result<T, ClientError> {
        let result = self.call(method, params).await?;
        serde_json::from_str(&result.to_string()).map_err(|error| ClientError::Malformed(error.to_string()))
    }

    /// Sends all calls at once; the answers come in the order of the calls.
    pub async fn batch(&self, calls: &[BatchCall]) -> Result<Vec<Result<Json, RpcError>>, ClientError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let mut body = String::from("[");
        for (id, call) in calls.iter().enumerate() {
            if id > 0 {
                body.push(',');
            }
            write_call(&call.method, &call.params, id, &mut body);
        }
        body.push(']');
        let (_, reply) = self.post_json(body).await?;
        let Json::Array(replies) = reply else {
            let error = reply.field("error");
            return Err(if error.is_null() {
                ClientError::Malformed("a batch must be answered by an array".into())
            } else {
                rpc_failure(error)
            });
        };
        let mut answers: Vec<Option<Result<Json, RpcError>>> = vec![None; calls.len()];
        for mut reply in replies {
            let id = reply.field("id").get_int::<usize>().ok();
            let slot = id.and_then(|id| answers.get_mut(id)).filter(|slot| slot.is_none());
            let slot =
                slot.ok_or_else(|| ClientError::Malformed(format!("unexpected id {}", reply.field("id"))))?;
            let error = reply.field("error");
            *slot = Some(if error.is_null() {
                Ok(std::mem::take(member_mut(&mut reply, "result")))
            } else {
                Err(error_of(error))
            });
        }
        let whole: Option<Vec<_>> = answers.into_iter().collect();
        whole.ok_or_else(|| ClientError::Malformed("an answer is missing from the batch".into()))
    }

    /// Any HTTP request on the same connection (REST). `path` may carry a query. The credentials are sent along.
    pub async fn http(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<HttpReply, ClientError> {
        self.http_within(method, path, body, usize::MAX).await
    }

    /// [`http`](Self::http) with a server that is not trusted: an answer of more than `most` bytes is refused.
    pub async fn http_within(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
        most: usize,
    ) -> Result<HttpReply, ClientError> {
        let exchange = self.exchange(method, path, body.into(), most);
        match self.options.timeout {
            None => exchange.await,
            Some(limit) => {
                tokio::time::timeout(limit, exchange).await.unwrap_or(Err(ClientError::Timeout(limit)))
            }
        }
    }

    async fn post_json(&self, body: String) -> Result<(u16, Json), ClientError> {
        let path = self.options.path.clone();
        let reply = self.http(Method::POST, &path, body).await?;
        if reply.status == StatusCode::UNAUTHORIZED.as_u16() {
            return Err(ClientError::Unauthorized);
        }
        // Core answers some failures with a JSON-RPC error in the body of a 400, 404 or 500.
        match Json::parse(&reply.body) {
            Some(json @ (Json::Object(_) | Json::Array(_))) => Ok((reply.status, json)),
            _ if reply.status == StatusCode::OK.as_u16() => Err(ClientError::Malformed("not JSON".into())),
            _ => {
                let start = &reply.body[..reply.body.len().min(1000)];
                Err(ClientError::Http {
                    status: reply.status,
                    body: String::from_utf8_lossy(start).trim().into(),
                })
            }
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        most: usize,
    ) -> Result<HttpReply, ClientError> {
        let mut connection = self.connection.lock().await;
        // A connection that was kept may have been closed meanwhile: then, and only if nothing was sent, a new one.
        let mut kept = connection.take();
        if let Some((sender, _)) = &mut kept
            && sender.ready().await.is_err()
        {
            kept = None;
        }
        let reused = kept.is_some();
        let (mut sender, mut header) = match kept {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        let request = self.request(&method, path, header.as_ref(), body.clone())?;
        let response = match sender.try_send_request(request).await {
            Ok(response) => response,
            Err(mut failure) => {
                if !reused || failure.take_message().is_none() {
                    return Err(ClientError::Lost(failure.into_error().to_string()));
                }
                let (fresh, fresh_header) = self.connect().await?;
                (sender, header) = (fresh, fresh_header);
                let request = self.request(&method, path, header.as_ref(), body)?;
                sender.send_request(request).await.map_err(|error| ClientError::Lost(error.to_string()))?
            }
        };
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), most).collect().await;
        let body = body.map_err(|error| match error.is::<LengthLimitError>() {
            true => ClientError::TooLong(most),
            false => ClientError::Lost(error.to_string()),
        })?;
        let body = body.to_bytes();
        *connection = Some((sender, header));
        Ok(HttpReply { status, body })
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        authorization: Option<&HeaderValue>,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let host = if self.options.host.contains(':') {
            format!("[{}]", self.options.host)
        } else {
            self.options.host.clone()
        };
        let mut request = Request::builder().method(method).uri(path).header(HOST, host);
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(Full::new(body)).map_err(|error| ClientError::Lost(format!("not a request: {error}")))
    }

    async fn connect(&self) -> Result<(Sender, Option<HeaderValue>), ClientError> {
        let header = self.authorization()?;
        let ClientOptions { host, port, .. } = &self.options;
        let failed = |source| ClientError::Connect { address: format!("{host}:{port}"), source };
        let connecting = TcpStream::connect((host.as_str(), *port));
        let stream = tokio::time::timeout(Duration::from_secs(5), connecting)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| ClientError::Lost(error.to_string()))?;
        // The task ends with the connection; what goes wrong there is seen by the call that is waiting.
        tokio::spawn(async move { connection.await.ok() });
        Ok((sender, header))
    }

    fn authorization(&self) -> Result<Option<HeaderValue>, ClientError> {
        let pair = match &self.options.credentials {
            Credentials::None => return Ok(None),
            Credentials::Password { user, password } => format!("{user}:{password}"),
            Credentials::Cookie(path) => read_cookie(path)?,
        };
        let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
            .map_err(|error| ClientError::Lost(error.to_string()))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// The `user:password` of a cookie file.
pub fn read_cookie(path: &Path) -> Result<String, ClientError> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|source| ClientError::Cookie { path: path.to_owned(), source })?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// `{"method":…,"params":…,"id":…,"jsonrpc":"2.0"}`, in the order Core's own client writes it.
fn write_call(method: &str, params: &Json, id: usize, out: &mut String) {
    out.push_str("{\"method\":");
    write_string(method, out);
    out.push_str(",\"params\":");
    params.write(out);
    out.push_str(&format!(",\"id\":{id},\"jsonrpc\":\"2.0\"}}"));
}

/// The member `key`, to take its value out; a new `null` if it is absent.
fn member_mut<'a>(reply: &'a mut Json, key: &str) -> &'a mut Json {
    if !matches!(reply, Json::Object(_)) {
        *reply = Json::Object(Vec::new());
    }
    let Json::Object(members) = reply else { unreachable!("it was made an object") };
    match members.iter().position(|(name, _)| name == key) {
        Some(at) => &mut members[at].1,
        None => {
            members.push((key.into(), Json::Null));
            &mut members.last_mut().expect("one was pushed").1
        }
    }
}

fn error_of(error: &Json) -> RpcError {
    let code = error.field("code").get_int().unwrap_or(code::MISC);
    let message = match error.field("message") {
        Json::String(text) => text.clone(),
        _ => error.to_string(),
    };
    RpcError::new(code, message)
}

fn rpc_failure(error: &Json) -> ClientError {
    let error = error_of(error);
    if error.code == code::IN_WARMUP { ClientError::Warmup(error.message) } else { ClientError::Rpc(error) }
}
