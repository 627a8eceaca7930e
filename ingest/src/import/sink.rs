//! Gathers points into payloads and payloads into segments, for one input file.
//!
//! Nothing is visible before [`Sink::commit`]: segments are uploaded as they fill and completed together at the end, and the
//! file's receipt is whole after the last of them. A sink that is dropped leaves nothing behind.

use std::collections::BTreeMap;

use model::error::chain;
use model::limits::PAYLOAD_POINTS_MAX;
use model::{ShardId, TimestampMs};
use storage::StorageError;

use super::receipt::{Done, Placed, Receipt, Receipts, Source};
use super::series::{SeriesHandle, SeriesSeen};
use super::{ImportBooks, ImportError, Target};
use crate::segment::{FrameEncoder, SegmentWriter};

/// Most points that wait for full payloads, over all series, before all are flushed: 64 MiB of columns.
const WAITING_POINTS_MAX: usize = 4 << 20;

/// Size of the frames that are gathered before they go to the writer, in bytes.
const FRAMES_BYTES: u64 = 1 << 20;

/// Totals of an import's output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Number of distinct series that have a point.
    pub series: u64,
    /// Number of points.
    pub points: u64,
    /// Number of payloads.
    pub payloads: u64,
    /// Number of segments.
    pub segments: u64,
    /// Size of the segments in bytes.
    pub bytes: u64,
}

/// Sink for the points of one input file.
pub(super) struct Sink<'a> {
    target: &'a Target<'a>,
    pub(super) series: &'a mut SeriesSeen,
    receipts: &'a mut Receipts,
    receipt: Receipt,
    /// Receipt, begun with the first segment; or that of the import that is replaced.
    placed: Option<Placed>,
    /// True if `placed` belongs to an earlier import, which stays as it is until this one is complete.
    is_replacing: bool,
    encoder: FrameEncoder,
    shards: BTreeMap<ShardId, ShardOutput>,
    waiting_points: usize,
    imported: Imported,
}

/// Segments of one shard.
#[derive(Default)]
struct ShardOutput {
    frames: Vec<u8>,
    writer: Option<SegmentWriter>,
    /// Segments that are complete but not yet visible.
    ended: Vec<SegmentWriter>,
}

impl<'a> Sink<'a> {
    /// Creates a sink for the file that `receipt` names; `previous` is an earlier import of the file, which is
    /// replaced.
    pub(super) fn new(
        target: &'a Target<'a>,
        series: &'a mut SeriesSeen,
        receipts: &'a mut Receipts,
        receipt: Receipt,
        previous: Option<Placed>,
    ) -> Self {
        Self {
            target,
            series,
            receipts,
            receipt,
            is_replacing: previous.is_some(),
            placed: previous,
            encoder: FrameEncoder::new(FrameEncoder::LEVEL),
            shards: BTreeMap::new(),
            waiting_points: 0,
            imported: Imported::default(),
        }
    }

    /// Returns the target of the points.
    pub(super) fn target(&self) -> &'a Target<'a> {
        self.target
    }

    /// Adds a point to the payload of its series.
    #[inline]
    pub(super) fn push(&mut self, series: SeriesHandle, timestamp: TimestampMs, value: f64) -> Result<(), ImportError> {
        let waiting = self.series.add_point(series, timestamp, value);
        self.waiting_points += 1;
        if waiting >= self.target.payload_points.clamp(1, PAYLOAD_POINTS_MAX) {
            self.flush(series)
        } else if self.waiting_points >= WAITING_POINTS_MAX {
            self.flush_all()
        } else {
            Ok(())
        }
    }

    /// Builds a payload of the waiting points.
    fn flush(&mut self, series: SeriesHandle) -> Result<(), ImportError> {
        let waiting = self.series.waiting(series);
        let points = waiting.values.len();
        if points == 0 {
            return Ok(());
        }
        let shard = waiting.shard;
        let output = self.shards.entry(shard).or_default();
        self.encoder.payload(waiting.key, &waiting.timestamps, &waiting.values, &waiting.metadata, &mut output.frames);
        waiting.timestamps.clear();
        waiting.values.clear();
        self.imported.payloads += 1;
        self.imported.points += points as u64;
        self.waiting_points -= points;
        let is_enough = output.frames.len() as u64 >= FRAMES_BYTES.min(self.target.segment_bytes);
        if is_enough { self.write_frames(shard) } else { Ok(()) }
    }

