//! `-daemon` and `-daemonwait`.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Between two looks at whether the node is up.
const TICK: Duration = Duration::from_millis(50);

/// Starts this program again with the same arguments, detached from the terminal, and returns its process id. With
/// `until`, the file to which a node writes its process id once its port is open, only after that; if the node ends
/// before, what it said is the error.
///
/// The other way, forking in place, needs unsafe code and must happen before any thread exists.
pub fn start_in_background(until: Option<&Path>) -> io::Result<u32> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1)).args(["-nodaemon", "-nodaemonwait"]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(if until.is_some() { Stdio::piped() } else { Stdio::null() });
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn()?;
    if let Some(pid_file) = until {
        wait_for(&mut child, pid_file)?;
    }
    Ok(child.id())
}

/// Waits until `child` has written its process id to `pid_file`.
fn wait_for(child: &mut Child, pid_file: &Path) -> io::Result<()> {
    let id = child.id().to_string();
    loop {
        if std::fs::read_to_string(pid_file).is_ok_and(|text| text.trim() == id) {
            return Ok(());
        }
        if let Some(status) = child.try_wait()? {
            let mut said = String::new();
            if let Some(stderr) = &mut child.stderr {
                stderr.read_to_string(&mut said)?;
            }
            let said = said.trim().trim_start_matches("Error: ");
            let said =
                if said.is_empty() { format!("the node ended with {status}") } else { said.to_owned() };
            return Err(io::Error::other(said));
        }
        std::thread::sleep(TICK);
    }
}
