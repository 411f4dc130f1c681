//! How the mempool's transactions depend on each other: clusters, their best order, relatives.
//!
//! A cluster is a set of transactions connected by spending. Each is kept linearized, because everything that
//! ranks transactions reads it: block templates take the best chunk first, a full pool drops the worst chunk,
//! and a replacement must improve the diagram that the chunks draw.
//!
//! Invariant: outside [`TxGraph::add`] and [`TxGraph::remove`] .. [`TxGraph::settle`], every transaction
//! belongs to exactly one cluster and `worst` holds the last chunk of each.

use super::feerate::FeeWeight;
use super::linearize::{Item, linearize};
use chaincore_consensus::Txid;
use std::cmp::Ordering;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};

/// Names a cluster until it changes.
type ClusterId = u64;

/// The bounds on one cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClusterLimits {
    /// Transactions (Core's `-limitclustercount`).
    pub count: usize,
    /// Virtual bytes (Core's `-limitclustersize`, in kvB there).
    pub vsize: i64,
}

impl Default for ClusterLimits {
    fn default() -> Self {
        Self { count: 64, vsize: 101_000 }
    }
}

impl ClusterLimits {
    fn exceeded_by(&self, count: usize, weight: i64) -> bool {
        count > self.count || weight > self.vsize * 4
    }
}

/// Transactions of one cluster that are mined together, parents first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// The transactions.
    pub txids: Vec<Txid>,
    /// Their summed fee and weight.
    pub rate: FeeWeight,
}

#[derive(Debug)]
struct Node {
    rate: FeeWeight,
    parents: Vec<Txid>,
    children: Vec<Txid>,
    cluster: ClusterId,
}

/// The order of chunks: by rate, then by the chunk's first transaction, so that every node agrees with itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Rank {
    rate: FeeWeight,
    first: Txid,
    cluster: ClusterId,
    at: usize,
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_rate = self.rate.compare_rate(&other.rate);
        by_rate.then_with(|| other.first.cmp(&self.first)).then(self.at.cmp(&other.at))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A transaction that might be added.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its identifier.
    pub txid: Txid,
    /// What it pays and weighs.
    pub rate: FeeWeight,
    /// The transactions it spends from, whether in the graph or earlier candidates; others are ignored.
    pub parents: Vec<Txid>,
}

/// What a change would do to the clusters it touches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The chunks there are, best first.
    pub before: Vec<FeeWeight>,
    /// The chunks there would be, best first.
    pub after: Vec<FeeWeight>,
}

/// The dependency graph.
#[derive(Debug, Default)]
pub struct TxGraph {
    nodes: HashMap<Txid, Node>,
    clusters: HashMap<ClusterId, Vec<Chunk>>,
    worst: BTreeSet<Rank>,
    next_cluster: ClusterId,
    /// Transactions whose cluster was dissolved and waits for [`Self::settle`].
    loose: HashSet<Txid>,
}

impl TxGraph {
    /// Adds a transaction with its parents and children in the graph (identifiers outside it are ignored).
    /// Call [`Self::settle`] when done.
    pub fn add(&mut self, candidate: Candidate, children: &[Txid]) {
        let Candidate { txid, rate, parents } = candidate;
        let known = |of: &[Txid]| {
            let mut list: Vec<Txid> = of.iter().filter(|id| self.nodes.contains_key(id)).copied().collect();
            list.sort_unstable();
            list.dedup();
            list
        };
        let (parents, children) = (known(&parents), known(children));
        for parent in &parents {
            self.node_mut(parent).children.push(txid);
            self.dissolve_cluster_of(parent);
        }
        for child in &children {
            self.node_mut(child).parents.push(txid);
            self.dissolve_cluster_of(child);
        }
        self.nodes.insert(txid, Node { rate, parents, children, cluster: 0 });
        self.loose.insert(txid);
    }

    /// Removes a transaction. Call [`Self::settle`] when done.
    pub fn remove(&mut self, txid: &Txid) {
        if !self.nodes.contains_key(txid) {
            return;
        }
        self.dissolve_cluster_of(txid);
        self.loose.remove(txid);
        let node = self.nodes.remove(txid).expect("just seen");
        for parent in &node.parents {
            self.node_mut(parent).children.retain(|id| id != txid);
        }
        for child in &node.children {
            self.node_mut(child).parents.retain(|id| id != txid);
        }
    }

