//! The status page: what a person sees who opens the node's address in a browser. One file of HTML, nothing
//! fetched from anywhere; it reloads itself.

use super::status::{RECENT_BLOCKS, RecentBlock, average_spacing, hash_rate, recent_blocks};
use super::{Answer, Request, Rest, shapes::coins};
use crate::http::rest::RestResponse;
use crate::node::{BlockInfo, Node};
use chaincore_consensus::pow;
use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use std::fmt::Write;

/// How many blocks the table lists.
const LISTED_BLOCKS: usize = 12;
/// The curve's width and height in its own units.
const CURVE: (f64, f64) = (720.0, 150.0);

const STYLE: &str = "\
:root{color-scheme:light dark;--fg:#1c2330;--dim:#667085;--bg:#f6f7f9;--card:#fff;--line:#e3e6eb;--a:#2563eb;--b:#d97706}\
@media(prefers-color-scheme:dark){:root{--fg:#e6e9ef;--dim:#98a2b3;--bg:#12161d;--card:#1a202a;--line:#2b3340;\
--a:#60a5fa;--b:#fbbf24}}\
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}\
main{max-width:860px;margin:0 auto;padding:28px 20px 48px}h1{font-size:22px;margin:0}h2{font-size:15px;margin:0 0 10px}\
.sub{color:var(--dim);margin:2px 0 20px;overflow-wrap:anywhere}\
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(180px,1fr));gap:12px;margin-bottom:12px}\
.card,section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}\
section{margin-bottom:12px}.card b{display:block;font-size:21px;font-weight:600}.card span{color:var(--dim);font-size:13px}\
svg{width:100%;height:auto;display:block}.key{color:var(--dim);font-size:13px;margin-top:6px}\
.key i{display:inline-block;width:10px;height:10px;border-radius:2px;margin:0 5px 0 12px}.key i:first-child{margin-left:0}\
.key .aim{width:16px;height:0;border-radius:0;border-top:2px dashed var(--dim);vertical-align:middle}\
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{text-align:right;padding:4px 6px}\
th{color:var(--dim);font-weight:500;font-size:13px}:is(td,th):nth-child(-n+2){text-align:left}\
tr+tr td{border-top:1px solid var(--line)}code{font:12.5px ui-monospace,monospace}a{color:var(--a);text-decoration:none}\
.warn{border-color:var(--b)}footer{color:var(--dim);font-size:13px;margin-top:18px}footer a{margin-right:12px}";

/// Text that HTML does not take for markup.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A duration as people say it.
fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A number with a unit prefix.
fn scaled(value: f64) -> String {
    const UNITS: [&str; 8] = ["", "k", "M", "G", "T", "P", "E", "Z"];
    let mut value = value;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if unit == 0 && value.fract() == 0.0 { 0 } else { 2 };
    format!("{value:.digits$} {}", UNITS[unit]).trim_end().into()
}

/// The same with a unit: `1.23 MH/s`, `5 H/s`.
fn with_unit(value: f64, unit: &str) -> String {
    let number = scaled(value);
    let space = if number.ends_with(|last: char| last.is_ascii_digit()) { " " } else { "" };
    format!("{number}{space}{unit}")
}

/// A small number, such as a difficulty far below Bitcoin's easiest.
fn difficulty_text(value: f64) -> String {
    match value {
        1000.0.. => scaled(value),
        // Five digits that count, wherever the point is.
        0.0001.. => {
            let digits = (4.0 - value.log10().floor()) as usize;
            let text = format!("{value:.digits$}");
            text.trim_end_matches('0').trim_end_matches('.').into()
        }
        _ => format!("{value:.4e}"),
    }
}

