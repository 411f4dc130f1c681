//! The ciphers of BIP324: one for the lengths of packets and one for the packets, either with keys that are replaced
//! again and again.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce, Tag};

/// So many packets are encrypted with a key.
pub(super) const REKEY_INTERVAL: u32 = 224;
/// The bytes of a packet's length.
pub(super) const LENGTH_LEN: usize = 3;
/// The byte in front of a packet's contents.
pub(super) const HEADER_LEN: usize = 1;
/// The bytes behind a packet's contents.
pub(super) const TAG_LEN: usize = 16;
/// By how many bytes a packet is longer than its contents.
pub(super) const EXPANSION: usize = LENGTH_LEN + HEADER_LEN + TAG_LEN;

/// In the header of a packet that is to be thrown away.
const DECOY: u8 = 0x80;

type Key = [u8; 32];

fn nonce(first: u32, rekeys: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[..4].copy_from_slice(&first.to_le_bytes());
    nonce[4..].copy_from_slice(&rekeys.to_le_bytes());
    nonce.into()
}

/// Encrypts the lengths: the next three bytes of a stream for each (BIP324's `FSChaCha20`).
struct Lengths {
    stream: ChaCha20,
    packets: u32,
    rekeys: u64,
}

impl Lengths {
    fn new(key: Key) -> Self {
        Self { stream: Self::stream(&key, 0), packets: 0, rekeys: 0 }
    }

    fn stream(key: &Key, rekeys: u64) -> ChaCha20 {
        ChaCha20::new(&(*key).into(), &nonce(0, rekeys))
    }

    /// Encrypts, or decrypts, the next length.
    fn apply(&mut self, length: &mut [u8]) {
        self.stream.apply_keystream(length);
        self.packets += 1;
        if self.packets == REKEY_INTERVAL {
            let mut key = [0; 32];
            self.stream.apply_keystream(&mut key);
            self.packets = 0;
            self.rekeys += 1;
            self.stream = Self::stream(&key, self.rekeys);
        }
    }
}

/// Encrypts the packets (BIP324's `FSChaCha20Poly1305`).
struct Packets {
    aead: ChaCha20Poly1305,
    packets: u32,
    rekeys: u64,
}

impl Packets {
    fn new(key: Key) -> Self {
        Self { aead: ChaCha20Poly1305::new(&key.into()), packets: 0, rekeys: 0 }
    }

    fn nonce(&self) -> Nonce {
        nonce(self.packets, self.rekeys)
    }

    /// After each packet.
    fn advance(&mut self) {
        self.packets += 1;
        if self.packets == REKEY_INTERVAL {
            let mut key = [0; 32];
            self.aead
                .encrypt_inout_detached(&nonce(u32::MAX, self.rekeys), &[], (&mut key[..]).into())
                .expect("32 bytes are not too long");
            self.packets = 0;
            self.rekeys += 1;
            self.aead = ChaCha20Poly1305::new(&key.into());
        }
    }
}

/// A packet is not what the other side has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged;

/// Makes packets.
pub struct SendCipher {
    lengths: Lengths,
    packets: Packets,
}

impl std::fmt::Debug for SendCipher {
    /// Without its keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendCipher").finish_non_exhaustive()
    }
}

impl SendCipher {
    pub(super) fn new(lengths: Key, packets: Key) -> Self {
        Self { lengths: Lengths::new(lengths), packets: Packets::new(packets) }
    }

    /// Makes a packet in place of what stands in `bytes` from `start` on: four bytes of room, and the contents,
    /// which must be shorter than 2^24 bytes. `aad` is not in the packet, but must be the same at the other end.
    pub(super) fn seal(&mut self, bytes: &mut Vec<u8>, start: usize, aad: &[u8], is_decoy: bool) {
        let (room, contents) = (LENGTH_LEN + HEADER_LEN, bytes.len() - start - LENGTH_LEN - HEADER_LEN);
        let length = u32::try_from(contents).ok().filter(|length| *length < 1 << 24);
        let length = length.expect("no message is that long").to_le_bytes();
        bytes.reserve_exact(TAG_LEN);
        let packet = &mut bytes[start..];
        packet[..LENGTH_LEN].copy_from_slice(&length[..LENGTH_LEN]);
        packet[room - 1] = if is_decoy { DECOY } else { 0 };
        let (length, rest) = packet.split_at_mut(LENGTH_LEN);
        self.lengths.apply(length);
        let nonce = self.packets.nonce();
        let tag = self.packets.aead.encrypt_inout_detached(&nonce, aad, rest.into());
        bytes.extend_from_slice(&tag.expect("no message is too long for it"));
        self.packets.advance();
    }

    /// The length of a packet that is never made.
    #[cfg(test)]
    pub(super) fn announce(&mut self, contents: usize) -> [u8; LENGTH_LEN] {
        let mut length = *contents.to_le_bytes().first_chunk().unwrap();
        self.lengths.apply(&mut length);
        length
    }

    /// What opens the packets of a cipher that has made none.
    #[cfg(test)]
    pub(super) fn reader(self) -> ReceiveCipher {
        ReceiveCipher { lengths: self.lengths, packets: self.packets }
    }

    /// A packet of some contents.
    pub fn packet(&mut self, contents: &[u8], aad: &[u8], is_decoy: bool) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(contents.len() + EXPANSION);
        bytes.resize(LENGTH_LEN + HEADER_LEN, 0);
        bytes.extend_from_slice(contents);
        self.seal(&mut bytes, 0, aad, is_decoy);
        bytes
    }
}

/// Opens packets.
pub struct ReceiveCipher {
    lengths: Lengths,
    packets: Packets,
}

impl std::fmt::Debug for ReceiveCipher {
    /// Without its keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiveCipher").finish_non_exhaustive()
    }
}

impl ReceiveCipher {
    pub(super) fn new(lengths: Key, packets: Key) -> Self {
        Self { lengths: Lengths::new(lengths), packets: Packets::new(packets) }
    }

    /// The length of the next packet's contents. It is not known yet whether it is true.
    pub(super) fn length(&mut self, mut bytes: [u8; LENGTH_LEN]) -> usize {
        self.lengths.apply(&mut bytes);
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) as usize
    }

    /// Opens what follows the length, in place: the header and the contents stay. Whether it is to be thrown away.
    pub(super) fn open(&mut self, packet: &mut Vec<u8>, aad: &[u8]) -> Result<bool, Damaged> {
        let end = packet.len().checked_sub(TAG_LEN).filter(|end| *end >= HEADER_LEN).ok_or(Damaged)?;
        let (body, tag) = packet.split_at_mut(end);
        let tag: [u8; TAG_LEN] = (&*tag).try_into().map_err(|_| Damaged)?;
        let nonce = self.packets.nonce();
        self.packets
            .aead
            .decrypt_inout_detached(&nonce, aad, body.into(), &Tag::from(tag))
            .map_err(|_| Damaged)?;
        packet.truncate(end);
        self.packets.advance();
        Ok(packet[0] & DECOY != 0)
    }
}
