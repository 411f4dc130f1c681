//! What a child says of itself: the answer to `manifest`.

use super::fault::Fault;
use super::reply::{self, BlockName};
use chaincore_plugin::{BatchLimits, Gate, Manifest, Start};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::Duration;

/// Methods, paths and parameters that a child may declare.
const MAX_DECLARED: usize = 64;
/// The bytes of a name or a version.
const MAX_NAME: usize = 64;
/// The bytes of a description.
const MAX_DESCRIPTION: usize = 4096;
/// Blocks in a batch.
const MAX_BLOCKS: usize = 2000;
/// Bytes of blocks in a batch.
const MAX_BYTES: usize = 32 << 20;

/// A checked declaration.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Declaration {
    /// How the host leads it. Whether it is important is the owner's to say.
    pub(super) manifest: Manifest,
    /// How long a call may take, if it says so.
    pub(super) call: Option<Duration>,
    /// Whether it takes a change of branches as one call.
    pub(super) reorganizes: bool,
    pub(super) methods: Vec<DeclaredMethod>,
    pub(super) routes: Vec<DeclaredRoute>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
pub(super) struct DeclaredMethod {
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) parameters: Vec<DeclaredParameter>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
pub(super) struct DeclaredParameter {
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) optional: bool,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
pub(super) struct DeclaredRoute {
    pub(super) path: String,
    #[serde(default)]
    pub(super) description: String,
}

