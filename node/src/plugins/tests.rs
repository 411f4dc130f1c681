use super::*;
use crate::chain::TipState;
use chaincore_plugin::api::{Method, Route};
use chaincore_plugin::testkit::{NodeDouble, ScriptedChain};
use chaincore_plugin::{
    ApiRegistry, AppliedBlock, BlockRef, ChainReader, Context, Gate, Manifest, MempoolEvent, Plugin,
    PluginError, async_trait,
};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// What a probe does instead of taking in blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trouble {
    Retry,
    Fatal,
    Panic,
    /// Waits for ever.
    Wait,
    /// Keeps its thread.
    Block,
}

#[derive(Default)]
struct Seen {
    /// What to do at the next calls of `extend`; nothing special when it is empty.
    troubles: Mutex<VecDeque<Trouble>>,
    stored: Mutex<Option<BlockRef>>,
    opened: AtomicUsize,
    closed: AtomicUsize,
    resets: AtomicUsize,
    ticks: AtomicUsize,
    events: AtomicUsize,
    released: AtomicUsize,
}

/// A plugin that keeps nothing but its cursor.
struct Probe {
    manifest: Manifest,
    seen: Arc<Seen>,
    methods: Vec<&'static str>,
    report: Option<Arc<dyn chaincore_plugin::Reporter>>,
}

impl Probe {
    fn new(id: &str) -> Self {
        let manifest = Manifest {
            gate: Gate::Applied,
            tick: Duration::from_secs(3600),
            needs_mempool: true,
            ..Manifest::new(id, "1")
        };
        Self { manifest, seen: Arc::default(), methods: vec![], report: None }
    }

    fn in_trouble(self, troubles: &[Trouble]) -> Self {
        self.seen.troubles.lock().unwrap().extend(troubles);
        self
    }
}

fn count(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::SeqCst)
}

fn add(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::SeqCst);
}

#[async_trait]
impl Plugin for Probe {
    fn manifest(&self) -> Manifest {
        self.manifest.clone()
    }

    fn register(&self, api: &mut dyn ApiRegistry) {
        for name in &self.methods {
            api.method(Method {
                name: (*name).into(),
                description: "Says its name.".into(),
                parameters: vec![],
                handler: Arc::new(|_| Ok(serde_json::Value::Null)),
            });
        }
        let handler = Arc::new(|_: &_| Err(chaincore_plugin::ApiError::other("nothing here")));
        api.route(Route { path: String::new(), description: "Nothing".into(), handler });
    }

    async fn open(&mut self, context: &Context) -> Result<Option<BlockRef>, PluginError> {
        add(&self.seen.opened);
        self.report = Some(context.report.clone());
        Ok(*self.seen.stored.lock().unwrap())
    }

