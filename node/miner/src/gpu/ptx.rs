//! Writes the kernel as PTX, the assembly language that NVIDIA's driver compiles for the card at hand.
//!
//! The arithmetic is not written a second time: [`Word`] is a kind of [`Lanes`] whose operations append an
//! instruction instead of computing something, so the kernel's body is what the generic code of
//! [`crate::sha256`] does.
//!
//! A thread takes one nonce: it computes the schedule, then goes through the versions. Words that are the
//! same for all nonces are parameters of the launch, which the card reads for nothing; what differs between
//! versions is loaded.

use crate::sha256::{Lanes, Midstate, Schedule, Tail, last_word, schedule};
use std::cell::RefCell;
use std::fmt::Write;

/// The kernel's name in the module.
pub(super) const ENTRY: &str = "search";
/// Words of a version, see [`version_words`].
pub(super) const VERSION_WORDS: usize = 20;
/// Words of the tail, see [`tail_words`].
pub(super) const TAIL_WORDS: usize = 17;

/// What the kernel reads of a version, in its order.
pub(super) fn version_words(mid: &Midstate) -> [u32; VERSION_WORDS] {
    let mut words = [0; VERSION_WORDS];
    words[..8].copy_from_slice(&mid.start);
    words[8..15].copy_from_slice(&mid.after2[..7]);
    words[15..17].copy_from_slice(&[mid.a3, mid.e3]);
    words[17..].copy_from_slice(&mid.hkw);
    words
}

/// What the kernel reads of the tail, in its order.
pub(super) fn tail_words(tail: &Tail) -> [u32; TAIL_WORDS] {
    let mut words = [0; TAIL_WORDS];
    words[..6].copy_from_slice(&[tail.w16, tail.w17, tail.c18, tail.c19, tail.c31, tail.c32]);
    words[6..].copy_from_slice(&tail.kw);
    words
}

/// A word that is not known when the kernel is written: a register, or a word of the launch's parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Uniform {
    Register(u32),
    TailWord(usize),
}

/// A register or a constant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Register(u32),
    Constant(u32),
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Register(number) => write!(f, "%r{number}"),
            Self::Constant(word) => write!(f, "{word:#x}"),
        }
    }
}

/// The text so far and the number of registers in use.
#[derive(Default)]
struct Body {
    text: String,
    registers: u32,
}

thread_local! {
    /// What the operations append to: they have no argument that could carry it.
    static BODY: RefCell<Body> = RefCell::default();
}

/// Appends an instruction that sets a new register.
fn emit(instruction: impl FnOnce(Word) -> String) -> Word {
    BODY.with_borrow_mut(|body| {
        let to = Word::Register(body.registers);
        body.registers += 1;
        // Writing to a string cannot fail.
        let _ = writeln!(body.text, "    {};", instruction(to));
        to
    })
}

/// Any function of three words' bits, by its truth table.
fn lop3(a: Word, b: Word, c: Word, table: u8) -> Word {
    emit(|to| format!("lop3.b32 {to}, {a}, {b}, {c}, {table:#x}"))
}

fn rotate(word: Word, by: u32) -> Word {
    emit(|to| format!("shf.r.wrap.b32 {to}, {word}, {word}, {by}"))
}

fn shift(word: Word, by: u32) -> Word {
    emit(|to| format!("shr.u32 {to}, {word}, {by}"))
}

/// The truth tables of `a ^ b ^ c`, of `a ? b : c` and of the majority.
const XOR: u8 = 0x96;
const CHOOSE: u8 = 0xca;
const MAJORITY: u8 = 0xe8;

impl Lanes for Word {
    type Uniform = Uniform;

    fn splat(word: u32) -> Self {
        Self::Constant(word)
    }

    fn uniform(word: Uniform) -> Self {
        match word {
            Uniform::Register(number) => Self::Register(number),
            Uniform::TailWord(place) => emit(|to| format!("ld.param.u32 {to}, [tail+{}]", 4 * place)),
        }
    }

    fn add(self, other: Self) -> Self {
        match (self, other) {
            (Self::Constant(a), Self::Constant(b)) => Self::Constant(a.wrapping_add(b)),
            (word, Self::Constant(0)) | (Self::Constant(0), word) => word,
            // A constant comes second.
            (a @ Self::Constant(_), b) | (b, a) => emit(|to| format!("add.u32 {to}, {b}, {a}")),
        }
    }

    fn big0(self) -> Self {
        match self {
            Self::Constant(word) => Self::Constant(word.big0()),
            _ => lop3(rotate(self, 2), rotate(self, 13), rotate(self, 22), XOR),
        }
    }

    fn big1(self) -> Self {
        match self {
            Self::Constant(word) => Self::Constant(word.big1()),
            _ => lop3(rotate(self, 6), rotate(self, 11), rotate(self, 25), XOR),
        }
    }

    fn small0(self) -> Self {
        match self {
            Self::Constant(word) => Self::Constant(word.small0()),
            _ => lop3(rotate(self, 7), rotate(self, 18), shift(self, 3), XOR),
        }
    }

