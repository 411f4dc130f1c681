//! The wallet: keys, accounts, PSBTs, coins and a light client.
//!
//! Nothing here does I/O, reads a clock or names a browser: time and what a node answered come in as values, requests go
//! out as values. So the same code runs in a page, in Node.js and in the command `chaincore-wallet`.

pub mod chain;
pub mod descriptor;
pub mod keys;
pub mod message;
pub mod psbt;
pub mod signer;
mod verify;
pub mod feerate;
pub mod labels;
pub mod ledger;
mod selection;
mod text;
pub mod keystore;
pub mod light;
