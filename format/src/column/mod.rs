//! Codecs of columns: timestamps, values and integers, lossless to the bit.
//!
//! A column does not store its length; its writer does, and a reader bounds it before decoding. An encoder and a
//! decoder keep their scratch memory, so that once warm they allocate nothing for a column of sixty points. Decoders
//! are total: any bytes give numbers or an error, and never take more memory than the caller's count of numbers.

pub mod bitpack; //    groups of 64 numbers at one width
mod blocks; //         frames of reference with patches, 128 numbers each
mod decimals; //       doubles that are integers over a power of ten
mod entropy; //        pco, for jobs that pay time for size
mod integers; //       constant, line, offset, delta, bent line
pub mod timestamps; // regular timestamps need no bytes; others are integers
mod values; //         doubles: decimals with exceptions, or raw
pub mod varint;

#[cfg(test)]
mod tests;

pub use model::Encoding;

pub(crate) use decimals::{Decimals, EXPONENT_MAX, from_ordered, nearest, ordered, to_double, ulps_off};
use integers::Shape;

/// Bytes that are not a valid column. The caller knows their object and offset, and adds them to the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// The bytes end too soon.
    #[error("the column ends inside {what}: {need} bytes are needed, {have} are left; read the object again")]
    Truncated {
        /// Field that was being read.
        what: &'static str,
        /// Bytes that the field takes.
        need: usize,
        /// Bytes that are left.
        have: usize,
    },
    /// A varint of more than 64 bits.
    #[error("a varint holds more than 64 bits; the column is corrupt")]
    Overlong,
    /// A number beyond its bound.
    #[error("{what} is {value}, beyond {max}; the column is corrupt")]
    OutOfRange {
        /// Name of the number.
        what: &'static str,
        /// Value that was read.
        value: u64,
        /// Largest legal value.
        max: u64,
    },
    /// A tag that this version does not know.
    #[error("{byte:#04x} is not {what} that this version knows; upgrade, or the column is corrupt")]
    Unknown {
        /// Kind of the tag.
        what: &'static str,
        /// Tag that was read.
        byte: u8,
    },
    /// pco refused its bytes.
    #[error("the entropy-coded column is corrupt")]
    Entropy(#[from] pco::errors::PcoError),
}

/// Takes `count` bytes off the front of `input`.
#[inline]
pub(crate) fn take_bytes<'a>(input: &mut &'a [u8], count: usize, what: &'static str) -> Result<&'a [u8], ColumnError> {
    let (taken, rest) =
        input.split_at_checked(count).ok_or(ColumnError::Truncated { what, need: count, have: input.len() })?;
    *input = rest;
    Ok(taken)
}

/// Encodes columns, and keeps its working memory.
#[derive(Debug, Default)]
pub struct ColumnEncoder {
    integers: integers::Scratch,
    values: values::Scratch,
}

impl ColumnEncoder {
    /// Creates an encoder; its scratch memory grows on use.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a column of timestamps; regular timestamps take only a first and a step.
    pub fn timestamps(&mut self, timestamps: &[i64], encoding: Encoding, out: &mut Vec<u8>) {
        integers::encode(&mut self.integers, timestamps, 0, Shape::NearLine, encoding, out);
    }

    /// Appends a column of doubles, bit for bit.
    pub fn values(&mut self, values: &[f64], encoding: Encoding, out: &mut Vec<u8>) {
        values::encode(&mut self.values, &mut self.integers, values, encoding, out);
    }

    /// Appends the exceptions: the values that `decimals` at `exponent` do not yield.
    pub(crate) fn exceptions(
        &mut self,
        values: &[f64],
        decimals: &Decimals,
        exponent: u8,
        encoding: Encoding,
        out: &mut Vec<u8>,
    ) {
        let units = &mut self.values.raw;
        values::encode_exceptions(&mut self.integers, units, values, decimals, exponent, encoding, out);
    }

    /// Appends a column of integers.
    pub fn integers(&mut self, values: &[i64], encoding: Encoding, out: &mut Vec<u8>) {
        integers::encode(&mut self.integers, values, 0, Shape::Free, encoding, out);
    }
}

/// Decodes columns, and keeps its working memory.
#[derive(Debug, Default)]
pub struct ColumnDecoder {
    numbers: Vec<i64>,
}

impl ColumnDecoder {
    /// Creates a decoder; its scratch memory grows on use.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes `n` timestamps off the front of `input` and appends them to `out`.
    ///
    /// # Errors
    /// The bytes are not a valid column; `out` then holds undefined numbers past its old end.
    pub fn timestamps(&mut self, input: &mut &[u8], n: usize, out: &mut Vec<i64>) -> Result<(), ColumnError> {
        self.integers(input, n, out)
    }

    /// Takes `n` values off the front of `input` and appends them to `out`.
    ///
    /// # Errors
    /// As [`Self::timestamps`].
    pub fn values(&mut self, input: &mut &[u8], n: usize, out: &mut Vec<f64>) -> Result<(), ColumnError> {
        values::decode(&mut self.numbers, input, n, out)
    }

    /// Takes exceptions off the front of `input` and puts them in their places in `values`.
    pub(crate) fn exceptions(&mut self, input: &mut &[u8], values: &mut [f64]) -> Result<(), ColumnError> {
        values::decode_exceptions(&mut self.numbers, input, values)
    }

    /// Takes `n` integers off the front of `input` and appends them to `out`.
    ///
    /// # Errors
    /// As [`Self::timestamps`].
    pub fn integers(&mut self, input: &mut &[u8], n: usize, out: &mut Vec<i64>) -> Result<(), ColumnError> {
        match integers::decode(input, n, out)? {
            0 => Ok(()),
            byte => Err(ColumnError::Unknown { what: "a tag of integers", byte }),
        }
    }
}
