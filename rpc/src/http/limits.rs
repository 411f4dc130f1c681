//! Which addresses may connect (`-rpcallowip`).

use std::net::IpAddr;

/// A network of addresses: `1.2.3.4`, `1.2.3.0/24`, `1.2.3.0/255.255.255.0`, `::1`, `fe80::/10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet {
    network: u128,
    mask: u128,
    v4: bool,
}

/// The text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Invalid -rpcallowip subnet specification: {0}. Valid values are a single IP (e.g. 1.2.3.4), a network/netmask \
     (e.g. 1.2.3.4/255.255.255.0), a network/CIDR (e.g. 1.2.3.4/24), all ipv4 (0.0.0.0/0), or all ipv6 (::/0)."
)]
pub struct SubnetError(pub String);

/// An address as 128 bits, and whether it is one of IPv4 (also if it comes in IPv6's clothes).
fn bits(address: IpAddr) -> (u128, bool) {
    match address.to_canonical() {
        IpAddr::V4(address) => (u128::from(address.to_bits()), true),
        IpAddr::V6(address) => (address.to_bits(), false),
    }
}

impl std::str::FromStr for Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Self, SubnetError> {
        let parse = || -> Option<Self> {
            let (address, suffix) =
                text.split_once('/').map_or((text, None), |(address, suffix)| (address, Some(suffix)));
            let (network, v4) = bits(address.parse().ok()?);
            let width: u32 = if v4 { 32 } else { 128 };
            let full = if v4 { u128::from(u32::MAX) } else { u128::MAX };
            let mask = match suffix {
                None => full,
                Some(suffix) if suffix.bytes().all(|digit| digit.is_ascii_digit()) => {
                    let length: u32 = suffix.parse().ok().filter(|length| *length <= width)?;
                    full & full.checked_shl(width - length).unwrap_or(0)
                }
                Some(suffix) => {
                    let (mask, mask_v4) = bits(suffix.parse().ok()?);
                    // Ones, then zeros: the complement plus one is a power of two.
                    let zeros = full & !mask;
                    (mask_v4 == v4 && zeros & zeros.wrapping_add(1) == 0).then_some(mask)?
                }
            };
            Some(Self { network: network & mask, mask, v4 })
        };
        parse().ok_or_else(|| SubnetError(text.into()))
    }
}

impl Subnet {
    /// Whether `address` belongs to it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (address, v4) = bits(address);
        v4 == self.v4 && address & self.mask == self.network
    }
}

/// Whether `address` may connect: this machine always, and what `allowed` names.
pub fn may_connect(allowed: &[Subnet], address: IpAddr) -> bool {
    address.to_canonical().is_loopback() || allowed.iter().any(|subnet| subnet.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        for (network, inside, outside) in [
            ("1.2.3.4", "1.2.3.4", "1.2.3.5"),
            ("1.2.3.4/24", "1.2.3.255", "1.2.4.0"),
            ("1.2.3.4/255.255.0.0", "1.2.255.1", "1.3.0.1"),
            ("0.0.0.0/0", "9.9.9.9", "::2"),
            ("::/0", "2001::1", "9.9.9.9"),
            ("fe80::/10", "fe80::1", "fec0::1"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", "::ffff:11.1.1.1"),
        ] {
            let subnet: Subnet = network.parse().unwrap();
            assert!(subnet.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!subnet.contains(outside.parse().unwrap()), "{network} {outside}");
        }
        for bad in [
            "",
            "x",
            "1.2.3",
            "1.2.3.4/33",
            "::/129",
            "1.2.3.4/255.0.255.0",
            "1.2.3.4/::",
            "1.2.3.4/-1",
            "1.2.3.4/",
        ] {
            assert_eq!(bad.parse::<Subnet>(), Err(SubnetError(bad.into())));
        }
    }

    #[test]
    fn this_machine_may_always() {
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(may_connect(&[], address.parse().unwrap()));
        }
        assert!(!may_connect(&[], "10.0.0.1".parse().unwrap()));
    }
}
