//! The method table, and what `help` says of it.

use super::spec::{Arg, ArgKind, Doc, Method};
use crate::json::Json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The methods by name.
#[derive(Clone)]
pub(super) struct Table(pub(super) BTreeMap<&'static str, Arc<Method>>);

impl Table {
    /// What `help` answers: the list, one method's text, or the table of argument types for test tools.
    pub(super) fn help(&self, command: &str) -> Json {
        if command == "dump_all_command_conversions" {
            return self.argument_types();
        }
        if !command.is_empty() {
            let text = match self.0.get(command) {
                Some(method) => method.help(),
                None => format!("help: unknown command: {command}"),
            };
            return Json::String(text.strip_suffix('\n').map_or(text.clone(), str::to_owned));
        }
        let mut methods: Vec<&Arc<Method>> =
            self.0.values().filter(|method| method.category != "hidden").collect();
        methods.sort_by_key(|method| format!("{}{}", method.category, method.name));
        let mut out = String::new();
        let mut category = "";
        for method in methods {
            if method.category != category {
                if !category.is_empty() {
                    out.push('\n');
                }
                category = method.category;
                let mut letters = category.chars();
                let first = letters.next().map(|letter| letter.to_ascii_uppercase());
                out.push_str(&format!(
                    "== {}{} ==\n",
                    first.map(String::from).unwrap_or_default(),
                    letters.as_str()
                ));
            }
            out.push_str(&method.summary());
            out.push('\n');
        }
        out.pop();
        Json::String(out)
    }

    /// `[method, position, name, is a string]` for every name of every argument.
    fn argument_types(&self) -> Json {
        let mut rows = Vec::new();
        for (method, spec) in &self.0 {
            for (position, arg) in spec.args.iter().enumerate() {
                let mut row = |names: &str, kind: ArgKind| {
                    for name in names.split('|') {
                        rows.push(Json::Array(vec![
                            Json::String((*method).into()),
                            Json::Number(position.to_string()),
                            Json::String(name.into()),
                            Json::Bool(matches!(kind, ArgKind::Str | ArgKind::Hex)),
                        ]));
                    }
                };
                row(arg.names, arg.kind);
                if arg.kind == ArgKind::ObjNamedParams {
                    for inner in &arg.inner {
                        row(inner.names, inner.kind);
                    }
                }
            }
        }
        Json::Array(rows)
    }
}

pub(super) fn help_method() -> Method {
    Method::new("control", "help", "Lists all methods, or explains one.")
        .arg(Arg::str("command", "The method to explain").hint("all commands"))
        .result(Doc::str("", "The text"))
        .result(Doc::any())
}
