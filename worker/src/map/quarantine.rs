//! The quarantine of one map attempt: the exact bytes of every bad frame, and the cause.
//!
//! The object is a sequence of records: one line of JSON
//! (`{"segment":...,"offset":...,"length":...,"fault":...,"cause":...}`), then `length` raw bytes, then a newline.

use format::frame::FrameFault;
use format::keys::AttemptKeys;
use model::{ByteRange, ObjectEntry, QuarantineEntry};
use serde::Serialize;
use storage::object::ObjectWriter;

use super::{Watched, for_each_piece};
use crate::WorkError;
use crate::task::{Assignment, Stores};

/// Header line that precedes the bytes of a bad frame.
#[derive(Debug, Serialize)]
struct Record<'a> {
    segment: &'a str,
    offset: u64,
    length: u64,
    fault: &'a str,
    cause: String,
}

/// Quarantine object of one attempt; it is created with the first bad frame.
#[derive(Debug)]
pub(crate) struct Quarantine {
    key: String,
    stores: QuarantineStores,
    writer: Option<ObjectWriter>,
    frames: u64,
}

#[derive(Debug)]
struct QuarantineStores {
    dataset: storage::Root,
    runtime: tokio::runtime::Handle,
}

impl Quarantine {
    /// Creates the quarantine of one attempt.
    pub(crate) fn new(assignment: &Assignment, stores: &Stores) -> Self {
        let keys = AttemptKeys {
            window: assignment.settings.window,
            shard: assignment.shard,
            job: &assignment.job,
            attempt: assignment.attempt,
        };
        let stores = QuarantineStores { dataset: stores.dataset.clone(), runtime: stores.runtime.clone() };
        Self { key: keys.quarantine(assignment.task), stores, writer: None, frames: 0 }
    }

    /// Writes one bad frame to the quarantine.
    pub(crate) fn put(
        &mut self,
        segment_key: &str,
        extent: ByteRange,
        fault: &FrameFault,
        segment: &mut Watched<'_>,
    ) -> Result<(), WorkError> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let begun = ObjectWriter::begin(&self.stores.dataset, &self.key, &self.stores.runtime)?;
                self.writer.insert(begun)
            }
        };
        let record = Record {
            segment: segment_key,
            offset: extent.start,
            length: extent.len(),
            fault: fault.name(),
            cause: fault.to_string(),
        };
        let mut line = serde_json::to_vec(&record).expect("a record of strings and numbers serialises");
        line.push(b'\n');
        writer.write(&line)?;
        for_each_piece(segment, extent, |piece| Ok(writer.write(piece)?))?;
        writer.write(b"\n")?;
        self.frames += 1;
        Ok(())
    }

    /// Completes the object; none if there was no bad frame.
    pub(crate) fn finish(self) -> Result<Option<QuarantineEntry>, WorkError> {
        let Some(writer) = self.writer else { return Ok(None) };
        let object = writer.finish()?;
        let object = ObjectEntry { key: object.key, size: object.size, digest: object.digest };
        Ok(Some(QuarantineEntry { frames: self.frames, object }))
    }
}
