//! Named invariants of the engine and the cluster, with a predicate over plain values for each.
//!
//! The code that keeps an invariant, the simulation that watches it and the exhaustive model share one predicate, so
//! that all of them mean the same by its name.

use std::fmt;

use crate::ids::{AttemptId, FencingToken, PartitionId};
use crate::limits::SEGMENTS_NAMED_MAX;
use crate::plan::SegmentRef;
use crate::range::ByteRange;
use crate::segments::SegmentList;

/// Invariant of the engine or the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// The planned ranges of a segment cover it exactly once.
    Pl1,
    /// A frame belongs to the split that holds its first byte, and is decoded once.
    Pl2,
    /// Attempt numbers of a task only rise.
    Ls1,
    /// At most one attempt of a task is ever recorded done.
    Ls2,
    /// A process with a stale token changes no state.
    Ls3,
    /// Only an attempt that failed by its own fault counts against its task.
    Ls4,
    /// A manifest names exactly one attempt for each partition of its plan: the attempt that is recorded done.
    Cm1,
    /// Every object that a manifest names exists with that size and digest.
    Cm2,
    /// A published manifest never changes; versions only rise, and no run of a shard takes two.
    Cm3,
    /// A reader sees the old version or the new one.
    Cm4,
    /// No committed input is lost by a commit that did not know it.
    Cm5,
    /// The books of each shard balance.
    Dt1,
    /// Parts are sorted by (org, metric, timestamp), and hold what the input gives.
    Dt2,
    /// The same plan gives the same bytes.
    Dt3,
    /// With one healthy worker and reachable stores every shard ends in bounded time, and leaves nothing behind.
    Lv1,
    /// A collector deletes nothing that a retained manifest names, and nothing of others: a deleted object lies in a
    /// place with our marker, under a key that `format::keys` parses, and belongs to a job that the dataset knows and
    /// that nobody runs.
    Gc1,
}

impl Invariant {
    /// Every invariant, in the order of the documents.
    pub const ALL: [Self; 16] = [
        Self::Pl1,
        Self::Pl2,
        Self::Ls1,
        Self::Ls2,
        Self::Ls3,
        Self::Ls4,
        Self::Cm1,
        Self::Cm2,
        Self::Cm3,
        Self::Cm4,
        Self::Cm5,
        Self::Dt1,
        Self::Dt2,
        Self::Dt3,
        Self::Lv1,
        Self::Gc1,
    ];

    /// Returns the id that documents and metrics use.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Pl1 => "PL-1",
            Self::Pl2 => "PL-2",
            Self::Ls1 => "LS-1",
            Self::Ls2 => "LS-2",
            Self::Ls3 => "LS-3",
            Self::Ls4 => "LS-4",
            Self::Cm1 => "CM-1",
            Self::Cm2 => "CM-2",
            Self::Cm3 => "CM-3",
            Self::Cm4 => "CM-4",
            Self::Cm5 => "CM-5",
            Self::Dt1 => "DT-1",
            Self::Dt2 => "DT-2",
            Self::Dt3 => "DT-3",
            Self::Lv1 => "LV-1",
            Self::Gc1 => "GC-1",
        }
    }
}

impl Invariant {
    /// Returns the invariant of an id; none for an id of a later version.
    pub fn of_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|invariant| invariant.id() == id)
    }

    /// Panics, because going on would write wrong data. The panic carries a [`Broken`], so that who catches it knows
    /// the invariant by its value.
    #[track_caller]
    pub fn broken(self, what: impl fmt::Display) -> ! {
        std::panic::panic_any(Broken { invariant: self, what: what.to_string() })
    }
}

/// Broken invariant, as the value of a panic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}: {what}")]
pub struct Broken {
    /// Invariant that does not hold.
    pub invariant: Invariant,
    /// Fact that contradicts it.
    pub what: String,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// PL-1, PL-2: true if the ranges, in this order, join from 0 to `size`.
pub fn covers_once(ranges: impl IntoIterator<Item = ByteRange>, size: u64) -> bool {
    let end =
        ranges.into_iter().try_fold(0, |end, range| (range.start == end && range.end >= end).then_some(range.end));
    end == Some(size)
}

/// LS-1: true if an attempt may have the number `next` after the largest number so far, `last`.
pub const fn number_rises(last: u32, next: u32) -> bool {
    next > last
}

/// LS-2 and LS-3: checks that `by` may be recorded as the attempt that counts. `done` is the attempt already on
/// record, and `held` the token of the claim for its number.
///
/// # Errors
/// The invariant that would not hold.
pub fn may_complete(done: Option<AttemptId>, held: Option<FencingToken>, by: AttemptId) -> Result<(), Invariant> {
    if done.is_some() {
        return Err(Invariant::Ls2);
    }
    if held == Some(by.token) { Ok(()) } else { Err(Invariant::Ls3) }
}

/// CM-1: true if the entries of a manifest are those of all its plan's partitions, each once and in order.
pub fn names_each_once(entries: impl IntoIterator<Item = PartitionId>, partitions: u32) -> bool {
    entries.into_iter().eq((0..partitions).map(PartitionId))
}

/// CM-3: true if `version` is the one that follows `latest`.
pub fn version_follows(latest: Option<u32>, version: u32) -> bool {
    version == latest.map_or(1, |latest| latest + 1)
}

/// CM-5: true if a version that was planned over `base` may replace the `current` one, given that it loses input or
/// not, and that an operator forces it or not. A base of 0 stands for no version; `None` means that the base is
/// unknown.
pub fn may_replace(base: Option<u32>, current: u32, loses_input: bool, is_forced: bool) -> bool {
    !loses_input || is_forced || base == Some(current)
}

/// Input of one version that another version lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LostInput {
    /// Number of segments that are lost.
    pub segments: u64,
    /// Keys of the first ones, at most [`SEGMENTS_NAMED_MAX`].
    pub first: Vec<String>,
}

