//! The network in the interfaces' terms.

use super::peering;
use crate::p2p::P2p;
use crate::p2p::address_book::Table;
use crate::p2p::connection::{PeerLink, TIMEFRAME};
use crate::p2p::kind::{ConnectionKind, PeerId};
use crate::p2p::net_address::{Host, NetAddress, Network as NetworkKind};
use crate::p2p::processing::Protocol;
use crate::p2p::subnet::Subnet;
use crate::p2p::transport::{Transport, TransportVersion};
use crate::p2p::wire::{Command, PeerAddress, ServiceFlags};
use chaincore_consensus::{Amount, BlockHash};
use chaincore_rpc::network::{
    AddPeerError, AddedPeer, AddressCount, AddressPlace, BanInfo, BanRefusal, ConnectRefusal, FoundPeer,
    KnownAddress, LocalAddress, NetTotals, Network, PeerInfo, Presence, Search, UploadTarget,
};
use chaincore_rpc::node::{NodeError, NodeResult};

/// Of so many peers' clocks the median counts.
const LEAST_OFFSETS: usize = 5;

fn peer_info(link: &PeerLink, now_micros: i64) -> PeerInfo {
    let facts = link.facts().clone();
    let counters = link.counters();
    PeerInfo {
        id: link.id().0,
        addr: link.name().to_owned(),
        address: link.address().to_string(),
        node_id: peering::node_id(&facts.subversion),
        ready: facts.handshake_done,
        addr_bind: link.bind().map(|bind| bind.to_string()),
        addr_local: facts.local_address.filter(|local| local.is_valid()).map(|local| local.to_string()),
        network: link.network().name().into(),
        services: facts.services.0,
        relays_txs: facts.relays_txs,
        last_inv_sequence: facts.last_inv_sequence,
        inv_to_send: facts.inv_to_send as u64,
        last_send: counters.last_sent(),
        last_recv: counters.last_received(),
        last_transaction: facts.last_transaction,
        last_block: facts.last_block,
        bytes_sent: counters.sent(),
        bytes_recv: counters.received(),
        connected_at: link.connected_at(),
        time_offset: facts.time_offset,
        ping_time: facts.ping_time,
        min_ping: facts.min_ping,
        ping_wait: facts.ping_sent.map(|sent| now_micros - sent),
        version: facts.version,
        subversion: facts.subversion,
        inbound: link.is_inbound(),
        high_bandwidth_to: facts.high_bandwidth_to,
        high_bandwidth_from: facts.high_bandwidth_from,
        presynced_headers: facts.presynced_headers,
        synced_headers: facts.synced_headers,
        synced_blocks: facts.synced_blocks,
        starting_height: facts.starting_height,
        inflight: facts.inflight,
        addr_relay: facts.addr_relay,
        addr_processed: facts.addr_processed,
        addr_rate_limited: facts.addr_rate_limited,
        permissions: link.permissions().names().into_iter().map(Into::into).collect(),
        min_fee_filter: Amount(facts.min_fee_filter),
        sent_by_message: counters.sent_by_message(),
        recv_by_message: counters.received_by_message(),
        connection_type: link.kind().name(),
        transport: link.transport().map(|transport| match transport.version() {
            TransportVersion::V1 => "v1",
            TransportVersion::V2 => "v2",
        }),
        session_id: link.transport().and_then(Transport::session).map(|id| id.to_string()),
    }
}

fn known_address(known: &PeerAddress) -> KnownAddress {
    KnownAddress {
        time: known.time,
        services: known.services.0,
        address: known.address.host().to_string(),
        port: known.address.port(),
        network: known.address.host().net_class().name().into(),
    }
}

fn transport(encrypted: bool) -> TransportVersion {
    if encrypted { TransportVersion::V2 } else { TransportVersion::V1 }
}

fn subnet(text: &str) -> Result<Subnet, BanRefusal> {
    Subnet::parse(text, false).map_err(|_| BanRefusal::Invalid)
}

