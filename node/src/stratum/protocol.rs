//! What miners say and what they are answered: JSON, one object a line, as mining software has come to agree on it.
//!
//! What is no request is answered too, with the id `null` unless it has one, and with the protocol's number for "other":
//! a person who tries the port by hand sees what is wrong, and miners show it in their logs. What is an answer, or a
//! request without an id, is not answered.

use super::job::WORKER_BYTES;
use serde_json::{Value, json};

/// The bits of a block's version that miners may roll (BIP320).
pub(super) const VERSION_ROLLING_BITS: u32 = 0x1fff_e000;
/// The longest name of a worker, in bytes.
const MAX_NAME: usize = 128;

/// An error and its number; the numbers 20 to 25 are the protocol's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: i32,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn other(message: impl Into<String>) -> Self {
        Self::new(20, message)
    }

    pub(super) fn stale() -> Self {
        Self::new(21, "Job not found: it is stale")
    }

    pub(super) fn duplicate() -> Self {
        Self::new(22, "Duplicate share")
    }

    pub(super) fn low_difficulty() -> Self {
        Self::new(23, "Low difficulty share")
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(24, "Unauthorized worker")
    }

    pub(super) fn not_subscribed() -> Self {
        Self::new(25, "Not subscribed")
    }
}

/// A solution that a worker hands in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Submission {
    pub(super) worker: String,
    pub(super) job: String,
    /// The worker's bytes of the coinbase.
    pub(super) extra: [u8; WORKER_BYTES],
    pub(super) time: u32,
    pub(super) nonce: u32,
    /// What the worker says of the block's version: the bits that it may roll, or all of it. Without, it is the job's.
    pub(super) version: Option<u32>,
}

impl Submission {
    /// The block's version, if the worker may roll the bits of `mask` of the job's version `base`.
    ///
    /// BIP310 has the rolled bits themselves handed in. The firmware of small boards hands in what differs from the
    /// job's version, others the whole version; the first two are one where the job's version has none of the bits.
    pub(super) fn version(&self, base: i32, mask: u32) -> Result<i32, Refusal> {
        let base_bits = base as u32;
        match self.version {
            None => Ok(base),
            Some(bits) if bits & !mask == 0 => Ok((base_bits & !mask | bits) as i32),
            Some(version) if (version ^ base_bits) & !mask == 0 => Ok(version as i32),
            Some(bits) => Err(Refusal::other(format!("version bits {bits:08x} outside the mask {mask:08x}"))),
        }
    }
}

/// What a miner asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Call {
    /// The extensions it knows, and the bits of the version that it wants to roll.
    Configure {
        extensions: Vec<String>,
        mask: u32,
    },
    Subscribe {
        agent: String,
    },
    Authorize {
        name: String,
        password: String,
    },
    Suggest {
        difficulty: f64,
    },
    ExtranonceSubscribe,
    Ping,
    /// Something that miners ask for on the chance that the server knows it.
    NotServed(&'static str),
    Submit(Submission),
}

/// What real miners ask for and go on without.
const NOT_SERVED: &[&str] = &[
    // BFGMiner, before it subscribes and for each job.
    "mining.capabilities",
    "mining.get_transactions",
    "mining.suggest_target",
    // Firmware from before BIP310.
    "mining.multi_version",
    // Of rented hash power.
    "mining.noop",
    "mining.hashrate",
];

/// A line that was understood: the id to answer with, and the call or what is wrong with it.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    pub(super) id: Value,
    pub(super) call: Result<Call, Refusal>,
}

/// What a line is.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    Request(Request),
    /// An answer, although nothing was asked.
    Answer,
    /// No request: what is wrong with it, and its id, if it has one.
    Junk(Value, Refusal),
}

/// Reads a line.
pub(super) fn read(line: &[u8]) -> Heard {
    let value: Value = match serde_json::from_slice(line) {
        Ok(value) => value,
        Err(error) => return Heard::Junk(Value::Null, Refusal::other(format!("not JSON: {error}"))),
    };
    let Some(object) = value.as_object() else {
        return Heard::Junk(Value::Null, Refusal::other("a request must be a JSON object"));
    };
    let id = object.get("id").cloned().unwrap_or_default();
    let method = match object.get("method") {
        Some(Value::String(method)) => method,
        Some(_) => return Heard::Junk(id, Refusal::other("the method must be a text")),
        None if object.contains_key("result") || object.contains_key("error") => return Heard::Answer,
        None => return Heard::Junk(id, Refusal::other("there is no method")),
    };
    let call = match object.get("params") {
        None | Some(Value::Null) => call(method, &[]),
        Some(Value::Array(params)) => call(method, params),
        Some(_) => Err(Refusal::other("params must be an array")),
    };
    Heard::Request(Request { id, call })
}

