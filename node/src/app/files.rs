//! How many files and connections the system lets the node have open.

/// What the node needs beside the API's and its peers' connections: blocks, databases, logs, plugins.
const OWN: u64 = 400;

/// Raises what is allowed to what `connections` need, or as far as it goes. Gives the number that is too few.
#[cfg(unix)]
pub(super) fn allow(connections: u64) -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = connections.saturating_add(OWN);
    let now = getrlimit(Resource::Nofile);
    // None is no limit.
    let current = now.current.filter(|current| *current < wanted)?;
    let raised = now.maximum.map_or(wanted, |most| most.min(wanted)).max(current);
    // Where that is refused it stays as it was.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: now.maximum });
    getrlimit(Resource::Nofile).current.filter(|current| *current < wanted)
}

/// Other systems have no such limit, or none that a program raises.
#[cfg(not(unix))]
pub(super) fn allow(_connections: u64) -> Option<u64> {
    None
}
