//! The view of the chain that followers (indexes, plugins, feeds) are given.
