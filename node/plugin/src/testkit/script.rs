//! What happens to a chain, its node and a plugin, in order.

use super::blocks::Numbers;

/// One thing that happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// So many blocks come.
    Extend(u32),
    /// So many blocks are taken off, and one more comes.
    Reorganize(u32),
    /// So many blocks are taken off (`invalidateblock`).
    TakeOff(u32),
    /// What there is becomes durable.
    Flush,
    /// The node is killed: all that is not durable is forgotten.
    CrashNode,
    /// The plugin is closed and opened again.
    Restart,
    /// The plugin is killed between two steps.
    Kill,
    /// The plugin is led so many steps, or until there are none to make.
    Steps(usize),
    /// The plugin is led until there is nothing left to do.
    Lead,
}

/// A random script with so many actions. The same seed gives the same.
pub fn script(seed: u64, actions: usize) -> Vec<Action> {
    let mut numbers = Numbers(seed);
    let mut pick = || match numbers.below(16) {
        0..4 => Action::Extend(1 + numbers.below(6) as u32),
        4..6 => Action::Reorganize(1 + numbers.below(8) as u32),
        6 => Action::TakeOff(1 + numbers.below(3) as u32),
        7..9 => Action::Flush,
        9 => Action::CrashNode,
        10 => Action::Restart,
        11 => Action::Kill,
        12..15 => Action::Steps(1 + numbers.below(3) as usize),
        _ => Action::Lead,
    };
    (0..actions).map(|_| pick()).collect()
}

/// One of each thing that has ever gone wrong in followers, in few steps.
pub(super) const KNOWN: &[Action] = {
    use Action::{CrashNode, Extend, Flush, Lead, Reorganize, Restart, TakeOff};
    &[
        // From nothing, over a restart, to a tip that is not durable.
        Lead,
        Extend(3),
        Flush,
        Lead,
        Restart,
        Extend(5),
        Lead,
        // A branch is left before and after it is durable.
        Reorganize(1),
        Lead,
        Flush,
        Lead,
        Reorganize(3),
        Lead,
        Flush,
        Lead,
        // The node forgets.
        Extend(4),
        Lead,
        CrashNode,
        Lead,
        Extend(2),
        Flush,
        Lead,
        // Deep, and while the plugin is away.
        Extend(8),
        Flush,
        Lead,
        Restart,
        Reorganize(8),
        Flush,
        Lead,
        // Blocks go and nothing comes; then others come.
        TakeOff(3),
        Flush,
        Lead,
        Extend(1),
        Reorganize(2),
        Flush,
        Lead,
    ]
};
