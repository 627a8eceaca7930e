//! The manifest: the versioned list of the parts that count for a window and a shard.
//!
//! A manifest is a JSON document that a person can read. Its last field is a digest of all bytes before that field,
//! so that any flipped bit and any truncation is found: the digest is checked before the document is parsed as JSON.

use model::books::Books;
use model::job::JobSettings;
pub use model::outcome::{Extent, ObjectEntry, QuarantineEntry, RollupEntry};
use model::{AttemptId, JobId, PartitionId, ShardId, TimestampMs, Window};
use serde::{Deserialize, Serialize};

use crate::segments::Inputs;
use model::digest::Digest;

/// Name and version of the document.
pub const API_VERSION: &str = "tailor/v1";

/// Parts of one window and shard, with their inputs and the reason for the version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`API_VERSION`], name and version of the document.
    pub api_version: String,
    /// Window of the parts.
    pub window: Window,
    /// Shard of the parts.
    pub shard: ShardId,
    /// Version, counted from 1 for each (window, shard).
    pub version: u32,
    /// Job that wrote the manifest.
    pub job: JobId,
    /// Version that this one replaces.
    pub replaces: Option<u32>,
    /// Version that was current when the shard was planned (0 if there was none), if it differs from the replaced
    /// version. In that case the replaced version's input is contained in [`Self::inputs`], or the commit was forced
    /// (CM-5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<u32>,
    /// Reason to replace a version whose input this one does not contain; set only by a forced commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
    /// Reason for the version: `run`, `replay: ...`, `rollback to v3: ...`.
    pub reason: String,
    /// Time of the commit, in milliseconds.
    pub committed_at_ms: TimestampMs,
    /// Settings that shaped the output.
    pub settings: JobSettings,
    /// Digest of [`Self::settings`] and of the shard map. Equal digests over equal inputs promise equal parts.
    pub settings_digest: Digest,
    /// Input segments in source order; `storage::Root::read_inputs` reads them.
    pub inputs: Inputs,
    /// Entry of each partition of the plan, in order (CM-1).
    pub partitions: Vec<PartitionEntry>,
    /// Quarantine objects with the bad frames.
    pub quarantine: Vec<QuarantineEntry>,
    /// Books: counts of everything that was read, by its destination.
    pub books: Books,
    /// Warnings for an operator: segments with misplaced organisations, timestamps of an unlikely range.
    pub warnings: Vec<String>,
}

/// Output of one partition, from exactly one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionEntry {
    /// Partition of the output.
    pub partition: PartitionId,
    /// Attempt whose output counts.
    pub attempt: AttemptId,
    /// Raw part; none if the partition holds no point.
    pub raw: Option<ObjectEntry>,
    /// Rollup parts, by step; a step without a row is left out.
    pub rollups: Vec<RollupEntry>,
    /// Extent of the raw part; none if it holds no point.
    pub extent: Option<Extent>,
}

/// Error of a manifest that cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The bytes differ from those that were written.
    #[error(
        "manifest {key} is damaged: digest {found}, expected {expected}; restore it, or roll back to another version"
    )]
    Damaged {
        /// Key of the manifest.
        key: String,
        /// Digest of its bytes.
        found: String,
        /// Digest that it carries.
        expected: String,
    },
    /// The bytes are intact, but this build cannot read them.
    #[error("manifest {key} cannot be read: {cause}; it may have been written by a newer Tailor")]
    Unreadable {
        /// Key of the manifest.
        key: String,
        /// Message of the JSON reader.
        cause: String,
    },
}

const SEAL_PREFIX: &str = ",\n  \"digest\": \"";
const SEAL_SUFFIX: &str = "\"\n}\n";
const DIGEST_CHARS: usize = 32;
const SEAL_BYTES: usize = SEAL_PREFIX.len() + DIGEST_CHARS + SEAL_SUFFIX.len();

impl Manifest {
    /// Serialises the document, sealed with its digest.
    pub fn to_bytes(&self) -> Vec<u8> {
        let json =
            serde_json::to_string_pretty(self).expect("a manifest has only string keys and no failing serializer");
        let body = json.strip_suffix("\n}").expect("a pretty-printed object ends with a brace on its own line");
        let digest = Digest::of(body.as_bytes());
        format!("{body}{SEAL_PREFIX}{digest}{SEAL_SUFFIX}").into_bytes()
    }

    /// Checks and parses the document at `key`.
    ///
    /// # Errors
    /// [`ManifestError::Damaged`] for bytes that differ from those that were written, [`ManifestError::Unreadable`]
    /// for another version.
    pub fn from_bytes(key: &str, bytes: &[u8]) -> Result<Self, ManifestError> {
        let damaged = |found: String, expected: &str| ManifestError::Damaged {
            key: key.to_owned(),
            found,
            expected: expected.to_owned(),
        };
        let unsealed = || damaged(format!("none in {} bytes", bytes.len()), "a digest at the end");
        let split = bytes.len().checked_sub(SEAL_BYTES).ok_or_else(unsealed)?;
        let (body, seal) = bytes.split_at(split);
        let seal = std::str::from_utf8(seal).map_err(|_| unsealed())?;
        let expected =
            seal.strip_prefix(SEAL_PREFIX).and_then(|seal| seal.strip_suffix(SEAL_SUFFIX)).ok_or_else(unsealed)?;
        let found = Digest::of(body).to_string();
        if found != expected {
            return Err(damaged(found, expected));
        }
        let unreadable = |cause: String| ManifestError::Unreadable { key: key.to_owned(), cause };
        let body = std::str::from_utf8(body).map_err(|error| unreadable(error.to_string()))?;
        let manifest: Self =
            serde_json::from_str(&format!("{body}\n}}")).map_err(|error| unreadable(error.to_string()))?;
        if manifest.api_version != API_VERSION {
            return Err(unreadable(format!(
                "it is of version {}, this build reads {API_VERSION}",
                manifest.api_version
            )));
        }
        Ok(manifest)
    }

    /// Lists every object that the manifest names.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectEntry> {
        let parts = self
            .partitions
            .iter()
            .flat_map(|partition| partition.raw.iter().chain(partition.rollups.iter().map(|rollup| &rollup.object)));
        parts.chain(self.quarantine.iter().map(|entry| &entry.object)).chain(self.inputs.object())
    }

    /// Digest of the digests of all raw and rollup parts, in order. A replay compares it.
    pub fn content_digest(&self) -> Digest {
        let mut digester = model::digest::Digester::new();
        for partition in &self.partitions {
            digester.update(&partition.partition.0.to_le_bytes());
            let parts = partition.raw.iter().chain(partition.rollups.iter().map(|rollup| &rollup.object));
            for object in parts {
                digester.update(&object.digest.0.to_le_bytes());
            }
        }
        digester.finish()
    }
}

#[cfg(test)]
mod tests;
