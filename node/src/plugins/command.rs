//! What a plugin of one's own is started with.

use std::path::{Path, PathBuf};

/// A program with its arguments, as `-plugin` gives it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandLine {
    /// The program; it is there.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl CommandLine {
    /// Reads the value of `-plugin`: the path of a program, or a program and its arguments with spaces between them.
    /// A program without a slash is looked for in `PATH`. The error says which file is missing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        // A path may have spaces.
        if Path::new(text).is_file() {
            check_executable(Path::new(text))?;
            return Ok(Self { program: absolute(Path::new(text)), arguments: vec![] });
        }
        let mut words = text.split_whitespace().map(str::to_owned);
        let first = words.next().ok_or("it is empty")?;
        let program = if first.contains('/') {
            let path = Path::new(&first);
            path.is_file().then(|| absolute(path)).ok_or_else(|| format!("there is no file {first}"))?
        } else {
            let folders = std::env::var_os("PATH").unwrap_or_default();
            let mut found = std::env::split_paths(&folders).map(|folder| folder.join(&first));
            found
                .find(|path| path.is_file())
                .ok_or_else(|| format!("there is no file {first}, here or in PATH"))?
        };
        check_executable(&program)?;
        Ok(Self { program, arguments: words.collect() })
    }

    /// What people call it: the program's name without its folder and ending; of an interpreter with a script, the
    /// script's.
    pub fn name(&self) -> String {
        let script = self.arguments.first().map(Path::new).filter(|path| path.is_file());
        let stem = script.unwrap_or(&self.program).file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }

    /// The name as that of a plugin whose process has not told its own: of `a-z 0-9 -`, a letter first.
    pub fn stand_in_id(&self) -> String {
        let kept = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let id: String =
            self.name().chars().map(kept).skip_while(|c| !c.is_ascii_lowercase()).take(32).collect();
        if id.is_empty() { "process".into() } else { id }
    }
}

/// Tells at the start what would otherwise show when the program is run.
fn check_executable(path: &Path) -> Result<(), String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let is_executable = |data: std::fs::Metadata| data.permissions().mode() & 0o111 != 0;
        if !path.metadata().is_ok_and(is_executable) {
            return Err(format!("file {} is not executable", path.display()));
        }
    }
    Ok(())
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// What a child finds in its environment besides what the node found in its own.
#[derive(Clone, Debug)]
pub struct Environment {
    /// `CHAINCORE_CHAIN`: the chain's name.
    pub chain: String,
    /// `CHAINCORE_DATADIR`: the node's data folder.
    pub datadir: PathBuf,
    /// `CHAINCORE_PLUGIN_FOLDER`: where each plugin has its folder, under its name. (Its name is what a plugin tells
    /// first, so it is started before the node knows that folder; `open` tells it in full.)
    pub plugin_folder: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_path_or_a_program_with_arguments() {
        let folder = tempfile::tempdir().unwrap();
        let spaced = folder.path().join("my 2nd plugin.sh");
        std::fs::write(&spaced, "").unwrap();
        #[cfg(unix)]
        {
            let error = CommandLine::parse(&spaced.display().to_string()).unwrap_err();
            assert!(error.ends_with("my 2nd plugin.sh is not executable"), "{error}");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(&spaced, mode).unwrap();
        }
        let parsed = CommandLine::parse(&spaced.display().to_string()).unwrap();
        assert_eq!(parsed, CommandLine { program: spaced.clone(), arguments: vec![] });
        assert_eq!((parsed.name(), parsed.stand_in_id()), ("my 2nd plugin".into(), "my-2nd-plugin".into()));
        let script = folder.path().join("Watch_er.py");
        std::fs::write(&script, "").unwrap();
        let parsed = CommandLine::parse(&format!("sh  {} --x 1", script.display())).unwrap();
        assert!(parsed.program.is_absolute() && parsed.program.ends_with("sh"), "{parsed:?}");
        assert_eq!(parsed.arguments[1..], ["--x", "1"]);
        assert_eq!((parsed.name(), parsed.stand_in_id()), ("Watch_er".into(), "watch-er".into()));
        assert_eq!(CommandLine::parse("/no/such x").unwrap_err(), "there is no file /no/such");
        assert!(
            CommandLine::parse("no-such-program x").unwrap_err().contains("no-such-program, here or in PATH")
        );
        assert_eq!(CommandLine::parse(" ").unwrap_err(), "it is empty");
        let odd = CommandLine { program: "/x/123".into(), arguments: vec![] };
        assert_eq!(odd.stand_in_id(), "process");
    }
}
