//! The connection to the server: TLS as the URL's `sslmode` says (default: if the server can), time limits on both
//! sides, passwords never shown.
//!
//! After any error the connection is dropped: what the server did of the last request is unknown, and the next one
//! begins with reading the cursor.

use crate::error::MirrorError;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, PgConnection};
use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::time::Duration;

/// Options that a URL may have behind its `?`; libpq's names. Others are refused rather than ignored: a mistyped
/// `sslmode` must not be a connection in the clear.
const URL_OPTIONS: [&str; 16] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

/// Time limits of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// For connecting, with TLS and authentication.
    pub connect: Duration,
    /// For one statement, told to the server; the client waits a little longer and then drops the connection.
    pub statement: Duration,
    /// How long the server waits for locks that others hold.
    pub lock: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            statement: Duration::from_secs(120),
            lock: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// How long the client waits for a step.
    pub fn patience(&self) -> Duration {
        self.statement + Duration::from_secs(5)
    }
}

/// A server and how to log in. Shown without the password.
#[derive(Clone)]
pub struct Server {
    options: PgConnectOptions,
}

impl Server {
    /// Reads `postgres://user:password@host:port/database?sslmode=…`; `host=/folder` means a Unix socket.
    ///
    /// # Errors
    /// [`MirrorError::Url`], without the URL's text.
    pub fn parse(url: &str) -> Result<Self, MirrorError> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(MirrorError::Url("it does not begin with postgres://".into()));
        }
        // What stands behind a # is no part of the place: only a password that is not quoted has one.
        if url.contains('#') {
            return Err(Self::unquoted());
        }
        if let Some((_, query)) = url.split_once('?') {
            for part in query.split('&').filter(|part| !part.is_empty()) {
                let name = part.split('=').next().unwrap_or_default();
                let is_setting = name == "options" || name.starts_with("options[");
                if name.contains('@') {
                    return Err(Self::unquoted());
                }
                if !is_setting && !URL_OPTIONS.contains(&name) {
                    return Err(MirrorError::Url(format!("there is no option '{name}'")));
                }
            }
        }
        let options = PgConnectOptions::from_str(url).map_err(|error| MirrorError::Url(error.to_string()))?;
        // The end of a password with a / in it is taken for the host and the database, and both are shown.
        if options.get_database().is_some_and(|name| name.contains('@')) {
            return Err(Self::unquoted());
        }
        let name = options.get_application_name().unwrap_or("chaincore-mirror").to_owned();
        Ok(Self { options: options.application_name(&name).disable_statement_logging() })
    }

    fn unquoted() -> MirrorError {
        MirrorError::Url("in a password write %40 for @, %2F for /, %3F for ? and %23 for #".into())
    }

    /// Which database it is, whoever logs in: `host:port/database`, or `/folder/database` of a Unix socket.
    pub fn place(&self) -> String {
        let database = self.options.get_database().unwrap_or(self.options.get_username());
        match self.options.get_socket() {
            Some(folder) => format!("{}/{database}", folder.display()),
            None => format!("{}:{}/{database}", self.options.get_host(), self.options.get_port()),
        }
    }

    /// Whether the connection may be unencrypted over a network: `sslmode` `disable`, `allow` or `prefer` to
    /// something else than this machine.
    pub fn may_be_clear(&self) -> bool {
        let local = self.options.get_socket().is_some()
            || matches!(self.options.get_host(), "localhost" | "127.0.0.1" | "::1")
            || self.options.get_host().starts_with('/');
        let weak =
            matches!(self.options.get_ssl_mode(), PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer);
        weak && !local
    }

    /// Connects and sets the session's limits.
    ///
    /// # Errors
    /// [`MirrorError::Database`] or [`MirrorError::Silent`].
    pub async fn connect(&self, limits: &Limits) -> Result<PgConnection, MirrorError> {
        let action = "cannot connect";
        let mut connection =
            within(action, limits.connect, PgConnection::connect_with(&self.options)).await?;
        let millis = |limit: Duration| limit.as_millis().max(1).to_string();
        // The server ends a session whose client is gone or hangs: the lease must not stay with the dead.
        let settings = [
            ("statement_timeout", millis(limits.statement)),
            ("lock_timeout", millis(limits.lock)),
            ("idle_in_transaction_session_timeout", millis(limits.patience())),
            ("client_connection_check_interval", "5000".into()),
            ("tcp_keepalives_idle", "30".into()),
            ("tcp_keepalives_interval", "10".into()),
            ("tcp_keepalives_count", "3".into()),
            ("tcp_user_timeout", "60000".into()),
            ("timezone", "UTC".into()),
            // Where the blocks are decides the plan: one for any place would read whole tables.
            ("plan_cache_mode", "force_custom_plan".into()),
            ("jit", "off".into()),
        ];
        for (name, value) in settings {
            let set = sqlx::query("SELECT set_config($1, $2, false)").bind(name).bind(value);
            within("cannot set up the session", limits.connect, set.execute(&mut connection)).await?;
        }
        Ok(connection)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@{}", self.options.get_username(), self.place())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Waits for the database, but not for ever: a frozen server gives no error at all.
pub async fn within<T>(
    action: &'static str,
    limit: Duration,
    step: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, MirrorError> {
    match tokio::time::timeout(limit, step).await {
        Ok(answer) => answer.map_err(MirrorError::during(action)),
        Err(_) => Err(MirrorError::Silent { action, limit }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let server = Server::parse(
            "postgres://writer:s3cret@db.example:5433/chain?sslmode=verify-full&password=s3cret",
        )
        .unwrap();
        for text in [format!("{server}"), format!("{server:?}")] {
            assert_eq!(text, "postgres://writer@db.example:5433/chain");
        }
        for bad in [
            "postgres://u:s3cret@h:99999/db",
            "mysql://u:s3cret@h/db",
            "postgres://u:s3cret@h/db?sslmode=s3cret",
            "postgres://u:s3cret@h/db?sslmod=require",
            "postgres://u:s3cret@[h/db",
            "postgres://u:s3@c/ret@h/db",
            "postgres://u:s3c?ret@h/db",
            "postgres://u:53#ret@h/db",
        ] {
            let error = Server::parse(bad).unwrap_err().to_string();
            assert!(
                !error.contains("u:s3")
                    && !error.contains("53")
                    && !error.contains("ret@")
                    && !error.contains("@h"),
                "{error}"
            );
        }
    }

    #[test]
    fn clear_text_over_a_network_is_noticed() {
        for (url, clear) in [
            ("postgres://u@db.example/x", true),
            ("postgres://u@db.example/x?sslmode=require", false),
            ("postgres://u@localhost/x", false),
            ("postgres://u@%2Frun%2Fpg/x", false),
            ("postgres://u@db.example/x?sslmode=disable", true),
        ] {
            assert_eq!(Server::parse(url).unwrap().may_be_clear(), clear, "{url}");
        }
    }
}
