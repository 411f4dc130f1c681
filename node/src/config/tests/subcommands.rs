//! `chain new` and `key new`: what they write is what the node then starts with.

use super::Home;
use crate::config::{Config, Request};

/// What a subcommand prints.
fn told(arguments: &[&str]) -> Result<String, String> {
    match Config::from_arguments(arguments.iter().map(|text| (*text).to_owned())) {
        Ok(Request::Print(text)) => Ok(text),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_chain_is_founded_and_started_by_file_and_then_by_name() {
    let home = Home::new("");
    let file = home.0.path().join("town.toml").display().to_string();
    let found = |out: &str, more: &[&str]| {
        let arguments = [
            "chain",
            "new",
            "--name",
            "town",
            "--out",
            out,
            "--reward",
            "12.5",
            "--rpc-port",
            "7001",
            "--bech32",
            "town",
            "--retarget",
            "none",
            "--time",
            "1700000000",
        ];
        told(&[&arguments[..], more].concat())
    };
    let text = found(&file, &["--leading-zeros", "2"]).unwrap();
    assert!(text.contains("Chain town is founded") && text.contains("--chain-file"), "{text}");
    assert!(found(&file, &[]).unwrap_err().contains("was not written"), "a chain is not overwritten");
    let config = home.config(&[&format!("--chain-file={file}")]);
    assert_eq!((config.params.name.as_str(), config.api.binds[0].1), ("town", 7001));
    assert_eq!(config.params.initial_subsidy.sat(), 1_250_000_000);
    assert_eq!(
        (config.params.addresses.bech32_hrp.as_str(), config.params.genesis.header.time),
        ("town", 1_700_000_000)
    );
    config.create_folders().unwrap();
    assert_eq!(home.config(&["-chain=town"]).params, config.params);
    // What is stored was judged by the first file's rules; a port is no rule.
    let edited = home.0.path().join("edited.toml").display().to_string();
    let edit = |from: &str, to: &str| {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from));
        std::fs::write(&edited, text.replace(from, to)).unwrap();
        format!("--chain-file={edited}")
    };
    assert_eq!(home.config(&[&edit("rpc_port = 7001", "rpc_port = 7002")]).api.binds[0].1, 7002);
    let halving = edit("halving_interval = 210000", "halving_interval = 21");
    assert!(home.error(&[&halving]).contains("its rules differ from those in"));

    let bad = home.0.path().join("bad.toml");
    let error = |more: &[&str]| found(&bad.display().to_string(), more).unwrap_err();
    assert!(error(&["--leading-zeros", "2", "--bits", "207fffff"]).contains("--bits"));
    assert!(error(&["--magic", "zz"]).contains("zz"));
    assert!(error(&["--moon"]).starts_with("unexpected argument '--moon' found"), "{}", error(&["--moon"]));
    assert!(!bad.exists());
    assert!(told(&["chain", "new", "--help"]).unwrap().contains("--leading-zeros"));
    for asked in [&["chain"][..], &["chain", "--help"], &["chain", "help"]] {
        let text = told(asked).unwrap();
        assert!(text.contains("chaincored chain new") && text.contains("--leading-zeros"), "{text}");
    }
    assert!(told(&["key"]).unwrap().contains("chaincored key new"));
    let refused = told(&["chain", "old"]).unwrap_err();
    assert_eq!(refused, "chaincored chain can do 'new', not 'old'; see chaincored chain new --help");
}

#[test]
fn a_new_key_is_written_for_its_owner_and_its_address_can_be_mined_to() {
    let home = Home::new("");
    let file = home.0.path().join("key.txt");
    let out = file.display().to_string();
    let arguments = ["key", "new", "--out", &out, "--chain", "regtest"];
    let address = told(&arguments).unwrap();
    let address = address.trim();
    assert!(address.starts_with("bcrt1q"), "{address}");
    let config = home.config(&["-regtest", "--mine", address]);
    let text = std::fs::read_to_string(&file).unwrap();
    let (wif, kept) = text.trim().split_once('\n').unwrap();
    assert_eq!(kept, address);
    let key = chaincore_consensus::address::WifKey::parse(wif, &config.params.addresses).unwrap();
    let public = secp256k1::PublicKey::from_slice(&key.public_key_bytes()).unwrap();
    let script = chaincore_consensus::address::Address::p2wpkh(&public).script_pubkey();
    assert_eq!(config.mining.mine.unwrap().1, script);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(told(&arguments).unwrap_err().contains("was not written"), "a key is not overwritten");
    assert!(told(&["key", "new", "--out", "x", "--chain", "moon"]).unwrap_err().contains("moon"));
}
