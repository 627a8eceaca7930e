//! Indexes of the coverage of datasets, kept by the coordinator that leads.
//!
//! They live as long as the leadership. A new leader begins with none: an index is read when somebody asks for its
//! dataset, and then kept up to date by the leader's own commits and ends of jobs. Work beside the leader's loop adds
//! them, so the loop pays nothing.

use std::sync::{Arc, Mutex, PoisonError};

use dataset::coverage::{CoverageIndex, InputSize, ShardVersion, of_record};
use format::keys::HistoryName;
use model::LeaderId;
use model::limits::COVERAGE_DATASETS_MAX;
use scheduler::ShardOutput;
use storage::Root;

use crate::commit::Committed;
use crate::report::JobReport;

/// Place of a dataset, however its URI is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DatasetPlace(String);

impl DatasetPlace {
    /// Returns the place of an opened dataset: its folder with all links followed, or the URI of its bucket.
    pub(crate) fn of(root: &Root) -> Self {
        let folder = root.local_folder().map(|folder| folder.display().to_string());
        folder.map_or_else(|| Self::named(root.uri()), |folder| Self::named(&folder))
    }

    /// Returns the place that a URI names by its text alone.
    pub(crate) fn named(uri: &str) -> Self {
        let uri = uri.strip_prefix("file://").unwrap_or(uri);
        Self(uri.trim_end_matches('/').to_owned())
    }
}

/// Indexes of the datasets that were asked for, the latest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct CoverageIndexes(Arc<Mutex<Indexes>>);

type Indexes = Vec<(DatasetPlace, Arc<CoverageIndex>)>;

impl CoverageIndexes {
    /// Returns the index of a dataset, which is empty at first. The one that was asked for longest ago makes room.
    pub(crate) fn of(&self, root: &Root) -> Arc<CoverageIndex> {
        let place = DatasetPlace::of(root);
        // No code panics while it holds the lock.
        let mut indexes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match indexes.iter().position(|(of, _)| *of == place) {
            Some(at) => indexes.remove(at).1,
            None => Arc::new(CoverageIndex::new(root.clone())),
        };
        indexes.insert(0, (place, Arc::clone(&index)));
        indexes.truncate(COVERAGE_DATASETS_MAX);
        index
    }

    fn known(&self, root: &Root) -> Option<Arc<CoverageIndex>> {
        let place = DatasetPlace::of(root);
        let indexes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        indexes.iter().find(|(of, _)| *of == place).map(|(_, index)| Arc::clone(index))
    }

    /// Notes a commit of this leader.
    pub(crate) fn committed(&self, dataset: &Root, output: &ShardOutput, committed: &Committed) {
        let Some(index) = self.known(dataset) else { return };
        let (plan, books) = (&output.plan, &output.books.map);
        let version = ShardVersion {
            version: committed.version,
            job: plan.job.clone(),
            committed_at_ms: committed.committed_at_ms,
            input: InputSize { segments: plan.segments.len() as u64, bytes: plan.bytes() },
            frames_quarantined: books.frames_quarantined,
            bytes_quarantined: books.bytes_quarantined,
            misplaced: books.misplaced.clone(),
            misplaced_unlisted: books.misplaced_unlisted,
        };
        index.note_version(plan.settings.window, plan.shard, version);
    }

    /// Notes a round of a job that `leader` saw end, once it is on record.
    pub(crate) fn ended(&self, dataset: &Root, report: &JobReport, leader: LeaderId) {
        let Some(index) = self.known(dataset) else { return };
        let submitted_at_ms = report.started_at_ms.max(0);
        let entry = HistoryName { submitted_at_ms, round: report.round, leader, job: report.job.clone() };
        let (window, job) = of_record(&report.to_bytes()).expect("a record has the fields of its outline");
        index.note_job(entry, window, job);
    }
}

#[cfg(test)]
mod tests;
