//! Current versions of the windows that were asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use format::keys::ManifestName;
use futures::{StreamExt as _, stream};
use model::{ShardId, TimestampMs, Window};
use storage::{Root, StorageError};
use tokio::time::Instant;

use super::facts::{FoundVersion, ShardVersion};
use crate::catalog::Catalog;
use crate::error::DatasetError;

/// Most windows that are listed at once, each with up to [`MANIFESTS_AT_ONCE`] reads.
const WINDOWS_AT_ONCE: usize = 8;
/// Most manifests of a window that are read at once.
const MANIFESTS_AT_ONCE: usize = 8;

/// Windows that were listed.
#[derive(Debug, Default)]
pub(super) struct KnownWindows {
    windows: BTreeMap<Window, KnownWindow>,
    /// Number of refreshes so far, by which the windows that were asked for longest ago are found.
    refreshes: u64,
}

#[derive(Debug)]
struct KnownWindow {
    listed: Instant,
    listed_at_ms: TimestampMs,
    versions: BTreeMap<ShardId, FoundVersion>,
    asked: u64,
}

impl KnownWindows {
    /// Refreshes each of `windows` whose knowledge is older than `max_age`: lists its manifests, and reads the current
    /// ones that are new.
    pub(super) async fn refresh(
        &mut self,
        root: &Root,
        windows: &[Window],
        max_age: Duration,
        now_ms: TimestampMs,
    ) -> Result<(), DatasetError> {
        self.refreshes += 1;
        let mut stale = Vec::new();
        for window in windows {
            match self.windows.get_mut(window) {
                Some(known) if known.listed.elapsed() < max_age => known.asked = self.refreshes,
                Some(known) => stale.push((*window, known.versions.clone())),
                None => stale.push((*window, BTreeMap::new())),
            }
        }
        let catalog = Catalog::new(root.clone());
        let list = |(window, known)| {
            let catalog = &catalog;
            async move { (window, Instant::now(), current(catalog, window, known).await) }
        };
        let mut lists = stream::iter(stale.into_iter().map(list)).buffer_unordered(WINDOWS_AT_ONCE);
        while let Some((window, listed, versions)) = lists.next().await {
            let known = KnownWindow { listed, listed_at_ms: now_ms, versions: versions?, asked: self.refreshes };
            self.windows.insert(window, known);
        }
        Ok(())
    }

    /// Adds a version that was committed after the last refresh, if the window is known.
    pub(super) fn note(&mut self, window: Window, shard: ShardId, version: FoundVersion) {
        let Some(known) = self.windows.get_mut(&window) else { return };
        if known.versions.get(&shard).is_none_or(|known| known.version() < version.version()) {
            known.versions.insert(shard, version);
        }
    }

    /// Returns the current versions of a window.
    pub(super) fn versions(&self, window: Window) -> BTreeMap<ShardId, FoundVersion> {
        self.windows.get(&window).map(|known| known.versions.clone()).unwrap_or_default()
    }

    /// Counts the versions of a window.
    pub(super) fn cells(&self, window: Window) -> usize {
        self.windows.get(&window).map_or(0, |known| known.versions.len())
    }

    /// Returns the time of the oldest listing of one of `windows`.
    pub(super) fn as_of_ms(&self, windows: &[Window]) -> TimestampMs {
        let known = windows.iter().filter_map(|window| self.windows.get(window));
        known.map(|known| known.listed_at_ms).min().unwrap_or(TimestampMs::MAX)
    }

    /// Forgets the windows that were asked for longest ago, until at most `cells_max` versions are kept; `windows` stay.
    pub(super) fn forget_beyond(&mut self, cells_max: usize, windows: &[Window]) {
        let mut cells: usize = self.windows.values().map(|known| known.versions.len()).sum();
        while cells > cells_max {
            let others = self.windows.iter().filter(|(window, _)| !windows.contains(window));
            let Some(oldest) = others.min_by_key(|(_, known)| known.asked).map(|(window, _)| *window) else { return };
            cells -= self.windows.remove(&oldest).map_or(0, |known| known.versions.len());
        }
    }
}

/// Lists the manifests of a window, and reads the current one of each shard unless it is known.
async fn current(
    catalog: &Catalog,
    window: Window,
    mut known: BTreeMap<ShardId, FoundVersion>,
) -> Result<BTreeMap<ShardId, FoundVersion>, DatasetError> {
    let name = |object: &object_store::ObjectMeta| object.location.as_ref().parse::<ManifestName>().ok();
    let mut highest: BTreeMap<ShardId, u32> = BTreeMap::new();
    for name in catalog.root().list_each(&ManifestName::folder_of(window), name).await? {
        let version = highest.entry(name.shard).or_default();
        *version = name.version.max(*version);
    }
    known.retain(|shard, found| matches!(found, FoundVersion::Read(_)) && highest.get(shard) == Some(&found.version()));
    let new: Vec<_> = highest.into_iter().filter(|(shard, _)| !known.contains_key(shard)).collect();
    let read = |(shard, version)| async move { (shard, read(catalog, ManifestName { window, shard, version }).await) };
    let mut reads = stream::iter(new.into_iter().map(read)).buffer_unordered(MANIFESTS_AT_ONCE);
    while let Some((shard, found)) = reads.next().await {
        known.extend(found?.map(|found| (shard, found)));
    }
    Ok(known)
}

/// Reads a version; none if a collector has removed it meanwhile, which only happens to versions that are not current.
async fn read(catalog: &Catalog, name: ManifestName) -> Result<Option<FoundVersion>, DatasetError> {
    match catalog.read(name).await {
        Ok(manifest) => Ok(Some(FoundVersion::Read(ShardVersion::of(&manifest)))),
        Err(DatasetError::NoManifest { .. }) => Ok(None),
        Err(DatasetError::Storage(error)) if is_away(&error) => Err(error.into()),
        Err(error) => {
            let reason = model::error::chain(&error);
            Ok(Some(FoundVersion::Unreadable { version: name.version, reason }))
        }
    }
}

/// True if the state of an object is unknown, because its store cannot be used.
pub(super) fn is_away(error: &StorageError) -> bool {
    error.is_store_away() || error.is_lasting()
}
