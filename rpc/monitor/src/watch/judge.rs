//! Who agrees with whom.
//!
//! All nodes are compared with the one that has the most work. A node disagrees if it has another block at a height
//! that both have, for longer than the grace: a block needs a moment to travel, and two blocks found at the same time
//! are a race that the next one decides.

use super::{Facts, Node, Standing, Watch};

/// Judges every node at the time `now`.
pub(super) fn judge(watch: &mut Watch, now: u64) {
    watch.reference = reference(&watch.nodes);
    let grace = millis(watch.patience.grace);
    let stall = millis(watch.patience.stall);
    let Some(reference) = watch.reference else {
        for node in &mut watch.nodes {
            node.standing = Some(match &node.error {
                Some(reason) => Standing::Unreachable { reason: reason.clone() },
                None => Standing::Unknown,
            });
        }
        return;
    };
    let best = watch.nodes[reference].clone();
    let Some(best_facts) = best.live() else { return };
    for (at, node) in watch.nodes.iter_mut().enumerate() {
        let Some(facts) = node.live().cloned() else {
            let reason = node.error.clone();
            node.standing = Some(reason.map_or(Standing::Unknown, |reason| Standing::Unreachable { reason }));
            continue;
        };
        if facts.genesis_hash != best_facts.genesis_hash {
            node.standing = Some(Standing::OtherChain { chain: facts.chain.clone() });
            continue;
        }
        if at == reference || facts.hash == best_facts.hash {
            node.behind_since = None;
            node.split_since = None;
            // A node may know of blocks by their headers that none of those watched can give it.
            node.standing = Some(Standing::Agrees);
            continue;
        }
        let common = facts.height.min(best_facts.height);
        let split = match (hash_at(node, &facts, common), hash_at(&best, best_facts, common)) {
            (Some(own), Some(theirs)) => own != theirs,
            _ => false,
        };
        node.standing = Some(if split {
            node.behind_since = None;
            let since = *node.split_since.get_or_insert(now);
            let fork_height = (0..common).rev().map_while(|height| {
                let own = hash_at(node, &facts, height)?;
                Some((height, own == hash_at(&best, best_facts, height)?))
            });
            let fork_height = fork_height.into_iter().find(|(_, same)| *same).map(|(height, _)| height);
            let own = facts.height - fork_height.unwrap_or(0);
            match now.saturating_sub(since) >= grace {
                true => Standing::Disagrees { fork_height, own },
                false => Standing::Race { fork_height, own },
            }
        } else {
            node.split_since = None;
            let blocks = best_facts.height.saturating_sub(facts.height);
            let since = *node.behind_since.get_or_insert(now);
            let still = now.saturating_sub(node.progress_at.unwrap_or(since).max(since));
            match now.saturating_sub(since) >= grace {
                false if facts.syncing => Standing::Syncing { blocks },
                false => Standing::Lagging { blocks },
                true if still >= stall => Standing::Stalled { blocks, seconds: still / 1000 },
                true if facts.syncing => Standing::Syncing { blocks },
                true => Standing::Behind { blocks },
            }
        });
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn hash_at<'a>(node: &'a Node, facts: &'a Facts, height: u32) -> Option<&'a str> {
    match height {
        0 => Some(&facts.genesis_hash),
        _ => node.chain.get(&height).map(String::as_str),
    }
}

/// The node with the most work, of those on the chain that most are on. In doubt the one given first.
fn reference(nodes: &[Node]) -> Option<usize> {
    let live = || nodes.iter().enumerate().filter_map(|(at, node)| Some((at, node.live()?)));
    let on = |genesis: &str| live().filter(|(_, facts)| facts.genesis_hash == genesis).count();
    let (_, usual) = live().max_by(|a, b| {
        let size = on(&a.1.genesis_hash).cmp(&on(&b.1.genesis_hash));
        size.then(b.0.cmp(&a.0))
    })?;
    let same_chain = live().filter(|(_, facts)| facts.genesis_hash == usual.genesis_hash);
    let most = same_chain.max_by(|a, b| {
        let work = a.1.chain_work.cmp(&b.1.chain_work);
        work.then(a.1.height.cmp(&b.1.height)).then(b.0.cmp(&a.0))
    });
    most.map(|(at, _)| at)
}
