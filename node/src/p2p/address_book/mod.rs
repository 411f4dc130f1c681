//! The addresses of other nodes (Core's `addrman`): which there are, which of them work, which to try next.
//!
//! The tables are bounded, and their places depend on a secret key, so that nobody who tells many addresses can
//! push out those of others. Everything random comes from one generator, so that tests repeat; times come from the
//! node's clock. One lock holds everything, never for long: no I/O happens under it.

mod bucket;
mod check;
mod entry;
mod file;
pub mod response_cache;
mod select;
mod tables;
#[cfg(test)]
mod tests;

pub use bucket::Table;
pub use entry::{Choice, Count, Listed};

use super::disk::{self, FileError};
use super::net_address::{Host, NetAddress, Network};
use super::wire::{PeerAddress, ServiceFlags};
use crate::clock::Clock;
use file::LoadError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tables::Tables;

/// Where the key of a book without a file, and all of its choices, come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Randomness {
    /// The operating system.
    System,
    /// Always the same (Core's `-test=addrman`).
    Fixed,
}

impl Randomness {
    /// A key and a seed.
    fn draw(self) -> ([u8; 32], [u8; 32]) {
        match self {
            Self::System => rand::random(),
            Self::Fixed => {
                let mut one = [0; 32];
                one[0] = 1;
                (one, [0; 32])
            }
        }
    }
}

