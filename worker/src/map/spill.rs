//! Spills the shuffle buffer: sorts its series, makes the chunks of each ascend without overlap, writes the slices.
//!
//! Most chunks already ascend and are copied as they are. If chunks of one series overlap (a re-sent payload, a late
//! one), just those are decoded, merged in source order and packed again. Points that exceed one merge go to further
//! layers of the spill (see `format::run`).

use std::collections::VecDeque;

use format::column::{ColumnDecoder, ColumnEncoder, Encoding};
use format::run::ChunkHeader;
use model::limits::CHUNK_POINTS_MAX;
use model::{Columns, TimestampMs};

use super::buffer::{Series, ShuffleBuffer};
use super::time_sort::TimeSort;
use crate::WorkError;
use crate::runs::RunWriter;

/// Chunks by their number in the buffer, in source order: either chunks of one series that overlap and are merged
/// together, or a single chunk.
type Group = Vec<u32>;

/// Spills buffers, and keeps its working memory.
#[derive(Debug)]
pub(crate) struct Spiller {
    overlap_points_max: usize,
    decoder: ColumnDecoder,
    encoder: ColumnEncoder,
    columns: Columns,
    by_time: TimeSort,
    chunks: Vec<u32>,
    body: Vec<u8>,
}

/// Room for the chunks of one series that is kept from spill to spill.
const CHUNKS_KEPT: usize = 64 << 10;

/// The share of a cluster that a later layer writes.
struct Deferred {
    slot: u32,
    groups: VecDeque<Group>,
}