    /// Changes what a transaction pays.
    pub fn set_fee(&mut self, txid: &Txid, fee: i64) {
        if self.nodes.contains_key(txid) {
            self.node_mut(txid).rate.fee = fee;
            self.dissolve_cluster_of(txid);
            self.settle();
        }
    }

    /// Forms and orders the clusters of everything that changed.
    pub fn settle(&mut self) {
        let mut loose: Vec<Txid> = self.loose.drain().collect();
        loose.sort_unstable();
        let mut seen = HashSet::new();
        for txid in loose {
            if seen.contains(&txid) {
                continue;
            }
            let members = self.reach(&txid, |node| node.parents.iter().chain(&node.children));
            seen.extend(members.iter().copied());
            self.next_cluster += 1;
            let chunks = self.order(&members);
            for member in &members {
                self.node_mut(member).cluster = self.next_cluster;
            }
            self.worst.extend(rank(self.next_cluster, &chunks, chunks.len() - 1));
            self.clusters.insert(self.next_cluster, chunks);
        }
    }

    fn order(&self, members: &[Txid]) -> Vec<Chunk> {
        let nodes =
            members.iter().map(|txid| (*txid, self.node(txid).rate, self.node(txid).parents.as_slice()));
        order(nodes.collect())
    }

    fn dissolve_cluster_of(&mut self, txid: &Txid) {
        if self.loose.contains(txid) {
            return;
        }
        let cluster = self.node(txid).cluster;
        let Some(chunks) = self.clusters.remove(&cluster) else { return };
        if let Some(last) = rank(cluster, &chunks, chunks.len() - 1) {
            self.worst.remove(&last);
        }
        self.loose.extend(chunks.into_iter().flat_map(|chunk| chunk.txids));
    }

    fn node(&self, txid: &Txid) -> &Node {
        self.nodes.get(txid).expect("links name transactions of the graph")
    }

    fn node_mut(&mut self, txid: &Txid) -> &mut Node {
        self.nodes.get_mut(txid).expect("links name transactions of the graph")
    }

    /// Everything reachable from `txid` over `links`, itself first.
    fn reach<'a, I>(&'a self, txid: &Txid, links: impl Fn(&'a Node) -> I) -> Vec<Txid>
    where
        I: Iterator<Item = &'a Txid>,
    {
        let mut found = vec![*txid];
        let mut seen = HashSet::from([*txid]);
        let mut at = 0;
        while at < found.len() {
            for next in links(self.node(&found[at])) {
                if seen.insert(*next) {
                    found.push(*next);
                }
            }
            at += 1;
        }
        found
    }

    /// The transaction and all it depends on; empty if it is not in the graph.
    pub fn ancestors(&self, txid: &Txid) -> Vec<Txid> {
        if !self.nodes.contains_key(txid) {
            return Vec::new();
        }
        self.reach(txid, |node| node.parents.iter())
    }

    /// The transaction and all that depends on it; empty if it is not in the graph.
    pub fn descendants(&self, txid: &Txid) -> Vec<Txid> {
        if !self.nodes.contains_key(txid) {
            return Vec::new();
        }
        self.reach(txid, |node| node.children.iter())
    }

    /// Direct parents.
    pub fn parents(&self, txid: &Txid) -> &[Txid] {
        self.nodes.get(txid).map_or(&[], |node| &node.parents)
    }

    /// Direct children.
    pub fn children(&self, txid: &Txid) -> &[Txid] {
        self.nodes.get(txid).map_or(&[], |node| &node.children)
    }

    /// The chunks of the transaction's cluster, best first; empty if it is not in the graph.
    pub fn cluster(&self, txid: &Txid) -> &[Chunk] {
        self.nodes.get(txid).and_then(|node| self.clusters.get(&node.cluster)).map_or(&[], Vec::as_slice)
    }

    /// How many distinct clusters the transactions are in.
    pub fn count_clusters(&self, txids: &[Txid]) -> usize {
        let clusters: HashSet<_> =
            txids.iter().filter_map(|txid| self.nodes.get(txid)).map(|node| node.cluster).collect();
        clusters.len()
    }

    /// The chunk that a full pool gives up first.
    pub fn worst_chunk(&self) -> Option<&Chunk> {
        let worst = self.worst.first()?;
        self.clusters.get(&worst.cluster)?.last()
    }

    /// All chunks, best first. `skip` on the iterator leaves out the rest of the last chunk's cluster.
    pub fn best_first(&self) -> BestFirst<'_> {
        let heads = self.clusters.iter().flat_map(|(cluster, chunks)| rank(*cluster, chunks, 0)).collect();
        BestFirst { graph: self, heads, last: None }
    }

