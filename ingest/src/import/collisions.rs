//! Search for collisions: points that share series and time with an earlier point of another value. If two streams
//! became one series, a job would keep one of them and lose the other.
//!
//! As points pass by, each series keeps its earliest and latest time ([`super::series`]). A series whose points come
//! in order, or newest first, or file by file, cannot collide, and costs two comparisons a point. The points of all
//! other series are read back from the segments once the import has ended, and sorted. If they are more than
//! [`COLLISION_POINTS_MAX`], they are first distributed to temporary files by series and time, so that points that
//! share both are in one file. So the count is exact, and the memory bounded.

use std::collections::HashMap;
use std::io::{BufReader, BufWriter, Read, Seek, Write};

use format::frame::{FrameDecoder, Frames};
use format::payload::PayloadReader;
use model::limits::COLLISION_POINTS_MAX;
use model::{SegmentRef, SeriesKey, TimestampMs};
use serde::Serialize;
use storage::segment::{Segment, SegmentAccess};
use xxhash_rust::xxh3::xxh3_64;

use super::ImportError;
use super::series::SeriesSeen;
use crate::segment::SegmentOutput;

/// Number of examples that are reported.
const EXAMPLES: usize = 3;

/// Points that share series and time with an earlier one of another value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Collisions {
    /// Number of points that have an earlier one.
    pub points: u64,
    /// Number of series that have such points.
    pub series: u64,
    /// Examples: the series as it is named, and the time in milliseconds.
    pub examples: Vec<(String, TimestampMs)>,
}

/// A point of a suspect series.
#[derive(Clone, Copy)]
struct Point {
    /// Ordinal among the suspects.
    series: u32,
    timestamp: TimestampMs,
    bits: u64,
}

/// Bytes of a point in a temporary file.
const POINT_BYTES: usize = 4 + 8 + 8;

/// Searches `segments`, in source order, for collisions of the series that may have some.
pub(super) fn find(
    output: &SegmentOutput,
    segments: &[String],
    series: &SeriesSeen,
) -> Result<Collisions, ImportError> {
    let (suspects, points) = series.suspects();
    if suspects.is_empty() {
        return Ok(Collisions::default());
    }
    let ordinals: HashMap<SeriesKey, u32> = suspects.iter().copied().zip(0..).collect();
    let mut piles = Piles::new(points)?;
    for key in segments {
        read_segment(output, key, &ordinals, &mut piles)?;
    }
    let mut tally = Tally { is_colliding: vec![false; suspects.len()], ..Tally::default() };
    piles.each(&mut |pile| tally.count(pile))?;
    let title = |(ordinal, timestamp): (u32, TimestampMs)| (series.title(suspects[ordinal as usize]), timestamp);
    Ok(Collisions {
        points: tally.points,
        series: tally.is_colliding.iter().filter(|is_colliding| **is_colliding).count() as u64,
        examples: tally.examples.into_iter().map(title).collect(),
    })
}

fn read_segment(
    output: &SegmentOutput,
    key: &str,
    ordinals: &HashMap<SeriesKey, u32>,
    piles: &mut Piles,
) -> Result<(), ImportError> {
    let object = output.wait(output.root().head(key))?;
    let segment = SegmentRef { key: key.to_owned(), size: object.size, etag: object.e_tag };
    let mut bytes = Segment::open(output.root(), &segment, SegmentAccess::Auto, output.runtime())?;
    let damaged = |cause: String| ImportError::Damaged { object: output.root().object(key), cause };
    let (mut decoder, mut reader) = (FrameDecoder::default(), PayloadReader::default());
    let mut frames = Frames::new(&mut bytes, 0, segment.size);
    while let Some(frame) = frames.next()? {
        let body = frame.body.map_err(|fault| damaged(fault.to_string()))?;
        let content = decoder.decode(body).map_err(|fault| damaged(fault.to_string()))?;
        let payload = reader.read(content).map_err(|fault| damaged(fault.to_string()))?;
        let Some(series) = ordinals.get(&payload.key).copied() else { continue };
        for (timestamp, value) in payload.timestamps().zip(payload.values()) {
            piles.add(Point { series, timestamp, bits: value.to_bits() })?;
        }
    }
    Ok(())
}

#[derive(Default)]
struct Tally {
    points: u64,
    is_colliding: Vec<bool>,
    examples: Vec<(u32, TimestampMs)>,
}

