//! The store of one chain: its folder, and the commit that moves it from one durable state to the next.

use crate::append_file::AppendFile;
use crate::block_files::{self, BlockFiles, MAX_FILE_BYTES};
use crate::coins_cache::CoinsCache;
use crate::coins_db::CoinsDb;
use crate::database::Database;
use crate::error::{At, Result, StorageError};
use crate::files;
use crate::index_db::IndexDb;
use crate::journal::{Journal, JournalWriter};
use crate::keys::{self, BLOCKS, COINS, CoinKey, FORMAT, META, TREES};
use crate::lock::FolderLock;
use crate::record::{BlockRecord, FileInfo};
use chaincore_consensus::BlockHash;
use chaincore_consensus::codec::{Decode, Encode};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

const CHUNK: usize = 8192;

/// How many coins of a commit are sorted at a time.
const COINS_PER_PASS: usize = 250_000;

/// The least of a journal that is applied at a time: below this the syncing would cost more than the work.
const MIN_PIECE_BYTES: u64 = 1 << 20;

/// What to forget when a store is opened.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Wipe {
    /// Nothing.
    #[default]
    Nothing,
    /// The coins and the tip, to be built anew from the block files (`-reindex-chainstate`).
    Coins,
    /// All but the block files (`-reindex`). They are not touched; their blocks have to be scanned.
    AllButBlocks,
}

/// What a store is opened with.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The chain's name.
    pub chain: String,
    /// The magic in front of stored blocks.
    pub magic: [u8; 4],
    /// The chain's first block: a folder that begins with another one is refused.
    pub genesis: BlockHash,
    /// Memory for sled to keep in this process, in bytes, apart from the [`CoinsCache`].
    pub sled_cache_bytes: usize,
    /// What to forget.
    pub wipe: Wipe,
    /// When to begin a new block file, [`MAX_FILE_BYTES`] but in tests.
    pub max_file_bytes: u32,
    /// Where the block files are, if not in `blocks/` in the store's own folder (`-blocksdir`).
    pub blocks: Option<PathBuf>,
    /// The name of an extra value that a new database gets, in the step that makes it, if there are block files
    /// already: a sign that their blocks have to be scanned, which an interrupted wipe can't lose.
    pub note_beside_blocks: Option<&'static str>,
}

impl StoreOptions {
    /// Options with the usual sizes.
    pub fn new(chain: impl Into<String>, magic: [u8; 4], genesis: BlockHash) -> Self {
        Self {
            chain: chain.into(),
            magic,
            genesis,
            sled_cache_bytes: 64 << 20,
            wipe: Wipe::Nothing,
            max_file_bytes: MAX_FILE_BYTES,
            blocks: None,
            note_beside_blocks: None,
        }
    }
}

/// One step from a durable state to the next. All of it becomes durable, or nothing.
#[derive(Default)]
pub struct Commit<'a> {
    /// The cache whose dirty entries go to disk. They stay readable in it all the time and are clean afterwards.
    pub coins: Option<&'a CoinsCache>,
    /// The block that the coins then belong to.
    pub tip: Option<BlockHash>,
    /// New and changed entries of the block index.
    pub records: Vec<(BlockHash, BlockRecord)>,
    /// Entries of the block index to remove; none of them is in `records`.
    pub forgotten: Vec<BlockHash>,
    /// Values of the chain's own by name, `None` to remove one.
    pub extra: Vec<(String, Option<Vec<u8>>)>,
}

/// The store of one chain. Any thread may read; commits wait for each other.
pub struct Store {
    folder: PathBuf,
    chainstate: PathBuf,
    database: Arc<Database>,
    block_files: Arc<BlockFiles>,
    durable_tip: RwLock<Option<BlockHash>>,
    committing: Mutex<()>,
    _locks: (FolderLock, Option<FolderLock>),
}

