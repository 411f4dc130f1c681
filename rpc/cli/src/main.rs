//! Command-line client of a ChainCore or Bitcoin Core node.

fn main() {}
