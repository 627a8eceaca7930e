//! Spec of a job, as an operator submits it: input and dataset, settings that shape the output, and share of the
//! cluster.

use serde::{Deserialize, Serialize};

use crate::admission::InvalidField;
use crate::digest::Digest;
use crate::ids::{JobId, ShardId};
use crate::job::JobSettings;
use crate::time::TimestampMs;

/// Weight of a job without a given weight.
pub const WEIGHT_DEFAULT: u32 = 10;
/// Largest weight of a job.
pub const WEIGHT_MAX: u32 = 100;
/// Longest shard map, in bytes, so that a spec is one small object and one message.
pub const SHARD_MAP_BYTES_MAX: usize = 1 << 20;

/// Spec of a submitted job. It is written once, as an object named by its digest; the cluster's state holds only the
/// digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// Name of the job.
    pub job: JobId,
    /// URI of the segments.
    pub input: String,
    /// URI of the dataset.
    pub dataset: String,
    /// Shards to run; empty for all that have segments. A named shard without segments runs as empty.
    pub shards: Vec<ShardId>,
    /// Settings that shape the output.
    pub settings: JobSettings,
    /// Text of the shard map; empty for 64 shared shards.
    pub shard_map: String,
    /// Reason for the job, kept in its manifests.
    pub reason: String,
    /// Weight against other jobs, 1 to [`WEIGHT_MAX`]: with 20, a job gets twice the slots of a job with 10. Stored specs
    /// call it `priority`.
    #[serde(rename = "priority")]
    pub weight: u32,
    /// Most attempts that the job runs at once; unlimited if absent.
    pub running_max: Option<u32>,
    /// Reason to replace a version that was committed while the job ran and whose input the job does not contain
    /// (CM-5). Without a reason the job must not replace it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_replace: Option<String>,
    /// Job whose shard this one replays.
    pub replay_of: Option<JobId>,
    /// Submitter: a user and a host, as the client says.
    pub submitted_by: String,
    /// Time of the submission, as the client says. It is ignored when two specs are compared.
    pub submitted_at_ms: TimestampMs,
}

/// Error of a spec that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The text is not JSON, or not a spec.
    #[error("the job's spec cannot be read: {0}; do client and coordinator run the same version?")]
    Malformed(String),
    /// A field breaks a rule.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
}

impl SpecError {
    /// Returns the path of the field, as seen from a message that holds the spec as `spec`.
    pub fn field(&self) -> String {
        match self {
            Self::Malformed(_) => "spec".to_owned(),
            Self::Invalid(invalid) => format!("spec.{}", invalid.field),
        }
    }

    /// Returns the reason for which the field is refused.
    pub fn reason(&self) -> String {
        match self {
            Self::Malformed(_) => self.to_string(),
            Self::Invalid(invalid) => invalid.reason.clone(),
        }
    }
}

impl JobSpec {
    /// Serialises the spec as its object.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a spec is numbers and names")
    }

    /// Serialises the spec for the wire: the same JSON without spaces.
    pub fn to_message(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a spec is numbers and names")
    }

    /// Parses a spec that enters, as an object or a message, and checks it.
    ///
    /// # Errors
    /// See [`SpecError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SpecError> {
        let spec: Self = serde_json::from_slice(bytes).map_err(|error| SpecError::Malformed(error.to_string()))?;
        spec.validate()?;
        Ok(spec)
    }

    /// Parses a spec that was admitted before, perhaps by an older release with wider limits. Refuses only a spec
    /// that this release cannot run.
    ///
    /// # Errors
    /// See [`SpecError`].
    pub fn from_object(bytes: &[u8]) -> Result<Self, SpecError> {
        let spec: Self = serde_json::from_slice(bytes).map_err(|error| SpecError::Malformed(error.to_string()))?;
        spec.settings.validate().map_err(|error| error.within("settings"))?;
        Ok(spec)
    }

    /// Digest of the spec's object.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// True if both ask for the same; submitter and submission time are ignored.
    pub fn is_same(&self, other: &Self) -> bool {
        let anonymous = |spec: &Self| Self { submitted_by: String::new(), submitted_at_ms: 0, ..spec.clone() };
        anonymous(self) == anonymous(other)
    }
}
