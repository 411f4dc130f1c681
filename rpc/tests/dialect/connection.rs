//! Rule 14, and how connections end.

use super::harness::{BASIC, Connection, json, options, plain, post, server, server_with};
use chaincore_rpc::http::{AuthOptions, HttpError, HttpOptions, HttpServer};
use chaincore_rpc::registry::{CallLimits, RegistryBuilder};
use std::time::Duration;

const COUNT: &str = r#"{"method":"getblockcount","id":1}"#;
const SEVEN: &str = r#"{"result":7,"error":null,"id":1}"#;

fn closing(reply: String) -> String {
    reply.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
}

#[tokio::test]
async fn rule_14_connections_are_kept() {
    let server = server().await;
    let mut connection = server.connect().await;
    for _ in 0..20 {
        connection.send(post(COUNT)).await;
        assert_eq!(connection.receive().await, json("200 OK", SEVEN));
    }
    // Failures keep it too.
    for body in ["", r#"{"method":"nope","id":1}"#, "[]"] {
        connection.send(post(body)).await;
        connection.receive().await;
    }
    connection.send("GET /nope HTTP/1.1\r\n\r\n").await;
    assert_eq!(connection.receive().await, plain("404 Not Found", ""));
    connection.send(post(COUNT)).await;
    assert_eq!(connection.receive().await, json("200 OK", SEVEN));
}

#[tokio::test]
async fn rule_14_connection_close_is_honoured() {
    let server = server().await;
    let mut connection = server.connect().await;
    connection.send(post(COUNT).replacen("\r\n", "\r\nConnection: close\r\n", 1)).await;
    assert_eq!(connection.receive_all().await, closing(json("200 OK", SEVEN)));
}

#[tokio::test]
async fn rule_14_version_one_zero() {
    let server = server().await;
    let mut connection = server.connect().await;
    connection.send(post(COUNT).replacen("HTTP/1.1", "HTTP/1.0", 1)).await;
    let reply = connection.receive_all().await;
    assert!(
        reply.starts_with("HTTP/1.0 200 OK\r\n") && reply.ends_with(&format!("\r\n\r\n{SEVEN}\n")),
        "{reply}"
    );
    let mut connection = server.connect().await;
    let kept = post(COUNT).replacen("HTTP/1.1\r\n", "HTTP/1.0\r\nConnection: keep-alive\r\n", 1);
    for _ in 0..2 {
        connection.send(&kept).await;
        let reply = connection.receive().await;
        assert!(
            reply.starts_with("HTTP/1.0 200 OK\r\n")
                && reply.to_lowercase().contains("connection: keep-alive"),
            "{reply}"
        );
    }
}

