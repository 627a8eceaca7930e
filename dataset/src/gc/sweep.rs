//! Leftovers of one job, found by its plans, which determine every folder that its attempts may have written to.

use std::collections::{BTreeMap, BTreeSet};

use format::keys::{self, DataKey, JobObject, ObjectKey, ScratchKey};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::limits::GC_REQUESTS_MAX;
use model::{JobId, OnBadFrame, PartitionId, ShardId, TaskId, TimestampMs, Window};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::folder::{self, File};
use super::pass::{JobState, Pass};
use super::report::GarbageReason;
use crate::error::DatasetError;

/// Parts of a plan that a collector reads; the segments of a large plan are skipped.
#[derive(Deserialize)]
struct PlanOutline {
    shard: ShardId,
    settings: SettingsOutline,
    map_tasks: Vec<IgnoredAny>,
    partitions: u32,
}

#[derive(Deserialize)]
struct SettingsOutline {
    window: Window,
    on_bad_frame: OnBadFrame,
}

/// Objects of one job that were not yet compared with manifests.
#[derive(Default)]
struct Listed {
    objects: BTreeMap<String, u64>,
    is_young: bool,
}

impl Listed {
    fn add(&mut self, key: String, size: u64, modified_ms: TimestampMs, young_from_ms: TimestampMs) {
        self.is_young |= modified_ms > young_from_ms;
        self.objects.insert(key, size);
    }

    fn of_files(files: Vec<File>, young_from_ms: TimestampMs) -> Self {
        let mut listed = Self::default();
        for File { key, modified_ms, size } in files {
            listed.add(key, size, modified_ms, young_from_ms);
        }
        listed
    }
}

impl Pass<'_> {
    /// Sweeps the leftovers of a job, if it is over; removes its marks once nothing is left to sweep.
    pub(super) async fn sweep(&mut self, job: &JobId) -> Result<(), DatasetError> {
        let before = match self.state(job, None).await? {
            JobState::Over(marks) => marks,
            state => {
                match state {
                    JobState::Open => self.report.jobs_open += 1,
                    JobState::Young => self.report.jobs_young += 1,
                    JobState::Unknown | JobState::Over(_) => self.report.jobs_unknown += 1,
                }
                return Ok(());
            }
        };
        let mut is_swept = self.sweep_scratch(job).await?;
        is_swept &= self.sweep_staging(job, &keys::job_folder(job)).await?;
        for plan in self.plans(job).await? {
            is_swept &= self.sweep_plan(job, &plan).await?;
        }
        // A job that was begun again meanwhile keeps its marks.
        if is_swept && self.options.delete && self.state(job, None).await? == JobState::Over(before.clone()) {
            self.root().remove_all(before.into_iter().map(|mark| mark.key).collect()).await?;
            self.root().prune(&keys::marks_of(job));
        }
        Ok(())
    }

    /// Lists the keys of a job's plans.
    async fn plans(&self, job: &JobId) -> Result<Vec<String>, DatasetError> {
        let plan = |object: &object_store::ObjectMeta| {
            let key = object.location.to_string();
            matches!(key.parse(), Ok(ObjectKey::OfJob(_, JobObject::Plan(..)))).then_some(key)
        };
        Ok(self.root().list_each(&keys::plans_of(job), plan).await?)
    }

    /// Sweeps the objects of one plan's attempts; returns true if nothing is left to sweep.
    async fn sweep_plan(&mut self, job: &JobId, key: &str) -> Result<bool, DatasetError> {
        let bytes = self.root().read(key).await?;
        let Ok(plan) = serde_json::from_slice::<PlanOutline>(&bytes) else {
            tracing::warn!(plan = self.root().object(key), "failed to read a plan; the leftovers of its attempts stay");
            return Ok(false);
        };
        let (window, shard) = (plan.settings.window, plan.shard);
        let folder = |spread: &dyn std::fmt::Display| keys::data_folder(window, shard, job, spread);
        // Two partitions may share a folder.
        let mut folders: BTreeSet<String> = (0..plan.partitions).map(|at| folder(&PartitionId(at))).collect();
        if plan.settings.on_bad_frame == OnBadFrame::Quarantine {
            folders.extend((0..plan.map_tasks.len() as u32).map(|at| folder(&TaskId::map(at))));
        }
        let mut is_swept = true;
        for folder in &folders {
            is_swept &= self.sweep_staging(job, folder).await?;
        }
        let is_of_plan = |key: &ObjectKey| {
            matches!(key, ObjectKey::Data(DataKey { window: in_window, shard: of_shard, job: by, .. })
                if *in_window == window && *of_shard == shard && by == job)
        };
        let listed = self.list(folders, is_of_plan).await?;
        if listed.is_young || !is_swept {
            self.report.objects_young += self.unnamed(window, shard, listed.objects).await?.len();
            return Ok(false);
        }
        self.sweep_shard(window, shard, Some(job), listed.objects).await
    }

    /// Sweeps the runs, reports and lists of a job; returns true if none is left.
    async fn sweep_scratch(&mut self, job: &JobId) -> Result<bool, DatasetError> {
        let folder = keys::scratch_folder(job);
        let is_swept = self.sweep_staging(job, &folder).await?;
        let is_of_job = |key: &ObjectKey| matches!(key, ObjectKey::Scratch(ScratchKey::Job(of, _)) if of == job);
        let listed = self.list(BTreeSet::from([folder.clone()]), is_of_job).await?;
        let is_swept = self.remove_unless_young(job, GarbageReason::ScratchLeftover, listed).await? && is_swept;
        if is_swept && self.options.delete {
            self.root().prune(&folder);
        }
        Ok(is_swept)
    }

    /// Sweeps the leftovers of a job's killed writes in a folder; returns true if none is left.
    async fn sweep_staging(&mut self, job: &JobId, folder: &str) -> Result<bool, DatasetError> {
        let mut files = folder::staging(self.root(), folder)?;
        files.retain(|file| folder::ours(&file.key).is_some_and(|key| key.job() == Some(job)));
        let listed = Listed::of_files(files, self.now.young_from_ms);
        self.remove_unless_young(job, GarbageReason::StagingLeftover, listed).await
    }

    async fn remove_unless_young(
        &mut self,
        job: &JobId,
        reason: GarbageReason,
        listed: Listed,
    ) -> Result<bool, DatasetError> {
        if listed.objects.is_empty() {
            return Ok(true);
        }
        if listed.is_young || !self.is_over(job, None).await? {
            self.report.objects_young += listed.objects.len();
            return Ok(false);
        }
        self.remove(reason, listed.objects).await?;
        Ok(true)
    }

    /// Lists the wanted objects of some folders whose keys are ours.
    async fn list(
        &self,
        folders: BTreeSet<String>,
        is_wanted: impl Fn(&ObjectKey) -> bool + Copy,
    ) -> Result<Listed, DatasetError> {
        let wanted = move |object: &object_store::ObjectMeta| {
            let key = object.location.to_string();
            let is_wanted = key.parse().is_ok_and(|key| is_wanted(&key));
            is_wanted.then(|| (key, object.size, object.last_modified.timestamp_millis()))
        };
        let root = self.root();
        let list = |folder: String| async move { root.list_each(&folder, wanted).await };
        let mut pages = stream::iter(folders).map(list).buffered(GC_REQUESTS_MAX);
        let mut listed = Listed::default();
        while let Some(page) = pages.try_next().await? {
            for (key, size, modified_ms) in page {
                listed.add(key, size, modified_ms, self.now.young_from_ms);
            }
        }
        Ok(listed)
    }
}
