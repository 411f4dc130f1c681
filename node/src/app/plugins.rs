//! The plugins that a node has, and what they run in.

use super::AppError;
use crate::chain::ChainHandle;
use crate::config::Config;
use crate::plugins::{Host, HostOptions, MempoolSource, Surroundings};
use crate::service::Service;
use std::sync::Arc;

/// A host with the plugins that add something to the interfaces, which has to be known before the first request is
/// served. The others are started once the chain is open.
pub(super) fn host(_config: &Config) -> Result<Host, AppError> {
    let host = Host::new(HostOptions::default());
    Ok(host)
}

/// Gives the plugins their chain and starts them.
pub(super) fn open(
    host: &Host,
    config: &Config,
    chain: &ChainHandle,
    service: &Arc<Service>,
) -> Result<(), AppError> {
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
    Ok(())
}
