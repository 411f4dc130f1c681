//! The OpenAPI 3.1 document of the REST paths, made from the table that the router follows.

use crate::http::rest::RestResponse;
use crate::node::Node;
use crate::plugins::PluginRoutes;
use crate::rest::RestError;
use crate::rest::route::{BodyDoc, Field, Kind, Reply, Route};
use crate::rest::routes;
use crate::value::Object;

/// The document for a node.
pub fn document(node: &dyn Node, plugins: &PluginRoutes) -> Result<RestResponse, RestError> {
    Ok(RestResponse::json(make(&node.info().version, plugins).into_json()))
}

fn make(version: &str, plugins: &PluginRoutes) -> Object {
    let info = Object::new()
        .with("title", "ChainCore REST")
        .with("version", version)
        .with(
            "description",
            "Plain paths of a ChainCore node. Amounts are whole satoshis; a string beside each says the same in coins. \
             JSON-RPC in Bitcoin Core's dialect is at POST / of the same port.",
        );
    let mut paths = Object::new();
    let mut seen: Vec<&str> = Vec::new();
    for route in routes::all() {
        if seen.contains(&route.path) {
            continue;
        }
        seen.push(route.path);
        let mut item = Object::new();
        for route in routes::all().filter(|other| other.path == route.path) {
            item.put(&route.verb.name().to_ascii_lowercase(), &operation(route));
        }
        paths.put(route.path, &item);
    }
    for (path, about) in plugins.listed() {
        let found = Object::new().with("description", "What the plugin answers");
        let responses = Object::new().with("200", &found);
        let operation =
            Object::new().with("summary", about).with("tags", &["plugins"]).with("responses", &responses);
        paths.put(&path, &Object::new().with("get", &operation));
    }
    let error_members = Object::new()
        .with("code", &typed("string", "A word for programs"))
        .with("message", &typed("string", "A sentence for people; it names the bad value"));
    let error = Object::new().with("type", "object").with("properties", &error_members);
    let error = Object::new()
        .with("type", "object")
        .with("required", &["error"])
        .with("properties", &Object::new().with("error", &error));
    let components = Object::new().with("schemas", &Object::new().with("Error", &error));
    Object::new()
        .with("openapi", "3.1.0")
        .with("info", &info)
        .with("paths", &paths)
        .with("components", &components)
}

fn typed(kind: &str, about: &str) -> Object {
    Object::new().with("type", kind).with("description", about)
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "string",
        Kind::Integer => "integer",
        Kind::Number => "number",
        Kind::Flag => "boolean",
        Kind::List => "array",
        Kind::Object => "object",
    }
}

/// A member's schema. What may be absent may be null.
fn schema(field: &Field) -> Object {
    let kind = kind_name(field.kind);
    let mut schema = if field.optional {
        Object::new().with("type", &[kind, "null"]).with("description", field.about)
    } else {
        typed(kind, field.about)
    };
    if field.kind == Kind::List {
        schema.put("items", &Object::new());
    }
    schema
}

fn object_schema(fields: &[Field]) -> Object {
    let mut members = Object::new();
    for field in fields {
        members.put(field.name, &schema(field));
    }
    let required: Vec<&str> = fields.iter().filter(|field| !field.optional).map(|field| field.name).collect();
    let mut object = Object::new().with("type", "object");
    if !required.is_empty() {
        object.put("required", &required);
    }
    object.with("properties", &members)
}

/// Headers of our own begin with `X-`, and names in queries are small.
fn in_head_or_query(field: &Field) -> &'static str {
    if field.name.starts_with("X-") { "header" } else { "query" }
}

fn parameter(route: &Route, field: &Field) -> Object {
    let in_path = route.path.contains(&format!("{{{}}}", field.name));
    Object::new()
        .with("name", field.name)
        .with("in", if in_path { "path" } else { in_head_or_query(field) })
        .with("required", &!field.optional)
        .with("description", field.about)
        .with("schema", &Object::new().with("type", kind_name(field.kind)))
}

