//! Level `manifest`: every version, by itself and among its neighbours.

use format::keys::ManifestName;
use format::manifest::Manifest;
use model::invariant::{lost_input, may_replace};
use model::{SegmentList, ShardId, Window};
use storage::StorageError;

use super::{Manifests, Run};
use crate::catalog::Selection;
use crate::error::DatasetError;
use crate::report::Class;

impl Run<'_> {
    /// Reads and checks every selected version.
    pub(super) async fn manifests(&mut self, selection: &Selection) -> Result<Manifests, DatasetError> {
        let (versions, strays) = self.catalog.list(selection).await?;
        for stray in strays {
            self.differences.add(Class::Manifest, &stray, "lies among the manifests and is none; remove it");
        }
        if versions.is_empty() && self.differences.is_empty() {
            // An empty selection is an error, because there is nothing to call valid.
            self.catalog.current(selection).await?;
        }
        let mut manifests = Manifests::default();
        for ((window, shard), versions) in versions {
            self.check_versions(window, shard, &versions);
            let mut before: Option<Manifest> = None;
            for version in &versions {
                let name = ManifestName { window, shard, version: *version };
                self.checked.manifests += 1;
                match self.catalog.read(name).await {
                    Ok(manifest) => {
                        self.check_manifest(name, &manifest);
                        if let Some(before) = before.replace(manifest.clone()) {
                            self.check_input(name, &before, &manifest).await?;
                        }
                        if Some(version) == versions.last() {
                            manifests.current.push(manifest.clone());
                        }
                        manifests.all.push((name, manifest));
                    }
                    Err(error) => {
                        before = None;
                        self.note_damage(&name.to_string(), Err(error))?;
                    }
                }
            }
        }
        Ok(manifests)
    }

    /// Checks that versions follow one another; the first may have been collected.
    fn check_versions(&mut self, window: Window, shard: ShardId, versions: &[u32]) {
        for pair in versions.windows(2) {
            if pair[1] != pair[0] + 1 {
                let name = ManifestName { window, shard, version: pair[1] };
                self.differences.add(Class::Version, &name.to_string(), format!("follows version {}", pair[0]));
            }
        }
    }

    /// Checks that input of the version before was lost only knowingly: by a job that knew that version, or that was
    /// forced.
    async fn check_input(
        &mut self,
        name: ManifestName,
        before: &Manifest,
        manifest: &Manifest,
    ) -> Result<(), DatasetError> {
        let theirs = self.inputs(before).await?;
        let (Some(theirs), Some(ours)) = (theirs, self.inputs(manifest).await?) else { return Ok(()) };
        let lost = lost_input(&theirs, &ours);
        let Some(first) = lost.first.first() else { return Ok(()) };
        let (count, version) = (lost.segments, before.version);
        let detail = format!("lacks {count} segments that v{version} was made of, {first} the first");
        let base = manifest.base.unwrap_or(version);
        if may_replace(Some(base), version, true, manifest.forced.is_some()) {
            // The loss was known when the version was planned, or an older version of Tailor planned it, which did
            // not check.
            self.warnings.push(format!("{name} {detail}"));
            return Ok(());
        }
        let detail = format!("{detail}; it was planned over v{base}, and nobody forced it");
        self.differences.add(Class::Input, &name.to_string(), detail);
        Ok(())
    }

    /// Reads the segments of a version; none if their list cannot be read, which is reported for that object.
    async fn inputs(&mut self, manifest: &Manifest) -> Result<Option<SegmentList>, DatasetError> {
        let Some(object) = manifest.inputs.object() else {
            return Ok(Some(self.catalog.root().read_inputs(&manifest.inputs).await?));
        };
        match self.catalog.root().read_inputs(&manifest.inputs).await {
            Ok(inputs) => return Ok(Some(inputs)),
            Err(StorageError::NotFound { .. }) => {
                self.differences.add(Class::ObjectMissing, &object.key, "is gone");
            }
            Err(error) if error.is_store_away() || error.is_lasting() => return Err(error.into()),
            Err(error) => {
                let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                self.differences.add(Class::ObjectDigest, &object.key, format!("cannot be made out: {cause}"));
            }
        }
        Ok(None)
    }

    fn check_manifest(&mut self, name: ManifestName, manifest: &Manifest) {
        let place = name.to_string();
        let differences = &mut self.differences;
        if manifest.replaces != name.version.checked_sub(1).filter(|before| *before > 0) {
            differences.add(Class::Version, &place, format!("says that it replaces {:?}", manifest.replaces));
        }
        if manifest.settings.window != manifest.window {
            let detail = format!("its settings are of window {}", manifest.settings.window);
            differences.add(Class::Manifest, &place, detail);
        }
        for (at, entry) in manifest.partitions.iter().enumerate() {
            if entry.partition.0 as usize != at {
                let detail = format!("entry {at} is of partition {}; they are 0..n, each once", entry.partition);
                differences.add(Class::Partitions, &place, detail);
            }
            if entry.raw.is_some() != entry.extent.is_some() {
                let detail = format!("partition {} has a part or an extent, not both", entry.partition);
                differences.add(Class::Partitions, &place, detail);
            }
            let mut steps = entry.rollups.iter().map(|rollup| rollup.step);
            if !steps.all(|step| manifest.settings.rollups.contains(&step)) {
                let detail = format!("partition {} has rollups of a step that was not asked for", entry.partition);
                differences.add(Class::Partitions, &place, detail);
            }
        }
        if let Err(unbalanced) = manifest.books.balance() {
            differences.add(Class::Books, &place, unbalanced.to_string());
        }
        self.check_sums(&place, manifest);
    }

    /// Checks that the books equal the sums of the entries.
    fn check_sums(&mut self, place: &str, manifest: &Manifest) {
        let extents = || manifest.partitions.iter().filter_map(|entry| entry.extent);
        let rollups = manifest.partitions.iter().flat_map(|entry| &entry.rollups);
        let books = &manifest.books;
        let sums = [
            ("points written", extents().map(|extent| extent.points).sum::<u64>(), books.reduce.points_written),
            ("series written", extents().map(|extent| extent.series).sum(), books.reduce.series_written),
            ("rollup rows", rollups.map(|rollup| rollup.rows).sum(), books.reduce.rollup_rows_written),
            (
                "frames quarantined",
                manifest.quarantine.iter().map(|entry| entry.frames).sum(),
                books.map.frames_quarantined,
            ),
        ];
        for (what, sum, recorded) in sums {
            if sum != recorded {
                let detail = format!("{what}: the entries add up to {sum}, the books say {recorded}");
                self.differences.add(Class::Books, place, detail);
            }
        }
    }
}
