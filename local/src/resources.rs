//! Resources of a run.

use model::ByteSize;
use model::limits::MEMORY_BYTES_MIN;
use storage::Root;
use storage::segment::SegmentAccess;
use worker::SlotLimits;

use crate::LocalRunError;

/// Resources that a run may use; they never shape its output.
#[derive(Debug, Clone)]
pub struct Resources {
    /// Most attempts at once.
    pub workers: usize,
    /// Memory of all attempts together.
    pub memory: ByteSize,
    /// Root of the runs.
    pub scratch: Root,
    /// Access to segments: mapped files or ranged reads.
    pub access: SegmentAccess,
    /// Limits of one attempt. Without them, its equal share of the memory; tests force rare paths with smaller ones.
    pub limits: Option<SlotLimits>,
    /// 64 random bits, drawn for each run; its attempts are named after them.
    pub seed: u64,
}

impl Resources {
    /// Checks that the fixed buffers of every slot fit into the memory.
    ///
    /// # Errors
    /// [`LocalRunError::TooLittleMemory`] if they do not.
    pub(crate) fn check_memory(&self) -> Result<(), LocalRunError> {
        let workers = self.workers.max(1);
        if self.memory.0 / (workers as u64) < MEMORY_BYTES_MIN {
            let least = ByteSize(MEMORY_BYTES_MIN);
            return Err(LocalRunError::TooLittleMemory { memory: self.memory, workers, least });
        }
        Ok(())
    }
}
