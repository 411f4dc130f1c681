//! `-daemon`.

use std::io;
use std::process::{Command, Stdio};

/// Starts this program again with the same arguments, detached from the terminal, and returns its process id.
///
/// The other way, forking in place, needs unsafe code and must happen before any thread exists.
pub fn start_in_background() -> io::Result<u32> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1)).arg("-nodaemon");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    Ok(command.spawn()?.id())
}
