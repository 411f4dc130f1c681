//! `peers.dat`: the tables in Core's format, so that either program reads the other's file.
//!
//! A format number, the lowest one that a reader has to know (plus 32), the key, the counts, the new addresses, the
//! tried ones, and for each new bucket the indices of its addresses. Tried places follow from the key. Written is
//! format 4; read are 0 to 4 and what says that it can be read as those.

use super::bucket::{Place, Table};
use super::entry::Entry;
use super::tables::{Id, MAX_REFERENCES, Tables};
use crate::p2p::disk::{self, FileError};
use chaincore_consensus::codec::{DecodeError, Reader};
use std::collections::HashMap;

/// The format that is written: since the first, each of them added something.
const FORMAT: u8 = 4;
/// Since this format addresses are in BIP155's form.
const WITH_BIP155: u8 = 3;
/// Since this format the file ends with the map of autonomous systems that its buckets were made with.
const WITH_AS_MAP: u8 = 2;
/// Since this format the number of buckets has a bit turned over, so that the oldest readers stop there.
const WITH_BUCKET_BIT: u8 = 1;
const BUCKET_BIT: i32 = 1 << 30;
/// What is added to the lowest format: once, the length of the key was there.
const COMPATIBLE_BASE: u8 = 32;
/// We have no map of autonomous systems.
const NO_AS_MAP: [u8; 32] = [0; 32];

/// No file is larger: 81920 addresses of at most 115 bytes, and the buckets.
pub(super) const MAX_FILE: u64 = 16 << 20;

/// Why there are no tables in a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    /// A later version of Core has written it.
    #[error("format {format} is compatible with formats from {lowest} on, and {FORMAT} is known")]
    Unsupported { format: u8, lowest: u8 },
    /// Anything else. The texts are Core's where there are any.
    #[error("{0}")]
    Damaged(#[from] FileError),
}

impl From<DecodeError> for LoadError {
    fn from(error: DecodeError) -> Self {
        Self::Damaged(error.into())
    }
}

fn invalid(text: String) -> LoadError {
    DecodeError::Invalid(text).into()
}

impl Tables {
    /// The bytes of the file, between its magic and its checksum.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT, COMPATIBLE_BASE + FORMAT];
        bytes.extend(self.key.0);
        let counts = [Table::New, Table::Tried].map(|table| self.size(None, Some(table)) as i32);
        for count in counts {
            bytes.extend(count.to_le_bytes());
        }
        bytes.extend((Table::New.buckets() as i32 ^ BUCKET_BIT).to_le_bytes());

