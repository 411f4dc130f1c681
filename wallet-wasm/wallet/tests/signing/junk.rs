//! Bytes from anywhere: read, looked at, signed and combined without a panic.

use crate::coins::*;
use bitcoin::ScriptBuf;
use chaincore_wallet::chain::Chain;
use chaincore_wallet::keys::AccountKind;
use chaincore_wallet::psbt::{MAX_PSBT_BYTES, PsbtError, combine, finalise, from_base64, read, to_base64};
use chaincore_wallet::signer::Signer;
use proptest::prelude::*;
use std::sync::LazyLock;

static SIGNER: LazyLock<Signer> = LazyLock::new(|| signer(chain("regtest")));

static MAIN: LazyLock<Chain> = LazyLock::new(|| chain("main"));

/// PSBTs of all kinds, unsigned and signed, to start from.
static GOOD: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let inputs: Vec<_> = (0..4).map(|index| (place(AccountKind::ALL[index], 1), 10_000)).collect();
    let back = change(AccountKind::Taproot, 0);
    let outputs = vec![pay(back.script(&SIGNER), 30_000), pay(ScriptBuf::new_op_return([7; 40]), 0)];
    let mut draft = draft(&SIGNER, &inputs, outputs);
    claim(&mut draft, 0, &SIGNER, back);
    let unsigned = draft.psbt.serialize();
    let mut partly = draft.psbt.clone();
    partly.inputs[0].bip32_derivation.clear();
    SIGNER.sign(&mut partly).unwrap();
    SIGNER.sign(&mut draft.psbt).unwrap();
    vec![unsigned, partly.serialize(), draft.psbt.serialize()]
});

fn use_everything(bytes: &[u8]) {
    if let Ok(mut psbt) = read(bytes) {
        let _ = SIGNER.review(&psbt);
        let _ = finalise(psbt.clone());
        let _ = combine(vec![psbt.clone(), psbt.clone()]);
        if let Ok(good) = read(&GOOD[0]) {
            let _ = combine(vec![psbt.clone(), good]);
        }
        let _ = SIGNER.sign(&mut psbt);
        assert_eq!(read(&psbt.serialize()).as_ref(), Ok(&psbt), "what is written reads back");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn changed_bytes(which in 0..3_usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = GOOD[which].clone();
        for (place, byte) in changes {
            *place.get_mut(&mut bytes) = byte;
        }
        use_everything(&bytes);
    }

    #[test]
    fn cut_and_stretched(which in 0..3_usize, place in any::<prop::sample::Index>(), more in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut bytes = GOOD[which].clone();
        let at = place.index(bytes.len());
        use_everything(&bytes[..at]);
        bytes.splice(at..at, more);
        use_everything(&bytes);
    }

    #[test]
    fn any_bytes_and_any_text(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,200}") {
        use_everything(&bytes);
        use_everything(&[b"psbt\xff", &bytes[..]].concat());
        let _ = from_base64(&text);
        let _ = chaincore_wallet::keys::check(&text);
        let _ = chaincore_wallet::keys::suggest(&text);
        let _ = MAIN.script(&text);
        let _ = chaincore_wallet::descriptor::Watched::parse(&text, None, &MAIN);
        let _ = chaincore_wallet::message::verify(&MAIN, "1KqbBpLy5FARmTPD4VZnDDpYjkUvkr82Pm", &text, &text);
        let _ = chaincore_wallet::service::SignerService::new().call(&text);
    }

    /// Descriptors with a few characters changed: read or refused, and what is read has scripts.
    #[test]
    fn changed_descriptors(which in 0..4_usize, changes in prop::collection::vec((any::<prop::sample::Index>(), "[0-9a-z(){},<>;*/'\\[\\]#]"), 0..3), index in any::<u32>()) {
        let key = "[d34db33f/48h/0h]xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHWkY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL/<0;1>/*";
        let lone = "03a34b99f22c790c4e36b2b3c2c35a36db06226e41c692fc82b8b56ac1c540c5bd";
        let mut text = [
            format!("wpkh({key})"),
            format!("wsh(sortedmulti(2,{key},{lone}))"),
            format!("sh(wsh(and_v(v:pk({key}),older(144))))"),
            format!("tr({key},{{pk({lone}),multi_a(1,{lone})}})"),
        ][which].clone();
        let unchanged = changes.is_empty();
        for (place, change) in changes {
            let at = place.index(text.len());
            text.replace_range(at..=at, &change);
        }
        let read = chaincore_wallet::descriptor::Watched::parse(&text, None, &MAIN);
        prop_assert!(read.is_ok() || !unchanged, "{} {:?}", text, read);
        if let Ok(watched) = read {
            let script = watched.receive.script(index);
            prop_assert_eq!(script.is_ok(), index < 1 << 31 || !watched.receive.is_ranged());
            prop_assert!(watched.receive.max_satisfaction_weight().to_wu() > 0);
            let again = chaincore_wallet::descriptor::PublicDescriptor::parse(&watched.receive.to_string(), &MAIN);
            prop_assert_eq!(again.as_ref(), Ok(&watched.receive));
        }
    }

    /// Whatever a witness or transaction says, judging it does not panic.
    #[test]
    fn any_signature_of_a_message(bytes in prop::collection::vec(any::<u8>(), 0..120), prefix in 0..4_usize) {
        let text = ["", "smp", "ful", "pof"][prefix].to_string() + &data_encoding::BASE64.encode(&bytes);
        for address in ["1KqbBpLy5FARmTPD4VZnDDpYjkUvkr82Pm", "3HSVzEhCFuH9Z3wvoWTexy7BMVVp3PjS6f",
            "bc1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l", "bc1ppv609nr0vr25u07u95waq5lucwfm6tde4nydujnu8npg4q75mr5sxq8lt3"] {
            if let Ok(verdict) = chaincore_wallet::message::verify(&MAIN, address, "hello", &text) {
                prop_assert!(!verdict.is_valid());
            }
        }
    }
}

