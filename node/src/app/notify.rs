//! Commands of the owner's that are run when something happens (`-startupnotify`, `-blocknotify`,
//! `-shutdownnotify`).
//!
//! They come from the node's own options alone, and what is put into them (a block hash) can hold nothing but
//! hexadecimal digits.

use crate::chain::ChainHandle;
use std::process::{Command, Stdio};
use tokio::task::JoinHandle;

/// How many blocks are told of after one look at the chain.
const BATCH: usize = 100;

/// Runs a command in the system's shell and waits for it; what goes wrong is logged.
fn run(command: &str) {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut child = Command::new(shell);
    // What the node says on its own outputs is not for others to add to.
    child.arg(flag).arg(command).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match child.status() {
        Ok(status) if status.success() => {}
        Ok(status) => tracing::error!("runCommand error: system({command}) returned {status}"),
        Err(error) => tracing::error!("runCommand error: system({command}) failed: {error}"),
    }
}

/// Runs a command beside everything else.
pub(super) fn run_in_background(command: &str) {
    let command = command.to_owned();
    let spawned = std::thread::Builder::new().name("notify".into()).spawn(move || run(&command));
    if let Err(error) = spawned {
        tracing::error!("cannot start a thread for a command: {error}");
    }
}

/// Runs commands beside each other, and waits for all of them.
pub(super) async fn run_all(commands: Vec<String>) {
    let running: Vec<_> =
        commands.into_iter().map(|command| tokio::task::spawn_blocking(move || run(&command))).collect();
    for command in running {
        // It has said what went wrong.
        let _ = command.await;
    }
}

/// Runs commands, with `%s` replaced by the hash, for each block that becomes part of the active chain while the node
/// is up to date, one after the other.
pub(super) fn follow_blocks(chain: ChainHandle, commands: Vec<String>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut state = chain.tip_state();
        let mut at = chain.snapshot().tip().clone();
        while state.changed().await.is_ok() {
            loop {
                let snapshot = chain.snapshot();
                // A reorganization is told of by the blocks of the new branch.
                let fork = at.fork_with(snapshot.tip()).clone();
                let blocks = snapshot.blocks(fork.height() + 1, BATCH);
                at = blocks.last().unwrap_or(&fork).clone();
                if blocks.is_empty() {
                    break;
                }
                if !chain.is_initial_download() {
                    for block in blocks {
                        let hash = block.hash().to_string();
                        run_all(commands.iter().map(|command| command.replace("%s", &hash)).collect()).await;
                    }
                }
            }
        }
    })
}
