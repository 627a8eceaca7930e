//! Finds the place where frames chain, in one pass over the bytes that never turns back.
//!
//! An offset *may* start a frame if a plausible length and the zstd magic stand there (a [`Header`]). It is accepted
//! if [`RESYNC_CHAIN_FRAMES`] headers chain from it, or fewer that end with the segment. Values inside a payload can
//! imitate headers, thousands of them, each with a length that leads megabytes ahead. So the scan never reads ahead:
//! it notes where each chain would continue ([`Chains`]) and checks that place when it gets there. Every byte is
//! scanned once for any content, up to at most [`RESYNC_CHAIN_FRAMES`] of the longest frames past the last candidate.

use std::collections::{BTreeMap, VecDeque};

use model::limits::{FRAME_BYTES_MIN, RESYNC_CANDIDATES_MAX, RESYNC_CHAIN_FRAMES};

use super::{LENGTH_BYTES, SegmentBytes, ZSTD_MAGIC, read_length};

/// Bytes that show if a frame may start: length and magic.
const HEADER_BYTES: usize = LENGTH_BYTES + ZSTD_MAGIC.len();

/// Bytes that a scan reads at once.
const SCAN_BYTES: usize = 256 << 10;

/// Place where a frame may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    at: u64,
    /// Offset at which the frame would end.
    pub(super) end: u64,
}

impl Header {
    /// Parses the header at `at`, where `bytes` begin, in a segment of `size` bytes.
    fn parse(bytes: &[u8], at: u64, size: u64) -> Option<Self> {
        if bytes.len() < HEADER_BYTES || bytes[LENGTH_BYTES..HEADER_BYTES] != ZSTD_MAGIC {
            return None;
        }
        let length = read_length(bytes, size - at).ok().filter(|length| *length >= FRAME_BYTES_MIN)?;
        Some(Self { at, end: at + LENGTH_BYTES as u64 + u64::from(length) })
    }

    /// Reads the header at `at` of `source`, if a whole frame may start there.
    pub(super) fn read<S: SegmentBytes>(source: &mut S, at: u64) -> Result<Option<Self>, S::Error> {
        let size = source.size();
        Ok(Self::parse(source.bytes(at, HEADER_BYTES)?, at, size))
    }
}

/// Searches of one segment, each from a later offset than the one before. A search reuses the headers that an earlier
/// one scanned.
#[derive(Debug, Default)]
pub(super) struct FrameSearch {
    known: Known,
}

impl FrameSearch {
    /// Finds the first offset in `[from, until)` where frames chain.
    pub(super) fn find<S: SegmentBytes>(
        &mut self,
        source: &mut S,
        from: u64,
        until: u64,
    ) -> Result<Option<u64>, S::Error> {
        let size = source.size();
        let mut chains = Chains::new(until, size);
        self.known.forget_before(from);
        for header in &self.known.headers {
            chains.meet(*header);
            if chains.are_settled(header.at + 1) {
                return Ok(chains.found());
            }
        }
        let mut at = self.known.until;
        while !chains.are_settled(at) {
            let window = source.bytes(at, SCAN_BYTES)?;
            let mut is_settled = false;
            for header in headers(window, at, size) {
                self.known.add(header);
                if !is_settled {
                    chains.meet(header);
                    is_settled = chains.are_settled(header.at + 1);
                }
            }
            let is_last = window.len() < SCAN_BYTES;
            // A header may lie across two windows.
            at = if is_last { size } else { at + (SCAN_BYTES - (HEADER_BYTES - 1)) as u64 };
            self.known.scanned(at);
            if is_settled || is_last {
                break;
            }
        }
        Ok(chains.found())
    }
}

/// Lists the headers in `window`, which begins at offset `base`.
fn headers(window: &[u8], base: u64, size: u64) -> impl Iterator<Item = Header> + '_ {
    let places = window.windows(HEADER_BYTES).enumerate().filter(|(_, bytes)| bytes[LENGTH_BYTES..] == ZSTD_MAGIC);
    places.filter_map(move |(position, bytes)| Header::parse(bytes, base + position as u64, size))
}

