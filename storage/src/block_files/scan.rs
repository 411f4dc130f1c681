//! Reading block files from end to end, whoever wrote them.

use super::{FRAME_HEAD, MAX_BLOCK_BYTES};
use crate::error::{At, Result, StorageError};
use crate::files;
use crate::record::FilePos;
use chaincore_consensus::Header;
use std::fs::File;
use std::path::{Path, PathBuf};

const CHUNK: usize = 1 << 20;

/// A block found by [`BlockScan`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScannedBlock {
    /// Where it is.
    pub pos: FilePos,
    /// What should be a block.
    pub bytes: Vec<u8>,
}

/// A frame found by [`BlockScan`]: a magic, a plausible length, and that many bytes behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FoundFrame {
    /// Where what should be a block begins.
    pub pos: FilePos,
    /// Its length.
    pub len: u32,
    /// What should be its header.
    pub header: [u8; Header::LEN],
}

/// The frames of a block file in file order. Zero padding, garbage and a truncated end are passed over: after
/// anything that can't be a frame the search goes on for the next magic. Files of Core's that are obfuscated
/// with the key of an `xor.dat` beside them read as plain.
///
/// A frame is only a magic and a plausible length. A caller that finds the bytes not to be a block says so with
/// [`reject`](Self::reject), and the search goes on right behind that frame's magic, so that a torn frame does not
/// hide the good ones that follow it. Looking at a frame's header costs no more than the header, whatever length the
/// frame claims, and frames that begin within each other share what is read: a file that is full of false magics
/// takes about as long as any other of its size.
pub struct BlockScan {
    path: PathBuf,
    number: u32,
    file: File,
    /// The file's length as it was last looked at.
    file_len: u64,
    magic: [u8; 4],
    key: Option<[u8; 8]>,
    buffer: Vec<u8>,
    /// The file offset of the buffer's first byte.
    buffer_at: u64,
    /// Where the search goes on.
    at: u64,
    /// Where it goes on if the last block is rejected.
    after_magic: u64,
}

impl BlockScan {
    /// The blocks of any block file, such as one of Core's; `number` names it in the positions.
    pub fn open(path: &Path, number: u32, magic: [u8; 4]) -> Result<Self> {
        let key = match path.parent().map(|folder| folder.join("xor.dat")) {
            Some(key_path) => read_key(&key_path)?,
            None => None,
        };
        Self::of_file(path, number, magic, key, 0)
    }

    pub(super) fn of_file(
        path: &Path,
        number: u32,
        magic: [u8; 4],
        key: Option<[u8; 8]>,
        offset: u64,
    ) -> Result<Self> {
        let file = File::open(path).at(path)?;
        Ok(Self {
            path: path.to_path_buf(),
            number,
            file,
            file_len: 0,
            magic,
            key,
            buffer: Vec::new(),
            buffer_at: offset,
            at: offset,
            after_magic: offset,
        })
    }

    /// The next block, `None` at the end of the file.
    pub fn next_block(&mut self) -> Result<Option<ScannedBlock>> {
        while let Some(frame) = self.next_frame()? {
            if let Some(bytes) = self.read_frame(&frame)? {
                let bytes = bytes.to_vec();
                return Ok(Some(ScannedBlock { pos: frame.pos, bytes }));
            }
            self.reject();
        }
        Ok(None)
    }

