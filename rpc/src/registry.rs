//! The methods: one table of names, arguments, help texts and handlers.
//!
//! Every method is registered in a jsonrpsee [`RpcModule`], which the WebSocket server serves as it is. The HTTP front
//! looks methods up in the same module and calls them through [`Registry::call`]; its parameters and results travel
//! in the call's extensions, so that nothing is serialized twice and replies of any size pass through untouched.
//!
//! Invariants: a handler sees arguments whose number and types have been checked; at most `threads` handlers work at
//! a time and at most `queue_depth` requests wait for them; handlers that only wait ([`RegistryBuilder::add_waiting`])
//! hold no worker meanwhile, and end when the node stops.

mod args;
mod help;
mod named;
mod printed;
mod spec;
mod state;
mod table;
mod workers;

pub use args::{Args, Call};
pub use printed::Printed;
pub use spec::{Arg, ArgKind, Doc, DocKind, Method, Need};
pub use state::{ActiveCall, ActiveCalls, Warmup};
pub use workers::{Busy, Ticket, Workers};

use crate::error::{RpcError, code};
use crate::json::Json;
use crate::value::to_raw;
use jsonrpsee::server::{ConnectionId, Extensions, MethodCallback, Methods, RpcModule};
use jsonrpsee::types::{ErrorObjectOwned, Id, Params};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Poll;
use table::{Table, help_method};
use tokio::sync::{Semaphore, watch};

/// What a call answers.
pub type CallResult = Result<Box<RawValue>, RpcError>;

/// What a call answers that may share its text with others.
pub type PrintedResult = Result<Printed, RpcError>;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Who makes a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The name that authenticated; empty inside the node.
    pub user: String,
    /// Where the request came from.
    pub peer: Option<SocketAddr>,
    /// The path it was posted to.
    pub path: String,
}

/// Why a table of methods cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Two methods or subscriptions have this name.
    #[error("the method '{0}' is registered twice")]
    Duplicate(String),
}

/// How much may be going on at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// Requests that are worked on (`-rpcthreads`).
    pub threads: usize,
    /// Requests that wait for a worker (`-rpcworkqueue`); beyond, HTTP 503.
    pub queue_depth: usize,
    /// Calls that wait for an event of the chain (`-rpclongpolls`).
    pub parked: usize,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self { threads: 16, queue_depth: 64, parked: 2000 }
    }
}

enum Handler {
    Quick(Box<dyn Fn(Call) -> BoxFuture<CallResult> + Send + Sync>),
    Blocking(Arc<dyn Fn(Call) -> CallResult + Send + Sync>),
    Waiting(Box<dyn Fn(Call) -> BoxFuture<PrintedResult> + Send + Sync>),
}

struct Entry {
    spec: Arc<Method>,
    handler: Handler,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What all calls share.
struct Shared {
    workers: Arc<Workers>,
    parked: Arc<Semaphore>,
    active: ActiveCalls,
    warmup: Warmup,
    stop: watch::Sender<bool>,
}

/// One call from the HTTP front, riding in the extensions of a jsonrpsee call.
struct DirectCall {
    request: Mutex<Option<(Json, Caller, Ticket)>>,
    reply: Mutex<Option<(PrintedResult, Ticket)>>,
}

type Direct = Arc<DirectCall>;

impl Entry {
    async fn run(
        &self,
        shared: &Shared,
        params: Json,
        caller: Caller,
        mut ticket: Ticket,
    ) -> (PrintedResult, Ticket) {
        let args = match Args::new(self.spec.clone(), params) {
            Ok(args) => args,
            Err(error) => return (Err(error), ticket),
        };
        let call = Call { args, caller };
        let active = shared.active.enter(self.spec.name);
        match &self.handler {
            Handler::Quick(handler) => {
                ticket.hold().await;
                (caught(handler(call)).await.map(Printed::Own), ticket)
            }
            Handler::Blocking(handler) => {
                ticket.hold().await;
                let handler = handler.clone();
                // The ticket and the entry in the list go along: if the client leaves, the work still counts.
                let work = tokio::task::spawn_blocking(move || {
                    let result = handler(call);
                    drop(active);
                    (result, ticket)
                });
                match work.await {
                    Ok((result, ticket)) => (result.map(Printed::Own), ticket),
                    Err(_) => (Err(internal_error()), shared.workers.ticket()),
                }
            }
            Handler::Waiting(handler) => {
                ticket.release();
                let Ok(_parked) = shared.parked.clone().try_acquire_owned() else {
                    return (Err(RpcError::new(code::LIMIT_EXCEEDED, TOO_MANY_WAIT)), ticket);
                };
                let mut stop = shared.stop.subscribe();
                let result = tokio::select! {
                    result = caught(handler(call)) => result,
                    _ = stop.wait_for(|stopping| *stopping) => Err(RpcError::shutting_down()),
                };
                (result, ticket)
            }
        }
    }
}

/// What a call is told that would have to wait for an event beside too many others.
const TOO_MANY_WAIT: &str =
    "Too many calls are waiting for an event; more may with a higher -rpclongpolls= setting";

fn internal_error() -> RpcError {
    RpcError::misc("Internal bug detected: the method panicked")
}

/// Runs a handler's future; a panic in it becomes an error answer and not a closed connection.
async fn caught<T>(mut future: BoxFuture<Result<T, RpcError>>) -> Result<T, RpcError> {
    std::future::poll_fn(move |context| {
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(poll) => poll,
            Err(_) => Poll::Ready(Err(internal_error())),
        }
    })
    .await
}

