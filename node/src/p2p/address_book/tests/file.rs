//! `peers.dat`.

use super::*;
use crate::p2p::address_book::file::LoadError;
use chaincore_consensus::codec::Reader;

fn filled() -> Checked {
    let mut book = Checked::new();
    for n in 0..3_000_u32 {
        let address =
            told(NetAddress::new(Host::Ipv4([250, (n % 251) as u8, (n / 251) as u8, 7]), 8333), NOW);
        let address = PeerAddress { services: ServiceFlags(u64::from(n)), ..address };
        book.0.add(&[address], &Host::Ipv4([(n % 97) as u8 + 20, 2, 3, 4]), 0, NOW);
        if n % 5 == 0 {
            book.0.good(&address.address, true, NOW - i64::from(n));
        }
        book.0.attempt(&address.address, true, NOW - i64::from(n));
        for source in 0..n % 4 {
            let told = told(address.address, NOW + 60);
            book.0.add(&[told], &Host::Ipv4([100 + source as u8, 2, 3, 4]), 0, NOW);
        }
    }
    for other in [I2P, I2P_OTHER, "[2a00:1450::1]:8333"] {
        book.0.add(&[told(at(other), NOW)], &Host::internal("seed.example").unwrap(), 0, NOW);
    }
    book.0.good(&at(I2P), true, NOW);
    book.0.check().unwrap();
    book
}

fn decode(bytes: &[u8]) -> Result<Checked, String> {
    let mut reader = Reader::new(bytes);
    let tables = Tables::decode(&mut reader, [0; 32]).map_err(|error| error.to_string())?;
    assert_eq!(reader.remaining(), 0);
    Ok(Checked(tables))
}

#[test]
fn the_file_keeps_everything() {
    let book = filled();
    let read = decode(&book.0.to_bytes()).unwrap();
    for table in [Table::New, Table::Tried] {
        assert!(book.0.list(table).len() > 300);
        assert_eq!(book.0.list(table), read.0.list(table));
    }
    assert_eq!(book.0.counts, read.0.counts);
    for (address, id) in &read.0.ids {
        let (ours, read) = (&book.0.entries[&book.0.ids[address]], &read.0.entries[id]);
        assert_eq!((ours.last_success, ours.failures), (read.last_success, read.failures));
        assert_eq!(read.last_try, 0);
    }
    assert_eq!(read.0.to_bytes().len(), book.0.to_bytes().len());
}

#[test]
fn addresses_that_are_none_are_dropped() {
    let mut book = Checked::new();
    for address in ["5.5.5.5:0", "6.6.6.6:0", "7.7.7.7:0", "8.8.8.8:0"] {
        assert!(book.add(address, "::"));
    }
    assert!(book.good("7.7.7.7:0") && book.good("8.8.8.8:0"));
    let mut bytes = book.0.to_bytes();
    for (from, to) in [([6; 4], [0; 4]), ([8; 4], [255; 4])] {
        let at = bytes.windows(4).position(|window| window == from).unwrap();
        bytes[at..at + 4].copy_from_slice(&to);
    }
    let read = decode(&bytes).unwrap();
    assert_eq!(read.size(), 2);
    assert_eq!((read.place("5.5.5.5:0"), read.place("7.7.7.7:0")), ((Table::New, 1), (Table::Tried, 1)));
}

#[test]
fn other_buckets_are_made_anew() {
    let book = filled();
    let mut bytes = book.0.to_bytes();
    // Whoever wrote this had a map of autonomous systems.
    *bytes.last_mut().unwrap() = 1;
    let read = decode(&bytes).unwrap();
    assert_eq!(read.0.list(Table::Tried), book.0.list(Table::Tried));
    let entries = read.0.entries.values().filter(|entry| !entry.tried);
    for entry in entries {
        let place = read.0.key.new_place(&entry.address.address, &entry.source);
        assert_eq!(read.0.new.get(place), Some(read.0.ids[&entry.address.address]));
        assert_eq!(entry.references, 1);
    }
    assert!(read.size() > 1_000);
}

