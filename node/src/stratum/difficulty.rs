//! Share difficulties: which target one stands for, and which one a worker gets.
//!
//! Difficulty 1 is the target `0xffff << 208`, as `getdifficulty` has it; a share of difficulty `d` is found every
//! `d * 2^32` hashes.

use chaincore_consensus::pow::Target;
use std::time::{Duration, Instant};

/// The hashes that a share of difficulty 1 takes, on average.
pub(super) const HASHES_PER_DIFFICULTY: f64 = 4_294_967_296.0;
/// How often a worker is to hand in a share.
const SHARE_SPACING: Duration = Duration::from_secs(10);
/// So many shares say enough about a worker's speed.
const ENOUGH_SHARES: u32 = 12;
/// After this long, whatever there is has to say enough.
const ENOUGH_TIME: Duration = Duration::from_secs(60);
/// One step changes the difficulty by no more than this factor.
const LARGEST_STEP: f64 = 16.0;
/// Changes below this factor are not worth a message.
const SMALLEST_STEP: f64 = 1.4;
/// The range of difficulties, unless blocks are easier still: a hash in 2^32 * 1e-9, about four, to what no machine
/// reaches.
const RANGE: (f64, f64) = (1e-9, 1e15);

/// The target of a difficulty; the whole number range where `difficulty` is 0 or not a number.
pub(super) fn target(difficulty: f64) -> Target {
    // 65535 * 2^208 / difficulty, of which 53 bits count.
    let ratio = 65_535.0 / difficulty;
    if !ratio.is_finite() || ratio <= 0.0 {
        return Target::from_be_bytes([0xff; 32]);
    }
    let exponent = (ratio.log2().floor() as i32) - 52;
    let mantissa = (ratio / 2f64.powi(exponent)) as u64;
    let shift = exponent + 208;
    let mut bytes = [0u8; 32];
    // Bit `n` of the mantissa is bit `n + shift` of the number.
    for bit in (0..64).filter(|bit| mantissa >> bit & 1 == 1) {
        match usize::try_from(bit + shift) {
            Err(_) => {}
            Ok(at) if at < 256 => bytes[31 - at / 8] |= 1 << (at % 8),
            Ok(_) => return Target::from_be_bytes([0xff; 32]),
        }
    }
    Target::from_be_bytes(bytes)
}

/// A difficulty that a worker may have where blocks have `network`'s: a share harder than a block makes no sense.
pub(super) fn bounded(difficulty: f64, network: f64) -> f64 {
    let difficulty = if difficulty.is_finite() { difficulty } else { RANGE.1 };
    // On chains for tests a block may be easier than the easiest share.
    difficulty.clamp(RANGE.0, RANGE.1).min(network)
}

/// What a worker begins with if nobody says otherwise: a few shares for each block that it would find alone, and no
/// more than hardware of today finds in seconds.
pub(super) fn first(network: f64) -> f64 {
    bounded((network / 16.0).min(512.0), network)
}

/// Watches how fast shares come and says which difficulty makes them come every ten seconds.
#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    shares: u32,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, shares: 0 }
    }

    /// A share has come.
    pub(super) fn share(&mut self) {
        self.shares = self.shares.saturating_add(1);
    }

    /// When to look next although no share comes.
    pub(super) fn due(&self) -> Instant {
        self.since + ENOUGH_TIME
    }

    /// The difficulty to change to, if `current` is wrong. Begins to count anew when there was enough to go by.
    pub(super) fn judge(&mut self, current: f64, network: f64, now: Instant) -> Option<f64> {
        let elapsed = now.saturating_duration_since(self.since);
        if self.shares < ENOUGH_SHARES && elapsed < ENOUGH_TIME {
            return None;
        }
        // Half a share for none: the next one may be about to come.
        let shares = f64::from(self.shares).max(0.5);
        let spacing = elapsed.as_secs_f64().max(0.05) / shares;
        let factor = (SHARE_SPACING.as_secs_f64() / spacing).clamp(1.0 / LARGEST_STEP, LARGEST_STEP);
        *self = Self::new(now);
        let wanted = bounded(current * factor, network);
        let change = (wanted / current).max(current / wanted);
        (change >= SMALLEST_STEP).then_some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::pow;

    #[test]
    fn targets_are_those_of_difficulties() {
        assert_eq!(target(1.0).to_string(), format!("00000000ffff{}", "0".repeat(52)));
        assert_eq!(target(0.5).to_string(), format!("00000001fffe{}", "0".repeat(52)));
        assert_eq!(target(65_535.0).to_string(), format!("000000000001{}", "0".repeat(52)));
        for nothing in [0.0, -1.0, f64::NAN, 1e-300, f64::INFINITY] {
            let text = target(nothing).to_string();
            assert_eq!(text, "f".repeat(64), "{nothing}");
        }
        for bits in [0x207f_ffff, 0x1f0f_ffff, 0x1d00_ffff, 0x1703_4219] {
            let (exact, made) = (Target::from_compact(bits).unwrap(), target(pow::difficulty(bits)));
            let ratio = exact.work().to_f64() / made.work().to_f64();
            assert!((ratio - 1.0).abs() < 1e-6, "{bits:08x}: {ratio}");
        }
    }

    #[test]
    fn the_difficulty_follows_the_speed() {
        let mut now = Instant::now();
        // A machine of 1 TH/s that begins at 512: a share takes two seconds.
        let (mut difficulty, network) = (512.0, 1e12);
        let mut pace = Pace::new(now);
        for _ in 0..200 {
            now += Duration::from_secs_f64(difficulty * HASHES_PER_DIFFICULTY / 1e12);
            pace.share();
            difficulty = pace.judge(difficulty, network, now).unwrap_or(difficulty);
        }
        let spacing = difficulty * HASHES_PER_DIFFICULTY / 1e12;
        assert!((7.0..14.0).contains(&spacing), "{spacing}");
        // It stops; a slow one is connected at the same place.
        let before = difficulty;
        for _ in 0..20 {
            now = pace.due();
            difficulty = pace.judge(difficulty, network, now).unwrap_or(difficulty);
        }
        assert!(difficulty < before / 1e6, "{difficulty}");
        assert!(difficulty >= RANGE.0);
    }

    #[test]
    fn no_share_is_harder_than_a_block() {
        assert_eq!(bounded(5.0, 2.0), 2.0);
        assert_eq!(bounded(f64::NAN, 2.0), 2.0);
        assert_eq!(bounded(0.0, 2.0), RANGE.0);
        assert_eq!(first(1e14), 512.0);
        assert_eq!(first(1.6), 0.1);
        // That of regtest: a share of difficulty 1e-9 would be harder than two blocks.
        let regtest = pow::difficulty(0x207f_ffff);
        assert_eq!(
            (first(regtest), bounded(1e-9, regtest), bounded(1.0, regtest)),
            (regtest, regtest, regtest)
        );
        let mut pace = Pace::new(Instant::now());
        let later = pace.due();
        (0..1000).for_each(|_| pace.share());
        assert_eq!(pace.judge(regtest, regtest, later), None, "it cannot be made harder");
    }
}