fn request_body(body: &BodyDoc) -> Object {
    let json = Object::new().with("schema", &object_schema(body.fields));
    let mut content = Object::new().with("application/json", &json);
    if body.text {
        content.put("text/plain", &Object::new().with("schema", &typed("string", "Hexadecimal digits")));
    }
    Object::new().with("description", body.about).with("required", &true).with("content", &content)
}

fn operation(route: &Route) -> Object {
    let mut operation = Object::new().with("summary", route.summary).with("tags", &[route.group]);
    if !route.params.is_empty() {
        let parameters: Vec<Object> = route.params.iter().map(|field| parameter(route, field)).collect();
        operation.put("parameters", &parameters);
    }
    if let Some(body) = &route.body {
        operation.put("requestBody", &request_body(body));
    }
    let content = match route.reply {
        Reply::Json(fields) => {
            let json = Object::new().with("schema", &object_schema(fields));
            Object::new().with("application/json", &json)
        }
        Reply::AnyJson => {
            let json = Object::new().with("schema", &Object::new().with("type", "object"));
            Object::new().with("application/json", &json)
        }
        Reply::List(_) => {
            let schema = Object::new().with("type", "array").with("items", &Object::new());
            Object::new().with("application/json", &Object::new().with("schema", &schema))
        }
        Reply::Html => Object::new().with("text/html", &Object::new()),
        Reply::Text(_) => Object::new()
            .with("text/plain", &Object::new().with("schema", &Object::new().with("type", "string"))),
        Reply::Bytes => Object::new().with("application/octet-stream", &Object::new()),
    };
    let about = match route.reply {
        Reply::List(about) | Reply::Text(about) => about,
        Reply::Json(_) | Reply::AnyJson | Reply::Html | Reply::Bytes => "The answer",
    };
    let found = Object::new().with("description", about).with("content", &content);
    let error = Object::new().with("schema", &Object::new().with("$ref", "#/components/schemas/Error"));
    // Esplora's errors are sentences.
    let errors = if route.path.starts_with("/api/") {
        Object::new().with("text/plain", &Object::new().with("schema", &Object::new().with("type", "string")))
    } else {
        Object::new().with("application/json", &error)
    };
    let failed = Object::new().with("description", "What is wrong").with("content", &errors);
    operation.with("responses", &Object::new().with("200", &found).with("default", &failed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Json;

    #[test]
    fn every_route_is_in_the_document_and_nothing_else() {
        let document = Json::parse(make("1.2.3", &PluginRoutes::default()).into_json().as_bytes()).unwrap();
        let mut told = 0;
        for (path, item) in document.field("paths").get_object().unwrap() {
            for (verb, operation) in item.get_object().unwrap() {
                let same = |route: &&Route| {
                    route.path == path.as_str() && route.verb.name().eq_ignore_ascii_case(verb)
                };
                let route = routes::all().find(same).expect("the document tells only of routes");
                assert_eq!(operation.field("summary").get_str().unwrap(), route.summary);
                let parameters =
                    operation.member("parameters").map_or(0, |list| list.get_array().unwrap().len());
                assert_eq!(parameters, route.params.len(), "{path}");
                assert_eq!(operation.member("requestBody").is_some(), route.body.is_some(), "{path}");
                told += 1;
            }
        }
        assert_eq!(told, routes::all().count());
    }

    #[test]
    fn the_header_of_local_miners_is_described_as_one() {
        for path in ["/mine_block", "/submit_block"] {
            let route = routes::all().find(|route| route.path == path).unwrap();
            let told = parameter(route, &route.params[0]).into_json();
            assert!(
                told.contains("\"name\":\"X-Local-Mining\",\"in\":\"header\",\"required\":false"),
                "{told}"
            );
        }
    }

    #[test]
    fn parameters_in_paths_are_described() {
        for route in routes::all() {
            let parts = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
            let told = route.params.iter().map(|field| field.name).take(parts.clone().count());
            assert!(told.eq(parts), "{}", route.path);
        }
    }
}
