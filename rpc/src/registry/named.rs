//! Named parameters: an object of them becomes the positional list that a method reads.

use super::spec::{ArgKind, Method};
use crate::error::RpcError;
use crate::json::Json;

/// What was named so far and not taken yet.
struct Given(Vec<(String, Json)>);

impl Given {
    fn new(members: Vec<(String, Json)>) -> Result<Self, RpcError> {
        for (index, (name, _)) in members.iter().enumerate() {
            if members[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(twice(name));
            }
        }
        Ok(Self(members))
    }

    /// Takes the first of `names` (`name|alias`) that was given.
    fn take(&mut self, names: &str) -> Option<(String, Json)> {
        let at = names.split('|').find_map(|name| self.0.iter().position(|(given, _)| given == name))?;
        Some(self.0.remove(at))
    }
}

fn twice(name: &str) -> RpcError {
    RpcError::invalid_parameter(format!("Parameter {name} specified multiple times"))
}

/// Core's rules: holes between named parameters are filled with `null` but never the end of the list; members of an
/// options object may be given as parameters of their own; `args` holds positional parameters that come first.
pub(super) fn to_positional(spec: &Method, members: Vec<(String, Json)>) -> Result<Vec<Json>, RpcError> {
    let mut given = Given::new(members)?;
    let mut out: Vec<Json> = Vec::new();
    let mut hole = 0;
    let mut initial_hole = 0;
    let mut initial_name: Option<&str> = None;
    for arg in &spec.args {
        let mut options: Vec<(String, Json)> = Vec::new();
        if arg.kind == ArgKind::ObjNamedParams {
            for inner in &arg.inner {
                if let Some((name, value)) = given.take(inner.names) {
                    if options.iter().any(|(taken, _)| *taken == name) {
                        return Err(twice(&name));
                    }
                    options.push((name, value));
                }
            }
        }
        let named = given.take(arg.names);
        if options.is_empty() && named.is_none() {
            hole += 1;
            if out.is_empty() {
                initial_hole = hole;
            }
            continue;
        }
        out.extend(std::iter::repeat_n(Json::Null, hole));
        hole = 0;
        initial_name.get_or_insert(arg.names);
        match (named, options.first()) {
            (Some((name, _)), Some((option, _))) => {
                return Err(RpcError::invalid_parameter(format!(
                    "Parameter {name} conflicts with parameter {option}"
                )));
            }
            (Some((_, value)), None) => out.push(value),
            (None, _) => out.push(Json::Object(options)),
        }
    }
    // An `args` that is no array is dropped without a word, as Core does.
    if let Some((_, Json::Array(mut positional))) = given.take("args") {
        if let Some(name) = initial_name
            && initial_hole < positional.len()
        {
            return Err(RpcError::invalid_parameter(format!(
                "Parameter {name} specified twice both as positional and named argument"
            )));
        }
        let given_first = positional.len();
        positional.extend(out.into_iter().skip(given_first));
        out = positional;
    }
    if let Some((name, _)) = given.0.first() {
        return Err(RpcError::invalid_parameter(format!("Unknown named parameter {name}")));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::spec::Arg;
    use super::*;

    fn spec() -> Method {
        Method::new("test", "sample", "")
            .arg(Arg::num("first", ""))
            .arg(Arg::num("second|other", "").optional())
            .arg(Arg::options("options", "", vec![Arg::bool("fast", ""), Arg::num("depth", "")]).optional())
    }

    fn positional(params: &str) -> Result<String, String> {
        let Some(Json::Object(members)) = Json::parse(params.as_bytes()) else { panic!("not an object") };
        to_positional(&spec(), members).map(|values| Json::Array(values).to_string()).map_err(|error| {
            assert_eq!(error.code, -8);
            error.message
        })
    }

    #[test]
    fn names_become_positions() {
        for (params, expected) in [
            ("{}", "[]"),
            (r#"{"first":1}"#, "[1]"),
            (r#"{"other":2}"#, "[null,2]"),
            (r#"{"second":2,"first":1}"#, "[1,2]"),
            (r#"{"fast":true}"#, r#"[null,null,{"fast":true}]"#),
            (r#"{"depth":3,"first":1,"fast":false}"#, r#"[1,null,{"fast":false,"depth":3}]"#),
            (r#"{"options":{}}"#, "[null,null,{}]"),
            (r#"{"args":[7]}"#, "[7]"),
            (r#"{"args":5}"#, "[]"),
            (r#"{"args":[7],"second":8}"#, "[7,8]"),
            (r#"{"args":[7],"fast":true}"#, r#"[7,null,{"fast":true}]"#),
        ] {
            assert_eq!(positional(params).as_deref(), Ok(expected), "{params}");
        }
    }

    #[test]
    fn what_core_refuses_is_refused_in_its_words() {
        for (params, expected) in [
            (r#"{"x":1}"#, "Unknown named parameter x"),
            (r#"{"first":1,"first":2}"#, "Parameter first specified multiple times"),
            (r#"{"options":{},"fast":true}"#, "Parameter options conflicts with parameter fast"),
            (
                r#"{"args":[1],"first":2}"#,
                "Parameter first specified twice both as positional and named argument",
            ),
            (r#"{"second":1,"other":2}"#, "Unknown named parameter other"),
        ] {
            assert_eq!(positional(params).unwrap_err(), expected, "{params}");
        }
    }
}
