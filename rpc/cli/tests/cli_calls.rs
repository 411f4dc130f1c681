//! `chaincore-cli` as a process, against a tiny HTTP server that says what it is told to.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

/// A request as it came: its headers in lower case, and its body.
#[derive(Debug, Clone, Default)]
struct Seen {
    path: String,
    authorization: String,
    body: String,
}

/// A server that answers the n-th request with the n-th reply (status line and body), and the last one from then on.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    fn start(replies: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let replies: Vec<(String, String)> =
            replies.iter().map(|(status, body)| ((*status).to_owned(), (*body).to_owned())).collect();
        let log = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(request) = read_request(&stream) else { continue };
                let mut log = log.lock().unwrap();
                log.push(request);
                let (status, body) = &replies[(log.len() - 1).min(replies.len() - 1)];
                let length = body.len();
                let _ = write!(
                    &stream,
                    "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
            }
        });
        Self { port, seen }
    }

    fn answering(result: &str) -> Self {
        Self::start(&[("200 OK", &format!("{{\"jsonrpc\":\"2.0\",\"result\":{result},\"id\":\"1\"}}\n"))])
    }

    fn last(&self) -> Seen {
        self.seen.lock().unwrap().last().cloned().unwrap_or_default()
    }
}

fn read_request(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut seen = Seen { path: line.split(' ').nth(1)?.to_owned(), ..Seen::default() };
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => seen.authorization = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    seen.body = String::from_utf8(body).ok()?;
    Some(seen)
}

/// A data folder with a cookie of the regtest chain.
fn datadir() -> tempfile::TempDir {
    let datadir = tempfile::tempdir().unwrap();
    std::fs::create_dir(datadir.path().join("regtest")).unwrap();
    std::fs::write(datadir.path().join("regtest/.cookie"), "__cookie__:secret").unwrap();
    datadir
}

