//! Settings of a generation.

use std::str::FromStr;

use model::TimestampMs;
use serde::Serialize;

use super::damage::{DamageKind, ParseDamageError};
use crate::segment::FrameEncoder;

/// The shape of the data. Everything but [`Self::threads`] decides the bytes, and nothing else does.
///
/// The default is the workload that the project measures itself by, at 100 million points.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GenSettings {
    /// Seed of the data: another seed gives other ids and values of the same shape.
    pub seed: u64,
    /// Unique points of the regular series and the hot one; rounded down to whole series.
    pub points: u64,
    /// Points of each regular series; ignored where `series` is given.
    pub points_per_series: u64,
    /// Number of regular series; their points then follow from `points`.
    pub series: Option<u64>,
    /// First timestamp of every series.
    pub start_ms: TimestampMs,
    /// Time between two points of a series.
    pub interval_ms: u64,
    /// Organisations in the shared shards.
    pub orgs: u64,
    /// Exponent of the Zipf law by which the series spread over the organisations: 0 is even, 1 is the usual skew.
    pub skew: f64,
    /// Share of the regular series that the organisation [`BIG_ORG`] has, in a shard of its own.
    pub big_share: f64,
    /// Segments of the shard of that organisation.
    pub big_partitions: u32,
    /// Segments of each shared shard.
    pub partitions: u32,
    /// Share of `points` that belong to one series of the first organisation, at an interval as short as the share
    /// needs.
    pub hot_series_share: f64,
    /// Number of series of one to three points, in addition to the others.
    pub tiny_series: u64,
    /// Average number of points in a payload; the numbers range from half of it to one and a half.
    pub payload_points: u64,
    /// Kinds of values; each kind has its weight among those listed.
    pub kinds: Vec<SeriesKind>,
    /// Share of the series whose timestamps jitter by 0 to 40 ms.
    pub jitter_share: f64,
    /// Share of the payloads that are written later than their time.
    pub out_of_order_share: f64,
    /// Share of the payloads that are written a second time, with the same bytes.
    pub duplicate_share: f64,
    /// Share of the payloads that repeat three older points with other values.
    pub correction_share: f64,
    /// Level of the frames' compression.
    pub zstd_level: i32,
    /// Bad frames and odd payloads to hide among the good ones.
    pub plant: Vec<Damage>,
    /// Threads; 0 takes as many as there are cores.
    #[serde(skip)]
    pub threads: usize,
}

/// The organisation with a shard of its own.
pub const BIG_ORG: u64 = 1_000_000;

/// `count` damages of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Kind of damage.
    pub kind: DamageKind,
    /// Number of damages of this kind.
    pub count: u32,
}

/// Parses `kind=count`, or a kind alone for a count of one.
impl FromStr for Damage {
    type Err = ParseDamageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, count) = text.split_once('=').unwrap_or((text, "1"));
        let count = count.parse().map_err(|_| ParseDamageError::new(text))?;
        Ok(Self { kind: kind.parse()?, count })
    }
}

/// Kind of the values of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeriesKind {
    /// A walk in steps of up to about 1.00, two decimals.
    Gauge,
    /// Whole numbers that rise by about 0 to 180.
    Counter,
    /// The same value at every point.
    Constant,
    /// Doubles with random mantissa bits, which do not compress.
    Noisy,
    /// Zero, with a value of 1 to 9 from time to time.
    Sparse,
}

impl SeriesKind {
    /// Every kind with its weight among the others and its name on the command line.
    pub const ALL: [(Self, u64, &'static str); 5] = [
        (Self::Gauge, 40, "gauge"),
        (Self::Counter, 20, "counter"),
        (Self::Constant, 15, "constant"),
        (Self::Noisy, 10, "noisy"),
        (Self::Sparse, 15, "sparse"),
    ];

    pub(super) fn weight(self) -> u64 {
        Self::ALL.iter().find(|(kind, ..)| *kind == self).map_or(0, |(_, weight, _)| *weight)
    }
}

impl FromStr for SeriesKind {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.iter().find(|(.., name)| *name == text).map(|(kind, ..)| *kind);
        let expected = "gauge, counter, constant, noisy or sparse";
        named.ok_or_else(|| SettingError { setting: "kinds", value: text.to_owned(), expected })
    }
}

impl Default for GenSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            points: 100_000_000,
            points_per_series: 1440,
            series: None,
            start_ms: 1_767_225_600_000, // 2026-01-01T00:00:00Z
            interval_ms: 10_000,
            orgs: 200,
            skew: 1.0,
            big_share: 0.15,
            big_partitions: 2,
            partitions: 8,
            hot_series_share: 0.0,
            tiny_series: 0,
            payload_points: 60,
            kinds: SeriesKind::ALL.map(|(kind, ..)| kind).to_vec(),
            jitter_share: 0.1,
            out_of_order_share: 0.05,
            duplicate_share: 0.005,
            correction_share: 0.001,
            zstd_level: FrameEncoder::LEVEL,
            plant: Vec::new(),
            threads: 0,
        }
    }
}

