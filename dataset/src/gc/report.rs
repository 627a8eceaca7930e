//! Report of a collection.

use format::manifest::API_VERSION;
use model::limits::GARBAGE_LISTED_MAX;
use serde::Serialize;
use storage::Root;

/// Document of `tailor dataset gc -o json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GcReport {
    /// [`API_VERSION`], version of the document.
    pub api_version: &'static str,
    /// Always `Gc`, the document's kind.
    pub kind: &'static str,
    /// Dataset as it was given.
    pub dataset: String,
    /// True if the garbage was deleted, false if it was only searched for.
    pub deleted: bool,
    /// Manifests that are retained, of the examined windows and shards.
    pub manifests_retained: usize,
    /// Objects that no manifest names but that are too young to judge, or belong to a live process.
    pub objects_young: usize,
    /// Jobs that were skipped because they run, or a rollback returns to them.
    pub jobs_open: usize,
    /// Jobs that were skipped because they ended within the minimum age.
    pub jobs_young: usize,
    /// Jobs with a mark that the dataset does not know; nothing of them is deleted.
    pub jobs_unknown: usize,
    /// First pieces of garbage, in the order of deletion; [`GARBAGE_LISTED_MAX`] at most.
    pub garbage: Vec<Garbage>,
    /// Number of pieces of garbage.
    pub objects: u64,
    /// Size of the garbage in bytes.
    pub bytes: u64,
    /// Warnings for an operator.
    pub warnings: Vec<String>,
}

/// Object or file to delete.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Garbage {
    /// Reason for which it is garbage.
    pub reason: GarbageReason,
    /// Key under the dataset.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
}

/// Reason for which something is garbage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GarbageReason {
    /// The manifest is beyond the versions to keep.
    ManifestSuperseded,
    /// The data object is named only by such manifests.
    ObjectSuperseded,
    /// The data object is named by no manifest.
    ObjectUnnamed,
    /// The spilled data belongs to a process or a job that is gone.
    ScratchLeftover,
    /// The file was left by a write that was killed.
    StagingLeftover,
}

impl GcReport {
    /// Creates an empty report.
    pub(super) fn of(root: &Root) -> Self {
        Self { api_version: API_VERSION, kind: "Gc", dataset: root.to_string(), ..Self::default() }
    }

    /// Creates the report of a place that is not known to be ours.
    pub(super) fn unmarked(root: &Root) -> Self {
        let warning = format!(
            "{} has no tailor.json that this version reads, so nothing is collected here; the next job writes one",
            root
        );
        Self { warnings: vec![warning], ..Self::of(root) }
    }

    pub(super) fn add(&mut self, garbage: Garbage) {
        self.objects += 1;
        self.bytes += garbage.size;
        if self.garbage.len() < GARBAGE_LISTED_MAX {
            self.garbage.push(garbage);
        }
    }
}
