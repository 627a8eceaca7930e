//! RFC 3339 and RFC 9557, with parts that are often left out: the `T`, the zone, the seconds, the time of day.

use jiff::tz::TimeZone;

use super::calendar::{DAY_MS, day_of};
use super::place::named_zone;
use super::{Local, Zone};

/// Cursor over a text, from its start.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'t>(pub(super) &'t [u8]);

impl<'t> Cursor<'t> {
    #[inline]
    pub(super) fn next_is(&mut self, byte: u8) -> bool {
        match self.0 {
            [first, rest @ ..] if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// Reads a number of exactly `digits` digits.
    #[inline]
    pub(super) fn digits(&mut self, digits: usize) -> Option<u32> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        let mut value = 0;
        for byte in number {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value * 10 + u32::from(digit);
        }
        self.0 = rest;
        Some(value)
    }

    /// Reads a number of 1 to `most` digits.
    pub(super) fn up_to(&mut self, most: usize) -> Option<u32> {
        let count = self.0.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 { None } else { self.digits(count) }
    }

    /// Reads the digits of a fraction of a second. Returns milliseconds, and true if something finer is left.
    #[inline]
    pub(super) fn fraction(&mut self) -> Option<(i64, bool)> {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        let ms = |place: usize| i64::from(digits.get(place).map_or(0, |digit| digit - b'0'));
        let is_finer = digits.iter().skip(3).any(|digit| *digit != b'0');
        (count > 0).then(|| (ms(0) * 100 + ms(1) * 10 + ms(2), is_finer))
    }

    /// Reads `+01:00`, `+0100`, `+01`, `+01:00:30`, `Z`, `UTC` or `GMT`.
    pub(super) fn offset(&mut self) -> Option<Zone> {
        if self.next_is(b'Z') || self.next_is(b'z') {
            return Some(Zone::Zulu);
        }
        if let Some(rest) = [&b"UTC"[..], b"GMT"].iter().find_map(|name| self.0.strip_prefix(*name)) {
            self.0 = rest;
            return Some(Zone::Zulu);
        }
        let sign = match self.0.first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.0 = &self.0[1..];
        let hours = self.digits(2)?;
        let has_colon = self.next_is(b':');
        let minutes = match self.0.first() {
            Some(byte) if byte.is_ascii_digit() => self.digits(2)?,
            _ if has_colon => return None,
            _ => 0,
        };
        let seconds = if has_colon && self.next_is(b':') { self.digits(2)? } else { 0 };
        if hours > 23 || minutes > 59 || seconds > 59 {
            return None;
        }
        Some(Zone::Offset(sign * (hours * 3600 + minutes * 60 + seconds) as i32))
    }
}

/// Combines hour, minute and second of a day. Second 60 may be a leap second, and 24:00:00 is the next midnight.
#[inline]
pub(super) fn time_of_day(hour: u32, minute: u32, second: u32, fraction_ms: i64) -> Option<(i64, bool)> {
    if minute > 59 || second > 60 || hour > 24 {
        return None;
    }
    if hour == 24 && (minute, second, fraction_ms) != (0, 0, 0) {
        return None;
    }
    let is_leap = second == 60;
    let (second, ms) = if is_leap { (59, 999) } else { (second, fraction_ms) };
    Some(((i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)) * 1000 + ms, is_leap))
}

/// Reads a date, a time of day and a zone.
#[inline]
pub(super) fn read(text: &[u8]) -> Option<Local> {
    let mut text = Cursor(text);
    let year = text.digits(4)?;
    let month = text.next_is(b'-').then(|| text.digits(2))??;
    let day = text.next_is(b'-').then(|| text.digits(2))??;
    let day_ms = day_of(i64::from(year), month, day)? * DAY_MS;
    let mut local = Local { ms: day_ms, is_rounded: false, is_leap: false, zone: Zone::Unsaid };
    match text.0.first() {
        Some(b'T' | b't' | b' ') => text.0 = &text.0[1..],
        Some(b'[') => return zone(text, local),
        None => return Some(local),
        _ => return None,
    }
    let hour = text.digits(2)?;
    let minute = if text.next_is(b':') { text.digits(2)? } else { 0 };
    let mut second = 0;
    let mut fraction_ms = 0;
    if text.next_is(b':') {
        second = text.digits(2)?;
        if text.next_is(b'.') || text.next_is(b',') {
            (fraction_ms, local.is_rounded) = text.fraction()?;
        }
    }
    let (of_day_ms, is_leap) = time_of_day(hour, minute, second, fraction_ms)?;
    local.ms += of_day_ms;
    local.is_leap = is_leap;
    zone(text, local)
}

/// Reads the zone at the end of a text.
fn zone(mut text: Cursor<'_>, mut local: Local) -> Option<Local> {
    if text.0.is_empty() {
        return Some(local);
    }
    let has_space = text.next_is(b' ');
    if text.0.first() != Some(&b'[') {
        local.zone = text.offset()?;
    } else if has_space {
        return None;
    }
    if let Some(named) = annotations(text)? {
        local.zone = match local.zone {
            Zone::Offset(seconds) => Zone::Both(seconds, named),
            // The instant is given; the zone only says how to show it (RFC 9557 2.2).
            Zone::Zulu => Zone::Zulu,
            _ => Zone::Named(named),
        };
    }
    Some(local)
}

/// Reads `[Europe/Berlin]`, `[!Europe/Berlin]`, `[+01:00]`, and `[u-ca=gregory]`, which says nothing about the
/// instant.
fn annotations(mut text: Cursor<'_>) -> Option<Option<TimeZone>> {
    let mut named = None;
    while text.next_is(b'[') {
        let is_critical = text.next_is(b'!');
        let len = text.0.iter().position(|byte| *byte == b']')?;
        let (name, rest) = text.0.split_at(len);
        text.0 = &rest[1..];
        let name = std::str::from_utf8(name).ok()?;
        match (name.contains('='), is_critical, &named) {
            (true, false, _) => {}
            (false, _, None) => named = Some(named_zone(name)?),
            _ => return None,
        }
    }
    text.0.is_empty().then_some(named)
}
