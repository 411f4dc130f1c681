//! Proof-of-work search: finds the nonce that brings a header's hash to its target.
//!
//! [`Work`] is one header with everything but the nonce precomputed (the midstate of its first 64 bytes);
//! [`Workers`] is a rayon pool whose threads are pinned to cores and search disjoint slices of the nonce
//! space. The answer does not depend on the number of threads: it is always the **lowest** nonce of the range
//! that solves the header, so a search is reproducible.
//!
//! The crate knows nothing of templates, nodes or networks: whoever calls brings a header and a target.

mod kernel;
mod prepared;
mod sha256;
mod work;
mod workers;

pub use kernel::Kernel;
pub use prepared::{Hit, Prepared};
pub use work::Work;
pub use workers::{Search, Workers, WorkersError};
