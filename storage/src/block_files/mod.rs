//! Blocks and undo data in append-only files with Core's names and framing.
//!
//! `blkNNNNN.dat` holds `magic, length u32, block`; `revNNNNN.dat` holds `magic, length u32, undo, checksum`, where
//! the checksum is the double SHA-256 of the previous block's hash and the undo bytes, as in Core. A block's undo
//! data is in the undo file with its block file's number.
//!
//! Invariants:
//! - Positions up to the marks ([`FileInfo`]) of the last commit are synced; what lies behind them is not.
//! - A frame is appended behind the end that memory knows, so what a failed write left is overwritten.
//! - At open, complete frames behind the marks stay (a killed process loses no block it has stored). Behind a torn
//!   end a new file is begun: nothing is ever cut off a block file, since there may be no other copy.
//! - Undo data behind the marks is cut off, since connecting the block again makes it anew.

mod scan;

pub use scan::{BlockScan, FoundFrame, ScannedBlock};

use crate::error::{At, Result, StorageError};
use crate::files;
use crate::record::{FileInfo, FilePos};
use chaincore_consensus::codec::Sink;
use chaincore_consensus::hash::HashWriter;
use chaincore_consensus::{BlockHash, Header};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// A file is left for the next one before it would grow past this (Core's `MAX_BLOCKFILE_SIZE`).
pub const MAX_FILE_BYTES: u32 = 128 << 20;

/// No block is larger: the weight limit, if every byte were witness (Core's `MAX_BLOCK_SERIALIZED_SIZE`).
pub const MAX_BLOCK_BYTES: u32 = 4_000_000;

/// No undo data is larger: a block has room for 24,390 inputs (41 bytes each, without witness), and none spends more
/// than a script of 10,000 bytes and about 20 bytes beside it.
const MAX_UNDO_BYTES: u32 = 256 << 20;

/// Magic and length.
const FRAME_HEAD: u32 = 8;

const CHECKSUM: u32 = 32;

/// Files kept open for reading.
const OPEN_FILES: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Kind {
    Block,
    Undo,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Block => "blk",
            Self::Undo => "rev",
        }
    }
}

struct Writer {
    /// What each pair of files holds, by number.
    infos: BTreeMap<u32, FileInfo>,
    /// The block file being filled.
    current: u32,
    /// Files with bytes that are not synced.
    unsynced: BTreeSet<(Kind, u32)>,
    /// Infos that differ from those of the last commit.
    uncommitted: BTreeSet<u32>,
    /// Whether a file was made since the folder was synced.
    new_names: bool,
    /// Whether syncing has failed: the system may then forget what it could not write, so nothing is sure any more.
    failed: bool,
}

/// The block and undo files of a chain. Any thread may read; appends wait for each other.
pub struct BlockFiles {
    folder: PathBuf,
    magic: [u8; 4],
    max_file_bytes: u32,
    writer: Mutex<Writer>,
    readers: RwLock<HashMap<(Kind, u32), Arc<File>>>,
    /// Where the blocks behind the last commit's marks begin, at open.
    unmarked: FilePos,
}

impl BlockFiles {
    /// Opens `folder` given the marks of the last commit (empty if there was none: then existing files stay as
    /// they are and a new one is begun).
    pub(crate) fn open(
        folder: &Path,
        magic: [u8; 4],
        marks: BTreeMap<u32, FileInfo>,
        max_file_bytes: u32,
    ) -> Result<Self> {
        files::create_dir(folder)?;
        let on_disk = file_numbers(folder, Kind::Block)?;
        let unmarked = match marks.last_key_value() {
            Some((&file, info)) => FilePos { file, offset: info.size },
            None => FilePos { file: on_disk.first().copied().unwrap_or(0), offset: 0 },
        };
        let current = on_disk.last().copied().unwrap_or(0).max(unmarked.file);
        let mut files = Self {
            folder: folder.to_path_buf(),
            magic,
            max_file_bytes,
            writer: Mutex::new(Writer {
                infos: marks,
                current,
                unsynced: BTreeSet::new(),
                uncommitted: BTreeSet::new(),
                new_names: false,
                failed: false,
            }),
            readers: RwLock::default(),
            unmarked,
        };
        files.check_lengths()?;
        files.recover_blocks(&on_disk)?;
        files.cut_undo()?;
        Ok(files)
    }

