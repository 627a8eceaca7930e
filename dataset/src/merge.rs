//! Merges many sorted parts into one sorted stream, in bounded memory.
//!
//! Parts of one shard interleave by key, because partitions are hashes; parts of several windows hold the same keys.
//! So there is a queue of parts by their current key, and a *group* of the parts at the smallest key. A group of one
//! passes its chunks through. A larger group is merged by time, with equal instants in the order of the inputs; each
//! step passes on the longest run of rows from one part, which is a whole chunk if the windows do not overlap.
//!
//! A part is opened when its turn comes. Until then it is queued by the smallest key that it may hold.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use futures::FutureExt;
use futures::future::BoxFuture;
use model::{SeriesKey, TimestampMs};

use crate::error::DatasetError;
use crate::rows::{Chunk, ChunkSource};

/// Stream to merge.
pub(crate) struct Input {
    /// Lower bound of its keys.
    pub(crate) bound: SeriesKey,
    /// Full URI of the object, for messages.
    pub(crate) object: String,
    /// Chunks of the stream.
    pub(crate) source: Box<dyn ChunkSource>,
}

/// Merges its inputs by key, then time, then order of the inputs.
pub(crate) struct Merge {
    cursors: Vec<Cursor>,
    queue: BinaryHeap<Reverse<(SeriesKey, usize)>>,
    /// Positions of the cursors at the current key.
    group: Vec<usize>,
}

struct Cursor {
    input: Input,
    head: Option<Chunk>,
    /// Rows of the head that were already passed on.
    taken: usize,
}

impl Merge {
    pub(crate) fn new(inputs: Vec<Input>) -> Self {
        let queue = inputs.iter().enumerate().map(|(at, input)| Reverse((input.bound, at))).collect();
        let cursors = inputs.into_iter().map(|input| Cursor { input, head: None, taken: 0 }).collect();
        Self { cursors, queue, group: Vec::new() }
    }

    async fn next_chunk(&mut self) -> Result<Option<Chunk>, DatasetError> {
        if self.group.is_empty() {
            self.gather().await?;
        }
        if self.group.is_empty() { Ok(None) } else { self.step().await.map(Some) }
    }

    /// Forms the group of all cursors at the smallest key.
    async fn gather(&mut self) -> Result<(), DatasetError> {
        let mut smallest = None;
        while let Some(&Reverse((bound, at))) = self.queue.peek() {
            if smallest.is_some_and(|key| bound > key) {
                break;
            }
            self.queue.pop();
            match self.cursors[at].fill().await? {
                Some(key) if key == bound => {
                    smallest = Some(key);
                    self.group.push(at);
                }
                Some(key) => self.queue.push(Reverse((key, at))),
                None => {}
            }
        }
        Ok(())
    }

    /// Returns the longest run of rows of the group's key from one cursor.
    async fn step(&mut self) -> Result<Chunk, DatasetError> {
        let mut heads: Vec<(TimestampMs, usize)> =
            self.group.iter().map(|at| (self.cursors[*at].timestamp(), *at)).collect();
        heads.sort_unstable();
        let (_, at) = heads[0];
        let cursor = &mut self.cursors[at];
        let chunk = cursor.take_until(heads.get(1).map(|(until, other)| (*until, at < *other)));
        if cursor.head.is_none() {
            match cursor.fill().await? {
                Some(key) if key == chunk.key => {}
                next => {
                    self.group.retain(|member| *member != at);
                    self.queue.extend(next.map(|key| Reverse((key, at))));
                }
            }
        }
        Ok(chunk)
    }
}

impl ChunkSource for Merge {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>, DatasetError>> {
        self.next_chunk().boxed()
    }
}

impl Cursor {
    /// Reads the next chunk if none is at hand; returns its key.
    async fn fill(&mut self) -> Result<Option<SeriesKey>, DatasetError> {
        if self.head.is_none() {
            self.taken = 0;
            self.head = self.input.source.next().await?;
        }
        let Some(head) = &self.head else { return Ok(None) };
        if head.key < self.input.bound {
            let fact = format!("has {} after, or below, {} (DT-2)", head.key, self.input.bound);
            return Err(DatasetError::ObjectDamaged { object: self.input.object.clone(), fact });
        }
        self.input.bound = head.key;
        Ok(Some(head.key))
    }

    fn timestamp(&self) -> TimestampMs {
        let head = self.head.as_ref().expect("a cursor of the group has a head");
        head.rows.timestamps()[self.taken]
    }

    /// Takes the rows before an instant, or up to and including it; all rows at hand without an instant.
    fn take_until(&mut self, until: Option<(TimestampMs, bool)>) -> Chunk {
        let head = self.head.as_mut().expect("a cursor of the group has a head");
        let left = &head.rows.timestamps()[self.taken..];
        let run = until.map_or(left.len(), |(until, is_included)| {
            left.partition_point(|at| *at < until || (is_included && *at == until))
        });
        // A damaged part may be out of order; one row per step keeps the merge going.
        let end = self.taken + run.max(1);
        let is_whole = end == head.rows.len();
        if self.taken == 0 && is_whole {
            return self.head.take().expect("it was there a line above");
        }
        let metadata = if is_whole { head.metadata.take() } else { None };
        let chunk = Chunk { key: head.key, metadata, rows: head.rows.slice(self.taken..end) };
        self.taken = end;
        if is_whole {
            self.head = None;
        }
        chunk
    }
}

#[cfg(test)]
mod tests;
