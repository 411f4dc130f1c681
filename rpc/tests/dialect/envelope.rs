//! Rules 1 to 9, 11, 12, 17: single requests.

use super::harness::{json, no_content, post, server};
use std::sync::atomic::Ordering;

const OK: &str = "200 OK";
const BAD: &str = "400 Bad Request";
const MISSING: &str = "404 Not Found";
const FAILED: &str = "500 Internal Server Error";

#[tokio::test]
async fn rules_01_to_04_the_whole_response_to_the_byte() {
    let server = server().await;
    let body = r#"{"method":"getblockcount","params":[],"id":1}"#;
    assert_eq!(
        server.post(body).await,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: D\r\nContent-Length: 34\r\n\r\n\
         {\"result\":7,\"error\":null,\"id\":1}\n"
            .replace("34", "33")
    );
}

#[tokio::test]
async fn rule_02_large_replies_are_one_line_with_a_length() {
    let server = server().await;
    let text = "ab".repeat(3_000_000);
    let reply = server.post(format!(r#"{{"method":"echo","params":["{text}"],"id":1}}"#)).await;
    assert!(reply == json(OK, &format!(r#"{{"result":["{text}"],"error":null,"id":1}}"#)));
}

#[tokio::test]
async fn rule_05_sloppy_requests_are_taken() {
    let server = server().await;
    let body = r#"{"method":"getblockcount","id":1}"#;
    let auth = "Authorization: Basic dXNlcjpwYXNz";
    let length = body.len();
    let expected = json(OK, r#"{"result":7,"error":null,"id":1}"#);
    for request in [
        // Bare line feeds, no Host, no Content-Type: two of the explorers and a pool.
        format!("POST / HTTP/1.1\n{auth}\nContent-Length: {length}\n\n{body}"),
        format!("POST / HTTP/1.1\r\n{auth}\r\nContent-Length: {length}\r\n\r\n{body}"),
        // Names in lower case.
        format!(
            "POST / HTTP/1.1\r\nhost: x\r\nauthorization: Basic dXNlcjpwYXNz\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
        // Any Content-Type.
        format!(
            "POST / HTTP/1.1\r\n{auth}\r\nContent-type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
        ),
        format!(
            "POST / HTTP/1.1\r\n{auth}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
        ),
        format!(
            "POST / HTTP/1.1\r\n{auth}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{body}"
        ),
        format!(
            "POST / HTTP/1.1\r\n{auth}\r\nContent-Type: application/json-rpc\r\nContent-Length: {length}\r\n\r\n{body}"
        ),
        // A miner's headers, and CRLF after the JSON.
        format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1:5000\r\n{auth}\r\nAccept-Encoding: deflate, gzip, br, zstd\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nUser-Agent: cpuminer/2.5.1\r\n\
             X-Mining-Extensions: midstate\r\n\r\n{body}\r\n",
            length + 2
        ),
        // White space around everything.
        format!("POST / HTTP/1.1\r\n{auth}\r\nContent-Length: {}\r\n\r\n \n\t{body} \r\n", length + 6),
        // In chunks.
        format!(
            "POST / HTTP/1.1\r\n{auth}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}\r\n{:x};x=y\r\n{}\r\n0\r\n\r\n",
            &body[..5],
            length - 5,
            &body[5..]
        ),
        // Trimmed white space around the credentials.
        format!(
            "POST / HTTP/1.1\r\nAuthorization: Basic   dXNlcjpwYXNz  \r\nContent-Length: {length}\r\n\r\n{body}"
        ),
    ] {
        assert_eq!(server.exchange(&request).await, expected, "{request}");
    }
}

#[tokio::test]
async fn rule_06_legacy_replies() {
    let server = server().await;
    server
        .check(&[
            (r#"{"method":"getblockcount","params":[],"id":0}"#, OK, r#"{"result":7,"error":null,"id":0}"#),
            (r#"{"jsonrpc":"1.0","method":"getblockcount","id":"a"}"#, OK, r#"{"result":7,"error":null,"id":"a"}"#),
            (r#"{"version":"1.1","method":"getblockcount","id":1}"#, OK, r#"{"result":7,"error":null,"id":1}"#),
            (r#"{"jsonrpc":null,"method":"getblockcount","id":1}"#, OK, r#"{"result":7,"error":null,"id":1}"#),
            (
                r#"{"method":"nope","id":1}"#,
                MISSING,
                r#"{"result":null,"error":{"code":-32601,"message":"Method not found"},"id":1}"#,
            ),
            (
                r#"{"method":"getblockhash","params":[8],"id":1}"#,
                FAILED,
                r#"{"result":null,"error":{"code":-8,"message":"Block height out of range"},"id":1}"#,
            ),
            (r#"{"id":1}"#, BAD, r#"{"result":null,"error":{"code":-32600,"message":"Missing method"},"id":1}"#),
            (
                r#"{"method":null,"id":1}"#,
                BAD,
                r#"{"result":null,"error":{"code":-32600,"message":"Missing method"},"id":1}"#,
            ),
            (
                r#"{"method":5,"id":1}"#,
                BAD,
                r#"{"result":null,"error":{"code":-32600,"message":"Method must be a string"},"id":1}"#,
            ),
            (
                r#"{"method":"echo","params":"x","id":1}"#,
                BAD,
                r#"{"result":null,"error":{"code":-32600,"message":"Params must be an array or object"},"id":1}"#,
            ),
            (r#"{}"#, BAD, r#"{"result":null,"error":{"code":-32600,"message":"Missing method"}}"#),
        ])
        .await;
}

#[tokio::test]
async fn rule_06_bodies_that_are_no_request() {
    let server = server().await;
    let parse = r#"{"result":null,"error":{"code":-32700,"message":"Parse error"},"id":null}"#;
    let top = r#"{"result":null,"error":{"code":-32700,"message":"Top-level object parse error"},"id":null}"#;
    let deep = "[".repeat(513) + &"]".repeat(513);
    let bomb = "[".repeat(2_000_000);
    server
        .check(&[
            ("", FAILED, parse),
            ("{", FAILED, parse),
            (r#"{"method":"getblockcount","id":1}x"#, FAILED, parse),
            (r#"{"method":"getblockcount","id":01}"#, FAILED, parse),
            ("[1,]", FAILED, parse),
            ("{'method':1}", FAILED, parse),
            (&deep, FAILED, parse),
            (&bomb, FAILED, parse),
            ("1", FAILED, top),
            ("null", FAILED, top),
            ("\"getblockcount\"", FAILED, top),
        ])
        .await;
    let nested = "[".repeat(509) + &"]".repeat(509);
    let body = format!(r#"{{"method":"echo","params":[{nested}],"id":1}}"#);
    assert_eq!(
        server.post(&body).await,
        json(OK, &format!(r#"{{"result":[{nested}],"error":null,"id":1}}"#))
    );
    let mut invalid = post(r#"{"method":"echo","params":["?"],"id":1}"#).into_bytes();
    let at = invalid.iter().rposition(|byte| *byte == b'?').unwrap();
    invalid[at] = 0xff;
    assert_eq!(server.exchange(invalid).await, json(FAILED, parse));
}

#[tokio::test]
async fn rule_07_version_two() {
    let server = server().await;
    server
        .check(&[
            (r#"{"jsonrpc":"2.0","method":"getblockcount","id":1}"#, OK, r#"{"jsonrpc":"2.0","result":7,"id":1}"#),
            (
                r#"{"method":"getblockcount","params":[],"id":"1","jsonrpc":"2.0"}"#,
                OK,
                r#"{"jsonrpc":"2.0","result":7,"id":"1"}"#,
            ),
            (
                r#"{"jsonrpc":"2.0","method":"nope","id":1}"#,
                OK,
                r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1}"#,
            ),
            (
                r#"{"jsonrpc":"2.0","method":"getblockhash","params":[8],"id":1}"#,
                OK,
                r#"{"jsonrpc":"2.0","error":{"code":-8,"message":"Block height out of range"},"id":1}"#,
            ),
            // What is no request has an HTTP status in version 2 too.
            (
                r#"{"jsonrpc":"2.0","id":1}"#,
                BAD,
                r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Missing method"},"id":1}"#,
            ),
            (
                r#"{"jsonrpc":"2.0","method":"echo","params":1}"#,
                BAD,
                r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Params must be an array or object"}}"#,
            ),
            // Other versions.
            (
                r#"{"jsonrpc":1.0,"method":"getblockcount","id":1}"#,
                BAD,
                r#"{"result":null,"error":{"code":-32600,"message":"jsonrpc field must be a string"},"id":1}"#,
            ),
            (
                r#"{"jsonrpc":2,"method":"getblockcount","id":1}"#,
                BAD,
                r#"{"result":null,"error":{"code":-32600,"message":"jsonrpc field must be a string"},"id":1}"#,
            ),
            (
                r#"{"jsonrpc":"2.1","method":"getblockcount","id":1}"#,
                BAD,
                r#"{"result":null,"error":{"code":-32600,"message":"JSON-RPC version not supported"},"id":1}"#,
            ),
            (
                r#"{"jsonrpc":"","method":"getblockcount"}"#,
                BAD,
                r#"{"result":null,"error":{"code":-32600,"message":"JSON-RPC version not supported"}}"#,
            ),
        ])
        .await;
}

#[tokio::test]
async fn rule_08_requests_without_id() {
    let server = server().await;
    server
        .check(&[
            (r#"{"method":"count"}"#, OK, r#"{"result":1,"error":null}"#),
            (r#"{"jsonrpc":"1.0","method":"count"}"#, OK, r#"{"result":2,"error":null}"#),
            (
                r#"{"method":"nope"}"#,
                MISSING,
                r#"{"result":null,"error":{"code":-32601,"message":"Method not found"}}"#,
            ),
            // A null id is an id.
            (
                r#"{"jsonrpc":"2.0","method":"count","id":null}"#,
                OK,
                r#"{"jsonrpc":"2.0","result":3,"id":null}"#,
            ),
        ])
        .await;
    assert_eq!(server.post(r#"{"jsonrpc":"2.0","method":"count"}"#).await, no_content());
    assert_eq!(server.counted.load(Ordering::SeqCst), 4);
    assert_eq!(server.post(r#"{"jsonrpc":"2.0","method":"nope"}"#).await, no_content());
    assert_eq!(
        server.post(r#"{"jsonrpc":"2.0","method":"getblockhash","params":["x"]}"#).await,
        no_content()
    );
}

#[tokio::test]
async fn rule_09_ids_come_back_as_they_were() {
    let server = server().await;
    for id in [
        "0",
        "-1",
        "1.5",
        "1.0",
        "1e3",
        "123456789012345678901234567890",
        "null",
        "true",
        "\"\"",
        "\"1\"",
        "\"9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d\"",
        "\"\\\"\\\\\\u0001\\u007f\\n\"",
        "\"é😀\"",
        "[1,[2]]",
        r#"{"a":{"b":1.50},"a":2}"#,
    ] {
        for (version, before, after) in
            [("", "", r#","error":null"#), (r#""jsonrpc":"2.0","#, r#""jsonrpc":"2.0","#, "")]
        {
            let body = format!(r#"{{{version}"id":{id},"method":"getblockcount"}}"#);
            let line = format!(r#"{{{before}"result":7{after},"id":{id}}}"#);
            assert_eq!(server.post(&body).await, json(OK, &line));
        }
    }
    // Of two ids the first counts; escapes are written as Core writes them.
    server
        .check(&[
            (r#"{"id":1,"id":2,"method":"getblockcount"}"#, OK, r#"{"result":7,"error":null,"id":1}"#),
            (
                r#"{"id":"\u0041\/\ud83d\ude00","method":"getblockcount"}"#,
                OK,
                r#"{"result":7,"error":null,"id":"A/😀"}"#,
            ),
        ])
        .await;
}

#[tokio::test]
async fn rule_11_parameters() {
    let server = server().await;
    let ok = r#"{"result":"00ff","error":null,"id":1}"#;
    server
        .check(&[
            (r#"{"method":"getblockcount","id":1}"#, OK, r#"{"result":7,"error":null,"id":1}"#),
            (r#"{"method":"getblockcount","params":null,"id":1}"#, OK, r#"{"result":7,"error":null,"id":1}"#),
            (r#"{"method":"getblockcount","params":{},"id":1}"#, OK, r#"{"result":7,"error":null,"id":1}"#),
            (r#"{"method":"getblockhash","params":[7],"id":1}"#, OK, ok),
            (r#"{"method":"getblockhash","params":[7,null],"id":1}"#, OK, ok),
            (r#"{"method":"getblockhash","params":{"height":7},"id":1}"#, OK, ok),
            (r#"{"method":"getblockhash","params":{"loud":true,"height":7},"id":1}"#, OK, ok),
            (r#"{"method":"getblockhash","params":{"args":[7]},"id":1}"#, OK, ok),
            (r#"{"method":"getblockhash","params":{"args":[7],"loud":false},"id":1}"#, OK, ok),
            (r#"{"method":"echo","params":{"arg2":3,"args":[1]},"id":1}"#, OK, r#"{"result":[1,null,3],"error":null,"id":1}"#),
            (
                r#"{"method":"getblockhash","params":{"hight":7},"id":1}"#,
                FAILED,
                r#"{"result":null,"error":{"code":-8,"message":"Unknown named parameter hight"},"id":1}"#,
            ),
            (
                r#"{"method":"getblockhash","params":{"args":[7],"height":7},"id":1}"#,
                FAILED,
                r#"{"result":null,"error":{"code":-8,"message":"Parameter height specified twice both as positional and named argument"},"id":1}"#,
            ),
            (
                r#"{"method":"getblockhash","params":["7"],"id":1}"#,
                FAILED,
                r#"{"result":null,"error":{"code":-3,"message":"Wrong type passed:\n{\n    \"Position 1 (height)\": \"JSON value of type string is not of expected type number\"\n}"},"id":1}"#,
            ),
            (
                r#"{"method":"getblockhash","params":[7.5],"id":1}"#,
                FAILED,
                r#"{"result":null,"error":{"code":-1,"message":"JSON integer out of range"},"id":1}"#,
            ),
            (
                r#"{"method":"getblock","params":["foo"],"id":1}"#,
                FAILED,
                r#"{"result":null,"error":{"code":-8,"message":"blockhash must be of length 64 (not 3, for 'foo')"},"id":1}"#,
            ),
        ])
        .await;
    let help =
        server.registry.method("getblockhash").unwrap().help().replace('"', "\\\"").replace('\n', "\\n");
    for params in ["[]", "[7,true,1]"] {
        let body = format!(r#"{{"method":"getblockhash","params":{params},"id":1}}"#);
        let line = format!(r#"{{"result":null,"error":{{"code":-1,"message":"{help}"}},"id":1}}"#);
        assert_eq!(server.post(body).await, json(FAILED, &line));
    }
}

#[tokio::test]
async fn rule_12_numbers() {
    let server = server().await;
    server
        .check(&[(
            r#"{"method":"numbers","id":1}"#,
            OK,
            r#"{"result":{"fee":0.00000100,"difficulty":4.656542373906925e-10,"one":1},"error":null,"id":1}"#,
        )])
        .await;
}

#[tokio::test]
async fn rule_17_submitblock_answers() {
    let server = server().await;
    server
        .check(&[
            (
                r#"{"method":"submitblock","params":["00"],"id":1}"#,
                OK,
                r#"{"result":null,"error":null,"id":1}"#,
            ),
            (
                r#"{"method":"submitblock","params":["01"],"id":1}"#,
                OK,
                r#"{"result":"inconclusive","error":null,"id":1}"#,
            ),
            (
                r#"{"jsonrpc":"2.0","method":"submitblock","params":["00"],"id":1}"#,
                OK,
                r#"{"jsonrpc":"2.0","result":null,"id":1}"#,
            ),
            (
                r#"{"method":"submitblock","params":["zz"],"id":1}"#,
                FAILED,
                r#"{"result":null,"error":{"code":-22,"message":"Block decode failed"},"id":1}"#,
            ),
        ])
        .await;
}
