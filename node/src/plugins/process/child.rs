//! A child process: started in a process group of its own, spoken to over pipes, and ended with its group.
//!
//! Invariant: when a [`ChildProcess`] is gone, so is its process, and what that one has started in its group. What
//! has left the group (`setsid`) lives on, but holds nothing of the node's: the node's ends of the pipes are closed.

use super::super::command::{CommandLine, Environment};
use super::fault::{Fault, printable_bytes};
use super::limits::Limits;
use super::lines::Lines;
use super::message::Message;
use super::reply::{self, Outcome};
use super::stderr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

/// How often a process is looked at that should say something.
const LOOK: Duration = Duration::from_millis(200);
/// How often a process is looked at that should say nothing.
const IDLE_LOOK: Duration = Duration::from_secs(1);
/// How often a process is looked at that should end.
const EXIT_LOOK: Duration = Duration::from_millis(5);
/// How long a process that was killed may take to be gone: the system ends it once its disk lets go of it.
const REAP: Duration = Duration::from_secs(5);

/// A running child. Lives in a tokio runtime.
pub(super) struct ChildProcess {
    child: Child,
    group: Pid,
    /// Closed to end the child.
    stdin: Option<pipe::Sender>,
    lines: Lines<pipe::Receiver>,
    stderr: AbortHandle,
    limits: Limits,
    next_id: u64,
}

impl ChildProcess {
    /// Starts the process.
    pub(super) fn start(
        command: &CommandLine,
        environment: &Environment,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let failed = |source| Fault::NotStarted { command: command.program.display().to_string(), source };
        let mut child = Command::new(&command.program)
            .args(&command.arguments)
            .env("CHAINCORE_CHAIN", &environment.chain)
            .env("CHAINCORE_DATADIR", &environment.datadir)
            .env("CHAINCORE_PLUGIN_FOLDER", &environment.plugin_folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let group = Pid::from_child(&child);
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            unreachable!("all three were asked for")
        };
        let open = || {
            let stdin = pipe::Sender::from_owned_fd(OwnedFd::from(stdin))?;
            let stdout = pipe::Receiver::from_owned_fd(OwnedFd::from(stdout))?;
            let stderr = pipe::Receiver::from_owned_fd(OwnedFd::from(stderr))?;
            Ok((stdin, stdout, stderr))
        };
        let (stdin, stdout, stderr) = match open() {
            Ok(pipes) => pipes,
            Err(source) => {
                // What is not held by a `ChildProcess` yet is ended here.
                let _ = kill_process_group(group, Signal::KILL);
                let _ = child.wait();
                return Err(failed(source));
            }
        };
        let log = tokio::spawn(stderr::log(command.name(), stderr, limits.clone()));
        Ok(Self {
            child,
            group,
            stdin: Some(stdin),
            lines: Lines::new(stdout, limits.line),
            stderr: log.abort_handle(),
            limits: limits.clone(),
            next_id: 1,
        })
    }

    /// The process's number, which is its group's too.
    pub(super) fn group(&self) -> Pid {
        self.group
    }

    /// Asks the child something and waits for its answer. After a fault nothing more can be asked.
    pub(super) async fn ask(&mut self, message: &Message, limit: Duration) -> Result<Outcome, Fault> {
        let id = self.next_id;
        self.next_id += 1;
        let method = message.method();
        let exchange = async {
            let stdin = self.stdin.as_mut().ok_or_else(|| Fault::NotRunning("its input is closed".into()))?;
            let writing = message.write(id, stdin);
            let reading = next_line(&mut self.lines, &self.child, LOOK);
            tokio::pin!(writing, reading);
            tokio::select! {
                // Most requests fit into the pipe and are written at once.
                biased;
                written = &mut writing => match written {
                    Ok(()) => {}
                    // It has closed its input, most likely by ending: how it ended is what is wrong.
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                        return Err(Fault::Unasked(printable_bytes(&reading.await?)));
                    }
                    Err(error) => return Err(Fault::Pipe(error)),
                },
                // Nobody can have understood a request that is not there yet.
                line = &mut reading => return Err(Fault::Unasked(printable_bytes(&line?))),
            }
            reply::parse(&reading.await?, id, method)
        };
        timeout(limit, exchange).await.unwrap_or(Err(Fault::Late { method, limit }))
    }

    /// Waits, while nothing is asked, for what a child must not do then: speak or end.
    pub(super) async fn misbehaves(&mut self) -> Fault {
        match next_line(&mut self.lines, &self.child, IDLE_LOOK).await {
            Ok(line) => Fault::Unasked(printable_bytes(&line)),
            Err(fault) => fault,
        }
    }

    /// Ends the child as politely as it lets itself be ended: by the end of its input, by SIGTERM, by SIGKILL.
    pub(super) async fn end(mut self) {
        self.stdin = None;
        if !self.has_ended_within(self.limits.exit).await {
            // It may be gone.
            let _ = kill_process_group(self.group, Signal::TERM);
            self.has_ended_within(self.limits.exit).await;
        }
    }

    async fn has_ended_within(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while end_of(&self.child).is_none() {
            if Instant::now() >= until {
                return false;
            }
            sleep(EXIT_LOOK).await;
        }
        true
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.stdin = None;
        // Before the process is waited for: until then nobody else can have its number.
        let _ = kill_process_group(self.group, Signal::KILL);
        if reap(&mut self.child).is_none() {
            tracing::warn!("process {} of a plugin cannot be ended", self.child.id());
        }
        self.stderr.abort();
    }
}

fn reap(child: &mut Child) -> Option<ExitStatus> {
    let until = std::time::Instant::now() + REAP;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if std::time::Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
            _ => return None,
        }
    }
}

/// How the process has ended, if it has. It is not waited for: its number stays its own until it is dropped.
fn end_of(child: &Child) -> Option<String> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::Pid(Pid::from_child(child)), options) {
        Ok(None) => None,
        Ok(Some(status)) => Some(match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "no exit status".into(),
        }),
        Err(error) => Some(error.to_string()),
    }
}

/// The next line, or that there will be none. A grandchild can hold the pipe open after the child has ended, so the
/// end of the pipe is not waited for alone.
async fn next_line(
    lines: &mut Lines<pipe::Receiver>,
    child: &Child,
    look: Duration,
) -> Result<Vec<u8>, Fault> {
    let ended = async {
        loop {
            sleep(look).await;
            if let Some(how) = end_of(child) {
                return how;
            }
        }
    };
    tokio::select! {
        // What it said before it ended counts.
        biased;
        line = lines.next() => match line? {
            Some(line) => Ok(line),
            None => {
                // Who ends closes its pipes a moment earlier.
                for _ in 0..20 {
                    if let Some(how) = end_of(child) {
                        return Err(Fault::Exited(how));
                    }
                    sleep(EXIT_LOOK).await;
                }
                Err(Fault::Closed)
            }
        },
        how = ended => Err(Fault::Exited(how)),
    }
}
