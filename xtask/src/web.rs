//! The web app: the wallet's module for browsers and Node.js, and the pages around it.
//!
//! A step whose inputs are older than what it made is left out.

mod pack;

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
/// What the bindings put in place of; everything else that a module imports stays unresolved.
const BINDINGS_RESOLVE: [&str; 2] = ["__wbindgen_placeholder__.", "__wbindgen_externref_xform__."];

#[derive(Args, Default)]
pub struct Options {
    /// Unpack a built app (`web-dist.tar.gz` of a release) instead of building one.
    #[arg(long, value_name = "TARBALL")]
    from: Option<PathBuf>,
    /// Stop after the module and its bindings.
    #[arg(long, conflicts_with = "from")]
    module_only: bool,
    /// Also build what only the tests need.
    #[arg(long, conflicts_with = "from")]
    for_tests: bool,
    /// Do every step, whether its inputs changed or not.
    #[arg(long)]
    force: bool,
}

/// The web app for a node that is about to be built: what cannot be had is told, and the node does without.
pub fn offer() {
    let built = setup::ensure(For::Web).and_then(|()| build(&Options::default()));
    if let Err(error) = built {
        eprintln!(
            "The web app cannot be built here: {error:#}\n\
             The node will serve a plain page in its place. `cargo xtask web` tries again; \
             `cargo xtask web --from web-dist.tar.gz` takes one that was built elsewhere.\n"
        );
    }
}

/// `cargo xtask web`.
pub fn web(options: &Options) -> Result<()> {
    let dist = root().join("web/dist");
    if let Some(tarball) = &options.from {
        return unpack(tarball, &dist);
    }
    setup::ensure(For::Web)?;
    if options.for_tests { build_for_tests() } else { build(options) }
}

/// Builds what is out of date, and the module with which the tests check published vectors.
pub fn build_for_tests() -> Result<()> {
    let module = compile(&["--features", "vectors"])?;
    let folder = root().join("wallet-wasm/pkg-vectors");
    if !is_newer(&[folder.join("wallet_bg.wasm")], std::slice::from_ref(&module))? {
        Bindgen::new().input_path(&module).out_name("wallet").web(true)?.generate(&folder)?;
        let bound = folder.join("wallet_bg.wasm");
        std::fs::write(&bound, pack::pack(&std::fs::read(&bound)?)?)?;
    }
    build(&Options::default())
}

/// Builds the module and its package alone.
pub fn module() -> Result<()> {
    setup::ensure(For::Web)?;
    build(&Options { module_only: true, ..Options::default() })
}

/// Builds what is out of date.
pub fn build(options: &Options) -> Result<()> {
    let module = compile(&[])?;
    package(&module, options.force)?;
    if options.module_only { Ok(()) } else { bundle(options.force) }
}

/// Compiles the module.
fn compile(more: &[&str]) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--profile", "wasm", "--target", TARGET, "-p", "chaincore-wallet-wasm"]);
    command.args(more);
    // Another compiler, found by its name alone, would leave the C functions out without a word.
    command.env("CC_wasm32_unknown_unknown", "clang");
    // Neither what a shell sets for the machine's own code nor where its folders are is for the browser: the same
    // sources give the same module everywhere.
    command.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", remapped().join("\u{1f}"));
    cargo::run(&mut command)?;
    let module = target_dir().join(TARGET).join("wasm/chaincore_wallet_wasm.wasm");
    ensure!(module.exists(), "{} was not built", module.display());
    Ok(module)
}

/// The compiler's options that take this machine's folders out of what panics say.
fn remapped() -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let sources = home.map(|home| home.join("registry/src"));
    let registries =
        sources.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let folders =
        registries.map(|registry| (registry.path(), "/crates")).chain([(root().to_owned(), "/chaincore")]);
    folders.map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display())).collect()
}

