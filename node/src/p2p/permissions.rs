//! What peers may do beyond others, by where they connect from or to (`-whitelist`, `-whitebind`).

use super::net_address::{Host, NetAddress};
use super::subnet::Subnet;
use std::ops::{BitOr, BitOrAssign};

/// A set of permissions, with Core's bits: some permissions bring others with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(u32);

impl Permissions {
    /// None.
    pub const NONE: Self = Self(0);
    /// May ask for blocks and transactions through a bloom filter.
    pub const BLOOM_FILTER: Self = Self(1 << 1);
    /// Has its transactions taken even where those of others are not, and any number of announcements.
    pub const RELAY: Self = Self(1 << 3);
    /// Has its transactions relayed even if they are in the pool already.
    pub const FORCE_RELAY: Self = Self(1 << 2 | Self::RELAY.0);
    /// May ask for headers and blocks during the first sync and beyond the upload limit.
    pub const DOWNLOAD: Self = Self(1 << 6);
    /// Is not disconnected, banned or discouraged for what it does.
    pub const NOBAN: Self = Self(1 << 4 | Self::DOWNLOAD.0);
    /// May ask for the pool's contents.
    pub const MEMPOOL: Self = Self(1 << 5);
    /// Gets addresses that no cache has held back, and may tell of any number of them.
    pub const ADDR: Self = Self(1 << 7);
    /// Whatever peers get for whom no permissions were named; replaced before a peer has them.
    const IMPLICIT: Self = Self(1 << 31);
    /// All that have a name.
    pub const ALL: Self = Self(
        Self::BLOOM_FILTER.0
            | Self::FORCE_RELAY.0
            | Self::NOBAN.0
            | Self::MEMPOOL.0
            | Self::DOWNLOAD.0
            | Self::ADDR.0,
    );

    /// The names, in the order in which `getpeerinfo` has them.
    const NAMED: [(Self, &'static str); 7] = [
        (Self::BLOOM_FILTER, "bloomfilter"),
        (Self::NOBAN, "noban"),
        (Self::FORCE_RELAY, "forcerelay"),
        (Self::RELAY, "relay"),
        (Self::MEMPOOL, "mempool"),
        (Self::DOWNLOAD, "download"),
        (Self::ADDR, "addr"),
    ];

    /// Whether all of `others` are in the set.
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// The names of the permissions in the set.
    pub fn names(self) -> Vec<&'static str> {
        Self::NAMED
            .into_iter()
            .filter(|(permission, _)| self.contains(*permission))
            .map(|(_, name)| name)
            .collect()
    }

    /// The permission of a name in an option.
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "all" => Some(Self::ALL),
            "bloom" => Some(Self::BLOOM_FILTER),
            _ => Self::NAMED.into_iter().find(|(_, named)| *named == name).map(|(permission, _)| permission),
        }
    }
}

impl BitOr for Permissions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Permissions {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

/// Why an option gives no permissions. The texts are Core's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PermissionError {
    /// A permission's name is not known.
    #[error("Invalid P2P permission: '{0}'")]
    Unknown(String),
    /// `in` or `out` without any permission.
    #[error("Only direction was set, no permissions: '{0}'")]
    OnlyDirection(String),
    /// `out` for a port that others connect to.
    #[error("whitebind may only be used for incoming connections (\"out\" was passed)")]
    OutOnBind,
    /// What `-whitelist` is for is no address or subnet.
    #[error("Invalid netmask specified in -whitelist: '{0}'")]
    Subnet(String),
    /// What `-whitebind` is for is no address.
    #[error("Cannot resolve -whitebind address: '{0}'")]
    Address(String),
    /// `-whitebind` without a port.
    #[error("Need to specify a port with -whitebind: '{0}'")]
    NoPort(String),
}

/// The permissions and directions in front of an option's `@`.
struct Parsed<'a> {
    permissions: Permissions,
    incoming: bool,
    outgoing: bool,
    rest: &'a str,
}

fn parse(text: &str, allow_out: bool) -> Result<Parsed<'_>, PermissionError> {
    let Some((names, rest)) = text.split_once('@') else {
        return Ok(Parsed {
            permissions: Permissions::IMPLICIT,
            incoming: true,
            outgoing: false,
            rest: text,
        });
    };
    let mut parsed = Parsed { permissions: Permissions::NONE, incoming: false, outgoing: false, rest };
    for name in names.split(',') {
        match name {
            "" => {}
            "in" => parsed.incoming = true,
            "out" if !allow_out => return Err(PermissionError::OutOnBind),
            "out" => parsed.outgoing = true,
            _ => {
                let permission = Permissions::from_name(name);
                parsed.permissions |= permission.ok_or_else(|| PermissionError::Unknown(name.into()))?;
            }
        }
    }
    if !parsed.incoming && !parsed.outgoing {
        parsed.incoming = true;
    } else if parsed.permissions == Permissions::NONE {
        return Err(PermissionError::OnlyDirection(text.into()));
    }
    Ok(parsed)
}

