//! A column of `f64`, bits kept exactly.
//!
//! ```text
//! column := an integer column whose tag says what its numbers are
//!   tag 0..=14   decimals with that exponent: value = number / 10^exponent
//!   tag 15       raw: the bits, mapped so that their order is the total order of doubles
//!   tag 16..=30  decimals with exponent tag - 16, then exceptions
//! exceptions := count: varint, positions: integer column, units off: integer column
//! ```
//!
//! An exception's units off are its mapped bits less those of the decimal in its place: one or two for the results of
//! arithmetic on decimals, any number for NaN and its like.
//!
//! Noisy doubles of like magnitude share sign and exponent, so the raw mapping packs them in 52 to 54 bits.

use super::decimals::{self, Decimals, from_ordered, ordered, ulps_off};
use super::integers::{self, Shape};
use super::{ColumnError, Encoding, varint};

const RAW: u8 = 15;
const WITH_EXCEPTIONS: u8 = 16;
const RESERVED: u8 = 31;

/// Memory that is reused from column to column.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    decimals: Decimals,
    pub(super) raw: Vec<i64>,
}

/// Appends a column of `values`, bit for bit.
pub(super) fn encode(
    scratch: &mut Scratch,
    integers: &mut integers::Scratch,
    values: &[f64],
    encoding: Encoding,
    out: &mut Vec<u8>,
) {
    let Scratch { decimals, raw } = scratch;
    let mut put = |numbers: &[i64], tag| integers::encode(integers, numbers, tag, Shape::Free, encoding, out);
    match decimals.convert(values) {
        None => {
            raw.clear();
            raw.extend(values.iter().map(|value| ordered(*value)));
            put(raw, RAW);
        }
        Some(exponent) if decimals.exceptions.is_empty() => put(&decimals.integers, exponent),
        Some(exponent) => {
            put(&decimals.integers, exponent + WITH_EXCEPTIONS);
            encode_exceptions(integers, raw, values, decimals, exponent, encoding, out);
        }
    }
}

/// Appends the exceptions of `values`: those that `decimals` at `exponent` do not yield.
pub(super) fn encode_exceptions(
    integers: &mut integers::Scratch,
    units: &mut Vec<i64>,
    values: &[f64],
    decimals: &Decimals,
    exponent: u8,
    encoding: Encoding,
    out: &mut Vec<u8>,
) {
    let positions = &decimals.exceptions;
    varint::put(out, positions.len() as u64);
    let units_off = |at: usize| ulps_off(values[at], decimals.integers[at], exponent);
    units.clear();
    units.extend(positions.iter().map(|position| units_off(*position as usize)));
    for column in [positions, units] {
        integers::encode(integers, column, 0, Shape::Free, encoding, out);
    }
}

/// Takes `n` values off the front of `input` and appends them to `out`.
pub(super) fn decode(
    scratch: &mut Vec<i64>,
    input: &mut &[u8],
    n: usize,
    out: &mut Vec<f64>,
) -> Result<(), ColumnError> {
    scratch.clear();
    match integers::decode(input, n, scratch)? {
        RAW => out.extend(scratch.iter().map(|mapped| from_ordered(*mapped))),
        RESERVED => return Err(ColumnError::Unknown { what: "a value tag", byte: RESERVED }),
        tag if tag < RAW => decimals::extend_doubles(scratch, tag, out),
        tag => {
            decimals::extend_doubles(scratch, tag - WITH_EXCEPTIONS, out);
            let start = out.len() - n;
            decode_exceptions(scratch, input, &mut out[start..])?;
        }
    }
    Ok(())
}

/// Takes exceptions off the front of `input` and puts them in their places in `values`.
pub(super) fn decode_exceptions(
    scratch: &mut Vec<i64>,
    input: &mut &[u8],
    values: &mut [f64],
) -> Result<(), ColumnError> {
    let count = varint::take(input)?;
    let out_of_range = |what, value, max: usize| ColumnError::OutOfRange { what, value, max: max as u64 };
    if count > values.len() as u64 {
        return Err(out_of_range("an exception count", count, values.len()));
    }
    let count = count as usize;
    scratch.clear();
    integers::decode(input, count, scratch)?;
    integers::decode(input, count, scratch)?;
    let (positions, units) = scratch.split_at(count);
    let len = values.len();
    for (position, units) in positions.iter().zip(units) {
        let slot = usize::try_from(*position).ok().and_then(|position| values.get_mut(position));
        let value = slot.ok_or_else(|| out_of_range("an exception's position", *position as u64, len))?;
        *value = from_ordered(ordered(*value).wrapping_add(*units));
    }
    Ok(())
}
