//! All headers that may be tried for one template, as one numbered space.
//!
//! The space is cut into pages and these into units. A page is one merkle root and time with a group of up to
//! sixteen versions, and all nonces; a unit is a few thousand hashes of a page. Nonces run fastest, then
//! groups of versions, then extranonces, then times: what is dear to prepare changes least. Threads take
//! units by adding to one counter, so that no two try the same header and nobody waits for anybody.

use crate::prepared::{Hit, Prepared};
use chaincore_consensus::Header;
use chaincore_consensus::hash::Hash256;
use chaincore_consensus::pow::Target;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bits of a header's version that miners may use as they like (BIP320).
pub const BIP320_MASK: u32 = 0x1fff_e000;

/// Hashes in a unit: a quarter of a millisecond of a fast core, three of a slow one.
const UNIT_HASHES: u32 = 1 << 13;
/// Versions searched together. More would gain less than one percent.
const GROUP_BITS: u32 = 4;

/// A header that solves its job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Solution {
    /// The header, complete.
    pub header: Header,
    /// The extranonce that its merkle root belongs to.
    pub extranonce: u64,
}

type MerkleRoots = Box<dyn Fn(u64) -> Hash256 + Send + Sync>;

/// Headers to be searched, all from one template, and the target their hashes must not exceed.
pub struct Job {
    header: Header,
    target: Target,
    version_mask: u32,
    extranonces: Range<u64>,
    merkle_root: Option<MerkleRoots>,
    /// How many seconds the header's time may be moved forward.
    seconds: u32,
    next: AtomicU64,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("header", &self.header)
            .field("target", &self.target)
            .field("version_mask", &format_args!("{:#010x}", self.version_mask))
            .field("extranonces", &self.extranonces)
            .field("seconds", &self.seconds)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// What one thread has prepared: it changes from page to page only.
pub(crate) struct Page {
    number: u64,
    header: Header,
    extranonce: u64,
    versions: Vec<i32>,
    pub(crate) prepared: Prepared,
}

impl Page {
    /// The header with this solution.
    pub(crate) fn solution(&self, hit: Hit) -> Solution {
        let header = Header { version: self.versions[hit.version as usize], nonce: hit.nonce, ..self.header };
        Solution { header, extranonce: self.extranonce }
    }
}

/// Nonces of one page.
pub(crate) struct Unit {
    page: u64,
    pub(crate) start: u32,
    pub(crate) count: u32,
}

impl Job {
    /// The search for a nonce of `header`; its own nonce and bits are ignored.
    pub fn new(header: Header, target: Target) -> Self {
        Self {
            header,
            target,
            version_mask: 0,
            extranonces: 0..1,
            merkle_root: None,
            seconds: 0,
            next: AtomicU64::new(0),
        }
    }

    /// Allows these bits of the version to be changed (see [`BIP320_MASK`]). The header's own version comes
    /// first.
    ///
    /// It makes a hash a sixth cheaper, so it is worth allowing although there are nonces enough.
    pub fn rolling_version(mut self, mask: u32) -> Self {
        self.version_mask = mask;
        self
    }

    /// Allows these extranonces; `merkle_root` gives the merkle root with one of them, and is called rarely:
    /// once for each 2^32 nonces of each group of versions, from any thread.
    pub fn rolling_extranonce(
        mut self,
        extranonces: Range<u64>,
        merkle_root: impl Fn(u64) -> Hash256 + Send + Sync + 'static,
    ) -> Self {
        self.extranonces = extranonces;
        self.merkle_root = Some(Box::new(merkle_root));
        self
    }

    /// Allows the time to be moved forward by up to `seconds`, once everything else is used up.
    pub fn rolling_time(mut self, seconds: u32) -> Self {
        self.seconds = seconds;
        self
    }

    /// The header as it was given.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What a hash must not exceed.
    pub fn target(&self) -> Target {
        self.target
    }

    fn group_bits(&self) -> u32 {
        self.version_mask.count_ones().min(GROUP_BITS)
    }

    /// Nonces in a unit: a power of two, so that pages are whole units.
    fn unit_nonces(&self) -> u32 {
        UNIT_HASHES >> self.group_bits()
    }

    /// Takes the next unit. `None` if every header has been given out.
    pub(crate) fn take(&self) -> Option<Unit> {
        self.take_many(1)
    }

    /// Takes up to `most` units that follow each other: to the end of their page, if that comes first, in
    /// which case the rest of them is left out for good. That does not happen if all who take units take the
    /// same power of two; more than half a page is never given out at once.
    pub(crate) fn take_many(&self, most: u32) -> Option<Unit> {
        let per_page = (1 << 32) / u64::from(self.unit_nonces());
        let most = most.next_power_of_two().min(per_page as u32 / 2);
        let unit = self.next.fetch_add(most.into(), Ordering::Relaxed);
        let (page, place) = (unit / per_page, unit % per_page);
        let count = (u64::from(most).min(per_page - place) * u64::from(self.unit_nonces())) as u32;
        let start = (place * u64::from(self.unit_nonces())) as u32;
        (page < self.pages()).then_some(Unit { page, start, count })
    }

    fn groups(&self) -> u64 {
        1 << (self.version_mask.count_ones() - self.group_bits())
    }

    fn pages(&self) -> u64 {
        let extranonces = self.extranonces.end.saturating_sub(self.extranonces.start);
        self.groups().saturating_mul(extranonces).saturating_mul(u64::from(self.seconds) + 1)
    }

