//! On which networks the node calls others by itself (Core's reachable networks, `-onlynet`).

use super::net_address::Network;

/// A set of networks. Peers that call, and those that the owner named, may be of any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach(u8);

impl Reach {
    /// All that can be called without a proxy, and addresses that are of no network.
    pub const ALL: Self = Self(
        1 << Network::Unroutable as u8
            | 1 << Network::Ipv4 as u8
            | 1 << Network::Ipv6 as u8
            | 1 << Network::Internal as u8,
    );

    /// These alone; of those that need a proxy none can be called.
    pub fn only(networks: &[Network]) -> Self {
        let chosen = networks.iter().filter(|network| network.is_dialled());
        Self(chosen.fold(0, |set, network| set | 1 << *network as u8))
    }

    /// Whether the node calls there by itself, and keeps addresses of there.
    pub const fn contains(self, network: Network) -> bool {
        self.0 >> network as u8 & 1 == 1
    }

    /// The networks that addresses to call are of.
    pub fn dialled(self) -> Vec<Network> {
        Network::REACHABLE.into_iter().filter(|network| self.contains(*network)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_named_and_can_be_called_is_reached() {
        assert_eq!(Reach::ALL.dialled(), [Network::Ipv4, Network::Ipv6]);
        assert!(Reach::ALL.contains(Network::Unroutable) && !Reach::ALL.contains(Network::Onion));
        let ipv6 = Reach::only(&[Network::Ipv6, Network::Onion, Network::Ipv6]);
        assert_eq!(ipv6.dialled(), [Network::Ipv6]);
        for network in Network::ALL {
            assert_eq!(ipv6.contains(network), network == Network::Ipv6, "{network}");
        }
        assert!(Reach::only(&[Network::Onion]).dialled().is_empty());
    }
}
