//! The examples in `node/plugin/examples` pass the check that every plugin should pass: each kill there is a kill of a
//! real process here.

use super::super::*;
use chaincore_plugin::testkit::{Effort, Subject, check_plugin_with};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

struct Example {
    command: CommandLine,
    folder: tempfile::TempDir,
}

#[async_trait]
impl Subject for Example {
    fn plugin(&mut self) -> Box<dyn Plugin> {
        let datadir = self.folder.path().to_owned();
        let environment =
            Environment { chain: "regtest".into(), plugin_folder: datadir.join("plugins"), datadir };
        // An interpreter can take its time on a busy machine.
        let limits = Limits { manifest: Duration::from_secs(60), ..Limits::default() };
        let plugin = ProcessPlugin::start(self.command.clone(), false, &environment, &limits);
        assert_eq!(plugin.failure(), None);
        Box::new(plugin)
    }

    async fn contents(&mut self) -> String {
        std::fs::read_to_string(self.folder().join("state.json")).unwrap()
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().join("plugins/it")
    }
}

fn check(command: &str, effort: Effort) {
    let command = CommandLine::parse(command).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fresh = || Example { command: command.clone(), folder: tempfile::tempdir().unwrap() };
    runtime.block_on(check_plugin_with(fresh, effort)).unwrap();
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plugin/examples")
}

#[test]
fn balance_in_python() {
    let script = format!("0014{}", "11".repeat(20));
    // An interpreter takes long to start, and each kill is another start.
    let effort = Effort { every: 14, waits: 1, scripts: 1 };
    check(&format!("{} {script}", folder().join("balance.py").display()), effort);
}

#[test]
fn fees_in_rust() {
    // <target>/<profile>/deps/<test>
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "-p", "chaincore-plugin", "--example", "fees", "--target-dir"]);
    build.arg(profile.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().unwrap().success());
    check(&profile.join("examples/fees").display().to_string(), Effort::SMALL);
}

#[test]
fn they_are_short() {
    for name in ["balance.py", "fees.rs"] {
        let lines = std::fs::read_to_string(folder().join(name)).unwrap().lines().count();
        assert!(lines < 60, "{name} has {lines} lines");
    }
}
