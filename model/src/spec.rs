//! What an operator submits: where a job reads and writes, what shapes its output, and how it shares the cluster.

use serde::{Deserialize, Serialize};

use crate::admission::InvalidField;
use crate::digest::Digest;
use crate::ids::{JobId, ShardId};
use crate::job::JobSettings;
use crate::time::TimestampMs;

/// Weight of a job that is not told otherwise.
pub const PRIORITY_DEFAULT: u32 = 10;
/// Largest weight.
pub const PRIORITY_MAX: u32 = 100;
/// Longest shard map, in bytes: a spec is one small object, and one message.
pub const SHARD_MAP_BYTES_MAX: usize = 1 << 20;

/// One submitted job. Written once, as an object named by its digest; the cluster's state has the digest alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// Its name.
    pub job: JobId,
    /// URI of the segments.
    pub input: String,
    /// URI of the dataset.
    pub dataset: String,
    /// The shards to run; empty for all that have segments. One that is named and has none is run as empty.
    pub shards: Vec<ShardId>,
    /// What shapes its output.
    pub settings: JobSettings,
    /// Text of the shard map; empty for 64 shared shards.
    pub shard_map: String,
    /// Why, for the manifests.
    pub reason: String,
    /// Its weight against other jobs, 1 to [`PRIORITY_MAX`]: with 20 it gets twice the slots of a job with 10.
    pub priority: u32,
    /// Most attempts that it runs at once.
    pub running_max: Option<u32>,
    /// Why it may replace a version that was committed while it ran and whose input it does not contain (CM-5); without one, it
    /// may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_replace: Option<String>,
    /// The job whose shard this one runs again.
    pub replay_of: Option<JobId>,
    /// Who submitted it: a user and a host, as the client says.
    pub submitted_by: String,
    /// When, as the client says. Not part of what makes two specs the same.
    pub submitted_at_ms: TimestampMs,
}

/// A spec that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No JSON, or not of a spec.
    #[error("the job's spec cannot be read: {0}; do client and coordinator run the same version?")]
    Malformed(String),
    /// A field that breaks a rule.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
}

impl SpecError {
    /// Path of the field, seen from a message that holds the spec as `spec`.
    pub fn field(&self) -> String {
        match self {
            Self::Malformed(_) => "spec".to_owned(),
            Self::Invalid(invalid) => format!("spec.{}", invalid.field),
        }
    }

    /// What is wrong with that field.
    pub fn reason(&self) -> String {
        match self {
            Self::Malformed(_) => self.to_string(),
            Self::Invalid(invalid) => invalid.reason.clone(),
        }
    }
}

impl JobSpec {
    /// The bytes of its object.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a spec is numbers and names")
    }

    /// The spec as it travels: the same JSON without the spaces.
    pub fn to_message(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a spec is numbers and names")
    }

    /// Reads a spec that enters, be it an object or a message, and checks it.
    ///
    /// # Errors
    /// See [`SpecError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SpecError> {
        let spec: Self = serde_json::from_slice(bytes).map_err(|error| SpecError::Malformed(error.to_string()))?;
        spec.validate()?;
        Ok(spec)
    }

    /// Reads a spec that was admitted before, perhaps by an older release with wider bounds: only what it could not run with is
    /// refused.
    ///
    /// # Errors
    /// See [`SpecError`].
    pub fn from_object(bytes: &[u8]) -> Result<Self, SpecError> {
        let spec: Self = serde_json::from_slice(bytes).map_err(|error| SpecError::Malformed(error.to_string()))?;
        spec.settings.validate().map_err(|error| error.within("settings"))?;
        Ok(spec)
    }

    /// Digest of the object.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// Whether both ask for the same: who submitted them and when does not matter.
    pub fn is_same(&self, other: &Self) -> bool {
        let anonymous = |spec: &Self| Self { submitted_by: String::new(), submitted_at_ms: 0, ..spec.clone() };
        anonymous(self) == anonymous(other)
    }
}
