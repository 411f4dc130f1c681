//! The schema of the mirror as analysts and the writer meet it: migrations, comments, rights, views, replication.

#[path = "schema/mirrored.rs"]
mod mirrored;
#[path = "schema/pools.rs"]
mod pools;
#[path = "schema/tables.rs"]
mod tables;
#[path = "schema/views.rs"]
mod views;
