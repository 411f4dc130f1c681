//! The picture of an exploration.

use super::export::{Export, Validation};
use crate::screen::{Align, Cell, Column, Paint, Size, Table, bar, rule, wrapped};
use crate::text::{bytes, coins, count_of, grouped, percent, scaled, span, span_ms, tail};
use crate::verdict::Verdict;
use ratatui::text::{Line, Span};

/// How many findings and miners are shown.
const SHOWN: usize = 10;

/// The picture.
pub fn picture(export: &Export, size: Size, paint: Paint) -> Vec<Line<'static>> {
    let width = size.width;
    let range = &export.range;
    let mut lines = vec![headline(export, paint)];
    let source = &export.source;
    let text = format!(
        "heights {} to {} · {} · {} · from {} ({}) in {}",
        range.from,
        range.to,
        count_of(range.blocks, "block"),
        bytes(range.size),
        source.node_id,
        source.url,
        span_ms(export.took_ms)
    );
    lines.extend(wrapped(&text, width, 2, paint.normal()));
    if let Some(hash) = &range.last_hash {
        lines.push(Line::styled(format!("last block {hash}"), paint.dim()));
    }
    lines.push(Line::default());
    lines.extend(validation(&export.validation, width, paint));
    lines.extend(nodes(export, width, paint));
    lines.push(Line::default());
    lines.extend(mining(export, width, paint));
    lines.push(Line::default());
    lines.extend(transactions(export, width, paint));
    lines
}

fn headline(export: &Export, paint: Paint) -> Line<'static> {
    let (words, verdict) = match export.validation.verdict {
        Verdict::Good => ("everything that was checked holds".to_owned(), Verdict::Good),
        Verdict::Behind => ("NOT READ TO ITS END".into(), Verdict::Behind),
        Verdict::Broken => {
            let count = export.validation.findings.len() as u64 + export.validation.findings_left_out;
            (format!("{} WRONG", count_of(count, "THING").to_uppercase()), Verdict::Broken)
        }
    };
    Line::from(vec![
        Span::styled(format!("ChainCore chain {}  ", export.source.chain), paint.heading()),
        Span::styled(words, paint.of(verdict)),
    ])
}

fn validation(validation: &Validation, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let mut lines = vec![rule("validation", width, paint)];
    let mut table = Table::new(&[
        Column { title: "", align: Align::Left, rank: 0 },
        Column { title: "check", align: Align::Left, rank: 0 },
        Column { title: "times", align: Align::Right, rank: 2 },
        Column { title: "wrong", align: Align::Right, rank: 1 },
    ]);
    for check in &validation.checks {
        let (mark, style) = match (check.failed, check.checked) {
            (1.., _) => ("WRONG", paint.bad()),
            (0, 0) => ("-", paint.dim()),
            (0, _) => ("ok", paint.good()),
        };
        table.row(vec![
            Cell(mark.into(), style),
            Cell::new(check.about),
            Cell::new(grouped(check.checked)),
            Cell(grouped(check.failed), if check.failed > 0 { paint.bad() } else { paint.normal() }),
        ]);
    }
    lines.extend(table.lines(width, paint));
    for (check, note) in validation.checks.iter().filter_map(|check| Some((check, check.note.as_ref()?))) {
        lines.extend(wrapped(&format!("{}: {note}", check.about), width, 2, paint.dim()));
    }
    for finding in validation.findings.iter().take(SHOWN) {
        let check = super::findings::CHECKS[finding.check as usize].1;
        let text = format!("! height {}, {check}: {}", finding.height, finding.detail);
        lines.extend(wrapped(&text, width, 4, paint.bad()));
    }
    let more = validation.findings.len().saturating_sub(SHOWN) as u64 + validation.findings_left_out;
    if more > 0 {
        lines.push(Line::styled(format!("! and {more} more (--json FILE has them)"), paint.bad()));
    }
    if let Some(why) = &validation.incomplete {
        lines.extend(wrapped(&format!("! {why}"), width, 4, paint.late()));
    }
    lines
}

fn nodes(export: &Export, width: u16, paint: Paint) -> Vec<Line<'static>> {
    if export.nodes.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Line::default(), rule("other nodes", width, paint)];
    for node in &export.nodes {
        let name = node.node_id.as_deref().unwrap_or(&node.url);
        let (words, style) = match (node.agrees, node.compared_to, node.fork_height, &node.error) {
            (Some(true), Some(height), ..) => (format!("has the same blocks up to {height}"), paint.good()),
            (Some(false), _, Some(height), _) => (format!("DISAGREES above height {height}"), paint.bad()),
            (_, _, _, Some(error)) => (error.clone(), paint.bad()),
            _ => ("was not compared".into(), paint.late()),
        };
        lines.push(Line::from(vec![Span::raw(format!("{name}  ")), Span::styled(words, style)]));
    }
    lines
}

