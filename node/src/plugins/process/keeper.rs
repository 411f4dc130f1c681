//! The thread that keeps one child: starts it, asks it one thing at a time, watches it in between, and ends it.
//!
//! Two queues lead to it: the host's calls (one at a time) and the calls of the plugin's RPC methods and REST paths
//! (at most [`API_QUEUE`] wait; the others are told that the plugin is busy). A child never has more than one call to
//! answer. The thread has a runtime of its own, so a child costs nobody else a wait.

use super::super::command::{CommandLine, Environment};
use super::child::ChildProcess;
use super::declaration::Declaration;
use super::fault::Fault;
use super::leftover;
use super::limits::{API_QUEUE, Limits};
use super::message::Message;
use super::reply::Outcome;
use chaincore_plugin::ApiError;
use serde_json::value::RawValue;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// What the time limits of a call of the interface leave for threads to be scheduled.
const SLACK: Duration = Duration::from_secs(10);

/// A call of the host's.
struct HostCall {
    message: Message,
    /// Dropped by who no longer waits.
    answer: oneshot::Sender<Result<Outcome, Fault>>,
}

/// A call of an RPC method or a REST path.
struct ApiCall {
    message: Message,
    /// When whoever asked no longer waits for its turn.
    until: Instant,
    answer: SyncSender<Result<Box<RawValue>, ApiError>>,
}

/// A kept child, for the host. Ends it when dropped.
pub(super) struct Kept {
    calls: mpsc::Sender<HostCall>,
    api: ApiHandle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A kept child, for the interfaces.
#[derive(Clone)]
pub(super) struct ApiHandle {
    calls: mpsc::Sender<ApiCall>,
    limits: Limits,
}

/// A child that has been started and not given its manifest yet.
pub(super) struct Starting {
    kept: Kept,
    first: Receiver<Result<Declaration, Fault>>,
}

impl Starting {
    /// Starts a child and asks for its manifest.
    pub(super) fn new(command: CommandLine, environment: Environment, limits: Limits) -> Result<Self, Fault> {
        let (calls, host) = mpsc::channel(1);
        let (api_calls, api) = mpsc::channel(API_QUEUE);
        let (stop, stopped) = oneshot::channel();
        let (told, first) = sync_channel(1);
        let handle = ApiHandle { calls: api_calls, limits: limits.clone() };
        let failed = |source| Fault::NotStarted { command: command.program.display().to_string(), source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let name = format!("child {}", command.name());
        let mut keeper = Keeper {
            command: command.clone(),
            environment,
            limits,
            declaration: None,
            child: None,
            is_open: false,
            gone: "it has not been opened".into(),
            folder: None,
        };
        let keep = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = keeper.keep(told, host, api) => {}
                    // Whatever was going on is dropped with the child.
                    _ = stopped => {}
                }
                drop(keeper);
            });
        };
        let thread = std::thread::Builder::new().name(name).spawn(keep).map_err(failed)?;
        Ok(Self { kept: Kept { calls, api: handle, stop: Some(stop), thread: Some(thread) }, first })
    }

    /// Waits for the manifest.
    pub(super) fn finish(self) -> Result<(Kept, Declaration), Fault> {
        let declaration = self.first.recv().unwrap_or(Err(Fault::BridgeEnded))?;
        Ok((self.kept, declaration))
    }
}

impl Kept {
    /// Asks the child for something on behalf of the host. If the future is dropped, the child is ended.
    pub(super) async fn ask(&self, message: Message) -> Result<Outcome, Fault> {
        let (answer, answered) = oneshot::channel();
        let sent = self.calls.send(HostCall { message, answer }).await;
        sent.map_err(|_| Fault::BridgeEnded)?;
        answered.await.unwrap_or(Err(Fault::BridgeEnded))
    }

    /// The way for the interfaces.
    pub(super) fn api(&self) -> ApiHandle {
        self.api.clone()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported.
            let _ = thread.join();
        }
    }
}

impl ApiHandle {
    /// Asks the child for something on behalf of whoever uses the node, and waits.
    pub(super) fn ask(&self, id: &str, message: Message) -> Result<Box<RawValue>, ApiError> {
        let (answer, answered) = sync_channel(1);
        let call = ApiCall { message, until: Instant::now() + self.limits.queue, answer };
        let failed = |why: &str| ApiError::other(format!("plugin {id} {why}"));
        self.calls.try_send(call).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => failed("is busy"),
            mpsc::error::TrySendError::Closed(_) => failed("has ended"),
        })?;
        match answered.recv_timeout(self.limits.queue + self.limits.api + SLACK) {
            Ok(answer) => answer.map_err(|error| match error.code {
                // Ours; the child's own errors are told as they are.
                BUSY => failed(&error.message),
                _ => error,
            }),
            Err(RecvTimeoutError::Timeout) => Err(failed("is busy")),
            Err(RecvTimeoutError::Disconnected) => Err(failed("has ended")),
        }
    }
}

