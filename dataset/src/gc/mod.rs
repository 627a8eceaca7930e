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
//! whatever is younger than the minimum age stays, and so does all of a job, or of a process's scratch, that wrote
//! something within that age, since it may still commit; and right before it deletes, the collector looks at everything once more and deletes only
//! what both looks found. Manifests go first, oldest first, so that no manifest ever names an object that is gone.

mod folder;

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use format::keys::{DATA, ManifestName, SCRATCH};
use format::manifest::{API_VERSION, Manifest};
use model::{Clock, TimestampMs};
use object_store::ObjectMeta;
use serde::Serialize;

use crate::catalog::{Catalog, Selection};
use crate::error::DatasetError;

/// Age below which nothing is garbage, unless told otherwise: a shard commits long before its last part is that old.
pub const MIN_AGE: Duration = Duration::from_secs(60 * 60);

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
    /// The dataset, as given.
    pub dataset: String,
    /// Whether the garbage below is gone, or was only looked for.
    pub deleted: bool,
    /// Manifests that are retained.
    pub manifests_retained: usize,
    /// Objects that no manifest names and that are too young to judge.
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
    if options.keep_versions == Some(0) {
        return Err(DatasetError::Refused("the current version is always kept; keep 1 version or more".to_owned()));
    }
    let mut found = look(catalog, options, clock.now_ms()).await?;
    if options.delete {
        let again: HashSet<Garbage> = look(catalog, options, clock.now_ms()).await?.garbage.into_iter().collect();
        found.garbage.retain(|garbage| again.contains(garbage));
        found.bytes = found.garbage.iter().map(|garbage| garbage.size).sum();
        for garbage in &found.garbage {
            delete(catalog, garbage).await?;
        }
        found.deleted = true;
    }
    Ok(found)
}

async fn look(catalog: &Catalog, options: &GcOptions, now_ms: TimestampMs) -> Result<GcReport, DatasetError> {
    let young_from_ms = match i64::try_from(options.min_age.as_millis()).unwrap_or(i64::MAX) {
        0 => i64::MAX,
        age_ms => now_ms.saturating_sub(age_ms),
    };
    // Data is listed before the manifests: what was committed in between is then named, not garbage.
    let objects = catalog.root().list(DATA).await?;
    let mut garbage = folder::leftovers(catalog.root(), young_from_ms)?;
    let named = Named::read(catalog, options.keep_versions).await?;
    garbage.extend(named.superseded.iter().cloned());

    let scratch = catalog.root().list(SCRATCH).await?;
    let newest = newest_by_writer(objects.iter().chain(&scratch));
    let mut objects_young = 0;
    for object in objects.into_iter().chain(scratch) {
        let key = object.location.to_string();
        if named.retained.contains(&key) {
            continue;
        }
        let reason = reason(&key, &named);
        let newest_ms = match reason {
            // What was committed once has no attempt that could still commit it.
            GarbageReason::ObjectSuperseded => object.last_modified.timestamp_millis(),
            _ => newest[writer_of(&key)],
        };
        if newest_ms > young_from_ms {
            objects_young += 1;
        } else {
            garbage.push(Garbage { reason, key, size: object.size });
        }
    }
    garbage.sort();
    let bytes = garbage.iter().map(|garbage| garbage.size).sum();
    Ok(GcReport {
        api_version: API_VERSION,
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

/// When each writer last wrote.
fn newest_by_writer<'a>(objects: impl Iterator<Item = &'a ObjectMeta>) -> BTreeMap<String, TimestampMs> {
    let mut newest = BTreeMap::new();
    for object in objects {
        let newest = newest.entry(writer_of(object.location.as_ref()).to_owned()).or_insert(i64::MIN);
        *newest = (*newest).max(object.last_modified.timestamp_millis());
    }
    newest
}

/// Who writes under a key (`format::keys`): the job of a data object, the process of a scratch object.
fn writer_of(key: &str) -> &str {
    let component = if key.starts_with(SCRATCH) { key.split('/').nth(1) } else { key.rsplit('/').nth(1) };
    component.unwrap_or(key)
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
    async fn read(catalog: &Catalog, keep_versions: Option<usize>) -> Result<Self, DatasetError> {
        let mut named = Self::default();
        for ((window, shard), versions) in catalog.versions(&Selection::default()).await? {
            let kept_from = keep_versions.map_or(0, |keep| versions.len().saturating_sub(keep));
            for (position, version) in versions.iter().enumerate() {
                let name = ManifestName { window, shard, version: *version };
                let manifest = catalog.read(name).await?;
                named.add(name, &manifest, position >= kept_from);
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
