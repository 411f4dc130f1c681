//! The files for light clients: what is in them, how they may be cached, and what is said when there are none.

#![allow(clippy::unwrap_used, reason = "test code")]

mod support;

use chaincore_consensus::codec::{Decode, Reader};
use chaincore_consensus::{BlockHash, Hash256, Header};
use chaincore_rpc::http::rest::{RestBody, RestHandler, RestRequest, RestResponse};
use chaincore_rpc::json::Json;
use chaincore_rpc::node::{Node, NodeRef};
use chaincore_rpc::rest::Rest;
use hyper::header::{CACHE_CONTROL, ETAG, HeaderName, IF_NONE_MATCH};
use support::{HARNESS, MemoryNode};

async fn get(rest: &Rest, path: &str, known: Option<&str>) -> RestResponse {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    assert!(rest.claims(path), "{path}");
    let mut headers = hyper::HeaderMap::new();
    if let Some(tag) = known {
        headers.insert(IF_NONE_MATCH, tag.parse().unwrap());
    }
    rest.handle(RestRequest {
        method: "GET".parse().unwrap(),
        path: path.into(),
        query: query.into(),
        headers,
        body: Default::default(),
        peer: ([127, 0, 0, 1], 1).into(),
    })
    .await
}

fn header(response: &RestResponse, name: HeaderName) -> String {
    let found = response.headers.iter().find(|(key, _)| *key == name);
    found.unwrap_or_else(|| panic!("no {name}")).1.to_str().unwrap().to_owned()
}

async fn bytes(response: RestResponse) -> Vec<u8> {
    match response.body {
        RestBody::Full(bytes) => bytes.to_vec(),
        RestBody::Stream(mut pieces) => {
            let mut all = Vec::new();
            while let Some(piece) = pieces.recv().await {
                all.extend_from_slice(&piece.unwrap());
            }
            all
        }
    }
}

#[tokio::test]
async fn files_hold_the_active_chain() {
    let node = MemoryNode::new();
    node.mine(30, HARNESS[0]);
    let shared: NodeRef = node.clone();
    let rest = Rest::new(shared);
    let chain = node.chain();
    let told = bytes(get(&rest, "/light/chain", None).await).await;
    let told = Json::parse(&told).unwrap();
    assert_eq!(told.field("name").get_str().unwrap(), "regtest");
    assert_eq!(told.field("genesis").get_str().unwrap(), node.params().genesis_hash.to_string());
    assert!(told.field("file").is_null());
    assert_eq!(told.field("tip").field("hash").get_str().unwrap(), chain.tip().hash.to_string());

    let headers = bytes(get(&rest, "/light/headers/0.bin", None).await).await;
    assert_eq!(headers.len(), 31 * 80);
    let mut previous = BlockHash::ZERO;
    for (height, header) in (0..).zip(headers.chunks(80)) {
        let header = Header::decode_exact(header).unwrap();
        assert_eq!((header.hash(), header.previous), (chain.at_height(height).unwrap().hash, previous));
        previous = header.hash();
    }
    let filters = bytes(get(&rest, "/light/filters/0.bin", None).await).await;
    let filter_headers = bytes(get(&rest, "/light/filterheaders/0.bin", None).await).await;
    assert_eq!(filter_headers.len(), 31 * 32);
    let mut reader = Reader::new(&filters);
    let mut below = Hash256::ZERO;
    for (height, header) in (0..).zip(filter_headers.chunks(32)) {
        let len = reader.u32().unwrap() as usize;
        let filter = reader.bytes(len).unwrap();
        let expected = node.block_filter(&chain.at_height(height).unwrap().hash).unwrap().unwrap();
        assert_eq!(filter, expected.filter.as_bytes());
        below = expected.filter.header(&below);
        assert_eq!(header, below.0);
    }
    assert_eq!(reader.remaining(), 0);
}

#[tokio::test]
async fn caches_are_told_what_they_may_keep() {
    let node = MemoryNode::new();
    node.mine(5, HARNESS[0]);
    let shared: NodeRef = node.clone();
    let rest = Rest::new(shared);
    let mut tags = Vec::new();
    for path in ["/light/headers/0.bin", "/light/filters/0.bin", "/light/filterheaders/0.bin"] {
        let first = get(&rest, path, None).await;
        assert_eq!(header(&first, CACHE_CONTROL), "no-cache", "{path} is not full");
        let tag = header(&first, ETAG);
        assert_eq!(tag, format!("\"{}-6\"", node.chain().tip().hash));
        for known in [tag.clone(), format!("\"x\", W/{tag}")] {
            let again = get(&rest, path, Some(&known)).await;
            assert_eq!(again.status.as_u16(), 304, "{path}");
            assert_eq!(header(&again, ETAG), tag);
            assert!(bytes(again).await.is_empty());
        }
        tags.push(tag);
    }
    // What the client has can be left out.
    for (kind, size) in [("headers", 80), ("filterheaders", 32)] {
        let some = bytes(get(&rest, &format!("/light/{kind}/0.bin?skip=4"), None).await).await;
        let all = bytes(get(&rest, &format!("/light/{kind}/0.bin"), None).await).await;
        assert_eq!(some, all[4 * size..]);
    }
    for kind in ["headers", "filters", "filterheaders"] {
        for skip in [6, 7, 4_294_967_295u32] {
            let none = get(&rest, &format!("/light/{kind}/0.bin?skip={skip}"), None).await;
            assert_eq!(none.status.as_u16(), 200);
            assert!(bytes(none).await.is_empty());
        }
        let bad = get(&rest, &format!("/light/{kind}/0.bin?skip=-1"), None).await;
        assert_eq!(bad.status.as_u16(), 400);
    }
    node.mine(1, HARNESS[0]);
    let grown = get(&rest, "/light/headers/0.bin", Some(&tags[0])).await;
    assert_eq!(grown.status.as_u16(), 200);
    assert_eq!(bytes(grown).await.len(), 7 * 80);
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let node = MemoryNode::new();
    node.mine(5, HARNESS[0]);
    let shared: NodeRef = node.clone();
    let rest = Rest::new(shared);
    for kind in ["headers", "filters", "filterheaders"] {
        for name in [
            "1.bin",
            "4294967295.bin",
            "99999999999.bin",
            "0",
            "-1.bin",
            "+0.bin",
            "00.bin",
            ".bin",
            "0.bin.br",
        ] {
            let answer = get(&rest, &format!("/light/{kind}/{name}"), None).await;
            assert_eq!(answer.status.as_u16(), 404, "{kind} {name}");
            let body = Json::parse(&bytes(answer).await).unwrap();
            assert_eq!(body.field("error").field("code").get_str().unwrap(), "not_found");
        }
    }
}
