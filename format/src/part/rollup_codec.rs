//! The values of a rollup, coded against one another.
//!
//! ```text
//! rollup   := count: integer column, head: u8 (low 4 bits exponent, 15 for apart; bits 4-5 the sum's predictor), then
//!   related    with firsts, lasts, minima and maxima as decimals of that one exponent, the very first: signed varint,
//!              integer columns of first less the last before it (0 at the very first); last less first;
//!              lesser of both less min; max less greater of both;
//!              sum's nearest decimal less its prediction; sum's units in the last place off that decimal;
//!              exceptions among firsts, lasts, minima and maxima, one after the other (as a value column has them)
//!   apart      value columns of first, last, min, max, sum
//! ```
//!
//! A rollup's doubles hardly differ from one another: a bucket begins near the end of its predecessor, and its
//! extremes lie near its ends. The sum of decimals is not quite a decimal, because each addition rounds; it is a few
//! units in the last place away from one, and those few are stored. All arithmetic wraps, so any bits come back.

use crate::column::{
    ColumnDecoder, ColumnEncoder, ColumnError, Decimals, EXPONENT_MAX, Encoding, from_ordered, nearest, ordered,
    take_bytes, to_double, ulps_off, varint,
};

use super::RollupColumns;

/// Head of columns that are not decimals of one exponent.
const APART: u8 = 15;
const EXPONENT_MASK: u8 = 0x0f;
const PREDICTOR_SHIFT: u32 = 4;

/// Predictor of a sum from the bucket's other numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Predictor {
    /// Predicts 0, because most points are zero.
    Zero,
    /// Predicts the count times the mean of both extremes, for series that rise steadily or wander. Including first
    /// and last gave worse results.
    Extremes,
}

impl Predictor {
    const ALL: [Self; 2] = [Self::Zero, Self::Extremes];

    fn of_head(head: u8) -> Result<Self, ColumnError> {
        let found = Self::ALL.get(usize::from(head >> PREDICTOR_SHIFT)).copied();
        found.ok_or(ColumnError::Unknown { what: "the head of a rollup", byte: head })
    }

    #[inline]
    fn predict(self, count: i64, min: i64, max: i64) -> i64 {
        match self {
            Self::Zero => 0,
            Self::Extremes => count.wrapping_mul(min.wrapping_add(max)) >> 1,
        }
    }
}

/// Memory that is reused from series to series.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    counts: Vec<i64>,
    doubles: Vec<f64>,
    decimals: Decimals,
    column: Vec<i64>,
    nearests: Vec<i64>,
}

/// Appends all columns except the bucket starts.
pub(super) fn encode(
    scratch: &mut Scratch,
    encoder: &mut ColumnEncoder,
    encoding: Encoding,
    rows: &RollupColumns,
    out: &mut Vec<u8>,
) {
    let Scratch { counts, doubles, decimals, column, nearests } = scratch;
    counts.clear();
    counts.extend(rows.count.iter().map(|count| *count as i64));
    encoder.integers(counts, encoding, out);
    doubles.clear();
    for related in [&rows.first, &rows.last, &rows.min, &rows.max] {
        doubles.extend_from_slice(related);
    }
    match decimals.convert(doubles) {
        Some(exponent) => {
            let n = rows.len();
            let (firsts, rest) = decimals.integers.split_at(n);
            let (lasts, rest) = rest.split_at(n);
            let (mins, maxes) = rest.split_at(n);
            let related = Related { firsts, lasts, mins, maxes, counts, sums: &rows.sum, exponent };
            related.encode([column, nearests], |column, out| encoder.integers(column, encoding, out), out);
            encoder.exceptions(doubles, decimals, exponent, encoding, out);
        }
        None => {
            out.push(APART);
            for apart in [&rows.first, &rows.last, &rows.min, &rows.max, &rows.sum] {
                encoder.values(apart, encoding, out);
            }
        }
    }
}

/// Columns that are decimals of one exponent, except for the sums.
struct Related<'a> {
    firsts: &'a [i64],
    lasts: &'a [i64],
    mins: &'a [i64],
    maxes: &'a [i64],
    counts: &'a [i64],
    sums: &'a [f64],
    exponent: u8,
}

