//! Components that a text gives.

use super::super::calendar::{DAY_MS, day_of, day_of_week, day_of_year, weekday_of};
use super::super::iso::{Cursor, time_of_day};
use super::super::place::named_zone;
use super::super::{Local, Zone};
use super::Item;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Components that were read so far.
pub(super) struct Parts<'t> {
    text: Cursor<'t>,
    year: Option<i64>,
    iso_year: Option<i64>,
    month: Option<u32>,
    quarter: Option<u32>,
    week: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    weekday: Option<u32>,
    hour: u32,
    is_hour_of_12: bool,
    is_afternoon: bool,
    minute: u32,
    second: u32,
    fraction_ms: i64,
    is_rounded: bool,
    /// Whole seconds, and true if a minus sign precedes them.
    epoch: Option<(i64, bool)>,
    zone: Zone,
}

impl<'t> Parts<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self {
            text: Cursor(text),
            year: None,
            iso_year: None,
            month: None,
            quarter: None,
            week: None,
            day: None,
            day_of_year: None,
            weekday: None,
            hour: 0,
            is_hour_of_12: false,
            is_afternoon: false,
            minute: 0,
            second: 0,
            fraction_ms: 0,
            is_rounded: false,
            epoch: None,
            zone: Zone::Unsaid,
        }
    }

    /// Reads the component of `item`.
    pub(super) fn read(&mut self, item: Item) -> Option<()> {
        let text = &mut self.text;
        match item {
            Item::Text(character) => {
                let mut bytes = [0; 4];
                text.0 = text.0.strip_prefix(character.encode_utf8(&mut bytes).as_bytes())?;
            }
            Item::Space => text.0 = text.0.trim_ascii_start(),
            Item::Year => self.year = Some(i64::from(text.digits(4)?)),
            Item::YearOfCentury => {
                let year = i64::from(text.digits(2)?);
                self.year = Some(if year < 69 { 2000 + year } else { 1900 + year });
            }
            Item::IsoYear => self.iso_year = Some(i64::from(text.digits(4)?)),
            Item::Month => self.month = Some(text.up_to(2)?),
            Item::MonthName => self.month = Some(name_in(text, &MONTHS)?),
            Item::Quarter => self.quarter = Some(text.digits(1)?),
            Item::IsoWeek => self.week = Some(text.up_to(2)?),
            Item::Day => self.day = Some(text.up_to(2)?),
            Item::DayOfYear => self.day_of_year = Some(text.up_to(3)?),
            Item::Weekday => self.weekday = Some(text.digits(1)?),
            Item::WeekdayFromSunday => self.weekday = Some(if text.next_is(b'0') { 7 } else { text.digits(1)? }),
            Item::WeekdayName => self.weekday = Some(name_in(text, &WEEKDAYS)?),
            Item::Hour => self.hour = text.up_to(2)?,
            Item::HourOf12 => {
                self.hour = text.up_to(2).filter(|hour| (1..=12).contains(hour))?;
                self.is_hour_of_12 = true;
            }
            Item::HalfOfDay => self.is_afternoon = half_of_day(text)?,
            Item::Minute => self.minute = text.up_to(2)?,
            Item::Second => self.second = text.up_to(2)?,
            Item::Fraction => (self.fraction_ms, self.is_rounded) = text.fraction()?,
            Item::PointAndFraction => {
                if text.next_is(b'.') {
                    (self.fraction_ms, self.is_rounded) = text.fraction()?;
                }
            }
            Item::Offset => self.zone = text.offset()?,
            Item::ZoneName => self.zone = zone_name(text)?,
            Item::Epoch => self.epoch = Some(epoch(text)?),
        }
        Some(())
    }

    /// Combines the components to a time.
    pub(super) fn finish(self) -> Option<Local> {
        if !self.text.0.is_empty() {
            return None;
        }
        if let Some((seconds, is_negative)) = self.epoch {
            let ms = seconds.checked_mul(1000)?.checked_add(self.fraction_ms)?;
            let ms = if is_negative { -ms - i64::from(self.is_rounded) } else { ms };
            return Some(Local { ms, is_rounded: self.is_rounded, is_leap: false, zone: Zone::Zulu });
        }
        let day = self.day()?;
        let hour = match (self.is_hour_of_12, self.is_afternoon) {
            (false, _) => self.hour,
            (true, false) => self.hour % 12,
            (true, true) => self.hour % 12 + 12,
        };
        let (of_day_ms, is_leap) = time_of_day(hour, self.minute, self.second, self.fraction_ms)?;
        Some(Local { ms: day * DAY_MS + of_day_ms, is_rounded: self.is_rounded, is_leap, zone: self.zone })
    }

    /// Returns the days since 1970; components that are not given are the first. A weekday that does not match the
    /// date is an error.
    fn day(&self) -> Option<i64> {
        if let (Some(year), Some(week)) = (self.iso_year, self.week) {
            return day_of_week(year, week, self.weekday.unwrap_or(1));
        }
        let year = self.year?;
        let day = match (self.day_of_year, self.quarter) {
            (Some(ordinal), _) => day_of_year(year, ordinal)?,
            (None, Some(quarter @ 1..=4)) => day_of(year, quarter * 3 - 2, 1)?,
            (None, Some(_)) => return None,
            (None, None) => day_of(year, self.month.unwrap_or(1), self.day.unwrap_or(1))?,
        };
        self.weekday.is_none_or(|weekday| weekday == weekday_of(day)).then_some(day)
    }
}

/// Reads a name, or its first three letters, in any case; returns its ordinal, counted from 1.
fn name_in(text: &mut Cursor<'_>, names: &[&str]) -> Option<u32> {
    let starts_with =
        |name: &str| text.0.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()));
    let whole = names.iter().position(|name| starts_with(name));
    let (at, len) = match whole {
        Some(at) => (at, names[at].len()),
        None => (names.iter().position(|name| starts_with(&name[..3]))?, 3),
    };
    text.0 = &text.0[len..];
    Some(at as u32 + 1)
}

/// Reads `AM`, `pm` or `a.m.`; returns true for the afternoon.
fn half_of_day(text: &mut Cursor<'_>) -> Option<bool> {
    let forms = [("am", false), ("pm", true), ("a.m.", false), ("p.m.", true)];
    let is_at_start =
        |form: &str| text.0.get(..form.len()).is_some_and(|start| start.eq_ignore_ascii_case(form.as_bytes()));
    let (form, is_afternoon) = forms.into_iter().find(|(form, _)| is_at_start(form))?;
    text.0 = &text.0[form.len()..];
    Some(is_afternoon)
}

/// Reads a name of the zone database, or an offset. Abbreviations other than UTC are refused: `CST` is three zones.
fn zone_name(text: &mut Cursor<'_>) -> Option<Zone> {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"/_-+:".contains(byte);
    let len = text.0.iter().take_while(|byte| is_of_name(byte)).count();
    let (name, rest) = text.0.split_at(len);
    let name = std::str::from_utf8(name).ok()?;
    text.0 = rest;
    match name {
        "Z" | "UTC" | "GMT" => Some(Zone::Zulu),
        name if name.contains('/') || name.starts_with(['+', '-']) => named_zone(name).map(Zone::Named),
        _ => None,
    }
}

/// Reads seconds without their sign, and the sign separately: a fraction may follow, and `-0.5` has a sign.
fn epoch(text: &mut Cursor<'_>) -> Option<(i64, bool)> {
    let is_negative = text.next_is(b'-');
    let len = text.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.0.split_at(len);
    text.0 = rest;
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, is_negative))
}
