//! Script expressions: what a parsed descriptor is, its text, and the scripts it stands for.

use super::key::Key;
use super::provider::Provider;
use chaincore_consensus::Script;
use chaincore_consensus::address::Address;
use chaincore_consensus::hash::{hash160, sha256};
use chaincore_consensus::hex;
use chaincore_consensus::params::AddressFormat;
use chaincore_consensus::script::taproot::{self, LEAF_TAPSCRIPT};
use chaincore_consensus::script::{Builder, op};

/// A script expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// `pk(KEY)`; in a taproot leaf, with the key's X coordinate.
    Pk { key: Key, x_only: bool },
    /// `pkh(KEY)`.
    Pkh(Key),
    /// `wpkh(KEY)`.
    Wpkh(Key),
    /// `combo(KEY)`.
    Combo(Key),
    /// `multi(k,KEY,…)`, `sortedmulti`.
    Multi { threshold: u32, keys: Vec<Key>, sorted: bool },
    /// `multi_a(k,KEY,…)`, `sortedmulti_a`.
    MultiA { threshold: u32, keys: Vec<Key>, sorted: bool },
    /// `sh(SCRIPT)`.
    Sh(Box<Expression>),
    /// `wsh(SCRIPT)`.
    Wsh(Box<Expression>),
    /// `tr(KEY)`, `tr(KEY,TREE)`: the leaves from left to right, each with its depth.
    Tr { key: Key, leaves: Vec<(u8, Expression)> },
    /// `rawtr(KEY)`.
    RawTr(Key),
    /// `addr(ADDRESS)`.
    Addr(Address),
    /// `raw(HEX)`.
    Raw(Script),
}

/// A script's X-only key: the last 32 bytes of a compressed key.
pub fn x_only(key: &[u8]) -> [u8; 32] {
    key.get(1..33).and_then(|bytes| bytes.try_into().ok()).expect("keys have 33 or 65 bytes")
}

fn p2wpkh(key: &[u8]) -> Script {
    Address::Witness { version: 0, program: hash160(key).to_vec() }.script_pubkey()
}

/// The script that pays a script's hash (P2SH).
pub fn p2sh(script: &[u8]) -> Script {
    Address::p2sh(script).script_pubkey()
}

/// The script that pays a script's SHA-256 (P2WSH).
pub fn p2wsh(script: &[u8]) -> Script {
    Address::Witness { version: 0, program: sha256(script).to_vec() }.script_pubkey()
}

/// The script of bare multisig.
pub fn multisig(threshold: u32, keys: &[Vec<u8>]) -> Script {
    let start = Builder::new().push_int(threshold.into());
    let script = keys.iter().fold(start, |script, key| script.push_data(key));
    script.push_int(keys.len() as i64).op(op::OP_CHECKMULTISIG).into_script()
}

fn multi_a(threshold: u32, keys: &[[u8; 32]]) -> Script {
    let add = |script: Builder, (at, key): (usize, &[u8; 32])| {
        script.push_data(key).op(if at == 0 { op::OP_CHECKSIG } else { op::OP_CHECKSIGADD })
    };
    let script = keys.iter().enumerate().fold(Builder::new(), add);
    script.push_int(threshold.into()).op(op::OP_NUMEQUAL).into_script()
}

/// The root of a tree of leaves with their depths, from left to right; `None` of none.
fn merkle_root(leaves: &[(u8, Script)]) -> Option<[u8; 32]> {
    let mut branch: Vec<(u8, [u8; 32])> = vec![];
    for (depth, script) in leaves {
        branch.push((*depth, taproot::leaf_hash(LEAF_TAPSCRIPT, script)));
        while let [.., (left_depth, left), (right_depth, right)] = branch[..]
            && left_depth == right_depth
        {
            branch.truncate(branch.len() - 2);
            branch.push((left_depth.saturating_sub(1), taproot::branch_hash(&left, &right)));
        }
    }
    branch.first().map(|(_, hash)| *hash)
}

