use super::*;
use data_encoding::{BASE64, HEXLOWER};
use proptest::prelude::*;

const QUICK: Params = Params { memory_kib: 64, passes: 1, lanes: 1 };
const SECRET: &[u8] = b"ozone drill grab fiber curtain grace pudding thank cruise elder eight picnic";

fn quick_vault(password: &str) -> (Vault, Opened) {
    let opened = Opened {
        plaintext: Zeroizing::new(SECRET.to_vec()),
        state_key: Zeroizing::new([7; 32]),
        wallet_id: "000102030405060708090a0b0c0d0e0f".into(),
    };
    (reseal_unchecked(password, &opened, QUICK).unwrap(), opened)
}

fn bytes_of(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

/// RFC 9106, section 5.3.
#[test]
fn argon2id_of_the_rfc() {
    let params = argon2::ParamsBuilder::new()
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .data(argon2::AssociatedData::new(&[4; 12]).unwrap())
        .build()
        .unwrap();
    let kdf = Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, argon2::Version::V0x13, params).unwrap();
    let mut tag = [0; 32];
    kdf.hash_password_into(&[1; 32], &[2; 16], &mut tag).unwrap();
    assert_eq!(tag.to_vec(), bytes_of("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"));
}

/// From the tests of Argon2's reference implementation: `hashtest(version, 2, 16, 1, "password", "somesalt")`.
#[test]
fn argon2id_as_used_here() {
    let params = Params { memory_kib: 1 << 16, passes: 2, lanes: 1 };
    let key = derive("password", b"somesalt", params).unwrap();
    assert_eq!(key.to_vec(), bytes_of("09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"));
}

/// draft-irtf-cfrg-xchacha, appendix A.3.1.
#[test]
fn xchacha20poly1305_of_the_draft() {
    let key: [u8; 32] = std::array::from_fn(|at| 0x80 + at as u8);
    let nonce: [u8; 24] = std::array::from_fn(|at| 0x40 + at as u8);
    let associated = bytes_of("50515253c0c1c2c3c4c5c6c7");
    let message = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the \
        future, sunscreen would be it.";
    let expected = bytes_of(concat!(
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb",
        "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452",
        "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9",
        "21f9664c97637da9768812f615c68b13b52e",
        "c0875924c1c7987947deafd8780acf49"
    ));
    assert_eq!(encrypt(&key, &nonce, message, &associated).unwrap(), expected);
    assert_eq!(decrypt(&key, &nonce, &expected, &associated).unwrap().as_slice(), message);
}

#[test]
fn a_vault_opens_again_and_a_new_password_keeps_the_wallet() {
    let (vault, created) = create("correct horse", SECRET, Params::LEAST).unwrap();
    let text = serde_json::to_string(&vault).unwrap();
    assert!(!text.contains("ozone") && !text.contains("horse"));
    let opened = open("correct horse", &serde_json::from_str(&text).unwrap()).unwrap();
    assert_eq!(opened.plaintext.as_slice(), SECRET);
    assert_eq!((&opened.state_key, &opened.wallet_id), (&created.state_key, &vault.wallet_id));
    assert_eq!(format!("{opened:?}"), format!("Opened {{ wallet_id: {:?}, .. }}", vault.wallet_id));
    let other = reseal("battery staple", &opened, Params::LEAST).unwrap();
    assert_ne!((&other.salt, &other.nonce, &other.data), (&vault.salt, &vault.nonce, &vault.data));
    assert_eq!(open("correct horse", &other).unwrap_err(), KeystoreError::WrongPasswordOrDamaged);
    let reopened = open("battery staple", &other).unwrap();
    assert_eq!((reopened.state_key, reopened.wallet_id), (opened.state_key, opened.wallet_id));
    // Another wallet shares neither id nor key nor salt.
    let (second, second_opened) = create("correct horse", SECRET, Params::LEAST).unwrap();
    assert_ne!((&second.wallet_id, &second.salt), (&vault.wallet_id, &vault.salt));
    assert_ne!(second_opened.state_key, created.state_key);
}

/// Every field of the header is bound to the content: a valid-looking change of any of them is found out.
#[test]
fn every_change_is_noticed() {
    let (vault, _) = quick_vault("pw");
    let damaged = Err(KeystoreError::WrongPasswordOrDamaged);
    let open = |vault: &Vault| open("pw", vault).map(|opened| opened.plaintext.to_vec());
    assert_eq!(open(&vault), Ok(SECRET.to_vec()));
    for (field, other) in [
        ("wallet_id", "000102030405060708090a0b0c0d0e10"),
        ("salt", "00000000000000000000000000000000"),
        ("nonce", "000000000000000000000000000000000000000000000000"),
    ] {
        let mut json = serde_json::to_value(&vault).unwrap();
        json[field] = other.into();
        assert_eq!(open(&serde_json::from_value(json).unwrap()), damaged, "{field}");
    }
    for params in
        [Params { memory_kib: 65, ..QUICK }, Params { passes: 2, ..QUICK }, Params { lanes: 2, ..QUICK }]
    {
        assert_eq!(open(&Vault { params, ..vault.clone() }), damaged);
    }
    let sealed = BASE64.decode(vault.data.as_bytes()).unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert_eq!(open(&Vault { data: BASE64.encode(&changed), ..vault.clone() }), damaged, "{at}");
    }
    for len in 0..sealed.len() {
        assert_eq!(open(&Vault { data: BASE64.encode(&sealed[..len]), ..vault.clone() }), damaged, "{len}");
    }
}