impl Tally {
    /// Counts the points of a pile, which are in source order.
    fn count(&mut self, pile: &mut [Point]) {
        pile.sort_by_key(|point| (point.series, point.timestamp));
        for group in pile.chunk_by(|a, b| (a.series, a.timestamp) == (b.series, b.timestamp)) {
            let first = group[0];
            let same = group.iter().take_while(|point| point.bits == first.bits).count();
            let others = group.len() - same;
            if others > 0 {
                self.points += others as u64;
                self.is_colliding[first.series as usize] = true;
                if self.examples.len() < EXAMPLES {
                    self.examples.push((first.series, first.timestamp));
                }
            }
        }
    }
}

/// Points dealt out to piles: those of one series and time are in one pile, in source order.
enum Piles {
    Memory(Vec<Point>),
    Files(Vec<BufWriter<std::fs::File>>),
}

impl Piles {
    fn new(points: u64) -> Result<Self, ImportError> {
        let count = points.div_ceil(COLLISION_POINTS_MAX as u64 / 2);
        if points <= COLLISION_POINTS_MAX as u64 {
            return Ok(Self::Memory(Vec::with_capacity(points as usize)));
        }
        let files = (0..count).map(|_| tempfile::tempfile().map(BufWriter::new)).collect::<Result<_, _>>();
        files.map(Self::Files).map_err(ImportError::Scratch)
    }

    fn add(&mut self, point: Point) -> Result<(), ImportError> {
        match self {
            Self::Memory(points) => points.push(point),
            Self::Files(files) => {
                let bytes = to_bytes(point);
                let pile = xxh3_64(&bytes[..12]) % files.len() as u64; // series and time, without the value
                files[pile as usize].write_all(&bytes).map_err(ImportError::Scratch)?;
            }
        }
        Ok(())
    }

    fn each(self, count: &mut dyn FnMut(&mut [Point])) -> Result<(), ImportError> {
        match self {
            Self::Memory(mut points) => count(&mut points),
            Self::Files(files) => {
                for file in files {
                    count(&mut read_pile(file).map_err(ImportError::Scratch)?);
                }
            }
        }
        Ok(())
    }
}

fn read_pile(file: BufWriter<std::fs::File>) -> std::io::Result<Vec<Point>> {
    let mut file = file.into_inner()?;
    file.rewind()?;
    let mut points = Vec::with_capacity(file.metadata()?.len() as usize / POINT_BYTES);
    let mut file = BufReader::new(file);
    let mut bytes = [0; POINT_BYTES];
    while !std::io::BufRead::fill_buf(&mut file)?.is_empty() {
        file.read_exact(&mut bytes)?;
        points.push(of_bytes(bytes));
    }
    Ok(points)
}

fn to_bytes(point: Point) -> [u8; POINT_BYTES] {
    let mut bytes = [0; POINT_BYTES];
    bytes[..4].copy_from_slice(&point.series.to_le_bytes());
    bytes[4..12].copy_from_slice(&point.timestamp.to_le_bytes());
    bytes[12..].copy_from_slice(&point.bits.to_le_bytes());
    bytes
}

fn of_bytes(bytes: [u8; POINT_BYTES]) -> Point {
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let series = u32::from_le_bytes(bytes[..4].try_into().expect("four bytes"));
    Point { series, timestamp: word(4) as i64, bits: word(12) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(piles: Piles, series: usize) -> (u64, usize) {
        let mut tally = Tally { is_colliding: vec![false; series], ..Tally::default() };
        piles.each(&mut |pile| tally.count(pile)).expect("a temporary folder");
        (tally.points, tally.is_colliding.iter().filter(|is_colliding| **is_colliding).count())
    }

    #[test]
    fn points_of_another_value_than_an_earlier_one_are_counted_in_memory_and_in_files() {
        let points = |series: u32, timestamp: i64, values: &[u64]| {
            values.iter().map(|bits| Point { series, timestamp, bits: *bits }).collect::<Vec<_>>()
        };
        let all = [points(0, 5, &[1, 1, 1]), points(0, 6, &[1, 1, 2, 1]), points(1, -6, &[1, 2]), points(2, 6, &[3])];
        let files = Piles::Files((0..3).map(|_| BufWriter::new(tempfile::tempfile().expect("a file"))).collect());
        for mut piles in [Piles::new(10).expect("memory"), files] {
            // Takes the points in turns, so that the points of one time are apart.
            for turn in 0..4 {
                all.iter().filter_map(|points| points.get(turn)).for_each(|point| piles.add(*point).expect("room"));
            }
            assert_eq!(counted(piles, 3), (3, 2));
        }
    }
}
