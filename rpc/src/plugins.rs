//! The node's plugins in its interfaces: `listplugins`, `plugin`, and the methods and REST paths that plugins add.

use crate::error::{RpcError, code};
use crate::http::rest::{RestRequest, RestResponse, percent_decode};
use crate::registry::{Arg, Args, Call, Doc, Method, RegistryBuilder};
use crate::rest::RestError;
use chaincore_plugin::BlockRef;
use chaincore_plugin::api::{self, ApiError};
use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A plugin as people see it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PluginInfo {
    /// Its name.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Where it runs: `in-process` or `process`.
    pub kind: &'static str,
    /// `starting`, `catching_up`, `live`, `backoff`, `failed` or `stopped`.
    pub state: &'static str,
    /// Whether the node stops when it fails.
    pub important: bool,
    /// The last block that it has taken in.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cursor")]
    pub cursor: Option<BlockRef>,
    /// How many blocks the tip is above that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag: Option<u32>,
    /// Blocks taken in since the node started.
    pub blocks: u64,
    /// How often it has failed and was tried again.
    pub retries: u64,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// What it is doing, in its own words.
    pub description: String,
    /// Its figures by name.
    pub figures: BTreeMap<String, f64>,
}

fn cursor<S: Serializer>(cursor: &Option<BlockRef>, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    if let Some(cursor) = cursor {
        map.serialize_entry("height", &cursor.height)?;
        map.serialize_entry("hash", &cursor.hash.to_string())?;
    }
    map.end()
}

/// What a plugin can be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PluginCommand {
    /// Go on, or try again now.
    Start,
    /// Close, and stay closed.
    Stop,
    /// Forget everything and begin anew.
    Reset,
}

/// The node's plugins. Calls may wait for a plugin.
pub trait Plugins: Send + Sync + 'static {
    /// How each of them is.
    fn list(&self) -> Vec<PluginInfo>;
    /// Tells one something; the error is for people.
    fn command(&self, id: &str, command: PluginCommand) -> Result<(), String>;
}

fn fields() -> Vec<Doc> {
    vec![
        Doc::str("id", "Its name"),
        Doc::str("version", "Its version"),
        Doc::str("kind", "Where it runs: in-process or process"),
        Doc::str(
            "state",
            "starting, catching_up, live, backoff (it has failed and will be tried again), failed or stopped",
        ),
        Doc::bool("important", "Whether the node stops when it fails"),
        Doc::obj(
            "cursor",
            "The last block that it has taken in",
            vec![Doc::num("height", "The block's height"), Doc::hex("hash", "The block's hash")],
        )
        .optional(),
        Doc::num("lag", "How many blocks the tip is above that").optional(),
        Doc::num("blocks", "Blocks taken in since the node started"),
        Doc::num("retries", "How often it has failed and was tried again"),
        Doc::str("last_error", "What went wrong last").optional(),
        Doc::str("description", "What it is doing, in its own words"),
        Doc::obj_dyn("figures", "Its figures by name", vec![Doc::num("name", "The last value")]),
    ]
}

fn listplugins() -> Method {
    Method::new("control", "listplugins", "Lists the plugins: what follows the chain in or beside this node.")
        .result(Doc::arr("", "", vec![Doc::obj("", "", fields())]))
        .example_cli("")
        .example_rpc("")
}

fn plugin() -> Method {
    let about = "Starts, stops or resets a plugin.\n\
                 A stopped plugin stays so until it is started or the node is. A reset makes it forget everything and begin \
                 anew.";
    Method::new("control", "plugin", about)
        .arg(Arg::str("command", "start (also: try again now), stop or reset"))
        .arg(Arg::str("id", "The plugin's id, as listplugins tells it"))
        .result(Doc::obj("", "How the plugin is now", fields()))
        .example_cli("stop addressindex")
        .example_rpc("\"reset\", \"addressindex\"")
}

fn command(plugins: &dyn Plugins, args: &Args) -> Result<PluginInfo, RpcError> {
    let (word, id) = (args.str(0)?, args.str(1)?);
    let command = match word {
        "start" => PluginCommand::Start,
        "stop" => PluginCommand::Stop,
        "reset" => PluginCommand::Reset,
        _ => return Err(RpcError::invalid_parameter(format!("'{word}' is none of start, stop and reset"))),
    };
    let found = || plugins.list().into_iter().find(|plugin| plugin.id == id);
    found().ok_or_else(|| RpcError::invalid_parameter(format!("there is no plugin '{id}'")))?;
    plugins.command(id, command).map_err(RpcError::misc)?;
    found().ok_or_else(|| RpcError::misc(format!("the plugin '{id}' is gone")))
}

fn rpc_error(error: ApiError) -> RpcError {
    RpcError::new(error.code, error.message)
}

