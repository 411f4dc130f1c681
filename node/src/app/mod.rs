//! The composition root: makes the parts of a node from its configuration, in the order in which they need each
//! other, waits for a reason to stop, and takes them down in reverse.
//!
//! Up: folders, log, plugins that add to the interfaces, HTTP (answering that the node warms up), chain, plugins,
//! network, import, miner. Down: HTTP (answers that are due go out), network, plugins, chain (with a last flush).

mod banner;
mod durable;
mod files;
mod mirror_verify;
mod node_id;
mod notify;
mod options;
mod plugins;
mod signals;

use crate::chain::{ChainError, ChainHandle, ImportReport, Importer, Status};
use crate::clock::Clock;
use crate::config::Config;
use crate::index::IndexError;
use crate::logging::{self, LogError, LogHandle};
use crate::mempool::Mempool;
use crate::mining::{MinerPlugin, MiningOptions};
use crate::p2p::{P2p, P2pError};
use crate::plugins::{Host, HostError};
use crate::service::{Service, pool_file};
use crate::zmq::MAX_SUBSCRIBERS;
use chaincore_rpc::feed;
use chaincore_rpc::http::{AuthError, HttpError, HttpServer};
use chaincore_rpc::methods;
use chaincore_rpc::node::{Node, NodeRef};
use chaincore_rpc::plugins::{PluginRoutes, Plugins};
use chaincore_rpc::registry::{RegistryBuilder, RegistryError, Warmup};
use chaincore_rpc::rest::{Rest, RestParts};
use chaincore_rpc::web::Web;
use chaincore_storage::FolderLock;
use signals::StopSignals;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;

pub use mirror_verify::{Verdict, verify_mirror};

/// How often the warm-up text follows what the chain does.
const WARMUP_TICK: Duration = Duration::from_millis(100);