    /// What removing some transactions and then adding `added` (parents before children) would change, or
    /// `None` if a cluster would exceed the limits.
    pub fn preview(
        &self,
        removed: &HashSet<Txid>,
        added: &[Candidate],
        limits: ClusterLimits,
    ) -> Option<Change> {
        let touched = self.touched(removed, added);
        let clusters = touched.iter().filter_map(|cluster| self.clusters.get(cluster));
        let before = clusters.flatten().map(|chunk| chunk.rate).collect();
        let components = self.components_after(&touched, removed, added, limits)?;
        let after = components.into_iter().flat_map(order).map(|chunk| chunk.rate).collect();
        let sorted = |mut chunks: Vec<FeeWeight>| {
            chunks.sort_by(|a, b| b.compare_rate(a));
            chunks
        };
        Some(Change { before: sorted(before), after: sorted(after) })
    }

    /// Whether adding `added` (parents before children) keeps every cluster within the limits.
    pub fn fits(&self, added: &[Candidate], limits: ClusterLimits) -> bool {
        let removed = HashSet::new();
        let touched = self.touched(&removed, added);
        self.components_after(&touched, &removed, added, limits).is_some()
    }

    /// The clusters that a change would dissolve.
    fn touched(&self, removed: &HashSet<Txid>, added: &[Candidate]) -> HashSet<ClusterId> {
        let parents = added.iter().flat_map(|candidate| &candidate.parents);
        removed
            .iter()
            .chain(parents)
            .filter_map(|txid| self.nodes.get(txid))
            .map(|node| node.cluster)
            .collect()
    }

    /// What the touched clusters would become, or `None` if one would exceed the limits.
    fn components_after<'a>(
        &'a self,
        touched: &HashSet<ClusterId>,
        removed: &HashSet<Txid>,
        added: &'a [Candidate],
        limits: ClusterLimits,
    ) -> Option<Vec<Vec<Pending<'a>>>> {
        let chunks = touched.iter().filter_map(|cluster| self.clusters.get(cluster)).flatten();
        let kept = chunks.flat_map(|chunk| &chunk.txids).filter(|txid| !removed.contains(txid));
        let mut nodes: Vec<Pending<'a>> = kept
            .map(|txid| (*txid, self.node(txid).rate, self.node(txid).parents.as_slice()))
            .chain(
                added.iter().map(|candidate| (candidate.txid, candidate.rate, candidate.parents.as_slice())),
            )
            .collect();
        nodes.sort_unstable_by_key(|(txid, ..)| *txid);
        let components = components(nodes);
        let weight = |component: &[Pending<'_>]| component.iter().map(|(_, rate, _)| rate.weight).sum();
        let fit = components.iter().all(|component| !limits.exceeded_by(component.len(), weight(component)));
        fit.then_some(components)
    }

    /// Transactions to remove so that no dissolved cluster, once formed again, exceeds the limits; to be called
    /// before [`Self::settle`] when many links appeared at once. The best transactions stay, as in Core's `Trim`.
    pub fn excess(&self, limits: ClusterLimits) -> Vec<Txid> {
        let mut loose: Vec<Txid> = self.loose.iter().copied().collect();
        loose.sort_unstable();
        let mut seen = HashSet::new();
        let mut excess = Vec::new();
        for txid in loose {
            if seen.contains(&txid) {
                continue;
            }
            let members = self.reach(&txid, |node| node.parents.iter().chain(&node.children));
            seen.extend(members.iter().copied());
            let weight = members.iter().map(|member| self.node(member).rate.weight).sum();
            if limits.exceeded_by(members.len(), weight) {
                excess.extend(self.excess_of(&members, limits));
            }
        }
        excess
    }

    fn excess_of(&self, members: &[Txid], limits: ClusterLimits) -> Vec<Txid> {
        // Each kept transaction points at a representative of its group; groups merge as links are kept.
        let mut group: HashMap<Txid, Txid> = HashMap::new();
        let mut sums: HashMap<Txid, (usize, i64)> = HashMap::new();
        let find = |group: &HashMap<Txid, Txid>, mut at: Txid| {
            while group[&at] != at {
                at = group[&at];
            }
            at
        };
        let mut waiting: HashMap<Txid, usize> =
            members.iter().map(|txid| (*txid, self.node(txid).parents.len())).collect();
        let ranked = |txid: &Txid| Rank { rate: self.node(txid).rate, first: *txid, cluster: 0, at: 0 };
        let mut ready: BinaryHeap<Rank> =
            members.iter().filter(|txid| waiting[txid] == 0).map(ranked).collect();
        while let Some(Rank { first: txid, rate, .. }) = ready.pop() {
            let mut roots: Vec<Txid> =
                self.node(&txid).parents.iter().map(|parent| find(&group, *parent)).collect();
            roots.sort_unstable();
            roots.dedup();
            let (count, weight) = roots.iter().fold((1, rate.weight), |(count, weight), root| {
                (count + sums[root].0, weight + sums[root].1)
            });
            if limits.exceeded_by(count, weight) {
                continue;
            }
            for root in roots {
                group.insert(root, txid);
                sums.remove(&root);
            }
            group.insert(txid, txid);
            sums.insert(txid, (count, weight));
            for child in &self.node(&txid).children {
                let left = waiting.get_mut(child).expect("children belong to the cluster");
                *left -= 1;
                if *left == 0 {
                    ready.push(ranked(child));
                }
            }
        }
        members.iter().filter(|txid| !group.contains_key(txid)).copied().collect()
    }
}

