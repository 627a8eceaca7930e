//! Parser of timestamps to milliseconds. Finer times are rounded down, also before 1970, and counted.
//!
//! ```text
//! text -> (iso | epoch | pattern) -> Local: date, time, and the zone that the text names
//!      -> place: an instant, or two where clocks were put back
//! ```
//!
//! Nothing of a text is read and then not used: a zone in brackets, a name of a weekday, a fraction behind `%s` count or are
//! refused. `docs/import.md` has every form with an example.

mod calendar; //         days, months and weeks of the calendar
mod iso; //              RFC 3339 and RFC 9557, with the parts that are often left out
mod epoch; //            numbers of seconds, or of smaller units
mod pattern; //          patterns as of strptime
mod place; //            conversion of local times to instants
pub(super) mod guess; // formats that a text may have

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use model::TimestampMs;

pub use epoch::UnixUnit;
pub use pattern::Pattern;
pub use place::{RepeatedTime, SkippedTime, parse_zone};

pub(super) use place::Instants;

/// Format of timestamps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// RFC 3339, `2026-01-01T00:00:00.5Z`; also with a space for the `T`, without a zone, as a date alone, or with a
    /// zone in brackets as in RFC 9557.
    Rfc3339,
    /// A decimal number of a unit since 1970, UTC.
    Unix(UnixUnit),
    /// A pattern as of `strptime`, such as `%d.%m.%Y %H:%M:%S`.
    Pattern(Pattern),
    /// Milliseconds since 1970, or RFC 3339: the two forms of `tailor dataset export`.
    Export,
}

impl FromStr for TimeFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(unit) = UnixUnit::of_name(text) {
            return Ok(Self::Unix(unit));
        }
        match text {
            "rfc3339" => Ok(Self::Rfc3339),
            pattern if pattern.contains('%') => pattern.parse().map(Self::Pattern),
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
            Self::Unix(unit) => f.write_str(unit.name()),
            Self::Pattern(pattern) => pattern.fmt(f),
            Self::Export => f.write_str("unix-ms or rfc3339"),
        }
    }
}

/// Time as its text gives it.
#[derive(Debug, Clone, PartialEq)]
struct Local {
    /// Milliseconds since 1970-01-01T00:00 on the clock of the zone.
    ms: i64,
    /// True if the text is finer than a millisecond.
    is_rounded: bool,
    /// True if the text has second 60; `ms` is then the last millisecond of second 59.
    is_leap: bool,
    zone: Zone,
}

/// Zone that a text names.
#[derive(Debug, Clone, PartialEq)]
enum Zone {
    /// None: the zone of the settings holds.
    Unsaid,
    /// An offset from UTC, in seconds.
    Offset(i32),
    /// UTC by its letter, which does not contradict a zone beside it.
    Zulu,
    /// A zone of the database.
    Named(TimeZone),
    /// An offset and a zone, which must agree.
    Both(i32, TimeZone),
}

/// Reader of the timestamps of one file.
#[derive(Debug)]
pub(super) struct TimeReader<'a> {
    format: &'a TimeFormat,
    zone: &'a TimeZone,
    fixed_offset: Option<i32>,
    skipped: SkippedTime,
}

/// Time that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) at: Instants,
    pub(super) is_rounded: bool,
    pub(super) is_leap: bool,
}

impl Reading {
    fn exact(ms: TimestampMs, is_rounded: bool) -> Self {
        Self { at: Instants::One(ms), is_rounded, is_leap: false }
    }
}

impl<'a> TimeReader<'a> {
    pub(super) fn new(format: &'a TimeFormat, zone: &'a TimeZone, skipped: SkippedTime) -> Self {
        let fixed_offset = zone.to_fixed_offset().ok().map(|offset| offset.seconds());
        Self { format, zone, fixed_offset, skipped }
    }

    /// Reads a text that has no space around it.
    #[inline]
    pub(super) fn read(&self, text: &[u8]) -> Result<Reading, String> {
        let local = match self.format {
            TimeFormat::Rfc3339 => iso::read(text),
            TimeFormat::Unix(unit) => return self.read_unix(text, *unit),
            TimeFormat::Export if is_integer(text) => return self.read_unix(text, UnixUnit::Millis),
            TimeFormat::Export => iso::read(text),
            TimeFormat::Pattern(pattern) => pattern.read(text),
        };
        let local = local.ok_or_else(|| self.refusal(text))?;
        self.place(&local).map_err(|cause| format!("{} {cause}", quoted(text)))
    }

    fn read_unix(&self, text: &[u8], unit: UnixUnit) -> Result<Reading, String> {
        let (ms, is_rounded) = epoch::read(text, unit).ok_or_else(|| self.refusal(text))?;
        Ok(Reading::exact(ms, is_rounded))
    }

    fn refusal(&self, text: &[u8]) -> String {
        let formats = guess::formats(text);
        let hint = match formats.as_slice() {
            [] => String::new(),
            [one] => format!(" (perhaps --time-format '{one}')"),
            several => format!(" (perhaps --time-format '{}')", several.join("' or '")),
        };
        format!("{} is not a time in the format {}{hint}", quoted(text), self.format)
    }
}

fn is_integer(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Quotes the start of a field for a message, without control characters that a terminal would obey.
pub(super) fn quoted(field: &[u8]) -> String {
    /// Number of characters that are enough to recognise the field.
    const CHARS_MAX: usize = 64;
    let text = String::from_utf8_lossy(field);
    let mut shown: String = text.chars().take(CHARS_MAX).flat_map(char::escape_debug).collect();
    shown = shown.replace("\\\"", "\"").replace("\\'", "'");
    if text.chars().count() > CHARS_MAX {
        shown.push_str("...");
    }
    format!("'{shown}'")
}

#[cfg(test)]
mod tests;
