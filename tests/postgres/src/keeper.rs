//! The process that keeps a server: it starts it when told and ends it when the test's end of the pipe closes.
//!
//! A shell is enough, and the only way without a line of unsafe code: it reads words from its standard input and
//! answers on its standard output. Its input closes when the test process ends, however that ends.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crate::Error;
use crate::account::Account;

/// `$1` the server's program, `$2` its data, `$3` its log, `$4` the folder to remove at the end.
///
/// A frozen server hears SIGQUIT only when it goes on, hence the SIGCONT; its children are frozen too.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
server=
while read -r word; do
    case "$word" in
    start)
        "$1" -D "$2" </dev/null >>"$3" 2>&1 &
        server=$!
        echo "$server"
        ;;
    wait)
        wait "$server"
        server=
        echo ended
        ;;
    esac
done
if [ -n "$server" ]; then
    children=$(cat "/proc/$server/task/$server/children" 2>/dev/null)
    kill -QUIT "$server" $children 2>/dev/null
    kill -CONT "$server" $children 2>/dev/null
    wait "$server"
fi
rm -rf "$4"
"#;

pub(crate) struct Keeper {
    child: Child,
    /// `None` once the keeper is told to end.
    words: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Keeper {
    pub(crate) fn spawn(
        account: Account,
        program: &Path,
        data: &Path,
        log: &Path,
        folder: &Path,
    ) -> Result<Self, Error> {
        let shell = Path::new("/bin/sh");
        let mut command = account.command(shell);
        // A group of its own: an interrupt at the terminal is for the test, and the keeper cleans up behind it.
        command.args(["-c", SCRIPT, "keeper"]).args([program, data, log, folder]).process_group(0);
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let run = |source| Error::Run { program: shell.to_owned(), source };
        let mut child = command.spawn().map_err(run)?;
        let words = child.stdin.take();
        let answers = child.stdout.take().ok_or_else(|| Error::Keeper(std::io::Error::other("no output")))?;
        Ok(Self { child, words, answers: BufReader::new(answers) })
    }

    /// Starts the server and returns its process id.
    pub(crate) fn start(&mut self) -> Result<i32, Error> {
        let answer = self.ask("start")?;
        answer.parse().map_err(|_| Error::Keeper(std::io::Error::other(format!("answered {answer:?}"))))
    }

    /// Waits until the server, told to stop by other means, has ended.
    pub(crate) fn wait(&mut self) -> Result<(), Error> {
        self.ask("wait").map(drop)
    }

    fn ask(&mut self, word: &str) -> Result<String, Error> {
        let ended = || Error::Keeper(std::io::ErrorKind::BrokenPipe.into());
        let words = self.words.as_mut().ok_or_else(ended)?;
        writeln!(words, "{word}").map_err(Error::Keeper)?;
        let mut answer = String::new();
        if self.answers.read_line(&mut answer).map_err(Error::Keeper)? == 0 {
            return Err(ended());
        }
        Ok(answer.trim().to_owned())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.words = None;
        // Nobody is left to tell if even this fails.
        let _ = self.child.wait();
    }
}