#[test]
fn forms_of_the_same_psbt() {
    let psbt = read(&GOOD[0]).unwrap();
    let text = to_base64(&psbt);
    let lines: String = text
        .as_bytes()
        .chunks(64)
        .map(|line| format!(" {}\r\n", std::str::from_utf8(line).unwrap()))
        .collect();
    let url = text.replace('+', "-").replace('/', "_");
    let hex = psbt.serialize_hex();
    for form in [
        &text,
        &lines,
        &url,
        &text.trim_end_matches('=').to_string(),
        &hex,
        &hex.to_uppercase(),
        &format!("\n{hex}\n"),
    ] {
        assert_eq!(from_base64(form).as_ref(), Ok(&psbt), "{form}");
    }
    // A file that an editor put a line break behind.
    assert_eq!(read(&[&GOOD[0][..], b"\r\n"].concat()).as_ref(), Ok(&psbt));
    assert!(matches!(read(&[&GOOD[0][..], b"x"].concat()), Err(PsbtError::Decode(_))));
    for nothing in ["", "hello", "cHNidA==", "70736274", "=", "===="] {
        assert_eq!(from_base64(nothing), Err(PsbtError::Encoding), "{nothing}");
    }
}

#[test]
fn what_is_too_large_is_not_decoded() {
    let mut bytes = b"psbt\xff".to_vec();
    bytes.resize(MAX_PSBT_BYTES + 1, 0);
    assert!(matches!(read(&bytes), Err(PsbtError::TooLarge { .. })));
    assert!(matches!(read(&vec![b'A'; MAX_PSBT_BYTES * 3]), Err(PsbtError::TooLarge { .. })));
    // An unsigned transaction of more than a block, and one whose length is a lie.
    let with_tx = |len: u32, follows: usize| {
        let mut bytes = b"psbt\xff\x01\x00\xfe".to_vec();
        bytes.extend(len.to_le_bytes());
        bytes.resize(bytes.len() + follows, 0);
        bytes
    };
    assert!(matches!(read(&with_tx(1_000_001, 1_000_010)), Err(PsbtError::TooLarge { len: 1_000_001, .. })));
    assert!(matches!(read(&with_tx(u32::MAX, 100)), Err(PsbtError::Decode(_))));
    // Versions that are not read, and no transaction at all.
    let of_version = |version: u8| [&b"psbt\xff\x01\xfb\x04"[..], &[version, 0, 0, 0, 0]].concat();
    assert_eq!(read(&of_version(3)), Err(PsbtError::Version(3)));
    assert!(matches!(read(&of_version(2)), Err(PsbtError::Decode(_))), "nothing of what version 2 has");
    assert!(matches!(read(b"psbt\xff\x00"), Err(PsbtError::Decode(_))));
}
