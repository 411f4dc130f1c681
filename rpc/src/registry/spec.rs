//! What is said about a method: its category, arguments and results. Arity errors, type errors, named parameters
//! and help texts all come from here, so that they cannot disagree.

/// The JSON type of an argument, and with it how it is checked and described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgKind {
    /// A string.
    Str,
    /// A string of hexadecimal digits.
    Hex,
    /// A number.
    Num,
    /// A number or a string of coins; checked where it is read.
    Amount,
    /// A number or an array of two; checked where it is read.
    Range,
    /// A truth value.
    Bool,
    /// An object with the documented keys.
    Obj,
    /// An object whose members may also be given as named parameters of the call itself.
    ObjNamedParams,
    /// An object with keys that the caller chooses.
    ObjUserKeys,
    /// An array.
    Arr,
}

impl ArgKind {
    /// Core's name of the JSON type that is required, if only one will do.
    pub(super) fn expected(self) -> Option<&'static str> {
        match self {
            Self::Str | Self::Hex => Some("string"),
            Self::Num => Some("number"),
            Self::Amount | Self::Range => None,
            Self::Bool => Some("bool"),
            Self::Obj | Self::ObjNamedParams | Self::ObjUserKeys => Some("object"),
            Self::Arr => Some("array"),
        }
    }

    pub(super) fn described(self) -> &'static str {
        match self {
            Self::Str | Self::Hex => "string",
            Self::Num => "numeric",
            Self::Amount => "numeric or string",
            Self::Range => "numeric or array",
            Self::Bool => "boolean",
            Self::Obj | Self::ObjNamedParams | Self::ObjUserKeys => "json object",
            Self::Arr => "json array",
        }
    }
}

/// Whether an argument must be given, and what stands in for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It must be given.
    Required,
    /// It may be left out; nothing stands in for it.
    Omitted,
    /// It may be left out; the default as JSON text (`"true"`, `"6"`, `"\"string\""`).
    Default(&'static str),
    /// It may be left out; the default in words.
    Hint(&'static str),
}

/// One argument, or a member of one.
#[derive(Debug, Clone)]
pub struct Arg {
    /// The name and its aliases, `name|alias`.
    pub names: &'static str,
    /// Its type.
    pub kind: ArgKind,
    /// Whether it must be given.
    pub need: Need,
    /// One or more lines of description.
    pub about: &'static str,
    /// Members of an object, or what an array holds.
    pub inner: Vec<Arg>,
    /// Any JSON type is let through; the method looks itself.
    pub any_type: bool,
    /// It and what follows do not appear in help.
    pub hidden: bool,
    /// A member of [`ArgKind::ObjNamedParams`] that is an argument of its own as well.
    pub also_positional: bool,
    /// What stands in the one-line summary instead of the name.
    pub oneline: Option<&'static str>,
    /// How the type is written in help instead: as a value, and in words.
    pub type_words: Option<(&'static str, &'static str)>,
}

impl Arg {
    fn new(names: &'static str, kind: ArgKind, about: &'static str) -> Self {
        Self {
            names,
            kind,
            need: Need::Required,
            about,
            inner: Vec::new(),
            any_type: false,
            hidden: false,
            also_positional: false,
            oneline: None,
            type_words: None,
        }
    }

    /// A required string.
    pub fn str(names: &'static str, about: &'static str) -> Self {
        Self::new(names, ArgKind::Str, about)
    }

    /// A required string of hexadecimal digits.
    pub fn hex(names: &'static str, about: &'static str) -> Self {
        Self::new(names, ArgKind::Hex, about)
    }

    /// A required number.
    pub fn num(names: &'static str, about: &'static str) -> Self {
        Self::new(names, ArgKind::Num, about)
    }

    /// A required amount in coins.
    pub fn amount(names: &'static str, about: &'static str) -> Self {
        Self::new(names, ArgKind::Amount, about)
    }

    /// A required range.
    pub fn range(names: &'static str, about: &'static str) -> Self {
        Self::new(names, ArgKind::Range, about)
    }

    /// A required truth value.
    pub fn bool(names: &'static str, about: &'static str) -> Self {
        Self::new(names, ArgKind::Bool, about)
    }

    /// A required object with the members `inner`.
    pub fn obj(names: &'static str, about: &'static str, inner: Vec<Arg>) -> Self {
        Self { inner, ..Self::new(names, ArgKind::Obj, about) }
    }

    /// A required object whose members may also be named parameters of the call.
    pub fn options(names: &'static str, about: &'static str, inner: Vec<Arg>) -> Self {
        Self { inner, ..Self::new(names, ArgKind::ObjNamedParams, about) }
    }

    /// A required object with keys that the caller chooses; `inner` shows one.
    pub fn user_keys(names: &'static str, about: &'static str, inner: Vec<Arg>) -> Self {
        Self { inner, ..Self::new(names, ArgKind::ObjUserKeys, about) }
    }

    /// A required array of `inner`.
    pub fn arr(names: &'static str, about: &'static str, inner: Vec<Arg>) -> Self {
        Self { inner, ..Self::new(names, ArgKind::Arr, about) }
    }

    /// It may be left out.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.need = Need::Omitted;
        self
    }

    /// It may be left out; the default as JSON text.
    #[must_use]
    pub fn default(mut self, json: &'static str) -> Self {
        self.need = Need::Default(json);
        self
    }

    /// It may be left out; the default in words.
    #[must_use]
    pub fn hint(mut self, words: &'static str) -> Self {
        self.need = Need::Hint(words);
        self
    }

    /// Any JSON type is let through.
    #[must_use]
    pub fn any_type(mut self) -> Self {
        self.any_type = true;
        self
    }

    /// It and what follows do not appear in help.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// A named parameter that is a positional argument as well.
    #[must_use]
    pub fn also_positional(mut self) -> Self {
        self.also_positional = true;
        self
    }

    /// What stands in the one-line summary.
    #[must_use]
    pub fn oneline(mut self, text: &'static str) -> Self {
        self.oneline = Some(text);
        self
    }

    /// How help writes the type: as a value, and in words.
    #[must_use]
    pub fn type_words(mut self, value: &'static str, words: &'static str) -> Self {
        self.type_words = Some((value, words));
        self
    }

    /// The first of its names.
    pub fn first_name(&self) -> &'static str {
        self.names.split('|').next().unwrap_or(self.names)
    }

    /// Whether it may be left out.
    pub fn is_optional(&self) -> bool {
        self.need != Need::Required
    }
}

