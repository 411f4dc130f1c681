//! Header files below the window that were fetched again and have proved themselves.

use crate::light::headers::{FILE, HeaderChain, HeaderError};
use chaincore_consensus::Header;
use std::collections::BTreeMap;

/// The most files that are held: ten megabytes.
const MAX_FILES: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Archive {
    /// By number, with the turn in which they were used last.
    files: BTreeMap<u32, (u64, Vec<Header>)>,
    turn: u64,
}

impl Archive {
    /// Takes a file, if it is the chain's.
    pub(super) fn put(
        &mut self,
        chain: &HeaderChain,
        file: u32,
        headers: Vec<Header>,
    ) -> Result<(), HeaderError> {
        chain.check_file(file, &headers)?;
        self.turn += 1;
        self.files.insert(file, (self.turn, headers));
        if self.files.len() > MAX_FILES
            && let Some(oldest) = self.files.iter().min_by_key(|(_, (turn, _))| *turn).map(|(file, _)| *file)
        {
            self.files.remove(&oldest);
        }
        Ok(())
    }

    pub(super) fn header(&self, height: u32) -> Option<Header> {
        let (_, headers) = self.files.get(&(height / FILE))?;
        headers.get((height % FILE) as usize).copied()
    }

    /// Lets go of files with blocks above a height.
    pub(super) fn forget_above(&mut self, height: u32) {
        self.files.retain(|file, (_, headers)| {
            u64::from(*file) * u64::from(FILE) + headers.len() as u64 <= u64::from(height) + 1
        });
    }
}
