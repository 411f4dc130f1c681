//! How fast the light client checks: headers by every rule, and filters against a wallet's scripts.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::difficulty::next_bits;
use chaincore_consensus::filter::{BasicFilter, HEADER_BEFORE_GENESIS};
use chaincore_consensus::params::{AsertAnchor, ChainParams, Retarget};
use chaincore_consensus::pow::check_proof_of_work;
use chaincore_consensus::{BlockHash, Hash256, Header};
use chaincore_wallet::light::filters::check_filter;
use chaincore_wallet::light::headers::{FILE, HeaderChain};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;

/// Headers whose work is easy and all of whose rules are real.
fn mine(params: &ChainParams, count: u32) -> Vec<Header> {
    let mut headers = vec![params.genesis.header];
    for _ in 1..count {
        let time = headers.tip().time + params.target_spacing;
        let mut header = Header {
            version: 0x2000_0000,
            previous: headers.tip_hash(),
            merkle_root: Hash256::ZERO,
            time,
            bits: next_bits(params, &headers, time),
            nonce: 0,
        };
        while !check_proof_of_work(&header.hash(), header.bits, params.pow_limit) {
            header.nonce += 1;
        }
        headers.push(header);
    }
    headers
}

fn headers(criterion: &mut Criterion) {
    const COUNT: u32 = 5 * FILE;
    let mut group = criterion.benchmark_group("headers");
    group.throughput(Throughput::Elements(COUNT.into())).sample_size(10);
    let asert = Retarget::Asert { half_life: 60, anchor: AsertAnchor::Parent };
    for (name, retarget) in [("no retargeting", Retarget::NoRetarget), ("asert", asert)] {
        let params = Arc::new(ChainParams { retarget, ..ChainParams::regtest() });
        let headers = mine(&params, COUNT);
        let now = u64::from(headers.tip().time);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || HeaderChain::new(Arc::clone(&params)),
                |mut chain| {
                    for (file, headers) in (0..).zip(headers.chunks(FILE as usize)) {
                        let connected = chain.connect(file * FILE, headers, now);
                        assert_eq!(connected.fault, None);
                    }
                    chain
                },
                BatchSize::LargeInput,
            );
        });
    }
}

fn filters(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("filters");
    let script = |n: u32| [&[0x00, 0x14][..], &n.to_le_bytes(), &[7; 16]].concat();
    let wallet: Vec<Vec<u8>> = (1_000_000..1_000_100).map(script).collect();
    let block = BlockHash([5; 32]);
    for elements in [2u32, 100, 12_000] {
        let scripts: Vec<Vec<u8>> = (0..elements).map(script).collect();
        let filter = BasicFilter::build(block, scripts.iter().map(Vec::as_slice));
        let header = filter.header(&HEADER_BEFORE_GENESIS);
        let bytes = filter.into_bytes();
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{elements} elements, 100 scripts"), |bencher| {
            bencher.iter(|| {
                let filter =
                    check_filter(1, block, &bytes, &HEADER_BEFORE_GENESIS, &header).expect("it fits");
                black_box(filter.matches_any(wallet.iter().map(Vec::as_slice)))
            });
        });
    }
}

criterion_group!(benches, headers, filters);
criterion_main!(benches);
