//! How many operations a hash takes: the kernels' code, run with words that only count.

use crate::sha256::{Lanes, Midstate, Schedule, Tail, last_word, schedule};
use std::cell::Cell;
use std::ops::{Add, Mul, Sub};

/// Operations on 32-bit words. A mean, so not whole numbers.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Operations {
    /// Additions.
    pub add: f64,
    /// Σ0 and Σ1: three rotations and two exclusive ors each.
    pub big: f64,
    /// σ0 and σ1: two rotations, a shift and two exclusive ors each.
    pub small: f64,
    /// Choices between the bits of two words by a third.
    pub choose: f64,
    /// Majorities of three words.
    pub majority: f64,
}

impl Operations {
    /// What one hash takes if each nonce is tried in so many versions.
    ///
    /// # Panics
    /// If that is none.
    pub fn per_hash(versions: u32) -> Self {
        assert!(versions > 0, "a header has a version");
        let (mid, tail) = (unknown_midstate(), unknown_tail());
        let mut kw: Schedule<Counted> = [Counted; 46];
        let shared = counted(|| schedule(&tail, Counted, &mut kw));
        let own = counted(|| {
            last_word(&mid, &tail, Counted, &kw);
        });
        own + shared * f64::from(versions).recip()
    }

    /// The sum, each kind of operation with its weight.
    pub fn weighed(&self, weights: &Self) -> f64 {
        self.add * weights.add
            + self.big * weights.big
            + self.small * weights.small
            + self.choose * weights.choose
            + self.majority * weights.majority
    }

    fn each(self, other: Self, apply: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            add: apply(self.add, other.add),
            big: apply(self.big, other.big),
            small: apply(self.small, other.small),
            choose: apply(self.choose, other.choose),
            majority: apply(self.majority, other.majority),
        }
    }
}

impl Add for Operations {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.each(other, |a, b| a + b)
    }
}

impl Sub for Operations {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.each(other, |a, b| a - b)
    }
}

impl Mul<f64> for Operations {
    type Output = Self;
    fn mul(self, by: f64) -> Self {
        self.each(self, |a, _| a * by)
    }
}

thread_local! {
    /// The words have nowhere to count.
    static COUNT: Cell<Operations> = Cell::default();
}

fn counted(run: impl FnOnce()) -> Operations {
    let before = COUNT.get();
    run();
    COUNT.get() - before
}

fn count(operations: Operations) -> Counted {
    COUNT.set(COUNT.get() + operations);
    Counted
}

/// A word without a value.
#[derive(Clone, Copy)]
struct Counted;

fn unknown_tail() -> Tail<()> {
    Tail { words: [(); 3], w16: (), w17: (), c18: (), c19: (), c31: (), c32: (), kw: [(); 11] }
}

fn unknown_midstate() -> Midstate<()> {
    Midstate { start: [(); 8], after2: [(); 8], a3: (), e3: (), hkw: [(); 3] }
}

impl Lanes for Counted {
    type Uniform = ();
    fn splat(_: u32) -> Self {
        Self
    }
    fn uniform((): ()) -> Self {
        Self
    }
    fn add(self, _: Self) -> Self {
        count(Operations { add: 1.0, ..Operations::default() })
    }
    fn big0(self) -> Self {
        count(Operations { big: 1.0, ..Operations::default() })
    }
    fn big1(self) -> Self {
        self.big0()
    }
    fn small0(self) -> Self {
        count(Operations { small: 1.0, ..Operations::default() })
    }
    fn small1(self) -> Self {
        self.small0()
    }
    fn choose(self, _: Self, _: Self) -> Self {
        count(Operations { choose: 1.0, ..Operations::default() })
    }
    fn majority(self, _: Self, _: Self) -> Self {
        count(Operations { majority: 1.0, ..Operations::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_takes_fewer_operations_than_two_compressions_and_fewer_still_with_versions() {
        let one = Operations::per_hash(1);
        // Rounds 4 to 63, then 1 to 60; the last four of these need no new `a`.
        assert_eq!(one.choose, 60.0 + 60.0);
        assert_eq!(one.majority, 60.0 + 56.0);
        assert_eq!(one.big, 120.0 + 116.0);
        // Two compressions plainly: 48 words each, two functions a word.
        assert!(one.small < 2.0 * 2.0 * 48.0);
        assert!(one.add < 2.0 * (64.0 * 7.0 + 48.0 * 3.0 + 8.0));
        let sixteen = Operations::per_hash(16);
        let kw = 46.0;
        assert!(sixteen.add < one.add - kw && sixteen.small < one.small - 60.0);
        assert_eq!((sixteen.big, sixteen.choose), (one.big, one.choose));
    }
}
