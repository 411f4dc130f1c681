//! What is well, what is behind, what is broken, and what it looks like.

use super::*;
use crate::screen::printed;
use chaincore_mirror::batch::Totals;
use chaincore_mirror::session::Mode;
use chaincore_mirror::status::{
    BlockLine, CheckLine, IndexLine, MempoolLine, Node, PoolShare, ReorgLine, Sync, TableLine,
};

const NOW: f64 = 1_700_000_000.0;

/// A mirror at which nothing is wrong.
fn well() -> Status {
    let block = |height: u32, pool: Option<&str>| BlockLine {
        height,
        hash: format!("{height:064x}"),
        time: NOW - 12.0 - f64::from(130 - height) * 10.0,
        tx_count: 3,
        size: 900,
        weight: 3000,
        fees: 1234,
        subsidy: 5_000_000_000,
        feerate_p50: Some(1.5),
        pool: pool.map(Into::into),
        received_at: None,
    };
    Status {
        server: "postgres://reader@db:5432/chain".into(),
        now: NOW,
        server_version: "15.4".into(),
        sync: Sync {
            network: "chaincore".into(),
            genesis_hash: "00".repeat(32),
            tip_height: Some(130),
            tip_hash: Some("ab".repeat(32)),
            final_height: Some(30),
            mode: Mode::Tip,
            seeded: true,
            event_seq: 131,
            writer_epoch: 1,
            totals: Totals {
                blocks: 131,
                txs: 393,
                outputs: 800,
                inputs: 262,
                utxos: 538,
                utxo_value: 655_000_000_000,
            },
            updated_at: NOW - 3.0,
            plugin_version: "0.1.0".into(),
        },
        node: Some(Node {
            node_id: "core0".into(),
            height: Some(130),
            best_hash: None,
            peers: Some(3),
            status: "running".into(),
            last_seen: NOW - 20.0,
        }),
        lag_blocks: Some(0),
        writer: Some("core0 (4711)".into()),
        blocks: vec![block(130, Some("Alice's pool")), block(129, None)],
        pools: vec![
            PoolShare { pool: Some("Alice's pool".into()), blocks: 98, share: 0.748, fees: 500 },
            PoolShare { pool: None, blocks: 33, share: 0.252, fees: 0 },
        ],
        reorg_count: 2,
        last_reorg: Some(ReorgLine {
            id: 2,
            detected_at: NOW - 600.0,
            fork_height: 99,
            depth: 1,
            connected: 2,
            old_tip: String::new(),
            new_tip: String::new(),
            txs_dropped: 4,
            apply_ms: 17,
        }),
        checks: vec![CheckLine {
            name: "headers".into(),
            ok: Some(true),
            started_at: NOW - 101.0,
            finished_at: Some(NOW - 100.0),
            detail: serde_json::Value::Null,
        }],
        index_builds: Vec::new(),
        invalid_indexes: 0,
        tables: vec![TableLine { table: "outputs".into(), bytes: 123_456, rows: 800, dead_rows: 5 }],
        database_bytes: 1 << 23,
        mempool: Some(MempoolLine {
            taken_at: NOW - 30.0,
            tx_count: 7,
            vsize: 1400,
            total_fee: 2000,
            min_feerate: 1.0,
            feerate_p50: None,
        }),
    }
}

fn looked(status: Status) -> Looked {
    let mut looked = Looked { server: status.server.clone(), ..Looked::default() };
    looked.take(Seen::Status(Box::new(status)), 1);
    looked
}

fn text(looked: &Looked, width: u16) -> String {
    printed(&view::picture(looked, Size { width, height: 40 }, Paint::plain()))
}

