//! Which message goes where.

use super::{Peer, Protocol};
use crate::p2p::connection::Received;
use crate::p2p::wire::{Command, Message, Penalty, WireError};

/// What has a meaning before a peer's `verack`.
const BEFORE_VERACK: [Command; 10] = [
    Command::VERSION,
    Command::VERACK,
    Command::SEND_HEADERS,
    Command::SEND_CMPCT,
    Command::WTXID_RELAY,
    Command::SEND_ADDR_V2,
    Command::SEND_TX_RCNCL,
    Command::FEATURE,
    Command::AUTH_CHALLENGE,
    Command::AUTH_PROOF,
];

impl Protocol {
    /// Takes one message from a peer and does all that follows (Core's `ProcessMessages`); whether there is more
    /// to do at once.
    pub(super) fn receive_one(&mut self, peer: &mut Peer) -> bool {
        // A peer that was called hears our version before it is listened to.
        if !peer.is_inbound() && !peer.sent_version {
            return false;
        }
        self.serve_requests(peer);
        let reconsidered = self.reconsider_orphan(peer);
        if peer.link.is_closed() {
            return false;
        }
        if reconsidered {
            return true;
        }
        // What is answered is answered in the order of the questions.
        if !peer.requests.is_empty() {
            return !peer.link.outbox().is_full();
        }
        if peer.link.outbox().is_full() {
            return false;
        }
        let Some((received, more)) = peer.link.inbox().pop() else { return false };
        self.on_received(peer, received);
        more || !peer.requests.is_empty() || self.has_orphan_work(peer)
    }

    fn on_received(&mut self, peer: &mut Peer, received: Received) {
        let id = peer.id();
        let (command, size) = (received.command, received.size);
        tracing::debug!(target: "net", "received: {command} ({size} bytes) peer={id}");
        let time = received.time;
        match received.into_message() {
            Ok(message) => self.on_message(peer, message, size, time),
            Err(error) => self.on_undecodable(peer, &error, &command, size),
        }
    }

    fn on_undecodable(&mut self, peer: &mut Peer, error: &WireError, command: &Command, size: usize) {
        if peer.version == 0 && *command != Command::VERSION {
            let id = peer.id();
            tracing::debug!(
                target: "net", "non-version message before version handshake. Message \"{command}\" from peer={id}"
            );
            return;
        }
        // What would not have been looked at needs no right payload.
        if *command == Command::VERSION && peer.version != 0 {
            tracing::debug!(target: "net", "redundant version message from peer={}", peer.id());
            return;
        }
        if !peer.is_connected && !BEFORE_VERACK.contains(command) {
            tracing::debug!(
                target: "net", "Unsupported message \"{command}\" prior to verack from peer={}", peer.id()
            );
            return;
        }
        if *command == Command::FEATURE && self.refuse_feature(peer) {
            return;
        }
        match error.penalty() {
            Penalty::Misbehaving => self.misbehaving(peer, error),
            Penalty::Disconnect => self.disconnect(peer, error),
            // Core ignores what it cannot read; so a peer with a newer dialect stays connected.
            Penalty::None => tracing::debug!(
                target: "net", "ProcessMessages({command}, {size} bytes): Exception '{error}' caught, peer={}", peer.id()
            ),
        }
    }

    fn on_message(&mut self, peer: &mut Peer, message: Message, size: usize, time: i64) {
        let id = peer.id();
        if let Message::Version(version) = &message {
            self.on_version(peer, version);
            return;
        }
        let command = message.command();
        if peer.version == 0 {
            tracing::debug!(
                target: "net", "non-version message before version handshake. Message \"{command}\" from peer={id}"
            );
            return;
        }
        match message {
            Message::Verack => self.on_verack(peer),
            Message::SendHeaders => peer.announcements.prefers_headers = true,
            Message::SendCmpct { high_bandwidth, version } => {
                self.on_sendcmpct(peer, high_bandwidth, version)
            }
            Message::WtxidRelay => self.on_wtxid_relay(peer),
            Message::SendAddrV2 => self.on_sendaddrv2(peer),
            Message::SendTxRcncl { .. } => tracing::debug!(
                target: "net",
                "sendtxrcncl from peer={id} ignored, as our node does not have txreconciliation enabled"
            ),
            // A feature that is agreed on is one that both know, and none is known here.
            Message::Feature { .. } => {
                self.refuse_feature(peer);
            }
            Message::AuthChallenge(challenge) => self.on_auth_challenge(peer, *challenge),
            Message::AuthProof(proof) => self.on_auth_proof(peer, &proof),
            Message::Ping(nonce) if peer.auth.is_pending() => peer.send(&Message::Pong(nonce)),
            _ if !peer.is_connected => tracing::debug!(
                target: "net", "Unsupported message \"{command}\" prior to verack from peer={id}"
            ),
            Message::Ping(nonce) => peer.send(&Message::Pong(nonce)),
            Message::PingBare => {}
            Message::Pong(nonce) => self.on_pong(peer, Some(nonce), size, time),
            Message::PongBare(_) => self.on_pong(peer, None, size, time),
            Message::Addr(list) | Message::AddrV2(list) => {
                self.on_addresses(peer, &command.to_string(), list);
            }
            Message::GetAddr => self.on_getaddr(peer),
            Message::Inv(items) => self.on_inv(peer, &items),
            Message::GetData(items) => self.on_getdata(peer, items),
            Message::NotFound(items) => self.on_notfound(peer, &items),
            Message::GetHeaders { locator, stop } => self.on_getheaders(peer, &locator, stop),
            Message::GetBlocks { locator, stop } => self.on_getblocks(peer, &locator, stop),
            Message::CmpctBlock(compact) => self.on_cmpctblock(peer, &compact),
            Message::GetBlockTxn(request) => self.on_getblocktxn(peer, &request),
            Message::BlockTxn(answer) => self.on_blocktxn(peer, answer),
            Message::GetCFilters { filter_type, start_height, stop } => {
                self.on_getcfilters(peer, filter_type, start_height, stop);
            }
            Message::GetCFHeaders { filter_type, start_height, stop } => {
                self.on_getcfheaders(peer, filter_type, start_height, stop);
            }
            Message::GetCFCheckpt { filter_type, stop } => self.on_getcfcheckpt(peer, filter_type, stop),
            Message::Headers(headers) => self.on_headers(peer, headers),
            Message::Block(block) => self.on_block(peer, block),
            Message::Tx(tx) => self.on_tx(peer, &tx),
            Message::Mempool => self.on_mempool(peer),
            Message::FeeFilter(rate) => self.on_fee_filter(peer, rate),
            Message::FilterLoad | Message::FilterAdd | Message::FilterClear => {
                self.on_bloom_filter(peer, &command.to_string());
            }
            _ => tracing::debug!(target: "net", "Unknown message type \"{command}\" from peer={id}"),
        }
    }
}
