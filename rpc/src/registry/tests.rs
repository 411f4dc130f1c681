use super::*;

fn table() -> Arc<Registry> {
    let mut builder = RegistryBuilder::new();
    builder.add(
        Method::new("util", "double", "Doubles.")
            .arg(Arg::num("n", "The number"))
            .arg(Arg::bool("loud", "").optional()),
        |call| async move { Ok(call.args.int::<i64>(0)? * 2) },
    );
    builder.add_blocking(Method::new("blockchain", "slow", "Blocks."), |_| Ok("done"));
    builder.add_waiting(Method::new("blockchain", "forever", "Never ends."), |_| {
        std::future::pending::<Result<(), _>>()
    });
    builder.add(Method::new("hidden", "panics", "Panics."), |call| async move {
        assert!(call.args.is_empty() && call.method().is_empty(), "as it must");
        Ok(())
    });
    builder.add_blocking(Method::new("hidden", "panics_too", "Panics."), |call| {
        assert!(call.args.is_empty() && call.method().is_empty(), "as it must");
        Ok(())
    });
    let registry = builder.build().unwrap();
    registry.warmup().finish();
    registry
}

async fn call(registry: &Registry, method: &str, params: &str) -> Result<String, (i32, String)> {
    let result = registry.call_local(method, Json::parse(params.as_bytes()).unwrap()).await;
    result.map(|raw| raw.get().to_owned()).map_err(|error| (error.code, error.message))
}

#[tokio::test]
async fn calls_check_and_answer() {
    let registry = table();
    assert_eq!(call(&registry, "double", "[21]").await.unwrap(), "42");
    assert_eq!(call(&registry, "double", r#"{"n":4,"loud":null}"#).await.unwrap(), "8");
    assert_eq!(call(&registry, "slow", "null").await.unwrap(), "\"done\"");
    assert_eq!(call(&registry, "none", "[]").await.unwrap_err(), (-32601, "Method not found".into()));
    let (code, text) = call(&registry, "double", "[]").await.unwrap_err();
    assert_eq!((code, text), (-1, registry.method("double").unwrap().help()));
    assert_eq!(call(&registry, "double", "[1,true,3]").await.unwrap_err().0, -1);
    assert_eq!(
        call(&registry, "double", r#"["x",1]"#).await.unwrap_err(),
        (
            -3,
            "Wrong type passed:\n{\n    \"Position 1 (n)\": \"JSON value of type string is not of expected type number\",\n    \
             \"Position 2 (loud)\": \"JSON value of type number is not of expected type bool\"\n}"
                .into()
        )
    );
    assert_eq!(call(&registry, "panics", "[]").await.unwrap_err().0, -1);
    assert_eq!(call(&registry, "panics_too", "[]").await.unwrap_err().0, -1);
    assert!(registry.active_calls().list().is_empty());
}

#[tokio::test]
async fn warm_up_answers_first() {
    let registry = RegistryBuilder::new().build().unwrap();
    assert_eq!(call(&registry, "none", "[]").await.unwrap_err(), (-28, "RPC server started".into()));
    registry.warmup().set_status("Loading block index…");
    assert_eq!(call(&registry, "help", "[]").await.unwrap_err(), (-28, "Loading block index…".into()));
}

#[tokio::test]
async fn stopping_ends_what_waits() {
    let registry = table();
    let waiting = tokio::spawn({
        let registry = registry.clone();
        async move { call(&registry, "forever", "[]").await }
    });
    while registry.active_calls().list().is_empty() {
        tokio::task::yield_now().await;
    }
    registry.stop();
    assert_eq!(waiting.await.unwrap().unwrap_err(), (-9, "Shutting down".into()));
}

#[tokio::test]
async fn help_lists_by_category() {
    let registry = table();
    let list = "== Blockchain ==\nforever\nslow\n\n== Control ==\nhelp ( \"command\" )\n\n== Util ==\ndouble n ( loud )";
    assert_eq!(registry.help(""), Json::String(list.into()));
    assert_eq!(registry.help("nope"), Json::String("help: unknown command: nope".into()));
    let Json::String(text) = registry.help("double") else { panic!("help is a string") };
    assert!(text.starts_with("double n ( loud )\n\nDoubles.\n\nArguments:\n1. n"));
    assert_eq!(
        call(&registry, "help", r#"["dump_all_command_conversions"]"#).await.unwrap(),
        r#"[["double",0,"n",false],["double",1,"loud",false],["help",0,"command",true]]"#
    );
}

#[test]
fn names_are_unique() {
    let mut builder = RegistryBuilder::new();
    builder.add_blocking(Method::new("control", "help", ""), |_| Ok(()));
    assert_eq!(builder.build().err(), Some(RegistryError::Duplicate("help".into())));
    let feed = || {
        let mut module = jsonrpsee::RpcModule::new(());
        let subscription = |_, pending: jsonrpsee::PendingSubscriptionSink, _, _| async move {
            drop(pending.accept().await);
        };
        module.register_subscription("subscribe", "tip", "unsubscribe", subscription).unwrap();
        module
    };
    let mut builder = RegistryBuilder::new();
    builder.add_feed(feed()).add_feed(feed());
    assert!(matches!(builder.build().err(), Some(RegistryError::Duplicate(_))));
    let mut builder = RegistryBuilder::new();
    builder.add_feed(feed()).add_blocking(Method::new("control", "unsubscribe", ""), |_| Ok(()));
    assert_eq!(builder.build().err(), Some(RegistryError::Duplicate("unsubscribe".into())));
}