/// Marks errors that the keeper has made. No code of Core's.
const BUSY: i32 = i32::MIN;

fn own_error(message: impl Into<String>) -> ApiError {
    ApiError { code: BUSY, message: message.into() }
}

struct Keeper {
    command: CommandLine,
    environment: Environment,
    limits: Limits,
    /// What the first process has said; every other must say the same.
    declaration: Option<Declaration>,
    child: Option<ChildProcess>,
    /// Whether the child has answered `open`.
    is_open: bool,
    /// Why there is no child.
    gone: String,
    /// The plugin's, once it has been opened.
    folder: Option<PathBuf>,
}

impl Keeper {
    async fn keep(
        &mut self,
        told: SyncSender<Result<Declaration, Fault>>,
        mut host: mpsc::Receiver<HostCall>,
        mut api: mpsc::Receiver<ApiCall>,
    ) {
        let first = self.start().await;
        let failed = first.is_err();
        if told.send(first).is_err() || failed {
            return;
        }
        loop {
            let child = &mut self.child;
            let misbehaves = async {
                match child {
                    Some(child) => child.misbehaves().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                call = host.recv() => match call {
                    Some(call) => self.host_call(call).await,
                    None => return,
                },
                Some(call) = api.recv() => self.api_call(call).await,
                fault = misbehaves => self.lose(&fault),
            }
        }
    }

    /// Starts a process and asks who it is.
    async fn start(&mut self) -> Result<Declaration, Fault> {
        let mut child = ChildProcess::start(&self.command, &self.environment, &self.limits)?;
        let result = match child.ask(&Message::Manifest, self.limits.manifest).await? {
            Ok(result) => result,
            Err(refusal) => {
                let why = format!("it was refused: {}", super::fault::printable(&refusal.message));
                return Err(Fault::WrongResult { method: Message::Manifest.method(), why });
            }
        };
        let declaration = Declaration::read(&result)?;
        match &self.declaration {
            None => self.declaration = Some(declaration.clone()),
            Some(first) if *first == declaration => {}
            Some(_) => return Err(Fault::ManifestChanged),
        }
        self.child = Some(child);
        self.is_open = false;
        Ok(declaration)
    }

    /// The child is ended, which takes its group with it.
    fn lose(&mut self, fault: &Fault) {
        if self.child.take().is_some() {
            // The host says so too, when it learns of it with its next call.
            tracing::debug!("plugin {}: {fault}; its process is ended", self.command.name());
        }
        self.is_open = false;
        self.gone = fault.to_string();
    }

    async fn host_call(&mut self, call: HostCall) {
        let HostCall { message, mut answer } = call;
        let method = message.method();
        let outcome = tokio::select! {
            biased;
            outcome = self.ask(&message) => outcome,
            () = answer.closed() => Err(Fault::Abandoned(method)),
        };
        match &outcome {
            // It was not there before, so nothing is lost.
            Err(Fault::NotRunning(_)) => {}
            Err(fault) => self.lose(fault),
            Ok(Err(refusal)) if refusal.is_fatal() => {
                self.child = None;
                self.is_open = false;
                self.gone = super::fault::printable(&refusal.message);
            }
            Ok(outcome) => match message {
                Message::Open(..) => self.is_open = outcome.is_ok(),
                Message::Close => {
                    self.is_open = false;
                    self.gone = "it is stopped".into();
                    if let Some(child) = self.child.take() {
                        child.end().await;
                    }
                    if let Some(folder) = &self.folder {
                        leftover::forget(folder);
                    }
                }
                _ => {}
            },
        }
        // Who does not wait any more has been heeded above.
        let _ = answer.send(outcome);
    }

    async fn ask(&mut self, message: &Message) -> Result<Outcome, Fault> {
        if self.child.is_none() && matches!(message, Message::Open(..)) {
            self.start().await?;
        }
        let usual = self.declaration.as_ref().and_then(|told| told.call).unwrap_or(self.limits.call);
        let limit = if matches!(message, Message::Close) { self.limits.close } else { usual };
        let Some(child) = &mut self.child else { return Err(Fault::NotRunning(self.gone.clone())) };
        if let Message::Open(folder, _) = message {
            leftover::replace(folder, child.group());
            self.folder = Some(folder.clone());
        }
        child.ask(message, limit).await
    }

    async fn api_call(&mut self, call: ApiCall) {
        let ApiCall { message, until, answer } = call;
        let answered = match &mut self.child {
            _ if Instant::now() >= until => Err(own_error("is busy")),
            Some(child) if self.is_open => match child.ask(&message, self.limits.api).await {
                Ok(outcome) => outcome.map_err(super::fault::Refusal::into_api_error),
                Err(fault) => {
                    self.lose(&fault);
                    Err(own_error(format!("failed: {fault}")))
                }
            },
            Some(_) => Err(own_error("is not open")),
            None => Err(own_error(format!("is not running: {}", self.gone))),
        };
        // Who does not wait any more needs no answer.
        let _ = answer.send(answered);
    }
}
