//! What the mirror adds to the node's interfaces: the method `mirrorverify`.

use crate::connection::Server;
use crate::error::MirrorError;
use crate::verify::{Extent, Finding, Source, verify};
use chaincore_plugin::Context;
use chaincore_plugin::api::{ApiError, ApiRegistry, Method, Parameter};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Where the methods find the chain, once the mirror is open.
pub(crate) type Opened = Arc<Mutex<Option<Context>>>;

/// The name of the method.
pub const VERIFY: &str = "mirrorverify";

/// Registers the mirror's methods.
pub(crate) fn register(api: &mut dyn ApiRegistry, server: &Server, opened: &Opened) {
    let (server, opened) = (server.clone(), opened.clone());
    api.method(Method {
        name: VERIFY.into(),
        description: "Compares the PostgreSQL mirror with this node's store.\n\
            Nothing is mended. \"fast\" takes seconds, \"full\" reads everything; what was found is kept in the table \
            integrity_checks, too."
            .into(),
        parameters: vec![
            Parameter {
                name: "extent".into(),
                description: "\"fast\" (the default), \"full\", or heights as \"100..200\"".into(),
                optional: true,
            },
            Parameter {
                name: "database".into(),
                description: "Which database is meant, as host:port/name; an error if the mirror is in another".into(),
                optional: true,
            },
        ],
        handler: Arc::new(move |arguments: &[Value]| {
            let extent = match arguments.first() {
                None | Some(Value::Null) => Extent::Fast,
                Some(value) => value
                    .as_str()
                    .and_then(Extent::parse)
                    .ok_or_else(|| ApiError::invalid(format!("{value} is not \"fast\", \"full\" or \"100..200\"")))?,
            };
            let place = server.place();
            match arguments.get(1) {
                None | Some(Value::Null) => {}
                Some(Value::String(meant)) if *meant == place => {}
                Some(meant) => {
                    let meant = meant.as_str().unwrap_or_default();
                    return Err(ApiError::invalid(format!("the node's mirror is in {place}, not in {meant}")));
                }
            }
            let context = opened.lock().expect("no one panics while holding it").clone();
            let context = context.ok_or_else(|| {
                ApiError::other("the mirror has not been open yet: listplugins says what it is waiting for")
            })?;
            let findings = run(&server, &context, extent).map_err(|error| ApiError::other(error.to_string()))?;
            Ok(report(&findings))
        }),
    });
}

/// Runs the checks on this thread, which may wait.
fn run(server: &Server, context: &Context, extent: Extent) -> Result<Vec<Finding>, MirrorError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| MirrorError::System(error.to_string()))?;
    let source = Source { chain: &*context.chain, node: &*context.node, params: &context.params };
    runtime.block_on(verify(server, source, extent, &mut |_| ()))
}

/// The findings as JSON: `{"ok", "checks": [{"check", "ok", "from_height", "to_height", "skipped", "problems",
/// "milliseconds"}]}`. `ok` is false if something is wrong, and null for a check that could not look.
pub fn report(findings: &[Finding]) -> Value {
    let check = |finding: &Finding| {
        json!({
            "check": finding.check.name(),
            "ok": finding.is_ok(),
            "from_height": finding.heights.as_ref().map(|heights| *heights.start()),
            "to_height": finding.heights.as_ref().map(|heights| *heights.end()),
            "skipped": finding.skipped,
            "problems": finding.problems,
            "milliseconds": u64::try_from(finding.elapsed.as_millis()).unwrap_or(u64::MAX),
        })
    };
    json!({
        "ok": findings.iter().all(|finding| finding.is_ok() != Some(false)),
        "checks": findings.iter().map(check).collect::<Vec<_>>(),
    })
}
