//! Options that commands share: output format, times, windows.

mod window;

use clap::ValueEnum;
use jiff::Timestamp;
use model::TimestampMs;
use model::admission::check_reason;

pub(crate) use window::{Instant, WindowArg};

/// How results are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputStyle {
    /// For people.
    #[default]
    Table,
    /// One documented, versioned object.
    Json,
}

/// Output of rows, of which there may be more than one object should hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowStyle {
    /// For people.
    #[default]
    Table,
    /// JSON lines: one documented, versioned object a line; `json` is the same.
    #[value(alias = "json")]
    Jsonl,
}

/// Output of the cluster's state.
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

/// An instant as people read it; milliseconds where it is beyond the calendar.
pub(crate) fn shown(at: TimestampMs) -> String {
    Timestamp::from_millisecond(at).map_or_else(|_| format!("{at}ms"), |at| at.to_string())
}
