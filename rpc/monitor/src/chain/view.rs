//! The picture of many nodes.

use crate::screen::{Align, Cell, Column, Paint, Size, Table, bar, rule, spark, wrapped};
use crate::text::{bytes, clock, count_of, grouped, moment, percent, scaled, span, span_ms, tail};
use crate::verdict::Verdict;
use crate::watch::{Standing, Watch};
use ratatui::text::{Line, Span};

/// How many events are shown at most.
const EVENTS_SHOWN: usize = 8;
/// How many miners are shown at most.
const MINERS_SHOWN: usize = 5;

/// The picture.
pub fn picture(watch: &Watch, size: Size, paint: Paint) -> Vec<Line<'static>> {
    let width = size.width;
    let mut lines = vec![headline(watch, paint)];
    lines.extend(troubles(watch, width, paint));
    lines.push(Line::default());
    lines.extend(nodes(watch, width, paint));
    if watch.best().is_some() {
        lines.push(Line::default());
        lines.extend(chain(watch, width, paint));
        // What is below gets what room is left.
        let room = usize::from(size.height).saturating_sub(lines.len() + 3);
        lines.push(Line::default());
        lines.extend(blocks(watch, width, room.clamp(3, 12), paint));
        lines.extend(miners(watch, width, paint));
    }
    if !watch.events.is_empty() {
        lines.push(Line::default());
        lines.push(rule("what happened", width, paint));
        for event in watch.events.iter().rev().take(EVENTS_SHOWN) {
            let who = event.node.and_then(|at| watch.nodes.get(at)).map_or("", |node| node.name());
            lines.push(Line::from(vec![
                Span::styled(format!("{}  ", clock(event.at)), paint.dim()),
                Span::raw(if who.is_empty() { String::new() } else { format!("{who} ") }),
                Span::styled(
                    event.what.words(),
                    match event.what.verdict() {
                        Verdict::Good => paint.normal(),
                        bad => paint.of(bad),
                    },
                ),
            ]));
        }
    }
    lines
}

fn headline(watch: &Watch, paint: Paint) -> Line<'static> {
    let count = watch.nodes.len();
    let answering = watch.nodes.iter().filter(|node| node.live().is_some()).count();
    let (words, style) = match watch.verdict() {
        _ if watch.period.is_none() => {
            (format!("asking {} ...", count_of(count as u64, "node")), paint.dim())
        }
        Verdict::Good if count == 1 => ("the node answers".into(), paint.good()),
        Verdict::Good if watch.is_open() => {
            (format!("{count} nodes agree, but for blocks on their way"), paint.good())
        }
        Verdict::Good => (format!("all {count} nodes agree"), paint.good()),
        Verdict::Behind if answering < count => (
            format!("{} of {count} nodes UNREACHABLE", count - answering),
            if answering == 0 { paint.bad() } else { paint.late() },
        ),
        Verdict::Behind => ("NODES BEHIND".into(), paint.late()),
        Verdict::Broken => ("NODES DISAGREE".into(), paint.bad()),
    };
    let mut spans = vec![Span::styled("ChainCore nodes  ", paint.heading()), Span::styled(words, style)];
    if let Some((_, last)) = watch.period {
        spans.push(Span::styled(format!("  {} UTC", moment(last)), paint.dim()));
    }
    Line::from(spans)
}

/// What is wrong, node by node, and what to do next.
fn troubles(watch: &Watch, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for node in &watch.nodes {
        let standing = node.standing();
        if let Some(advice) = standing.advice() {
            let style = match standing {
                Standing::Race { .. } => paint.late(),
                Standing::Unreachable { .. } | Standing::Stalled { .. } => paint.bad(),
                other => paint.of(other.verdict()),
            };
            lines.extend(wrapped(&format!("! {}: {advice}", node.name()), width, 4, style));
        }
        for warning in node.live().map(|facts| facts.warnings.as_slice()).unwrap_or_default() {
            lines.extend(wrapped(&format!("! {} says: {warning}", node.name()), width, 4, paint.late()));
        }
    }
    if let Some((facts, (_, last))) = watch.best().zip(watch.period)
        && facts.height > 0
        && facts.target_block_time > 0
    {
        let quiet = (last / 1000).saturating_sub(u64::from(facts.time));
        // One in 22,000 blocks takes ten times as long by chance alone.
        if quiet > 10 * u64::from(facts.target_block_time) {
            let text = format!(
                "! no block for {} (one is due every {}); is anybody mining?",
                span(quiet),
                span(u64::from(facts.target_block_time))
            );
            lines.extend(wrapped(&text, width, 4, paint.late()));
        }
    }
    lines
}

