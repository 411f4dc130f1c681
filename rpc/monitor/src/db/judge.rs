//! Whether a mirror is well: words for people, an exit code for scripts.

use crate::text::{count_of, grouped, span};
use crate::verdict::Verdict;
use chaincore_mirror::session::Mode;
use chaincore_mirror::status::Status;

/// With more blocks missing the writer itself leaves the mode `tip`.
const USUAL_LAG: u32 = 6;
/// Blocks may be missing for so long before nobody seems to fetch them, in seconds.
const USUAL_DELAY: f64 = 60.0;
/// The node tells where it is every minute; after so many seconds it has gone silent.
const NODE_SILENT: f64 = 300.0;

/// Something that is not as it should be, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// How bad it is.
    pub verdict: Verdict,
    /// What it is, and what to do.
    pub text: String,
}

fn behind(text: String) -> Trouble {
    Trouble { verdict: Verdict::Behind, text }
}

fn broken(text: String) -> Trouble {
    Trouble { verdict: Verdict::Broken, text }
}

fn seconds(value: f64) -> String {
    span(value.max(0.0) as u64)
}

/// All that is not as it should be, the worst first.
pub fn troubles(status: &Status) -> Vec<Trouble> {
    let mut found = Vec::new();
    let sync = &status.sync;
    for check in status.checks.iter().filter(|check| check.ok == Some(false)) {
        let age = seconds(status.now - check.finished_at.unwrap_or(check.started_at));
        found.push(broken(format!(
            "the check '{}' failed {age} ago; `chaincored mirror verify --full` shows where",
            check.name
        )));
    }
    for index in status.index_builds.iter().filter(|index| index.state == "failed") {
        found.push(broken(format!(
            "the index {} on {} could not be built; the node's debug.log says why, restarting the writer tries again",
            index.index_name, index.relation
        )));
    }
    let building = status.index_builds.iter().any(|index| index.state == "building");
    if status.invalid_indexes > 0 && !building && sync.mode != Mode::Seal {
        found.push(broken(format!(
            "{} not whole and nobody builds them; restarting the writer builds them again",
            match status.invalid_indexes {
                1 => "1 index is".into(),
                count => format!("{count} indexes are"),
            }
        )));
    }
    if status.writer.is_none() {
        found.push(behind(
            "nobody writes; start the node with --mirror, or see `chaincore-cli listplugins` why it does not"
                .into(),
        ));
    }
    match sync.mode {
        Mode::Tip => {}
        Mode::Bulk => found.push(behind("history is being loaded".into())),
        Mode::Seal => found.push(behind("indexes are being built; queries are slow until they are".into())),
        Mode::CatchUp => found.push(behind("it is catching up".into())),
        Mode::Reorg => found.push(behind("a long reorganization is being undone; heights may fall".into())),
    }
    let silent = status.node.as_ref().map(|node| status.now - node.last_seen);
    match (status.lag_blocks, silent) {
        (None, _) | (_, None) => {
            found.push(behind(
                "no node has told its height yet, so how far behind this is cannot be known".into(),
            ));
        }
        (Some(_), Some(silent)) if silent > NODE_SILENT => found.push(behind(format!(
            "the node has said nothing for {}, so how far behind this is cannot be known; is it running?",
            seconds(silent)
        ))),
        (Some(lag), _) if lag > USUAL_LAG => {
            found.push(behind(format!("{} missing", count_of(u64::from(lag), "block"))));
        }
        (Some(lag @ 1..), _) if status.now - sync.updated_at > USUAL_DELAY => found.push(behind(format!(
            "{} missing, and nothing was written for {}; see the node's debug.log",
            count_of(u64::from(lag), "block"),
            seconds(status.now - sync.updated_at)
        ))),
        _ => {}
    }
    found.sort_by_key(|trouble| std::cmp::Reverse(trouble.verdict));
    found
}

/// The worst of the troubles.
pub fn verdict(troubles: &[Trouble]) -> Verdict {
    troubles.iter().map(|trouble| trouble.verdict).max().unwrap_or(Verdict::Good)
}

/// How far behind in seconds: none missing, or since the last commit.
pub fn lag_seconds(status: &Status) -> Option<f64> {
    match status.lag_blocks? {
        0 => Some(0.0),
        _ => Some((status.now - status.sync.updated_at).max(0.0)),
    }
}

/// `height 130 of 131`, as far as it is known.
pub fn place(status: &Status) -> String {
    let height = |height: Option<u32>| height.map_or_else(|| "-".into(), |height| grouped(u64::from(height)));
    let top = status.node.as_ref().and_then(|node| node.height);
    format!("height {} of {}", height(status.sync.tip_height), height(top))
}
