//! OpenTelemetry's metrics, as protobuf: files of `[u32 big-endian length][MetricsData]`, one after another, as they are or
//! compressed with zstd or gzip.
//!
//! A series is a metric's name and the attributes of its resource, scope and point together. Where an outer attribute is
//! shadowed by an inner one of another value, it is kept as `resource.<key>` or `scope.<key>`; a scope that has a name
//! is the attribute `otel.scope.name`, and its version `otel.scope.version`.
//!
//! | metric | becomes |
//! |---|---|
//! | gauge, sum | `<name>` |
//! | histogram | `<name>.count`, `<name>.sum`, and `<name>.bucket` with the attribute `le`: how many were at most that much |
//! | exponential histogram, summary | `<name>.count`, `<name>.sum` |
//!
//! What is left out is counted by reason (`LeftOut`): a histogram's minimum and maximum, exponential buckets,
//! quantiles, exemplars, points that say that there is no value. Units, descriptions, start times, temporality and
//! monotonicity are not kept. Nanoseconds are rounded down to milliseconds. Integers become doubles; those past 2^53
//! that are not exact are counted.

mod attributes;
mod points;

use std::io::Read;

use model::digest::Digest;
use opentelemetry_proto::tonic::metrics::v1::MetricsData;
use prost::Message;

pub use points::LeftOut;

use points::MetricsReader;

use super::importing::{Importing, Listener, Outcome, Rerun};
use super::input::{Content, FoundFile, InputFile, name_files};
use super::sink::Sink;
use super::{Books, ImportError, Target};

/// What a folder is searched for.
pub const EXTENSIONS: [&str; 1] = [".otlp.pb"];

/// Longest message, in bytes: collectors send a few megabytes; what is longer is a wrong length.
const MESSAGE_BYTES_MAX: u32 = 256 << 20;

/// What an import of OTLP found and wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OtlpSummary {
    /// Files, books, and what was written.
    pub outcome: Outcome,
    /// What the books do not say.
    pub details: Details,
}

/// What the books of an import do not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// Messages.
    pub messages: u64,
    /// Data points of any kind.
    pub data_points: u64,
    /// Integers that are not exact as doubles.
    pub integers_inexact: u64,
    /// What was not imported.
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
    let mut importing = Importing::begin(target, rerun, Digest::of(b"otlp"), listener)?;
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
) -> Result<Books, ImportError> {
    let mut books = Books::default();
    let mut content = content.start.as_slice().chain(content.rest);
    let mut message = Vec::new();
    let mut offset = 0;
    while let Some(length) = read_message(file, &mut content, offset, &mut message)? {
        let metrics = MetricsData::decode(message.as_slice())
            .map_err(|error| file.malformed(format!("the message at byte {offset} is not MetricsData: {error}")))?;
        MetricsReader::new(sink, details, &mut books).read(metrics)?;
        details.messages += 1;
        offset += length;
    }
    Ok(books)
}

/// Reads the message at `offset` (of the decompressed content), and returns how long it is with its length.
fn read_message(
    file: &InputFile,
    content: &mut impl Read,
    offset: u64,
    message: &mut Vec<u8>,
) -> Result<Option<u64>, ImportError> {
    let mut header = Vec::new();
    let read = content.by_ref().take(4).read_to_end(&mut header);
    read.map_err(|source| file.cannot_read(source))?;
    if header.is_empty() {
        return Ok(None);
    }
    let cut = || file.malformed(format!("it ends inside the message at byte {offset}; copy it again"));
    let length = u32::from_be_bytes(header.try_into().map_err(|_| cut())?);
    if length > MESSAGE_BYTES_MAX {
        let cause = format!("the message at byte {offset} says that it has {length} bytes, over {MESSAGE_BYTES_MAX}");
        return Err(file.malformed(cause));
    }
    message.clear();
    let read = content.by_ref().take(u64::from(length)).read_to_end(message);
    read.map_err(|source| file.cannot_read(source))?;
    if message.len() < length as usize { Err(cut()) } else { Ok(Some(4 + u64::from(length))) }
}

#[cfg(test)]
mod tests;
