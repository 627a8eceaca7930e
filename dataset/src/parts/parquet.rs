//! The points of one Parquet part.
//!
//! The object is held whole while it is read: partitions are some tens of megabytes, and the reader wants random access
//! without waiting. Parquet parts carry no metadata of series, and no checksums of pages: a flipped bit of a double would be
//! another double. So the digest that the manifest has of the object is checked before anything is read from it.

use std::collections::VecDeque;

use format::digest::Digest;
use format::manifest::ObjectEntry;
use futures::FutureExt;
use futures::future::BoxFuture;
use interchange::parquet::{RawBatch, RawParquetReader};
use model::{ByteRange, Columns, SeriesKey};

use super::{Parts, RowFilter, wanted_rows};
use crate::error::DatasetError;
use crate::rows::{Chunk, ChunkSource, Rows};

pub(super) struct ParquetChunks {
    parts: Parts,
    object: ObjectEntry,
    filter: RowFilter,
    reader: Option<RawParquetReader>,
    batch: RawBatch,
    /// Chunks of the batch that was read last.
    decoded: VecDeque<Chunk>,
}

impl ParquetChunks {
    pub(super) fn new(parts: Parts, object: ObjectEntry, filter: RowFilter) -> Self {
        let (batch, decoded) = (RawBatch::default(), VecDeque::new());
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
                reader.insert(RawParquetReader::open(bytes).map_err(damaged)?)
            }
        };
        if !reader.read_batch(&mut self.batch).map_err(damaged)? {
            return Ok(false);
        }
        let batch = &self.batch;
        let key = |at: usize| SeriesKey::new(batch.org_ids[at], batch.metric_ids[at]);
        let mut start = 0;
        while start < batch.values.len() {
            let series = key(start);
            let end = (start..batch.values.len()).find(|at| key(*at) != series).unwrap_or(batch.values.len());
            if self.filter.key.is_none_or(|wanted| wanted == series) {
                let (timestamps, values) =
                    (batch.timestamps_ms[start..end].to_vec(), batch.values[start..end].to_vec());
                let rows = wanted_rows(Rows::Points(Columns { timestamps, values }), &self.filter);
                if !rows.is_empty() {
                    self.decoded.push_back(Chunk { key: series, metadata: None, rows });
                }
            }
            start = end;
        }
        Ok(true)
    }
}

impl ChunkSource for ParquetChunks {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>, DatasetError>> {
        self.next_chunk().boxed()
    }
}
