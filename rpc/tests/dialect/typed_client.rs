//! The client against the server.

use super::harness::{Fixture, options, server, server_with};
use chaincore_rpc::client::{BatchCall, Client, ClientError, ClientOptions, Credentials};
use chaincore_rpc::error::RpcError;
use chaincore_rpc::http::{AuthOptions, HttpOptions};
use chaincore_rpc::json::Json;
use chaincore_rpc::registry::CallLimits;
use hyper::Method;
use std::time::Duration;

fn client(server: &Fixture) -> Client {
    let credentials = Credentials::Password { user: "user".into(), password: "pass".into() };
    Client::new(ClientOptions { port: server.address.port(), credentials, ..ClientOptions::default() })
}

fn with(server: &Fixture, change: impl FnOnce(&mut ClientOptions)) -> Client {
    let mut options = client(server).options().clone();
    change(&mut options);
    Client::new(options)
}

#[tokio::test]
async fn calls_and_batches() {
    let server = server().await;
    let client = client(&server);
    assert_eq!(client.call("getblockcount", &[]).await.unwrap(), Json::Number("7".into()));
    assert_eq!(client.call_as::<u64>("getblockcount", &[]).await.unwrap(), 7);
    assert_eq!(
        client.call("numbers", &[]).await.unwrap().to_string(),
        r#"{"fee":0.00000100,"difficulty":4.656542373906925e-10,"one":1}"#
    );
    assert_eq!(client.call("submitblock", &[Json::String("00".into())]).await.unwrap(), Json::Null);
    let named = Json::parse(br#"{"height":7}"#).unwrap();
    assert_eq!(client.call_with("getblockhash", &named).await.unwrap(), Json::String("00ff".into()));
    let calls: Vec<BatchCall> = ["getblockcount", "nope", "count"]
        .map(|method| BatchCall { method: method.into(), params: Json::Null })
        .into();
    assert_eq!(
        client.batch(&calls).await.unwrap(),
        [
            Ok(Json::Number("7".into())),
            Err(RpcError::new(-32601, "Method not found")),
            Ok(Json::Number("1".into()))
        ]
    );
    let page = client.http(Method::GET, "/status", "").await.unwrap();
    assert_eq!((page.status, &page.body[..]), (200, &b"{\"blockchain_length\":1}\n"[..]));
    let enough = page.body.len();
    assert_eq!(client.http_within(Method::GET, "/status", "", enough).await.unwrap(), page);
    let error = client.http_within(Method::GET, "/status", "", enough - 1).await.unwrap_err();
    assert!(matches!(error, ClientError::TooLong(most) if most == enough - 1), "{error}");
    // What was refused half read is not mistaken for the beginning of the next answer.
    assert_eq!(client.http(Method::GET, "/status", "").await.unwrap(), page);
}

#[tokio::test]
async fn failures_are_told_apart() {
    let server = server().await;
    let error = client(&server).call("nope", &[]).await.unwrap_err();
    assert!(matches!(&error, ClientError::Rpc(error) if error.code == -32601), "{error}");
    let wrong = with(&server, |options| {
        options.credentials = Credentials::Password { user: "user".into(), password: "x".into() };
    });
    assert!(matches!(wrong.call("help", &[]).await.unwrap_err(), ClientError::Unauthorized));
    let lost = with(&server, |options| options.path = "/wallet/x".into());
    let error = lost.call("help", &[]).await.unwrap_err();
    assert!(matches!(&error, ClientError::Http { status: 404, .. }), "{error}");
    let cookie =
        with(&server, |options| options.credentials = Credentials::Cookie("/nonexistent/.cookie".into()));
    let error = cookie.call("help", &[]).await.unwrap_err();
    assert!(matches!(&error, ClientError::Cookie { .. }) && error.is_starting(), "{error}");
    let hasty = with(&server, |options| options.timeout = Some(Duration::from_millis(20)));
    assert!(matches!(hasty.call("wait", &[]).await.unwrap_err(), ClientError::Timeout(_)));
    server.registry.warmup().set_status("Loading");
    let error = client(&server).call("help", &[]).await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Warmup(text) if text == "Loading") && error.is_starting(),
        "{error}"
    );
    let free = client(&server);
    server.http.shutdown().await;
    let error = free.call("help", &[]).await.unwrap_err();
    assert!(matches!(&error, ClientError::Connect { .. }) && error.is_starting(), "{error}");
}

#[tokio::test]
async fn a_closed_connection_is_opened_again() {
    let options = HttpOptions { timeout: Some(Duration::from_secs(1)), ..options() };
    let server = server_with(options, CallLimits::default()).await;
    let client = client(&server);
    for _ in 0..2 {
        client.call("getblockcount", &[]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2500)).await;
    }
}

#[tokio::test]
async fn the_cookie_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let cookie = folder.path().join(".cookie");
    let auth = AuthOptions { cookie_file: Some(cookie.clone()), ..AuthOptions::default() };
    let server = server_with(HttpOptions { auth, ..options() }, CallLimits::default()).await;
    let client = with(&server, |options| options.credentials = Credentials::Cookie(cookie));
    assert_eq!(client.call_as::<u64>("getblockcount", &[]).await.unwrap(), 7);
}
