//! Streams the rows of one Parquet part: points, or buckets.
//!
//! The object is held in memory while it is read: partitions have some tens of megabytes, and the reader needs random
//! access without waiting. Parquet parts carry no metadata of series and no checksums of pages, so a flipped bit of a
//! double would be another double. Therefore the object is first checked against the digest in the manifest.

use std::collections::VecDeque;
use std::ops::Range;

use format::digest::Digest;
use format::manifest::ObjectEntry;
use format::part::RollupColumns;
use futures::FutureExt;
use futures::future::BoxFuture;
use interchange::parquet::{Batch, ParquetReader};
use interchange::{Raw, RawBuffer, Rollup, RollupBuffer, Table};
use model::{ByteRange, Columns, SeriesKey};

use super::{Parts, RowFilter, wanted_rows};
use crate::error::DatasetError;
use crate::rows::{Chunk, ChunkSource, Rows};

/// Table whose rows are cut into chunks.
pub(super) trait Cut: Table {
    fn cut(rows: &Self::Buffer, range: Range<usize>) -> Rows;
}

impl Cut for Raw {
    fn cut(rows: &RawBuffer, range: Range<usize>) -> Rows {
        let (timestamps, values) = (rows.timestamps_ms[range.clone()].to_vec(), rows.values[range].to_vec());
        Rows::Points(Columns { timestamps, values })
    }
}

impl Cut for Rollup {
    fn cut(rows: &RollupBuffer, range: Range<usize>) -> Rows {
        let doubles = |column: &[f64]| column[range.clone()].to_vec();
        Rows::Buckets(RollupColumns {
            bucket_start_ms: rows.bucket_start_ms[range.clone()].to_vec(),
            count: rows.count[range.clone()].to_vec(),
            sum: doubles(&rows.sum),
            min: doubles(&rows.min),
            max: doubles(&rows.max),
            first: doubles(&rows.first),
            last: doubles(&rows.last),
        })
    }
}

pub(super) struct ParquetChunks<T: Cut> {
    parts: Parts,
    object: ObjectEntry,
    filter: RowFilter,
    reader: Option<ParquetReader<T>>,
    batch: Batch<T::Buffer>,
    /// Chunks of the latest batch.
    decoded: VecDeque<Chunk>,
}

impl<T: Cut> ParquetChunks<T> {
    pub(super) fn new(parts: Parts, object: ObjectEntry, filter: RowFilter) -> Self {
        let (batch, decoded) = (Batch::default(), VecDeque::new());
        Self { parts, object, filter, reader: None, batch, decoded }
    }

    async fn next_chunk(&mut self) -> Result<Option<Chunk>, DatasetError> {
        loop {
            if let Some(chunk) = self.decoded.pop_front() {
                return Ok(Some(chunk));
            }
            if !self.read_batch().await? {
                return Ok(None);
            }
        }
    }

    /// Reads the next batch and cuts it into series; `false` after the last.
    async fn read_batch(&mut self) -> Result<bool, DatasetError> {
        let damaged = |source| DatasetError::Parquet { object: self.parts.root.object(&self.object.key), source };
        let reader = match &mut self.reader {
            Some(reader) => reader,
            reader => {
                let bytes = self.parts.read(&self.object.key, ByteRange::new(0, self.object.size)).await?;
                let (found, expected) = (Digest::of(&bytes), self.object.digest);
                if found != expected {
                    let fact = format!("has the digest {found}, its manifest says {expected}");
                    return Err(DatasetError::ObjectDamaged { object: self.parts.root.object(&self.object.key), fact });
                }
                reader.insert(ParquetReader::open(bytes).map_err(damaged)?)
            }
        };
        if !reader.read_batch(&mut self.batch).map_err(damaged)? {
            return Ok(false);
        }
        self.cut_batch();
        Ok(true)
    }

    fn cut_batch(&mut self) {
        let batch = &self.batch;
        let rows = batch.org_ids.len();
        let key = |at: usize| SeriesKey::new(batch.org_ids[at], batch.metric_ids[at]);
        let mut start = 0;
        while start < rows {
            let series = key(start);
            let end = (start..rows).find(|at| key(*at) != series).unwrap_or(rows);
            if self.filter.key.is_none_or(|wanted| wanted == series) {
                let rows = wanted_rows(T::cut(&batch.rows, start..end), &self.filter);
                if !rows.is_empty() {
                    self.decoded.push_back(Chunk { key: series, metadata: None, rows });
                }
            }
            start = end;
        }
    }
}

impl<T: Cut> ChunkSource for ParquetChunks<T> {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>, DatasetError>> {
        self.next_chunk().boxed()
    }
}
