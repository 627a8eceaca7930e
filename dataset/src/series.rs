//! Lists the series of a dataset from the directories of its parts, without decoding points.
//!
//! Series come by window, shard and partition, and inside a partition by organisation and metric. A series that
//! several windows hold comes once for each.

use std::ops::ControlFlow;

use format::manifest::{Manifest, ObjectEntry, PartitionEntry};
use format::part::{Block, PartKind};
use model::{OrgId, OutputFormat, SeriesKey, ShardId, TimestampMs, Window};
use serde::Serialize;

use crate::catalog::{Catalog, Selection};
use crate::error::DatasetError;
use crate::metadata::{self, text_of};
use crate::parts::{PartReader, Parts};

/// Series to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesOptions {
    /// Windows and shards to list.
    pub selection: Selection,
    /// Only the series of this organisation.
    pub org: Option<OrgId>,
    /// True to read metadata too; it lies beside the points, so whole blocks are read for it.
    pub with_metadata: bool,
}

/// Series of one window and shard; a line of `tailor dataset series -o jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeriesRow {
    /// Organisation and metric of the series.
    #[serde(flatten)]
    pub key: SeriesKey,
    /// Window of the points.
    pub window: Window,
    /// Shard that holds it.
    pub shard: ShardId,
    /// Number of points.
    pub points: u64,
    /// Timestamp of the first point.
    pub first_ms: TimestampMs,
    /// Timestamp of the last point.
    pub last_ms: TimestampMs,
    /// Metadata: as it is if it is text, else with escapes; none if it was not read. In JSON, an object if it is the text
    /// of one.
    #[serde(serialize_with = "metadata::serialize")]
    pub metadata: Option<String>,
}

/// Callback that gets every series, and may stop the listing.
pub type OnSeries<'a> = dyn FnMut(SeriesRow) -> ControlFlow<()> + Send + 'a;

/// Lists the series of the current manifests.
///
/// # Errors
/// [`DatasetError::NoManifest`] if nothing is selected; a damaged part is named.
pub async fn list_series(
    catalog: &Catalog,
    parts: &Parts,
    options: &SeriesOptions,
    on_series: &mut OnSeries<'_>,
) -> Result<(), DatasetError> {
    for manifest in catalog.current(&options.selection).await? {
        for entry in manifest.partitions.iter().filter(|entry| may_hold(entry, options.org)) {
            let Some(object) = &entry.raw else { continue };
            let mut listing = Listing { manifest: &manifest, options, open: None, on_series };
            let flow = match manifest.settings.format {
                OutputFormat::Part => listing.directories(parts, object).await?,
                OutputFormat::Parquet => listing.rows(parts, entry).await?,
            };
            if flow.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn may_hold(entry: &PartitionEntry, org: Option<OrgId>) -> bool {
    let holds = |org: OrgId| entry.extent.is_some_and(|extent| (extent.org_min..=extent.org_max).contains(&org.0));
    org.is_none_or(holds)
}

/// Listing of one part; a series that continues in the next block stays open.
struct Listing<'a, 'v> {
    manifest: &'a Manifest,
    options: &'a SeriesOptions,
    open: Option<SeriesRow>,
    on_series: &'a mut OnSeries<'v>,
}

/// Facts about a series from one block, or from one chunk of rows.
struct Piece {
    key: SeriesKey,
    points: u64,
    first_ms: TimestampMs,
    last_ms: TimestampMs,
    metadata: Option<String>,
}

impl Listing<'_, '_> {
    async fn directories(&mut self, parts: &Parts, object: &ObjectEntry) -> Result<ControlFlow<()>, DatasetError> {
        let mut reader = PartReader::open(parts, object).await?;
        reader.check_kind(PartKind::Raw)?;
        let blocks = reader.footer().blocks();
        let org = self.options.org;
        let start = org.map_or(0, |org| blocks.partition_point(|block| block.last_key.org < org));
        let end = org.map_or(blocks.len(), |org| blocks.partition_point(|block| block.first_key.org <= org));
        for ordinal in start..end {
            let pieces = match self.options.with_metadata {
                true => {
                    let bytes = reader.block(ordinal, start..end).await?;
                    let block =
                        Block::open(reader.footer(), ordinal, &bytes).map_err(|source| reader.damaged(source))?;
                    let metadata = |index| block.metadata(index).map(text_of);
                    pieces(block.directory(), metadata)
                }
                false => pieces(&reader.directory(ordinal).await?, |_| None),
            };
            for piece in pieces {
                if self.add(piece).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(self.close())
    }

    /// Counts the rows of a Parquet part, which has no directory.
    async fn rows(&mut self, parts: &Parts, entry: &PartitionEntry) -> Result<ControlFlow<()>, DatasetError> {
        let mut source = parts.raw_of(OutputFormat::Parquet, Some(entry));
        while let Some(chunk) = source.next().await? {
            let timestamps = chunk.rows.timestamps();
            let (Some(first), Some(last)) = (timestamps.first(), timestamps.last()) else { continue };
            let (points, first_ms, last_ms) = (timestamps.len() as u64, *first, *last);
            if self.add(Piece { key: chunk.key, points, first_ms, last_ms, metadata: None }).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(self.close())
    }

    fn add(&mut self, piece: Piece) -> ControlFlow<()> {
        if self.options.org.is_some_and(|org| org != piece.key.org) {
            return ControlFlow::Continue(());
        }
        if let Some(open) = self.open.as_mut().filter(|open| open.key == piece.key) {
            open.points += piece.points;
            open.last_ms = piece.last_ms;
            open.metadata = piece.metadata.or(open.metadata.take());
            return ControlFlow::Continue(());
        }
        let flow = self.close();
        let Piece { key, points, first_ms, last_ms, metadata } = piece;
        let (window, shard) = (self.manifest.window, self.manifest.shard);
        self.open = Some(SeriesRow { key, window, shard, points, first_ms, last_ms, metadata });
        flow
    }

    fn close(&mut self) -> ControlFlow<()> {
        self.open.take().map_or(ControlFlow::Continue(()), &mut self.on_series)
    }
}

fn pieces(directory: &format::part::Directory, metadata: impl Fn(usize) -> Option<String>) -> Vec<Piece> {
    let piece = |(index, entry): (usize, &format::part::SeriesEntry)| Piece {
        key: entry.key,
        points: entry.points as u64,
        first_ms: entry.first_ms,
        last_ms: entry.last_ms,
        metadata: metadata(index),
    };
    directory.series().enumerate().map(piece).collect()
}

#[cfg(test)]
mod tests;
