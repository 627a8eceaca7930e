//! What a collection found.

use format::manifest::API_VERSION;
use model::limits::GARBAGE_LISTED_MAX;
use serde::Serialize;
use storage::Root;

/// The document of `tailor dataset gc -o json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GcReport {
    /// [`API_VERSION`].
    pub api_version: &'static str,
    /// `Gc`.
    pub kind: &'static str,
    /// The dataset, as given.
    pub dataset: String,
    /// Whether the garbage below is gone, or was only looked for.
    pub deleted: bool,
    /// Manifests that are retained, of the windows and shards that were looked at.
    pub manifests_retained: usize,
    /// Objects that no manifest names, too young to judge or of a process that lives.
    pub objects_young: usize,
    /// Jobs that were left alone because somebody runs them, or rolls back to them.
    pub jobs_open: usize,
    /// Jobs that were left alone because they ended within the minimum age.
    pub jobs_young: usize,
    /// Jobs with a mark that the dataset does not know: nothing of them is deleted.
    pub jobs_unknown: usize,
    /// The first of what was found, in the order of deletion; [`GARBAGE_LISTED_MAX`] at most.
    pub garbage: Vec<Garbage>,
    /// How much was found.
    pub objects: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// What an operator should know.
    pub warnings: Vec<String>,
}

/// One thing to delete.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Garbage {
    /// Why it is garbage.
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
    /// Spilled data of a process or a job that is gone.
    ScratchLeftover,
    /// The leftover of a write that was killed.
    StagingLeftover,
}

impl GcReport {
    /// Nothing found yet.
    pub(super) fn of(root: &Root) -> Self {
        Self { api_version: API_VERSION, kind: "Gc", dataset: root.to_string(), ..Self::default() }
    }

    /// Of a place that is not known to be ours.
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
