//! Plugins in processes of their own (`-plugin`, `-important-plugin`).

use crate::plugins::command::CommandLine;
use chaincore_rpc::conf::{Conf, ConfError};

/// What is to be started, each with whether the node stops when it fails.
pub(super) fn read(conf: &Conf) -> Result<Vec<(CommandLine, bool)>, ConfError> {
    let mut commands = Vec::new();
    for (name, important) in [("plugin", false), ("important-plugin", true)] {
        for text in conf.settings.list(name) {
            let command = CommandLine::parse(&text).map_err(|why| {
                let allowed = format!("the path of a program, or a program and its arguments ({why})");
                conf.settings.bad_value(name, &text, &allowed)
            })?;
            commands.push((command, important));
        }
    }
    if cfg!(not(unix)) && !commands.is_empty() {
        return Err(ConfError::Value(
            "-plugin does not work on this system: it has no process groups.".into(),
        ));
    }
    Ok(commands)
}
