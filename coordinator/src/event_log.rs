//! The event log of a job: one line per event, in objects that outlive the cluster's state.
//!
//! An object store cannot append, so the log is a sequence of pieces. A leader writes pieces under its own name, so two
//! leaders never write the same one; in order of key they are in order of time.
//!
//! ```text
//! open: gets lines, and is written whole again each time that it has more
//!   |-- EVENT_PIECE_BYTES_MAX reached, or a write of it failed
//!   v
//! full: never changes; kept until it is written
//! ```
//!
//! A piece whose write failed gets no more lines: the failed request may still arrive, and must not put a shorter
//! piece over a longer one. While the store is away, pieces wait in memory, [`EVENTS_UNWRITTEN_BYTES_MAX`] bytes at
//! most; lines past them are dropped, and the log itself and `tailor_event_lines_dropped_total` say how many. Lines
//! about attempts are nearly all of a large job's log, and have a [`LineRank`], so that they crowd nothing out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use format::keys;
use model::error::chain;
use model::limits::{ATTEMPT_EVENTS_BYTES_MAX, EVENT_PIECE_BYTES_MAX, EVENTS_BYTES_MAX, EVENTS_UNWRITTEN_BYTES_MAX};
use model::{JobId, LeaderId, TimestampMs};
use proto::v1;
use serde::Serialize;
use serde_json::{Value, json};
use storage::{Root, StorageError};

use crate::job_events::{EVENTS_MAX, is_told, newest_first};

/// Event log of one job under one leader. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct EventLog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    job: JobId,
    leader: LeaderId,
    pieces: Mutex<Pieces>,
    /// Held by the flush in progress, so that there is only one.
    flushing: tokio::sync::Mutex<()>,
}

impl EventLog {
    pub(crate) fn new(job: JobId, leader: LeaderId) -> Self {
        let (pieces, flushing) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { shared: Arc::new(Shared { job, leader, pieces, flushing }) }
    }

    /// Notes an event; `fields` is a JSON object.
    pub(crate) fn note(&self, at_ms: TimestampMs, event: &str, fields: Value) {
        let mut line = json!({ "at_ms": at_ms, "event": event });
        if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
            line.extend(fields);
        }
        self.add(LineRank::Event, &line.to_string());
    }

    /// Notes the begin or the end of an attempt.
    pub(crate) fn note_attempt(&self, rank: LineRank, line: &impl Serialize) {
        let line = serde_json::to_string(line).expect("a line is numbers and names");
        self.add(rank, &line);
    }

    fn add(&self, rank: LineRank, line: &str) {
        let mut pieces = self.pieces();
        pieces.add(rank, line);
        if is_told(line) {
            pieces.recent.truncate(EVENTS_MAX - 1);
            pieces.recent.push_front(line.to_owned());
        }
    }

    /// Returns the newest events of this leadership, without a look at the store.
    pub(crate) fn newest_events(&self, limit: usize) -> Vec<v1::JobEvent> {
        let recent = self.pieces().recent.clone();
        newest_first(recent.iter().rev().map(String::as_str), limit)
    }

    /// Returns the lines that are still in memory and satisfy `is_wanted`; some of them may be written already.
    pub(crate) fn lines_in_memory(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let pieces = self.pieces();
        let texts = pieces.waiting.iter().filter_map(|piece| std::str::from_utf8(&piece.bytes).ok());
        texts.flat_map(str::lines).filter(|line| is_wanted(line)).map(str::to_owned).collect()
    }

    /// Writes the lines that are not written yet, unless a flush is in progress.
    ///
    /// # Errors
    /// The store failed; unwritten lines wait for the next flush.
    pub(crate) async fn flush(&self, dataset: &Root) -> Result<(), StorageError> {
        match self.shared.flushing.try_lock() {
            Ok(_flushing) => self.write(dataset).await,
            Err(_) => Ok(()),
        }
    }

    /// Writes the lines that are not written yet, after any flush in progress.
    ///
    /// # Errors
    /// As for [`Self::flush`].
    pub(crate) async fn flush_all(&self, dataset: &Root) -> Result<(), StorageError> {
        let _flushing = self.shared.flushing.lock().await;
        self.pieces().note_dropped();
        self.write(dataset).await
    }

    /// Writes the rest of the log of a job that is over. Lines that still cannot be written are lost: a job does not
    /// wait for its log.
    pub(crate) async fn finish(&self, dataset: &Root) {
        let Err(error) = self.flush_all(dataset).await else { return };
        let lines = self.pieces().drop_unwritten();
        tracing::warn!(error = chain(&error), job = %self.shared.job, lines, "failed to write the last lines of an event log; they are lost");
    }

    async fn write(&self, dataset: &Root) -> Result<(), StorageError> {
        loop {
            let Some((ordinal, bytes)) = self.pieces().next() else { return Ok(()) };
            let key = keys::events(&self.shared.job, self.shared.leader, ordinal);
            let len = bytes.len();
            let written = dataset.replace(&key, bytes).await;
            let mut pieces = self.pieces();
            match written {
                Ok(()) => pieces.written(len),
                Err(error) => {
                    pieces.close(len);
                    return Err(error);
                }
            }
        }
    }

    fn pieces(&self) -> MutexGuard<'_, Pieces> {
        self.shared.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rank of a line: which lines are left out first if there is no room for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineRank {
    /// Begin of an attempt; the line of its end repeats the fields.
    Begin,
    /// End of an attempt, of which a job's pages are made.
    End,
    /// Any other event of a job: a few for each shard.
    Event,
}