    async fn extend(&mut self, blocks: &[AppliedBlock]) -> Result<(), PluginError> {
        let trouble = self.seen.troubles.lock().unwrap().pop_front();
        match trouble {
            None => {}
            Some(Trouble::Retry) => return Err(PluginError::retry("the sea is rough")),
            Some(Trouble::Fatal) => return Err(PluginError::fatal("the ship has sunk")),
            Some(Trouble::Panic) => panic!("every man for himself"),
            Some(Trouble::Wait) => std::future::pending().await,
            Some(Trouble::Block) => {
                while count(&self.seen.released) == 0 {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
        *self.seen.stored.lock().unwrap() = blocks.last().map(|block| block.at);
        if let Some(report) = &self.report {
            report.describe("sailing");
            report.figure("miles_total", "miles sailed", blocks.len() as f64);
        }
        Ok(())
    }

    async fn rollback(&mut self, to: BlockRef) -> Result<(), PluginError> {
        *self.seen.stored.lock().unwrap() = Some(to);
        Ok(())
    }

    async fn reset(&mut self) -> Result<(), PluginError> {
        add(&self.seen.resets);
        *self.seen.stored.lock().unwrap() = None;
        Ok(())
    }

    async fn mempool(&mut self, events: &[MempoolEvent]) -> Result<(), PluginError> {
        self.seen.events.fetch_add(events.len(), Ordering::SeqCst);
        Ok(())
    }

    async fn tick(&mut self) -> Result<(), PluginError> {
        add(&self.seen.ticks);
        Ok(())
    }

    async fn close(&mut self) {
        add(&self.seen.closed);
    }
}

/// A host on a scripted chain.
struct Harbour {
    chain: ScriptedChain,
    tips: watch::Sender<TipState>,
    events: Arc<Mutex<Vec<mpsc::UnboundedSender<MempoolEvent>>>>,
    host: Host,
}

struct Events(mpsc::UnboundedReceiver<MempoolEvent>);

#[async_trait]
impl MempoolSource for Events {
    async fn next(&mut self, most: usize) -> Vec<MempoolEvent> {
        let mut events = vec![];
        self.0.recv_many(&mut events, most).await;
        events
    }
}

/// The failures that the host has told of, by any test.
static FAILURES: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn note_failure(id: &str, reason: &str) {
    FAILURES.lock().unwrap().push(format!("{id}: {reason}"));
}

impl Harbour {
    fn new() -> Self {
        Self::closing_within(Duration::from_secs(60))
    }

    fn closing_within(closing: Duration) -> Self {
        let chain = ScriptedChain::new(1);
        chain.extend(10);
        let at = chain.tip();
        let backoff = BackoffPolicy { first: Duration::from_millis(1), most: Duration::from_millis(2) };
        Self {
            tips: watch::Sender::new(TipState { applied: at, durable: at, revision: 0 }),
            chain,
            events: Arc::default(),
            host: Host::new(HostOptions { backoff, closing, on_failure: Some(note_failure) }),
        }
    }

    fn open(&self) {
        let senders = self.events.clone();
        let subscribe = move || -> Box<dyn MempoolSource> {
            let (sender, receiver) = mpsc::unbounded_channel();
            senders.lock().unwrap().push(sender);
            Box::new(Events(receiver))
        };
        let context = self.chain.context("unused");
        self.host
            .open(Surroundings {
                chain: context.chain,
                node: Arc::new(NodeDouble::default()),
                params: context.params,
                folder: "unused".into(),
                tips: self.tips.subscribe(),
                mempool: Some(Arc::new(subscribe)),
            })
            .unwrap();
    }

    fn wake(&self) {
        let at = self.chain.tip();
        self.tips.send_modify(|state| {
            *state =
                TipState { applied: at, durable: self.chain.durable_tip(), revision: state.revision + 1 };
        });
    }

    fn status(&self, id: &str) -> PluginStatus {
        self.host.statuses().into_iter().find(|status| status.manifest.id == id).unwrap()
    }

    fn wait_for(&self, id: &str, what: impl Fn(&PluginStatus) -> bool) -> PluginStatus {
        let since = Instant::now();
        loop {
            let status = self.status(id);
            if what(&status) {
                return status;
            }
            assert!(since.elapsed() < Duration::from_secs(60), "{status:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn wait_live(&self, id: &str) -> PluginStatus {
        self.wait_for(id, |status| {
            status.state == PluginState::Live && status.cursor == Some(self.chain.tip())
        })
    }
}

#[test]
fn plugins_follow_the_chain_and_tell_how_they_are() {
    let harbour = Harbour::new();
    let probe = Probe::new("probe");
    let seen = probe.seen.clone();
    harbour.host.start(Box::new(probe)).unwrap();
    let before = harbour.status("probe");
    assert_eq!((before.state, before.cursor, before.lag), (PluginState::Starting, None, None));
    harbour.open();
    harbour.wait_live("probe");
    harbour.chain.reorganize(4);
    harbour.wake();
    let status = harbour.wait_live("probe");
    assert_eq!((status.lag, status.kind, status.description.as_str()), (Some(0), Kind::InProcess, "sailing"));
    assert_eq!(status.figures[0].name, "miles_total");
    assert_eq!(status.blocks, 11 + 5);

    // What happens in the mempool reaches it while there is nothing else to do.
    for sender in harbour.events.lock().unwrap().iter() {
        for lost in 0..600 {
            sender.send(MempoolEvent::Gap { lost }).unwrap();
        }
    }
    harbour.wait_for("probe", |_| count(&seen.events) == 600);
    assert!(count(&seen.ticks) >= 2);
    harbour.host.stop();
    assert_eq!((harbour.status("probe").state, count(&seen.closed)), (PluginState::Stopped, 1));
    assert_eq!(harbour.host.command("probe", PluginCommand::Start), Err(HostError::NotNow));
}

#[test]
fn ticks_come_without_anything_happening() {
    let harbour = Harbour::new();
    harbour.open();
    let mut probe = Probe::new("probe");
    probe.manifest.tick = Duration::from_millis(1);
    let seen = probe.seen.clone();
    harbour.host.start(Box::new(probe)).unwrap();
    harbour.wait_for("probe", |_| count(&seen.ticks) > 5);
    harbour.host.stop();
}

#[test]
fn failures_that_may_pass_are_tried_again() {
    let harbour = Harbour::new();
    harbour.open();
    let probe = Probe::new("probe").in_trouble(&[Trouble::Retry; 5]);
    let seen = probe.seen.clone();
    harbour.host.start(Box::new(probe)).unwrap();
    let status = harbour.wait_live("probe");
    assert_eq!((status.retries, status.last_error.as_deref()), (5, Some("the sea is rough")));
    assert_eq!(count(&seen.opened), 6);
    harbour.host.stop();
}

#[test]
fn only_who_has_all_that_is_durable_waits_for_more() {
    let harbour = Harbour::new();
    harbour.open();
    let led_to = |gate, id: &str| {
        let mut probe = Probe::new(id);
        probe.manifest.gate = gate;
        probe
    };
    // Who needs nothing durable does not wait for it.
    harbour.host.start(Box::new(led_to(Gate::Applied, "swift"))).unwrap();
    harbour.wait_live("swift");
    let durable = harbour.chain.durable_tip();
    assert!(!harbour.host.waits_at(durable));
    harbour.host.start(Box::new(led_to(Gate::Durable, "sunk").in_trouble(&[Trouble::Fatal]))).unwrap();
    harbour.wait_for("sunk", |status| status.state == PluginState::Failed);
    assert!(!harbour.host.waits_at(durable));
    harbour.host.start(Box::new(led_to(Gate::Durable, "sure"))).unwrap();
    harbour.wait_for("sure", |status| status.cursor == Some(durable) && status.state == PluginState::Live);
    assert!(harbour.host.waits_at(durable));
    // Behind, it has enough to do.
    harbour.chain.extend(1);
    assert!(!harbour.host.waits_at(harbour.chain.tip()));
    harbour.host.stop();
    assert!(!harbour.host.waits_at(durable));
}

#[test]
fn plugins_that_fail_or_panic_harm_nobody_else() {
    let harbour = Harbour::new();
    harbour.open();
    harbour.host.start(Box::new(Probe::new("good"))).unwrap();
    for (id, trouble, reason) in [
        ("fatal", Trouble::Fatal, "the ship has sunk"),
        ("panics", Trouble::Panic, "it panicked: every man for himself"),
    ] {
        harbour.host.start(Box::new(Probe::new(id).in_trouble(&[trouble]))).unwrap();
        let status = harbour.wait_for(id, |status| status.state == PluginState::Failed);
        assert_eq!(status.last_error.as_deref(), Some(reason));
        harbour.wait_for(id, |_| FAILURES.lock().unwrap().contains(&format!("{id}: {reason}")));
    }
    harbour.chain.extend(1);
    harbour.wake();
    harbour.wait_live("good");
    // Whoever has mended what was wrong starts them again.
    harbour.wait_for("panics", |_| harbour.host.command("panics", PluginCommand::Start).is_ok());
    harbour.wait_live("panics");
    harbour.host.stop();
}

#[test]
fn the_failure_of_an_important_plugin_is_told() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let harbour = Harbour::new();
    harbour.open();
    let mut probe = Probe::new("keel").in_trouble(&[Trouble::Fatal]);
    probe.manifest.important = true;
    harbour.host.start(Box::new(probe)).unwrap();
    let reason = runtime.block_on(harbour.host.failed());
    assert_eq!(reason, "the plugin 'keel' has failed: the ship has sunk");
    harbour.host.stop();
}

#[test]
fn plugins_that_hang_do_not_hold_up_a_stop() {
    let harbour = Harbour::closing_within(Duration::from_millis(400));
    harbour.open();
    let waits = Probe::new("waits").in_trouble(&[Trouble::Wait]);
    let blocks = Probe::new("blocks").in_trouble(&[Trouble::Block]);
    let (of_waits, of_blocks) = (waits.seen.clone(), blocks.seen.clone());
    harbour.host.start(Box::new(waits)).unwrap();
    harbour.host.start(Box::new(blocks)).unwrap();
    let hangs = |seen: &Seen| seen.troubles.lock().unwrap().is_empty();
    harbour.wait_for("waits", |_| hangs(&of_waits) && hangs(&of_blocks));
    assert_eq!(
        harbour.host.command("blocks", PluginCommand::Stop),
        Err(HostError::StillRunning("blocks".into()))
    );
    assert_eq!(
        harbour.host.command("blocks", PluginCommand::Reset),
        Err(HostError::StillRunning("blocks".into()))
    );
    harbour.host.stop();
    // A call that was dropped is as a kill: nothing is closed.
    assert_eq!((harbour.status("waits").state, count(&of_waits.closed)), (PluginState::Stopped, 0));
    add(&of_blocks.released);
    harbour.wait_for("blocks", |status| status.state == PluginState::Stopped);
}

#[test]
fn plugins_are_stopped_started_and_reset() {
    let harbour = Harbour::new();
    let probe = Probe::new("probe");
    let seen = probe.seen.clone();
    harbour.host.start(Box::new(probe)).unwrap();
    let command = |command| harbour.host.command("probe", command);
    assert_eq!(command(PluginCommand::Start), Err(HostError::NotNow));
    harbour.open();
    harbour.wait_live("probe");
    command(PluginCommand::Stop).unwrap();
    command(PluginCommand::Stop).unwrap();
    assert_eq!((harbour.status("probe").state, count(&seen.closed)), (PluginState::Stopped, 1));
    harbour.chain.extend(3);
    harbour.wake();
    command(PluginCommand::Start).unwrap();
    assert_eq!(harbour.wait_live("probe").blocks, 14);
    command(PluginCommand::Reset).unwrap();
    harbour.wait_for("probe", |status| status.blocks == 28 && count(&seen.resets) == 1);
    harbour.wait_live("probe");
    command(PluginCommand::Stop).unwrap();
    command(PluginCommand::Reset).unwrap();
    harbour.wait_for("probe", |status| status.blocks == 42 && count(&seen.resets) == 2);
    harbour.wait_live("probe");
    command(PluginCommand::Start).unwrap();
    assert_eq!(harbour.host.command("other", PluginCommand::Stop), Err(HostError::Unknown("other".into())));
    harbour.host.stop();
}

#[test]
fn what_plugins_register_is_known_before_they_run_and_never_twice() {
    let host = Host::new(HostOptions::default());
    let with = |id: &str, methods: &[&'static str]| {
        let probe = Probe { methods: methods.to_vec(), ..Probe::new(id) };
        host.start(Box::new(probe))
    };
    with("one", &["sail", "row"]).unwrap();
    assert_eq!(with("one", &[]), Err(HostError::Twice("one".into())));
    assert_eq!(with("One", &[]), Err(HostError::Id("One".into())));
    let clash = with("two", &["drift", "row"]).unwrap_err().to_string();
    assert!(clash.contains("'two'") && clash.contains("'row'") && clash.contains("'one'"), "{clash}");
    assert!(with("three", &["Not a name"]).is_err());
    let registered = host.registered();
    let methods: Vec<_> = registered.methods.iter().map(|(id, method)| (&**id, &*method.name)).collect();
    assert_eq!(methods, [("one", "sail"), ("one", "row")]);
    assert_eq!(registered.routes.len(), 1);
    assert_eq!(host.statuses().len(), 1);
}

#[test]
fn metrics_tell_of_the_node_and_of_every_plugin() {
    let harbour = Harbour::new();
    harbour.host.start(Box::new(Metrics::new(&harbour.host))).unwrap();
    let route = harbour.host.registered().routes.remove(0);
    assert_eq!((route.0.as_str(), route.1.path.as_str()), ("metrics", ""));
    let page = || (route.1.handler)(&Default::default());
    assert!(page().is_err(), "there is no chain yet");
    harbour.host.start(Box::new(Probe::new("probe"))).unwrap();
    harbour.open();
    harbour.wait_live("probe");
    harbour.wait_live("metrics");
    harbour.chain.reorganize(4);
    harbour.wake();
    harbour.wait_live("probe");
    harbour.wait_live("metrics");
    let reply = page().unwrap();
    assert!(reply.content_type.starts_with("text/plain; version=0.0.4"));
    let text = String::from_utf8(reply.body).unwrap();
    for line in [
        "# TYPE chaincore_height gauge",
        "chaincore_height 11",
        "chaincore_durable_height 0",
        "# TYPE chaincore_reorganizations_total counter",
        "chaincore_reorganizations_total 1",
        "chaincore_deepest_reorganization_blocks 4",
        "chaincore_blocks_connected_total 5",
        "chaincore_plugin_state{plugin=\"probe\",state=\"live\"} 1",
        "chaincore_plugin_state{plugin=\"probe\",state=\"failed\"} 0",
        "chaincore_plugin_lag_blocks{plugin=\"probe\"} 0",
        "# HELP chaincore_plugin_miles_total miles sailed",
        "chaincore_plugin_miles_total{plugin=\"probe\"} 5",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    // Each metric is told of once, before its samples: what the format demands.
    let mut told = std::collections::BTreeSet::new();
    let mut current = "";
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            current = help.split(' ').next().unwrap();
            assert!(told.insert(current), "{current}");
        } else if !line.starts_with('#') {
            assert_eq!(line.split(['{', ' ']).next().unwrap(), current);
            assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
        }
    }
    harbour.host.stop();
    assert!(page().is_err(), "it is stopped");
}
