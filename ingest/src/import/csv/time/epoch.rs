//! Decimal numbers of a unit since 1970, computed exactly: a double would be off by 200 ns today.

use model::TimestampMs;

/// Unit of a UNIX timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnixUnit {
    /// Seconds since 1970, UTC.
    Seconds,
    /// Milliseconds since 1970, UTC.
    Millis,
    /// Microseconds since 1970, UTC.
    Micros,
    /// Nanoseconds since 1970, UTC.
    Nanos,
}

impl UnixUnit {
    /// Unit, name, and the power of ten that makes it milliseconds.
    const ALL: [(Self, &'static str, i32); 4] = [
        (Self::Seconds, "unix-s", 3),
        (Self::Millis, "unix-ms", 0),
        (Self::Micros, "unix-us", -3),
        (Self::Nanos, "unix-ns", -6),
    ];

    fn row(self) -> (Self, &'static str, i32) {
        Self::ALL.into_iter().find(|(unit, ..)| *unit == self).expect("every unit has its row")
    }

    /// Returns the name of the unit, as an operator types it.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, other, _)| *other == name).map(|(unit, ..)| unit)
    }
}

/// Most digits of a number: any time since the beginning of the universe has fewer in nanoseconds.
const DIGITS_MAX: usize = 38;

/// Most digits of an integer that becomes milliseconds in any unit without an overflow: 10^15 seconds are 10^18 ms.
const DIGITS_PLAIN: usize = 15;

/// Fast path of [`read`] for the usual case: digits alone, few enough that they always fit.
#[inline]
fn read_plain(text: &[u8], unit: UnixUnit) -> Option<(TimestampMs, bool)> {
    if text.is_empty() || text.len() > DIGITS_PLAIN {
        return None;
    }
    let mut number = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    Some(match unit {
        UnixUnit::Seconds => (number * 1000, false),
        UnixUnit::Millis => (number, false),
        UnixUnit::Micros => (number / 1000, number % 1000 != 0),
        UnixUnit::Nanos => (number / 1_000_000, number % 1_000_000 != 0),
    })
}

/// Reads `-12`, `1.5`, `1.7E9` or `.5`. Returns milliseconds, rounded down, and true if the text is finer.
#[inline]
pub(super) fn read(text: &[u8], unit: UnixUnit) -> Option<(TimestampMs, bool)> {
    read_plain(text, unit).or_else(|| read_any(text, unit))
}

fn read_any(text: &[u8], unit: UnixUnit) -> Option<(TimestampMs, bool)> {
    let (is_negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (digits, exponent) = split_exponent(digits)?;
    let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
        Some(at) => (&digits[..at], &digits[at + 1..]),
        None => (digits, &b""[..]),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let fraction_len = fraction.iter().rposition(|byte| *byte != b'0').map_or(0, |at| at + 1);
    let significant = whole.iter().chain(&fraction[..fraction_len]).skip_while(|byte| **byte == b'0').count();
    let all = whole.iter().chain(fraction);
    if !all.clone().all(u8::is_ascii_digit) || significant > DIGITS_MAX {
        return None;
    }
    let mantissa =
        whole.iter().chain(&fraction[..fraction_len]).fold(0i128, |sum, byte| sum * 10 + i128::from(byte - b'0'));
    let mantissa = if is_negative { -mantissa } else { mantissa };
    scale(mantissa, exponent - fraction_len as i32 + unit.row().2)
}

/// Splits digits from the exponent behind them.
fn split_exponent(text: &[u8]) -> Option<(&[u8], i32)> {
    let Some(at) = text.iter().position(|byte| matches!(byte, b'e' | b'E')) else { return Some((text, 0)) };
    let exponent: i32 = std::str::from_utf8(&text[at + 1..]).ok()?.parse().ok()?;
    (exponent.unsigned_abs() < 1000).then_some((&text[..at], exponent))
}

/// Computes `mantissa * 10^power`, rounded down.
fn scale(mantissa: i128, power: i32) -> Option<(TimestampMs, bool)> {
    if mantissa == 0 {
        return Some((0, false));
    }
    if power >= 0 {
        let factor = 10i128.checked_pow(power as u32)?;
        return Some((mantissa.checked_mul(factor)?.try_into().ok()?, false));
    }
    let Some(divisor) = 10i128.checked_pow(power.unsigned_abs()) else {
        return Some((if mantissa < 0 { -1 } else { 0 }, true));
    };
    Some((mantissa.div_euclid(divisor).try_into().ok()?, mantissa.rem_euclid(divisor) != 0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn plain_digits_are_read_as_any_number_is(number in 0u64..10_000_000_000_000_000, width in 0usize..18) {
            let text = format!("{number:0width$}");
            for (unit, ..) in UnixUnit::ALL {
                let plain = read_plain(text.as_bytes(), unit);
                prop_assert_eq!(plain.is_some(), text.len() <= DIGITS_PLAIN);
                prop_assert!(plain.is_none_or(|plain| Some(plain) == read_any(text.as_bytes(), unit)), "{}", text);
            }
        }

        #[test]
        fn what_is_no_plain_integer_is_left_to_the_other_reader(text in "[-+0-9.eE ]{0,8}") {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            prop_assert_eq!(read_plain(text.as_bytes(), UnixUnit::Millis).is_some(), is_plain);
        }
    }
}
