use super::*;
use crate::json::Json;
use serde_json::{Value, json};
use std::sync::Mutex;

#[derive(Default)]
struct Two(Mutex<Vec<(String, PluginCommand)>>);

impl Plugins for Two {
    fn list(&self) -> Vec<PluginInfo> {
        let info = |id: &str, cursor: Option<BlockRef>| PluginInfo {
            id: id.into(),
            version: "1".into(),
            kind: "in-process",
            state: "live",
            important: false,
            lag: cursor.map(|_| 3),
            cursor,
            blocks: 9,
            retries: 0,
            last_error: None,
            description: String::new(),
            figures: BTreeMap::from([("rows_total".to_owned(), 0.5)]),
        };
        let at = BlockRef { height: 7, hash: chaincore_consensus::BlockHash([1; 32]) };
        vec![info("one", Some(at)), info("two", None)]
    }

    fn command(&self, id: &str, command: PluginCommand) -> Result<(), String> {
        self.0.lock().unwrap().push((id.into(), command));
        if id == "two" { Err("it does not want to".into()) } else { Ok(()) }
    }
}

fn echo(name: &str) -> api::Method {
    let parameter =
        |name: &str, optional| api::Parameter { name: name.into(), description: "A thing".into(), optional };
    api::Method {
        name: name.into(),
        description: "Gives back.\nAll of it.".into(),
        parameters: vec![parameter("first", false), parameter("second", true)],
        handler: Arc::new(|values: &[Value]| match values.first() {
            Some(Value::String(word)) if word == "fail" => Err(ApiError::invalid("as asked")),
            _ => Ok(json!(values)),
        }),
    }
}

#[tokio::test]
async fn plugins_are_listed_and_commanded_and_their_methods_called() {
    let two = Arc::new(Two::default());
    let plugins: Arc<dyn Plugins> = two.clone();
    let mut builder = RegistryBuilder::new();
    register(&mut builder, &plugins, vec![("one".into(), echo("giveback"))]);
    let registry = builder.build().unwrap();
    registry.warmup().finish();
    let call = async |method: &str, params: &str| {
        let params = Json::parse(params.as_bytes()).unwrap();
        registry
            .call_local(method, params)
            .await
            .map(|raw| raw.get().to_owned())
            .map_err(|error| error.message)
    };
    let list: Value = serde_json::from_str(&call("listplugins", "[]").await.unwrap()).unwrap();
    assert_eq!(list[0]["cursor"]["height"], 7);
    assert_eq!((&list[0]["lag"], &list[0]["figures"]["rows_total"]), (&json!(3), &json!(0.5)));
    assert!(list[1].get("cursor").is_none() && list[1].get("last_error").is_none());

    let one: Value = serde_json::from_str(&call("plugin", "[\"reset\",\"one\"]").await.unwrap()).unwrap();
    assert_eq!(one["id"], "one");
    assert_eq!(call("plugin", "[\"stop\",\"two\"]").await, Err("it does not want to".into()));
    assert_eq!(call("plugin", "[\"stop\",\"three\"]").await, Err("there is no plugin 'three'".into()));
    assert!(call("plugin", "[\"eat\",\"one\"]").await.unwrap_err().contains("'eat'"));
    let told = [("one".to_owned(), PluginCommand::Reset), ("two".to_owned(), PluginCommand::Stop)];
    assert_eq!(*two.0.lock().unwrap(), told);

    assert_eq!(call("giveback", "[1,{\"a\":null}]").await, Ok("[1,{\"a\":null}]".into()));
    assert_eq!(call("giveback", "[\"fail\"]").await, Err("as asked".into()));
    assert!(call("giveback", "[]").await.is_err());
    let help = call("help", "[]").await.unwrap();
    for line in
        ["== Control ==", "listplugins", "plugin \\\"command\\\" \\\"id\\\"", "== Plugins ==", "giveback"]
    {
        assert!(help.contains(line), "{line} in {help}");
    }
    assert!(call("help", "[\"giveback\"]").await.unwrap().contains("A method of the plugin one."));
}

#[test]
fn a_method_of_a_plugin_cannot_take_the_name_of_another() {
    let plugins: Arc<dyn Plugins> = Arc::new(Two::default());
    let mut builder = RegistryBuilder::new();
    register(&mut builder, &plugins, vec![("one".into(), echo("listplugins"))]);
    assert!(builder.build().is_err());
}

fn route(path: &str) -> api::Route {
    let name = path.to_owned();
    api::Route {
        path: path.into(),
        description: format!("Shows {path}"),
        handler: Arc::new(move |request| match request.query.get("fail") {
            Some(_) => Err(ApiError { code: -5, message: "not here".into() }),
            None => Ok(api::RestReply::json(&json!({ "route": name, "rest": request.rest }))),
        }),
    }
}

#[test]
fn paths_lead_to_the_plugins_that_registered_them() {
    let of = |id: &str, path: &str| (id.to_owned(), route(path));
    let routes =
        PluginRoutes::new(vec![of("one", ""), of("one", "deep"), of("two", "only"), of("metrics", "")]);
    let ask = |target: &str| {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        assert!(routes.claims(path), "{path}");
        let request = RestRequest {
            method: hyper::Method::GET,
            path: path.into(),
            query: query.into(),
            headers: hyper::HeaderMap::new(),
            body: hyper::body::Bytes::new(),
            peer: ([127, 0, 0, 1], 1).into(),
        };
        routes.answer(&request).map(|response| match response.body {
            crate::http::rest::RestBody::Full(body) => serde_json::from_slice::<Value>(&body).unwrap(),
            crate::http::rest::RestBody::Stream(_) => unreachable!("plugins answer at once"),
        })
    };
    let found = |route: &str, rest: &str| Ok(json!({ "route": route, "rest": rest }));
    assert_eq!(ask("/plugins/one"), found("", ""));
    assert_eq!(ask("/plugins/one/"), found("", ""));
    assert_eq!(ask("/plugins/one/a%20b/c?x=1"), found("", "a b/c"));
    assert_eq!(ask("/plugins/one/deep/er/"), found("deep", "er"));
    assert_eq!(ask("/metrics"), found("", ""));
    for missing in ["/plugins", "/plugins/two", "/plugins/two/other", "/plugins/three/only", "/plugins/"] {
        assert_eq!(ask(missing).unwrap_err().status, StatusCode::NOT_FOUND, "{missing}");
    }
    assert_eq!(ask("/plugins/two/only?fail=1").unwrap_err().status, StatusCode::NOT_FOUND);
    assert!(!PluginRoutes::default().claims("/metrics") && !routes.claims("/pluginsx"));
    let listed: Vec<_> = routes.listed().map(|(path, _)| path).collect();
    let expected = ["/metrics", "/plugins/one", "/plugins/one/deep", "/plugins/two/only", "/plugins/metrics"];
    assert_eq!(listed, expected);
}
