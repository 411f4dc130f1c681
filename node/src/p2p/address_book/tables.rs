//! The two tables, and how addresses come into them, move between them and leave.
//!
//! New addresses go to up to 8 places of the new table, one for each source that tells of them, less and less
//! likely. One that was connected to moves to its only place in the tried table. If that is taken, nothing moves:
//! the two are noted as a collision, the one that is there is connected to again, and only if that fails it goes
//! back to the new table. So what is known to work is not pushed out by what merely worked once.
//!
//! Invariants, which [`Tables::check`] tests: an address is in the tried table once, or in the new table at 1 to 8
//! places; every place that an address is in is the one its key gives; the counts are those of the addresses. The
//! tables never hold more than their places, so memory is bounded (about 16 MB when all are taken).

use super::bucket::{BucketKey, Place, Slots, Table};
use super::entry::{Choice, Count, DAY, Entry, HOUR, Listed, MINUTE};
use crate::p2p::net_address::{Host, NetAddress, Network};
use crate::p2p::wire::{PeerAddress, ServiceFlags};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU64;

/// The most places of the new table that one address is in.
pub(super) const MAX_REFERENCES: usize = 8;
/// The most collisions that are waiting to be resolved.
const MAX_COLLISIONS: usize = 10;
/// A tried address that was connected to since is not replaced.
const REPLACEMENT: i64 = 4 * HOUR;
/// After that long without a test, the tried address is replaced: it can't be connected to for some reason.
const TEST_WINDOW: i64 = 40 * MINUTE;

/// The identity of an address while it is in the tables; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(pub NonZeroU64);

/// The tables. Times are seconds since 1970.
pub(super) struct Tables {
    pub key: BucketKey,
    pub random: StdRng,
    last_id: u64,
    pub entries: HashMap<Id, Entry>,
    pub ids: HashMap<NetAddress, Id>,
    /// All addresses, in an order that is shuffled as it is used.
    pub order: Vec<Id>,
    pub new: Slots<Id>,
    pub tried: Slots<Id>,
    pub counts: [Count; Network::ALL.len()],
    /// When a connection last succeeded: failures count only once between two successes, for all of them may be
    /// ours. 1 at first, so that "never" is before it.
    last_good: i64,
    /// Addresses whose place in the tried table is taken.
    collisions: BTreeSet<Id>,
}

impl Tables {
    /// Empty tables whose places depend on `key`, and whose choices on `seed`.
    pub fn new(key: [u8; 32], seed: [u8; 32]) -> Self {
        Self {
            key: BucketKey(key),
            random: StdRng::from_seed(seed),
            last_id: 0,
            entries: HashMap::new(),
            ids: HashMap::new(),
            order: Vec::new(),
            new: Slots::new(Table::New),
            tried: Slots::new(Table::Tried),
            counts: [Count::default(); Network::ALL.len()],
            last_good: 1,
            collisions: BTreeSet::new(),
        }
    }

    /// The number of addresses, of one network or all, in one table or both.
    pub fn size(&self, network: Option<Network>, table: Option<Table>) -> usize {
        let of = |count: &Count| match table {
            None => count.new + count.tried,
            Some(Table::New) => count.new,
            Some(Table::Tried) => count.tried,
        };
        match network {
            None => self.counts.iter().map(of).sum(),
            Some(network) => of(&self.counts[network as usize]),
        }
    }

    /// Adds addresses that a source has told of, as if it were `penalty` seconds longer ago that they were heard
    /// of. Returns how many have a place that they didn't have.
    pub fn add(&mut self, addresses: &[PeerAddress], source: &Host, penalty: i64, now: i64) -> usize {
        let added = addresses.iter().filter(|address| self.add_one(address, source, penalty, now)).count();
        if added > 0 {
            let [new, tried] = [Table::New, Table::Tried].map(|table| self.size(None, Some(table)));
            tracing::debug!(
                target: "addrman",
                "added {added} addresses (of {}) from {source}: {tried} tried, {new} new",
                addresses.len(),
            );
        }
        added
    }

