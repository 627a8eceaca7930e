//! Expected output of a shard: a plain computation over the sent messages. It decodes nothing and knows no tasks.

use std::collections::BTreeMap;

use model::time::Placement;
use model::{DuplicateRule, JobSettings, RollupStep, SeriesKey, TimestampMs};

use crate::segments::{Message, Sent, SentSegment, bad_frame_bytes};

/// Output of one shard, with values as bits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ShardContent {
    /// Raw series by key.
    pub series: BTreeMap<SeriesKey, Series>,
    /// Rows by step and series.
    pub rollups: BTreeMap<(RollupStep, SeriesKey), Vec<Row>>,
}

/// Raw series with its metadata.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// Points in time order.
    pub points: Vec<(TimestampMs, u64)>,
    /// Last metadata that is not empty.
    pub metadata: Vec<u8>,
}

/// Row of a rollup: start, count, and the bits of sum, min, max, first, last.
pub type Row = (TimestampMs, u64, [u64; 5]);

/// Counts of one shard's input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InputCounts {
    /// Frames that can be read.
    pub frames_routed: u64,
    /// Frames that cannot be read.
    pub frames_quarantined: u64,
    /// Bytes of frames that cannot be read, lengths included.
    pub bytes_quarantined: u64,
    /// Points of frames that can be read.
    pub points_read: u64,
    /// Points before the window.
    pub points_early: u64,
    /// Points after the window.
    pub points_late: u64,
}

/// Computes the output of a shard from its `segments`, given in any order.
pub fn output(settings: &JobSettings, segments: &[&SentSegment]) -> (ShardContent, InputCounts) {
    let mut in_order = segments.to_vec();
    in_order.sort_by_key(|segment| segment.key.as_bytes());
    let (mut output, mut counts) = (ShardContent::default(), InputCounts::default());
    for sent in in_order.iter().flat_map(|segment| &segment.sent) {
        match sent {
            Sent::Payload(message) => add(settings, message, &mut output, &mut counts),
            Sent::BadFrame(flaw) => {
                counts.frames_quarantined += 1;
                counts.bytes_quarantined += bad_frame_bytes(*flaw);
            }
            Sent::Garbage(_) => counts.frames_quarantined += 1,
        }
    }
    for (key, series) in &mut output.series {
        series.points.sort_by_key(|(at, _)| *at);
        let points = std::mem::take(&mut series.points);
        let same_time = points.chunk_by(|a, b| a.0 == b.0);
        series.points = same_time.flat_map(|points| apply_duplicate_rule(settings.duplicates, points)).collect();
        for step in &settings.rollups {
            let rows = roll_up(*step, &series.points);
            if !rows.is_empty() {
                output.rollups.insert((*step, *key), rows);
            }
        }
    }
    (output, counts)
}

fn add(settings: &JobSettings, message: &Message, output: &mut ShardContent, counts: &mut InputCounts) {
    counts.frames_routed += 1;
    counts.points_read += message.points.len() as u64;
    let mut inside = Vec::new();
    for point in &message.points {
        match settings.window.place(point.0) {
            Placement::Early => counts.points_early += 1,
            Placement::Late => counts.points_late += 1,
            Placement::Inside => inside.push(*point),
        }
    }
    if inside.is_empty() {
        return;
    }
    let series = output.series.entry(message.key).or_default();
    series.points.append(&mut inside);
    if !message.metadata.is_empty() {
        series.metadata.clone_from(&message.metadata);
    }
}

/// Resolves the points of one instant, which are in source order.
fn apply_duplicate_rule(rule: DuplicateRule, points: &[(TimestampMs, u64)]) -> Vec<(TimestampMs, u64)> {
    let values: Vec<f64> = points.iter().map(|(_, bits)| f64::from_bits(*bits)).collect();
    let last = values.len() - 1;
    let by_total_order = |a: &f64, b: &f64| a.total_cmp(b);
    let settled = match rule {
        DuplicateRule::Keep => return points.to_vec(),
        DuplicateRule::Last => values[last],
        DuplicateRule::First => values[0],
        DuplicateRule::Max => {
            numbers_or_all(values).into_iter().max_by(by_total_order).expect("an instant has a point")
        }
        DuplicateRule::Min => {
            numbers_or_all(values).into_iter().min_by(by_total_order).expect("an instant has a point")
        }
        DuplicateRule::Sum if last == 0 => values[0],
        DuplicateRule::Sum => sum(&values),
    };
    vec![(points[0].0, settled.to_bits())]
}

/// Keeps only the numbers, if there are some: a number wins over NaN.
fn numbers_or_all(values: Vec<f64>) -> Vec<f64> {
    let numbers: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    if numbers.is_empty() { values } else { numbers }
}

fn roll_up(step: RollupStep, points: &[(TimestampMs, u64)]) -> Vec<Row> {
    let numbers: Vec<(TimestampMs, f64)> =
        points.iter().map(|(at, bits)| (*at, f64::from_bits(*bits))).filter(|(_, value)| !value.is_nan()).collect();
    let bucket = |at: TimestampMs| at.div_euclid(step.ms());
    let row = |points: &[(TimestampMs, f64)]| {
        let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
        let min = values.iter().copied().min_by(f64::total_cmp).expect("a bucket has a point");
        let max = values.iter().copied().max_by(f64::total_cmp).expect("a bucket has a point");
        // The first bucket of all time starts before the first representable instant.
        let start = i128::from(bucket(points[0].0)) * i128::from(step.ms());
        let start = TimestampMs::try_from(start).unwrap_or(TimestampMs::MIN);
        let doubles = [sum(&values), min, max, values[0], values[values.len() - 1]];
        (start, values.len() as u64, doubles.map(f64::to_bits))
    };
    numbers.chunk_by(|a, b| bucket(a.0) == bucket(b.0)).map(row).collect()
}

/// Adds in order, from the first value; any NaN becomes the canonical one.
fn sum(values: &[f64]) -> f64 {
    let sum = values[1..].iter().fold(values[0], |sum, value| sum + value);
    if sum.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { sum }
}
