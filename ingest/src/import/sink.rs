//! Gathers points into payloads and payloads into segments, for one input file.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use model::limits::PAYLOAD_POINTS_MAX;
use model::{MetricId, SeriesKey, TimestampMs};
use storage::StorageError;

use super::{ImportError, SeriesIdentity, Target};
use crate::segment::{FrameEncoder, SegmentWriter};

/// Points that wait for their payload to fill, over all series, before all are flushed: 64 MiB of columns.
const WAITING_POINTS_MAX: usize = 4 << 20;

/// Frames that are gathered before the writer gets them, in bytes.
const FRAMES_BYTES: u64 = 1 << 20;

/// What an import wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Distinct metrics.
    pub series: u64,
    /// Points.
    pub points: u64,
    /// Payloads.
    pub payloads: u64,
    /// Segments.
    pub segments: u64,
    /// Their size.
    pub bytes: u64,
}

/// A series and its points that wait. The metadata stays with it: it is in every payload.
#[derive(Debug)]
struct Waiting {
    identity: SeriesIdentity,
    timestamps: Vec<TimestampMs>,
    values: Vec<f64>,
}

/// Handle of a series in a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SeriesHandle(usize);

/// Every series that an import has seen, over all its files.
#[derive(Debug, Default)]
pub(super) struct SeriesSeen {
    handles: HashMap<MetricId, SeriesHandle>,
    waiting: Vec<Waiting>,
}

impl SeriesSeen {
    pub(super) fn count(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// The handle of a series, which is new or known.
    pub(super) fn intern(&mut self, identity: SeriesIdentity) -> Result<SeriesHandle, ImportError> {
        let Self { handles, waiting } = self;
        match handles.entry(identity.metric) {
            Entry::Vacant(entry) => {
                let handle = SeriesHandle(waiting.len());
                entry.insert(handle);
                waiting.push(Waiting { identity, timestamps: Vec::new(), values: Vec::new() });
                Ok(handle)
            }
            Entry::Occupied(entry) => {
                let handle = *entry.get();
                let known = &waiting[handle.0].identity;
                if known.metadata == identity.metadata {
                    return Ok(handle);
                }
                let text = |identity: &SeriesIdentity| String::from_utf8_lossy(&identity.metadata).into_owned();
                Err(ImportError::Collision { metric: identity.metric, first: text(known), second: text(&identity) })
            }
        }
    }
}

/// Takes the points of one input file.
pub(super) struct Sink<'a> {
    target: &'a Target<'a>,
    stem: String,
    pub(super) series: &'a mut SeriesSeen,
    encoder: FrameEncoder,
    frames: Vec<u8>,
    writer: Option<SegmentWriter>,
    waiting_points: usize,
    imported: Imported,
}

impl<'a> Sink<'a> {
    /// For the file `stem`, which must not have been imported before.
    pub(super) fn new(target: &'a Target<'a>, stem: &str, series: &'a mut SeriesSeen) -> Result<Self, ImportError> {
        let sink = Self {
            target,
            stem: stem.to_owned(),
            series,
            encoder: FrameEncoder::new(FrameEncoder::LEVEL),
            frames: Vec::new(),
            writer: None,
            waiting_points: 0,
            imported: Imported::default(),
        };
        let (output, first) = (target.output, sink.key());
        match output.wait(output.root().head(&first)) {
            Ok(_) => Err(ImportError::ImportedBefore { object: output.root().object(&first) }),
            Err(StorageError::NotFound { .. }) => Ok(sink),
            Err(error) => Err(error.into()),
        }
    }

    /// Key of the segment that comes next.
    fn key(&self) -> String {
        format!("shard={}/import/{}-{:04}.seg", self.target.shard(), self.stem, self.imported.segments)
    }

    /// Takes one point.
    pub(super) fn push(
        &mut self,
        series: SeriesHandle,
        timestamp: TimestampMs,
        value: f64,
    ) -> Result<(), StorageError> {
        let waiting = &mut self.series.waiting[series.0];
        waiting.timestamps.push(timestamp);
        waiting.values.push(value);
        self.waiting_points += 1;
        if waiting.values.len() >= self.target.payload_points.clamp(1, PAYLOAD_POINTS_MAX) {
            self.flush(series)
        } else if self.waiting_points >= WAITING_POINTS_MAX {
            self.flush_all()
        } else {
            Ok(())
        }
    }

    /// Makes a payload of what waits.
    fn flush(&mut self, series: SeriesHandle) -> Result<(), StorageError> {
        let waiting = &mut self.series.waiting[series.0];
        if waiting.values.is_empty() {
            return Ok(());
        }
        let key = SeriesKey { org: self.target.org, metric: waiting.identity.metric };
        let metadata = &waiting.identity.metadata;
        self.encoder.payload(key, &waiting.timestamps, &waiting.values, metadata, &mut self.frames);
        self.imported.payloads += 1;
        self.imported.points += waiting.values.len() as u64;
        self.waiting_points -= waiting.values.len();
        waiting.timestamps.clear();
        waiting.values.clear();
        let is_enough = self.frames.len() as u64 >= FRAMES_BYTES.min(self.target.segment_bytes);
        if is_enough { self.write_frames() } else { Ok(()) }
    }

    fn flush_all(&mut self) -> Result<(), StorageError> {
        (0..self.series.waiting.len()).try_for_each(|index| self.flush(SeriesHandle(index)))
    }

    fn write_frames(&mut self) -> Result<(), StorageError> {
        let key = self.key();
        let writer = self.writer.get_or_insert_with(|| SegmentWriter::new(self.target.output, key));
        writer.append(&self.frames)?;
        self.frames.clear();
        if writer.size_bytes() >= self.target.segment_bytes { self.end_segment() } else { Ok(()) }
    }

    fn end_segment(&mut self) -> Result<(), StorageError> {
        if let Some(writer) = self.writer.take() {
            self.imported.bytes += writer.finish()?;
            self.imported.segments += 1;
        }
        Ok(())
    }

    /// Writes what waits, and adds what the file gave to `imported`.
    pub(super) fn finish(mut self, imported: &mut Imported) -> Result<(), StorageError> {
        self.flush_all()?;
        if !self.frames.is_empty() {
            self.write_frames()?;
        }
        self.end_segment()?;
        imported.series = self.series.count();
        imported.points += self.imported.points;
        imported.payloads += self.imported.payloads;
        imported.segments += self.imported.segments;
        imported.bytes += self.imported.bytes;
        Ok(())
    }
}
