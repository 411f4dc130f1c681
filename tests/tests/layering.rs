//! Who may know whom: the arrows between the crates, and names that belong to one crate only.
//!
//! Reads `cargo metadata` and every source file. The rules are checked against samples that break them, too: a rule
//! that nothing can break would hold nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Each crate of ours, and the crates of ours that it may depend on. `*` is anything.
const ARROWS: &[(&str, &[&str])] = &[
    ("chaincore-consensus", &[]),
    ("chaincore-plugin", &["chaincore-consensus"]),
    ("chaincore-miner", &["chaincore-consensus"]),
    ("chaincore-miner-client", &["chaincore-consensus", "chaincore-miner"]),
    ("chaincore-storage", &["chaincore-consensus"]),
    ("chaincore-mirror", &["chaincore-consensus", "chaincore-plugin", "chaincore-postgres"]),
    ("chaincore-rpc", &["chaincore-consensus", "chaincore-miner", "chaincore-plugin"]),
    ("chaincore-cli", &["chaincore-rpc"]),
    (
        "chaincore-monitor",
        &["chaincore-consensus", "chaincore-rpc", "chaincore-mirror", "chaincore-postgres"],
    ),
    (
        "chaincore-node",
        &[
            "chaincore-consensus",
            "chaincore-plugin",
            "chaincore-miner",
            "chaincore-storage",
            "chaincore-mirror",
            "chaincore-rpc",
        ],
    ),
    ("chaincore-wallet", &["chaincore-consensus"]),
    ("chaincore-wallet-wasm", &["chaincore-wallet"]),
    ("chaincore-postgres", &[]),
    ("chaincore-tests", &["*"]),
    ("chaincore-kernel-tests", &["*"]),
    ("xtask", &[]),
];

/// A crate from outside that only one crate of ours may name.
const OWNED: &[(&str, &str)] = &[
    ("sled", "chaincore-storage"),
    ("sqlx", "chaincore-mirror"),
    ("jsonrpsee", "chaincore-rpc"),
    ("wasm_bindgen", "chaincore-wallet-wasm"),
];

/// What consensus may not name outside its tests: waiting, logging, clocks, threads, files and sockets.
const IMPURE: &[&str] = &[
    "tokio",
    "tracing",
    "log",
    "rayon",
    "std::time",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "std::process",
    "println",
    "eprintln",
];

/// Words that name nothing.
const NAMELESS: &[&str] = &["util", "utils", "common", "types", "helper", "helpers", "misc"];

#[derive(Debug, Clone, Default)]
struct Package {
    name: String,
    /// What it needs to be built and run.
    dependencies: BTreeSet<String>,
    /// What only its tests, examples and benches need.
    dev_dependencies: BTreeSet<String>,
    /// Source files: the path, whether it is part of the library or a binary, and the text.
    sources: Vec<(String, bool, String)>,
}

fn violations(packages: &[Package]) -> Vec<String> {
    let ours: BTreeSet<_> = packages.iter().map(|package| package.name.as_str()).collect();
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut found = Vec::new();
    for package in packages {
        let name = &package.name;
        if name.split('-').any(|word| NAMELESS.contains(&word)) {
            found.push(format!("{name}: a crate is named after what it owns"));
        }
        let Some(allowed) = arrows.get(name.as_str()) else {
            found.push(format!("{name}: not in the table of arrows"));
            continue;
        };
        for dependency in package.dependencies.union(&package.dev_dependencies) {
            let free = allowed.contains(&"*") || allowed.contains(&dependency.as_str()) || dependency == name;
            if ours.contains(dependency.as_str()) && !free {
                found.push(format!("{name}: may not depend on {dependency}"));
            }
        }
        for (crate_name, owner) in OWNED {
            let listed =
                |names: &BTreeSet<String>| names.iter().any(|other| other.replace('-', "_") == *crate_name);
            if name != owner && !allowed.contains(&"*") && listed(&package.dependencies) {
                found.push(format!("{name}: only {owner} may depend on {crate_name}"));
            }
        }
        for (path, product, text) in &package.sources {
            let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if NAMELESS.contains(&stem.as_str()) {
                found.push(format!("{path}: a file is named after what it holds"));
            }
            if !product {
                continue;
            }
            let code = code_of(text);
            for (crate_name, owner) in OWNED {
                if name != owner && !allowed.contains(&"*") && names(&code, crate_name) {
                    found.push(format!("{path}: only {owner} may name {crate_name}"));
                }
            }
            for word in IMPURE {
                if name == "chaincore-consensus" && names(&code, word) {
                    found.push(format!("{path}: consensus may not name {word}"));
                }
            }
        }
    }
    found
}

