//! Timestamps as text, to milliseconds. What is finer is rounded down, before 1970 too.
//!
//! A text without a zone is local time in the zone of the settings. Where clocks were put back, a repeated time is its
//! first occurrence; where they were put forward, a skipped time is moved forward by the gap. (RFC 5545's rule: what
//! calendars do.) Points of the repeated hour can so not be told apart; import such data with offsets in the text.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use model::TimestampMs;

const NS_PER_MS: i128 = 1_000_000;

/// How timestamps are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// RFC 3339, `2026-01-01T00:00:00.5Z`; with a space for the `T`, or without a zone, too.
    Rfc3339,
    /// A decimal number of a unit since 1970, UTC; the unit in nanoseconds.
    Unix(UnixUnit),
    /// A pattern as of `strptime`, such as `%d.%m.%Y %H:%M:%S`, with `%z` for an offset. Without a time of day it is
    /// midnight.
    Pattern(String),
}

/// The unit of a UNIX timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnixUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

impl UnixUnit {
    const ALL: [(Self, &'static str, i128); 4] = [
        (Self::Seconds, "unix-s", 1_000_000_000),
        (Self::Millis, "unix-ms", 1_000_000),
        (Self::Micros, "unix-us", 1_000),
        (Self::Nanos, "unix-ns", 1),
    ];

    fn row(self) -> (Self, &'static str, i128) {
        Self::ALL.into_iter().find(|(unit, ..)| *unit == self).expect("every unit has its row")
    }
}

impl FromStr for TimeFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((unit, ..)) = UnixUnit::ALL.into_iter().find(|(_, name, _)| *name == text) {
            return Ok(Self::Unix(unit));
        }
        match text {
            "rfc3339" => Ok(Self::Rfc3339),
            pattern if pattern.contains('%') => Ok(Self::Pattern(pattern.to_owned())),
            _ => Err(format!(
                "'{text}' is not a time format: give rfc3339, unix-s, unix-ms, unix-us, unix-ns or a pattern such as %Y-%m-%d %H:%M:%S"
            )),
        }
    }
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rfc3339 => f.write_str("rfc3339"),
            Self::Unix(unit) => f.write_str(unit.row().1),
            Self::Pattern(pattern) => f.write_str(pattern),
        }
    }
}

/// Reads a zone: an IANA name (`Europe/Berlin`), `UTC`, or an offset (`+05:30`).
///
/// # Errors
/// Says what a zone looks like.
pub fn parse_zone(text: &str) -> Result<TimeZone, String> {
    let offset = ["%:z", "%z"].iter().find_map(|form| BrokenDownTime::parse(form, text).ok()?.offset());
    match offset {
        Some(offset) => Ok(TimeZone::fixed(offset)),
        None => TimeZone::get(text).map_err(|_| {
            format!("'{text}' is not a time zone: give a name such as Europe/Berlin, UTC, or an offset such as +05:30")
        }),
    }
}

/// Reads timestamps of one file.
#[derive(Debug)]
pub(super) struct TimeReader<'a> {
    format: &'a TimeFormat,
    zone: &'a TimeZone,
}

impl<'a> TimeReader<'a> {
    pub(super) fn new(format: &'a TimeFormat, zone: &'a TimeZone) -> Self {
        Self { format, zone }
    }

    pub(super) fn read(&self, text: &str) -> Result<TimestampMs, String> {
        let read = match self.format {
            TimeFormat::Rfc3339 => self.read_rfc3339(text),
            TimeFormat::Unix(unit) => read_unix(text, unit.row().2),
            TimeFormat::Pattern(pattern) => self.read_pattern(pattern, text),
        };
        read.ok_or_else(|| format!("'{text}' is not a time in the format {}", self.format))
    }

    fn read_rfc3339(&self, text: &str) -> Option<TimestampMs> {
        match text.parse::<Timestamp>() {
            Ok(timestamp) => Some(to_ms(timestamp)),
            Err(_) => self.place(text.parse().ok()?),
        }
    }

    fn read_pattern(&self, pattern: &str, text: &str) -> Option<TimestampMs> {
        let time = BrokenDownTime::parse(pattern, text).ok()?;
        if let Ok(timestamp) = time.to_timestamp() {
            return Some(to_ms(timestamp));
        }
        let has_time = time.hour().is_some();
        let of_day = if has_time { time.to_time().ok()? } else { civil::Time::midnight() };
        self.place(time.to_date().ok()?.to_datetime(of_day))
    }

    /// A local time in the zone of the settings.
    fn place(&self, local: DateTime) -> Option<TimestampMs> {
        self.zone.to_ambiguous_timestamp(local).compatible().ok().map(to_ms)
    }
}

fn to_ms(timestamp: Timestamp) -> TimestampMs {
    timestamp.as_nanosecond().div_euclid(NS_PER_MS) as TimestampMs // jiff ends in the year 9999
}

/// A decimal number of `unit_ns` nanoseconds, exactly: a double would be off by 200 ns today.
fn read_unix(text: &str, unit_ns: i128) -> Option<TimestampMs> {
    /// Billionths of a unit: what is finer is less than a nanosecond.
    const FRACTION_DIGITS: usize = 9;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_negative = whole.starts_with('-');
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(fraction) || !digits(whole.trim_start_matches(['-', '+'])) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let billionths = fraction.bytes().chain(std::iter::repeat(b'0')).take(FRACTION_DIGITS);
    let billionths = billionths.fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    let billion = 10i128.pow(FRACTION_DIGITS as u32);
    let total = i128::from(whole) * billion + if is_negative { -billionths } else { billionths };
    (total * unit_ns).div_euclid(billion * NS_PER_MS).try_into().ok()
}
