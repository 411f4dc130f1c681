//! The mirror against a real PostgreSQL: whatever happens on the way, the tables are those of the chain.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "mirror/connections.rs"]
mod connections;
#[path = "mirror/contract.rs"]
mod contract;
#[path = "mirror/failures.rs"]
mod failures;
#[path = "mirror/kit.rs"]
mod kit;
#[path = "mirror/modes.rs"]
mod modes;
#[path = "mirror/odd.rs"]
mod odd;
#[path = "mirror/records.rs"]
mod records;
#[path = "mirror/reorgs.rs"]
mod reorgs;
#[path = "mirror/verify.rs"]
mod verify;
#[path = "mirror/world.rs"]
mod world;
#[path = "mirror/writers.rs"]
mod writers;
