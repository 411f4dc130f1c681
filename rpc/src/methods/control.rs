//! The process itself: time, indexes, stopping, and methods that only answer.

use super::{Reply, reply};
use crate::error::RpcError;
use crate::json::Json;
use crate::node::Node;
use crate::registry::{ActiveCalls, Args};
use crate::value::Object;
use serde::Serialize;
use std::time::Duration;

pub fn uptime(node: &dyn Node, _: &Args) -> Reply {
    reply(&node.uptime().as_secs())
}

/// The longest that `stop` waits before it answers.
const MAX_STOP_WAIT: Duration = Duration::from_secs(60);

pub fn stop(node: &dyn Node, args: &Args) -> Reply {
    node.request_shutdown();
    if let Some(Json::Number(_)) = args.some(0) {
        let wait = Duration::from_millis(args.int::<u32>(0)?.into());
        std::thread::sleep(wait.min(MAX_STOP_WAIT));
    }
    reply("ChainCore stopping")
}

pub fn setmocktime(node: &dyn Node, args: &Args) -> Reply {
    if !node.params().mockable {
        return Err(RpcError::misc("setmocktime is for regression testing (-regtest mode) only"));
    }
    let time: i64 = args.int(0)?;
    if !(0..=i64::from(u32::MAX)).contains(&time) {
        return Err(RpcError::invalid_parameter(format!(
            "Mocktime must be in the range [0, {}], not {time}.",
            u32::MAX
        )));
    }
    node.set_mock_time((time != 0).then_some(time));
    reply(&())
}

pub fn getzmqnotifications(node: &dyn Node, _: &Args) -> Reply {
    reply(&node.notifications())
}

#[derive(Serialize)]
struct IndexJson {
    synced: bool,
    best_block_height: u32,
}

pub fn getindexinfo(node: &dyn Node, args: &Args) -> Reply {
    let wanted = args.opt_str(0)?.unwrap_or("");
    let mut object = Object::new();
    for index in node.indexes() {
        if wanted.is_empty() || wanted == index.name {
            object
                .put(&index.name, &IndexJson { synced: index.synced, best_block_height: index.best_height });
        }
    }
    reply(&object)
}

/// `echo` and `echojson`: the arguments as they came.
pub fn echo(_: &dyn Node, args: &Args) -> Reply {
    reply(args.values())
}

/// `echoipc`: the text as it came. (Core may send it through another process; here there is none.)
pub fn echoipc(_: &dyn Node, args: &Args) -> Reply {
    reply(args.str(0)?)
}

#[derive(Serialize)]
struct ActiveJson {
    method: &'static str,
    duration: u64,
}

#[derive(Serialize)]
struct RpcInfo {
    active_commands: Vec<ActiveJson>,
    logpath: String,
}

/// `getrpcinfo`: what is being answered, and where the log is.
pub fn rpc_info(node: &dyn Node, active: &ActiveCalls) -> Reply {
    let shown = |call: crate::registry::ActiveCall| ActiveJson {
        method: call.method,
        duration: u64::try_from(call.duration.as_micros()).unwrap_or(u64::MAX),
    };
    let logpath = node.info().log_path.as_ref().map(|path| path.display().to_string());
    reply(&RpcInfo {
        active_commands: active.list().into_iter().map(shown).collect(),
        logpath: logpath.unwrap_or_default(),
    })
}

fn switch_categories(node: &dyn Node, categories: Option<&[Json]>, on: bool) -> Result<(), RpcError> {
    for category in categories.unwrap_or_default() {
        let category = category.get_str()?;
        let known = match category {
            "" | "1" | "all" => {
                let all = node.log_categories();
                all.into_iter().all(|(category, _)| node.set_log_category(category, on))
            }
            // Core knows it still, though nothing logs there.
            "libevent" => true,
            category => node.set_log_category(category, on),
        };
        if !known {
            return Err(RpcError::invalid_parameter(format!("unknown logging category {category}")));
        }
    }
    Ok(())
}

pub fn logging(node: &dyn Node, args: &Args) -> Reply {
    switch_categories(node, args.opt_array(0)?, true)?;
    switch_categories(node, args.opt_array(1)?, false)?;
    let mut object = Object::new();
    for (category, on) in node.log_categories() {
        object.put(category, &on);
    }
    reply(&object)
}

#[derive(Serialize, Default)]
struct LockedMemory {
    used: u64,
    free: u64,
    total: u64,
    locked: u64,
    chunks_used: u64,
    chunks_free: u64,
}

/// `getmemoryinfo`: a node keeps no keys, so it locks no memory.
pub fn getmemoryinfo(_: &dyn Node, args: &Args) -> Reply {
    match args.opt_str(0)?.unwrap_or("stats") {
        "stats" => reply(&Object::new().with("locked", &LockedMemory::default())),
        "mallocinfo" => Err(RpcError::invalid_parameter("mallocinfo mode not available")),
        mode => Err(RpcError::invalid_parameter(format!("unknown mode {mode}"))),
    }
}
