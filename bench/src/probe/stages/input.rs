//! Measures the map side step by step, on the engine's own batches, which are small enough for the processor's cache.

use std::hint::black_box;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use format::column::{ColumnDecoder, ColumnEncoder, Encoding};
use format::frame::{FrameDecoder, Frames, SegmentBytes};
use format::payload::{Layout, PayloadReader};
use model::Columns;
use storage::segment::MappedSegment;

use super::Step;
use super::clock::{Clock, thread_cpu};
use crate::probe::segments;

/// Decoded bytes of a batch, as in the engine.
const BATCH_BYTES: usize = 128 << 10;

/// Segment bytes that are loaded before a batch is decoded.
const READ_AHEAD_BYTES: usize = 256 << 10;

/// Frames that are decoded with a context each: enough for a measurement.
const NEW_CONTEXT_FRAMES: u64 = 10_000;

/// Counts of frames and points.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) frames: u64,
    pub(super) points: u64,
}

/// Batch that passes through the steps.
#[derive(Debug, Default)]
struct Batch {
    frames: FrameDecoder,
    payloads: PayloadReader,
    contents: Vec<Range<usize>>,
    layouts: Vec<Layout>,
    encoder: ColumnEncoder,
    decoder: ColumnDecoder,
    columns: Columns,
    packed: Vec<u8>,
    /// Points of each packed chunk.
    chunks: Vec<usize>,
}

/// Runs the steps of the map side over every segment under `folder`.
pub(super) fn run(folder: &Path, clock: &mut Clock) -> Result<Counts> {
    let (mut batch, mut counts) = (Batch::default(), Counts::default());
    for segment in segments::open(folder)? {
        let mut segment = segment?;
        let size = segment.size();
        let mut frames = Frames::new(&mut segment, 0, size);
        while batch.decode(&mut frames, clock)? {
            clock.enter(Some(Step::Parse));
            batch.parse()?;
            clock.enter(Some(Step::Pack));
            batch.pack();
            clock.enter(Some(Step::Unpack));
            batch.unpack()?;
            clock.enter(None);
            counts.frames += batch.contents.len() as u64;
            counts.points += batch.chunks.iter().sum::<usize>() as u64;
        }
        clock.enter(None);
    }
    Ok(counts)
}

impl Batch {
    fn decode(&mut self, frames: &mut Frames<'_, MappedSegment>, clock: &mut Clock) -> Result<bool> {
        clock.enter(Some(Step::Read));
        frames.make_present(READ_AHEAD_BYTES)?;
        clock.enter(Some(Step::Decode));
        self.frames.clear();
        self.contents.clear();
        while self.frames.used() < BATCH_BYTES {
            let Some(frame) = frames.next()? else { break };
            let body = frame.body.ok().context("the segments are sound")?;
            self.contents.push(self.frames.decode_next(body).ok().context("the frames are sound")?);
        }
        Ok(!self.contents.is_empty())
    }

    fn parse(&mut self) -> Result<()> {
        self.payloads.clear();
        self.layouts.clear();
        for content in &self.contents {
            let layout = self.payloads.layout(&self.frames.contents()[content.clone()]);
            self.layouts.push(layout.ok().context("the payloads are sound")?);
        }
        Ok(())
    }

    fn pack(&mut self) {
        self.packed.clear();
        self.chunks.clear();
        for (content, layout) in self.contents.iter().zip(&self.layouts) {
            let payload = self.payloads.payload(layout, &self.frames.contents()[content.clone()]);
            self.columns.clear();
            self.columns.timestamps.extend(payload.timestamps());
            self.columns.values.extend(payload.values());
            self.encoder.timestamps(&self.columns.timestamps, Encoding::Packed, &mut self.packed);
            self.encoder.values(&self.columns.values, Encoding::Packed, &mut self.packed);
            self.chunks.push(payload.len());
        }
    }

    fn unpack(&mut self) -> Result<()> {
        self.columns.clear();
        let mut packed = self.packed.as_slice();
        for points in &self.chunks {
            self.decoder.timestamps(&mut packed, *points, &mut self.columns.timestamps)?;
            self.decoder.values(&mut packed, *points, &mut self.columns.values)?;
        }
        black_box(&self.columns);
        Ok(())
    }
}

/// Measures the CPU time of one frame that is decoded with a context of its own.
pub(super) fn new_context_a_frame(folder: &Path) -> Result<Duration> {
    let (mut cpu, mut decoded) = (Duration::ZERO, 0);
    for segment in segments::open(folder)? {
        let mut segment = segment?;
        let size = segment.size();
        let mut frames = Frames::new(&mut segment, 0, size);
        while let Some(frame) = frames.next()? {
            let body = frame.body.ok().context("the segments are sound")?;
            let started = thread_cpu();
            FrameDecoder::default().decode(body).ok().context("the frames are sound")?;
            cpu += thread_cpu() - started;
            decoded += 1;
            if decoded == NEW_CONTEXT_FRAMES {
                return Ok(cpu / decoded as u32);
            }
        }
    }
    Ok(cpu / decoded.max(1) as u32)
}