impl Network for P2p {
    fn peers(&self) -> Vec<PeerInfo> {
        let now = self.network().clock().now_micros();
        self.network().peers().iter().map(|link| peer_info(link, now)).collect()
    }

    fn presence(&self) -> Presence {
        peering::presence(self)
    }

    fn discover(&self) -> Search {
        peering::discover(self)
    }

    fn join(&self, name: &str) -> Result<FoundPeer, AddPeerError> {
        peering::join(self, name)
    }

    fn ping(&self) {
        self.protocol().run(Protocol::ping_all);
    }

    fn totals(&self) -> NetTotals {
        let totals = self.network().totals();
        let (upload, now) = (self.network().upload(), self.network().clock().now());
        let upload = UploadTarget {
            timeframe: TIMEFRAME,
            target: upload.limit(),
            is_reached: upload.is_reached(),
            serves_old_blocks: self.network().serves_old_blocks(),
            bytes_left: upload.bytes_left(),
            time_left: upload.time_left(now),
        };
        NetTotals { received: totals.received(), sent: totals.sent(), upload }
    }

    fn reaches(&self, network: &str) -> bool {
        let reach = self.network().options().reach;
        NetworkKind::from_name(network).is_some_and(|network| reach.contains(network))
    }

    fn takes_txs(&self) -> bool {
        !self.network().options().blocks_only
    }

    fn time_offset(&self) -> i64 {
        let peers = self.network().peers();
        let called = peers.iter().filter(|link| !link.is_inbound());
        let mut offsets: Vec<i64> = called
            .map(|link| link.facts())
            .filter(|facts| facts.version != 0)
            .map(|facts| facts.time_offset)
            .collect();
        // A few say nothing (Core's least number).
        if offsets.len() < LEAST_OFFSETS {
            return 0;
        }
        offsets.sort_unstable();
        offsets[offsets.len() / 2]
    }

    fn is_active(&self) -> bool {
        self.network().is_active()
    }

    fn set_active(&self, active: bool) {
        self.network().set_active(active);
    }

    fn local_addresses(&self) -> Vec<LocalAddress> {
        let shown = |(address, score): (NetAddress, u32)| LocalAddress {
            address: address.host().to_string(),
            port: address.port(),
            score,
        };
        self.network().local().list().into_iter().map(shown).collect()
    }

    fn try_once(&self, name: &str, encrypted: bool) {
        self.connect_blocking(name, ConnectionKind::Manual, transport(encrypted));
    }

    fn add(&self, name: &str, encrypted: bool) -> bool {
        self.outbound().add(name, transport(encrypted))
    }

    fn remove(&self, name: &str) -> bool {
        self.outbound().remove(name)
    }

    fn added(&self) -> Vec<AddedPeer> {
        let shown = |peer: crate::p2p::outbound::AddedPeer| AddedPeer {
            name: peer.name,
            connected: peer.connected.map(|(address, is_inbound)| (address.to_string(), is_inbound)),
        };
        self.outbound().added_peers().into_iter().map(shown).collect()
    }

    fn open(&self, address: &str, kind: &str, encrypted: bool) -> Result<(), ConnectRefusal> {
        match ConnectionKind::by_name(kind) {
            None | Some(ConnectionKind::Inbound | ConnectionKind::Manual) => Err(ConnectRefusal::UnknownKind),
            Some(kind) => {
                self.open_blocking(address, kind, transport(encrypted)).map_err(|_| ConnectRefusal::Full)
            }
        }
    }

    fn disconnect_address(&self, address: &str) -> bool {
        P2p::disconnect_address(self, address)
    }

    fn disconnect_id(&self, id: u64) -> bool {
        P2p::disconnect_id(self, PeerId(id))
    }

    fn send_raw(&self, id: u64, command: [u8; 12], payload: &[u8]) -> bool {
        let Some(link) = self.network().peer(PeerId(id)) else { return false };
        link.send_payload(Command::from_bytes(command), payload);
        true
    }

