//! The versions of one window and shard: which are kept, which are given up, and what they name.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use format::keys::ManifestName;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::limits::GC_REQUESTS_MAX;
use model::{JobId, ShardId, TimestampMs, Window};
use object_store::ObjectMeta;

use super::pass::Pass;
use crate::error::DatasetError;

/// One version, as far as a collector needs it.
pub(super) struct Version {
    pub(super) name: ManifestName,
    /// The job whose objects it names.
    pub(super) job: JobId,
    /// Size of the manifest in bytes.
    pub(super) size: u64,
    /// Objects that it names, with their sizes.
    pub(super) objects: Vec<(String, u64)>,
}

/// A version in the listing.
#[derive(Clone, Copy)]
pub(super) struct ListedVersion {
    pub(super) name: ManifestName,
    size: u64,
    /// When it became current, by the store's clock.
    written_at_ms: TimestampMs,
}

/// What the versions of a window and shard say.
#[derive(Default)]
pub(super) struct Versions {
    /// Every version that was read.
    pub(super) seen: BTreeSet<u32>,
    /// Those that count.
    pub(super) kept: Vec<Version>,
    /// Those past the versions to keep, oldest first.
    pub(super) given_up: Vec<Version>,
    /// Whether some are past the versions to keep, and still too young to go.
    pub(super) is_pending: bool,
}

impl Versions {
    /// Takes a version that would be given up back among those that count, and all that follow it: a gap between versions
    /// looks like one that was lost (CM-3).
    pub(super) fn keep(&mut self, is_wanted: impl Fn(&Version) -> bool) {
        let first = self.given_up.iter().position(is_wanted).unwrap_or(self.given_up.len());
        let kept = self.given_up.split_off(first);
        self.is_pending |= !kept.is_empty();
        self.kept.extend(kept);
    }

    /// Objects that only versions that are given up name.
    pub(super) fn superseded(&self) -> BTreeMap<String, u64> {
        let retained: HashSet<&String> =
            self.kept.iter().flat_map(|version| &version.objects).map(|(key, _)| key).collect();
        let objects = self.given_up.iter().flat_map(|version| &version.objects);
        objects.filter(|(key, _)| !retained.contains(key)).cloned().collect()
    }
}

impl Pass<'_> {
    /// The versions of a window and shard as they are listed, ascending.
    pub(super) async fn listed_versions(
        &self,
        window: Window,
        shard: ShardId,
    ) -> Result<Vec<ListedVersion>, DatasetError> {
        let mut listed = self.root().list_each(&ManifestName::folder(window, shard), listed_version).await?;
        listed.sort_unstable_by_key(|version| version.name);
        Ok(listed)
    }

    /// Reads the versions that were listed, and sorts out those to give up: past the number to keep, and not current
    /// within the minimum age.
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

    /// The versions past the number to keep, and whether they may go by now.
    fn past(&self, listed: &[ListedVersion]) -> BTreeMap<u32, IsDue> {
        let Some(keep) = self.options.keep_versions else { return BTreeMap::new() };
        let mut past = BTreeMap::new();
        // No version was current for longer than a later one: times that disagree leave no gap.
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

/// Whether a version has not been current for the minimum age.
struct IsDue(bool);

fn listed_version(object: &ObjectMeta) -> Option<ListedVersion> {
    let name = object.location.as_ref().parse().ok()?;
    Some(ListedVersion { name, size: object.size, written_at_ms: object.last_modified.timestamp_millis() })
}
