//! What nobody has: announcements, addresses and transactions that are made up.

use crate::now;
use bitcoin::hashes::Hash;
use bitcoin::p2p::ServiceFlags;
use bitcoin::p2p::address::Address;
use bitcoin::p2p::message_blockdata::Inventory;
use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness, absolute, transaction,
};
use std::net::SocketAddr;

/// Announces so many transactions.
pub fn inventory(count: u32) -> Vec<Inventory> {
    (0..count)
        .map(|n| {
            let mut hash = [0x5a; 32];
            hash[..4].copy_from_slice(&n.to_le_bytes());
            Inventory::Transaction(Txid::from_byte_array(hash))
        })
        .collect()
}

/// So many addresses, from a number on.
pub fn addresses(count: u32, from: u32) -> Vec<(u32, Address)> {
    let time = u32::try_from(now()).expect("before 2106");
    (from..from + count)
        .map(|n| {
            let [_, a, b, c] = n.to_be_bytes();
            let socket = SocketAddr::from(([1 + (n % 200) as u8, a, b, c], 8333));
            (time, Address::new(&socket, ServiceFlags::NETWORK | ServiceFlags::WITNESS))
        })
        .collect()
}

/// A transaction of about `size` bytes that spends what nobody knows.
pub fn orphan(n: u32, size: usize) -> Transaction {
    let mut hash = [0x0f; 32];
    hash[..4].copy_from_slice(&n.to_le_bytes());
    Transaction {
        version: transaction::Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(Txid::from_byte_array(hash), 0),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[vec![0x33; size]]),
        }],
        output: vec![TxOut {
            value: Amount::from_sat(10_000),
            script_pubkey: ScriptBuf::from_bytes([&[0x00, 0x14][..], &[7; 20]].concat()),
        }],
    }
}
