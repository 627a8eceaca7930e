//! The points of a series, any slice of them alone.
//!
//! A series is cut in slices, one payload each: every two slices cover twice the mean, cut somewhere in the middle half
//! of that. A walk must be continuous across slices that are made apart, so each slice starts at an *anchor*, a value
//! that is a function of the series and the slice's ordinal, and its walk is bent, by a fraction of a step a point, to
//! arrive at the anchor of the next.

use std::io::Write;
use std::ops::Range;

use model::{SeriesKey, TimestampMs};

use super::layout::{SeriesPoints, Stream};
use super::random::{Random, derive, scale};
use super::settings::{GenSettings, SeriesKind};

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

/// One series.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) key: SeriesKey,
    pub(super) seed: u64,
    kind: SeriesKind,
    points: u64,
    payload_points: u64,
    start_ms: TimestampMs,
    interval_ms: u64,
    /// 0 where its timestamps are regular.
    jitter_ms: u64,
}

/// What is drawn once for a series or a slice, kept apart by the child of the seed.
mod draw {
    pub(super) const KIND: u64 = 1 << 40;
    pub(super) const JITTER: u64 = 2 << 40;
    pub(super) const POINTS: u64 = 3 << 40;
    pub(super) const BASE: u64 = 4 << 40;
    pub(super) const METRIC: u64 = 5 << 40;
    pub(super) const METADATA: u64 = 6 << 40;
    /// Added to the slice's ordinal.
    pub(super) const CUT: u64 = 1 << 60;
    pub(super) const ANCHOR: u64 = 2 << 60;
    pub(super) const WALK: u64 = 3 << 60;
}

/// Whether an event of probability `share` happens, by `hash`.
pub(super) fn happens(hash: u64, share: f64) -> bool {
    ((hash >> 11) as f64) < share * (1u64 << 53) as f64
}

impl Series {
    /// The series at `index` of `stream`.
    pub(super) fn new(settings: &GenSettings, stream: &Stream, index: u64) -> Self {
        let seed = series_seed(stream, index);
        let (org, own) = stream.owner(index);
        // Distinct within an organisation: deriving is a bijection of the index.
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

    /// The indexes of the points in a slice; empty past the end.
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
        let base = derive(self.seed, draw::BASE);
        let values = &mut points.values;
        match self.kind {
            SeriesKind::Gauge => {
                let first = scale(base, 20_000) as i64 - 1_000;
                let mut before = 0;
                self.walk(ordinal, first, -96..=96, &mut random, |hundredths| {
                    // A zero reached from below is -0.0: producers that round make them, so readers must keep them.
                    let is_negative_zero = hundredths == 0 && before < 0;
                    before = hundredths;
                    values.push(if is_negative_zero { -0.0 } else { decimal(hundredths) });
                });
            }
            SeriesKind::Counter => {
                let first = scale(base, 1 << 32) as i64 + 90 * range.start as i64;
                let mut reached = i64::MIN;
                self.walk(ordinal, first, 0..=180, &mut random, |count| {
                    reached = reached.max(count); // bending must not turn a counter back
                    values.push(reached as f64);
                });
            }
            SeriesKind::Constant => values.extend(range.map(|_| decimal(scale(base, 100_000) as i64))),
            SeriesKind::Noisy => values.extend(range.map(|_| 50.0 + 50.0 * random.unit())),
            SeriesKind::Sparse => values.extend(range.map(|_| sparse(&mut random))),
        }
    }

    /// Walks a slice in `steps`, from its anchor beside `first` towards the anchor of the next slice.
    fn walk(
        &self,
        ordinal: u64,
        first: i64,
        steps: std::ops::RangeInclusive<i64>,
        random: &mut Random,
        mut put: impl FnMut(i64),
    ) {
        const ANCHOR_SPREAD: u64 = 81;
        const STEPS_MAX: usize = 128;
        let anchor = |ordinal| scale(derive(self.seed, draw::ANCHOR + ordinal), ANCHOR_SPREAD) as i64;
        let drift = (steps.start() + steps.end()) / 2;
        let range = self.slice(ordinal);
        let mut at = first + anchor(ordinal);
        let mut left = (range.end - range.start) as usize;
        // A slice longer than the scratch is walked in legs, each bent towards where the drift alone would lead.
        while left > 0 {
            let leg = left.min(STEPS_MAX);
            left -= leg;
            let goal = if left == 0 {
                first + anchor(ordinal + 1) + drift * (range.end - range.start) as i64
            } else {
                at + drift * leg as i64
            };
            let mut walked = [0; STEPS_MAX];
            let mut sum = 0;
            for step in &mut walked[..leg] {
                *step = sum;
                sum += random.between(*steps.start(), *steps.end());
            }
            // Fixed point: a division a point would cost more than the rest.
            let bend = ((goal - at - sum) << 16) / leg as i64;
            for (index, walked) in walked[..leg].iter().enumerate() {
                put(at + walked + ((bend * index as i64) >> 16));
            }
            at = goal;
        }
    }

    /// What a producer says about the series: some hundred bytes of JSON.
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

/// The seed of a series, from which everything about it is drawn.
pub(super) fn series_seed(stream: &Stream, index: u64) -> u64 {
    derive(stream.seed, index)
}

/// How many points the series with `seed` has.
pub(super) fn series_points(stream: &Stream, seed: u64) -> u64 {
    match stream.points {
        SeriesPoints::Exactly(points) => points,
        SeriesPoints::OneToThree => 1 + scale(derive(seed, draw::POINTS), 3),
    }
}

/// How many slices cover `points`.
pub(super) fn slices(points: u64, payload_points: u64) -> u64 {
    if points <= payload_points / 2 { 1 } else { 2 * points.div_ceil(2 * payload_points) }
}

/// Point indexes of a slice.
fn slice(seed: u64, ordinal: u64, payload_points: u64, points: u64) -> Range<u64> {
    let pair = ordinal / 2 * 2 * payload_points;
    let least = payload_points / 2;
    let cut = pair + least + scale(derive(seed, draw::CUT + ordinal / 2), payload_points + 1);
    let range = if ordinal.is_multiple_of(2) { pair..cut } else { cut..pair + 2 * payload_points };
    range.start.min(points)..range.end.min(points)
}

/// Whether a slice has points, without making its series.
pub(super) fn has_points(seed: u64, ordinal: u64, payload_points: u64, points: u64) -> bool {
    !slice(seed, ordinal, payload_points, points).is_empty()
}

/// A number of hundredths, as the nearest double.
fn decimal(hundredths: i64) -> f64 {
    hundredths as f64 / 100.0
}

fn sparse(random: &mut Random) -> f64 {
    const ZEROS_OF_100: i64 = 95;
    if random.between(1, 100) <= ZEROS_OF_100 { 0.0 } else { random.between(1, 9) as f64 }
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
