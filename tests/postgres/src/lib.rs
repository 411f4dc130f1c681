//! A PostgreSQL server for one test process.