        let mut indices: HashMap<Id, i32> = HashMap::new();
        for tried in [false, true] {
            for id in &self.order {
                let entry = &self.entries[id];
                if entry.tried == tried {
                    if !tried {
                        indices.insert(*id, indices.len() as i32);
                    }
                    encode_entry(entry, &mut bytes);
                }
            }
        }
        let mut buckets = vec![Vec::new(); Table::New.buckets()];
        for (place, id) in self.new.taken() {
            buckets[place.bucket].push(indices[&id]);
        }
        for bucket in buckets {
            bytes.extend((bucket.len() as i32).to_le_bytes());
            for index in bucket {
                bytes.extend(index.to_le_bytes());
            }
        }
        bytes.extend(NO_AS_MAP);
        bytes
    }

    /// The tables of a file. Addresses that are none, or whose place is taken, are dropped.
    pub fn decode(reader: &mut Reader<'_>, seed: [u8; 32]) -> Result<Self, LoadError> {
        let format = reader.u8()?;
        let compatible = reader.u8()?;
        let Some(lowest) = compatible.checked_sub(COMPATIBLE_BASE) else {
            return Err(invalid(format!(
                "Corrupted addrman database: The compat value ({compatible}) is lower than the expected minimum \
                 value {COMPATIBLE_BASE}."
            )));
        };
        if lowest > FORMAT {
            return Err(LoadError::Unsupported { format, lowest });
        }
        let bip155 = format >= WITH_BIP155;
        let mut tables = Self::new(reader.array()?, seed);
        let new_count = reader.i32()?;
        let tried_count = reader.i32()?;
        let bit = if format >= WITH_BUCKET_BIT { BUCKET_BIT } else { 0 };
        let buckets = reader.i32()? ^ bit;
        let new_count = check_count("nNew", new_count, Table::New)?;
        let tried_count = check_count("nTried", tried_count, Table::Tried)?;

        let mut new = Vec::new();
        for _ in 0..new_count {
            new.push(tables.create(decode_entry(reader, bip155)?));
        }
        for _ in 0..tried_count {
            tables.restore_tried(decode_entry(reader, bip155)?);
        }
        let places = decode_buckets(reader, buckets, new.len())?;
        let as_map = if format >= WITH_AS_MAP { reader.array()? } else { NO_AS_MAP };
        // Otherwise the buckets are not those that the addresses would have today.
        let same_buckets = buckets == Table::New.buckets() as i32 && as_map == NO_AS_MAP;
        for (bucket, index) in places {
            tables.restore_new(new[index], same_buckets.then_some(bucket));
        }
        tables.delete_placeless();
        tables
            .check()
            .map_err(|code| invalid(format!("Corrupt data. Consistency check failed with code {code}")))?;
        Ok(tables)
    }

    fn restore_tried(&mut self, mut entry: Entry) {
        let address = entry.address.address;
        let place = self.key.tried(&address);
        if !address.is_valid() || self.tried.get(place).is_some() {
            return;
        }
        entry.tried = true;
        let network = entry.network();
        let id = self.create(entry);
        self.tried.set(place, Some(id));
        let count = self.count_mut(network);
        count.new -= 1;
        count.tried += 1;
    }

    /// Puts a new address to its place in a bucket of the file, or where its source alone would have put it.
    fn restore_new(&mut self, id: Id, bucket: Option<usize>) {
        let entry = &self.entries[&id];
        let address = entry.address.address;
        if !address.is_valid() || entry.references >= MAX_REFERENCES {
            return;
        }
        let own = self.key.new_place(&address, &entry.source);
        let of_file = bucket.map(|bucket| {
            let position = self.key.position(Table::New, bucket, &address);
            Place { bucket, position }
        });
        let free = |place: &Place| self.new.get(*place).is_none();
        if let Some(place) = of_file.into_iter().chain([own]).find(free) {
            self.put_new(place, id);
        }
    }

    fn delete_placeless(&mut self) {
        let placeless = self.order.iter().filter(|id| {
            let entry = &self.entries[id];
            !entry.tried && entry.references == 0
        });
        for id in placeless.copied().collect::<Vec<_>>() {
            self.delete(id);
        }
    }
}

fn check_count(name: &str, count: i32, table: Table) -> Result<usize, LoadError> {
    match usize::try_from(count) {
        Ok(valid) if valid <= table.capacity() => Ok(valid),
        _ => Err(invalid(format!(
            "Corrupt AddrMan serialization: {name}={count}, should be in [0, {}]",
            table.capacity()
        ))),
    }
}

/// The buckets and the indices that are in them, as many as there are bytes.
fn decode_buckets(
    reader: &mut Reader<'_>,
    buckets: i32,
    new_count: usize,
) -> Result<Vec<(usize, usize)>, DecodeError> {
    let mut places = Vec::new();
    for bucket in 0..usize::try_from(buckets).unwrap_or(0) {
        for _ in 0..reader.i32()? {
            match usize::try_from(reader.i32()?) {
                Ok(index) if index < new_count => places.push((bucket, index)),
                _ => {}
            }
        }
    }
    Ok(places)
}

fn encode_entry(entry: &Entry, bytes: &mut Vec<u8>) {
    disk::encode_address(&entry.address, bytes);
    entry.source.encode_v2(bytes);
    bytes.extend(entry.last_success.to_le_bytes());
    bytes.extend(i32::try_from(entry.failures).unwrap_or(i32::MAX).to_le_bytes());
}

fn decode_entry(reader: &mut Reader<'_>, bip155: bool) -> Result<Entry, DecodeError> {
    let address = disk::decode_address(reader, bip155)?;
    let mut entry = Entry::new(address, disk::decode_host(reader, bip155)?);
    entry.last_success = reader.i64()?;
    entry.failures = u32::try_from(reader.i32()?).unwrap_or(0);
    Ok(entry)
}