impl Expression {
    /// Its keys and those of the expressions in it.
    pub fn keys(&self) -> Vec<&Key> {
        match self {
            Self::Pk { key, .. } | Self::Pkh(key) | Self::Wpkh(key) | Self::Combo(key) | Self::RawTr(key) => {
                vec![key]
            }
            Self::Multi { keys, .. } | Self::MultiA { keys, .. } => keys.iter().collect(),
            Self::Sh(inner) | Self::Wsh(inner) => inner.keys(),
            Self::Tr { key, leaves } => {
                std::iter::once(key).chain(leaves.iter().flat_map(|(_, leaf)| leaf.keys())).collect()
            }
            Self::Addr(_) | Self::Raw(_) => vec![],
        }
    }

    /// In how many ways its multipath steps can be taken together.
    pub fn ways(&self) -> usize {
        self.keys().into_iter().map(Key::ways).max().unwrap_or(1)
    }

    /// The expression with every multipath step taken in one way.
    pub fn way(&self, way: usize) -> Self {
        let of = |keys: &[Key]| keys.iter().map(|key| key.way(way)).collect();
        match self {
            Self::Pk { key, x_only } => Self::Pk { key: key.way(way), x_only: *x_only },
            Self::Pkh(key) => Self::Pkh(key.way(way)),
            Self::Wpkh(key) => Self::Wpkh(key.way(way)),
            Self::Combo(key) => Self::Combo(key.way(way)),
            Self::RawTr(key) => Self::RawTr(key.way(way)),
            Self::Multi { threshold, keys, sorted } => {
                Self::Multi { threshold: *threshold, keys: of(keys), sorted: *sorted }
            }
            Self::MultiA { threshold, keys, sorted } => {
                Self::MultiA { threshold: *threshold, keys: of(keys), sorted: *sorted }
            }
            Self::Sh(inner) => Self::Sh(Box::new(inner.way(way))),
            Self::Wsh(inner) => Self::Wsh(Box::new(inner.way(way))),
            Self::Tr { key, leaves } => Self::Tr {
                key: key.way(way),
                leaves: leaves.iter().map(|(depth, leaf)| (*depth, leaf.way(way))).collect(),
            },
            Self::Addr(_) | Self::Raw(_) => self.clone(),
        }
    }

    /// Whether it stands for scripts at each position.
    pub fn is_range(&self) -> bool {
        self.keys().into_iter().any(Key::is_range)
    }

    /// Whether it contains a private key.
    pub fn is_private(&self) -> bool {
        self.keys().into_iter().any(Key::is_private)
    }

    /// Whether it tells all that spending takes, but for private keys.
    pub fn is_solvable(&self) -> bool {
        !matches!(self, Self::Addr(_) | Self::Raw(_))
    }

    /// The scripts at a position, and what is behind their hashes; `None` if that takes private keys that are not
    /// there.
    pub fn scripts(&self, position: u32, provider: &mut Provider) -> Option<Vec<Script>> {
        let mut all = |keys: &[Key]| -> Option<Vec<Vec<u8>>> {
            keys.iter().map(|key| key.derive(position, provider)).collect()
        };
        let script = match self {
            Self::Pk { key, x_only: by_x } => {
                let key = key.derive(position, provider)?;
                let key = if *by_x { x_only(&key).to_vec() } else { key };
                Builder::new().push_data(&key).op(op::OP_CHECKSIG).into_script()
            }
            Self::Pkh(key) => Address::PubKeyHash(hash160(&key.derive(position, provider)?)).script_pubkey(),
            Self::Wpkh(key) => p2wpkh(&key.derive(position, provider)?),
            Self::Combo(key) => {
                let key = key.derive(position, provider)?;
                let mut scripts = vec![
                    Builder::new().push_data(&key).op(op::OP_CHECKSIG).into_script(),
                    Address::PubKeyHash(hash160(&key)).script_pubkey(),
                ];
                if key.len() == 33 {
                    let witness = p2wpkh(&key);
                    provider.add_script(&witness);
                    scripts.extend([witness.clone(), p2sh(&witness)]);
                }
                return Some(scripts);
            }
            Self::Multi { threshold, keys, sorted } => {
                let mut keys = all(keys)?;
                if *sorted {
                    keys.sort_unstable();
                }
                multisig(*threshold, &keys)
            }
            Self::MultiA { threshold, keys, sorted } => {
                let mut keys: Vec<[u8; 32]> = all(keys)?.iter().map(|key| x_only(key)).collect();
                if *sorted {
                    keys.sort_unstable();
                }
                multi_a(*threshold, &keys)
            }
            Self::Sh(inner) => p2sh(&inner.wrapped(position, provider)?),
            Self::Wsh(inner) => p2wsh(&inner.wrapped(position, provider)?),
            Self::Tr { key, leaves } => {
                let key = x_only(&key.derive(position, provider)?);
                let leaf = |(depth, leaf): &(u8, Self)| {
                    Some((*depth, leaf.scripts(position, provider)?.into_iter().next()?))
                };
                let leaves: Vec<(u8, Script)> = leaves.iter().map(leaf).collect::<Option<_>>()?;
                let (output, _) = taproot::output_key(&key, merkle_root(&leaves).as_ref())?;
                provider.add_tree(output, (key, leaves));
                Address::Witness { version: 1, program: output.to_vec() }.script_pubkey()
            }
            Self::RawTr(key) => {
                let program = x_only(&key.derive(position, provider)?).to_vec();
                Address::Witness { version: 1, program }.script_pubkey()
            }
            Self::Addr(address) => address.script_pubkey(),
            Self::Raw(script) => script.clone(),
        };
        Some(vec![script])
    }

