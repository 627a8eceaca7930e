//! Catalog of a dataset: its manifests, and the current ones.
//!
//! The highest version of a (window, shard) is current; the others are history, to which a rollback can return. A
//! reader goes from manifest to parts and never lists data, so it sees one version or another, never a mix (CM-4). A
//! manifest that is damaged or misnamed is an error that names it; it is never skipped.

use std::collections::BTreeMap;

use format::digest::Digest;
use format::keys::{MANIFESTS, ManifestName};
use format::manifest::{API_VERSION, Manifest};
use model::{ShardId, Window};
use serde::Serialize;
use storage::{Root, StorageError};

use crate::error::DatasetError;

/// Manifests to use; by default all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only window that is selected; none selects every window.
    pub window: Option<Window>,
    /// Only these shards; all if empty.
    pub shards: Vec<ShardId>,
}

impl Selection {
    /// True if the selection includes a window and a shard.
    pub fn has(&self, window: Window, shard: ShardId) -> bool {
        self.window.is_none_or(|wanted| wanted == window) && (self.shards.is_empty() || self.shards.contains(&shard))
    }
}

/// Versions of each (window, shard), ascending.
pub type Versions = BTreeMap<(Window, ShardId), Vec<u32>>;

/// Read access to the windows, shards and manifests of a dataset.
#[derive(Debug, Clone)]
pub struct Catalog {
    root: Root,
}

impl Catalog {
    /// Creates the catalog of the dataset at `root`.
    pub fn new(root: Root) -> Self {
        Self { root }
    }

    /// Opens the dataset at `uri`.
    ///
    /// # Errors
    /// Those of [`Root::open`].
    pub fn open(uri: &str) -> Result<Self, DatasetError> {
        Ok(Self::new(Root::open(uri)?))
    }

