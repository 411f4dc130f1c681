//! Help texts, laid out as Core lays out its own: a summary line, the description, aligned sections of arguments and
//! results, and examples.

use super::spec::{Arg, ArgKind, Doc, DocKind, Method, Need};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outer {
    None,
    Array,
    Object,
}

/// Lines with a left and a right part; the right parts are aligned.
#[derive(Default)]
struct Sections {
    lines: Vec<(String, String)>,
    width: usize,
}

impl Sections {
    fn push(&mut self, left: String, right: String) {
        self.width = self.width.max(left.len());
        self.lines.push((left, right));
    }

    /// Removes the comma after the last element of an object or array.
    fn drop_last_comma(&mut self) {
        if let Some((left, _)) = self.lines.last_mut() {
            left.pop();
        }
    }

    fn render(&self) -> String {
        let pad = self.width + 4;
        let mut out = String::new();
        for (left, right) in &self.lines {
            out.push_str(left);
            if !right.is_empty() {
                out.extend(std::iter::repeat_n(' ', pad - left.len()));
                let mut lines = right.split('\n');
                out.push_str(lines.next().unwrap_or_default());
                for line in lines {
                    out.push('\n');
                    out.extend(std::iter::repeat_n(' ', pad));
                    out.push_str(line.trim_start_matches(' '));
                }
            }
            out.push('\n');
        }
        out
    }

    fn push_arg(&mut self, arg: &Arg, indent: usize, outer: Outer) {
        let pad = " ".repeat(indent);
        let named = outer == Outer::Object;
        let top = outer == Outer::None;
        let key = if named { format!("\"{}\": ", arg.first_name()) } else { String::new() };
        let right = if top { String::new() } else { describe(arg, named) };
        let end = if top { "" } else { "," };
        match arg.kind {
            ArgKind::Obj | ArgKind::ObjUserKeys => {
                self.push(format!("{pad}{key}{{"), right);
                for inner in &arg.inner {
                    self.push_arg(inner, indent + 2, Outer::Object);
                }
                if arg.kind == ArgKind::ObjUserKeys {
                    self.push(format!("{pad}  ..."), String::new());
                }
                self.push(format!("{pad}}}{end}"), String::new());
            }
            ArgKind::Arr => {
                self.push(format!("{pad}{key}["), right);
                for inner in &arg.inner {
                    self.push_arg(inner, indent + 2, Outer::Array);
                }
                self.push(format!("{pad}  ..."), String::new());
                self.push(format!("{pad}]{end}"), String::new());
            }
            _ if top => {}
            _ => {
                let value = match arg.type_words {
                    Some((value, _)) if named => format!("{key}{value}"),
                    _ if named => member_text(arg, false),
                    _ => value_text(arg, false),
                };
                self.push(format!("{pad}{value},"), right);
            }
        }
    }

    fn push_doc(&mut self, doc: &Doc, outer: Outer, indent: usize) {
        let pad = " ".repeat(indent);
        let end = if outer == Outer::None { "" } else { "," };
        if let Some(words) = doc.elided {
            self.push(format!("{pad}...{end}"), words.into());
            return;
        }
        let key = if outer == Outer::Object { format!("\"{}\" : ", doc.key) } else { String::new() };
        let describe = |kind: &str| {
            let optional = if doc.optional { ", optional" } else { "" };
            let space = if doc.about.is_empty() { "" } else { " " };
            format!("({kind}{optional}){space}{}", doc.about)
        };
        let (value, words) = match doc.kind {
            DocKind::Any => return,
            DocKind::None => {
                self.push(format!("{pad}null{end}"), describe("json null"));
                return;
            }
            DocKind::Str => ("\"str\"", "string"),
            DocKind::Hex => ("\"hex\"", "string"),
            DocKind::Amount | DocKind::Num => ("n", "numeric"),
            DocKind::Time => ("xxx", "numeric"),
            DocKind::Bool => ("true|false", "boolean"),
            DocKind::Arr | DocKind::ArrFixed => {
                self.push(format!("{pad}{key}["), describe("json array"));
                for inner in &doc.inner {
                    self.push_doc(inner, Outer::Array, indent + 2);
                }
                let elided = doc.inner.last().is_some_and(|last| last.elided.is_some());
                if doc.kind == DocKind::Arr && !elided {
                    self.push(format!("{pad}  ..."), String::new());
                } else {
                    self.drop_last_comma();
                }
                self.push(format!("{pad}]{end}"), String::new());
                return;
            }
            DocKind::Obj | DocKind::ObjDyn if doc.inner.is_empty() => ("{}", "empty JSON object"),
            DocKind::Obj | DocKind::ObjDyn => {
                self.push(format!("{pad}{key}{{"), describe("json object"));
                for inner in &doc.inner {
                    self.push_doc(inner, Outer::Object, indent + 2);
                }
                if doc.kind == DocKind::ObjDyn {
                    self.push(format!("{pad}  ..."), String::new());
                } else {
                    self.drop_last_comma();
                }
                self.push(format!("{pad}}}{end}"), String::new());
                return;
            }
        };
        self.push(format!("{pad}{key}{value}{end}"), describe(words));
    }
}