fn mining(export: &Export, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let report = &export.mining;
    let total: u64 = report.distribution.iter().map(|miner| miner.blocks).sum();
    let mut lines = vec![rule(&format!("mining: {}", count_of(report.miners as u64, "payee")), width, paint)];
    let mut table = Table::new(&[
        Column { title: "paid to", align: Align::Left, rank: 0 },
        Column { title: "blocks", align: Align::Right, rank: 0 },
        Column { title: "share", align: Align::Right, rank: 0 },
        Column { title: "", align: Align::Left, rank: 4 },
        Column { title: "coins", align: Align::Right, rank: 2 },
        Column { title: "empty", align: Align::Right, rank: 3 },
        Column { title: "in a row", align: Align::Right, rank: 5 },
        Column { title: "says", align: Align::Left, rank: 6 },
    ]);
    for miner in report.distribution.iter().take(SHOWN) {
        table.row(vec![
            Cell::new(miner.payee.clone()),
            Cell::new(grouped(miner.blocks)),
            Cell::new(percent(miner.blocks, total)),
            Cell(bar(miner.blocks, total, 12), paint.good()),
            Cell::new(coins(miner.reward)),
            Cell::new(grouped(miner.empty_blocks)),
            Cell::new(grouped(miner.longest_streak)),
            Cell(miner.tag.clone(), paint.dim()),
        ]);
    }
    lines.extend(table.lines(width, paint));
    if report.miners > SHOWN {
        lines.push(Line::styled(format!("and {} more", report.miners - SHOWN), paint.dim()));
    }
    let intervals = &export.intervals;
    let mut text = format!("{} made more than half of the blocks", count_of(report.majority as u64, "payee"));
    if intervals.count > 0 {
        text.push_str(&format!(
            " · a block every {:.1} s (median {} s, from {} s to {}; due {})",
            intervals.mean,
            intervals.median,
            intervals.shortest,
            span(intervals.longest.max(0).unsigned_abs()),
            span(u64::from(intervals.target))
        ));
    }
    lines.extend(wrapped(&text, width, 2, paint.normal()));
    lines
}

fn transactions(export: &Export, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let report = &export.transactions;
    let real = report.total - report.coinbases;
    let mut lines = vec![rule(&format!("transactions: {}", grouped(report.total)), width, paint)];
    let mut texts = vec![format!(
        "{} coinbases, {} others · {:.1} per block, at most {} · {} inputs, {} outputs worth {}",
        grouped(report.coinbases),
        grouped(real),
        report.mean_per_block,
        grouped(report.most_in_a_block),
        grouped(report.inputs),
        grouped(report.outputs),
        coins(export.range.output_value)
    )];
    if real > 0 {
        let shapes = &report.shapes;
        texts.push(format!(
            "payments {} · batches {} · sweeps {} · consolidations {} · segwit {} · replaceable {} · data {}",
            percent(shapes.payments, real),
            percent(shapes.batches, real),
            percent(shapes.sweeps, real),
            percent(shapes.consolidations, real),
            percent(report.segwit, real),
            percent(report.replaceable, real),
            percent(report.with_data, real)
        ));
    }
    let fees = &report.fees;
    if fees.transactions > 0 {
        texts.push(format!(
            "fees of {}: {} · {:.2} sat/vB on average, from {:.2} to {:.2}",
            count_of(fees.transactions, "transaction"),
            coins(fees.total),
            fees.mean_rate,
            fees.lowest_rate,
            fees.highest_rate
        ));
    }
    let kinds: Vec<_> = report
        .output_kinds
        .iter()
        .map(|(kind, count)| format!("{kind} {}", percent(count.outputs, report.outputs)))
        .collect();
    texts.push(format!("outputs: {}", kinds.join(" · ")));
    texts.push(format!(
        "different addresses: {}{}, {} of them paid more than once",
        if report.addresses_incomplete { "at least " } else { "" },
        grouped(report.addresses),
        percent(report.addresses_reused, report.addresses)
    ));
    for text in texts {
        lines.extend(wrapped(&text, width, 2, paint.normal()));
    }
    if let Some(busy) = report.busy_addresses.first() {
        let text = format!("paid most often: {} ({} outputs)", busy.address, scaled(busy.outputs as f64));
        lines.extend(wrapped(&text, width, 2, paint.normal()));
    }
    if let Some(last) = export.blocks.last() {
        let text = format!("last block {} {} by {}", last.height, tail(&last.hash), last.miner.short());
        lines.extend(wrapped(&text, width, 2, paint.dim()));
    }
    lines
}
