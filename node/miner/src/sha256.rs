//! Double SHA-256 of an 80-byte header, split into what each part depends on.
//!
//! | part | depends on | computed |
//! |---|---|---|
//! | the first block, the second's rounds 0 to 2 | header without nonce | once per version ([`Midstate`]) |
//! | W16, W17 and other constants | its last 16 bytes without nonce | once per header ([`Tail`]) |
//! | the second block's W18 to W63 | nonce, **not** the version | once per nonce ([`schedule`]) |
//! | the first hash, the second's last word | everything | once per hash ([`last_word`]) |
//!
//! The third row is why several versions are searched at once: headers that differ in their first 64 bytes
//! only (BIP320's version bits) share it, and it is a seventh of the whole.
//!
//! The second hash ends after round 60: the last word of a hash is its start value plus what `e` was then.
//! Everything here is generic over [`Lanes`]: nonces side by side, one per lane of a vector.

/// The state in which SHA-256 starts (FIPS 180-4, 5.3.3).
pub const START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The round constants (FIPS 180-4, 4.2.2).
#[rustfmt::skip]
pub const K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// W8 of a hash of 32 bytes, W4 of the end of a header: the bit that begins the padding.
pub(crate) const PADDING: u32 = 0x8000_0000;
/// The length of a header and of a hash, in bits.
pub(crate) const HEADER_BITS: u32 = 640;
pub(crate) const HASH_BITS: u32 = 256;

/// 32-bit words side by side, and the functions of SHA-256 on all of them at once.
pub(crate) trait Lanes: Copy {
    /// A word that is the same for all nonces but not known when the kernel is compiled.
    type Uniform: Copy;
    /// The same constant in every lane.
    fn splat(word: u32) -> Self;
    /// The same word in every lane.
    fn uniform(word: Self::Uniform) -> Self;
    /// The sum, modulo 2^32.
    fn add(self, other: Self) -> Self;
    /// Σ0: rotations by 2, 13 and 22.
    fn big0(self) -> Self;
    /// Σ1: rotations by 6, 11 and 25.
    fn big1(self) -> Self;
    /// σ0: rotations by 7 and 18, shift by 3.
    fn small0(self) -> Self;
    /// σ1: rotations by 17 and 19, shift by 10.
    fn small1(self) -> Self;
    /// Bits of `f` where `self` is set, of `g` where it is not.
    fn choose(self, f: Self, g: Self) -> Self;
    /// What at least two of the three have.
    fn majority(self, b: Self, c: Self) -> Self;

    /// A round: from a to h and the sum of constant and message word, the new `e` and the new `a`.
    #[inline(always)]
    fn round([a, b, c, d, e, f, g, h]: [Self; 8], kw: Self) -> [Self; 2] {
        let t = h.add(kw).add(e.choose(f, g)).add(e.big1());
        [d.add(t), a.majority(b, c).add(a.big0()).add(t)]
    }

    /// A word of the message schedule, from those 2, 7, 15 and 16 before it.
    #[inline(always)]
    fn expand(w2: Self, w7: Self, w15: Self, w16: Self) -> Self {
        w2.small1().add(w7).add(w15.small0()).add(w16)
    }
}

/// One word is one lane: what is constant over the nonces is computed with this, and the portable kernel too.
impl Lanes for u32 {
    type Uniform = u32;
    #[inline(always)]
    fn splat(word: u32) -> Self {
        word
    }
    #[inline(always)]
    fn uniform(word: u32) -> Self {
        word
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }
    #[inline(always)]
    fn big0(self) -> Self {
        self.rotate_right(2) ^ self.rotate_right(13) ^ self.rotate_right(22)
    }
    #[inline(always)]
    fn big1(self) -> Self {
        self.rotate_right(6) ^ self.rotate_right(11) ^ self.rotate_right(25)
    }
    #[inline(always)]
    fn small0(self) -> Self {
        self.rotate_right(7) ^ self.rotate_right(18) ^ (self >> 3)
    }
    #[inline(always)]
    fn small1(self) -> Self {
        self.rotate_right(17) ^ self.rotate_right(19) ^ (self >> 10)
    }
    #[inline(always)]
    fn choose(self, f: Self, g: Self) -> Self {
        g ^ (self & (f ^ g))
    }
    #[inline(always)]
    fn majority(self, b: Self, c: Self) -> Self {
        // `a ^ b` is the next round's `b ^ c`.
        b ^ ((self ^ b) & (b ^ c))
    }
}

