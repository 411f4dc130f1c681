//! Which transactions a template takes where plugins have a say in their order.
//!
//! What is ranked are the pool's chunks. A chunk pulls those that it needs to its own place, so that a child with a high
//! rank does not wait behind a parent with a low one; apart from that, the higher rank comes first and equal ranks go by
//! fee rate. All limits hold as without hooks, and who depends on what was left out is left out.

use super::TemplateOptions;
use super::select::{Filling, Selection, pays_less};
use crate::mempool::graph::Chunk;
use crate::mempool::{Entry, Mempool, PolicyHooks, candidate};
use chaincore_consensus::Txid;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::time::{Duration, Instant};

/// How long hooks may take for a template: miners wait for it, and so does the chain.
const BUDGET: Duration = Duration::from_millis(500);

/// How early a chunk comes; the greatest is next.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Priority {
    rank: Vec<i64>,
    /// How early it would come without hooks: the later, the smaller.
    by_rate: std::cmp::Reverse<usize>,
}

struct Ranked<'a> {
    chunk: &'a Chunk,
    entries: Vec<&'a Entry>,
    /// The chunks that it depends on directly; all are before it in the list.
    needs: Vec<usize>,
    rank: Vec<i64>,
}

/// Takes chunks by rank. `None` if a hook failed or took too long: then the order is as without hooks.
pub(super) fn select(
    mempool: &Mempool,
    hooks: &PolicyHooks,
    height: u32,
    lock_time_cutoff: i64,
    options: &TemplateOptions,
) -> Option<Selection> {
    let ranked = rank(mempool, hooks)?;
    let mut needed_by: Vec<Vec<usize>> = vec![vec![]; ranked.len()];
    let mut missing: Vec<usize> = Vec::with_capacity(ranked.len());
    for (at, one) in ranked.iter().enumerate() {
        one.needs.iter().for_each(|need| needed_by[*need].push(at));
        missing.push(one.needs.len());
    }
    let priority =
        |at: usize| (Priority { rank: ranked[at].rank.clone(), by_rate: std::cmp::Reverse(at) }, at);
    let mut ready: BinaryHeap<_> = (0..ranked.len()).filter(|at| missing[*at] == 0).map(priority).collect();
    let mut filling = Filling::new(options, height, lock_time_cutoff);
    while let Some((_, at)) = ready.pop() {
        let one = &ranked[at];
        if pays_less(one.chunk.rate, options) || !filling.take(one.chunk, &one.entries) {
            if filling.is_done() {
                break;
            }
            continue;
        }
        for child in &needed_by[at] {
            missing[*child] -= 1;
            if missing[*child] == 0 {
                ready.push(priority(*child));
            }
        }
    }
    Some(filling.finish())
}

/// All chunks in the order of their rates, parents before children, with their ranks.
fn rank<'a>(mempool: &'a Mempool, hooks: &PolicyHooks) -> Option<Vec<Ranked<'a>>> {
    let since = Instant::now();
    let mut ranked: Vec<Ranked<'a>> = Vec::new();
    let mut place: HashMap<Txid, usize> = HashMap::new();
    for chunk in mempool.best_chunks() {
        let entries: Vec<&Entry> = chunk.txids.iter().filter_map(|txid| mempool.get(txid)).collect();
        let candidates: Vec<_> =
            entries.iter().map(|entry| candidate(&entry.tx, entry.fee, entry.vsize())).collect();
        let rank = hooks.rank(&candidates).ok()?;
        if since.elapsed() > BUDGET {
            tracing::warn!(target: "mempool", "ordering a template took too long; it goes by fee rates");
            return None;
        }
        let at = ranked.len();
        place.extend(chunk.txids.iter().map(|txid| (*txid, at)));
        let parents = chunk.txids.iter().flat_map(|txid| mempool.parents(txid));
        let mut needs: Vec<usize> =
            parents.filter_map(|parent| place.get(parent).copied()).filter(|need| *need != at).collect();
        needs.sort_unstable();
        needs.dedup();
        ranked.push(Ranked { chunk, entries, needs, rank });
    }
    // What is needed comes as early as what needs it.
    let mut pulled: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
    for at in (0..ranked.len()).rev() {
        if let Some(rank) = pulled.remove(&at) {
            let own = &mut ranked[at].rank;
            *own = std::mem::take(own).max(rank);
        }
        for need in &ranked[at].needs {
            let rank = pulled.entry(*need).or_default();
            *rank = std::mem::take(rank).max(ranked[at].rank.clone());
        }
    }
    Some(ranked)
}
