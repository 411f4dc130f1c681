//! The plugins that a node has, and what they run in.

use super::{AppError, banner, durable};
use crate::chain::ChainHandle;
use crate::config::{Config, StorageConfig};
use crate::index::{Addresses, BasicFilters, Index, IndexError, Indexes, Transactions};
#[cfg(unix)]
use crate::plugins::process::{Environment, Limits, ProcessPlugin};
use crate::plugins::{Host, HostOptions, MempoolSource, Metrics, Surroundings};
use crate::service::Service;
use crate::stratum::StratumPlugin;
use crate::sv2::{ListenError, Sv2Plugin};
use crate::zmq::ZmqPlugin;
use chaincore_mirror::Mirror;
use chaincore_plugin::{Gate, Plugin};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

/// A host with the plugins that add something to the interfaces, which has to be known before the first request is
/// served. The others are started once the chain is open.
///
/// A plugin that mines works with the chain itself, which is put into `chain` when it is open.
pub(super) async fn host(
    config: &Config,
    chain: &Arc<OnceLock<ChainHandle>>,
    service: &Service,
) -> Result<(Host, Served), AppError> {
    let mut served = Served::default();
    let on_failure = config.banner.then_some(banner::print_failure as fn(&str, &str));
    let host = Host::new(HostOptions { on_failure, ..HostOptions::default() });
    host.start(Box::new(Metrics::new(&host)))?;
    #[cfg(unix)]
    for plugin in start_processes(config).await? {
        host.start_process(Box::new(plugin))?;
    }
    if let Some(options) = &config.mirror {
        let mirror = Mirror::new(options.clone()).map_err(|error| AppError::Option(error.to_string()))?;
        host.start(Box::new(mirror))?;
    }
    if let Some(options) = &config.mining.stratum {
        let mut plugin = StratumPlugin::new(options.clone(), chain.clone());
        check_can_mine(config, "-stratum")?;
        let taken = plugin.listen().map_err(|error| no_port("-stratum", "-stratum", options.listen, &error));
        served.stratum = Some(taken?);
        host.start(Box::new(plugin))?;
    }
    if let Some(options) = &config.mining.sv2 {
        let mut plugin = Sv2Plugin::new(options.clone(), chain.clone());
        check_can_mine(config, "-sv2")?;
        let taken = plugin.listen().map_err(|error| match error {
            ListenError::Port(error) => no_port("-sv2", "-sv2port", options.listen, &error),
            ListenError::Key(_) => AppError::Option(format!("-sv2: {error}")),
        });
        served.sv2 = Some(taken?);
        host.start(Box::new(plugin))?;
    }
    if !config.zmq.is_empty() {
        let plugin = ZmqPlugin::listen(config.zmq.clone(), chain.clone())
            .map_err(|error| AppError::Option(error.to_string()))?;
        service.attach_notifications(plugin.notifications());
        host.start(Box::new(plugin))?;
    }
    Ok((host, served))
}

/// Where miners are served, for people.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// The Stratum server.
    pub(super) stratum: Option<SocketAddr>,
    /// The template provider, and its public key.
    pub(super) sv2: Option<(SocketAddr, String)>,
}

/// What is told of an option that needs a port that cannot be had, in the words that there are for the port of JSON-RPC.
fn no_port(option: &str, changes: &str, address: SocketAddr, error: &io::Error) -> AppError {
    AppError::Option(match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "Unable to bind to {address} on this computer for {option}: another program listens there. End that one, or choose \
             another port with {changes}=<port>."
        ),
        _ => {
            format!("Unable to bind to {address} on this computer for {option} (bind returned error {error})")
        }
    })
}

fn check_can_mine(config: &Config, option: &str) -> Result<(), AppError> {
    if config.params.signet_challenge.is_none() {
        return Ok(());
    }
    Err(AppError::Option(format!(
        "{option} cannot be used on a signet: its blocks carry its owner's signature, which miners do not have"
    )))
}

