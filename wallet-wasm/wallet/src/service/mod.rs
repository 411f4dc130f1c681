//! The JSON faces: what a page's workers, Node.js programs and other processes call. A request is
//! `{"method":"…","params":{…}}`, the answer `{"result":…}` or `{"error":{"code":"…","message":"…"}}`.
//!
//! A face keeps state between calls and does no I/O. Codes are words for programs and stay; messages are sentences for
//! people and may change.

pub mod light;
pub mod signer;
pub mod stateless;

pub use light::LightService;
pub use signer::SignerService;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use zeroize::Zeroize;

/// The most bytes of a request: a PSBT of the largest size in base64, and what is around it.
pub const MAX_REQUEST_LEN: usize = 48 * 1024 * 1024;

/// Why a request has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A word for programs, in snake case.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

impl Fault {
    /// A fault with this code.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    /// What no method is called.
    pub fn unknown_method(name: &str) -> Self {
        Self::new("unknown_method", format!("there is no method {:?}", crate::chain::shorten(name)))
    }

    /// The answer that says it.
    pub fn to_json(&self) -> String {
        json!({"error": {"code": self.code, "message": self.message}}).to_string()
    }
}

macro_rules! faults {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::new(error.code(), error.to_string())
            }
        })*
    };
}

faults!(
    crate::chain::ChainError,
    crate::descriptor::DescriptorError,
    crate::feerate::FeeRateError,
    crate::keys::ExtendedKeyError,
    crate::keys::KeyError,
    crate::keystore::KeystoreError,
    crate::labels::LabelError,
    crate::ledger::AccountError,
    crate::message::MessageError,
    crate::payment::PaymentError,
    crate::psbt::PsbtError,
    crate::signer::SignError,
    crate::uri::UriError,
);

/// The parameters of a request, not yet looked at.
pub struct Params<'a>(Option<&'a RawValue>);

impl Params<'_> {
    /// The parameters as a method wants them. Without any, those of `{}`.
    ///
    /// The message of the error says what is missing or wrong, never what was given: that may be a secret.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let text = self.0.map_or("{}", RawValue::get);
        serde_json::from_str(text).map_err(|error| Fault::new("bad_params", describe(&error)))
    }
}

/// What is wrong with parameters, without their values: of serde's messages only those that name a field are told.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("missing field") || text.starts_with("unknown field") {
        text.split(" at line").next().unwrap_or_default().to_string()
    } else {
        format!("a parameter has the wrong type (near character {})", error.column())
    }
}

/// Answers one request by `run`, which gets the method's name and parameters.
pub fn answer(request: &str, run: impl FnOnce(&str, Params<'_>) -> Result<Value, Fault>) -> String {
    #[derive(Deserialize)]
    struct Request<'a> {
        #[serde(borrow)]
        method: std::borrow::Cow<'a, str>,
        #[serde(borrow, default)]
        params: Option<&'a RawValue>,
    }
    if request.len() > MAX_REQUEST_LEN {
        return Fault::new("too_large", format!("a request has at most {MAX_REQUEST_LEN} bytes")).to_json();
    }
    let parsed: Request<'_> = match serde_json::from_str(request) {
        Ok(parsed) => parsed,
        Err(_) => return Fault::new("bad_request", "this is no request with a method").to_json(),
    };
    match run(&parsed.method, Params(parsed.params)) {
        Ok(result) => write(json!({"result": result})),
        Err(fault) => fault.to_json(),
    }
}

/// What any answer with a secret fits in: a buffer that grows leaves its beginnings behind.
const USUAL_ANSWER_LEN: usize = 4096;

/// The text of an answer; whatever secrets were in it are in the text alone afterwards.
fn write(mut answer: Value) -> String {
    let mut text = Vec::with_capacity(USUAL_ANSWER_LEN);
    let written = serde_json::to_writer(&mut text, &answer);
    wipe(&mut answer);
    match written.map(|()| String::from_utf8(text)) {
        Ok(Ok(text)) => text,
        _ => Fault::new("internal", "the answer can't be written").to_json(),
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A value as JSON.
pub fn to_value(value: impl serde::Serialize) -> Result<Value, Fault> {
    serde_json::to_value(value).map_err(|error| Fault::new("internal", error.to_string()))
}