    /// Every byte a commit speaks of must be there.
    fn check_lengths(&mut self) -> Result<()> {
        let infos = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).infos.clone();
        for (&file, info) in &infos {
            for (kind, size) in [(Kind::Block, info.size), (Kind::Undo, info.undo_size)] {
                let path = self.path(kind, file);
                let found = match std::fs::metadata(&path) {
                    Ok(metadata) => metadata.len(),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
                    Err(error) => return Err(error).at(&path),
                };
                if found < size.into() {
                    return Err(StorageError::corrupt(&path, format!("{found} of {size} bytes are there")));
                }
            }
        }
        Ok(())
    }

    /// Counts the complete blocks behind the marks, and begins a new file if the last one does not end with such:
    /// it is torn, or (there has been no commit, or a reindexing begins) was not filled by this store.
    fn recover_blocks(&mut self, on_disk: &[u32]) -> Result<()> {
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(&last) = on_disk.last() else { return Ok(()) };
        if writer.infos.is_empty() {
            writer.current = last + 1;
            return Ok(());
        }
        for &file in on_disk.iter().filter(|file| **file >= self.unmarked.file) {
            let path = file_path(&self.folder, Kind::Block, file);
            let info = writer.infos.entry(file).or_default();
            let mut end = u64::from(info.size);
            let mut scan = BlockScan::of_file(&path, file, self.magic, None, end)?;
            while let Some(block) = scan.next_block()?
                && u64::from(block.pos.offset) == end + u64::from(FRAME_HEAD)
            {
                end += u64::from(FRAME_HEAD) + block.bytes.len() as u64;
                info.blocks += 1;
            }
            if end > u64::from(info.size) {
                info.size = u32::try_from(end).map_err(|_| StorageError::corrupt(&path, "over 4 GiB"))?;
                writer.unsynced.insert((Kind::Block, file));
                writer.uncommitted.insert(file);
            }
            let len = std::fs::metadata(&path).at(&path)?.len();
            if file == last && len > end {
                tracing::warn!("{} ends with {} torn bytes: beginning a new file", path.display(), len - end);
                writer.current = last + 1;
            }
        }
        Ok(())
    }

    fn cut_undo(&mut self) -> Result<()> {
        let infos = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).infos.clone();
        for file in file_numbers(&self.folder, Kind::Undo)? {
            let path = self.path(Kind::Undo, file);
            let end = infos.get(&file).map_or(0, |info| u64::from(info.undo_size));
            let len = std::fs::metadata(&path).at(&path)?.len();
            if len > end {
                tracing::debug!("cutting {} uncommitted bytes off {}", len - end, path.display());
                cut(&path, end)?;
            }
        }
        Ok(())
    }

    fn path(&self, kind: Kind, file: u32) -> PathBuf {
        file_path(&self.folder, kind, file)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic between the write and the bookkeeping leaves only bytes that the next append overwrites.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, kind: Kind, number: u32) -> Result<Arc<File>> {
        if let Some(file) = self.readers.read().unwrap_or_else(PoisonError::into_inner).get(&(kind, number)) {
            return Ok(file.clone());
        }
        let path = self.path(kind, number);
        let file = Arc::new(File::open(&path).at(&path)?);
        let mut readers = self.readers.write().unwrap_or_else(PoisonError::into_inner);
        if readers.len() >= OPEN_FILES {
            readers.clear();
        }
        readers.insert((kind, number), file.clone());
        Ok(file)
    }

    /// Appends a frame behind `end` and gives the payload's position. On an error the file's bytes behind `end`
    /// are void, and so overwritten by the next append.
    fn append(
        &self,
        writer: &mut Writer,
        kind: Kind,
        number: u32,
        end: u32,
        parts: &[&[u8]],
    ) -> Result<FilePos> {
        if writer.failed {
            return Err(self.stopped());
        }
        let path = self.path(kind, number);
        let new = end == 0;
        let file = files::open_read_write(&path)?;
        // What follows the magic's length field in undo files is not counted by it.
        let len = parts[0].len() as u32;
        let mut frame = Vec::with_capacity(parts.iter().map(|part| part.len()).sum::<usize>() + 8);
        frame.extend(self.magic);
        frame.extend(len.to_le_bytes());
        for part in parts {
            frame.extend_from_slice(part);
        }
        if let Err(error) = files::write_at(&file, &frame, end.into()) {
            // Best effort: the next append overwrites it, and the next open passes over it.
            let _ = file.set_len(end.into());
            return Err(error).at(&path);
        }
        writer.new_names |= new;
        writer.unsynced.insert((kind, number));
        writer.uncommitted.insert(number);
        Ok(FilePos { file: number, offset: end + FRAME_HEAD })
    }

    /// Stores a block's bytes. They are durable after the next commit (or [`sync`](Self::sync)).
    pub fn append_block(&self, block: &[u8]) -> Result<FilePos> {
        let len = u32::try_from(block.len())
            .ok()
            .filter(|len| (Header::LEN as u32..=MAX_BLOCK_BYTES).contains(len));
        let len = len.ok_or(StorageError::TooLarge(block.len()))?;
        let mut writer = self.writer();
        let mut number = writer.current;
        let mut end = writer.infos.get(&number).map_or(0, |info| info.size);
        if end > 0 && end.saturating_add(FRAME_HEAD + len) > self.max_file_bytes {
            (number, end) = (number + 1, 0);
        }
        let pos = self.append(&mut writer, Kind::Block, number, end, &[block])?;
        writer.current = number;
        let info = writer.infos.entry(number).or_default();
        info.size = pos.offset + len;
        info.blocks += 1;
        Ok(pos)
    }

    /// Stores a block's undo bytes beside block file `file`, bound to the block below it.
    pub fn append_undo(&self, file: u32, undo: &[u8], previous: &BlockHash) -> Result<FilePos> {
        let len = u32::try_from(undo.len()).ok().filter(|len| *len <= MAX_UNDO_BYTES);
        let len = len.ok_or(StorageError::TooLarge(undo.len()))?;
        let checksum = undo_checksum(undo, previous);
        let mut writer = self.writer();
        let end = writer.infos.get(&file).map_or(0, |info| info.undo_size);
        let new_end = end.checked_add(FRAME_HEAD + len + CHECKSUM);
        let new_end = new_end.ok_or(StorageError::TooLarge(undo.len()))?;
        let pos = self.append(&mut writer, Kind::Undo, file, end, &[undo, &checksum])?;
        writer.infos.entry(file).or_default().undo_size = new_end;
        Ok(pos)
    }

    /// Counts a block found in a file that this store has not filled (reindexing), so that the file's info is right.
    pub fn adopt_block(&self, pos: FilePos, len: u32) {
        let mut writer = self.writer();
        let info = writer.infos.entry(pos.file).or_default();
        info.blocks += 1;
        info.size = info.size.max(pos.offset.saturating_add(len));
        writer.uncommitted.insert(pos.file);
    }

    /// The bytes of the block at `pos`. Its hash is the caller's to check.
    pub fn read_block(&self, pos: FilePos) -> Result<Vec<u8>> {
        let (file, len) = self.frame_len(Kind::Block, pos, MAX_BLOCK_BYTES)?;
        self.read_exact(Kind::Block, &file, pos, 0, len as usize)
    }

    /// `len` bytes of the block at `pos`, from its byte `from` on: a header, a transaction. Fails if the block ends
    /// earlier.
    pub fn read_block_part(&self, pos: FilePos, from: u32, len: u32) -> Result<Vec<u8>> {
        let (file, block_len) = self.frame_len(Kind::Block, pos, MAX_BLOCK_BYTES)?;
        if from.checked_add(len).is_none_or(|end| end > block_len) {
            let what =
                format!("bytes {from}+{len} of the block of {block_len} bytes at {} wanted", pos.offset);
            return Err(StorageError::corrupt(&self.path(Kind::Block, pos.file), what));
        }
        self.read_exact(Kind::Block, &file, pos, from, len as usize)
    }

    /// The undo bytes at `pos`, checked against the hash of the block below.
    pub fn read_undo(&self, pos: FilePos, previous: &BlockHash) -> Result<Vec<u8>> {
        let (file, len) = self.frame_len(Kind::Undo, pos, MAX_UNDO_BYTES)?;
        let mut bytes = self.read_exact(Kind::Undo, &file, pos, 0, (len + CHECKSUM) as usize)?;
        let checksum = bytes.split_off(len as usize);
        if undo_checksum(&bytes, previous)[..] != checksum {
            let what = format!("checksum mismatch of the undo data at {}", pos.offset);
            return Err(StorageError::corrupt(&self.path(Kind::Undo, pos.file), what));
        }
        Ok(bytes)
    }

    fn frame_len(&self, kind: Kind, pos: FilePos, max: u32) -> Result<(Arc<File>, u32)> {
        let bad = |what: String| StorageError::corrupt(&self.path(kind, pos.file), what);
        let start =
            pos.offset.checked_sub(FRAME_HEAD).ok_or_else(|| bad(format!("position {}", pos.offset)))?;
        let file = self.file(kind, pos.file)?;
        let mut head = [0; FRAME_HEAD as usize];
        let read = files::read_at(&file, &mut head, start.into()).at(&self.path(kind, pos.file))?;
        let (magic, len) = head.split_at(4);
        if read < head.len() || magic != self.magic {
            return Err(bad(format!("no magic at {start}")));
        }
        let len = u32::from_le_bytes(len.try_into().expect("four bytes"));
        if len > max {
            return Err(bad(format!("length {len} at {start}")));
        }
        Ok((file, len))
    }

    fn read_exact(&self, kind: Kind, file: &File, pos: FilePos, from: u32, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let offset = u64::from(pos.offset) + u64::from(from);
        let path = self.path(kind, pos.file);
        let read = files::read_at(file, &mut bytes, offset).at(&path)?;
        if read < len {
            return Err(StorageError::corrupt(
                &path,
                format!("the file ends within the frame at {}", pos.offset),
            ));
        }
        Ok(bytes)
    }

    fn stopped(&self) -> StorageError {
        StorageError::Stopped { path: self.folder.clone() }
    }

    /// Makes everything appended so far durable. A failure ends all writing.
    pub fn sync(&self) -> Result<()> {
        // Taken out, so that appending need not wait for the disk.
        let (unsynced, new_names) = {
            let mut writer = self.writer();
            if writer.failed {
                return Err(self.stopped());
            }
            (std::mem::take(&mut writer.unsynced), std::mem::take(&mut writer.new_names))
        };
        let synced = (|| {
            for &(kind, number) in &unsynced {
                let path = self.path(kind, number);
                files::open_read_write(&path)?.sync_data().at(&path)?;
            }
            if new_names { files::sync_dir(&self.folder) } else { Ok(()) }
        })();
        if synced.is_err() {
            self.writer().failed = true;
        }
        synced
    }

    /// The infos that the next commit has to write. Taken before [`sync`](Self::sync): what is appended later is
    /// not covered by them.
    pub(crate) fn uncommitted(&self) -> Vec<(u32, FileInfo)> {
        let writer = self.writer();
        writer.uncommitted.iter().map(|file| (*file, writer.infos[file])).collect()
    }

    /// Notes that `infos` have been committed.
    pub(crate) fn committed(&self, infos: &[(u32, FileInfo)]) {
        let mut writer = self.writer();
        for (file, info) in infos {
            if writer.infos.get(file) == Some(info) {
                writer.uncommitted.remove(file);
            }
        }
    }

    /// What each pair of files holds, by number.
    pub fn infos(&self) -> BTreeMap<u32, FileInfo> {
        self.writer().infos.clone()
    }

    /// The numbers of the block files, ascending, with or without info.
    pub fn numbers(&self) -> Result<Vec<u32>> {
        file_numbers(&self.folder, Kind::Block)
    }

    /// Bytes of all block and undo files.
    pub fn disk_bytes(&self) -> u64 {
        self.writer().infos.values().map(|info| u64::from(info.size) + u64::from(info.undo_size)).sum()
    }

    /// The folder of the files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The blocks of one file in file order, from byte `offset` on.
    pub fn scan(&self, file: u32, offset: u32) -> Result<BlockScan> {
        BlockScan::of_file(&self.path(Kind::Block, file), file, self.magic, None, offset.into())
    }

    /// The blocks that were stored behind the last commit before this opening, in file order: the index may not
    /// know them. Ends at what has been appended by the time it gets there.
    pub fn scan_uncommitted(&self) -> Result<Vec<BlockScan>> {
        let files = self.numbers()?.into_iter().filter(|file| *file >= self.unmarked.file);
        files
            .map(|file| self.scan(file, if file == self.unmarked.file { self.unmarked.offset } else { 0 }))
            .collect()
    }
}

