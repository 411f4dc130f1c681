//! Addresses, the protocol's bytes, queues and their bounds, and what is published of which event.

mod addresses;
mod bytes;
mod events;
mod queues;
