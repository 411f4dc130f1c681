//! The part of an index that is not stored yet, in memory on top of the stored part.

use super::{Change, Key};
use chaincore_plugin::BlockRef;
use std::collections::{BTreeMap, VecDeque};

/// Keys and their new values.
pub(super) type Changes = BTreeMap<Key, Option<Vec<u8>>>;

/// The changes of one block that came or went, and the cursor after it.
#[derive(Debug)]
struct Step {
    cursor: BlockRef,
    changes: Changes,
    bytes: usize,
}

/// A rough count of the memory that a change takes beside its key and value.
const CHANGE_OVERHEAD: usize = 96;

/// Steps above the stored state, oldest first, and all of them merged.
///
/// Changes are final values, so the newest change of a key is all that a reader needs, and steps can be stored
/// together as one.
#[derive(Debug)]
pub(super) struct Overlay {
    steps: VecDeque<Step>,
    merged: Changes,
    bytes: usize,
    cursor: Option<BlockRef>,
}

impl Overlay {
    /// Nothing on top of a state stored with this cursor.
    pub(super) fn new(cursor: Option<BlockRef>) -> Self {
        Self { steps: VecDeque::new(), merged: Changes::new(), bytes: 0, cursor }
    }

    /// The last block taken in.
    pub(super) fn cursor(&self) -> Option<BlockRef> {
        self.cursor
    }

    /// The memory taken, roughly.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether everything is stored.
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Adds a step.
    pub(super) fn push(&mut self, cursor: BlockRef, changes: Vec<Change>) {
        let changes: Changes = changes.into_iter().collect();
        let size = |(key, value): (&Key, &Option<Vec<u8>>)| {
            2 * (key.len() + value.as_ref().map_or(0, Vec::len)) + CHANGE_OVERHEAD
        };
        let bytes = changes.iter().map(size).sum();
        self.merged.extend(changes.iter().map(|(key, value)| (key.clone(), value.clone())));
        self.bytes += bytes;
        self.cursor = Some(cursor);
        self.steps.push_back(Step { cursor, changes, bytes });
    }

    /// The value of a key, if a step has changed it.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<&Vec<u8>>> {
        self.merged.get(key).map(Option::as_ref)
    }

    /// The changed keys from `from` up to but without `to`, in order.
    pub(super) fn range(
        &self,
        from: &[u8],
        to: &[u8],
    ) -> impl DoubleEndedIterator<Item = (&Key, Option<&Vec<u8>>)> {
        self.merged
            .range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)))
            .map(|(key, value)| (key, value.as_ref()))
    }

    /// All changes, merged.
    pub(super) fn changes(&self) -> &Changes {
        &self.merged
    }

    /// How many of the oldest steps can be stored: up to the last whose cursor `is_durable`.
    pub(super) fn storable(&self, is_durable: impl Fn(&BlockRef) -> bool) -> usize {
        self.steps.iter().rposition(|step| is_durable(&step.cursor)).map_or(0, |last| last + 1)
    }

    /// The changes of the `count` oldest steps, and the cursor after them.
    pub(super) fn oldest(&self, count: usize) -> Option<(BlockRef, Changes)> {
        let last = self.steps.get(count.checked_sub(1)?)?;
        if count == self.steps.len() {
            return Some((last.cursor, self.merged.clone()));
        }
        let mut changes = Changes::new();
        for step in self.steps.iter().take(count) {
            changes.extend(step.changes.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        Some((last.cursor, changes))
    }

    /// Forgets what the steps have changed, which is stored, but not where they lead.
    pub(super) fn drop_changes(&mut self) {
        for step in &mut self.steps {
            step.changes.clear();
            step.bytes = 0;
        }
        self.merged.clear();
        self.bytes = 0;
    }

    /// Forgets the `count` oldest steps: they are stored.
    pub(super) fn drop_oldest(&mut self, count: usize) {
        for step in self.steps.drain(..count) {
            self.bytes -= step.bytes;
        }
        self.merged.clear();
        for step in &self.steps {
            self.merged.extend(step.changes.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::BlockHash;

    fn at(height: u32, branch: u8) -> BlockRef {
        BlockRef { height, hash: BlockHash([branch; 32]) }
    }

    fn change(key: u8, value: Option<u8>) -> Change {
        (vec![key], value.map(|value| vec![value]))
    }

    #[test]
    fn the_newest_change_counts_and_old_steps_leave() {
        let mut overlay = Overlay::new(Some(at(0, 0)));
        overlay.push(at(1, 1), vec![change(1, Some(1)), change(2, Some(1))]);
        overlay.push(at(2, 1), vec![change(1, Some(2))]);
        overlay.push(at(1, 1), vec![change(1, Some(1))]);
        overlay.push(at(2, 2), vec![change(2, None)]);
        assert_eq!(overlay.cursor(), Some(at(2, 2)));
        assert_eq!(overlay.get(&[1]), Some(Some(&vec![1])));
        assert_eq!(overlay.get(&[2]), Some(None));
        assert_eq!(overlay.get(&[3]), None);
        assert_eq!(overlay.range(&[0], &[2]).count(), 1);

        // The old branch is durable: what can be stored ends where the way back has reached it.
        assert_eq!(overlay.storable(|cursor| *cursor == at(1, 1) || *cursor == at(2, 1)), 3);
        let (cursor, changes) = overlay.oldest(3).unwrap();
        assert_eq!(cursor, at(1, 1));
        assert_eq!(changes.into_iter().collect::<Vec<_>>(), vec![change(1, Some(1)), change(2, Some(1))]);
        overlay.drop_oldest(3);
        assert_eq!(overlay.get(&[1]), None);
        assert_eq!(overlay.get(&[2]), Some(None));
        assert_eq!(overlay.storable(|_| false), 0);
        overlay.drop_changes();
        assert_eq!((overlay.get(&[2]), overlay.bytes(), overlay.is_empty()), (None, 0, false));
        assert_eq!(overlay.oldest(1), Some((at(2, 2), Changes::new())));
        overlay.drop_oldest(1);
        assert!(overlay.is_empty() && overlay.bytes() == 0);
        assert_eq!(overlay.cursor(), Some(at(2, 2)));
    }
}
