//! Formats that a text may have, for messages and previews. An import never guesses.

use super::{Pattern, TimeFormat, UnixUnit, epoch, iso};

/// Patterns that are common in files, the usual ones first.
const PATTERNS: [&str; 37] = [
    "%Y-%m",
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%Y-%m-%d %I:%M:%S %p",
    "%Y-%m-%d-%H",
    "%Y-%m-%d %k",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y%m%dT%H%M%S%z",
    "%Y%m%dT%H%M%S",
    "%Y%m%d%H%M%S",
    "%Y%m%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%y",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d-%m-%Y",
    "%d-%m-%Y %H:%M:%S",
    "%b %d %Y",
    "%b %d, %Y",
    "%d %b %Y",
    "%b-%d-%Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %Y",
    "%d/%b/%Y:%H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a %b %d %H:%M:%S %Y",
    "%YQ%q",
];

/// Range in which a plain number may be a time: 1990 to 2070.
const PLAUSIBLE_MS: std::ops::Range<i64> = 631_152_000_000..3_155_760_000_000;

/// Returns the formats in which `text` can be read, as `--time-format` accepts them.
pub(in crate::import::csv) fn formats(text: &[u8]) -> Vec<String> {
    let text = text.trim_ascii();
    if iso::read(text).is_some() {
        return vec![TimeFormat::Rfc3339.to_string()];
    }
    let is_year = text.len() == 4 && text.iter().all(u8::is_ascii_digit);
    if is_year && (1500..2500).contains(&std::str::from_utf8(text).map_or(0, |year| year.parse().unwrap_or(0))) {
        return vec!["%Y".to_owned()];
    }
    let units = [UnixUnit::Seconds, UnixUnit::Millis, UnixUnit::Micros, UnixUnit::Nanos];
    let is_plausible = |unit: &UnixUnit| epoch::read(text, *unit).is_some_and(|(ms, _)| PLAUSIBLE_MS.contains(&ms));
    let reads = |pattern: &&str| {
        let compiled: Option<Pattern> = pattern.parse().ok();
        compiled.is_some_and(|pattern| pattern.read(text).is_some())
    };
    let mut formats: Vec<String> =
        PATTERNS.iter().filter(|pattern| reads(pattern)).map(|pattern| (*pattern).to_owned()).collect();
    if formats.is_empty() {
        formats.extend(units.into_iter().filter(is_plausible).map(|unit| unit.name().to_owned()));
    }
    formats
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for pattern in PATTERNS {
            pattern.parse::<Pattern>().unwrap_or_else(|error| panic!("{error}"));
        }
    }

    #[test]
    fn a_text_has_the_formats_that_it_can_be_read_in() {
        let cases: [(&str, &[&str]); 11] = [
            ("2026-01-01T00:00:00Z", &["rfc3339"]),
            ("1949-01", &["%Y-%m"]),
            ("1970", &["%Y"]),
            ("2024Q3", &["%YQ%q"]),
            ("1700000000", &["unix-s"]),
            ("1700000000000", &["unix-ms"]),
            ("20240131", &["%Y%m%d"]),
            ("01.02.2026 10:00", &["%d.%m.%Y %H:%M"]),
            ("03/04/2026", &["%m/%d/%Y", "%d/%m/%Y"]),
            ("13/04/2026", &["%d/%m/%Y"]),
            ("nonsense", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(formats(text.as_bytes()), expected, "{text}");
        }
    }
}
