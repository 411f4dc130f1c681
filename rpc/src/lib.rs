//! JSON-RPC in Bitcoin Core's dialect and REST, on one HTTP port.

pub mod client;
pub mod conf;
pub(crate) mod descriptor;
pub mod error;
pub mod feed;
pub mod http;
pub mod json;
pub mod methods;
pub mod network;
pub mod node;
pub mod openapi;
pub mod plugins;
pub mod ratelimit;
pub mod registry;
pub mod rest;
mod signing;
pub mod value;
pub mod web;
