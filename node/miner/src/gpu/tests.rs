//! The card's kernel is read and carried out here, instruction by instruction, so that it is tested where
//! there is no card; where there is one, the card is tested too.

use super::ptx::{TAIL_WORDS, VERSION_WORDS, module, tail_words, version_words};
use super::{Gpu, GpuError};
use crate::{Hit, Kernel, Prepared};
use chaincore_consensus::hash::{BlockHash, Hash256};
use chaincore_consensus::{Header, pow::Target};
use std::collections::HashMap;

const VERSIONS_AT: u64 = 0x1_0000_0000;
const RESULTS_AT: u64 = 0x2_0000_0000;

/// A launch: parameters by their names, the versions' words and the results.
struct Launch {
    parameters: HashMap<&'static str, u64>,
    tail: [u32; TAIL_WORDS],
    versions: Vec<u32>,
    results: Vec<u32>,
}

/// One instruction: its name, what it sets, what it reads.
struct Instruction<'a> {
    guard: Option<&'a str>,
    name: &'a str,
    operands: Vec<&'a str>,
}

struct Program<'a> {
    instructions: Vec<Instruction<'a>>,
    labels: HashMap<&'a str, usize>,
}

/// Splits at commas outside braces.
fn operands(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[from..].trim());
    parts
}

impl<'a> Program<'a> {
    fn parse(text: &'a str) -> Self {
        let body = text.split_once("\n{\n").unwrap().1.split_once("\n}\n").unwrap().0;
        let mut program = Self { instructions: Vec::new(), labels: HashMap::new() };
        for line in body.lines().map(str::trim).filter(|line| !line.starts_with(".reg")) {
            if let Some(label) = line.strip_suffix(':') {
                program.labels.insert(label, program.instructions.len());
                continue;
            }
            let line = line.strip_suffix(';').unwrap();
            let (guard, line) = match line.strip_prefix('@') {
                Some(rest) => rest.split_once(' ').map(|(guard, rest)| (Some(guard), rest)).unwrap(),
                None => (None, line),
            };
            let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
            program.instructions.push(Instruction { guard, name, operands: operands(rest) });
        }
        program
    }

    /// What one thread does.
    fn run(&self, launch: &mut Launch, block: u32, thread: u32) {
        let mut registers: HashMap<&str, u64> = HashMap::new();
        let mut at = 0;
        loop {
            let Instruction { guard, name, operands } = &self.instructions[at];
            at += 1;
            if guard.is_some_and(|guard| registers[guard] == 0) {
                continue;
            }
            let value = |i: usize| -> u64 {
                let operand: &str = operands[i];
                match operand {
                    "%ctaid.x" => block.into(),
                    "%ntid.x" => super::BLOCK.into(),
                    "%tid.x" => thread.into(),
                    register if register.starts_with('%') => registers[register],
                    number => match number.strip_prefix("0x") {
                        Some(digits) => u64::from_str_radix(digits, 16).unwrap(),
                        None => number.parse().unwrap(),
                    },
                }
            };
            let word = |i: usize| u32::try_from(value(i)).unwrap();
            // An address in brackets: what it is relative to, and the distance.
            let address = |i: usize| {
                let inner = operands[i].strip_prefix('[').unwrap().strip_suffix(']').unwrap();
                let (base, offset) = inner.split_once('+').unwrap_or((inner, "0"));
                (base, offset.parse::<u64>().unwrap())
            };
            let result: u64 = match *name {
                "mov.u32" => word(1).into(),
                "mad.lo.u32" => word(1).wrapping_mul(word(2)).wrapping_add(word(3)).into(),
                "add.u32" => word(1).wrapping_add(word(2)).into(),
                "add.u64" => value(1).wrapping_add(value(2)),
                "mul.wide.u32" => u64::from(word(1)) * u64::from(word(2)),
                "shr.u32" => (word(1) >> word(2)).into(),
                "shf.r.wrap.b32" => {
                    let both = u64::from(word(2)) << 32 | u64::from(word(1));
                    u64::from((both >> (word(3) % 32)) as u32)
                }
                "lop3.b32" => {
                    let (a, b, c, table) = (word(1), word(2), word(3), word(4));
                    (0..32).fold(0u64, |bits, i| {
                        let index = (a >> i & 1) << 2 | (b >> i & 1) << 1 | (c >> i & 1);
                        bits | u64::from(table >> index & 1) << i
                    })
                }
                "prmt.b32" => {
                    let both = (u64::from(word(2)) << 32 | u64::from(word(1))).to_le_bytes();
                    let byte = |i: u32| u64::from(both[(word(3) >> (4 * i) & 7) as usize]) << (8 * i);
                    (0..4).map(byte).sum()
                }
                "setp.ge.u32" => (word(1) >= word(2)).into(),
                "setp.gt.u32" => (word(1) > word(2)).into(),
                "setp.lt.u32" => (word(1) < word(2)).into(),
                "ld.param.u32" => match address(1) {
                    ("tail", offset) => launch.tail[offset as usize / 4].into(),
                    (name, _) => launch.parameters[name],
                },
                "ld.param.u64" => launch.parameters[address(1).0],
                "ld.global.nc.v4.u32" => {
                    let (base, offset) = address(1);
                    let from = ((registers[base] + offset).checked_sub(VERSIONS_AT).unwrap() / 4) as usize;
                    let names = operands[0].trim_matches(['{', '}']);
                    for (name, word) in names.split(',').zip(&launch.versions[from..from + 4]) {
                        registers.insert(name.trim(), (*word).into());
                    }
                    continue;
                }
                "atom.global.add.u32" => {
                    assert_eq!(registers[address(1).0], RESULTS_AT);
                    let before = launch.results[0];
                    launch.results[0] += word(2);
                    before.into()
                }
                "st.global.u32" => {
                    let (base, offset) = address(0);
                    let to = (registers[base] + offset).checked_sub(RESULTS_AT).unwrap() / 4;
                    launch.results[to as usize] = word(1);
                    continue;
                }
                "bra" => {
                    at = self.labels[operands[0]];
                    continue;
                }
                "ret" => return,
                other => panic!("what is {other}?"),
            };
            registers.insert(operands[0], result);
        }
    }
}

