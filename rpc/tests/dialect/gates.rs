//! Rules 13, 15, 16, 18: who is let in, and where to.

use super::harness::{BASIC, json, options, plain, post, server, server_with};
use chaincore_rpc::http::{AuthOptions, HttpOptions, OriginRules};
use chaincore_rpc::ratelimit::Rate;
use chaincore_rpc::registry::{CallLimits, RegistryBuilder};

const COUNT: &str = r#"{"method":"getblockcount","id":1}"#;
const SEVEN: &str = r#"{"result":7,"error":null,"id":1}"#;

fn request(line: &str, headers: &[&str], body: &str) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("{line} HTTP/1.1\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn unauthorized() -> String {
    "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"jsonrpc\"\r\nDate: D\r\nContent-Length: 0\r\n\
     Content-Type: text/html; charset=ISO-8859-1\r\n\r\n"
        .into()
}

#[tokio::test]
async fn rule_13_passwords() {
    let server = server().await;
    for headers in [
        vec![],
        vec!["Authorization: Basic dXNlcjpwYXNzCg=="],
        vec!["Authorization: Basic dXNlcjp3cm9uZw=="],
        vec!["Authorization: Basic %%%"],
        vec!["Authorization: Bearer dXNlcjpwYXNz"],
        vec!["Authorization: basic dXNlcjpwYXNz"],
    ] {
        assert_eq!(server.exchange(request("POST /", &headers, COUNT)).await, unauthorized(), "{headers:?}");
    }
    // The connection goes on.
    let mut connection = server.connect().await;
    connection.send(request("POST /", &[], COUNT)).await;
    assert_eq!(connection.receive().await, unauthorized());
    connection.send(post(COUNT)).await;
    assert_eq!(connection.receive().await, json("200 OK", SEVEN));
}

