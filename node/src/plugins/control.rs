//! The plugins as the node's interfaces see them.

use super::{Host, Kind, PluginCommand, PluginStatus};
use chaincore_rpc::plugins::{PluginCommand as Asked, PluginInfo, Plugins};

impl From<PluginStatus> for PluginInfo {
    fn from(status: PluginStatus) -> Self {
        let figures = status.figures.iter().map(|figure| (figure.name.to_owned(), figure.value));
        Self {
            figures: figures.collect(),
            id: status.manifest.id,
            version: status.manifest.version,
            kind: match status.kind {
                Kind::InProcess => "in-process",
                Kind::Process => "process",
            },
            state: status.state.name(),
            important: status.manifest.important,
            cursor: status.cursor,
            lag: status.lag,
            blocks: status.blocks,
            retries: status.retries,
            last_error: status.last_error,
            description: status.description,
        }
    }
}

impl Plugins for Host {
    fn list(&self) -> Vec<PluginInfo> {
        self.statuses().into_iter().map(PluginInfo::from).collect()
    }

    fn command(&self, id: &str, command: Asked) -> Result<(), String> {
        let command = match command {
            Asked::Start => PluginCommand::Start,
            Asked::Stop => PluginCommand::Stop,
            Asked::Reset => PluginCommand::Reset,
        };
        Host::command(self, id, command).map_err(|error| error.to_string())
    }
}