/// The JSON type of a result or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocKind {
    /// Anything; not shown in help.
    Any,
    /// `null`.
    None,
    /// A string.
    Str,
    /// A string of hexadecimal digits.
    Hex,
    /// An amount in coins.
    Amount,
    /// A number.
    Num,
    /// Seconds since 1970.
    Time,
    /// A truth value.
    Bool,
    /// An array of alike elements.
    Arr,
    /// An array of the documented elements.
    ArrFixed,
    /// An object with the documented keys.
    Obj,
    /// An object with keys that depend on the data.
    ObjDyn,
}

/// A result or a part of one, for help.
#[derive(Debug, Clone)]
pub struct Doc {
    /// Its type.
    pub kind: DocKind,
    /// Its key in the object around it; empty elsewhere.
    pub key: &'static str,
    /// One or more lines of description.
    pub about: &'static str,
    /// It may be absent.
    pub optional: bool,
    /// Under what condition this result is given (`for verbose = true`); top level only.
    pub when: &'static str,
    /// Members or elements.
    pub inner: Vec<Doc>,
    /// Help shows `...` and these words instead of the value.
    pub elided: Option<&'static str>,
}

impl Doc {
    /// A result of any kind.
    pub fn new(kind: DocKind, key: &'static str, about: &'static str, inner: Vec<Doc>) -> Self {
        Self { kind, key, about, optional: false, when: "", inner, elided: None }
    }

    /// Anything; not shown in help.
    pub fn any() -> Self {
        Self::new(DocKind::Any, "", "", Vec::new())
    }

    /// `null`.
    pub fn none(key: &'static str, about: &'static str) -> Self {
        Self::new(DocKind::None, key, about, Vec::new())
    }

    /// A string.
    pub fn str(key: &'static str, about: &'static str) -> Self {
        Self::new(DocKind::Str, key, about, Vec::new())
    }

