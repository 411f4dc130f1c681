//! A PostgreSQL server for one test process.
//!
//! [`Server::shared`] is the server that all tests of a process use, each in a [`Database`] of its own;
//! [`Server::start`] makes one that a test may stop, kill, freeze and start again. Both run the PostgreSQL that
//! is installed on the machine and download nothing. The binaries are looked for in the folder that
//! `CHAINCORE_PG_BIN` names, then in `PATH`, then in `/usr/lib/postgresql/*/bin`, the newest first.
//!
//! What holds:
//! - Everything a server writes lies in one new folder, gone when the server is dropped **or its process
//!   ends in any way**, by SIGKILL too: a small shell process keeps the server and notices that the pipe to the
//!   test has closed. (A parent-death signal would not do: it follows the thread that started the child, and
//!   tests run in threads that end.)
//! - A server listens on a Unix socket in its folder, on loopback only where a test asks for TLS, on a port that
//!   the system chose.
//! - Root may run tests, though PostgreSQL refuses to run as root: the server runs as `postgres` or `nobody`.

mod account;
mod binaries;
mod certificate;
mod database;
mod error;
mod keeper;
mod options;
mod server;

pub use binaries::Binaries;
pub use database::Database;
pub use error::Error;
pub use options::Options;
pub use server::Server;
