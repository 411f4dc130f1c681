//! REST on the same port.

use super::harness::{json, options, server, server_with};
use chaincore_rpc::http::HttpOptions;
use chaincore_rpc::registry::CallLimits;

#[tokio::test]
async fn pages_need_no_password() {
    let server = server().await;
    assert_eq!(
        server.exchange("GET /status HTTP/1.1\r\n\r\n").await,
        json("200 OK", r#"{"blockchain_length":1}"#)
    );
    assert_eq!(
        server.exchange("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nDate: D\r\nContent-Length: 9\r\n\r\n<p>a page"
    );
    assert_eq!(
        server.exchange("POST /echo?a=1&b HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi").await,
        json("200 OK", r#"{"query":"a=1&b","body":"hi"}"#)
    );
}

#[tokio::test]
async fn long_pages_are_streamed() {
    let server = server().await;
    let mut connection = server.connect().await;
    connection.send("GET /long HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    let reply = connection.receive_all().await;
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"), "{}", &reply[..200]);
    assert!(reply.contains("\r\nTransfer-Encoding: chunked\r\n"));
    assert_eq!(reply.matches('Z').count(), 1_000_000);
    assert!(reply.ends_with("\r\n0\r\n\r\n"));
}

#[tokio::test]
async fn a_page_that_breaks_off_does_not_look_whole() {
    let server = server().await;
    let mut connection = server.connect().await;
    connection.send("GET /broken HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    let reply = connection.receive_all().await;
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(!reply.ends_with("\r\n0\r\n\r\n"));
}

#[tokio::test]
async fn large_posts_are_refused_in_json() {
    let server = server_with(HttpOptions { max_body: 10, ..options() }, CallLimits::default()).await;
    let mut connection = server.connect().await;
    connection.send("POST /echo HTTP/1.1\r\nContent-Length: 11\r\n\r\n").await;
    let reply = connection.receive_all().await;
    assert!(
        reply.starts_with("HTTP/1.1 413 Content too large\r\nContent-Type: application/json\r\n"),
        "{reply}"
    );
    let error = r#"{"error":{"code":"body_too_large","message":"the body is larger than 10 bytes"}}"#;
    assert!(reply.ends_with(&format!("{error}\n")), "{reply}");
}