    fn add_one(&mut self, told: &PeerAddress, source: &Host, penalty: i64, now: i64) -> bool {
        if !told.address.is_routable() {
            return false;
        }
        // Nobody is penalised for telling of itself.
        let penalty = if told.address.host() == *source { 0 } else { penalty };
        let time = i64::from(told.time);
        let id = match self.ids.get(&told.address) {
            None => {
                let mut entry = Entry::new(*told, *source);
                entry.set_time(time - penalty);
                self.create(entry)
            }
            Some(&id) => {
                let entry = self.entries.get_mut(&id).expect("an address that has an identity has an entry");
                // Who is online is heard of often.
                let interval = if now - time < DAY { HOUR } else { DAY };
                if entry.time() < time - interval - penalty {
                    entry.set_time(time - penalty);
                }
                entry.address.services |= told.services;
                if time <= entry.time() || entry.tried || entry.references == MAX_REFERENCES {
                    return false;
                }
                // Each place is half as likely as the last.
                if entry.references > 0 && self.random.random_range(0..1_u32 << entry.references) != 0 {
                    return false;
                }
                id
            }
        };
        let place = self.key.new_place(&told.address, source);
        let has_place = self.entries[&id].references > 0;
        let free = match self.new.get(place) {
            None => true,
            Some(other) if other == id => return false,
            Some(other) => {
                let other = &self.entries[&other];
                other.is_terrible(now) || other.references > 1 && !has_place
            }
        };
        if free {
            self.clear_new(place);
            self.put_new(place, id);
            tracing::debug!(
                target: "addrman",
                "added {} to new[{}][{}]", told.address, place.bucket, place.position,
            );
        } else if !has_place {
            self.delete(id);
        }
        free
    }

    /// Notes that the address was connected to at `time`. Returns whether it has moved to the tried table.
    pub fn good(&mut self, address: &NetAddress, test_before_evict: bool, time: i64) -> bool {
        self.last_good = time;
        let Some(&id) = self.ids.get(address) else {
            return false;
        };
        let entry = self.entry_mut(id);
        entry.last_success = time;
        entry.last_try = time;
        entry.failures = 0;
        // When it was heard of stays as it is: others could see whom we are connected to.
        if entry.tried {
            return false;
        }
        let place = self.key.tried(address);
        match self.tried.get(place) {
            Some(other) if test_before_evict => {
                if self.collisions.len() < MAX_COLLISIONS {
                    self.collisions.insert(id);
                }
                tracing::debug!(
                    target: "addrman",
                    "{address} collides with {} in the tried table, {} collisions",
                    self.entries[&other].address.address,
                    self.collisions.len(),
                );
                false
            }
            _ => {
                self.make_tried(id, place);
                tracing::debug!(
                    target: "addrman",
                    "moved {address} to tried[{}][{}]", place.bucket, place.position,
                );
                true
            }
        }
    }

    /// Notes that the address is being tried at `time`, and whether that counts as a failure until it succeeds.
    pub fn attempt(&mut self, address: &NetAddress, count_failure: bool, time: i64) {
        let last_good = self.last_good;
        if let Some(entry) = self.find_mut(address) {
            entry.last_try = time;
            if count_failure && entry.last_counted_try < last_good {
                entry.last_counted_try = time;
                entry.failures = entry.failures.saturating_add(1);
            }
        }
    }

    /// Notes that the address was online at `time`, now that we disconnect and it tells nothing about us.
    pub fn connected(&mut self, address: &NetAddress, time: i64) {
        if let Some(entry) = self.find_mut(address)
            && time - entry.time() > 20 * MINUTE
        {
            entry.set_time(time);
        }
    }

    /// Notes what the address itself says that it can do.
    pub fn set_services(&mut self, address: &NetAddress, services: ServiceFlags) {
        if let Some(entry) = self.find_mut(address) {
            entry.address.services = services;
        }
    }

    /// Ends the collisions that can be: in favour of the tried address if it was connected to, of the other one
    /// if that failed or never happened.
    pub fn resolve_collisions(&mut self, now: i64) {
        for id in self.collisions.clone() {
            if self.resolve_collision(id, now) {
                self.collisions.remove(&id);
            }
        }
    }

    fn resolve_collision(&mut self, id: Id, now: i64) -> bool {
        let Some(entry) = self.entries.get(&id) else {
            return true;
        };
        let (address, last_success) = (entry.address.address, entry.last_success);
        if let Some(old) = self.tried.get(self.key.tried(&address)) {
            let old = &self.entries[&old];
            let ago = |time: i64| now.saturating_sub(time);
            if ago(old.last_success) < REPLACEMENT {
                return true;
            }
            let replace = if ago(old.last_try) < REPLACEMENT {
                // It was tried without success, unless that is still to come.
                ago(old.last_try) > MINUTE
            } else {
                ago(last_success) > TEST_WINDOW
            };
            if !replace {
                return false;
            }
            tracing::debug!(
                target: "addrman", "{address} replaces {} in the tried table", old.address.address,
            );
        }
        self.good(&address, false, now);
        true
    }

