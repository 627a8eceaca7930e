//! Versions of one window and shard: those to keep, those to give up, and the objects that they name.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use format::keys::ManifestName;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::limits::GC_REQUESTS_MAX;
use model::{JobId, ShardId, TimestampMs, Window};
use object_store::ObjectMeta;

use super::pass::Pass;
use crate::error::DatasetError;

/// Version, as far as a collector needs it.
pub(super) struct Version {
    pub(super) name: ManifestName,
    /// Job whose objects it names.
    pub(super) job: JobId,
    /// Size of the manifest in bytes.
    pub(super) size: u64,
    /// Named objects, with their sizes.
    pub(super) objects: Vec<(String, u64)>,
}

/// Version in the listing.
#[derive(Clone, Copy)]
pub(super) struct ListedVersion {
    pub(super) name: ManifestName,
    size: u64,
    /// Time at which it became current, by the store's clock.
    written_at_ms: TimestampMs,
}

/// Versions of a window and shard, sorted by fate.
#[derive(Default)]
pub(super) struct Versions {
    /// Every version that was read.
    pub(super) seen: BTreeSet<u32>,
    /// Versions that count.
    pub(super) kept: Vec<Version>,
    /// Versions beyond those to keep, oldest first.
    pub(super) given_up: Vec<Version>,
    /// True if some versions are beyond those to keep, but still too young to delete.
    pub(super) is_pending: bool,
}

impl Versions {
    /// Keeps the wanted version and all that follow it, even if they would be given up: a gap between versions would
    /// look like a lost one (CM-3).
    pub(super) fn keep(&mut self, is_wanted: impl Fn(&Version) -> bool) {
        let first = self.given_up.iter().position(is_wanted).unwrap_or(self.given_up.len());
        let kept = self.given_up.split_off(first);
        self.is_pending |= !kept.is_empty();
        self.kept.extend(kept);
    }

    /// Lists the objects that only given-up versions name.
    pub(super) fn superseded(&self) -> BTreeMap<String, u64> {
        let retained: HashSet<&String> =
            self.kept.iter().flat_map(|version| &version.objects).map(|(key, _)| key).collect();
        let objects = self.given_up.iter().flat_map(|version| &version.objects);
        objects.filter(|(key, _)| !retained.contains(key)).cloned().collect()
    }
}

impl Pass<'_> {
    /// Lists the versions of a window and shard, ascending.
    pub(super) async fn listed_versions(
        &self,
        window: Window,
        shard: ShardId,
    ) -> Result<Vec<ListedVersion>, DatasetError> {
        let mut listed = self.root().list_each(&ManifestName::folder(window, shard), listed_version).await?;
        listed.sort_unstable_by_key(|version| version.name);
        Ok(listed)
    }

    /// Reads the listed versions, and sorts out those to give up: beyond the number to keep, and not current within
    /// the minimum age.
    pub(super) async fn read_versions(&self, listed: &[ListedVersion]) -> Result<Versions, DatasetError> {
        let read = |version: ListedVersion| async move {
            let manifest = self.catalog.read(version.name).await?;
            let objects = manifest.objects().map(|object| (object.key.clone(), object.size)).collect();
            Ok::<_, DatasetError>(Version { name: version.name, job: manifest.job, size: version.size, objects })
        };
        let mut read = stream::iter(listed.to_vec()).map(read).buffered(GC_REQUESTS_MAX);
        let rule = self.past(listed);
        let mut versions = Versions::default();
        while let Some(version) = read.try_next().await? {
            versions.seen.insert(version.name.version);
            match rule.get(&version.name.version) {
                Some(IsDue(true)) => versions.given_up.push(version),
                past => {
                    versions.is_pending |= past.is_some();
                    versions.kept.push(version);
                }
            }
        }
        Ok(versions)
    }

    /// Lists the versions beyond the number to keep, each with its permission to go.
    fn past(&self, listed: &[ListedVersion]) -> BTreeMap<u32, IsDue> {
        let Some(keep) = self.options.keep_versions else { return BTreeMap::new() };
        let mut past = BTreeMap::new();
        // A version cannot have been current for longer than a later one, so inconsistent times leave no gap.
        let mut current_until_ms = i64::MAX;
        for (newer, version) in listed.iter().rev().enumerate() {
            if newer >= keep {
                past.insert(version.name.version, IsDue(newer > 0 && current_until_ms <= self.now.young_from_ms));
            }
            current_until_ms = current_until_ms.min(version.written_at_ms);
        }
        past
    }
}

/// True if the version has not been current for the minimum age.
struct IsDue(bool);

fn listed_version(object: &ObjectMeta) -> Option<ListedVersion> {
    let name = object.location.as_ref().parse().ok()?;
    Some(ListedVersion { name, size: object.size, written_at_ms: object.last_modified.timestamp_millis() })
}