/// Source text without comments, without what stands between quotes, and without its tests at the end.
fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |at| &rest[at..]);
        } else if rest.starts_with("/*") {
            rest = rest.find("*/").map_or("", |at| &rest[at + 2..]);
        } else if rest.starts_with("r\"") || rest.starts_with("r#") {
            let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
            let end = format!("\"{}", "#".repeat(hashes));
            match rest[1 + hashes..]
                .strip_prefix('"')
                .and_then(|body| body.find(&end).map(|at| &body[at + end.len()..]))
            {
                Some(after) => rest = after,
                // A raw identifier.
                None => {
                    code.push('r');
                    rest = &rest[1..];
                }
            }
        } else if c == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c| {
                let end = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                end
            });
            rest = end.map_or("", |at| &rest[at + 2..]);
        } else if rest.starts_with("'\"'") {
            rest = &rest[3..];
        } else if rest.starts_with("'\\\"'") {
            rest = &rest[4..];
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    match code.find("#[cfg(test)]") {
        Some(at) if code[at..].contains("mod tests") => code.truncate(at),
        _ => {}
    }
    code
}

/// Whether `code` has `word` (which may be a path such as `std::time`) as a whole word; for `std::time`,
/// `use std::{…, time}` counts too.
fn names(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let whole = |code: &str, word: &str| {
        code.match_indices(word).any(|(at, _)| {
            let before = code[..at].chars().next_back().is_some_and(part);
            let after = code[at + word.len()..].chars().next().is_some_and(part);
            !before && !after
        })
    };
    if whole(code, word) {
        return true;
    }
    let Some(module) = word.strip_prefix("std::") else { return false };
    code.match_indices("std::{").any(|(at, _)| {
        let list = &code[at + 6..];
        whole(&list[..list.find(';').unwrap_or(list.len())], module)
    })
}

fn workspace() -> Vec<Package> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let packages = metadata["packages"].as_array().expect("metadata lists packages");
    let folders: Vec<PathBuf> = packages
        .iter()
        .map(|package| PathBuf::from(package["manifest_path"].as_str().unwrap_or_default()))
        .filter_map(|manifest| manifest.parent().map(Path::to_path_buf))
        .collect();
    packages
        .iter()
        .zip(&folders)
        .map(|(package, folder)| {
            let mut read = Package {
                name: package["name"].as_str().unwrap_or_default().to_owned(),
                ..Default::default()
            };
            for dependency in package["dependencies"].as_array().into_iter().flatten() {
                let name = dependency["name"].as_str().unwrap_or_default().to_owned();
                let dev = dependency["kind"] == "dev";
                if dev { &mut read.dev_dependencies } else { &mut read.dependencies }.insert(name);
            }
            // Packages nest: a folder's own sources are those in no package below it.
            let nested: Vec<_> =
                folders.iter().filter(|other| *other != folder && other.starts_with(folder)).collect();
            for part in ["src", "tests", "examples", "benches", "build.rs"] {
                collect(&folder.join(part), part == "src", &nested, &mut read.sources);
            }
            read
        })
        .collect()
}

fn collect(path: &Path, product: bool, nested: &[&PathBuf], sources: &mut Vec<(String, bool, String)>) {
    if nested.iter().any(|other| path.starts_with(other)) {
        return;
    }
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("a folder can be read") {
            collect(&entry.expect("an entry can be read").path(), product, nested, sources);
        }
    } else if path.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let test = path.file_stem().is_some_and(|stem| stem == "tests")
            || path.components().any(|part| part.as_os_str() == "tests");
        sources.push((path.display().to_string(), product && !test, text));
    }
}

#[test]
fn the_crates_keep_to_their_arrows_and_names() {
    let packages = workspace();
    let names: BTreeSet<_> = packages.iter().map(|package| package.name.as_str()).collect();
    for name in
        ["chaincore-consensus", "chaincore-storage", "chaincore-rpc", "chaincore-cli", "chaincore-node"]
    {
        let package = packages.iter().find(|package| package.name == name);
        let sources = package.unwrap_or_else(|| panic!("{name} is missing from {names:?}")).sources.len();
        assert!(sources > 0, "no source of {name} was read");
    }
    let found = violations(&packages);
    assert!(found.is_empty(), "{}", found.join("\n"));
    let files: usize = packages.iter().map(|package| package.sources.len()).sum();
    println!("{} crates and {files} source files keep to the rules", packages.len());
}

