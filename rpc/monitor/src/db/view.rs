//! The picture of a mirror.

use super::Looked;
use super::judge::{lag_seconds, place};
use crate::screen::{Align, Cell, Column, Paint, Size, Table, bar, rule, spark, wrapped};
use crate::text::{bytes, clean, clock, coins, count_of, grouped, moment, scaled, span, tail};
use crate::verdict::Verdict;
use chaincore_mirror::status::Status;
use ratatui::text::{Line, Span};

/// How many miners, tables and blocks are shown.
const MINERS_SHOWN: usize = 6;
const TABLES_SHOWN: usize = 10;
const BLOCKS_SHOWN: usize = 8;

fn count(value: i64) -> String {
    grouped(value.max(0).unsigned_abs())
}

fn seconds(value: f64) -> String {
    span(value.max(0.0) as u64)
}

fn headline(looked: &Looked, paint: Paint) -> Line<'static> {
    let verdict = looked.verdict();
    let (words, style) = match verdict {
        _ if looked.at == 0 => ("asking ...", paint.dim()),
        Verdict::Good => ("up to date", paint.good()),
        Verdict::Behind => ("BEHIND", paint.late()),
        Verdict::Broken if looked.failure.is_some() => ("OUT OF REACH", paint.bad()),
        Verdict::Broken => ("BROKEN", paint.bad()),
    };
    let mut spans = vec![Span::styled("ChainCore mirror  ", paint.heading()), Span::styled(words, style)];
    if let Some(status) = looked.now() {
        spans.push(Span::styled(format!("  {} UTC", moment((status.now * 1000.0) as u64)), paint.dim()));
    }
    Line::from(spans)
}

fn troubles(looked: &Looked, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for trouble in looked.troubles() {
        lines.extend(wrapped(&format!("! {}", trouble.text), width, 4, paint.of(trouble.verdict)));
    }
    lines
}

/// One look in few lines.
pub fn summary(looked: &Looked, size: Size, paint: Paint) -> Vec<Line<'static>> {
    let mut lines = vec![headline(looked, paint)];
    lines.extend(troubles(looked, size.width, paint));
    if let Some(status) = looked.now() {
        lines.extend(position(status, size.width, paint));
        let totals = &status.sync.totals;
        let text = format!(
            "{} blocks · {} transactions · {} unspent outputs worth {} · {}",
            count(totals.blocks),
            count(totals.txs),
            count(totals.utxos),
            coins(totals.utxo_value),
            bytes(status.database_bytes.max(0).unsigned_abs())
        );
        lines.extend(wrapped(&text, size.width, 2, paint.normal()));
        lines.extend(wrapped(&checked(status), size.width, 2, paint.normal()));
    }
    lines
}

/// Where it is and who writes.
fn position(status: &Status, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let sync = &status.sync;
    let mut texts = vec![format!("mode {}", sync.mode.name()), place(status)];
    if let Some(lag) = status.lag_blocks {
        let late = lag_seconds(status).filter(|late| *late >= 1.0);
        let late = late.map_or_else(String::new, |late| format!(", {} since the last commit", seconds(late)));
        texts.push(format!("{} behind{late}", count_of(u64::from(lag), "block")));
    }
    if let Some(age) = status.tip_age() {
        texts.push(format!("tip {} old", seconds(age)));
    }
    texts.push(format!("written {} ago", seconds(status.now - sync.updated_at)));
    let mut lines = wrapped(&texts.join(" · "), width, 2, paint.normal());
    let mut texts = vec![format!("chain {}", clean(&sync.network, 40)), status.server.clone()];
    // Behind the number stands who packed it.
    let version = status.server_version.split(' ').next().unwrap_or_default();
    texts.push(format!("PostgreSQL {}", clean(version, 40)));
    if let Some(writer) = &status.writer {
        texts.push(format!("writer {}", clean(writer, 80)));
    }
    lines.extend(wrapped(&texts.join(" · "), width, 2, paint.dim()));
    lines
}

/// What the last verification said, in a sentence.
fn checked(status: &Status) -> String {
    let finished = status.checks.iter().filter_map(|check| check.finished_at);
    let newest = finished.fold(f64::NEG_INFINITY, f64::max);
    let well = status.checks.iter().filter(|check| check.ok == Some(true)).count();
    match status.checks.len() {
        0 => "never verified; `chaincored mirror verify --fast` takes seconds".into(),
        all if newest.is_finite() => {
            format!("{well} of {all} checks held, the last {} ago", seconds(status.now - newest))
        }
        _ => "being verified for the first time".into(),
    }
}

