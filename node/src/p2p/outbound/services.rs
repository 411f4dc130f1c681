//! What a peer has to offer to be worth one of few connections.

use crate::chain::ChainHandle;
use crate::p2p::wire::ServiceFlags;

/// A peer that has only the latest blocks is enough for who is at most that many blocks behind (Core's
/// `NODE_NETWORK_LIMITED_ALLOW_CONN_BLOCKS`).
const LIMITED_IS_ENOUGH: i64 = 144;

/// The services that a peer offering some should offer: all blocks, or the latest while that is enough, with
/// witnesses (Core's `GetDesirableServiceFlags`). `now` is in seconds.
pub(in crate::p2p) fn desirable_services(
    offered: ServiceFlags,
    chain: &ChainHandle,
    now: i64,
) -> ServiceFlags {
    let tip_age = now - i64::from(chain.snapshot().tip().header().time);
    let is_near = tip_age / i64::from(chain.params().target_spacing.max(1)) < LIMITED_IS_ENOUGH;
    let blocks = match offered.contains(ServiceFlags::NETWORK_LIMITED) && is_near {
        true => ServiceFlags::NETWORK_LIMITED,
        false => ServiceFlags::NETWORK,
    };
    blocks | ServiceFlags::WITNESS
}

/// Whether a node that offers these keeps blocks, and so most likely addresses (Core's `MayHaveUsefulAddressDB`).
pub(in crate::p2p) fn may_know_addresses(offered: ServiceFlags) -> bool {
    offered.contains(ServiceFlags::NETWORK) || offered.contains(ServiceFlags::NETWORK_LIMITED)
}
