//! What a child answers.

use super::fault::{Fault, Refusal, printable, printable_bytes};
use super::message::Message;
use chaincore_plugin::BlockRef;
use chaincore_plugin::api::RestReply;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

/// The blocks that a locator may have.
const MAX_LOCATOR: usize = 1000;
/// The bytes that a media type may have.
const MAX_CONTENT_TYPE: usize = 100;

/// A result as it stands in the answer, or a refusal.
pub(super) type Outcome = Result<Box<RawValue>, Refusal>;

#[derive(Deserialize)]
struct Response<'a> {
    jsonrpc: &'a str,
    #[serde(borrow)]
    id: &'a RawValue,
    /// Missing is `None`, `null` is a result.
    #[serde(default, deserialize_with = "present")]
    result: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<Refusal>,
}

fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(from).map(Some)
}

/// Reads the answer to a call.
pub(super) fn parse(line: &[u8], id: u64, method: &'static str) -> Result<Outcome, Fault> {
    let wrong = |why: String| Fault::NotAReply { method, why, line: printable_bytes(line) };
    let response: Response<'_> = serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
    if response.jsonrpc != "2.0" {
        return Err(wrong("jsonrpc is not \"2.0\"".into()));
    }
    if response.id.get() != id.to_string() {
        return Err(Fault::WrongId { method, expected: id, got: printable(response.id.get()) });
    }
    match (response.result, response.error) {
        (_, Some(refusal)) => Ok(Err(refusal)),
        (Some(result), None) => Ok(Ok(result)),
        (None, None) => Err(wrong("neither result nor error".into())),
    }
}

/// Reads a result of a known shape.
pub(super) fn read<T: DeserializeOwned>(method: &'static str, result: &RawValue) -> Result<T, Fault> {
    let wrong = |error: serde_json::Error| Fault::WrongResult { method, why: error.to_string() };
    serde_json::from_str(result.get()).map_err(wrong)
}

/// A block as a child names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BlockName {
    height: u32,
    hash: chaincore_consensus::BlockHash,
}

impl From<BlockName> for BlockRef {
    fn from(BlockName { height, hash }: BlockName) -> Self {
        Self { height, hash }
    }
}

/// The cursor in the answer to `open`.
pub(super) fn cursor(result: &RawValue) -> Result<Option<BlockRef>, Fault> {
    #[derive(Deserialize)]
    struct Opened {
        // A cursor that was forgotten is not the same as none: it would begin from the start.
        #[serde(deserialize_with = "Option::deserialize")]
        cursor: Option<BlockName>,
    }
    Ok(read::<Opened>("open", result)?.cursor.map(BlockRef::from))
}

/// The blocks in the answer to `locator`.
pub(super) fn locator(result: &RawValue) -> Result<Vec<BlockRef>, Fault> {
    #[derive(Deserialize)]
    struct Known {
        blocks: Vec<BlockName>,
    }
    // Who knows nothing to do is allowed to say nothing.
    let mut blocks = read::<Option<Known>>("locator", result)?.map_or(vec![], |known| known.blocks);
    blocks.truncate(MAX_LOCATOR);
    Ok(blocks.into_iter().map(BlockRef::from).collect())
}

/// What the child says that it is doing, in the answer to any call of the host's.
pub(super) fn status(result: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Told {
        status: String,
    }
    // Most answers are `null` or `{}`.
    serde_json::from_str::<Told>(result.get()).ok().map(|told| printable(&told.status))
}