/// One round: `kw` is its constant and message word, already added. The state turns instead of its words.
#[inline(always)]
fn round<L: Lanes>(s: &mut [L; 8], i: usize, kw: L) {
    let [e, a] = L::round(core::array::from_fn(|j| s[(j + 64 - i) % 8]), kw);
    s[(3 + 64 - i) % 8] = e;
    s[(7 + 64 - i) % 8] = a;
}

/// A round of which only `e` is wanted.
#[inline(always)]
fn half_round<L: Lanes>(s: &mut [L; 8], i: usize, kw: L) {
    let [_, _, _, d, e, f, g, h] = core::array::from_fn(|j| s[(j + 64 - i) % 8]);
    s[(3 + 64 - i) % 8] = h.add(kw).add(d).add(e.choose(f, g)).add(e.big1());
}

/// Word `i` of the schedule from the sixteen before it, which it replaces in their ring.
#[inline(always)]
fn expand<L: Lanes>(w: &mut [L; 16], i: usize) -> L {
    let word = L::expand(w[(i + 14) % 16], w[(i + 9) % 16], w[(i + 1) % 16], w[i % 16]);
    w[i % 16] = word;
    word
}

/// Applies a macro to the numbers of rounds, so that every index is a constant and every word a register.
macro_rules! each {
    ($apply:ident: $($i:literal)*) => { $($apply!($i);)* };
}

/// SHA-256's compression of one block.
pub(crate) fn compress(state: &mut [u32; 8], block: &[u8; 64]) {
    let mut w: [u32; 16] = core::array::from_fn(|i| {
        u32::from_be_bytes([block[4 * i], block[4 * i + 1], block[4 * i + 2], block[4 * i + 3]])
    });
    let mut s = *state;
    for i in 0..64 {
        let word = if i < 16 { w[i] } else { expand(&mut w, i) };
        round(&mut s, i, K[i].wrapping_add(word));
    }
    for (word, more) in state.iter_mut().zip(s) {
        *word = word.wrapping_add(more);
    }
}

/// What the last 16 bytes of a header give without its nonce.
#[derive(Clone, Debug)]
pub(crate) struct Tail<W = u32> {
    /// W0 to W2: the end of the merkle root, time and bits.
    pub(crate) words: [W; 3],
    /// W16 and W17.
    pub(crate) w16: W,
    pub(crate) w17: W,
    /// The constant parts of W18, W19, W31 and W32.
    pub(crate) c18: W,
    pub(crate) c19: W,
    pub(crate) c31: W,
    pub(crate) c32: W,
    /// K + W of rounds 7 to 17.
    pub(crate) kw: [W; 11],
}

impl Tail {
    pub(crate) fn new(header: &[u8; 80]) -> Self {
        let word =
            |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let words = [word(64), word(68), word(72)];
        let w16 = words[1].small0().add(words[0]);
        let w17 = HEADER_BITS.small1().add(words[2].small0()).add(words[1]);
        let w = |i: usize| match i {
            15 => HEADER_BITS,
            16 => w16,
            17 => w17,
            _ => 0,
        };
        Self {
            words,
            w16,
            w17,
            c18: w16.small1().add(words[2]),
            c19: w17.small1().add(PADDING.small0()),
            c31: w16.small0().add(HEADER_BITS),
            c32: w17.small0().add(w16),
            kw: core::array::from_fn(|i| K[i + 7].add(w(i + 7))),
        }
    }
}

/// What a header's first 64 bytes give, and the first rounds over its last 16 as far as the nonce.
#[derive(Clone, Debug)]
pub(crate) struct Midstate<W = u32> {
    /// The state after the first block.
    pub(crate) start: [W; 8],
    /// The state after round 2 of the second.
    pub(crate) after2: [W; 8],
    /// What the nonce is added to for `a` and `e` of round 3.
    pub(crate) a3: W,
    pub(crate) e3: W,
    /// h + K + W of rounds 4 to 6.
    pub(crate) hkw: [W; 3],
}

impl Midstate {
    pub(crate) fn new(header: &[u8; 80]) -> Self {
        let mut start = START;
        compress(&mut start, header.first_chunk().expect("a header has 80 bytes"));
        Self::of(start, &Tail::new(header))
    }