/// A transaction to be ordered: identifier, rate, parents.
type Pending<'a> = (Txid, FeeWeight, &'a [Txid]);

fn rank(cluster: ClusterId, chunks: &[Chunk], at: usize) -> Option<Rank> {
    chunks.get(at).map(|chunk| Rank { rate: chunk.rate, first: chunk.txids[0], cluster, at })
}

fn positions(nodes: &[Pending<'_>]) -> HashMap<Txid, usize> {
    nodes.iter().enumerate().map(|(at, (txid, ..))| (*txid, at)).collect()
}

fn order(mut nodes: Vec<Pending<'_>>) -> Vec<Chunk> {
    nodes.sort_unstable_by_key(|(txid, ..)| *txid);
    let position = positions(&nodes);
    let items: Vec<Item> = nodes
        .iter()
        .map(|(_, rate, parents)| Item {
            rate: *rate,
            parents: parents.iter().filter_map(|parent| position.get(parent).copied()).collect(),
        })
        .collect();
    let groups = linearize(&items).into_iter();
    groups
        .map(|group| Chunk { txids: group.items.iter().map(|at| nodes[*at].0).collect(), rate: group.rate })
        .collect()
}

/// Splits transactions into the sets that are connected.
fn components(nodes: Vec<Pending<'_>>) -> Vec<Vec<Pending<'_>>> {
    let position = positions(&nodes);
    let mut links = vec![Vec::new(); nodes.len()];
    for (at, (.., parents)) in nodes.iter().enumerate() {
        for parent in parents.iter().filter_map(|parent| position.get(parent)) {
            links[at].push(*parent);
            links[*parent].push(at);
        }
    }
    let mut seen = vec![false; nodes.len()];
    let mut components = Vec::new();
    for start in 0..nodes.len() {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        let mut component = vec![start];
        let mut next = 0;
        while next < component.len() {
            for &to in &links[component[next]] {
                if !std::mem::replace(&mut seen[to], true) {
                    component.push(to);
                }
            }
            next += 1;
        }
        components.push(component.into_iter().map(|at| nodes[at]).collect());
    }
    components
}

/// The pool's chunks, best first.
pub struct BestFirst<'a> {
    graph: &'a TxGraph,
    heads: BinaryHeap<Rank>,
    last: Option<Rank>,
}

impl BestFirst<'_> {
    /// Leaves out what follows the last chunk in its cluster: it may depend on that chunk.
    pub fn skip_cluster(&mut self) {
        self.last = None;
    }
}

impl<'a> Iterator for BestFirst<'a> {
    type Item = &'a Chunk;

    fn next(&mut self) -> Option<&'a Chunk> {
        if let Some(last) = self.last.take() {
            let chunks = self.graph.clusters.get(&last.cluster).expect("the graph is borrowed");
            self.heads.extend(rank(last.cluster, chunks, last.at + 1));
        }
        let best = self.heads.pop()?;
        self.last = Some(best);
        self.graph.clusters.get(&best.cluster).expect("the graph is borrowed").get(best.at)
    }
}

#[cfg(test)]
mod tests;
