//! Blocks in append-only files, coins and indexes in sled.
