//! Connections: TLS as the URL says, passwords nowhere.

use crate::kit::{lead, mirror, number};
use crate::world::{Filling, World};
use chaincore_mirror::connection::{Limits, Server as Address};
use chaincore_mirror::{Mirror, MirrorOptions};
use chaincore_plugin::{Plugin, PluginError};
use chaincore_postgres::{Options, Server};
use std::time::Duration;

#[tokio::test]
async fn the_mirror_speaks_tls_and_refuses_servers_that_it_cannot_verify() {
    let server = Server::start(Options::fast().tls());
    let database = server.database("tls");
    let url = server.tls_url(&database.name);
    let world = World::new(61, Filling { txs: 3, scripts: 3 });
    world.extend(4);
    let mut guide = mirror(&world, &url);
    lead(&mut guide).await;
    let encrypted = "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
        WHERE a.application_name = 'chaincore-mirror' AND s.ssl AND s.version >= 'TLSv1.2'";
    assert_eq!(number(&database.url, encrypted).await, 1);
    // Without the authority's certificate the server could be anybody.
    let (unverified, _) = url.split_once("&sslrootcert").unwrap();
    assert!(unverified.ends_with("verify-full"));
    let error = Address::parse(unverified).unwrap().connect(&Limits::default()).await.unwrap_err();
    assert!(error.to_string().contains("cannot connect"), "{error}");
    // Encrypted, not verified: what `require` says.
    let weaker = unverified.replace("verify-full", "require");
    Address::parse(&weaker).unwrap().connect(&Limits::default()).await.unwrap();
}

#[tokio::test]
async fn servers_that_are_not_there_are_tried_again_and_passwords_are_not_told() {
    let world = World::new(62, Filling { txs: 3, scripts: 3 });
    let context = crate::kit::context(&world);
    // Nobody listens on the discard port.
    let limits = Limits { connect: Duration::from_secs(5), ..Limits::default() };
    let url = "postgres://writer:pa55word@127.0.0.1:9/chain?sslmode=disable";
    let options = MirrorOptions { limits, ..MirrorOptions::new(url) };
    assert!(!format!("{options:?}").contains("pa55word"));
    let mut mirror = Mirror::new(options).unwrap();
    assert_eq!(mirror.server().to_string(), "postgres://writer@127.0.0.1:9/chain");
    let error = mirror.open(&context).await.unwrap_err();
    assert!(matches!(error, PluginError::Retry { .. }));
    assert!(!format!("{error} {error:?}").contains("pa55word"));
    let error = mirror.extend(&world.blocks()).await.unwrap_err();
    assert!(matches!(error, PluginError::Retry { .. }));

    // A role that may not log in does not come right by itself.
    let server = Server::shared();
    let database = server.database("roles");
    let url = database.url.replacen("postgres@", "nobody_knows:pa55word@", 1);
    let error = Mirror::new(MirrorOptions::new(url)).unwrap().open(&context).await.unwrap_err();
    assert!(matches!(&error, PluginError::Fatal(reason) if reason.contains("nobody_knows")), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("pa55word"));

    // Nor does a database that is not there; what to do is said, and not where in the server's source it was found.
    let url = server.url("nowhere");
    let error = Mirror::new(MirrorOptions::new(url)).unwrap().open(&context).await.unwrap_err().to_string();
    assert!(error.contains("\"nowhere\" does not exist; make it with createdb"), "{error}");
    assert!(!error.contains("at line"), "{error}");
}
