//! Values of a slice.
//!
//! A walk must be continuous across slices that are generated independently. So each slice starts at an *anchor*, a
//! value that is a function of the series and the slice's ordinal, and its walk is bent, by a fraction of a step at
//! each point, to reach the anchor of the next slice.

use std::ops::{Range, RangeInclusive};

use super::random::{Random, derive, draw, scale};
use super::settings::SeriesKind;

/// Steps of a gauge, in hundredths; bending widens them to a little more than 1.00.
const GAUGE_STEPS: RangeInclusive<i64> = -96..=96;

/// Steps of a counter.
const COUNTER_STEPS: RangeInclusive<i64> = 0..=180;

/// Largest distance between neighbouring anchors of a walk, apart from drift.
const ANCHOR_SPREAD: u64 = 81;

/// Number of points that are walked at once; bounds the scratch memory on the stack.
const LEG_POINTS: usize = 128;

/// Values of one slice of a series.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) kind: SeriesKind,
    /// Seed of the series.
    pub(super) seed: u64,
    /// Ordinal of the slice.
    pub(super) ordinal: u64,
    /// Indexes of the points in the slice.
    pub(super) range: Range<u64>,
}

impl Values {
    /// Appends the values of the slice.
    pub(super) fn write(&self, random: &mut Random, values: &mut Vec<f64>) {
        let base = derive(self.seed, draw::BASE);
        let points = self.range.clone();
        match self.kind {
            SeriesKind::Gauge => self.write_gauge(scale(base, 20_000) as i64 - 1_000, random, values),
            SeriesKind::Counter => self.write_counter(scale(base, 1 << 32) as i64, random, values),
            SeriesKind::Constant => values.extend(points.map(|_| decimal(scale(base, 100_000) as i64))),
            SeriesKind::Noisy => values.extend(points.map(|_| 50.0 + 50.0 * random.unit())),
            SeriesKind::Sparse => values.extend(points.map(|_| sparse(random))),
        }
    }

    fn write_gauge(&self, base: i64, random: &mut Random, values: &mut Vec<f64>) {
        let mut before = 0;
        self.walk(base, GAUGE_STEPS, random, |hundredths| {
            // A zero reached from below is -0.0: producers that round write it, so readers must keep it.
            let is_negative_zero = hundredths == 0 && before < 0;
            before = hundredths;
            values.push(if is_negative_zero { -0.0 } else { decimal(hundredths) });
        });
    }

    fn write_counter(&self, base: i64, random: &mut Random, values: &mut Vec<f64>) {
        let mut reached = i64::MIN;
        self.walk(base, COUNTER_STEPS, random, |count| {
            reached = reached.max(count); // bending must not turn a counter back
            values.push(reached as f64);
        });
    }

    /// Walks in `steps` from the anchor of the slice to that of the next one. Both anchors lie near the place to
    /// which the drift of the steps leads from `base`.
    fn walk(&self, base: i64, steps: RangeInclusive<i64>, random: &mut Random, mut put: impl FnMut(i64)) {
        let drift = (steps.start() + steps.end()) / 2;
        let anchor = |ordinal, start: u64| {
            base + drift * start as i64 + scale(derive(self.seed, draw::ANCHOR + ordinal), ANCHOR_SPREAD) as i64
        };
        let mut at = anchor(self.ordinal, self.range.start);
        let mut left = (self.range.end - self.range.start) as usize;
        while left > 0 {
            let leg = left.min(LEG_POINTS);
            left -= leg;
            let is_last = left == 0;
            let goal = if is_last { anchor(self.ordinal + 1, self.range.end) } else { at + drift * leg as i64 };
            walk_leg(at, goal, leg, &steps, random, &mut put);
            at = goal;
        }
    }
}

/// Walks `points` from `at`, bent so that one more step would arrive at `goal`.
fn walk_leg(
    at: i64,
    goal: i64,
    points: usize,
    steps: &RangeInclusive<i64>,
    random: &mut Random,
    put: &mut impl FnMut(i64),
) {
    let mut walked = [0; LEG_POINTS];
    let mut sum = 0;
    for place in &mut walked[..points] {
        *place = sum;
        sum += random.between(*steps.start(), *steps.end());
    }
    // Fixed point: a division a point would cost more than the rest.
    let bend = ((goal - at - sum) << 16) / points as i64;
    for (index, walked) in walked[..points].iter().enumerate() {
        put(at + walked + ((bend * index as i64) >> 16));
    }
}

/// Converts hundredths to the nearest double.
fn decimal(hundredths: i64) -> f64 {
    hundredths as f64 / 100.0
}

fn sparse(random: &mut Random) -> f64 {
    const ZEROS_OF_100: i64 = 95;
    if random.between(1, 100) <= ZEROS_OF_100 { 0.0 } else { random.between(1, 9) as f64 }
}
