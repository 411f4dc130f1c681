//! The plugins, for everybody to see.
//!
//! Less than `listplugins` tells: what went wrong may name hosts and files, and is for the operator.

use crate::plugins::PluginInfo;
use crate::rest::{Answer, Request, Rest, json};
use crate::value::CoreDouble;
use chaincore_consensus::BlockHash;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Cursor {
    height: u32,
    hash: BlockHash,
}

#[derive(Serialize)]
struct Shown {
    id: String,
    version: String,
    kind: &'static str,
    state: &'static str,
    important: bool,
    cursor: Option<Cursor>,
    lag: Option<u32>,
    blocks: u64,
    retries: u64,
    failing: bool,
    description: String,
    figures: BTreeMap<String, CoreDouble>,
}

impl From<PluginInfo> for Shown {
    fn from(plugin: PluginInfo) -> Self {
        Self {
            failing: plugin.last_error.is_some() && matches!(plugin.state, "backoff" | "failed"),
            id: plugin.id,
            version: plugin.version,
            kind: plugin.kind,
            state: plugin.state,
            important: plugin.important,
            cursor: plugin.cursor.map(|at| Cursor { height: at.height, hash: at.hash }),
            lag: plugin.lag,
            blocks: plugin.blocks,
            retries: plugin.retries,
            description: plugin.description,
            figures: plugin.figures.into_iter().map(|(name, value)| (name, CoreDouble(value))).collect(),
        }
    }
}

#[derive(Serialize)]
struct List {
    plugins: Vec<Shown>,
}

/// `GET /plugins`.
pub fn list(rest: &Rest, _: &Request) -> Answer {
    let plugins = rest.0.control.as_ref().map(|control| control.list()).unwrap_or_default();
    json(&List { plugins: plugins.into_iter().map(Shown::from).collect() })
}