fn printed<T: Serialize>(result: Result<T, RpcError>) -> CallResult {
    result.and_then(|value| {
        to_raw(&value).map_err(|error| {
            RpcError::new(code::INTERNAL_ERROR, format!("result cannot be printed: {error}"))
        })
    })
}

/// A table of methods under construction.
pub struct RegistryBuilder {
    entries: Vec<Entry>,
    feed: Vec<Methods>,
    limits: CallLimits,
    active: ActiveCalls,
    warmup: Warmup,
    stop: watch::Sender<bool>,
}

impl Default for RegistryBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl RegistryBuilder {
    /// A table with nothing but `help`.
    pub fn new() -> Self {
        Self {
            entries: Vec::new(),
            feed: Vec::new(),
            limits: CallLimits::default(),
            active: ActiveCalls::default(),
            warmup: Warmup::default(),
            stop: watch::channel(false).0,
        }
    }

    /// Sets how much may be going on at a time.
    pub fn limits(&mut self, limits: CallLimits) -> &mut Self {
        self.limits = limits;
        self
    }

    /// A view of the calls in progress.
    pub fn active_calls(&self) -> ActiveCalls {
        self.active.clone()
    }

    /// The state that makes calls answer -28; the node finishes it when it is ready.
    pub fn warmup(&self) -> Warmup {
        self.warmup.clone()
    }

    /// Turns true when the node stops answering; waiting handlers are ended by then without looking.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Adds a method whose handler is quick or waits on fast things only. It holds a worker while it runs.
    pub fn add<T, Fut, F>(&mut self, method: Method, handler: F) -> &mut Self
    where
        T: Serialize + Send,
        Fut: Future<Output = Result<T, RpcError>> + Send + 'static,
        F: Fn(Call) -> Fut + Send + Sync + 'static,
    {
        self.insert(method, Handler::Quick(Self::boxed(handler)))
    }

    /// Adds a method whose handler blocks (disk, the chain's queue) or computes; it runs on a thread that may block,
    /// and holds a worker while it runs.
    pub fn add_blocking<T, F>(&mut self, method: Method, handler: F) -> &mut Self
    where
        T: Serialize,
        F: Fn(Call) -> Result<T, RpcError> + Send + Sync + 'static,
    {
        self.insert(method, Handler::Blocking(Arc::new(move |call| printed(handler(call)))))
    }

