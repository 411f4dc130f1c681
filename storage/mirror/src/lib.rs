//! The PostgreSQL mirror of the chain.
