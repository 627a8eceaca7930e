//! Parser of values.

use super::time::quoted;

/// Notation of numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NumberFormat {
    /// True if a comma is the decimal separator, instead of a point.
    pub decimal_comma: bool,
    /// Separator of groups of three digits.
    pub thousands: Option<char>,
    /// Words for a missing value, besides the empty field.
    pub nulls: Vec<String>,
}

/// Content of a value field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Blank,
    /// A number, and true if it is an integer that a double cannot hold exactly.
    Number(f64, bool),
}

/// Most digits of an integer that is always exact as a double: 2^53 has 16.
const DIGITS_EXACT: usize = 15;

impl NumberFormat {
    /// Reads a field that has no space around it.
    #[inline]
    pub(super) fn read(&self, field: &[u8]) -> Result<Value, String> {
        if field.is_empty() || self.is_null(field) {
            return Ok(Value::Blank);
        }
        let number = if self.decimal_comma || self.thousands.is_some() {
            self.plain(field).and_then(|plain| parse(plain.as_bytes()))
        } else if let Some(number) = plain_decimal(field) {
            return Ok(Value::Number(number, false));
        } else {
            parse(field)
        };
        number.ok_or_else(|| self.refusal(field))
    }

    #[inline]
    pub(super) fn is_null(&self, field: &[u8]) -> bool {
        self.nulls.iter().any(|word| word.as_bytes() == field)
    }

