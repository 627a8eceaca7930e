//! Options that commands share: output format, times, windows.

mod prices;
mod window;

use clap::ValueEnum;
use jiff::Timestamp;
use model::TimestampMs;
use model::admission::check_reason;

pub(crate) use prices::Prices;
pub(crate) use window::{Instant, WindowArg};

/// Style of a result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputStyle {
    /// A table for people.
    #[default]
    Table,
    /// A documented, versioned JSON object.
    Json,
}

/// Style of rows, which may be too many for one object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowStyle {
    /// A table for people.
    #[default]
    Table,
    /// JSON lines: one documented, versioned object a line; `json` is the same.
    #[value(alias = "json")]
    Jsonl,
}

/// Style of the cluster's state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListStyle {
    /// A table for people.
    #[default]
    Table,
    /// A table with more columns.
    Wide,
    /// A documented, versioned JSON object.
    Json,
    /// Only names, one on a line, as other verbs accept them.
    Name,
}

/// The option `-o`, shared by every verb on the cluster.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Output {
    /// Style of the result.
    ///
    /// For example `-o json`.
    #[arg(id = "output", short, long = "output", value_name = "OUTPUT", value_enum, default_value_t)]
    pub(crate) style: ListStyle,
}

/// Checks a reason: bounded in length, without control characters.
pub(crate) fn reason(text: &str) -> Result<String, String> {
    check_reason(text).map_err(|error| error.reason)?;
    Ok(text.to_owned())
}

/// Formats an instant for people; in milliseconds if it is beyond the calendar.
pub(crate) fn shown(at: TimestampMs) -> String {
    Timestamp::from_millisecond(at).map_or_else(|_| format!("{at}ms"), |at| at.to_string())
}