/// An address to listen on, with what those who connect to it may do (`-whitebind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WhiteBind {
    /// Where to listen.
    pub address: NetAddress,
    /// What is granted; to be given to [`Whitelist::incoming`], which knows what there is without a name.
    pub permissions: Permissions,
}

impl WhiteBind {
    /// Reads `[permissions@]address:port`.
    pub fn parse(text: &str) -> Result<Self, PermissionError> {
        let Parsed { permissions, rest, .. } = parse(text, false)?;
        let address: NetAddress = rest.parse().map_err(|_| PermissionError::Address(rest.into()))?;
        if address.port() == 0 {
            return Err(PermissionError::NoPort(rest.into()));
        }
        Ok(Self { address, permissions })
    }
}

/// Who may do what: all of the node's `-whitelist` options, and what they grant without saying so.
#[derive(Debug, Clone, Default)]
pub struct Whitelist {
    incoming: Vec<(Subnet, Permissions)>,
    outgoing: Vec<(Subnet, Permissions)>,
    implicit: Permissions,
    on_cjdns: bool,
}

impl Whitelist {
    /// Nobody. `relay` and `force_relay` are `-whitelistrelay` and `-whitelistforcerelay`: what those get whose
    /// option names no permissions. (`-whitelistrelay` is on by default but with `-blocksonly`.)
    pub fn new(relay: bool, force_relay: bool, on_cjdns: bool) -> Self {
        let mut implicit = Permissions::MEMPOOL | Permissions::NOBAN;
        if force_relay {
            implicit |= Permissions::FORCE_RELAY;
        }
        if relay {
            implicit |= Permissions::RELAY;
        }
        Self { implicit, on_cjdns, ..Self::default() }
    }

    /// Adds an option's `[permissions,][in,out@]address or subnet`.
    pub fn add(&mut self, text: &str) -> Result<(), PermissionError> {
        let Parsed { permissions, incoming, outgoing, rest } = parse(text, true)?;
        let subnet = Subnet::parse(rest, self.on_cjdns).map_err(|error| PermissionError::Subnet(error.0))?;
        if incoming {
            self.incoming.push((subnet, permissions));
        }
        if outgoing {
            self.outgoing.push((subnet, permissions));
        }
        Ok(())
    }

    /// What a peer that connects to us may do. `bind` is what the place it connected to grants; `host` is `None`
    /// if the peer came through an onion service, where its address says nothing.
    pub fn incoming(&self, bind: Permissions, host: Option<&Host>) -> Permissions {
        self.granted(bind, host, &self.incoming)
    }

    /// What a peer may do that the user told us to connect to. Other peers that we connect to get nothing.
    pub fn manual(&self, host: Option<&Host>) -> Permissions {
        self.granted(Permissions::NONE, host, &self.outgoing)
    }

