//! Esplora's API on a real node, by those who ask it: BDK's wallet syncs, and every method of `esplora-client` reads what
//! the node's own RPC confirms.

use bdk_esplora::EsploraExt;
use bdk_wallet::KeychainKind::{External, Internal};
use bdk_wallet::coin_selection::DefaultCoinSelectionAlgorithm;
use bdk_wallet::{SignOptions, TxBuilder, Wallet};
use bitcoin::{Address, Amount, BlockHash, FeeRate, Network, OutPoint, ScriptBuf, Transaction, Txid};
use chaincore_tests::{TestNode, mining};
use esplora_client::{BlockingClient, Builder, Error};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const KEY: &str = "tprv8ZgxMBicQKsPdy6LMhUtFHAgpocR8GC6QmwMSFpZs7h6Eziw3SpThFfczTDh5rW2krkqffa11UpX3XkeTTB2FvzZKWXqPY54Y6Rq4AQ5R8L";

/// Without a limit on requests, which would only make the test slow.
const ARGS: [&str; 3] = ["-regtest", "-txindex", "-ratelimit=0"];

fn new_wallet() -> (Wallet, Wallet) {
    let of = |account: u32| {
        let receive = format!("wpkh({KEY}/84'/1'/{account}'/0/*)");
        let change = format!("wpkh({KEY}/84'/1'/{account}'/1/*)");
        Wallet::create(receive, change)
            .network(Network::Regtest)
            .create_wallet_no_persist()
            .expect("a wallet")
    };
    (of(0), of(1))
}

/// BDK's client brings its own version of the client; it is given the same address.
fn bdk(node: &TestNode) -> bdk_esplora::esplora_client::BlockingClient {
    bdk_esplora::esplora_client::Builder::new(&format!("{}/api", node.url())).build_blocking()
}

fn client(node: &TestNode) -> BlockingClient {
    Builder::new(&format!("{}/api", node.url())).build_blocking()
}

fn mine_to(node: &TestNode, count: usize, address: &Address) -> Vec<BlockHash> {
    let hashes = node.rpc("generatetoaddress", json!([count, address.to_string()]));
    serde_json::from_value(hashes).expect("a list of hashes")
}

fn mine(node: &TestNode, count: usize) -> Vec<BlockHash> {
    mine_to(node, count, &mining::address().parse::<Address<_>>().expect("an address").assume_checked())
}

fn sync(wallet: &mut Wallet, node: &TestNode) {
    let request = wallet.start_sync_with_revealed_spks();
    let update = bdk(node).sync(request, 2).expect("the node answers");
    wallet.apply_update(update).expect("the update fits");
}

fn pay(wallet: &mut Wallet, to: ScriptBuf, amount: Amount) -> Transaction {
    finish(wallet, |builder| {
        builder.add_recipient(to, amount);
    })
}

