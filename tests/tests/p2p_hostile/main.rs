//! Peers that lie, flood and dawdle: each costs the node bounded memory and is dropped or ignored as Bitcoin Core drops
//! or ignores it, and all the while the node gets new blocks from an honest peer.

mod delays;
mod floods;
mod headers;
mod lies;
mod limits;
mod made_up;

use std::time::{SystemTime, UNIX_EPOCH};

const MB: u64 = 1_000_000;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}
