//! Expected content of the parts: every point of the input by series, in plain maps and vectors.

use std::collections::BTreeMap;

use model::limits::BLOCK_POINTS_MAX;
use model::time::Placement;
use model::{Books, Columns, DuplicateRule, SeriesKey, TimestampMs, Window};
use proto::v1::Payload;

use super::segment::Frame;
use crate::rows::{Chunk, Rows};

/// Series of a shard as its input gives them, and the books of the whole input.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// Series sorted by key, like the parts.
    pub(super) series: BTreeMap<SeriesKey, Series>,
    /// Books of both sides, as far as an oracle can count: without bytes, misplaced organisations and rollup rows.
    pub(super) books: Books,
}

/// Points and metadata of a series.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// Instants, and values as bits; in source order, and after [`Expected::resolve`] in time order.
    points: Vec<(TimestampMs, u64)>,
    metadata: Vec<u8>,
}

impl Expected {
    /// Adds the next frame of the input; keeps the points of the series that `is_wanted`.
    pub(super) fn add(&mut self, frame: Frame, window: Window, is_wanted: impl Fn(SeriesKey) -> bool) {
        let books = &mut self.books.map;
        books.frames_read += 1;
        match frame {
            Frame::Bad => books.frames_quarantined += 1,
            Frame::Good(payload) => {
                books.frames_routed += 1;
                books.frames_empty += u64::from(payload.timestamps.is_empty());
                books.points_read += payload.timestamps.len() as u64;
                self.add_payload(payload, window, is_wanted);
            }
        }
    }

    fn add_payload(&mut self, payload: Payload, window: Window, is_wanted: impl Fn(SeriesKey) -> bool) {
        let key = SeriesKey::new(payload.org_id, payload.metric_id);
        let mut inside = Vec::new();
        for (at, value) in payload.timestamps.iter().zip(&payload.values) {
            match window.place(*at) {
                Placement::Early => self.books.map.points_early += 1,
                Placement::Late => self.books.map.points_late += 1,
                Placement::Inside => inside.push((*at, value.to_bits())),
            }
        }
        self.books.map.points_routed += inside.len() as u64;
        if inside.is_empty() || !is_wanted(key) {
            return;
        }
        let series = self.series.entry(key).or_default();
        series.points.append(&mut inside);
        if !payload.metadata.is_empty() {
            series.metadata = payload.metadata.to_vec();
        }
    }

    /// Sorts every series by time, and resolves its duplicates.
    pub(super) fn resolve(&mut self, rule: DuplicateRule) {
        let books = &mut self.books.reduce;
        for series in self.series.values_mut() {
            let points = series.points.len() as u64;
            series.resolve(rule);
            let written = series.points.len() as u64;
            books.series_written += 1;
            books.points_written += written;
            books.points_duplicate += points - written;
            let nans = series.points.iter().filter(|(_, bits)| f64::from_bits(*bits).is_nan());
            books.points_nan += nans.count() as u64;
        }
    }
}

impl Series {
    fn resolve(&mut self, rule: DuplicateRule) {
        // The sort is stable: equal instants stay in source order.
        self.points.sort_by_key(|(at, _)| *at);
        if rule == DuplicateRule::Keep {
            return;
        }
        let mut kept: Vec<(TimestampMs, u64)> = Vec::with_capacity(self.points.len());
        for (at, bits) in self.points.drain(..) {
            match kept.last_mut().filter(|(last, _)| *last == at) {
                Some((_, value)) => *value = rule.fold(f64::from_bits(*value), f64::from_bits(bits)).to_bits(),
                None => kept.push((at, bits)),
            }
        }
        self.points = kept;
    }

    /// Lists the points in chunks.
    pub(super) fn chunks(&self, key: SeriesKey) -> impl Iterator<Item = Chunk> {
        self.points.chunks(BLOCK_POINTS_MAX).map(move |points| {
            let mut columns = Columns::default();
            points.iter().for_each(|(at, bits)| columns.push(*at, f64::from_bits(*bits)));
            Chunk { key, metadata: Some(self.metadata.clone()), rows: Rows::Points(columns) }
        })
    }
}

/// Lists the numbers of two books that should agree, by name: counted, recorded.
pub(super) fn compared(counted: &Books, recorded: &Books) -> impl Iterator<Item = (&'static str, u64, u64)> {
    let numbers = |books: &Books| {
        let (map, reduce) = (&books.map, &books.reduce);
        [
            ("frames read", map.frames_read),
            ("frames routed", map.frames_routed),
            ("frames quarantined", map.frames_quarantined),
            ("frames empty", map.frames_empty),
            ("points read", map.points_read),
            ("points early", map.points_early),
            ("points late", map.points_late),
            ("points routed", map.points_routed),
            ("points written", reduce.points_written),
            ("points duplicate", reduce.points_duplicate),
            ("points NaN", reduce.points_nan),
            ("series written", reduce.series_written),
            ("rollup rows written", reduce.rollup_rows_written),
        ]
    };
    let pairs = numbers(counted).into_iter().zip(numbers(recorded));
    pairs.map(|((name, counted), (_, recorded))| (name, counted, recorded))
}
