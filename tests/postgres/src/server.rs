//! One server: making it, and what a test may do to it.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::account::Account;
use crate::database::encode;
use crate::keeper::Keeper;
use crate::{Binaries, Database, Error, Options, certificate};

/// What a starting server may take; a machine under load is slow.
const START: Duration = Duration::from_secs(120);

/// A PostgreSQL server that ends with its value or its process, whichever is first.
pub struct Server {
    running: Arc<Running>,
    keeper: Mutex<Keeper>,
}

/// Where a server is and whether it answers; what its databases know of it.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) binaries: Binaries,
    account: Account,
    folder: PathBuf,
    port: u16,
    tls: bool,
    /// The process id; 0 while it is stopped, negative while it is frozen.
    process: AtomicI32,
}

impl Server {
    /// The server of this process, started by whoever asks first.
    ///
    /// # Panics
    /// If there is no PostgreSQL on the machine, with a text that says how to install it.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Server> = LazyLock::new(|| Server::start(Options::fast()));
        &SHARED
    }

    /// A server of one's own.
    ///
    /// # Panics
    /// As [`Self::shared`].
    pub fn start(options: Options) -> Self {
        match Self::try_start(options) {
            Ok(server) => server,
            Err(error) => panic!("{error}"),
        }
    }

    /// A server of one's own.
    ///
    /// # Errors
    /// If there is no PostgreSQL, or it does not start.
    pub fn try_start(options: Options) -> Result<Self, Error> {
        let binaries = Binaries::find()?;
        let account = Account::choose()?;
        let folder = account.folder(options.durable)?;
        let made = Running::prepare(binaries, account, &folder, &options, |running| running.initdb());
        Self::launch(made, &folder)
    }

    /// A streaming replica of this server: it answers reads, with what this server has committed a moment ago.
    ///
    /// # Panics
    /// If the copy cannot be made.
    pub fn standby(&self, options: Options) -> Self {
        let copy = "pg_basebackup -U postgres -c fast -X stream -R --no-sync -D";
        self.standby_by(options, |data| format!("{copy} '{}'", data.display()))
    }

    /// As [`Self::standby`], with a shell script that copies this server's data to the folder it is given. It finds
    /// PostgreSQL's programs and this server by itself.
    ///
    /// # Panics
    /// If the copy cannot be made.
    pub fn standby_by(&self, options: Options, script: impl FnOnce(&Path) -> String) -> Self {
        let make = || {
            let account = self.running.account;
            let folder = account.folder(options.durable)?;
            let made =
                Running::prepare(self.running.binaries.clone(), account, &folder, &options, |running| {
                    finish(&mut self.shell(&script(&running.data())))
                });
            Self::launch(made, &folder)
        };
        match make() {
            Ok(server) => server,
            Err(error) => panic!("cannot make a replica: {error}"),
        }
    }

    /// A shell script, run as the server's account, that finds PostgreSQL's programs and this server by itself.
    pub fn shell(&self, script: &str) -> Command {
        let mut command = self.running.told(Path::new("/bin/sh"));
        command.args(["-e", "-c", script]);
        let programs = self.running.binaries.program("");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(programs).chain(std::env::split_paths(&path));
        // Only a folder with a colon in its name cannot be joined, and that one has been found in a path.
        command.env("PATH", std::env::join_paths(path).unwrap_or_default());
        command
    }

    fn launch(made: Result<Running, Error>, folder: &Path) -> Result<Self, Error> {
        let start = |running: Running| {
            let program = running.binaries.program("postgres");
            let mut keeper =
                Keeper::spawn(running.account, &program, &running.data(), &running.log(), folder)?;
            running.start(&mut keeper)?;
            Ok(Self { running: Arc::new(running), keeper: Mutex::new(keeper) })
        };
        let started = made.and_then(start);
        if started.is_err() {
            // The folder may hold nothing yet, or the keeper has removed it already.
            let _ = std::fs::remove_dir_all(folder);
        }
        started
    }

    /// A new empty database; the hint becomes part of its name.
    ///
    /// # Panics
    /// If the server refuses.
    pub fn database(&self, hint: &str) -> Database {
        match Database::create(&self.running, hint, None) {
            Ok(database) => database,
            Err(error) => panic!("cannot create a database: {error}"),
        }
    }

    /// Runs SQL by `psql` as the superuser in a database; `postgres` always exists.
    ///
    /// # Errors
    /// [`Error::Failed`] with what the server said.
    pub fn sql(&self, database: &str, text: &str) -> Result<String, Error> {
        self.running.psql(database, text)
    }

    /// The address of a database for the superuser, by the Unix socket.
    pub fn url(&self, database: &str) -> String {
        self.running.url(database)
    }

    /// The address of a database for the superuser by loopback and TLS, the certificate fully verified.
    ///
    /// # Panics
    /// If the server was not started with [`Options::tls`].
    pub fn tls_url(&self, database: &str) -> String {
        let authority = self.authority().expect("tls_url is for servers with TLS");
        let port = self.running.port;
        format!(
            "postgres://postgres@localhost:{port}/{database}?sslmode=verify-full&sslrootcert={}",
            encode(&authority)
        )
    }

    /// The certificate of the authority that signed the server's, if it has TLS.
    pub fn authority(&self) -> Option<PathBuf> {
        self.running.tls.then(|| self.running.folder.join("authority.crt"))
    }

    /// One of PostgreSQL's programs, run as the server's account and told where the server is.
    pub fn command(&self, program: &str) -> Command {
        self.running.command(program)
    }

    /// The folder of the Unix socket; everything of the server is below it.
    pub fn folder(&self) -> &Path {
        &self.running.folder
    }

    /// The folder of the data (`PGDATA`).
    pub fn data(&self) -> PathBuf {
        self.running.data()
    }

    /// The number in the socket's name, and the port on loopback with TLS.
    pub fn port(&self) -> u16 {
        self.running.port
    }

    /// The end of the server's log.
    pub fn log(&self) -> String {
        self.running.end_of_log()
    }

    /// The id of the server's first process, unless it is stopped.
    pub fn process(&self) -> Option<u32> {
        match self.running.process.load(Ordering::SeqCst) {
            0 => None,
            process => Some(process.unsigned_abs()),
        }
    }

    /// Stops the server as `pg_ctl stop -m fast` does: clients are cut off, what they had not committed is undone.
    ///
    /// # Panics
    /// If the server is not running.
    pub fn stop_fast(&self) {
        self.end(Signal::INT, false);
    }

    /// Ends every process of the server at once, as a crash does; [`Self::restart`] then recovers from the log.
    ///
    /// # Panics
    /// If the server is not running.
    pub fn kill(&self) {
        self.end(Signal::KILL, true);
    }

    /// Stops every process of the server where it is: connections stay open and nothing answers.
    ///
    /// # Panics
    /// If the server is not running, or there is no `/proc`.
    pub fn freeze(&self) {
        let process = self.running.process.load(Ordering::SeqCst);
        assert!(process > 0, "a server must run to be frozen");
        // Before the first signal, so that no database being dropped elsewhere waits for an answer.
        self.running.process.store(-process, Ordering::SeqCst);
        signal_all(process, Signal::STOP).into_iter().for_each(wait_until_stopped);
    }

    /// Lets a frozen server go on.
    ///
    /// # Panics
    /// If the server is not frozen.
    pub fn thaw(&self) {
        let process = self.running.process.load(Ordering::SeqCst);
        assert!(process < 0, "only a frozen server can be thawed");
        signal_all(-process, Signal::CONT);
        self.running.process.store(-process, Ordering::SeqCst);
    }

    /// Starts a stopped or killed server again on its data; stops it fast first if it runs.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&self) {
        if self.running.is_up() {
            self.stop_fast();
        }
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.running.start(&mut keeper) {
            panic!("{error}");
        }
    }

    fn end(&self, signal: Signal, all: bool) {
        let process = self.running.process.swap(0, Ordering::SeqCst);
        assert!(process != 0, "the server is not running");
        let family = if all || process < 0 { signal_all(process.abs(), signal) } else { Vec::new() };
        send(process.abs(), signal);
        if process < 0 {
            signal_all(-process, Signal::CONT);
        }
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = keeper.wait() {
            panic!("{error}");
        }
        // A server does not start while somebody still has the memory of the one before.
        if all {
            while family.iter().any(|process| !has_ended(*process)) {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Databases that outlive the server must not ask it; the keeper does the rest when it is dropped.
        self.running.process.store(0, Ordering::SeqCst);
    }
}

impl Running {
    fn prepare(
        binaries: Binaries,
        account: Account,
        folder: &Path,
        options: &Options,
        fill: impl FnOnce(&Self) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let port = if options.tls { free_port()? } else { 5432 };
        let folder = folder.to_owned();
        let running = Self { binaries, account, folder, port, tls: options.tls, process: AtomicI32::new(0) };
        fill(&running)?;
        let sockets = running.folder.display().to_string();
        running.append("postgresql.conf", &options.configuration(&sockets, port))?;
        if options.tls {
            let pem = certificate::make()?;
            running.write(&running.data().join("server.crt"), &pem.certificate)?;
            running.write(&running.data().join("server.key"), &pem.key)?;
            let authority = running.folder.join("authority.crt");
            running.write(&authority, &pem.authority)?;
            running.write(
                &running.data().join("pg_hba.conf"),
                "local all all trust\nlocal replication all trust\nhostssl all all 127.0.0.1/32 trust\n",
            )?;
            // Whoever runs the test reads the authority; the server's folder may be entered for its sockets.
            let readable =
                |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode));
            readable(&authority, 0o644).map_err(|source| Error::File { path: authority.clone(), source })?;
        }
        Ok(running)
    }

    fn initdb(&self) -> Result<(), Error> {
        let mut command = self.account.command(&self.binaries.program("initdb"));
        command.args([
            "-N",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
            "-U",
            "postgres",
        ]);
        command.current_dir("/").arg("-D").arg(self.data());
        finish(&mut command)
    }

    fn start(&self, keeper: &mut Keeper) -> Result<(), Error> {
        let process = keeper.start()?;
        let began = Instant::now();
        while !self.is_ready(process) {
            if has_ended(process) || began.elapsed() > START {
                let log = self.end_of_log();
                let _ = kill_process(Pid::from_raw(process).expect("a process has an id"), Signal::QUIT);
                keeper.wait()?;
                return Err(Error::NotStarted { log });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.process.store(process, Ordering::SeqCst);
        Ok(())
    }

    /// The first line of the server's own note is its process id, the eighth its state.
    fn is_ready(&self, process: i32) -> bool {
        let Ok(note) = std::fs::read_to_string(self.data().join("postmaster.pid")) else { return false };
        let lines: Vec<_> = note.lines().map(str::trim).collect();
        lines.first() == Some(&process.to_string().as_str())
            && matches!(lines.get(7), Some(&"ready") | Some(&"standby"))
    }

    pub(crate) fn is_up(&self) -> bool {
        self.process.load(Ordering::SeqCst) > 0
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn end_of_log(&self) -> String {
        let text = std::fs::read(self.log()).unwrap_or_default();
        let start = text.len().saturating_sub(4_000);
        String::from_utf8_lossy(&text[start..]).into_owned()
    }

    pub(crate) fn url(&self, database: &str) -> String {
        self.url_as("postgres", database)
    }

    pub(crate) fn url_as(&self, role: &str, database: &str) -> String {
        // Not `postgres://role@/database`: an empty host behind a name is no valid URL to sqlx.
        let port = if self.port == 5432 { String::new() } else { format!(":{}", self.port) };
        format!("postgres://{role}@localhost{port}/{database}?host={}", encode(&self.folder))
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        self.told(&self.binaries.program(program))
    }

    /// A program that is told where the server is.
    fn told(&self, program: &Path) -> Command {
        let mut command = self.account.command(program);
        command.current_dir("/").env("PGHOST", &self.folder).env("PGPORT", self.port.to_string());
        // A server that does not answer must not hold a test for ever.
        command.env("PGCONNECT_TIMEOUT", "30");
        command
    }

    fn append(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.data().join(name);
        let file = std::fs::OpenOptions::new().append(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|source| Error::File { path, source })
    }

    fn write(&self, path: &Path, text: &str) -> Result<(), Error> {
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|source| Error::File { path: path.to_owned(), source })?;
        self.account.give(path)
    }
}

fn finish(command: &mut Command) -> Result<(), Error> {
    let program = PathBuf::from(command.get_program());
    let output = command.output().map_err(|source| Error::Run { program: program.clone(), source })?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Failed { program, output: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16, Error> {
    let bound = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    let address = bound.map_err(|source| Error::File { path: "127.0.0.1".into(), source })?;
    Ok(address.port())
}

/// Whether a process is gone or only waits to be noticed.
fn has_ended(process: i32) -> bool {
    match state(process) {
        Some(state) => state == 'Z',
        None => Path::new("/proc/self/stat").exists(),
    }
}

/// Waits for what a signal to stop began: its receiver runs on until the kernel interrupts it.
fn wait_until_stopped(process: i32) {
    while state(process).is_some_and(|state| !matches!(state, 'T' | 'Z')) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The letter of the third field of `/proc/*/stat`, as long as there is such a process.
fn state(process: i32) -> Option<char> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    text.rsplit(')').next()?.trim_start().chars().next()
}

fn send(process: i32, signal: Signal) {
    // It may have ended by itself.
    let _ = kill_process(Pid::from_raw(process).expect("a process has an id"), signal);
}

/// Signals a server's first process and all its children, and returns these. The first process is stopped while
/// the children are listed, so that it neither starts another one nor leaves them to somebody else by ending.
fn signal_all(process: i32, signal: Signal) -> Vec<i32> {
    if signal != Signal::CONT {
        send(process, Signal::STOP);
        wait_until_stopped(process);
    }
    let family = children(process);
    for child in &family {
        send(*child, signal);
    }
    send(process, signal);
    family
}

/// The children by the fourth field of `/proc/*/stat`.
fn children(parent: i32) -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| {
            let process: i32 = entry.file_name().to_str()?.parse().ok()?;
            let text = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let of: i32 = text.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
            (of == parent).then_some(process)
        })
        .collect()
}
