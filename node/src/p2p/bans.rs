//! Who is banned and who is discouraged.
//!
//! Bans are the user's (`setban`): for a time, of addresses or whole subnets, kept in `banlist.json`, which has
//! Core's format and is written whenever they change. Banned hosts can't connect, are not connected to, and their
//! addresses are not passed on. Discouraged are hosts whose peers broke the rules: not connected to either, and
//! the first to go when slots are full. They are in a filter that forgets the oldest ones and is never written.

use super::disk;
use super::net_address::Host;
use super::rolling_bloom::RollingBloom;
use super::subnet::Subnet;
use crate::clock::Clock;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long a ban lasts unless it is said, in seconds: a day (Core's `DEFAULT_MISBEHAVING_BANTIME`).
pub const DEFAULT_BAN_SECONDS: i64 = 24 * 60 * 60;

/// The version of an entry in the file.
const VERSION: i64 = 1;
/// How many hosts are remembered as discouraged, and how many others look as if (as Core's).
const DISCOURAGED: usize = 50_000;
const DISCOURAGED_WRONGLY: f64 = 0.000_001;
/// No list comes near this.
const MAX_FILE: u64 = 256 << 20;

/// A ban's times, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// When it was made.
    pub created: i64,
    /// When it ends.
    pub until: i64,
}

/// The bans; clones are the same list.
#[derive(Clone)]
pub struct Bans {
    shared: Arc<Shared>,
}

struct Shared {
    /// `None` for a list that lives in memory only.
    path: Option<PathBuf>,
    clock: Clock,
    default_seconds: i64,
    state: Mutex<State>,
    /// Held while the file is written, so that an older list never replaces a newer one.
    writing: Mutex<()>,
}

struct State {
    bans: BTreeMap<Subnet, Ban>,
    /// Whether the file is older than the list.
    changed: bool,
    discouraged: RollingBloom,
}

impl Bans {
    /// The bans of a file. One that is damaged is said in the log and written anew, without bans, as Core does.
    /// `default_seconds` is what a ban without a time lasts.
    pub fn open(path: PathBuf, clock: Clock, default_seconds: i64) -> Self {
        let read = read(&path);
        let changed = read.is_none();
        let bans = Self::new(Some(path), clock, default_seconds, read.unwrap_or_default(), changed);
        bans.save();
        bans
    }

    /// A list without a file.
    pub fn in_memory(clock: Clock, default_seconds: i64) -> Self {
        Self::new(None, clock, default_seconds, BTreeMap::new(), false)
    }

    fn new(
        path: Option<PathBuf>,
        clock: Clock,
        default_seconds: i64,
        bans: BTreeMap<Subnet, Ban>,
        changed: bool,
    ) -> Self {
        let discouraged = RollingBloom::new(DISCOURAGED, DISCOURAGED_WRONGLY);
        let state = Mutex::new(State { bans, changed, discouraged });
        Self { shared: Arc::new(Shared { path, clock, default_seconds, state, writing: Mutex::new(()) }) }
    }

    /// Bans a subnet: until `time` if that is `absolute` (seconds since 1970), else for `time` seconds; for the
    /// default if `time` is 0 or less. False, and nothing changes, if it is banned for longer already.
    pub fn ban(&self, subnet: Subnet, time: i64, absolute: bool) -> bool {
        let now = self.shared.clock.now();
        let until = match time {
            time if time <= 0 => now.saturating_add(self.shared.default_seconds),
            time if absolute => time,
            time => now.saturating_add(time),
        };
        {
            let mut state = self.state();
            if state.bans.get(&subnet).map_or(0, |ban| ban.until) >= until {
                return false;
            }
            state.bans.insert(subnet, Ban { created: now, until });
            state.changed = true;
        }
        self.save();
        true
    }

    /// Lifts a ban; false if there is none of exactly this subnet.
    pub fn unban(&self, subnet: &Subnet) -> bool {
        {
            let mut state = self.state();
            if state.bans.remove(subnet).is_none() {
                return false;
            }
            state.changed = true;
        }
        self.save();
        true
    }

    /// Lifts all bans.
    pub fn clear(&self) {
        {
            let mut state = self.state();
            state.bans.clear();
            state.changed = true;
        }
        self.save();
    }

    /// Whether the host is in a banned subnet.
    pub fn is_banned(&self, host: &Host) -> bool {
        let now = self.shared.clock.now();
        self.state().bans.iter().any(|(subnet, ban)| now < ban.until && subnet.contains(host))
    }

    /// Whether exactly this subnet is banned.
    pub fn is_subnet_banned(&self, subnet: &Subnet) -> bool {
        let now = self.shared.clock.now();
        self.state().bans.get(subnet).is_some_and(|ban| now < ban.until)
    }

    /// The bans that have not ended, in order.
    pub fn list(&self) -> Vec<(Subnet, Ban)> {
        let mut state = self.state();
        state.sweep(self.shared.clock.now());
        state.bans.iter().map(|(subnet, ban)| (*subnet, *ban)).collect()
    }

