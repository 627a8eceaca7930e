//! The writer of either table, in any format.

use interchange::csv::CsvWriter;
use interchange::jsonl::JsonLinesWriter;
use interchange::parquet::ParquetWriter;
use interchange::{Raw, RawRows, Rollup, RollupRows, RowSink, RowSummary, Table, WriteError};

use super::{ExportFormat, ExportOptions};
use crate::metadata::{json_of, text_of};
use crate::rows::{Chunk, Rows};

/// The writer of either table.
pub(super) enum Sink {
    Raw(Box<dyn RowSink<Raw>>),
    Rollup(Box<dyn RowSink<Rollup>>),
}

impl Sink {
    pub(super) fn new(options: &ExportOptions) -> Self {
        match options.rollup {
            None => Self::Raw(writer(options)),
            Some(_) => Self::Rollup(writer(options)),
        }
    }

    /// Tells the metadata of the series whose rows follow.
    pub(super) fn describe(&mut self, metadata: Option<&[u8]>, format: ExportFormat) {
        let text = metadata.map(text_of).map(|text| match format {
            ExportFormat::JsonLines { .. } => json_of(&text).to_string(),
            ExportFormat::Parquet | ExportFormat::Csv { .. } => text,
        });
        match self {
            Self::Raw(sink) => sink.describe(text.as_deref()),
            Self::Rollup(sink) => sink.describe(text.as_deref()),
        }
    }

    pub(super) fn append(&mut self, chunk: &Chunk) -> Result<(), WriteError> {
        match (self, &chunk.rows) {
            (Self::Raw(sink), Rows::Points(points)) => {
                sink.append(chunk.key, RawRows { timestamps_ms: &points.timestamps, values: &points.values })
            }
            (Self::Rollup(sink), Rows::Buckets(buckets)) => {
                let rows = RollupRows {
                    bucket_start_ms: &buckets.bucket_start_ms,
                    count: &buckets.count,
                    sum: &buckets.sum,
                    min: &buckets.min,
                    max: &buckets.max,
                    first: &buckets.first,
                    last: &buckets.last,
                };
                sink.append(chunk.key, rows)
            }
            _ => unreachable!("parts of one kind were merged: their readers check it"),
        }
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Raw(sink) => sink.take(),
            Self::Rollup(sink) => sink.take(),
        }
    }

    pub(super) fn finish(self) -> Result<(Vec<u8>, RowSummary), WriteError> {
        match self {
            Self::Raw(sink) => sink.finish(),
            Self::Rollup(sink) => sink.finish(),
        }
    }
}

fn writer<T: Table>(options: &ExportOptions) -> Box<dyn RowSink<T>> {
    match (options.format, options.with_metadata) {
        (ExportFormat::Parquet, false) => Box::new(ParquetWriter::new()),
        (ExportFormat::Parquet, true) => Box::new(ParquetWriter::with_metadata()),
        (ExportFormat::Csv { timestamps }, false) => Box::new(CsvWriter::new(timestamps)),
        (ExportFormat::Csv { timestamps }, true) => Box::new(CsvWriter::with_metadata(timestamps)),
        (ExportFormat::JsonLines { timestamps }, with_metadata) => {
            Box::new(JsonLinesWriter::new(timestamps, with_metadata))
        }
    }
}
