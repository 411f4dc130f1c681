//! JSON-RPC in Bitcoin Core's dialect and REST, on one HTTP port.