fn finish(
    wallet: &mut Wallet,
    fill: impl FnOnce(&mut TxBuilder<'_, DefaultCoinSelectionAlgorithm>),
) -> Transaction {
    let mut builder = wallet.build_tx();
    builder.fee_rate(FeeRate::from_sat_per_vb(3).expect("a small number"));
    fill(&mut builder);
    let mut psbt = builder.finish().expect("there is enough");
    #[allow(deprecated, reason = "the wallet signs by itself in this version still")]
    let signed = wallet.sign(&mut psbt, SignOptions::default()).expect("it can sign");
    assert!(signed);
    psbt.extract_tx().expect("it is final")
}

/// What the wallet thinks of a transaction: the height it is mined at, or none.
fn height_of(wallet: &Wallet, txid: &Txid) -> Option<u32> {
    let position = wallet.get_tx(*txid).expect("it is known").chain_position;
    position.confirmation_height_upper_bound()
}

#[test]
fn a_bdk_wallet_finds_its_coins_and_follows_a_reorganization() {
    let node = TestNode::start(&ARGS);
    let (mut alice, mut bob) = new_wallet();
    let address = alice.reveal_next_address(External).address;
    // 60 coinbases on one address are three pages of history.
    mine_to(&node, 60, &address);
    mine(&node, 100);
    let request = alice.start_full_scan();
    let update = bdk(&node).full_scan(request, 5, 2).expect("the node answers");
    alice.apply_update(update).expect("the update fits");
    assert_eq!(alice.transactions().count(), 60);
    assert_eq!(alice.balance().confirmed, Amount::from_int_btc(60 * 50));
    assert_eq!(alice.latest_checkpoint().height(), 160);

    // Bob is paid; both see it wait, and Bob has been scanned before he had anything.
    let request = bob.start_full_scan();
    let update = bdk(&node).full_scan(request, 3, 1).expect("the node answers");
    bob.apply_update(update).expect("the update fits");
    let to = bob.reveal_next_address(External).address;
    let tx = pay(&mut alice, to.script_pubkey(), Amount::from_sat(12_345_678));
    let txid = tx.compute_txid();
    bdk(&node).broadcast(&tx).expect("it is taken");
    sync(&mut alice, &node);
    sync(&mut bob, &node);
    assert_eq!(bob.balance().untrusted_pending, Amount::from_sat(12_345_678));
    assert_eq!((height_of(&alice, &txid), height_of(&bob, &txid)), (None, None));

    // It is mined, the block goes, it waits again and is mined in another one.
    let first = mine(&node, 1)[0];
    sync(&mut alice, &node);
    sync(&mut bob, &node);
    assert_eq!((height_of(&alice, &txid), height_of(&bob, &txid)), (Some(161), Some(161)));
    assert_eq!(bob.balance().confirmed, Amount::from_sat(12_345_678));
    node.rpc("invalidateblock", json!([first]));
    let status = client(&node).get_tx_status(&txid).expect("a status");
    assert!(!status.confirmed, "{status:?}");
    let other = node.rpc("generateblock", json!([mining::address().to_string(), []]));
    let second: BlockHash = serde_json::from_value(other["hash"].clone()).expect("a hash");
    assert_ne!(first, second);
    sync(&mut bob, &node);
    assert_eq!(height_of(&bob, &txid), None);
    mine(&node, 1);
    sync(&mut bob, &node);
    assert_eq!(height_of(&bob, &txid), Some(162));

    // Everything at once into a new wallet: the same.
    let (mut again, _) = new_wallet();
    let request = again.start_full_scan();
    let update = bdk(&node).full_scan(request, 5, 1).expect("the node answers");
    again.apply_update(update).expect("the update fits");
    sync(&mut alice, &node);
    assert_eq!(again.balance(), alice.balance());
    assert_eq!(again.derivation_index(Internal), Some(0));
}

/// A node with a chain in which something happens: coins, a payment and what is spent of it, something that waits.
struct Scene {
    node: TestNode,
    api: BlockingClient,
    wallet: Wallet,
    paid: Transaction,
    waiting: Transaction,
}

fn scene() -> Scene {
    let node = TestNode::start(&ARGS);
    let (mut wallet, _) = new_wallet();
    let address = wallet.reveal_next_address(External).address;
    mine_to(&node, 3, &address);
    mine(&node, 100);
    sync(&mut wallet, &node);
    let own = wallet.reveal_next_address(External).address;
    let paid = pay(&mut wallet, own.script_pubkey(), Amount::from_sat(70_000_000));
    client(&node).broadcast(&paid).expect("it is taken");
    mine(&node, 1);
    sync(&mut wallet, &node);
    // Whatever it spends, it leaves change.
    let waiting = pay(&mut wallet, own.script_pubkey(), Amount::from_sat(5_100_000_000));
    client(&node).broadcast(&waiting).expect("it is taken");
    Scene { api: client(&node), node, wallet, paid, waiting }
}

#[test]
fn blocks_are_what_rpc_says() {
    let Scene { node, api, paid, .. } = scene();
    let hash: BlockHash = serde_json::from_value(node.rpc("getbestblockhash", json!([]))).expect("a hash");
    assert_eq!((api.get_height().expect("a height"), api.get_tip_hash().expect("a hash")), (104, hash));
    assert_eq!(api.get_block_hash(104).expect("a hash"), hash);
    let info = api.get_block_info(&hash).expect("a block");
    let rpc = node.rpc("getblock", json!([hash, 1]));
    assert_eq!(
        json!([info.id, info.height, info.timestamp, info.tx_count, info.size, info.weight.to_wu()]),
        json!([rpc["hash"], rpc["height"], rpc["time"], rpc["nTx"], rpc["size"], rpc["weight"]])
    );
    assert_eq!(
        json!([info.merkle_root, info.previousblockhash, info.mediantime, info.nonce, info.difficulty]),
        json!([
            rpc["merkleroot"],
            rpc["previousblockhash"],
            rpc["mediantime"],
            rpc["nonce"],
            rpc["difficulty"]
        ])
    );
    let block = api.get_block_by_hash(&hash).expect("an answer").expect("a block");
    assert_eq!(block.block_hash(), hash);
    assert_eq!(api.get_header_by_hash(&hash).expect("a header"), block.header);
    assert_eq!(info.bits, block.header.bits);
    let txids: Vec<Txid> = block.txdata.iter().map(Transaction::compute_txid).collect();
    assert_eq!(api.get_block_txids(&hash).expect("a list"), txids);
    assert_eq!(api.get_txid_at_block_index(&hash, 1).expect("an answer"), Some(paid.compute_txid()));
    assert_eq!(api.get_txid_at_block_index(&hash, 2).expect("an answer"), None);
    let status = api.get_block_status(&hash).expect("a status");
    assert!(status.in_best_chain && status.height == Some(104) && status.next_best.is_none());
    let below = api.get_block_status(&block.header.prev_blockhash).expect("a status");
    assert_eq!(below.next_best, Some(hash));

    let txs = api.get_block_txs(&hash, None).expect("a page");
    assert_eq!(txs.iter().map(|tx| tx.to_tx()).collect::<Vec<_>>(), block.txdata);
    assert!(txs[0].vin[0].is_coinbase && txs[0].vin[0].prevout.is_none() && txs[0].fee == Amount::ZERO);
    for start in [1, 25, 4_294_967_295] {
        let refused = api.get_block_txs(&hash, Some(start));
        assert!(matches!(refused, Err(Error::HttpResponse { status: 400, .. })), "{start}: {refused:?}");
    }

    // Ten a page, down to genesis.
    let tops = api.get_block_infos(None).expect("blocks");
    assert_eq!(
        tops.iter().map(|block| block.height).collect::<Vec<_>>(),
        (95..=104).rev().collect::<Vec<_>>()
    );
    let bottom = api.get_block_infos(Some(3)).expect("blocks");
    assert_eq!(bottom.iter().map(|block| block.height).collect::<Vec<_>>(), [3, 2, 1, 0]);
    assert_eq!(bottom[3].previousblockhash, None);
    assert_eq!(node.rpc("getblockhash", json!([0])), json!(bottom[3].id));
    let genesis = api.get_block_by_hash(&bottom[3].id).expect("an answer").expect("a block");
    let of_genesis = api.get_tx(&genesis.txdata[0].compute_txid()).expect("an answer");
    assert_eq!(of_genesis.as_ref(), Some(&genesis.txdata[0]));

    // One that a reorganization has left behind is still there, and not in the chain.
    node.rpc("invalidateblock", json!([hash]));
    let left = api.get_block_status(&hash).expect("a status");
    assert!(!left.in_best_chain && left.height.is_none() && left.next_best.is_none());
    assert_eq!(api.get_block_info(&hash).expect("a block").height, 104);
    let unknown = "5a".repeat(32);
    for path in ["", "/header", "/status", "/raw", "/txids", "/txid/0", "/txs", "/txs/0"] {
        assert_eq!(
            node.get(&format!("/api/block/{unknown}{path}")),
            (404, "Block not found".into()),
            "{path}"
        );
    }
    assert_eq!(node.get("/api/block-height/104"), (404, "Block not found".into()));
}

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
    let txs = node.get_json(&format!("/api/address/{address}/txs/chain"));
    let txs = txs.as_array().expect("a list");
    assert!(txs.len() >= 3, "{txs:?}");
    let first = txs[0]["txid"].as_str().expect("an id");
    let rest = node.get_json(&format!("/api/address/{address}/txs/chain/{first}"));
    assert_eq!(rest.as_array().expect("a list"), &txs[1..]);
}

