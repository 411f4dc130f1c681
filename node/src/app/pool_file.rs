//! The mempool between two runs: read once the chain is up, written when the node stops.

use crate::chain::{Chain, ChainError, ChainHandle};
use crate::config::Config;
use crate::mempool::{ChainView, SavedPool, SavedTx};
use chaincore_consensus::codec::Decode;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

/// Transactions that the writer takes in at once; between two such lots others have their turn.
const LOT: usize = 100;

fn path(config: &Config) -> PathBuf {
    config.chain_dir.join("mempool.dat")
}

/// Takes in what the last run saved, as far as it is still valid and not too old. A file that cannot be read is
/// reported and left alone.
pub(super) fn load(config: &Config, chain: &ChainHandle) -> Result<(), ChainError> {
    let path = path(config);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            tracing::warn!("{} cannot be read: {error}", path.display());
            return Ok(());
        }
    };
    let saved = match SavedPool::decode_exact(&bytes) {
        Ok(saved) => saved,
        Err(error) => {
            tracing::warn!("{} is damaged and not used: {error}", path.display());
            return Ok(());
        }
    };
    let oldest = chain.clock().now().saturating_sub_unsigned(config.mempool.expiry.as_secs());
    let (mut taken, mut expired, mut refused) = (0, 0, 0);
    let deltas = saved.deltas;
    chain.query_blocking(move |chain| {
        chain.with_mempool(|pool, _| {
            deltas.into_iter().for_each(|(txid, delta)| pool.prioritise(txid, delta))
        });
        Ok(())
    })?;
    for lot in saved.transactions.chunks(LOT) {
        let (fresh, old): (Vec<_>, Vec<_>) = lot.iter().cloned().partition(|saved| saved.time > oldest);
        expired += old.len();
        let count = fresh.len();
        let accepted = chain.query_blocking(move |chain| put_back(chain, fresh))?;
        taken += accepted;
        refused += count - accepted;
    }
    let unbroadcast = saved.unbroadcast;
    chain.query_blocking(move |chain| {
        chain.with_mempool(|pool, _| unbroadcast.iter().for_each(|txid| pool.set_unbroadcast(txid, true)));
        Ok(())
    })?;
    tracing::info!("Mempool loaded: {taken} transactions, {refused} no longer valid, {expired} too old");
    Ok(())
}

fn put_back(chain: &mut Chain, transactions: Vec<SavedTx>) -> Result<usize, ChainError> {
    let mut accepted = 0;
    for SavedTx { tx, time, fee_delta } in transactions {
        let tx = Arc::new(tx);
        let verdict = chain.with_mempool(|pool, view| {
            if fee_delta != 0 {
                pool.prioritise(tx.txid(), fee_delta);
            }
            // It has been waiting since then, not since now. (A time to come, which another clock or a damaged file
            // can give, would make all others look old.)
            pool.accept(&tx, &ChainView { now: time.min(view.now), ..*view })
        });
        match verdict {
            Ok(_) => accepted += 1,
            Err(error) => drop(error.into_rejection()?),
        }
    }
    Ok(accepted)
}

/// Saves the mempool for the next run.
pub(super) fn save(config: &Config, chain: &ChainHandle) {
    let saved = SavedPool::of(&chain.mempool().read().expect("no one panics while holding the mempool"));
    let path = path(config);
    match saved.write(&path) {
        Ok(()) => tracing::info!("Mempool saved: {} transactions", saved.transactions.len()),
        Err(error) => tracing::warn!("the mempool cannot be saved to {}: {error}", path.display()),
    }
}