fn describe(arg: &Arg, named: bool) -> String {
    let mut out = String::from("(");
    out.push_str(arg.type_words.map_or(arg.kind.described(), |(_, words)| words));
    match arg.need {
        Need::Required => out.push_str(", required"),
        Need::Omitted if named => out.push_str(", optional"),
        Need::Omitted => {}
        Need::Default(text) | Need::Hint(text) => {
            out.push_str(", optional, default=");
            out.push_str(text);
        }
    }
    out.push(')');
    if arg.kind == ArgKind::ObjNamedParams {
        out.push_str(" Options object that can be used to pass named arguments, listed below.");
    }
    if !arg.about.is_empty() {
        out.push(' ');
        out.push_str(arg.about);
    }
    out
}

/// An object's member as help writes it.
fn member_text(arg: &Arg, oneline: bool) -> String {
    let name = arg.first_name();
    let space = if oneline { "" } else { " " };
    let value = match arg.kind {
        ArgKind::Str => "\"str\"".into(),
        ArgKind::Hex => "\"hex\"".into(),
        ArgKind::Num => "n".into(),
        ArgKind::Range => "n or [n,n]".into(),
        ArgKind::Amount => "amount".into(),
        ArgKind::Bool => "bool".into(),
        _ => value_text(arg, oneline),
    };
    format!("\"{name}\":{space}{value}")
}

/// An argument as the summary line and array elements write it.
fn value_text(arg: &Arg, oneline: bool) -> String {
    if oneline && let Some(text) = arg.oneline {
        return text.into();
    }
    match arg.kind {
        ArgKind::Str | ArgKind::Hex => format!("\"{}\"", arg.first_name()),
        ArgKind::Num | ArgKind::Range | ArgKind::Amount | ArgKind::Bool => arg.first_name().into(),
        ArgKind::Obj | ArgKind::ObjNamedParams | ArgKind::ObjUserKeys => {
            let members: Vec<String> = arg.inner.iter().map(|inner| member_text(inner, oneline)).collect();
            let more = if arg.kind == ArgKind::Obj { "" } else { ",..." };
            format!("{{{}{more}}}", members.join(","))
        }
        ArgKind::Arr => {
            let mut out = String::from("[");
            for inner in &arg.inner {
                out.push_str(&value_text(inner, oneline));
                out.push(',');
            }
            out.push_str("...]");
            out
        }
    }
}

impl Method {
    /// The first line of the help text: the name and its arguments, optional ones in parentheses.
    pub fn summary(&self) -> String {
        let mut out = String::from(self.name);
        let mut open = false;
        for arg in self.args.iter().take_while(|arg| !arg.hidden) {
            out.push(' ');
            match (arg.is_optional(), open) {
                (true, false) => out.push_str("( "),
                (false, true) => out.push_str(") "),
                _ => {}
            }
            open = arg.is_optional();
            out.push_str(&value_text(arg, true));
        }
        if open {
            out.push_str(" )");
        }
        out
    }

    /// The whole help text.
    pub fn help(&self) -> String {
        let mut out = self.summary();
        out.push_str("\n\n");
        out.push_str(self.about.trim());
        out.push('\n');
        let mut sections = Sections::default();
        let mut named_only = Sections::default();
        for (index, arg) in self.args.iter().enumerate().take_while(|(_, arg)| !arg.hidden) {
            sections.push(format!("{}. {}", index + 1, arg.first_name()), describe(arg, true));
            sections.push_arg(arg, 5, Outer::None);
            if arg.kind == ArgKind::ObjNamedParams {
                for inner in &arg.inner {
                    named_only.push(inner.first_name().into(), describe(inner, true));
                    named_only.push_arg(inner, 5, Outer::None);
                }
            }
        }
        for (title, sections) in [("Arguments", sections), ("Named Arguments", named_only)] {
            if !sections.lines.is_empty() {
                out.push_str(&format!("\n{title}:\n"));
                out.push_str(&sections.render());
            }
        }
        for doc in self.results.iter().filter(|doc| doc.kind != DocKind::Any) {
            if doc.when.is_empty() {
                out.push_str("\nResult:\n");
            } else {
                out.push_str(&format!("\nResult ({}):\n", doc.when));
            }
            let mut sections = Sections::default();
            sections.push_doc(doc, Outer::None, 0);
            out.push_str(&sections.render());
        }
        if !self.examples.is_empty() {
            out.push_str("\nExamples:\n");
            out.push_str(&self.examples);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lays_out_like_core() {
        let method = Method::new("blockchain", "sample", "Does a thing.\nIn two lines.\n")
            .arg(Arg::hex("hash", "The hash"))
            .arg(Arg::num("depth|n", "How deep\nto look").default("6"))
            .arg(Arg::arr("names", "", vec![Arg::str("name", "A name").optional()]).optional())
            .result(Doc::hex("", "The bytes").when("for depth = 0"))
            .result(Doc::obj(
                "",
                "",
                vec![Doc::num("n", "Count"), Doc::arr("list", "", vec![Doc::str("", "")]).optional()],
            ))
            .example_cli("00");
        let expected = "\
sample \"hash\" ( depth [\"name\",...] )

Does a thing.
In two lines.

Arguments:
1. hash           (string, required) The hash
2. depth          (numeric, optional, default=6) How deep
                  to look
3. names          (json array, optional)
     [
       \"name\",    (string) A name
       ...
     ]

Result (for depth = 0):
\"hex\"    (string) The bytes

Result:
{               (json object)
  \"n\" : n,      (numeric) Count
  \"list\" : [    (json array, optional)
    \"str\",      (string)
    ...
  ]
}

Examples:
> chaincore-cli sample 00
";
        assert_eq!(method.help(), expected);
    }
}