fn text(params: &[Value], at: usize) -> &str {
    params.get(at).and_then(Value::as_str).unwrap_or_default()
}

fn word(params: &[Value], at: usize, what: &str) -> Result<u32, Refusal> {
    let text = text(params, at);
    let wrong =
        || Refusal::other(format!("{what} must be eight hexadecimal digits, not '{}'", clipped(text)));
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    u32::from_str_radix(text, 16).map_err(|_| wrong())
}

/// A number of up to eight digits: some firmware leaves out zeros in front.
fn short_word(params: &[Value], at: usize, what: &str) -> Result<u32, Refusal> {
    let text = text(params, at);
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let fits = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| fits);
    number.ok_or_else(|| {
        Refusal::other(format!("{what} must be up to eight hexadecimal digits, not '{}'", clipped(text)))
    })
}

/// The beginning of a text from outside, for a message.
fn clipped(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(32).collect()
}

fn named(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_NAME);
    text[..end].chars().filter(|character| !character.is_control()).collect()
}

fn call(method: &str, params: &[Value]) -> Result<Call, Refusal> {
    Ok(match method {
        "mining.configure" => {
            let extensions = params.first().and_then(Value::as_array).map_or(vec![], |list| {
                list.iter().take(16).filter_map(Value::as_str).map(str::to_owned).collect()
            });
            let wanted = params.get(1).and_then(|options| options.get("version-rolling.mask"));
            let wanted = wanted.and_then(Value::as_str).and_then(|text| u32::from_str_radix(text, 16).ok());
            Call::Configure { extensions, mask: wanted.unwrap_or(u32::MAX) & VERSION_ROLLING_BITS }
        }
        "mining.subscribe" => Call::Subscribe { agent: named(text(params, 0)) },
        "mining.authorize" => {
            Call::Authorize { name: named(text(params, 0)), password: named(text(params, 1)) }
        }
        "mining.suggest_difficulty" => {
            let difficulty = params.first().and_then(Value::as_f64).filter(|value| *value > 0.0);
            let wrong = || Refusal::other("the difficulty must be a number above 0");
            Call::Suggest { difficulty: difficulty.ok_or_else(wrong)? }
        }
        "mining.extranonce.subscribe" => Call::ExtranonceSubscribe,
        "mining.ping" => Call::Ping,
        "mining.submit" => Call::Submit(submission(params)?),
        other => match NOT_SERVED.iter().find(|name| **name == other) {
            Some(name) => Call::NotServed(name),
            None => return Err(Refusal::other(format!("Unknown method '{}'", clipped(other)))),
        },
    })
}

fn submission(params: &[Value]) -> Result<Submission, Refusal> {
    let extra = text(params, 2);
    let bytes = chaincore_consensus::hex::decode(extra).ok().and_then(|bytes| bytes.try_into().ok());
    let wrong = || {
        let digits = 2 * WORKER_BYTES;
        Refusal::other(format!("extranonce2 must be {digits} hexadecimal digits, not '{}'", clipped(extra)))
    };
    let version = params.get(5).map(|_| short_word(params, 5, "the version bits")).transpose()?;
    Ok(Submission {
        worker: named(text(params, 0)),
        job: text(params, 1).chars().take(16).collect(),
        extra: bytes.ok_or_else(wrong)?,
        time: word(params, 3, "ntime")?,
        nonce: short_word(params, 4, "the nonce")?,
        version,
    })
}

/// The answer to a request.
pub(super) fn answer(id: &Value, result: &Result<Value, Refusal>) -> Value {
    match result {
        Ok(result) => json!({"id": id, "result": result, "error": null}),
        Err(refusal) => {
            json!({"id": id, "result": null, "error": [refusal.code, refusal.message, null]})
        }
    }
}

