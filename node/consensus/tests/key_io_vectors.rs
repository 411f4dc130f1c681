//! Core's vectors of addresses, private keys and base58: every case, counted.

mod vectors;

use chaincore_consensus::address::{Address, WifKey, decode_base58};
use chaincore_consensus::hex;
use chaincore_consensus::params::{AddressFormat, ChainParams};
use vectors::{bytes, load};

/// The format of a chain of the vectors. Testnet3, which Core still has, writes as testnet4 does.
fn format(chain: &str) -> AddressFormat {
    let name = if chain == "test" { "testnet4" } else { chain };
    ChainParams::by_name(name).unwrap_or_else(|| panic!("no chain {chain}")).addresses
}

#[test]
fn valid_addresses_and_keys() {
    let rows = load("key_io_valid.json");
    let (mut addresses, mut keys) = (0, 0);
    for row in rows.as_array().unwrap() {
        let text = row[0].as_str().unwrap();
        let expected = bytes(&row[1]);
        let format = format(row[2]["chain"].as_str().unwrap());
        if row[2]["isPrivkey"].as_bool().unwrap() {
            let key = WifKey::parse(text, &format).unwrap_or_else(|| panic!("{text} is a key"));
            assert_eq!(key.secret.to_secret_bytes()[..], expected, "{text}");
            assert_eq!(key.compressed, row[2]["isCompressed"].as_bool().unwrap(), "{text}");
            assert_eq!(key.public_key_bytes().len(), if key.compressed { 33 } else { 65 });
            assert_eq!(key.to_text(&format), text);
            assert!(Address::parse(text, &format).is_err(), "{text} is no address");
            keys += 1;
        } else {
            let address = Address::parse(text, &format).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(hex::encode(&address.script_pubkey()), hex::encode(&expected), "{text}");
            assert_eq!(Address::from_script(&expected), Some(address.clone()), "{text}");
            assert_eq!(address.to_text(&format).to_lowercase(), text.to_lowercase());
            assert!(WifKey::parse(text, &format).is_none(), "{text} is no key");
            // The case of the letters matters to base58 and not to bech32.
            let flipped: String = text.chars().map(flip_case).collect();
            let parsed = Address::parse(&flipped, &format);
            let try_flip = row[2]["tryCaseFlip"].as_bool().unwrap_or(false);
            assert_eq!(parsed.as_ref() == Ok(&address), try_flip, "{flipped}");
            addresses += 1;
        }
    }
    println!("key_io_valid.json: {addresses} addresses and {keys} keys, none skipped");
    assert_eq!(addresses + keys, rows.as_array().unwrap().len());
    assert!(addresses > 0 && keys > 0);
}

fn flip_case(letter: char) -> char {
    if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
}

#[test]
fn invalid_texts_are_neither_on_any_chain() {
    let rows = load("key_io_invalid.json");
    let rows = rows.as_array().unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        let text = row[0].as_str().unwrap();
        for chain in ChainParams::NAMES {
            let format = format(chain);
            assert!(Address::parse(text, &format).is_err(), "{text} on {chain}");
            assert!(WifKey::parse(text, &format).is_none(), "{text} on {chain}");
        }
    }
    println!(
        "key_io_invalid.json: {} texts on {} chains, none skipped",
        rows.len(),
        ChainParams::NAMES.len()
    );
}

#[test]
fn base58_both_ways() {
    let rows = load("base58_encode_decode.json");
    let rows = rows.as_array().unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        let (data, text) = (bytes(&row[0]), row[1].as_str().unwrap());
        assert_eq!(bs58::encode(&data).into_string(), text);
        assert_eq!(decode_base58(text).as_ref(), Some(&data), "{text}");
        assert_eq!(decode_base58(&format!(" \t{text}\n")), Some(data), "{text}");
    }
    for bad in ["0", "O", "I", "l", "a b", "a\0b"] {
        assert_eq!(decode_base58(bad), None, "{bad}");
    }
    println!("base58_encode_decode.json: {} cases both ways, none skipped", rows.len());
}
