//! The map attempt: reads splits, routes every payload to its partition, leaves one run.
//!
//! ```text
//! read -> decode (zstd, payload) -> route (window, hash, pack) -> [buffer full: spill to disk] -> ...
//!      -> run: what is in the buffer, or all spills merged
//! ```
//!
//! The attempt works in batches of decoded frames, small enough to stay in the processor's cache, so that the stages
//! can be timed without a reading of the clock for every frame.

mod buffer;
mod quarantine;
mod route;
mod spill;
mod spilled;
mod time_sort;
mod watched;

use daemon::trace::TARGET;
use format::frame::{Frames, SegmentBytes};
use format::keys;
use format::payload::Layout;
use model::books::MapBooks;
use model::{ByteRange, MapReport, SplitReport, Stage};
use storage::segment::Segment;

use crate::WorkError;
use crate::clock::StageClock;
use crate::limits::SlotLimits;
use crate::runs::{Combiner, RunWriter};
use crate::task::{Assignment, AttemptContext, SplitInput};
use quarantine::Quarantine;
use route::Router;
use spilled::Spilled;
use watched::Watched;

pub(crate) use spill::pack;

/// Segment bytes that are loaded before a batch is decoded.
const READ_AHEAD_BYTES: usize = 256 << 10;

/// Share of a slot's memory for the shuffle buffer; the rest is for one payload, I/O and sorting.
const BUFFER_SHARE: f64 = 0.6;

/// State that a slot keeps from one map attempt to the next: contexts and arenas.
#[derive(Debug)]
pub(crate) struct Mapper {
    limits: SlotLimits,
    frames: format::frame::FrameDecoder,
    payloads: format::payload::PayloadReader,
    batch: Vec<Placed>,
    router: Router,
    spiller: spill::Spiller,
}

/// Position and layout of one payload in a batch.
#[derive(Debug)]
struct Placed {
    content: std::ops::Range<usize>,
    layout: Layout,
}

impl Mapper {
    /// Creates a mapper within `limits`.
    pub(crate) fn new(limits: SlotLimits) -> Self {
        Self {
            limits,
            frames: Default::default(),
            payloads: Default::default(),
            batch: Vec::new(),
            router: Router::new((limits.memory_bytes as f64 * BUFFER_SHARE) as usize),
            spiller: spill::Spiller::new(limits.overlap_points_max),
        }
    }

    /// Runs one attempt. A failed attempt leaves nothing that counts.
    ///
    /// # Errors
    /// See [`WorkError`].
    pub(crate) fn run(
        &mut self,
        assignment: &Assignment,
        splits: &[SplitInput],
        ctx: &AttemptContext<'_>,
    ) -> Result<MapReport, WorkError> {
        self.router.begin(assignment.settings.window, assignment.partitions);
        let Assignment { job, shard, task, attempt, .. } = assignment;
        let stores = ctx.stores;
        let run_key = keys::run(job, *shard, *task, *attempt);
        let mut attempt = Attempt {
            assignment,
            ctx,
            clock: StageClock::start(Stage::Read, ctx.progress),
            books: MapBooks::default(),
            quarantine: Quarantine::new(assignment, stores),
            run: RunWriter::new(&stores.scratch, run_key, &stores.runtime).in_parts_of(self.limits.upload_part_bytes()),
            combiner: Combiner::new(assignment, ctx, self.limits.map_budget()),
            spilled: Spilled::default(),
            spills: 0,
        };
        let mut reports = Vec::with_capacity(splits.len());
        let reading = tracing::info_span!(target: TARGET, "read").entered();
        for split in splits {
            reports.push(self.read_split(&mut attempt, split)?);
        }
        drop(reading);
        self.complete_run(&mut attempt)?;
        let _span = tracing::info_span!(target: TARGET, "write").entered();
        attempt.clock.enter(Stage::Write);
        Ok(MapReport {
            splits: reports,
            run: attempt.run.finish()?.map(|run| run.object),
            quarantine: attempt.quarantine.finish()?,
            books: attempt.books,
            time_range_ms: self.router.time_range_ms(),
            stages: attempt.clock.stop(),
            spills: attempt.spills,
            effort: None,
        })
    }

