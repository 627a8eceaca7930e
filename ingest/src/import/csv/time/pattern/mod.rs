//! Patterns as of `strptime`. The implementation is our own, because every component of a text must count: libraries
//! leave out a fraction behind `%s`, accept one form of `%z`, or ask for a day where a month is meant.
//!
//! | component | directives |
//! |---|---|
//! | year | `%Y` (4 digits), `%y` (2: 69 to 99 are 19..), `%G` (of ISO weeks) |
//! | month, quarter, week | `%m`, `%b` `%B` `%h` (English), `%q`, `%V` |
//! | day | `%d` `%e`, `%j` (of the year), `%u` `%w` `%a` `%A` (weekday) |
//! | time | `%H` `%k`, `%I` `%l` with `%p` `%P`, `%M`, `%S`, `%f` `%N` (fraction, any length), `%.f` (with its point, or none) |
//! | zone | `%z` `%:z` (`+0100`, `+01:00`, `+01`, `Z`), `%Z` (a name of the zone database, `UTC`) |
//! | epoch | `%s`, with a fraction behind it |
//! | several | `%F` = `%Y-%m-%d`, `%T` = `%H:%M:%S`, `%R` = `%H:%M`, `%D` = `%m/%d/%y` |
//! | text | `%%`; a space stands for any space or none |
//!
//! A missing day or month is the first, a missing time of day is midnight.

mod compile; // compiler of directives to items
mod parts; //   components that a text gives

use std::fmt;

use parts::Parts;

use super::Local;

/// Item of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Text(char),
    Space,
    Year,
    YearOfCentury,
    IsoYear,
    Month,
    MonthName,
    Quarter,
    IsoWeek,
    Day,
    DayOfYear,
    /// Weekday, 1 for Monday to 7.
    Weekday,
    /// Weekday, 0 for Sunday to 6.
    WeekdayFromSunday,
    WeekdayName,
    Hour,
    HourOf12,
    HalfOfDay,
    Minute,
    Second,
    Fraction,
    PointAndFraction,
    Offset,
    ZoneName,
    Epoch,
}

/// Checked pattern: it gives a date, no component twice, and no component that is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    items: Vec<Item>,
}

impl Pattern {
    /// Reads a text, which must match to its end.
    pub(super) fn read(&self, text: &[u8]) -> Option<Local> {
        let mut parts = Parts::new(text);
        self.items.iter().try_for_each(|item| parts.read(*item))?;
        parts.finish()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
