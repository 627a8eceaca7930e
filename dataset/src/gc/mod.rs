//! The collector: finds what no retained manifest names, and deletes it when told to.
//!
//! | garbage | why it is there |
//! |---|---|
//! | a data object that no manifest names | its attempt lost, died, or its shard failed |
//! | a manifest past the versions to keep | history, given up on purpose |
//! | a data object that only such manifests name | the same |
//! | a scratch object | a process that was killed: others take theirs along |
//! | a staging file (`name#7`, local folders alone) | a write that was killed; the store's listing hides it |
//!
//! **GC-1**: nothing that a retained manifest names is deleted. So: a manifest that cannot be read stops the collector;
//! whatever is younger than the minimum age stays; so does all of a job, or of a process's scratch, that wrote something
//! within that age, be it a staging file, since it may still commit; so does all of a job that a cluster says is open; so
//! does the scratch of a process that lives, which holds a lock there; and so does a version that was current within that
//! age, since a rollback may be on its way to it.
//! Right before it deletes, the collector looks at everything once more and deletes only what both looks found.
//! Manifests go first, oldest first, so that no manifest ever names an object that is gone; then those that are left are
//! read again, for what a rollback named meanwhile.

mod activity; // who still writes
mod folder; //   what only a local folder has

use std::collections::HashSet;
use std::time::Duration;

use format::keys::{DATA, ManifestName, SCRATCH};
use format::manifest::{API_VERSION, Manifest};
use model::{Clock, TimestampMs};
use serde::Serialize;

use activity::Activity;

use crate::catalog::{Catalog, Selection};
use crate::error::DatasetError;

/// Age below which nothing is garbage, unless told otherwise: a shard commits long before its last part is that old.
pub const MIN_AGE: Duration = Duration::from_secs(60 * 60);

/// The file in a process's scratch folder that the process holds an exclusive lock on for as long as it lives.
pub const SCRATCH_LOCK: &str = "lock";

/// What to collect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcOptions {
    /// Versions to keep of each (window, shard), counted from the current one; all where it is none.
    pub keep_versions: Option<usize>,
    /// Younger objects are left alone.
    pub min_age: Duration,
    /// Whether to delete what is found.
    pub delete: bool,
}

impl Default for GcOptions {
    fn default() -> Self {
        Self { keep_versions: None, min_age: MIN_AGE, delete: false }
    }
}

/// The document of `tailor dataset gc -o json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GcReport {
    /// [`API_VERSION`].
    pub api_version: &'static str,
    /// `Gc`.
    pub kind: &'static str,
    /// The dataset, as given.
    pub dataset: String,
    /// Whether the garbage below is gone, or was only looked for.
    pub deleted: bool,
    /// Manifests that are retained.
    pub manifests_retained: usize,
    /// Objects that no manifest names, too young to judge or of a process that lives.
    pub objects_young: usize,
    /// Ordered by the order of deletion.
    pub garbage: Vec<Garbage>,
    /// Their size in bytes.
    pub bytes: u64,
}

/// One thing to delete.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Garbage {
    /// Why it is garbage; manifests sort first.
    pub reason: GarbageReason,
    /// Key under the dataset.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
}

/// Why something is garbage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GarbageReason {
    /// A manifest past the versions to keep.
    ManifestSuperseded,
    /// A data object that only such manifests name.
    ObjectSuperseded,
    /// A data object that no manifest names.
    ObjectUnnamed,
    /// Spilled data of a process that is gone.
    ScratchLeftover,
    /// The leftover of a write that was killed.
    StagingLeftover,
}

/// Looks for garbage, and deletes it if `options` say so.
///
/// # Errors
/// A manifest that cannot be read, or a store that fails; what was deleted until then was garbage.
pub async fn collect(catalog: &Catalog, options: &GcOptions, clock: &dyn Clock) -> Result<GcReport, DatasetError> {
    collect_beside(catalog, options, clock, async || Ok(HashSet::new())).await
}

/// The same where a cluster works: nothing of its open jobs is garbage, whatever the clocks say and however long they have
/// waited for workers. `open_jobs` names them, and is asked once what they wrote is listed: a job that was open by then and is
/// not any longer has committed all that it ever will.
///
/// # Errors
/// As of [`collect`]; or `open_jobs` cannot be told.
pub async fn collect_beside<F>(
    catalog: &Catalog,
    options: &GcOptions,
    clock: &dyn Clock,
    open_jobs: impl Fn() -> F,
) -> Result<GcReport, DatasetError>
where
    F: Future<Output = Result<HashSet<String>, DatasetError>>,
{
    if options.keep_versions == Some(0) {
        return Err(DatasetError::Refused("the current version is always kept; keep 1 version or more".to_owned()));
    }
    let mut found = look(catalog, options, clock.now_ms(), open_jobs()).await?;
    if options.delete {
        let again: HashSet<Garbage> =
            look(catalog, options, clock.now_ms(), open_jobs()).await?.garbage.into_iter().collect();
        found.garbage.retain(|garbage| again.contains(garbage));
        delete_all(catalog, &mut found.garbage).await?;
        found.bytes = found.garbage.iter().map(|garbage| garbage.size).sum();
        found.deleted = true;
    }
    Ok(found)
}

