//! The node as its interfaces see it: [`Service`] answers what [`chaincore_rpc::node::Node`] asks, over the chain,
//! the mempool, the templates and the indexes. It owns none of them and decides nothing.
//!
//! The interfaces are up before the chain is: until [`Service::attach`] they answer that the node warms up, and
//! nothing here is asked.

mod indexes;
mod mempool;
mod network;
mod node;
mod peering;
pub(crate) mod pool_file;
mod reader;
mod view;

use crate::chain::{ChainError, ChainHandle};
use crate::clock::Clock;
use crate::index::{IndexError, Indexes};
use crate::logging::LogHandle;
use crate::mempool::FeeRate;
use crate::p2p::P2p;
use crate::template::TemplateSource;
use crate::zmq;
use chaincore_consensus::params::ChainParams;
use chaincore_plugin::BlockRef;
use chaincore_rpc::node::{NodeError, NodeInfo, Notification, TemplateStats, Tip};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;
use tokio::sync::watch;

/// How templates are filled, as the options say.
#[derive(Debug, Clone, Copy)]
pub struct TemplatePolicy {
    /// The most weight of a block (`-blockmaxweight`).
    pub max_weight: i64,
    /// Weight kept free for header and coinbase (`-blockreservedweight`).
    pub reserved_weight: i64,
    /// What a transaction must pay to be mined (`-blockmintxfee`).
    pub min_rate: FeeRate,
    /// A version for all blocks instead of the computed one (`-blockversion`).
    pub version: Option<i32>,
}

/// What there is once the chain is open.
struct Core {
    chain: ChainHandle,
    indexes: Indexes,
    templates: TemplateSource,
}

/// The node's answers.
pub struct Service {
    params: Arc<ChainParams>,
    info: NodeInfo,
    clock: Clock,
    templates: TemplatePolicy,
    since: Instant,
    core: OnceLock<Core>,
    p2p: OnceLock<Arc<P2p>>,
    tips: watch::Sender<Tip>,
    durables: watch::Sender<Tip>,
    stopping: watch::Sender<bool>,
    last_template: Mutex<Option<TemplateStats>>,
    mempool_loaded: AtomicBool,
    log: OnceLock<LogHandle>,
    endpoint: OnceLock<String>,
    notifications: OnceLock<Vec<Notification>>,
}

impl Service {
    /// A service without a chain yet.
    pub fn new(params: Arc<ChainParams>, info: NodeInfo, clock: Clock, templates: TemplatePolicy) -> Self {
        let genesis = Tip { hash: params.genesis.hash(), height: 0 };
        Self {
            params,
            info,
            clock,
            templates,
            since: Instant::now(),
            core: OnceLock::new(),
            p2p: OnceLock::new(),
            tips: watch::Sender::new(genesis),
            durables: watch::Sender::new(genesis),
            stopping: watch::Sender::new(false),
            last_template: Mutex::new(None),
            mempool_loaded: AtomicBool::new(false),
            log: OnceLock::new(),
            endpoint: OnceLock::new(),
            notifications: OnceLock::new(),
        }
    }

    /// Gives the service its chain and indexes. Must be called within the async runtime, once.
    pub fn attach(self: &Arc<Self>, chain: ChainHandle, indexes: Indexes) {
        let mut state = chain.tip_state();
        let attached = self.core.set(Core { templates: TemplateSource::new(chain.clone()), chain, indexes });
        assert!(attached.is_ok(), "a service is given its chain once");
        let this = Arc::downgrade(self);
        let mut stopping = self.stopping.subscribe();
        tokio::spawn(async move {
            loop {
                let at = *state.borrow_and_update();
                let Some(this) = this.upgrade() else { return };
                let tell = |tips: &watch::Sender<Tip>, at: BlockRef| {
                    let tip = Tip { hash: at.hash, height: at.height };
                    tips.send_if_modified(|known| std::mem::replace(known, tip) != tip);
                };
                tell(&this.durables, at.durable);
                tell(&this.tips, at.applied);
                drop(this);
                tokio::select! {
                    changed = state.changed() => if changed.is_err() { return },
                    _ = stopping.wait_for(|stopping| *stopping) => return,
                }
            }
        });
    }

    /// Gives the service the network. Once, after the chain.
    pub fn attach_p2p(&self, p2p: Arc<P2p>) {
        assert!(self.p2p.set(p2p).is_ok(), "a service is given its network once");
    }

    /// Gives the service the log that it may switch.
    pub fn attach_log(&self, log: LogHandle) {
        let attached = self.log.set(log);
        assert!(attached.is_ok(), "a service is given its log once");
    }

    /// Tells the service what is published over ZeroMQ.
    pub fn attach_notifications<'a>(&self, published: impl Iterator<Item = &'a zmq::Notification>) {
        let shown = |notification: &zmq::Notification| Notification {
            kind: format!("pub{}", notification.topic.name()),
            address: notification.endpoint.to_string(),
            high_water_mark: notification.high_water_mark,
        };
        let attached = self.notifications.set(published.map(shown).collect());
        assert!(attached.is_ok(), "a service is told once what is published");
    }

    /// Tells that block files and the saved mempool, if any, have been taken in.
    pub fn set_mempool_loaded(&self) {
        self.mempool_loaded.store(true, Ordering::Release);
    }

    /// Whether they have.
    pub fn is_mempool_loaded(&self) -> bool {
        self.mempool_loaded.load(Ordering::Acquire)
    }

    /// Becomes true when a stop is asked for.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// The chain. Only called once the warm-up is over.
    fn core(&self) -> &Core {
        self.core.get().expect("nothing is asked while the node warms up")
    }

    fn chain_handle(&self) -> &ChainHandle {
        &self.core().chain
    }
}

fn failure(error: ChainError) -> NodeError {
    match error {
        ChainError::Stopped(_) => NodeError::Stopping,
        ChainError::Storage(_) | ChainError::Damaged(_) => NodeError::Storage(error.to_string()),
        other => NodeError::Other(other.to_string()),
    }
}

fn index_failure(error: IndexError) -> NodeError {
    NodeError::Storage(error.to_string())
}