    fn fetch_block(&self, hash: &BlockHash, id: u64) -> NodeResult<Result<(), String>> {
        let hash = *hash;
        self.protocol()
            .ask_blocking(move |protocol| protocol.fetch_block(&hash, PeerId(id)))
            .map(|fetched| fetched.map_err(Into::into))
            .ok_or(NodeError::Stopping)
    }

    fn ban(&self, text: &str, time: i64, absolute: bool) -> Result<(), BanRefusal> {
        let subnet = subnet(text)?;
        let bans = self.network().bans();
        let is_one = !text.contains('/');
        let is_known = match text.parse::<Host>() {
            Ok(host) if is_one => bans.is_banned(&host),
            _ => bans.is_subnet_banned(&subnet),
        };
        if is_known {
            return Err(BanRefusal::Known);
        }
        if absolute && time < self.network().clock().now() {
            return Err(BanRefusal::InThePast);
        }
        bans.ban(subnet, time, absolute);
        for link in self.network().peers() {
            if subnet.contains(&link.address().host()) {
                let id = link.id();
                tracing::debug!(target: "net", "disconnect by subnet match, disconnecting peer={id}");
                self.network().disconnect(&link);
            }
        }
        Ok(())
    }

    fn unban(&self, text: &str) -> Result<(), BanRefusal> {
        match self.network().bans().unban(&subnet(text)?) {
            true => Ok(()),
            false => Err(BanRefusal::Unknown),
        }
    }

    fn bans(&self) -> Vec<BanInfo> {
        let shown = |(subnet, ban): (Subnet, crate::p2p::bans::Ban)| BanInfo {
            subnet: subnet.to_string(),
            created: ban.created,
            until: ban.until,
        };
        self.network().bans().list().into_iter().map(shown).collect()
    }

    fn clear_bans(&self) {
        self.network().bans().clear();
    }

    fn addresses(&self, max: usize, network: Option<&str>) -> Option<Vec<KnownAddress>> {
        let network = match network {
            None => None,
            Some(name) => Some(NetworkKind::from_name(name).filter(|kind| *kind != NetworkKind::Unroutable)?),
        };
        let found = self.network().book().get_addr(max, 0, network, true);
        Some(found.iter().map(known_address).collect())
    }

    fn address_counts(&self) -> Vec<AddressCount> {
        let kinds =
            [NetworkKind::Ipv4, NetworkKind::Ipv6, NetworkKind::Onion, NetworkKind::I2p, NetworkKind::Cjdns];
        let book = self.network().book();
        let count = |kind: NetworkKind| AddressCount {
            network: kind.name().into(),
            new: book.size(Some(kind), Some(Table::New)) as u64,
            tried: book.size(Some(kind), Some(Table::Tried)) as u64,
        };
        kinds.map(count).into()
    }

    fn address_tables(&self) -> [Vec<AddressPlace>; 2] {
        let book = self.network().book();
        [Table::New, Table::Tried].map(|table| {
            let places = book.list(table);
            let shown = |listed: &crate::p2p::address_book::Listed| AddressPlace {
                bucket: listed.bucket,
                position: listed.position,
                known: known_address(&listed.address),
                source: listed.source.to_string(),
                source_network: listed.source.net_class().name().into(),
            };
            places.iter().map(shown).collect()
        })
    }

    fn add_address(&self, address: &str, port: u16, tried: bool) -> Option<Result<(), &'static str>> {
        let host = address.parse::<Host>().ok()?;
        let address = NetAddress::new(host, port);
        let time = u32::try_from(self.network().clock().now()).unwrap_or(u32::MAX);
        let services = ServiceFlags::NETWORK | ServiceFlags::WITNESS;
        let book = self.network().book();
        if book.add(&[PeerAddress { address, services, time }], &host, 0) == 0 {
            return Some(Err("failed-adding-to-new"));
        }
        if tried && !book.good(&address) {
            return Some(Err("failed-adding-to-tried"));
        }
        Some(Ok(()))
    }

    fn advance(&self, seconds: i64) {
        self.advance_schedule_blocking(seconds);
    }
}
