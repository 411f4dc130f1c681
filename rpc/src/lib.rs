//! JSON-RPC in Bitcoin Core's dialect and REST, on one HTTP port.

pub mod conf;
pub mod error;
pub mod http;
pub mod json;
pub mod ratelimit;
pub mod registry;
pub mod value;
