//! Golden bytes: what Core's server answers to what real clients send, read off its sources and recorded from its
//! clients. Every test drives a real server on a port of its own over raw TCP, and compares whole responses, the date
//! apart. The tests are named by the rules of the dialect that real miners, libraries and explorers rely on.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod batches;
mod connection;
mod envelope;
mod gates;
mod harness;
mod pages;
mod sockets;
mod typed_client;