#[test]
fn pictures_of_the_chain_have_their_figures() {
    let Scene { node, paid, .. } = scene();
    let chart = node.get_json("/api/v1/chain?blocks=20");
    let blocks = chart["blocks"].as_array().expect("a list");
    assert_eq!((blocks.len(), &chart["complete"], &chart["end"]), (20, &json!(true), &json!(104)));
    for block in blocks {
        let stats = node.rpc("getblockstats", json!([block["height"]]));
        assert_eq!(
            json!([block["hash"], block["time"], block["tx_count"], block["fees"], block["subsidy"]]),
            json!([stats["blockhash"], stats["time"], stats["txs"], stats["totalfee"], stats["subsidy"]])
        );
        assert_eq!(block["miner"], mining::address().to_string());
    }
    let last = blocks.last().expect("a block");
    let fee = node.get_json(&format!("/api/tx/{}", paid.compute_txid()))["fee"].clone();
    assert_eq!(last["fees"], fee);
    let size = |tx: &Value| tx["weight"].as_f64().expect("a number") / 4.0;
    let rate =
        fee.as_f64().expect("a number") / size(&node.get_json(&format!("/api/tx/{}", paid.compute_txid())));
    assert!((last["fee_rate"].as_f64().expect("a number") - rate).abs() < 1e-9, "{last}");
    let whole = node.get_json("/api/v1/chain?blocks=1008");
    assert_eq!(whole["blocks"].as_array().map(Vec::len), Some(105));
    assert_eq!(whole["blocks"][0]["interval"], Value::Null);
    assert_eq!(node.get_json("/api/v1/chain?blocks=3&end=7")["blocks"][0]["height"], 5);
    for bad in ["blocks=0", "blocks=1009", "blocks=x", "end=-1"] {
        assert_eq!(node.get(&format!("/api/v1/chain?{bad}")).0, 400, "{bad}");
    }

    let mining = node.get_json("/api/v1/mining?blocks=104");
    let miners = mining["miners"].as_array().expect("a list");
    assert_eq!((&mining["blocks"], miners.len(), &miners[0]["blocks"]), (&json!(104), 2, &json!(101)));
    assert_eq!(miners.iter().map(|miner| miner["share"].as_f64().expect("a share")).sum::<f64>(), 1.0);

    let named = |text: &str| node.get_json(&format!("/api/v1/search?q={text}"));
    let tip = node.rpc("getbestblockhash", json!([]));
    assert_eq!(named("104")["hash"], tip);
    assert_eq!(named("105")["kind"], "none");
    assert_eq!(named(tip.as_str().expect("a hash"))["height"], 104);
    assert_eq!(named(&paid.compute_txid().to_string())["kind"], "tx");
    assert_eq!(named(&mining::address().to_string())["kind"], "address");
    assert_eq!(named(&"5a".repeat(32))["kind"], "none");
    assert_eq!(named("%3Cscript%3E")["kind"], "none");
    assert_eq!(node.get("/api/v1/search").0, 400);

    let next = node.get_json("/api/v1/fees/mempool-blocks");
    assert_eq!((&next[0]["nTx"], next[0]["feeRange"].as_array().map(Vec::len)), (&json!(1), Some(7)));
    let plugins = node.get_json("/plugins")["plugins"].clone();
    let ids: BTreeSet<_> =
        plugins.as_array().expect("a list").iter().map(|plugin| plugin["id"].to_string()).collect();
    assert!(ids.contains("\"addressindex\"") && ids.contains("\"txindex\""), "{ids:?}");
    assert!(plugins[0].get("last_error").is_none(), "{plugins}");
}