#[test]
fn damaged_files_are_errors() {
    let good = Checked::new().0.to_bytes();
    let with = |at: usize, bytes: &[u8]| {
        let mut damaged = good.clone();
        damaged[at..at + bytes.len()].copy_from_slice(bytes);
        decode(&damaged).err().unwrap_or_default()
    };
    let counts = 2 + 32;
    assert_eq!(
        with(1, &[31]),
        "Corrupted addrman database: The compat value (31) is lower than the expected minimum value 32."
    );
    assert_eq!(
        with(counts, &(-1_i32).to_le_bytes()),
        "Corrupt AddrMan serialization: nNew=-1, should be in [0, 65536]"
    );
    assert_eq!(
        with(counts + 4, &16_385_i32.to_le_bytes()),
        "Corrupt AddrMan serialization: nTried=16385, should be in [0, 16384]"
    );
    // Addresses that aren't there.
    assert!(with(counts, &100_i32.to_le_bytes()).starts_with("end of data"));
    // More buckets than there are bytes.
    assert!(with(counts + 8, &i32::MAX.to_le_bytes()).starts_with("end of data"));
    assert!(with(counts + 12, &i32::MAX.to_le_bytes()).starts_with("end of data"));
    let later = [7, 32 + 5];
    let error = Tables::decode(&mut Reader::new(&[&later, &good[2..]].concat()), [0; 32]);
    assert!(matches!(error, Err(LoadError::Unsupported { format: 7, lowest: 5 })));
    // A later format that says it can be read can.
    assert_eq!(with(0, &[7]), "");

    // The same address twice.
    let mut book = Checked::new();
    assert!(book.add("5.5.5.5:0", "::") && book.add("6.6.6.6:0", "::"));
    let mut bytes = book.0.to_bytes();
    let at = bytes.windows(4).position(|window| window == [6; 4]).unwrap();
    bytes[at..at + 4].copy_from_slice(&[5; 4]);
    assert_eq!(decode(&bytes).err().unwrap(), "Corrupt data. Consistency check failed with code -5");
}

#[test]
fn no_damage_panics() {
    let mut book = Checked::new();
    for address in ["5.5.5.5:0", "6.6.6.6:0", "7.7.7.7:0", I2P] {
        assert!(book.add(address, "::"));
    }
    assert!(book.good("7.7.7.7:0"));
    let good = book.0.to_bytes();
    for at in 0..400 {
        let mut bytes = good.clone();
        bytes[at] ^= 0xff;
        if let Ok(read) = Tables::decode(&mut Reader::new(&bytes), [0; 32]) {
            read.check().unwrap();
        }
        assert!(Tables::decode(&mut Reader::new(&good[..at]), [0; 32]).is_err());
    }
}

const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

fn open(path: &Path) -> Result<AddressBook, AddressBookError> {
    let clock = Clock::new();
    clock.set_mock(Some(NOW));
    AddressBook::open(path.to_owned(), MAGIC, clock, Randomness::System)
}

#[test]
fn a_book_and_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("peers.dat");
    let book = open(&path).unwrap();
    assert!(path.exists(), "a missing file is made");
    let address = told(at("250.1.1.1:8333"), NOW);
    assert_eq!(book.clone().add(&[address], &host("252.2.2.2"), 0), 1);
    assert!(book.good(&address.address));
    assert_eq!(book.select(false, &[]), Some(Choice { address, last_try: NOW }));
    assert_eq!(book.counts()[Network::Ipv4 as usize], Count { new: 0, tried: 1 });
    book.save();
    let read = open(&path).unwrap();
    assert_eq!(read.list(Table::Tried), book.list(Table::Tried));

    // Other networks' files and damaged ones are errors that name the file.
    let bytes = fs::read(&path).unwrap();
    for (at, text) in [(0, "Invalid network magic number"), (54, "Checksum mismatch, data corrupted")] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        fs::write(&path, damaged).unwrap();
        let error = open(&path).err().unwrap().to_string();
        assert!(error.starts_with(&format!("Invalid or corrupt peers.dat ({text}).")), "{error}");
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
    fs::write(&path, b"").unwrap();
    assert!(open(&path).err().unwrap().to_string().starts_with("Invalid or corrupt peers.dat (end of data"));
}

#[test]
fn a_later_versions_file_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("peers.dat");
    let later = [vec![9, 32 + 9], vec![7; 100]].concat();
    disk::write_checked(&path, MAGIC, &later).unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(open(&path).unwrap().size(None, None), 0);
    assert_eq!(fs::read(folder.path().join("peers.dat.bak")).unwrap(), before);
    assert_eq!(open(&path).unwrap().size(None, None), 0);
}
