//! Values from every source, and which of them counts.
//!
//! Order: command line, `settings.json`, the chain's section of the configuration file, the top of the file. On
//! the command line and in `settings.json` the last value of an option counts, in the file the first, and a negation clears what stands
//! before it in its source: Core's rules (`common/settings.cpp`), which scripts rely on.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;

use super::{Arguments, ConfError, OptionTable};

/// One value of an option as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `-name=text`; `-name` alone is the empty text.
    Text(String),
    /// `-noname`.
    Off,
    /// `-noname=0`: not off, so on.
    On,
}

impl Value {
    fn text(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Off => "0".to_owned(),
            Value::On => "1".to_owned(),
        }
    }
}

/// Options of one source, each with its values in the order given.
pub(super) type Options = BTreeMap<String, Vec<Value>>;

/// Where a section was opened, for warnings: its name, file and line.
pub(super) type SectionPlace = (String, String, usize);

/// All options of all sources.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    command_line: Options,
    saved: Options,
    /// By section; the top of the file is the section with the empty name.
    pub(super) file: BTreeMap<String, Options>,
    pub(super) sections: Vec<SectionPlace>,
    network_only: BTreeSet<&'static str>,
    spelled: BTreeMap<&'static str, &'static str>,
    /// How the command line spells options by another name.
    typed: BTreeMap<String, String>,
    chain: String,
}

/// The values that still count after the last negation, and whether that negation is the last word.
fn standing(values: &[Value]) -> (&[Value], bool) {
    let cleared = values.iter().rposition(|value| *value == Value::Off).map_or(0, |at| at + 1);
    (&values[cleared..], values.last() == Some(&Value::Off))
}

impl Settings {
    pub(super) fn new(table: &OptionTable, arguments: Arguments) -> Self {
        Self {
            command_line: arguments.options,
            typed: arguments.spelled,
            network_only: table.iter().filter(|spec| spec.network_only).map(|spec| spec.name).collect(),
            spelled: table
                .iter()
                .filter(|spec| !spec.hidden)
                .filter_map(|spec| spec.alias.map(|(name, _)| (name, spec.name)))
                .collect(),
            ..Self::default()
        }
    }

    pub(super) fn select_chain(&mut self, chain: &str) {
        self.chain = chain.to_owned();
    }

    /// Sets an option as if it stood last on the command line.
    pub fn force(&mut self, name: &str, value: &str) {
        self.command_line.insert(name.to_owned(), vec![Value::Text(value.to_owned())]);
    }

    /// Whether the top of the file is not heeded for this option on the chosen chain.
    pub(super) fn needs_section(&self, name: &str) -> bool {
        self.network_only.contains(name) && matches!(self.chain.as_str(), "regtest" | "testnet4" | "signet")
    }

