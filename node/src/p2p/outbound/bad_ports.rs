//! Ports of other services. Calls to them disturb those, and look like an attack of ours on them; so addresses with
//! such ports are called only for want of others.

/// The ports, in order (Core's `IsBadPort`).
const BAD_PORTS: [u16; 85] = [
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
    109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515,
    526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049,
    3306, 3389, 3659, 4045, 5060, 5061, 5432, 5900, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6697, 10080,
    27017,
];

/// Whether something else than a node is most likely there.
pub(in crate::p2p) fn is_bad_port(port: u16) -> bool {
    BAD_PORTS.binary_search(&port).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_nodes_are_good() {
        assert!(BAD_PORTS.is_sorted());
        for port in [0, 8333, 18333, 48333, 38333, 18444, 8000, u16::MAX] {
            assert!(!is_bad_port(port), "{port}");
        }
        for port in [1, 22, 25, 993, 5432, 27017] {
            assert!(is_bad_port(port), "{port}");
        }
    }
}
