//! The SQL mirror (`-mirror`), and `chaincored mirror verify`.

use super::Config;
use chaincore_mirror::verify::Extent;
use chaincore_mirror::{Mirror, MirrorOptions};
use chaincore_rpc::conf::{Conf, ConfError};
use clap::Parser;

/// What is to be mirrored where; `None` for no mirror.
pub(super) fn read(conf: &Conf) -> Result<Option<MirrorOptions>, ConfError> {
    let settings = &conf.settings;
    let Some(url) = settings.text("mirror").filter(|url| !url.is_empty()) else { return Ok(None) };
    let mut options = MirrorOptions::new(url);
    options.mempool_events = settings.switch_or("mirrormempool", false)?;
    options.important = settings.switch_or("mirrorimportant", false)?;
    // The URL may hold a password: the text names what is wrong, not the URL.
    let checked =
        Mirror::new(options.clone()).map_err(|error| ConfError::Value(format!("-mirror: {error}")))?;
    drop(checked);
    Ok(Some(options))
}

/// Compare the PostgreSQL mirror with this node's own store.
///
/// Asks the running node, or reads the store itself if none runs. Nothing is mended. The exit code is 0 if all is
/// right, 2 if something is wrong, 1 if it could not be found out.
#[derive(Debug, Parser)]
#[command(
    name = "chaincored mirror verify",
    version,
    after_help = "Options of chaincored (-datadir, -chain, -mirror, -conf …) may follow: they say which node and which \
                  mirror. What the configuration file says need not be said again.\n\nExamples:\n  chaincored mirror \
                  verify --fast\n  chaincored mirror verify --height 1000..2000 -datadir=/srv/chaincore"
)]
struct Verify {
    /// The last blocks, the coins as far as they are read in seconds, the indexes (the default).
    #[arg(long, conflicts_with_all = ["full", "height"])]
    fast: bool,
    /// Everything.
    #[arg(long, conflicts_with = "height")]
    full: bool,
    /// Everything of some blocks: 1000..2000 (both included), or one height.
    #[arg(long, value_name = "A..B", value_parser = |text: &str| match Extent::parse(text) {
        Some(Extent::Heights(heights)) => Ok(Extent::Heights(heights)),
        _ => Err("not heights as 1000..2000"),
    })]
    height: Option<Extent>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What `chaincored mirror verify` asks for.
#[derive(Debug)]
pub struct VerifyRequest {
    /// The node and its mirror.
    pub config: Box<Config>,
    /// How much is looked at.
    pub extent: Extent,
    /// Whether the answer is JSON.
    pub json: bool,
}

/// What is asked for by the words behind `mirror`: a text to print, or a check.
pub(super) fn request(words: &[String]) -> Result<Result<VerifyRequest, String>, ConfError> {
    let (verb, rest) = match words {
        [verb, rest @ ..] if verb == "verify" => (verb, rest),
        [] => return Ok(Err(usage())),
        [word, ..] if matches!(word.as_str(), "help" | "-h" | "-help" | "--help") => return Ok(Err(usage())),
        [word, ..] => {
            return Err(ConfError::Value(format!(
                "chaincored mirror can do 'verify', not '{word}'; see chaincored mirror verify --help"
            )));
        }
    };
    // Ours come out of Core's `-name=value` options, which clap does not know.
    let (mut own, mut others) = (vec![format!("chaincored mirror {verb}")], vec![]);
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--height" => own.extend([word.clone()].into_iter().chain(words.next().cloned())),
            "--fast" | "--full" | "--json" | "-h" | "--help" | "--version" => own.push(word.clone()),
            _ if word.starts_with("--height=") => own.push(word.clone()),
            _ => others.push(word.clone()),
        }
    }
    let asked = match Verify::try_parse_from(own) {
        Ok(asked) => asked,
        Err(answer) if !answer.use_stderr() => return Ok(Err(answer.to_string())),
        Err(error) => {
            let text = error.to_string();
            return Err(ConfError::Value(text.trim_start_matches("error: ").trim_end().to_owned()));
        }
    };
    let extent = match asked.height {
        Some(heights) => heights,
        None if asked.full => Extent::Full,
        None => Extent::Fast,
    };
    let config = Config::for_tool(others)?;
    if config.mirror.is_none() {
        return Err(ConfError::Value(
            "there is no mirror to verify: say -mirror=postgres://…, here or in the configuration file"
                .into(),
        ));
    }
    Ok(Ok(VerifyRequest { config: Box::new(config), extent, json: asked.json }))
}

fn usage() -> String {
    use clap::CommandFactory as _;
    Verify::command().render_long_help().to_string()
}
