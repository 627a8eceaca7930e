//! Spills the shuffle buffer: sorts its series, makes the chunks of each ascend without overlap, writes the slices.
//!
//! Chunks mostly ascend already, and are copied as they are. Where some of one series overlap (a re-sent payload, a
//! late one), just those are decoded, merged in source order and packed again. What is too much to merge at once goes
//! to further layers of the spill (see `format::run`).

use format::column::{ColumnDecoder, ColumnEncoder, Encoding};
use format::run::ChunkHeader;
use model::Columns;
use model::limits::CHUNK_POINTS_MAX;

use super::buffer::{Chunk, Series, ShuffleBuffer};
use crate::WorkError;
use crate::run_writer::RunWriter;

/// Chunks of one series that overlap in time, and so must be merged; or one that stands alone.
type Cluster = Vec<Chunk>;

/// Spills buffers; keeps what that takes.
#[derive(Debug)]
pub(crate) struct Spiller {
    overlap_points_max: usize,
    decoder: ColumnDecoder,
    encoder: ColumnEncoder,
    columns: Columns,
    sorted: Columns,
    order: Vec<u32>,
    body: Vec<u8>,
}

/// The share of a cluster that a later layer writes.
struct Deferred {
    slot: u32,
    groups: Vec<Cluster>,
}

impl Spiller {
    /// A spiller that sorts at most `overlap_points_max` points of one series at once.
    pub(crate) fn new(overlap_points_max: usize) -> Self {
        Self {
            overlap_points_max,
            decoder: ColumnDecoder::new(),
            encoder: ColumnEncoder::new(),
            columns: Columns::default(),
            sorted: Columns::default(),
            order: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Writes everything in `buffer` to `run` as spill number `spill`, and empties the buffer.
    pub(crate) fn spill(
        &mut self,
        buffer: &mut ShuffleBuffer,
        run: &mut RunWriter,
        spill: u32,
    ) -> Result<(), WorkError> {
        let mut deferred = Vec::new();
        let mut chunks = Vec::new();
        for slot in buffer.ordered_series() {
            let series = buffer.series(slot);
            if run.open_partition() != Some(series.partition) {
                run.begin_slice(series.partition, spill, 0)?;
            }
            chunks.clear();
            chunks.extend(buffer.chunks_of(series).copied());
            let later = self.write_series(buffer, run, series, &mut chunks)?;
            if !later.is_empty() {
                deferred.push(Deferred { slot, groups: later });
            }
        }
        self.write_layers(buffer, run, spill, deferred)?;
        run.close_slice()?;
        buffer.clear();
        Ok(())
    }

    /// Writes one series to the open slice; returns what a later layer has to write, in source order.
    fn write_series(
        &mut self,
        buffer: &ShuffleBuffer,
        run: &mut RunWriter,
        series: &Series,
        chunks: &mut [Chunk],
    ) -> Result<Vec<Cluster>, WorkError> {
        let mut later = Vec::new();
        run.begin_series(series.key, buffer.metadata(series));
        if is_ascending(chunks) {
            for chunk in chunks.iter() {
                run.chunk(&chunk.header, buffer.body(chunk))?;
            }
        } else {
            for cluster in clusters(chunks) {
                let mut groups = groups(cluster, self.overlap_points_max);
                let first = groups.remove(0);
                self.write_cluster(buffer, run, &first)?;
                later.append(&mut groups);
            }
        }
        run.end_series();
        Ok(later)
    }

    /// Each layer takes one more group of every series that has any left.
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
                self.write_cluster(buffer, run, &groups.remove(0))?;
                run.end_series();
            }
            deferred.retain(|deferred| !deferred.groups.is_empty());
            layer += 1;
        }
        Ok(())
    }

    fn write_cluster(
        &mut self,
        buffer: &ShuffleBuffer,
        run: &mut RunWriter,
        cluster: &[Chunk],
    ) -> Result<(), WorkError> {
        if let [chunk] = cluster {
            return run.chunk(&chunk.header, buffer.body(chunk));
        }
        self.columns.clear();
        for chunk in cluster {
            let (mut body, points) = (buffer.body(chunk), chunk.header.points);
            let decoded = self.decoder.timestamps(&mut body, points, &mut self.columns.timestamps);
            let decoded = decoded.and_then(|()| self.decoder.values(&mut body, points, &mut self.columns.values));
            decoded.expect("a chunk that this thread packed unpacks");
        }
        self.sort();
        let columns = std::mem::take(&mut self.sorted);
        for (timestamps, values) in
            columns.timestamps.chunks(CHUNK_POINTS_MAX).zip(columns.values.chunks(CHUNK_POINTS_MAX))
        {
            let header = pack(&mut self.encoder, timestamps, values, &mut self.body);
            run.chunk(&header, &self.body)?;
        }
        self.sorted = columns;
        Ok(())
    }

    /// Sorts by time; equal timestamps stay in source order.
    fn sort(&mut self) {
        let Columns { timestamps, values } = &self.columns;
        self.order.clear();
        self.order.extend(0..timestamps.len() as u32);
        self.order.sort_by_key(|at| timestamps[*at as usize]);
        self.sorted.clear();
        self.sorted.timestamps.extend(self.order.iter().map(|at| timestamps[*at as usize]));
        self.sorted.values.extend(self.order.iter().map(|at| values[*at as usize]));
    }
}

/// Packs ascending points into `body`, replacing what is there.
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

fn is_ascending(chunks: &[Chunk]) -> bool {
    chunks.windows(2).all(|pair| pair[0].header.last < pair[1].header.first)
}

/// Cuts the chunks into clusters that ascend without overlap; the chunks inside one stay in source order.
fn clusters(chunks: &mut [Chunk]) -> Vec<Cluster> {
    let mut ordered: Vec<(usize, Chunk)> = chunks.iter().copied().enumerate().collect();
    ordered.sort_by_key(|(position, chunk)| (chunk.header.first, *position));
    let mut clusters: Vec<Vec<(usize, Chunk)>> = Vec::new();
    let mut last = None;
    for (position, chunk) in ordered {
        match clusters.last_mut() {
            Some(cluster) if last >= Some(chunk.header.first) => cluster.push((position, chunk)),
            _ => clusters.push(vec![(position, chunk)]),
        }
        last = last.max(Some(chunk.header.last));
    }
    let in_source_order = |mut cluster: Vec<(usize, Chunk)>| {
        cluster.sort_unstable_by_key(|(position, _)| *position);
        cluster.into_iter().map(|(_, chunk)| chunk).collect()
    };
    clusters.into_iter().map(in_source_order).collect()
}

/// Cuts a cluster into stretches of source order of at most `points_max` points, or of one chunk.
fn groups(cluster: Cluster, points_max: usize) -> Vec<Cluster> {
    let mut groups = vec![Cluster::new()];
    let mut points = 0;
    for chunk in cluster {
        if points > 0 && points + chunk.header.points > points_max {
            groups.push(Cluster::new());
            points = 0;
        }
        points += chunk.header.points;
        if let Some(group) = groups.last_mut() {
            group.push(chunk);
        }
    }
    groups
}
