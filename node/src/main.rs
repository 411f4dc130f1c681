//! The `chaincored` daemon.

fn main() {}
