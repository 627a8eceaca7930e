//! Makes one chunk of a segment: its frames and their points.

use model::TimestampMs;

use super::damage::DamageKind;
use super::emission::Emission;
use super::plan::{Planted, SegmentPlan};
use super::random::{derive, draw, happens};
use super::series::{Points, Series};
use super::settings::GenSettings;
use super::summary::GenTotals;
use crate::segment::FrameEncoder;

/// Number of older points that a correcting payload sends again.
const CORRECTED_POINTS: usize = 3;

/// Frames, ready to be appended.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) frames: Vec<u8>,
    pub(super) totals: GenTotals,
    /// Damages: kind, offset in `frames`, and length.
    pub(super) damages: Vec<(DamageKind, usize, usize)>,
}

/// Makes chunks; one for each thread.
#[derive(Debug)]
pub(super) struct ChunkMaker<'a> {
    settings: &'a GenSettings,
    encoder: FrameEncoder,
    points: Points,
    older: Points,
    metadata: Vec<u8>,
}

impl<'a> ChunkMaker<'a> {
    pub(super) fn new(settings: &'a GenSettings) -> Self {
        Self {
            settings,
            encoder: FrameEncoder::new(settings.zstd_level),
            points: Points::default(),
            older: Points::default(),
            metadata: Vec::new(),
        }
    }

    /// Makes the chunk `ordinal` of `segment`.
    pub(super) fn make(&mut self, segment: &SegmentPlan<'_>, ordinal: u64) -> Chunk {
        let mut chunk = Chunk::default();
        if let Some(payloads) = &segment.payloads {
            let emissions = payloads.order.emissions(ordinal);
            for (position, emission) in emissions.into_iter().enumerate() {
                let planted = segment.planted_before(position).filter(|_| ordinal == 0);
                planted.into_iter().for_each(|planted| self.put_damage(segment, planted, &mut chunk));
                let series = Series::new(self.settings, payloads.stream, emission.series);
                self.put_payload(&series, emission, &mut chunk);
            }
        } else {
            chunk.damages.push((DamageKind::EmptySegment, 0, 0));
        }
        if ordinal + 1 == segment.chunks() {
            segment.ending.into_iter().for_each(|planted| self.put_damage(segment, planted, &mut chunk));
        }
        chunk
    }

    fn put_payload(&mut self, series: &Series, emission: Emission, chunk: &mut Chunk) {
        self.points.clear();
        series.write(emission.slice, &mut self.points);
        let unique = self.points.timestamps.len() as u64;
        if self.corrects(series, emission) {
            self.put_corrections(series, emission.slice - 1);
        }
        self.metadata.clear();
        series.write_metadata(&mut self.metadata);
        let Points { timestamps, values } = &self.points;
        self.encoder.payload(series.key, timestamps, values, &self.metadata, &mut chunk.frames);
        let emitted = timestamps.len() as u64;
        chunk.totals.payloads += 1;
        chunk.totals.points_emitted += emitted;
        chunk.totals.corrections += emitted - unique;
        if emission.again {
            chunk.totals.payloads_again += 1;
        } else {
            chunk.totals.points_unique += unique;
            chunk.totals.series += u64::from(emission.slice == 0);
        }
    }

    fn corrects(&self, series: &Series, emission: Emission) -> bool {
        emission.slice > 0
            && happens(derive(series.seed, draw::CORRECTION + emission.slice), self.settings.correction_share)
    }

    /// Sends the last points of an earlier slice again, with other values.
    fn put_corrections(&mut self, series: &Series, slice: u64) {
        self.older.clear();
        series.write(slice, &mut self.older);
        let first = self.older.timestamps.len().saturating_sub(CORRECTED_POINTS);
        self.points.timestamps.extend_from_slice(&self.older.timestamps[first..]);
        self.points.values.extend(self.older.values[first..].iter().map(|value| value + 1.0));
    }

    fn put_damage(&mut self, segment: &SegmentPlan<'_>, planted: Planted, chunk: &mut Chunk) {
        let offset = chunk.frames.len();
        let start_ms: TimestampMs = self.settings.start_ms;
        planted.kind.write(segment.shard, start_ms, planted.ordinal, &mut self.encoder, &mut chunk.frames);
        chunk.damages.push((planted.kind, offset, chunk.frames.len() - offset));
    }
}
