//! Writes the files of one partition: raw and rollup, as Tailor parts or as Parquet.
//!
//! An object is created with its first series, so that an empty partition leaves none.

use format::part::{PartKind, PartWriter, RollupColumns};
use interchange::parquet::ParquetWriter;
use interchange::{Raw, RawRows, Rollup, RollupRows, RowSink, WriteError};
use model::{Encoding, ObjectEntry, OutputFormat, SeriesKey};
use storage::Root;
use storage::object::ObjectWriter;
use tokio::runtime::Handle;

use crate::WorkError;

/// Bytes that are buffered before a write to the store.
const FLUSH_BYTES: usize = 256 << 10;

/// File that is being written.
pub(crate) struct Output {
    target: Target,
    file: Option<File>,
    format: OutputFormat,
    encoding: Encoding,
    kind: PartKind,
    open: Option<SeriesKey>,
}

/// Location of the file.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Root of the dataset.
    pub(crate) root: Root,
    /// The key under it.
    pub(crate) key: String,
    /// Runtime that drives the store.
    pub(crate) runtime: Handle,
    /// Bytes of one part of its upload.
    pub(crate) upload_part_bytes: usize,
}

struct File {
    writer: ObjectWriter,
    sink: Sink,
}

enum Sink {
    Part(Box<PartWriter>),
    RawParquet(Box<dyn RowSink<Raw>>),
    RollupParquet(Box<dyn RowSink<Rollup>>),
}

impl Output {
    /// Creates a file that is begun with its first series.
    pub(crate) fn new(target: Target, kind: PartKind, format: OutputFormat, encoding: Encoding) -> Self {
        Self { target, file: None, format, encoding, kind, open: None }
    }

    fn file(&mut self) -> Result<&mut File, WorkError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let Target { root, key, runtime, upload_part_bytes } = &self.target;
                let writer = ObjectWriter::begin(root, key, runtime)?.in_parts_of(*upload_part_bytes);
                File { writer, sink: Sink::new(self.kind, self.format, self.encoding) }
            }
        };
        Ok(self.file.insert(file))
    }

    /// Adds points of a series to a raw file; keys ascend, a series may come in several stretches.
    pub(crate) fn append(&mut self, key: SeriesKey, timestamps: &[i64], values: &[f64]) -> Result<(), WorkError> {
        let begins = self.open.replace(key) != Some(key);
        let object = self.target.key.clone();
        match &mut self.file()?.sink {
            Sink::Part(writer) => {
                if begins {
                    writer.begin_series(key);
                }
                writer.append(timestamps, values);
                Ok(())
            }
            Sink::RawParquet(sink) => {
                let rows = RawRows { timestamps_ms: timestamps, values };
                sink.append(key, rows).map_err(|error| parquet(object, &error))
            }
            Sink::RollupParquet(_) => unreachable!("points go to raw files"),
        }
    }

    /// Adds rows of a series to a rollup file.
    pub(crate) fn append_rows(&mut self, key: SeriesKey, rows: &RollupColumns) -> Result<(), WorkError> {
        let begins = self.open.replace(key) != Some(key);
        let object = self.target.key.clone();
        match &mut self.file()?.sink {
            Sink::Part(writer) => {
                if begins {
                    writer.begin_series(key);
                }
                writer.append_rollup(rows);
                Ok(())
            }
            Sink::RollupParquet(sink) => sink.append(key, table_rows(rows)).map_err(|error| parquet(object, &error)),
            Sink::RawParquet(_) => unreachable!("rows go to rollup files"),
        }
    }

    /// Ends the open series, if there is one.
    pub(crate) fn end_series(&mut self, metadata: &[u8]) {
        if self.open.take().is_none() {
            return;
        }
        if let Some(File { sink: Sink::Part(writer), .. }) = &mut self.file {
            writer.end_series(metadata);
        }
    }

    /// Sends the bytes that are final, once they are worth a write.
    pub(crate) fn flush(&mut self) -> Result<(), WorkError> {
        let Some(File { writer, sink }) = &mut self.file else { return Ok(()) };
        let bytes = match sink {
            Sink::Part(part) if part.buffered_bytes() < FLUSH_BYTES => return Ok(()),
            Sink::Part(part) => part.take(),
            Sink::RawParquet(sink) => sink.take(),
            Sink::RollupParquet(sink) => sink.take(),
        };
        if !bytes.is_empty() {
            writer.write(&bytes)?;
        }
        Ok(())
    }

    /// Completes the file; none if it was never begun.
    pub(crate) fn finish(self) -> Result<Option<ObjectEntry>, WorkError> {
        let Some(File { mut writer, sink }) = self.file else { return Ok(None) };
        let bytes = match sink {
            Sink::Part(part) => part.finish().0,
            Sink::RawParquet(sink) => sink.finish().map_err(|error| parquet(self.target.key, &error))?.0,
            Sink::RollupParquet(sink) => sink.finish().map_err(|error| parquet(self.target.key, &error))?.0,
        };
        writer.write(&bytes)?;
        let object = writer.finish()?;
        Ok(Some(ObjectEntry { key: object.key, size: object.size, digest: object.digest }))
    }
}

impl Sink {
    fn new(kind: PartKind, format: OutputFormat, encoding: Encoding) -> Self {
        match (format, kind) {
            (OutputFormat::Part, _) => Self::Part(Box::new(PartWriter::new(kind, encoding))),
            (OutputFormat::Parquet, PartKind::Raw) => Self::RawParquet(Box::new(ParquetWriter::new())),
            (OutputFormat::Parquet, PartKind::Rollup(_)) => Self::RollupParquet(Box::new(ParquetWriter::new())),
        }
    }
}

fn table_rows(rows: &RollupColumns) -> RollupRows<'_> {
    RollupRows {
        bucket_start_ms: &rows.bucket_start_ms,
        count: &rows.count,
        sum: &rows.sum,
        min: &rows.min,
        max: &rows.max,
        first: &rows.first,
        last: &rows.last,
    }
}

fn parquet(object: String, error: &WriteError) -> WorkError {
    WorkError::Parquet { object, cause: error.to_string(), violates: error.violates() }
}
