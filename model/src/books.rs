//! Books of a shard: every frame and point that was read is accounted for, and each side is counted on its own
//! (DT-1).

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::ids::OrgId;
use crate::limits::MISPLACED_LISTED_MAX;

/// Counts of the map tasks: the reading side, with the frames and points that it left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapBooks {
    /// Frames that start in the ranges read; a quarantined stretch without frame structure counts as one.
    pub frames_read: u64,
    /// Frames whose points went to a partition (or were all outside the window).
    pub frames_routed: u64,
    /// Frames whose bytes went to quarantine.
    pub frames_quarantined: u64,
    /// Bytes of those frames and stretches, lengths included.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_quarantined: u64,
    /// Points of all payloads that could be read.
    pub points_read: u64,
    /// Points before the window.
    pub points_early: u64,
    /// Points at or after the window's end.
    pub points_late: u64,
    /// Points of payloads that were quarantined after they had been counted as read.
    pub points_quarantined: u64,
    /// Points that went to a partition.
    pub points_routed: u64,
    /// Payloads without a point: routed, but nothing is written for them.
    pub frames_empty: u64,
    /// Bytes of the ranges read.
    pub bytes_read: u64,
    /// Bytes of the payloads after decoding.
    pub bytes_decoded: u64,
    /// Frames of organisations that the shard map places elsewhere, by organisation: processed here, and reported.
    /// The [`MISPLACED_LISTED_MAX`] smallest ids are listed. The list and its counts do not depend on the order in
    /// which books are added.
    pub misplaced: BTreeMap<OrgId, u64>,
    /// Misplaced frames of all other organisations.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub misplaced_unlisted: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands in a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl MapBooks {
    /// Counts `frames` of an organisation that the shard map places elsewhere.
    pub fn misplace(&mut self, org: OrgId, frames: u64) {
        let is_full = self.misplaced.len() >= MISPLACED_LISTED_MAX;
        let last = self.misplaced.last_key_value().map(|(last, _)| *last);
        if is_full && !self.misplaced.contains_key(&org) {
            if last.is_some_and(|last| last < org) {
                self.misplaced_unlisted = self.misplaced_unlisted.saturating_add(frames);
                return;
            }
            // The id that is dropped here is larger than every id listed from now on, so it never comes back with a
            // partial count.
            let out = self.misplaced.pop_last().map_or(0, |(_, frames)| frames);
            self.misplaced_unlisted = self.misplaced_unlisted.saturating_add(out);
        }
        let count = self.misplaced.entry(org).or_default();
        *count = count.saturating_add(frames);
    }

    /// Counts all misplaced frames, listed or not.
    pub fn frames_misplaced(&self) -> u64 {
        self.misplaced.values().fold(self.misplaced_unlisted, |sum, frames| sum.saturating_add(*frames))
    }
}

impl AddAssign<&MapBooks> for MapBooks {
    fn add_assign(&mut self, other: &Self) {
        self.frames_read += other.frames_read;
        self.frames_routed += other.frames_routed;
        self.frames_quarantined += other.frames_quarantined;
        self.bytes_quarantined += other.bytes_quarantined;
        self.points_read += other.points_read;
        self.points_early += other.points_early;
        self.points_late += other.points_late;
        self.points_quarantined += other.points_quarantined;
        self.points_routed += other.points_routed;
        self.frames_empty += other.frames_empty;
        self.bytes_read += other.bytes_read;
        self.bytes_decoded += other.bytes_decoded;
        self.misplaced_unlisted += other.misplaced_unlisted;
        for (org, frames) in &other.misplaced {
            self.misplace(*org, *frames);
        }
    }
}

/// Counts of the reduce tasks: the writing side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReduceBooks {
    /// Points in raw parts.
    pub points_written: u64,
    /// Points that were replaced by another of the same timestamp.
    pub points_duplicate: u64,
    /// Series in raw parts.
    pub series_written: u64,
    /// Rows in rollup parts, all steps together.
    pub rollup_rows_written: u64,
    /// NaN points, written raw and left out of rollups.
    pub points_nan: u64,
}

