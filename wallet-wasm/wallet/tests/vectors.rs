//! The vectors that the BIPs publish (`tests/vectors/README.md` says where each file is from).

use chaincore_wallet::vectors::check;
use std::path::Path;

#[test]
fn all_published_vectors_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut failures = Vec::new();
    for (name, least) in [
        ("accounts", 12),
        ("addresses", 50),
        ("bip32", 20),
        ("bip39", 240),
        ("bip39_japanese", 24),
        ("bip21", 8),
        ("bip143", 8),
        ("bip158", 10),
        ("bip174", 36),
        ("bip322", 37),
        ("bip329", 7),
        ("bip340", 15),
        ("bip341", 14),
        ("descriptors", 20),
        ("signmessage", 203),
    ] {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        match check(name, &text) {
            Ok(count) if count >= least => println!("{name}: {count}"),
            Ok(count) => failures.push(format!("{name}: only {count} vectors")),
            Err(problem) => failures.push(problem),
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn a_changed_vector_fails() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    for (name, from, to) in [
        ("bip143", "c37af31116d1", "c37af31116d2"),
        ("bip340", "e907831f8084", "e907831f8085"),
        (
            "accounts",
            "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
            "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g",
        ),
    ] {
        let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        assert!(text.contains(from), "{name}");
        assert!(check(name, &text.replacen(from, to, 1)).is_err(), "{name}");
    }
}