/// The picture.
pub fn picture(looked: &Looked, size: Size, paint: Paint) -> Vec<Line<'static>> {
    let width = size.width;
    let mut lines = vec![headline(looked, paint)];
    lines.extend(troubles(looked, width, paint));
    let Some(status) = looked.status.as_deref() else {
        lines.extend(wrapped(&looked.server, width, 2, paint.dim()));
        return lines;
    };
    if looked.failure.is_some() {
        lines.push(Line::styled("what follows is what was seen before", paint.late()));
    }
    lines.extend(position(status, width, paint));
    lines.extend(progress(looked, status, width, paint));
    lines.push(Line::default());
    lines.extend(blocks(status, width, paint));
    lines.extend(miners(status, width, paint));
    lines.push(Line::default());
    lines.extend(integrity(status, width, paint));
    lines.push(Line::default());
    lines.extend(tables(status, width, paint));
    lines
}

fn progress(looked: &Looked, status: &Status, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let totals = &status.sync.totals;
    let text = format!(
        "{} blocks · {} transactions · {} outputs · {} inputs · {} unspent worth {}",
        count(totals.blocks),
        count(totals.txs),
        count(totals.outputs),
        count(totals.inputs),
        count(totals.utxos),
        coins(totals.utxo_value)
    );
    lines.extend(wrapped(&text, width, 2, paint.strong()));
    let top = status.node.as_ref().and_then(|node| node.height);
    if let (Some(lag), Some(top)) = (status.lag_blocks, top)
        && lag > 0
    {
        let (done, whole) = (u64::from(top + 1) - u64::from(lag.min(top + 1)), u64::from(top + 1));
        let cells = usize::from(width).saturating_sub(12).clamp(8, 60);
        let left = looked.rates.iter().rev().take(10).map(|rate| rate.blocks).sum::<f64>()
            / looked.rates.len().clamp(1, 10) as f64;
        let left =
            if left > 0.0 { format!(", {} to go", seconds(f64::from(lag) / left)) } else { String::new() };
        lines.push(Line::from(vec![
            Span::styled(bar(done, whole, cells), paint.late()),
            Span::raw(format!(" {:.1} %{left}", done as f64 * 100.0 / whole as f64)),
        ]));
    }
    if let Some(rate) = looked.rates.back() {
        let rows: Vec<f64> = looked.rates.iter().map(|rate| rate.rows).collect();
        let shown = rows.len().min(usize::from(width).saturating_sub(44)).min(60);
        lines.push(Line::from(vec![
            Span::raw(format!("{} rows/s · {:.2} blocks/s ", scaled(rate.rows), rate.blocks)),
            Span::styled(spark(&rows[rows.len() - shown..]), paint.good()),
        ]));
    }
    if let Some(pool) = &status.mempool {
        let text = format!(
            "mempool {} ago: {} · {} vB · fees {} · from {:.2} sat/vB, half pay {}",
            seconds(status.now - pool.taken_at),
            count_of(u64::try_from(pool.tx_count).unwrap_or(0), "transaction"),
            count(pool.vsize),
            coins(pool.total_fee),
            pool.min_feerate,
            pool.feerate_p50.map_or_else(|| "-".into(), |rate| format!("{rate:.2}")),
        );
        lines.extend(wrapped(&text, width, 2, paint.dim()));
    }
    lines
}

fn blocks(status: &Status, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let column = |title, align, rank| Column { title, align, rank };
    let mut table = Table::new(&[
        column("block", Align::Right, 0),
        column("hash", Align::Left, 0),
        column("time", Align::Right, 1),
        column("tx", Align::Right, 2),
        column("size", Align::Right, 5),
        column("fees", Align::Right, 4),
        column("sat/vB", Align::Right, 6),
        column("mined by", Align::Left, 3),
    ]);
    for block in status.blocks.iter().take(BLOCKS_SHOWN) {
        table.row(vec![
            Cell(grouped(u64::from(block.height)), paint.strong()),
            Cell::new(tail(&block.hash)),
            Cell::new(clock((block.time.max(0.0) * 1000.0) as u64)),
            Cell::new(count(i64::from(block.tx_count))),
            Cell::new(bytes(block.size.max(0).unsigned_abs().into())),
            Cell::new(coins(block.fees)),
            Cell::new(block.feerate_p50.map_or_else(|| "-".into(), |rate| format!("{rate:.2}"))),
            Cell::new(block.pool.as_deref().map_or_else(|| "unknown".into(), |pool| clean(pool, 40))),
        ]);
    }
    let mut lines = vec![rule("last blocks", width, paint)];
    lines.extend(table.lines(width, paint));
    lines
}

