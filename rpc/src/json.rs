//! JSON as Core reads and writes it.
//!
//! Numbers stay the text they were (`1.5`, `0.00000100`, `1e3` are echoed and parsed as written), objects keep
//! their order and their duplicate keys, nesting ends at 512, and what is printed escapes what Core escapes. None
//! of that is so with a `serde_json::Value`, which is why requests are read into [`Json`] instead.

mod reader;

use crate::error::RpcError;
use chaincore_consensus::amount::parse_fixed_point;
use chaincore_consensus::{Amount, hex};
use std::str::FromStr;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Json {
    /// `null`, and what is absent.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// A string, unescaped.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object; order and duplicates are kept, the first of duplicates is the one found.
    Object(Vec<(String, Json)>),
}

/// What a missing key or argument is.
static NULL: Json = Json::Null;

impl Json {
    /// The one value that `bytes` are, surrounded by any white space; `None` if they are not JSON by Core's rules
    /// (invalid UTF-8 in a string, nesting beyond 512 and trailing bytes included).
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        reader::read(bytes)
    }

    /// Appends compact JSON.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(text) => out.push_str(text),
            Self::String(text) => write_string(text, out),
            Self::Array(values) => {
                out.push('[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    value.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_string(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// JSON over several lines, `indent` spaces a level, as Core's command-line client and error texts print it.
    pub fn pretty(&self, indent: usize) -> String {
        let mut out = String::new();
        self.write_pretty(indent, 1, &mut out);
        out
    }

    fn write_pretty(&self, indent: usize, level: usize, out: &mut String) {
        let pad = |out: &mut String, level: usize| out.extend(std::iter::repeat_n(' ', indent * level));
        match self {
            Self::Array(values) => {
                out.push_str("[\n");
                for (index, value) in values.iter().enumerate() {
                    pad(out, level);
                    value.write_pretty(indent, level + 1, out);
                    out.push_str(if index + 1 < values.len() { ",\n" } else { "\n" });
                }
                pad(out, level - 1);
                out.push(']');
            }
            Self::Object(members) => {
                out.push_str("{\n");
                for (index, (key, value)) in members.iter().enumerate() {
                    pad(out, level);
                    write_string(key, out);
                    out.push_str(": ");
                    value.write_pretty(indent, level + 1, out);
                    out.push_str(if index + 1 < members.len() { ",\n" } else { "\n" });
                }
                pad(out, level - 1);
                out.push('}');
            }
            scalar => scalar.write(out),
        }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Core's name of the type: `null bool number string array object`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// The member `key` of an object, if it is there (the first of duplicates).
    pub fn member(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The member `key` of an object; `null` if there is none.
    pub fn field(&self, key: &str) -> &Self {
        self.member(key).unwrap_or(&NULL)
    }

    fn mismatch(&self, expected: &str) -> RpcError {
        RpcError::wrong_type(format!(
            "JSON value of type {} is not of expected type {expected}",
            self.type_name()
        ))
    }

    /// The string; Core's -3 for anything else.
    pub fn get_str(&self) -> Result<&str, RpcError> {
        match self {
            Self::String(text) => Ok(text),
            other => Err(other.mismatch("string")),
        }
    }

    /// The truth value; Core's -3 for anything else.
    pub fn get_bool(&self) -> Result<bool, RpcError> {
        match self {
            Self::Bool(value) => Ok(*value),
            other => Err(other.mismatch("bool")),
        }
    }

    /// The whole number; Core's -3 for anything but a number, and -1 if it does not fit `T` or is not written as a
    /// whole number (`1.0`).
    pub fn get_int<T: FromStr>(&self) -> Result<T, RpcError> {
        match self {
            Self::Number(text) => text.parse().map_err(|_| RpcError::misc("JSON integer out of range")),
            other => Err(other.mismatch("number")),
        }
    }

    /// The number as a double; Core's -3 for anything but a number.
    pub fn get_real(&self) -> Result<f64, RpcError> {
        match self {
            Self::Number(text) => match text.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(value),
                _ => Err(RpcError::misc("JSON double out of range")),
            },
            other => Err(other.mismatch("number")),
        }
    }

    /// The elements; Core's -3 for anything but an array.
    pub fn get_array(&self) -> Result<&[Self], RpcError> {
        match self {
            Self::Array(values) => Ok(values),
            other => Err(other.mismatch("array")),
        }
    }

    /// The members; Core's -3 for anything but an object.
    pub fn get_object(&self) -> Result<&[(String, Self)], RpcError> {
        match self {
            Self::Object(members) => Ok(members),
            other => Err(other.mismatch("object")),
        }
    }

    /// A 32-byte hash of 64 digits, `name` being what Core's message calls it (`ParseHashV`).
    pub fn hash<H: FromStr>(&self, name: &str) -> Result<H, RpcError> {
        let text = self.get_str()?;
        if text.len() != 64 {
            return Err(RpcError::invalid_parameter(format!(
                "{name} must be of length 64 (not {}, for '{text}')",
                text.len()
            )));
        }
        text.parse().map_err(|_| not_hex(name, text))
    }

    /// Bytes in hexadecimal, `name` being what Core's message calls them (`ParseHexV`: anything but a string counts
    /// as an empty one, which is not hexadecimal).
    pub fn hex(&self, name: &str) -> Result<Vec<u8>, RpcError> {
        let text = match self {
            Self::String(text) => text.as_str(),
            _ => "",
        };
        match hex::decode(text) {
            Ok(bytes) if !text.is_empty() => Ok(bytes),
            _ => Err(not_hex(name, text)),
        }
    }

    /// An amount in coins, as a number or a string (`AmountFromValue`).
    pub fn amount(&self) -> Result<Amount, RpcError> {
        let (Self::Number(text) | Self::String(text)) = self else {
            return Err(RpcError::wrong_type("Amount is not a number or string"));
        };
        let amount = parse_fixed_point(text, 8).map(Amount);
        let amount = amount.ok_or_else(|| RpcError::wrong_type("Invalid amount"))?;
        if !amount.in_range() {
            return Err(RpcError::wrong_type("Amount out of range"));
        }
        Ok(amount)
    }

    /// A verbosity: `null` is `default`, a truth value is 0 or 1 where allowed (`ParseVerbosity`).
    pub fn verbosity(&self, default: i32, allow_bool: bool) -> Result<i32, RpcError> {
        match self {
            Self::Null => Ok(default),
            Self::Bool(_) if !allow_bool => {
                Err(RpcError::wrong_type("Verbosity was boolean but only integer allowed"))
            }
            Self::Bool(value) => Ok(i32::from(*value)),
            other => other.get_int(),
        }
    }
}

fn not_hex(name: &str, text: &str) -> RpcError {
    RpcError::invalid_parameter(format!("{name} must be hexadecimal string (not '{text}')"))
}

impl std::fmt::Display for Json {
    /// Compact JSON.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.write_str(&out)
    }
}

impl serde::Serialize for Json {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        crate::value::serialize_raw(self.to_string(), serializer)
    }
}

