//! Order of the payloads in a segment.
//!
//! Time is the outer loop, as in a log: a stream is a grid of *cells*, one row for each slice, one column for each
//! series, and each segment takes from every row the payloads that hash to it. Some payloads come one or two rows
//! late, some a second time. The payloads of a cell depend on the cell alone, so any thread can generate a *chunk* of
//! cells.

use std::ops::Range;

use super::layout::Stream;
use super::random::{derive, happens, scale};
use super::series::{has_points, series_points, series_seed, slices};
use super::settings::GenSettings;

/// Most rows by which a payload is late.
const ROWS_LATE_MAX: u64 = 2;

/// Average number of payloads in a chunk: 2 MB of frames.
const CHUNK_PAYLOADS: u64 = 4096;

/// Place of a payload in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Emission {
    pub(super) series: u64,
    pub(super) slice: u64,
    /// True if the payload was written before.
    pub(super) again: bool,
}

/// Payloads of one segment, in order.
#[derive(Debug)]
pub(super) struct Order<'a> {
    settings: &'a GenSettings,
    stream: &'a Stream,
    segment: u32,
    slices: u64,
}

impl<'a> Order<'a> {
    pub(super) fn new(settings: &'a GenSettings, stream: &'a Stream, segment: u32) -> Self {
        Self { settings, stream, segment, slices: slices(stream.points.most(), settings.payload_points) }
    }

    fn cells(&self) -> u64 {
        (self.slices + ROWS_LATE_MAX) * self.stream.series
    }

    fn chunk_cells(&self) -> u64 {
        CHUNK_PAYLOADS * u64::from(self.stream.segments)
    }

    /// Returns the number of chunks of the segment.
    pub(super) fn chunks(&self) -> u64 {
        self.cells().div_ceil(self.chunk_cells())
    }

    /// Returns the payloads of a chunk, in order.
    pub(super) fn emissions(&self, chunk: u64) -> Vec<Emission> {
        let cells = self.chunk_cells();
        let mut emissions = Vec::new();
        for cell in chunk * cells..((chunk + 1) * cells).min(self.cells()) {
            let (row, column) = (cell / self.stream.series, cell % self.stream.series);
            self.emit_cell(row, column, &mut emissions);
        }
        emissions
    }

    /// Emits the payloads of a column in a row: the slice of that row, then the late slices of earlier rows.
    fn emit_cell(&self, row: u64, series: u64, emissions: &mut Vec<Emission>) {
        let seed = series_seed(self.stream, series);
        let points = series_points(self.stream, seed);
        for slice in self.rows_reaching(row).rev() {
            if !has_points(seed, slice, self.settings.payload_points, points) {
                continue;
            }
            let rows_late = row - slice;
            let fate = Fate::of(seed, slice);
            let mut emit = |again| emissions.push(Emission { series, slice, again });
            if self.is_mine(fate.segment) && fate.first_row(self.settings) == rows_late {
                emit(false);
            }
            if fate.second_row(self.settings) == Some(rows_late) && self.is_mine(fate.second_segment()) {
                emit(true);
            }
        }
    }

    /// Returns the range of slices that may be written in `row`.
    fn rows_reaching(&self, row: u64) -> Range<u64> {
        row.saturating_sub(ROWS_LATE_MAX)..(row + 1).min(self.slices)
    }

    fn is_mine(&self, hash: u64) -> bool {
        scale(hash, u64::from(self.stream.segments)) == u64::from(self.segment)
    }
}

/// Fate of one payload, drawn from its place: late or not, repeated or not.
struct Fate {
    segment: u64,
    late: u64,
    again: u64,
}

impl Fate {
    #[inline]
    fn of(seed: u64, slice: u64) -> Self {
        let segment = derive(seed, slice);
        // Two multiplications of one hash are enough: every segment draws for every cell.
        let late = segment.wrapping_mul(0xd6e8_feb8_6659_fd93);
        let again = segment.wrapping_mul(0xa076_1d64_78bd_642f) ^ late.rotate_left(32);
        Self { segment, late, again }
    }

    /// Returns the number of rows after its own at which the payload is written.
    fn first_row(&self, settings: &GenSettings) -> u64 {
        if happens(self.late, settings.out_of_order_share) { 1 + (self.late & 1) } else { 0 }
    }

    /// Returns the number of rows after its own at which the payload is repeated, if it is: never before the first
    /// time, possibly in the same row.
    fn second_row(&self, settings: &GenSettings) -> Option<u64> {
        happens(self.again, settings.duplicate_share).then(|| (1 + (self.again & 1)).max(self.first_row(settings)))
    }

    fn second_segment(&self) -> u64 {
        derive(self.segment, 0)
    }
}
