//! Objects and versions of one window and shard: deletes those that no retained manifest names.

use std::collections::{BTreeMap, BTreeSet};

use format::keys::{self, MANIFESTS, ManifestName, ObjectKey};
use model::{JobId, ShardId, Window};

use super::pass::Pass;
use super::report::GarbageReason;
use super::versions::{Version, Versions};
use crate::error::DatasetError;
use crate::marks;

/// Run under which a collector marks jobs before it deletes their objects together with their manifests. If it dies
/// in between, another collector sweeps those jobs.
const COLLECTOR_RUN: u64 = 0;

impl Pass<'_> {
    /// Returns those of `objects` that no version of the window and shard names.
    pub(super) async fn unnamed(
        &self,
        window: Window,
        shard: ShardId,
        mut objects: BTreeMap<String, u64>,
    ) -> Result<BTreeMap<String, u64>, DatasetError> {
        if !objects.is_empty() {
            let listed = self.listed_versions(window, shard).await?;
            let versions = self.read_versions(&listed).await?;
            leave_out(&mut objects, versions.kept.iter().chain(&versions.given_up));
        }
        Ok(objects)
    }

    /// Deletes those of `objects`, written by `owner`, that no manifest names, and the versions that are given up
    /// with the objects that only they name. `objects` must have been listed before. Returns true if nothing is left
    /// to sweep.
    pub(super) async fn sweep_shard(
        &mut self,
        window: Window,
        shard: ShardId,
        owner: Option<&JobId>,
        mut objects: BTreeMap<String, u64>,
    ) -> Result<bool, DatasetError> {
        let listed = self.listed_versions(window, shard).await?;
        let is_first = self.looked_at.insert((window, shard));
        let is_past = self.options.keep_versions.is_some_and(|keep| listed.len() > keep);
        if objects.is_empty() && !is_past {
            self.report.manifests_retained += if is_first { listed.len() } else { 0 };
            return Ok(true);
        }
        let mut versions = self.read_versions(&listed).await?;
        leave_out(&mut objects, versions.kept.iter().chain(&versions.given_up));
        self.keep_versions_of_open_jobs(&mut versions).await?;
        self.report.manifests_retained += if is_first { versions.kept.len() } else { 0 };
        let superseded = ours_of(versions.superseded(), window, shard);
        if self.options.delete {
            self.delete(&versions, (window, shard), (owner, objects), superseded).await?;
        } else {
            self.remove(GarbageReason::ManifestSuperseded, manifests(&versions)).await?;
            self.remove(GarbageReason::ObjectSuperseded, superseded).await?;
            self.remove(GarbageReason::ObjectUnnamed, objects).await?;
        }
        Ok(!versions.is_pending)
    }

    /// Keeps versions of jobs that run or to which a rollback returns, with the objects that they name.
    async fn keep_versions_of_open_jobs(&self, versions: &mut Versions) -> Result<(), DatasetError> {
        let jobs: BTreeSet<JobId> = versions.given_up.iter().map(|version| version.job.clone()).collect();
        for job in jobs {
            if !self.is_over(&job, None).await? {
                versions.keep(|version| version.job == job);
            }
        }
        Ok(())
    }

    /// Deletes manifests, then those of the other objects that are still not named and whose jobs are still over.
    async fn delete(
        &mut self,
        versions: &Versions,
        (window, shard): (Window, ShardId),
        (owner, mut objects): (Option<&JobId>, BTreeMap<String, u64>),
        mut superseded: BTreeMap<String, u64>,
    ) -> Result<(), DatasetError> {
        let writers: BTreeSet<JobId> = superseded.keys().filter_map(|key| writer(key)).collect();
        for job in &writers {
            marks::mark_over(self.root(), job, COLLECTOR_RUN).await?;
        }
        self.remove(GarbageReason::ManifestSuperseded, manifests(versions)).await?;
        // Keep the objects that a rollback or a commit has named meanwhile.
        let mut listed = self.listed_versions(window, shard).await?;
        listed.retain(|version| !versions.seen.contains(&version.name.version));
        let new = self.read_versions(&listed).await?;
        for objects in [&mut objects, &mut superseded] {
            leave_out(objects, new.kept.iter().chain(&new.given_up));
        }
        for job in &writers {
            let own = keys::mark(job, COLLECTOR_RUN);
            if self.is_over(job, Some(&own)).await? {
                let of_job = split_off(&mut superseded, |key| writer(key).as_ref() == Some(job));
                self.remove(GarbageReason::ObjectSuperseded, of_job).await?;
                self.root().remove(&own).await?;
                self.root().prune(&keys::marks_of(job));
            }
        }
        let own = owner.map(|job| keys::mark(job, COLLECTOR_RUN));
        if let Some(owner) = owner.filter(|_| !objects.is_empty())
            && self.is_over(owner, own.as_deref()).await?
        {
            self.remove(GarbageReason::ObjectUnnamed, objects).await?;
        }
        Ok(())
    }

    /// Gives up versions of windows and shards that no job of this collection wrote.
    pub(super) async fn all_versions(&mut self) -> Result<(), DatasetError> {
        let keep = self.options.keep_versions.unwrap_or(usize::MAX);
        let place = |object: &object_store::ObjectMeta| {
            let name: ManifestName = object.location.as_ref().parse().ok()?;
            Some((name.window, name.shard))
        };
        let mut counts: BTreeMap<(Window, ShardId), usize> = BTreeMap::new();
        for place in self.root().list_each(MANIFESTS, place).await? {
            *counts.entry(place).or_default() += 1;
        }
        counts.retain(|place, count| *count > keep && !self.looked_at.contains(place));
        for (window, shard) in counts.into_keys() {
            let settled = self.sweep_shard(window, shard, None, BTreeMap::new()).await.map(drop);
            self.go_on(settled)?;
        }
        Ok(())
    }
}

/// Returns the job that wrote an object.
fn writer(key: &str) -> Option<JobId> {
    key.parse::<ObjectKey>().ok()?.job().cloned()
}

/// Keeps only our data objects of that window and shard, because a handwritten manifest may name anything.
fn ours_of(mut objects: BTreeMap<String, u64>, window: Window, shard: ShardId) -> BTreeMap<String, u64> {
    objects.retain(
        |key, _| matches!(key.parse(), Ok(ObjectKey::Data(data)) if data.window == window && data.shard == shard),
    );
    objects
}

fn manifests(versions: &Versions) -> BTreeMap<String, u64> {
    versions.given_up.iter().map(|version| (version.name.to_string(), version.size)).collect()
}

/// Removes the objects that `versions` name.
fn leave_out<'a>(objects: &mut BTreeMap<String, u64>, versions: impl Iterator<Item = &'a Version>) {
    for (key, _) in versions.flat_map(|version| &version.objects) {
        objects.remove(key);
    }
}

/// Takes the wanted objects out of the map.
fn split_off(objects: &mut BTreeMap<String, u64>, is_wanted: impl Fn(&str) -> bool) -> BTreeMap<String, u64> {
    let (wanted, left) = std::mem::take(objects).into_iter().partition(|(key, _)| is_wanted(key));
    *objects = left;
    wanted
}
