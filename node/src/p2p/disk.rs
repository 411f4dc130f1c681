//! Files that belong to one chain and can tell when they were damaged, and the form that addresses have in them.
//!
//! `peers.dat` and `anchors.dat` are the network's magic, data, and the double SHA-256 of both. They are written
//! beside their place and moved there, so that a crash leaves the last file or the next one.

use super::net_address::{Host, NetAddress};
use super::wire::{PeerAddress, ServiceFlags};
use chaincore_consensus::codec::{DecodeError, Reader, Sink, put_compact_size};
use chaincore_consensus::hash::sha256d;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

/// What an address begins with: a client version that no longer means anything, and a bit for BIP155's form.
const ADDRESS_VERSION: u32 = 220_000;
const IGNORED_BITS: u32 = 0x0007_ffff;
const BIP155_BIT: u32 = 1 << 29;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// The file can't be read at all.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is larger than it could be.
    #[error("more than {0} bytes")]
    TooLarge(u64),
    /// The file belongs to another network.
    #[error("Invalid network magic number")]
    Magic,
    /// The data is not what it should be.
    #[error("{0}")]
    Data(#[from] DecodeError),
    /// The data is not what was written.
    #[error("Checksum mismatch, data corrupted")]
    Checksum,
}

/// Writes bytes beside the path and moves them there. The name beside it is the path's with `.new`.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let write = |beside: &Path| {
        let mut file = File::create(beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(beside, path)
    };
    let written = write(beside.as_ref());
    if written.is_err() {
        // The half that was written is of no use to anyone.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// The bytes of a file that has at most `limit`.
pub(super) fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(FileError::TooLarge(limit)) } else { Ok(bytes) }
}

/// Writes data between its magic and its checksum.
pub(super) fn write_checked(path: &Path, magic: [u8; 4], data: &[u8]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(data.len() + 36);
    bytes.extend(magic);
    bytes.extend(data);
    let checksum = sha256d(&bytes);
    bytes.extend(checksum);
    replace(path, &bytes)
}

/// Reads the data of a file. As in Core, the checksum is behind whatever `decode` has read, and is looked at
/// last: of a file that is damaged and makes no sense, it is said what makes no sense.
pub(super) fn read_checked<T, E: From<FileError>>(
    path: &Path,
    magic: [u8; 4],
    limit: u64,
    decode: impl FnOnce(&mut Reader<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let bytes = read_limited(path, limit)?;
    let mut reader = Reader::new(&bytes);
    if reader.array::<4>().map_err(FileError::Data)? != magic {
        return Err(FileError::Magic.into());
    }
    let data = decode(&mut reader)?;
    let checked = &bytes[..reader.position()];
    if reader.array().map_err(FileError::Data)? != sha256d(checked) {
        return Err(FileError::Checksum.into());
    }
    Ok(data)
}

/// Puts an address in BIP155's form.
pub(super) fn encode_address(address: &PeerAddress, sink: &mut impl Sink) {
    sink.put(&(ADDRESS_VERSION | BIP155_BIT).to_le_bytes());
    sink.put(&address.time.to_le_bytes());
    put_compact_size(sink, address.services.0);
    address.address.encode_v2(sink);
}

/// Reads an address, in BIP155's form only if the file may have it.
pub(super) fn decode_address(
    reader: &mut Reader<'_>,
    may_be_bip155: bool,
) -> Result<PeerAddress, DecodeError> {
    let bip155 = match reader.u32()? & !IGNORED_BITS {
        0 => false,
        BIP155_BIT if may_be_bip155 => true,
        _ => return Err(DecodeError::Invalid("Unsupported CAddress disk format version".into())),
    };
    let time = reader.u32()?;
    let services = ServiceFlags(if bip155 { reader.compact_size_unbounded()? } else { reader.u64()? });
    let address = if bip155 { NetAddress::decode_v2(reader)? } else { NetAddress::decode_v1(reader)? };
    Ok(PeerAddress { address, services, time })
}

/// Reads a host without its port.
pub(super) fn decode_host(reader: &mut Reader<'_>, bip155: bool) -> Result<Host, DecodeError> {
    if bip155 { Host::decode_v2(reader) } else { Ok(Host::from_legacy_ipv6(reader.array()?)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

    fn read(path: &Path) -> Result<u32, FileError> {
        read_checked(path, MAGIC, 1_000, |reader| Ok(reader.u32()?))
    }

    #[test]
    fn damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.dat");
        assert!(matches!(read(&path), Err(FileError::Io(error)) if error.kind() == io::ErrorKind::NotFound));
        write_checked(&path, MAGIC, &7_u32.to_le_bytes()).unwrap();
        assert_eq!(read(&path).unwrap(), 7);
        // Nothing is left beside it.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            fs::write(&path, &bad).unwrap();
            match read(&path) {
                Err(FileError::Magic) => assert!(at < 4),
                Err(FileError::Checksum) => assert!(at >= 4),
                other => panic!("byte {at}: {other:?}"),
            }
            fs::write(&path, &good[..at]).unwrap();
            assert!(matches!(read(&path), Err(FileError::Data(DecodeError::EndOfData { .. }))));
        }
        fs::write(&path, vec![0; 1_001]).unwrap();
        assert!(matches!(read(&path), Err(FileError::TooLarge(1_000))));
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        // A folder of that name is in the way.
        let path = folder.path().join("some.dat");
        fs::create_dir_all(path.join("inside")).unwrap();
        assert!(replace(&path, b"data").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn addresses_in_both_forms() {
        let address = PeerAddress {
            address: "1.2.3.4:8333".parse().unwrap(),
            services: ServiceFlags(0x409),
            time: 0x4966_bc61,
        };
        let mut bytes = Vec::new();
        encode_address(&address, &mut bytes);
        assert_eq!(bytes, *b"\x60\x5b\x03\x20\x61\xbc\x66\x49\xfd\x09\x04\x01\x04\x01\x02\x03\x04\x20\x8d");
        assert_eq!(decode_address(&mut Reader::new(&bytes), true).unwrap(), address);
        assert!(decode_address(&mut Reader::new(&bytes), false).is_err());

        let mut old = b"\x12\x34\x05\x00\x61\xbc\x66\x49\x09\x04\0\0\0\0\0\0".to_vec();
        address.address.encode_v1(&mut old);
        for may_be_bip155 in [false, true] {
            assert_eq!(decode_address(&mut Reader::new(&old), may_be_bip155).unwrap(), address);
        }
        old[3] = 0x40;
        let error = decode_address(&mut Reader::new(&old), true).unwrap_err();
        assert_eq!(error.to_string(), "Unsupported CAddress disk format version");
    }
}
