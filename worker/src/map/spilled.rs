//! Spills of one map attempt that wait on this machine's disk until the attempt has read everything.
//!
//! A buffer that never fills goes straight to the attempt's run. Otherwise each spill is a run in the attempt's folder,
//! and at the end they are merged into the attempt's own, one slice for each partition: however often a map attempt
//! spills, a reduce attempt reads from its run one stretch of bytes.

use std::sync::Arc;

use format::run::SliceEntry;
use model::PartitionId;

use crate::WorkError;
use crate::runs::{Combiner, Located, Merger, RunWriter, WrittenRun};
use crate::task::AttemptContext;

/// Spills in the order in which they were written, which is source order.
#[derive(Debug, Default)]
pub(super) struct Spilled {
    runs: Vec<(Arc<str>, WrittenRun)>,
}

impl Spilled {
    /// Adds a spill that was written to the attempt's folder.
    pub(super) fn add(&mut self, run: Option<WrittenRun>) {
        self.runs.extend(run.map(|run| (Arc::from(run.object.key.as_str()), run)));
    }

    /// True if nothing was spilled to disk.
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Merges all spills into `run`.
    pub(super) fn merge<'a>(
        &self,
        run: &mut RunWriter,
        combiner: &mut Combiner<'a>,
        ctx: &'a AttemptContext<'_>,
    ) -> Result<(), WorkError> {
        let mut next = Some(PartitionId(0));
        while let Some(partition) = next.and_then(|least| self.first_partition(least)) {
            let slices = self.runs.iter().flat_map(|(key, run)| {
                let located =
                    |slice: &SliceEntry| Located { root: &ctx.stores.local, run: Arc::clone(key), slice: *slice };
                run.index.of_partition(partition).iter().map(located)
            });
            let slices = slices.collect();
            run.begin_slice(partition, 0, 0)?;
            let mut merger = Merger::new(combiner.open(partition, slices)?);
            combiner.write(&mut merger, run)?;
            combiner.discard();
            next = partition.0.checked_add(1).map(PartitionId);
        }
        Ok(())
    }

    /// Returns the first partition from `least` on that has a slice.
    fn first_partition(&self, least: PartitionId) -> Option<PartitionId> {
        let first = |(_, run): &(Arc<str>, WrittenRun)| {
            let slices = run.index.slices();
            Some(slices.get(slices.partition_point(|slice| slice.partition < least))?.partition)
        };
        self.runs.iter().filter_map(first).min()
    }
}