    fn granted(
        &self,
        base: Permissions,
        host: Option<&Host>,
        ranges: &[(Subnet, Permissions)],
    ) -> Permissions {
        let mut permissions = base;
        if let Some(host) = host {
            for (_, granted) in ranges.iter().filter(|(subnet, _)| subnet.contains(host)) {
                permissions |= *granted;
            }
        }
        if permissions.contains(Permissions::IMPLICIT) {
            permissions.0 &= !Permissions::IMPLICIT.0;
            permissions |= self.implicit;
        }
        permissions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(text: &str) -> Result<Permissions, String> {
        WhiteBind::parse(text).map(|bind| bind.permissions).map_err(|error| error.to_string())
    }

    fn list(text: &str) -> Result<(), String> {
        Whitelist::new(true, false, false).add(text).map_err(|error| error.to_string())
    }

    #[test]
    fn binds() {
        assert_eq!(bind("1.2.3.4:32"), Ok(Permissions::IMPLICIT));
        assert_eq!(bind("bloom@1.2.3.4:32"), Ok(Permissions::BLOOM_FILTER));
        assert_eq!(bind("in,bloomfilter@1.2.3.4:32"), Ok(Permissions::BLOOM_FILTER));
        for nothing in ["@1.2.3.4:32", ",@1.2.3.4:32", ",,@1.2.3.4:32"] {
            assert_eq!(bind(nothing), Ok(Permissions::NONE));
        }
        assert_eq!(bind("noban@[::1]:32"), bind("download,noban@[::1]:32"));
        assert_eq!(bind("download@1.2.3.4:32"), Ok(Permissions::DOWNLOAD));
        let three = Permissions::BLOOM_FILTER | Permissions::RELAY | Permissions::NOBAN;
        assert_eq!(bind("bloom,relay,,noban,noban@1.2.3.4:32"), Ok(three));
        assert_eq!(bind("all@1.2.3.4:32"), Ok(Permissions::ALL));
        assert_eq!(WhiteBind::parse("all@[::1]:32").unwrap().address.to_string(), "[::1]:32");
    }

    #[test]
    fn errors_have_the_texts_of_core() {
        for (text, error) in [
            ("", "Cannot resolve -whitebind address: ''"),
            ("127.0.0.1", "Need to specify a port with -whitebind: '127.0.0.1'"),
            ("all@127.0.0.1:0", "Need to specify a port with -whitebind: '127.0.0.1:0'"),
            ("noban@host:1", "Cannot resolve -whitebind address: 'host:1'"),
            (
                "out,forcerelay@1.2.3.4:32",
                "whitebind may only be used for incoming connections (\"out\" was passed)",
            ),
            ("bloom,forcerelay,oopsie@1.2.3.4:32", "Invalid P2P permission: 'oopsie'"),
            ("in@1.2.3.4:32", "Only direction was set, no permissions: 'in@1.2.3.4:32'"),
        ] {
            assert_eq!(bind(text), Err(error.into()));
        }
        for (text, error) in [
            ("noban@1.2.3.4:32", "Invalid netmask specified in -whitelist: '1.2.3.4:32'"),
            ("", "Invalid netmask specified in -whitelist: ''"),
            ("noban@", "Invalid netmask specified in -whitelist: ''"),
            ("NoBan@1.2.3.4", "Invalid P2P permission: 'NoBan'"),
            ("in,out@1.2.3.4", "Only direction was set, no permissions: 'in,out@1.2.3.4'"),
            ("in,,@1.2.3.4", "Only direction was set, no permissions: 'in,,@1.2.3.4'"),
            ("noban@a@1.2.3.4", "Invalid netmask specified in -whitelist: 'a@1.2.3.4'"),
        ] {
            assert_eq!(list(text), Err(error.into()));
        }
    }

    #[test]
    fn directions() {
        let mut whitelist = Whitelist::new(true, false, false);
        for option in ["relay@1.0.0.0/8", "in,addr@1.2.3.4", "out,bloom@1.2.3.4", "in,out,mempool@1.2.0.0/16"]
        {
            whitelist.add(option).unwrap();
        }
        let host = "1.2.3.4".parse().unwrap();
        let granted = whitelist.incoming(Permissions::NONE, Some(&host));
        assert_eq!(granted.names(), ["relay", "mempool", "addr"]);
        let granted = whitelist.incoming(Permissions::DOWNLOAD, Some(&"1.1.1.1".parse().unwrap()));
        assert_eq!(granted.names(), ["relay", "download"]);
        assert_eq!(whitelist.manual(Some(&host)).names(), ["bloomfilter", "mempool"]);
        assert_eq!(whitelist.incoming(Permissions::NONE, None), Permissions::NONE);
        assert_eq!(whitelist.manual(Some(&"2.2.2.2".parse().unwrap())), Permissions::NONE);
    }

    #[test]
    fn what_is_granted_without_a_name() {
        let host: Host = "1.2.3.4".parse().unwrap();
        let names = |relay, force_relay| {
            let mut whitelist = Whitelist::new(relay, force_relay, false);
            whitelist.add("1.2.3.4").unwrap();
            whitelist.incoming(Permissions::NONE, Some(&host)).names()
        };
        assert_eq!(names(true, false), ["noban", "relay", "mempool", "download"]);
        assert_eq!(names(false, false), ["noban", "mempool", "download"]);
        assert_eq!(names(false, true), ["noban", "forcerelay", "relay", "mempool", "download"]);

        // A bind's permissions reach whoever connects there.
        let bind = WhiteBind::parse("127.0.0.1:8333").unwrap().permissions;
        let granted = Whitelist::new(false, false, false).incoming(bind, None);
        assert_eq!(granted, Permissions::MEMPOOL | Permissions::NOBAN);
        // A named permission and an unnamed one add up.
        let mut whitelist = Whitelist::new(false, false, false);
        whitelist.add("1.2.3.4").unwrap();
        whitelist.add("addr@1.2.3.4").unwrap();
        let granted = whitelist.incoming(Permissions::NONE, Some(&host));
        assert_eq!(granted.names(), ["noban", "mempool", "download", "addr"]);
    }

    #[test]
    fn all_names() {
        let names = ["bloomfilter", "noban", "forcerelay", "relay", "mempool", "download", "addr"];
        assert_eq!(Permissions::ALL.names(), names);
        assert!(Permissions::NONE.names().is_empty());
        // The bits that make a permission more than the one it brings along.
        assert!(!Permissions::RELAY.contains(Permissions::FORCE_RELAY));
        assert!(!Permissions::DOWNLOAD.contains(Permissions::NOBAN));
    }
}
