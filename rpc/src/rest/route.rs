//! What a route is: its verb and path, what it takes and answers, and what answers it.

use super::{Answer, Request, Rest, Verb};

/// What answers a route.
#[derive(Clone, Copy)]
pub enum Handler {
    /// A function of the node and the request.
    Node(fn(&Rest, &Request) -> Answer),
    /// The OpenAPI document itself.
    Document,
}

/// The JSON type of a value, for the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A truth value.
    Flag,
    /// A list.
    List,
    /// An object.
    Object,
}

/// A named value: a parameter, or a member of a body.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether it may be absent or null.
    pub optional: bool,
    /// What it is, with its unit.
    pub about: &'static str,
}

/// A value that is always there.
pub(super) const fn field(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, optional: false, about }
}

/// A value that may be absent or null.
pub(super) const fn optional(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, optional: true, about }
}

/// What a route answers with.
#[derive(Debug, Clone, Copy)]
pub enum Reply {
    /// A JSON object of these members.
    Json(&'static [Field]),
    /// A page for people.
    Html,
    /// A JSON list; of what.
    List(&'static str),
    /// A text; which.
    Text(&'static str),
    /// Any JSON object.
    AnyJson,
    /// Bytes, as the summary says.
    Bytes,
}

/// A body that a route takes: any one of several shapes.
#[derive(Debug, Clone, Copy)]
pub struct BodyDoc {
    /// What the body says and in which shapes.
    pub about: &'static str,
    /// The members of the JSON shapes, all of them optional where there are several shapes.
    pub fields: &'static [Field],
    /// Whether plain text (hexadecimal digits) is taken too.
    pub text: bool,
}

/// One route.
pub struct Route {
    /// The verb.
    pub verb: Verb,
    /// The path; parts of it may be `{name}`.
    pub path: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// The group it is shown in.
    pub group: &'static str,
    /// The parameters in the path and the query. Those in the path come first, in its order.
    pub params: &'static [Field],
    /// The body it takes.
    pub body: Option<BodyDoc>,
    /// What it answers with.
    pub reply: Reply,
    /// What answers it.
    pub run: Handler,
}
