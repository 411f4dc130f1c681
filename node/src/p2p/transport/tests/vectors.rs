//! BIP324's packets: what everybody's ciphers must come to.

use super::super::cipher::{EXPANSION, LENGTH_LEN};
use super::super::{Greeting, Session};
use chaincore_consensus::hex;
use secp256k1::ellswift::Party;
use serde::Deserialize;

/// The vectors are of Bitcoin's main network.
const MAGIC: [u8; 4] = [0xf9, 0xbe, 0xb4, 0xd9];

#[derive(Deserialize)]
struct Vector {
    /// How many packets were sent before, all of them empty decoys.
    index: usize,
    secret: String,
    ours: String,
    theirs: String,
    initiator: bool,
    contents: String,
    /// How often the contents are repeated.
    times: usize,
    aad: String,
    decoy: bool,
    send_terminator: String,
    receive_terminator: String,
    session_id: String,
    /// The whole packet, or nothing if only its end is known.
    packet: String,
    packet_end: String,
}

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    bytes(text).try_into().unwrap()
}

impl Vector {
    fn session(&self) -> Session {
        let party = if self.initiator { Party::Initiator } else { Party::Responder };
        Greeting::of(array(&self.secret), array(&self.ours)).agree(array(&self.theirs), party, MAGIC).0
    }

    /// What the other side of the session would open packets with: our own sending keys, turned round.
    fn reader(&self) -> super::super::ReceiveCipher {
        self.session().send.reader()
    }
}

fn all() -> Vec<Vector> {
    serde_json::from_str(include_str!("packets.json")).unwrap()
}

#[test]
fn packets_are_those_of_the_bip() {
    let vectors = all();
    assert_eq!(vectors.len(), 7);
    for vector in vectors {
        let mut session = vector.session();
        assert_eq!(session.id.to_string(), vector.session_id);
        assert_eq!(hex::encode(&session.send_terminator), vector.send_terminator);
        assert_eq!(hex::encode(&session.receive_terminator), vector.receive_terminator);
        let before: Vec<Vec<u8>> = (0..vector.index).map(|_| session.send.packet(&[], &[], true)).collect();
        let contents = bytes(&vector.contents).repeat(vector.times);
        let aad = bytes(&vector.aad);
        let packet = session.send.packet(&contents, &aad, vector.decoy);
        assert_eq!(packet.len(), contents.len() + EXPANSION);
        if vector.packet.is_empty() {
            assert!(packet.ends_with(&bytes(&vector.packet_end)), "packet {}", vector.index);
        } else {
            assert_eq!(hex::encode(&packet), vector.packet, "packet {}", vector.index);
        }

        // And the way back, but for those that take long without optimization.
        if contents.len() > 100_000 {
            continue;
        }
        let mut reader = vector.reader();
        for decoy in &before {
            assert_eq!(reader.length(decoy[..LENGTH_LEN].try_into().unwrap()), 0);
            assert_eq!(reader.open(&mut decoy[LENGTH_LEN..].to_vec(), &[]), Ok(true));
        }
        assert_eq!(reader.length(packet[..LENGTH_LEN].try_into().unwrap()), contents.len());
        let mut opened = packet[LENGTH_LEN..].to_vec();
        let mut wrong = aad.clone();
        wrong.push(0);
        assert!(reader.open(&mut opened.clone(), &wrong).is_err());
        assert_eq!(reader.open(&mut opened, &aad), Ok(vector.decoy));
        assert_eq!(opened[1..], contents[..]);
    }
}