#[tokio::test]
async fn rule_14_pipelined_requests_answer_in_order() {
    let server = server().await;
    let mut connection = server.connect().await;
    let requests: String =
        (0..5).map(|id| post(format!(r#"{{"method":"echo","params":[{id}],"id":{id}}}"#))).collect();
    connection.send(requests).await;
    for id in 0..5 {
        assert_eq!(
            connection.receive().await,
            json("200 OK", &format!(r#"{{"result":[{id}],"error":null,"id":{id}}}"#))
        );
    }
}

#[tokio::test]
async fn rule_14_byte_by_byte() {
    let server = server().await;
    let mut connection = server.connect().await;
    for byte in post(COUNT).as_bytes() {
        connection.send([*byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(connection.receive().await, json("200 OK", SEVEN));
}

#[tokio::test]
async fn rule_14_a_client_that_only_sends_still_gets_its_answer() {
    let server = server().await;
    let mut connection = server.connect().await;
    connection.send(post(COUNT)).await;
    connection.half_close().await;
    assert_eq!(connection.receive_all().await, json("200 OK", SEVEN));
}

#[tokio::test]
async fn rule_14_expectations_are_met() {
    let server = server().await;
    let mut connection = server.connect().await;
    let request = post(COUNT).replacen("\r\n", "\r\nExpect: 100-continue\r\n", 1);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    connection.send(format!("{head}\r\n\r\n")).await;
    assert_eq!(connection.receive().await, "HTTP/1.1 100 Continue\r\n\r\n");
    connection.send(body).await;
    assert_eq!(connection.receive().await, json("200 OK", SEVEN));
}

#[tokio::test]
async fn rule_14_large_heads_are_refused() {
    let server = server().await;
    let filler =
        |size: usize| post(COUNT).replacen("\r\n", &format!("\r\nX-Filler: {}\r\n", "x".repeat(size)), 1);
    assert_eq!(server.exchange(filler(7900)).await, json("200 OK", SEVEN));
    for request in [
        filler(8200),
        filler(100_000),
        format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(9000)),
        // Many small ones.
        post(COUNT).replacen("\r\n", &format!("\r\n{}", "A: b\r\n".repeat(1400)), 1),
        // Not HTTP at all.
        "hello\r\n\r\n".into(),
        "GET / HTTP/1.1\r\nno colon\r\n\r\n".into(),
        "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n".into(),
    ] {
        let mut connection = server.connect().await;
        connection.send(&request).await;
        let reply = connection.receive_all().await;
        assert!(reply.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{}: {reply}", &request[..20]);
    }
}

#[tokio::test]
async fn rule_14_large_bodies_are_refused() {
    let options = HttpOptions { max_body: 100, ..options() };
    let server = server_with(options, CallLimits::default()).await;
    let padded = format!("{COUNT}{}", " ".repeat(100 - COUNT.len()));
    assert_eq!(server.post(&padded).await, json("200 OK", SEVEN));
    let too_large = closing(plain("413 Content too large", ""));
    // By what it says, before it is sent.
    let head = format!("POST / HTTP/1.1\r\nAuthorization: {BASIC}\r\n");
    let mut connection = server.connect().await;
    connection.send(format!("{head}Content-Length: 101\r\n\r\n")).await;
    assert_eq!(connection.receive_all().await, too_large);
    // By what it sends.
    let mut connection = server.connect().await;
    connection.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n65\r\n{}\r\n", " ".repeat(101))).await;
    assert_eq!(connection.receive_all().await, too_large);
    let huge = options_head(u64::MAX);
    assert!(server.exchange(huge).await.starts_with("HTTP/1.1 4"));
}

fn options_head(length: u64) -> String {
    format!("POST / HTTP/1.1\r\nAuthorization: {BASIC}\r\nContent-Length: {length}\r\n\r\n")
}

#[tokio::test]
async fn rule_14_the_default_body_limit_is_32_mib() {
    let server = server().await;
    let mut connection = server.connect().await;
    connection.send(options_head(32 * 1024 * 1024 + 1)).await;
    assert_eq!(connection.receive_all().await, closing(plain("413 Content too large", "")));
    let body = format!("{COUNT}{}", " ".repeat(32 * 1024 * 1024 - COUNT.len()));
    assert!(server.post(body).await == json("200 OK", SEVEN));
}

#[tokio::test]
async fn rule_14_idle_connections_end() {
    let options = HttpOptions { timeout: Some(Duration::from_secs(1)), ..options() };
    let server = server_with(options, CallLimits::default()).await;
    // Silent from the start, after a request, within a head, and within a body.
    assert!(server.connect().await.is_closed().await);
    let mut connection = server.connect().await;
    connection.send(post(COUNT)).await;
    assert_eq!(connection.receive().await, json("200 OK", SEVEN));
    assert!(connection.is_closed().await);
    let request = post(COUNT);
    for length in [20, request.len() - 1] {
        let mut connection = server.connect().await;
        connection.send(&request[..length]).await;
        assert!(connection.is_closed().await);
    }
    // A call that takes longer is not idle.
    let mut connection = server.connect().await;
    connection.send(post(r#"{"method":"blocking","id":1}"#)).await;
    server.until_active("blocking", 1).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    server.gate.add_permits(1);
    assert_eq!(connection.receive().await, json("200 OK", r#"{"result":"open","error":null,"id":1}"#));
}

#[tokio::test]
async fn too_many_connections_are_refused() {
    let options = HttpOptions { max_connections: 2, ..options() };
    let server = server_with(options, CallLimits::default()).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    for connection in [&mut first, &mut second] {
        connection.send(post(COUNT)).await;
        connection.receive().await;
    }
    let reply = server.connect().await.receive_all().await;
    assert!(reply.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{reply}");
}

#[tokio::test]
async fn answers_that_are_due_are_sent_before_the_server_ends() {
    let server = server().await;
    let (mut working, mut waiting, mut idle) =
        (server.connect().await, server.connect().await, server.connect().await);
    idle.send(post(COUNT)).await;
    idle.receive().await;
    working.send(post(r#"{"method":"blocking","id":1}"#)).await;
    waiting.send(post(r#"{"method":"wait","id":2}"#)).await;
    server.until_active("blocking", 1).await;
    server.until_active("wait", 1).await;
    let (address, gate) = (server.address, server.gate.clone());
    let ended = tokio::spawn(server.http.shutdown());
    assert_eq!(
        waiting.receive().await,
        closing(json(
            "500 Internal Server Error",
            r#"{"result":null,"error":{"code":-9,"message":"Shutting down"},"id":2}"#
        ))
    );
    assert!(idle.is_closed().await);
    assert!(!ended.is_finished());
    gate.add_permits(1);
    assert_eq!(working.receive().await, closing(json("200 OK", r#"{"result":"open","error":null,"id":1}"#)));
    ended.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn cookies_and_ports() {
    let folder = tempfile::tempdir().unwrap();
    let cookie = folder.path().join(".cookie");
    let auth = AuthOptions { cookie_file: Some(cookie.clone()), ..AuthOptions::default() };
    let bind = vec![([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], 0).into()];
    let options = HttpOptions { auth, bind, ..HttpOptions::default() };
    let registry = RegistryBuilder::new().build().unwrap();
    let http = HttpServer::start(options.clone(), registry.clone(), None).await.unwrap();
    let written = std::fs::read_to_string(&cookie).unwrap();
    assert_eq!(http.addresses().len(), 2);
    for address in http.addresses() {
        let mut connection = Connection::open(*address).await;
        connection.send(post(COUNT)).await;
        assert!(
            connection.receive().await.starts_with("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic")
        );
    }
    // A second server that finds its port taken leaves the cookie alone.
    let taken = HttpOptions { bind: vec![http.addresses()[0]], ..options };
    let error = HttpServer::start(taken, registry, None).await.err().unwrap();
    assert!(matches!(error, HttpError::InUse(address) if address == http.addresses()[0]), "{error}");
    assert_eq!(std::fs::read_to_string(&cookie).unwrap(), written);
    http.shutdown().await;
    assert!(!cookie.exists());
}
