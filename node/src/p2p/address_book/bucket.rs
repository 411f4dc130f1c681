//! Where in the tables an address goes: secret, but always the same place for the same address and source.
//!
//! All addresses of one group share 8 of the tried buckets, all that sources of one group tell of share 64 of the
//! new ones, and the place within a bucket is set by the address. Whoever doesn't know the key can't choose whom
//! to push out, and whoever has addresses in few groups can't fill the tables.

use crate::p2p::net_address::{Host, NetAddress};
use chaincore_consensus::codec::{Sink, put_var_bytes};
use chaincore_consensus::hash::HashWriter;

/// How many places a bucket has.
pub(super) const BUCKET_SIZE: usize = 64;
/// Over how many tried buckets the addresses of one group are spread.
const TRIED_BUCKETS_PER_GROUP: u64 = 8;
/// Over how many new buckets the addresses are spread that one group of sources tells of.
const NEW_BUCKETS_PER_SOURCE_GROUP: u64 = 64;

/// One of the two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    /// Addresses that others told of.
    New,
    /// Addresses that we have been connected to.
    Tried,
}

impl Table {
    /// How many buckets the table has.
    pub const fn buckets(self) -> usize {
        match self {
            Self::New => 1024,
            Self::Tried => 256,
        }
    }

    /// How many places the table has.
    pub const fn capacity(self) -> usize {
        self.buckets() * BUCKET_SIZE
    }
}

/// A place in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub bucket: usize,
    pub position: usize,
}

/// The secret that the places depend on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct BucketKey(pub [u8; 32]);

impl BucketKey {
    /// Where a tried address goes.
    pub fn tried(&self, address: &NetAddress) -> Place {
        let spread = self.hash(|hash| put_var_bytes(hash, &address.key())) % TRIED_BUCKETS_PER_GROUP;
        let bucket = self.hash(|hash| {
            put_var_bytes(hash, &address.group());
            hash.put(&spread.to_le_bytes());
        });
        let bucket = (bucket % Table::Tried.buckets() as u64) as usize;
        Place { bucket, position: self.position(Table::Tried, bucket, address) }
    }

    /// Where a new address goes that a source has told of.
    pub fn new_place(&self, address: &NetAddress, source: &Host) -> Place {
        let source = source.group();
        let spread = self.hash(|hash| {
            put_var_bytes(hash, &address.group());
            put_var_bytes(hash, &source);
        }) % NEW_BUCKETS_PER_SOURCE_GROUP;
        let bucket = self.hash(|hash| {
            put_var_bytes(hash, &source);
            hash.put(&spread.to_le_bytes());
        });
        let bucket = (bucket % Table::New.buckets() as u64) as usize;
        Place { bucket, position: self.position(Table::New, bucket, address) }
    }

    /// The address's place in a bucket.
    pub fn position(&self, table: Table, bucket: usize, address: &NetAddress) -> usize {
        let letter = match table {
            Table::New => b'N',
            Table::Tried => b'K',
        };
        let hash = self.hash(|hash| {
            hash.put(&[letter]);
            hash.put(&(bucket as u32).to_le_bytes());
            put_var_bytes(hash, &address.key());
        });
        (hash % BUCKET_SIZE as u64) as usize
    }

    /// The first 64 bits of the double SHA-256 of the key and what `write` puts.
    fn hash(&self, write: impl FnOnce(&mut HashWriter)) -> u64 {
        let mut hash = HashWriter::default();
        hash.put(&self.0);
        write(&mut hash);
        let hash = hash.finish();
        u64::from_le_bytes(*hash.first_chunk().expect("a hash has 32 bytes"))
    }
}

/// The places of a table, each with the identity of an address or empty.
#[derive(Clone)]
pub(super) struct Slots<Id> {
    slots: Vec<Option<Id>>,
    /// How many places of each bucket are taken, and the buckets of which any is, in no order.
    taken: Vec<usize>,
    used: Vec<usize>,
}

impl<Id: Copy> Slots<Id> {
    pub fn new(table: Table) -> Self {
        Self { slots: vec![None; table.capacity()], taken: vec![0; table.buckets()], used: Vec::new() }
    }

    pub fn get(&self, place: Place) -> Option<Id> {
        self.slots[place.bucket * BUCKET_SIZE + place.position]
    }

