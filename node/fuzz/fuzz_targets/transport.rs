//! Throws bytes at the encrypted transport: as the beginning of a connection, and as what comes once it is encrypted.
//!
//! Nothing may panic, and no more may be held than has come.

#![no_main]

use chaincore_node::p2p::transport::{Event, Receiver, SendCipher, Step};
use libfuzzer_sys::fuzz_target;

const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];
/// What is allocated ahead of a packet's bytes, and what a handshake takes.
const AHEAD: usize = 300 * 1024;

/// What an end sends because of what it hears, and how it sends from then on.
fn hear(end: &mut Receiver, mut bytes: &[u8]) -> (Vec<u8>, Option<Box<SendCipher>>) {
    let (mut out, mut cipher, len) = (Vec::new(), None, bytes.len());
    while let Ok(Some(event)) = end.read(&mut bytes) {
        match event {
            Event::Step(Step::Greet(bytes)) => out.extend(bytes),
            Event::Step(Step::Encrypt(bytes, made)) => {
                out.extend(bytes);
                cipher = Some(made);
            }
            _ => {}
        }
    }
    assert!(end.held() <= len + AHEAD);
    (out, cipher)
}

fuzz_target!(|bytes: &[u8]| {
    let Some((pick, bytes)) = bytes.split_first() else { return };
    let mut node = Receiver::called(MAGIC);
    if *pick == 0 {
        hear(&mut node, bytes);
        return;
    }
    let (mut peer, Step::Greet(greeting)) = Receiver::calling(MAGIC) else { return };
    let (answer, _) = hear(&mut node, &greeting);
    let (rest, Some(mut cipher)) = hear(&mut peer, &answer) else { panic!("the peer has the node's key") };
    hear(&mut node, &rest);
    // Packets of these bytes, and then the bytes themselves.
    for contents in bytes.chunks(usize::from(*pick)) {
        hear(&mut node, &cipher.packet(contents, &[], contents.len() % 7 == 6));
    }
    hear(&mut node, bytes);
});