/// Appends `text` in quotes, escaped as Core escapes (control characters, quotes, backslashes, DEL; nothing else).
pub fn write_string(text: &str, out: &mut String) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' && byte != 0x7f {
            continue;
        }
        out.push_str(&text[plain..at]);
        plain = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            0x0c => out.push_str("\\f"),
            b'\r' => out.push_str("\\r"),
            other => out.push_str(&format!("\\u{other:04x}")),
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn echo(text: &str) -> Option<String> {
        Json::parse(text.as_bytes()).map(|value| value.to_string())
    }

    #[test]
    fn keeps_tokens_order_and_duplicates() {
        for text in [
            "1.50",
            "-0",
            "1e+3",
            r#"{"b":1,"a":2,"b":3}"#,
            "[]",
            "{}",
            r#"[null,true,false,"x"]"#,
            "\"é€😀\"",
        ] {
            assert_eq!(echo(text).as_deref(), Some(text));
        }
        assert_eq!(echo(" [ 1 , 2 ]\r\n").as_deref(), Some("[1,2]"));
        assert_eq!(echo(r#""\u0041\/\u007f\ud83d\ude00\u0007""#).as_deref(), Some("\"A/\\u007f😀\\u0007\""));
    }

    #[test]
    fn refuses_what_core_refuses() {
        for text in [
            "",
            " ",
            "nul",
            "01",
            "-",
            "1.",
            "1e",
            ".5",
            "+1",
            "[1,]",
            "[,1]",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            "{1:2}",
            "[1 2]",
            "1 2",
            "[1",
            "{\"a\":1",
            "\"a",
            "\"\n\"",
            r#""\x""#,
            r#""\u12""#,
            r#""\ud800""#,
            r#""\ud800\u0041""#,
            r#""\udc00""#,
            "[}",
            "{]",
            "]",
            "tru",
            "NaN",
            "'a'",
        ] {
            assert_eq!(echo(text), None, "{text}");
        }
        assert_eq!(Json::parse(b"\"\xff\""), None);
        assert_eq!(Json::parse(b"\xef\xbb\xbf1"), None);
    }

    #[test]
    fn nests_to_512() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Json::parse(nested(512).as_bytes()).is_some());
        assert!(Json::parse(nested(513).as_bytes()).is_none());
        assert!(Json::parse("[".repeat(1_000_000).as_bytes()).is_none());
    }

    #[test]
    fn typed_reads_answer_with_cores_texts() {
        let number = Json::Number("7".into());
        assert_eq!(number.get_int::<u8>().unwrap(), 7);
        assert_eq!(
            number.get_str().unwrap_err(),
            RpcError::new(-3, "JSON value of type number is not of expected type string")
        );
        assert_eq!(
            Json::Number("1.0".into()).get_int::<i32>().unwrap_err(),
            RpcError::new(-1, "JSON integer out of range")
        );
        assert_eq!(
            Json::String("foo".into()).hash::<chaincore_consensus::BlockHash>("blockhash").unwrap_err(),
            RpcError::new(-8, "blockhash must be of length 64 (not 3, for 'foo')")
        );
        assert_eq!(Json::Number("0.1".into()).amount().unwrap(), Amount(10_000_000));
        assert_eq!(Json::String("-1".into()).amount().unwrap_err().message, "Amount out of range");
        assert_eq!(
            Json::Object(vec![("Position 1 (n)".into(), Json::String("x".into()))]).pretty(4),
            "{\n    \"Position 1 (n)\": \"x\"\n}"
        );
    }

    /// Any JSON value, with numbers that a double holds.
    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?".prop_map(Json::Number),
            any::<String>().prop_map(Json::String),
        ];
        leaf.prop_recursive(5, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Json::Array),
                prop::collection::vec((any::<String>(), inner), 0..8).prop_map(Json::Object),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(value in any_json(), indent in 0..5usize) {
            prop_assert_eq!(Json::parse(value.to_string().as_bytes()), Some(value.clone()));
            prop_assert_eq!(Json::parse(value.pretty(indent).as_bytes()), Some(value.clone()));
            let other: serde_json::Value = serde_json::from_str(&value.to_string()).unwrap();
            prop_assert!(other.is_object() == matches!(value, Json::Object(_)));
        }

        /// Within what both can hold, this parser and serde_json accept the same texts.
        #[test]
        fn accepts_what_serde_json_accepts(text in "[\\[\\]{}:,\"\\\\ntruefalsdu0-9eE.+ \u{7f}\n-]{0,24}") {
            prop_assert_eq!(Json::parse(text.as_bytes()).is_some(), serde_json::from_str::<serde_json::Value>(&text).is_ok() || out_of_range(&text));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Some(value) = Json::parse(&bytes) {
                prop_assert_eq!(Json::parse(value.to_string().as_bytes()), Some(value));
            }
        }
    }

    /// Whether serde_json only stumbles over a number that no double holds.
    fn out_of_range(text: &str) -> bool {
        serde_json::from_str::<serde_json::Value>(text)
            .err()
            .is_some_and(|error| error.to_string().contains("number out of range"))
            && serde_json::from_str::<Box<serde_json::value::RawValue>>(text).is_ok()
    }
}
