//! A collection in progress: its clock, the state of jobs, and the last check before a deletion.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use format::keys;
use format::marks::{JobMark, MarkState};
use model::error::chain;
use model::limits::JOB_MARK_STALE_AFTER;
use model::{Invariant, JobId, ShardId, TimestampMs, Window};
use storage::{Root, StorageError};

use super::folder::{self, Lock};
use super::report::{Garbage, GarbageReason, GcReport};
use super::{AskOpenJobs, GcOptions, uploads};
use crate::catalog::Catalog;
use crate::error::{DatasetError, ErrorKind};
use crate::marks::{self, FoundMark};

/// Time by which ages are judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    /// Objects that were written later are young.
    pub(super) young_from_ms: TimestampMs,
    /// A mark that was refreshed later counts.
    pub(super) stale_from_ms: TimestampMs,
}

impl Now {
    pub(super) fn new(now_ms: TimestampMs, min_age: Duration) -> Self {
        let before = |age: Duration| now_ms.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        let young_from_ms = if min_age.is_zero() { i64::MAX } else { before(min_age) };
        Self { young_from_ms, stale_from_ms: before(min_age.max(JOB_MARK_STALE_AFTER)) }
    }
}

/// Returns the store's own time: that of an object written now. A machine's clock may differ from it by hours.
pub(super) async fn time_of_store(root: &Root) -> Result<TimestampMs, StorageError> {
    let key = keys::clock_probe(fastrand::u64(..));
    root.create_object(&key, "a collector asks for the time").await?;
    let written = root.head(&key).await;
    let removed = root.remove(&key).await;
    root.prune(keys::PROBES);
    removed.and(written).map(|object| object.last_modified.timestamp_millis())
}

/// State of a job, by its marks and the dataset.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum JobState {
    /// The job runs, or a rollback returns to it.
    Open,
    /// The job ended within the minimum age.
    Young,
    /// The dataset has no spec of the job.
    Unknown,
    /// The leftovers of the job may be collected.
    Over(Vec<FoundMark>),
}

/// Collection in progress.
pub(super) struct Pass<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) options: &'a GcOptions,
    pub(super) now: Now,
    pub(super) report: GcReport,
    /// Windows and shards whose versions were examined.
    pub(super) looked_at: HashSet<(Window, ShardId)>,
    open_jobs: &'a AskOpenJobs<'a>,
    /// First error of a damaged object, which stopped a part of the collection.
    damaged: Option<DatasetError>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(catalog: &'a Catalog, options: &'a GcOptions, now: Now, open_jobs: &'a AskOpenJobs<'a>) -> Self {
        let report = GcReport { deleted: options.delete, ..GcReport::of(catalog.root()) };
        Self { catalog, options, now, report, looked_at: HashSet::new(), open_jobs, damaged: None }
    }

    pub(super) fn root(&self) -> &'a Root {
        self.catalog.root()
    }

    /// Skips over damage, which is reported in the end: damage in one shard does not keep the garbage of others.
    pub(super) fn go_on(&mut self, result: Result<(), DatasetError>) -> Result<(), DatasetError> {
        match result {
            Err(error) if error.kind() == ErrorKind::Damaged => {
                tracing::warn!(error = chain(&error), "failed to read a manifest; left the garbage of its job alone");
                self.damaged.get_or_insert(error);
                Ok(())
            }
            result => result,
        }
    }

    pub(super) async fn finish(mut self) -> Result<GcReport, DatasetError> {
        if let Some(error) = self.damaged {
            return Err(error);
        }
        if self.report.objects > 0 && self.root().keeps_versions().await == Some(true) {
            let warning = "the bucket keeps versions: what is deleted stays as noncurrent versions, and is paid for, until a \
                           lifecycle rule with NoncurrentVersionExpiration removes it";
            self.report.warnings.push(warning.to_owned());
        }
        Ok(self.report)
    }

    /// Returns the state of a job; the mark at `own` is ignored.
    pub(super) async fn state(&self, job: &JobId, own: Option<&str>) -> Result<JobState, DatasetError> {
        let mut marks = marks::of_job(self.root(), job).await?;
        marks.retain(|mark| Some(mark.key.as_str()) != own);
        if marks.iter().any(|mark| is_open(self.root(), mark, self.now.stale_from_ms)) {
            return Ok(JobState::Open);
        }
        if marks.iter().any(|mark| mark.refreshed_at_ms > self.now.young_from_ms) {
            return Ok(JobState::Young);
        }
        if !uploads::knows(self.root(), job).await? {
            return Ok(JobState::Unknown);
        }
        // Asked last: a job that its cluster has begun by now has a mark, or is named here.
        let is_open = (self.open_jobs)().await?.contains(job.as_str());
        Ok(if is_open { JobState::Open } else { JobState::Over(marks) })
    }

    /// True if a job is over; the mark at `own` is ignored.
    pub(super) async fn is_over(&self, job: &JobId, own: Option<&str>) -> Result<bool, DatasetError> {
        Ok(matches!(self.state(job, own).await?, JobState::Over(_)))
    }

    /// Counts garbage, and deletes it if the options say so. The caller has made the last check.
    pub(super) async fn remove(
        &mut self,
        reason: GarbageReason,
        garbage: BTreeMap<String, u64>,
    ) -> Result<(), DatasetError> {
        if self.options.delete && !garbage.is_empty() {
            let keys: Vec<String> = garbage.keys().cloned().collect();
            if let Some(foreign) = keys.iter().find(|key| !folder::is_ours(key)) {
                Invariant::Gc1.broken(format_args!("{foreign}, a key of somebody else, is to be deleted"));
            }
            match reason {
                GarbageReason::StagingLeftover => folder::remove_staging(self.root(), &keys)?,
                _ => self.root().remove_all(keys.clone()).await?,
            }
            for folder in keys.iter().filter_map(|key| key.rsplit_once('/')).map(|(folder, _)| folder) {
                self.root().prune(folder);
            }
        }
        for (key, size) in garbage {
            self.report.add(Garbage { reason, key, size });
        }
        Ok(())
    }
}

/// True if a mark says that its run is open, and a process stands behind it: one that holds its lock, or that
/// refreshed the mark after `stale_from_ms`.
pub(crate) fn is_open(root: &Root, found: &FoundMark, stale_from_ms: TimestampMs) -> bool {
    let is_fresh = found.refreshed_at_ms > stale_from_ms;
    match found.mark {
        Some(JobMark { state: MarkState::Over, .. }) => false,
        Some(JobMark { process: Some(process), .. }) => match folder::lock_of(root, process) {
            Lock::Held => true,
            Lock::Free => false,
            Lock::Unknown => is_fresh,
        },
        Some(JobMark { process: None, .. }) | None => is_fresh,
    }
}