fn miners(status: &Status, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let total: i64 = status.pools.iter().map(|pool| pool.blocks).sum();
    let title = format!("mined by, of {}", count_of(total.max(0).unsigned_abs(), "block"));
    let mut lines = vec![Line::default(), rule(&title, width, paint)];
    let mut table = Table::new(&[
        Column { title: "pool", align: Align::Left, rank: 0 },
        Column { title: "blocks", align: Align::Right, rank: 0 },
        Column { title: "share", align: Align::Right, rank: 1 },
        Column { title: "", align: Align::Left, rank: 3 },
        Column { title: "fees", align: Align::Right, rank: 2 },
    ]);
    for pool in status.pools.iter().take(MINERS_SHOWN) {
        table.row(vec![
            Cell::new(pool.pool.as_deref().map_or_else(|| "unknown".into(), |name| clean(name, 40))),
            Cell::new(count(pool.blocks)),
            Cell::new(format!("{:.1} %", pool.share * 100.0)),
            Cell(bar(pool.blocks.max(0).unsigned_abs(), total.max(0).unsigned_abs(), 20), paint.good()),
            Cell::new(coins(pool.fees)),
        ]);
    }
    lines.extend(table.lines(width, paint));
    if status.pools.len() > MINERS_SHOWN {
        lines.push(Line::styled(format!("and {} more", status.pools.len() - MINERS_SHOWN), paint.dim()));
    }
    lines
}

fn integrity(status: &Status, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let mut lines = vec![rule("integrity", width, paint)];
    lines.extend(wrapped(&checked(status), width, 2, paint.normal()));
    let mut spans = Vec::new();
    for check in &status.checks {
        let (word, style) = match check.ok {
            Some(true) => ("ok", paint.good()),
            Some(false) => ("FAILED", paint.bad()),
            None => ("running", paint.late()),
        };
        spans.push((format!("{} ", clean(&check.name, 24)), paint.normal()));
        spans.push((format!("{word}  "), style));
    }
    let mut line = Line::default();
    for pair in spans.chunks(2) {
        let wide: usize = pair.iter().map(|(text, _)| text.chars().count()).sum();
        if line.width() > 0 && line.width() + wide > usize::from(width) {
            lines.push(std::mem::take(&mut line));
        }
        for (text, style) in pair {
            line.push_span(Span::styled(text.clone(), *style));
        }
    }
    if line.width() > 0 {
        lines.push(line);
    }
    let text = match &status.last_reorg {
        None => "no reorganizations".into(),
        Some(last) => format!(
            "{}; the last {} ago left {} above height {} for {}, in {} ms",
            count_of(status.reorg_count.max(0).unsigned_abs(), "reorganization"),
            seconds(status.now - last.detected_at),
            count_of(last.depth.max(0).unsigned_abs().into(), "block"),
            grouped(last.fork_height.into()),
            last.connected,
            last.apply_ms
        ),
    };
    lines.extend(wrapped(&text, width, 2, paint.normal()));
    for index in &status.index_builds {
        let style = match index.state.as_str() {
            "failed" => paint.bad(),
            "done" => paint.good(),
            "building" => paint.late(),
            _ => paint.dim(),
        };
        lines.push(Line::from(vec![
            Span::raw(format!("index {} on {}: ", clean(&index.index_name, 60), clean(&index.relation, 60))),
            Span::styled(clean(&index.state, 20), style),
        ]));
    }
    lines
}

fn tables(status: &Status, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let size = bytes(status.database_bytes.max(0).unsigned_abs());
    let mut lines = vec![rule(&format!("tables, {size} in all"), width, paint)];
    let mut table = Table::new(&[
        Column { title: "table", align: Align::Left, rank: 0 },
        Column { title: "size", align: Align::Right, rank: 0 },
        Column { title: "rows, about", align: Align::Right, rank: 1 },
        Column { title: "dead", align: Align::Right, rank: 2 },
    ]);
    for line in status.tables.iter().take(TABLES_SHOWN) {
        // Autovacuum comes at a fifth by default; far beyond it does not keep up.
        let bloated = line.dead_rows > 10_000 && line.dead_rows * 2 > line.rows;
        table.row(vec![
            Cell::new(clean(&line.table, 60)),
            Cell::new(bytes(line.bytes.max(0).unsigned_abs())),
            Cell::new(count(line.rows)),
            Cell(count(line.dead_rows), if bloated { paint.late() } else { paint.normal() }),
        ]);
    }
    lines.extend(table.lines(width, paint));
    lines
}