fn cli(server: &Server, datadir: &tempfile::TempDir, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_chaincore-cli"))
        .arg("-regtest")
        .arg(format!("-datadir={}", datadir.path().display()))
        .arg(format!("-rpcport={}", server.port))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Exit code, standard output, standard error.
fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn ok(text: &str) -> (i32, String, String) {
    (0, text.to_owned(), String::new())
}

#[test]
fn a_call_is_sent_as_bitcoin_cli_sends_it() {
    let (server, datadir) = (Server::answering("7"), datadir());
    assert_eq!(told(&cli(&server, &datadir, &["getblock", "00ff", "2"], "")), ok("7\n"));
    let seen = server.last();
    assert_eq!(
        seen.body,
        "{\"method\":\"getblock\",\"params\":[\"00ff\",2],\"id\":\"1\",\"jsonrpc\":\"2.0\"}\n"
    );
    assert_eq!(seen.path, "/");
    // The cookie, as base64 of __cookie__:secret.
    assert_eq!(seen.authorization, "Basic X19jb29raWVfXzpzZWNyZXQ=");

    let arguments =
        ["-rpcuser=u", "-rpcpassword=p", "-rpcwallet=a b", "-rpcid=x", "-named", "echo", "arg0=1", "two"];
    cli(&server, &datadir, &arguments, "");
    let seen = server.last();
    assert_eq!(
        seen.body,
        "{\"method\":\"echo\",\"params\":{\"arg0\":\"1\",\"args\":[\"two\"]},\"id\":\"x\",\"jsonrpc\":\"2.0\"}\n"
    );
    assert_eq!((seen.path.as_str(), seen.authorization.as_str()), ("/wallet/a%20b", "Basic dTpw"));
}

#[test]
fn results_are_printed_without_a_digit_changed() {
    let datadir = datadir();
    let cases = [
        ("null", ""),
        ("\"plain \\\"text\\\"\"", "plain \"text\"\n"),
        ("0.00000100", "0.00000100\n"),
        ("[]", "[\n]\n"),
        (
            "{\"a\":4.656542373906925e-10,\"b\":[true,null],\"c\":{}}",
            "{\n  \"a\": 4.656542373906925e-10,\n  \"b\": [\n    true,\n    null\n  ],\n  \"c\": {\n  }\n}\n",
        ),
    ];
    for (result, expected) in cases {
        assert_eq!(told(&cli(&Server::answering(result), &datadir, &["x"], "")), ok(expected), "{result}");
    }
}

#[test]
fn errors_of_the_node_become_exit_codes() {
    let datadir = datadir();
    let reply =
        "{\"result\":null,\"error\":{\"code\":-8,\"message\":\"Block height out of range\"},\"id\":\"1\"}\n";
    for status in ["200 OK", "500 Internal Server Error"] {
        let server = Server::start(&[(status, reply)]);
        let expected =
            (8, String::new(), "error code: -8\nerror message:\nBlock height out of range\n".to_owned());
        assert_eq!(told(&cli(&server, &datadir, &["getblockhash", "9"], "")), expected, "{status}");
    }
    let server =
        Server::start(&[("404 Not Found", "{\"error\":{\"code\":-32601,\"message\":\"Method not found\"}}")]);
    assert_eq!(told(&cli(&server, &datadir, &["x"], "")).0, 32601 & 0xff);
}

#[test]
fn failures_of_the_connection_are_told_apart() {
    let datadir = datadir();
    let error = |server: &Server, arguments: &[&str]| {
        let (code, stdout, stderr) = told(&cli(server, &datadir, arguments, ""));
        assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
        stderr
    };
    let refused = Server::start(&[("401 Unauthorized", "")]);
    let text = error(&refused, &["x"]);
    assert!(text.starts_with("error: Authorization failed: Cookie file credentials were invalid"), "{text}");
    let text = error(&refused, &["-rpcpassword=p", "x"]);
    assert!(
        text.starts_with("error: Authorization failed: Incorrect rpcuser or rpcpassword were specified."),
        "{text}"
    );
    let text = error(&refused, &["-rpccookiefile=none", "x"]);
    assert!(text.contains("Failed to read cookie file and no rpcpassword was specified."), "{text}");
    let text = error(&refused, &["-norpccookiefile", "x"]);
    assert!(text.contains("Cookie file was disabled via -norpccookiefile"), "{text}");

    let busy = Server::start(&[("503 Service Unavailable", "Work queue depth exceeded")]);
    assert_eq!(error(&busy, &["x"]), "error: Server response: Work queue depth exceeded\n");
    assert_eq!(
        error(&Server::start(&[("403 Forbidden", "")]), &["x"]),
        "error: server returned HTTP error 403\n"
    );
    assert_eq!(error(&Server::start(&[("200 OK", "")]), &["x"]), "error: no response from server\n");
    assert_eq!(
        error(&Server::start(&[("200 OK", "<html>")]), &["x"]),
        "error: couldn't parse reply from server\n"
    );
    assert!(error(&Server::start(&[("200 OK", "{}")]), &["x"]).contains("expected reply to have result"));
    assert_eq!(error(&busy, &[]), "error: too few parameters (need at least command)\n");
    assert_eq!(error(&busy, &["getblockhash", "x"]), "error: Error parsing JSON: x\n");

    // A port that is taken, and nobody listens.
    let taken = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    taken.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let port = taken.local_addr().unwrap().as_socket().unwrap().port();
    let nobody = Server { port, seen: Arc::default() };
    let text = error(&nobody, &["x"]);
    let expected = format!(
        "error: Error while attempting to communicate with server 127.0.0.1:{port} (Could not connect to the server)\n\n"
    );
    assert!(text.starts_with(&expected), "{text}");
    let text = error(&nobody, &["-rpcwait", "-rpcwaittimeout=1", "x"]);
    assert!(text.starts_with("error: timeout on transient error: Error while attempting"), "{text}");
    assert_eq!(error(&nobody, &["-rpcport=0", "x"]), "error: Invalid port provided in -rpcport: 0\n");
    assert_eq!(
        error(&nobody, &["-rpcconnect=host:x", "x"]),
        "error: Invalid port provided in -rpcconnect: host:x\n"
    );
}

#[test]
fn a_node_that_starts_is_waited_for() {
    let warmup =
        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-28,\"message\":\"Loading block index…\"},\"id\":\"1\"}";
    let ready = "{\"jsonrpc\":\"2.0\",\"result\":\"ready\",\"id\":\"1\"}";
    let server = Server::start(&[("200 OK", warmup), ("200 OK", ready)]);
    let datadir = datadir();
    let (code, _, stderr) = told(&cli(&server, &datadir, &["x"], ""));
    assert_eq!((code, stderr.as_str()), (28, "error code: -28\nerror message:\nLoading block index…\n"));
    let server = Server::start(&[("200 OK", warmup), ("200 OK", ready)]);
    assert_eq!(told(&cli(&server, &datadir, &["-rpcwait", "x"], "")), ok("ready\n"));
}

#[test]
fn secrets_and_parameters_can_come_from_standard_input() {
    let (server, datadir) = (Server::answering("true"), datadir());
    let arguments = ["-rpcuser=u", "-stdinrpcpass", "-stdin", "getblock", "00"];
    assert_eq!(told(&cli(&server, &datadir, &arguments, "p\n1\n")), ok("true\n"));
    let seen = server.last();
    assert_eq!(seen.authorization, "Basic dTpw");
    assert!(seen.body.contains("\"params\":[\"00\",1]"), "{}", seen.body);
    cli(&server, &datadir, &["-stdin", "echo"], "a\n\nb");
    assert!(server.last().body.contains("\"params\":[\"a\",\"\",\"b\"]"), "{}", server.last().body);
    cli(&server, &datadir, &["-stdinwalletpassphrase", "walletpassphrase", "60"], "open sesame\n");
    assert!(server.last().body.contains("\"params\":[\"open sesame\",60]"), "{}", server.last().body);
    let (code, _, stderr) = told(&cli(&server, &datadir, &["-stdinrpcpass", "x"], ""));
    assert_eq!(
        (code, stderr.as_str()),
        (1, "error: -stdinrpcpass specified but failed to read from standard input\n")
    );
}

#[test]
fn the_configuration_file_of_the_node_is_heeded() {
    let (server, datadir) = (Server::answering("1"), datadir());
    let conf =
        format!("server=1\ndbcache=9\n[regtest]\nrpcport={}\nrpcpassword=file\nrpcuser=u\n", server.port);
    std::fs::write(datadir.path().join("chaincore.conf"), conf).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_chaincore-cli"))
        .args(["-chain=regtest", &format!("-datadir={}", datadir.path().display()), "getblockcount"])
        .output()
        .unwrap();
    assert_eq!(told(&output), ok("1\n"));
    assert_eq!(server.last().authorization, "Basic dTpmaWxl");
}

#[test]
fn getinfo_is_one_page() {
    let batch = "[{\"id\":0,\"result\":{\"version\":310000,\"timeoffset\":0,\"connections\":0,\"connections_in\":0,\
                 \"connections_out\":0,\"networks\":[],\"relayfee\":0.00000100,\"warnings\":[]}},\
                 {\"id\":1,\"result\":{\"chain\":\"regtest\",\"blocks\":3,\"headers\":3,\"difficulty\":1,\
                 \"verificationprogress\":1}},\
                 {\"id\":2,\"error\":{\"code\":-32601,\"message\":\"Method not found\"}},\
                 {\"id\":3,\"error\":{\"code\":-32601,\"message\":\"Method not found\"}}]";
    let no_wallets = "{\"id\":1,\"error\":{\"code\":-32601,\"message\":\"Method not found\"}}";
    let server = Server::start(&[("200 OK", batch), ("200 OK", no_wallets)]);
    let (code, stdout, stderr) = told(&cli(&server, &datadir(), &["-getinfo"], ""));
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with("Chain: regtest\nBlocks: 3\n"), "{stdout}");
    assert!(stdout.contains("Min tx relay fee rate (BTC/kvB): 0.00000100\n"), "{stdout}");
    let server =
        Server::start(&[("200 OK", "[{\"id\":0,\"error\":{\"code\":-28,\"message\":\"Loading\"}}]")]);
    assert_eq!(told(&cli(&server, &datadir(), &["-getinfo"], "")).0, 28);
    let (code, _, stderr) = told(&cli(&server, &datadir(), &["-getinfo", "-generate"], ""));
    assert_eq!((code, stderr.as_str()), (1, "error: Only one of -generate, -getinfo may be specified.\n"));
}

