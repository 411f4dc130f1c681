//! BDK's wallet.

use super::*;

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
