//! `anchors.dat`: the peers that gave us blocks when the node stopped, to be met again first when it starts.
//!
//! Whoever makes a node restart can't choose all of its next peers that way. The format is Core's. The file is
//! removed when it is read: peers that make the node crash are not met again and again.

use super::disk::{self, FileError};
use super::wire::PeerAddress;
use chaincore_consensus::codec::put_compact_size;
use std::fs;
use std::io;
use std::path::Path;

/// How many anchors there are (Core's `MAX_BLOCK_RELAY_ONLY_ANCHORS`).
pub const MAX_ANCHORS: usize = 2;

/// Two addresses take far less; Core writes no more either.
const MAX_FILE: u64 = 1 << 16;
/// The least that an address takes: version, time, services, network, length and port.
const LEAST_ADDRESS: usize = 13;

/// Reads the anchors and removes the file. A file that is missing or damaged has none.
pub fn take(path: &Path, magic: [u8; 4]) -> Vec<PeerAddress> {
    let read = disk::read_checked(path, magic, MAX_FILE, |reader| {
        Ok::<_, FileError>(reader.vec(LEAST_ADDRESS, |reader| disk::decode_address(reader, true))?)
    });
    let mut anchors = read.unwrap_or_else(|error| {
        tracing::debug!(target: "net", "no anchors in {}: {error}", path.display());
        Vec::new()
    });
    anchors.truncate(MAX_ANCHORS);
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(target: "net", "{} can't be removed: {error}", path.display());
        }
        _ => {}
    }
    anchors
}

/// Writes the first anchors; the rest is not kept.
pub fn write(path: &Path, magic: [u8; 4], anchors: &[PeerAddress]) -> io::Result<()> {
    let anchors = &anchors[..anchors.len().min(MAX_ANCHORS)];
    let mut data = Vec::new();
    put_compact_size(&mut data, anchors.len() as u64);
    for anchor in anchors {
        disk::encode_address(anchor, &mut data);
    }
    disk::write_checked(path, magic, &data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::p2p::wire::ServiceFlags;
    use chaincore_consensus::hex;

    const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

    fn anchors() -> Vec<PeerAddress> {
        [
            "1.2.3.4:8333",
            "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion:8333",
            "[2001:4860::1]:18444",
        ]
        .map(|address| PeerAddress {
            address: address.parse().unwrap(),
            services: ServiceFlags::NETWORK,
            time: 1_700_000_000,
        })
        .to_vec()
    }

    #[test]
    fn anchors_are_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchors.dat");
        assert!(take(&path, MAGIC).is_empty());
        write(&path, MAGIC, &anchors()).unwrap();
        assert_eq!(take(&path, MAGIC), anchors()[..2]);
        assert!(!path.exists());
        write(&path, MAGIC, &[]).unwrap();
        assert!(take(&path, MAGIC).is_empty());
    }

    #[test]
    fn a_file_that_core_wrote() {
        let bytes = hex::decode(
            "fabfb5da01605b032000e1f5050001047f00000175cf70849768f763fa95555602868782ff1d1f76a64749433ca609e5d14f0ed9\
             f14a",
        )
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchors.dat");
        fs::write(&path, &bytes).unwrap();
        let anchors = take(&path, MAGIC);
        let only = PeerAddress {
            address: "127.0.0.1:30159".parse().unwrap(),
            services: ServiceFlags::NONE,
            time: 100_000_000,
        };
        assert_eq!(anchors, [only]);
        // And it is what we write.
        write(&path, MAGIC, &anchors).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn a_damaged_file_is_removed_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchors.dat");
        write(&path, MAGIC, &anchors()).unwrap();
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert!(take(&path, MAGIC).is_empty(), "byte {at}");
            assert!(!path.exists());
        }
        write(&path, MAGIC, &anchors()).unwrap();
        assert!(take(&path, [0; 4]).is_empty());
    }
}