/// CM-5: finds the segments of a `replaced` version that another lacks, by key, size and etag. If one side has no
/// etag, the etags are not compared. Holds one segment of each list at a time.
pub fn lost_input(replaced: &SegmentList, ours: &SegmentList) -> LostInput {
    let is_same = |theirs: &SegmentRef, ours: &SegmentRef| {
        let words = theirs.etag.as_ref().zip(ours.etag.as_ref());
        theirs.key == ours.key && theirs.size == ours.size && words.is_none_or(|(theirs, ours)| theirs == ours)
    };
    let mut ours = ours.iter().peekable();
    let mut lost = LostInput::default();
    for theirs in replaced.iter() {
        while ours.next_if(|ours| ours.key < theirs.key).is_some() {}
        if ours.peek().is_some_and(|ours| is_same(&theirs, ours)) {
            continue;
        }
        lost.segments += 1;
        if lost.first.len() < SEGMENTS_NAMED_MAX {
            lost.first.push(theirs.key);
        }
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_lost_that_is_left_out_or_has_another_size_or_content() {
        let segment = |key: &str, size, etag: Option<&str>| SegmentRef {
            key: key.to_owned(),
            size,
            etag: etag.map(str::to_owned),
        };
        let replaced = [segment("a", 1, Some("x")), segment("b", 2, None), segment("c", 3, Some("z"))];
        let list = |segments: &[SegmentRef]| -> SegmentList { segments.iter().cloned().collect() };
        let lost = |ours: &[SegmentRef]| -> Vec<String> {
            let lost = lost_input(&list(&replaced), &list(ours));
            assert_eq!(lost.segments, lost.first.len() as u64);
            lost.first
        };
        assert_eq!(lost(&replaced), Vec::<String>::new());
        assert_eq!(lost(&[]), ["a", "b", "c"]);
        let ours = [segment("c", 4, Some("z")), segment("a", 1, Some("y")), segment("b", 2, Some("w"))];
        assert_eq!(lost(&ours), ["a", "c"]);
        let between = [segment("0", 1, None), segment("a", 1, None), segment("aa", 1, None), segment("d", 3, None)];
        assert_eq!(lost(&between), ["b", "c"]);
        let many: SegmentList = (0..1000).map(|at| segment(&format!("{at:04}"), at, None)).collect();
        let few = many.iter().filter(|segment| segment.size % 2 == 0).collect();
        let lost = lost_input(&many, &few);
        assert_eq!((lost.segments, lost.first.len(), lost.first[0].as_str()), (500, SEGMENTS_NAMED_MAX, "0001"));
    }

    #[test]
    fn a_version_is_replaced_by_who_knew_it_contains_it_or_is_told_to() {
        assert!(may_replace(Some(3), 3, true, false), "known");
        assert!(may_replace(Some(2), 3, false, false), "contained");
        assert!(may_replace(Some(2), 3, true, true), "forced");
        assert!(!may_replace(Some(2), 3, true, false) && !may_replace(Some(0), 1, true, false));
        assert!(!may_replace(None, 1, true, false), "whoever did not look does not know");
    }

    #[test]
    fn a_panic_carries_the_invariant_and_says_the_fact() {
        let panic = std::panic::catch_unwind(|| Invariant::Dt2.broken("org 1 comes after org 2"));
        let panic = panic.expect_err("it panics");
        let broken = panic.downcast_ref::<Broken>().expect("a value");
        assert_eq!((broken.invariant, broken.to_string().as_str()), (Invariant::Dt2, "DT-2: org 1 comes after org 2"));
    }

    #[test]
    fn ranges_cover_a_segment_once_if_each_begins_where_the_one_before_ended() {
        let covers = |ranges: &[(u64, u64)], size| {
            covers_once(ranges.iter().map(|(start, end)| ByteRange { start: *start, end: *end }), size)
        };
        assert!(covers(&[], 0) && covers(&[(0, 3), (3, 3), (3, 7)], 7));
        for broken in [&[][..], &[(0, 6)], &[(0, 8)], &[(0, 3), (4, 7)], &[(0, 4), (3, 7)], &[(1, 7)]] {
            assert!(!covers(broken, 7), "{broken:?}");
        }
    }

    #[test]
    fn only_the_holder_of_a_task_that_is_not_done_completes_it() {
        let attempt = |number, token| AttemptId { number, token: FencingToken(token) };
        assert_eq!(may_complete(None, Some(FencingToken(7)), attempt(1, 7)), Ok(()));
        assert_eq!(may_complete(None, Some(FencingToken(9)), attempt(1, 7)), Err(Invariant::Ls3));
        assert_eq!(may_complete(None, None, attempt(1, 7)), Err(Invariant::Ls3));
        assert_eq!(may_complete(Some(attempt(2, 9)), Some(FencingToken(7)), attempt(1, 7)), Err(Invariant::Ls2));
    }

    #[test]
    fn each_has_an_id_of_its_own() {
        let ids: std::collections::BTreeSet<_> = Invariant::ALL.iter().map(|invariant| invariant.id()).collect();
        assert_eq!(ids.len(), Invariant::ALL.len());
        for invariant in Invariant::ALL {
            assert_eq!(Invariant::of_id(invariant.id()), Some(invariant));
        }
        assert_eq!(Invariant::of_id("DT-99"), None, "of a later version");
    }
}