    /// A tried address that another one collides with, to be tested.
    pub fn select_tried_collision(&mut self) -> Option<Choice> {
        if self.collisions.is_empty() {
            return None;
        }
        let at = self.random.random_range(0..self.collisions.len());
        let id = *self.collisions.iter().nth(at)?;
        let Some(entry) = self.entries.get(&id) else {
            self.collisions.remove(&id);
            return None;
        };
        let old = &self.entries[&self.tried.get(self.key.tried(&entry.address.address))?];
        Some(Choice { address: old.address, last_try: old.last_try })
    }

    /// The addresses of a table with their places, in order. One of the new table is there for each of its places.
    pub fn list(&self, table: Table) -> Vec<Listed> {
        let list = |(place, id): (Place, Id)| {
            let entry = &self.entries[&id];
            let Place { bucket, position } = place;
            Listed { bucket, position, address: entry.address, source: entry.source }
        };
        self.slots(table).taken().map(list).collect()
    }

    pub fn slots(&self, table: Table) -> &Slots<Id> {
        match table {
            Table::New => &self.new,
            Table::Tried => &self.tried,
        }
    }

    fn entry_mut(&mut self, id: Id) -> &mut Entry {
        self.entries.get_mut(&id).expect("an identity that is in use has an entry")
    }

    fn find_mut(&mut self, address: &NetAddress) -> Option<&mut Entry> {
        let id = self.ids.get(address)?;
        self.entries.get_mut(id)
    }

    pub fn count_mut(&mut self, network: Network) -> &mut Count {
        &mut self.counts[network as usize]
    }

    /// Gives an entry its identity, and counts it as new although it has no place yet.
    pub fn create(&mut self, mut entry: Entry) -> Id {
        self.last_id += 1;
        let id = Id(NonZeroU64::new(self.last_id).expect("nobody adds 2^64 addresses"));
        entry.position = self.order.len();
        self.order.push(id);
        self.ids.insert(entry.address.address, id);
        self.count_mut(entry.network()).new += 1;
        self.entries.insert(id, entry);
        id
    }

    pub fn swap_order(&mut self, a: usize, b: usize) {
        self.order.swap(a, b);
        for position in [a, b] {
            let id = self.order[position];
            self.entry_mut(id).position = position;
        }
    }

    /// Forgets an address that has no place.
    pub fn delete(&mut self, id: Id) {
        let last = self.order.len() - 1;
        self.swap_order(self.entries[&id].position, last);
        self.order.pop();
        let entry = self.entries.remove(&id).expect("just looked up");
        debug_assert!(!entry.tried && entry.references == 0);
        self.ids.remove(&entry.address.address);
        self.count_mut(entry.network()).new -= 1;
    }

    /// Frees a place of the new table, and forgets the address if it was the only one.
    fn clear_new(&mut self, place: Place) {
        if let Some(id) = self.new.get(place) {
            self.new.set(place, None);
            let entry = self.entry_mut(id);
            entry.references -= 1;
            if entry.references == 0 {
                self.delete(id);
            }
        }
    }

    pub fn put_new(&mut self, place: Place, id: Id) {
        self.new.set(place, Some(id));
        self.entry_mut(id).references += 1;
    }

    /// Moves a new address to its place in the tried table, and who is there back to the new one.
    fn make_tried(&mut self, id: Id, place: Place) {
        let Entry { address, source, .. } = self.entries[&id];
        let first = self.key.new_place(&address.address, &source).bucket;
        for n in 0..Table::New.buckets() {
            let bucket = (first + n) % Table::New.buckets();
            let place = Place { bucket, position: self.key.position(Table::New, bucket, &address.address) };
            if self.new.get(place) == Some(id) {
                self.new.set(place, None);
                let entry = self.entry_mut(id);
                entry.references -= 1;
                if entry.references == 0 {
                    break;
                }
            }
        }
        if let Some(old) = self.tried.get(place) {
            let entry = self.entry_mut(old);
            entry.tried = false;
            let (network, address, source) = (entry.network(), entry.address.address, entry.source);
            let count = self.count_mut(network);
            count.tried -= 1;
            count.new += 1;
            let back = self.key.new_place(&address, &source);
            self.clear_new(back);
            self.put_new(back, old);
        }
        self.tried.set(place, Some(id));
        let entry = self.entry_mut(id);
        entry.tried = true;
        let network = entry.network();
        let count = self.count_mut(network);
        count.new -= 1;
        count.tried += 1;
    }
}
