//! The manifest: the versioned list of the parts that count for a window and a shard.
//!
//! A manifest is a JSON document that a person can read. Its last field is a digest of all bytes before that field, so
//! that any flipped bit and any truncation is found: the document is checked as bytes before it is read as JSON.

use model::books::Books;
use model::job::JobSettings;
pub use model::outcome::{Extent, ObjectEntry, QuarantineEntry, RollupEntry};
use model::{AttemptId, JobId, PartitionId, ShardId, TimestampMs, Window};
use serde::{Deserialize, Serialize};

use crate::segments::Inputs;
use model::digest::Digest;

/// Name and version of the document.
pub const API_VERSION: &str = "tailor/v1";

/// The parts of one (window, shard), what they were made of, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`API_VERSION`].
    pub api_version: String,
    /// The window.
    pub window: Window,
    /// The shard.
    pub shard: ShardId,
    /// Counted from 1 for each (window, shard).
    pub version: u32,
    /// The job that wrote it.
    pub job: JobId,
    /// The version it replaces.
    pub replaces: Option<u32>,
    /// The version that was current when the shard was planned, 0 where there was none, if that is not the one that is replaced:
    /// then that one's input is contained in [`Self::inputs`], or the commit was forced (CM-5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<u32>,
    /// Why it was allowed to replace a version whose input it does not contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
    /// Why: `run`, `replay: ...`, `rollback to v3: ...`.
    pub reason: String,
    /// When it was committed.
    pub committed_at_ms: TimestampMs,
    /// What shaped the output.
    pub settings: JobSettings,
    /// Digest of [`Self::settings`] and of the shard map: equal digests over equal inputs promise equal parts.
    pub settings_digest: Digest,
    /// The input, in source order; `storage::Root::read_inputs` reads it.
    pub inputs: Inputs,
    /// One entry for each partition of the plan (CM-1), in order.
    pub partitions: Vec<PartitionEntry>,
    /// What was put aside.
    pub quarantine: Vec<QuarantineEntry>,
    /// What was read and where it went.
    pub books: Books,
    /// What an operator should look at: segments with misplaced organisations, timestamps of an unlikely range.
    pub warnings: Vec<String>,
}

/// One partition: exactly one attempt's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionEntry {
    /// The partition.
    pub partition: PartitionId,
    /// The attempt whose output counts.
    pub attempt: AttemptId,
    /// The raw part; none where the partition holds no point.
    pub raw: Option<ObjectEntry>,
    /// The rollup parts, by step; a step without a row is left out.
    pub rollups: Vec<RollupEntry>,
    /// Extent of the raw part; none where it holds no point.
    pub extent: Option<Extent>,
}

/// A manifest that cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The bytes are not those that were written.
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
    /// The bytes are intact, and this build cannot read them.
    #[error("manifest {key} cannot be read: {cause}; it may have been written by a newer Tailor")]
    Unreadable {
        /// Key of the manifest.
        key: String,
        /// What the reader stumbled over.
        cause: String,
    },
}

const SEAL_PREFIX: &str = ",\n  \"digest\": \"";
const SEAL_SUFFIX: &str = "\"\n}\n";
const DIGEST_CHARS: usize = 32;
const SEAL_BYTES: usize = SEAL_PREFIX.len() + DIGEST_CHARS + SEAL_SUFFIX.len();

impl Manifest {
    /// The document, sealed with its digest.
    pub fn to_bytes(&self) -> Vec<u8> {
        let json =
            serde_json::to_string_pretty(self).expect("a manifest has only string keys and no failing serializer");
        let body = json.strip_suffix("\n}").expect("a pretty-printed object ends with a brace on its own line");
        let digest = Digest::of(body.as_bytes());
        format!("{body}{SEAL_PREFIX}{digest}{SEAL_SUFFIX}").into_bytes()
    }

    /// Checks and reads the document at `key`.
    ///
    /// # Errors
    /// [`ManifestError::Damaged`] for bytes that were not written so, [`ManifestError::Unreadable`] for another version.
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

    /// Every object that it names.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectEntry> {
        let parts = self
            .partitions
            .iter()
            .flat_map(|partition| partition.raw.iter().chain(partition.rollups.iter().map(|rollup| &rollup.object)));
        parts.chain(self.quarantine.iter().map(|entry| &entry.object)).chain(self.inputs.object())
    }

    /// Digest of the digests of all raw and rollup parts, in order: what a replay compares.
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