    /// Adds a method that waits for something to happen (a longpoll, `waitfornewblock`). It holds no worker, and is
    /// answered with -9 "Shutting down" when the node stops.
    pub fn add_waiting<T, Fut, F>(&mut self, method: Method, handler: F) -> &mut Self
    where
        T: Serialize + Send,
        Fut: Future<Output = Result<T, RpcError>> + Send + 'static,
        F: Fn(Call) -> Fut + Send + Sync + 'static,
    {
        let handler = Self::boxed(handler);
        let waiting = move |call| -> BoxFuture<PrintedResult> {
            let future = handler(call);
            Box::pin(async move { future.await.map(Printed::Own) })
        };
        self.insert(method, Handler::Waiting(Box::new(waiting)))
    }

    /// The same for a method that gives many callers one text.
    pub fn add_waiting_shared<Fut, F>(&mut self, method: Method, handler: F) -> &mut Self
    where
        Fut: Future<Output = PrintedResult> + Send + 'static,
        F: Fn(Call) -> Fut + Send + Sync + 'static,
    {
        self.insert(method, Handler::Waiting(Box::new(move |call| Box::pin(handler(call)))))
    }

    /// Adds WebSocket subscriptions, which anyone who may read the feed gets.
    pub fn add_feed(&mut self, subscriptions: impl Into<Methods>) -> &mut Self {
        self.feed.push(subscriptions.into());
        self
    }

    fn boxed<T, Fut, F>(handler: F) -> Box<dyn Fn(Call) -> BoxFuture<CallResult> + Send + Sync>
    where
        T: Serialize + Send,
        Fut: Future<Output = Result<T, RpcError>> + Send + 'static,
        F: Fn(Call) -> Fut + Send + Sync + 'static,
    {
        Box::new(move |call| {
            let future = handler(call);
            Box::pin(async move { printed(future.await) })
        })
    }

    fn insert(&mut self, method: Method, handler: Handler) -> &mut Self {
        self.entries.push(Entry { spec: Arc::new(method), handler });
        self
    }

    /// The finished table.
    pub fn build(mut self) -> Result<Arc<Registry>, RegistryError> {
        let table: Arc<OnceLock<Table>> = Arc::default();
        let for_help = table.clone();
        self.add(help_method(), move |call| {
            let answer = match call.args.opt_str(0) {
                Ok(command) => {
                    Ok(for_help.get().map_or_else(Json::default, |table| table.help(command.unwrap_or(""))))
                }
                Err(error) => Err(error),
            };
            std::future::ready(answer)
        });
        let shared = Arc::new(Shared {
            workers: Workers::new(self.limits.threads, self.limits.queue_depth),
            parked: Arc::new(Semaphore::new(self.limits.parked)),
            active: self.active,
            warmup: self.warmup,
            stop: self.stop,
        });
        let mut feed = Methods::new();
        for methods in self.feed {
            let taken = methods.method_names().find(|name| feed.method(name).is_some());
            if let Some(name) = taken {
                return Err(RegistryError::Duplicate(name.into()));
            }
            // The names were just found to be free.
            let _ = feed.merge(methods);
        }
        let mut module = RpcModule::from_arc(shared.clone());
        let mut specs = BTreeMap::new();
        for entry in self.entries {
            let spec = entry.spec.clone();
            let entry = Arc::new(entry);
            module
                .register_async_method(spec.name, move |params, shared: Arc<Shared>, extensions| {
                    serve(entry.clone(), params, shared, extensions)
                })
                .map_err(|_| RegistryError::Duplicate(spec.name.into()))?;
            specs.insert(spec.name, spec);
        }
        if let Some(name) = feed.method_names().find(|name| specs.contains_key(name)) {
            return Err(RegistryError::Duplicate(name.into()));
        }
        let table = table.get_or_init(|| Table(specs)).clone();
        Ok(Arc::new(Registry { table, module: module.remove_context(), feed, shared }))
    }
}

