//! Where passwords and other secrets come from: a file, the environment, or the person at the terminal. Never from an
//! argument, which others see.

use super::args::Shared;
use super::failure::Failure;
use std::io::IsTerminal;
use zeroize::Zeroizing;

const VARIABLE: &str = "CHAINCORE_WALLET_PASSWORD";
const NEW_VARIABLE: &str = "CHAINCORE_WALLET_NEW_PASSWORD";

fn missing() -> Failure {
    let message = format!(
        "a password is needed, and there is no terminal to ask at: use --password-file or the variable {VARIABLE}"
    );
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
    // The question goes to the terminal itself: what is piped in may be something else, a PSBT for example.
    if !std::io::stdin().is_terminal() && !std::io::stderr().is_terminal() {
        return Err(missing());
    }
    rpassword::prompt_password(question).map(Zeroizing::new).map_err(|_| missing())
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

/// The password that a wallet gets instead of its old one.
pub fn changed() -> Result<Zeroizing<String>, Failure> {
    match std::env::var(NEW_VARIABLE) {
        Ok(new) => Ok(Zeroizing::new(new)),
        Err(_) => twice("New password: ").map_err(|failure| match failure.code() {
            "no_password" => Failure::new(
                "no_password",
                format!("the new password is needed: there is no terminal to ask at, so use the variable {NEW_VARIABLE}"),
            ),
            _ => failure,
        }),
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