    /// A string of hexadecimal digits.
    pub fn hex(key: &'static str, about: &'static str) -> Self {
        Self::new(DocKind::Hex, key, about, Vec::new())
    }

    /// An amount in coins.
    pub fn amount(key: &'static str, about: &'static str) -> Self {
        Self::new(DocKind::Amount, key, about, Vec::new())
    }

    /// A number.
    pub fn num(key: &'static str, about: &'static str) -> Self {
        Self::new(DocKind::Num, key, about, Vec::new())
    }

    /// Seconds since 1970.
    pub fn time(key: &'static str, about: &'static str) -> Self {
        Self::new(DocKind::Time, key, about, Vec::new())
    }

    /// A truth value.
    pub fn bool(key: &'static str, about: &'static str) -> Self {
        Self::new(DocKind::Bool, key, about, Vec::new())
    }

    /// An array of alike elements.
    pub fn arr(key: &'static str, about: &'static str, inner: Vec<Doc>) -> Self {
        Self::new(DocKind::Arr, key, about, inner)
    }

    /// An array of the documented elements.
    pub fn arr_fixed(key: &'static str, about: &'static str, inner: Vec<Doc>) -> Self {
        Self::new(DocKind::ArrFixed, key, about, inner)
    }

    /// An object with the documented keys.
    pub fn obj(key: &'static str, about: &'static str, inner: Vec<Doc>) -> Self {
        Self::new(DocKind::Obj, key, about, inner)
    }

    /// An object with keys that depend on the data.
    pub fn obj_dyn(key: &'static str, about: &'static str, inner: Vec<Doc>) -> Self {
        Self::new(DocKind::ObjDyn, key, about, inner)
    }

    /// It may be absent.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Under what condition this result is given.
    #[must_use]
    pub fn when(mut self, condition: &'static str) -> Self {
        self.when = condition;
        self
    }

    /// Help shows `...` and these words instead of the value.
    #[must_use]
    pub fn elided(mut self, words: &'static str) -> Self {
        self.elided = Some(words);
        self
    }
}

/// A method as clients see it.
#[derive(Debug, Clone)]
pub struct Method {
    /// `blockchain`, `mining`, … ; `hidden` keeps it out of `help`.
    pub category: &'static str,
    /// Its name.
    pub name: &'static str,
    /// One or more lines of description.
    pub about: &'static str,
    /// Positional arguments in order.
    pub args: Vec<Arg>,
    /// What it answers, one entry per condition.
    pub results: Vec<Doc>,
    /// Lines of examples.
    pub examples: String,
}

impl Method {
    /// A method without arguments or results yet.
    pub fn new(category: &'static str, name: &'static str, about: &'static str) -> Self {
        Self { category, name, about, args: Vec::new(), results: Vec::new(), examples: String::new() }
    }

    /// Appends an argument.
    #[must_use]
    pub fn arg(mut self, arg: Arg) -> Self {
        self.args.push(arg);
        self
    }

    /// Appends a possible result.
    #[must_use]
    pub fn result(mut self, doc: Doc) -> Self {
        self.results.push(doc);
        self
    }

    /// Appends an example for the command line, with these arguments.
    #[must_use]
    pub fn example_cli(mut self, args: &str) -> Self {
        self.examples.push_str(&format!("> chaincore-cli {} {args}\n", self.name));
        self
    }

    /// Appends an example for curl, with these arguments as JSON separated by commas.
    #[must_use]
    pub fn example_rpc(mut self, args: &str) -> Self {
        self.examples.push_str(&format!(
            "> curl --user myusername --data-binary '{{\"jsonrpc\": \"2.0\", \"id\": \"curltest\", \"method\": \"{}\", \
             \"params\": [{args}]}}' -H 'content-type: application/json' http://127.0.0.1:5000/\n",
            self.name
        ));
        self
    }

    /// How many arguments may be given: at least the last required one, at most all.
    pub(super) fn accepts(&self, count: usize) -> bool {
        let required = self.args.iter().rposition(|arg| !arg.is_optional()).map_or(0, |last| last + 1);
        (required..=self.args.len()).contains(&count)
    }
}
