//! Asking another node's API. Whoever answers may be anybody: time, size and depth are bounded, and nothing that an
//! answer says (a redirect, say) leads to another request.

use super::url::ApiUrl;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONNECTION, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// The longest answer that is read, headers and body each, in bytes.
const MAX_ANSWER: usize = 64 << 10;

/// How patient a question is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For the connection.
    pub(super) connect: Duration,
    /// For everything together.
    pub(super) whole: Duration,
}

impl Patience {
    /// For a node that somebody named.
    pub(super) const NAMED: Self = Self { connect: Duration::from_secs(3), whole: Duration::from_secs(6) };
    /// For a port of this machine where there may be anything.
    pub(super) const SCAN: Self =
        Self { connect: Duration::from_millis(300), whole: Duration::from_millis(1500) };
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody is there.
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    /// Nobody answers in time.
    #[error("no answer in time")]
    Timeout,
    /// What is there does not speak HTTP, or broke off.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// It does not want to, or wants us to go elsewhere.
    #[error("answered with HTTP status {}", .0.as_u16())]
    Status(StatusCode),
    /// The answer is too long, or broke off.
    #[error("the answer cannot be read: {0}")]
    Body(String),
    /// The answer is not what a node says.
    #[error("the answer is not a ChainCore node's: {0}")]
    Content(serde_json::Error),
    /// The name leads nowhere.
    #[error("the name cannot be resolved")]
    Name,
}

/// `GET path` at an address.
pub(super) async fn get<T: DeserializeOwned>(
    address: SocketAddr,
    url: &ApiUrl,
    path: &'static str,
    patience: Patience,
) -> Result<T, FetchError> {
    let question = async {
        let stream = tokio::time::timeout(patience.connect, TcpStream::connect(address));
        let stream = stream.await.map_err(|_| FetchError::Timeout)?.map_err(FetchError::Connect)?;
        ask(stream, url, path).await
    };
    let body = tokio::time::timeout(patience.whole, question).await.map_err(|_| FetchError::Timeout)??;
    serde_json::from_slice(&body).map_err(FetchError::Content)
}

async fn ask(stream: TcpStream, url: &ApiUrl, path: &'static str) -> Result<Bytes, FetchError> {
    let mut client = hyper::client::conn::http1::Builder::new();
    let (mut sender, connection) = client.max_buf_size(MAX_ANSWER).handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path)
        .header(HOST, url.authority())
        .header(ACCEPT, "application/json")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .expect("hosts have no characters that a header may not have");
    let exchange = async move {
        let response = sender.send_request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        Ok(body.map_err(|error| FetchError::Body(error.to_string()))?.to_bytes())
    };
    tokio::pin!(exchange, connection);
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        // What came before the end is still there.
        _ = &mut connection => exchange.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A server that answers one request with these bytes, and the URL of it.
    async fn server(answer: Vec<u8>) -> (SocketAddr, ApiUrl) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&answer).await;
        });
        (address, ApiUrl { host: "127.0.0.1".into(), port: address.port() })
    }

    async fn asked(answer: impl Into<Vec<u8>>) -> Result<serde_json::Value, FetchError> {
        let (address, url) = server(answer.into()).await;
        get(address, &url, "/status", Patience::NAMED).await
    }

    fn with_body(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    #[tokio::test]
    async fn an_answer_is_read_with_and_without_a_length() {
        assert_eq!(asked(with_body("{\"a\":1}")).await.unwrap()["a"], 1);
        assert_eq!(asked("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"a\":2}").await.unwrap()["a"], 2);
    }

    #[tokio::test]
    async fn redirects_and_failures_are_no_answers() {
        let redirect = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
        assert!(matches!(asked(redirect).await, Err(FetchError::Status(StatusCode::FOUND))));
        assert!(matches!(asked("SSH-2.0-x\r\n").await, Err(FetchError::Http(_))));
        assert!(matches!(asked(with_body("[1,")).await, Err(FetchError::Content(_))));
    }

    #[tokio::test]
    async fn long_answers_are_not_read() {
        let long = format!("\"{}\"", "x".repeat(MAX_ANSWER));
        assert!(matches!(asked(with_body(&long)).await, Err(FetchError::Body(_))));
        let endless_header = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(2 * MAX_ANSWER));
        assert!(matches!(asked(endless_header).await, Err(FetchError::Http(_))));
    }

    #[tokio::test]
    async fn silence_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = ApiUrl { host: "127.0.0.1".into(), port: address.port() };
        let patience = Patience { connect: Duration::from_millis(50), whole: Duration::from_millis(50) };
        let answer = get::<serde_json::Value>(address, &url, "/status", patience).await;
        assert!(matches!(answer, Err(FetchError::Timeout)));
    }
}
