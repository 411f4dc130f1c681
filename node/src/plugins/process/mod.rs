//! Plugins in processes of their own, in any language: the bridge is a [`Plugin`] that forwards each call to a child
//! process as a line of JSON-RPC 2.0 on its standard input and takes the line on its standard output as the answer.
//! `node/plugin/PROTOCOL.md` describes every message.
//!
//! Owns: the child process and its group, the thread that keeps it, the bounds of what it may take and say.
//!
//! Invariants: one call at a time; a child that breaks the protocol in any way is ended with its process group, which
//! the host sees as [`PluginError::Retry`], and started anew by the next [`Plugin::open`]; nothing that a child says
//! takes more memory than [`Limits::line`] allows, and nothing that it leaves unsaid takes longer than its time.
//!
//! | module | what it holds |
//! |---|---|
//! | [`command`](super::command) | what a child is started with |
//! | [`limits`] | what it is held to |
//! | `child` | the process, its pipes and its end |
//! | `keeper` | the thread that keeps it |
//! | `message`, `reply`, `declaration` | the protocol |
//! | `lines`, `stderr` | bounded reading |
//! | `leftover` | processes that have outlived a node |
//! | [`fault`] | what can go wrong |

mod child;
mod declaration;
pub mod fault;
mod keeper;
mod leftover;
pub mod limits;
mod lines;
mod message;
mod reply;
mod stderr;

pub use super::command::{CommandLine, Environment};
pub use fault::Fault;
pub use limits::Limits;
pub use message::PROTOCOL;

use chaincore_plugin::api::{Method, Parameter, RestRequest, Route};
use chaincore_plugin::{
    ApiError, ApiRegistry, AppliedBlock, BlockRef, Context, Manifest, MempoolEvent, Plugin, PluginError,
    Reporter, async_trait,
};
use declaration::Declaration;
use keeper::{ApiHandle, Kept, Starting};
use message::{Message, block_ref};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::sync::Arc;

/// A plugin in a process of its own.
pub struct ProcessPlugin {
    manifest: Manifest,
    state: State,
    report: Option<Arc<dyn Reporter>>,
}

enum State {
    /// It has said who it is.
    Told { declaration: Box<Declaration>, kept: Kept },
    /// It has not, for this reason. It is listed as failed, and the node goes on without it.
    Untold(String),
}

impl ProcessPlugin {
    /// Starts children beside each other, each with whether it is important, and waits until all have said who they are
    /// or have used up [`Limits::manifest`]. What goes wrong is told by the plugin's `open`, as fatal.
    pub fn start_all(
        commands: impl IntoIterator<Item = (CommandLine, bool)>,
        environment: &Environment,
        limits: &Limits,
    ) -> Vec<Self> {
        let start = |(command, important): (CommandLine, bool)| {
            let starting = Starting::new(command.clone(), environment.clone(), limits.clone());
            (command, important, starting)
        };
        let starting: Vec<_> = commands.into_iter().map(start).collect();
        let finish = |(command, important, starting): (CommandLine, bool, Result<Starting, Fault>)| {
            let told = starting.and_then(Starting::finish);
            let (mut manifest, state) = match told {
                Ok((kept, declaration)) => {
                    (declaration.manifest.clone(), State::Told { declaration: Box::new(declaration), kept })
                }
                Err(fault) => {
                    tracing::error!("plugin {}: {fault}", command.name());
                    (Manifest::new(command.stand_in_id(), ""), State::Untold(fault.to_string()))
                }
            };
            manifest.important = important;
            Self { manifest, state, report: None }
        };
        starting.into_iter().map(finish).collect()
    }

    /// Starts one child.
    pub fn start(command: CommandLine, important: bool, environment: &Environment, limits: &Limits) -> Self {
        let mut started = Self::start_all([(command, important)], environment, limits);
        started.pop().expect("one command is one plugin")
    }

    /// What is wrong if the child has not said who it is.
    pub fn failure(&self) -> Option<&str> {
        match &self.state {
            State::Told { .. } => None,
            State::Untold(why) => Some(why),
        }
    }

    /// Asks the child. `optional` is what stands for the result of a method that it need not know.
    async fn ask(&self, message: Message, optional: Option<&str>) -> Result<Box<RawValue>, PluginError> {
        let State::Told { kept, .. } = &self.state else {
            return Err(PluginError::fatal("its process has never said who it is"));
        };
        let method = message.method();
        match kept.ask(message).await {
            Ok(Ok(result)) => {
                if let (Some(report), Some(status)) = (&self.report, reply::status(&result)) {
                    report.describe(&status);
                }
                Ok(result)
            }
            Ok(Err(refusal)) if refusal.is_unknown_method() => match optional {
                Some(result) => {
                    Ok(RawValue::from_string(result.into()).expect("results of ours are written as JSON"))
                }
                None => Err(PluginError::Fatal(format!("the process does not know {method}"))),
            },
            Ok(Err(refusal)) => Err(refusal.into_plugin_error()),
            Err(fault @ Fault::ManifestChanged) => Err(PluginError::fatal(fault)),
            Err(fault) => Err(PluginError::retry(fault)),
        }
    }
}