/// The curve of the last blocks: a bar per block's spacing, a line for difficulty on its own scale, and a dashed line
/// where the spacing should be.
fn curve(blocks: &[RecentBlock], target: u32) -> String {
    let (width, height) = CURVE;
    let shown: Vec<&RecentBlock> = blocks.iter().filter(|block| block.height > 1).collect();
    if shown.len() < 2 {
        return "<p class=\"sub\">The curve appears with the third block.</p>".into();
    }
    let mut spacings: Vec<i64> = shown.iter().map(|block| block.spacing.max(0)).collect();
    spacings.sort_unstable();
    // One long pause should not flatten everything else: the scale ends at the 95th of 100.
    let usual = spacings[(spacings.len() - 1) * 95 / 100] as f64;
    let top = usual.max(f64::from(target) * 2.0).max(1.0);
    let step = width / shown.len() as f64;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"spacing and difficulty of the last blocks\">"
    );
    for (at, block) in shown.iter().enumerate() {
        let bar = (block.spacing.max(0) as f64 / top).min(1.0) * (height - 4.0);
        let _infallible = write!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"1\" fill=\"var(--a)\" opacity=\".55\">\
             <title>block {}: {} s</title></rect>",
            at as f64 * step,
            height - bar,
            (step * 0.75).max(0.8),
            bar.max(0.8),
            block.height,
            block.spacing
        );
    }
    let goal = height - f64::from(target) / top * (height - 4.0);
    let _infallible = write!(
        svg,
        "<line x1=\"0\" x2=\"{width}\" y1=\"{goal:.1}\" y2=\"{goal:.1}\" stroke=\"var(--dim)\" stroke-dasharray=\"4 4\"/>"
    );
    // Difficulty spans orders of magnitude while a young chain finds its pace: a logarithmic scale shows it.
    let logs: Vec<f64> = shown.iter().map(|block| block.difficulty.0.max(f64::MIN_POSITIVE).ln()).collect();
    let low = logs.iter().copied().fold(f64::INFINITY, f64::min);
    let high = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = (high - low).max(1e-9);
    let point = |(at, log): (usize, &f64)| {
        let y = if high - low < 1e-9 {
            height / 2.0
        } else {
            height - 6.0 - (log - low) / range * (height - 12.0)
        };
        format!("{:.1},{y:.1}", (at as f64 + 0.4) * step)
    };
    let points: Vec<String> = logs.iter().enumerate().map(point).collect();
    let _infallible = write!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"var(--b)\" stroke-width=\"2\" stroke-linejoin=\"round\"/></svg>",
        points.join(" ")
    );
    let _infallible = write!(
        svg,
        "<p class=\"key\"><i style=\"background:var(--a)\"></i>seconds between blocks, up to {top:.0} \
         <i style=\"background:var(--b)\"></i>difficulty, {} to {} <i class=\"aim\"></i>\
         the {target} s aimed at</p>",
        difficulty_text(low.exp()),
        difficulty_text(high.exp())
    );
    svg
}

fn card(label: &str, value: &str) -> String {
    format!("<div class=\"card\"><b>{}</b><span>{label}</span></div>", escape(value))
}

fn cards(node: &dyn Node, tip: &BlockInfo, blocks: &[RecentBlock]) -> Result<String, super::RestError> {
    let mempool = node.mempool_info();
    let age = u64::try_from(node.now() - i64::from(tip.header.time)).unwrap_or(0);
    let average = average_spacing(blocks);
    Ok([
        card("blocks above genesis", &tip.height.to_string()),
        card("since the last block", &span(age)),
        card(
            &format!("between blocks (aim: {} s)", node.params().target_spacing),
            &if average > 0.0 { format!("{average:.1} s") } else { "–".into() },
        ),
        card("difficulty", &difficulty_text(pow::difficulty(tip.header.bits))),
        card("hash rate, estimated", &with_unit(hash_rate(node)?, "H/s")),
        card("transactions waiting", &mempool.count.to_string()),
        card("transactions mined", &tip.chain_tx.to_string()),
        card("peers", &super::peers::active(&node.network().peers()).to_string()),
    ]
    .concat())
}

fn table(node: &dyn Node, blocks: &[RecentBlock]) -> String {
    let chain = node.chain();
    let mut rows = String::new();
    for block in blocks.iter().rev().take(LISTED_BLOCKS) {
        let hash = chain.at_height(block.height).map(|block| block.hash.to_string()).unwrap_or_default();
        let ago = u64::try_from(node.now() - i64::from(block.time)).unwrap_or(0);
        let _infallible = write!(
            rows,
            "<tr><td><a href=\"/blocks/range?start={0}&amp;end={0}\">{0}</a></td><td><code>{1}…{2}</code></td>\
             <td>{3}</td><td>{4} ago</td><td>{5} s</td></tr>",
            block.height,
            hash.get(..10).unwrap_or_default(),
            hash.get(58..).unwrap_or_default(),
            block.transactions,
            span(ago),
            block.spacing,
        );
    }
    format!(
        "<table><tr><th>Height</th><th>Hash</th><th>Transactions</th><th>Mined</th><th>After</th></tr>{rows}</table>"
    )
}

