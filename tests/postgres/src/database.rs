//! A database of one test.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Error;
use crate::server::Running;
use std::sync::Arc;

/// An empty database, or a copy of one, dropped at the end. It does not keep its server alive.
#[derive(Debug)]
pub struct Database {
    /// How to reach it: `postgres://postgres@localhost/name?host=/folder`, the superuser by the Unix socket.
    /// Clients by libpq and sqlx both understand it.
    pub url: String,
    /// Its name, of `[a-z0-9_]` only.
    pub name: String,
    running: Arc<Running>,
}

static COUNT: AtomicU64 = AtomicU64::new(0);

impl Database {
    pub(crate) fn create(running: &Arc<Running>, hint: &str, like: Option<&str>) -> Result<Self, Error> {
        let hint: String = hint
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
            .take(40)
            .collect();
        let name = format!("t{}_{hint}", COUNT.fetch_add(1, Ordering::Relaxed));
        let like = like.unwrap_or("template0");
        running.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {like}"))?;
        Ok(Self { url: running.url(&name), name, running: running.clone() })
    }

    /// A new database with everything that is in this one. Nobody may be connected to this one meanwhile.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn copy(&self, hint: &str) -> Self {
        match Self::create(&self.running, hint, Some(&self.name)) {
            Ok(database) => database,
            Err(error) => panic!("cannot copy the database {}: {error}", self.name),
        }
    }

    /// Runs SQL by `psql` as the superuser; stops at the first error. Rows are lines, columns are divided by `|`.
    ///
    /// # Errors
    /// [`Error::Failed`] with what the server said.
    pub fn sql(&self, text: &str) -> Result<String, Error> {
        self.running.psql(&self.name, text)
    }

    /// As [`Self::sql`], as another role of the server.
    ///
    /// # Errors
    /// [`Error::Failed`] with what the server said.
    pub fn sql_as(&self, role: &str, text: &str) -> Result<String, Error> {
        self.running.psql_as(role, &self.name, text)
    }

    /// The address of this database for another role.
    pub fn url_as(&self, role: &str) -> String {
        self.running.url_as(role, &self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Only to save space: the server's whole folder goes in the end. A server that was frozen or killed on
        // purpose is not waited for.
        if self.running.is_up() {
            let _ =
                self.running.psql("postgres", &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        }
    }
}

impl Running {
    pub(crate) fn psql(&self, database: &str, text: &str) -> Result<String, Error> {
        self.psql_as("postgres", database, text)
    }

    pub(crate) fn psql_as(&self, role: &str, database: &str, text: &str) -> Result<String, Error> {
        use std::io::Write;
        let program = self.binaries.program("psql");
        let mut command = self.command("psql");
        command.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            role,
            "-d",
            database,
            "-f",
            "-",
        ]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let run = |source| Error::Run { program: program.clone(), source };
        let mut child = command.spawn().map_err(run)?;
        // `psql` that fails early closes its input: what it says tells more than a broken pipe.
        if let Some(mut input) = child.stdin.take() {
            let _ = input.write_all(text.as_bytes());
        }
        let output = child.wait_with_output().map_err(run)?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
        } else {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Error::Failed { program, output: said })
        }
    }
}

pub(crate) fn encode(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                text.push(char::from(*byte))
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}
