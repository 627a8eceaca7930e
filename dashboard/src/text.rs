//! Text for people: numbers, spans, instants, and names that strangers chose.

use std::borrow::Cow;
use std::time::Duration;

use model::admission::is_unprintable;
use model::{ByteSize, Window};

/// Longest text that a cell shows at once, in letters; the rest opens on demand.
pub(crate) const CELL_LETTERS_MAX: usize = 160;

/// Longest text that a page shows at all, in letters. JSON has the whole.
pub(crate) const TEXT_LETTERS_MAX: usize = 4000;

/// Spells out control characters and those that change the direction of writing, as `\u202e`; keeps ends of lines.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let is_spelt_out = |letter: char| is_unprintable(letter) && letter != '\n';
    if !text.contains(is_spelt_out) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match is_spelt_out(letter) {
            true => shown.push_str(&format!("\\u{:04x}", u32::from(letter))),
            false => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// Cuts a text after `letters_max` letters; returns the kept part, and true if any were cut.
pub(crate) fn cut(text: &str, letters_max: usize) -> (&str, bool) {
    match text.char_indices().nth(letters_max) {
        Some((at, _)) => (&text[..at], true),
        None => (text, false),
    }
}

/// Formats a number in groups of three digits: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// Formats bytes with a unit, with one decimal at most: `1.5 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let text = ByteSize(bytes).to_string();
    let unit = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    format!("{} {}", &text[..unit], &text[unit..])
}

/// Formats a duration: `850 ms`, `42 s`, `3 min 07 s`, `2 h 05 min`, `3 d 04 h`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {:02} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Formats milliseconds as [`span`].
pub(crate) fn span_ms(ms: u64) -> String {
    span(Duration::from_millis(ms))
}

/// Formats an instant in RFC 3339, in UTC; none for 0, which stands for none, and beyond the years that can be written.
pub(crate) fn instant(at_ms: i64) -> Option<String> {
    let at = jiff::Timestamp::from_second(at_ms.div_euclid(1000)).ok().filter(|_| at_ms != 0)?;
    Some(at.to_string())
}

/// Formats a window, which the wire has as `all` or START-END in milliseconds.
pub(crate) fn window(window: &str) -> String {
    let ends = window.parse::<Window>().ok().filter(|window| !window.is_all());
    let ends = ends.and_then(|window| Some((instant(window.start_ms)?, instant(window.end_ms)?)));
    ends.map_or_else(|| window.to_owned(), |(start, end)| format!("{start} to {end}"))
}

/// Formats `part` of `whole` in whole percent; `whole` of 0 gives nothing.
pub(crate) fn percent(part: u64, whole: u64) -> Option<u64> {
    (whole > 0).then(|| (part.min(whole) as f64 / whole as f64 * 100.0) as u64)
}

/// Formats a ratio to two digits that matter: `3.4`, `12`.
pub(crate) fn ratio(ratio: f64) -> String {
    if ratio >= 10.0 { format!("{ratio:.0}") } else { format!("{ratio:.1}") }
}

/// Formats a count with its noun: `1 shard`, `3 shards`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_steer_are_spelt_out_and_long_texts_are_cut_between_letters() {
        assert_eq!(printable("a\0b\u{202e}c\nd"), "a\\u0000b\\u202ec\nd");
        assert_eq!(cut("äöü", 2), ("äö", true));
        assert_eq!(cut("äöü", 3), ("äöü", false));
    }

    #[test]
    fn numbers_are_grouped_and_spans_have_two_units() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([850, 42_000, 187_000, 7_500_000].map(span_ms), ["850 ms", "42 s", "3 min 07 s", "2 h 05 min"]);
        assert_eq!((bytes(1536), bytes(12)), ("1.5 KiB".to_owned(), "12 B".to_owned()));
        assert_eq!((percent(1, 3), percent(5, 0)), (Some(33), None));
        assert_eq!((counted(1, "shard"), counted(1200, "shard")), ("1 shard".to_owned(), "1,200 shards".to_owned()));
    }
}
