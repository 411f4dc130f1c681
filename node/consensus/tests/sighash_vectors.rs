//! Core's `sighash.json` (the legacy hash) and BIP341's wallet vectors.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod vectors;

use chaincore_consensus::amount::Amount;
use chaincore_consensus::check::check_transaction;
use chaincore_consensus::codec::Decode;
use chaincore_consensus::script::{
    Builder, TaprootContext, VerifyFlags, op, signature, taproot, verify_input,
};
use chaincore_consensus::sighash::{PrecomputedTx, SighashType, legacy_sighash, taproot_sighash};
use chaincore_consensus::{Hash256, Script, Transaction, TxOut};
use serde_json::Value;

#[test]
fn sighash() {
    let rows = vectors::load("sighash.json");
    let (mut cases, mut comments) = (0, 0);
    for row in rows.as_array().unwrap() {
        if row.as_array().unwrap().len() == 1 {
            comments += 1;
            continue;
        }
        cases += 1;
        let tx = Transaction::decode_exact(&vectors::bytes(&row[0])).unwrap();
        check_transaction(&tx).unwrap_or_else(|reason| panic!("{reason}: {row}"));
        let input = usize::try_from(row[2].as_u64().unwrap()).unwrap();
        let hash_type = SighashType(row[3].as_i64().unwrap() as i32 as u32);
        let expected: Hash256 = row[4].as_str().unwrap().parse().unwrap();
        let hash = legacy_sighash(&tx, input, &vectors::bytes(&row[1]), hash_type, &PrecomputedTx::default());
        assert_eq!(hash, expected, "{row}");
    }
    println!("sighash.json: {} rows, {cases} cases, {comments} comment", rows.as_array().unwrap().len());
    assert_eq!((cases, comments), (500, 1));
}

/// A node of a script tree: the hash, and each leaf below with the hash of its script and its path from there.
struct Node {
    hash: [u8; 32],
    leaves: Vec<Leaf>,
}

struct Leaf {
    id: usize,
    hash: [u8; 32],
    version: u8,
    path: Vec<u8>,
}

fn tree(value: &Value) -> Node {
    match value {
        Value::Array(children) => {
            let [left, right] = children.as_slice() else { panic!("{value}") };
            let (mut left, mut right) = (tree(left), tree(right));
            left.leaves.iter_mut().for_each(|leaf| leaf.path.extend(right.hash));
            right.leaves.iter_mut().for_each(|leaf| leaf.path.extend(left.hash));
            left.leaves.append(&mut right.leaves);
            Node { hash: taproot::branch_hash(&left.hash, &right.hash), leaves: left.leaves }
        }
        leaf => {
            let version = leaf["leafVersion"].as_u64().unwrap() as u8;
            let hash = taproot::leaf_hash(version, &vectors::bytes(&leaf["script"]));
            let id = leaf["id"].as_u64().unwrap() as usize;
            Node { hash, leaves: vec![Leaf { id, hash, version, path: vec![] }] }
        }
    }
}

fn check_output(case: &Value) -> usize {
    let internal_key = vectors::bytes32(&case["given"]["internalPubkey"]);
    let given_tree = &case["given"]["scriptTree"];
    let tree = (!given_tree.is_null()).then(|| tree(given_tree));
    let root = tree.as_ref().map(|tree| tree.hash);
    let intermediary = &case["intermediary"];
    assert_eq!(
        root,
        (!intermediary["merkleRoot"].is_null()).then(|| vectors::bytes32(&intermediary["merkleRoot"]))
    );
    assert_eq!(taproot::tweak_hash(&internal_key, root.as_ref()), vectors::bytes32(&intermediary["tweak"]));
    let (key, odd) = taproot::output_key(&internal_key, root.as_ref()).unwrap();
    assert_eq!(key, vectors::bytes32(&intermediary["tweakedPubkey"]));
    let script = Builder::new().op(op::OP_1).push_data(&key).into_script();
    assert_eq!(script.0, vectors::bytes(&case["expected"]["scriptPubKey"]));
    let hrp = bech32::Hrp::parse("bc").unwrap();
    let address = bech32::segwit::encode_v1(hrp, &key).unwrap();
    assert_eq!(case["expected"]["bip350Address"], address);

    let leaves = tree.map_or(vec![], |tree| tree.leaves);
    for leaf in &leaves {
        assert_eq!(leaf.hash, vectors::bytes32(&intermediary["leafHashes"][leaf.id]));
        let control = [&[leaf.version | u8::from(odd)][..], &internal_key, &leaf.path].concat();
        assert_eq!(control, vectors::bytes(&case["expected"]["scriptPathControlBlocks"][leaf.id]));
        let control = taproot::ControlBlock::parse(&control).unwrap();
        assert!(control.commits(&key, &leaf.hash));
        assert!(!control.commits(&key, &[1; 32]));
    }
    leaves.len()
}

fn check_spends(case: &Value) -> usize {
    let mut tx = Transaction::decode_exact(&vectors::bytes(&case["given"]["rawUnsignedTx"])).unwrap();
    let utxo = |utxo: &Value| TxOut {
        value: Amount(utxo["amountSats"].as_i64().unwrap()),
        script_pubkey: Script(vectors::bytes(&utxo["scriptPubKey"])),
    };
    let spent: Vec<TxOut> = case["given"]["utxosSpent"].as_array().unwrap().iter().map(utxo).collect();
    let spends = case["inputSpending"].as_array().unwrap();
    for spend in spends {
        let input = spend["given"]["txinIndex"].as_u64().unwrap() as usize;
        let hash_type = SighashType(spend["given"]["hashType"].as_u64().unwrap() as u32);
        let key_path = TaprootContext { annex_hash: None, leaf_hash: None, code_separator: u32::MAX };
        let unsigned = PrecomputedTx::default();
        let hash = taproot_sighash(&tx, input, &spent, hash_type, &key_path, &unsigned).unwrap();
        assert_eq!(hash.0, vectors::bytes32(&spend["intermediary"]["sigHash"]));

        let witness: Vec<_> =
            spend["expected"]["witness"].as_array().unwrap().iter().map(vectors::bytes).collect();
        let key: [u8; 32] = spent[input].script_pubkey[2..].try_into().unwrap();
        assert!(signature::verify_schnorr(witness[0][..64].try_into().unwrap(), &key, &hash.0));
        tx.inputs[input].witness = witness;
    }
    let pre = PrecomputedTx::new(&tx, &spent);
    for spend in spends {
        let input = spend["given"]["txinIndex"].as_u64().unwrap() as usize;
        assert_eq!(verify_input(&tx, input, &spent, &pre, VerifyFlags::STANDARD, None), Ok(()));
        let mut other = tx.clone();
        other.inputs[input].witness[0][0] ^= 1;
        assert!(verify_input(&other, input, &spent, &pre, VerifyFlags::STANDARD, None).is_err());
    }
    spends.len()
}

#[test]
fn bip341_wallet_vectors() {
    let vectors = vectors::load("bip341_wallet_vectors.json");
    let outputs = vectors["scriptPubKey"].as_array().unwrap();
    let leaves: usize = outputs.iter().map(check_output).sum();
    let transactions = vectors["keyPathSpending"].as_array().unwrap();
    let spends: usize = transactions.iter().map(check_spends).sum();
    println!(
        "bip341_wallet_vectors.json: {} outputs with {leaves} leaves, {} transaction with {spends} key path spends",
        outputs.len(),
        transactions.len()
    );
    assert_eq!((outputs.len(), leaves, transactions.len(), spends), (7, 12, 1, 7));
}
