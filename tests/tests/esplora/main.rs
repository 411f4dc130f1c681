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

mod bdk;
mod blocks;
mod charts;
mod mempool;
mod transactions;

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