fn nodes(watch: &Watch, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let column = |title, align, rank| Column { title, align, rank };
    let mut table = Table::new(&[
        column("node", Align::Left, 0),
        column("standing", Align::Left, 0),
        column("height", Align::Right, 0),
        column("tip", Align::Left, 1),
        column("peers", Align::Right, 2),
        column("mempool", Align::Right, 3),
        column("hash rate", Align::Right, 5),
        column("reorgs", Align::Right, 4),
        column("answer", Align::Right, 6),
        column("up", Align::Right, 7),
        column("version", Align::Left, 8),
        column("where", Align::Left, 9),
    ]);
    for (at, node) in watch.nodes.iter().enumerate() {
        let standing = node.standing();
        let style = match standing {
            Standing::Unknown => paint.dim(),
            Standing::Unreachable { .. } | Standing::Stalled { .. } => paint.bad(),
            Standing::Lagging { .. } | Standing::Race { .. } => paint.late(),
            other => paint.of(other.verdict()),
        };
        let name_style = if Some(at) == watch.reference { paint.strong() } else { paint.normal() };
        let live = node.live();
        let cell = |text: Option<String>| Cell::new(text.unwrap_or_else(|| "-".into()));
        table.row(vec![
            Cell(node.name().to_owned(), name_style),
            Cell(standing.word(), style),
            cell(live.map(|facts| grouped(u64::from(facts.height)))),
            cell(live.map(|facts| tail(&facts.hash))),
            cell(live.map(|facts| format!("{} in {} out", facts.inbound, facts.outbound))),
            cell(live.map(|facts| format!("{} tx", grouped(facts.mempool)))),
            cell(live.map(|facts| format!("{}H/s", pad_unit(facts.hash_rate)))),
            Cell::new(match node.reorgs {
                0 => "0".into(),
                count => format!("{count} (≤{})", node.deepest_reorg),
            }),
            cell(node.round_trip.map(|ms| span_ms(u64::from(ms)))),
            cell(live.map(|facts| span(facts.uptime))),
            cell(live.map(|facts| facts.version.clone())),
            Cell(node.url.clone(), paint.dim()),
        ]);
    }
    table.lines(width, paint)
}

/// `1.23 M` and `5 `, to be followed by a unit.
fn pad_unit(value: f64) -> String {
    let number = scaled(value);
    if number.ends_with(|last: char| last.is_ascii_digit()) { number + " " } else { number }
}

fn chain(watch: &Watch, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let Some(facts) = watch.best() else { return Vec::new() };
    let mut lines = vec![rule(&format!("chain {}", facts.chain), width, paint)];
    let mut texts = vec![
        format!("height {}", grouped(u64::from(facts.height))),
        format!("{} transactions", grouped(facts.total_transactions)),
        format!("difficulty {}", difficulty(facts.difficulty)),
        format!("{}H/s", pad_unit(facts.hash_rate)),
    ];
    if facts.average_block_time > 0.0 {
        texts.push(format!(
            "a block every {:.1} s (due: {})",
            facts.average_block_time,
            span(u64::from(facts.target_block_time))
        ));
    }
    lines.extend(wrapped(&texts.join(" · "), width, 2, paint.normal()));
    let times: Vec<_> = watch.reference.iter().flat_map(|at| &watch.nodes[*at].times).collect();
    let spacings: Vec<f64> = times
        .windows(2)
        .filter(|pair| *pair[0].0 > 0 && *pair[1].0 == *pair[0].0 + 1)
        .map(|pair| (f64::from(*pair[1].1) - f64::from(*pair[0].1)).max(0.0))
        .collect();
    let shown = spacings.len().min(usize::from(width).saturating_sub(24)).min(80);
    if shown >= 3 {
        let last = &spacings[spacings.len() - shown..];
        let longest = last.iter().copied().fold(0.0, f64::max);
        lines.push(Line::from(vec![
            Span::styled("spacing ", paint.dim()),
            Span::styled(spark(last), paint.good()),
            Span::styled(format!(" ≤ {}", span(longest as u64)), paint.dim()),
        ]));
    }
    lines
}

