//! The configuration file: lines of `name=value`, `[sections]`, `#` comments, `includeconf=`.

use std::path::{Path, PathBuf};

use super::arguments::interpret;
use super::options::OptionTable;
use super::settings::{Settings, Value};
use super::{CONF_FILE, CORE_CONF_FILE, Chain, ConfError, chain};

/// A file larger than this is no configuration.
const MAX_BYTES: u64 = 1 << 20;

/// Where the configuration is looked for; empty with `-noconf`.
pub(super) fn conf_path(settings: &Settings, datadir: &Path, warnings: &mut Vec<String>) -> PathBuf {
    if settings.is_negated("conf") {
        return PathBuf::new();
    }
    if let Some(named) = settings.text("conf").filter(|name| !name.is_empty()) {
        return datadir.join(named);
    }
    let (own, core) = (datadir.join(CONF_FILE), datadir.join(CORE_CONF_FILE));
    if !own.exists() && core.exists() {
        return core;
    }
    if core.exists() {
        warnings.push(format!("{} is not read, because {} exists", core.display(), own.display()));
    }
    own
}

/// Reads the file and those it includes into `settings`; the path if there was one.
pub(super) fn read_all(
    table: &OptionTable,
    settings: &mut Settings,
    path: &Path,
    datadir: &Path,
    warnings: &mut Vec<String>,
) -> Result<Option<PathBuf>, ConfError> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    if path.is_dir() {
        return Err(ConfError::File(format!("Config file \"{}\" is a directory.", path.display())));
    }
    let text = match read_text(path) {
        Ok(text) => text,
        Err(_) if settings.is_set("conf") => {
            let path = path.display();
            return Err(ConfError::File(format!("specified config file \"{path}\" could not be opened.")));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ConfError::File(format!("{}: {error}", path.display()))),
    };
    read_text_into(table, settings, &text, path, warnings)?;
    if settings.on_command_line("includeconf") {
        // It can only be the negation there: see `parse_arguments`.
        return Ok(Some(path.to_owned()));
    }
    let section = chain::section_before_includes(settings);
    let included = includes(settings, &section);
    for name in &included {
        let path = datadir.join(name);
        if path.is_dir() {
            return Err(ConfError::File(format!(
                "Included config file \"{}\" is a directory.",
                path.display()
            )));
        }
        let text = read_text(&path)
            .map_err(|_| ConfError::File(format!("Failed to include configuration file {name}")))?;
        read_text_into(table, settings, &text, Path::new(name), warnings)?;
    }
    for name in includes(settings, &section).iter().skip(included.len()) {
        warnings
            .push(format!("-includeconf cannot be used from included files; ignoring -includeconf={name}"));
    }
    Ok(Some(path.to_owned()))
}

fn read_text(path: &Path) -> std::io::Result<String> {
    Ok(String::from_utf8_lossy(&super::read_at_most(path, MAX_BYTES)?).into_owned())
}

/// What the chain's section and then the top of the file include.
fn includes(settings: &Settings, section: &str) -> Vec<String> {
    [section, ""]
        .iter()
        .filter_map(|section| settings.file.get(*section)?.get("includeconf"))
        .flat_map(|values| {
            let cleared = values.iter().rposition(|value| *value == Value::Off).map_or(0, |at| at + 1);
            values[cleared..].iter()
        })
        .filter_map(|value| match value {
            Value::Text(name) if !name.is_empty() => Some(name.clone()),
            _ => None,
        })
        .collect()
}

fn read_text_into(
    table: &OptionTable,
    settings: &mut Settings,
    text: &str,
    path: &Path,
    warnings: &mut Vec<String>,
) -> Result<(), ConfError> {
    let mut prefix = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let (line, commented) = match line.split_once('#') {
            Some((line, _)) => (line.trim(), true),
            None => (line.trim(), false),
        };
        if line.is_empty() {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            settings.sections.push((section.to_owned(), path.display().to_string(), number));
            prefix = format!("{section}.");
            continue;
        }
        let wrong = |what: &str| ConfError::File(format!("parse error on line {number}: {line}{what}"));
        if line.starts_with('-') {
            return Err(wrong(", options in configuration file must be specified without leading -"));
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(if line.starts_with("no") {
                wrong(&format!(", if you intended to specify a negated option, use {line}=1 instead"))
            } else {
                wrong("")
            });
        };
        let name = format!("{prefix}{}", name.trim());
        if commented && name.contains("rpcpassword") {
            return Err(ConfError::File(format!(
                "parse error on line {number}, using # in rpcpassword can be ambiguous and should be avoided"
            )));
        }
        let (section, key) = name.split_once('.').unwrap_or(("", &name));
        if prefix.is_empty() && !section.is_empty() {
            settings.sections.push((section.to_owned(), path.display().to_string(), number));
        }
        let Some((spec, negated)) = table.resolve(key) else {
            warnings.push(format!("Ignoring unknown configuration value {name}"));
            continue;
        };
        if spec.name == "conf" {
            return Err(ConfError::File(
                "conf cannot be set in the configuration file; use includeconf= if you want to include additional \
                 config files"
                    .to_owned(),
            ));
        }
        if spec.name == "reindex" {
            warnings.push(
                "reindex=1 is set in the configuration file: the databases are rebuilt on every start"
                    .to_owned(),
            );
        }
        let value = interpret(spec, negated, Some(value.trim().to_owned())).map_err(ConfError::File)?;
        let options = settings.file.entry(section.to_owned()).or_default();
        options.entry(spec.name.to_owned()).or_default().push(value);
    }
    Ok(())
}

/// Tells of sections that belong to no chain.
pub(super) fn warn_about_sections(settings: &Settings, chain: &Chain, warnings: &mut Vec<String>) {
    for (section, path, line) in &settings.sections {
        if section != chain.name() && !chain::is_section(section) {
            warnings.push(format!("{path}:{line} Section [{section}] is not recognized."));
        }
    }
}

/// Refuses options that stand at the top of the file, where they would silently not count on this chain.
pub(super) fn check_sections_of_network_options(
    table: &OptionTable,
    settings: &Settings,
    chain: &Chain,
) -> Result<(), ConfError> {
    let chain = chain.name();
    let top = settings.file.get("");
    let lost: Vec<_> = table
        .iter()
        .filter(|spec| settings.needs_section(spec.name) && settings.value(spec.name).is_none())
        .filter(|spec| top.is_some_and(|options| options.contains_key(spec.name)))
        .map(|spec| {
            let name = spec.name;
            format!("Config setting for -{name} only applied on {chain} network when in [{chain}] section.")
        })
        .collect();
    if lost.is_empty() { Ok(()) } else { Err(ConfError::Value(lost.join("\n"))) }
}
