//! Addresses, the mempool, and what goes into it.

use super::*;

#[test]
fn addresses_and_the_mempool_are_what_the_wallet_knows() {
    let Scene { node, api, wallet, paid, waiting } = scene();
    let unspent: BTreeSet<_> = wallet.list_unspent().map(|coin| coin.outpoint).collect();
    assert!(!unspent.is_empty());
    let mut seen = BTreeSet::new();
    let scripts = (0..=1)
        .flat_map(|index| [External, Internal].map(|keychain| wallet.peek_address(keychain, index).address));
    for address in scripts {
        let script = address.script_pubkey();
        let stats = api.get_scripthash_stats(&script).expect("stats");
        let of_address = api.get_address_stats(&address).expect("stats");
        assert_eq!(
            (stats.chain_stats, stats.mempool_stats),
            (of_address.chain_stats, of_address.mempool_stats)
        );
        let txs = api.get_scripthash_txs(&script, None).expect("a page");
        assert_eq!(txs, api.get_address_txs(&address, None).expect("a page"));
        let (chain, pool) = (stats.chain_stats, stats.mempool_stats);
        assert_eq!(txs.len() as u32, chain.tx_count + pool.tx_count);
        // Counted by hand from what is listed.
        let count = |confirmed: bool| {
            let txs = txs.iter().filter(|tx| tx.status.confirmed == confirmed);
            let mut counts = (0, Amount::ZERO, 0, Amount::ZERO);
            for tx in txs {
                for output in tx.vout.iter().filter(|output| output.scriptpubkey == script) {
                    counts.0 += 1;
                    counts.1 += output.value;
                }
                let spent = tx.vin.iter().filter_map(|input| input.prevout.as_ref());
                for output in spent.filter(|output| output.scriptpubkey == script) {
                    counts.2 += 1;
                    counts.3 += output.value;
                }
            }
            counts
        };
        for (sums, confirmed) in [(chain, true), (pool, false)] {
            let told = (sums.funded_txo_count, sums.funded_txo_sum, sums.spent_txo_count, sums.spent_txo_sum);
            assert_eq!(told, count(confirmed), "{address} {confirmed}");
        }
        let coins = api.get_scripthash_utxos(&script).expect("a list");
        assert_eq!(coins, api.get_address_utxos(&address).expect("a list"));
        seen.extend(coins.iter().map(|coin| OutPoint { txid: coin.txid, vout: coin.vout }));
        let waits = api.get_mempool_scripthash_txs(&script).expect("a list");
        assert_eq!(waits, txs.iter().filter(|tx| !tx.status.confirmed).cloned().collect::<Vec<_>>());
        assert_eq!(waits, api.get_mempool_address_txs(&address).expect("a list"));
        // Behind the last one there is nothing; behind the first one of the chain, the rest.
        let mined: Vec<_> = txs.into_iter().filter(|tx| tx.status.confirmed).collect();
        if let Some(first) = mined.first() {
            let rest = api.get_scripthash_txs(&script, Some(first.txid)).expect("a page");
            assert_eq!(rest, mined[1..]);
            let after = node.get_json(&format!("/api/address/{address}/txs?after_txid={}", first.txid));
            assert_eq!(after.as_array().map(Vec::len), Some(rest.len()));
        }
        let unknown: Txid = "5a".repeat(32).parse().expect("an id");
        assert!(api.get_scripthash_txs(&script, Some(unknown)).expect("a page").is_empty());
    }
    // The wallet has not synced since: what waits spends some of what it has, and makes some.
    let mut expected: BTreeSet<_> = unspent;
    waiting.input.iter().for_each(|input| assert!(expected.remove(&input.previous_output)));
    let own = |vout: &u32| wallet.is_mine(waiting.output[*vout as usize].script_pubkey.clone());
    let made = (0..waiting.output.len() as u32).filter(own);
    expected.extend(made.map(|vout| OutPoint { txid: waiting.compute_txid(), vout }));
    assert_eq!(seen, expected);

    let backlog = api.get_mempool_stats().expect("stats");
    let info = node.rpc("getmempoolinfo", json!([]));
    assert_eq!(json!([backlog.count, backlog.vsize]), json!([info["size"], info["bytes"]]));
    let waits = api.get_tx_info(&waiting.compute_txid()).expect("an answer").expect("a transaction");
    assert_eq!((backlog.total_fee, backlog.fee_histogram.len()), (waits.fee, 1));
    assert_eq!(api.get_mempool_txids().expect("a list"), [waiting.compute_txid()]);
    let recent = api.get_mempool_recent_txs().expect("a list");
    assert_eq!((recent.len(), recent[0].txid, recent[0].fee), (1, waiting.compute_txid(), waits.fee));
    let fees = api.get_fee_estimates().expect("estimates");
    assert_eq!(fees.len(), 28);
    assert!(fees[&1] >= fees[&144], "{fees:?}");
    mine(&node, 1);
    assert!(api.get_mempool_recent_txs().expect("a list").is_empty());
    assert_ne!(api.get_tx_status(&waiting.compute_txid()).expect("a status").block_height, None);
    drop(paid);

    for (path, status) in [
        ("address/nonsense", 400),
        ("address/1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", 400),
        ("scripthash/12", 400),
        ("scripthash/zz", 400),
        ("address", 404),
        ("nonsense", 404),
    ] {
        let (code, text) = node.get(&format!("/api/{path}"));
        assert_eq!(code, status, "{path}: {text}");
        assert!(!text.starts_with('{'), "{text}");
    }
}

