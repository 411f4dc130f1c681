//! Golomb-Rice coding over a bit stream, the most significant bit first (BIP158).

/// Puts bits behind some bytes.
#[derive(Debug)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits that do not fill a byte yet, in the low end; fewer than eight between calls.
    pending: u64,
    count: u32,
}

impl BitWriter {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, pending: 0, count: 0 }
    }

    /// The low `count` bits of a value, at most 56 of them.
    fn put(&mut self, value: u64, count: u32) {
        self.pending = self.pending << count | value & ((1 << count) - 1);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            self.bytes.push((self.pending >> self.count & 0xff) as u8);
        }
        self.pending &= (1 << self.count) - 1;
    }

    /// A number: what lies above its low `p` bits in unary, ended by a zero, and those bits.
    pub(super) fn put_golomb(&mut self, value: u64, p: u32) {
        const RUN: u32 = 32;
        let mut ones = value >> p;
        while ones >= RUN.into() {
            self.put(u64::MAX, RUN);
            ones -= u64::from(RUN);
        }
        let ones = u32::try_from(ones).expect("fewer than a run are left");
        self.put((1 << (ones + 1)) - 2, ones + 1);
        self.put(value, p);
    }

    /// The bytes, the last filled up with zeros.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.put(0, 8 - self.count);
        }
        self.bytes
    }
}

/// Reads bits off bytes.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// The next `count` bits, in the high end; the others are zero.
    pending: u64,
    count: u32,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, pending: 0, count: 0 }
    }

    fn fill(&mut self) {
        while self.count <= 56
            && let Some((byte, rest)) = self.bytes.split_first()
        {
            self.pending |= u64::from(*byte) << (56 - self.count);
            self.count += 8;
            self.bytes = rest;
        }
    }

    fn skip(&mut self, count: u32) {
        self.pending = self.pending.checked_shl(count).unwrap_or(0);
        self.count -= count;
    }

    /// A number as [`BitWriter::put_golomb`] puts it; `None` if the bytes end in it.
    pub(super) fn golomb(&mut self, p: u32) -> Option<u64> {
        let mut ones = 0;
        loop {
            self.fill();
            let run = self.pending.leading_ones();
            ones += u64::from(run);
            if run < self.count {
                self.skip(run + 1);
                break;
            }
            if self.count == 0 {
                return None;
            }
            self.skip(run);
        }
        self.fill();
        if self.count < p {
            return None;
        }
        let low = self.pending >> (64 - p);
        self.skip(p);
        // A byte holds eight ones, so no count that memory can hold overflows this.
        Some(ones << p | low)
    }

    /// How many bytes have not been touched.
    pub(super) fn whole_bytes_left(&self) -> usize {
        self.bytes.len() + self.count as usize / 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_whatever_their_size() {
        let numbers =
            [0, 1, (1 << 19) - 1, 1 << 19, 31 << 19, 32 << 19, 33 << 19, 64 << 19 | 7, 200 << 19, 5];
        let mut writer = BitWriter::new(vec![]);
        numbers.iter().for_each(|number| writer.put_golomb(*number, 19));
        let bytes = writer.finish();
        let bits: u64 = numbers.iter().map(|number| (number >> 19) + 20).sum();
        assert_eq!(bytes.len() as u64, bits.div_ceil(8));
        let mut reader = BitReader::new(&bytes);
        for number in numbers {
            assert_eq!(reader.golomb(19), Some(number));
        }
        assert_eq!(reader.whole_bytes_left(), 0);
        assert_eq!(reader.golomb(19), None);
    }

    #[test]
    fn the_bits_are_those_of_bip158() {
        let mut writer = BitWriter::new(vec![0xaa]);
        writer.put_golomb(2 << 3 | 0b101, 3);
        assert_eq!(writer.finish(), [0xaa, 0b1101_0100]);
    }
}
