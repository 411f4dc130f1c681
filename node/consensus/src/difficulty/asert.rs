//! aserti3: the exponential difficulty formula of Bitcoin Cash (its specification "2020-11-15-asert"), in
//! integers.

use crate::pow::Target;
use ruint::aliases::{U256, U512};

/// Fixed point: 16 bits behind the point.
const RADIX_BITS: u32 = 16;

/// `reference` times `2^((time_diff - spacing × (height_diff + 1)) / half_life)`, at least 1 and at most `limit`.
///
/// `time_diff` is the last block's time minus that of the anchor's parent and `height_diff` the last block's
/// height minus the anchor's, times in seconds. The power of two's fraction comes from a cubic polynomial, good
/// to 0.013 %.
pub fn asert_target(
    reference: Target,
    spacing: u32,
    time_diff: i64,
    height_diff: u32,
    limit: Target,
    half_life: u32,
) -> Target {
    let lag = i128::from(time_diff) - i128::from(spacing) * (i128::from(height_diff) + 1);
    // Division towards zero and then a floor into whole and fractional bits, as the reference code does.
    let exponent = (lag << RADIX_BITS) / i128::from(half_life.max(1));
    let shift = (exponent >> RADIX_BITS) - i128::from(RADIX_BITS);
    let fraction = (exponent & 0xffff) as u128;
    let cubic = 195_766_423_245_049 * fraction
        + 971_821_376 * fraction * fraction
        + 5_127 * fraction * fraction * fraction
        + (1 << 47);
    let factor = (1 << RADIX_BITS) + (cubic >> 48);
    // 256 bits times 17 bits fit in 512 with room to spare; a shift beyond that decides by itself.
    let scaled = U512::from(reference.0) * U512::from(factor);
    let next = if shift >= 0 {
        if shift > 256 || scaled.bit_len() as i128 + shift > 256 {
            return limit;
        }
        scaled << shift as usize
    } else if shift < -512 {
        U512::ZERO
    } else {
        scaled >> shift.unsigned_abs() as usize
    };
    if next > U512::from(limit.0) {
        limit
    } else if next.is_zero() {
        Target(U256::ONE)
    } else {
        Target(next.to())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_LIFE: u32 = 2 * 24 * 60 * 60;

    fn shifted(target: Target, bits: usize) -> Target {
        Target(target.0 >> bits)
    }

    fn number(value: u64) -> Target {
        Target(U256::from(value))
    }

    /// The known values of Bitcoin Cash Node's test of the formula.
    #[test]
    fn known_values() {
        let limit = Target::from_leading_hex_zeros(8).unwrap();
        let single_300 = "00000000ffb1ffffffffffffffffffffffffffffffffffffffffffffffffffff".parse().unwrap();
        let funny = "000000008000000000000000000fffffffffffffffffffffffffffffffffffff".parse().unwrap();
        let one = number(1);
        let cases: [(Target, i64, u32, Target, u32); 18] = [
            (limit, 0, 2 * 144, shifted(limit, 1), 0x1c7f_ffff),
            (limit, 0, 4 * 144, shifted(limit, 2), 0x1c3f_ffff),
            (shifted(limit, 1), 0, 2 * 144, shifted(limit, 2), 0x1c3f_ffff),
            (shifted(limit, 2), 0, 2 * 144, shifted(limit, 3), 0x1c1f_ffff),
            (shifted(limit, 3), 0, 2 * 144, shifted(limit, 4), 0x1c0f_ffff),
            (limit, 0, 2 * (256 - 34) * 144, number(3), 0x0103_0000),
            (limit, 0, 2 * (256 - 34) * 144 + 119, number(3), 0x0103_0000),
            (limit, 0, 2 * (256 - 34) * 144 + 120, number(2), 0x0102_0000),
            (limit, 0, 2 * (256 - 33) * 144 - 1, number(2), 0x0102_0000),
            (limit, 0, 2 * (256 - 33) * 144, one, 0x0101_0000),
            (limit, 0, 2 * (256 - 32) * 144, one, 0x0101_0000),
            (one, 0, 2 * (256 - 32) * 144, one, 0x0101_0000),
            (limit, 2 * (512 - 32) * 144, 0, limit, 0x1d00_ffff),
            (one, (512 - 64) * 144 * 600, 0, limit, 0x1d00_ffff),
            (limit, 300, 1, single_300, 0x1d00_ffb1),
            (funny, 600 * 2 * 33 * 144, 0, limit, 0x1d00_ffff),
            (one, 600 * 2 * 256 * 144, 0, limit, 0x1d00_ffff),
            (one, 600 * 2 * 224 * 144 - 1, 0, Target(U256::from(0xf_fff8) << 204), 0x1d00_ffff),
        ];
        for (at, (reference, time, height, target, bits)) in cases.into_iter().enumerate() {
            // The reference's times exclude the anchor's own spacing.
            let next = asert_target(reference, 600, 600 + time, height, limit, HALF_LIFE);
            assert_eq!(next, target, "case {at}");
            assert_eq!(next.to_compact(), bits, "case {at}");
        }
    }

    #[test]
    fn extremes_stay_in_range() {
        let limit = Target::MAX;
        for time in [i64::MIN, -1, 0, 1, i64::MAX] {
            for height in [0, u32::MAX] {
                for half_life in [0, 1, u32::MAX] {
                    let next = asert_target(number(1 << 40), u32::MAX, time, height, limit, half_life);
                    assert!(next >= number(1) && next <= limit);
                }
            }
        }
    }
}
