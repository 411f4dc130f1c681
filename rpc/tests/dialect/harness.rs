//! A server with a handful of methods, and raw requests.

use chaincore_consensus::Amount;
use chaincore_rpc::error::RpcError;
use chaincore_rpc::http::{
    AuthOptions, HttpOptions, HttpServer, RestFuture, RestHandler, RestRequest, RestResponse,
};
use chaincore_rpc::json::Json;
use chaincore_rpc::registry::{Arg, CallLimits, Method, Printed, Registry, RegistryBuilder};
use chaincore_rpc::value::{Btc, CoreDouble, Object};
use hyper::StatusCode;
use hyper::body::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, watch};

/// `user:pass`.
pub const BASIC: &str = "Basic dXNlcjpwYXNz";

/// Nothing here takes long; this ends a test that hangs.
const HANG: Duration = Duration::from_secs(60);

pub struct Fixture {
    pub http: HttpServer,
    pub registry: Arc<Registry>,
    pub address: SocketAddr,
    /// Permits let `blocking` calls go on.
    pub gate: Arc<Semaphore>,
    /// Answers `wait` calls with its value once that is above 0, and feeds `subscribe`.
    pub tip: watch::Sender<u64>,
    /// How often `count` was executed.
    pub counted: Arc<AtomicU32>,
}

/// REST paths: `/status`, `/submit_block`, `/long` (streamed), `/echo`.
struct Pages;

impl RestHandler for Pages {
    fn claims(&self, path: &str) -> bool {
        matches!(path, "/" | "/status" | "/long" | "/broken" | "/echo" | "/submit_block")
    }

    fn answers_in_warmup(&self, path: &str) -> bool {
        path == "/"
    }

    fn controls(&self, path: &str) -> Option<&'static str> {
        (path == "/echo").then_some("count")
    }

    fn serves_local_miners(&self, path: &str) -> bool {
        path == "/submit_block"
    }

    fn handle(&self, request: RestRequest) -> RestFuture<'_> {
        Box::pin(async move {
            match request.path.as_str() {
                "/" => RestResponse::new(StatusCode::OK, "text/html; charset=utf-8", "<p>a page"),
                "/status" | "/submit_block" => RestResponse::json(r#"{"blockchain_length":1}"#),
                "/echo" => {
                    let body = String::from_utf8_lossy(&request.body).into_owned();
                    let text = Object::new().with("query", &request.query).with("body", &body);
                    RestResponse::json(text.into_json())
                }
                path => {
                    let breaks = path == "/broken";
                    let (sender, receiver) = mpsc::channel(2);
                    tokio::spawn(async move {
                        for _ in 0..100 {
                            if sender.send(Ok(Bytes::from_static(&[b'Z'; 10_000]))).await.is_err() {
                                return;
                            }
                        }
                        if breaks {
                            let error = chaincore_rpc::http::RestStreamError("disk".into());
                            let _ = sender.send(Err(error)).await;
                        }
                    });
                    RestResponse::stream("text/plain", receiver)
                }
            }
        })
    }
}

/// A subscription `subscribe` with notifications `tip` of the value.
fn tip_feed(tips: watch::Receiver<u64>) -> jsonrpsee::RpcModule<watch::Receiver<u64>> {
    let mut module = jsonrpsee::RpcModule::new(tips);
    module
        .register_subscription("subscribe", "tip", "unsubscribe", |_, pending, tips, _| async move {
            let mut tips = (*tips).clone();
            let Ok(sink) = pending.accept().await else { return };
            loop {
                let tip = *tips.borrow_and_update();
                let message = serde_json::value::to_raw_value(&tip).unwrap();
                if sink.send(message).await.is_err() || tips.changed().await.is_err() {
                    return;
                }
            }
        })
        .unwrap();
    module
}

pub fn options() -> HttpOptions {
    HttpOptions {
        bind: vec![([127, 0, 0, 1], 0).into()],
        auth: AuthOptions { user: "user".into(), password: "pass".into(), ..AuthOptions::default() },
        ..HttpOptions::default()
    }
}

pub async fn server() -> Fixture {
    server_with(options(), CallLimits::default()).await
}

