//! Rule 10.

use super::harness::{json, no_content, options, server, server_with};
use chaincore_rpc::http::HttpOptions;
use chaincore_rpc::registry::CallLimits;
use std::sync::atomic::Ordering;

const OK: &str = "200 OK";

#[tokio::test]
async fn rule_10_batches_answer_in_order() {
    let server = server().await;
    server
        .check(&[
            ("[]", OK, "[]"),
            (
                r#"[{"method":"getblockcount","id":1}]"#,
                OK,
                r#"[{"result":7,"error":null,"id":1}]"#,
            ),
            // Every id the same: taken by position.
            (
                r#"[{"jsonrpc":"2.0","method":"echo","params":[1],"id":"1"},{"jsonrpc":"2.0","method":"echo","params":[2],"id":"1"}]"#,
                OK,
                r#"[{"jsonrpc":"2.0","result":[1],"id":"1"},{"jsonrpc":"2.0","result":[2],"id":"1"}]"#,
            ),
            // Both dialects, failures inline.
            (
                r#"[{"method":"nope","id":1},{"jsonrpc":"2.0","method":"nope","id":2},{"jsonrpc":"3","method":"x","id":3}]"#,
                OK,
                r#"[{"result":null,"error":{"code":-32601,"message":"Method not found"},"id":1},{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":2},{"result":null,"error":{"code":-32600,"message":"JSON-RPC version not supported"},"id":3}]"#,
            ),
            // A notification is executed and not answered.
            (
                r#"[{"jsonrpc":"2.0","method":"count"},{"method":"count","id":1}]"#,
                OK,
                r#"[{"result":2,"error":null,"id":1}]"#,
            ),
            // What is no object is answered in the name of the one before it.
            (
                r#"[1,{"jsonrpc":"2.0","method":"getblockcount","id":5},2]"#,
                OK,
                r#"[{"result":null,"error":{"code":-32600,"message":"Invalid Request object"},"id":null},{"jsonrpc":"2.0","result":7,"id":5},{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request object"},"id":5}]"#,
            ),
            (r#"[[]]"#, OK, r#"[{"result":null,"error":{"code":-32600,"message":"Invalid Request object"},"id":null}]"#),
            (r#"[{"method":"getblockcount"}]"#, OK, r#"[{"result":7,"error":null}]"#),
        ])
        .await;
}

#[tokio::test]
async fn rule_10_all_notifications_have_no_content() {
    let server = server().await;
    let body = r#"[{"jsonrpc":"2.0","method":"count"},{"jsonrpc":"2.0","method":"nope"}]"#;
    assert_eq!(server.post(body).await, no_content());
    assert_eq!(server.counted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn rule_10_batches_are_bounded() {
    let options = HttpOptions { max_batch: 2, ..options() };
    let server = server_with(options, CallLimits::default()).await;
    assert_eq!(
        server
            .post(r#"[{"method":"count","id":1},{"method":"count","id":2},{"method":"count","id":3}]"#)
            .await,
        json(
            "400 Bad Request",
            r#"{"result":null,"error":{"code":-32600,"message":"Batch of 3 requests exceeds the limit of 2"},"id":null}"#
        )
    );
    assert_eq!(server.counted.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_text_that_is_shared_is_answered_like_any_other() {
    let server = server().await;
    server
        .check(&[
            (r#"{"method":"shared","id":1}"#, OK, r#"{"result":{"all":[1,2]},"error":null,"id":1}"#),
            (r#"{"method":"shared"}"#, OK, r#"{"result":{"all":[1,2]},"error":null}"#),
            (
                r#"{"jsonrpc":"2.0","method":"shared","id":"x"}"#,
                OK,
                r#"{"jsonrpc":"2.0","result":{"all":[1,2]},"id":"x"}"#,
            ),
            (
                r#"[{"method":"shared","id":1},{"method":"count","id":2}]"#,
                OK,
                r#"[{"result":{"all":[1,2]},"error":null,"id":1},{"result":1,"error":null,"id":2}]"#,
            ),
        ])
        .await;
}

#[tokio::test]
async fn rule_10_a_batch_goes_on_after_a_parked_call() {
    let limits = CallLimits { threads: 1, queue_depth: 0, parked: 10 };
    let server = server_with(options(), limits).await;
    let mut connection = server.connect().await;
    connection
        .send(super::harness::post(r#"[{"method":"wait","id":1},{"method":"getblockcount","id":2}]"#))
        .await;
    server.until_active("wait", 1).await;
    server
        .check(&[(r#"{"method":"getblockcount","id":3}"#, OK, r#"{"result":7,"error":null,"id":3}"#)])
        .await;
    server.tip.send_replace(9);
    assert_eq!(
        connection.receive().await,
        json(OK, r#"[{"result":9,"error":null,"id":1},{"result":7,"error":null,"id":2}]"#)
    );
}
