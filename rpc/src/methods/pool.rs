//! The mempool as a whole: clusters, what spends an output, its file, and what cannot enter it yet.

use super::{Reply, reply};
use crate::error::{RpcError, code};
use crate::json::Json;
use crate::node::{ImportMempool, MempoolChunk, Node, Orphan};
use crate::registry::Args;
use crate::value::{Btc, Object};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::{Amount, OutPoint, Txid, Wtxid, hex};
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct ChunkJson {
    chunkfee: Btc,
    chunkweight: u64,
    txs: Vec<Txid>,
}

#[derive(Serialize)]
struct ClusterJson {
    clusterweight: u64,
    txcount: usize,
    chunks: Vec<ChunkJson>,
}

pub fn getmempoolcluster(node: &dyn Node, args: &Args) -> Reply {
    let txid: Txid = args.hash(0, "txid")?;
    let chunks = node.mempool_cluster(&txid);
    let chunks = chunks.ok_or_else(|| RpcError::not_found("Transaction not in mempool"))?;
    let shown = |chunk: MempoolChunk| ChunkJson {
        chunkfee: Btc(chunk.fee),
        chunkweight: chunk.weight,
        txs: chunk.txids,
    };
    reply(&ClusterJson {
        clusterweight: chunks.iter().map(|chunk| chunk.weight).sum(),
        txcount: chunks.iter().map(|chunk| chunk.txids.len()).sum(),
        chunks: chunks.into_iter().map(shown).collect(),
    })
}

#[derive(Serialize)]
struct DiagramPoint {
    weight: u64,
    fee: Btc,
}

pub fn getmempoolfeeratediagram(node: &dyn Node, _: &Args) -> Reply {
    let (mut weight, mut fee) = (0, Amount::ZERO);
    let mut points = vec![DiagramPoint { weight, fee: Btc(fee) }];
    for chunk in node.mempool_chunks() {
        weight += chunk.weight;
        fee = Amount(fee.sat().saturating_add(chunk.fee.sat()));
        points.push(DiagramPoint { weight, fee: Btc(fee) });
    }
    reply(&points)
}

#[derive(Serialize)]
struct SavedJson {
    filename: String,
}

pub fn savemempool(node: &dyn Node, _: &Args) -> Reply {
    if !node.mempool_info().loaded {
        return Err(RpcError::misc("The mempool was not loaded yet"));
    }
    let path = node.save_mempool().map_err(|_| RpcError::misc("Unable to dump mempool to disk"))?;
    reply(&SavedJson { filename: path.display().to_string() })
}

pub fn importmempool(node: &dyn Node, args: &Args) -> Reply {
    if node.initial_block_download() {
        let message = "Can only import the mempool after the block download and sync is done.";
        return Err(RpcError::new(code::CLIENT_IN_INITIAL_DOWNLOAD, message));
    }
    let path = args.str(0)?;
    let options = args.opt_object(1)?;
    let switch = |name: &str, default: bool| match options.map(|options| options.field(name)) {
        Some(value) if !value.is_null() => value.get_bool(),
        _ => Ok(default),
    };
    let how = ImportMempool {
        use_current_time: switch("use_current_time", true)?,
        apply_fee_deltas: switch("apply_fee_delta_priority", false)?,
        apply_unbroadcast: switch("apply_unbroadcast_set", false)?,
    };
    if !node.import_mempool(Path::new(path), how)? {
        return Err(RpcError::misc("Unable to import mempool file, see debug log for details."));
    }
    reply(&Object::new())
}

/// Checks that an object has members of these types and no others (Core's `RPCTypeCheckObj`, which looks at them in
/// the order of their names). `required`: none may be missing.
pub fn check_members(object: &Json, members: &[(&str, &str)], required: bool) -> Result<(), RpcError> {
    for (name, kind) in members {
        let value = object.field(name);
        if value.is_null() {
            if required {
                return Err(RpcError::wrong_type(format!("Missing {name}")));
            }
            continue;
        }
        if value.type_name() != *kind {
            return Err(RpcError::wrong_type(format!(
                "JSON value of type {} for field {name} is not of expected type {kind}",
                value.type_name()
            )));
        }
    }
    let unknown =
        object.get_object()?.iter().find(|(name, _)| !members.iter().any(|(known, _)| known == name));
    match unknown {
        Some((name, _)) => Err(RpcError::wrong_type(format!("Unexpected key {name}"))),
        None => Ok(()),
    }
}

#[derive(Serialize)]
struct SpenderJson {
    txid: Txid,
    vout: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    spendingtxid: Option<Txid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spendingtx: Option<String>,
}

pub fn gettxspendingprevout(node: &dyn Node, args: &Args) -> Reply {
    let outputs = args.array(0)?;
    if outputs.is_empty() {
        return Err(RpcError::invalid_parameter("Invalid parameter, outputs are missing"));
    }
    let (mut mempool_only, mut in_full) = (true, false);
    if let Some(options) = args.opt_object(1)? {
        check_members(options, &[("mempool_only", "bool"), ("return_spending_tx", "bool")], false)?;
        if let Some(only) = options.member("mempool_only") {
            mempool_only = only.get_bool()?;
        }
        if let Some(full) = options.member("return_spending_tx") {
            in_full = full.get_bool()?;
        }
    }
    let outpoint = |output: &Json| {
        output.get_object()?;
        check_members(output, &[("txid", "string"), ("vout", "number")], true)?;
        let txid = output.field("txid").hash("txid")?;
        let vout: i32 = output.field("vout").get_int()?;
        let vout = u32::try_from(vout);
        let vout =
            vout.map_err(|_| RpcError::invalid_parameter("Invalid parameter, vout cannot be negative"))?;
        Ok(OutPoint { txid, vout })
    };
    let outpoints: Vec<OutPoint> = outputs.iter().map(outpoint).collect::<Result<_, RpcError>>()?;
    let mut answers = Vec::with_capacity(outpoints.len());
    for outpoint in outpoints {
        let spender = node.mempool_spender(&outpoint);
        if spender.is_none() && !mempool_only {
            return Err(RpcError::misc(
                "Mempool lacks a relevant spend, and txospenderindex is unavailable.",
            ));
        }
        let tx = spender.filter(|_| in_full).and_then(|txid| node.mempool_tx(&txid));
        answers.push(SpenderJson {
            txid: outpoint.txid,
            vout: outpoint.vout,
            spendingtxid: spender,
            spendingtx: tx.map(|tx| hex::encode(&tx.to_bytes())),
        });
    }
    reply(&answers)
}

#[derive(Serialize)]
struct OrphanJson {
    txid: Txid,
    wtxid: Wtxid,
    bytes: usize,
    vsize: usize,
    weight: usize,
    from: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
}

pub fn getorphantxs(node: &dyn Node, args: &Args) -> Reply {
    let verbosity = args.get(0).verbosity(0, false)?;
    let shown = |orphan: Orphan| OrphanJson {
        txid: orphan.tx.txid(),
        wtxid: orphan.tx.wtxid(),
        bytes: orphan.tx.total_size(),
        vsize: orphan.tx.vsize(),
        weight: orphan.tx.weight(),
        from: orphan.from,
        hex: (verbosity == 2).then(|| hex::encode(&orphan.tx.to_bytes())),
    };
    let orphans = node.orphans().into_iter();
    match verbosity {
        0 => reply(&orphans.map(|orphan| orphan.tx.txid()).collect::<Vec<_>>()),
        1 | 2 => reply(&orphans.map(shown).collect::<Vec<_>>()),
        other => Err(RpcError::invalid_parameter(format!("Invalid verbosity value {other}"))),
    }
}
