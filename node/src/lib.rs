//! The ChainCore full node.