    pub fn set(&mut self, place: Place, id: Option<Id>) {
        let before = std::mem::replace(&mut self.slots[place.bucket * BUCKET_SIZE + place.position], id);
        let taken = &mut self.taken[place.bucket];
        match (before.is_some(), id.is_some()) {
            (false, true) => {
                *taken += 1;
                if *taken == 1 {
                    self.used.push(place.bucket);
                }
            }
            (true, false) => {
                *taken -= 1;
                if *taken == 0 {
                    self.used.retain(|used| *used != place.bucket);
                }
            }
            _ => {}
        }
    }

    /// The buckets with any place taken, in no order.
    pub fn used_buckets(&self) -> &[usize] {
        &self.used
    }

    /// The places that are taken, in order.
    pub fn taken(&self) -> impl Iterator<Item = (Place, Id)> + '_ {
        self.slots.iter().enumerate().filter_map(|(at, id)| {
            Some((Place { bucket: at / BUCKET_SIZE, position: at % BUCKET_SIZE }, (*id)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::hash::sha256d;
    use std::collections::BTreeSet;

    // The keys and numbers of Core's tests of its buckets.
    fn key(n: u32) -> BucketKey {
        BucketKey(sha256d(&n.to_le_bytes()))
    }

    fn at(a: u32, b: u32, c: u32, d: u32, port: u16) -> NetAddress {
        NetAddress::new(Host::Ipv4([a, b, c, d].map(|byte| byte as u8)), port)
    }

    #[test]
    fn tried_buckets() {
        let address = at(250, 1, 1, 1, 8333);
        assert_eq!(key(1).tried(&address).bucket, 40);
        assert_ne!(key(2).tried(&address).bucket, 40);
        assert_ne!(key(1).tried(&address.with_port(9999)).bucket, 40);

        let buckets = |addresses: &mut dyn Iterator<Item = NetAddress>| {
            addresses.map(|address| key(1).tried(&address).bucket).collect::<BTreeSet<_>>().len()
        };
        assert_eq!(buckets(&mut (0..255).map(|i| at(250, 1, 1, i, 0))), 8, "one group");
        assert_eq!(buckets(&mut (0..255).map(|i| at(250, i, 1, 1, 0))), 160, "many groups");
    }

    #[test]
    fn new_buckets() {
        let address = at(250, 1, 2, 1, 8333);
        let source = at(250, 1, 2, 1, 0).host();
        assert_eq!(key(1).new_place(&address, &source).bucket, 786);
        assert_ne!(key(2).new_place(&address, &source).bucket, 786);
        assert_eq!(key(1).new_place(&address.with_port(9999), &source).bucket, 786);

        let buckets = |pairs: &mut dyn Iterator<Item = (NetAddress, NetAddress)>| {
            let places = pairs.map(|(address, source)| key(1).new_place(&address, &source.host()).bucket);
            places.collect::<BTreeSet<_>>().len()
        };
        assert_eq!(
            buckets(&mut (0..255).map(|i| (at(250, 1, 1, i, 0), at(250, 1, 1, i, 0)))),
            1,
            "one group"
        );
        let of_one_source = (0..1020).map(|i| (at(250 + i / 255, i % 256, 1, 1, 0), at(251, 4, 1, 1, 0)));
        assert!(buckets(&mut of_one_source.into_iter()) <= 64);
        assert!(buckets(&mut (0..255).map(|i| (at(250, 1, 1, 1, 0), at(250, i, 1, 1, 0)))) > 64);
    }

    #[test]
    fn slots_are_listed_in_order() {
        let mut slots = Slots::new(Table::Tried);
        let places = [(3, 7), (0, 63), (255, 63)].map(|(bucket, position)| Place { bucket, position });
        for (id, place) in places.into_iter().enumerate() {
            slots.set(place, Some(id));
        }
        let listed: Vec<_> = slots.taken().collect();
        assert_eq!(listed, [(places[1], 1), (places[0], 0), (places[2], 2)]);
        assert_eq!(slots.get(places[0]), Some(0));
        assert_eq!(slots.used_buckets(), [3, 0, 255]);
        slots.set(places[1], Some(9));
        slots.set(places[1], None);
        slots.set(places[1], None);
        assert_eq!(slots.used_buckets(), [3, 255]);
        slots.set(places[1], Some(1));
        slots.set(places[0], None);
        assert_eq!(slots.taken().count(), 2);
    }
}
