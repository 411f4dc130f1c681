//! The example passes the check for plugins, and the README shows it as it is.

#[path = "../examples/tally.rs"]
mod example;

use chaincore_plugin::testkit::{Subject, check_plugin};
use chaincore_plugin::{Plugin, async_trait};
use std::path::PathBuf;

struct Folder(tempfile::TempDir);

#[async_trait]
impl Subject for Folder {
    fn plugin(&mut self) -> Box<dyn Plugin> {
        Box::new(example::Tally::default())
    }

    async fn contents(&mut self) -> String {
        std::fs::read_to_string(self.0.path().join("tally.json")).unwrap_or_default()
    }

    fn folder(&self) -> PathBuf {
        self.0.path().into()
    }
}

#[tokio::test]
async fn the_example_passes_the_check() {
    check_plugin(|| Folder(tempfile::tempdir().unwrap())).await.unwrap();
}

#[test]
fn the_readme_shows_the_example() {
    let (source, readme) = (include_str!("../examples/tally.rs"), include_str!("../README.md"));
    let begin = source.find("use chaincore_plugin").unwrap();
    let end = source.find("/// Leads it along").unwrap();
    assert!(readme.contains(source[begin..end].trim()), "the README's code is not the example's");
    assert!(source[begin..end].lines().count() < 60);
}
