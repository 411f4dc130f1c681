//! What the tests share: a folder with a child's script, and the node as a plugin sees it.

use super::super::*;
use crate::testkit::wait_until;
use chaincore_plugin::node::NodeIdentity;
use chaincore_plugin::testkit::{NodeDouble, Notes, ScriptedChain};
use std::path::PathBuf;
use std::time::Duration;

/// How long something may take that must come: a bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps what a plugin registers.
#[derive(Default)]
pub(super) struct Registered {
    pub(super) methods: Vec<Method>,
    pub(super) routes: Vec<Route>,
}

impl ApiRegistry for Registered {
    fn method(&mut self, method: Method) {
        self.methods.push(method);
    }
    fn route(&mut self, route: Route) {
        self.routes.push(route);
    }
    fn template_order(&mut self, _: Arc<dyn chaincore_plugin::TemplateOrder>) {}
    fn mempool_filter(&mut self, _: Arc<dyn chaincore_plugin::MempoolFilter>) {}
}

impl Registered {
    pub(super) fn call(&self, name: &str, params: &[Value]) -> Result<Value, ApiError> {
        let method = self.methods.iter().find(|method| method.name == name).expect("it is registered");
        (method.handler)(params)
    }
}

/// A folder with the script, and a runtime as the host has it.
pub(super) struct Bench {
    pub(super) folder: tempfile::TempDir,
    pub(super) limits: Limits,
    pub(super) told: Arc<Notes>,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("child.py"), include_str!("child.py")).unwrap();
        Self {
            folder,
            // An interpreter can take its time on a busy machine.
            limits: Limits { manifest: PATIENCE, ..Limits::default() },
            told: Arc::default(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        }
    }

    /// A bench on which a call that is not answered fails soon.
    pub(super) fn impatient() -> Self {
        let mut bench = Self::new();
        bench.limits.call = Duration::from_secs(2);
        bench
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn environment(&self) -> Environment {
        Environment {
            chain: "regtest".into(),
            datadir: self.folder.path().into(),
            plugin_folder: self.path("plugins"),
        }
    }

    /// A child of these arguments.
    pub(super) fn command(&self, arguments: &str) -> CommandLine {
        let (script, folder) = (self.path("child.py"), self.folder.path().display());
        CommandLine::parse(&format!("python3 {} {folder} {arguments}", script.display())).unwrap()
    }

    /// The started child.
    pub(super) fn start(&self, arguments: &str) -> ProcessPlugin {
        let plugin = ProcessPlugin::start(self.command(arguments), false, &self.environment(), &self.limits);
        assert_eq!(plugin.failure(), None);
        plugin
    }

    /// The started and opened child.
    pub(super) fn open(&self, arguments: &str) -> ProcessPlugin {
        let mut plugin = self.start(arguments);
        assert_eq!(self.run(plugin.open(&self.context())).unwrap(), None);
        plugin
    }

    pub(super) fn context(&self) -> Context {
        let node = NodeDouble::default();
        let endpoint = Some("http://127.0.0.1:5000".into());
        node.set_identity(NodeIdentity { endpoint, ..NodeIdentity::default() });
        let mut context = ScriptedChain::new(1).context(self.path("plugins/tester"));
        (context.node, context.report) = (Arc::new(node), self.told.clone());
        context
    }

    pub(super) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// What the child has written to one of its files.
    pub(super) fn noted(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The calls that all processes got, by name.
    pub(super) fn calls(&self) -> Vec<String> {
        let name = |line: String| {
            let call: Value = serde_json::from_str(&line).unwrap();
            call["method"].as_str().unwrap().to_owned()
        };
        self.noted("lines").into_iter().map(name).collect()
    }

    /// Waits until every process that noted its number is gone.
    pub(super) fn assert_gone(&self) {
        let pids = self.noted("pids");
        assert!(!pids.is_empty());
        for pid in pids {
            wait_until(&format!("process {pid} is gone"), || !lives(&pid));
        }
    }
}

/// Whether a process does something: who is dead and not buried does not.
pub(super) fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Blocks as the host gives them, from height 1.
pub(super) fn blocks(count: u32) -> Vec<AppliedBlock> {
    let chain = ScriptedChain::new(1);
    chain.extend(count);
    chain.branch(&chain.context("").chain.tip()).split_off(1)
}

/// The text of an error that may pass.
#[track_caller]
pub(super) fn retry<T: std::fmt::Debug>(result: Result<T, PluginError>) -> String {
    match result.unwrap_err() {
        PluginError::Retry { after: None, source } => source.to_string(),
        other => panic!("{other:?}"),
    }
}
