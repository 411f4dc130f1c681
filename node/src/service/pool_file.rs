//! The mempool between two runs: read once the chain is up, written when the node stops; and files that a user
//! wants read or written meanwhile.

use crate::chain::{Chain, ChainError, ChainHandle};
use crate::mempool::{ChainView, SavedPool, SavedTx};
use chaincore_consensus::codec::Decode;
use chaincore_rpc::node::ImportMempool;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The file's name in the chain's folder.
pub(crate) const FILE_NAME: &str = "mempool.dat";

/// Transactions that the writer takes in at once; between two such lots others have their turn.
const LOT: usize = 100;

/// How the node takes its own file back.
pub(crate) const OWN_FILE: ImportMempool =
    ImportMempool { use_current_time: false, apply_fee_deltas: true, apply_unbroadcast: true };

/// Takes in a file as far as its transactions are still valid and not too old. `false`, reported and with nothing
/// done, if it cannot be read.
pub(crate) fn load(path: &Path, chain: &ChainHandle, how: ImportMempool) -> Result<bool, ChainError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => {
            tracing::warn!("{} cannot be read: {error}", path.display());
            return Ok(false);
        }
    };
    let saved = match SavedPool::decode_exact(&bytes) {
        Ok(saved) => saved,
        Err(error) => {
            tracing::warn!("{} is damaged and not used: {error}", path.display());
            return Ok(false);
        }
    };
    let now = chain.clock().now();
    let expiry = chain.mempool().read().expect("no one panics while holding the mempool").options().expiry;
    let oldest = now.saturating_sub(expiry);
    let (mut taken, mut expired, mut refused) = (0, 0, 0);
    if how.apply_fee_deltas {
        let deltas = saved.deltas;
        chain.query_blocking(move |chain| {
            chain.with_mempool(|pool, _| {
                deltas.into_iter().for_each(|(txid, delta)| pool.prioritise(txid, delta))
            });
            Ok(())
        })?;
    }
    let as_wanted = |saved: &SavedTx| SavedTx {
        time: if how.use_current_time { now } else { saved.time },
        fee_delta: if how.apply_fee_deltas { saved.fee_delta } else { 0 },
        ..saved.clone()
    };
    for lot in saved.transactions.chunks(LOT) {
        let (fresh, old): (Vec<_>, Vec<_>) = lot.iter().map(as_wanted).partition(|saved| saved.time > oldest);
        expired += old.len();
        let count = fresh.len();
        let accepted = chain.query_blocking(move |chain| put_back(chain, fresh))?;
        taken += accepted;
        refused += count - accepted;
    }
    if how.apply_unbroadcast {
        let unbroadcast = saved.unbroadcast;
        chain.query_blocking(move |chain| {
            chain.with_mempool(|pool, _| {
                unbroadcast.iter().for_each(|txid| pool.set_unbroadcast(txid, true));
            });
            Ok(())
        })?;
    }
    tracing::info!("Mempool loaded: {taken} transactions, {refused} no longer valid, {expired} too old");
    Ok(true)
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

/// Saves the mempool; why that failed is reported, too.
pub(crate) fn save(path: &Path, chain: &ChainHandle) -> io::Result<()> {
    let saved = SavedPool::of(&chain.mempool().read().expect("no one panics while holding the mempool"));
    let written = saved.write(path);
    match &written {
        Ok(()) => tracing::info!("Mempool saved: {} transactions", saved.transactions.len()),
        Err(error) => tracing::warn!("the mempool cannot be saved to {}: {error}", path.display()),
    }
    written
}
