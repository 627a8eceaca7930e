//! Calendar of ISO 8601: Gregorian, also before its introduction.

/// Days from 0000-03-01, the start of the cycle of leap years, to the UNIX epoch.
const EPOCH_DAY: i64 = 719_468;

/// Days in the 400 years after which the calendar repeats.
const CYCLE_DAYS: i64 = 146_097;

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Returns the days of a month; months are 1 to 12.
pub(super) const fn days_of_month(year: i64, month: u32) -> u32 {
    match month {
        2 => 28 + is_leap(year) as u32,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the days from 1970 to a date; `None` if there is no such date.
#[inline]
pub(super) fn day_of(year: i64, month: u32, day: u32) -> Option<i64> {
    if !(1..=12).contains(&month) || day == 0 || day > days_of_month(year, month) {
        return None;
    }
    // Years are counted from March, so that the leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let year_day = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let (cycle, cycle_year) = (year.div_euclid(400), year.rem_euclid(400));
    let cycle_day = cycle_year * 365 + cycle_year / 4 - cycle_year / 100 + year_day;
    Some(cycle * CYCLE_DAYS + cycle_day - EPOCH_DAY)
}

/// Returns the days from 1970 to the `ordinal`th day of a year, counted from 1.
pub(super) fn day_of_year(year: i64, ordinal: u32) -> Option<i64> {
    let days = 365 + u32::from(is_leap(year));
    let first = day_of(year, 1, 1)?;
    (1..=days).contains(&ordinal).then_some(first + i64::from(ordinal) - 1)
}

/// Returns the days from 1970 to a day of an ISO week; weekdays are 1 for Monday to 7.
pub(super) fn day_of_week(iso_year: i64, week: u32, weekday: u32) -> Option<i64> {
    // Week 1 contains the 4 January of the year.
    let start = |year| -> Option<i64> {
        let fourth = day_of(year, 1, 4)?;
        Some(fourth - i64::from(weekday_of(fourth)) + 1)
    };
    let day = start(iso_year)? + i64::from(week) * 7 - 7 + i64::from(weekday) - 1;
    (week >= 1 && day < start(iso_year + 1)?).then_some(day)
}

/// Returns the weekday of a day since 1970: 1 for Monday to 7.
pub(super) fn weekday_of(day: i64) -> u32 {
    (day + 3).rem_euclid(7) as u32 + 1 // 1970-01-01 was a Thursday
}

/// True if a day since 1970 is the last of its month. Days before 1970 never are: leap seconds began in 1972.
pub(super) fn is_month_end(day: i64) -> bool {
    // Years of 366 days fall behind the calendar by less than 18 until the year 9999.
    let earliest_year = 1970 + day / 366;
    let years = earliest_year..earliest_year + 18;
    let ends = years.flat_map(|year| (1..=12).map(move |month| day_of(year, month, days_of_month(year, month))));
    day >= 0 && ends.into_iter().any(|end| end == Some(day))
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;

    use super::*;

    #[test]
    fn every_day_of_the_calendar_is_where_another_library_has_it() {
        let mut date = Date::new(0, 1, 1).expect("a date");
        let mut expected = -719_528;
        while date.year() >= 0 {
            let (year, month, day) = (i64::from(date.year()), date.month() as u32, date.day() as u32);
            assert_eq!(day_of(year, month, day), Some(expected), "{date}");
            assert_eq!(day_of_year(year, date.day_of_year() as u32), Some(expected), "{date}");
            assert_eq!(weekday_of(expected), date.weekday().to_monday_one_offset() as u32, "{date}");
            let week = date.iso_week_date();
            let (iso_year, number) = (i64::from(week.year()), week.week() as u32);
            assert_eq!(day_of_week(iso_year, number, weekday_of(expected)), Some(expected), "{date}");
            if (1970..2100).contains(&year) {
                assert_eq!(is_month_end(expected), date == date.last_of_month(), "{date}");
            }
            let Ok(next) = date.tomorrow() else { break };
            (date, expected) = (next, expected + 1);
        }
        assert_eq!(date.year(), 9999);
    }

    #[test]
    fn days_that_are_not_there_are_none() {
        for (year, month, day) in
            [(2023, 2, 29), (1900, 2, 29), (2024, 4, 31), (2024, 0, 1), (2024, 13, 1), (2024, 1, 0)]
        {
            assert_eq!(day_of(year, month, day), None, "{year}-{month}-{day}");
        }
        assert_eq!(day_of_year(2023, 366), None);
        assert_eq!(day_of_week(2023, 53, 1), None);
        assert!(day_of_week(2020, 53, 5).is_some());
    }
}
