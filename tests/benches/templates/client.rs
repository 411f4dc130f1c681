//! A client of JSON-RPC that throws away what it is answered: a thousand of them must cost the machine little beside the
//! node that is measured.

use anyhow::{Context, Result, bail, ensure};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// The end of an answer that is kept: what comes after a template's transactions.
const KEPT: usize = 4096;
const MAX_HEAD: usize = 16 * 1024;

/// One connection, kept alive.
pub struct Client {
    stream: TcpStream,
    host: String,
    authorization: String,
    buffer: Vec<u8>,
}

/// What is left of an answer.
pub struct Answer {
    /// When its last byte was read.
    pub at: Instant,
    /// How many bytes it had.
    pub length: usize,
    end: Vec<u8>,
}

impl Answer {
    /// A text member that stands near the end.
    pub fn text(&self, name: &str) -> Option<String> {
        let end = String::from_utf8_lossy(&self.end);
        let (_, after) = end.split_once(&format!("\"{name}\":\""))?;
        after.split_once('"').map(|(value, _)| value.to_owned())
    }
}

impl Client {
    /// Connects to `127.0.0.1:PORT`.
    pub async fn connect(host: &str, authorization: &str) -> Result<Self> {
        let stream = TcpStream::connect(host).await.context("the node takes the connection")?;
        stream.set_nodelay(true)?;
        let (host, authorization) = (host.to_owned(), authorization.to_owned());
        Ok(Self { stream, host, authorization, buffer: vec![0; 128 * 1024] })
    }

    /// Sends a request whose parameters are a JSON text.
    pub async fn send(&mut self, method: &str, params: &str) -> Result<()> {
        let body = format!("{{\"id\":1,\"method\":\"{method}\",\"params\":{params}}}");
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.host,
            self.authorization,
            body.len()
        );
        Ok(self.stream.write_all(request.as_bytes()).await?)
    }

    /// Reads an answer that must be one of success.
    pub async fn receive(&mut self) -> Result<Answer> {
        tokio::time::timeout(PATIENCE, self.read()).await.context("the node answers in time")?
    }

    /// One call.
    pub async fn call(&mut self, method: &str, params: &str) -> Result<Answer> {
        self.send(method, params).await?;
        self.receive().await
    }

    async fn read(&mut self) -> Result<Answer> {
        let mut head = Vec::new();
        let body_begins = loop {
            let count = self.stream.read(&mut self.buffer).await?;
            ensure!(count > 0, "the node closed the connection");
            head.extend_from_slice(&self.buffer[..count]);
            if let Some(at) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            ensure!(head.len() < MAX_HEAD, "a head without an end");
        };
        let text = String::from_utf8_lossy(&head[..body_begins]).into_owned();
        let length = text.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length: usize = length.context("an answer has a length")?.trim().parse()?;
        let mut end = head.split_off(body_begins);
        let mut read = end.len();
        while read < length {
            let count = self.stream.read(&mut self.buffer).await?;
            ensure!(count > 0, "the node closed the connection within an answer");
            read += count;
            end.extend_from_slice(&self.buffer[..count]);
            if end.len() > KEPT {
                end.drain(..end.len() - KEPT);
            }
        }
        let at = Instant::now();
        if !text.starts_with("HTTP/1.1 200 ") {
            bail!("{} {}", text.lines().next().unwrap_or_default(), String::from_utf8_lossy(&end));
        }
        Ok(Answer { at, length, end })
    }
}