    /// The next frame, of which only the header has been read; `None` at the end of the file. The search goes on
    /// behind it.
    pub fn next_frame(&mut self) -> Result<Option<FoundFrame>> {
        while let Some(start) = self.find_magic()? {
            self.after_magic = start + 4;
            self.at = self.after_magic;
            let Some(len) = self.window(start + 4, 4)? else { return Ok(None) };
            let len = u32::from_le_bytes(len.try_into().expect("four bytes"));
            if !(Header::LEN as u32..=MAX_BLOCK_BYTES).contains(&len) {
                continue;
            }
            let payload = start + u64::from(FRAME_HEAD);
            let Ok(offset) = u32::try_from(payload) else { return Ok(None) };
            let end = payload + u64::from(len);
            if !self.reaches(end)? {
                // The file ends within the frame; a shorter one may still begin inside it.
                continue;
            }
            let Some(header) = self.window(payload, Header::LEN)? else { return Ok(None) };
            let header = header.try_into().expect("as many bytes as a header has");
            self.at = end;
            return Ok(Some(FoundFrame { pos: FilePos { file: self.number, offset }, len, header }));
        }
        Ok(None)
    }

    /// The bytes of a frame, `None` if the file has become shorter.
    pub fn read_frame(&mut self, frame: &FoundFrame) -> Result<Option<&[u8]>> {
        // From where the search goes on if the frame is rejected, so that it finds what it needs in the buffer.
        let back = FRAME_HEAD - 4;
        let bytes = self.window(u64::from(frame.pos.offset - back), (frame.len + back) as usize)?;
        Ok(bytes.map(|bytes| &bytes[back as usize..]))
    }

    /// Says that the last block was none: the search goes on behind its magic.
    pub fn reject(&mut self) {
        self.at = self.after_magic;
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Goes to a block found before, by the offset of its position.
    pub fn seek_to_block(&mut self, offset: u32) {
        self.at = u64::from(offset).saturating_sub(FRAME_HEAD.into());
        self.after_magic = self.at;
    }

    /// How far the search is, in bytes of the file.
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// Whether the file has `end` bytes. It may grow while it is read.
    fn reaches(&mut self, end: u64) -> Result<bool> {
        if self.file_len < end {
            self.file_len = self.file.metadata().at(&self.path)?.len();
        }
        Ok(self.file_len >= end)
    }

    fn find_magic(&mut self) -> Result<Option<u64>> {
        loop {
            let magic = self.magic;
            let at = self.at;
            let Some(bytes) = self.fill(at, 4)? else { return Ok(None) };
            match bytes.windows(4).position(|window| window == magic) {
                Some(found) => return Ok(Some(at + found as u64)),
                None => self.at = at + bytes.len() as u64 - 3,
            }
        }
    }

    /// `len` bytes at `at`, `None` if the file ends before.
    fn window(&mut self, at: u64, len: usize) -> Result<Option<&[u8]>> {
        Ok(self.fill(at, len)?.map(|bytes| &bytes[..len]))
    }

    /// At least `len` bytes at `at` and all that are buffered behind them.
    fn fill(&mut self, at: u64, len: usize) -> Result<Option<&[u8]>> {
        let buffered_end = self.buffer_at + self.buffer.len() as u64;
        if at < self.buffer_at || at + len as u64 > buffered_end {
            // More than was asked for, so that what begins a little further on is there too.
            let want = len + CHUNK;
            self.buffer.resize(want, 0);
            let read = files::read_at(&self.file, &mut self.buffer, at).at(&self.path)?;
            self.buffer.truncate(read);
            self.buffer_at = at;
            if let Some(key) = self.key {
                for (index, byte) in self.buffer.iter_mut().enumerate() {
                    *byte ^= key[(at as usize).wrapping_add(index) % key.len()];
                }
            }
        }
        let start = (at - self.buffer_at) as usize;
        let bytes = self.buffer.get(start..).unwrap_or_default();
        Ok((bytes.len() >= len).then_some(bytes))
    }
}

impl Iterator for BlockScan {
    type Item = Result<ScannedBlock>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_block().transpose()
    }
}

fn read_key(path: &Path) -> Result<Option<[u8; 8]>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).at(path),
    };
    let key = <[u8; 8]>::try_from(bytes.as_slice())
        .map_err(|_| StorageError::corrupt(path, format!("a key of {} bytes", bytes.len())))?;
    Ok((key != [0; 8]).then_some(key))
}