    fn small1(self) -> Self {
        match self {
            Self::Constant(word) => Self::Constant(word.small1()),
            _ => lop3(rotate(self, 17), rotate(self, 19), shift(self, 10), XOR),
        }
    }

    fn choose(self, f: Self, g: Self) -> Self {
        lop3(self, f, g, CHOOSE)
    }

    fn majority(self, b: Self, c: Self) -> Self {
        lop3(self, b, c, MAJORITY)
    }
}

/// Registers in their order, for the loads of a version.
fn loaded(first: u32) -> impl FnMut() -> Uniform {
    let mut next = first;
    move || {
        next += 1;
        Uniform::Register(next - 1)
    }
}

/// The whole module.
///
/// The kernel `search` takes: the address of the versions' words, the address of the results (a count, then
/// pairs of version and nonce), the first nonce, how many nonces, how many versions, the limit of a hash's
/// first word, how many results there is room for, and the words of the tail. It counts every hash whose
/// first word is within the limit and writes down as many as there is room for.
pub(super) fn module() -> String {
    BODY.set(Body { text: String::new(), registers: 32 });
    // Registers below 32 are the frame's: see below.
    const NONCE_WORD: u32 = 5;
    const VERSION: u32 = 10;
    const WORD: u32 = 7;
    let tail = Tail {
        words: [Uniform::Register(NONCE_WORD); 3],
        w16: Uniform::TailWord(0),
        w17: Uniform::TailWord(1),
        c18: Uniform::TailWord(2),
        c19: Uniform::TailWord(3),
        c31: Uniform::TailWord(4),
        c32: Uniform::TailWord(5),
        kw: std::array::from_fn(|i| Uniform::TailWord(6 + i)),
    };
    let mut next = loaded(VERSION);
    let start = std::array::from_fn(|_| next());
    let after2 = std::array::from_fn(|i| if i < 7 { next() } else { Uniform::Register(VERSION) });
    let mid = Midstate { start, after2, a3: next(), e3: next(), hkw: std::array::from_fn(|_| next()) };
    let nonce = Word::Register(NONCE_WORD);
    let mut kw: Schedule<Word> = [Word::Constant(0); 46];
    schedule(&tail, nonce, &mut kw);
    let before = BODY.with_borrow_mut(|body| std::mem::take(&mut body.text));
    let word = last_word(&mid, &tail, nonce, &kw);
    let Body { text: inner, registers } = BODY.take();
    let loads: String = (0..VERSION_WORDS as u32)
        .step_by(4)
        .map(|i| {
            let [a, b, c, d] = [0, 1, 2, 3].map(|j| VERSION + i + j);
            format!("    ld.global.nc.v4.u32 {{%r{a}, %r{b}, %r{c}, %r{d}}}, [%rd2+{}];\n", 4 * i)
        })
        .collect();
    let tail_bytes = 4 * TAIL_WORDS;
    let version_bytes = 4 * VERSION_WORDS;
    format!(
        ".version 6.0
.target sm_50
.address_size 64

.visible .entry {ENTRY}(
    .param .u64 versions_at,
    .param .u64 results_at,
    .param .u32 first,
    .param .u32 count,
    .param .u32 versions,
    .param .u32 limit,
    .param .u32 room,
    .param .align 4 .b8 tail[{tail_bytes}]
)
{{
    .reg .pred %p<4>;
    .reg .b32 %r<{registers}>;
    .reg .b64 %rd<8>;
    mov.u32 %r0, %ctaid.x;
    mov.u32 %r1, %ntid.x;
    mov.u32 %r2, %tid.x;
    mad.lo.u32 %r3, %r0, %r1, %r2;
    ld.param.u32 %r4, [count];
    setp.ge.u32 %p0, %r3, %r4;
    @%p0 bra end;
    ld.param.u32 %r6, [first];
    add.u32 %r6, %r6, %r3;
    prmt.b32 %r{NONCE_WORD}, %r6, 0, 0x0123;
{before}    ld.param.u64 %rd2, [versions_at];
    mov.u32 %r8, 0;
next:
{loads}{inner}    prmt.b32 %r{WORD}, {word}, 0, 0x0123;
    ld.param.u32 %r4, [limit];
    setp.gt.u32 %p1, %r{WORD}, %r4;
    @%p1 bra missed;
    ld.param.u64 %rd3, [results_at];
    atom.global.add.u32 %r9, [%rd3], 1;
    ld.param.u32 %r4, [room];
    setp.ge.u32 %p2, %r9, %r4;
    @%p2 bra missed;
    mul.wide.u32 %rd4, %r9, 8;
    add.u64 %rd4, %rd4, %rd3;
    st.global.u32 [%rd4+4], %r8;
    st.global.u32 [%rd4+8], %r6;
missed:
    add.u64 %rd2, %rd2, {version_bytes};
    add.u32 %r8, %r8, 1;
    ld.param.u32 %r4, [versions];
    setp.lt.u32 %p3, %r8, %r4;
    @%p3 bra next;
end:
    ret;
}}
"
    )
}
