//! Stitches a segment: the ranges that its splits report must join exactly, from 0 to the segment's size.
//!
//! A split that starts mid-segment guesses its first frame. The frame's true offset is known from the left neighbour:
//! the segment's first split starts at 0, and each confirmed split gives the start of the next. A split whose report
//! does not fit is run again with the exact start, so a wrong guess costs time, never data.

use model::{Split, SplitReport};

/// Result of reading one split; splits are in source order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// The split was not read yet.
    Open,
    /// The split was read to its end.
    Read(SplitReport),
    /// The split failed over a bad frame after it guessed this start.
    FailedFrom(u64),
}

/// Consequence for one split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StitchVerdict {
    /// The split, or one before it, was not read yet.
    Unknown,
    /// The split joins its left neighbour.
    Joins,
    /// The split's guess was wrong: run it again with the exact start.
    RunAgain {
        /// Offset of its first frame; at or past the split's end if it owns no frame.
        exact_start: u64,
    },
    /// The split's guess was right, so its failure is real.
    Fails,
}

/// Confirmed splits do not cover their segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its splits end at {end}, it ends at {size}")]
pub struct Uncovered {
    /// Offset at which the splits end, in bytes.
    pub end: u64,
    /// Size of the segment in bytes.
    pub size: u64,
}

/// Judges the splits of one segment of `size` bytes, in order.
///
/// # Errors
/// Confirmed splits end elsewhere than at `size`: a frame reaches past the segment only if the reader has a bug.
pub fn judge(size: u64, splits: &[(Split, Known)]) -> Result<Vec<StitchVerdict>, Uncovered> {
    let mut expected = Some(0);
    let mut verdicts = Vec::with_capacity(splits.len());
    for (split, known) in splits {
        let verdict = expected.map_or(StitchVerdict::Unknown, |at| judge_one(split, *known, at));
        expected = match (verdict, known, expected) {
            (StitchVerdict::Joins, Known::Read(report), Some(at)) => Some(report.first.map_or(at, |_| report.end)),
            _ => None,
        };
        verdicts.push(verdict);
    }
    #[cfg(feature = "planted")]
    let expected = expected.filter(|_| !crate::planted::is_planted(crate::planted::Planted::StitchOff));
    match expected {
        Some(end) if end != size => Err(Uncovered { end, size }),
        _ => Ok(verdicts),
    }
}

fn judge_one(split: &Split, known: Known, expected: u64) -> StitchVerdict {
    let owned_start = (expected < split.range.end).then_some(expected);
    match known {
        Known::Open => StitchVerdict::Unknown,
        #[cfg(feature = "planted")]
        Known::Read(_) if crate::planted::is_planted(crate::planted::Planted::StitchOff) => StitchVerdict::Joins,
        Known::Read(report) if report.first == owned_start => StitchVerdict::Joins,
        Known::FailedFrom(guessed) if Some(guessed) == owned_start => StitchVerdict::Fails,
        Known::Read(_) | Known::FailedFrom(_) => StitchVerdict::RunAgain { exact_start: expected },
    }
}

#[cfg(test)]
mod tests {
    use model::ByteRange;

    use super::*;

    fn split(start: u64, end: u64) -> Split {
        Split { segment: 0, range: ByteRange::new(start, end) }
    }

    fn read(start: u64, end: u64, first: Option<u64>, last: u64) -> (Split, Known) {
        let split = split(start, end);
        (split, Known::Read(SplitReport { split, first, end: last }))
    }

    fn second(size: u64, splits: &[(Split, Known)]) -> StitchVerdict {
        judge(size, splits).expect("they cover the segment")[1]
    }

    #[test]
    fn splits_that_end_elsewhere_than_their_segment_are_a_bug_of_the_reader() {
        let splits = [read(0, 10, Some(0), 12), read(10, 20, Some(12), 21)];
        assert_eq!(judge(20, &splits), Err(Uncovered { end: 21, size: 20 }));
    }

    #[test]
    fn ranges_that_join_are_accepted_even_where_one_frame_covers_a_split() {
        let splits = [read(0, 10, Some(0), 25), read(10, 20, None, 10), read(20, 30, Some(25), 30)];
        assert_eq!(judge(30, &splits), Ok(vec![StitchVerdict::Joins; 3]));
    }

    #[test]
    fn a_wrong_guess_runs_again_from_the_neighbours_end_and_those_behind_it_wait() {
        let splits = [read(0, 10, Some(0), 12), read(10, 20, Some(14), 22), read(20, 30, Some(22), 30)];
        assert_eq!(
            judge(30, &splits),
            Ok(vec![StitchVerdict::Joins, StitchVerdict::RunAgain { exact_start: 12 }, StitchVerdict::Unknown])
        );
        let splits = [read(0, 10, Some(0), 25), read(10, 20, Some(14), 22), (split(20, 30), Known::Open)];
        assert_eq!(second(30, &splits), StitchVerdict::RunAgain { exact_start: 25 });
    }

    #[test]
    fn a_failure_counts_only_once_its_start_is_confirmed() {
        let failed = |guessed| [read(0, 10, Some(0), 12), (split(10, 30), Known::FailedFrom(guessed))];
        assert_eq!(second(30, &failed(12)), StitchVerdict::Fails);
        assert_eq!(second(30, &failed(14)), StitchVerdict::RunAgain { exact_start: 12 });
        assert_eq!(second(30, &[(split(0, 10), Known::Open), failed(12)[1]]), StitchVerdict::Unknown);
    }
}