/// Why the node did not start, or stopped by itself. The text is what follows `Error: ` on standard error.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A folder or file of the node cannot be made.
    #[error("Cannot write to {}: {source}", path.display())]
    Folder {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The log cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The runtime or a signal handler cannot be started.
    #[error("cannot start the node: {0}")]
    System(#[from] io::Error),
    /// The methods do not fit together.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The port cannot be opened.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// An option has a value that only shows to be wrong now.
    #[error("{0}")]
    Option(String),
    /// The chain cannot be opened.
    #[error("{0}")]
    Chain(#[from] ChainError),
    /// An index cannot be opened.
    #[error("{0}")]
    Index(#[from] IndexError),
    /// A plugin cannot be started.
    #[error("{0}")]
    Plugin(#[from] HostError),
    /// The network cannot be started.
    #[error("{0}")]
    P2p(#[from] P2pError),
    /// The chain failed while the node ran.
    #[error("A fatal internal error occurred, see debug.log for details: {0}")]
    Fatal(String),
}

/// Runs a node until it is told to stop.
pub fn run(config: &Config) -> Result<(), AppError> {
    let folder = |source| AppError::Folder { path: config.chain_dir.clone(), source };
    config.create_folders().map_err(folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("node").enable_all().build()?;
    // Before the log: whoever sees that there is one may end the node politely.
    let signals = {
        let _inside = runtime.enter();
        StopSignals::catch()?
    };
    let log = logging::start(&config.log)?;
    for line in config.describe() {
        tracing::info!("{line}");
    }
    for warning in config.warnings().iter().chain(&config.mining.unused) {
        tracing::warn!("{warning}");
    }
    let hardware = config.mining.stratum.as_ref().map_or(0, |stratum| stratum.max_connections)
        + config.mining.sv2.as_ref().map_or(0, |sv2| sv2.max_connections);
    let subscribers = config.zmq.len() * MAX_SUBSCRIBERS;
    let peers = config.peers.max_connections as usize;
    let connections = options::max_connections(config) + peers + hardware + subscribers;
    if let Some(most) = files::allow(connections as u64) {
        tracing::warn!(
            "the system allows {most} open files, fewer than {connections} connections need: raise ulimit -n, or lower \
             -rpclongpolls, -maxconnections or -stratummaxconnections"
        );
    }
    let result = runtime.block_on(start(config, log, signals));
    // Whatever still runs is waiting for something that will not come.
    runtime.shutdown_timeout(Duration::from_secs(5));
    match &result {
        Ok(()) => tracing::info!("Shutdown done"),
        Err(error) => tracing::error!("{error}"),
    }
    result
}

async fn start(config: &Config, log: LogHandle, signals: StopSignals) -> Result<(), AppError> {
    let clock = Clock::new();
    clock.set_mock(config.mock_time);
    let service = Arc::new(Service::new(
        config.params.clone(),
        options::node_info(config)?,
        clock.clone(),
        options::templates(config),
    ));
    service.attach_log(log);
    let node: NodeRef = service.clone();
    check_folder_is_free(config)?;
    let late = Arc::new(OnceLock::new());
    let (host, served) = plugins::host(config, &late, &service).await?;
    let mut builder = RegistryBuilder::new();
    builder.limits(options::call_limits(config));
    methods::register(&mut builder, &node);
    feed::register(&mut builder, &node);
    let of_plugins = host.registered();
    let control: Arc<dyn Plugins> = Arc::new(host.clone());
    chaincore_rpc::plugins::register(&mut builder, &control, of_plugins.methods);
    let registry = builder.build()?;
    let warmup = registry.warmup().clone();
    warmup.set_status("Starting…");

    let mut stop = service.stopping();
    signals.stop(&service);
    let http = if config.api.enabled {
        let http_options = options::http(config)?;
        let parts = RestParts {
            plugins: PluginRoutes::new(of_plugins.routes),
            web: Web::new(options::web(config)),
            control: Some(control),
        };
        let rest = Arc::new(Rest::with(node.clone(), parts));
        let started = HttpServer::start(http_options, registry, Some(rest)).await;
        Some(started.map_err(|error| match error {
            // Harnesses compare the text with Core's.
            HttpError::Auth(wrong @ AuthError::RpcAuth(_)) => {
                tracing::error!("{wrong}");
                AppError::Option("Unable to start HTTP server. See debug log for details.".into())
            }
            other => other.into(),
        })?)
    } else {
        None
    };
    let pid = PidFile::write(config)?;
    if let Some(address) = http.as_ref().and_then(|http| http.addresses().first()) {
        service.set_endpoint(format!("http://{address}"));
    }
    if let (true, Some(http)) = (config.banner, &http) {
        banner::print(config, http.addresses(), &served);
    }

    let result = serve(config, &service, (&host, &late), &clock, &warmup, &mut stop).await;
    let asked_to_stop = service.is_stopping();
    tracing::info!("Shutdown in progress...");
    if result.is_ok() {
        notify::run_all(config.notify.shutdown.clone()).await;
    }
    service.request_shutdown();
    if let Some(http) = http {
        http.shutdown().await;
    }
    let result = match result {
        Ok(parts) => parts.close(config, &service).await,
        // It was told to stop before it was up.
        Err(AppError::Chain(ChainError::Stopped(_))) if asked_to_stop => Ok(()),
        Err(error) => Err(error),
    };
    drop(pid);
    result
}

/// What runs beside the interfaces.
struct Parts {
    chain: ChainHandle,
    host: Host,
    p2p: Option<Arc<P2p>>,
    /// Ends with the reason if the import failed.
    import: Option<tokio::task::JoinHandle<Option<String>>>,
    failure: Option<String>,
}

impl Parts {
    async fn close(mut self, config: &Config, service: &Service) -> Result<(), AppError> {
        let chain = self.chain.clone();
        // A mempool that was never read in whole must not replace the one on disk.
        if config.mempool.persist && service.is_mempool_loaded() {
            // What is wrong has been reported.
            let _ = pool_file::save(&config.chain_dir.join(pool_file::FILE_NAME), &chain);
        }
        // The network and the plugins are stopped on a thread that may wait for them.
        let stopped = tokio::task::spawn_blocking(move || {
            if let Some(p2p) = self.p2p.take() {
                p2p.stop();
            }
            self.host.stop();
            (self.import.take(), self.failure.take())
        });
        let (import, failure) = stopped.await.map_err(|error| AppError::Fatal(error.to_string()))?;
        let closed = chain.shutdown().await;
        let mut failure = failure;
        if let Some(import) = import {
            // It ends with the chain.
            failure = failure.or(import.await.unwrap_or_else(|error| Some(error.to_string())));
        }
        match (failure, closed) {
            (Some(reason), _) | (None, Err(ChainError::Stopped(reason))) => Err(AppError::Fatal(reason)),
            (None, Err(error)) => Err(AppError::Fatal(error.to_string())),
            (None, Ok(())) => Ok(()),
        }
    }
}

/// Opens the chain, serves until there is a reason to stop, and returns what has to be closed.
async fn serve(
    config: &Config,
    service: &Arc<Service>,
    (host, late): (&Host, &OnceLock<ChainHandle>),
    clock: &Clock,
    warmup: &Warmup,
    stop: &mut watch::Receiver<bool>,
) -> Result<Parts, AppError> {
    let chain = open_chain(config, clock, warmup, stop).await?;
    late.get_or_init(|| chain.clone());
    if *stop.borrow() {
        chain.shutdown().await?;
        return Err(ChainError::Stopped("the start was interrupted".into()).into());
    }
    let indexes = match plugins::open(host, config, &chain, service).await {
        Ok(indexes) => indexes,
        Err(error) => {
            abandon(host, &chain).await?;
            return Err(error);
        }
    };
    let served = indexes.filters.clone().filter(|_| config.peers.serve_filters);
    let p2p =
        match P2p::start(options::p2p(config, service.info())?, clock.clone(), chain.clone(), served).await {
            Ok(p2p) => Arc::new(p2p),
            Err(error) => {
                abandon(host, &chain).await?;
                return Err(error.into());
            }
        };
    service.attach_p2p(p2p.clone());
    let import = start_import(config, &chain, service);
    warmup.finish();
    tracing::info!("init message: Done loading");
    config.notify.startup.iter().for_each(|command| notify::run_in_background(command));
    if !config.notify.block.is_empty() {
        notify::follow_blocks(chain.clone(), config.notify.block.clone());
    }
    let mut parts = Parts { chain, host: host.clone(), p2p: Some(p2p.clone()), import, failure: None };
    if let Some((address, script)) = &config.mining.mine {
        tracing::info!(target: "mining", "mining to {address} with {} threads", config.mining.threads);
        let mut mining = MiningOptions::paying_to(script.clone(), &config.params);
        mining.threads = config.mining.threads;
        if let Err(error) = host.start(Box::new(MinerPlugin::new(parts.chain.clone(), mining))) {
            parts.failure = Some(error.to_string());
            return Ok(parts);
        }
    }
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => {}
        reason = parts.chain.stopped() => {
            parts.failure = Some(reason.unwrap_or_else(|| "the chain's thread has ended".into()));
        }
        reason = host.failed() => parts.failure = Some(reason),
        // Connections would stay open and nobody would answer.
        () = p2p.ended() => parts.failure = Some("the message thread has ended".into()),
        () = reached(config.stop_at_height, parts.chain.clone()) => {}
    }
    // An import or a long reorganization ends at the next block.
    parts.chain.status().interrupt();
    Ok(parts)
}

/// Closes what is open of a node that cannot be started.
async fn abandon(host: &Host, chain: &ChainHandle) -> Result<(), AppError> {
    let host = host.clone();
    // A stop waits for the plugins.
    let stopped = tokio::task::spawn_blocking(move || host.stop()).await;
    stopped.map_err(|error| AppError::Fatal(error.to_string()))?;
    Ok(chain.shutdown().await?)
}

/// Asks whether another node has the folder, before this one starts plugins that work in it and replaces that one's
/// cookie and pid file.
fn check_folder_is_free(config: &Config) -> Result<(), AppError> {
    let lock = FolderLock::acquire(&config.chain_dir);
    lock.map(drop).map_err(|error| ChainError::from(error).into())
}

/// Opens the chain on a thread of its own while the interfaces tell how far it is. A stop asked for meanwhile ends
/// the replay at the next block.
async fn open_chain(
    config: &Config,
    clock: &Clock,
    warmup: &Warmup,
    stop: &mut watch::Receiver<bool>,
) -> Result<ChainHandle, AppError> {
    let status = Status::new();
    let mempool = Mempool::new(options::mempool(config));
    let opening = {
        let (options, status) = (options::chain(config, clock), status.clone());
        tokio::task::spawn_blocking(move || ChainHandle::open(&options, mempool, status))
    };
    tokio::pin!(opening);
    loop {
        tokio::select! {
            opened = &mut opening => {
                return Ok(opened.map_err(|error| AppError::Fatal(error.to_string()))??);
            }
            _ = stop.wait_for(|stop| *stop), if !status.is_interrupted() => status.interrupt(),
            () = tokio::time::sleep(WARMUP_TICK) => {
                if let Some(text) = status.phase().warmup_text() {
                    warmup.set_status(text);
                }
            }
        }
    }
}

/// Takes in block files, if there are any to take in, and then the saved mempool, beside everything else.
fn start_import(
    config: &Config,
    chain: &ChainHandle,
    service: &Arc<Service>,
) -> Option<tokio::task::JoinHandle<Option<String>>> {
    let (chain, files, service) = (chain.clone(), config.storage.import.clone(), service.clone());
    let rebuild = config.storage.reindex;
    let (settings, pool_service) = (config.clone(), service.clone());
    let work = move || -> Result<(), ChainError> {
        let log = |what: &str, report: ImportReport| {
            tracing::info!(
                "{what}: {} blocks new, {} known, {} refused, {} without their parent",
                report.accepted,
                report.known,
                report.rejected,
                report.without_parent
            );
        };
        if rebuild || Importer::new(chain.clone()).is_reindex_due()? {
            log("Reindexing finished", Importer::new(chain.clone()).reindex()?);
        }
        // As for Core, a file that is not there is no reason not to run.
        let readable = |file: &PathBuf| match std::fs::File::open(file) {
            Ok(_) => true,
            Err(error) => {
                tracing::warn!("Could not open blocks file {}: {error}", file.display());
                false
            }
        };
        let files: Vec<PathBuf> = files.into_iter().filter(readable).collect();
        if !files.is_empty() {
            log("Import finished", Importer::new(chain.clone()).load(&files)?);
        }
        if settings.mempool.persist {
            let path = settings.chain_dir.join(pool_file::FILE_NAME);
            pool_file::load(&path, &chain, pool_file::OWN_FILE)?;
        }
        pool_service.set_mempool_loaded();
        Ok(())
    };
    Some(tokio::task::spawn_blocking(move || match work() {
        Ok(()) => None,
        // The chain has said why it stopped; a stop by request interrupts an import without harm.
        Err(ChainError::Stopped(_)) => None,
        Err(error) => {
            tracing::error!("the import failed: {error}");
            service.request_shutdown();
            Some(error.to_string())
        }
    }))
}

/// Returns when the chain has reached a height (above which it connects nothing); never if there is none to reach.
async fn reached(height: Option<u32>, chain: ChainHandle) {
    let mut state = chain.tip_state();
    if let Some(height) = height
        && state.wait_for(|state| state.applied.height >= height).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

/// The file with the process id; removed when dropped.
struct PidFile(PathBuf);

impl PidFile {
    fn write(config: &Config) -> Result<Self, AppError> {
        let path = config.pid_file.clone();
        std::fs::write(&path, format!("{}\n", std::process::id()))
            .map_err(|source| AppError::Folder { path: path.clone(), source })?;
        Ok(Self(path))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Somebody may have removed it.
        let _ = std::fs::remove_file(&self.0);
    }
}