/// What jsonrpsee calls: for the HTTP front the parameters and the reply are in the extensions; for a WebSocket they
/// are jsonrpsee's own.
async fn serve(
    entry: Arc<Entry>,
    params: Params<'static>,
    shared: Arc<Shared>,
    extensions: Extensions,
) -> Result<Box<RawValue>, ErrorObjectOwned> {
    if let Some(direct) = extensions.get::<Direct>() {
        let request = lock(&direct.request).take();
        if let Some((params, caller, ticket)) = request {
            let reply = entry.run(&shared, params, caller, ticket).await;
            *lock(&direct.reply) = Some(reply);
        }
        return Ok(null());
    }
    let call = async {
        shared.warmup.check()?;
        let params = params.as_str().map_or(Some(Json::Null), |text| Json::parse(text.as_bytes()));
        let params = params.ok_or_else(|| RpcError::new(code::PARSE_ERROR, "Parse error"))?;
        let ticket = shared.workers.acquire().await;
        let ticket = ticket.map_err(|busy| RpcError::new(code::LIMIT_EXCEEDED, busy.to_string()))?;
        let caller = extensions.get::<Caller>().cloned().unwrap_or_default();
        entry.run(&shared, params, caller, ticket).await.0?.into_own()
    };
    call.await.map_err(|error| ErrorObjectOwned::owned(error.code, error.message, None::<()>))
}

fn null() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

/// The finished table of methods.
pub struct Registry {
    table: Table,
    module: RpcModule<()>,
    feed: Methods,
    shared: Arc<Shared>,
}

impl Registry {
    /// Calls `method` with `params` (an array, an object of named parameters, or `null`) on the worker that `ticket`
    /// stands for, and hands the ticket back.
    pub async fn call(
        &self,
        method: &str,
        params: Json,
        caller: Caller,
        ticket: Ticket,
    ) -> (PrintedResult, Ticket) {
        if let Err(error) = self.shared.warmup.check() {
            return (Err(error), ticket);
        }
        let Some(MethodCallback::Async(callback)) = self.module.method(method) else {
            return (Err(RpcError::new(code::METHOD_NOT_FOUND, "Method not found")), ticket);
        };
        let direct: Direct = Arc::new(DirectCall {
            request: Mutex::new(Some((params, caller, ticket))),
            reply: Mutex::new(None),
        });
        let mut extensions = Extensions::new();
        extensions.insert(direct.clone());
        callback(Id::Number(0), Params::new(None), ConnectionId(0), usize::MAX, extensions).await;
        let reply = lock(&direct.reply).take();
        reply.expect("the callback of every method stores its reply")
    }

    /// Calls a method from inside the node (a REST path, say): no HTTP, no user, and no worker, as whoever asks may
    /// hold one already.
    pub async fn call_local(&self, method: &str, params: Json) -> CallResult {
        self.call(method, params, Caller::default(), Ticket::of_its_own()).await.0?.into_own()
    }

    /// All methods by name, hidden ones included.
    pub fn methods(&self) -> impl Iterator<Item = &Method> {
        self.table.0.values().map(AsRef::as_ref)
    }

    /// The method `name`.
    pub fn method(&self, name: &str) -> Option<&Method> {
        self.table.0.get(name).map(AsRef::as_ref)
    }

    /// What `help` answers for `command` (empty: the list).
    pub fn help(&self, command: &str) -> Json {
        self.table.help(command)
    }

    /// The start-up state.
    pub fn warmup(&self) -> &Warmup {
        &self.shared.warmup
    }

    /// The calls in progress.
    pub fn active_calls(&self) -> &ActiveCalls {
        &self.shared.active
    }

    /// The worker slots.
    pub fn workers(&self) -> &Arc<Workers> {
        &self.shared.workers
    }

    /// Ends what waits: from now on waiting methods answer -9 "Shutting down".
    pub fn stop(&self) {
        self.shared.stop.send_replace(true);
    }

    /// The subscriptions alone, for readers of the feed.
    pub(crate) fn feed_methods(&self) -> Methods {
        self.feed.clone()
    }

    /// The methods that `allowed` lets through, and the subscriptions, for WebSocket users.
    pub(crate) fn socket_methods(&self, allowed: impl Fn(&str) -> bool) -> Methods {
        let mut module = self.module.clone();
        for name in self.table.0.keys().filter(|name| !allowed(name)) {
            module.remove_method(name);
        }
        let mut methods: Methods = module.into();
        for name in self.feed.method_names() {
            if let Some(callback) = self.feed.method(name) {
                // build() saw to it that no method has the name.
                let _ = methods.verify_and_insert(name, callback.clone());
            }
        }
        methods
    }
}

#[cfg(test)]
mod tests;
