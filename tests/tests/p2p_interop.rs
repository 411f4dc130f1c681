//! Peers that nobody here wrote: BDK's light client, a session of the `bitcoin` crate's messages, and Bitcoin Core
//! itself where `CHAINCORE_TEST_BITCOIND` names a `bitcoind`.

#![allow(clippy::print_stdout, reason = "it says what the light client ended with")]

use bip157::chain::BlockHeaderChanges;
use bip157::{Builder, ChainState, Client, Event, HashCheckpoint};
use bitcoin::bip152::{BlockTransactions, BlockTransactionsRequest, HeaderAndShortIds, ShortId};
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::hashes::Hash;
use bitcoin::p2p::message::NetworkMessage;
use bitcoin::p2p::message_blockdata::{GetHeadersMessage, Inventory};
use bitcoin::p2p::message_compact_blocks::{BlockTxn, CmpctBlock, GetBlockTxn, SendCmpct};
use bitcoin::{Amount, Block, BlockHash, Network, OutPoint, ScriptBuf, Transaction, Txid};
use chaincore_tests::{Core, Peer, TestNode, mining};
use serde_json::{Value, json};
use std::time::Duration;

/// How long anything may take: a bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(120);
const FEE: Amount = Amount::from_sat(10_000);

const ARGS: [&str; 5] = ["-regtest", "-bind=127.0.0.1", "-listen=1", "-connect=0", "-debug=net"];

fn hash(value: &Value) -> BlockHash {
    value.as_str().expect("a hash").parse().expect("a hash")
}

fn best(node: &TestNode) -> BlockHash {
    hash(&node.rpc("getbestblockhash", json!([])))
}

fn mine(node: &TestNode, count: usize) -> Vec<BlockHash> {
    let hashes = node.rpc("generatetoaddress", json!([count, mining::address()]));
    hashes.as_array().expect("hashes").iter().map(hash).collect()
}

fn block(node: &TestNode, hash: BlockHash) -> Block {
    deserialize_hex(node.rpc("getblock", json!([hash.to_string(), 0])).as_str().expect("hex"))
        .expect("a block")
}

/// Spends the coinbase of a block.
fn spend(node: &TestNode, mined: BlockHash, fee: Amount) -> Transaction {
    let coinbase = &block(node, mined).txdata[0];
    let value = coinbase.output[0].value;
    mining::spend(OutPoint::new(coinbase.compute_txid(), 0), value, fee, 1)
}

fn wait_for_mempool(node: &TestNode, txid: Txid) {
    let wanted = json!(txid.to_string());
    node.wait_until(&format!("{txid} is in the mempool"), |node| {
        node.rpc("getrawmempool", json!([])).as_array().is_some_and(|txids| txids.contains(&wanted))
    });
}

