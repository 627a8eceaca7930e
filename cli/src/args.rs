//! What commands share: output format, times, windows.

use std::str::FromStr;

use clap::ValueEnum;
use jiff::Timestamp;
use model::admission::check_reason;
use model::{TimestampMs, Window};

/// How results are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputStyle {
    /// For people.
    #[default]
    Table,
    /// One documented, versioned object.
    Json,
}

/// How what the cluster knows is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListStyle {
    /// For people.
    #[default]
    Table,
    /// The same with more columns.
    Wide,
    /// One documented, versioned object.
    Json,
    /// Names alone, one a line, as other verbs take them.
    Name,
}

/// `-o`, for every verb on the cluster.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Output {
    /// How to show the result.
    #[arg(id = "output", short, long = "output", value_name = "OUTPUT", value_enum, default_value_t)]
    pub(crate) style: ListStyle,
}

/// A reason, as long and as plain as one may be.
pub(crate) fn reason(text: &str) -> Result<String, String> {
    check_reason(text).map_err(|error| error.reason)?;
    Ok(text.to_owned())
}

/// An instant, in RFC 3339.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instant(pub(crate) TimestampMs);

impl FromStr for Instant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed: Result<Timestamp, _> = text.parse();
        parsed
            .map(|at| Self(at.as_millisecond()))
            .map_err(|_| format!("'{text}' is not a time: give RFC 3339 with a zone, such as 2026-01-01T00:00:00Z"))
    }
}

/// A window: `START/END` or `START/DURATION`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowArg(pub(crate) Window);

impl FromStr for WindowArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (start, end) = text.split_once('/').ok_or_else(|| {
            format!("'{text}' is not a window: give START/END or START/DURATION, such as 2026-01-01T00:00:00Z/4h")
        })?;
        let Instant(start_ms) = start.parse()?;
        let end_ms = match model::time::parse_duration(end) {
            Ok(duration) => start_ms.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
            Err(_) => end.parse::<Instant>()?.0,
        };
        let window = Window::new(start_ms, end_ms);
        window.map(Self).map_err(|_| format!("window '{text}' ends no later than it starts"))
    }
}

/// A window of a dataset: as [`WindowArg`], or `all`, or in the milliseconds that keys and listings show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowName(pub(crate) Window);

impl FromStr for WindowName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).or_else(|_| text.parse::<WindowArg>().map(|window| Self(window.0)))
    }
}

/// An instant as people read it; milliseconds where it is beyond the calendar.
pub(crate) fn shown(at: TimestampMs) -> String {
    Timestamp::from_millisecond(at).map_or_else(|_| format!("{at}ms"), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_an_end_or_a_duration() {
        let window = |text: &str| text.parse::<WindowArg>().map(|window| (window.0.start_ms, window.0.end_ms));
        assert_eq!(window("1970-01-01T00:00:01Z/1970-01-01T00:00:02Z"), Ok((1000, 2000)));
        assert_eq!(window("1970-01-01T01:00:00+01:00/4h"), Ok((0, 14_400_000)));
        for text in ["", "1970-01-01T00:00:01Z", "1970-01-01T00:00:01Z/1970-01-01T00:00:01Z", "1970-01-01/4h", "x/4h"] {
            assert!(window(text).is_err(), "{text}");
        }
    }
}
