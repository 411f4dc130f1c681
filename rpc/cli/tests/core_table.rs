//! The table of parameters that are JSON is the same as in Bitcoin Core's client, whose source comes with a crate
//! that the tests of the engine use.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// Core's `rpc/client.cpp`.
fn core_source() -> String {
    // Without the network if cargo has everything at hand.
    let metadata = metadata(&["--offline"]).or_else(|| metadata(&[])).expect("cargo metadata");
    let packages = metadata["packages"].as_array().expect("metadata lists packages");
    let package = packages.iter().find(|package| package["name"] == "libbitcoinkernel-sys");
    let package = package.expect("the crate with Core's source is in Cargo.lock");
    let manifest = PathBuf::from(package["manifest_path"].as_str().expect("a package has a manifest"));
    let path = manifest.with_file_name("bitcoin").join("src/rpc/client.cpp");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn metadata(options: &[&str]) -> Option<serde_json::Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1"]).args(options).current_dir(env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&command.output().ok()?.stdout).ok()
}

#[test]
fn the_table_is_that_of_core() {
    let source = core_source();
    let start = source.find("vRPCConvertParams[] =").expect("the table has that name");
    let table = &source[start..start + source[start..].find("};").expect("the table ends")];
    let mut theirs = BTreeSet::new();
    for row in table.lines().filter_map(|line| line.trim().strip_prefix("{ \"")) {
        let words: Vec<_> = row.split(['"', ',', ' ', '}']).filter(|word| !word.is_empty()).collect();
        let mark = match words.get(3).copied() {
            Some("ParamFormat::STRING") => "$",
            Some("ParamFormat::JSON_OR_STRING") => "?",
            _ => "",
        };
        theirs.insert(format!("{} {}:{}{mark}", words[0], words[1], words[2]));
    }
    assert!(theirs.len() > 300, "{} rows", theirs.len());

    let source = include_str!("../src/convert.rs");
    let start = source.find("const PARAMETERS").expect("the table has that name");
    let table =
        source[start..start + source[start..].find("];").expect("the table ends")].replace("\\\n", "");
    let mut ours = BTreeSet::new();
    let mut texts = table.split('"').skip(1).step_by(2);
    while let (Some(method), Some(parameters)) = (texts.next(), texts.next()) {
        let joined: String = parameters.split_whitespace().collect::<Vec<_>>().join(" ").replace("| ", "|");
        for (index, names) in joined.split(' ').filter_map(|entry| entry.split_once(':')) {
            ours.extend(names.split('|').map(|name| format!("{method} {index}:{name}")));
        }
    }
    assert_eq!(ours.difference(&theirs).collect::<Vec<_>>(), [""; 0], "only ours");
    assert_eq!(theirs.difference(&ours).collect::<Vec<_>>(), [""; 0], "only theirs");
}
