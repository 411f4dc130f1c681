//! Addresses, descriptors and keys agree with another library's; secrets show themselves nowhere.

use crate::coins::*;
use bitcoin::address::KnownHrp;
use bitcoin::bip32::{DerivationPath, Xpriv, Xpub};
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{Address, CompressedPublicKey, Network};
use chaincore_wallet::chain::{Chain, ChainError};
use chaincore_wallet::descriptor::{DescriptorError, PublicDescriptor, Watched};
use chaincore_wallet::keys::{
    AccountKind, ExtendedKeyError, ExtendedPublicKey, KeyError, Phrase, WordCount, check, suggest,
};
use chaincore_wallet::message::{Format, verify};
use proptest::prelude::*;

fn theirs(kind: AccountKind, xpub: &Xpub, network: Network) -> Address {
    let secp = Secp256k1::new();
    let key = CompressedPublicKey(xpub.public_key);
    match kind {
        AccountKind::Legacy => Address::p2pkh(key, network),
        AccountKind::Nested => Address::p2shwpkh(&key, network),
        AccountKind::Segwit => Address::p2wpkh(&key, network),
        AccountKind::Taproot => Address::p2tr(&secp, xpub.to_x_only_pub(), None, KnownHrp::from(network)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// From words to addresses, by this wallet and by rust-bitcoin.
    #[test]
    fn addresses_are_those_of_another_library(
        entropy in any::<[u8; 16]>(),
        passphrase in ".{0,12}",
        index in 0..1_u32 << 31,
        account in 0..1_u32 << 31,
        change in any::<bool>(),
    ) {
        let phrase = bip39::Mnemonic::from_entropy(&entropy).unwrap();
        let secp = Secp256k1::new();
        for (name, network) in [("main", Network::Bitcoin), ("testnet4", Network::Testnet), ("signet", Network::Signet), ("regtest", Network::Regtest)] {
            let chain = chain(name);
            let signer = chaincore_wallet::signer::Signer::from_mnemonic(&phrase.to_string(), &passphrase, chain.clone()).unwrap();
            let root = Xpriv::new_master(network, &phrase.to_seed(&passphrase)).unwrap();
            for kind in AccountKind::ALL {
                let path: DerivationPath = format!("m/{}h/{}h/{account}h/{}/{index}", kind.purpose(), u32::from(name != "main"), u32::from(change)).parse().unwrap();
                let xpub = Xpub::from_priv(&secp, &root.derive_priv(&secp, &path).unwrap());
                let expected = theirs(kind, &xpub, network);
                let place = Place { kind, account, change, index };
                let script = place.script(&signer);
                prop_assert_eq!(&script, &expected.script_pubkey());
                prop_assert_eq!(chain.address(&script), Some(expected.to_string()));
                prop_assert_eq!(chain.script(&expected.to_string()).unwrap(), script);
                // The library reads our descriptor as we do.
                let text = signer.account(kind, account).unwrap();
                let text = if change { text.change } else { text.receive };
                let parsed: miniscript::Descriptor<miniscript::DescriptorPublicKey> = text.parse().unwrap();
                prop_assert_eq!(parsed.at_derivation_index(index).unwrap().address(network).unwrap(), expected);
                prop_assert_eq!(format!("{parsed:#}").replace('\'', "h"), text.split_once('#').unwrap().0);
            }
        }
    }

    #[test]
    fn words_survive(entropy in prop::collection::vec(any::<u8>(), 32), len in 0..5_usize) {
        let entropy = &entropy[..16 + 4 * len];
        let phrase = Phrase::from_entropy(entropy, bip39::Language::English).unwrap();
        let text = phrase.text().to_uppercase().replace(' ', " \n\t");
        prop_assert_eq!(&*Phrase::parse(&text).unwrap().entropy(), entropy);
    }
}

#[test]
fn a_chain_of_one_s_own() {
    let chain = custom_chain();
    let signer = signer(chain.clone());
    for (kind, start) in [
        (AccountKind::Legacy, "D"),
        (AccountKind::Nested, "9"),
        (AccountKind::Segwit, "doge1q"),
        (AccountKind::Taproot, "doge1p"),
    ] {
        let script = place(kind, 0).script(&signer);
        let address = chain.address(&script).unwrap();
        // (22 gives 9 or A.)
        assert!(address.starts_with(start) || start == "9" && address.starts_with('A'), "{address}");
        assert_eq!(chain.script(&address).unwrap(), script);
        assert!(matches!(chain_error(&address), ChainError::Address { .. }), "{address} is none on main");
        let keys = signer.account(kind, 0).unwrap();
        assert!(keys.receive.contains("/1h/0h]tpub"), "{}", keys.receive);
        assert!(keys.xpub.starts_with("dgub"), "{}", keys.xpub);
        let watched = Watched::parse(&keys.xpub, Some(kind), &chain).unwrap();
        assert_eq!(watched.receive.script(0).unwrap(), script);
        assert_eq!(Chain::from_spec(&chain.spec()).unwrap(), chain);
    }
    assert_ne!(chain, crate::coins::chain("chaincore"));
    assert!(matches!(Chain::from_name("bitcoin"), Err(ChainError::UnknownName(_))));
    assert!(matches!(Chain::from_file(&"x".repeat(70_000)), Err(ChainError::FileTooLong(70_000))));
}

fn chain_error(address: &str) -> ChainError {
    chain("main").script(address).unwrap_err()
}

#[test]
fn extended_keys_of_all_prefixes() {
    // One key in the five prefixes that its network has, by SLIP132.
    let signer = signer(chain("main"));
    let xpub = signer.master().account_xpub(AccountKind::Segwit, 0).unwrap();
    for (version, kind) in
        [("0488b21e", None), ("049d7cb2", Some(AccountKind::Nested)), ("04b24746", Some(AccountKind::Segwit))]
    {
        let text = with_version(&xpub, version);
        let read = ExtendedPublicKey::parse(&text, signer.chain()).unwrap();
        assert_eq!((read.key, read.kind), (xpub, kind), "{text}");
        let network = ExtendedPublicKey::parse(&text, &chain("regtest")).unwrap_err();
        assert!(matches!(network, ExtendedKeyError::Network { found: "main", .. }), "{text}");
    }
    for (version, kind) in
        [("043587cf", None), ("044a5262", Some(AccountKind::Nested)), ("045f1cf6", Some(AccountKind::Segwit))]
    {
        let text = with_version(&xpub, version);
        assert_eq!(ExtendedPublicKey::parse(&text, &chain("signet")).unwrap().kind, kind, "{text}");
        assert!(ExtendedPublicKey::parse(&text, signer.chain()).is_err());
    }
    for private in ["0488ade4", "04358394", "04b2430c", "045f18bc"] {
        assert_eq!(
            ExtendedPublicKey::parse(&with_version(&xpub, private), &chain("main")),
            Err(ExtendedKeyError::Private)
        );
    }
    for multi in ["02aa7ed3", "0295b43f"] {
        assert_eq!(
            ExtendedPublicKey::parse(&with_version(&xpub, multi), &chain("main")),
            Err(ExtendedKeyError::Multisig)
        );
    }
    assert_eq!(
        ExtendedPublicKey::parse(&with_version(&xpub, "00000000"), &chain("main")),
        Err(ExtendedKeyError::Version("00000000".into()))
    );
    // The prefix decides the script, and may be overruled.
    let zpub = with_version(&xpub, "04b24746");
    assert_eq!(
        Watched::parse(&zpub, None, &chain("main")).unwrap().receive.kind(),
        Some(AccountKind::Segwit)
    );
    assert_eq!(
        Watched::parse(&zpub, Some(AccountKind::Taproot), &chain("main")).unwrap().receive.kind(),
        Some(AccountKind::Taproot)
    );
}

fn with_version(xpub: &Xpub, version: &str) -> String {
    let version = chaincore_consensus::hex::decode(version).unwrap();
    chaincore_consensus::address::base58_check(&version, &xpub.encode()[4..])
}

#[test]
fn descriptors_in_and_out() {
    let chain = chain("main");
    let keys = signer(chain.clone()).account(AccountKind::Segwit, 0).unwrap();
    // Both branches in one (BIP389), on two lines, and one alone.
    let body = keys.receive.split_once('#').unwrap().0;
    let both = Watched::parse(&body.replace("/0/*", "/<0;1>/*"), None, &chain).unwrap();
    assert_eq!(
        (both.receive.to_string(), both.change.unwrap().to_string()),
        (keys.receive.clone(), keys.change.clone())
    );
    let lines = Watched::parse(&format!("{}\n\n {} \n", keys.receive, keys.change), None, &chain).unwrap();
    assert_eq!(lines.change.unwrap().to_string(), keys.change);
    let alone = Watched::parse(&keys.receive, None, &chain).unwrap();
    assert!(alone.change.is_none() && alone.receive.is_ranged());
    assert!(Watched::parse(&[keys.receive.as_str(); 3].join("\n"), None, &chain).is_err());
    // A slip in the text is caught by the checksum, which says itself.
    let slip = keys.receive.replacen("84h", "85h", 1);
    assert!(matches!(PublicDescriptor::parse(&slip, &chain), Err(DescriptorError::Checksum { .. })));
    // Several keys: watched, of no kind of account.
    let multi = format!(
        "wsh(sortedmulti(1,{},03a34b99f22c790c4e36b2b3c2c35a36db06226e41c692fc82b8b56ac1c540c5bd))",
        &body[5..body.len() - 1]
    );
    let multi = PublicDescriptor::parse(&multi, &chain).unwrap();
    assert_eq!(multi.kind(), None);
    assert!(multi.script(7).unwrap().is_p2wsh());
    assert!(multi.max_satisfaction_weight() > alone.receive.max_satisfaction_weight());
    assert_eq!(alone.receive.script(1 << 31), Err(DescriptorError::Index(1 << 31)));
    assert!(matches!(
        Watched::parse(&"(".repeat(30_000), None, &chain),
        Err(DescriptorError::TooLong(30_000))
    ));
    assert!(Watched::parse(&format!("{}{}", "sh(".repeat(6_000), ")".repeat(6_000)), None, &chain).is_err());
}

#[test]
fn words_that_are_wrong() {
    assert!(check(WORDS).valid);
    let wrong =
        check("abandon abandn abandon abandon abandon abandon abandon abandon abandon abandon abandon abuot");
    assert!(!wrong.valid);
    assert_eq!(wrong.unknown, ["abandn", "abuot"]);
    assert_eq!(wrong.suggestions[0][0], "abandon");
    assert!(wrong.suggestions[1].contains(&"about"), "{:?}", wrong.suggestions[1]);
    let parse = |text: &str| Phrase::parse(text).map(|_| ()).unwrap_err();
    assert_eq!(parse(&WORDS.replace("about", "abandon")), KeyError::Checksum);
    assert_eq!(parse("abandon about"), KeyError::WordCount(2));
    assert_eq!(parse(""), KeyError::WordCount(0));
    assert_eq!(parse(&"abandon ".repeat(400)), KeyError::WordCount(400));
    assert_eq!(suggest("aba"), ["abandon"]);
    assert_eq!(suggest(" ACT"), ["act", "action", "actor", "actress", "actual"]);
    assert!(suggest("").is_empty() && suggest("xyz").is_empty());
    // Words of another list are read as that list's.
    let japanese = Phrase::from_entropy(&[3; 16], bip39::Language::Japanese).unwrap();
    assert_eq!(&*Phrase::parse(&japanese.text()).unwrap().entropy(), &[3; 16]);
    for (count, words) in [(WordCount::Twelve, 12), (WordCount::TwentyFour, 24)] {
        let phrase = Phrase::generate(count).unwrap();
        assert_eq!(phrase.text().split(' ').count(), words);
        assert_ne!(*phrase.text(), *Phrase::generate(count).unwrap().text());
    }
}

#[test]
fn messages_of_each_kind_and_form() {
    for chain in [chain("main"), custom_chain()] {
        let signer = signer(chain.clone());
        for kind in AccountKind::ALL {
            let own = chaincore_wallet::keys::AccountPath { kind, account: 1, change: true, index: 4 };
            let script = chaincore_wallet::psbt::script_of(kind, &signer.master().public_key(own).unwrap());
            let address = chain.address(&script).unwrap();
            assert_eq!(signer.find(&address).unwrap(), own);
            for format in [Format::Bip322, Format::Legacy] {
                let signature = match signer.sign_message(own, "grüße 👋", format) {
                    Ok(signature) => signature,
                    Err(error) => {
                        assert_eq!((kind, format), (AccountKind::Taproot, Format::Legacy), "{error}");
                        continue;
                    }
                };
                let judged =
                    |address: &str, message: &str| verify(&chain, address, message, &signature).unwrap();
                assert!(judged(&address, "grüße 👋").is_valid(), "{kind:?} {format:?} {signature}");
                assert!(!judged(&address, "grüße").is_valid(), "{kind:?} {format:?}");
                let other = chain.address(&place(kind, 0).script(&signer)).unwrap();
                assert!(!judged(&other, "grüße 👋").is_valid(), "{kind:?} {format:?}");
            }
        }
        let stranger =
            chain.address(&place(AccountKind::Segwit, 0).script(&other_signer(chain.clone()))).unwrap();
        assert!(signer.find(&stranger).is_err());
    }
}

#[test]
fn a_signature_for_less_than_the_whole_signs_no_message() {
    // A P2WPKH witness whose signature is of type NONE|ANYONECANPAY: valid script, not a signed message (BIP322).
    use bitcoin::hashes::Hash;
    use bitcoin::sighash::SighashCache;
    let chain = chain("main");
    let secp = Secp256k1::new();
    let key = bitcoin::secp256k1::SecretKey::from_slice(&[5; 32]).unwrap();
    let public = CompressedPublicKey(key.public_key(&secp));
    let script = bitcoin::ScriptBuf::new_p2wpkh(&public.wpubkey_hash());
    let spend = chaincore_wallet::message::to_spend(&script, "hi");
    for (kind, valid) in
        [(bitcoin::EcdsaSighashType::All, true), (bitcoin::EcdsaSighashType::NonePlusAnyoneCanPay, false)]
    {
        let mut tx = chaincore_wallet::message::to_sign(&spend);
        let hash =
            SighashCache::new(&tx).p2wpkh_signature_hash(0, &script, bitcoin::Amount::ZERO, kind).unwrap();
        let message = bitcoin::secp256k1::Message::from_digest(hash.to_byte_array());
        let signature =
            bitcoin::ecdsa::Signature { signature: secp.sign_ecdsa(&message, &key), sighash_type: kind };
        tx.input[0].witness = bitcoin::Witness::p2wpkh(&signature, &public.0);
        let text = data_encoding::BASE64.encode(&bitcoin::consensus::serialize(&tx.input[0].witness));
        let verdict = verify(&chain, &chain.address(&script).unwrap(), "hi", &text).unwrap();
        assert_eq!(verdict.is_valid(), valid, "{verdict:?}");
    }
}

#[test]
fn secrets_do_not_show_themselves() {
    let phrase = Phrase::parse(WORDS).unwrap();
    let signer = signer(chain("main"));
    let shown = format!("{phrase:?} {:?}", signer.master());
    assert!(!shown.contains("abandon") && !shown.contains("xprv"), "{shown}");
    let seed = phrase.seed("").unwrap();
    assert!(!shown.contains(&chaincore_consensus::hex::encode(&seed[..4])));
    // Nor does a private key stand in the message that refuses it.
    let xprv = Xpriv::new_master(Network::Bitcoin, &*seed).unwrap();
    let refusal = PublicDescriptor::parse(&format!("wpkh({xprv}/0/*)"), &chain("main")).unwrap_err();
    assert_eq!(refusal, DescriptorError::Private);
    assert!(!refusal.to_string().contains("xprv"));
}

/// The letters by which private keys begin stand in one of some two thousand public keys, too.
#[test]
fn public_keys_with_the_letters_of_private_ones() {
    let signer = signer(chain("main"));
    let text = signer.account(AccountKind::Segwit, 321).unwrap().receive;
    assert!(text.contains("wJprvgJh"), "{text}");
    PublicDescriptor::parse(&text, &chain("main")).unwrap();
}
