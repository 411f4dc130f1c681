//! The best order in which a cluster of dependent transactions can be mined.
//!
//! The result is optimal, not a heuristic: each chunk is a set of transactions, closed under parents, that has
//! the highest fee rate of all such sets of what remains, and no smaller set inside it has that rate. Finding
//! it is a parametric minimum cut: at a trial rate `r` every transaction is worth `fee - r * weight`, the most
//! valuable closed set is a maximum closure, and the trial rate rises to that set's rate until no closed set is
//! worth more than nothing. Clusters are small (64 transactions by default), so the flow is cheap.

use super::feerate::FeeWeight;
use std::collections::VecDeque;

/// A transaction to be ordered: what it pays and weighs, and the positions of its parents in the list.
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// Fee and weight.
    pub rate: FeeWeight,
    /// Positions of direct parents.
    pub parents: Vec<usize>,
}

/// Transactions that are mined together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Positions in the list, parents before children.
    pub items: Vec<usize>,
    /// Their summed fee and weight.
    pub rate: FeeWeight,
}

/// Splits `items` into chunks of falling fee rate. The dependencies must have no cycle.
pub fn linearize(items: &[Item]) -> Vec<Group> {
    if let [item] = items {
        return vec![Group { items: vec![0], rate: item.rate }];
    }
    let mut remaining: Vec<usize> = (0..items.len()).collect();
    let mut groups = Vec::new();
    while !remaining.is_empty() {
        let chosen = best_closed_set(items, &remaining);
        remaining.retain(|at| !chosen.contains(at));
        let rate = sum(items, &chosen);
        groups.push(Group { items: topological(items, chosen), rate });
    }
    groups
}

fn sum(items: &[Item], chosen: &[usize]) -> FeeWeight {
    chosen.iter().fold(FeeWeight::default(), |sum, at| sum.plus(items[*at].rate))
}

/// Parents first; among the ready ones the best rate first, then the list's order.
fn topological(items: &[Item], mut chosen: Vec<usize>) -> Vec<usize> {
    chosen.sort_by(|a, b| items[*b].rate.compare_rate(&items[*a].rate).then(a.cmp(b)));
    let mut order = Vec::with_capacity(chosen.len());
    while !chosen.is_empty() {
        let ready =
            chosen.iter().position(|at| !items[*at].parents.iter().any(|parent| chosen.contains(parent)));
        order.push(chosen.remove(ready.expect("dependencies have no cycle")));
    }
    order
}

/// A smallest set of the highest rate among the sets of `remaining` that are closed under parents.
fn best_closed_set(items: &[Item], remaining: &[usize]) -> Vec<usize> {
    if let [only] = remaining {
        return vec![*only];
    }
    let mut rate = best_ancestor_rate(items, remaining);
    loop {
        let mut network = Network::at_rate(items, remaining, rate);
        network.saturate();
        let better = network.source_side();
        if better.is_empty() {
            return network.smallest_tight_set().into_iter().map(|at| remaining[at]).collect();
        }
        let better: Vec<usize> = better.into_iter().map(|at| remaining[at]).collect();
        rate = sum(items, &better);
    }
}

/// The best rate of a transaction taken with its ancestors of `remaining`: often the best there is, so that one
/// flow confirms it.
fn best_ancestor_rate(items: &[Item], remaining: &[usize]) -> FeeWeight {
    let mut is_left = vec![false; items.len()];
    remaining.iter().for_each(|at| is_left[*at] = true);
    let with_ancestors = |item: usize| {
        let mut seen = vec![false; items.len()];
        let mut stack = vec![item];
        let mut rate = FeeWeight::default();
        while let Some(at) = stack.pop() {
            if is_left[at] && !std::mem::replace(&mut seen[at], true) {
                rate = rate.plus(items[at].rate);
                stack.extend(&items[at].parents);
            }
        }
        rate
    };
    let rates = remaining.iter().map(|item| with_ancestors(*item));
    rates.max_by(FeeWeight::compare_rate).expect("something remains")
}

/// The flow network of a maximum closure: source to every transaction worth more than nothing, every one worth
/// less to the sink, and each transaction to its parents without limit.
struct Network {
    edges: Vec<Edge>,
    /// The edges that leave each node; nodes are the transactions, then source and sink.
    leaving: Vec<Vec<usize>>,
}

/// An edge and, at the next odd position, its reverse.
struct Edge {
    to: usize,
    left: i128,
}

const UNLIMITED: i128 = i128::MAX / 4;