#[async_trait]
impl Plugin for ProcessPlugin {
    fn manifest(&self) -> Manifest {
        self.manifest.clone()
    }

    fn register(&self, api: &mut dyn ApiRegistry) {
        let State::Told { declaration, kept } = &self.state else { return };
        let id = &self.manifest.id;
        for told in &declaration.methods {
            let (handle, id, name) = (kept.api(), id.clone(), told.name.clone());
            api.method(Method {
                name: told.name.clone(),
                description: told.description.clone(),
                parameters: told.parameters.iter().map(parameter).collect(),
                handler: Arc::new(move |params| call(&handle, &id, &name, params)),
            });
        }
        for told in &declaration.routes {
            let (handle, id, path) = (kept.api(), id.clone(), told.path.clone());
            api.route(Route {
                path: told.path.clone(),
                description: told.description.clone(),
                handler: Arc::new(move |request: &RestRequest| {
                    let RestRequest { rest, query } = request.clone();
                    let result = handle.ask(&id, Message::Get { path: path.clone(), rest, query })?;
                    reply::page(&result).map_err(|fault| failed(&id, &fault))
                }),
            });
        }
    }

    async fn open(&mut self, context: &Context) -> Result<Option<BlockRef>, PluginError> {
        if let State::Untold(why) = &self.state {
            return Err(PluginError::Fatal(format!("{why}; mend it and restart the node")));
        }
        self.report = Some(context.report.clone());
        create_folder(&context.folder).map_err(PluginError::retry)?;
        let params = json!({
            "chain": context.params.name,
            "genesis": context.params.genesis_hash,
            "folder": context.folder.to_string_lossy(),
            "tip": block_ref(&context.chain.tip()),
            "durable_tip": block_ref(&context.chain.durable_tip()),
            "endpoint": context.node.identity().endpoint,
        });
        let result = self.ask(Message::Open(context.folder.clone(), params), None).await?;
        reply::cursor(&result).map_err(PluginError::retry)
    }

    async fn extend(&mut self, blocks: &[AppliedBlock]) -> Result<(), PluginError> {
        self.ask(Message::Extend(blocks.to_vec()), None).await.map(drop)
    }

    async fn rollback(&mut self, to: BlockRef) -> Result<(), PluginError> {
        self.ask(Message::Rollback(to), None).await.map(drop)
    }

    async fn reorganize(&mut self, to: BlockRef, blocks: &[AppliedBlock]) -> Result<(), PluginError> {
        if matches!(&self.state, State::Told { declaration, .. } if declaration.reorganizes) {
            return self.ask(Message::Reorganize(to, blocks.to_vec()), None).await.map(drop);
        }
        self.rollback(to).await?;
        if blocks.is_empty() { Ok(()) } else { self.extend(blocks).await }
    }

    async fn locator(&mut self) -> Result<Vec<BlockRef>, PluginError> {
        let result = self.ask(Message::Locator, Some(r#"{"blocks":[]}"#)).await?;
        reply::locator(&result).map_err(PluginError::retry)
    }

    async fn reset(&mut self) -> Result<(), PluginError> {
        self.ask(Message::Reset, None).await.map(drop)
    }

    async fn mempool(&mut self, events: &[MempoolEvent]) -> Result<(), PluginError> {
        self.ask(Message::Mempool(events.to_vec()), Some("null")).await.map(drop)
    }

    async fn tick(&mut self) -> Result<(), PluginError> {
        self.ask(Message::Tick, Some("null")).await.map(drop)
    }

    async fn close(&mut self) {
        // Whatever it says, it is ended; what it has not stored it is told again.
        if let Err(error) = self.ask(Message::Close, Some("null")).await {
            tracing::debug!("plugin {}: {error}", self.manifest.id);
        }
    }
}

fn parameter(told: &declaration::DeclaredParameter) -> Parameter {
    Parameter { name: told.name.clone(), description: told.description.clone(), optional: told.optional }
}

fn call(handle: &ApiHandle, id: &str, name: &str, params: &[Value]) -> Result<Value, ApiError> {
    let result = handle.ask(id, Message::Call { name: name.into(), params: params.to_vec() })?;
    reply::read("call", &result).map_err(|fault| failed(id, &fault))
}

fn failed(id: &str, fault: &Fault) -> ApiError {
    ApiError::other(format!("plugin {id} gave {fault}"))
}

/// For the owner's eyes only, as everything in the chain's folder.
fn create_folder(path: &std::path::Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests;
