//! The process of a node that was killed.
//!
//! A child ends when its standard input does, so it ends with the node. One that does not would go on working in its
//! folder beside the one that the next node starts. So each process that is opened is noted in its folder, and one that
//! is still there when the next is opened is ended first.

use rustix::process::{Pid, Signal, kill_process_group};
use std::fs;
use std::path::Path;

/// The file in the plugin's folder.
const FILE: &str = "process";

/// What tells a process from all others: its number, when it was started and since when the machine runs. `None` where
/// the system does not tell (only Linux does, in `/proc`).
fn identity(pid: Pid) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    // The name in parentheses may have anything in it; the start is the 20th word after it.
    let start = stat.rsplit_once(") ")?.1.split(' ').nth(19)?;
    Some(format!("{} {start} {}", pid.as_raw_nonzero(), boot.trim()))
}

/// Ends the process group that is noted in the folder if it is not this one, and notes this one.
pub(super) fn replace(folder: &Path, pid: Pid) {
    let file = folder.join(FILE);
    let noted = fs::read_to_string(&file).unwrap_or_default();
    let number =
        noted.split(' ').next().and_then(|word| word.parse::<i32>().ok()).filter(|number| *number > 1);
    let old = number.and_then(Pid::from_raw);
    if let Some(old) = old.filter(|old| *old != pid)
        && identity(old).is_some_and(|found| found == noted)
    {
        tracing::warn!(
            "process {} of a plugin is left over from another run and is ended",
            old.as_raw_nonzero()
        );
        // It may end by itself at this moment.
        let _ = kill_process_group(old, Signal::KILL);
    }
    if let Some(text) = identity(pid)
        && let Err(error) = fs::write(&file, text)
    {
        tracing::warn!("cannot write {}: {error}", file.display());
    }
}

/// The process has ended.
pub(super) fn forget(folder: &Path) {
    // It need not be there.
    let _ = fs::remove_file(folder.join(FILE));
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    /// A process that ends with the test.
    struct Sleeper(Child, Pid);

    impl Sleeper {
        fn new() -> Self {
            let mut command = Command::new("sleep");
            command.arg("1000").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let child = command.process_group(0).spawn().unwrap();
            let pid = Pid::from_child(&child);
            Self(child, pid)
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn only_the_very_process_that_is_noted_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let (mut old, mut new) = (Sleeper::new(), Sleeper::new());
        replace(folder.path(), old.1);
        replace(folder.path(), old.1);
        assert!(old.0.try_wait().unwrap().is_none());
        // The number alone is not enough: another process could have it by now.
        let noted = fs::read_to_string(folder.path().join(FILE)).unwrap();
        for other in
            [noted.replacen(' ', " 9", 1), format!("{noted}0"), "1".into(), "-1 x".into(), "x".into()]
        {
            fs::write(folder.path().join(FILE), other).unwrap();
            replace(folder.path(), new.1);
            assert!(old.0.try_wait().unwrap().is_none());
        }
        replace(folder.path(), old.1);
        assert!(!new.0.wait().unwrap().success());
        forget(folder.path());
        assert!(!folder.path().join(FILE).exists());
    }
}
