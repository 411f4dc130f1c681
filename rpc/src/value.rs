//! How results are printed: amounts as raw eight-decimal tokens, doubles as C's `%.16g`, keys in the order written.
//!
//! Results are built from structs that derive `Serialize`, from [`Object`], or from strings, and turned into JSON by
//! [`to_raw`]. They must not go through `serde_json::Value` (`json!` included): that would read an amount token back
//! into a double and print it as `1e-6`.

use chaincore_consensus::{Amount, hex};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt::Display;
use std::io;

/// An amount, printed as coins with exactly eight decimals (`0.00000100`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Btc(pub Amount);

/// A double, printed as Core prints one (`%.16g`): `1`, `0.5`, `4.656542373906925e-10`. Inside [`to_raw`] every plain
/// `f64` is printed so as well; the newtype says it in the type.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CoreDouble(pub f64);

/// Bytes, printed as a string of lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub struct Hex<'a>(pub &'a [u8]);

/// Anything that can be displayed, printed as a JSON string (hashes, addresses, targets).
#[derive(Debug, Clone, Copy)]
pub struct Text<T>(pub T);

/// Serializes `token`, which must be JSON, as it stands.
pub(crate) fn serialize_raw<S: Serializer>(token: String, serializer: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(token).map_err(serde::ser::Error::custom)?.serialize(serializer)
}

impl Serialize for Btc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_raw(self.0.to_string(), serializer)
    }
}

impl From<Amount> for Btc {
    fn from(amount: Amount) -> Self {
        Self(amount)
    }
}

impl Serialize for CoreDouble {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_raw(format_double(self.0), serializer)
    }
}

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// `value` as C's `printf("%.16g")`; `null` for what JSON has no number for.
pub fn format_double(value: f64) -> String {
    if !value.is_finite() {
        return "null".into();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0".into() } else { "0".into() };
    }
    // Sixteen significant digits, correctly rounded, as `d.ddddddddddddddde±x`.
    let scientific = format!("{value:.15e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("the format has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a small integer");
    let trim = |text: &str| -> String {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text.into() }
    };
    if (-4..16).contains(&exponent) {
        let decimals = usize::try_from(15 - exponent).expect("exponent is below 16");
        return trim(&format!("{value:.decimals$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim(mantissa), exponent.unsigned_abs())
}

/// Compact JSON, with doubles and escapes as Core prints them.
struct CoreFormatter;

impl serde_json::ser::Formatter for CoreFormatter {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(format_double(value).as_bytes())
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // DEL is the one character that Core escapes and serde_json does not.
        for (index, part) in fragment.split('\x7f').enumerate() {
            if index > 0 {
                writer.write_all(b"\\u007f")?;
            }
            writer.write_all(part.as_bytes())?;
        }
        Ok(())
    }
}

/// `value` as compact JSON text in Core's printing.
pub fn to_json_string<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::with_capacity(128);
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, CoreFormatter))?;
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

/// `value` as the result of a call. A `Box<RawValue>` or an [`Object`] comes out as it is.
pub fn to_raw<T: Serialize + ?Sized>(value: &T) -> Result<Box<RawValue>, serde_json::Error> {
    RawValue::from_string(to_json_string(value)?)
}

/// A JSON object under construction: members appear in the order they are put.
#[derive(Debug, Clone)]
pub struct Object(String);

impl Default for Object {
    fn default() -> Self {
        Self::new()
    }
}

impl Object {
    /// `{}`.
    pub fn new() -> Self {
        Self("{".into())
    }

    /// Appends a member. A value that cannot be serialized (a map with keys that are no strings) becomes `null`.
    pub fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> &mut Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        crate::json::write_string(key, &mut self.0);
        self.0.push(':');
        match to_json_string(value) {
            Ok(text) => self.0.push_str(&text),
            Err(_) => self.0.push_str("null"),
        }
        self
    }

    /// Appends a member if there is a value.
    pub fn put_some<T: Serialize>(&mut self, key: &str, value: Option<T>) -> &mut Self {
        if let Some(value) = value {
            self.put(key, &value);
        }
        self
    }

    /// The same, chaining by value.
    #[must_use]
    pub fn with<T: Serialize + ?Sized>(mut self, key: &str, value: &T) -> Self {
        self.put(key, value);
        self
    }

    /// The finished JSON text.
    pub fn into_json(mut self) -> String {
        self.0.push('}');
        self.0
    }

    /// The finished object.
    pub fn into_raw(self) -> Box<RawValue> {
        RawValue::from_string(self.into_json()).expect("an object made of serialized members is JSON")
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_raw(self.clone().into_json(), serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_print_as_percent_16g() {
        for (value, text) in [
            (1.0, "1"),
            (0.5, "0.5"),
            (0.1, "0.1"),
            (4.656542373906925e-10, "4.656542373906925e-10"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000"),
            (123456789.12345679, "123456789.1234568"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.5, "-2.5"),
            (100.0, "100"),
            (0.9999999999999999, "0.9999999999999999"),
            (1e22, "1e+22"),
            (1.0 / 3.0, "0.3333333333333333"),
            (110568428300952.69, "110568428300952.7"),
            (1e100, "1e+100"),
        ] {
            assert_eq!(format_double(value), text);
        }
    }

    #[test]
    fn values_keep_their_tokens_and_order() {
        #[derive(Serialize)]
        struct Sample {
            z: Btc,
            a: CoreDouble,
            f: f64,
            s: &'static str,
        }
        let sample = Sample { z: Btc(Amount(100)), a: CoreDouble(1.0), f: 1e-10, s: "\x7f\u{1}é" };
        let text = to_json_string(&sample).unwrap();
        assert_eq!(text, r#"{"z":0.00000100,"a":1,"f":1e-10,"s":"\u007f\u0001é"}"#);
        let object = Object::new().with("n", &1).with("inner", &Object::new().with("fee", &Btc(Amount(1))));
        let raw = to_raw(&vec![object]).unwrap();
        assert_eq!(raw.get(), r#"[{"n":1,"inner":{"fee":0.00000001}}]"#);
        assert_eq!(to_raw(&raw).unwrap().get(), raw.get());
    }
}
