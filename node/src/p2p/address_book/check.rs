//! Whether the tables are what they should be: of a file that was read, and in tests.

use super::bucket::Table;
use super::entry::Count;
use super::tables::{MAX_REFERENCES, Tables};
use crate::p2p::net_address::Network;
use std::collections::HashMap;

impl Tables {
    /// Core's number for the first invariant that doesn't hold.
    pub fn check(&self) -> Result<(), i32> {
        let ensure = |holds: bool, code: i32| if holds { Ok(()) } else { Err(code) };
        ensure(self.order.len() == self.size(None, None), -7)?;
        ensure(self.order.len() == self.entries.len(), -10)?;

        let mut counts = [Count::default(); Network::ALL.len()];
        for (id, entry) in &self.entries {
            let count = &mut counts[entry.network() as usize];
            if entry.tried {
                ensure(entry.last_success != 0, -1)?;
                ensure(entry.references == 0, -2)?;
                count.tried += 1;
            } else {
                ensure(entry.references <= MAX_REFERENCES, -3)?;
                ensure(entry.references > 0, -4)?;
                count.new += 1;
            }
            ensure(self.ids.get(&entry.address.address) == Some(id), -5)?;
            ensure(self.order.get(entry.position) == Some(id), -14)?;
            ensure(entry.last_try >= 0, -6)?;
            ensure(entry.last_success >= 0, -8)?;
        }

        let mut places = HashMap::new();
        for (place, id) in self.tried.taken() {
            let entry = self.entries.get(&id).filter(|entry| entry.tried).ok_or(-11)?;
            let right = self.key.tried(&entry.address.address);
            ensure(right.bucket == place.bucket, -17)?;
            ensure(right.position == place.position, -18)?;
            ensure(places.insert(id, 1).is_none(), -9)?;
        }
        for (place, id) in self.new.taken() {
            let entry = self.entries.get(&id).filter(|entry| !entry.tried).ok_or(-12)?;
            let position = self.key.position(Table::New, place.bucket, &entry.address.address);
            ensure(position == place.position, -19)?;
            *places.entry(id).or_insert(0) += 1;
        }
        for (id, entry) in &self.entries {
            let places = places.get(id).copied().unwrap_or(0);
            let (right, code) = if entry.tried { (1, -13) } else { (entry.references, -15) };
            ensure(places == right, code)?;
        }
        ensure(self.key.0 != [0; 32], -16)?;
        ensure(self.ids.len() == self.entries.len(), -5)?;
        ensure(counts == self.counts, -21)
    }
}