fn warnings(node: &dyn Node) -> String {
    let warnings = node.warnings();
    let list = warnings.iter().map(|warning| format!("<div>{}</div>", escape(warning)));
    if warnings.is_empty() {
        return String::new();
    }
    format!("<section class=\"warn\"><h2>Warnings</h2>{}</section>", list.collect::<String>())
}

/// `GET /status.html`, and `GET /` where there is no web app.
pub fn page(rest: &Rest, _: &Request) -> Answer {
    let node = rest.node();
    let chain = node.chain();
    let tip = chain.tip();
    let params = node.params();
    let blocks = recent_blocks(&*chain, RECENT_BLOCKS);
    let reward = chaincore_consensus::subsidy::block_subsidy(tip.height + 1, params);
    // A page that reloads at the pace of the blocks, but never hammers and never sleeps.
    let refresh = params.target_spacing.clamp(5, 30);
    let mut html = String::with_capacity(16 * 1024);
    let _infallible = write!(
        html,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"refresh\" content=\"{refresh}\"><title>{chain} {height} · ChainCore</title>\
         <style>{STYLE}</style></head><body><main><h1>ChainCore · {chain}</h1>\
         <p class=\"sub\">{node_id} · version {version} · up {uptime}{syncing}<br><code>{hash}</code></p>\
         {warnings}<div class=\"cards\">{cards}</div>\
         <section><h2>The last {count} blocks</h2>{curve}</section>\
         <section><h2>Latest blocks</h2>{table}</section>\
         <footer>Next block: {reward} new coins · <a href=\"/status\">status</a><a href=\"/stats\">stats</a>\
         <a href=\"/transaction_pool\">transaction pool</a><a href=\"/openapi.json\">API</a></footer>\
         </main></body></html>",
        chain = escape(&params.name),
        height = tip.height,
        node_id = escape(&node.info().node_id),
        version = escape(&node.info().version),
        uptime = span(node.uptime().as_secs()),
        syncing = if node.initial_block_download() { " · catching up" } else { "" },
        hash = tip.hash,
        warnings = warnings(node),
        cards = cards(node, &tip, &blocks)?,
        count = blocks.len(),
        curve = curve(&blocks, params.target_spacing),
        table = table(node, &blocks),
        reward = coins(reward),
    );
    // It shares its origin with the web app: whatever came into it could not run.
    let policy = HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    let response = RestResponse::new(StatusCode::OK, "text/html; charset=utf-8", html);
    Ok(response
        .header(CONTENT_SECURITY_POLICY, policy)
        .header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::CoreDouble;

    #[test]
    fn the_curve_survives_odd_chains() {
        let block = |height, spacing, difficulty| RecentBlock {
            height,
            hash: chaincore_consensus::BlockHash::default(),
            time: 0,
            spacing,
            difficulty: CoreDouble(difficulty),
            transactions: 1,
        };
        assert!(curve(&[], 10).contains("third block"));
        // All in one second, and of one difficulty: nothing is divided by zero.
        let flat: Vec<_> = (1..9).map(|height| block(height, 0, 1.0)).collect();
        let svg = curve(&flat, 0);
        assert!(svg.contains("<polyline") && !svg.contains("NaN") && !svg.contains("inf"));
        let wild = [block(2, -5, 1e-9), block(3, 100_000, 1e9), block(4, 3, 0.0)];
        let svg = curve(&wild, 10);
        assert!(!svg.contains("NaN") && svg.matches("<rect").count() == 3);
    }

    #[test]
    fn difficulties_are_short() {
        let texts = [9.53660673972713e-07, 0.0021502, 0.5, 1.0, 999.99, 144_398_401_518_101.0];
        assert_eq!(texts.map(difficulty_text), ["9.5366e-7", "0.0021502", "0.5", "1", "999.99", "144.40 T"]);
    }

    #[test]
    fn texts_cannot_become_markup() {
        assert_eq!(escape("<b>&\"'"), "&lt;b&gt;&amp;&quot;&#39;");
        assert_eq!(
            (span(59), span(7200), scaled(1_234_567.0)),
            ("59 s".into(), "2 h 0 min".into(), "1.23 M".into())
        );
    }
}