    /// The sources of an option from the strongest to the weakest, with whether it is a configuration file.
    fn sources<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a [Value], bool, bool)> + 'a {
        let section = (!self.chain.is_empty()).then(|| self.file.get(&self.chain)).flatten();
        [
            (self.command_line.get(name), false, false),
            (self.saved.get(name), false, false),
            (section.and_then(|options| options.get(name)), true, false),
            (self.file.get("").and_then(|options| options.get(name)), true, true),
        ]
        .into_iter()
        .filter_map(|(values, in_file, top)| values.map(|values| (values.as_slice(), in_file, top)))
    }

    /// The value that counts.
    pub fn value(&self, name: &str) -> Option<Value> {
        for (values, in_file, top) in self.sources(name) {
            let (rest, last_off) = standing(values);
            if top && self.needs_section(name) && !last_off {
                continue;
            }
            if last_off {
                return Some(Value::Off);
            }
            let counts = if in_file { rest.first() } else { rest.last() };
            if let Some(value) = counts {
                return Some(value.clone());
            }
        }
        None
    }

    /// The value that counts for choosing the chain: the last one in the file too, and no negation of the command
    /// line hides the file.
    pub(super) fn chain_switch(&self, name: &str) -> Result<bool, ConfError> {
        for (values, in_file, _) in self.sources(name) {
            let (rest, last_off) = standing(values);
            if last_off {
                if in_file {
                    return Ok(false);
                }
                continue;
            }
            if let Some(value) = rest.last() {
                return self.truth(name, value);
            }
        }
        Ok(false)
    }

    /// The text of the value that counts: empty for `-name`, `0` for `-noname`.
    pub fn text(&self, name: &str) -> Option<String> {
        self.value(name).map(|value| value.text())
    }

    /// All values of an option that may be given several times, strongest source first.
    pub fn list(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut done = false;
        let mut hidden = false;
        for (values, in_file, top) in self.sources(name) {
            if top && self.needs_section(name) {
                continue;
            }
            let (rest, last_off) = standing(values);
            // Core's oddity, kept: values of a file come back when a negation on the command line is followed by
            // another value there.
            if !done || (in_file && !hidden) {
                found.extend(rest.iter().map(Value::text));
            }
            done |= values.contains(&Value::Off);
            hidden |= last_off && found.is_empty();
        }
        found
    }

    /// Whether the option was given at all.
    pub fn is_set(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Whether the option was given on the command line.
    pub fn on_command_line(&self, name: &str) -> bool {
        self.command_line.contains_key(name)
    }

    /// Whether the option was negated.
    pub fn is_negated(&self, name: &str) -> bool {
        self.value(name) == Some(Value::Off)
    }

    /// The option as a switch.
    pub fn switch(&self, name: &str) -> Result<Option<bool>, ConfError> {
        self.value(name).map(|value| self.truth(name, &value)).transpose()
    }

    /// The option as a switch with a default.
    pub fn switch_or(&self, name: &str, default: bool) -> Result<bool, ConfError> {
        Ok(self.switch(name)?.unwrap_or(default))
    }

    fn truth(&self, name: &str, value: &Value) -> Result<bool, ConfError> {
        match value {
            Value::Off => Ok(false),
            Value::On => Ok(true),
            Value::Text(text) => match text.as_str() {
                "" | "true" | "yes" | "on" => Ok(true),
                "false" | "no" | "off" => Ok(false),
                number => match number.parse::<i64>() {
                    Ok(number) => Ok(number != 0),
                    Err(_) => Err(self.bad_value(name, text, "0 or 1")),
                },
            },
        }
    }

    /// The option as a whole number within `range`; `-noname` is 0.
    pub fn number<T>(&self, name: &str, range: RangeInclusive<T>) -> Result<Option<T>, ConfError>
    where
        T: FromStr + PartialOrd + std::fmt::Display + Copy,
    {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.trim().parse::<T>() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => {
                let allowed = format!("a whole number from {} to {}", range.start(), range.end());
                Err(self.bad_value(name, &text, &allowed))
            }
        }
    }

    /// The option as a port; 0 lets the system choose one. The text is Core's, with the name that was typed.
    pub fn port(&self, name: &str) -> Result<Option<u16>, ConfError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse::<u16>() {
            Ok(port) => Ok(Some(port)),
            Err(_) => {
                let typed = self.typed.get(name).cloned().unwrap_or_else(|| format!("-{name}"));
                Err(ConfError::Value(format!("Invalid port specified in {typed}: '{text}'")))
            }
        }
    }

    /// An error that names the option (and its other spelling), the value, and what is allowed.
    pub fn bad_value(&self, name: &str, value: &str, allowed: &str) -> ConfError {
        let other = self.spelled.get(name).map(|other| format!(" (--{other})")).unwrap_or_default();
        ConfError::Value(format!("Invalid value '{value}' for -{name}{other}: it must be {allowed}."))
    }

    /// Reads options that were saved at run time (Core's `settings.json`), if there are any.
    pub(super) fn read_saved(&mut self, path: &Path) -> Result<(), ConfError> {
        if self.is_negated("settings") {
            return Ok(());
        }
        let Ok(text) = std::fs::read_to_string(path) else { return Ok(()) };
        let Ok(serde_json::Value::Object(entries)) = serde_json::from_str(&text) else {
            return Err(ConfError::Value(format!(
                "Settings file {} does not contain valid JSON. It can be removed, which resets settings to their \
                 defaults.",
                path.display()
            )));
        };
        for (name, value) in entries.into_iter().filter(|(name, _)| name != "_warning_") {
            let values = match value {
                serde_json::Value::Array(values) => values,
                value => vec![value],
            };
            self.saved.insert(name, values.iter().map(saved_value).collect());
        }
        Ok(())
    }

    /// Every option of the command line and the file, for the log; secrets are starred out.
    pub fn describe(&self, table: &OptionTable) -> Vec<String> {
        let mut lines = Vec::new();
        let mut add = |prefix: &str, section: &str, options: &Options| {
            let section = if section.is_empty() { String::new() } else { format!("[{section}] ") };
            for (name, values) in options {
                let secret = table.find(name).is_some_and(|spec| spec.secret);
                for value in values {
                    let shown = match value {
                        _ if secret => "****".to_owned(),
                        Value::Text(text) => format!("{text:?}"),
                        Value::Off => "false".to_owned(),
                        Value::On => "true".to_owned(),
                    };
                    lines.push(format!("{prefix} {section}{name}={shown}"));
                }
            }
        };
        for (section, options) in &self.file {
            add("Config file arg:", section, options);
        }
        add("Setting file arg:", "", &self.saved);
        add("Command-line arg:", "", &self.command_line);
        lines
    }

    /// Names of options of a group that were given anywhere.
    pub fn given<'a>(
        &'a self,
        names: impl Iterator<Item = &'a str> + 'a,
    ) -> impl Iterator<Item = &'a str> + 'a {
        names.filter(|name| self.is_set(name))
    }
}

fn saved_value(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Bool(false) => Value::Off,
        serde_json::Value::Bool(true) => Value::On,
        serde_json::Value::String(text) => Value::Text(text.clone()),
        other => Value::Text(other.to_string()),
    }
}