    /// The script whose hash is paid, made known to `provider`.
    fn wrapped(&self, position: u32, provider: &mut Provider) -> Option<Script> {
        let script = self.scripts(position, provider)?.into_iter().next()?;
        provider.add_script(&script);
        Some(script)
    }

    /// The text without a checksum, with public keys only.
    pub fn to_text(&self, format: &AddressFormat) -> String {
        let list = |name: &str, threshold: u32, keys: &[Key]| {
            let keys: String = keys.iter().map(|key| format!(",{}", key.to_text(format))).collect();
            format!("{name}({threshold}{keys})")
        };
        match self {
            Self::Pk { key, .. } => format!("pk({})", key.to_text(format)),
            Self::Pkh(key) => format!("pkh({})", key.to_text(format)),
            Self::Wpkh(key) => format!("wpkh({})", key.to_text(format)),
            Self::Combo(key) => format!("combo({})", key.to_text(format)),
            Self::RawTr(key) => format!("rawtr({})", key.to_text(format)),
            Self::Multi { threshold, keys, sorted: false } => list("multi", *threshold, keys),
            Self::Multi { threshold, keys, sorted: true } => list("sortedmulti", *threshold, keys),
            Self::MultiA { threshold, keys, sorted: false } => list("multi_a", *threshold, keys),
            Self::MultiA { threshold, keys, sorted: true } => list("sortedmulti_a", *threshold, keys),
            Self::Sh(inner) => format!("sh({})", inner.to_text(format)),
            Self::Wsh(inner) => format!("wsh({})", inner.to_text(format)),
            Self::Tr { key, leaves } if leaves.is_empty() => format!("tr({})", key.to_text(format)),
            Self::Tr { key, leaves } => {
                let leaves = leaves.iter().map(|(depth, leaf)| (*depth, leaf.to_text(format)));
                format!("tr({},{})", key.to_text(format), tree_text(leaves))
            }
            Self::Addr(address) => format!("addr({})", address.to_text(format)),
            Self::Raw(script) => format!("raw({})", hex::encode(script)),
        }
    }
}

/// A tree in braces, from its leaves and their depths.
pub fn tree_text(leaves: impl Iterator<Item = (u8, String)>) -> String {
    let mut text = String::new();
    // For every level above the current leaf, whether it is on the right.
    let mut path: Vec<bool> = vec![];
    for (at, (depth, leaf)) in leaves.enumerate() {
        if at > 0 {
            text.push(',');
        }
        while path.len() < usize::from(depth) {
            text.push('{');
            path.push(false);
        }
        text.push_str(&leaf);
        while path.pop_if(|right| *right).is_some() {
            text.push('}');
        }
        if let Some(side) = path.last_mut() {
            *side = true;
        }
    }
    text
}
