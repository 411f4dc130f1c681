//! What is printed: amounts, tables, JSON. Who closes the pipe early, or lets it lead to a full disk, ends no payment
//! half way: what could not be printed is found out at the end ([`check`]).

use super::failure::Failure;
use chaincore_consensus::amount::{Amount, MAX_MONEY};
use serde_json::Value;
use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

/// The first thing that went wrong with the standard output.
static BROKEN: OnceLock<std::io::Error> = OnceLock::new();

/// Writes to the standard output. See [`say!`](say).
pub fn write(text: Arguments<'_>) {
    if BROKEN.get().is_none()
        && let Err(error) = std::io::stdout().write_fmt(text)
    {
        let _ = BROKEN.set(error);
    }
}

/// Prints a line, as `println!` does, but without a panic if nobody reads it.
macro_rules! say {
    () => { $crate::cli::output::write(format_args!("\n")) };
    ($($text:tt)*) => { $crate::cli::output::write(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use say;

/// Writes to the standard error, where nobody may be listening. See [`aside!`](aside).
pub fn write_aside(text: Arguments<'_>) {
    let mut out = std::io::stderr();
    let _ = out.write_fmt(text).and_then(|()| out.flush());
}

/// Prints a line to the standard error, as `eprintln!` does, but without a panic.
macro_rules! aside {
    ($($text:tt)*) => { $crate::cli::output::write_aside(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use aside;

/// Whether everything that was printed has arrived. Who stops reading has had enough, which is no failure.
pub fn check() -> Result<(), Failure> {
    if let Err(error) = std::io::stdout().flush() {
        let _ = BROKEN.set(error);
    }
    match BROKEN.get() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => {
            let message = format!("what came out could not be written to the standard output: {error}");
            Err(Failure::new("output", message))
        }
        _ => Ok(()),
    }
}

/// Satoshis as decimal coins with eight decimals.
pub fn coins(satoshis: i64) -> String {
    Amount(satoshis).to_string()
}

/// A JSON number of satoshis as decimal coins.
pub fn coins_of(value: &Value) -> String {
    value.as_i64().map_or_else(|| "?".into(), coins)
}

/// Decimal coins as satoshis, exactly.
pub fn parse_coins(text: &str) -> Result<u64, Failure> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let amount = Amount::from_coins_text(text).ok().map(Amount::sat).filter(|_| plain);
    let amount = amount.filter(|amount| (1..=MAX_MONEY).contains(amount));
    amount.and_then(|amount| u64::try_from(amount).ok()).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        Failure::new(
            "bad_amount",
            format!("'{shown}' is not an amount: expected coins like 0.5, with at most 8 decimals"),
        )
    })
}

/// Prints JSON for people: indented.
pub fn print_json(value: &Value) {
    say!("{value:#}");
}

/// Prints columns, each as wide as its widest cell; amounts (`right`) end at the same place.
pub fn print_table(header: &[&str], right: &[usize], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let print = |cells: Vec<&str>| {
        let mut line = String::new();
        for (column, cell) in cells.iter().enumerate() {
            let gap = " ".repeat(widths[column] - cell.chars().count());
            line +=
                &if right.contains(&column) { format!("{gap}{cell}  ") } else { format!("{cell}{gap}  ") };
        }
        say!("{}", line.trim_end());
    };
    print(header.to_vec());
    for row in rows {
        print(row.iter().map(String::as_str).collect());
    }
}

/// Text from outside without what a terminal would obey.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_decimals() {
        for (text, satoshis) in
            [("1", 100_000_000), ("0.00000001", 1), ("20999999.99999999", 2_099_999_999_999_999)]
        {
            assert_eq!(parse_coins(text), Ok(satoshis));
        }
        for bad in ["", "0", "-1", "1e3", "0.123456789", "1,5", "all", "21000001", ".5", "0x1", "NaN"] {
            assert_eq!(parse_coins(bad).unwrap_err().exit_code(), 2, "{bad}");
        }
        assert_eq!(coins(-1), "-0.00000001");
    }
}