#[test]
fn what_is_wrong_on_the_command_line_is_said() {
    let run = |arguments: &[&str]| {
        told(&Command::new(env!("CARGO_BIN_EXE_chaincore-cli")).args(arguments).output().unwrap())
    };
    let expected = "Error parsing command line arguments: Invalid parameter -x\n".to_owned();
    assert_eq!(run(&["-x", "getblockcount"]), (1, String::new(), expected));
    let expected = "Error: Specified data directory \"/no/such\" does not exist.\n".to_owned();
    assert_eq!(run(&["-datadir=/no/such", "getblockcount"]), (1, String::new(), expected));
    let (code, stdout, stderr) = run(&[]);
    assert!(code == 1 && stdout.contains("Usage: chaincore-cli") && stderr == "Error: too few parameters\n");
    assert!(
        run(&["-help"]).1.contains("Options:\n") && run(&["-version"]).1.contains("RPC client version v")
    );
}

#[test]
fn nobody_has_to_read_to_the_end() {
    let long = format!("{{\"result\":\"{}\",\"error\":null,\"id\":\"1\"}}", "x".repeat(1 << 20));
    let server = Server::start(&[("200 OK", &long)]);
    let datadir = datadir();
    let run = |out: Stdio, is_read: bool| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_chaincore-cli"));
        child.args(["-regtest", &format!("-rpcport={}", server.port)]);
        child.arg(format!("-datadir={}", datadir.path().display())).arg("listplugins");
        let mut child = child.stdout(out).stderr(Stdio::piped()).spawn().unwrap();
        if !is_read {
            drop(child.stdout.take());
        }
        child.wait_with_output().unwrap()
    };
    let output = run(Stdio::piped(), false);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    #[cfg(target_os = "linux")]
    {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = run(full.into(), true);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"), "{output:?}");
    }
}