    /// Returns the number with a point and without separators of thousands, which must precede every third digit.
    fn plain(&self, field: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(field).ok()?;
        let point = if self.decimal_comma { ',' } else { '.' };
        if self.decimal_comma && text.contains('.') && self.thousands != Some('.') {
            return None;
        }
        let (whole, rest) = match text.find([point, 'e', 'E']) {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        let rest = rest.replacen(point, ".", 1);
        let Some(separator) = self.thousands.filter(|separator| whole.contains(*separator)) else {
            return Some(format!("{whole}{rest}"));
        };
        let digits = whole.trim_start_matches(['+', '-']);
        let mut groups = digits.split(separator);
        let is_first = |group: &str| (1..=3).contains(&group.len());
        let is_grouped = groups.next().is_some_and(is_first) && groups.all(|group| group.len() == 3);
        is_grouped.then(|| format!("{}{rest}", whole.replace(separator, "")))
    }

    fn refusal(&self, field: &[u8]) -> String {
        let shown = quoted(field);
        let text = String::from_utf8_lossy(field);
        if is_out_of_range(field) {
            return format!("{shown} is out of the range of a double");
        }
        let hint = if std::str::from_utf8(field).is_err() {
            ": it is not UTF-8; give --encoding, such as latin1"
        } else if field.contains(&0) {
            ": it has zero bytes; give --encoding utf-16le if it is that, or cut off what was not written whole"
        } else if text.chars().all(|c| c.is_ascii_alphabetic() || "-./?*#_ ".contains(c)) {
            return format!("{shown} is not a number; if it stands for a missing value, give --null '{text}'");
        } else if self.thousands.is_none() && !self.decimal_comma && text.contains(',') {
            "; if its comma separates thousands or decimals, give --thousands , or --decimal-comma"
        } else {
            ""
        };
        format!("{shown} is not a number{hint}")
    }
}

/// Powers of ten, each exact.
const POWERS: [f64; DIGITS_EXACT + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Fast path for the usual field: digits, few enough for an exact integer, with a point among them. Such an integer
/// over an exact power of ten is rounded once, so the result is the double that the standard library reads too.
/// Returns `None` for all else.
#[inline]
fn plain_decimal(field: &[u8]) -> Option<f64> {
    let (is_negative, text) = match field {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if text.len() > DIGITS_EXACT {
        return None;
    }
    let (mut number, mut digits, mut point) = (0u64, 0, None);
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            number = number * 10 + u64::from(digit);
            digits += 1;
        } else if *byte == b'.' && point.is_none() {
            point = Some(digits);
        } else {
            return None;
        }
    }
    if digits == 0 {
        return None;
    }
    let value = number as f64 / POWERS[digits - point.unwrap_or(digits)];
    Some(if is_negative { -value } else { value })
}

/// True if the text is finite but a double cannot hold it.
fn is_out_of_range(field: &[u8]) -> bool {
    let text = std::str::from_utf8(field).unwrap_or_default();
    text.parse::<f64>().is_ok_and(f64::is_infinite) && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Reads a number as the standard library does; a number that is too large is refused instead of becoming infinity.
#[inline]
fn parse(text: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(text).ok()?;
    let number: f64 = text.parse().ok()?;
    if number.is_infinite() && is_out_of_range(text.as_bytes()) {
        return None;
    }
    Some(Value::Number(number, text.len() > DIGITS_EXACT && is_inexact(text, number)))
}

fn is_inexact(text: &str, number: f64) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let is_integer = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_integer && text.parse::<i128>().ok().is_none_or(|integer| number as i128 != integer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn plain_decimals_are_the_doubles_that_the_standard_library_reads(
            text in prop_oneof!["-?[0-9]{0,16}[.]?[0-9]{0,16}", "[-+.0-9eEinfa ]{0,6}"],
        ) {
            if let Some(number) = plain_decimal(text.as_bytes()) {
                let expected: f64 = text.parse().expect("a number");
                prop_assert_eq!(number.to_bits(), expected.to_bits(), "{}", text);
            }
        }
    }

    #[test]
    fn most_numbers_are_plain_decimals() {
        for text in ["0", "-0", "12", "0.1", ".5", "5.", "-123456.789", "999999999999999"] {
            let number = plain_decimal(text.as_bytes()).expect("a plain decimal");
            assert_eq!(number.to_bits(), text.parse::<f64>().expect("a number").to_bits(), "{text}");
        }
        for text in ["", "-", ".", "+1", "1e3", "1.2.3", "nan", "1234567890123456"] {
            assert_eq!(plain_decimal(text.as_bytes()), None, "{text}");
        }
    }

    fn read(format: &NumberFormat, text: &str) -> Result<f64, String> {
        match format.read(text.as_bytes())? {
            Value::Blank => Err("blank".to_owned()),
            Value::Number(number, _) => Ok(number),
        }
    }

    #[test]
    fn decimal_commas_and_thousands_are_what_the_options_say() {
        let plain = NumberFormat::default();
        let comma = NumberFormat { decimal_comma: true, ..plain.clone() };
        let german = NumberFormat { thousands: Some('.'), ..comma.clone() };
        let english = NumberFormat { thousands: Some(','), ..plain.clone() };
        let french = NumberFormat { thousands: Some('\u{202f}'), ..comma.clone() };
        for (format, text, number) in [
            (&comma, "1,5", 1.5),
            (&comma, "-0,25", -0.25),
            (&comma, "1,5e3", 1500.0),
            (&german, "1.234.567,5", 1_234_567.5),
            (&german, "-1.234", -1234.0),
            (&english, "1,234,567.25", 1_234_567.25),
            (&english, "12", 12.0),
            (&french, "1\u{202f}234,5", 1234.5),
        ] {
            assert_eq!(read(format, text), Ok(number), "{text}");
        }
        for (format, text) in [
            (&plain, "1,5"),
            (&comma, "1.5"),
            (&comma, "1,2,3"),
            (&german, "1.23"),
            (&english, "1,23"),
            (&english, "1,234,56"),
            (&english, ",123"),
            (&english, "1234,567"),
            (&plain, "0x10"),
            (&plain, "1_000"),
            (&plain, "5%"),
        ] {
            assert!(read(format, text).is_err(), "{text}");
        }
    }

    #[test]
    fn words_of_missing_values_are_blank_and_others_say_how() {
        let format = NumberFormat { nulls: vec!["NA".to_owned(), "-9999".to_owned()], ..NumberFormat::default() };
        for text in ["", "NA", "-9999"] {
            assert_eq!(format.read(text.as_bytes()), Ok(Value::Blank), "{text}");
        }
        assert!(read(&format, "nil").expect_err("a word").contains("--null 'nil'"));
        assert!(read(&format, "nan").expect("a value").is_nan());
    }

    #[test]
    fn integers_that_a_double_cannot_hold_are_inexact_and_numbers_past_all_are_none() {
        let is_inexact =
            |text: &str| matches!(NumberFormat::default().read(text.as_bytes()), Ok(Value::Number(_, true)));
        for (text, expected) in [
            ("9007199254740992", false),
            ("9007199254740993", true),
            ("-9007199254740993", true),
            ("18014398509481984", false),
            ("170141183460469231731687303715884105728", true),
            ("0.1234567890123456789", false),
        ] {
            assert_eq!(is_inexact(text), expected, "{text}");
        }
        assert!(read(&NumberFormat::default(), "1e999").expect_err("too large").contains("range"));
        assert_eq!(read(&NumberFormat::default(), "-inf"), Ok(f64::NEG_INFINITY));
    }
}