impl Related<'_> {
    fn encode(&self, scratch: [&mut Vec<i64>; 2], mut put: impl FnMut(&[i64], &mut Vec<u8>), out: &mut Vec<u8>) {
        let [column, nearests] = scratch;
        nearests.clear();
        nearests.extend(self.sums.iter().map(|sum| nearest(*sum, self.exponent)));
        let predictor = self.best_predictor(nearests);
        out.push(self.exponent | (predictor as u8) << PREDICTOR_SHIFT);

        let rows = || self.firsts.iter().zip(self.lasts);
        let very_first = self.firsts.first().copied().unwrap_or_default();
        varint::put_signed(out, very_first);
        let lasts_before = std::iter::once(&very_first).chain(self.lasts);
        refill(column, self.firsts.iter().zip(lasts_before).map(|(first, before)| first.wrapping_sub(*before)));
        put(column, out);
        refill(column, rows().map(|(first, last)| last.wrapping_sub(*first)));
        put(column, out);
        refill(column, rows().zip(self.mins).map(|((first, last), min)| first.min(last).wrapping_sub(*min)));
        put(column, out);
        refill(column, rows().zip(self.maxes).map(|((first, last), max)| max.wrapping_sub(*first.max(last))));
        put(column, out);
        refill(column, self.missed(predictor, nearests));
        put(column, out);
        let sums = self.sums.iter().zip(nearests.iter());
        refill(column, sums.map(|(sum, nearest)| ulps_off(*sum, *nearest, self.exponent)));
        put(column, out);
    }

    /// Returns the differences between each sum's nearest decimal and its prediction.
    fn missed(&self, predictor: Predictor, nearests: &[i64]) -> impl Iterator<Item = i64> {
        let rows = self.counts.iter().zip(self.mins).zip(self.maxes).zip(nearests);
        rows.map(move |(((count, min), max), nearest)| nearest.wrapping_sub(predictor.predict(*count, *min, *max)))
    }

    fn best_predictor(&self, nearests: &[i64]) -> Predictor {
        let bits = |predictor: &Predictor| -> u32 {
            self.missed(*predictor, nearests).map(|missed| 64 - varint::zigzag(missed).leading_zeros()).sum()
        };
        Predictor::ALL.into_iter().min_by_key(bits).expect("there are two")
    }
}

fn refill(column: &mut Vec<i64>, numbers: impl Iterator<Item = i64>) {
    column.clear();
    column.extend(numbers);
}

/// Takes `n` rows off the front of `input` and appends them, without their bucket starts, to `rows`.
pub(super) fn decode(
    decoder: &mut ColumnDecoder,
    input: &mut &[u8],
    n: usize,
    rows: &mut RollupColumns,
) -> Result<(), ColumnError> {
    let mut counts = Vec::with_capacity(n);
    decoder.integers(input, n, &mut counts)?;
    rows.count.extend(counts.iter().map(|count| *count as u64));
    let head = take_bytes(input, 1, "the head of a rollup")?[0];
    if head == APART {
        for column in [&mut rows.first, &mut rows.last, &mut rows.min, &mut rows.max, &mut rows.sum] {
            decoder.values(input, n, column)?;
        }
        return Ok(());
    }
    let (exponent, predictor) = (head & EXPONENT_MASK, Predictor::of_head(head)?);
    if exponent > EXPONENT_MAX {
        return Err(ColumnError::Unknown { what: "the head of a rollup", byte: head });
    }
    let mut last_before = varint::take_signed(input)?;
    let mut columns: [Vec<i64>; 6] = Default::default();
    for column in &mut columns {
        decoder.integers(input, n, column)?;
    }
    let mut doubles = vec![0.0; 4 * n];
    for (i, count) in counts.into_iter().enumerate() {
        let [from_last, to_last, below, above, missed, ulps] = columns.each_ref().map(|column| column[i]);
        let first = last_before.wrapping_add(from_last);
        let last = first.wrapping_add(to_last);
        let min = first.min(last).wrapping_sub(below);
        let max = first.max(last).wrapping_add(above);
        for (column, integer) in [first, last, min, max].into_iter().enumerate() {
            doubles[column * n + i] = to_double(integer, exponent);
        }
        let nearest = missed.wrapping_add(predictor.predict(count, min, max));
        rows.sum.push(from_ordered(ordered(to_double(nearest, exponent)).wrapping_add(ulps)));
        last_before = last;
    }
    decoder.exceptions(input, &mut doubles)?;
    let columns = [&mut rows.first, &mut rows.last, &mut rows.min, &mut rows.max];
    for (index, column) in columns.into_iter().enumerate() {
        column.extend_from_slice(&doubles[index * n..(index + 1) * n]);
    }
    Ok(())
}
