//! Transactions, and what no index tells.

use super::*;
use std::time::{Duration, Instant};

#[test]
fn transactions_are_what_rpc_says() {
    let Scene { node, api, paid, waiting, .. } = scene();
    let tip = api.get_tip_hash().expect("a hash");
    for (tx, height) in [(&paid, Some(104)), (&waiting, None)] {
        let txid = tx.compute_txid();
        assert_eq!(api.get_tx(&txid).expect("an answer").as_ref(), Some(tx));
        assert_eq!(node.get(&format!("/api/tx/{txid}/hex")).1, bitcoin::consensus::encode::serialize_hex(tx));
        let info = api.get_tx_info(&txid).expect("an answer").expect("a transaction");
        assert_eq!((&info.to_tx(), info.txid, info.status.block_height), (tx, txid, height));
        assert_eq!((info.size, info.weight), (tx.total_size(), tx.weight()));
        assert_eq!(info.status, api.get_tx_status(&txid).expect("a status"));
        // What it spends, and so what it pays, by other ways.
        let spent: Vec<_> = tx
            .input
            .iter()
            .map(|input| {
                let parent = api.get_tx_no_opt(&input.previous_output.txid).expect("the parent");
                Some(parent.output[input.previous_output.vout as usize].clone())
            })
            .collect();
        assert_eq!(info.previous_outputs(), spent);
        let sum: Amount = spent.iter().flatten().map(|output| output.value).sum();
        let out: Amount = tx.output.iter().map(|output| output.value).sum();
        assert_eq!(info.fee, sum - out);
    }

    // Texts beside the bytes.
    let txid = paid.compute_txid();
    let shown = node.get_json(&format!("/api/tx/{txid}"));
    let output = &shown["vin"][0]["prevout"];
    let script = ScriptBuf::from_hex(output["scriptpubkey"].as_str().expect("hex")).expect("a script");
    assert_eq!(output["scriptpubkey_asm"], script.to_asm_string());
    assert_eq!(output["scriptpubkey_type"], "v0_p2wpkh");
    let address = Address::from_script(&script, Network::Regtest).expect("an address");
    assert_eq!(output["scriptpubkey_address"], address.to_string());
    assert_eq!(shown["sigops"], 1);

    // Proofs lead to the header.
    let block = api.get_block_by_hash(&tip).expect("an answer").expect("a block");
    let proof = api.get_merkle_proof(&txid).expect("an answer").expect("a proof");
    assert_eq!((proof.block_height, proof.pos, proof.merkle.len()), (104, 1, 1));
    assert_eq!(proof.merkle[0], block.txdata[0].compute_txid());
    let (mut matches, mut indexes) = (vec![], vec![]);
    let tree = api.get_merkle_block(&txid).expect("an answer").expect("a proof");
    tree.extract_matches(&mut matches, &mut indexes).expect("the proof holds");
    assert_eq!((tree.header.block_hash(), matches, indexes), (tip, vec![txid], vec![1]));
    assert_eq!(api.get_merkle_proof(&waiting.compute_txid()).expect("an answer"), None);
    assert!(api.get_merkle_block(&waiting.compute_txid()).expect("an answer").is_none());

    // What became of outputs, in the chain and in the mempool.
    let spender = |outpoint: &OutPoint| {
        let of_one = api.get_output_status(&outpoint.txid, outpoint.vout.into());
        let of_all = api.get_tx_outspends(&outpoint.txid).expect("a list").remove(outpoint.vout as usize);
        let status = of_one.expect("an answer").expect("a status");
        assert_eq!(status, of_all);
        status
    };
    let by_paid = spender(&paid.input[0].previous_output);
    assert_eq!((by_paid.txid, by_paid.vin), (Some(txid), Some(0)));
    assert_eq!(by_paid.status.expect("a status").block_hash, Some(tip));
    for (vin, input) in waiting.input.iter().enumerate() {
        let status = spender(&input.previous_output);
        assert_eq!((status.txid, status.vin), (Some(waiting.compute_txid()), Some(vin as u64)));
        assert!(!status.status.expect("a status").confirmed);
    }
    let unspent = spender(&OutPoint { txid: waiting.compute_txid(), vout: 0 });
    assert!(!unspent.spent && unspent.txid.is_none());

    let unknown: Txid = "5a".repeat(32).parse().expect("an id");
    assert!(api.get_tx(&unknown).expect("an answer").is_none());
    assert!(api.get_tx_info(&unknown).expect("an answer").is_none());
    assert!(api.get_output_status(&unknown, 0).expect("an answer").is_none());
    assert!(!api.get_tx_status(&unknown).expect("a status").confirmed);
    for bad in ["zz", "12", "%00", &"5a".repeat(33)] {
        assert_eq!(node.get(&format!("/api/tx/{bad}")).0, 400, "{bad}");
    }
}

#[test]
fn what_an_index_would_have_to_tell_is_not_said_not_to_be() {
    let Scene { node, paid, wallet, .. } = scene();
    let (datadir, txid) = (node.datadir().to_path_buf(), paid.compute_txid());
    let address = wallet.peek_address(External, 0).address;
    // The folder outlives the node that made it.
    let kept = tempfile::tempdir().expect("a folder");
    let mut node = node;
    assert_eq!(node.stop(), Some(0));
    let copied = std::process::Command::new("cp").arg("-r").arg(datadir.join(".")).arg(kept.path()).status();
    assert!(copied.expect("cp can be run").success());

    let bare = TestNode::start_in(kept.path(), &["-regtest", "-noaddressindex", "-notxindex"]);
    let off = |path: &str, option: &str| {
        let (status, text) = bare.get(path);
        assert_eq!(status, 501, "{path}: {text}");
        assert!(text.contains(option), "{text}");
    };
    off(&format!("/api/tx/{txid}"), "-txindex");
    off(&format!("/api/tx/{txid}/raw"), "-txindex");
    off(&format!("/api/tx/{txid}/merkle-proof"), "-txindex");
    for path in ["", "/txs", "/txs/chain", "/utxo"] {
        off(&format!("/api/address/{address}{path}"), "-addressindex");
    }
    // What needs none is there.
    assert_eq!(bare.get("/api/blocks/tip/height"), (200, "104".into()));
    assert_eq!(bare.get_json("/api/blocks").as_array().map(Vec::len), Some(10));
    drop(bare);

    // By the address index alone: the history of an address, page by page.
    let node = TestNode::start_in(kept.path(), &["-regtest", "-notxindex"]);
    let history = format!("/api/address/{address}/txs/chain");
    // The index is made anew; until it has come near the tip the node says so.
    let (since, patience) = (Instant::now(), Duration::from_secs(120));
    while node.get(&history).0 == 503 && since.elapsed() < patience {
        std::thread::sleep(Duration::from_millis(20));
    }
    let txs = node.get_json(&history);
    let txs = txs.as_array().expect("a list");
    assert!(txs.len() >= 3, "{txs:?}");
    let first = txs[0]["txid"].as_str().expect("an id");
    let rest = node.get_json(&format!("/api/address/{address}/txs/chain/{first}"));
    assert_eq!(rest.as_array().expect("a list"), &txs[1..]);
}