    fn read_split(&mut self, attempt: &mut Attempt<'_>, input: &SplitInput) -> Result<SplitReport, WorkError> {
        attempt.clock.enter(Stage::Read);
        let stores = attempt.ctx.stores;
        let range = input.split.range;
        let segment =
            Segment::open(&stores.input, &input.segment, stores.access, &stores.runtime).map_err(WorkError::reading)?;
        let segment = segment.in_pieces_of(self.limits.segment_read_bytes(), range.end);
        let mut segment = Watched::new(segment, attempt.ctx.progress);
        let start = SplitStart::of(input);
        let frames = match start {
            SplitStart::Known(offset) => Some(Frames::new(&mut segment, offset, range.end)),
            SplitStart::Guessed => Frames::seek(&mut segment, range.start, range.end)?,
        };
        let Some(mut frames) = frames else {
            return Ok(SplitReport { split: input.split, first: None, end: range.start });
        };
        let first = frames.position();
        // A frame that covers the whole split starts before it, so no frame here belongs to this split.
        if first >= range.end {
            return Ok(SplitReport { split: input.split, first: None, end: first });
        }
        let guessed = (start == SplitStart::Guessed).then_some(first);
        while self.read_batch(attempt, input, guessed, &mut frames)? {
            self.route_batch(attempt);
            attempt.ctx.progress.check()?;
            if self.router.buffer.is_full() {
                self.spill_to_disk(attempt)?;
            }
        }
        let end = frames.position();
        attempt.books.bytes_read += end - first;
        Ok(SplitReport { split: input.split, first: Some(first), end })
    }

    /// Decodes the next batch; returns false at the end of the split.
    fn read_batch(
        &mut self,
        attempt: &mut Attempt<'_>,
        input: &SplitInput,
        guessed: Option<u64>,
        frames: &mut Frames<'_, Watched<'_>>,
    ) -> Result<bool, WorkError> {
        self.batch.clear();
        self.frames.clear();
        self.payloads.clear();
        let start = frames.position();
        attempt.clock.enter(Stage::Read);
        frames.make_present(READ_AHEAD_BYTES)?;
        attempt.clock.enter(Stage::Decode);
        let mut is_any = false;
        while self.frames.used() < self.limits.map_batch_bytes && frames.position() < start + READ_AHEAD_BYTES as u64 {
            let Some(frame) = frames.next()? else { break };
            is_any = true;
            attempt.books.frames_read += 1;
            let placed = frame.body.and_then(|body| {
                let content = self.frames.decode_next(body)?;
                let layout = self.payloads.layout(&self.frames.contents()[content.clone()])?;
                Ok(Placed { content, layout })
            });
            match placed {
                Ok(placed) => self.batch.push(placed),
                Err(fault) => {
                    let extent = frames.reject()?;
                    attempt.reject(input, extent, fault, guessed, frames.source())?;
                }
            }
        }
        Ok(is_any)
    }

    fn route_batch(&mut self, attempt: &mut Attempt<'_>) {
        attempt.clock.enter(Stage::Route);
        attempt.books.bytes_decoded += self.frames.used() as u64;
        let points_before = attempt.books.points_read;
        for placed in &self.batch {
            let content = &self.frames.contents()[placed.content.clone()];
            let payload = self.payloads.payload(&placed.layout, content);
            self.router.route(&payload, &mut attempt.books, attempt.ctx.belongs);
        }
        attempt.ctx.progress.add(0, attempt.books.points_read - points_before);
    }

    /// Spills the buffer to a run in the attempt's folder.
    fn spill_to_disk(&mut self, attempt: &mut Attempt<'_>) -> Result<(), WorkError> {
        if self.router.buffer.is_empty() {
            return Ok(());
        }
        let _span = tracing::info_span!(target: TARGET, "spill").entered();
        attempt.clock.enter(Stage::Spill);
        let mut run = attempt.combiner.local_run();
        self.spiller.spill(&mut self.router.buffer, &mut run, attempt.spills)?;
        attempt.spilled.add(run.finish()?);
        attempt.spills += 1;
        Ok(())
    }

