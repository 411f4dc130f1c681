//! Commands that are run when something happens.

use chaincore_rpc::conf::Conf;

/// The owner's commands, for the system's shell.
#[derive(Debug, Clone, Default)]
pub struct NotifyConfig {
    /// Run once the node is up.
    pub startup: Vec<String>,
    /// Run for each block that becomes part of the active chain; `%s` stands for its hash.
    pub block: Vec<String>,
    /// Run before the node stops, which waits for them.
    pub shutdown: Vec<String>,
}

impl NotifyConfig {
    pub(super) fn read(conf: &Conf) -> Self {
        let list = |name: &str| -> Vec<String> {
            conf.settings.list(name).into_iter().filter(|command| !command.is_empty()).collect()
        };
        Self { startup: list("startupnotify"), block: list("blocknotify"), shutdown: list("shutdownnotify") }
    }
}