#[test]
fn what_is_not_a_vault() {
    let (vault, _) = quick_vault("pw");
    let error = |vault: Vault| open("pw", &vault).unwrap_err();
    assert_eq!(error(Vault { format: "x".into(), ..vault.clone() }), KeystoreError::Malformed("format"));
    assert_eq!(error(Vault { version: 2, ..vault.clone() }), KeystoreError::Version(2));
    assert_eq!(error(Vault { kdf: "scrypt".into(), ..vault.clone() }), KeystoreError::Malformed("kdf"));
    assert_eq!(error(Vault { cipher: "aes".into(), ..vault.clone() }), KeystoreError::Malformed("cipher"));
    assert_eq!(error(Vault { salt: "00".into(), ..vault.clone() }), KeystoreError::Malformed("salt"));
    assert_eq!(error(Vault { nonce: "zz".into(), ..vault.clone() }), KeystoreError::Malformed("nonce"));
    assert_eq!(error(Vault { data: "=".into(), ..vault.clone() }), KeystoreError::Malformed("data"));
    let with = serde_json::to_string(&vault).unwrap().replacen('{', r#"{"extra":1,"#, 1);
    assert!(serde_json::from_str::<Vault>(&with).is_err());
    for password in ["", &"x".repeat(MAX_PASSWORD + 1)] {
        assert_eq!(open(password, &vault).unwrap_err(), KeystoreError::Password(password.len()));
    }
}

/// A file must not be able to ask for all memory, or for a day.
#[test]
fn parameters_are_bounded() {
    let (vault, _) = quick_vault("pw");
    let of = |memory_kib, passes, lanes| Params { memory_kib, passes, lanes };
    for params in [
        of(u32::MAX, 1, 1),
        of(Params::MAX_MEMORY_KIB + 1, 1, 1),
        of(64, u32::MAX, 1),
        of(64, Params::MAX_PASSES + 1, 1),
        of(1 << 20, 7, 1),
        of(1 << 16, 3, 17),
        of(7, 1, 1),
        of(0, 0, 0),
        of(64, 0, 1),
        of(64, 1, 0),
        of(64, 1, 16),
    ] {
        let error = open("pw", &Vault { params, ..vault.clone() }).unwrap_err();
        assert_eq!(error, params.error(), "{params:?}");
    }
    for params in [QUICK, of(64 << 10, 1, 1), of(18 << 10, 9, 1)] {
        assert_eq!(seal("pw", SECRET, params).unwrap_err(), params.error());
    }
    assert!(Params::STANDARD.check().is_ok() && Params::STANDARD.check_new().is_ok());
}

#[test]
fn states() {
    let key = [9; 32];
    let sealed = seal_state(&key, "wallet/history", b"{\"txs\":[]}").unwrap();
    assert_eq!(open_state(&key, "wallet/history", &sealed).unwrap().as_slice(), b"{\"txs\":[]}");
    assert_ne!(sealed, seal_state(&key, "wallet/history", b"{\"txs\":[]}").unwrap(), "nonces are fresh");
    let damaged = KeystoreError::WrongPasswordOrDamaged;
    assert_eq!(open_state(&[8; 32], "wallet/history", &sealed).unwrap_err(), damaged);
    assert_eq!(open_state(&key, "other/history", &sealed).unwrap_err(), damaged);
    let bytes = BASE64.decode(sealed.as_bytes()).unwrap();
    for at in 1..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x80;
        assert_eq!(open_state(&key, "wallet/history", &BASE64.encode(&changed)).unwrap_err(), damaged);
    }
    let mut later = bytes;
    later[0] = 2;
    let later = BASE64.encode(&later);
    assert_eq!(open_state(&key, "wallet/history", &later).unwrap_err(), KeystoreError::Version(2));
    for text in ["", "AQ==", "not base64"] {
        assert_eq!(open_state(&key, "", text).unwrap_err(), KeystoreError::Malformed("state"), "{text}");
    }
}

proptest! {
    #[test]
    fn any_state_comes_back(
        key: [u8; 32], id: String, state in prop::collection::vec(any::<u8>(), 0..300)
    ) {
        let sealed = seal_state(&key, &id, &state).unwrap();
        let opened = open_state(&key, &id, &sealed).unwrap();
        prop_assert_eq!(opened.as_slice(), state.as_slice());
    }

    #[test]
    fn any_text_is_refused_without_panic(text: String) {
        prop_assert!(open_state(&[1; 32], "", &text).is_err());
        prop_assert!(serde_json::from_str::<Vault>(&text).is_err());
    }
}