pub async fn server_with(options: HttpOptions, limits: CallLimits) -> Fixture {
    let gate = Arc::new(Semaphore::new(0));
    let tip = watch::channel(0u64).0;
    let counted = Arc::new(AtomicU32::new(0));
    let mut builder = RegistryBuilder::new();
    builder.limits(limits);
    let echo = |name| {
        Method::new("hidden", name, "Echoes.")
            .arg(Arg::str("arg0", "").optional().any_type())
            .arg(Arg::str("arg1", "").optional().any_type())
            .arg(Arg::str("arg2", "").optional().any_type())
    };
    builder.add(echo("echo"), |call| async move { Ok(Json::Array(call.args.values().to_vec())) });
    builder.add(Method::new("blockchain", "getblockcount", "The height."), |_| async { Ok(7) });
    let hash = Arg::hex("blockhash", "The block");
    builder.add(Method::new("blockchain", "getblock", "A block.").arg(hash.clone()), |call| async move {
        call.args.hash::<chaincore_consensus::BlockHash>(0, "blockhash")?;
        Err::<(), _>(RpcError::not_found("Block not found"))
    });
    let height = Arg::num("height", "The height");
    builder.add_blocking(
        Method::new("blockchain", "getblockhash", "A hash.")
            .arg(height)
            .arg(Arg::bool("loud", "").default("false")),
        |call| match call.args.int::<i32>(0)? {
            7 => Ok("00ff"),
            _ => Err(RpcError::invalid_parameter("Block height out of range")),
        },
    );
    builder.add(Method::new("util", "numbers", "Prints."), |_| async {
        Ok(Object::new()
            .with("fee", &Btc(Amount(100)))
            .with("difficulty", &CoreDouble(4.656542373906925e-10))
            .with("one", &1.0))
    });
    builder.add_blocking(
        Method::new("mining", "submitblock", "BIP22.").arg(Arg::str("hexdata", "")),
        |call| match call.args.str(0)? {
            "00" => Ok(None),
            "01" => Ok(Some("inconclusive")),
            _ => Err(RpcError::undecodable("Block decode failed")),
        },
    );
    let counter = counted.clone();
    builder.add(Method::new("util", "count", "Counts."), move |_| {
        let value = counter.fetch_add(1, Ordering::SeqCst) + 1;
        async move { Ok(value) }
    });
    let for_blocking = gate.clone();
    builder.add(Method::new("util", "blocking", "Waits on a worker."), move |_| {
        let gate = for_blocking.clone();
        async move {
            gate.acquire().await.map_err(|error| RpcError::misc(error.to_string()))?.forget();
            Ok("open")
        }
    });
    let waiting = tip.subscribe();
    builder.add_waiting(Method::new("util", "wait", "Waits off the workers."), move |_| {
        let mut tip = waiting.clone();
        async move { Ok(tip.wait_for(|tip| *tip > 0).await.map(|tip| *tip).unwrap_or(0)) }
    });
    let text: Arc<str> = "{\"all\":[1,2]}".into();
    builder.add_waiting_shared(Method::new("util", "shared", "Gives all one text."), move |_| {
        std::future::ready(Ok(Printed::Shared(text.clone())))
    });
    builder.add_feed(tip_feed(tip.subscribe()));
    let registry = builder.build().unwrap();
    registry.warmup().finish();
    let http = HttpServer::start(options, registry.clone(), Some(Arc::new(Pages))).await.unwrap();
    let address = http.addresses()[0];
    Fixture { http, registry, address, gate, tip, counted }
}

/// A response as it came, with `D` for the date.
pub type Raw = String;

pub struct Connection {
    stream: TcpStream,
    /// Read and not used yet.
    rest: Vec<u8>,
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn undated(head: &str) -> String {
    let line = |line: &str| match line.strip_prefix("Date: ") {
        Some(date) if date.len() == 29 && date.ends_with(" GMT") => "Date: D".into(),
        _ => line.to_owned(),
    };
    head.split("\r\n").map(line).collect::<Vec<_>>().join("\r\n")
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), rest: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    pub async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Reads what is there; false at the end of the connection.
    async fn more(&mut self) -> bool {
        let mut buffer = vec![0; 65536];
        let read = tokio::time::timeout(HANG, self.stream.read(&mut buffer))
            .await
            .expect("an answer within a minute");
        match read {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.rest.extend_from_slice(&buffer[..count]);
                true
            }
        }
    }

    /// One response: its head, and as many bytes as that says.
    pub async fn receive(&mut self) -> Raw {
        let end = loop {
            if let Some(at) = find(&self.rest, b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.more().await, "the connection ended: {:?}", String::from_utf8_lossy(&self.rest));
        };
        let head = undated(std::str::from_utf8(&self.rest[..end]).unwrap());
        let length = head.split("\r\n").find_map(|line| line.strip_prefix("Content-Length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while self.rest.len() < end + length {
            assert!(self.more().await, "the connection ended within a body");
        }
        let body = String::from_utf8(self.rest[end..end + length].to_vec()).unwrap();
        self.rest.drain(..end + length);
        head + &body
    }

    /// Everything until the server closes the connection.
    pub async fn receive_all(&mut self) -> String {
        while self.more().await {}
        undated(&String::from_utf8_lossy(&std::mem::take(&mut self.rest)))
    }

    /// Whether the server closes the connection without another byte.
    pub async fn is_closed(&mut self) -> bool {
        self.rest.is_empty() && !self.more().await
    }
}

/// A request of an authorized client.
pub fn post(body: impl AsRef<str>) -> String {
    let body = body.as_ref();
    format!(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {BASIC}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What Core answers with a line of JSON.
pub fn json(status: &str, line: &str) -> Raw {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nDate: D\r\nContent-Length: {}\r\n\r\n{line}\n",
        line.len() + 1
    )
}

/// What Core answers without JSON.
pub fn plain(status: &str, text: &str) -> Raw {
    format!(
        "HTTP/1.1 {status}\r\nDate: D\r\nContent-Length: {}\r\nContent-Type: text/html; charset=ISO-8859-1\r\n\r\n{text}",
        text.len()
    )
}

/// What Core answers to a notification.
pub fn no_content() -> Raw {
    "HTTP/1.1 204 No Content\r\nDate: D\r\n\r\n".into()
}

impl Fixture {
    pub async fn connect(&self) -> Connection {
        Connection::open(self.address).await
    }

    /// Sends bytes on a new connection and reads one response.
    pub async fn exchange(&self, request: impl AsRef<[u8]>) -> Raw {
        let mut connection = self.connect().await;
        connection.send(request).await;
        connection.receive().await
    }

    /// Posts a body on a new connection.
    pub async fn post(&self, body: impl AsRef<str>) -> Raw {
        self.exchange(post(body)).await
    }

    /// Posts each body and compares: `(body, status, line of JSON)`.
    pub async fn check(&self, cases: &[(&str, &str, &str)]) {
        let mut connection = self.connect().await;
        for (body, status, line) in cases {
            connection.send(post(body)).await;
            assert_eq!(connection.receive().await, json(status, line), "{body}");
        }
    }

    /// Waits until a call of `method` is being executed.
    pub async fn until_active(&self, method: &str, count: usize) {
        while self.registry.active_calls().list().iter().filter(|call| call.method == method).count() < count
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