    /// Makes `page` the page of a unit.
    pub(crate) fn turn_to<'a>(&self, page: &'a mut Option<Page>, unit: &Unit) -> &'a Page {
        page.take_if(|page| page.number != unit.page);
        page.get_or_insert_with(|| self.page(unit.page))
    }

    fn page(&self, number: u64) -> Page {
        let (rest, group) = (number / self.groups(), number % self.groups());
        let extranonces = self.extranonces.end - self.extranonces.start;
        let (seconds, extra) = (rest / extranonces, rest % extranonces);
        let extranonce = self.extranonces.start + extra;
        let mut header = self.header;
        header.time = header.time.saturating_add(seconds as u32);
        if let Some(merkle_root) = &self.merkle_root {
            header.merkle_root = merkle_root(extranonce);
        }
        let first = (group as u32) << self.group_bits();
        let versions: Vec<i32> = (first..first + (1 << self.group_bits()))
            .map(|number| header.version ^ spread(number, self.version_mask) as i32)
            .collect();
        let prepared = Prepared::with_versions(&header, &versions, self.target);
        Page { number, header, extranonce, versions, prepared }
    }
}

/// The bits of `number`, the lowest first, put where `mask` has ones.
fn spread(mut number: u32, mut mask: u32) -> u32 {
    let mut bits = 0;
    while number != 0 && mask != 0 {
        let lowest = mask & mask.wrapping_neg();
        if number & 1 != 0 {
            bits |= lowest;
        }
        number >>= 1;
        mask ^= lowest;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::BlockHash;
    use std::collections::BTreeSet;

    fn job() -> Job {
        let header = Header {
            version: 0x2000_0001,
            previous: BlockHash([1; 32]),
            merkle_root: Hash256([2; 32]),
            time: 1_700_000_000,
            bits: 0x1d00_ffff,
            nonce: 77,
        };
        Job::new(header, Target::from_be_bytes([0; 32]))
    }

    /// Every unit of a job by its first header, in the order they are given out.
    fn units(job: &Job, skip: u32) -> Vec<(Solution, u32, u32)> {
        let mut page = None;
        std::iter::from_fn(|| job.take_many(skip))
            .map(|unit| {
                let page = job.turn_to(&mut page, &unit);
                let solution =
                    page.solution(Hit { version: page.prepared.versions() - 1, nonce: unit.start });
                (solution, page.prepared.versions(), unit.count)
            })
            .collect()
    }

    #[test]
    fn a_header_that_may_not_change_has_its_nonces() {
        let job = job();
        let all = units(&job, 1);
        assert_eq!(all.len() as u64 * u64::from(UNIT_HASHES), 1 << 32);
        for (i, (solution, versions, count)) in all.iter().enumerate() {
            assert_eq!(solution.header, Header { nonce: i as u32 * UNIT_HASHES, ..*job.header() });
            assert_eq!((*versions, *count), (1, UNIT_HASHES));
        }
        assert!(job.take().is_none(), "and no more");
    }

    #[test]
    fn nonces_run_first_then_versions_extranonces_and_times() {
        let roots = |extranonce: u64| Hash256([extranonce as u8; 32]);
        let job = job().rolling_version(0x0003_e000).rolling_extranonce(5..8, roots).rolling_time(1);
        let all = units(&job, 1 << 24);
        // Five bits: two groups of sixteen.
        let seen: Vec<_> =
            all.iter().map(|(s, ..)| (s.header.time, s.extranonce, s.header.version)).collect();
        let expected: Vec<_> = [0, 1]
            .iter()
            .flat_map(|second| (5..8).map(move |extranonce| (1_700_000_000 + second, extranonce)))
            .flat_map(|(time, extranonce)| {
                [0x2000_0001 | 15 << 13, 0x2000_0001 | 31 << 13].map(|version| (time, extranonce, version))
            })
            .collect();
        assert_eq!(
            seen.len(),
            12 * 2,
            "a page has 2^23 units of 512 nonces, too many for one count of 32 bits"
        );
        let mut pages = seen.clone();
        pages.dedup();
        assert_eq!(pages, expected);
        for (solution, versions, _) in &all {
            assert_eq!(solution.header.merkle_root, roots(solution.extranonce));
            assert_eq!(*versions, 16);
        }
    }

    #[test]
    fn versions_change_in_the_allowed_bits_only_and_never_repeat() {
        for mask in [0, 1, 0x8000_0000, 0x0000_0005, BIP320_MASK & 0x007f_ffff] {
            let job = job().rolling_version(mask);
            let versions: Vec<i32> = (0..job.pages()).flat_map(|number| job.page(number).versions).collect();
            assert_eq!(versions[0], job.header().version);
            assert_eq!(versions.len(), 1 << mask.count_ones());
            assert!(versions.iter().all(|version| (version ^ versions[0]) as u32 & !mask == 0));
            assert_eq!(versions.iter().collect::<BTreeSet<_>>().len(), versions.len());
        }
    }

    #[test]
    fn a_space_without_end_does_not_overflow() {
        let job = job()
            .rolling_version(u32::MAX)
            .rolling_extranonce(0..u64::MAX, |_| Hash256::ZERO)
            .rolling_time(u32::MAX);
        assert_eq!(job.pages(), u64::MAX);
        assert!(job.take().is_some());
        let none = super::tests::job().rolling_extranonce(3..3, |_| Hash256::ZERO);
        assert!(none.take().is_none());
    }
}