impl Network {
    fn at_rate(items: &[Item], remaining: &[usize], rate: FeeWeight) -> Self {
        let count = remaining.len();
        let (source, sink) = (count, count + 1);
        let mut position = vec![usize::MAX; items.len()];
        for (at, item) in remaining.iter().enumerate() {
            position[*item] = at;
        }
        let mut network = Self { edges: Vec::new(), leaving: vec![Vec::new(); count + 2] };
        for (at, item) in remaining.iter().enumerate() {
            let FeeWeight { fee, weight } = items[*item].rate;
            let worth = i128::from(fee) * i128::from(rate.weight) - i128::from(rate.fee) * i128::from(weight);
            if worth > 0 {
                network.connect(source, at, worth);
            } else if worth < 0 {
                network.connect(at, sink, -worth);
            }
            for parent in items[*item].parents.iter().map(|parent| position[*parent]) {
                if parent != usize::MAX {
                    network.connect(at, parent, UNLIMITED);
                }
            }
        }
        network
    }

    fn connect(&mut self, from: usize, to: usize, capacity: i128) {
        self.leaving[from].push(self.edges.len());
        self.edges.push(Edge { to, left: capacity });
        self.leaving[to].push(self.edges.len());
        self.edges.push(Edge { to: from, left: 0 });
    }

    fn source(&self) -> usize {
        self.leaving.len() - 2
    }

    fn sink(&self) -> usize {
        self.leaving.len() - 1
    }

    /// Distances from the source over edges with capacity left.
    fn levels(&self, from: usize) -> Vec<Option<usize>> {
        let mut levels = vec![None; self.leaving.len()];
        levels[from] = Some(0);
        let mut queue = VecDeque::from([(from, 0)]);
        while let Some((node, level)) = queue.pop_front() {
            for edge in self.leaving[node].iter().map(|edge| &self.edges[*edge]) {
                if edge.left > 0 && levels[edge.to].is_none() {
                    levels[edge.to] = Some(level + 1);
                    queue.push_back((edge.to, level + 1));
                }
            }
        }
        levels
    }

    /// Sends the maximum flow (Dinic's algorithm).
    fn saturate(&mut self) {
        loop {
            let levels = self.levels(self.source());
            if levels[self.sink()].is_none() {
                return;
            }
            let mut next = vec![0; self.leaving.len()];
            while self.augment(&levels, &mut next) {}
        }
    }

    /// Sends flow along one shortest path; false when no path of these levels is left.
    fn augment(&mut self, levels: &[Option<usize>], next: &mut [usize]) -> bool {
        let (source, sink) = (self.source(), self.sink());
        let mut path: Vec<usize> = Vec::new();
        loop {
            let node = path.last().map_or(source, |edge| self.edges[*edge].to);
            if node == sink {
                let flow = path.iter().map(|edge| self.edges[*edge].left).min().expect("a path has edges");
                for edge in path {
                    self.edges[edge].left -= flow;
                    self.edges[edge ^ 1].left += flow;
                }
                return true;
            }
            let step = self.leaving[node][next[node]..].iter().position(|edge| {
                let edge = &self.edges[*edge];
                edge.left > 0 && levels[edge.to].zip(levels[node]).is_some_and(|(to, from)| to == from + 1)
            });
            match step {
                Some(skipped) => {
                    next[node] += skipped;
                    path.push(self.leaving[node][next[node]]);
                }
                None => {
                    next[node] = self.leaving[node].len();
                    let Some(edge) = path.pop() else { return false };
                    next[self.edges[edge ^ 1].to] += 1;
                }
            }
        }
    }

    /// After [`Self::saturate`]: the smallest most valuable closed set, empty if none is worth more than nothing.
    fn source_side(&self) -> Vec<usize> {
        let levels = self.levels(self.source());
        (0..self.source()).filter(|node| levels[*node].is_some()).collect()
    }

