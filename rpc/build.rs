//! Puts the web app into the library, if it has been built: every file of `web/dist`, as bytes.
//!
//! A build needs no npm: without `web/dist` the node serves its plain page. With `CHAINCORE_REQUIRE_UI=1`, as releases are
//! made, that is an error.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Everything below a folder, in order.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            walk(&entry, files)?;
        } else {
            files.push(entry);
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let web = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../web");
    let dist = web.join("dist");
    println!("cargo:rerun-if-env-changed=CHAINCORE_REQUIRE_UI");
    println!("cargo:rerun-if-changed=build.rs");
    let mut table = String::from("&[\n");
    if dist.join("index.html").is_file() {
        println!("cargo:rerun-if-changed={}", dist.display());
        let dist = dist.canonicalize()?;
        let mut files = Vec::new();
        walk(&dist, &mut files)?;
        for file in files {
            let name = file.strip_prefix(&dist)?.to_str().ok_or("a name in web/dist is not UTF-8")?;
            let path = file.to_str().ok_or("the path of web/dist is not UTF-8")?;
            writeln!(table, "    ({:?}, include_bytes!({path:?})),", name.replace('\\', "/"))?;
        }
    } else if env::var("CHAINCORE_REQUIRE_UI").is_ok_and(|value| !value.is_empty() && value != "0") {
        return Err(
            "CHAINCORE_REQUIRE_UI is set and web/dist/index.html is missing: build the web app with \
                    `cargo xtask web` first, or unset the variable for a node with the plain page alone"
                .into(),
        );
    } else {
        // A path that is not there would make every build run this again: what is watched is where it would come.
        println!("cargo:rerun-if-changed={}", web.display());
    }
    table.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("web_files.rs"), table)?;
    Ok(())
}
