//! Comparison with Bitcoin Core's own engine.