fn difficulty(value: f64) -> String {
    match value {
        1000.0.. => scaled(value),
        0.001.. => format!("{value:.4}"),
        _ => format!("{value:.3e}"),
    }
}

fn blocks(watch: &Watch, width: u16, count: usize, paint: Paint) -> Vec<Line<'static>> {
    let column = |title, align, rank| Column { title, align, rank };
    let mut table = Table::new(&[
        column("block", Align::Right, 0),
        column("hash", Align::Left, 0),
        column("time", Align::Right, 1),
        column("tx", Align::Right, 2),
        column("size", Align::Right, 4),
        column("miner", Align::Left, 3),
        column("nodes", Align::Left, 5),
    ]);
    for (height, hash, block) in watch.last_blocks(count) {
        let branches = watch.branches_at(height);
        let having = watch.nodes.iter().filter(|node| {
            node.live().is_some() && node.chain.get(&height).is_some_and(|known| known == hash)
        });
        let having = having.count();
        let live = watch.nodes.iter().filter(|node| node.live().is_some()).count();
        let all = match branches {
            0 | 1 if having == live => Cell("all".into(), paint.good()),
            0 | 1 => Cell::new(format!("{having} of {live}")),
            _ => Cell(format!("{having} of {live}: FORK, {branches} branches"), paint.bad()),
        };
        let cell = |text: Option<String>| Cell::new(text.unwrap_or_else(|| "-".into()));
        table.row(vec![
            Cell(grouped(u64::from(height)), paint.strong()),
            Cell::new(tail(hash)),
            cell(block.map(|block| clock(u64::from(block.time) * 1000))),
            cell(block.map(|block| grouped(u64::from(block.transactions)))),
            cell(block.map(|block| bytes(block.size))),
            cell(block.map(|block| block.miner.short())),
            all,
        ]);
    }
    let mut lines = vec![rule("last blocks", width, paint)];
    lines.extend(table.lines(width, paint));
    lines
}