#[tokio::test]
async fn rule_13_whitelists() {
    let auth = AuthOptions { whitelist: vec!["user:getblockcount,count".into()], ..options().auth };
    let server = server_with(HttpOptions { auth, ..options() }, CallLimits::default()).await;
    let forbidden = plain("403 Forbidden", "");
    assert_eq!(server.post(COUNT).await, json("200 OK", SEVEN));
    for body in [
        r#"{"method":"echo","id":1}"#,
        r#"{"jsonrpc":"2.0","method":"nope","id":1}"#,
        r#"[{"method":"getblockcount","id":1},{"method":"echo","id":2}]"#,
    ] {
        assert_eq!(server.post(body).await, forbidden, "{body}");
    }
    server
        .check(&[
            (r#"[{"method":"getblockcount","id":1}]"#, "200 OK", &format!("[{SEVEN}]")),
            (
                r#"[{"method":"count","id":1},5]"#,
                "400 Bad Request",
                r#"{"result":null,"error":{"code":-32600,"message":"Invalid Request object"},"id":null}"#,
            ),
            (
                r#"[{"id":1}]"#,
                "500 Internal Server Error",
                r#"{"result":null,"error":{"code":-32700,"message":"JSON value of type null is not of expected type string"},"id":null}"#,
            ),
        ])
        .await;
    assert_eq!(server.counted.load(std::sync::atomic::Ordering::SeqCst), 0);
    let auth = AuthOptions { whitelist_default: Some(true), ..options().auth };
    let server = server_with(HttpOptions { auth, ..options() }, CallLimits::default()).await;
    assert_eq!(server.post(COUNT).await, forbidden);
    assert_eq!(server.post("[]").await, forbidden);
}

#[tokio::test]
async fn rule_13_verbs_and_paths() {
    let server = server().await;
    let auth = format!("Authorization: {BASIC}");
    let only_post = plain("405 Method Not Allowed", "JSONRPC server handles only POST requests");
    // Before the password is looked at.
    for headers in [vec![], vec![auth.as_str()]] {
        assert_eq!(server.exchange(request("PUT /", &headers, COUNT)).await, only_post);
    }
    for line in ["DELETE /", "OPTIONS /", "OPTIONS /status", "PATCH /nope", "FOO /"] {
        assert_eq!(
            server.exchange(request(line, &[&auth], "")).await,
            plain("405 Method Not Allowed", ""),
            "{line}"
        );
    }
    for line in ["POST /nope", "GET /nope", "POST /?x=1", "POST //", "GET /rest/chaininfo.json", "PUT /x"] {
        assert_eq!(
            server.exchange(request(line, &[&auth], COUNT)).await,
            plain("404 Not Found", ""),
            "{line}"
        );
    }
    // A HEAD has the length of what it does not send.
    let mut connection = server.connect().await;
    connection.send(request("HEAD /", &["Connection: close"], "")).await;
    assert_eq!(
        connection.receive_all().await,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nDate: D\r\nContent-Length: 9\r\n\
         Connection: close\r\n\r\n"
    );
}

#[tokio::test]
async fn rule_13_a_full_queue() {
    let limits = CallLimits { threads: 1, queue_depth: 0, parked: 10 };
    let server = server_with(options(), limits).await;
    let mut working = server.connect().await;
    working.send(post(r#"{"method":"blocking","id":1}"#)).await;
    server.until_active("blocking", 1).await;
    assert_eq!(server.post(COUNT).await, plain("503 Service Unavailable", "Work queue depth exceeded"));
    server.gate.add_permits(1);
    assert_eq!(working.receive().await, json("200 OK", r#"{"result":"open","error":null,"id":1}"#));
    assert_eq!(server.post(COUNT).await, json("200 OK", SEVEN));
}

#[tokio::test]
async fn rule_15_warm_up() {
    let registry = RegistryBuilder::new().build().unwrap();
    registry.warmup().set_status("Verifying blocks…");
    let http = chaincore_rpc::http::HttpServer::start(options(), registry.clone(), None).await.unwrap();
    let mut connection = super::harness::Connection::open(http.addresses()[0]).await;
    for (body, status, line) in [
        (
            r#"{"method":"nope","id":1}"#,
            "500 Internal Server Error",
            r#"{"result":null,"error":{"code":-28,"message":"Verifying blocks…"},"id":1}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"help","id":1}"#,
            "200 OK",
            r#"{"jsonrpc":"2.0","error":{"code":-28,"message":"Verifying blocks…"},"id":1}"#,
        ),
    ] {
        connection.send(post(body)).await;
        assert_eq!(connection.receive().await, json(status, line));
    }
    registry.warmup().finish();
    connection.send(post(r#"{"method":"help","params":["x"],"id":1}"#)).await;
    assert_eq!(
        connection.receive().await,
        json("200 OK", r#"{"result":"help: unknown command: x","error":null,"id":1}"#)
    );
    http.shutdown().await;
}

#[tokio::test]
async fn rule_15_rest_in_warm_up() {
    let server = server().await;
    server.registry.warmup().set_status("Loading");
    assert_eq!(
        server.exchange(request("GET /status", &[], "")).await,
        json(
            "503 Service Unavailable",
            r#"{"error":{"code":"starting","message":"Service temporarily unavailable: Loading"}}"#
        )
    );
    assert!(server.exchange(request("GET /", &[], "")).await.ends_with("<p>a page"));
}

#[tokio::test]
async fn rule_16_wallets_are_elsewhere() {
    let server = server().await;
    let auth = format!("Authorization: {BASIC}");
    for path in ["/wallet/", "/wallet/w1", "/wallet"] {
        assert_eq!(
            server.exchange(request(&format!("POST {path}"), &[&auth], COUNT)).await,
            plain("404 Not Found", ""),
            "{path}"
        );
    }
}

#[tokio::test]
async fn rule_18_what_waits_holds_no_worker() {
    let limits = CallLimits { threads: 1, queue_depth: 0, parked: 2 };
    let server = server_with(options(), limits).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    first.send(post(r#"{"method":"wait","id":1}"#)).await;
    second.send(post(r#"{"method":"wait","id":2}"#)).await;
    server.until_active("wait", 2).await;
    server.check(&[(COUNT, "200 OK", SEVEN)]).await;
    // There is a bound for those too.
    server
        .check(&[(
            r#"{"method":"wait","id":3}"#,
            "500 Internal Server Error",
            r#"{"result":null,"error":{"code":-37,"message":"Too many calls are waiting for an event; more may with a higher -rpclongpolls= setting"},"id":3}"#,
        )])
        .await;
    server.tip.send_replace(5);
    assert_eq!(first.receive().await, json("200 OK", r#"{"result":5,"error":null,"id":1}"#));
    assert_eq!(second.receive().await, json("200 OK", r#"{"result":5,"error":null,"id":2}"#));
}

#[tokio::test]
async fn pages_of_other_origins_are_kept_out() {
    let origins = OriginRules { allowed: vec!["https://wallet.example".into()], host_names: Vec::new() };
    let rest_rate = Some(Rate { per_second: 1000.0, burst: 1000.0 });
    let server = server_with(HttpOptions { origins, rest_rate, ..options() }, CallLimits::default()).await;
    let host = format!("Host: {}", server.address);
    let auth = format!("Authorization: {BASIC}");
    let status = json("200 OK", r#"{"blockchain_length":1}"#);
    // No browser, or the node's own page.
    let own = format!("Origin: http://{}", server.address);
    for headers in [vec![], vec![host.as_str()], vec![host.as_str(), own.as_str()]] {
        assert_eq!(server.exchange(request("GET /status", &headers, "")).await, status);
        assert!(server.exchange(request("POST /echo", &headers, "x")).await.starts_with("HTTP/1.1 200 OK"));
    }
    // Another page reads nothing (no CORS header) and writes nothing.
    let evil = "Origin: http://evil.example";
    assert_eq!(server.exchange(request("GET /status", &[&host, evil], "")).await, status);
    for (line, body) in [("POST /echo", "x"), ("POST /", COUNT)] {
        let reply = server.exchange(request(line, &[&host, evil, &auth], body)).await;
        assert!(reply.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{reply}");
        assert!(reply.contains("origin 'http://evil.example' may not use this node"), "{reply}");
    }
    assert_eq!(
        server.exchange(request("OPTIONS /echo", &[&host, evil], "")).await,
        plain("405 Method Not Allowed", "")
    );
    // A name that was bound to this machine by somebody else.
    let bound = ["Host: evil.example:5000", "Origin: http://evil.example:5000"];
    for line in ["GET /status", "POST /echo"] {
        assert!(server.exchange(request(line, &bound, "")).await.starts_with("HTTP/1.1 403 Forbidden\r\n"));
        assert!(
            server.exchange(request(line, &bound[..1], "")).await.starts_with("HTTP/1.1 403 Forbidden\r\n")
        );
    }
    assert!(
        server
            .exchange(request("POST /", &["Host: node", &auth], COUNT))
            .await
            .starts_with("HTTP/1.1 200 OK")
    );
    // An allowed page asks first, then reads and writes.
    let wallet = "Origin: https://wallet.example";
    let reply = server
        .exchange(request("OPTIONS /", &[&host, wallet, "Access-Control-Request-Method: POST"], ""))
        .await;
    assert_eq!(
        reply,
        "HTTP/1.1 204 No Content\r\nDate: D\r\nAccess-Control-Allow-Methods: GET, HEAD, POST\r\n\
         Access-Control-Allow-Headers: Authorization, Content-Type\r\nAccess-Control-Max-Age: 600\r\n\
         Access-Control-Allow-Origin: https://wallet.example\r\nVary: Origin\r\n\r\n"
    );
    let reply = server.exchange(request("POST /", &[&host, wallet, &auth], COUNT)).await;
    assert!(reply.contains("\r\nAccess-Control-Allow-Origin: https://wallet.example\r\n"), "{reply}");
    assert!(reply.ends_with(&format!("{SEVEN}\n")), "{reply}");
}

#[tokio::test]
async fn too_many_questions_wait() {
    let rest_rate = Some(Rate { per_second: 0.001, burst: 2.0 });
    let server = server_with(HttpOptions { rest_rate, ..options() }, CallLimits::default()).await;
    for _ in 0..2 {
        assert_eq!(
            server.exchange(request("GET /status", &[], "")).await,
            json("200 OK", r#"{"blockchain_length":1}"#)
        );
    }
    let reply = server.exchange(request("GET /status", &[], "")).await;
    assert!(
        reply.starts_with("HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n"),
        "{reply}"
    );
    assert!(reply.contains("\r\nRetry-After: "), "{reply}");
    let error =
        r#"{"error":{"code":"too_many_requests","message":"too many requests from 127.0.0.1: try again in "#;
    assert!(reply.contains(error), "{reply}");
    // JSON-RPC is behind a password and has no such limit.
    assert_eq!(server.post(COUNT).await, json("200 OK", SEVEN));
}

#[tokio::test]
async fn controls_are_for_this_machine_and_for_users() {
    let ask = |headers: &[&str]| request("POST /echo", headers, "x");
    let done = json("200 OK", r#"{"query":"","body":"x"}"#);
    let user = &*format!("Authorization: {BASIC}");
    let server = server().await;
    assert_eq!(server.exchange(ask(&[])).await, done);
    // A proxy on this machine may speak for anybody.
    for header in ["X-Forwarded-For: 192.0.2.1", "Forwarded: for=x", "X-Real-IP: 192.0.2.1", "Via: 1.1 x"] {
        let reply = server.exchange(ask(&[header])).await;
        assert!(reply.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{reply}");
        assert!(reply.contains("/echo is for clients on this machine"), "{reply}");
        assert_eq!(server.exchange(ask(&[header, user])).await, done);
    }
    let wrong = server.exchange(ask(&["Authorization: Basic dXNlcjp3cm9uZw=="])).await;
    assert!(wrong.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{wrong}");
    // Paths that control nothing ask nobody for a password.
    let reading = request("GET /status", &["X-Forwarded-For: 192.0.2.1"], "");
    assert_eq!(server.exchange(reading).await, json("200 OK", r#"{"blockchain_length":1}"#));

    let auth = AuthOptions { whitelist: vec!["user:getblockcount".into()], ..options().auth };
    let server = server_with(HttpOptions { auth, ..options() }, CallLimits::default()).await;
    let reply = server.exchange(ask(&[user])).await;
    assert!(reply.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{reply}");
    assert!(reply.contains("user 'user' may not call count"), "{reply}");
}

#[tokio::test]
async fn no_block_of_a_miner_on_this_machine_is_lost_to_the_rate_limit() {
    let rest_rate = Some(Rate { per_second: 0.001, burst: 2.0 });
    let server = server_with(HttpOptions { rest_rate, ..options() }, CallLimits::default()).await;
    let status = async |line: &str, headers: &[&str]| {
        let answer = server.exchange(request(line, headers, "")).await;
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let local = "X-Local-Mining: true";
    for _ in 0..2 {
        assert_eq!(status("POST /submit_block", &[]).await, "200");
    }
    assert_eq!(status("POST /submit_block", &[]).await, "429");
    for _ in 0..5 {
        assert_eq!(status("POST /submit_block", &[local]).await, "200");
    }
    // What else it asks for is counted, and so is whoever a proxy speaks for.
    assert_eq!(status("GET /status", &[local]).await, "429");
    assert_eq!(status("GET /submit_block", &[local]).await, "429");
    assert_eq!(status("POST /submit_block", &["X-Local-Mining: no"]).await, "429");
    assert_eq!(status("POST /submit_block", &[local, "X-Forwarded-For: 10.0.0.7"]).await, "429");
}