#[test]
fn transactions_are_taken_or_refused_in_cores_words() {
    let Scene { node, api, mut wallet, waiting, .. } = scene();
    // One that is there is no mistake.
    assert_eq!(api.broadcast(&waiting).expect("it is taken"), waiting.compute_txid());
    let refusal = |result: Result<Txid, Error>| match result {
        Err(Error::HttpResponse { status: 400, message }) => message,
        other => panic!("{other:?}"),
    };
    let mut spoiled = waiting.clone();
    spoiled.input[0].previous_output.vout += 7;
    assert_eq!(
        refusal(api.broadcast(&spoiled)),
        r#"sendrawtransaction RPC error: {"code":-25,"message":"bad-txns-inputs-missingorspent"}"#
    );
    let mut greedy = waiting.clone();
    greedy.output[0].value = Amount::from_int_btc(1_000_000);
    assert!(refusal(api.broadcast(&greedy)).contains(r#""code":-26"#));
    for body in ["", "zz", "00", "{}", "\u{0}"] {
        let refused = api.post_request("/tx", body, None).expect_err("it is no transaction");
        let Error::HttpResponse { status: 400, message } = refused else { panic!("{refused:?}") };
        assert!(message.contains(r#""code":-22,"message":"TX decode failed"#), "{message}");
    }

    // A parent and its child together.
    sync(&mut wallet, &node);
    let to = wallet.reveal_next_address(External).address.script_pubkey();
    let parent = pay(&mut wallet, to.clone(), Amount::from_sat(1_000_000));
    wallet.apply_unconfirmed_txs([(parent.clone(), 1)]);
    let vout = parent.output.iter().position(|output| output.script_pubkey == to).expect("it pays there");
    let coin = OutPoint { txid: parent.compute_txid(), vout: vout as u32 };
    let child = finish(&mut wallet, |builder| {
        builder.add_utxo(coin).expect("it is the wallet's").manually_selected_only();
        builder.add_recipient(to, Amount::from_sat(500_000));
    });
    let package = [parent.clone(), child.clone()];
    let result = api.submit_package(&package, None, None).expect("an answer");
    let txids: BTreeSet<_> = result.tx_results.values().map(|result| result.txid).collect();
    assert_eq!((result.package_msg.as_str(), txids.len()), ("success", 2));
    assert!(result.tx_results.values().all(|result| result.error.is_none() && result.fees.is_some()));
    assert_eq!(api.get_mempool_stats().expect("stats").count, 3);
    for body in ["[]", "{}", "[1]", "[\"zz\"]", "nonsense"] {
        let refused = api.post_request("/txs/package", body, None).expect_err("it is no package");
        assert!(matches!(refused, Error::HttpResponse { status: 400, .. }), "{body}: {refused:?}");
    }
}
