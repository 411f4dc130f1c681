//! The template provider as a plugin: the host starts it, shows what it does, and stops it.

use super::Sv2Options;
use super::keys::Authority;
use super::server::{self, Counts, Shared};
use crate::chain::ChainHandle;
use crate::mining_server::Server;
use chaincore_plugin::node::{MinerReport, MinerVia};
use chaincore_plugin::{BlockRef, Context, Gate, Manifest, Plugin, PluginError, Reporter, async_trait};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Why templates cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// There is no key to prove who serves them.
    #[error("cannot prove who serves templates: {0}")]
    Key(String),
    /// The port cannot be had.
    #[error(transparent)]
    Port(#[from] io::Error),
}

/// Serves templates while it is open. It takes in no blocks: each connection watches the tip and the mempool itself.
pub struct Sv2Plugin {
    options: Sv2Options,
    chain: Arc<OnceLock<ChainHandle>>,
    counts: Arc<Counts>,
    /// There from [`Self::listen`] until the plugin is opened.
    listener: Option<TcpListener>,
    /// The server, and the public key that its clients have to know.
    server: Option<(Server, String)>,
    report: Option<Arc<dyn Reporter>>,
}

impl Sv2Plugin {
    /// Will serve templates of the chain that is put into `chain` before the plugin is opened.
    pub fn new(options: Sv2Options, chain: Arc<OnceLock<ChainHandle>>) -> Self {
        Self { options, chain, counts: Arc::default(), listener: None, server: None, report: None }
    }

    /// Takes the port and reads the key now, so that whoever starts the node sees at once what is wrong. Who calls is served
    /// once the plugin is open. The address, and the public key that clients have to know.
    pub fn listen(&mut self) -> Result<(SocketAddr, String), ListenError> {
        let authority = Authority::open(&self.options.key_file);
        let key = authority.map_err(|error| ListenError::Key(error.to_string()))?.text();
        let listener = self.listener()?;
        let address = listener.local_addr()?;
        self.listener = Some(listener);
        Ok((address, key))
    }

    fn listener(&mut self) -> io::Result<TcpListener> {
        self.listener.take().map_or_else(|| TcpListener::bind(self.options.listen), Ok)
    }

    fn stand(&self, standing: Vec<MinerReport>) {
        if let Some(chain) = self.chain.get() {
            chain.mining_log().stand(chain.clock().now(), MinerVia::Sv2, standing);
        }
    }

    fn tell(&self) {
        let (Some((server, key)), Some(report)) = (&self.server, &self.report) else { return };
        let counts = &self.counts;
        self.stand(counts.standing(Instant::now()));
        let connections = counts.connections.load(Ordering::Relaxed);
        let clients = if connections == 1 { "client" } else { "clients" };
        report.describe(&format!("{connections} {clients} on {}, authority key {key}", server.address));
        for (name, help, count) in [
            ("sv2_connections", "template clients that are connected", &counts.connections),
            ("sv2_templates_made_total", "templates that were made for them", &counts.made),
            ("sv2_templates_told_total", "templates that one of them was told of", &counts.told),
            ("sv2_blocks_total", "solutions that became the tip", &counts.blocks),
        ] {
            report.figure(name, help, count.load(Ordering::Relaxed) as f64);
        }
    }
}

#[async_trait]
impl Plugin for Sv2Plugin {
    fn manifest(&self) -> Manifest {
        Manifest {
            gate: Gate::Applied,
            needs_blocks: false,
            tick: Duration::from_secs(1),
            // Whoever runs a node for a pool wants to know that it does not serve it.
            important: true,
            ..Manifest::new("sv2", env!("CARGO_PKG_VERSION"))
        }
    }

    async fn open(&mut self, context: &Context) -> Result<Option<BlockRef>, PluginError> {
        // What a failed call had begun.
        drop(self.server.take());
        if context.params.signet_challenge.is_some() {
            return Err(PluginError::fatal(
                "blocks of a signet carry its owner's signature: clients cannot make them of templates",
            ));
        }
        let chain = self.chain.get().ok_or_else(|| PluginError::fatal("there is no chain to mine on"))?;
        let authority = Authority::open(&self.options.key_file)
            .map_err(|error| PluginError::fatal(format!("cannot prove who serves templates: {error}")))?;
        let (listen, key) = (self.options.listen, authority.text());
        let shared = Shared {
            options: self.options.clone(),
            params: context.params.clone(),
            chain: chain.clone(),
            authority,
            counts: self.counts.clone(),
        };
        let server = self
            .listener()
            .and_then(|listener| server::start(listener, shared))
            .map_err(|error| PluginError::fatal(format!("cannot listen on {listen} for clients: {error}")))?;
        tracing::info!(target: "sv2", "serving templates on {}, authority key {key}", server.address);
        (self.server, self.report) = (Some((server, key)), Some(context.report.clone()));
        self.tell();
        Ok(None)
    }

    async fn tick(&mut self) -> Result<(), PluginError> {
        self.tell();
        match &self.server {
            Some((server, _)) if server.has_ended() => {
                Err(PluginError::retry("the thread of the template provider has ended"))
            }
            _ => Ok(()),
        }
    }

    async fn close(&mut self) {
        self.tell();
        if let Some(report) = &self.report {
            report.describe("serving no clients");
        }
        drop(self.server.take());
        self.stand(vec![]);
    }
}
