//! Lines from a child, bounded before they are stored.

use super::fault::Fault;
use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at a time.
const CHUNK: usize = 64 << 10;

/// Reads lines. Never holds more than the longest line allowed and one chunk.
pub(super) struct Lines<R> {
    from: R,
    limit: usize,
    /// What has been read and not given out; `start` is where it begins.
    held: Vec<u8>,
    start: usize,
    /// Up to where there is no end of a line in `held`.
    searched: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of at most `limit` bytes without their end.
    pub(super) fn new(from: R, limit: usize) -> Self {
        Self { from, limit, held: Vec::new(), start: 0, searched: 0 }
    }

    /// The next line without its end; `None` if the child has closed the pipe (what stands before that without an end
    /// of line is no line). Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        loop {
            if let Some(at) = self.held[self.searched..].iter().position(|byte| *byte == b'\n') {
                let end = self.searched + at;
                if end - self.start > self.limit {
                    return Err(Fault::LineTooLong(self.limit));
                }
                let line = self.held[self.start..end].to_vec();
                (self.start, self.searched) = (end + 1, end + 1);
                if self.start == self.held.len() {
                    self.held.clear();
                    (self.start, self.searched) = (0, 0);
                }
                return Ok(Some(line));
            }
            self.searched = self.held.len();
            if self.held.len() - self.start > self.limit {
                return Err(Fault::LineTooLong(self.limit));
            }
            self.held.drain(..self.start);
            (self.start, self.searched) = (0, self.held.len());
            self.held.reserve(CHUNK);
            let mut chunk = (&mut self.from).take(CHUNK as u64);
            if chunk.read_buf(&mut self.held).await.map_err(Fault::Pipe)? == 0 {
                return Ok(None);
            }
        }
    }

    /// Bytes that are kept allocated.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.held.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives at most so many bytes at a time.
    struct Dribble(Vec<u8>, usize);

    impl AsyncRead for Dribble {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            into: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            let count = self.1.min(self.0.len()).min(into.remaining());
            into.put_slice(&self.0.drain(..count).collect::<Vec<_>>());
            std::task::Poll::Ready(Ok(()))
        }
    }

    fn read(text: &[u8], at_a_time: usize, limit: usize) -> (Vec<Vec<u8>>, Option<String>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut lines = Lines::new(Dribble(text.to_vec(), at_a_time), limit);
        let mut found = vec![];
        loop {
            match runtime.block_on(lines.next()) {
                Ok(Some(line)) => found.push(line),
                Ok(None) => return (found, None),
                Err(fault) => return (found, Some(fault.to_string())),
            }
        }
    }

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let text = b"one\n\ntwo \xff\r\nthree\nno end";
        let want: Vec<&[u8]> = vec![b"one", b"", b"two \xff\r", b"three"];
        for at_a_time in [1, 2, 3, 7, 1000] {
            let (found, fault) = read(text, at_a_time, 6);
            assert_eq!((found, fault), (want.iter().map(|line| line.to_vec()).collect(), None));
        }
    }

    #[test]
    fn a_line_of_the_limit_passes_and_a_longer_one_does_not() {
        for at_a_time in [1, 4, 1000] {
            assert_eq!(read(b"12345\n", at_a_time, 5).1, None);
            let (found, fault) = read(b"1\n123456\n2\n", at_a_time, 5);
            assert_eq!(found, [b"1"]);
            assert_eq!(fault.as_deref(), Some("a line of more than 5 bytes"));
        }
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut lines = Lines::new(tokio::io::repeat(b'x'), 100_000);
        let fault = runtime.block_on(lines.next()).unwrap_err();
        assert!(matches!(fault, Fault::LineTooLong(100_000)));
        assert!(lines.capacity() <= 2 * (100_000 + 2 * CHUNK), "{}", lines.capacity());
    }
}