    /// Remembers that the host broke the rules.
    pub fn discourage(&self, host: &Host) {
        self.state().discouraged.insert(&host.address_bytes());
    }

    /// Whether the host broke the rules lately.
    pub fn is_discouraged(&self, host: &Host) -> bool {
        self.state().discouraged.contains(&host.address_bytes())
    }

    /// Writes the file if the list has changed, which a ban's end does too; for the end of the node, and every
    /// now and then. What goes wrong is logged, and tried again the next time.
    pub fn save(&self) {
        let Some(path) = &self.shared.path else {
            return;
        };
        let _writing = self.shared.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let bans = {
            let mut state = self.state();
            state.sweep(self.shared.clock.now());
            if !std::mem::take(&mut state.changed) {
                return;
            }
            state.bans.clone()
        };
        if let Err(error) = disk::replace(path, &to_json(&bans)) {
            tracing::error!("the ban list {} can't be written: {error}", path.display());
            self.state().changed = true;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock leaves the list half changed.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn sweep(&mut self, now: i64) {
        let before = self.bans.len();
        self.bans.retain(|subnet, ban| {
            let lasts = now <= ban.until;
            if !lasts {
                tracing::debug!(target: "net", "the ban of {subnet} has ended");
            }
            lasts
        });
        self.changed |= self.bans.len() != before;
    }
}

/// The file: Core's names.
#[derive(Serialize, Deserialize)]
struct BanFile<T> {
    banned_nets: Vec<T>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    version: i64,
    ban_created: i64,
    banned_until: i64,
    address: String,
}

/// The bans of a file, `None` if it has to be written anew.
fn read(path: &Path) -> Option<BTreeMap<Subnet, Ban>> {
    if !path.exists() {
        return None;
    }
    let bytes = disk::read_limited(path, MAX_FILE)
        .map_err(|error| tracing::warn!("cannot load banlist {}: {error}", path.display()))
        .ok()?;
    from_json(&bytes)
        .map_err(|error| {
            tracing::warn!("cannot parse banlist {}: {error}; it is written anew", path.display())
        })
        .ok()
}

fn from_json(bytes: &[u8]) -> serde_json::Result<BTreeMap<Subnet, Ban>> {
    #[derive(Deserialize)]
    struct Version {
        version: i64,
    }
    let file: BanFile<serde_json::Value> = serde_json::from_slice(bytes)?;
    let mut bans = BTreeMap::new();
    for entry in file.banned_nets {
        // An entry of another version may have anything else in it.
        let Version { version } = Version::deserialize(&entry)?;
        if version != VERSION {
            tracing::info!("dropping entry with unknown version ({version}) from ban list");
            continue;
        }
        let Entry { ban_created: created, banned_until: until, address, .. } = Entry::deserialize(entry)?;
        // Only CJDNS addresses are without a slash and could be IPv6.
        match Subnet::parse(&address, !address.contains('/')) {
            Ok(subnet) => {
                bans.insert(subnet, Ban { created, until });
            }
            Err(_) => {
                tracing::info!("dropping entry with unparseable address or subnet ({address}) from ban list")
            }
        }
    }
    Ok(bans)
}

fn to_json(bans: &BTreeMap<Subnet, Ban>) -> Vec<u8> {
    let entries = bans.iter().map(|(subnet, ban)| Entry {
        version: VERSION,
        ban_created: ban.created,
        banned_until: ban.until,
        address: subnet.to_string(),
    });
    let file = BanFile { banned_nets: entries.collect() };
    let mut bytes = serde_json::to_vec_pretty(&file).expect("numbers and strings are JSON");
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const NOW: i64 = 1_700_000_000;

    fn clock() -> Clock {
        let clock = Clock::new();
        clock.set_mock(Some(NOW));
        clock
    }

    fn subnet(text: &str) -> Subnet {
        Subnet::parse(text, false).unwrap()
    }

    fn host(text: &str) -> Host {
        text.parse().unwrap()
    }

    fn listed(bans: &Bans) -> Vec<String> {
        bans.list().iter().map(|(subnet, _)| subnet.to_string()).collect()
    }

    #[test]
    fn bans_end() {
        let clock = clock();
        let bans = Bans::in_memory(clock.clone(), 100);
        assert!(bans.ban(subnet("1.2.3.0/24"), 0, true));
        assert!(bans.ban(subnet("5.6.7.8"), 10, false));
        assert!(bans.ban(subnet("9.9.9.9"), NOW + 50, true));
        assert_eq!(bans.list()[0].1, Ban { created: NOW, until: NOW + 100 });
        assert_eq!(bans.list()[1].1.until, NOW + 10);
        assert_eq!(bans.list()[2].1.until, NOW + 50);
        assert!(bans.is_banned(&host("1.2.3.77")) && !bans.is_banned(&host("1.2.4.77")));
        assert!(
            bans.is_subnet_banned(&subnet("1.2.3.0/24")) && !bans.is_subnet_banned(&subnet("1.2.3.0/25"))
        );

        // What shortens a ban changes nothing, what lengthens it does.
        assert!(!bans.ban(subnet("5.6.7.8"), 9, false) && !bans.ban(subnet("5.6.7.8"), 10, false));
        assert!(bans.ban(subnet("5.6.7.8"), 11, false));
        // A time in the past is a ban that has ended.
        assert!(bans.ban(subnet("7.7.7.7"), 5, true));
        assert!(!bans.is_banned(&host("7.7.7.7")));
        assert!(!listed(&bans).contains(&"7.7.7.7/32".to_owned()));

        clock.set_mock(Some(NOW + 11));
        assert!(!bans.is_banned(&host("5.6.7.8")), "it ends with its last second");
        assert_eq!(listed(&bans).len(), 3);
        clock.set_mock(Some(NOW + 12));
        assert_eq!(listed(&bans), ["1.2.3.0/24", "9.9.9.9/32"]);
    }

    #[test]
    fn bans_are_lifted() {
        let bans = Bans::in_memory(clock(), 100);
        bans.ban(subnet("1.2.3.0/24"), 0, false);
        assert!(!bans.unban(&subnet("1.2.3.4")));
        assert!(bans.unban(&subnet("1.2.3.99/24")));
        assert!(!bans.is_banned(&host("1.2.3.4")));
        bans.ban(subnet("::/0"), i64::MAX, false);
        bans.clone().clear();
        assert!(bans.list().is_empty());
    }

    #[test]
    fn the_file_keeps_them() {
        const ONION: &str = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("banlist.json");
        let clock = clock();
        let bans = Bans::open(path.clone(), clock.clone(), 100);
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\n  \"banned_nets\": []\n}\n");
        bans.ban(subnet("1.2.3.4"), 77, false);
        bans.ban(subnet("2001::/16"), 77, false);
        bans.ban(subnet(ONION), 5, false);
        let cjdns = host("fc00::7").flip_to_cjdns();
        bans.ban(Subnet::single(cjdns).unwrap(), 77, false);
        let json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(
            json["banned_nets"][0],
            serde_json::json!({
                "version": 1, "ban_created": NOW, "banned_until": NOW + 77, "address": "1.2.3.4/32"
            })
        );
        drop(bans);

        let bans = Bans::open(path.clone(), clock.clone(), 100);
        assert_eq!(listed(&bans), ["1.2.3.4/32", "2001::/16", ONION, "fc00::7"]);
        assert!(bans.is_banned(&cjdns) && !bans.is_banned(&host("fc00::7")));
        assert!(bans.is_banned(&host(ONION)));
        // Whoever opens the file when a ban has ended writes it without.
        clock.set_mock(Some(NOW + 6));
        Bans::open(path.clone(), clock, 100);
        assert!(!fs::read_to_string(&path).unwrap().contains("onion"));
    }

    #[test]
    fn strange_entries_are_dropped_and_strange_files_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("banlist.json");
        let open = |text: &str| {
            fs::write(&path, text).unwrap();
            let clock = Clock::new();
            clock.set_mock(Some(777));
            listed(&Bans::open(path.clone(), clock, 0))
        };
        let entry = r#"{ "version": 1, "ban_created": 0, "banned_until": 778, "address": "1.0.0.0/8" }"#;
        let strange = format!(
            r#"{{ "_warning_": "Core's", "banned_nets": [
                {{ "version": 1, "ban_created": 0, "banned_until": 778, "address": "aaaaaaaaa" }},
                {{ "version": 2, "address": 3 }}, {entry}
            ] }}"#
        );
        assert_eq!(open(&strange), ["1.0.0.0/8"]);
        for damaged in [
            "",
            "[]",
            "{}",
            "{\"banned_nets\": 3}",
            &format!("{{\"banned_nets\": [{entry}, {{}}]}}"),
            &format!("{{\"banned_nets\": [{entry}]"),
            "{\"banned_nets\": [{\"version\": 1, \"ban_created\": 0, \"banned_until\": \"1\", \"address\": \"::\"}]}",
        ] {
            assert!(open(damaged).is_empty(), "{damaged}");
            assert_eq!(fs::read_to_string(&path).unwrap(), "{\n  \"banned_nets\": []\n}\n");
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("later").join("banlist.json");
        let bans = Bans::open(path.clone(), clock(), 100);
        assert!(bans.ban(subnet("1.2.3.4"), 0, false));
        assert!(bans.is_banned(&host("1.2.3.4")));
        fs::create_dir(folder.path().join("later")).unwrap();
        bans.save();
        assert!(fs::read_to_string(&path).unwrap().contains("1.2.3.4/32"));
    }

    #[test]
    fn discouraged_hosts() {
        let bans = Bans::in_memory(clock(), 100);
        bans.discourage(&host("1.2.3.4"));
        assert!(bans.is_discouraged(&host("1.2.3.4")) && !bans.is_discouraged(&host("1.2.3.5")));
        assert!(!bans.is_banned(&host("1.2.3.4")));
    }
}
