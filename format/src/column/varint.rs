//! Variable-length integers: seven bits a byte, low bits first, the top bit set on all bytes but the last.

use super::ColumnError;

/// Longest varint, in bytes: ten groups of seven bits hold 64.
const BYTES_MAX: usize = 10;

/// Appends `value` as a varint.
#[inline]
pub fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends `value` so that small magnitudes take few bytes.
#[inline]
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, zigzag(value));
}

/// Takes one varint off the front of `input`.
///
/// # Errors
/// The bytes end inside it, or hold more than 64 bits.
#[inline]
pub fn take(input: &mut &[u8]) -> Result<u64, ColumnError> {
    let mut value = 0u64;
    for (index, byte) in input.iter().take(BYTES_MAX).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if index == BYTES_MAX - 1 && *byte > 1 {
            return Err(ColumnError::Overlong);
        }
        value |= bits << (7 * index);
        if byte & 0x80 == 0 {
            *input = &input[index + 1..];
            return Ok(value);
        }
    }
    Err(ColumnError::Truncated { what: "a varint", need: 1, have: 0 })
}

/// Takes one signed varint off the front of `input`.
///
/// # Errors
/// As [`take`].
#[inline]
pub fn take_signed(input: &mut &[u8]) -> Result<i64, ColumnError> {
    take(input).map(unzigzag)
}

/// Maps small magnitudes of either sign to small numbers: 0, -1, 1, -2, ...
#[inline]
pub const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
#[inline]
pub const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