    /// Flushes every series and frees its memory; otherwise many series would each keep room for a payload.
    fn flush_all(&mut self) -> Result<(), ImportError> {
        for series in self.series.handles() {
            self.flush(series)?;
            self.series.waiting(series).shrink();
        }
        Ok(())
    }

    fn write_frames(&mut self, shard: ShardId) -> Result<(), ImportError> {
        if self.placed.is_none() {
            self.placed = Some(self.receipts.begin(self.target.output, &self.receipt)?);
        }
        let placed = self.placed.as_ref().expect("begun above");
        let output = self.shards.entry(shard).or_default();
        let next = output.ended.len() as u32;
        let writer =
            output.writer.get_or_insert_with(|| SegmentWriter::new(self.target.output, placed.segment(shard, next)));
        writer.append(&output.frames)?;
        output.frames.clear();
        if writer.size_bytes() >= self.target.segment_bytes {
            output.end_segment()?
        }
        Ok(())
    }

    /// Writes the waiting points, checks `books`, and makes the segments and their receipt visible. After an error
    /// nothing of the file is left, as far as the store allows.
    pub(super) fn commit(mut self, mut books: ImportBooks, source: Source) -> Result<(Imported, Done), ImportError> {
        self.write_all(&mut books, source)
    }

    fn write_all(&mut self, books: &mut ImportBooks, source: Source) -> Result<(Imported, Done), ImportError> {
        self.flush_all()?;
        let shards: Vec<ShardId> = self.shards.keys().copied().collect();
        for shard in shards {
            if !self.shards[&shard].frames.is_empty() {
                self.write_frames(shard)?;
            }
        }
        books.values.written += self.imported.points;
        books.check().map_err(|accounts| ImportError::Unbalanced { name: self.receipt.name.clone(), accounts })?;
        let previous = self.make_room()?;
        let segments = self.complete_segments()?;
        let done = Done { source, segments, books: books.clone() };
        if let Some(placed) = &mut self.placed {
            for key in previous.iter().filter(|key| !done.segments.contains(key)) {
                self.target.output.wait(self.target.output.root().remove(key))?;
            }
            placed.finish(self.target.output, done.clone())?;
        }
        Ok((std::mem::take(&mut self.imported), done))
    }

    /// Marks an import that is replaced as not ended, before its first change; returns its segments.
    fn make_room(&mut self) -> Result<Vec<String>, ImportError> {
        match &mut self.placed {
            Some(placed) if self.is_replacing => {
                let segments = placed.segments(self.target.output)?;
                placed.reopen(self.target.output, &self.receipt)?;
                self.is_replacing = false;
                Ok(segments)
            }
            _ => Ok(Vec::new()),
        }
    }

    fn complete_segments(&mut self) -> Result<Vec<String>, ImportError> {
        let mut segments = Vec::new();
        for output in self.shards.values_mut() {
            output.end_segment()?;
            for writer in output.ended.drain(..) {
                segments.push(writer.key().to_owned());
                self.imported.bytes += writer.finish()?;
                self.imported.segments += 1;
            }
        }
        Ok(segments)
    }
}

impl ShardOutput {
    fn end_segment(&mut self) -> Result<(), StorageError> {
        if let Some(mut writer) = self.writer.take() {
            writer.upload_rest()?;
            self.ended.push(writer);
        }
        Ok(())
    }
}

/// Drops the waiting points: series live over all files of an import, and points of a failed file must not reach the
/// next one.
impl Drop for Sink<'_> {
    fn drop(&mut self) {
        for series in self.series.handles() {
            self.series.waiting(series).shrink();
        }
        let is_ours = |placed: &Placed| placed.receipt.done.is_none() && !self.is_replacing;
        let begun = self.placed.take().filter(is_ours);
        if let Some(placed) = begun {
            self.shards.clear();
            if let Err(error) = placed.remove(self.target.output) {
                tracing::warn!(
                    name = placed.receipt.name,
                    error = chain(&error),
                    "failed to remove the receipt of a failed import; `--resume` removes it"
                );
            }
        }
    }
}
