//! Makes the segments on several threads.
//!
//! Threads claim chunks in order, one segment after the other, generate them in parallel, and append them in turn. So
//! no segment is held in memory, one very large segment does not leave the other threads idle, and the output does
//! not depend on the number of threads. The first failure stops all of them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use storage::StorageError;

use super::chunk::{Chunk, ChunkMaker};
use super::plan::SegmentPlan;
use super::settings::GenSettings;
use super::summary::{GenTotals, PlantedDamage};
use crate::segment::{SegmentOutput, SegmentWriter};

/// Segment that was written.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) totals: GenTotals,
    pub(super) damages: Vec<PlantedDamage>,
}

impl Written {
    fn is_wanted(&self) -> bool {
        self.totals.payloads > 0 || !self.damages.is_empty()
    }
}

/// Work that the threads share.
struct Work<'a> {
    settings: &'a GenSettings,
    segments: &'a [SegmentPlan<'a>],
    output: &'a SegmentOutput,
    progress: &'a (dyn Fn(u64) + Sync),
    /// Segment and chunk that are claimed next.
    next: Mutex<(usize, u64)>,
    progressed: Condvar,
    state: Mutex<State>,
}

/// Output of the threads so far.
struct State {
    /// Segment and chunk that are appended next.
    turn: (usize, u64),
    writer: Option<SegmentWriter>,
    written: Vec<Written>,
    failure: Option<StorageError>,
    is_stopped: bool,
}

/// Writes `segments` with `threads` threads.
pub(super) fn run(
    settings: &GenSettings,
    segments: &[SegmentPlan<'_>],
    output: &SegmentOutput,
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Written>, StorageError> {
    let state = State { turn: (0, 0), writer: None, written: Vec::new(), failure: None, is_stopped: false };
    let work = Work {
        settings,
        segments,
        output,
        progress,
        next: Mutex::new((0, 0)),
        progressed: Condvar::new(),
        state: Mutex::new(state),
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work.make_chunks());
        }
    });
    let state = work.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.failure.map_or(Ok(state.written), Err)
}

impl Work<'_> {
    fn make_chunks(&self) {
        let _stop = StopOnPanic(self);
        let mut maker = ChunkMaker::new(self.settings);
        while let Some((segment, ordinal)) = self.claim() {
            let chunk = maker.make(&self.segments[segment], ordinal);
            let points = chunk.totals.points_emitted;
            if !self.append_in_turn((segment, ordinal), chunk) {
                return;
            }
            (self.progress)(points);
        }
    }

    fn claim(&self) -> Option<(usize, u64)> {
        let mut next = lock(&self.next);
        let claimed = *next;
        let segment = self.segments.get(claimed.0)?;
        *next = after(segment, claimed);
        Some(claimed)
    }

    /// Waits for the chunk's turn and appends it; false once a thread has failed.
    fn append_in_turn(&self, place: (usize, u64), chunk: Chunk) -> bool {
        let mut state = lock(&self.state);
        while state.turn != place && !state.is_stopped {
            state = self.progressed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_stopped {
            return false;
        }
        if let Err(failure) = state.append(&self.segments[place.0], place.1, chunk, self.output) {
            state.failure = Some(failure);
            state.is_stopped = true;
        }
        state.turn = after(&self.segments[place.0], place);
        self.progressed.notify_all();
        !state.is_stopped
    }
}

/// Returns the chunk that comes after one of `segment`.
fn after(segment: &SegmentPlan<'_>, (index, ordinal): (usize, u64)) -> (usize, u64) {
    if ordinal + 1 < segment.chunks() { (index, ordinal + 1) } else { (index + 1, 0) }
}

impl State {
    fn append(
        &mut self,
        segment: &SegmentPlan<'_>,
        ordinal: u64,
        chunk: Chunk,
        output: &SegmentOutput,
    ) -> Result<(), StorageError> {
        if ordinal == 0 {
            self.writer = Some(SegmentWriter::new(output, segment.key.clone()));
            self.written.push(Written::default());
        }
        let writer = self.writer.as_mut().expect("opened with the first chunk");
        let written = self.written.last_mut().expect("pushed with the first chunk");
        for (kind, offset, length) in chunk.damages {
            let offset = writer.size_bytes() + offset as u64;
            written.damages.push(PlantedDamage::new(kind, segment.key.clone(), offset, length as u64));
        }
        written.totals.add(&chunk.totals);
        writer.append(&chunk.frames)?;
        if ordinal + 1 == segment.chunks() {
            self.finish()?;
        }
        Ok(())
    }

    /// Ends the segment. An empty segment is written only if the plan asks for an empty one.
    fn finish(&mut self) -> Result<(), StorageError> {
        let written = self.written.last_mut().expect("pushed with the first chunk");
        if let Some(writer) = self.writer.take().filter(|_| written.is_wanted()) {
            written.totals.bytes += writer.finish()?;
            written.totals.segments += 1;
        }
        Ok(())
    }
}

/// Wakes the threads that wait for the turn of one that panicked.
struct StopOnPanic<'a>(&'a Work<'a>);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(&self.0.state).is_stopped = true;
            self.0.progressed.notify_all();
        }
    }
}

/// Locks `mutex`, also after a panic: the state that a panicking thread leaves is only read to stop the others.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
