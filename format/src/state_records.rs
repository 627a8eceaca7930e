//! The values of the cluster's state: small JSON records, each bounded. The keys are in [`crate::state_keys`].
//!
//! A record says where work stands. The larger documents (plans, reports, histories) are objects, named here by
//! digest.
//!
//! Replicas of two versions lead in turn while a cluster is upgraded. So every version reads the records of the next:
//! an unknown field is ignored, and kept when the record is written again ([`Unknown`]). A new field is optional, and
//! the version that adds it copes with records that lack it. A change that cannot follow these rules raises
//! [`STATE_FORMAT`]: a replica that cannot read the state's format does not lead.

use std::fmt;

use model::limits::STATE_VALUE_BYTES_MAX;
use model::{AttemptId, Digest, FencingToken, LeaseId, Term, TimestampMs};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

/// Format of the state that this version writes, and the latest that it can read. It rises only if an older version
/// would misread the state; a new key or a new optional field does not raise it.
pub const STATE_FORMAT: u32 = 1;

/// Fields of a record that this version does not know. A newer version wrote them; they are kept so that it finds
/// them again.
pub type Unknown = serde_json::Map<String, serde_json::Value>;

/// Error of a record that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StateRecordError {
    /// The record is longer than a value may be.
    #[error("a {record} of {bytes} bytes is over the {STATE_VALUE_BYTES_MAX} of a value in the cluster's state")]
    TooLong {
        /// Name of the record.
        record: &'static str,
        /// Length in bytes.
        bytes: usize,
    },
    /// The value is not that record.
    #[error("not a {record}")]
    Malformed {
        /// Name of the record.
        record: &'static str,
        /// Message of the JSON reader.
        #[source]
        source: serde_json::Error,
    },
}

/// Record that is a value of the state.
pub trait StateRecord: Serialize + DeserializeOwned {
    /// Name of the record in messages.
    const NAME: &'static str;

    /// Serialises the record.
    ///
    /// # Errors
    /// [`StateRecordError::TooLong`], which cannot happen to the records of [`crate::state_records`].
    fn encode(&self) -> Result<Vec<u8>, StateRecordError> {
        let bytes =
            serde_json::to_vec(self).map_err(|source| StateRecordError::Malformed { record: Self::NAME, source })?;
        if bytes.len() > STATE_VALUE_BYTES_MAX {
            return Err(StateRecordError::TooLong { record: Self::NAME, bytes: bytes.len() });
        }
        Ok(bytes)
    }

    /// Parses a value.
    ///
    /// # Errors
    /// [`StateRecordError::Malformed`] for a value that is not JSON, lacks a field, or has a field of another kind. A
    /// field that this version does not know is ignored.
    fn decode(value: &[u8]) -> Result<Self, StateRecordError> {
        serde_json::from_slice(value).map_err(|source| StateRecordError::Malformed { record: Self::NAME, source })
    }
}

/// Text without control characters, of at most `MAX` bytes in JSON. It keeps a record small even if a quoted message
/// is long.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// Cuts `text` to the length that fits, with control characters replaced by spaces.
    pub fn cut(text: &str) -> Self {
        let shown = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
        let mut bytes = 0;
        let fitting = shown.take_while(|letter| {
            bytes += letter.len_utf8() + usize::from(matches!(letter, '"' | '\\'));
            bytes <= MAX
        });
        Self(fitting.collect())
    }

    /// True if the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A newer version may store a longer text, so cut it here.
        String::deserialize(deserializer).map(|text| Self::cut(&text))
    }
}

/// Reads a text that must not be cut, such as a URI.
fn whole<'de, D: Deserializer<'de>, const MAX: usize>(deserializer: D) -> Result<Text<MAX>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let kept = Text::cut(&text);
    if kept.0 == text { Ok(kept) } else { Err(serde::de::Error::custom(format!("a URI over {MAX} bytes"))) }
}

/// Format of the state, see [`STATE_FORMAT`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatRecord {
    /// Format that the latest leader wrote.
    pub version: u32,
}

/// Coordinator that leads. Every write of the leader compares this record, which its term makes unique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderRecord {
    /// Name of its pod or host.
    pub replica: Text<128>,
    /// Address for workers and operators.
    #[serde(deserialize_with = "whole")]
    pub address: Text<256>,
    /// Term of the leader. Versions without terms wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<Term>,
}

/// Worker that is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerRecord {
    /// Name of its pod or host.
    pub name: Text<128>,
    /// Most attempts at once.
    pub slots: u32,
    /// Memory budget in bytes.
    pub memory_bytes: u64,
    /// Version of Tailor that it runs.
    pub version: Text<32>,
    /// Version of the worker protocol that it speaks.
    pub protocol: u32,
    /// SHA-256 of the secret in its requests, as 64 hexadecimal digits. Older releases have no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_sha256: Option<Text<64>>,
    /// Reason for which it takes no more work and is about to leave, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draining: Option<Text<128>>,
    /// Reason for which it takes no work at the moment, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfit: Option<Text<128>>,
}

/// Dataset that has, or had, a job. Histories are looked up there once a job's own keys are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetRecord {
    /// URI of the dataset.
    #[serde(deserialize_with = "whole")]
    pub uri: Text<384>,
}

