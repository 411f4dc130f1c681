//! The server as a plugin: the host starts it, shows what it does, and stops it.

use super::StratumOptions;
use super::server::{self, Shared};
use super::workers::Workers;
use crate::chain::ChainHandle;
use crate::mining_server::Server;
use chaincore_plugin::api::{ApiRegistry, RestReply, Route};
use chaincore_plugin::node::{MinerReport, MinerVia};
use chaincore_plugin::{BlockRef, Context, Gate, Manifest, Plugin, PluginError, Reporter, async_trait};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Serves work while it is open. It takes in no blocks: the server watches the tip and the mempool itself.
pub struct StratumPlugin {
    options: StratumOptions,
    /// Its paths are registered before there is a chain.
    chain: Arc<OnceLock<ChainHandle>>,
    workers: Arc<Workers>,
    /// There from [`Self::listen`] until the plugin is opened.
    listener: Option<TcpListener>,
    server: Option<Server>,
    report: Option<Arc<dyn Reporter>>,
}

impl StratumPlugin {
    /// Will serve work on the chain that is put into `chain` before the plugin is opened.
    pub fn new(options: StratumOptions, chain: Arc<OnceLock<ChainHandle>>) -> Self {
        Self { options, chain, workers: Arc::default(), listener: None, server: None, report: None }
    }

    /// Takes the port now, so that whoever starts the node sees at once if somebody else has it. Who calls is served once
    /// the plugin is open.
    pub fn listen(&mut self) -> io::Result<SocketAddr> {
        let listener = self.listener()?;
        let address = listener.local_addr()?;
        self.listener = Some(listener);
        Ok(address)
    }

    fn listener(&mut self) -> io::Result<TcpListener> {
        self.listener.take().map_or_else(|| TcpListener::bind(self.options.listen), Ok)
    }

    fn stand(&self, standing: Vec<MinerReport>) {
        if let Some(chain) = self.chain.get() {
            chain.mining_log().stand(chain.clock().now(), MinerVia::Stratum, standing);
        }
    }

    fn tell(&self) {
        let (Some(server), Some(report)) = (&self.server, &self.report) else { return };
        let now = Instant::now();
        let totals = self.workers.totals(now);
        self.stand(self.workers.standing(now));
        let (rate, unit) = scaled(totals.hash_rate);
        report
            .describe(&format!("{} miners at {rate:.2} {unit}H/s on {}", totals.connections, server.address));
        for (name, help, value) in [
            ("stratum_connections", "miners that are connected", totals.connections as f64),
            ("stratum_hashes_per_second", "their hash rate by their shares", totals.hash_rate),
            ("stratum_accepted_total", "shares that were accepted", totals.accepted as f64),
            ("stratum_stale_total", "shares that came too late", totals.stale as f64),
            ("stratum_rejected_total", "shares that were refused for another reason", totals.rejected as f64),
            ("stratum_blocks_total", "shares that became the tip", totals.blocks as f64),
        ] {
            report.figure(name, help, value);
        }
    }
}

/// A number of hashes with the prefix of its unit.
fn scaled(value: f64) -> (f64, &'static str) {
    ["", "k", "M", "G", "T", "P"]
        .into_iter()
        .enumerate()
        .map(|(power, unit)| (value / 1000f64.powi(power as i32), unit))
        .find(|(value, unit)| *value < 1000.0 || *unit == "P")
        .unwrap_or((value, ""))
}

#[async_trait]
impl Plugin for StratumPlugin {
    fn manifest(&self) -> Manifest {
        Manifest {
            gate: Gate::Applied,
            needs_blocks: false,
            tick: Duration::from_secs(1),
            // Whoever runs a node for miners wants to know that it does not serve them.
            important: true,
            ..Manifest::new("stratum", env!("CARGO_PKG_VERSION"))
        }
    }

    fn register(&self, api: &mut dyn ApiRegistry) {
        let workers = self.workers.clone();
        api.route(Route {
            path: String::new(),
            description: "The miners that are connected through Stratum, their hash rates and shares".into(),
            handler: Arc::new(move |_| Ok(RestReply::json(&workers.json(Instant::now())))),
        });
    }

    async fn open(&mut self, context: &Context) -> Result<Option<BlockRef>, PluginError> {
        // What a failed call had begun.
        drop(self.server.take());
        if context.params.signet_challenge.is_some() {
            return Err(PluginError::fatal(
                "blocks of a signet carry its owner's signature: machines cannot mine them through Stratum",
            ));
        }
        let chain = self.chain.get().ok_or_else(|| PluginError::fatal("there is no chain to mine on"))?;
        let listen = self.options.listen;
        let shared = Shared {
            options: self.options.clone(),
            params: context.params.clone(),
            chain: chain.clone(),
            workers: self.workers.clone(),
        };
        let server = self
            .listener()
            .and_then(|listener| server::start(listener, shared))
            .map_err(|error| PluginError::fatal(format!("cannot listen on {listen} for miners: {error}")))?;
        tracing::info!(target: "stratum", "serving miners on stratum+tcp://{}", server.address);
        (self.server, self.report) = (Some(server), Some(context.report.clone()));
        self.tell();
        Ok(None)
    }

    async fn tick(&mut self) -> Result<(), PluginError> {
        self.tell();
        match &self.server {
            Some(server) if server.has_ended() => {
                Err(PluginError::retry("the thread of the server has ended"))
            }
            _ => Ok(()),
        }
    }

    async fn close(&mut self) {
        self.tell();
        if let Some(report) = &self.report {
            report.describe("serving no miners");
        }
        drop(self.server.take());
        self.stand(vec![]);
    }
}