/// Makes the package for npm, `wallet-wasm/pkg`, out of the module and the files of `wallet-wasm/npm`.
///
/// Pages and Node.js get the same bindings and the same bytes: what is tested in one is what runs in the other.
fn package(module: &Path, force: bool) -> Result<()> {
    let package = root().join("wallet-wasm/pkg");
    let template = root().join("wallet-wasm/npm");
    let manifest = package.join("package.json");
    let bound = package.join("bindings/wallet_bg.wasm");
    if !force && is_newer(&[manifest.clone(), bound.clone()], &[module.to_owned(), template.clone()])? {
        return Ok(());
    }
    for import in imports(&std::fs::read(module)?)? {
        ensure!(
            BINDINGS_RESOLVE.iter().any(|from| import.starts_with(from)),
            "the module wants '{import}', which no page has: was clang the C compiler?"
        );
    }
    let _ = std::fs::remove_dir_all(&package);
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).out_name("wallet").typescript(true).web(true)?;
    // Without the path of the module in them, the bindings could not be loaded without an argument.
    bindgen.omit_default_module_path(false).remove_name_section(false).remove_producers_section(true);
    bindgen.generate(package.join("bindings"))?;
    let packed = pack::pack(&std::fs::read(&bound)?)?;
    std::fs::write(&bound, &packed)?;
    for import in imports(&packed)? {
        ensure!(import.starts_with("./wallet_bg.js."), "the module imports '{import}'");
    }
    for entry in std::fs::read_dir(&template)? {
        let entry = entry?;
        std::fs::copy(entry.path(), package.join(entry.file_name()))?;
    }
    std::fs::copy(root().join("LICENSE"), package.join("LICENSE"))?;
    let text = std::fs::read_to_string(template.join("package.json"))?;
    let version = concat!("\"version\": \"", env!("CARGO_PKG_VERSION"), "\"");
    std::fs::write(&manifest, text.replace("\"version\": \"0.0.0\"", version))?;
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
    inputs.extend(["wallet-wasm/pkg", "wallet-wasm/npm"].map(|name| root().join(name)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Packs a folder of these files as releases do.
    fn pack(place: &Path, name: &str, files: &[(&str, &str)]) -> Result<PathBuf> {
        let (folder, tarball) = (place.join(name), place.join(format!("{name}.tar.gz")));
        for (file, text) in files {
            let file = folder.join(file);
            fs::create_dir_all(file.parent().context("a file lies in a folder")?)?;
            fs::write(file, text)?;
        }
        cargo::run(Command::new("tar").arg("-czf").arg(&tarball).arg("-C").arg(&folder).arg("."))?;
        Ok(tarball)
    }

    #[test]
    fn an_app_built_elsewhere_takes_the_place_of_the_one_that_is_there() -> Result<()> {
        let place = std::env::temp_dir().join(format!("chaincore-xtask-web-{}", std::process::id()));
        let dist = place.join("dist");
        fs::create_dir_all(&dist)?;
        fs::write(dist.join("old.js"), "old")?;
        let good = pack(&place, "good", &[("index.html", "new"), ("app/assets/app-1.js", "app()")])?;
        let empty = pack(&place, "empty", &[("app/index.html", "not at the top")])?;

        assert!(unpack(&empty, &dist).is_err_and(|error| error.to_string().contains("holds no web app")));
        assert!(unpack(&place.join("missing.tar.gz"), &dist).is_err());
        fs::write(place.join("damaged.tar.gz"), "no tarball")?;
        assert!(unpack(&place.join("damaged.tar.gz"), &dist).is_err());
        assert_eq!(
            fs::read_to_string(dist.join("old.js"))?,
            "old",
            "what cannot be unpacked changes nothing"
        );

        unpack(&good, &dist)?;
        assert_eq!(fs::read_to_string(dist.join("index.html"))?, "new");
        assert_eq!(fs::read_to_string(dist.join("app/assets/app-1.js"))?, "app()");
        assert!(!dist.join("old.js").exists() && !dist.with_extension("new").exists());
        fs::remove_dir_all(&place)?;
        Ok(())
    }
}
