//! A column of `i64`: the cheapest of a few transforms, then packed or entropy-coded numbers.
//!
//! ```text
//! column := head: u8 (low 3 bits transform, high 5 bits the caller's tag), then by transform
//!   0 constant   value: signed varint
//!   1 line       first, step: signed varints; number i is first + i * step
//!   2 offset     blocks of the numbers
//!   3 delta      first: signed varint, blocks of the n - 1 differences
//!   4 bent line  first, step: signed varints, blocks of the n residuals against the line
//!   5, 6, 7      as 2, 3, 4 with `entropy` in the place of blocks
//! ```
//!
//! An empty column takes no bytes. All arithmetic wraps, so the extremes of `i64` are numbers like any other.

use super::blocks::{self, Survey};
use super::{ColumnError, Encoding, bitpack, entropy, take_bytes, varint};

const CONSTANT: u8 = 0;
const LINE: u8 = 1;
const OFFSET: u8 = 2;
const DELTA: u8 = 3;
const BENT_LINE: u8 = 4;
/// Offset from a plain transform to the same transform with entropy-coded numbers.
const ENTROPY: u8 = 3;

const TRANSFORM_BITS: u32 = 3;
const TRANSFORM_MASK: u8 = 0b111;

/// Largest tag a caller may put beside the transform.
pub(super) const TAG_MAX: u8 = 0b1_1111;

/// Set of transforms that are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Values, which wander or jump about.
    Free,
    /// Timestamps, which nearly follow a line.
    NearLine,
}

/// Memory that is reused from column to column.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    deltas: Vec<i64>,
    residuals: Vec<i64>,
    offset_survey: Survey,
    delta_survey: Survey,
    residual_survey: Survey,
    entropy: Vec<u8>,
}

/// Appends `values` under `tag`.
pub(super) fn encode(
    scratch: &mut Scratch,
    values: &[i64],
    tag: u8,
    shape: Shape,
    encoding: Encoding,
    out: &mut Vec<u8>,
) {
    assert!(tag <= TAG_MAX, "a tag has five bits");
    let head = |transform: u8| transform | tag << TRANSFORM_BITS;
    let Some(&first) = values.first() else { return };
    if let Some(step) = line_step(values) {
        out.push(head(if step == 0 { CONSTANT } else { LINE }));
        varint::put_signed(out, first);
        if step != 0 {
            varint::put_signed(out, step);
        }
        return;
    }
    let Scratch { deltas, residuals, offset_survey, delta_survey, residual_survey, entropy } = scratch;
    deltas.clear();
    deltas.extend(values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])));
    let offset_bits = offset_survey.measure(values);
    let delta_bits = delta_survey.measure(deltas);
    if shape == Shape::NearLine
        && let Some(step) = bent_line_step(values, delta_survey)
    {
        residuals.clear();
        residuals.extend((0i64..).zip(values).map(|(i, v)| v.wrapping_sub(on_line(first, step, i))));
        if residual_survey.measure(residuals) < delta_bits.min(offset_bits) {
            let prelude = [first, step];
            return Candidate { transform: BENT_LINE, prelude: &prelude, numbers: residuals, survey: residual_survey }
                .encode(tag, encoding, entropy, out);
        }
    }
    let candidate = if delta_bits < offset_bits {
        Candidate { transform: DELTA, prelude: &[first], numbers: deltas, survey: delta_survey }
    } else {
        Candidate { transform: OFFSET, prelude: &[], numbers: values, survey: offset_survey }
    };
    candidate.encode(tag, encoding, entropy, out);
}

/// Transform with the numbers that it leaves to store.
struct Candidate<'a> {
    transform: u8,
    prelude: &'a [i64],
    numbers: &'a [i64],
    survey: &'a Survey,
}

