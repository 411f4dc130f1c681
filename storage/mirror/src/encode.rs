//! The binary format of `COPY ... FROM STDIN WITH (FORMAT binary)` (PostgreSQL's manual, "COPY", "Binary Format"):
//! a signature, rows of fields with their lengths, a trailer. A field's bytes must be those of the column's type
//! exactly; nothing is widened.

/// The signature, no flags, no header extension.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// The length that stands for NULL.
const NULL: i32 = -1;

/// Rows for one `COPY`, growing.
#[derive(Debug, Clone)]
pub struct CopyRows {
    bytes: Vec<u8>,
    rows: u64,
}

impl Default for CopyRows {
    fn default() -> Self {
        Self { bytes: HEADER.to_vec(), rows: 0 }
    }
}

impl CopyRows {
    /// Makes room for so many more bytes.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// How many rows were begun.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Begins a row of `fields` fields. Exactly as many must follow.
    pub fn begin(&mut self, fields: i16) {
        self.bytes.extend(fields.to_be_bytes());
        self.rows += 1;
    }

    /// A field of raw bytes: `bytea`, or `text` in UTF-8 without NUL. At most `i32::MAX` bytes, which is far above
    /// the largest block.
    pub fn bytes(&mut self, value: &[u8]) {
        self.bytes.extend((value.len() as i32).to_be_bytes());
        self.bytes.extend(value);
    }

    /// `NULL`.
    pub fn null(&mut self) {
        self.bytes.extend(NULL.to_be_bytes());
    }

    /// `text`.
    pub fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// `smallint`.
    pub fn i16(&mut self, value: i16) {
        self.bytes(&value.to_be_bytes());
    }

    /// `integer`.
    pub fn i32(&mut self, value: i32) {
        self.bytes(&value.to_be_bytes());
    }

    /// `bigint`.
    pub fn i64(&mut self, value: i64) {
        self.bytes(&value.to_be_bytes());
    }

    /// `double precision`.
    pub fn f64(&mut self, value: f64) {
        self.bytes(&value.to_be_bytes());
    }

    /// `boolean`.
    pub fn bool(&mut self, value: bool) {
        self.bytes(&[value.into()]);
    }

    /// A field that may be `NULL`.
    pub fn option<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => put(self, value),
            None => self.null(),
        }
    }

    /// `timestamptz`, from seconds since 1970: microseconds since 2000 on the wire.
    pub fn unix_time(&mut self, seconds: i64) {
        const Y2000: i64 = 946_684_800;
        self.i64(seconds.saturating_sub(Y2000).saturating_mul(1_000_000));
    }

    /// All bytes with the trailer; what `COPY` takes.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.extend((-1i16).to_be_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_the_manual_s_form() {
        let mut rows = CopyRows::default();
        rows.begin(3);
        rows.i32(258);
        rows.null();
        rows.text("ab");
        assert_eq!(rows.rows(), 1);
        let expected = [
            &b"PGCOPY\n\xff\r\n\0"[..],
            &[0; 8],
            &[0, 3],
            &[0, 0, 0, 4, 0, 0, 1, 2],
            &[255; 4],
            &[0, 0, 0, 2, b'a', b'b'],
            &[255; 2],
        ]
        .concat();
        assert_eq!(rows.finish(), expected);
    }
}
