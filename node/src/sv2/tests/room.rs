//! Full blocks: the room that a client asked for is there, in bytes and in signature operations.

use super::*;
use chaincore_consensus::script::Builder;
use chaincore_consensus::script::op::OP_RETURN;

fn ballast(bytes: usize) -> TxOut {
    let script = Builder::new().op(OP_RETURN).push_data(&vec![0x77; bytes]).into_script();
    TxOut { value: Amount(0), script_pubkey: script }
}

/// The weight of a whole block: header, count of transactions, transactions.
fn weight(block: &Block) -> usize {
    let transactions: usize = block.transactions.iter().map(|tx| tx.weight()).sum();
    4 * (80 + 1) + transactions
}

#[test]
fn a_full_block_has_room_for_the_coinbase_that_was_announced() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(params(), dir.path());
    let mut coins = mine(&chain, Lock::P2wpkh(1), 30);
    mine(&chain, Lock::Anyone, 2);
    let mut coins = coins.drain(..);
    let mut next = || coins.next().unwrap();
    // Ten that pay well fill nearly all of a block, small ones the rest.
    (0..10).for_each(|_| drop(pay(&chain, next(), 1_000_000, vec![ballast(97_000)])));
    (0..16).for_each(|_| drop(pay(&chain, next(), 5_000, vec![ballast(2_000)])));
    let host = serve(&chain, options(dir.path()));
    let mut client = Client::connect(&host, dir.path());
    client.set_up();
    client.constrain(0, 0);
    let widest = client.activated();
    // Outputs of 5000 bytes, and a script of 100.
    client.constrain(5_000, 0);
    let job = client.activated();
    let value = job.template.coinbase_tx_value_remaining;
    assert!(value < widest.template.coinbase_tx_value_remaining, "{value}");
    assert!(value > 50 * COIN as u64 + 10_000_000, "{value}");
    let payee =
        TxOut { value: Amount(value.cast_signed()), script_pubkey: Script(vec![0x6a; 5_000 - 8 - 3]) };
    let own = vec![0x51; 100 - job.template.coinbase_prefix.len()];
    let coinbase = job.coinbase(&own, vec![payee], true);
    let solution = solved(&job, &coinbase, true);
    client.submit(&solution);
    let block = mined(&chain, solution.hash());
    // No small one more would have fitted.
    assert!((3_991_000..=4_000_000).contains(&weight(&block)), "{}", weight(&block));

    // Two that each take a tenth of all signature operations.
    let outputs = vec![TxOut { value: Amount(10_000), script_pubkey: Lock::P2pkh(2).script() }; 2_000];
    client.activated();
    for _ in 0..2 {
        pay(&chain, next(), 2_000_000, outputs.clone());
    }
    client.constrain(0, 0);
    let both = client.activated();
    client.constrain(0, u16::MAX);
    let one = client.activated();
    let fees = |job: &Job| job.template.coinbase_tx_value_remaining;
    assert_eq!(fees(&both) - fees(&one), 2_000_000);
    host.stop();
    chain.shutdown_blocking().unwrap();
}