/// The double SHA-256 of the previous block's hash and the undo bytes.
fn undo_checksum(undo: &[u8], previous: &BlockHash) -> [u8; 32] {
    let mut hasher = HashWriter::default();
    hasher.put(&previous.0);
    hasher.put(undo);
    hasher.finish()
}

fn cut(path: &Path, len: u64) -> Result<()> {
    let file = files::open_read_write(path)?;
    file.set_len(len).and_then(|()| file.sync_all()).at(path)
}

fn file_path(folder: &Path, kind: Kind, file: u32) -> PathBuf {
    folder.join(format!("{}{file:05}.dat", kind.prefix()))
}

/// Whether a folder holds a block file with anything in it.
pub(crate) fn has_blocks(folder: &Path) -> Result<bool> {
    let holds_something = |number: u32| {
        let path = file_path(folder, Kind::Block, number);
        std::fs::metadata(&path).map(|data| data.len() > 0).at(&path)
    };
    for number in file_numbers(folder, Kind::Block)? {
        if holds_something(number)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn file_numbers(folder: &Path, kind: Kind) -> Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder).at(folder)? {
        let name = entry.at(folder)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(kind.prefix())?.strip_suffix(".dat"));
        if let Some(digits) = number
            && digits.len() >= 5
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(number) = digits.parse()
        {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Removes all undo files: a reindexing makes them anew.
pub(crate) fn remove_undo_files(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        for file in file_numbers(folder, Kind::Undo)? {
            files::remove_file(&file_path(folder, Kind::Undo, file))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