/// A plugin's method as the table of methods has it. The names are kept for as long as the process runs; they are
/// registered once.
fn method_of(id: &str, method: &api::Method) -> Method {
    let kept = |text: String| -> &'static str { String::leak(text) };
    let about = kept(format!("{}\nA method of the plugin {id}.", method.description.trim()));
    let described = Method::new("plugins", kept(method.name.clone()), about).result(Doc::any());
    method.parameters.iter().fold(described, |described, parameter| {
        let arg = Arg::str(kept(parameter.name.clone()), kept(parameter.description.clone())).any_type();
        described.arg(if parameter.optional { arg.optional() } else { arg })
    })
}

fn call_method(method: &api::Method, call: &Call) -> Result<serde_json::Value, RpcError> {
    let values = call.args.values().iter().map(|value| {
        let mut text = String::new();
        value.write(&mut text);
        serde_json::from_str(&text).map_err(|error| RpcError::new(code::PARSE_ERROR, error.to_string()))
    });
    let values: Vec<_> = values.collect::<Result<_, _>>()?;
    (method.handler)(&values).map_err(rpc_error)
}

/// Adds `listplugins`, `plugin`, and the methods of plugins, each with the plugin's id.
pub fn register(
    builder: &mut RegistryBuilder,
    plugins: &Arc<dyn Plugins>,
    methods: Vec<(String, api::Method)>,
) {
    let of_list = plugins.clone();
    builder.add_blocking(listplugins(), move |_| Ok(of_list.list()));
    let of_command = plugins.clone();
    builder.add_blocking(plugin(), move |call| command(&*of_command, &call.args));
    for (id, method) in methods {
        builder.add_blocking(method_of(&id, &method), move |call| call_method(&method, &call));
    }
}

/// A path outside `/plugins/` that is a plugin's own: the path, and the plugin's id.
const ALIASES: &[(&str, &str)] = &[("/metrics", "metrics")];

/// The REST paths of plugins.
#[derive(Clone, Default)]
pub struct PluginRoutes(Vec<(String, api::Route)>);

impl PluginRoutes {
    /// The paths, each with its plugin's id.
    pub fn new(routes: Vec<(String, api::Route)>) -> Self {
        Self(routes)
    }

    /// Whether a path is for plugins, if there is such a plugin or not.
    pub(crate) fn claims(&self, path: &str) -> bool {
        path == "/plugins" || path.starts_with("/plugins/") || self.alias(path).is_some()
    }

    /// The plugin whose own path this is.
    fn alias(&self, path: &str) -> Option<&api::Route> {
        let (_, id) = ALIASES.iter().find(|(alias, _)| *alias == path)?;
        self.0.iter().find(|(of, route)| of == id && route.path.is_empty()).map(|(_, route)| route)
    }

    /// The route that a path leads to, and what is left of the path below it.
    fn find(&self, path: &str) -> Option<(&api::Route, String)> {
        if let Some(route) = self.alias(path) {
            return Some((route, String::new()));
        }
        let (id, rest) = path.strip_prefix("/plugins/")?.split_once('/').unwrap_or_else(|| {
            let id = path.strip_prefix("/plugins/").unwrap_or_default();
            (id, "")
        });
        let rest = rest.trim_matches('/');
        let (first, below) = rest.split_once('/').unwrap_or((rest, ""));
        let of = |wanted: &str| {
            self.0.iter().find(|(of, route)| of == id && route.path == wanted).map(|(_, route)| route)
        };
        let at_first = of(first).filter(|_| !first.is_empty());
        let (route, left) = at_first.map(|route| (route, below)).or_else(|| Some((of("")?, rest)))?;
        Some((route, percent_decode(left)))
    }

    /// Answers a request for one of them. May block.
    pub(crate) fn answer(&self, request: &RestRequest) -> Result<RestResponse, RestError> {
        let found = self.find(&request.path);
        let (route, rest) = found.ok_or_else(|| {
            RestError::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {}", request.path))
        })?;
        let pairs = request.query.split('&').filter(|pair| !pair.is_empty());
        let query = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decode(name), percent_decode(value))
        });
        let reply = (route.handler)(&api::RestRequest { rest, query: query.collect() });
        let reply = reply.map_err(|error| RestError::from(rpc_error(error)))?;
        let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // A page of a plugin shares the web app's origin only in name: it runs as one of nobody's.
        let policy = HeaderValue::from_static("sandbox allow-scripts; frame-ancestors 'none'");
        Ok(RestResponse::new(status, reply.content_type, reply.body)
            .header(CONTENT_SECURITY_POLICY, policy)
            .header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
    }

    /// The paths as they are called, with what they show.
    pub(crate) fn listed(&self) -> impl Iterator<Item = (String, &str)> {
        let own = self.0.iter().map(|(id, route)| {
            let slash = if route.path.is_empty() { "" } else { "/" };
            (format!("/plugins/{id}{slash}{}", route.path), route.description.as_str())
        });
        let aliases = ALIASES.iter().filter_map(|(path, _)| {
            let route = self.alias(path)?;
            Some(((*path).to_owned(), route.description.as_str()))
        });
        aliases.chain(own)
    }
}

#[cfg(test)]
mod tests;
