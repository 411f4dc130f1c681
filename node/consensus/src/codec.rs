//! The wire format: little-endian integers, compact sizes, and strict decoding.
//!
//! A decoder never allocates more than the bytes in front of it can fill, refuses compact sizes that are
//! longer than needed, and `decode_exact` refuses trailing bytes.

/// No compact size above this is accepted (Core's `MAX_SIZE`).
pub const MAX_SIZE: u64 = 0x0200_0000;

/// Why bytes are not the value they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end too early.
    #[error("end of data: {needed} more bytes needed at offset {offset}")]
    EndOfData {
        /// Where the read began.
        offset: usize,
        /// How many bytes it wanted.
        needed: usize,
    },
    /// A compact size is longer than its value needs.
    #[error("non-canonical compact size {0}")]
    NonCanonicalSize(u64),
    /// A compact size exceeds [`MAX_SIZE`].
    #[error("compact size {0} too large")]
    SizeTooLarge(u64),
    /// A transaction with the witness flag has no witness.
    #[error("superfluous witness record")]
    SuperfluousWitness,
    /// A transaction has flag bits that nobody has defined.
    #[error("unknown transaction optional data (flags {0:#04x})")]
    UnknownFlags(u8),
    /// Bytes are left over.
    #[error("{0} trailing bytes")]
    TrailingBytes(usize),
    /// A value is outside what its type allows.
    #[error("{0}")]
    Invalid(String),
}

/// Somewhere bytes can be put: a buffer, a hasher, a counter.
pub trait Sink {
    /// Takes the next bytes.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A sink that only counts.
#[derive(Default, Debug, Clone, Copy)]
pub struct SizeCounter(pub usize);

impl Sink for SizeCounter {
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

/// A value with a wire format.
pub trait Encode {
    /// Puts the value's bytes.
    fn encode(&self, sink: &mut impl Sink);

    /// The value's bytes.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes
    }

    /// How many bytes the value takes.
    fn encoded_len(&self) -> usize {
        let mut counter = SizeCounter(0);
        self.encode(&mut counter);
        counter.0
    }
}

/// A value that can be read back from its wire format.
pub trait Decode: Sized {
    /// Reads one value.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads one value that `bytes` begin with; what follows is not looked at.
    fn decode_first(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode(&mut Reader::new(bytes))
    }

    /// Reads one value that must fill `bytes`.
    fn decode_exact(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let value = Self::decode(&mut reader)?;
        match reader.remaining() {
            0 => Ok(value),
            left => Err(DecodeError::TrailingBytes(left)),
        }
    }
}

/// Reads values off a byte slice.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else {
            return Err(DecodeError::EndOfData { offset: self.at, needed: len - self.remaining() });
        };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        Ok(self.bytes(N)?.try_into().expect("bytes(N) has length N"))
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    /// A little-endian 16-bit integer.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// A little-endian 32-bit integer.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A little-endian signed 32-bit integer.
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    /// A little-endian 64-bit integer.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A little-endian signed 64-bit integer.
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A compact size of any magnitude, in its shortest form.
    pub fn compact_size_unbounded(&mut self) -> Result<u64, DecodeError> {
        let (value, least) = match self.u8()? {
            0xfd => (u64::from(self.u16()?), 0xfd),
            0xfe => (u64::from(self.u32()?), 0x1_0000),
            0xff => (self.u64()?, 0x1_0000_0000),
            small => return Ok(small.into()),
        };
        if value < least { Err(DecodeError::NonCanonicalSize(value)) } else { Ok(value) }
    }

    /// A compact size that counts something, at most [`MAX_SIZE`].
    pub fn compact_size(&mut self) -> Result<usize, DecodeError> {
        let value = self.compact_size_unbounded()?;
        if value > MAX_SIZE {
            return Err(DecodeError::SizeTooLarge(value));
        }
        Ok(usize::try_from(value).expect("MAX_SIZE fits usize"))
    }

    /// Bytes behind their compact size.
    pub fn var_bytes(&mut self) -> Result<Vec<u8>, DecodeError> {
        let len = self.compact_size()?;
        Ok(self.bytes(len)?.to_vec())
    }

    /// Values behind their count. Each value takes at least `least_size` bytes (not 0), which bounds what is
    /// allocated before the bytes have been seen.
    pub fn vec<T>(
        &mut self,
        least_size: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.compact_size()?;
        let mut values = Vec::with_capacity(count.min(self.remaining() / least_size));
        for _ in 0..count {
            values.push(read(self)?);
        }
        Ok(values)
    }
}

/// Puts a compact size in its shortest form.
pub fn put_compact_size(sink: &mut impl Sink, value: u64) {
    match value {
        0..=0xfc => sink.put(&[value as u8]),
        0xfd..=0xffff => {
            sink.put(&[0xfd]);
            sink.put(&(value as u16).to_le_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            sink.put(&[0xfe]);
            sink.put(&(value as u32).to_le_bytes());
        }
        _ => {
            sink.put(&[0xff]);
            sink.put(&value.to_le_bytes());
        }
    }
}

/// How many bytes the compact size of `value` takes.
pub const fn compact_size_len(value: u64) -> usize {
    match value {
        0..=0xfc => 1,
        0xfd..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

/// Puts bytes behind their compact size.
pub fn put_var_bytes(sink: &mut impl Sink, bytes: &[u8]) {
    put_compact_size(sink, bytes.len() as u64);
    sink.put(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_sizes_are_canonical_and_bounded() {
        for value in [0, 1, 0xfc, 0xfd, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000, u64::MAX] {
            let mut bytes = Vec::new();
            put_compact_size(&mut bytes, value);
            assert_eq!(bytes.len(), compact_size_len(value));
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.compact_size_unbounded(), Ok(value));
            assert_eq!(reader.remaining(), 0);
            let bounded = Reader::new(&bytes).compact_size();
            assert_eq!(bounded.is_err(), value > MAX_SIZE);
        }
        assert_eq!(Reader::new(&[0xfd, 0xfc, 0]).compact_size(), Err(DecodeError::NonCanonicalSize(0xfc)));
        assert_eq!(
            Reader::new(&[0xfe, 0xff, 0xff, 0, 0]).compact_size(),
            Err(DecodeError::NonCanonicalSize(0xffff))
        );
    }

    #[test]
    fn a_huge_count_over_few_bytes_allocates_little() {
        let mut bytes = Vec::new();
        put_compact_size(&mut bytes, MAX_SIZE);
        bytes.extend([0; 64]);
        let result = Reader::new(&bytes).vec(32, |r| r.array::<32>());
        assert!(matches!(result, Err(DecodeError::EndOfData { .. })));
    }
}