/// Headers of the range that was scanned last; at most [`RESYNC_CANDIDATES_MAX`]. Headers beyond that are scanned
/// again.
#[derive(Debug, Default)]
struct Known {
    headers: VecDeque<Header>,
    /// Headers from the start of the last search up to this offset are all known.
    until: u64,
    is_full: bool,
}

impl Known {
    fn forget_before(&mut self, from: u64) {
        while self.headers.pop_front_if(|header| header.at < from).is_some() {}
        self.is_full = self.headers.len() >= RESYNC_CANDIDATES_MAX;
        self.until = self.until.max(from);
    }

    fn add(&mut self, header: Header) {
        if self.is_full {
            return;
        }
        if self.headers.len() < RESYNC_CANDIDATES_MAX {
            self.headers.push_back(header);
        } else {
            self.until = header.at;
            self.is_full = true;
        }
    }

    fn scanned(&mut self, at: u64) {
        if !self.is_full {
            self.until = at;
        }
    }
}

/// Chains that may still be confirmed, and the first offset of a confirmed chain.
#[derive(Debug)]
struct Chains {
    until: u64,
    size: u64,
    /// For each offset where chains continue: the first origins of chains with 1, 2, ... frames up to there.
    open: BTreeMap<u64, Origins>,
    found: Option<u64>,
    met_since_prune: usize,
}

/// `[i]` is the first offset from which `i + 1` frames chain up to here.
type Origins = [Option<u64>; RESYNC_CHAIN_FRAMES - 1];

impl Chains {
    fn new(until: u64, size: u64) -> Self {
        Self { until, size, open: BTreeMap::new(), found: None, met_since_prune: 0 }
    }

    fn found(&self) -> Option<u64> {
        self.found
    }

    /// Continues the chains that lead to `header`, and begins one there. Headers come in ascending order.
    fn meet(&mut self, header: Header) {
        self.drop_before(header.at);
        let arrived = self.open.remove(&header.at).unwrap_or_default();
        let begun = (header.at < self.until && self.found.is_none()).then_some(header.at);
        let is_last = header.end == self.size;
        let complete =
            if is_last { arrived.iter().flatten().chain(&begun).min().copied() } else { arrived[arrived.len() - 1] };
        if let Some(origin) = complete.filter(|origin| self.is_wanted(*origin)) {
            let is_first = self.found.is_none();
            self.found = Some(origin);
            if is_first {
                self.prune();
            }
        }
        if !is_last {
            let mut onward = arrived;
            onward.rotate_right(1);
            onward[0] = begun;
            self.go_on(header.end, onward);
        }
        self.met_since_prune += 1;
    }

    fn go_on(&mut self, at: u64, onward: Origins) {
        let onward = onward.map(|origin| origin.filter(|origin| self.is_wanted(*origin)));
        if onward.iter().all(Option::is_none) {
            return;
        }
        let there = self.open.entry(at).or_default();
        for (first, origin) in there.iter_mut().zip(onward) {
            *first = (*first).into_iter().chain(origin).min();
        }
        if self.open.len() > RESYNC_CANDIDATES_MAX {
            // Frames are rarely long, so the chain that leads furthest is the least likely.
            self.open.pop_last();
        }
    }

    /// True if the result is known once everything before `at` was met.
    fn are_settled(&mut self, at: u64) -> bool {
        if self.found.is_none() && at < self.until {
            return false;
        }
        self.drop_before(at);
        // Pruned as often as entries were added since, so that pruning costs no more than adding.
        if self.met_since_prune > self.open.len() {
            self.prune();
        }
        self.open.is_empty()
    }

    /// Drops the chains that should have continued before `at`, because no header was there.
    fn drop_before(&mut self, at: u64) {
        while self.open.first_entry().is_some_and(|first| *first.key() < at) {
            self.open.pop_first();
        }
    }

    fn prune(&mut self) {
        self.met_since_prune = 0;
        if let Some(found) = self.found {
            self.open.retain(|_, origins| origins.iter().flatten().any(|origin| *origin < found));
        }
    }

    fn is_wanted(&self, origin: u64) -> bool {
        self.found.is_none_or(|found| origin < found)
    }
}