/// Order to a worker to leave. It holds by the worker's name: a worker that was lost before it left, and comes back
/// under another lease, gets the order again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainRecord {
    /// Name of the worker.
    pub name: Text<128>,
    /// Reason, in the operator's words.
    pub reason: Text<128>,
    /// True if the worker's record says that it leaves: once its lease is gone, the order is carried out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaving: bool,
    /// Unknown fields, written back as they were read.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// Counter of writes to the orders to leave. Each write compares and raises it, so a late copy of a write changes
/// nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainSerial {
    /// Number of the last write.
    pub last: u64,
}

/// Demand for workers of a pool, from which every coordinator answers an autoscaler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemandRecord {
    /// Number of workers with which the open work is done in time; 0 if no job is open.
    pub wanted: u32,
}

/// State of a job. Its spec is an object in the dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobHead {
    /// Phase of the job.
    pub phase: JobPhase,
    /// Round: 1 after the submission, and 1 more after each retry.
    pub round: u32,
    /// URI of the dataset that holds its spec and plans. A job with a longer URI is refused when it is submitted.
    #[serde(deserialize_with = "whole")]
    pub dataset: Text<384>,
    /// Digest of the job's spec, and part of the spec's key.
    pub spec: Digest,
    /// Number of shards.
    pub shards: u32,
    /// Submission time in milliseconds.
    pub submitted_at_ms: TimestampMs,
    /// Cause of a failure of the whole job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Text<256>>,
    /// Digest of the warnings of its planning, an object, if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Digest>,
    /// Reason of the cancellation or retry; empty if none was given.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub reason: Text<128>,
    /// Unknown fields, written back as they were read.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// Phase of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobPhase {
    /// Segments are being listed and planned.
    Planning,
    /// Shards of the job run.
    Running,
    /// The job was cancelled, and its attempts are being stopped.
    Cancelling,
    /// Every shard has ended; the keys go once the job's record is written.
    Ended,
}

/// State of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRecord {
    /// Phase of the shard.
    pub phase: ShardPhase,
    /// Round of its job in which it ran last.
    pub round: u32,
    /// Digest of the shard's plan.
    pub plan: Digest,
    /// Number of map tasks in the plan.
    pub map_tasks: u32,
    /// Number of reduce tasks in the plan.
    pub partitions: u32,
    /// Version of the manifest that was committed.
    pub version: Option<u32>,
    /// Cause of the failure.
    pub cause: Option<Text<256>>,
    /// Digest of the shard's report, an object, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Digest>,
    /// Unknown fields, written back as they were read.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// Phase of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShardPhase {
    /// Tasks of the shard are open.
    Running,
    /// Every task is done; the manifest is being written.
    Committing,
    /// The shard's manifest is visible.
    Done,
    /// The shard has failed.
    Failed,
    /// The shard was cancelled.
    Cancelled,
}

/// Numbers and charges of a task's attempts. The record outlives every claim, so that attempt numbers only rise
/// (LS-1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptsRecord {
    /// Number of the last attempt.
    pub last: u32,
    /// Number of attempts that count against the task: failed ones, not those handed back.
    pub charged: u32,
    /// Failure of the last attempt that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureRecord>,
    /// Offset of the task's first frame, once the stitch has found it, so that no attempt has to guess again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact_start: Option<u64>,
    /// Time at which its first attempt was claimed, by the clock of the leader of that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_at_ms: Option<TimestampMs>,
}

/// Failure of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// Worker on which it failed: the same failure on two workers is blamed on the task.
    pub worker: LeaseId,
    /// Start of the message; the whole message is in the job's event log.
    pub cause: Text<64>,
}

/// Claim of an attempt on a task. The term and the revision at which the key was created make the attempt's fencing
/// token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRecord {
    /// Number of the attempt.
    pub attempt: u32,
    /// Worker that holds the claim.
    pub worker: LeaseId,
    /// Term of the leader that assigned the attempt. Together with the attempt's number it makes the record unique.
    /// Versions without terms wrote the leader's revision here.
    #[serde(rename = "leader")]
    pub term: Term,
}

impl ClaimRecord {
    /// Returns the token of the attempt, whose claim was created at `revision`.
    pub const fn token(&self, revision: u64) -> FencingToken {
        self.term.token(revision)
    }
}

/// Completion by the single attempt that counts (LS-2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneRecord {
    /// Attempt that counts.
    pub attempt: AttemptId,
    /// Number of the last attempt that was, or may have been, claimed, perhaps by a slower twin. If the task is
    /// opened again, numbers continue after it (LS-1).
    pub last: u32,
    /// Digest of the attempt's report, which is an object.
    pub report: Digest,
    /// Size of the report in bytes.
    pub report_bytes: u64,
    /// Time at which its first attempt was claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_at_ms: Option<TimestampMs>,
}

macro_rules! records {
    ($($type:ident => $name:literal),+ $(,)?) => {
        $(impl StateRecord for $type { const NAME: &'static str = $name; })+
    };
}

records! {
    LeaderRecord => "leader record",
    WorkerRecord => "worker record",
    FormatRecord => "record of the state's format",
    DatasetRecord => "dataset record",
    DrainRecord => "order to leave",
    DrainSerial => "count of orders to leave",
    DemandRecord => "demand for workers",
    JobHead => "job head",
    ShardRecord => "shard record",
    AttemptsRecord => "attempts record",
    ClaimRecord => "claim record",
    DoneRecord => "done record",
}

#[cfg(test)]
mod tests;
