//! Signing, from the outside: PSBTs made by another library's rules, judged by another engine.

mod agreement;
mod common;
mod face;
mod junk;
mod lies;
mod roundtrip;
