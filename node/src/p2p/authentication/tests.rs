use super::*;
use std::path::PathBuf;

fn node_key(byte: u8) -> NodeKey {
    NodeKey::from_bytes([byte; 32]).unwrap()
}

fn by_secret(secret: &[u8]) -> Credentials {
    Credentials::new(Some(secret.to_vec()), None).unwrap()
}

fn by_keys(own: u8, allowed: &[u8]) -> Credentials {
    let allowed = allowed.iter().map(|byte| node_key(*byte).public()).collect();
    Credentials::new(None, Some((node_key(own), allowed))).unwrap()
}

fn transcript(caller: &Credentials, called: &Credentials) -> Transcript {
    Transcript {
        magic: [1, 2, 3, 4],
        genesis: [5; 32],
        version_nonces: [6, 7],
        challenges: [caller.challenge([8; 32]), called.challenge([9; 32])],
        session: None,
    }
}

/// What each side says of the other, the caller's word first.
fn meet(caller: &Credentials, called: &Credentials) -> [Result<(), AuthFailure>; 2] {
    let transcript = transcript(caller, called);
    let caller_proof = caller.prove(&transcript, Side::Caller);
    let called_proof = called.prove(&transcript, Side::Called);
    [
        caller.check(&transcript, Side::Called, &called_proof),
        called.check(&transcript, Side::Caller, &caller_proof),
    ]
}

#[test]
fn members_accept_each_other() {
    assert_eq!(meet(&by_secret(b"one"), &by_secret(b"one")), [Ok(()), Ok(())]);
    assert_eq!(meet(&by_keys(1, &[2]), &by_keys(2, &[1, 3])), [Ok(()), Ok(())]);
    let both = |own, other: u8| {
        let allowed = [node_key(other).public()].into_iter().collect();
        Credentials::new(Some(b"one".to_vec()), Some((node_key(own), allowed))).unwrap()
    };
    assert_eq!(meet(&both(1, 2), &both(2, 1)), [Ok(()), Ok(())]);
    assert!(Credentials::new(None, None).is_none());
}

#[test]
fn strangers_are_refused() {
    let other_secret = Err(AuthFailure::Secret);
    assert_eq!(meet(&by_secret(b"one"), &by_secret(b"two")), [other_secret.clone(), other_secret]);
    // The second knows the first, but not the other way round.
    let unknown = AuthFailure::UnknownKey(chaincore_consensus::hex::encode(&node_key(2).public()));
    assert_eq!(meet(&by_keys(1, &[3]), &by_keys(2, &[1])), [Err(unknown), Ok(())]);
    let [ours, theirs] = [AuthMethods::SECRET, AuthMethods::KEY];
    assert_eq!(meet(&by_secret(b"one"), &by_keys(1, &[2]))[0], Err(AuthFailure::Methods { ours, theirs }));
}

#[test]
fn a_proof_is_for_one_connection_chain_and_direction() {
    for credentials in [by_secret(b"one"), by_keys(1, &[1])] {
        let said = transcript(&credentials, &credentials);
        let proof = credentials.prove(&said, Side::Caller);
        assert_eq!(credentials.check(&said, Side::Caller, &proof), Ok(()));
        // Sent back to whoever made it.
        assert!(credentials.check(&said, Side::Called, &proof).is_err());
        let others: [fn(&mut Transcript); 7] = [
            |said| said.magic[0] ^= 1,
            |said| said.genesis[0] ^= 1,
            |said| said.version_nonces[0] ^= 1,
            |said| said.version_nonces[1] ^= 1,
            |said| said.challenges[0].nonce[0] ^= 1,
            |said| said.challenges[1].nonce[0] ^= 1,
            |said| said.session = Some(SessionId([0; 32])),
        ];
        for change in others {
            let mut other = said.clone();
            change(&mut other);
            assert!(credentials.check(&other, Side::Caller, &proof).is_err());
        }
        let nothing = AuthProof { secret: None, signature: None };
        assert!(credentials.check(&said, Side::Caller, &nothing).is_err());
    }
}

#[test]
fn a_listed_key_must_sign() {
    let (caller, called) = (by_keys(1, &[2]), by_keys(2, &[1]));
    let thief = by_keys(3, &[2]);
    let said = transcript(&caller, &called);
    // The thief says the caller's key but has its own.
    let proof = thief.prove(&said, Side::Caller);
    assert!(matches!(called.check(&said, Side::Caller, &proof), Err(AuthFailure::Signature(_))));
}

#[test]
fn debug_output_has_no_secrets() {
    assert_eq!(format!("{:?}", by_secret(b"one")), "Credentials(shared secret)");
    assert!(format!("{:?}", node_key(1)).contains(&chaincore_consensus::hex::encode(&node_key(1).public())));
}

#[test]
fn files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    assert_eq!(read_secret(&file("s", " 0123456789abcdef\n")).unwrap(), b"0123456789abcdef");
    let short = read_secret(&file("short", "0123456789abcde \n")).unwrap_err().to_string();
    assert!(short.contains("has 15 bytes") && !short.contains("0123"), "{short}");
    assert!(matches!(read_secret(&file("long", &"x".repeat(5000))), Err(FileError::TooLong { .. })));

    let path = folder.path().join("node_key");
    let made = read_or_make_key(&path).unwrap();
    assert_eq!(read_or_make_key(&path).unwrap().public(), made.public());
    assert_eq!(read_key(&path).unwrap().public(), made.public());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(matches!(made.write(&path), Err(FileError::Io { .. })), "a key is never written over");
    assert!(matches!(read_key(&file("bad", "zz\n")), Err(FileError::Key(_))));

    let public = chaincore_consensus::hex::encode(&made.public());
    let listed = read_keys(&file("list", &format!("# members\n\n{public} core1\n"))).unwrap();
    assert_eq!(listed.into_iter().collect::<Vec<_>>(), [made.public()]);
    assert!(matches!(read_keys(&file("none", "# nobody\n")), Err(FileError::EmptyList(_))));
    let not_a_key = read_keys(&file("wrong", &format!("{public}\n{}\n", "f".repeat(64))));
    assert!(matches!(not_a_key, Err(FileError::ListedKey { line: 2, .. })));
}