impl LineRank {
    /// Returns the most bytes of such lines.
    const fn bytes_max(self) -> usize {
        match self {
            Self::Begin => EVENTS_BYTES_MAX / 2,
            Self::End => ATTEMPT_EVENTS_BYTES_MAX,
            Self::Event => EVENTS_BYTES_MAX,
        }
    }

    /// Returns the most unwritten bytes of all lines at which such a line is still added.
    const fn unwritten_bytes_max(self) -> usize {
        match self {
            Self::Begin => EVENTS_UNWRITTEN_BYTES_MAX / 5,
            Self::End => EVENTS_UNWRITTEN_BYTES_MAX / 5 * 4,
            Self::Event => EVENTS_UNWRITTEN_BYTES_MAX,
        }
    }
}

/// Piece of the log, or the part of it that is still unwritten.
#[derive(Debug, Default)]
struct Piece {
    ordinal: u32,
    bytes: Vec<u8>,
    /// Number of bytes that are written.
    written: usize,
    is_full: bool,
}

#[derive(Debug, Default)]
struct Pieces {
    /// Pieces that wait to be written, in order, then the open one.
    waiting: VecDeque<Piece>,
    next_ordinal: u32,
    /// Newest lines that people want to read, the newest first; [`EVENTS_MAX`] at most.
    recent: VecDeque<String>,
    /// Bytes of all lines so far, by rank.
    bytes: [usize; 3],
    /// Lines that were dropped since the last note about dropped lines.
    dropped: u64,
}

impl Pieces {
    /// Adds a line, or drops and counts it.
    fn add(&mut self, rank: LineRank, line: &str) {
        if !self.has_room(rank, line.len()) {
            self.dropped += 1;
            return metrics::counter!("tailor_event_lines_dropped_total").increment(1);
        }
        self.note_dropped();
        self.push(rank, line);
    }

    fn has_room(&self, rank: LineRank, len: usize) -> bool {
        let unwritten: usize = self.waiting.iter().map(|piece| piece.bytes.len() - piece.written).sum();
        unwritten + len <= rank.unwritten_bytes_max() && self.bytes[rank as usize] + len <= rank.bytes_max()
    }

    /// Notes in the log how many lines were dropped here.
    fn note_dropped(&mut self) {
        if self.dropped > 0 {
            let line = json!({ "event": "left-out", "lines": self.dropped }).to_string();
            self.dropped = 0;
            self.push(LineRank::Event, &line);
        }
    }

    fn push(&mut self, rank: LineRank, line: &str) {
        if self.waiting.back().is_none_or(|piece| piece.is_full) {
            self.waiting.push_back(Piece { ordinal: self.next_ordinal, ..Piece::default() });
            self.next_ordinal += 1;
        }
        let piece = self.waiting.back_mut().expect("an open piece was just made sure of");
        piece.bytes.extend_from_slice(line.as_bytes());
        piece.bytes.push(b'\n');
        piece.is_full = piece.bytes.len() >= EVENT_PIECE_BYTES_MAX;
        self.bytes[rank as usize] += line.len() + 1;
    }

    /// Returns the first piece that is not completely written.
    fn next(&self) -> Option<(u32, Vec<u8>)> {
        let piece = self.waiting.front().filter(|piece| piece.written < piece.bytes.len())?;
        Some((piece.ordinal, piece.bytes.clone()))
    }

    /// Marks the first `len` bytes of the first piece as written.
    fn written(&mut self, len: usize) {
        let Some(piece) = self.waiting.front_mut() else { return };
        piece.written = len;
        if piece.is_full && len == piece.bytes.len() {
            self.waiting.pop_front();
        }
    }

    /// Closes the first piece after a failed write: its first `len` bytes may still arrive, so it must not grow
    /// beyond them.
    fn close(&mut self, len: usize) {
        let Some(piece) = self.waiting.front_mut() else { return };
        // Lines that came during the write.
        let rest = piece.bytes.split_off(len);
        let was_full = std::mem::replace(&mut piece.is_full, true);
        if rest.is_empty() {
            return;
        }
        match self.waiting.get_mut(1) {
            // The next piece was not sent yet, so these lines can be put at its beginning.
            Some(next) => drop(next.bytes.splice(0..0, rest)),
            None => {
                let ordinal = self.next_ordinal;
                self.next_ordinal += 1;
                self.waiting.push_back(Piece { ordinal, bytes: rest, written: 0, is_full: was_full });
            }
        }
    }

    /// Drops the unwritten lines; returns their number.
    fn drop_unwritten(&mut self) -> u64 {
        let unwritten = self
            .waiting
            .drain(..)
            .map(|piece| piece.bytes[piece.written..].iter().filter(|byte| **byte == b'\n').count() as u64);
        let lines = unwritten.sum();
        metrics::counter!("tailor_event_lines_dropped_total").increment(lines);
        lines
    }
}

#[cfg(test)]
mod tests;
