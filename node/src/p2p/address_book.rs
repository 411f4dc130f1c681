//! Known addresses.

use super::net_address::NetAddress;
use super::wire::ServiceFlags;
use crate::clock::Clock;
use std::io;
use std::path::Path;

/// The book.
#[derive(Clone)]
pub struct AddressBook;

impl AddressBook {
    /// Reads the file.
    pub fn open(_: &Path, _: [u8; 4], _: Clock) -> io::Result<Self> {
        Ok(Self)
    }
    /// Writes the file.
    pub fn save(&self) -> io::Result<()> {
        Ok(())
    }
    /// Notes.
    pub fn attempt(&self, _: &NetAddress, _: bool) {}
    /// Notes.
    pub fn good(&self, _: &NetAddress) {}
    /// Notes.
    pub fn connected(&self, _: &NetAddress) {}
    /// Notes.
    pub fn set_services(&self, _: &NetAddress, _: ServiceFlags) {}
}
