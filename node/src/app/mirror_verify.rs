//! `chaincored mirror verify`: the running node is asked; if none runs, the store is opened here.

use super::{AppError, options};
use crate::chain::{ChainHandle, Status};
use crate::clock::Clock;
use crate::config::{Config, VerifyRequest};
use crate::index::Indexes;
use crate::mempool::Mempool;
use crate::service::Service;
use chaincore_mirror::api::{VERIFY, report};
use chaincore_mirror::connection::Server;
use chaincore_mirror::verify::{Extent, Source, verify};
use chaincore_rpc::client::{Client, ClientOptions, Credentials};
use chaincore_rpc::json::Json;
use chaincore_rpc::node::Node as _;
use chaincore_storage::FolderLock;
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::Arc;

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// Whether nothing is wrong.
    pub is_ok: bool,
    /// The findings, for the terminal or as JSON.
    pub text: String,
}

/// Compares the mirror with the node.
pub fn verify_mirror(request: &VerifyRequest) -> Result<Verdict, AppError> {
    let config = &request.config;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Without a folder there is no node, and none is made.
    let runs = config.chain_dir.exists() && FolderLock::acquire(&config.chain_dir).is_err();
    let report = runtime.block_on(async {
        if runs { ask_node(config, &request.extent).await } else { read_store(config, &request.extent).await }
    })?;
    let is_ok = report["ok"] == Value::Bool(true);
    let text = if request.json { format!("{report:#}\n") } else { table(&report) };
    Ok(Verdict { is_ok, text })
}

fn failed(what: impl std::fmt::Display) -> AppError {
    AppError::Option(what.to_string())
}

async fn ask_node(config: &Config, extent: &Extent) -> Result<Value, AppError> {
    let api = &config.api;
    let credentials = match (&api.password, &api.cookie) {
        (Some((user, password)), _) => {
            Credentials::Password { user: user.clone(), password: password.clone() }
        }
        (None, Some(cookie)) => Credentials::Cookie(cookie.clone()),
        (None, None) => Credentials::None,
    };
    let (host, port) =
        api.binds.first().cloned().unwrap_or_else(|| ("127.0.0.1".into(), config.params.rpc_port));
    // A full check of a long chain takes as long as it takes.
    let client =
        Client::new(ClientOptions { host, port, credentials, timeout: None, ..ClientOptions::default() });
    let text = match extent {
        Extent::Fast => "fast".to_owned(),
        Extent::Full => "full".to_owned(),
        Extent::Heights(heights) => format!("{}..{}", heights.start(), heights.end()),
    };
    let mut arguments = vec![Json::String(text)];
    // The node verifies its own mirror: it must not say of another one that all is well.
    if let Some(mirror) = &config.mirror {
        arguments.push(Json::String(Server::parse(&mirror.url).map_err(failed)?.place()));
    }
    let answer = client.call(VERIFY, &arguments).await.map_err(|error| {
        failed(format!(
            "the node that runs on {} did not verify its mirror: {error}",
            config.chain_dir.display()
        ))
    })?;
    serde_json::from_str(&answer.to_string()).map_err(failed)
}

async fn read_store(config: &Config, extent: &Extent) -> Result<Value, AppError> {
    if !config.chain_dir.join("chainstate").exists() {
        return Err(failed(format!(
            "there is no node in {}: say -datadir and -chain as for chaincored",
            config.chain_dir.display()
        )));
    }
    let Some(mirror) = &config.mirror else { return Err(failed("there is no mirror")) };
    let server = Server::parse(&mirror.url).map_err(failed)?;
    let clock = Clock::new();
    let (settings, pool) = (options::chain(config, &clock), Mempool::new(options::mempool(config)));
    let opened = tokio::task::spawn_blocking(move || ChainHandle::open(&settings, pool, Status::new())).await;
    let chain = opened.map_err(|error| AppError::Fatal(error.to_string()))??;
    let service = Arc::new(Service::new(
        config.params.clone(),
        options::node_info(config)?,
        clock,
        options::templates(config),
    ));
    service.attach(chain.clone(), Indexes::default());
    let source = Source { chain: &chain, node: &*service, params: &config.params };
    let findings = verify(&server, source, extent.clone(), &mut |_| ()).await;
    service.request_shutdown();
    chain.shutdown().await?;
    Ok(report(&findings.map_err(failed)?))
}

/// The findings for people.
fn table(report: &Value) -> String {
    let mut text = String::new();
    for check in report["checks"].as_array().into_iter().flatten() {
        let verdict = match check["ok"].as_bool() {
            Some(true) => "ok",
            Some(false) => "WRONG",
            None => "skipped",
        };
        let name = check["check"].as_str().unwrap_or_default();
        let heights = match (check["from_height"].as_u64(), check["to_height"].as_u64()) {
            (Some(from), Some(to)) => format!("blocks {from} to {to}"),
            _ => String::new(),
        };
        let _ = writeln!(text, "{verdict:8} {name:10} {heights:28} {} ms", check["milliseconds"]);
        for line in check["problems"].as_array().into_iter().flatten().chain(Some(&check["skipped"])) {
            if let Some(line) = line.as_str() {
                let _ = writeln!(text, "         {line}");
            }
        }
    }
    let end = if report["ok"] == Value::Bool(true) {
        "The mirror is what the node has."
    } else {
        "The mirror is damaged: stop the node's mirror (chaincore-cli plugin stop mirror), mend the rows named above or \
         load it anew (chaincore-cli plugin reset mirror)."
    };
    let _ = writeln!(text, "{end}");
    text
}
