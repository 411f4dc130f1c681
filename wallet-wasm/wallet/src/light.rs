//! The light client: what the node says is believed as far as it proves it.
//!
//! Headers are checked from the genesis block by the chain's own rules ([`headers`]), a confirmed transaction by its
//! merkle branch ([`proof`]), filters against the chain of filter headers and that against other nodes ([`filters`]).
//! [`sync`] drives all of it without doing any I/O, and [`trust`] names every lie that was caught.

pub mod esplora;
pub mod filters;
pub mod headers;
pub mod proof;
pub mod sync;
pub mod trust;

#[cfg(test)]
mod maker;
