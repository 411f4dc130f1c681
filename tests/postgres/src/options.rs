//! How a server is to be set up.

/// What a server for tests is to be like. The default is fast and not durable.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub(crate) durable: bool,
    pub(crate) tls: bool,
    pub(crate) logical: bool,
    pub(crate) settings: Vec<(String, String)>,
}

impl Options {
    /// A server that is quick because it would lose data if the machine lost power: nothing is flushed, and
    /// where there is plenty of memory its files are kept there. A
    /// server that a test kills may then have lost its last commits; that is for [`Self::durable`] ones.
    pub fn fast() -> Self {
        Self::default()
    }

    /// Flush as a real server does (`fsync`, `full_page_writes`, `synchronous_commit`).
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Listen on loopback with TLS only, with a certificate for `localhost` made by an authority of this server's
    /// own ([`crate::Server::authority`]). The Unix socket stays open.
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Write what logical replication needs to the log (`wal_level=logical`). The default is `replica`, as PostgreSQL's.
    #[must_use]
    pub fn logical(mut self) -> Self {
        self.logical = true;
        self
    }

    /// Set something of `postgresql.conf`; what is set last holds.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The text to append to `postgresql.conf`.
    pub(crate) fn configuration(&self, sockets: &str, port: u16) -> String {
        let mut lines = vec![
            ("unix_socket_directories", sockets.to_owned()),
            ("port", port.to_string()),
            ("listen_addresses", if self.tls { "127.0.0.1".to_owned() } else { String::new() }),
            ("logging_collector", "off".to_owned()),
            ("timezone", "UTC".to_owned()),
            ("log_timezone", "UTC".to_owned()),
            ("wal_level", if self.logical { "logical" } else { "replica" }.to_owned()),
        ];
        if !self.durable {
            for name in ["fsync", "full_page_writes", "synchronous_commit"] {
                lines.push((name, "off".to_owned()));
            }
            // Checkpoints cost nothing without flushing, and many servers share a disk.
            lines.push(("max_wal_size", "128MB".to_owned()));
            lines.push(("min_wal_size", "32MB".to_owned()));
            // In the server's folder: what lies elsewhere outlives a server that is killed.
            lines.push(("dynamic_shared_memory_type", "mmap".to_owned()));
        }
        if self.tls {
            lines.push(("ssl", "on".to_owned()));
            lines.push(("ssl_cert_file", "server.crt".to_owned()));
            lines.push(("ssl_key_file", "server.key".to_owned()));
        }
        let own = self.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        lines
            .into_iter()
            .chain(own)
            .map(|(name, value)| format!("{name} = '{}'\n", value.replace('\'', "''")))
            .collect()
    }
}