#[test]
fn a_light_client() {
    let node = TestNode::start(&[&ARGS[..], &["-blockfilterindex", "-peerblockfilters"]].concat());
    let mined = mine(&node, 120);
    // A payment to find.
    let payment = spend(&node, mined[0], FEE);
    node.rpc("sendrawtransaction", json!([serialize_hex(&payment)]));
    let with_payment = mine(&node, 1)[0];
    let tip = mine(&node, 3)[2];
    node.wait_until("the filters are there", |node| {
        node.rpc("getindexinfo", json!([]))["basic block filter index"]["synced"] == true
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let genesis = ChainState::Checkpoint(HashCheckpoint::from_genesis(Network::Regtest));
        let address = node.p2p_address();
        let (light, client) = Builder::new(Network::Regtest)
            .chain_state(genesis)
            .add_peer((address.ip(), Some(address.port())))
            .whitelist_only()
            .build();
        let running = tokio::spawn(async move {
            if let Err(error) = light.run().await {
                println!("the light client: {error}");
            }
        });
        let Client { requester, mut event_rx, .. } = client;
        let work = async {
            // Headers, filter headers and filters.
            let pays: ScriptBuf = payment.output[0].script_pubkey.clone();
            let (mut filters, mut matching) = (0, vec![]);
            loop {
                match event_rx.recv().await.expect("the client runs") {
                    Event::IndexedFilter(filter) => {
                        filters += 1;
                        if filter.contains_any(std::iter::once(&pays)) {
                            matching.push(filter.block_hash());
                        }
                    }
                    Event::FiltersSynced(update) => {
                        assert_eq!((update.tip().hash, update.tip().height), (tip, 124));
                        break;
                    }
                    Event::ChainUpdate(_) => {}
                }
            }
            assert!(filters >= 124, "{filters} filters");
            // Every block pays to this script.
            assert!(matching.len() >= 124 && matching.contains(&with_payment), "{}", matching.len());
            let fetched = requester.get_block(with_payment).await.expect("a block");
            assert_eq!(fetched.height, 121);
            assert_eq!(fetched.block.txdata[1].compute_txid(), payment.compute_txid());

            // New blocks, and a reorganization.
            let next = mine(&node, 1)[0];
            synced_to(&node, &mut event_rx, next).await;
            node.rpc("invalidateblock", json!([next.to_string()]));
            node.rpc("generatetoaddress", json!([2, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z"]));
            let new = best(&node);
            assert_eq!(synced_to(&node, &mut event_rx, new).await, 1, "one reorganization");

            // A transaction, which the node asks for.
            let sent = spend(&node, mined[1], FEE);
            let txid = sent.compute_txid();
            requester.submit_package(sent).await.expect("the node asks for it");
            wait_for_mempool(&node, txid);
            requester.shutdown().expect("it runs");
        };
        tokio::time::timeout(PATIENCE, work).await.expect("it comes to an end");
        let _ = running.await;
    });
}

/// Waits until the light client is at a block; how many reorganizations it saw.
async fn synced_to(node: &TestNode, events: &mut bip157::UnboundedReceiver<Event>, tip: BlockHash) -> usize {
    let mut reorganizations = 0;
    loop {
        let event = events.recv().await;
        match event.unwrap_or_else(|| panic!("the client has stopped\n{}", node.log_tail())) {
            Event::FiltersSynced(update) if update.tip().hash == tip => return reorganizations,
            Event::ChainUpdate(BlockHeaderChanges::Reorganized { .. }) => reorganizations += 1,
            _ => {}
        }
    }
}

/// Lets a node send a transaction that we announce.
fn offer(peer: &mut Peer, tx: &Transaction) {
    let wtxid = tx.compute_wtxid();
    peer.send(NetworkMessage::Inv(vec![Inventory::WTx(wtxid)]));
    peer.wait_for("getdata", |message| match message {
        NetworkMessage::GetData(wanted) => wanted.contains(&Inventory::WTx(wtxid)).then_some(()),
        _ => None,
    });
    peer.send(NetworkMessage::Tx(tx.clone()));
    peer.sync();
}

/// A block of these transactions on a node's tip.
fn block_on(node: &TestNode, transactions: Vec<Transaction>) -> Block {
    let tip = best(node);
    let header = node.rpc("getblockheader", json!([tip.to_string()]));
    let number = |key: &str| u32::try_from(header[key].as_u64().expect("a number")).expect("a small one");
    mining::witness_block(tip, number("height") + 1, number("time") + 1, transactions)
}

#[test]
fn a_session_of_the_bitcoin_crates_messages() {
    let node = TestNode::start(&ARGS);
    let mined = mine(&node, 105);
    let mut peer = Peer::greet(node.p2p_address());

    // Headers and a block.
    let genesis = bitcoin::constants::genesis_block(Network::Regtest).block_hash();
    peer.send(NetworkMessage::GetHeaders(GetHeadersMessage::new(vec![genesis], BlockHash::all_zeros())));
    let headers = peer.wait_for("headers", |message| match message {
        NetworkMessage::Headers(headers) => Some(headers.clone()),
        _ => None,
    });
    assert_eq!(headers.iter().map(bitcoin::block::Header::block_hash).collect::<Vec<_>>(), mined);
    peer.send(NetworkMessage::GetData(vec![
        Inventory::WitnessBlock(mined[4]),
        Inventory::WTx(bitcoin::Wtxid::from_byte_array([9; 32])),
    ]));
    let got = peer.sync();
    assert!(got.contains(&NetworkMessage::Block(block(&node, mined[4]))), "{got:?}");
    assert!(got.iter().any(|message| matches!(message, NetworkMessage::NotFound(items) if items.len() == 1)));

    // A transaction, one way and the other.
    let ours = spend(&node, mined[0], FEE);
    offer(&mut peer, &ours);
    wait_for_mempool(&node, ours.compute_txid());
    let mut listener = Peer::greet(node.p2p_address());
    listener.sync();
    let theirs = spend(&node, mined[1], FEE);
    node.rpc("sendrawtransaction", json!([serialize_hex(&theirs)]));
    let announced = Inventory::WTx(theirs.compute_wtxid());
    listener.wait_for("inv", |message| match message {
        NetworkMessage::Inv(items) => items.contains(&announced).then_some(()),
        _ => None,
    });
    listener.send(NetworkMessage::GetData(vec![announced]));
    let got = listener.sync();
    assert!(got.contains(&NetworkMessage::Tx(theirs.clone())), "{got:?}");

    // A compact block from the node, of high bandwidth, and the transactions that we say we lack.
    // They are for whoever is known to have the block below.
    listener.send(NetworkMessage::GetHeaders(GetHeadersMessage::new(vec![genesis], BlockHash::all_zeros())));
    listener.send(NetworkMessage::SendCmpct(SendCmpct { send_compact: true, version: 2 }));
    listener.sync();
    let tip = mine(&node, 1)[0];
    let whole = block(&node, tip);
    assert_eq!(whole.txdata.len(), 3);
    let compact = listener.wait_for("cmpctblock", |message| match message {
        NetworkMessage::CmpctBlock(compact) => Some(compact.compact_block.clone()),
        _ => None,
    });
    assert_eq!((compact.header, compact.prefilled_txs.len(), compact.short_ids.len()), (whole.header, 1, 2));
    let keys = ShortId::calculate_siphash_keys(&compact.header, compact.nonce);
    for (tx, short) in whole.txdata[1..].iter().zip(&compact.short_ids) {
        assert_eq!(ShortId::with_siphash_keys(&tx.compute_wtxid().to_raw_hash(), keys), *short);
    }
    let lacking = BlockTransactionsRequest { block_hash: tip, indexes: vec![1, 2] };
    listener.send(NetworkMessage::GetBlockTxn(GetBlockTxn { txs_request: lacking }));
    let rest = listener.wait_for("blocktxn", |message| match message {
        NetworkMessage::BlockTxn(answer) => Some(answer.transactions.clone()),
        _ => None,
    });
    assert_eq!((rest.block_hash, &rest.transactions[..]), (tip, &whole.txdata[1..]));

    // A compact block to the node, which asks for it, as it has not chosen us yet: of what it has in its mempool.
    let known = spend(&node, mined[2], FEE);
    node.rpc("sendrawtransaction", json!([serialize_hex(&known)]));
    let next = block_on(&node, vec![known]);
    listener.send(NetworkMessage::Headers(vec![next.header]));
    let wanted = listener.wait_for("getdata", |message| match message {
        NetworkMessage::GetData(wanted) => Some(wanted.clone()),
        _ => None,
    });
    assert_eq!(wanted, [Inventory::CompactBlock(next.block_hash())]);
    let compact_block = HeaderAndShortIds::from_block(&next, 77, 2, &[]).expect("a block");
    listener.send(NetworkMessage::CmpctBlock(CmpctBlock { compact_block }));
    let answers = listener.sync();
    assert_eq!(best(&node), next.block_hash());
    let chosen = NetworkMessage::SendCmpct(SendCmpct { send_compact: true, version: 2 });
    assert!(answers.contains(&chosen), "whoever had a block first is chosen: {answers:?}");

    // Then one unasked, of what the node must ask for.
    let next = block_on(&node, vec![spend(&node, mined[3], FEE), spend(&node, mined[4], FEE)]);
    let compact_block = HeaderAndShortIds::from_block(&next, 78, 2, &[]).expect("a block");
    listener.send(NetworkMessage::CmpctBlock(CmpctBlock { compact_block }));
    let wanted = listener.wait_for("getblocktxn", |message| match message {
        NetworkMessage::GetBlockTxn(question) => Some(question.txs_request.clone()),
        _ => None,
    });
    assert_eq!((wanted.block_hash, &wanted.indexes[..]), (next.block_hash(), &[1, 2][..]));
    let transactions = BlockTransactions::from_request(&wanted, &next).expect("they are there");
    listener.send(NetworkMessage::BlockTxn(BlockTxn { transactions }));
    listener.sync();
    assert_eq!(best(&node), next.block_hash());
    assert_eq!(node.rpc("getrawmempool", json!([])), json!([]));
}

/// A `bitcoind` that says what peers say to it, with more arguments.
fn bitcoind(args: &[&str]) -> Option<Core> {
    Core::start("regtest", &[&["-debug=net", "-debug=cmpctblock"], args].concat())
}

fn wait_for_tip(node: &TestNode, tip: BlockHash) {
    node.wait_until(&format!("ours has {tip}"), |node| best(node) == tip);
}

/// Everything between two nodes that are connected, whoever called.
fn lives_with(node: &TestNode, core: &Core, mined: &[BlockHash]) {
    // Transactions.
    let [first, second] = [0, 1].map(|n| spend(node, mined[n], FEE));
    node.rpc("sendrawtransaction", json!([serialize_hex(&first)]));
    core.wait_until("bitcoind has our transaction", |core| core.has_in_mempool(first.compute_txid()));
    core.rpc("sendrawtransaction", json!([serialize_hex(&second)]));
    wait_for_mempool(node, second.compute_txid());

    // Blocks of these, from either side.
    let tip = mine(node, 1)[0];
    core.wait_for_tip(tip);
    assert_eq!(block(node, tip).txdata.len(), 3);
    let third = spend(node, mined[2], FEE);
    core.rpc("sendrawtransaction", json!([serialize_hex(&third)]));
    wait_for_mempool(node, third.compute_txid());
    let tip = core.mine(1)[0];
    wait_for_tip(node, tip);
    // By now each has had blocks of the other, and asks for compact ones.
    for _ in 0..3 {
        core.wait_for_tip(mine(node, 1)[0]);
        wait_for_tip(node, core.mine(1)[0]);
    }
    assert!(node.log().contains("received: cmpctblock"), "compact blocks come from bitcoind");
    assert!(core.log().contains("received: cmpctblock"), "compact blocks go to bitcoind");

    // Each follows the other's reorganization.
    let old = best(node);
    core.rpc("invalidateblock", json!([old.to_string()]));
    core.rpc("generatetoaddress", json!([2, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z"]));
    wait_for_tip(node, core.best());
    core.wait_for_tip(mine(node, 1)[0]);
    let old = best(node);
    node.rpc("invalidateblock", json!([old.to_string()]));
    node.rpc("generatetoaddress", json!([2, "msX6jQXvxiNhx3Q62PKeLPrhrqZQdSimTg"]));
    core.wait_for_tip(best(node));
    for log in [node.log(), core.log()] {
        assert!(!log.contains("Misbehaving"), "nobody finds fault with the other");
    }
}

/// What the only connection between the two is to either, by its transport: ours first.
fn transports(node: &TestNode, core: &Core) -> [Value; 2] {
    let peers = [node.rpc("getpeerinfo", json!([])), core.rpc("getpeerinfo", json!([]))];
    peers.map(|peers| {
        assert_eq!(peers.as_array().map(Vec::len), Some(1), "{peers}");
        json!([peers[0]["transport_protocol_type"], peers[0]["session_id"]])
    })
}

/// The two have an encrypted connection, and call it the same.
fn is_encrypted(node: &TestNode, core: &Core) {
    let [ours, theirs] = transports(node, core);
    assert_eq!((&ours[0], ours[1].as_str().map(str::len)), (&json!("v2"), Some(64)));
    assert_eq!(ours, theirs);
}

#[test]
fn bitcoin_core_is_called() {
    let Some(core) = bitcoind(&["-v2transport=1"]) else { return };
    let mined = core.mine(150);
    let call = format!("-connect={}", core.p2p_address());
    let node = TestNode::start(&["-regtest", "-bind=127.0.0.1", "-listen=1", "-debug=net", &call]);
    wait_for_tip(&node, mined[149]);
    lives_with(&node, &core, &mined);
    is_encrypted(&node, &core);
}

#[test]
fn bitcoin_core_calls() {
    let Some(core) = bitcoind(&["-v2transport=1"]) else { return };
    let node = TestNode::start(&ARGS);
    let mined = mine(&node, 150);
    core.rpc("addnode", json!([node.p2p_address().to_string(), "add"]));
    core.wait_for_tip(mined[149]);
    lives_with(&node, &core, &mined);
    is_encrypted(&node, &core);
}

#[test]
fn either_does_with_one_that_does_not_encrypt() {
    // Ours calls a bitcoind that does not, and finds out.
    let Some(core) = bitcoind(&["-v2transport=0"]) else { return };
    let call = format!("-connect={}", core.p2p_address());
    let node = TestNode::start(&["-regtest", "-bind=127.0.0.1", "-listen=1", "-debug=net", &call]);
    core.wait_for_tip(mine(&node, 1)[0]);
    wait_for_tip(&node, core.mine(1)[0]);
    assert_eq!(transports(&node, &core), [json!(["v1", ""]), json!(["v1", ""])]);
    assert!(node.log().contains("retrying with v1 transport protocol for peer="));
    drop(node);
    // It calls ours.
    core.wait_until("it is alone", |core| core.rpc("getconnectioncount", json!([])) == 0);
    let node = TestNode::start(&ARGS);
    core.rpc("addnode", json!([node.p2p_address().to_string(), "onetry"]));
    wait_for_tip(&node, core.mine(1)[0]);
    assert_eq!(transports(&node, &core), [json!(["v1", ""]), json!(["v1", ""])]);
    drop(node);

    // A bitcoind that does calls ours that does not, and finds out.
    let Some(core) = bitcoind(&["-v2transport=1"]) else { return };
    let node = TestNode::start(&[&ARGS[..], &["-v2transport=0"]].concat());
    core.rpc("addnode", json!([node.p2p_address().to_string(), "add"]));
    core.wait_for_tip(mine(&node, 1)[0]);
    assert_eq!(transports(&node, &core), [json!(["v1", ""]), json!(["v1", ""])]);
    core.wait_until("it has told", |core| core.log().contains("retrying with v1 transport protocol"));
}
