//! The command line: options first, then words.

use std::collections::BTreeMap;

use super::options::OptionTable;
use super::settings::{Options, Value};
use super::{ConfError, OptionSpec};

/// A command line taken apart.
#[derive(Debug, Clone, Default)]
pub struct Arguments {
    /// Options by name, each with its values in order.
    pub(super) options: Options,
    /// Everything from the first word that is no option: a command and its parameters.
    pub words: Vec<String>,
    /// How options were spelled that have another name, by that name.
    pub(super) spelled: BTreeMap<String, String>,
}

impl Arguments {
    /// Whether an option was given and not negated, before any file is read (`-help`, `-version`).
    pub fn asks_for(&self, name: &str) -> bool {
        self.options.get(name).and_then(|values| values.last()).is_some_and(|value| match value {
            Value::Off => false,
            Value::On => true,
            Value::Text(text) => text != "0",
        })
    }
}

/// Takes apart the arguments that follow the program's name.
///
/// `-name`, `-name=value`, `-noname` and the same with two dashes; `--name value` where the option says so. The
/// first word without a dash and all that follows it are [`Arguments::words`].
pub fn parse_arguments(
    table: &OptionTable,
    arguments: impl IntoIterator<Item = String>,
) -> Result<Arguments, ConfError> {
    let mut parsed = Arguments::default();
    let mut rest = arguments.into_iter().peekable();
    while let Some(argument) = rest.next() {
        if !argument.starts_with('-') {
            parsed.words.push(argument);
            parsed.words.extend(rest);
            break;
        }
        if argument == "-" {
            break;
        }
        let (key, mut text) = match argument.split_once('=') {
            Some((key, text)) => (key, Some(text.to_owned())),
            None => (argument.as_str(), None),
        };
        let key = key.strip_prefix("--").unwrap_or_else(|| key.strip_prefix('-').unwrap_or(key));
        let unknown = || ConfError::Arguments(format!("Invalid parameter {argument}"));
        let (spec, negated) = table.resolve(key).ok_or_else(unknown)?;
        if text.is_none() && !negated && spec.separate {
            text = rest.next_if(|next| !next.starts_with('-'));
        }
        let value = interpret(spec, negated, text).map_err(ConfError::Arguments)?;
        if table.find(key).is_some_and(|typed| typed.alias.is_some()) {
            parsed.spelled.insert(spec.name.to_owned(), format!("--{key}"));
        } else {
            parsed.spelled.remove(spec.name);
        }
        parsed.options.entry(spec.name.to_owned()).or_default().push(value);
    }
    if let Some(Value::Text(text)) = parsed.options.get("includeconf").and_then(|values| values.last()) {
        return Err(ConfError::Arguments(format!(
            "-includeconf cannot be used from commandline; -includeconf={text:?}"
        )));
    }
    Ok(parsed)
}

/// The value that an option gets from its text, or why it cannot have it.
pub(super) fn interpret(spec: &OptionSpec, negated: bool, text: Option<String>) -> Result<Value, String> {
    let name = spec.name;
    if negated {
        if spec.no_negation {
            return Err(format!("Negating of -{name} is meaningless and therefore forbidden"));
        }
        return Ok(match text.as_deref() {
            Some("0" | "false" | "no" | "off") => Value::On,
            _ => Value::Off,
        });
    }
    match text {
        None if spec.needs_value => {
            Err(format!("Can not set -{name} with no value. Please specify value with -{name}=value."))
        }
        text => Ok(Value::Text(text.unwrap_or_default())),
    }
}