    /// Returns the root of the dataset.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Lists every version in `selection`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn versions(&self, selection: &Selection) -> Result<Versions, DatasetError> {
        Ok(self.list(selection).await?.0)
    }

    /// Lists every version in `selection`, and the keys among them that are not manifests.
    pub(crate) async fn list(&self, selection: &Selection) -> Result<(Versions, Vec<String>), DatasetError> {
        let (mut versions, mut strays) = (Versions::new(), Vec::new());
        for object in self.root.list(MANIFESTS).await? {
            let key = object.location.to_string();
            match key.parse::<ManifestName>() {
                Ok(name) if selection.has(name.window, name.shard) => {
                    versions.entry((name.window, name.shard)).or_default().push(name.version);
                }
                Ok(_) => {}
                Err(_) => strays.push(key),
            }
        }
        // Keys sort by text; from version 100000 on, text and number disagree.
        versions.values_mut().for_each(|versions| versions.sort_unstable());
        Ok((versions, strays))
    }

    /// Reads and checks the manifest of that name.
    ///
    /// # Errors
    /// [`DatasetError::NoManifest`] if there is none; other errors name a damaged, unreadable or misnamed manifest.
    pub async fn read(&self, name: ManifestName) -> Result<Manifest, DatasetError> {
        let key = name.to_string();
        let bytes = match self.root.read(&key).await {
            Err(StorageError::NotFound { .. }) => return Err(self.no_manifest(name)),
            bytes => bytes?,
        };
        let manifest = Manifest::from_bytes(&self.root.object(&key), &bytes)?;
        let says = name_of(&manifest);
        if says != name {
            return Err(DatasetError::MisnamedManifest { key: self.root.object(&key), says: says.to_string() });
        }
        Ok(manifest)
    }

    /// Reads the current manifest of every (window, shard) in `selection`, ordered by window and shard. Two of them
    /// never hold the same points.
    ///
    /// # Errors
    /// [`DatasetError::NoManifest`] if nothing is found, [`DatasetError::WindowsOverlap`] if points would come twice;
    /// else as [`Self::read`].
    pub async fn current(&self, selection: &Selection) -> Result<Vec<Manifest>, DatasetError> {
        let mut manifests = Vec::new();
        let versions = self.versions(selection).await?;
        self.check_windows(&versions)?;
        for ((window, shard), versions) in versions {
            let version = *versions.last().expect("a listed pair has a version");
            manifests.push(self.read(ManifestName { window, shard, version }).await?);
        }
        if manifests.is_empty() {
            return Err(self.no_selected(selection));
        }
        Ok(manifests)
    }

    /// Reads one manifest of `shard`: of `window`, or of its only window; of `version`, or the current one.
    ///
    /// # Errors
    /// [`DatasetError::NoManifest`], or [`DatasetError::WindowUnclear`]; else as [`Self::read`].
    pub async fn one(
        &self,
        window: Option<Window>,
        shard: ShardId,
        version: Option<u32>,
    ) -> Result<Manifest, DatasetError> {
        let current = self.current_name(window, shard).await?;
        self.read(ManifestName { version: version.unwrap_or(current.version), ..current }).await
    }

    /// Returns the name of the current manifest of `shard`, without reading it.
    ///
    /// # Errors
    /// [`DatasetError::NoManifest`], or [`DatasetError::WindowUnclear`].
    pub async fn current_name(&self, window: Option<Window>, shard: ShardId) -> Result<ManifestName, DatasetError> {
        let selection = Selection { window, shards: vec![shard] };
        let versions = self.versions(&selection).await?;
        let mut found = versions.iter();
        let Some(((window, _), numbers)) = found.next() else { return Err(self.no_selected(&selection)) };
        if found.next().is_some() {
            let windows = versions.keys().map(|(window, _)| *window).collect();
            return Err(DatasetError::WindowUnclear { dataset: self.root.to_string(), shard, windows });
        }
        let version = *numbers.last().expect("a listed pair has a version");
        Ok(ManifestName { window: *window, shard, version })
    }

    /// Lists every version in `selection`, for `tailor dataset manifests`.
    ///
    /// # Errors
    /// [`DatasetError::NoManifest`] if nothing is found; else as [`Self::read`].
    pub async fn manifests(&self, selection: &Selection) -> Result<ManifestList, DatasetError> {
        let mut manifests = Vec::new();
        for ((window, shard), versions) in self.versions(selection).await? {
            for version in &versions {
                let manifest = self.read(ManifestName { window, shard, version: *version }).await?;
                manifests.push(ListedManifest::of(manifest, Some(version) == versions.last()));
            }
        }
        if manifests.is_empty() {
            return Err(self.no_selected(selection));
        }
        let dataset = self.root.to_string();
        Ok(ManifestList { api_version: API_VERSION, kind: "ManifestList", dataset, manifests })
    }

    /// Refuses overlapping windows: jobs of other windows wrote the same points again, so the reader must choose.
    fn check_windows(&self, versions: &Versions) -> Result<(), DatasetError> {
        let mut by_shard: BTreeMap<ShardId, Vec<Window>> = BTreeMap::new();
        for (window, shard) in versions.keys() {
            by_shard.entry(*shard).or_default().push(*window);
        }
        for (shard, windows) in by_shard {
            let windows = overlapping(&windows);
            if !windows.is_empty() {
                return Err(DatasetError::WindowsOverlap { dataset: self.root.to_string(), shard, windows });
            }
        }
        Ok(())
    }

    fn no_manifest(&self, name: ManifestName) -> DatasetError {
        let what = format!("window {} shard {} version {}", name.window, name.shard, name.version);
        DatasetError::NoManifest { dataset: self.root.to_string(), what }
    }

    fn no_selected(&self, selection: &Selection) -> DatasetError {
        let window = selection.window.map_or("any window".to_owned(), |window| format!("window {window}"));
        let shards = match selection.shards.as_slice() {
            [] => "any shard".to_owned(),
            shards => shards.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        DatasetError::NoManifest { dataset: self.root.to_string(), what: format!("{window}, {shards}") }
    }
}

/// Lists the windows that overlap another; `windows` must be ordered by start.
pub(crate) fn overlapping(windows: &[Window]) -> Vec<Window> {
    let mut found = Vec::new();
    let mut widest: Option<Window> = None;
    for window in windows {
        if let Some(before) = widest.filter(|before| window.start_ms < before.end_ms) {
            found.extend([before, *window]);
        }
        widest = widest.filter(|before| before.end_ms >= window.end_ms).or(Some(*window));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Returns the name that a manifest's content implies.
pub fn name_of(manifest: &Manifest) -> ManifestName {
    ManifestName { window: manifest.window, shard: manifest.shard, version: manifest.version }
}

/// Document of `tailor dataset manifests -o json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ManifestList {
    /// [`API_VERSION`], version of the document.
    pub api_version: &'static str,
    /// Always `ManifestList`, the document's kind.
    pub kind: &'static str,
    /// Dataset as it was given.
    pub dataset: String,
    /// Manifests ordered by window, shard and version.
    pub manifests: Vec<ListedManifest>,
}

/// Manifest with facts that it does not contain itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedManifest {
    /// Key under the dataset.
    pub key: String,
    /// True if readers see this version.
    pub is_current: bool,
    /// Digest of the content, which a replay compares.
    pub content_digest: Digest,
    /// Manifest as it was read.
    pub manifest: Manifest,
}

impl ListedManifest {
    fn of(manifest: Manifest, is_current: bool) -> Self {
        let (key, content_digest) = (name_of(&manifest).to_string(), manifest.content_digest());
        Self { key, is_current, content_digest, manifest }
    }
}

#[cfg(test)]
mod tests;