/// Who made the blocks that were looked at.
fn miners(watch: &Watch, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let mut counts: Vec<(String, u64)> = Vec::new();
    let chain = watch.last_blocks(usize::MAX);
    let known: Vec<_> = chain.iter().filter_map(|(_, _, block)| *block).collect();
    for block in &known {
        match counts.iter_mut().find(|(payee, _)| *payee == block.miner.payee) {
            Some((_, count)) => *count += 1,
            None => counts.push((block.miner.payee.clone(), 1)),
        }
    }
    if counts.is_empty() {
        return Vec::new();
    }
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let total = known.len() as u64;
    let mut lines =
        vec![Line::default(), rule(&format!("miners of {}", count_of(total, "block")), width, paint)];
    let mut table = Table::new(&[
        Column { title: "paid to", align: Align::Left, rank: 0 },
        Column { title: "blocks", align: Align::Right, rank: 0 },
        Column { title: "share", align: Align::Right, rank: 1 },
        Column { title: "", align: Align::Left, rank: 2 },
    ]);
    for (payee, count) in counts.iter().take(MINERS_SHOWN) {
        table.row(vec![
            Cell::new(payee.clone()),
            Cell::new(grouped(*count)),
            Cell::new(percent(*count, total)),
            Cell(bar(*count, total, 20), paint.good()),
        ]);
    }
    lines.extend(table.lines(width, paint));
    if counts.len() > MINERS_SHOWN {
        lines.push(Line::styled(format!("and {} more", counts.len() - MINERS_SHOWN), paint.dim()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::printed;
    use crate::watch::Patience;
    use crate::watch::testing::{block, down, facts, look, up};

    fn text(watch: &Watch, width: u16) -> String {
        printed(&picture(watch, Size { width, height: 40 }, Paint::plain()))
    }

    fn watch() -> Watch {
        Watch::new(["n0", "n1", "n2"].map(|name| format!("http://{name}:5000")), Patience::default())
    }

    #[test]
    fn a_network_at_peace() {
        let mut watch = watch();
        assert!(text(&watch, 80).contains("asking 3 nodes"));
        let mut seen = look(60, ["n0", "n1", "n2"].map(|name| up(facts(name, 'a', 0, 7))).into());
        seen.blocks =
            (1..=7).map(|height| block('a', height, if height % 3 == 0 { "bob" } else { "alice" })).collect();
        watch.take(&seen);
        let text = text(&watch, 120);
        for part in [
            "ChainCore nodes  all 3 nodes agree  2023-11-14 22:14:20 UTC",
            "n0    agrees         7  …00a0000007  1 in 2 out     2 tx",
            "chain regtest",
            "height 7 · 8 transactions · difficulty 1.0000 · 1.23 kH/s · a block every 10.0 s (due: 10 s)",
            "alice         5  71.4 %",
            "all",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
        assert!(!text.contains('!'), "{text}");
    }

    #[test]
    fn a_fork_is_told_in_words_with_what_to_do() {
        let mut watch = watch();
        for second in [100, 110] {
            let nodes = vec![
                up(facts("n0", 'a', 0, 7)),
                up(facts("n1", 'b', 4, 7)),
                down("n2", "no answer: connection refused"),
            ];
            watch.take(&look(second, nodes));
        }
        let text = text(&watch, 100);
        for part in [
            "NODES DISAGREE",
            "! n1: its chain leaves that of the node with the most work after height 4 (3 blocks of its own);",
            "getchaintips",
            "! http://n2:5000: no answer: connection refused; is chaincored running there",
            "n1              DISAGREES",
            "1 of 2: FORK, 2 branches",
            "n1 now: DISAGREES",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
        // 7 blocks end 70 s after the first second; 110 s is 40 s later: not yet quiet for ten spacings.
        assert!(!text.contains("is anybody mining"));
    }

    #[test]
    fn silence_and_warnings_are_told() {
        let mut watch = watch();
        let mut warned = facts("n0", 'a', 0, 7);
        warned.warnings = vec!["the clock is off".into()];
        watch.take(&look(171, vec![up(warned), up(facts("n1", 'a', 0, 7)), up(facts("n2", 'a', 0, 7))]));
        let text = text(&watch, 100);
        assert!(text.contains("! n0 says: the clock is off"), "{text}");
        assert!(text.contains("! no block for 101 s (one is due every 10 s); is anybody mining?"), "{text}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let mut watch = watch();
        let mut long = facts("n1", 'b', 4, 7);
        long.node_id = "a-node-whose-name-fills-more-than-one-narrow-terminal-does".into();
        let mut seen = look(200, vec![up(facts("n0", 'a', 0, 7)), up(long), down("n2", "gone")]);
        seen.nodes[1].url = "http://n1:5000".into();
        seen.blocks =
            (1..=7).map(|height| block('a', height, "cc1qw508d6qejxtdg4y5r3zarvary0c5xw7k")).collect();
        watch.take(&seen);
        for width in [24, 30, 40, 60, 80, 100, 160] {
            let lines = picture(&watch, Size { width, height: 24 }, Paint::full());
            // Events and the headline are cut by the terminal; tables, rules and advice fit by themselves.
            let tables = lines.iter().filter(|line| line.to_string().contains("agrees"));
            for line in tables {
                assert!(line.width() <= usize::from(width), "{width}: {line}");
            }
            assert!(lines.iter().any(|line| line.to_string().contains("UNREACHABLE")), "{width}");
        }
    }
}
