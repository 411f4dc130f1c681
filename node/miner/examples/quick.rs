use chaincore_consensus::*;
use chaincore_miner::*;
fn cpu() -> f64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9
}
fn clock() -> f64 {
    let c = std::env::args().count() as u64;
    let d = c * 0x9e3779b97f4a7c15 | 1;
    let mut x = c;
    let n = 500_000u64;
    let t = cpu();
    for _ in 0..n {
        x = (x ^ c).wrapping_add(d);
    }
    let s = cpu() - t;
    std::hint::black_box(x);
    2.0 * n as f64 / s
}
fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    let h = Header {
        version: 4,
        previous: BlockHash([3; 32]),
        merkle_root: hash::Hash256([5; 32]),
        time: 1700000000,
        bits: 0x1d00ffff,
        nonce: 0,
    };
    let t = pow::Target::from_compact(0x1d00ffff).unwrap();
    for nv in [1usize, 4, 16] {
        let vs: Vec<i32> = (0..nv as i32).map(|v| v << 13 | 0x20000000).collect();
        let w = Prepared::with_versions(&h, &vs, t);
        for k in Kernel::available() {
            if !k.name().contains(&only) {
                continue;
            }
            let n = (if k.lanes() == 1 { 1 << 14 } else { 1u32 << 17 }) / nv as u32;
            let mut best = 0f64;
            let mut c = 0f64;
            let mut hits = vec![];
            for s in 0..100 {
                c = c.max(clock());
                let t = cpu();
                k.scan(&w, s * n, n, usize::MAX, &mut hits);
                best = best.max(n as f64 * nv as f64 / (cpu() - t));
            }
            println!(
                "{nv:3} {:10} {:.2} MH/s {:.3} GHz {:.1} cycles/hash",
                k.name(),
                best / 1e6,
                c / 1e9,
                c / best
            );
        }
    }
}
