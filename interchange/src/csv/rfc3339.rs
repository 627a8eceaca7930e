//! Instants in RFC 3339: `2023-11-14T22:13:20.000Z`.
//!
//! The usual libraries end some hours before the year 9999 does, because they leave room for time zones. There are
//! none here, so this code formats the whole range itself.

use std::fmt;
use std::ops::RangeInclusive;

use model::TimestampMs;
use model::time::DAY_MS;

/// Years of RFC 3339, 0 to 9999, in milliseconds since the UNIX epoch.
const RANGE_MS: RangeInclusive<TimestampMs> = -62_167_219_200_000..=253_402_300_799_999;

/// Days from 0000-03-01, where the cycle of leap years starts, to the UNIX epoch.
const EPOCH_DAY: i64 = 719_468;

/// Days in the 400 years after which the calendar repeats.
const CYCLE_DAYS: i64 = 146_097;

/// Instant within [`RANGE_MS`].
pub(crate) struct Rfc3339(TimestampMs);

impl Rfc3339 {
    /// Converts `at`; none if RFC 3339 cannot express it.
    pub(crate) fn of(at: TimestampMs) -> Option<Self> {
        RANGE_MS.contains(&at).then_some(Self(at))
    }
}

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of(self.0.div_euclid(DAY_MS));
        let ms = self.0.rem_euclid(DAY_MS);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
    }
}

/// Computes year, month and day of a day since the UNIX epoch. Years are counted from March, so that the leap day is
/// the last of its year and month lengths follow a linear rule: 153 days are five months.
fn date_of(epoch_day: i64) -> (i64, i64, i64) {
    let day = epoch_day + EPOCH_DAY;
    let (cycle, cycle_day) = (day.div_euclid(CYCLE_DAYS), day.rem_euclid(CYCLE_DAYS));
    let leap_days = cycle_day / 1460 - cycle_day / 36_524 + cycle_day / (CYCLE_DAYS - 1);
    let year = (cycle_day - leap_days) / 365;
    let year_day = cycle_day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * year_day + 2) / 153;
    let day_of_month = year_day - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (400 * cycle + year + i64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_follows_the_one_before() {
        let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days_of = |year: i64, month: i64| match month {
            2 => 28 + i64::from(is_leap(year)),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut expected = (0, 1, 1);
        for day in RANGE_MS.start().div_euclid(DAY_MS)..=RANGE_MS.end().div_euclid(DAY_MS) {
            assert_eq!(date_of(day), expected);
            let (year, month, day_of_month) = expected;
            expected = match (month, day_of_month == days_of(year, month)) {
                (_, false) => (year, month, day_of_month + 1),
                (12, true) => (year + 1, 1, 1),
                (_, true) => (year, month + 1, 1),
            };
        }
        assert_eq!(expected, (10_000, 1, 1));
        assert_eq!(date_of(0), (1970, 1, 1));
    }
}
