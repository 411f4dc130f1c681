//! A network without peers.

use chaincore_consensus::BlockHash;
use chaincore_rpc::network::{
    AddPeerError, AddedPeer, AddressCount, AddressPlace, BanInfo, BanRefusal, ConnectRefusal, FoundPeer,
    KnownAddress, LocalAddress, NetTotals, Network, PeerInfo, Presence, Search, UploadTarget,
};
use chaincore_rpc::node::NodeResult;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Remembers what was added and banned, and nothing else.
#[derive(Default)]
pub struct NoPeers {
    off: AtomicBool,
    added: Mutex<Vec<String>>,
    banned: Mutex<Vec<String>>,
}

fn insert(list: &Mutex<Vec<String>>, name: &str) -> bool {
    let mut list = list.lock().unwrap();
    let is_new = !list.iter().any(|known| known == name);
    if is_new {
        list.push(name.into());
    }
    is_new
}

fn take(list: &Mutex<Vec<String>>, name: &str) -> bool {
    let mut list = list.lock().unwrap();
    let before = list.len();
    list.retain(|known| known != name);
    list.len() != before
}

impl Network for NoPeers {
    fn presence(&self) -> Presence {
        Presence {
            instance: "0123456789abcdef".into(),
            p2p_port: Some(8000),
            discovery_ports: Some((5000, 5100)),
            min_peers: 2,
            target_peers: 6,
            max_peers: 12,
            ..Presence::default()
        }
    }

    fn peers(&self) -> Vec<PeerInfo> {
        let called = PeerInfo {
            address: "127.0.0.1:8001".into(),
            addr_bind: Some("127.0.0.1:50000".into()),
            node_id: Some("core1".into()),
            connection_type: "manual",
            ready: true,
            synced_headers: 9,
            ping_time: Some(1500),
            ..PeerInfo::default()
        };
        let caller = PeerInfo {
            id: 1,
            synced_headers: -1,
            starting_height: -1,
            address: "127.0.0.1:50001".into(),
            inbound: true,
            connection_type: "inbound",
            ..PeerInfo::default()
        };
        vec![called, caller]
    }

    fn discover(&self) -> Search {
        let found = FoundPeer { name: "http://127.0.0.1:5001".into(), is_peer: true, ..FoundPeer::default() };
        Search { found: vec![found], ports: 101 }
    }

    fn join(&self, name: &str) -> Result<FoundPeer, AddPeerError> {
        let text = format!("no '{name}'");
        match name {
            "http://localhost:5001" => {
                Ok(FoundPeer { name: name.into(), is_peer: true, ..FoundPeer::default() })
            }
            "http://self:1" => Err(AddPeerError::Unfit(text)),
            "http://nobody:1" => Err(AddPeerError::Unreachable(text)),
            "http://off:1" => Err(AddPeerError::Off(text)),
            _ => Err(AddPeerError::Name(text)),
        }
    }

    fn ping(&self) {}

    fn totals(&self) -> NetTotals {
        let upload = UploadTarget { timeframe: 86_400, serves_old_blocks: true, ..UploadTarget::default() };
        NetTotals { received: 7, sent: 5, upload }
    }

    fn reaches(&self, network: &str) -> bool {
        matches!(network, "ipv4" | "ipv6")
    }

    fn takes_txs(&self) -> bool {
        true
    }

    fn time_offset(&self) -> i64 {
        0
    }

    fn is_active(&self) -> bool {
        !self.off.load(Ordering::Relaxed)
    }

    fn set_active(&self, active: bool) {
        self.off.store(!active, Ordering::Relaxed);
    }

    fn local_addresses(&self) -> Vec<LocalAddress> {
        vec![]
    }

    fn try_once(&self, _: &str, _: bool) {}

    fn add(&self, name: &str, _: bool) -> bool {
        insert(&self.added, name)
    }

    fn remove(&self, name: &str) -> bool {
        take(&self.added, name)
    }

    fn added(&self) -> Vec<AddedPeer> {
        let added = self.added.lock().unwrap();
        added.iter().map(|name| AddedPeer { name: name.clone(), connected: None }).collect()
    }

    fn open(&self, _: &str, _: &str, _: bool) -> Result<(), ConnectRefusal> {
        Err(ConnectRefusal::Full)
    }

    fn disconnect_address(&self, _: &str) -> bool {
        false
    }

    fn disconnect_id(&self, _: u64) -> bool {
        false
    }

    fn send_raw(&self, _: u64, _: [u8; 12], _: &[u8]) -> bool {
        false
    }

    fn fetch_block(&self, _: &BlockHash, _: u64) -> NodeResult<Result<(), String>> {
        Ok(Err("Peer does not exist".into()))
    }

    fn ban(&self, subnet: &str, _: i64, _: bool) -> Result<(), BanRefusal> {
        if !subnet.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(BanRefusal::Invalid);
        }
        if insert(&self.banned, subnet) { Ok(()) } else { Err(BanRefusal::Known) }
    }

    fn unban(&self, subnet: &str) -> Result<(), BanRefusal> {
        if take(&self.banned, subnet) { Ok(()) } else { Err(BanRefusal::Unknown) }
    }

    fn bans(&self) -> Vec<BanInfo> {
        let banned = self.banned.lock().unwrap();
        banned.iter().map(|subnet| BanInfo { subnet: subnet.clone(), created: 100, until: 160 }).collect()
    }

    fn clear_bans(&self) {
        self.banned.lock().unwrap().clear();
    }

    fn addresses(&self, _: usize, network: Option<&str>) -> Option<Vec<KnownAddress>> {
        (network != Some("nowhere")).then(Vec::new)
    }

    fn address_counts(&self) -> Vec<AddressCount> {
        vec![AddressCount { network: "ipv4".into(), new: 2, tried: 1 }]
    }

    fn address_tables(&self) -> [Vec<AddressPlace>; 2] {
        [vec![], vec![]]
    }

    fn add_address(&self, _: &str, _: u16, _: bool) -> Option<Result<(), &'static str>> {
        None
    }

    fn advance(&self, _: i64) {}
}
