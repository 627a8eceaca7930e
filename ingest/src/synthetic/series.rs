//! Points of a series; any slice of them can be generated alone.
//!
//! A series is cut into slices, one payload each: every two slices cover twice the mean, cut somewhere in the middle
//! half of that.

use std::io::Write;
use std::ops::Range;

use model::{SeriesKey, TimestampMs};

use super::layout::{SeriesPoints, Stream};
use super::random::{Random, derive, draw, happens, scale};
use super::settings::{GenSettings, SeriesKind};
use super::values::Values;

/// Largest jitter of a timestamp, in milliseconds.
const JITTER_MS: u64 = 40;

/// Columns that a slice is written to.
#[derive(Debug, Default)]
pub(super) struct Points {
    pub(super) timestamps: Vec<TimestampMs>,
    pub(super) values: Vec<f64>,
}

impl Points {
    pub(super) fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
    }
}

/// Series of a stream: its key, shape and seed.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) key: SeriesKey,
    pub(super) seed: u64,
    kind: SeriesKind,
    points: u64,
    payload_points: u64,
    start_ms: TimestampMs,
    interval_ms: u64,
    /// Jitter of the timestamps in milliseconds; 0 if they are regular.
    jitter_ms: u64,
}

impl Series {
    /// Builds the series at `index` of `stream`.
    pub(super) fn new(settings: &GenSettings, stream: &Stream, index: u64) -> Self {
        let seed = series_seed(stream, index);
        let (org, own) = stream.owner(index);
        // Metric ids are distinct within an organisation: deriving is a bijection of the index.
        let metric = derive(derive(derive(settings.seed, draw::METRIC + stream.role as u64), org.0), own).max(1);
        let jitters = happens(derive(seed, draw::JITTER), settings.jitter_share);
        Self {
            key: SeriesKey::new(org.0, metric),
            kind: pick_kind(&settings.kinds, derive(seed, draw::KIND)),
            seed,
            points: series_points(stream, seed),
            payload_points: settings.payload_points,
            start_ms: settings.start_ms,
            interval_ms: stream.interval_ms,
            jitter_ms: if jitters { JITTER_MS.min(stream.interval_ms - 1) } else { 0 },
        }
    }

    /// Returns the indexes of the points in a slice; empty past the end.
    pub(super) fn slice(&self, ordinal: u64) -> Range<u64> {
        slice(self.seed, ordinal, self.payload_points, self.points)
    }

    /// Appends the points of a slice.
    pub(super) fn write(&self, ordinal: u64, points: &mut Points) {
        let range = self.slice(ordinal);
        let mut random = Random::new(derive(self.seed, draw::WALK + ordinal));
        for index in range.clone() {
            let jitter_ms = if self.jitter_ms > 0 { random.between(0, self.jitter_ms as i64) } else { 0 };
            points.timestamps.push(self.start_ms + (index * self.interval_ms) as i64 + jitter_ms);
        }
        Values { kind: self.kind, seed: self.seed, ordinal, range }.write(&mut random, &mut points.values);
    }

    /// Appends the metadata of the series, as a producer writes it: some hundred bytes of JSON.
    pub(super) fn write_metadata(&self, metadata: &mut Vec<u8>) {
        const NAMES: [&str; 8] = [
            "http.server.request.duration",
            "system.cpu.utilization",
            "jvm.memory.used",
            "kafka.consumer.lag",
            "db.client.connections",
            "process.open_fds",
            "system.disk.io",
            "queue.depth",
        ];
        const ENVIRONMENTS: [&str; 4] = ["prod", "prod", "staging", "dev"];
        let drawn = |field| derive(self.seed, draw::METADATA + field);
        let name = NAMES[scale(drawn(0), 8) as usize];
        let environment = ENVIRONMENTS[scale(drawn(1), 4) as usize];
        let host = drawn(2) >> 24;
        let zone = scale(drawn(3), 3);
        let written = write!(
            metadata,
            r#"{{"name":"{name}","host":"i-{host:010x}","env":"{environment}","az":"{}"}}"#,
            ["a", "b", "c"][zone as usize]
        );
        written.expect("memory takes it");
    }
}

/// Returns the seed of a series, from which all its properties are drawn.
pub(super) fn series_seed(stream: &Stream, index: u64) -> u64 {
    derive(stream.seed, index)
}

/// Returns the number of points of the series with `seed`.
pub(super) fn series_points(stream: &Stream, seed: u64) -> u64 {
    match stream.points {
        SeriesPoints::Exactly(points) => points,
        SeriesPoints::OneToThree => 1 + scale(derive(seed, draw::POINTS), 3),
    }
}

/// Returns the number of slices that cover `points`.
pub(super) fn slices(points: u64, payload_points: u64) -> u64 {
    if points <= payload_points / 2 { 1 } else { 2 * points.div_ceil(2 * payload_points) }
}

/// Returns the point indexes of a slice.
fn slice(seed: u64, ordinal: u64, payload_points: u64, points: u64) -> Range<u64> {
    let pair = ordinal / 2 * 2 * payload_points;
    let least = payload_points / 2;
    let cut = pair + least + scale(derive(seed, draw::CUT + ordinal / 2), payload_points + 1);
    let range = if ordinal.is_multiple_of(2) { pair..cut } else { cut..pair + 2 * payload_points };
    range.start.min(points)..range.end.min(points)
}

/// True if a slice has points; does not build the series.
pub(super) fn has_points(seed: u64, ordinal: u64, payload_points: u64, points: u64) -> bool {
    !slice(seed, ordinal, payload_points, points).is_empty()
}

fn pick_kind(kinds: &[SeriesKind], hash: u64) -> SeriesKind {
    let total: u64 = kinds.iter().map(|kind| kind.weight()).sum();
    let mut drawn = scale(hash, total);
    for kind in kinds {
        match drawn.checked_sub(kind.weight()) {
            Some(rest) => drawn = rest,
            None => return *kind,
        }
    }
    unreachable!("the draw is below the sum of the weights")
}
