use super::*;
use crate::http::rest::RestBody;
use hyper::HeaderMap;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName};

const APP: &[(&str, &[u8])] = &[
    ("index.html", b"<!doctype html>"),
    ("index.html.br", b"small"),
    ("index.html.gz", b"smaller"),
    ("app/assets/app-1.js", b"app()"),
    ("app/assets/app-1.js.gz", b"zip"),
    ("app/assets/wallet-2.wasm", b"\0asm"),
    ("app/assets/signer-worker-3.js", b"sign()"),
    ("app/assets/light-worker-4.js", b"ask()"),
    ("app/assets/scan-worker-5.js", b"see()"),
    ("sw.js", b"keep()"),
    ("app/manifest.webmanifest", b"{}"),
    ("lonely.br", b"not a form of anything"),
];

fn request(method: Method, path: &str, headers: &[(HeaderName, &str)]) -> RestRequest {
    let mut map = HeaderMap::from_iter([(HOST, HeaderValue::from_static("127.0.0.1:5000"))]);
    for (name, value) in headers {
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    RestRequest {
        method,
        path: path.into(),
        query: String::new(),
        headers: map,
        body: Default::default(),
        peer: ([127, 0, 0, 1], 1).into(),
    }
}

fn get(web: &Web, path: &str, headers: &[(HeaderName, &str)]) -> RestResponse {
    web.answer(&request(Method::GET, path, headers))
}

fn body(response: &RestResponse) -> &[u8] {
    let RestBody::Full(bytes) = &response.body else { panic!("files are whole") };
    bytes
}

fn header(response: &RestResponse, name: HeaderName) -> Option<&str> {
    let mut found = response.headers.iter().filter(|(other, _)| *other == name);
    let value = found.next().map(|(_, value)| value.to_str().unwrap());
    assert!(found.next().is_none(), "{name} twice");
    value
}

#[test]
fn files_are_what_they_are_called() {
    let web = Web::of_files(APP, vec![]);
    for (path, kind, cache, wanted) in [
        ("/", "text/html; charset=utf-8", "no-cache", &b"<!doctype html>"[..]),
        ("/index.html", "text/html; charset=utf-8", "no-cache", b"<!doctype html>"),
        (
            "/app/assets/app-1.js",
            "text/javascript; charset=utf-8",
            "public, max-age=31536000, immutable",
            b"app()",
        ),
        ("/app/assets/wallet-2.wasm", "application/wasm", "public, max-age=31536000, immutable", b"\0asm"),
        // Its policy may change when it does not.
        ("/app/assets/light-worker-4.js", "text/javascript; charset=utf-8", "no-cache", b"ask()"),
        ("/sw.js", "text/javascript; charset=utf-8", "no-cache", b"keep()"),
        ("/app/manifest.webmanifest", "application/manifest+json", "no-cache", b"{}"),
    ] {
        assert!(web.claims(path), "{path}");
        let answer = get(&web, path, &[]);
        assert_eq!((answer.status, &*answer.content_type), (StatusCode::OK, kind), "{path}");
        assert_eq!(body(&answer), wanted);
        assert_eq!(header(&answer, CACHE_CONTROL), Some(cache));
        assert_eq!(header(&answer, CONTENT_ENCODING), None);
    }
}

#[test]
fn the_smallest_form_is_sent_to_who_takes_it() {
    let web = Web::of_files(APP, vec![]);
    let form = |path: &str, accept: &str| {
        let answer = get(&web, path, &[(ACCEPT_ENCODING, accept)]);
        assert_eq!(header(&answer, VARY), Some("Accept-Encoding"));
        let encoding = header(&answer, CONTENT_ENCODING).unwrap_or("plain").to_owned();
        (encoding, body(&answer).to_vec(), header(&answer, ETAG).unwrap().to_owned())
    };
    let brotli = form("/", "gzip, deflate, br");
    let gzip = form("/", "gzip");
    let plain = form("/", "br;q=0");
    assert_eq!((&*brotli.0, &*brotli.1), ("br", &b"small"[..]));
    assert_eq!((&*gzip.0, &*gzip.1), ("gzip", &b"smaller"[..]));
    assert_eq!((&*plain.0, &*plain.1), ("plain", &b"<!doctype html>"[..]));
    assert!(brotli.2 != gzip.2 && gzip.2 != plain.2, "each form has its tag");
    assert_eq!(form("/app/assets/app-1.js", "br, gzip").0, "gzip");
    assert_eq!(form("/app/assets/wallet-2.wasm", "br, gzip").0, "plain");
    for path in ["/index.html.br", "/app/assets/app-1.js.gz"] {
        assert_eq!(get(&web, path, &[]).status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(body(&get(&web, "/lonely.br", &[])), b"not a form of anything");
}

#[test]
fn what_the_client_has_is_not_sent_again() {
    let web = Web::of_files(APP, vec![]);
    let first = get(&web, "/", &[]);
    let tag = header(&first, ETAG).unwrap();
    for known in [tag.to_owned(), format!("\"x\", W/{tag}"), "*".into()] {
        let again = get(&web, "/", &[(IF_NONE_MATCH, &known)]);
        assert_eq!((again.status, body(&again)), (StatusCode::NOT_MODIFIED, &b""[..]), "{known}");
        for name in [ETAG, CACHE_CONTROL, CONTENT_SECURITY_POLICY, VARY] {
            assert_eq!(header(&again, name.clone()), header(&first, name));
        }
    }
    // A node that was told of another one: the same bytes, under another policy.
    let wider = Web::of_files(APP, vec!["https://second.example".parse().unwrap()]);
    let worker = "/app/assets/light-worker-4.js";
    let before = get(&web, worker, &[]);
    let known = header(&before, ETAG).unwrap();
    assert_eq!(get(&web, worker, &[(IF_NONE_MATCH, known)]).status, StatusCode::NOT_MODIFIED);
    let after = get(&wider, worker, &[(IF_NONE_MATCH, known)]);
    assert_eq!(after.status, StatusCode::OK);
    assert!(header(&after, CONTENT_SECURITY_POLICY).unwrap().contains("https://second.example"));
    let other = get(&web, "/", &[(IF_NONE_MATCH, "\"0123\"")]);
    assert_eq!(other.status, StatusCode::OK);
}

#[test]
fn no_answer_lacks_the_headers() {
    let web = Web::of_files(APP, vec!["https://second.example".parse().unwrap()]);
    let all = ["/", "/app/assets/app-1.js", "/app/assets/signer-worker-3.js", "/app/nothing", "/app"];
    for path in all {
        for method in [Method::GET, Method::POST] {
            let answer = web.answer(&request(method, path, &[]));
            for (name, value) in [
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-embedder-policy", "require-corp"),
                ("cross-origin-resource-policy", "same-origin"),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
            ] {
                assert_eq!(header(&answer, HeaderName::from_static(name)), Some(value), "{path}");
            }
            let policy = header(&answer, CONTENT_SECURITY_POLICY).unwrap();
            assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
            assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
        }
    }
    let policy = |path: &str| header(&get(&web, path, &[]), CONTENT_SECURITY_POLICY).unwrap().to_owned();
    assert!(policy("/").ends_with("connect-src 'self' https://second.example wss://second.example"));
    for alone in ["signer-worker-3.js", "scan-worker-5.js"] {
        assert!(policy(&format!("/app/assets/{alone}")).contains("connect-src 'none'"), "{alone}");
    }
    assert_eq!(get(&web, "/app/nothing", &[]).status, StatusCode::NOT_FOUND);
    assert_eq!(web.answer(&request(Method::PUT, "/", &[])).status, StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn without_an_app_the_root_is_free() {
    let web = Web::default();
    assert!(!web.is_there() && !web.claims("/") && !web.claims("/status"));
    assert_eq!(get(&web, "/app/assets/x.js", &[]).status, StatusCode::NOT_FOUND);
}

#[test]
fn a_folder_is_served_as_it_is_and_not_left() {
    let folder = tempfile::tempdir().unwrap();
    let dist = folder.path().join("dist");
    std::fs::create_dir_all(dist.join("app/assets")).unwrap();
    std::fs::write(folder.path().join("secret.txt"), "secret").unwrap();
    std::fs::write(dist.join(".hidden"), "hidden").unwrap();
    let web = Web::new(WebOptions { folder: Some(dist.clone()), connect: vec![] });
    assert!(!web.claims("/"));
    std::fs::write(dist.join("index.html"), "one").unwrap();
    std::fs::write(dist.join("index.html.gz"), "old").unwrap();
    assert!(web.claims("/"));
    let first = get(&web, "/", &[(ACCEPT_ENCODING, "gzip")]);
    assert_eq!(body(&first), b"one");
    std::fs::write(dist.join("index.html"), "two").unwrap();
    let known = header(&first, ETAG).unwrap();
    assert_eq!(body(&get(&web, "/", &[(IF_NONE_MATCH, known)])), b"two");
    for path in [
        "/../secret.txt",
        "/app/../../secret.txt",
        "/app/..",
        "/app/%2e%2e/secret.txt",
        "//secret.txt",
        "/app//x",
        "/app/assets",
        "/app/.hidden",
        "/.hidden",
        "/app/\\..\\secret.txt",
        "/app/a\0b",
    ] {
        assert_eq!(get(&web, path, &[]).status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(get(&web, &format!("/app/{}", "x".repeat(10_000)), &[]).status, StatusCode::NOT_FOUND);
}
