//! Compares two versions point by point.
//!
//! Each side is merged into one sorted stream, for any partitioning, and the streams are joined. Parts that both
//! sides have, by digest, are left out, because they cannot differ.

use std::collections::HashMap;

use format::digest::Digest;
use format::manifest::{API_VERSION, Manifest, ObjectEntry};
use serde::Serialize;

use crate::catalog::{Catalog, name_of};
use crate::error::DatasetError;
use crate::export::inputs;
use crate::join::Join;
use crate::merge::Merge;
use crate::report::Differences;
use crate::rows::ChunkSource;
use crate::verify::on_raw;

/// Side of a comparison: some manifests of one dataset.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Catalog of the dataset.
    pub catalog: &'a Catalog,
    /// Single version, or the current versions of several windows and shards.
    pub manifests: &'a [Manifest],
}

/// Document of `tailor dataset diff -o json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// [`API_VERSION`], version of the document.
    pub api_version: &'static str,
    /// Always `Diff`, the document's kind.
    pub kind: &'static str,
    /// Manifests of the first side, with their dataset.
    pub before: Vec<String>,
    /// Manifests of the second side, with their dataset.
    pub after: Vec<String>,
    /// True if the digests were equal, so that no point was read.
    pub by_digest: bool,
    /// Differences: points that are `missing`, `extra` or `changed` in the second side, and `metadata` of series.
    pub differences: Differences,
}

/// Compares the points of two sides.
///
/// # Errors
/// Errors of reading; a damaged part is named.
pub async fn diff(before: Side<'_>, after: Side<'_>) -> Result<Diff, DatasetError> {
    let (old, new) = (part_counts(before), part_counts(after));
    let by_digest = old == new;
    let mut differences = Differences::default();
    if !by_digest {
        let is_shared = |part: &PartId| old.get(part) == new.get(part);
        let (old, new) = (without(before, is_shared), without(after, is_shared));
        compare(Side { manifests: &old, ..before }, Side { manifests: &new, ..after }, &mut differences).await?;
    }
    let names = |side: Side<'_>| {
        side.manifests.iter().map(|manifest| side.catalog.root().object(&name_of(manifest).to_string())).collect()
    };
    let (before, after) = (names(before), names(after));
    Ok(Diff { api_version: API_VERSION, kind: "Diff", before, after, by_digest, differences })
}

/// Identity of a part: equal ids mean equal rows.
type PartId = (u64, Digest);

fn part_id(object: &ObjectEntry) -> PartId {
    (object.size, object.digest)
}

/// Counts the occurrences of each raw part.
fn part_counts(side: Side<'_>) -> HashMap<PartId, u64> {
    let entries = side.manifests.iter().flat_map(|manifest| &manifest.partitions);
    let mut counts = HashMap::new();
    for object in entries.filter_map(|entry| entry.raw.as_ref()) {
        *counts.entry(part_id(object)).or_default() += 1;
    }
    counts
}

/// Returns the manifests of a side without the parts that the other side has as often, because those cannot differ.
fn without(side: Side<'_>, is_shared: impl Fn(&PartId) -> bool) -> Vec<Manifest> {
    let mut manifests = side.manifests.to_vec();
    for entry in manifests.iter_mut().flat_map(|manifest| &mut manifest.partitions) {
        entry.raw = entry.raw.take().filter(|object| !is_shared(&part_id(object)));
    }
    manifests
}

async fn compare(before: Side<'_>, after: Side<'_>, differences: &mut Differences) -> Result<(), DatasetError> {
    let mut old = Merge::new(inputs(before.catalog, before.manifests, None)?);
    let mut new = Join::new(Box::new(Merge::new(inputs(after.catalog, after.manifests, None)?)), true);
    let place = after.catalog.root().to_string();
    let mut on_mismatch = on_raw(differences, &place);
    while let Some(chunk) = old.next().await? {
        new.expect(&chunk, &mut on_mismatch).await?;
    }
    new.finish(&mut on_mismatch).await
}

#[cfg(test)]
mod tests;
