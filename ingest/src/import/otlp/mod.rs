//! Import of OpenTelemetry metrics, in every form that collectors write (`messages`): protobuf or JSON; behind
//! lengths, one on a line, or alone; plain or compressed with zstd or gzip, message by message or as a stream.
//!
//! A series is a metric's name, unit, type, temporality and monotonicity, and the attributes of its resource, scope
//! and point, each in its place (`stream`). Delta points that lie in one millisecond are added up (`delta`).
//!
//! | metric | becomes |
//! |---|---|
//! | gauge, sum | `<name>` |
//! | histogram | `<name>.count`, `<name>.sum`, and `<name>.bucket` with the attribute `le`: how many were at most that much |
//! | exponential histogram, summary | `<name>.count`, `<name>.sum` |
//!
//! Data that are left out are counted by reason (`LeftOut`): a histogram's minimum and maximum, exponential buckets,
//! quantiles, exemplars, points flagged as having no value, points without a time. Descriptions and start times are
//! not kept. Nanoseconds are rounded down to milliseconds. Integers become doubles; those past 2^53 that are not
//! exact are counted. A message that occurs twice in a file is read once (`repeats`).

mod delta; //    points of one millisecond
mod json; //     OTLP/JSON
mod messages; // the forms of files
mod points;
mod repeats; //  messages that come a second time
mod stream; //   what a series is

use model::digest::Digest;

pub use points::LeftOut;

use messages::read_messages;
use points::MetricsReader;

use super::importing::{ImportOutcome, Importing, Listener, Rerun};
use super::input::{Content, FoundFile, InputFile, name_files};
use super::sink::Sink;
use super::{ImportBooks, ImportError, Target};

/// Endings of the files that a folder is searched for.
pub const EXTENSIONS: [&str; 3] = [".otlp.pb", ".otlp.json", ".otlp.jsonl"];

/// Summary of an import of OTLP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OtlpSummary {
    /// Files, books, and totals.
    pub outcome: ImportOutcome,
    /// Details that the books do not have.
    pub details: Details,
}

/// Details of an import that its books do not have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// Number of messages.
    pub messages: u64,
    /// Number of data points of any kind.
    pub data_points: u64,
    /// Number of integers that are not exact as doubles.
    pub integers_inexact: u64,
    /// Counts of data that were not imported.
    pub left_out: LeftOut,
}

/// Imports OTLP files, one after another, in the order of arrival. Blocks.
///
/// # Errors
/// See [`ImportError`].
pub fn import_otlp(
    files: &[FoundFile],
    target: &Target<'_>,
    rerun: Rerun,
    listener: &mut Listener<'_>,
) -> Result<OtlpSummary, ImportError> {
    let mut details = Details::default();
    let mut importing = Importing::begin(target, rerun, Digest::of(b"otlp 3"), listener)?;
    for file in name_files(files, &EXTENSIONS)? {
        importing.import(&file, |file, content, sink, _| import_file(file, content, sink, &mut details))?;
    }
    Ok(OtlpSummary { outcome: importing.finish()?, details })
}

fn import_file(
    file: &InputFile,
    content: Content,
    sink: &mut Sink<'_>,
    details: &mut Details,
) -> Result<ImportBooks, ImportError> {
    let mut reader = MetricsReader::new(sink, details);
    read_messages(file, content, &mut reader)?;
    reader.finish()
}

#[cfg(test)]
mod promises;
#[cfg(test)]
mod tests;