    /// Writes the attempt's run, but for its index.
    fn complete_run(&mut self, attempt: &mut Attempt<'_>) -> Result<(), WorkError> {
        if !attempt.spilled.is_empty() {
            self.spill_to_disk(attempt)?;
            let _span = tracing::info_span!(target: TARGET, "merge").entered();
            attempt.clock.enter(Stage::Merge);
            return attempt.spilled.merge(&mut attempt.run, &mut attempt.combiner, attempt.ctx);
        }
        if self.router.buffer.is_empty() {
            return Ok(());
        }
        let _span = tracing::info_span!(target: TARGET, "spill").entered();
        attempt.clock.enter(Stage::Spill);
        self.spiller.spill(&mut self.router.buffer, &mut attempt.run, attempt.spills)?;
        attempt.spills += 1;
        Ok(())
    }
}

/// Start of a split's first frame, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SplitStart {
    /// The split starts at the segment's beginning, or the stitch found its start.
    Known(u64),
    /// The start must be found by a search for frames that chain.
    Guessed,
}

impl SplitStart {
    fn of(input: &SplitInput) -> Self {
        match input.exact_start {
            Some(offset) => Self::Known(offset),
            None if input.split.range.start == 0 => Self::Known(0),
            None => Self::Guessed,
        }
    }
}

/// State of the running attempt.
struct Attempt<'a> {
    assignment: &'a Assignment,
    ctx: &'a AttemptContext<'a>,
    clock: StageClock,
    books: MapBooks,
    quarantine: Quarantine,
    run: RunWriter,
    combiner: Combiner<'a>,
    spilled: Spilled,
    spills: u32,
}

impl Attempt<'_> {
    /// Quarantines a bad frame, or fails the attempt over it.
    fn reject(
        &mut self,
        input: &SplitInput,
        extent: ByteRange,
        fault: format::frame::FrameFault,
        guessed: Option<u64>,
        segment: &mut Watched<'_>,
    ) -> Result<(), WorkError> {
        let settings = &self.assignment.settings;
        if settings.on_bad_frame == model::OnBadFrame::Fail {
            let segment = input.segment.key.clone();
            return Err(WorkError::BadFrame { segment, extent, fault, guessed });
        }
        self.books.frames_quarantined += 1;
        self.books.bytes_quarantined += extent.len();
        let bytes_max = settings.bad_bytes_max.bytes_of(self.assignment.shard_bytes);
        if self.books.bytes_quarantined > bytes_max {
            return Err(WorkError::TooManyBadBytes {
                found: self.books.bytes_quarantined,
                shard_bytes: self.assignment.shard_bytes,
                max: settings.bad_bytes_max,
                segment: input.segment.key.clone(),
                extent,
                fault,
                guessed,
            });
        }
        if self.books.frames_quarantined > settings.bad_frames_max {
            return Err(WorkError::TooManyBadFrames {
                found: self.books.frames_quarantined,
                max: settings.bad_frames_max,
                segment: input.segment.key.clone(),
                offset: extent.start,
                guessed,
            });
        }
        tracing::warn!(segment = %input.segment.key, offset = extent.start, bytes = extent.len(), %fault, "frame quarantined");
        self.quarantine.put(&input.segment.key, extent, &fault, segment)
    }
}

/// Reads a range of a segment piece by piece.
fn for_each_piece(
    segment: &mut Watched<'_>,
    extent: ByteRange,
    mut take: impl FnMut(&[u8]) -> Result<(), WorkError>,
) -> Result<(), WorkError> {
    const PIECE_BYTES: u64 = 1 << 20;
    let mut at = extent.start;
    while at < extent.end {
        let len = PIECE_BYTES.min(extent.end - at);
        take(segment.bytes(at, len as usize)?)?;
        segment.count_again(len)?;
        at += len;
    }
    Ok(())
}
