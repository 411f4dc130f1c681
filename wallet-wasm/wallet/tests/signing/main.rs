//! Signing, from the outside: PSBTs made by another library's rules, judged by another engine.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agreement;
mod coins;
mod face;
mod junk;
mod lies;
mod roundtrip;
