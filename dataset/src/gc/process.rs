//! Scratch of dead processes, in a local dataset.

use std::collections::{BTreeMap, HashMap};

use format::keys::{ProcessName, SCRATCH};
use model::JobId;

use super::folder::{self, File, Lock};
use super::pass::Pass;
use super::report::GarbageReason;
use crate::error::DatasetError;

impl Pass<'_> {
    /// Examines the scratch of every process. Few processes live, and a process removes its own scratch unless it was
    /// killed.
    pub(super) async fn processes(&mut self) -> Result<(), DatasetError> {
        let mut jobs = HashMap::new();
        for process in folder::processes(self.root())? {
            self.process(process, &mut jobs).await?;
        }
        Ok(())
    }

    async fn process(&mut self, process: ProcessName, jobs: &mut HashMap<JobId, bool>) -> Result<(), DatasetError> {
        let place = format!("{SCRATCH}/{process}");
        let lock = folder::lock_of(self.root(), process);
        let files = folder::files(self.root(), &place)?;
        let is_young = files.iter().any(|file| file.modified_ms > self.now.young_from_ms);
        if lock == Lock::Held || is_young {
            self.report.objects_young += files.len();
            return Ok(());
        }
        let mut garbage = BTreeMap::new();
        for File { key, size, .. } in files {
            let Some(ours) = folder::ours(&key) else { continue };
            let is_over = match ours.job() {
                None => true,
                Some(job) => self.is_over_once(job, jobs).await?,
            };
            if is_over {
                garbage.insert(key, size);
            }
        }
        // A process that starts in the same place takes the lock first.
        if self.options.delete && folder::lock_of(self.root(), process) == Lock::Held {
            return Ok(());
        }
        // An empty folder may belong to a process that is about to make its lock.
        let is_old = !garbage.is_empty() || process.began_at_ms <= self.now.stale_from_ms;
        let (staging, whole): (BTreeMap<_, _>, BTreeMap<_, _>) =
            garbage.into_iter().partition(|(key, _)| key.contains('#'));
        self.remove(GarbageReason::StagingLeftover, staging).await?;
        self.remove(GarbageReason::ScratchLeftover, whole).await?;
        if self.options.delete && is_old {
            self.root().prune(&place);
        }
        Ok(())
    }

    /// True if a job is over; asked once for all leftovers of one process.
    async fn is_over_once(&self, job: &JobId, asked: &mut HashMap<JobId, bool>) -> Result<bool, DatasetError> {
        if let Some(is_over) = asked.get(job) {
            return Ok(*is_over);
        }
        let is_over = self.is_over(job, None).await?;
        asked.insert(job.clone(), is_over);
        Ok(is_over)
    }
}
