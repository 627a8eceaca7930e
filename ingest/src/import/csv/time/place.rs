//! Conversion of local times to instants.
//!
//! Where clocks are put back, an hour comes twice; where they are put forward, one never comes. Both are refused unless
//! an option says what to do, because the text does not show it.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use model::TimestampMs;

use super::calendar::{DAY_MS, is_month_end};
use super::iso::Cursor;
use super::{Local, Reading, TimeReader, Zone};

/// Rule for a local time that occurs twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RepeatedTime {
    /// The row is bad.
    #[default]
    Refuse,
    /// The first occurrence counts.
    Earlier,
    /// The second occurrence counts.
    Later,
    /// The occurrence that continues the order of the rows of its series counts.
    Infer,
}

/// Rule for a local time that does not exist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SkippedTime {
    /// The row is bad.
    #[default]
    Refuse,
    /// The time moves forward by the gap, as calendars do (RFC 5545).
    Forward,
}

impl RepeatedTime {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Refuse, "refuse"), (Self::Earlier, "earlier"), (Self::Later, "later"), (Self::Infer, "infer")];
}

impl SkippedTime {
    const ALL: [(Self, &'static str); 2] = [(Self::Refuse, "refuse"), (Self::Forward, "forward")];
}

macro_rules! named_rule {
    ($rule:ty) => {
        impl fmt::Display for $rule {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let name = Self::ALL.iter().find(|(rule, _)| rule == self).map(|(_, name)| *name);
                f.write_str(name.expect("every rule has its name"))
            }
        }

        impl FromStr for $rule {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().find(|(_, name)| *name == text).map(|(rule, _)| *rule);
                let names: Vec<_> = Self::ALL.iter().map(|(_, name)| *name).collect();
                found.ok_or_else(|| format!("'{text}' is not one of {}", names.join(", ")))
            }
        }
    };
}

named_rule!(RepeatedTime);
named_rule!(SkippedTime);

/// Instants that a local time may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::import::csv) enum Instants {
    One(TimestampMs),
    Two { earlier: TimestampMs, later: TimestampMs },
}

/// Reads a zone: an IANA name (`Europe/Berlin`), `UTC`, or an offset (`+05:30`).
///
/// # Errors
/// Says what a zone looks like.
pub fn parse_zone(text: &str) -> Result<TimeZone, String> {
    named_zone(text).ok_or_else(|| {
        format!("'{text}' is not a time zone: give a name such as Europe/Berlin, UTC, or an offset such as +05:30")
    })
}

pub(super) fn named_zone(text: &str) -> Option<TimeZone> {
    let mut cursor = Cursor(text.as_bytes());
    match cursor.offset() {
        Some(Zone::Offset(seconds)) if cursor.0.is_empty() => {
            jiff::tz::Offset::from_seconds(seconds).ok().map(TimeZone::fixed)
        }
        Some(_) if cursor.0.is_empty() => Some(TimeZone::UTC),
        _ => TimeZone::get(text).ok(),
    }
}

impl TimeReader<'_> {
    /// Returns the instants of a local time.
    #[inline]
    pub(super) fn place(&self, local: &Local) -> Result<Reading, String> {
        let at = match (&local.zone, self.fixed_offset) {
            (Zone::Zulu, _) => Instants::One(local.ms),
            (Zone::Offset(seconds), _) => Instants::One(local.ms - i64::from(*seconds) * 1000),
            (Zone::Unsaid, Some(seconds)) => Instants::One(local.ms - i64::from(seconds) * 1000),
            (Zone::Unsaid, None) => self.place_in(local.ms, self.zone)?,
            (Zone::Named(zone), _) => self.place_in(local.ms, zone)?,
            (Zone::Both(seconds, zone), _) => Instants::One(agreed(local.ms, *seconds, zone)?),
        };
        if local.is_leap {
            check_leap(at)?;
        }
        Ok(Reading { at, is_rounded: local.is_rounded, is_leap: local.is_leap })
    }

    fn place_in(&self, ms: i64, zone: &TimeZone) -> Result<Instants, String> {
        let at = |offset: jiff::tz::Offset| ms - i64::from(offset.seconds()) * 1000;
        match offsets(ms, zone)? {
            AmbiguousOffset::Unambiguous { offset } => Ok(Instants::One(at(offset))),
            AmbiguousOffset::Fold { before, after } => Ok(Instants::Two { earlier: at(before), later: at(after) }),
            AmbiguousOffset::Gap { before, .. } if self.skipped == SkippedTime::Forward => {
                Ok(Instants::One(at(before)))
            }
            AmbiguousOffset::Gap { .. } => Err(format!(
                "never came in {}, where clocks were put forward; give --skipped-time forward, or the right --zone",
                name_of(zone)
            )),
        }
    }
}

/// Returns the offsets of a zone around a local time.
fn offsets(ms: i64, zone: &TimeZone) -> Result<AmbiguousOffset, String> {
    let utc = jiff::Timestamp::from_millisecond(ms).map_err(|_| "is out of the range of zones".to_owned())?;
    let local: DateTime = TimeZone::UTC.to_datetime(utc);
    Ok(zone.to_ambiguous_timestamp(local).offset())
}

/// Returns the instant of a text that names an offset and a zone; the zone must have that offset then.
fn agreed(ms: i64, seconds: i32, zone: &TimeZone) -> Result<TimestampMs, String> {
    let has = |offset: jiff::tz::Offset| offset.seconds() == seconds;
    let agrees = match offsets(ms, zone)? {
        AmbiguousOffset::Unambiguous { offset } => has(offset),
        AmbiguousOffset::Fold { before, after } => has(before) || has(after),
        AmbiguousOffset::Gap { .. } => false,
    };
    match agrees {
        true => Ok(ms - i64::from(seconds) * 1000),
        false => Err(format!("has an offset that {} does not have then", name_of(zone))),
    }
}

pub(super) fn name_of(zone: &TimeZone) -> String {
    let offset = || zone.to_fixed_offset().map_or_else(|_| "its zone".to_owned(), |offset| offset.to_string());
    zone.iana_name().map_or_else(offset, str::to_owned)
}

/// Refuses a second 60 that is not a leap second: those come at the end of a month, UTC.
fn check_leap(at: Instants) -> Result<(), String> {
    let is_leap = |ms: i64| ms.rem_euclid(DAY_MS) == DAY_MS - 1 && is_month_end(ms.div_euclid(DAY_MS));
    let is_right = match at {
        Instants::One(ms) => is_leap(ms),
        Instants::Two { earlier, later } => is_leap(earlier) || is_leap(later),
    };
    is_right.then_some(()).ok_or_else(|| "has second 60 where no leap second can be".to_owned())
}
