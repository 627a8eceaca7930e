//! Slice with the root and the key of its run. Runs are opened only when they are merged, because a shard has more of
//! them than a process may open files.

use std::sync::Arc;

use format::run::SliceEntry;
use storage::Root;
use storage::object::{Ahead, ObjectReader};
use tokio::runtime::Handle;

use super::reads::{ReadBudget, ToRead};
use super::slice::SliceCursor;
use crate::WorkError;

/// Slice of a run of the shard, or of one on this machine's disk.
#[derive(Debug, Clone)]
pub(crate) struct Located<'a> {
    /// Root of the run.
    pub(crate) root: &'a Root,
    /// Key of the run.
    pub(crate) run: Arc<str>,
    /// Entry of the slice in the run's index.
    pub(crate) slice: SliceEntry,
}

impl Located<'_> {
    /// Returns the slice as the plan of reads sees it.
    pub(crate) fn to_read(&self) -> ToRead {
        ToRead { len: self.slice.len, is_file: self.root.local_folder().is_some() }
    }
}

/// Slices whose first reads have begun.
#[derive(Debug)]
pub(crate) struct Begun(Vec<(Ahead, SliceEntry)>);

impl Begun {
    /// Begins to read slices, all of them before any is waited for. Slices of one run are neighbours and share its
    /// reader.
    pub(crate) fn read(slices: &[Located<'_>], budget: ReadBudget, runtime: &Handle) -> Result<Self, WorkError> {
        let to_read: Vec<_> = slices.iter().map(Located::to_read).collect();
        let mut open: Option<(&str, Arc<ObjectReader>)> = None;
        let mut begun = Vec::with_capacity(slices.len());
        for (located, share) in slices.iter().zip(budget.shares(&to_read)) {
            let Located { root, run, slice } = located;
            let reader = match &open {
                Some((key, reader)) if *key == &**run => Arc::clone(reader),
                _ => Arc::new(ObjectReader::open(root, run, runtime)?),
            };
            open = Some((run, Arc::clone(&reader)));
            // A single piece has no other one in flight beside it.
            let bytes_max = if share == slice.len { 2 * share } else { share };
            begun.push((Ahead::open(reader, slice.offset..slice.offset + slice.len, bytes_max as usize), *slice));
        }
        Ok(Self(begun))
    }

    /// Opens the slices at their first series.
    pub(crate) fn open(self) -> Result<Vec<SliceCursor>, WorkError> {
        self.0.into_iter().map(|(bytes, slice)| SliceCursor::open(bytes, slice)).collect()
    }
}