/// The answer to a request for a path.
pub(super) fn page(result: &RawValue) -> Result<RestReply, Fault> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Page {
        status: Option<u16>,
        content_type: Option<String>,
        json: Option<Value>,
        text: Option<String>,
        hex: Option<String>,
    }
    let method =
        (Message::Get { path: String::new(), rest: String::new(), query: Default::default() }).method();
    let wrong = |why: String| Fault::WrongResult { method, why };
    let page: Page = read(method, result)?;
    let (usual, body) = match (page.json, page.text, page.hex) {
        (Some(json), None, None) => ("application/json", json.to_string().into_bytes()),
        (None, Some(text), None) => ("text/plain; charset=utf-8", text.into_bytes()),
        (None, None, Some(hex)) => {
            let bytes = chaincore_consensus::hex::decode(&hex).map_err(|error| wrong(error.to_string()))?;
            ("application/octet-stream", bytes)
        }
        _ => return Err(wrong("one of json, text and hex is due".into())),
    };
    let status = page.status.unwrap_or(200);
    if !(200..600).contains(&status) {
        return Err(wrong(format!("{status} is no status of an answer")));
    }
    let content_type = page.content_type.unwrap_or_else(|| usual.into());
    if content_type.len() > MAX_CONTENT_TYPE
        || !content_type.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    {
        return Err(wrong(format!("'{}' is no media type", printable(&content_type))));
    }
    Ok(RestReply { status, content_type, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.into()).unwrap()
    }

    #[test]
    fn only_the_answer_to_the_call_is_one() {
        let parse = |line: &str| parse(line.as_bytes(), 7, "tick").map_err(|fault| fault.to_string());
        for result in ["null", "{}", "[1,2]", "\"x\""] {
            let line = format!(r#"{{"jsonrpc":"2.0","id":7,"result":{result}}}"#);
            assert_eq!(parse(&line).unwrap().unwrap().get(), result);
        }
        let refused =
            parse(r#"{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"no"}}"#).unwrap().unwrap_err();
        assert!(!refused.is_fatal() && refused.message == "no");
        let refused =
            parse(r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"no","data":{"fatal":true}}}"#);
        let refused = refused.unwrap().unwrap_err();
        assert!(refused.is_fatal() && refused.is_unknown_method());
        for (line, why) in [
            (r#"{"jsonrpc":"2.0","id":8,"result":1}"#, "an answer to call 8 where call 7 (tick) is due"),
            (r#"{"jsonrpc":"2.0","id":"7","result":1}"#, "an answer to call \"7\" where"),
            (r#"{"jsonrpc":"2.0","id":7.0,"result":1}"#, "an answer to call 7.0 where"),
            (r#"{"jsonrpc":"2.0","id":null,"result":1}"#, "an answer to call null where"),
            (r#"{"jsonrpc":"1.0","id":7,"result":1}"#, "jsonrpc is not \"2.0\""),
            (r#"{"jsonrpc":"2.0","id":7}"#, "neither result nor error"),
            (r#"{"jsonrpc":"2.0","result":1}"#, "missing field `id`"),
            (r#"{"jsonrpc":"2.0","id":7,"error":"no"}"#, "invalid type"),
            (r#"{"jsonrpc":"2.0","id":7,"result":1"#, "EOF while parsing"),
            ("", "EOF while parsing"),
            ("\u{1b}[2Jhello", "not a JSON-RPC 2.0 response"),
            ("[]", "not a JSON-RPC 2.0 response"),
        ] {
            let fault = parse(line).unwrap_err();
            assert!(fault.contains(why), "{line}: {fault}");
            assert!(!fault.contains('\u{1b}'));
        }
        let deep = format!(r#"{{"jsonrpc":"2.0","id":7,"result":{}}}"#, "[".repeat(100_000));
        assert!(parse(&deep).unwrap_err().len() < 1000);
    }

    #[test]
    fn results_have_their_shapes() {
        let hash = "00".repeat(32);
        assert_eq!(cursor(&raw(r#"{"cursor":null}"#)).unwrap(), None);
        let at = cursor(&raw(&format!(r#"{{"cursor":{{"height":3,"hash":"{hash}"}}}}"#))).unwrap().unwrap();
        assert_eq!((at.height, at.hash.to_string()), (3, hash.clone()));
        for wrong in ["{}", "null", r#"{"cursor":3}"#, r#"{"cursor":{"height":-1,"hash":""}}"#] {
            assert!(cursor(&raw(wrong)).is_err(), "{wrong}");
        }
        assert_eq!(locator(&raw("null")).unwrap(), []);
        assert!(locator(&raw("[]")).is_err() && locator(&raw(r#"{"blocks":null}"#)).is_err());
        let many = vec![format!(r#"{{"height":3,"hash":"{hash}"}}"#); 1500].join(",");
        assert_eq!(locator(&raw(&format!(r#"{{"blocks":[{many}]}}"#))).unwrap().len(), MAX_LOCATOR);
        assert_eq!(status(&raw(r#"{"status":"busy\nbee"}"#)).as_deref(), Some("busy bee"));
        assert_eq!(status(&raw("null")), None);
    }

    #[test]
    fn a_page_cannot_break_out_of_its_answer() {
        let page = |text: &str| page(&raw(text)).map_err(|fault| fault.to_string());
        assert_eq!(page(r#"{"json":{"a":1}}"#).unwrap(), RestReply::json(&serde_json::json!({"a": 1})));
        let answer = page(r#"{"text":"hi","status":404,"content_type":"text/html"}"#).unwrap();
        assert_eq!(
            (answer.status, answer.content_type.as_str(), &answer.body[..]),
            (404, "text/html", &b"hi"[..])
        );
        assert_eq!(page(r#"{"hex":"0aff"}"#).unwrap().body, [10, 255]);
        for wrong in [
            "null",
            "{}",
            r#"{"text":"a","hex":"00"}"#,
            r#"{"text":"a","status":100}"#,
            r#"{"text":"a","status":600}"#,
            r#"{"text":"a","content_type":"a\r\nset-cookie: x"}"#,
            r#"{"hex":"0"}"#,
            r#"{"text":"a","body":1}"#,
        ] {
            assert!(page(wrong).is_err(), "{wrong}");
        }
    }
}
