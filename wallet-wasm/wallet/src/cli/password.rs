//! Where passwords and other secrets come from: a file, the environment, or the person at the terminal. Never from an
//! argument, which others see.

use super::args::Shared;
use super::failure::Failure;
use std::io::IsTerminal;
use zeroize::Zeroizing;

const VARIABLE: &str = "CHAINCORE_WALLET_PASSWORD";

fn missing() -> Failure {
    let message = format!("a password is needed: use --password-file or the variable {VARIABLE}");
    Failure::new("no_password", message)
}

/// The password that a command was given, if it was.
fn given(shared: &Shared) -> Result<Option<Zeroizing<String>>, Failure> {
    if let Some(path) = &shared.password_file {
        let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            Failure::new("no_password", format!("the password file {}: {error}", path.display()))
        })?;
        return Ok(Some(Zeroizing::new(text.lines().next().unwrap_or_default().to_string())));
    }
    match std::env::var(VARIABLE) {
        Ok(password) => Ok(Some(Zeroizing::new(password))),
        Err(_) => Ok(None),
    }
}

/// Asks without showing what is typed.
pub fn ask(question: &str) -> Result<Zeroizing<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(missing());
    }
    let answer = rpassword::prompt_password(question);
    answer.map(Zeroizing::new).map_err(|error| Failure::new("no_password", error.to_string()))
}

/// The password of a wallet that exists.
pub fn current(shared: &Shared) -> Result<Zeroizing<String>, Failure> {
    match given(shared)? {
        Some(password) => Ok(password),
        None => ask("Password: "),
    }
}

/// A password for a new wallet: asked for twice.
pub fn new(shared: &Shared) -> Result<Zeroizing<String>, Failure> {
    match given(shared)? {
        Some(password) if password.is_empty() => Err(Failure::new("bad_password", "the password is empty")),
        Some(password) => Ok(password),
        None => twice("New password: "),
    }
}

/// Asks for a secret twice; both must be the same.
pub fn twice(question: &str) -> Result<Zeroizing<String>, Failure> {
    let first = ask(question)?;
    if first.is_empty() {
        return Err(Failure::new("bad_password", "it is empty"));
    }
    if *first != *ask("Once more: ")? {
        return Err(Failure::new("bad_password", "the two are not the same"));
    }
    Ok(first)
}
