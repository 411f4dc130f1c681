//! Bitcoin's consensus rules as pure functions over data: types and codec, the script interpreter, header,
//! block and transaction rules, difficulty, chain parameters and addresses.
//!
//! Nothing here reads a file, a clock or a socket, waits, logs or keeps a global: whoever calls brings the
//! facts (a time, an ancestor, a coin) and gets a verdict. It builds for wasm32.

pub mod address;
pub mod amount;
pub mod ancestry;
pub mod block;
pub mod check;
pub mod codec;
pub mod coin;
pub mod connect;
pub mod context;
pub mod difficulty;
pub mod filter;
pub mod hash;
pub mod hex;
pub mod locktime;
pub mod merkle;
pub mod params;
pub mod pow;
pub mod reject;
pub mod script;
pub mod sigcache;
pub mod sighash;
pub mod signet;
pub mod subsidy;
pub mod transaction;
pub mod undo;
pub mod versionbits;

pub use amount::Amount;
pub use block::{Block, Header};
pub use hash::{BlockHash, Hash256, Txid, Wtxid};
pub use script::Script;
pub use transaction::{OutPoint, Transaction, Tx, TxIn, TxOut, TxRef};