impl Spiller {
    /// Creates a spiller that sorts at most `overlap_points_max` points of one series at once.
    pub(crate) fn new(overlap_points_max: usize) -> Self {
        Self {
            overlap_points_max,
            decoder: ColumnDecoder::new(),
            encoder: ColumnEncoder::new(),
            columns: Columns::default(),
            by_time: TimeSort::default(),
            chunks: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Writes the whole buffer to `run` as spill number `spill`, and empties it.
    pub(crate) fn spill(
        &mut self,
        buffer: &mut ShuffleBuffer,
        run: &mut RunWriter,
        spill: u32,
    ) -> Result<(), WorkError> {
        let mut deferred = Vec::new();
        let mut chunks = std::mem::take(&mut self.chunks);
        for slot in buffer.ordered_series() {
            let series = buffer.series(slot);
            if run.open_partition() != Some(series.partition) {
                run.begin_slice(series.partition, spill, 0)?;
            }
            chunks.clear();
            chunks.extend(buffer.chunks_of(series));
            let later = self.write_series(buffer, run, series, &mut chunks)?;
            if !later.is_empty() {
                deferred.push(Deferred { slot, groups: later });
            }
        }
        self.write_layers(buffer, run, spill, deferred)?;
        run.close_slice()?;
        buffer.clear();
        chunks.clear();
        // The size matches the buffer's own links: one number per chunk.
        chunks.shrink_to(CHUNKS_KEPT);
        self.chunks = chunks;
        Ok(())
    }

    /// Writes one series to the open slice; returns the groups that a later layer has to write, in source order.
    fn write_series(
        &mut self,
        buffer: &ShuffleBuffer,
        run: &mut RunWriter,
        series: &Series,
        chunks: &mut [u32],
    ) -> Result<VecDeque<Group>, WorkError> {
        let mut later = VecDeque::new();
        run.begin_series(series.key, buffer.metadata(series));
        if is_ascending(buffer, chunks) {
            for chunk in chunks.iter() {
                run.chunk(&buffer.header(*chunk), buffer.body(*chunk))?;
            }
        } else {
            chunks.sort_unstable_by_key(|chunk| (buffer.header(*chunk).first, *chunk));
            let mut rest = chunks;
            while !rest.is_empty() {
                let (cluster, after) = rest.split_at_mut(cluster_len(buffer, rest));
                rest = after;
                cluster.sort_unstable();
                let first = group_len(buffer, cluster, self.overlap_points_max);
                self.write_group(buffer, run, &cluster[..first])?;
                let mut deferred = &cluster[first..];
                while !deferred.is_empty() {
                    let (group, after) = deferred.split_at(group_len(buffer, deferred, self.overlap_points_max));
                    later.push_back(group.to_vec());
                    deferred = after;
                }
            }
        }
        run.end_series();
        Ok(later)
    }

    /// Writes the later layers. Each layer takes one more group of every series that has any left.
    fn write_layers(
        &mut self,
        buffer: &ShuffleBuffer,
        run: &mut RunWriter,
        spill: u32,
        mut deferred: Vec<Deferred>,
    ) -> Result<(), WorkError> {
        let mut layer = 1;
        while !deferred.is_empty() {
            run.close_slice()?;
            for Deferred { slot, groups } in &mut deferred {
                let series = buffer.series(*slot);
                if run.open_partition() != Some(series.partition) {
                    run.begin_slice(series.partition, spill, layer)?;
                }
                run.begin_series(series.key, buffer.metadata(series));
                self.write_group(buffer, run, &groups.pop_front().unwrap_or_default())?;
                run.end_series();
            }
            deferred.retain(|deferred| !deferred.groups.is_empty());
            layer += 1;
        }
        Ok(())
    }

    fn write_group(&mut self, buffer: &ShuffleBuffer, run: &mut RunWriter, group: &[u32]) -> Result<(), WorkError> {
        if let [chunk] = group {
            return run.chunk(&buffer.header(*chunk), buffer.body(*chunk));
        }
        self.columns.clear();
        for chunk in group {
            let (mut body, points) = (buffer.body(*chunk), buffer.header(*chunk).points);
            let decoded = self.decoder.timestamps(&mut body, points, &mut self.columns.timestamps);
            let decoded = decoded.and_then(|()| self.decoder.values(&mut body, points, &mut self.columns.values));
            decoded.expect("a chunk that this thread packed unpacks");
        }
        self.by_time.sort(&mut self.columns);
        let columns = std::mem::take(&mut self.columns);
        for (timestamps, values) in
            columns.timestamps.chunks(CHUNK_POINTS_MAX).zip(columns.values.chunks(CHUNK_POINTS_MAX))
        {
            let header = pack(&mut self.encoder, timestamps, values, &mut self.body);
            run.chunk(&header, &self.body)?;
        }
        self.columns = columns;
        Ok(())
    }
}

/// Packs ascending points into `body`, replacing its content.
pub(crate) fn pack(encoder: &mut ColumnEncoder, timestamps: &[i64], values: &[f64], body: &mut Vec<u8>) -> ChunkHeader {
    body.clear();
    encoder.timestamps(timestamps, Encoding::Packed, body);
    encoder.values(values, Encoding::Packed, body);
    ChunkHeader {
        points: timestamps.len(),
        is_strict: timestamps.windows(2).all(|pair| pair[0] < pair[1]),
        first: timestamps[0],
        last: timestamps[timestamps.len() - 1],
        body_len: body.len(),
    }
}

fn is_ascending(buffer: &ShuffleBuffer, chunks: &[u32]) -> bool {
    chunks.windows(2).all(|pair| buffer.header(pair[0]).last < buffer.header(pair[1]).first)
}

/// Counts the leading `chunks`, ordered by first timestamp, that overlap with the first of them directly or through
/// others. The chunks behind them ascend without overlap.
fn cluster_len(buffer: &ShuffleBuffer, chunks: &[u32]) -> usize {
    let mut last = TimestampMs::MIN;
    for (position, chunk) in chunks.iter().enumerate() {
        let header = buffer.header(*chunk);
        if position > 0 && header.first > last {
            return position;
        }
        last = last.max(header.last);
    }
    chunks.len()
}

/// Counts the leading `chunks` that together have at most `points_max` points; at least one.
fn group_len(buffer: &ShuffleBuffer, chunks: &[u32], points_max: usize) -> usize {
    let mut points = 0;
    for (position, chunk) in chunks.iter().enumerate() {
        points += buffer.header(*chunk).points;
        if position > 0 && points > points_max {
            return position;
        }
    }
    chunks.len()
}
