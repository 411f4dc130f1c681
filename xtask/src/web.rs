//! The web app: the wallet's module for browsers and Node.js, and the pages around it.
//!
//! A step whose inputs are older than what it made is left out.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use wasm_bindgen_cli_support::Bindgen;
use wasmparser::{Parser, Payload};

use crate::cargo::{self, cargo, root, target_dir};
use crate::setup::{self, For};

const TARGET: &str = "wasm32-unknown-unknown";
/// Whatever the module imports comes from its own bindings.
const OWN_IMPORTS: &str = "./wallet_bg.js";

#[derive(Args, Default)]
pub struct Options {
    /// Unpack a built app (`web-dist.tar.gz` of a release) instead of building one.
    #[arg(long, value_name = "TARBALL")]
    from: Option<PathBuf>,
    /// Stop after the module and its bindings.
    #[arg(long, conflicts_with = "from")]
    module_only: bool,
    /// Do every step, whether its inputs changed or not.
    #[arg(long)]
    force: bool,
}

/// `cargo xtask web`.
pub fn web(options: &Options) -> Result<()> {
    let dist = root().join("web/dist");
    if let Some(tarball) = &options.from {
        return unpack(tarball, &dist);
    }
    setup::ensure(For::Web)?;
    build(options)
}

/// Builds what is out of date.
pub fn build(options: &Options) -> Result<()> {
    let module = compile()?;
    bind(&module, options.force)?;
    if options.module_only { Ok(()) } else { bundle(options.force) }
}

/// Compiles the module.
fn compile() -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--profile", "wasm", "--target", TARGET, "-p", "chaincore-wallet-wasm"]);
    // Another compiler, found by its name alone, would leave the C functions out without a word.
    command.env("CC_wasm32_unknown_unknown", "clang");
    // What a shell sets for the machine's own code is not for the browser's, and would change the module's hash.
    command.env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("RUSTFLAGS");
    cargo::run(&mut command)?;
    let module = target_dir().join(TARGET).join("wasm/chaincore_wallet_wasm.wasm");
    ensure!(module.exists(), "{} was not built", module.display());
    Ok(module)
}

/// Writes the bindings of both kinds into `wallet-wasm/pkg`.
fn bind(module: &Path, force: bool) -> Result<()> {
    let package = root().join("wallet-wasm/pkg");
    let template = root().join("wallet-wasm/npm");
    let made = [
        package.join("web/wallet_bg.wasm"),
        package.join("node/wallet_bg.wasm"),
        package.join("package.json"),
    ];
    let inputs = [module.to_owned(), template.clone()];
    if !force && is_newer(&made, &inputs)? {
        return Ok(());
    }
    let bytes = std::fs::read(module)?;
    for import in imports(&bytes)? {
        // These are resolved by the bindings, everything else by nobody.
        ensure!(
            import.starts_with("__wbindgen_placeholder__.")
                || import.starts_with("__wbindgen_externref_xform__."),
            "the module wants '{import}', which no page has: was clang the C compiler?"
        );
    }
    for (folder, is_web) in [("web", true), ("node", false)] {
        let mut bindgen = Bindgen::new();
        bindgen.input_path(module).out_name("wallet").typescript(true);
        bindgen.omit_default_module_path(false).remove_name_section(true).remove_producers_section(true);
        if is_web {
            bindgen.web(true)?;
        } else {
            bindgen.nodejs(true)?;
        }
        bindgen.generate(package.join(folder))?;
    }
    for import in imports(&std::fs::read(&made[0])?)? {
        ensure!(import.starts_with(&format!("{OWN_IMPORTS}.")), "the module imports '{import}'");
    }
    Ok(())
}

/// What a module imports, as `module.name`.
fn imports(module: &[u8]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(section) = payload? {
            for import in section.into_imports() {
                let import = import?;
                found.push(format!("{}.{}", import.module, import.name));
            }
        }
    }
    Ok(found)
}

/// Bundles the pages.
fn bundle(force: bool) -> Result<()> {
    let web = root().join("web");
    let installed = web.join("node_modules/.package-lock.json");
    if force || !is_newer(&[installed], &[web.join("package-lock.json"), web.join("package.json")])? {
        cargo::run(
            Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&web),
        )?;
    }
    let inputs = ["src", "public", "build.mjs", "tsconfig.json", "node_modules/.package-lock.json"];
    let mut inputs: Vec<_> = inputs.iter().map(|name| web.join(name)).collect();
    inputs.push(root().join("wallet-wasm/pkg/web"));
    if !force && is_newer(&[web.join("dist/index.html")], &inputs)? {
        return Ok(());
    }
    cargo::run(Command::new("node").arg("build.mjs").current_dir(&web))
}

/// Whether everything that was made is there and newer than every input.
fn is_newer(made: &[PathBuf], inputs: &[PathBuf]) -> Result<bool> {
    let mut oldest = None::<SystemTime>;
    for file in made {
        let Ok(data) = file.metadata() else { return Ok(false) };
        let time = data.modified()?;
        oldest = Some(oldest.map_or(time, |other| other.min(time)));
    }
    let mut newest = SystemTime::UNIX_EPOCH;
    for input in inputs {
        newest = newest.max(newest_in(input)?);
    }
    Ok(oldest.is_some_and(|oldest| oldest > newest))
}

/// When a file, or the newest of a folder, was changed last.
fn newest_in(place: &Path) -> Result<SystemTime> {
    let data = place.metadata().with_context(|| format!("{} is missing", place.display()))?;
    let mut newest = data.modified()?;
    if data.is_dir() {
        for entry in std::fs::read_dir(place)? {
            newest = newest.max(newest_in(&entry?.path())?);
        }
    }
    Ok(newest)
}

/// Unpacks a built app.
fn unpack(tarball: &Path, dist: &Path) -> Result<()> {
    let fresh = dist.with_extension("new");
    let _ = std::fs::remove_dir_all(&fresh);
    std::fs::create_dir_all(&fresh)?;
    cargo::run(Command::new("tar").arg("-xzf").arg(tarball).arg("-C").arg(&fresh))?;
    if !fresh.join("index.html").is_file() {
        bail!("{} holds no web app: there is no index.html in it", tarball.display());
    }
    let _ = std::fs::remove_dir_all(dist);
    std::fs::rename(&fresh, dist)?;
    Ok(())
}
