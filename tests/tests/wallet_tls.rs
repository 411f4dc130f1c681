//! `chaincore-wallet` and nodes behind TLS: whose certificates it believes, and that it says whose it does not.

use chaincore_tests::{TestNode, binary};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// A new authority's certificate in PEM, and a server that it vouches for.
fn authority() -> (String, Arc<ServerConfig>) {
    let mut parameters = CertificateParams::new(Vec::<String>::new()).expect("parameters");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(DnType::CommonName, "an authority for tests");
    let key = KeyPair::generate().expect("a key");
    let pem = parameters.self_signed(&key).expect("a certificate").pem();
    let issuer = Issuer::new(parameters, key);
    let names = vec!["localhost".to_string(), "127.0.0.1".to_string()];
    let key = KeyPair::generate().expect("a key");
    let parameters = CertificateParams::new(names).expect("parameters");
    let certificate = parameters.signed_by(&key, &issuer).expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a configuration");
    (pem, Arc::new(config))
}

/// Puts TLS in front of a node: the port.
fn front(node: &TestNode, config: Arc<ServerConfig>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let target = node.url().strip_prefix("http://").expect("a URL").to_string();
    std::thread::spawn(move || {
        for caller in listener.incoming().map_while(Result::ok) {
            let (config, target) = (config.clone(), target.clone());
            // Callers who do not like the certificate leave, which is no error here.
            std::thread::spawn(move || pass_on(caller, config, &target));
        }
    });
    port
}

/// Passes one request on, and its answer back.
fn pass_on(caller: TcpStream, config: Arc<ServerConfig>, target: &str) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut caller = BufReader::new(StreamOwned::new(connection, caller));
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        caller.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
        if line.trim().is_empty() {
            break;
        }
        head += &line;
    }
    let mut body = vec![0; length];
    caller.read_exact(&mut body)?;
    let mut node = TcpStream::connect(target)?;
    node.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
    node.write_all(&body)?;
    let mut answer = Vec::new();
    node.read_to_end(&mut answer)?;
    let mut caller = caller.into_inner();
    caller.write_all(&answer)?;
    caller.conn.send_close_notify();
    caller.flush()
}

/// Runs the wallet: the exit code, and what it printed.
fn run(wallet: &Path, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(binary("chaincore-wallet"));
    command.env_clear().stdin(Stdio::null()).args(args).arg("--wallet").arg(wallet);
    let output = command.output().expect("chaincore-wallet can be run");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn nodes_behind_tls_are_asked_if_somebody_vouches_for_them() {
    let node = TestNode::start(&["-regtest", "-txindex"]);
    let (ours, config) = authority();
    let (others, _) = authority();
    let port = front(&node, config);
    let url = format!("https://localhost:{port}");
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path").to_string();
    for (name, text) in [("ours.pem", ours.as_str()), ("others.pem", &others), ("none.pem", "nothing")] {
        std::fs::write(path(name), text).expect("a file can be written");
    }
    let wallet = folder.path().join("a.json");
    let create = ["create", "--no-encryption", "--chain", "regtest"];
    assert_eq!(run(&wallet, &create).0, Some(0));

    // Nobody that browsers know has signed the certificate, and another authority did not either.
    let (code, said) = run(&wallet, &["balance", "--node", &url]);
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains(&url) && said.contains("--ca-cert"), "{said}");
    let (code, said) = run(&wallet, &["balance", "--node", &url, "--ca-cert", &path("others.pem")]);
    assert_eq!(code, Some(6), "{said}");
    for bad in ["none.pem", "nowhere.pem"] {
        let (code, said) = run(&wallet, &["balance", "--node", &url, "--ca-cert", &path(bad)]);
        assert!(code == Some(2) && said.contains(bad), "{said}");
    }

    // Who is vouched for is asked, and remembered with the certificate.
    let (code, said) = run(&wallet, &["receive"]);
    assert_eq!(code, Some(0), "{said}");
    node.rpc("generatetoaddress", serde_json::json!([1, said.trim()]));
    let (code, said) = run(&wallet, &["balance", "--json", "--node", &url, "--ca-cert", &path("ours.pem")]);
    assert_eq!(code, Some(0), "{said}");
    let balance: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((&balance["immature"], &balance["unproven"]), (&5_000_000_000u64.into(), &0.into()));
    std::fs::remove_file(path("ours.pem")).expect("the file is there");
    node.rpc("generatetoaddress", serde_json::json!([1, "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"]));
    let (code, said) = run(&wallet, &["history"]);
    assert!(code == Some(0) && said.contains("2 deep"), "{said}");

    // The wrong scheme is named, both ways.
    let (code, said) = run(&wallet, &["balance", "--node", &node.url().replace("http://", "https://")]);
    assert!(code == Some(6) && said.contains("http://"), "{said}");
    assert_eq!(run(&wallet, &["balance", "--node", &format!("http://localhost:{port}")]).0, Some(6));
}
