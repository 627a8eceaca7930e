//! The metadata of series, beside the stream of their rows.
//!
//! A part has the metadata of a series behind its last rows, and rollups have none. So the points are read a second
//! time, as a stream of the same order that is always at the series whose rows are written: memory stays as it is.

use model::SeriesKey;

use crate::error::DatasetError;
use crate::merge::{Input, Merge};
use crate::rows::{Chunk, ChunkSource as _};

/// Finds the metadata of one series after another.
pub(super) struct Names {
    points: Merge,
    head: Option<Chunk>,
}

impl Names {
    /// Of the series in `points`, which are raw parts.
    pub(super) fn new(points: Vec<Input>) -> Self {
        Self { points: Merge::new(points), head: None }
    }

    /// The metadata of `key`: the latest, where windows differ. Keys are asked for in order.
    pub(super) async fn of(&mut self, key: SeriesKey) -> Result<Option<Vec<u8>>, DatasetError> {
        let mut found = None;
        loop {
            if self.head.is_none() {
                self.head = self.points.next().await?;
            }
            match &mut self.head {
                Some(chunk) if chunk.key <= key => {
                    if chunk.key == key {
                        found = chunk.metadata.take().or(found);
                    }
                    self.head = None;
                }
                _ => return Ok(found),
            }
        }
    }
}