/// Why the node has no addresses to start with.
#[derive(Debug, thiserror::Error)]
pub enum AddressBookError {
    /// The file is not what was written. The text begins as Core's.
    #[error(
        "Invalid or corrupt peers.dat ({reason}). Move the file ({}) out of the way, and a new one is made at the \
         next start.",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is a later version's, and can't be moved to make room.
    #[error("Failed to rename invalid peers.dat file {}. Please move or delete it and try again. ({source})", path.display())]
    Rename {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// The addresses; clones are the same book.
#[derive(Clone)]
pub struct AddressBook {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    /// `peers.dat` and the network's magic; `None` for a book that lives in memory only.
    file: Option<(PathBuf, [u8; 4])>,
    tables: Mutex<Tables>,
    /// Held while the file is written, so that an older book never replaces a newer one.
    writing: Mutex<()>,
}

impl AddressBook {
    /// The book of a file, `peers.dat` of the chain with that magic. A file that is missing is made; one that only
    /// a later version can read is moved to `peers.dat.bak`; one that is damaged is an error that names it.
    pub fn open(
        path: PathBuf,
        magic: [u8; 4],
        clock: Clock,
        randomness: Randomness,
    ) -> Result<Self, AddressBookError> {
        let (key, seed) = randomness.draw();
        let read = disk::read_checked(&path, magic, file::MAX_FILE, |reader| Tables::decode(reader, seed));
        let (tables, write) = match read {
            Ok(tables) => {
                tracing::info!("loaded {} addresses from {}", tables.size(None, None), path.display());
                (tables, false)
            }
            Err(LoadError::Damaged(FileError::Io(error))) if error.kind() == io::ErrorKind::NotFound => {
                tracing::info!("creating {} because the file was not found", path.display());
                (Tables::new(key, seed), true)
            }
            Err(error @ LoadError::Unsupported { .. }) => {
                let mut backup = path.clone().into_os_string();
                backup.push(".bak");
                if let Err(source) = fs::rename(&path, &backup) {
                    return Err(AddressBookError::Rename { path, source });
                }
                let backup = Path::new(&backup).display();
                tracing::warn!("creating new {}: {error}; the other one is now {backup}", path.display());
                (Tables::new(key, seed), true)
            }
            Err(error) => return Err(AddressBookError::Damaged { path, reason: error.to_string() }),
        };
        let book = Self::new(tables, clock, Some((path, magic)));
        if write {
            book.save();
        }
        Ok(book)
    }

    /// An empty book without a file.
    pub fn in_memory(clock: Clock, randomness: Randomness) -> Self {
        let (key, seed) = randomness.draw();
        Self::new(Tables::new(key, seed), clock, None)
    }

    fn new(tables: Tables, clock: Clock, file: Option<(PathBuf, [u8; 4])>) -> Self {
        let shared = Shared { clock, file, tables: Mutex::new(tables), writing: Mutex::new(()) };
        Self { shared: Arc::new(shared) }
    }

    /// Writes the file; for the end of the node, and every now and then. What goes wrong is logged: the last file
    /// is still there.
    pub fn save(&self) {
        let Some((path, magic)) = &self.shared.file else {
            return;
        };
        let _writing = self.shared.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = self.tables().to_bytes();
        if let Err(error) = disk::write_checked(path, *magic, &bytes) {
            tracing::error!("the addresses can't be written to {}: {error}", path.display());
        }
    }

    /// Adds addresses that a source has told of. Those that aren't routable are left out. They count as heard of
    /// `penalty` seconds earlier than they say, but for what a source says of itself. Returns how many of them
    /// have a place in the new table that they didn't have.
    pub fn add(&self, addresses: &[PeerAddress], source: &Host, penalty: i64) -> usize {
        let now = self.now();
        self.tables().add(addresses, source, penalty, now)
    }

    /// Notes that an address was connected to and is a node of ours. Returns whether it has moved to the tried
    /// table: it has not if it is there already, is not known, or collides with another one.
    pub fn good(&self, address: &NetAddress) -> bool {
        let now = self.now();
        self.tables().good(address, true, now)
    }

    /// Notes that an address is being tried. `count_failure` says whether that is a failure until it succeeds: not
    /// so if this node may have no network at all.
    pub fn attempt(&self, address: &NetAddress, count_failure: bool) {
        let now = self.now();
        self.tables().attempt(address, count_failure, now);
    }

    /// Notes that an address was online until now. To be said when the connection ends, as it shows in what others
    /// are told.
    pub fn connected(&self, address: &NetAddress) {
        let now = self.now();
        self.tables().connected(address, now);
    }

    /// Notes the services that an address itself has said to have.
    pub fn set_services(&self, address: &NetAddress, services: ServiceFlags) {
        self.tables().set_services(address, services);
    }

    /// Ends what collisions can be ended (see [`AddressBook::good`]); to be called before addresses are chosen.
    pub fn resolve_collisions(&self) {
        let now = self.now();
        self.tables().resolve_collisions(now);
    }

    /// A tried address that another one would replace, to be connected to and so tested; `None` if there is none.
    pub fn select_tried_collision(&self) -> Option<Choice> {
        self.tables().select_tried_collision()
    }

    /// An address to connect to, of one of `networks` or of any if there are none; only one that was never
    /// connected to if `new_only`. Whoever asks twice may get the same one.
    pub fn select(&self, new_only: bool, networks: &[Network]) -> Option<Choice> {
        let now = self.now();
        self.tables().select(new_only, networks, now)
    }

    /// Random addresses: at most `max` of them and at most `max_percent` of all, where 0 is no limit; of one
    /// network, if one is given; no bad ones, if they are `filtered`.
    pub fn get_addr(
        &self,
        max: usize,
        max_percent: usize,
        network: Option<Network>,
        filtered: bool,
    ) -> Vec<PeerAddress> {
        let now = self.now();
        self.tables().get_addr(max, max_percent, network, filtered, now)
    }

    /// How many addresses there are, of one network or all of them, in one table or both.
    pub fn size(&self, network: Option<Network>, table: Option<Table>) -> usize {
        self.tables().size(network, table)
    }

    /// How many addresses of each network there are, by [`Network`]'s number.
    pub fn counts(&self) -> [Count; Network::ALL.len()] {
        self.tables().counts
    }

    /// A table's addresses with their places, in order; up to 8 times the same one in the new table.
    pub fn list(&self, table: Table) -> Vec<Listed> {
        self.tables().list(table)
    }

    fn now(&self) -> i64 {
        self.shared.clock.now()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // What panicked under the lock left a book that is still better than none.
        self.shared.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
