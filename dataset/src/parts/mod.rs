//! Opens the parts that manifests name, as sorted streams of rows, and counts the reads.
//!
//! A stream is opened when its first chunk is requested. It reads the footer from the object's tail, then blocks in
//! ranged reads of some megabytes; a part that fits into the tail is read in one request. A part in Tailor's own
//! format gives one series with two requests.

mod parquet;
mod part;
mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use format::manifest::{ObjectEntry, PartitionEntry};
use format::part::PartKind;
use futures::FutureExt;
use futures::future::BoxFuture;
use interchange::{Raw, Rollup};
use model::{ByteRange, OutputFormat, RollupStep, SeriesKey, TimestampMs};
use serde::Serialize;
use storage::{Root, StorageError};

pub(crate) use part::PartReader;

use crate::error::DatasetError;
use crate::rows::{Chunk, ChunkSource, Rows};

/// Bytes of one read, for a part that is read from end to end.
const READ_BYTES: u64 = 4 << 20;

/// Bytes that all parts of a merge read ahead together.
const READ_BYTES_TOTAL: u64 = 64 << 20;

/// Smallest read ahead: about one block.
const READ_BYTES_MIN: u64 = 128 << 10;

/// Requests and bytes of reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ReadStats {
    /// Requests to the store.
    pub requests: u64,
    /// Bytes that were returned.
    pub bytes: u64,
}

/// Reader of a dataset's parts.
#[derive(Debug, Clone)]
pub struct Parts {
    root: Root,
    read_bytes: u64,
    reads: Arc<Reads>,
}

#[derive(Debug, Default)]
struct Reads {
    requests: AtomicU64,
    bytes: AtomicU64,
}

/// Filter of a part's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowFilter {
    /// Only this series.
    pub key: Option<SeriesKey>,
    /// First instant of the range.
    pub from_ms: Option<TimestampMs>,
    /// First instant after the range.
    pub to_ms: Option<TimestampMs>,
}

impl RowFilter {
    /// Filter that keeps every row.
    pub const ALL: Self = Self { key: None, from_ms: None, to_ms: None };

    /// True if rows between two instants, both included, may be wanted.
    pub(crate) fn overlaps(&self, first_ms: TimestampMs, last_ms: TimestampMs) -> bool {
        self.from_ms.is_none_or(|from| last_ms >= from) && self.to_ms.is_none_or(|to| first_ms < to)
    }
}

impl Parts {
    /// Creates a reader of the parts under `root`.
    pub fn new(root: &Root) -> Self {
        Self { root: root.clone(), read_bytes: READ_BYTES, reads: Arc::default() }
    }

    /// Creates a reader for `count` parts at once, which reads less ahead for each.
    pub(crate) fn shared_among(&self, count: usize) -> Self {
        let read_bytes = (READ_BYTES_TOTAL / count.max(1) as u64).clamp(READ_BYTES_MIN, READ_BYTES);
        Self { read_bytes, ..self.clone() }
    }

    /// Returns the reads through this value and its clones.
    pub fn reads(&self) -> ReadStats {
        ReadStats {
            requests: self.reads.requests.load(Ordering::Relaxed),
            bytes: self.reads.bytes.load(Ordering::Relaxed),
        }
    }

    /// Returns the root of the dataset.
    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    /// Streams the rows of one part.
    pub(crate) fn rows(
        &self,
        format: OutputFormat,
        kind: PartKind,
        object: &ObjectEntry,
        filter: RowFilter,
    ) -> Box<dyn ChunkSource> {
        let (parts, object) = (self.clone(), object.clone());
        match (format, kind) {
            (OutputFormat::Part, kind) => Box::new(stream::PartChunks::new(parts, kind, object, filter)),
            (OutputFormat::Parquet, PartKind::Raw) => {
                Box::new(parquet::ParquetChunks::<Raw>::new(parts, object, filter))
            }
            (OutputFormat::Parquet, PartKind::Rollup(_)) => {
                Box::new(parquet::ParquetChunks::<Rollup>::new(parts, object, filter))
            }
        }
    }

    /// Streams the points of a partition; none if it has no part.
    pub(crate) fn raw_of(&self, format: OutputFormat, entry: Option<&PartitionEntry>) -> Box<dyn ChunkSource> {
        match entry.and_then(|entry| entry.raw.as_ref()) {
            Some(object) => self.rows(format, PartKind::Raw, object, RowFilter::ALL),
            None => Box::new(Nothing),
        }
    }

    /// Streams the rollup rows of a partition; none if it has no such part.
    pub(crate) fn rollup_of(
        &self,
        format: OutputFormat,
        entry: Option<&PartitionEntry>,
        step: RollupStep,
    ) -> Box<dyn ChunkSource> {
        match entry.and_then(|entry| entry.rollups.iter().find(|rollup| rollup.step == step)) {
            Some(rollup) => self.rows(format, PartKind::Rollup(step), &rollup.object, RowFilter::ALL),
            None => Box::new(Nothing),
        }
    }

    /// True if parts of a format carry the metadata of series.
    pub(crate) const fn has_metadata(format: OutputFormat) -> bool {
        matches!(format, OutputFormat::Part)
    }

    async fn read(&self, key: &str, range: ByteRange) -> Result<Bytes, DatasetError> {
        let bytes = match self.root.read_range(key, range.start, range.len() as usize).await {
            Ok(bytes) => bytes,
            Err(error) => return Err(self.unreadable(key, range, error).await),
        };
        self.reads.requests.fetch_add(1, Ordering::Relaxed);
        self.reads.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if bytes.len() as u64 == range.len() {
            return Ok(bytes);
        }
        let fact = format!("gave {} bytes for the range {range}", bytes.len());
        Err(DatasetError::ObjectDamaged { object: self.root.object(key), fact })
    }

    /// Classifies an error of a range: a range past the end of an object that was cut short is damage, whatever the
    /// store reports.
    async fn unreadable(&self, key: &str, range: ByteRange, error: StorageError) -> DatasetError {
        match (error, self.root.head(key).await) {
            (StorageError::NotFound { object }, _) => DatasetError::ObjectGone { object },
            (_, Ok(found)) if found.size < range.end => {
                let fact = format!("has {} bytes, {} and more were written", found.size, range.end);
                DatasetError::ObjectDamaged { object: self.root.object(key), fact }
            }
            (error, _) => error.into(),
        }
    }
}

/// Stream of a part that does not exist because it would be empty.
struct Nothing;

impl ChunkSource for Nothing {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>, DatasetError>> {
        async { Ok(None) }.boxed()
    }
}

fn wanted_rows(rows: Rows, filter: &RowFilter) -> Rows {
    let timestamps = rows.timestamps();
    let start = filter.from_ms.map_or(0, |from| timestamps.partition_point(|at| *at < from));
    let end = filter.to_ms.map_or(rows.len(), |to| timestamps.partition_point(|at| *at < to));
    if (start, end) == (0, rows.len()) { rows } else { rows.slice(start..end.max(start)) }
}
