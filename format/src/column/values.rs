//! A column of `f64`, bits kept exactly.
//!
//! ```text
//! column := an integer column whose tag says what its numbers are
//!   tag 0..=14   decimals with that exponent: value = number / 10^exponent
//!   tag 15       raw: the bits, mapped so that their order is the total order of doubles
//!   tag 16..=30  decimals with exponent tag - 16, then exceptions:
//!                count: varint, positions: integer column, raw bits: integer column (mapped as tag 15)
//! ```
//!
//! Noisy doubles of like magnitude share sign and exponent, so the raw mapping packs them in 52 to 54 bits.

use super::decimals::{self, Decimals};
use super::integers::{self, Shape};
use super::{ColumnError, Encoding, varint};

const RAW: u8 = 15;
const WITH_EXCEPTIONS: u8 = 16;
const RESERVED: u8 = 31;

/// Memory that is reused from column to column.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    decimals: Decimals,
    raw: Vec<i64>,
}

/// Maps the bits of a double to an integer in the total order of doubles.
#[inline]
fn ordered(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ (((bits >> 63) as u64 >> 1) as i64)
}

/// The inverse of [`ordered`].
#[inline]
fn from_ordered(mapped: i64) -> f64 {
    f64::from_bits((mapped ^ (((mapped >> 63) as u64 >> 1) as i64)) as u64)
}

/// Appends `values`.
pub(super) fn encode(
    scratch: &mut Scratch,
    integers: &mut integers::Scratch,
    values: &[f64],
    encoding: Encoding,
    out: &mut Vec<u8>,
) {
    let Scratch { decimals, raw } = scratch;
    let mut put = |numbers: &[i64], tag, out: &mut Vec<u8>| {
        integers::encode(integers, numbers, tag, Shape::Free, encoding, out);
    };
    raw.clear();
    match decimals.convert(values) {
        None => {
            raw.extend(values.iter().map(|value| ordered(*value)));
            put(raw, RAW, out);
        }
        Some(exponent) if decimals.exceptions.is_empty() => put(&decimals.integers, exponent, out),
        Some(exponent) => {
            put(&decimals.integers, exponent + WITH_EXCEPTIONS, out);
            varint::put(out, decimals.exceptions.len() as u64);
            put(&decimals.exceptions, 0, out);
            raw.extend(decimals.exceptions.iter().map(|position| ordered(values[*position as usize])));
            put(raw, 0, out);
        }
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
            patch_exceptions(scratch, input, &mut out[start..])?;
        }
    }
    Ok(())
}

fn patch_exceptions(scratch: &mut Vec<i64>, input: &mut &[u8], values: &mut [f64]) -> Result<(), ColumnError> {
    let count = varint::take(input)?;
    let out_of_range = |what, value, max: usize| ColumnError::OutOfRange { what, value, max: max as u64 };
    if count > values.len() as u64 {
        return Err(out_of_range("an exception count", count, values.len()));
    }
    let count = count as usize;
    scratch.clear();
    integers::decode(input, count, scratch)?;
    integers::decode(input, count, scratch)?;
    let (positions, bits) = scratch.split_at(count);
    let len = values.len();
    for (position, bits) in positions.iter().zip(bits) {
        let slot = usize::try_from(*position).ok().and_then(|position| values.get_mut(position));
        *slot.ok_or_else(|| out_of_range("an exception's position", *position as u64, len))? = from_ordered(*bits);
    }
    Ok(())
}