impl AddAssign<&ReduceBooks> for ReduceBooks {
    fn add_assign(&mut self, other: &Self) {
        self.points_written += other.points_written;
        self.points_duplicate += other.points_duplicate;
        self.series_written += other.series_written;
        self.rollup_rows_written += other.rollup_rows_written;
        self.points_nan += other.points_nan;
    }
}

/// Books of a shard, both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// Reading side, of the map tasks.
    pub map: MapBooks,
    /// Writing side, of the reduce tasks.
    pub reduce: ReduceBooks,
}

/// Books that do not balance (DT-1), because of a bug or a fault of the machine; nothing is committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "DT-1: the books do not balance: {quantity} read {read}, accounted for {accounted} ({terms}); nothing was committed, run the shard again and report this"
)]
pub struct Unbalanced {
    /// Unit: `frames` or `points`.
    pub quantity: &'static str,
    /// Total of the reading side.
    pub read: u64,
    /// Total of the other side.
    pub accounted: u64,
    /// Terms of the other side, as text.
    pub terms: String,
}

impl Books {
    /// Checks DT-1: frames read = routed + quarantined, and points read = written + duplicate + early + late +
    /// quarantined.
    ///
    /// # Errors
    /// The error names the quantity and both sides.
    pub fn balance(&self) -> Result<(), Unbalanced> {
        let (map, reduce) = (&self.map, &self.reduce);
        check("frames", map.frames_read, &[("routed", map.frames_routed), ("quarantined", map.frames_quarantined)])?;
        check(
            "points",
            map.points_read,
            &[
                ("written", reduce.points_written),
                ("duplicate", reduce.points_duplicate),
                ("early", map.points_early),
                ("late", map.points_late),
                ("quarantined", map.points_quarantined),
            ],
        )
    }
}

fn check(quantity: &'static str, read: u64, terms: &[(&str, u64)]) -> Result<(), Unbalanced> {
    let accounted = terms.iter().map(|(_, count)| count).sum();
    if read == accounted {
        return Ok(());
    }
    let terms = terms.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(" + ");
    Err(Unbalanced { quantity, read, accounted, terms })
}

impl AddAssign<&Books> for Books {
    fn add_assign(&mut self, other: &Self) {
        self.map += &other.map;
        self.reduce += &other.reduce;
    }
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (map, reduce) = (&self.map, &self.reduce);
        writeln!(
            f,
            "frames  read {} = routed {} + quarantined {}",
            map.frames_read, map.frames_routed, map.frames_quarantined
        )?;
        write!(
            f,
            "points  read {} = written {} + duplicate {} + early {} + late {} + quarantined {}",
            map.points_read,
            reduce.points_written,
            reduce.points_duplicate,
            map.points_early,
            map.points_late,
            map.points_quarantined
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn misplaced_organisations_are_bounded_and_the_same_in_any_order(
            mut orgs in prop::collection::vec(1u64..4000, 0..6000), parts in 1usize..5
        ) {
            let added = |orgs: &[u64]| {
                let mut books = MapBooks::default();
                orgs.iter().for_each(|org| books.misplace(OrgId(*org), 1));
                books
            };
            let mut merged = MapBooks::default();
            orgs.chunks(orgs.len() / parts + 1).for_each(|part| merged += &added(part));
            let whole = added(&orgs);
            orgs.sort_unstable();
            let sorted = added(&orgs);
            prop_assert_eq!(whole.frames_misplaced(), orgs.len() as u64);
            prop_assert!(whole.misplaced.len() <= MISPLACED_LISTED_MAX);
            prop_assert_eq!(&whole, &sorted);
            prop_assert_eq!(&merged, &sorted);
        }
    }

    #[test]
    fn books_that_lose_a_point_name_both_sides() {
        let mut books = Books::default();
        books.map.points_read = 10;
        books.map.points_early = 2;
        books.reduce.points_written = 7;
        let error = books.balance().expect_err("one point is missing");
        assert_eq!((error.read, error.accounted), (10, 9));
        books.reduce.points_duplicate = 1;
        assert_eq!(books.balance(), Ok(()));
    }
}
