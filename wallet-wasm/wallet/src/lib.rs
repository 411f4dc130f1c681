//! The wallet: keys, accounts, PSBTs, coins and a light client.
//!
//! Nothing here does I/O, reads a clock or names a browser: time and what a node answered come in as values, requests go
//! out as values. So the same code runs in a page, in Node.js and in the command `chaincore-wallet`.

mod base64;
pub mod bump;
pub mod chain;
pub mod descriptor;
pub mod feerate;
pub mod keys;
pub mod keystore;
pub mod labels;
pub mod ledger;
pub mod light;
pub mod message;
pub mod payment;
pub mod psbt;
mod selection;
pub mod service;
pub mod signer;
mod text;
pub mod uri;
#[cfg(feature = "vectors")]
pub mod vectors;
mod verify;