/// Error of a setting that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {value}: give {expected}")]
pub struct SettingError {
    /// Name of the setting.
    pub setting: &'static str,
    /// Value that was given.
    pub value: String,
    /// Values that are possible.
    pub expected: &'static str,
}

/// Largest number of points that a payload may be asked to have: half as many again still fit the engine's limit.
const PAYLOAD_POINTS_ASKED_MAX: u64 = model::limits::PAYLOAD_POINTS_MAX as u64 / 2;

/// Longest span of time that timestamps may cover, in milliseconds: some 35,000 years.
const SPAN_MS_MAX: u64 = 1 << 50;

impl GenSettings {
    /// Checks each setting, and all of them together.
    ///
    /// # Errors
    /// Names the first that makes no sense.
    pub fn validate(&self) -> Result<(), SettingError> {
        let shares = [
            ("big_share", self.big_share),
            ("hot_series_share", self.hot_series_share),
            ("jitter_share", self.jitter_share),
            ("out_of_order_share", self.out_of_order_share),
            ("duplicate_share", self.duplicate_share),
            ("correction_share", self.correction_share),
        ];
        for (setting, share) in shares {
            check((0.0..=1.0).contains(&share), setting, share, "a share from 0 to 1")?;
        }
        check((0.0..=10.0).contains(&self.skew), "skew", self.skew, "an exponent from 0 to 10")?;
        let most_orgs = 1 << 20;
        check((1..=most_orgs).contains(&self.orgs), "orgs", self.orgs, "1 to 1048576 organisations")?;
        check(self.points > 0 || self.tiny_series > 0, "points", self.points, "at least one, or some tiny series")?;
        check(self.points < 1 << 50, "points", self.points, "fewer than 2^50")?;
        check(self.tiny_series < 1 << 40, "tiny_series", self.tiny_series, "fewer than 2^40")?;
        check(self.points_per_series > 0, "points_per_series", self.points_per_series, "at least one")?;
        let has_room = self.series.is_none_or(|series| (1..=self.points).contains(&series));
        check(has_room, "series", format!("{:?}", self.series), "at least one, and no more than there are points")?;
        let payload_points = self.payload_points;
        check(payload_points >= 2, "payload_points", payload_points, "two at the least: they vary by half")?;
        check(payload_points <= PAYLOAD_POINTS_ASKED_MAX, "payload_points", payload_points, "524288 at the most")?;
        check((1..=4096).contains(&self.partitions), "partitions", self.partitions, "1 to 4096 segments a shard")?;
        let big = self.big_partitions;
        check((1..=4096).contains(&big), "big_partitions", big, "1 to 4096 segments for the big organisation")?;
        check(!self.kinds.is_empty(), "kinds", "empty", "at least one kind of series")?;
        check(self.interval_ms > 0, "interval_ms", self.interval_ms, "at least a millisecond")?;
        let span_ms = self.interval_ms.checked_mul(self.regular_points().max(3));
        let is_short = span_ms.is_some_and(|span_ms| span_ms < SPAN_MS_MAX);
        check(is_short, "interval_ms", self.interval_ms, "an interval that keeps the series within 35,000 years")?;
        check(self.start_ms.unsigned_abs() < SPAN_MS_MAX, "start_ms", self.start_ms, "a start within 35,000 years")
    }

    /// Returns the number of points of the hot series; 0 if there is none.
    pub(super) fn hot_points(&self) -> u64 {
        (self.points as f64 * self.hot_series_share) as u64
    }

    /// Returns the number of regular series.
    pub(super) fn regular_series(&self) -> u64 {
        let points = self.points - self.hot_points();
        match self.series {
            _ if points == 0 => 0,
            Some(series) => series.min(points),
            None => (points / self.points_per_series).max(1),
        }
    }

    /// Returns the number of points in each regular series.
    pub(super) fn regular_points(&self) -> u64 {
        let points = self.points - self.hot_points();
        match self.series {
            Some(_) => points / self.regular_series().max(1),
            None => self.points_per_series.min(points),
        }
    }
}

fn check(
    is_sound: bool,
    setting: &'static str,
    value: impl ToString,
    expected: &'static str,
) -> Result<(), SettingError> {
    if is_sound { Ok(()) } else { Err(SettingError { setting, value: value.to_string(), expected }) }
}