#[derive(Deserialize)]
struct Told {
    protocol: u32,
    id: String,
    #[serde(default)]
    version: String,
    start: Option<ToldStart>,
    gate: Option<ToldGate>,
    #[serde(default)]
    batch: ToldBatch,
    needs_spent: Option<bool>,
    needs_mempool: Option<bool>,
    tick_seconds: Option<f64>,
    timeout_seconds: Option<f64>,
    #[serde(default)]
    reorganizes: bool,
    #[serde(default)]
    methods: Vec<DeclaredMethod>,
    #[serde(default)]
    routes: Vec<DeclaredRoute>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ToldStart {
    Word(String),
    At(BlockName),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ToldGate {
    Durable,
    Applied,
}

#[derive(Default, Deserialize)]
struct ToldBatch {
    max_blocks: Option<usize>,
    max_bytes: Option<usize>,
    max_wait_seconds: Option<f64>,
}

impl Declaration {
    /// Reads and checks the answer.
    pub(super) fn read(result: &RawValue) -> Result<Self, Fault> {
        let told: Told = reply::read("manifest", result)?;
        Self::check(told).map_err(|why| Fault::WrongResult { method: "manifest", why })
    }

    fn check(told: Told) -> Result<Self, String> {
        if told.protocol != super::message::PROTOCOL {
            return Err(format!(
                "protocol {} is not spoken here, but {}",
                told.protocol,
                super::message::PROTOCOL
            ));
        }
        let mut manifest = Manifest::new(told.id, told.version);
        if !manifest.is_id_valid() {
            let shown = super::fault::printable(&manifest.id);
            return Err(format!("id '{shown}' is not 1 to 32 of a-z 0-9 -, a letter first"));
        }
        text("version", &manifest.version, MAX_NAME)?;
        manifest.start = match told.start {
            None => Start::Genesis,
            Some(ToldStart::Word(word)) if word == "genesis" => Start::Genesis,
            Some(ToldStart::Word(word)) if word == "tip" => Start::Tip,
            Some(ToldStart::Word(word)) => {
                let shown = super::fault::printable(&word);
                return Err(format!("start '{shown}' is not genesis, tip or a block"));
            }
            Some(ToldStart::At(block)) => Start::At(block.into()),
        };
        manifest.gate = match told.gate {
            None | Some(ToldGate::Durable) => Gate::Durable,
            Some(ToldGate::Applied) => Gate::Applied,
        };
        let usual = BatchLimits::default();
        manifest.batch = BatchLimits {
            max_blocks: number("batch.max_blocks", told.batch.max_blocks, usual.max_blocks, MAX_BLOCKS)?,
            max_bytes: number("batch.max_bytes", told.batch.max_bytes, usual.max_bytes, MAX_BYTES)?,
            max_wait: match told.batch.max_wait_seconds {
                None => usual.max_wait,
                given => seconds("batch.max_wait_seconds", given, 0.0, 10.0)?.unwrap_or(usual.max_wait),
            },
        };
        manifest.needs_spent = told.needs_spent.unwrap_or(manifest.needs_spent);
        manifest.needs_mempool = told.needs_mempool.unwrap_or(manifest.needs_mempool);
        if let Some(tick) = seconds("tick_seconds", told.tick_seconds, 0.1, 86_400.0)? {
            manifest.tick = tick;
        }
        check_methods(&told.methods)?;
        check_routes(&told.routes)?;
        Ok(Self {
            manifest,
            call: seconds("timeout_seconds", told.timeout_seconds, 1.0, 3600.0)?,
            reorganizes: told.reorganizes,
            methods: told.methods,
            routes: told.routes,
        })
    }
}

fn check_methods(methods: &[DeclaredMethod]) -> Result<(), String> {
    few("methods", methods.len())?;
    for method in methods {
        name("method", &method.name, b"_")?;
        text("description", &method.description, MAX_DESCRIPTION)?;
        few("parameters", method.parameters.len())?;
        let mut optional = false;
        for parameter in &method.parameters {
            name("parameter", &parameter.name, b"_")?;
            text("description", &parameter.description, MAX_DESCRIPTION)?;
            if optional && !parameter.optional {
                let (method, parameter) = (&method.name, &parameter.name);
                return Err(format!(
                    "parameter {parameter} of {method} must be optional as the one before it"
                ));
            }
            optional = parameter.optional;
        }
    }
    Ok(())
}

fn check_routes(routes: &[DeclaredRoute]) -> Result<(), String> {
    few("routes", routes.len())?;
    for route in routes {
        if !route.path.is_empty() {
            name("path", &route.path, b"-_")?;
        }
        text("description", &route.description, MAX_DESCRIPTION)?;
    }
    Ok(())
}

fn few(what: &str, count: usize) -> Result<(), String> {
    if count > MAX_DECLARED { Err(format!("{count} {what} are more than {MAX_DECLARED}")) } else { Ok(()) }
}

fn text(what: &str, text: &str, max: usize) -> Result<(), String> {
    if text.len() > max {
        return Err(format!("a {what} of {} bytes is longer than {max}", text.len()));
    }
    match text.chars().find(|c| c.is_control() && *c != '\n') {
        Some(c) => Err(format!("a {what} has the control character {c:?}")),
        None => Ok(()),
    }
}

fn name(what: &str, text: &str, more: &[u8]) -> Result<(), String> {
    let fine = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9') || more.contains(&byte);
    if (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(fine) {
        return Ok(());
    }
    let (shown, more) = (super::fault::printable(text), String::from_utf8_lossy(more));
    Err(format!("{what} '{shown}' is not 1 to {MAX_NAME} of a-z 0-9 {more}"))
}

fn number(what: &str, given: Option<usize>, usual: usize, max: usize) -> Result<usize, String> {
    match given.unwrap_or(usual) {
        value if (1..=max).contains(&value) => Ok(value),
        value => Err(format!("{what} {value} is not 1 to {max}")),
    }
}

fn seconds(what: &str, given: Option<f64>, min: f64, max: f64) -> Result<Option<Duration>, String> {
    match given {
        None => Ok(None),
        Some(value) if (min..=max).contains(&value) => Ok(Some(Duration::from_secs_f64(value))),
        Some(value) => Err(format!("{what} {value} is not {min} to {max}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(value: Value) -> Result<Declaration, String> {
        Declaration::read(&serde_json::value::to_raw_value(&value).unwrap())
            .map_err(|fault| fault.to_string())
    }

    #[test]
    fn an_id_is_enough_and_everything_can_be_said() {
        let usual = read(json!({"protocol": 1, "id": "p"})).unwrap();
        assert_eq!(usual.manifest, Manifest::new("p", ""));
        assert_eq!((usual.call, usual.reorganizes, usual.methods.len()), (None, false, 0));
        let hash = "11".repeat(32);
        let told = read(json!({
            "protocol": 1, "id": "p-2", "version": "1.2", "start": {"height": 5, "hash": hash}, "gate": "applied",
            "batch": {"max_blocks": 1, "max_bytes": 1000, "max_wait_seconds": 0.25}, "needs_spent": false,
            "needs_mempool": true, "tick_seconds": 0.5, "timeout_seconds": 90, "reorganizes": true,
            "methods": [{"name": "getx", "description": "X.\nMore.", "parameters": [
                {"name": "a"}, {"name": "b", "optional": true, "description": "b"}]}],
            "routes": [{"path": ""}, {"path": "a_b-1", "description": "x"}], "something": "new",
        }))
        .unwrap();
        let manifest = &told.manifest;
        assert!(
            matches!(manifest.start, Start::At(block) if block.height == 5 && block.hash.to_string() == hash)
        );
        assert_eq!(
            (manifest.gate, manifest.needs_spent, manifest.needs_mempool),
            (Gate::Applied, false, true)
        );
        let wait = Duration::from_millis(250);
        assert_eq!(manifest.batch, BatchLimits { max_blocks: 1, max_bytes: 1000, max_wait: wait });
        assert_eq!((manifest.tick, told.call), (2 * wait, Some(Duration::from_secs(90))));
        assert!(told.reorganizes && told.methods[0].parameters[1].optional && told.routes[1].path == "a_b-1");
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        let methods = |method: Value| json!({ "methods": [method] });
        let cases = [
            (json!({"protocol": 2}), "protocol 2"),
            (json!({"id": "P"}), "id 'P'"),
            (json!({"id": "../x"}), "id '../x'"),
            (json!({"id": 5}), "invalid type"),
            (json!({"version": "v".repeat(65)}), "version of 65 bytes"),
            (json!({"start": "end"}), "start 'end'"),
            (json!({"gate": "open"}), "open"),
            (json!({"batch": {"max_blocks": 0}}), "max_blocks 0"),
            (json!({"batch": {"max_bytes": 1u64 << 40}}), "max_bytes"),
            (json!({"batch": {"max_wait_seconds": -1}}), "max_wait_seconds -1"),
            (json!({"tick_seconds": 0}), "tick_seconds 0"),
            (json!({"timeout_seconds": 1e300}), "timeout_seconds"),
            (methods(json!({"name": "Get"})), "method 'Get'"),
            (methods(json!({"name": ""})), "method ''"),
            (methods(json!({"name": "a", "description": "\u{1b}"})), "control character"),
            (methods(json!({"name": "a", "parameters": [{"name": "x y"}]})), "parameter 'x y'"),
            (
                methods(json!({"name": "a", "parameters": [{"name": "x", "optional": true}, {"name": "y"}]})),
                "parameter y of a",
            ),
            (json!({"methods": vec![json!({"name": "a"}); 65]}), "65 methods"),
            (json!({"routes": [{"path": "../.."}]}), "path '../..'"),
            (json!({"routes": vec![json!({"path": ""}); 65]}), "65 routes"),
        ];
        for (case, why) in cases {
            let mut value = json!({"protocol": 1, "id": "p"});
            value.as_object_mut().unwrap().extend(case.as_object().unwrap().clone());
            let error = read(value.clone()).unwrap_err();
            assert!(
                error.starts_with("a wrong answer to manifest: ") && error.contains(why),
                "{value}: {error}"
            );
        }
        assert!(read(json!({"protocol": 1})).unwrap_err().contains("missing field `id`"));
    }
}
