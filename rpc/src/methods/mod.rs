//! The JSON-RPC methods, one file per group, each exactly as Bitcoin Core 31 answers: fields and their order,
//! units, types, error codes and texts.
//!
//! A method knows the node by the trait [`Node`](crate::node::Node) alone. What a caller may pass and what help
//! says of it is in [`table`].

mod addresses;
mod block_json;
mod blockchain;
mod coins;
mod control;
mod deployments;
mod filters;
mod generate;
mod known_addresses;
mod mempool;
mod messages;
pub(crate) mod mining;
pub mod muhash;
mod network;
mod outputs;
mod peers;
mod pool;
pub(crate) mod proofs;
mod rawtx;
mod scans;
mod stats;
pub(crate) mod submission;
mod table;
mod table_chain;
mod table_inspect;
mod table_network;
mod table_pool;
mod table_scan;
mod table_work;
pub(crate) mod template;
mod transact;
pub(crate) mod tx_json;
mod waits;

use crate::node::{Node, NodeRef};
use crate::registry::{Args, CallResult, Method, RegistryBuilder};
use crate::value::to_raw;
use serde::Serialize;
use std::sync::Arc;

/// What a method answers.
type Reply = CallResult;

/// A method that runs to its end on a thread that may block.
type Handler = fn(&dyn Node, &Args) -> Reply;

/// A method and its handler.
type Row = (Method, Handler);

/// A value as a method's answer.
fn reply<T: Serialize + ?Sized>(value: &T) -> Reply {
    to_raw(value).map_err(|error| {
        let message = format!("result cannot be printed: {error}");
        crate::error::RpcError::new(crate::error::code::INTERNAL_ERROR, message)
    })
}

/// Adds every method to a registry.
pub fn register(builder: &mut RegistryBuilder, node: &NodeRef) {
    for (method, handler) in table::rows() {
        let node = node.clone();
        builder.add_blocking(method, move |call| handler(&*node, &call.args));
    }
    let templates = Arc::new(template::Templates::default());
    let for_template = node.clone();
    builder.add_waiting_shared(table_work::getblocktemplate(), move |call| {
        template::getblocktemplate(for_template.clone(), templates.clone(), call)
    });
    let waiter = node.clone();
    builder.add_waiting(table_chain::waitfornewblock(), move |call| {
        waits::waitfornewblock(waiter.clone(), call)
    });
    let waiter = node.clone();
    builder.add_waiting(table_chain::waitforblock(), move |call| waits::waitforblock(waiter.clone(), call));
    let waiter = node.clone();
    builder.add_waiting(table_chain::waitforblockheight(), move |call| {
        waits::waitforblockheight(waiter.clone(), call)
    });
    let coins_scan = Arc::new(scans::Scan::default());
    let scanner = node.clone();
    builder.add_blocking(table_scan::scantxoutset(), move |call| {
        scans::scantxoutset(&*scanner, &coins_scan, &call.args)
    });
    let blocks_scan = Arc::new(scans::Scan::default());
    let scanner = node.clone();
    builder.add_blocking(table_scan::scanblocks(), move |call| {
        scans::scanblocks(&*scanner, &blocks_scan, &call.args)
    });
    let active = builder.active_calls();
    let for_rpcinfo = node.clone();
    builder.add_blocking(table::getrpcinfo(), move |_| control::rpc_info(&*for_rpcinfo, &active));
}
