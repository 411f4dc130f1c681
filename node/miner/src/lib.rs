//! Proof-of-work search on pinned CPU cores.
