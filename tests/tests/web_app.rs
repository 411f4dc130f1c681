//! The web app as a node serves it: its files and their headers, who may reach it, and the feed for its pages.

use chaincore_tests::TestNode;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, client};

/// Ends a test that hangs; nothing here takes long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder as the app's build leaves it.
fn app() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let assets = folder.path().join("app/assets");
    std::fs::create_dir_all(&assets).expect("a folder in it");
    let write = |path: &Path, text: &str| std::fs::write(path, text).expect("a file");
    write(&folder.path().join("index.html"), "<!doctype html><title>app</title>");
    write(&assets.join("app-12ab.js"), "app()");
    write(&assets.join("signer-worker-34cd.js"), "sign()");
    write(&assets.join("wallet-56ef.wasm"), "\0asm");
    folder
}

fn authority(node: &TestNode) -> &str {
    node.url().trim_start_matches("http://")
}

/// One request as it stands, and the whole answer. The body must be text.
fn exchange(node: &TestNode, head: &str, headers: &[&str], body: &str) -> String {
    let mut stream = TcpStream::connect(authority(node)).expect("the node listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    let request =
        format!("{head} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}");
    stream.write_all(request.as_bytes()).expect("it can be sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer that ends");
    answer
}

fn get(node: &TestNode, path: &str, headers: &[&str]) -> String {
    let host = format!("Host: {}", authority(node));
    exchange(node, &format!("GET {path}"), &[&[host.as_str()], headers].concat(), "")
}

#[test]
fn files_come_with_their_headers() {
    let folder = app();
    let webdir = format!("-webdir={}", folder.path().display());
    let node = TestNode::start(&["-regtest", &webdir, "-webconnect=https://second.example"]);
    let page = get(&node, "/", &[]);
    assert!(page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"), "{page}");
    assert!(page.ends_with("<title>app</title>"), "{page}");
    for header in [
        "Cache-Control: no-cache",
        "Cross-Origin-Opener-Policy: same-origin",
        "Cross-Origin-Embedder-Policy: require-corp",
        "Cross-Origin-Resource-Policy: same-origin",
        "X-Content-Type-Options: nosniff",
        "Referrer-Policy: no-referrer",
        "require-trusted-types-for 'script'; trusted-types cc; connect-src 'self' https://second.example wss://second.example",
    ] {
        assert!(page.contains(header), "{header}: {page}");
    }
    let module = get(&node, "/app/assets/wallet-56ef.wasm", &[]);
    assert!(module.contains("Content-Type: application/wasm\r\n"), "{module}");
    assert!(module.contains("Cache-Control: public, max-age=31536000, immutable\r\n"), "{module}");
    let signer = get(&node, "/app/assets/signer-worker-34cd.js", &[]);
    let own = format!("http://{}/app/assets/signer-worker-34cd.js", authority(&node));
    assert!(signer.contains("connect-src 'none'") && signer.contains(&own), "{signer}");
    assert!(!signer.contains("'self'; connect"), "{signer}");
    let tag = page.lines().find_map(|line| line.strip_prefix("Etag: ")).expect("a tag");
    let again = get(&node, "/", &[&format!("If-None-Match: {tag}")]);
    assert!(again.starts_with("HTTP/1.1 304 Not Modified\r\n"), "{again}");
    assert!(again.ends_with("\r\n\r\n") && !again.contains("Content-Length"), "{again}");
    let head = exchange(&node, "HEAD /", &["Host: localhost"], "");
    assert!(head.contains("Content-Length: 33\r\n") && head.ends_with("\r\n\r\n"), "{head}");

    // The plain page is beside it, and the API where it was.
    assert!(get(&node, "/status.html", &[]).contains("Content-Security-Policy: default-src 'none'"));
    assert_eq!(node.get_json("/status")["chain"], "regtest");
    for path in ["/app/../index.html", "/app/%2e%2e/%2e%2e/etc/passwd", "/app/.hidden", "/app/assets/none.js"]
    {
        let missing = get(&node, path, &[]);
        assert!(missing.starts_with("HTTP/1.1 404 "), "{path}: {missing}");
        assert!(missing.contains("Content-Security-Policy: default-src 'none'"), "{missing}");
    }
}

#[test]
fn only_own_names_and_own_pages() {
    let folder = app();
    let webdir = format!("-webdir={}", folder.path().display());
    let node =
        TestNode::start(&["-regtest", &webdir, "-rpcallowhost=node.home", "-cors=https://wallet.example"]);
    let ask = |head: &str, headers: &[&str], body: &str| {
        let answer = exchange(&node, head, headers, body);
        (answer[9..12].parse::<u16>().expect("a status"), answer)
    };
    for host in ["localhost:1", "127.0.0.1", "[::1]", "node.home:5000", "NODE.home"] {
        assert_eq!(ask("GET /", &[&format!("Host: {host}")], "").0, 200, "{host}");
    }
    for host in ["evil.example", "node.home.evil.example", "127.0.0.1.evil.example:80"] {
        for path in ["/", "/app/assets/app-12ab.js", "/api/blocks/tip/height"] {
            let (status, answer) = ask(&format!("GET {path}"), &[&format!("Host: {host}")], "");
            assert_eq!(status, 403, "{host} {path}: {answer}");
        }
    }
    // A payment comes from the node's own page, from an allowed one, or from no page at all.
    let host = format!("Host: {}", authority(&node));
    let own = format!("Origin: http://{}", authority(&node));
    for (origin, status) in [
        (own.as_str(), 400),
        ("Origin: https://wallet.example", 400),
        ("X-None: 1", 400),
        ("Origin: https://evil.example", 403),
        ("Origin: null", 403),
    ] {
        let (found, answer) = ask("POST /api/tx", &[&host, origin], "00");
        assert_eq!(found, status, "{origin}: {answer}");
        let readable = answer.contains("Access-Control-Allow-Origin: https://wallet.example\r\n");
        assert_eq!(readable, origin.ends_with("wallet.example"), "{answer}");
    }
    // A browser asks first.
    let question = ["Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type"];
    let allowed = [&[host.as_str(), "Origin: https://wallet.example"][..], &question].concat();
    let (status, answer) = ask("OPTIONS /api/tx", &allowed, "");
    assert_eq!(status, 204, "{answer}");
    for header in ["Allow-Methods: GET, HEAD, POST", "Allow-Headers: Authorization, Content-Type"] {
        assert!(answer.contains(&format!("Access-Control-{header}\r\n")), "{answer}");
    }
    let (status, answer) =
        ask("OPTIONS /api/tx", &[&[host.as_str(), "Origin: https://a.example"][..], &question].concat(), "");
    assert!(status >= 400 && !answer.contains("Access-Control-Allow"), "{answer}");
}

#[test]
fn own_pages_follow_the_chain_and_nothing_else() {
    let node = TestNode::start(&["-regtest"]);
    let open = |origin: Option<&str>| {
        let stream = TcpStream::connect(authority(&node)).expect("the node listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        let mut request = format!("ws://{}/ws", authority(&node)).into_client_request().expect("a URL");
        if let Some(origin) = origin {
            request.headers_mut().insert("Origin", origin.parse().expect("a header"));
        }
        match client(request, stream) {
            Ok((socket, _)) => Ok(socket),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(refusal))) => {
                Err(refusal.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(open(None).err(), Some(401));
    assert_eq!(open(Some("http://evil.example")).err(), Some(403));
    let mut socket = open(Some(node.url())).expect("an own page");
    let mut call = |method: &str, params: Value| -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        socket.send(Message::text(request.to_string())).expect("it can be sent");
        loop {
            let message = socket.read().expect("a message in time");
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text).expect("JSON");
            if message["id"] == 1 {
                return message;
            }
        }
    };
    for method in ["stop", "getblockcount", "generatetoaddress", "listplugins", "rpc.discover"] {
        assert_eq!(call(method, json!([]))["error"]["code"], -32601, "{method}");
    }
    for (method, params) in [
        ("subscribe_tip", json!([])),
        ("subscribe_mempool", json!([])),
        ("subscribe_chain", json!({"known": []})),
    ] {
        assert!(call(method, params).get("result").is_some(), "{method}");
    }
    node.rpc("generatetoaddress", json!([1, chaincore_tests::mining::address().to_string()]));
    loop {
        let Message::Text(text) = socket.read().expect("a message in time") else { continue };
        let message: Value = serde_json::from_str(&text).expect("JSON");
        if message["method"] == "tip" && message["params"]["result"]["height"] == 1 {
            break;
        }
    }
}

#[test]
fn a_wrong_folder_or_origin_is_a_mistake() {
    for (argument, complaint) in [
        ("-webdir=/nonexistent", "there is no index.html in that folder"),
        ("-webconnect=node.example", "is not an origin"),
        ("-webconnect=https://a.example/;script-src *", "is not an origin"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let output =
            TestNode::command(folder.path(), &["-regtest", argument]).output().expect("it can be run");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(complaint), "{argument}: {told}");
    }
}