/// Starts the processes that are plugins, and waits until all have said who they are.
#[cfg(unix)]
async fn start_processes(config: &Config) -> Result<Vec<ProcessPlugin>, AppError> {
    let commands = config.process_plugins.clone();
    if commands.is_empty() {
        return Ok(vec![]);
    }
    let environment = Environment {
        chain: config.params.name.clone(),
        datadir: config.datadir.clone(),
        plugin_folder: config.chain_dir.join("plugins"),
    };
    let start = move || ProcessPlugin::start_all(commands, &environment, &Limits::default());
    tokio::task::spawn_blocking(start).await.map_err(|error| AppError::Fatal(error.to_string()))
}

/// Opens the indexes, gives the service what it answers with, and the plugins their chain, and starts all of them.
pub(super) async fn open(
    host: &Host,
    config: &Config,
    chain: &ChainHandle,
    service: &Arc<Service>,
) -> Result<Indexes, AppError> {
    let (for_indexes, storage) = (chain.clone(), config.storage.clone());
    let opened = tokio::task::spawn_blocking(move || open_indexes(&for_indexes, &storage));
    let (indexes, plugins) = opened.await.map_err(|error| AppError::Fatal(error.to_string()))??;
    service.attach(chain.clone(), indexes.clone());
    let mempool = chain.mempool().clone();
    let subscribe = move || -> Box<dyn MempoolSource> {
        Box::new(mempool.read().expect("no one panics while holding the mempool").subscribe())
    };
    host.open(Surroundings {
        chain: Arc::new(chain.clone()),
        node: service.clone(),
        params: config.params.clone(),
        folder: config.chain_dir.clone(),
        tips: chain.tip_state(),
        mempool: Some(Arc::new(subscribe)),
    })?;
    plugins.into_iter().try_for_each(|plugin| host.start(plugin))?;
    if host.statuses().iter().any(|plugin| plugin.manifest.gate == Gate::Durable) {
        durable::keep_up(chain.clone(), host.clone());
    }
    let hooks = host.registered().policy_hooks();
    // Nothing has come into the pool yet: peers and the saved pool come later.
    chain.mempool().write().expect("no one panics while holding the mempool").set_hooks(hooks);
    Ok(indexes)
}

/// The indexes that are switched on, and what fills them.
fn open_indexes(
    chain: &ChainHandle,
    storage: &StorageConfig,
) -> Result<(Indexes, Vec<Box<dyn Plugin>>), IndexError> {
    let mut plugins: Vec<Box<dyn Plugin>> = vec![];
    let mut indexes = Indexes::default();
    if storage.address_index {
        let rules = Addresses { coinbase_maturity: chain.params().coinbase_maturity };
        let (index, plugin) = Index::open(chain.clone(), rules)?;
        indexes.addresses = Some(index);
        plugins.push(Box::new(plugin));
    }
    if storage.tx_index {
        let (index, plugin) = Index::open(chain.clone(), Transactions)?;
        indexes.transactions = Some(index);
        plugins.push(Box::new(plugin));
    }
    if storage.filter_index {
        let (index, plugin) = Index::open(chain.clone(), BasicFilters::default())?;
        indexes.filters = Some(index);
        plugins.push(Box::new(plugin));
    }
    Ok((indexes, plugins))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stratum::StratumOptions;

    #[test]
    fn a_port_that_somebody_has_is_named_with_the_option_and_a_way_out() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = taken.local_addr().unwrap();
        let options = StratumOptions { listen, payout: None, difficulty: None, max_connections: 1 };
        let error = StratumPlugin::new(options.clone(), Arc::default()).listen().unwrap_err();
        let told = no_port("-stratum", "-stratum", listen, &error).to_string();
        for words in [listen.to_string().as_str(), "for -stratum", "another program", "-stratum=<port>"] {
            assert!(told.contains(words), "{told}");
        }
        drop(taken);
        // Who takes the port keeps it until it is opened.
        let mut plugin = StratumPlugin::new(options.clone(), Arc::default());
        assert_eq!(plugin.listen().unwrap(), listen);
        assert!(StratumPlugin::new(options, Arc::default()).listen().is_err());
    }
}
