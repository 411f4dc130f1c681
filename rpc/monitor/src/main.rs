//! Terminal monitors of nodes, of the chain and of its SQL mirror.
fn main() {}
