//! The schema of the mirror as analysts and the writer meet it: migrations, comments, rights, views, replication; on rows made
//! by hand, whose answers are known, and on what the writer writes.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "schema/documents.rs"]
mod documents;
#[allow(dead_code, reason = "the tests of the writer use the rest")]
#[path = "mirror/kit.rs"]
mod kit;
#[path = "schema/mirrored.rs"]
mod mirrored;
#[path = "schema/pools.rs"]
mod pools;
#[path = "schema/replicas.rs"]
mod replicas;
#[path = "schema/roles.rs"]
mod roles;
#[path = "schema/tables.rs"]
mod tables;
#[path = "schema/views.rs"]
mod views;
#[allow(dead_code, reason = "the tests of the writer use the rest")]
#[path = "mirror/world.rs"]
mod world;
#[path = "schema/written.rs"]
mod written;
