//! Validity of a certificate: the two instants of X.509 between which it holds.
//!
//! rustls checks them with each handshake, but does not return them, and people want to know of the end before it
//! comes. So the few bytes in front of them are stepped over here. A certificate that cannot be read so has no end that
//! could be shown.
//!
//! ```text
//! Certificate SEQUENCE { tbs SEQUENCE { [0] version?, serial, signature, issuer, validity SEQUENCE { from, to }, ...
//! ```

use model::TimestampMs;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Instants between which a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from_ms: TimestampMs,
    pub(super) until_ms: TimestampMs,
}

/// Reads the validity of a DER certificate; none if it is malformed.
pub(super) fn of(certificate: &[u8]) -> Option<Validity> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (mut fields, _) = expect(SEQUENCE, certificate)?;
    if fields.first() == Some(&VERSION) {
        fields = element(fields)?.2;
    }
    for _serial_signature_issuer in 0..3 {
        fields = element(fields)?.2;
    }
    let (validity, _) = expect(SEQUENCE, fields)?;
    let (from_ms, rest) = time(validity)?;
    let (until_ms, _) = time(rest)?;
    Some(Validity { from_ms, until_ms })
}

/// Splits an element off: its tag, its content, the rest.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // The count of length bytes; four are more than any certificate needs.
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(len)?;
    Some((tag, content, rest))
}

fn expect(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Reads `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`, the two forms that certificates may have.
fn time(bytes: &[u8]) -> Option<(TimestampMs, &[u8])> {
    let (tag, text, rest) = element(bytes)?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, text) = match (tag, text.len()) {
        (UTC_TIME, 12) => {
            let short: i64 = text[..2].parse().ok()?;
            (if short < 50 { 2000 + short } else { 1900 + short }, &text[2..])
        }
        (GENERALIZED_TIME, 14) => (text[..4].parse().ok()?, &text[4..]),
        _ => return None,
    };
    let pair = |at: usize| text[at..at + 2].parse::<i64>().ok();
    let (month, day, hour, minute, second) = (pair(0)?, pair(2)?, pair(4)?, pair(6)?, pair(8)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some((seconds * 1000, rest))
}

/// Counts the days from 1970-01-01 in the Gregorian calendar, with years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let len = content.len();
        let head = if len < 128 { vec![tag, len as u8] } else { vec![tag, 0x82, (len >> 8) as u8, len as u8] };
        [head, content.to_vec()].concat()
    }

    fn certificate(from: &[u8], until: &[u8]) -> Vec<u8> {
        let validity = der(SEQUENCE, &[from, until].concat());
        let issuer = der(SEQUENCE, &[7; 200]);
        let tbs =
            [der(VERSION, &der(2, &[2])), der(2, &[9; 16]), der(SEQUENCE, &[]), issuer, validity, der(SEQUENCE, &[])];
        der(SEQUENCE, &[der(SEQUENCE, &tbs.concat()), der(SEQUENCE, &[])].concat())
    }

    #[test]
    fn both_forms_of_time_are_read() {
        let bytes = certificate(&der(UTC_TIME, b"260101000000Z"), &der(GENERALIZED_TIME, b"20521231235959Z"));
        let validity = of(&bytes).expect("it is well-formed");
        assert_eq!(validity, Validity { from_ms: 1_767_225_600_000, until_ms: 2_619_302_399_000 });
        let bytes = certificate(&der(UTC_TIME, b"991231235959Z"), &der(UTC_TIME, b"000229000000Z"));
        let validity = of(&bytes).expect("it is well-formed");
        assert_eq!(validity, Validity { from_ms: 946_684_799_000, until_ms: 951_782_400_000 });
    }

    #[test]
    fn damaged_certificates_have_no_validity_and_make_nothing_panic() {
        let whole = certificate(&der(UTC_TIME, b"260101000000Z"), &der(UTC_TIME, b"270101000000Z"));
        for end in 0..whole.len() {
            let _ = of(&whole[..end]);
        }
        for at in 0..whole.len() {
            for byte in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = byte;
                let _ = of(&damaged);
            }
        }
        for time in [&b"2601010000Z"[..], b"269901000000Z", b"26010100000\xffZ", b"260101000000+0100"] {
            assert_eq!(of(&certificate(&der(UTC_TIME, time), &der(UTC_TIME, time))), None);
        }
    }
}