/// Breaks a rule in a sound workspace.
type Break<'a> = &'a dyn Fn(&mut Vec<Package>);

/// A workspace that breaks no rule.
fn sound() -> Vec<Package> {
    let package = |name: &str, dependencies: &[&str], source: &str| Package {
        name: name.to_owned(),
        dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
        dev_dependencies: BTreeSet::new(),
        sources: vec![("src/lib.rs".to_owned(), true, source.to_owned())],
    };
    vec![
        package(
            "chaincore-consensus",
            &["sha2"],
            "//! Not tokio::spawn.\nlet text = \"rayon \\\" tracing\"; mod timely;",
        ),
        package("chaincore-storage", &["chaincore-consensus", "sled"], "use sled::Tree;"),
        package("chaincore-rpc", &["chaincore-consensus", "jsonrpsee"], "use jsonrpsee::RpcModule;"),
        package(
            "chaincore-node",
            &["chaincore-storage", "chaincore-rpc", "tokio"],
            "use tokio::spawn; let r#sled_like = 1;",
        ),
        package("chaincore-cli", &["chaincore-rpc"], "fn main() {}"),
    ]
}

#[test]
fn every_rule_can_be_broken() {
    assert_eq!(violations(&sound()), [""; 0]);
    let source = |text: &str| ("src/x.rs".to_owned(), true, text.to_owned());
    let broken: &[(&str, Break)] = &[
        ("chaincore-storage: may not depend on chaincore-rpc", &|w| {
            w[1].dependencies.insert("chaincore-rpc".to_owned());
        }),
        ("chaincore-consensus: may not depend on chaincore-node", &|w| {
            w[0].dev_dependencies.insert("chaincore-node".to_owned());
        }),
        ("chaincore-cli: may not depend on chaincore-node", &|w| {
            w[4].dependencies.insert("chaincore-node".to_owned());
        }),
        ("chaincore-rpc: only chaincore-storage may depend on sled", &|w| {
            w[2].dependencies.insert("sled".to_owned());
        }),
        ("chaincore-node: only chaincore-wallet-wasm may depend on wasm_bindgen", &|w| {
            w[3].dependencies.insert("wasm-bindgen".to_owned());
        }),
        ("src/x.rs: only chaincore-storage may name sled", &|w| {
            w[3].sources.push(source("let tree: sled::Tree;"))
        }),
        ("src/x.rs: only chaincore-rpc may name jsonrpsee", &|w| {
            w[3].sources.push(source("use jsonrpsee as j;"))
        }),
        ("src/x.rs: consensus may not name tracing", &|w| {
            w[0].sources.push(source("tracing::info!(\"x\");"))
        }),
        ("src/x.rs: consensus may not name std::time", &|w| {
            w[0].sources.push(source("use std::time::Instant;"))
        }),
        ("src/x.rs: consensus may not name std::time", &|w| {
            w[0].sources.push(source("use std::{fmt, time::Instant};"))
        }),
        ("src/x.rs: consensus may not name rayon", &|w| {
            w[0].sources.push(source("/* a */ use rayon::prelude::*;"))
        }),
        ("src/x.rs: consensus may not name std::fs", &|w| {
            w[0].sources.push(source("let c = '\"'; std::fs::read(p)"))
        }),
        ("chaincore-util: a crate is named after what it owns", &|w| w[3].name = "chaincore-util".to_owned()),
        ("chaincore-new: not in the table of arrows", &|w| w[3].name = "chaincore-new".to_owned()),
        ("src/helpers.rs: a file is named after what it holds", &|w| {
            w[3].sources[0].0 = "src/helpers.rs".to_owned()
        }),
    ];
    for (expected, breaks) in broken {
        let mut workspace = sound();
        breaks(&mut workspace);
        let found = violations(&workspace);
        assert!(found.iter().any(|violation| violation == expected), "{expected} is not in {found:?}");
    }
}

#[test]
fn comments_texts_and_tests_are_no_code() {
    let text = "use a; // sled\n/* sled */ let x = \"sled\"; let y = r#\"sled\"#; let z = '\"'; let w = b;\n\
                #[cfg(test)]\nmod tests { use sled; }";
    let code = code_of(text);
    assert!(!names(&code, "sled"), "{code}");
    assert!(names(&code, "w") && names(&code, "b"), "{code}");
    assert!(!names("unsled sled_", "sled") && names("(sled)", "sled"));
}
