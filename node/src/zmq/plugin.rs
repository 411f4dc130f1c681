//! The notifications as a plugin: the host starts them, shows what they do, and stops them.

use super::connection::{Accepting, accept};
use super::endpoint::Listener;
use super::notifiers::Notifiers;
use super::publisher::{MAX_WAITING, Publisher};
use super::subscriber::Totals;
use super::{Endpoint, Notification, Topic};
use crate::chain::ChainHandle;
use crate::mempool::NodeEvents;
use chaincore_plugin::{BlockRef, Context, Gate, Manifest, Plugin, PluginError, Reporter, async_trait};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::task::JoinSet;

/// Events that are taken from the node at a time.
const EVENTS: usize = 256;

/// Why nothing can be published.
#[derive(Debug, thiserror::Error)]
pub enum ZmqError {
    /// The address cannot be listened at.
    #[error("Unable to publish on {address} (-zmqpub{topic}): {source}")]
    Listen {
        /// The address.
        address: String,
        /// The topic whose option names it first.
        topic: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// One address, and what is published there.
struct Place {
    endpoint: Endpoint,
    high_water_mark: u32,
    topics: Vec<Topic>,
    /// There from the start until the plugin is opened.
    listener: Option<Listener>,
}

impl Place {
    /// Listens, unless it does already; from then on the port is known.
    fn listen(&mut self) -> Result<Listener, ZmqError> {
        if let Some(listener) = self.listener.take() {
            return Ok(listener);
        }
        let listener = self.endpoint.listen().map_err(|source| ZmqError::Listen {
            address: self.endpoint.to_string(),
            topic: self.topics.first().map_or("", |topic| topic.name()),
            source,
        })?;
        let address = listener.address();
        self.endpoint = self.endpoint.with_port_of(address);
        if let Some(address) = address.filter(|address| !address.ip().is_loopback()) {
            tracing::warn!(
                target: "zmq",
                "publishing on {address}: whoever reaches that address can subscribe, nobody is asked who he is"
            );
        }
        Ok(listener)
    }
}

/// Publishes while it is open. It takes in no blocks: it hears of the chain and of the mempool in one order.
pub struct ZmqPlugin {
    places: Vec<Place>,
    /// Each with its place.
    notifications: Vec<(Notification, usize)>,
    /// The plugin is made before there is a chain.
    chain: Arc<OnceLock<ChainHandle>>,
    running: Option<Running>,
}

/// What there is while the plugin is open.
struct Running {
    publishers: Vec<Arc<Publisher>>,
    totals: Arc<Totals>,
    tasks: JoinSet<()>,
    report: Arc<dyn Reporter>,
}

impl ZmqPlugin {
    /// Listens at every address. What happens on the chain that is put into `chain` is published once the plugin is
    /// opened.
    pub fn listen(
        mut notifications: Vec<Notification>,
        chain: Arc<OnceLock<ChainHandle>>,
    ) -> Result<Self, ZmqError> {
        notifications.sort_by_key(|notification| notification.topic);
        let mut this = Self { places: vec![], notifications: vec![], chain, running: None };
        for notification in notifications {
            let known = this.places.iter().position(|place| place.endpoint == notification.endpoint);
            let known = known.unwrap_or_else(|| {
                this.places.push(Place {
                    endpoint: notification.endpoint.clone(),
                    high_water_mark: notification.high_water_mark,
                    topics: vec![],
                    listener: None,
                });
                this.places.len() - 1
            });
            this.places[known].topics.push(notification.topic);
            this.notifications.push((notification, known));
        }
        for place in &mut this.places {
            place.listener = Some(place.listen()?);
        }
        for (notification, place) in &mut this.notifications {
            notification.endpoint = this.places[*place].endpoint.clone();
        }
        Ok(this)
    }

    /// What is published, in Core's order, with the ports that the system chose.
    pub fn notifications(&self) -> impl Iterator<Item = &Notification> {
        self.notifications.iter().map(|(notification, _)| notification)
    }

    fn start(&mut self, chain: &ChainHandle, report: &Arc<dyn Reporter>) -> Result<Running, PluginError> {
        let (totals, mut publishers, mut tasks) = (Arc::<Totals>::default(), vec![], JoinSet::new());
        for place in &mut self.places {
            let listener = place.listen().and_then(|listener| {
                let address = place.endpoint.to_string();
                let topic = place.topics[0].name();
                Accepting::new(listener).map_err(|source| ZmqError::Listen { address, topic, source })
            });
            let publisher = Arc::new(Publisher::new(place.high_water_mark, &totals, MAX_WAITING));
            tasks.spawn(accept(listener.map_err(PluginError::retry)?, publisher.clone()));
            let topics: Vec<&str> = place.topics.iter().map(|topic| topic.name()).collect();
            tracing::info!(target: "zmq", "publishing {} on {}", topics.join(", "), place.endpoint);
            publishers.push(publisher);
        }
        let all = self.notifications.iter().map(|(what, place)| (what.topic, publishers[*place].clone()));
        let notifiers = Notifiers::new(chain.clone(), all.collect());
        let events =
            chain.mempool().read().expect("no one panics while holding the mempool").subscribe_node();
        tasks.spawn(follow(events, notifiers));
        Ok(Running { publishers, totals, tasks, report: report.clone() })
    }
}

/// Publishes what happens until the chain is gone.
async fn follow(mut events: NodeEvents, mut notifiers: Notifiers) {
    loop {
        let news = events.next(EVENTS).await;
        if news.is_empty() {
            // The others are ended by whoever started them.
            return std::future::pending().await;
        }
        for event in news {
            notifiers.tell(&event).await;
        }
    }
}

impl Running {
    fn tell(&self) {
        let subscribers: usize = self.publishers.iter().map(|publisher| publisher.count()).sum();
        self.report.describe(&format!("subscribers: {subscribers}, addresses: {}", self.publishers.len()));
        let total = |total: &std::sync::atomic::AtomicU64| total.load(Ordering::Relaxed) as f64;
        for (name, help, value) in [
            ("zmq_subscribers", "subscribers that are connected", subscribers as f64),
            (
                "zmq_messages_total",
                "messages that were queued, for each subscriber",
                total(&self.totals.sent),
            ),
            ("zmq_dropped_total", "messages that slow subscribers missed", total(&self.totals.dropped)),
            ("zmq_left_total", "subscribers that were left for being too slow", total(&self.totals.left)),
            (
                "zmq_waiting_bytes",
                "bytes of messages that wait for subscribers",
                self.totals.waiting.load(Ordering::Relaxed) as f64,
            ),
        ] {
            self.report.figure(name, help, value);
        }
    }
}

#[async_trait]
impl Plugin for ZmqPlugin {
    fn manifest(&self) -> Manifest {
        Manifest {
            gate: Gate::Applied,
            needs_blocks: false,
            tick: Duration::from_secs(1),
            ..Manifest::new("zmq", env!("CARGO_PKG_VERSION"))
        }
    }

    async fn open(&mut self, context: &Context) -> Result<Option<BlockRef>, PluginError> {
        // What a failed call had begun.
        self.close().await;
        let chain =
            self.chain.get().ok_or_else(|| PluginError::fatal("there is no chain to tell of"))?.clone();
        let running = self.start(&chain, &context.report)?;
        running.tell();
        self.running = Some(running);
        Ok(None)
    }

    async fn tick(&mut self) -> Result<(), PluginError> {
        let Some(running) = &mut self.running else { return Ok(()) };
        running.tell();
        // None of them ends by itself.
        match running.tasks.try_join_next() {
            Some(Err(error)) => Err(PluginError::retry(error)),
            _ => Ok(()),
        }
    }

    async fn close(&mut self) {
        if let Some(mut running) = self.running.take() {
            // The sockets are closed when the tasks are gone, so that they can be opened again.
            running.tasks.shutdown().await;
            running.tell();
            running.report.describe("publishing nothing");
        }
    }
}