#[test]
fn every_way_to_be_unwell_has_its_verdict_and_its_words() {
    assert_eq!((looked(well()).verdict(), looked(well()).troubles()), (Verdict::Good, vec![]));
    type Change = fn(&mut Status);
    let cases: &[(Change, Verdict, &str)] = &[
        (|status| status.lag_blocks = Some(6), Verdict::Good, ""),
        (|status| status.lag_blocks = Some(7), Verdict::Behind, "7 blocks missing"),
        (
            |status| {
                status.lag_blocks = Some(1);
                status.sync.updated_at = NOW - 61.0;
            },
            Verdict::Behind,
            "1 block missing, and nothing was written for 61 s",
        ),
        (|status| status.sync.updated_at = NOW - 9000.0, Verdict::Good, ""),
        (|status| status.sync.mode = Mode::Bulk, Verdict::Behind, "history is being loaded"),
        (|status| status.sync.mode = Mode::Seal, Verdict::Behind, "indexes are being built"),
        (|status| status.sync.mode = Mode::CatchUp, Verdict::Behind, "catching up"),
        (|status| status.sync.mode = Mode::Reorg, Verdict::Behind, "reorganization"),
        (|status| status.writer = None, Verdict::Behind, "nobody writes; start the node with --mirror"),
        (
            |status| (status.node, status.lag_blocks) = (None, None),
            Verdict::Behind,
            "no node has told its height yet",
        ),
        (
            |status| status.node.iter_mut().for_each(|node| node.last_seen = NOW - 301.0),
            Verdict::Behind,
            "the node has said nothing for 5 min",
        ),
        (
            |status| status.checks[0].ok = Some(false),
            Verdict::Broken,
            "the check 'headers' failed 100 s ago; `chaincored mirror verify --full` shows where",
        ),
        (|status| status.invalid_indexes = 1, Verdict::Broken, "1 index is not whole"),
        (
            |status| {
                status.invalid_indexes = 1;
                let building =
                    IndexLine { index_name: "i".into(), relation: "r".into(), state: "building".into() };
                status.index_builds.push(building);
            },
            Verdict::Good,
            "",
        ),
        (
            |status| {
                let failed =
                    IndexLine { index_name: "i".into(), relation: "r".into(), state: "failed".into() };
                status.index_builds.push(failed);
            },
            Verdict::Broken,
            "the index i on r could not be built",
        ),
    ];
    for (change, verdict, words) in cases {
        let mut status = well();
        change(&mut status);
        let looked = looked(status);
        assert_eq!(looked.verdict(), *verdict, "{words}: {:?}", looked.troubles());
        assert!(text(&looked, 160).contains(words), "no {words:?} in\n{}", text(&looked, 160));
    }
}

#[test]
fn the_whole_picture() {
    let mut looked = looked(well());
    let mut later = well();
    later.now += 2.0;
    later.sync.totals.txs += 1000;
    later.sync.totals.blocks += 3;
    looked.take(Seen::Status(Box::new(later)), 2);
    let text = text(&looked, 110);
    for part in [
        "ChainCore mirror  up to date  2023-11-14 22:13:22 UTC",
        "mode tip · height 130 of 130 · 0 blocks behind · tip 14 s old · written 5 s ago",
        "chain chaincore · postgres://reader@db:5432/chain · PostgreSQL 15.4 · writer core0 (4711)",
        "134 blocks · 1,393 transactions · 800 outputs · 262 inputs · 538 unspent worth 6550.00000000",
        "501.50 rows/s · 1.50 blocks/s",
        "mempool 32 s ago: 7 transactions · 1,400 vB",
        "130  …0000000082  22:13:08   3  900 B  0.00001234    1.50  Alice's pool",
        "Alice's pool      98  74.8 %",
        "unknown           33  25.2 %",
        "1 of 1 checks held, the last 102 s ago",
        "headers ok",
        "2 reorganizations; the last 10 min ago left 1 block above height 99 for 2, in 17 ms",
        "tables, 8.0 MiB in all",
        "outputs  120.6 KiB          800     5",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    // Rates never come from a clock that went back.
    let mut earlier = well();
    earlier.now -= 100.0;
    looked.take(Seen::Status(Box::new(earlier)), 3);
    assert_eq!(looked.rates.len(), 1);
}

#[test]
fn a_database_out_of_reach_keeps_what_was_seen() {
    let mut looked = Looked { server: "postgres://reader@db:5432/chain".into(), ..Looked::default() };
    assert!(text(&looked, 80).contains("asking ..."));
    looked.take(Seen::Failure("postgres://reader@db:5432/chain: cannot connect".into()), 1);
    assert_eq!(looked.verdict(), Verdict::Broken);
    assert!(text(&looked, 80).contains("OUT OF REACH"));
    looked.take(Seen::Status(Box::new(well())), 2);
    looked.take(Seen::Failure("gone".into()), 3);
    let text = text(&looked, 80);
    assert!(
        text.contains("! gone\nwhat follows is what was seen before") && text.contains("height 130"),
        "{text}"
    );
    let json = serde_json::to_value(report(&looked)).expect("JSON");
    assert_eq!((&json["exit_code"], &json["status"]), (&2.into(), &serde_json::Value::Null));
}

#[test]
fn loading_shows_how_far_it_is_in_any_width() {
    let mut status = well();
    status.sync.mode = Mode::Bulk;
    status.lag_blocks = Some(100);
    for state in ["planned", "building", "done", "failed"] {
        status.index_builds.push(IndexLine {
            index_name: format!("index_{state}"),
            relation: "outputs".into(),
            state: state.into(),
        });
    }
    let looked = looked(status);
    assert!(text(&looked, 100).contains(" 23.7 %"), "{}", text(&looked, 100));
    for width in [24, 40, 60, 100, 200] {
        for line in view::picture(&looked, Size { width, height: 24 }, Paint::full()) {
            let fits = line.width() <= usize::from(width);
            let cut = line.to_string().starts_with("index ") || line.to_string().starts_with("ChainCore");
            assert!(fits || cut || width < 40, "{width}: {line}");
        }
    }
}