impl Store {
    /// Opens the store in `folder`, or makes one, and brings it to the state of its last commit.
    pub fn open(folder: &Path, options: &StoreOptions) -> Result<Self> {
        files::create_dir(folder)?;
        let lock = FolderLock::acquire(folder)?;
        let blocks = options.blocks.clone().unwrap_or_else(|| folder.join("blocks"));
        // Block files elsewhere could be another folder's as well.
        let elsewhere = blocks.parent() != Some(folder);
        files::create_dir(&blocks)?;
        let blocks_lock = elsewhere.then(|| FolderLock::acquire(&blocks)).transpose()?;
        let chainstate = folder.join("chainstate");
        let identity = chainstate.join("format");
        if options.wipe == Wipe::AllButBlocks {
            // The identity goes last, so that an interrupted removal can't look like a store.
            check_identity(&identity, folder, options, true)?;
            files::remove_file(&chainstate.join("journal"))?;
            files::remove_dir(&database_path(&chainstate))?;
            block_files::remove_undo_files(&blocks)?;
            files::remove_file(&identity)?;
        }
        files::create_dir(&chainstate)?;
        let fresh = check_identity(&identity, folder, options, false)?;
        let beside_blocks = fresh && block_files::has_blocks(&blocks)?;
        let database = Arc::new(open_database(&chainstate, options)?);
        if fresh {
            let note = options.note_beside_blocks.filter(|_| beside_blocks).map(keys::extra_key);
            let noted = note.as_deref().map(|key| (META, key, Some(&[1][..])));
            database.apply([(META, keys::MADE, Some(&[][..]))].into_iter().chain(noted))?;
            database.flush()?;
            files::replace(&identity, identity_text(options).as_bytes())?;
            files::sync_dir(folder)?;
        } else if database.get(META, keys::MADE, |_| ())?.is_none() {
            let what = "the database is gone: use -reindex to build it from the block files";
            return Err(StorageError::corrupt(&chainstate, what));
        }
        let marks = read_marks(&database)?;
        let block_files = Arc::new(BlockFiles::open(&blocks, options.magic, marks, options.max_file_bytes)?);
        let tip = database.get(META, keys::TIP, |bytes| <[u8; 32]>::try_from(bytes))?;
        let tip = tip.transpose().map_err(|_| StorageError::corrupt(&chainstate, "tip is not a hash"))?;
        Ok(Self {
            folder: folder.to_path_buf(),
            chainstate,
            database,
            block_files,
            durable_tip: RwLock::new(tip.map(BlockHash)),
            committing: Mutex::new(()),
            _locks: (lock, blocks_lock),
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The block and undo files.
    pub fn block_files(&self) -> &Arc<BlockFiles> {
        &self.block_files
    }

    /// The coins of the last commit.
    pub fn coins(&self) -> CoinsDb {
        CoinsDb::new(self.database.clone())
    }

    /// The block that the coins on disk belong to; `None` before the first commit of a tip.
    pub fn durable_tip(&self) -> Option<BlockHash> {
        *self.durable_tip.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The block index of the last commit, in no order that means anything.
    pub fn load_index(&self) -> Result<Vec<(BlockHash, BlockRecord)>> {
        let mut records = Vec::new();
        for_each(&self.database, BLOCKS, &[], |key, value| {
            let bad = |what: String| StorageError::corrupt(&self.chainstate, what);
            let hash = <[u8; 32]>::try_from(key).map_err(|_| bad(format!("block key {key:02x?}")))?;
            let record = BlockRecord::decode_exact(value);
            let record =
                record.map_err(|error| bad(format!("record of block {}: {error}", BlockHash(hash))))?;
            records.push((BlockHash(hash), record));
            Ok(())
        })?;
        Ok(records)
    }

    /// A block's record in the last commit.
    pub fn record(&self, hash: &BlockHash) -> Result<Option<BlockRecord>> {
        let record = self.database.get(BLOCKS, &hash.0, BlockRecord::decode_exact)?;
        record
            .transpose()
            .map_err(|error| StorageError::corrupt(&self.chainstate, format!("block {hash}: {error}")))
    }

    /// A value that the chain has committed under a name.
    pub fn extra(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.database.get(META, &keys::extra_key(name), <[u8]>::to_vec)
    }

    /// Makes a step durable. In order: block and undo files are synced, the whole step is written to the journal
    /// and synced (from here on it is decided), then it goes into the database and the journal is removed.
    ///
    /// No thread may change the coins of the cache meanwhile. On an error before the decision the disk holds the
    /// state before it; after one behind it the next opening completes the step. Either way the caller should stop:
    /// after most errors the store takes no more writes.
    pub fn commit(&self, commit: Commit<'_>) -> Result<()> {
        let _one_at_a_time = self.committing.lock().unwrap_or_else(PoisonError::into_inner);
        let infos = self.block_files.uncommitted();
        self.block_files.sync()?;
        let mut journal = JournalWriter::create(&self.chainstate, false)?;
        if let Some(coins) = commit.coins {
            write_coins(&mut journal, coins)?;
        }
        let mut records = commit.records;
        records.sort_unstable_by_key(|(hash, _)| *hash);
        for (hash, record) in &records {
            journal.put((BLOCKS, &hash.0, Some(&record.to_bytes())))?;
        }
        for hash in &commit.forgotten {
            journal.put((BLOCKS, &hash.0, None))?;
        }
        for (file, info) in &infos {
            journal.put((META, &keys::file_key(*file), Some(&info.to_bytes())))?;
        }
        if let Some(tip) = &commit.tip {
            journal.put((META, keys::TIP, Some(&tip.0)))?;
        }
        for (name, value) in &commit.extra {
            journal.put((META, &keys::extra_key(name), value.as_deref()))?;
        }
        journal.finish()?;
        let journal = Journal::open(&self.chainstate)?
            .ok_or_else(|| StorageError::corrupt(&self.chainstate, "the journal is gone"))?;
        apply_journal(journal, &self.database)?;
        self.block_files.committed(&infos);
        if let Some(coins) = commit.coins {
            coins.committed();
        }
        if let Some(tip) = commit.tip {
            *self.durable_tip.write().unwrap_or_else(PoisonError::into_inner) = Some(tip);
        }
        Ok(())
    }

    /// Opens the database of a follower of the chain, or makes one, in `indexes/<name>`. Names are the program's
    /// own: letters, digits and `_`.
    pub fn open_index(&self, name: &str, cache_bytes: usize) -> Result<IndexDb> {
        IndexDb::open(&self.index_folder(name), cache_bytes)
    }

    /// Opens the file for a follower's larger values, or makes one: `indexes/<name>.dat`, beside its database.
    pub fn open_index_file(&self, name: &str) -> Result<AppendFile> {
        AppendFile::open(&self.index_folder(name).with_extension("dat"))
    }

    /// Removes the database and the file of a follower, which must not be open.
    pub fn remove_index(&self, name: &str) -> Result<()> {
        let folder = self.index_folder(name);
        files::remove_dir(&folder)?;
        files::remove_file(&folder.with_extension("dat"))
    }

    fn index_folder(&self, name: &str) -> PathBuf {
        assert!(
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
            "index name '{name}'"
        );
        self.folder.join("indexes").join(name)
    }

    /// Bytes of the database: coins, block index and the like, but neither block files nor the followers' databases.
    pub fn disk_bytes(&self) -> Result<u64> {
        self.database.disk_bytes()
    }
}

fn database_path(chainstate: &Path) -> PathBuf {
    chainstate.join("db")
}

/// Opens the database, completes a decided commit, and forgets the coins if asked to.
fn open_database(chainstate: &Path, options: &StoreOptions) -> Result<Database> {
    let path = database_path(chainstate);
    let open = || Database::open(&path, TREES, options.sled_cache_bytes);
    let mut database = match Journal::find(chainstate)? {
        Some(journal) => {
            if journal.replaces_all() {
                files::remove_dir(&path)?;
            }
            let database = open()?;
            tracing::info!("completing the commit that was interrupted");
            apply_journal(journal, &database)?;
            database
        }
        None => open()?,
    };
    if options.wipe == Wipe::Coins {
        // Faster than removing millions of keys: everything else goes through a journal into a new database.
        let mut journal = JournalWriter::create(chainstate, true)?;
        for tree in [BLOCKS, META] {
            for_each(&database, tree, &[], |key, value| match (tree, key) {
                (META, keys::TIP) => Ok(()),
                _ => journal.put((tree, key, Some(value))),
            })?;
        }
        journal.finish()?;
        database.close()?;
        files::remove_dir(&path)?;
        database = open()?;
        if let Some(journal) = Journal::open(chainstate)? {
            apply_journal(journal, &database)?;
        }
    }
    Ok(database)
}

/// Applies a journal in pieces, with a flush after each that lets the database give back memory: a piece of the
/// sorted changes touches about that piece of the database, and each should fit in the database's memory.
fn apply_journal(mut journal: Journal, database: &Database) -> Result<()> {
    let len = journal.len()?;
    let piece = (len / database.times_larger_than_memory(len)?).max(MIN_PIECE_BYTES);
    let mut bytes = 0;
    while let Some(frame) = journal.next_frame()? {
        bytes += frame.len() as u64;
        database.apply(frame.ops())?;
        if bytes >= piece {
            database.flush()?;
            bytes = 0;
        }
    }
    database.flush()?;
    journal.remove()
}

fn write_coins(journal: &mut JournalWriter, coins: &CoinsCache) -> Result<()> {
    // Sorted keys are much faster to apply. To sort millions of them needs no memory for all at once: transaction ids
    // are spread evenly, so go by their first byte.
    let passes = (coins.usage().dirty / COINS_PER_PASS + 1).next_power_of_two().min(256);
    let span = 256 / passes;
    let mut keys: Vec<(CoinKey, usize, u32)> = Vec::new();
    let mut values = Vec::new();
    for first in (0..256).step_by(span) {
        keys.clear();
        values.clear();
        coins.for_each_dirty(first as u8..=(first + span - 1) as u8, |outpoint, coin| {
            let start = values.len();
            if let Some(coin) = coin {
                coin.unpack().encode(&mut values);
            }
            let len = u32::try_from(values.len() - start).expect("a coin's script came in a block");
            keys.push((CoinKey::new(outpoint), start, len));
        });
        keys.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        for (key, start, len) in &keys {
            // A coin is never encoded in zero bytes.
            let value = &values[*start..][..*len as usize];
            journal.put((COINS, key.as_bytes(), (*len > 0).then_some(value)))?;
        }
    }
    Ok(())
}

fn for_each(
    database: &Database,
    tree: u8,
    prefix: &[u8],
    mut each: impl FnMut(&[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    let mut from = Bound::Included(prefix.to_vec());
    loop {
        let chunk = database.range(tree, from.as_ref().map(Vec::as_slice), Bound::Unbounded, CHUNK, false)?;
        for (key, value) in &chunk {
            if !key.starts_with(prefix) {
                return Ok(());
            }
            each(key, value)?;
        }
        match chunk.into_iter().next_back() {
            Some((key, _)) => from = Bound::Excluded(key),
            None => return Ok(()),
        }
    }
}

fn read_marks(database: &Database) -> Result<BTreeMap<u32, FileInfo>> {
    let mut marks = BTreeMap::new();
    for_each(database, META, keys::FILE_PREFIX, |key, value| {
        let bad = || StorageError::corrupt(database.path(), format!("file info {key:02x?}"));
        let file = key[keys::FILE_PREFIX.len()..].try_into().map_err(|_| bad())?;
        marks.insert(u32::from_be_bytes(file), FileInfo::decode_exact(value).map_err(|_| bad())?);
        Ok(())
    })?;
    Ok(marks)
}

fn identity_text(options: &StoreOptions) -> String {
    format!("chaincore-store {FORMAT}\nchain {}\ngenesis {}\n", options.chain, options.genesis)
}

/// Compares the folder's identity with what is to be opened; gives whether it has none yet. The format may be another
/// one if everything in that format is about to go.
fn check_identity(path: &Path, folder: &Path, options: &StoreOptions, any_format: bool) -> Result<bool> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error).at(path),
    };
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.ok_or_else(|| StorageError::corrupt(path, format!("no '{name}'"))).map(str::to_owned)
    };
    let (format, found, found_genesis) = (field("chaincore-store")?, field("chain")?, field("genesis")?);
    let genesis = options.genesis.to_string();
    if found_genesis != genesis || found != options.chain {
        return Err(StorageError::OtherChain {
            path: folder.to_path_buf(),
            found,
            found_genesis,
            expected: options.chain.clone(),
            expected_genesis: genesis,
        });
    }
    if format != FORMAT.to_string() && !any_format {
        return Err(StorageError::Format { path: folder.to_path_buf(), found: format, expected: FORMAT });
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
