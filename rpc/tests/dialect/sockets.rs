//! WebSockets, spoken by hand: a handshake, masked text frames of the client, bare ones of the server.

use super::harness::{BASIC, options, server_with};
use chaincore_rpc::http::{AuthOptions, HttpOptions};
use chaincore_rpc::registry::CallLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Socket(TcpStream);

const UPGRADE: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

impl Socket {
    /// Asks for a WebSocket; the head of the answer.
    async fn open(address: std::net::SocketAddr, path: &str, headers: &str) -> (Self, String) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{UPGRADE}{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        (Self(stream), String::from_utf8(head).unwrap())
    }

    async fn send(&mut self, text: &str) {
        let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 1, 2, 3, 4];
        frame.extend(text.bytes().enumerate().map(|(at, byte)| byte ^ [1, 2, 3, 4][at % 4]));
        self.0.write_all(&frame).await.unwrap();
    }

    async fn receive(&mut self) -> String {
        loop {
            let kind = self.0.read_u8().await.unwrap();
            let mut length = usize::from(self.0.read_u8().await.unwrap());
            if length == 126 {
                length = usize::from(self.0.read_u16().await.unwrap());
            }
            let mut text = vec![0; length];
            self.0.read_exact(&mut text).await.unwrap();
            if kind == 0x81 {
                return String::from_utf8(text).unwrap();
            }
        }
    }

    async fn call(&mut self, text: &str) -> String {
        self.send(text).await;
        self.receive().await
    }
}

async fn fixture() -> super::harness::Fixture {
    server_with(HttpOptions { feed_tokens: vec!["secret".into()], ..options() }, CallLimits::default()).await
}