impl Candidate<'_> {
    fn encode(&self, tag: u8, encoding: Encoding, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        let head_at = out.len();
        out.push(self.transform | tag << TRANSFORM_BITS);
        self.prelude.iter().for_each(|number| varint::put_signed(out, *number));
        let body_at = out.len();
        self.survey.encode(self.numbers, out);
        if encoding == Encoding::Pco && entropy::LENGTHS.contains(&self.numbers.len()) {
            scratch.clear();
            entropy::encode(self.numbers, scratch);
            if scratch.len() < out.len() - body_at {
                out.truncate(body_at);
                out.extend_from_slice(scratch);
                out[head_at] += ENTROPY;
            }
        }
    }
}

/// Returns the step of `values` if they lie on a line.
fn line_step(values: &[i64]) -> Option<i64> {
    let [first, second, ..] = values else { return Some(0) };
    let step = second.wrapping_sub(*first);
    // Most columns that do not lie on a line fail at their last number already.
    if values[values.len() - 1] != on_line(*first, step, values.len() as i64 - 1) {
        return None;
    }
    let is_line = values.windows(2).fold(0, |bend, pair| bend | (pair[1].wrapping_sub(pair[0]) ^ step)) == 0;
    is_line.then_some(step)
}

/// Returns the step of the line about which `values` jitter, if there is one.
fn bent_line_step(values: &[i64], deltas: &Survey) -> Option<i64> {
    let [first, .., last] = values else { return None };
    let steps = values.len() as i64 - 1;
    let step = last.checked_sub(*first)? / steps;
    // Jitter of the first and the last timestamp changes the measured step. A whole number of seconds near it is more
    // likely the true step, if over the column it is off by no more than the steps differ among themselves.
    let whole = (step.checked_add(500)?).div_euclid(1000) * 1000;
    let drift = whole.abs_diff(step).checked_mul(steps as u64)?;
    let spread = bitpack::width_of(drift) <= deltas.span().width();
    Some(if spread { whole } else { step })
}

#[inline]
const fn on_line(first: i64, step: i64, index: i64) -> i64 {
    first.wrapping_add(step.wrapping_mul(index))
}

/// Takes `n` numbers off the front of `input`, appends them to `out`, and returns their tag.
///
/// # Errors
/// The bytes are too few or contradict the layout; `out` then holds undefined numbers past its old end.
pub(super) fn decode(input: &mut &[u8], n: usize, out: &mut Vec<i64>) -> Result<u8, ColumnError> {
    if n == 0 {
        return Ok(0);
    }
    let head = take_bytes(input, 1, "the head of a column")?[0];
    let start = out.len();
    match head & TRANSFORM_MASK {
        CONSTANT => out.resize(start + n, varint::take_signed(input)?),
        LINE => {
            let (first, step) = (varint::take_signed(input)?, varint::take_signed(input)?);
            out.extend((0..n as i64).map(|i| on_line(first, step, i)));
        }
        transform => {
            let (transform, body) = if transform > BENT_LINE {
                (transform - ENTROPY, entropy::decode as Body)
            } else {
                (transform, blocks::decode as Body)
            };
            out.resize(start + n, 0);
            decode_bent(input, transform, body, &mut out[start..])?;
        }
    }
    Ok(head >> TRANSFORM_BITS)
}

type Body = fn(&mut &[u8], &mut [i64]) -> Result<(), ColumnError>;

fn decode_bent(input: &mut &[u8], transform: u8, body: Body, values: &mut [i64]) -> Result<(), ColumnError> {
    match transform {
        OFFSET => body(input, values)?,
        DELTA => {
            let mut value = varint::take_signed(input)?;
            let (first, rest) = values.split_first_mut().expect("empty columns have returned");
            *first = value;
            body(input, rest)?;
            for slot in rest {
                value = value.wrapping_add(*slot);
                *slot = value;
            }
        }
        _ => {
            let (first, step) = (varint::take_signed(input)?, varint::take_signed(input)?);
            body(input, values)?;
            for (i, value) in (0..).zip(values) {
                *value = value.wrapping_add(on_line(first, step, i));
            }
        }
    }
    Ok(())
}
