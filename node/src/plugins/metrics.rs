//! Prometheus metrics: `GET /metrics`.
//!
//! A plugin as any other: it takes in no blocks, looks at the node when it is told that the tip has moved, and answers
//! a path of its own. What it shows of the other plugins it asks their host for.
//!
//! The text is written here and not by a library: plugins bring names and help texts at run time, which the registries of
//! the libraries (`prometheus-client` among them) want to know at compile time or to own for good.

use super::host::Inner;
use super::{Host, PluginState, PluginStatus};
use chaincore_plugin::api::{RestReply, Route};
use chaincore_plugin::{
    ApiError, ApiRegistry, BlockRef, ChainReader, Context, Gate, Manifest, NodeReader, Plugin, PluginError,
    async_trait,
};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// The media type of the text format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the plugin has seen of the chain.
#[derive(Default)]
struct Seen {
    reader: Option<(Arc<dyn ChainReader>, Arc<dyn NodeReader>)>,
    tip: Option<BlockRef>,
    blocks: u64,
    reorganizations: u64,
    deepest: u32,
}

impl Seen {
    /// Counts what has happened since the last look. Changes that were undone in between are not seen.
    fn look(&mut self, chain: &dyn ChainReader) {
        let tip = chain.tip();
        let Some(before) = self.tip.replace(tip).filter(|before| *before != tip) else { return };
        let mut fork = before;
        while !chain.is_ancestor(&fork, &tip) {
            let Some(below) = chain.parent(&fork) else { break };
            fork = below;
        }
        self.blocks += u64::from(tip.height - fork.height.min(tip.height));
        if fork != before {
            self.reorganizations += 1;
            self.deepest = self.deepest.max(before.height - fork.height);
        }
    }
}

/// The plugin.
pub struct Metrics {
    seen: Arc<Mutex<Seen>>,
    host: Weak<Inner>,
}

impl Metrics {
    /// Metrics of a node with this host, which is not kept by being known here.
    pub fn new(host: &Host) -> Self {
        Self { seen: Arc::default(), host: host.downgrade() }
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().expect("no one panics while holding what was counted")
}

#[async_trait]
impl Plugin for Metrics {
    fn manifest(&self) -> Manifest {
        Manifest {
            gate: Gate::Applied,
            needs_blocks: false,
            tick: Duration::from_secs(60),
            ..Manifest::new("metrics", env!("CARGO_PKG_VERSION"))
        }
    }

    fn register(&self, api: &mut dyn ApiRegistry) {
        let (seen, host) = (self.seen.clone(), self.host.clone());
        api.route(Route {
            path: String::new(),
            description: "Figures of the node and its plugins for Prometheus".into(),
            handler: Arc::new(move |_| {
                let body = text(&seen, &host)?.into_bytes();
                Ok(RestReply { status: 200, content_type: CONTENT_TYPE.into(), body })
            }),
        });
    }

    async fn open(&mut self, context: &Context) -> Result<Option<BlockRef>, PluginError> {
        let mut seen = lock(&self.seen);
        seen.reader = Some((context.chain.clone(), context.node.clone()));
        seen.look(&*context.chain);
        Ok(None)
    }

    async fn reset(&mut self) -> Result<(), PluginError> {
        let mut seen = lock(&self.seen);
        (seen.blocks, seen.reorganizations, seen.deepest) = (0, 0, 0);
        Ok(())
    }

    async fn tick(&mut self) -> Result<(), PluginError> {
        let mut seen = lock(&self.seen);
        if let Some((chain, _)) = seen.reader.clone() {
            seen.look(&*chain);
        }
        Ok(())
    }

    async fn close(&mut self) {
        lock(&self.seen).reader = None;
    }
}

/// One metric with its samples, the labels before the values.
struct Family {
    help: String,
    samples: Vec<(String, f64)>,
}

/// Metrics by name.
#[derive(Default)]
struct Page(BTreeMap<String, Family>);

impl Page {
    fn add(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        let mut shown = String::new();
        for (label, value) in labels {
            let separator = if shown.is_empty() { "{" } else { "," };
            let _ = write!(shown, "{separator}{label}=\"{}\"", escaped(value, true));
        }
        if !shown.is_empty() {
            shown.push('}');
        }
        let family = self.0.entry(name.to_owned());
        let family = family.or_insert_with(|| Family { help: escaped(help, false), samples: vec![] });
        family.samples.push((shown, value));
    }