async fn look(
    catalog: &Catalog,
    options: &GcOptions,
    now_ms: TimestampMs,
    open_jobs: impl Future<Output = Result<HashSet<String>, DatasetError>>,
) -> Result<GcReport, DatasetError> {
    let young_from_ms = match i64::try_from(options.min_age.as_millis()).unwrap_or(i64::MAX) {
        0 => i64::MAX,
        age_ms => now_ms.saturating_sub(age_ms),
    };
    // Data is listed before the manifests: what was committed in between is then named, not garbage.
    let mut objects = catalog.root().list(DATA).await?;
    objects.extend(catalog.root().list(SCRATCH).await?);
    let staging = folder::staging(catalog.root())?;
    let in_use = folder::scratch_in_use(catalog.root())?;
    let activity = Activity::of(&objects, &staging, in_use, young_from_ms).beside(open_jobs.await?);
    let named = Named::read(catalog, options.keep_versions, young_from_ms).await?;

    let idle = staging.into_iter().filter(|file| activity.is_over(&file.key)).map(|file| file.garbage());
    let mut garbage: Vec<_> = named.superseded.iter().cloned().chain(idle).collect();
    let mut objects_young = 0;
    for object in objects {
        let key = object.location.to_string();
        if named.retained.contains(&key) {
            continue;
        }
        let reason = reason(&key, &named);
        let is_over = match reason {
            // What was committed once has no attempt that could still commit it.
            GarbageReason::ObjectSuperseded => object.last_modified.timestamp_millis() <= young_from_ms,
            _ => activity.is_over(&key),
        };
        if is_over {
            garbage.push(Garbage { reason, key, size: object.size });
        } else {
            objects_young += 1;
        }
    }
    garbage.sort();
    let bytes = garbage.iter().map(|garbage| garbage.size).sum();
    Ok(GcReport {
        api_version: API_VERSION,
        kind: "Gc",
        dataset: catalog.root().to_string(),
        deleted: false,
        manifests_retained: named.manifests,
        objects_young,
        garbage,
        bytes,
    })
}

fn reason(key: &str, named: &Named) -> GarbageReason {
    if named.given_up.contains(key) {
        GarbageReason::ObjectSuperseded
    } else if key.starts_with(SCRATCH) {
        GarbageReason::ScratchLeftover
    } else {
        GarbageReason::ObjectUnnamed
    }
}

/// What the manifests name.
#[derive(Default)]
struct Named {
    /// Manifests that are kept.
    manifests: usize,
    /// Objects that those name.
    retained: HashSet<String>,
    /// Objects that the others name.
    given_up: HashSet<String>,
    /// The others.
    superseded: Vec<Garbage>,
}

impl Named {
    async fn read(
        catalog: &Catalog,
        keep_versions: Option<usize>,
        young_from_ms: TimestampMs,
    ) -> Result<Self, DatasetError> {
        let mut named = Self::default();
        for ((window, shard), versions) in catalog.versions(&Selection::default()).await? {
            // No version was current for longer than a later one: clocks that disagree leave no gap.
            let mut current_until_ms = i64::MAX;
            for (newer, version) in versions.iter().rev().enumerate() {
                let name = ManifestName { window, shard, version: *version };
                let manifest = catalog.read(name).await?;
                let is_history = newer > 0 && current_until_ms <= young_from_ms;
                let is_kept = !is_history || keep_versions.is_none_or(|keep| newer < keep);
                named.add(name, &manifest, is_kept);
                current_until_ms = current_until_ms.min(manifest.committed_at_ms);
            }
        }
        Ok(named)
    }

    fn add(&mut self, name: ManifestName, manifest: &Manifest, is_kept: bool) {
        let keys = manifest.objects().map(|object| object.key.clone());
        if is_kept {
            self.manifests += 1;
            self.retained.extend(keys);
        } else {
            self.given_up.extend(keys);
            let size = manifest.to_bytes().len() as u64;
            let reason = GarbageReason::ManifestSuperseded;
            self.superseded.push(Garbage { reason, key: name.to_string(), size });
        }
    }
}

/// Deletes manifests, then of the rest what is still not named; leaves in `garbage` what is gone.
async fn delete_all(catalog: &Catalog, garbage: &mut Vec<Garbage>) -> Result<(), DatasetError> {
    let is_manifest = |garbage: &Garbage| garbage.reason == GarbageReason::ManifestSuperseded;
    for garbage in garbage.iter().filter(|garbage| is_manifest(garbage)) {
        delete(catalog, garbage).await?;
    }
    let named = Named::read(catalog, None, i64::MAX).await?;
    garbage.retain(|garbage| !named.retained.contains(&garbage.key));
    for garbage in garbage.iter().filter(|garbage| !is_manifest(garbage)) {
        delete(catalog, garbage).await?;
    }
    Ok(())
}

async fn delete(catalog: &Catalog, garbage: &Garbage) -> Result<(), DatasetError> {
    match garbage.reason {
        GarbageReason::StagingLeftover => folder::remove_staging(catalog.root(), &garbage.key),
        GarbageReason::ScratchLeftover => {
            catalog.root().remove(&garbage.key).await?;
            folder::remove_empty_folders(catalog.root(), &garbage.key);
            Ok(())
        }
        _ => Ok(catalog.root().remove(&garbage.key).await?),
    }
}

#[cfg(test)]
mod tests;
