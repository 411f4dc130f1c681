//! What the servers of those who mine with the node's templates ([`stratum`](crate::stratum), [`sv2`](crate::sv2)) have in
//! common: a thread that listens, a bound on connections, and blocks that are handed in.
//!
//! What is logged here is of the category `mining`, as everything that the two log.

mod found;
mod refused;
mod server;

pub(crate) use found::{hand_in, payee, payee_of};
pub(crate) use refused::Refused;
pub(crate) use server::{Door, Server};