#[tokio::test]
async fn a_user_calls_methods() {
    let server = fixture().await;
    let (mut socket, head) = Socket::open(server.address, "/", &format!("Authorization: {BASIC}\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    assert_eq!(
        socket.call(r#"{"jsonrpc":"2.0","id":1,"method":"numbers"}"#).await,
        r#"{"jsonrpc":"2.0","id":1,"result":{"fee":0.00000100,"difficulty":4.656542373906925e-10,"one":1}}"#
    );
    assert_eq!(
        socket.call(r#"{"jsonrpc":"2.0","id":2,"method":"getblockhash","params":{"height":8}}"#).await,
        r#"{"jsonrpc":"2.0","id":2,"error":{"code":-8,"message":"Block height out of range"}}"#
    );
}

#[tokio::test]
async fn a_token_opens_the_feed_alone() {
    let server = fixture().await;
    let (mut socket, head) = Socket::open(server.address, "/ws?token=secret", "").await;
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    let reply = socket.call(r#"{"jsonrpc":"2.0","id":1,"method":"getblockcount"}"#).await;
    assert!(reply.contains("-32601"), "{reply}");
    let reply = socket.call(r#"{"jsonrpc":"2.0","id":2,"method":"subscribe"}"#).await;
    let id = reply
        .strip_prefix(r#"{"jsonrpc":"2.0","id":2,"result":"#)
        .unwrap()
        .strip_suffix('}')
        .unwrap()
        .to_owned();
    for tip in [0, 41, 42] {
        if tip > 0 {
            server.tip.send_replace(tip);
        }
        assert_eq!(
            socket.receive().await,
            format!(r#"{{"jsonrpc":"2.0","method":"tip","params":{{"subscription":{id},"result":{tip}}}}}"#)
        );
    }
    let reply =
        socket.call(&format!(r#"{{"jsonrpc":"2.0","id":3,"method":"unsubscribe","params":[{id}]}}"#)).await;
    assert_eq!(reply, r#"{"jsonrpc":"2.0","id":3,"result":true}"#);
}

#[tokio::test]
async fn nobody_else_gets_in() {
    let server = fixture().await;
    for (path, headers) in [
        ("/", String::new()),
        ("/ws?token=wrong", String::new()),
        ("/ws?token=", String::new()),
        ("/ws", "Authorization: Basic dXNlcjp3cm9uZw==\r\n".to_owned()),
    ] {
        let (_, head) = Socket::open(server.address, path, &headers).await;
        assert!(head.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{path}: {head}");
    }
    let (_, head) = Socket::open(server.address, "/ws?token=secret", "Origin: http://evil.example\r\n").await;
    assert!(head.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{head}");
    let own = format!("Origin: http://{}\r\n", server.address);
    let (_, head) = Socket::open(server.address, "/ws?token=secret", &own).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
}

#[tokio::test]
async fn pages_of_the_nodes_own_subscribe_without_a_password() {
    let server = server_with(options(), CallLimits::default()).await;
    let own = format!("Origin: http://{}\r\n", server.address);
    let (mut socket, head) = Socket::open(server.address, "/ws", &own).await;
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    for method in ["getblockcount", "count", "stop", "subscribe_nothing"] {
        let reply = socket.call(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#)).await;
        assert!(reply.contains("-32601"), "{reply}");
    }
    let reply = socket.call(r#"{"jsonrpc":"2.0","id":2,"method":"subscribe"}"#).await;
    assert!(reply.starts_with(r#"{"jsonrpc":"2.0","id":2,"result":"#), "{reply}");
    assert!(socket.receive().await.contains(r#""method":"tip""#));
    // Others are not let in: another port is another origin, and a page with none at all is anybody's.
    for origin in ["http://127.0.0.1:1", "null", "http://evil.example"] {
        let (_, head) = Socket::open(server.address, "/ws", &format!("Origin: {origin}\r\n")).await;
        assert!(head.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{origin}: {head}");
    }
    let (_, head) = Socket::open(server.address, "/ws", "").await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
}

#[tokio::test]
async fn own_pages_have_few_connections_and_say_little() {
    let server = server_with(options(), CallLimits::default()).await;
    let own = format!("Origin: http://{}\r\n", server.address);
    let mut sockets = Vec::new();
    for _ in 0..16 {
        let (socket, head) = Socket::open(server.address, "/ws", &own).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        sockets.push(socket);
    }
    let (_, head) = Socket::open(server.address, "/ws", &own).await;
    assert!(head.starts_with("HTTP/1.1 429 "), "{head}");
    // Who has a password is not counted with them.
    let user = format!("{own}Authorization: {BASIC}\r\n");
    let (_, head) = Socket::open(server.address, "/ws", &user).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    // One that leaves makes room, as soon as the server has seen it.
    drop(sockets.pop());
    loop {
        let (socket, head) = Socket::open(server.address, "/ws", &own).await;
        if head.starts_with("HTTP/1.1 101 ") {
            sockets.push(socket);
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // Ten thousand bytes are more than any subscription needs.
    let socket = &mut sockets[0];
    let mut frame = vec![0x81, 0x80 | 126, 0x27, 0x10, 0, 0, 0, 0];
    frame.extend([b' '; 10_000]);
    socket.0.write_all(&frame).await.unwrap();
    let reply = socket.receive().await;
    assert!(reply.contains("-32007"), "{reply}");
}

#[tokio::test]
async fn whitelists_hold_here_too() {
    let auth = AuthOptions { whitelist: vec!["user:getblockcount".into()], ..options().auth };
    let server = server_with(HttpOptions { auth, ..options() }, CallLimits::default()).await;
    let (mut socket, _) = Socket::open(server.address, "/", &format!("Authorization: {BASIC}\r\n")).await;
    assert_eq!(
        socket.call(r#"{"jsonrpc":"2.0","id":1,"method":"getblockcount"}"#).await,
        r#"{"jsonrpc":"2.0","id":1,"result":7}"#
    );
    let reply = socket.call(r#"{"jsonrpc":"2.0","id":2,"method":"count"}"#).await;
    assert!(reply.contains("-32601"), "{reply}");
}

#[tokio::test]
async fn the_servers_end_closes_them() {
    let server = fixture().await;
    let (mut socket, _) = Socket::open(server.address, "/ws?token=secret", "").await;
    server.http.shutdown().await;
    let mut rest = Vec::new();
    // A close frame, and the end of the stream.
    let _ = socket.0.read_to_end(&mut rest).await;
    assert!(rest.len() < 10, "{rest:?}");
}