    fn into_text(self) -> String {
        let mut text = String::new();
        for (name, family) in self.0 {
            let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
            let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", family.help);
            for (labels, value) in family.samples {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        }
        text
    }
}

/// Text as the format wants it in help lines, and in quotes.
fn escaped(text: &str, quoted: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quoted { text.replace('"', "\\\"") } else { text }
}

fn text(seen: &Mutex<Seen>, host: &Weak<Inner>) -> Result<String, ApiError> {
    let seen = lock(seen);
    let (chain, node) =
        seen.reader.clone().ok_or_else(|| ApiError::other("the plugin metrics is stopped"))?;
    let (blocks, reorganizations, deepest) = (seen.blocks, seen.reorganizations, seen.deepest);
    drop(seen);
    let mut page = Page::default();
    let (tip, durable, vitals, identity) = (chain.tip(), chain.durable_tip(), node.vitals(), node.identity());
    let mut node_figure = |name: &str, help: &str, value: f64| {
        page.add(&format!("chaincore_{name}"), help, &[], value);
    };
    node_figure("height", "Height of the active chain's tip", tip.height.into());
    node_figure("durable_height", "Height up to which a crash takes nothing back", durable.height.into());
    node_figure("headers", "Height of the best header known", vitals.headers.into());
    node_figure("peers", "Connected peers", vitals.peers as f64);
    node_figure("received_bytes_total", "Bytes received from peers", vitals.bytes_received as f64);
    node_figure("sent_bytes_total", "Bytes sent to peers", vitals.bytes_sent as f64);
    node_figure("mempool_transactions", "Transactions in the mempool", vitals.mempool_txs as f64);
    node_figure("mempool_vbytes", "Virtual bytes of the mempool's transactions", vitals.mempool_vsize as f64);
    node_figure(
        "mempool_min_fee_satoshis_per_kvb",
        "Fee rate below which the mempool takes nothing",
        vitals.mempool_min_fee.sat() as f64,
    );
    node_figure(
        "syncing",
        "1 while block files are read or the first download goes on",
        vitals.is_syncing.into(),
    );
    node_figure("blocks_connected_total", "Blocks that became the tip since the start", blocks as f64);
    node_figure("reorganizations_total", "Changes of branches since the start", reorganizations as f64);
    node_figure("deepest_reorganization_blocks", "Blocks that the deepest of them took off", deepest.into());
    page.add(
        "chaincore_info",
        "The node, always 1",
        &[("version", &identity.version), ("node_id", &identity.node_id)],
        1.0,
    );
    for plugin in host.upgrade().map(|host| Host::from_inner(host).statuses()).unwrap_or_default() {
        add_plugin(&mut page, &plugin);
    }
    Ok(page.into_text())
}

fn add_plugin(page: &mut Page, plugin: &PluginStatus) {
    let label = ("plugin", plugin.manifest.id.as_str());
    for state in PluginState::ALL {
        let is = f64::from(plugin.state == state);
        let help = "1 for the state that the plugin is in";
        page.add("chaincore_plugin_state", help, &[label, ("state", state.name())], is);
    }
    let mut own = |name: &str, help: &str, value: f64| page.add(name, help, &[label], value);
    if let Some(cursor) = plugin.cursor {
        own("chaincore_plugin_height", "Height of the last block taken in", cursor.height.into());
    }
    if let Some(lag) = plugin.lag {
        own("chaincore_plugin_lag_blocks", "Blocks between that and the tip", lag.into());
    }
    own("chaincore_plugin_blocks_total", "Blocks taken in since the start", plugin.blocks as f64);
    own(
        "chaincore_plugin_retries_total",
        "Failures that were followed by another try",
        plugin.retries as f64,
    );
    for figure in &plugin.figures {
        let is_name = !figure.name.is_empty()
            && figure.name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if is_name {
            own(&format!("chaincore_plugin_{}", figure.name), figure.help, figure.value);
        }
    }
}