/// Something the server says by itself.
pub(super) fn notice(method: &str, params: &Value) -> Value {
    json!({"id": null, "method": method, "params": params})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(line: &str) -> Option<Request> {
        match read(line.as_bytes()) {
            Heard::Request(request) => Some(request),
            _ => None,
        }
    }

    #[test]
    fn lines_of_real_miners_are_understood() {
        // pooler's cpuminer 2.5.1
        let request =
            read_text(r#"{"id": 1, "method": "mining.subscribe", "params": ["cpuminer/2.5.1"]}"#).unwrap();
        assert_eq!(
            (request.id, request.call),
            (json!(1), Ok(Call::Subscribe { agent: "cpuminer/2.5.1".into() }))
        );
        let line = r#"{"method": "mining.submit", "params": ["w", "7", "01000000", "66f00d00", "deadbeef"], "id":4}"#;
        let Ok(Call::Submit(share)) = read_text(line).unwrap().call else { panic!("no share") };
        assert_eq!((share.time, share.nonce, share.extra), (0x66f0_0d00, 0xdead_beef, [1, 0, 0, 0]));
        assert_eq!(share.version, None);
        // Hardware that rolls the version
        let line = r#"{"method":"mining.configure","id":1,"params":[["version-rolling"],{"version-rolling.mask":"ffffffff","version-rolling.min-bit-count":2}]}"#;
        let mask = VERSION_ROLLING_BITS;
        let call = Call::Configure { extensions: vec!["version-rolling".into()], mask };
        assert_eq!(read_text(line).unwrap().call, Ok(call));
        let line = r#"{"method":"mining.submit","params":["w","7","01000000","66f00d00","deadbeef","00802000"],"id":"x"}"#;
        let Ok(Call::Submit(share)) = read_text(line).unwrap().call else { panic!("no share") };
        assert_eq!(share.version, Some(0x0080_2000));
        // What small boards say of a nonce that begins with zeros.
        let line = r#"{"id":9,"method":"mining.submit","params":["w","7","01000000","66f00d00","beef"]}"#;
        let Ok(Call::Submit(share)) = read_text(line).unwrap().call else { panic!("no share") };
        assert_eq!(share.nonce, 0xbeef);
    }

    #[test]
    fn a_version_is_said_in_three_ways() {
        let mask = VERSION_ROLLING_BITS;
        let share = |version| Submission {
            worker: "w".into(),
            job: "1".into(),
            extra: [0; WORKER_BYTES],
            time: 0,
            nonce: 0,
            version,
        };
        let base = 0x2000_0004;
        assert_eq!(share(None).version(base, mask), Ok(base));
        // The bits, which are the difference too, or everything.
        assert_eq!(share(Some(0x0080_2000)).version(base, mask), Ok(0x2080_2004));
        assert_eq!(share(Some(0x2080_2004)).version(base, mask), Ok(0x2080_2004));
        assert!(share(Some(0x4080_2004)).version(base, mask).is_err());
        assert!(share(Some(0x0080_2000)).version(base, 0).is_err(), "it did not ask for it");
        assert_eq!(share(Some(0)).version(base, 0), Ok(base));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, words) in [
            (
                r#"{"id":1,"method":"mining.submit","params":["w","7","010000","66f00d00","deadbeef"]}"#,
                "'010000'",
            ),
            (
                r#"{"id":1,"method":"mining.submit","params":["w","7","01000000","66f00d0","deadbeef"]}"#,
                "ntime",
            ),
            (
                r#"{"id":1,"method":"mining.submit","params":["w","7","01000000","66f00d00","+eadbeef"]}"#,
                "nonce",
            ),
            (
                r#"{"id":1,"method":"mining.submit","params":["w","7","01000000","66f00d00","deadbeef","e00000001"]}"#,
                "version bits",
            ),
            (r#"{"id":1,"method":"mining.submit","params":["w","7","01000000","66f00d00",""]}"#, "nonce"),
            (r#"{"id":1,"method":"mining.suggest_difficulty","params":["x"]}"#, "above 0"),
            (r#"{"id":1,"method":"getwork"}"#, "Unknown method 'getwork'"),
            (r#"{"id":1,"method":"mining.subscribe","params":"x"}"#, "params must be an array"),
            (r#"{"id":1,"method":"mining.submit","params":{"a":1}}"#, "params must be an array"),
        ] {
            let refusal = read_text(line).unwrap().call.unwrap_err();
            assert!(refusal.message.contains(words), "{line}: {}", refusal.message);
        }
        let deep = "[".repeat(1000);
        for (line, id, words) in [
            ("x", json!(null), "not JSON"),
            ("{", json!(null), "not JSON"),
            (deep.as_str(), json!(null), "recursion limit"),
            ("[]", json!(null), "JSON object"),
            ("{}", json!(null), "no method"),
            (r#"{"id":7}"#, json!(7), "no method"),
            (r#"{"method":1}"#, json!(null), "method must be a text"),
        ] {
            let Heard::Junk(told, why) = read(line.as_bytes()) else { panic!("{line}") };
            assert!(told == id && why.code == 20 && why.message.contains(words), "{line}: {why:?}");
        }
        assert_eq!(read(br#"{"id":null,"result":true}"#), Heard::Answer);
        assert!(read_text(r#"{"id":1,"method":"mining.subscribe","params":null}"#).unwrap().call.is_ok());
        let long = format!(r#"{{"method":"mining.authorize","params":["{}","x"]}}"#, "ä".repeat(3000));
        let Ok(Call::Authorize { name, .. }) = read_text(&long).unwrap().call else { panic!("no name") };
        assert_eq!(name.len(), MAX_NAME);
    }
}
