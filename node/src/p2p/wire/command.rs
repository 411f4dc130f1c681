//! The name of a message's type.

use std::fmt;

/// Twelve bytes, padded with zero bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Command([u8; 12]);

macro_rules! commands {
    ($($name:ident = $text:literal,)*) => {
        impl Command {
            $(#[doc = concat!("`", $text, "`")] pub const $name: Self = Self::from_name($text);)*

            /// Every type that Bitcoin Core has a name for, in its order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

commands! {
    VERSION = "version",
    VERACK = "verack",
    ADDR = "addr",
    ADDR_V2 = "addrv2",
    SEND_ADDR_V2 = "sendaddrv2",
    INV = "inv",
    GET_DATA = "getdata",
    MERKLE_BLOCK = "merkleblock",
    GET_BLOCKS = "getblocks",
    GET_HEADERS = "getheaders",
    TX = "tx",
    HEADERS = "headers",
    BLOCK = "block",
    GET_ADDR = "getaddr",
    MEMPOOL = "mempool",
    PING = "ping",
    PONG = "pong",
    NOT_FOUND = "notfound",
    FILTER_LOAD = "filterload",
    FILTER_ADD = "filteradd",
    FILTER_CLEAR = "filterclear",
    SEND_HEADERS = "sendheaders",
    FEE_FILTER = "feefilter",
    SEND_CMPCT = "sendcmpct",
    CMPCT_BLOCK = "cmpctblock",
    GET_BLOCK_TXN = "getblocktxn",
    BLOCK_TXN = "blocktxn",
    GET_CFILTERS = "getcfilters",
    CFILTER = "cfilter",
    GET_CFHEADERS = "getcfheaders",
    CFHEADERS = "cfheaders",
    GET_CFCHECKPT = "getcfcheckpt",
    CFCHECKPT = "cfcheckpt",
    WTXID_RELAY = "wtxidrelay",
    SEND_TX_RCNCL = "sendtxrcncl",
    FEATURE = "feature",
}

impl Command {
    /// `authchal`, of ChainCore's private networks.
    pub const AUTH_CHALLENGE: Self = Self::from_name("authchal");
    /// `authproof`, of ChainCore's private networks.
    pub const AUTH_PROOF: Self = Self::from_name("authproof");

    /// How many bytes every command takes.
    pub const LEN: usize = 12;

    /// The bytes as received, valid or not: see [`Self::is_valid`].
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    const fn from_name(name: &str) -> Self {
        let mut bytes = [0; Self::LEN];
        let name = name.as_bytes();
        let mut at = 0;
        while at < name.len() {
            bytes[at] = name[at];
            at += 1;
        }
        Self(bytes)
    }

    /// The bytes with their padding.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Whether all bytes before the first zero byte are printable, and all after it zero.
    pub fn is_valid(&self) -> bool {
        let (name, padding) = self.0.split_at(self.len());
        name.iter().all(|byte| (b' '..=0x7e).contains(byte)) && padding.iter().all(|byte| *byte == 0)
    }

    /// Whether this is one of [`Self::ALL`].
    pub fn is_known(&self) -> bool {
        Self::ALL.contains(self)
    }

    fn len(&self) -> usize {
        self.0.iter().position(|byte| *byte == 0).unwrap_or(Self::LEN)
    }
}

impl fmt::Display for Command {
    /// The name, without characters that a log should not have.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sanitized(&self.0[..self.len()]))
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({self})")
    }
}

/// What is left of a peer's text for logs and answers (Core's `SanitizeString` with its default characters).
pub fn sanitized(text: &[u8]) -> String {
    let safe = |byte: &u8| byte.is_ascii_alphanumeric() || b" .,;-_/:?@()".contains(byte);
    text.iter().filter(|byte| safe(byte)).map(|byte| char::from(*byte)).collect()
}
