//! Project tasks: setup, run, test, bench.

fn main() {}
