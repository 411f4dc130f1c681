//! Esplora's HTTP API below `/api`: what BDK, mempool.js and most browser wallets ask.
//!
//! Paths, JSON and texts are Esplora's (Blockstream's `API.md`, as `esplora-client` 0.13 reads them); errors are plain
//! sentences. Below `/api/v1` are paths beyond it, of the same kind. Confirmed transactions of an address, and what spends
//! an output, come from the address index; other confirmed transactions from the transaction index. What an index would
//! have to tell that is off is answered with 501 and the name of the option, what it cannot tell yet with 503: a 404 would
//! say that there is no such thing.

mod addresses;
mod asm;
mod blocks;
mod fees;
mod lookup;
mod mempool;
mod pool;
pub mod routes;
mod shapes;
mod txs;

pub(super) use lookup::find;
pub use pool::Pool;

use super::{Rest, RestError};
use crate::http::rest::RestResponse;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use std::sync::PoisonError;

/// Transactions on a page.
const PAGE: usize = 25;

/// Whether a path's errors are plain text.
pub(super) fn has(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

/// An error as clients of Esplora read it.
pub(super) fn plain_error(error: RestError) -> RestResponse {
    // An index that is off stays off: who gets 503 tries again.
    let status = if error.code == "index_off" { StatusCode::NOT_IMPLEMENTED } else { error.status };
    RestResponse::new(status, "text/plain", error.message)
}

fn text(text: String) -> RestResponse {
    RestResponse::new(StatusCode::OK, "text/plain", text)
}

fn binary(bytes: Vec<u8>) -> RestResponse {
    RestResponse::new(StatusCode::OK, "application/octet-stream", bytes)
}

/// An answer that its path, which names a hash, can have only once.
fn immutable(response: RestResponse) -> RestResponse {
    response.header(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"))
}

impl Rest {
    /// Asks the mempool by script, as it is now.
    fn with_pool<T>(&self, ask: impl FnOnce(&Pool) -> T) -> Result<T, RestError> {
        let mut pool = self.0.pool.lock().unwrap_or_else(PoisonError::into_inner);
        pool.update(self.node())?;
        Ok(ask(&pool))
    }
}
