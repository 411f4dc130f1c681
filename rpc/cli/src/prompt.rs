//! Reading from standard input what should not stand on a command line.

use std::io::{BufRead, IsTerminal, Write};
use std::process::{Command, Stdio};

/// One line; on a terminal it is asked for and not echoed. `None` if there is none.
pub fn secret(prompt: &str) -> Option<String> {
    let terminal = std::io::stdin().is_terminal();
    if terminal {
        let _ = write!(std::io::stderr(), "{prompt}");
        let _ = std::io::stderr().flush();
        echo(false);
    }
    let line = next_line();
    if terminal {
        echo(true);
        let _ = writeln!(std::io::stdout());
    }
    line
}

/// All lines until the input ends.
pub fn remaining_lines() -> Vec<String> {
    let lines = std::iter::from_fn(next_line).collect();
    if std::io::stdin().is_terminal() {
        let _ = writeln!(std::io::stdout());
    }
    lines
}

/// The next line without its end. What is not UTF-8 is replaced, as it cannot be sent.
fn next_line() -> Option<String> {
    let mut line = Vec::new();
    match std::io::stdin().lock().read_until(b'\n', &mut line) {
        Ok(length) if length > 0 => {
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            Some(String::from_utf8_lossy(&line).into_owned())
        }
        _ => None,
    }
}

/// Switches the terminal's echo; without `stty` it stays on.
fn echo(on: bool) {
    let flag = if on { "echo" } else { "-echo" };
    let _ = Command::new("stty").arg(flag).stdin(Stdio::inherit()).stderr(Stdio::null()).status();
}
