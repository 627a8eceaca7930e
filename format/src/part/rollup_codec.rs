//! The values of a rollup, coded against one another.
//!
//! ```text
//! rollup   := count: integer column, head: u8 (low 4 bits exponent, 15 for apart; bits 4-5 the sum's predictor), then
//!   related    with firsts, lasts, minima and maxima as decimals of that one exponent, integer columns of
//!              first less the last before it; last less first; lesser of both less min; max less greater of both;
//!              sum's nearest decimal less its prediction; sum's bits less those of that decimal
//!   apart      value columns of first, last, min, max, sum
//! ```
//!
//! A rollup's doubles hardly differ from one another: a bucket begins near where its predecessor ended, and its extremes
//! lie near its ends. The sum of decimals is not quite a decimal, because each addition rounds; it is a few units in the
//! last place away from one, and those few are what is kept. All arithmetic wraps, so any bits come back.

use crate::column::{
    ColumnDecoder, ColumnEncoder, ColumnError, Decimals, EXPONENT_MAX, Encoding, nearest, take_bytes, to_double, varint,
};

use super::RollupColumns;

/// The head of columns that are not decimals of one exponent.
const APART: u8 = 15;
const EXPONENT_MASK: u8 = 0x0f;
const PREDICTOR_SHIFT: u32 = 4;

/// How a sum is guessed from the bucket's other numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Predictor {
    /// Not at all: most points are zero.
    Zero,
    /// The count times the mean of first and last: the bucket rises or falls steadily.
    Ends,
    /// The count times the mean of first, last and both extremes: it wanders.
    EndsAndExtremes,
}

impl Predictor {
    const ALL: [Self; 3] = [Self::Zero, Self::Ends, Self::EndsAndExtremes];

    fn of_head(head: u8) -> Result<Self, ColumnError> {
        let found = Self::ALL.get(usize::from(head >> PREDICTOR_SHIFT)).copied();
        found.ok_or(ColumnError::Unknown { what: "the head of a rollup", byte: head })
    }

    #[inline]
    fn predict(self, count: i64, [first, last, min, max]: [i64; 4]) -> i64 {
        let ends = first.wrapping_add(last);
        match self {
            Self::Zero => 0,
            Self::Ends => count.wrapping_mul(ends) >> 1,
            Self::EndsAndExtremes => count.wrapping_mul(ends.wrapping_add(min).wrapping_add(max)) >> 2,
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
}

/// Appends all columns but the bucket starts.
pub(super) fn encode(
    scratch: &mut Scratch,
    encoder: &mut ColumnEncoder,
    encoding: Encoding,
    rows: &RollupColumns,
    out: &mut Vec<u8>,
) {
    let Scratch { counts, doubles, decimals, column } = scratch;
    counts.clear();
    counts.extend(rows.count.iter().map(|count| *count as i64));
    encoder.integers(counts, encoding, out);
    doubles.clear();
    for related in [&rows.first, &rows.last, &rows.min, &rows.max] {
        doubles.extend_from_slice(related);
    }
    match decimals.convert(doubles) {
        Some(exponent) if decimals.exceptions.is_empty() => {
            let related = Related { integers: &decimals.integers, counts, sums: &rows.sum, exponent };
            related.encode(column, encoder, encoding, out);
        }
        _ => {
            out.push(APART);
            for apart in [&rows.first, &rows.last, &rows.min, &rows.max, &rows.sum] {
                encoder.values(apart, encoding, out);
            }
        }
    }
}

/// Columns that are decimals of one exponent, but for the sums.
struct Related<'a> {
    /// Firsts, lasts, minima and maxima, one after the other.
    integers: &'a [i64],
    counts: &'a [i64],
    sums: &'a [f64],
    exponent: u8,
}

impl Related<'_> {
    fn row(&self, i: usize) -> [i64; 4] {
        let n = self.counts.len();
        [self.integers[i], self.integers[n + i], self.integers[2 * n + i], self.integers[3 * n + i]]
    }

    /// What the prediction leaves of a sum's nearest decimal.
    fn missed(&self, predictor: Predictor, i: usize) -> i64 {
        nearest(self.sums[i], self.exponent).wrapping_sub(predictor.predict(self.counts[i], self.row(i)))
    }

    fn encode(&self, column: &mut Vec<i64>, encoder: &mut ColumnEncoder, encoding: Encoding, out: &mut Vec<u8>) {
        let n = self.counts.len();
        let bits = |predictor: Predictor| -> u32 {
            (0..n).map(|i| 64 - varint::zigzag(self.missed(predictor, i)).leading_zeros()).sum()
        };
        let predictor = Predictor::ALL.into_iter().min_by_key(|predictor| bits(*predictor));
        let predictor = predictor.expect("there are three");
        out.push(self.exponent | (predictor as u8) << PREDICTOR_SHIFT);
        let mut put = |number: &dyn Fn(usize) -> i64| {
            column.clear();
            column.extend((0..n).map(number));
            encoder.integers(column, encoding, out);
        };
        put(&|i| self.integers[i].wrapping_sub(if i == 0 { 0 } else { self.integers[n + i - 1] }));
        put(&|i| self.integers[n + i].wrapping_sub(self.integers[i]));
        put(&|i| self.integers[i].min(self.integers[n + i]).wrapping_sub(self.integers[2 * n + i]));
        put(&|i| self.integers[3 * n + i].wrapping_sub(self.integers[i].max(self.integers[n + i])));
        put(&|i| self.missed(predictor, i));
        put(&|i| {
            let decimal = to_double(nearest(self.sums[i], self.exponent), self.exponent);
            self.sums[i].to_bits().wrapping_sub(decimal.to_bits()) as i64
        });
    }
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
    let mut columns: [Vec<i64>; 6] = Default::default();
    for column in &mut columns {
        decoder.integers(input, n, column)?;
    }
    let mut last_before = 0i64;
    for (i, count) in counts.into_iter().enumerate() {
        let [from_last, to_last, below, above, missed, ulps] = columns.each_ref().map(|column| column[i]);
        let first = last_before.wrapping_add(from_last);
        let last = first.wrapping_add(to_last);
        let min = first.min(last).wrapping_sub(below);
        let max = first.max(last).wrapping_add(above);
        let nearest = missed.wrapping_add(predictor.predict(count, [first, last, min, max]));
        let sum = to_double(nearest, exponent).to_bits().wrapping_add(ulps as u64);
        rows.first.push(to_double(first, exponent));
        rows.last.push(to_double(last, exponent));
        rows.min.push(to_double(min, exponent));
        rows.max.push(to_double(max, exponent));
        rows.sum.push(f64::from_bits(sum));
        last_before = last;
    }
    Ok(())
}
