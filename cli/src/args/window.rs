//! Parser of windows and instants, as people type them.
//!
//! | an instant is | such as |
//! |---|---|
//! | RFC 3339 with a zone | `2026-01-01T00:00:00Z` |
//! | a date: midnight UTC | `2026-01-01` |
//! | milliseconds since the UNIX epoch, as keys and JSON have them | `1767225600000` |
//!
//! A window is `START/END`, `START/DURATION` or `DURATION/END`, or the name that keys and listings have for it: `all`, or
//! `START-END` in milliseconds. A duration has one unit (`4h`) or the form of ISO 8601 (`PT4H`,
//! `P1DT12H`, `P1M`: years and months are those of the calendar, in UTC).

use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use model::{TimestampMs, Window};

/// Instant of a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instant(pub(crate) TimestampMs);

impl FromStr for Instant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self(at.as_millisecond()));
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(Self).map_err(|_| format!("'{text}' is more milliseconds than there are"));
        }
        let is_date = text.len() == "2026-01-01".len();
        let midnight = |date: Date| date.to_zoned(TimeZone::UTC).ok();
        let midnight = text.parse().ok().filter(|_| is_date).and_then(midnight);
        midnight.map(|at| Self(at.timestamp().as_millisecond())).ok_or_else(|| {
            format!(
                "'{text}' is not a time: give RFC 3339 with a zone (2026-01-01T00:00:00Z), a date (2026-01-01, midnight UTC) \
                 or milliseconds since 1970"
            )
        })
    }
}

/// Window of a command line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowArg(pub(crate) Window);

impl FromStr for WindowArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(window) = text.parse() {
            return Ok(Self(window));
        }
        let (first, second) = text.split_once('/').ok_or_else(|| {
            format!(
                "'{text}' is not a window: give START/END or START/DURATION, such as 2026-01-01T00:00:00Z/4h or 2026-01-01/P1D"
            )
        })?;
        let (start_ms, end_ms) = match (Length::parse(first), Length::parse(second)) {
            (None, None) => (first.parse::<Instant>()?.0, second.parse::<Instant>()?.0),
            (None, Some(length)) => {
                let Instant(start_ms) = first.parse()?;
                (start_ms, length.after(start_ms)?)
            }
            (Some(length), None) => {
                let Instant(end_ms) = second.parse()?;
                (length.before(end_ms)?, end_ms)
            }
            (Some(_), Some(_)) => {
                return Err(format!("'{text}' has two durations: one of its ends must be an instant"));
            }
        };
        let window = Window::new(start_ms, end_ms);
        window.map(Self).map_err(|_| format!("window '{text}' ends no later than it starts"))
    }
}

/// Length of a window: a fixed time, or a span of the calendar.
enum Length {
    Ms(i64),
    Calendar(Span),
}

impl Length {
    /// Parses a duration; returns `None` for other text.
    fn parse(text: &str) -> Option<Self> {
        if let Ok(duration) = model::time::parse_duration(text) {
            return Some(Self::Ms(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)));
        }
        // Other friendly forms of this library ("4 hours") are not documented here, so they are refused.
        text.starts_with('P').then(|| text.parse().ok()).flatten().map(Self::Calendar)
    }

    fn after(&self, start_ms: TimestampMs) -> Result<TimestampMs, String> {
        match self {
            Self::Ms(length) => Ok(start_ms.saturating_add(*length)),
            Self::Calendar(span) => moved(start_ms, *span),
        }
    }

    fn before(&self, end_ms: TimestampMs) -> Result<TimestampMs, String> {
        match self {
            Self::Ms(length) => Ok(end_ms.saturating_sub(*length)),
            Self::Calendar(span) => moved(end_ms, -*span),
        }
    }
}

fn moved(at: TimestampMs, by: Span) -> Result<TimestampMs, String> {
    let zoned = Timestamp::from_millisecond(at).map(|at| at.to_zoned(TimeZone::UTC));
    let moved = zoned.and_then(|at| at.checked_add(by));
    moved.map(|at| at.timestamp().as_millisecond()).map_err(|_| format!("{by} reaches out of the calendar"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(text: &str) -> Result<(i64, i64), String> {
        text.parse::<WindowArg>().map(|window| (window.0.start_ms, window.0.end_ms))
    }

    #[test]
    fn a_window_has_two_ends_or_one_and_a_duration() {
        const DAY: i64 = 86_400_000;
        for (text, start_ms, end_ms) in [
            ("1970-01-01T00:00:01Z/1970-01-01T00:00:02Z", 1000, 2000),
            ("1970-01-01T01:00:00+01:00/4h", 0, 14_400_000),
            ("1970-01-01/1970-01-02", 0, DAY),
            ("1970-01-01/4h", 0, 14_400_000),
            ("1000/2000", 1000, 2000),
            ("-5/5", -5, 5),
            ("0/PT4H", 0, 14_400_000),
            ("1970-01-01/P1D", 0, DAY),
            ("1970-01-01/P1DT0.5S", 0, DAY + 500),
            ("1970-02-01/P1M", 31 * DAY, 59 * DAY),
            ("P1W/1970-01-08", 0, 7 * DAY),
            ("1d/1970-01-02", 0, DAY),
        ] {
            assert_eq!(window(text), Ok((start_ms, end_ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for text in [
            "",
            "1970-01-01T00:00:01Z",
            "1970-01-01T00:00:01Z/1970-01-01T00:00:01Z",
            "1970-01-01T00:00:00/4h",
            "x/4h",
            "1h/PT4H",
            "1970-01-01/4 hours",
            "1970-01-01/-P1D",
            "1970-01-01/P0D",
            "19700101/4h/5h",
            "1970-13-01/4h",
            "99999999999999999999/4h",
            "2026-01-01/P99999Y",
        ] {
            assert!(window(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_window_may_have_its_name() {
        assert_eq!(window("all"), Ok((i64::MIN, i64::MAX)));
        assert_eq!(window("0-86400000"), window("1970-01-01/P1D"));
        assert_eq!(window("-10--5"), Ok((-10, -5)));
    }
}