fn header(seed: u8) -> Header {
    Header {
        version: 0x2000_0000,
        previous: BlockHash([seed; 32]),
        merkle_root: Hash256([seed ^ 0x5a; 32]),
        time: 1_700_000_000 + u32::from(seed),
        bits: 0x1d00_ffff,
        nonce: 0,
    }
}

fn work(seed: u8, versions: i32, zero_bits: usize) -> Prepared {
    let mut target = [0xff; 32];
    for bit in 0..zero_bits {
        target[bit / 8] >>= 1;
    }
    let header = header(seed);
    let versions: Vec<i32> = (0..versions).map(|version| header.version ^ (version << 13)).collect();
    Prepared::with_versions(&header, &versions, Target::from_be_bytes(target))
}

fn plain(work: &Prepared, start: u32, count: u32) -> Vec<Hit> {
    let mut hits = Vec::new();
    Kernel::named("portable").unwrap().scan(work, start, count, usize::MAX, &mut hits);
    hits.sort_unstable();
    hits
}

/// Carries the kernel out for `count` nonces.
fn interpret(work: &Prepared, start: u32, count: u32, room: u32) -> Launch {
    let text = module();
    let program = Program::parse(&text);
    let mut launch = Launch {
        parameters: HashMap::from([
            ("versions_at", VERSIONS_AT),
            ("results_at", RESULTS_AT),
            ("first", start.into()),
            ("count", count.into()),
            ("versions", work.versions().into()),
            ("limit", work.limit().into()),
            ("room", room.into()),
        ]),
        tail: tail_words(&work.tail),
        versions: work.versions.iter().flat_map(version_words).collect(),
        results: vec![0; 1 + 2 * room as usize],
    };
    assert_eq!(launch.versions.len(), VERSION_WORDS * work.versions() as usize);
    for block in 0..count.div_ceil(super::BLOCK) {
        for thread in 0..super::BLOCK {
            program.run(&mut launch, block, thread);
        }
    }
    launch
}

#[test]
fn the_kernel_written_for_the_card_finds_what_plain_sha256_finds() {
    for (seed, versions, zero_bits, start, count) in
        [(1, 1, 4, 0, 150), (2, 16, 6, u32::MAX - 99, 100), (3, 3, 0, 0xdead_beef, 5), (4, 2, 256, 7, 20)]
    {
        let work = work(seed, versions, zero_bits);
        let launch = interpret(&work, start, count, 1000);
        let found = launch.results[0] as usize;
        let mut hits: Vec<Hit> = launch.results[1..1 + 2 * found]
            .chunks(2)
            .map(|pair| Hit { version: pair[0], nonce: pair[1] })
            .filter(|hit| work.solves(*hit))
            .collect();
        hits.sort_unstable();
        assert_eq!(hits, plain(&work, start, count), "seed {seed}");
        assert_eq!(hits.is_empty(), zero_bits == 256);
    }
}

#[test]
fn a_kernel_without_room_counts_and_writes_no_further() {
    let launch = interpret(&work(5, 2, 0), 10, 8, 3);
    assert_eq!(launch.results[0], 16);
    assert!(launch.results[1..].chunks(2).all(|pair| pair[0] < 2 && (10..18).contains(&pair[1])));
}

/// Without a card, that it is said; with one, that it finds what the processor finds.
#[test]
fn the_card_if_there_is_one_finds_what_plain_sha256_finds() {
    let gpu = match Gpu::open(0) {
        Ok(gpu) => gpu,
        Err(error) => {
            assert_eq!(Gpu::count(), 0, "{error}");
            assert!(matches!(error, GpuError::NoDriver | GpuError::NoCard(0) | GpuError::Driver(_)));
            return;
        }
    };
    for (seed, versions, zero_bits, start, count) in [
        (1, 1, 12, 0, 1 << 20),
        (2, 16, 14, u32::MAX - (1 << 16), 1 << 18),
        (3, 3, 0, 77, 100_001),
        (4, 2, 256, 7, 20),
        (5, 5, 3, 9, 0),
    ] {
        let work = work(seed, versions, zero_bits);
        let mut hits = Vec::new();
        let tried = gpu.scan(&work, start, count, &mut hits).unwrap();
        assert_eq!(u64::from(tried), u64::from(count).min((1 << 32) - u64::from(start)));
        hits.sort_unstable();
        let mut expected = Vec::new();
        Kernel::fastest().scan(&work, start, count, usize::MAX, &mut expected);
        expected.sort_unstable();
        assert_eq!(hits, expected, "seed {seed}");
    }
    let job = crate::Job::new(header(9), Target::from_compact(0x1e00_ffff).unwrap())
        .rolling_version(crate::BIP320_MASK);
    let solution = std::cell::Cell::new(None);
    let found = |found| {
        solution.set(Some(found));
        false
    };
    assert_eq!(gpu.mine(&job, &|| false, &found, &|_| {}).unwrap(), crate::Ended::Stopped);
    let header = solution.get().unwrap().header;
    assert!(job.target().is_met_by(&header.hash()));
}