    fn of(start: [u32; 8], tail: &Tail) -> Self {
        let mut turned = start;
        for (i, word) in tail.words.iter().enumerate() {
            round(&mut turned, i, K[i].add(*word));
        }
        // Undo the turning: three rounds are done.
        let after2: [u32; 8] = core::array::from_fn(|j| turned[(j + 64 - 3) % 8]);
        let mut third = turned;
        round(&mut third, 3, K[3]);
        let third: [u32; 8] = core::array::from_fn(|j| third[(j + 64 - 4) % 8]);
        let h = |i: usize| after2[7 - (i - 3)];
        Self {
            start,
            after2,
            a3: third[0],
            e3: third[4],
            hkw: [h(4).add(K[4]).add(PADDING), h(5).add(K[5]), h(6).add(K[6])],
        }
    }

    /// The state after round 3 of the second block, but for the nonce, which is to be added to `a` and `e`.
    pub(crate) fn after3(&self) -> [u32; 8] {
        let m = &self.after2;
        [self.a3, m[0], m[1], m[2], self.e3, m[4], m[5], m[6]]
    }
}

/// K + W of rounds 18 to 63 of a header's second block.
pub(crate) type Schedule<L> = [L; 46];

/// The part of the first hash that all versions of a header share. `nonce` is the word as it stands in the
/// message: a big-endian reading of the header's bytes.
#[inline(always)]
pub(crate) fn schedule<L: Lanes>(tail: &Tail<L::Uniform>, nonce: L, out: &mut Schedule<L>) {
    let (s, u) = (L::splat, L::uniform);
    let w18 = nonce.small0().add(u(tail.c18));
    let w19 = nonce.add(u(tail.c19));
    let w20 = w18.small1().add(s(PADDING));
    let w21 = w19.small1();
    let w22 = w20.small1().add(s(HEADER_BITS));
    let w23 = w21.small1().add(u(tail.w16));
    let w24 = w22.small1().add(u(tail.w17));
    let w25 = w23.small1().add(w18);
    let w26 = w24.small1().add(w19);
    let w27 = w25.small1().add(w20);
    let w28 = w26.small1().add(w21);
    let w29 = w27.small1().add(w22);
    let w30 = w28.small1().add(w23).add(s(HEADER_BITS.small0()));
    let w31 = w29.small1().add(w24).add(u(tail.c31));
    let w32 = w30.small1().add(w25).add(u(tail.c32));
    let w33 = w31.small1().add(w26).add(w18.small0()).add(u(tail.w17));
    // A ring: word i is at i % 16.
    let mut w = [w32, w33, w18, w19, w20, w21, w22, w23, w24, w25, w26, w27, w28, w29, w30, w31];
    macro_rules! put {
        ($i:literal) => {
            out[$i - 18] = w[$i % 16].add(s(K[$i]));
        };
    }
    macro_rules! next {
        ($i:literal) => {
            out[$i - 18] = expand(&mut w, $i).add(s(K[$i]));
        };
    }
    each!(put: 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33);
    each!(next: 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
}

/// The last word of the header's hash. It holds the hash's most significant bytes, little end first.
#[inline(always)]
pub(crate) fn last_word<L: Lanes>(
    mid: &Midstate<L::Uniform>,
    tail: &Tail<L::Uniform>,
    nonce: L,
    kw: &Schedule<L>,
) -> L {
    second(&first(mid, tail, nonce, kw))
}

/// The first hash.
#[inline(always)]
fn first<L: Lanes>(
    mid: &Midstate<L::Uniform>,
    tail: &Tail<L::Uniform>,
    nonce: L,
    kw: &Schedule<L>,
) -> [L; 8] {
    let u = L::uniform;
    let m = &mid.after2;
    let (a3, e3) = (nonce.add(u(mid.a3)), nonce.add(u(mid.e3)));
    // The state before round 4, turned: place (j + 64 - 4) % 8 holds word j of a, b, c, d, e, f, g, h.
    let mut x = [e3, u(m[4]), u(m[5]), u(m[6]), a3, u(m[0]), u(m[1]), u(m[2])];
    // Rounds 4 to 6, whose h is constant.
    macro_rules! early {
        ($i:literal) => {
            let [a, b, c, d, e, f, g, _] = core::array::from_fn(|j| x[(j + 64 - $i) % 8]);
            let t = e.choose(f, g).add(e.big1()).add(u(mid.hkw[$i - 4]));
            x[(3 + 64 - $i) % 8] = d.add(t);
            x[(7 + 64 - $i) % 8] = a.majority(b, c).add(a.big0()).add(t);
        };
    }
    each!(early: 4 5 6);
    macro_rules! constant {
        ($i:literal) => {
            round(&mut x, $i, u(tail.kw[$i - 7]));
        };
    }
    each!(constant: 7 8 9 10 11 12 13 14 15 16 17);
    macro_rules! shared {
        ($i:literal) => {
            round(&mut x, $i, kw[$i - 18]);
        };
    }
    each!(shared: 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40);
    each!(shared: 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
    core::array::from_fn(|j| x[j].add(u(mid.start[j])))
}

/// The last word of the hash of a hash.
#[inline(always)]
fn second<L: Lanes>(hash: &[L; 8]) -> L {
    let s = L::splat;
    let [w0, w1, w2, w3, w4, w5, w6, w7] = *hash;
    // Round 0 starts from constants: what it adds to W0 is constant, too.
    const AFTER0: [u32; 2] = {
        let [a, b, c, d, e, f, g, h] = START;
        let big1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let big0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let t = h.wrapping_add(big1).wrapping_add((e & f) ^ (!e & g)).wrapping_add(K[0]);
        [t.wrapping_add(big0).wrapping_add((a & b) ^ (a & c) ^ (b & c)), d.wrapping_add(t)]
    };
    let (a0, e0) = (w0.add(s(AFTER0[0])), w0.add(s(AFTER0[1])));
    // Before round 1, turned: place (j + 64 - 1) % 8.
    let mut x = [s(START[0]), s(START[1]), s(START[2]), e0, s(START[4]), s(START[5]), s(START[6]), a0];
    // Rounds 1 to 3, whose h is constant.
    macro_rules! early {
        ($i:literal) => {
            let [a, b, c, d, e, f, g, _] = core::array::from_fn(|j| x[(j + 64 - $i) % 8]);
            let t = hash[$i].add(s(START[7 - $i].wrapping_add(K[$i]))).add(e.choose(f, g)).add(e.big1());
            x[(3 + 64 - $i) % 8] = d.add(t);
            x[(7 + 64 - $i) % 8] = a.majority(b, c).add(a.big0()).add(t);
        };
    }
    each!(early: 1 2 3);
    macro_rules! given {
        ($i:literal) => {
            round(&mut x, $i, hash[$i].add(s(K[$i])));
        };
    }
    each!(given: 4 5 6 7);
    macro_rules! padding {
        ($i:literal, $word:expr) => {
            round(&mut x, $i, s(K[$i].wrapping_add($word)));
        };
    }
    padding!(8, PADDING);
    padding!(9, 0);
    padding!(10, 0);
    padding!(11, 0);
    padding!(12, 0);
    padding!(13, 0);
    padding!(14, 0);
    padding!(15, HASH_BITS);
    let mut w = [s(0); 16];
    macro_rules! word {
        ($i:literal, $word:expr) => {
            let word = $word;
            round(&mut x, $i, word.add(s(K[$i])));
            w[$i % 16] = word;
        };
    }
    word!(16, w1.small0().add(w0));
    word!(17, w2.small0().add(w1).add(s(HASH_BITS.small1())));
    word!(18, w[0].small1().add(w3.small0()).add(w2));
    word!(19, w[1].small1().add(w4.small0()).add(w3));
    word!(20, w[2].small1().add(w5.small0()).add(w4));
    word!(21, w[3].small1().add(w6.small0()).add(w5));
    word!(22, w[4].small1().add(w7.small0()).add(w6).add(s(HASH_BITS)));
    word!(23, w[5].small1().add(w7).add(w[0]).add(s(PADDING.small0())));
    word!(24, w[6].small1().add(w[1]).add(s(PADDING)));
    word!(25, w[7].small1().add(w[2]));
    word!(26, w[8].small1().add(w[3]));
    word!(27, w[9].small1().add(w[4]));
    word!(28, w[10].small1().add(w[5]));
    word!(29, w[11].small1().add(w[6]));
    word!(30, w[12].small1().add(w[7]).add(s(HASH_BITS.small0())));
    word!(31, w[13].small1().add(w[8]).add(w[0].small0()).add(s(HASH_BITS)));
    macro_rules! full {
        ($i:literal) => {
            let word = expand(&mut w, $i);
            round(&mut x, $i, word.add(s(K[$i])));
        };
    }
    each!(full: 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56);
    macro_rules! half {
        ($i:literal) => {
            let word = expand(&mut w, $i);
            half_round(&mut x, $i, word.add(s(K[$i])));
        };
    }
    each!(half: 57 58 59);
    let word = expand(&mut w, 60);
    half_round(&mut x, 60, word.add(s(K[60].wrapping_add(START[7]))));
    // Where round 60 leaves its `e`: (3 + 64 - 60) % 8.
    x[7]
}
