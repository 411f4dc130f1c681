//! The mirror keeps what the contract asks of every plugin.

use crate::kit::{checksums, database};
use chaincore_mirror::{Mirror, MirrorOptions};
use chaincore_plugin::testkit::{Effort, Subject, check_plugin_with};
use chaincore_plugin::{Plugin, async_trait};
use chaincore_postgres::Database;
use std::time::Duration;

struct Mirrored(Database);

#[async_trait]
impl Subject for Mirrored {
    fn plugin(&mut self) -> Box<dyn Plugin> {
        // The server takes a moment to notice that the one before is gone.
        let lease_patience = Duration::from_secs(30);
        let options = MirrorOptions { lease_patience, ..MirrorOptions::new(&self.0.url) };
        Box::new(Mirror::new(options).unwrap())
    }

    async fn contents(&mut self) -> String {
        checksums(&self.0.url).await
    }
}

#[tokio::test]
async fn it_ends_with_the_same_contents_whatever_way_it_was_led() {
    let template = database("empty");
    let effort = Effort { every: 13, waits: 2, scripts: 1 };
    // A copy of a database with the tables is faster than making them.
    let options = MirrorOptions::new(&template.url);
    let mut first = Mirror::new(options).unwrap();
    let chain = chaincore_plugin::testkit::ScriptedChain::new(1);
    first.open(&chain.context("/nonexistent")).await.unwrap();
    first.close().await;
    check_plugin_with(|| Mirrored(template.copy("checked")), effort).await.unwrap();
}