    /// After [`Self::saturate`] at the best rate: a smallest closed set worth exactly nothing. Those sets are
    /// the ones that no edge with capacity left leaves.
    fn smallest_tight_set(&self) -> Vec<usize> {
        (0..self.source())
            .filter_map(|node| {
                let levels = self.levels(node);
                levels[self.sink()]
                    .is_none()
                    .then(|| (0..self.source()).filter(|node| levels[*node].is_some()).collect::<Vec<_>>())
            })
            .min_by_key(Vec::len)
            .expect("the set whose rate this is")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mempool::feerate::compare_diagrams;
    use std::cmp::Ordering;

    fn item(fee: i64, weight: i64, parents: &[usize]) -> Item {
        Item { rate: FeeWeight { fee, weight }, parents: parents.to_vec() }
    }

    fn check(items: &[Item], groups: &[Group]) {
        let order: Vec<usize> = groups.iter().flat_map(|group| group.items.iter().copied()).collect();
        assert_eq!(order.len(), items.len());
        for (at, item) in order.iter().enumerate() {
            for parent in &items[*item].parents {
                assert!(order[..at].contains(parent), "{parent} before {item} in {order:?}");
            }
        }
        for pair in groups.windows(2) {
            assert_ne!(pair[0].rate.compare_rate(&pair[1].rate), Ordering::Less, "rates fall");
        }
    }

    #[test]
    fn a_child_pays_for_its_parent() {
        let groups = linearize(&[item(0, 100, &[]), item(300, 100, &[0])]);
        assert_eq!(groups, [Group { items: vec![0, 1], rate: FeeWeight { fee: 300, weight: 200 } }]);
    }

    #[test]
    fn a_parent_does_not_wait_for_a_poor_child() {
        let groups = linearize(&[item(300, 100, &[]), item(10, 100, &[0])]);
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0].items, [0]);
    }

    #[test]
    fn two_children_may_pay_for_one_parent_together() {
        // Neither child alone lifts the parent above the stranger; both do.
        let items = [item(0, 100, &[]), item(200, 100, &[0]), item(200, 100, &[0]), item(110, 100, &[])];
        let groups = linearize(&items);
        check(&items, &groups);
        assert_eq!(groups[0].items.len(), 3);
        assert_eq!(groups[0].rate, FeeWeight { fee: 400, weight: 300 });
    }

    #[test]
    fn equal_rates_stay_apart() {
        let items = [item(10, 10, &[]), item(10, 10, &[0]), item(10, 10, &[])];
        assert_eq!(linearize(&items).iter().map(|group| group.items.len()).collect::<Vec<_>>(), [1, 1, 1]);
    }

    /// A small generator, so that a failure repeats.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % sides
        }
    }

    fn random_items(dice: &mut Dice, count: usize) -> Vec<Item> {
        (0..count)
            .map(|at| {
                let parents = (0..at).filter(|_| dice.roll(4) == 0).collect();
                let rate = FeeWeight { fee: dice.roll(50) as i64, weight: 1 + dice.roll(20) as i64 };
                Item { rate, parents }
            })
            .collect()
    }

    /// No order that respects the dependencies has a diagram that is better anywhere.
    #[test]
    fn no_other_order_is_better_anywhere() {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        for _ in 0..60 {
            let count = 2 + dice.roll(5) as usize;
            let items = random_items(&mut dice, count);
            let groups = linearize(&items);
            check(&items, &groups);
            let ours: Vec<FeeWeight> = groups.iter().map(|group| group.rate).collect();
            for_each_order(&items, &mut Vec::new(), &mut |order| {
                let other = chunk(order.iter().map(|at| items[*at].rate));
                let verdict = compare_diagrams(&ours, &other);
                assert!(
                    matches!(verdict, Some(Ordering::Equal | Ordering::Greater)),
                    "{items:?}: {order:?} gives {other:?}, we {ours:?}"
                );
            });
        }
    }

    fn for_each_order(items: &[Item], order: &mut Vec<usize>, visit: &mut impl FnMut(&[usize])) {
        if order.len() == items.len() {
            return visit(order);
        }
        for at in 0..items.len() {
            if !order.contains(&at) && items[at].parents.iter().all(|parent| order.contains(parent)) {
                order.push(at);
                for_each_order(items, order, visit);
                order.pop();
            }
        }
    }

    /// The chunks of a given order: a later one joins the one before it while its rate is higher.
    fn chunk(rates: impl Iterator<Item = FeeWeight>) -> Vec<FeeWeight> {
        let mut chunks: Vec<FeeWeight> = Vec::new();
        for mut rate in rates {
            while let Some(last) = chunks.last().filter(|last| last.compare_rate(&rate) == Ordering::Less) {
                rate = rate.plus(*last);
                chunks.pop();
            }
            chunks.push(rate);
        }
        chunks
    }

    #[test]
    fn a_full_cluster_is_ordered() {
        let mut dice = Dice(42);
        let items = random_items(&mut dice, 64);
        check(&items, &linearize(&items));
        let chain: Vec<Item> =
            (0..64).map(|at: usize| item(at as i64, 400, at.checked_sub(1).as_slice())).collect();
        let groups = linearize(&chain);
        assert_eq!(groups.len(), 1, "rising fees along a chain make one chunk");
        assert_eq!(groups[0].items, (0..64).collect::<Vec<_>>());
    }
}
