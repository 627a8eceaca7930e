//! The values of the cluster's state: small JSON records, each bounded. The keys are in [`crate::state_keys`].
//!
//! A record says where work stands. What it is made of (plans, reports, histories) are objects, named here by digest.
//!
//! Replicas of two versions lead in turn while a cluster is upgraded. So every version reads what the one after it writes:
//! a field that is not known is passed over, and kept where the record is written again ([`Unknown`]); a new field is
//! optional, and a version that adds one copes with records that lack it. What cannot be said that way raises
//! [`STATE_FORMAT`]: a replica that cannot read the state's format does not lead.

use std::fmt;

use model::limits::STATE_VALUE_BYTES_MAX;
use model::{AttemptId, Digest, FencingToken, LeaseId, Term, TimestampMs};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

/// The format of the state that this version writes, and the latest that it can read. It rises when an older version would
/// misread the state; a new key or a new optional field is no reason.
pub const STATE_FORMAT: u32 = 1;

/// Fields of a record that this version does not know: a newer one wrote them, and finds them again.
pub type Unknown = serde_json::Map<String, serde_json::Value>;

/// A record that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StateRecordError {
    /// Longer than a value may be.
    #[error("a {record} of {bytes} bytes is over the {STATE_VALUE_BYTES_MAX} of a value in the cluster's state")]
    TooLong {
        /// Which record.
        record: &'static str,
        /// How long it is.
        bytes: usize,
    },
    /// Not that record.
    #[error("not a {record}")]
    Malformed {
        /// Which record.
        record: &'static str,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

/// A value of the state.
pub trait StateRecord: Serialize + DeserializeOwned {
    /// What errors call it.
    const NAME: &'static str;

    /// The bytes of the value.
    ///
    /// # Errors
    /// [`StateRecordError::TooLong`]; no record of [`crate::state_records`] can be.
    fn encode(&self) -> Result<Vec<u8>, StateRecordError> {
        let bytes =
            serde_json::to_vec(self).map_err(|source| StateRecordError::Malformed { record: Self::NAME, source })?;
        if bytes.len() > STATE_VALUE_BYTES_MAX {
            return Err(StateRecordError::TooLong { record: Self::NAME, bytes: bytes.len() });
        }
        Ok(bytes)
    }

    /// The record of a value.
    ///
    /// # Errors
    /// [`StateRecordError::Malformed`] for what is not JSON, lacks a field, or has one of another kind. A field that this
    /// version does not know is no error.
    fn decode(value: &[u8]) -> Result<Self, StateRecordError> {
        serde_json::from_slice(value).map_err(|source| StateRecordError::Malformed { record: Self::NAME, source })
    }
}

/// Text without control characters, of at most `MAX` bytes as JSON writes it: what keeps a record small whatever it
/// quotes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// As much of `text` as fits, control characters as spaces.
    pub fn cut(text: &str) -> Self {
        let shown = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
        let mut bytes = 0;
        let fitting = shown.take_while(|letter| {
            bytes += letter.len_utf8() + usize::from(matches!(letter, '"' | '\\'));
            bytes <= MAX
        });
        Self(fitting.collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text.
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
        // A newer version may keep more of it.
        String::deserialize(deserializer).map(|text| Self::cut(&text))
    }
}

/// Reads a text that means something else once it is cut: a URI.
fn whole<'de, D: Deserializer<'de>, const MAX: usize>(deserializer: D) -> Result<Text<MAX>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let kept = Text::cut(&text);
    if kept.0 == text { Ok(kept) } else { Err(serde::de::Error::custom(format!("a URI over {MAX} bytes"))) }
}

/// The format of the state: see [`STATE_FORMAT`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatRecord {
    /// The format that the latest leader wrote.
    pub version: u32,
}

/// The coordinator that leads. The create revision of its key is the leader's token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderRecord {
    /// Its name: a pod's, a host's.
    pub replica: Text<128>,
    /// Where workers and operators reach it.
    #[serde(deserialize_with = "whole")]
    pub address: Text<256>,
}

/// A worker that is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerRecord {
    /// Its name: a pod's, a host's.
    pub name: Text<128>,
    /// How many attempts it runs at once.
    pub slots: u32,
    /// Its memory budget.
    pub memory_bytes: u64,
    /// The version of Tailor that it runs.
    pub version: Text<32>,
    /// The version of the worker protocol that it speaks.
    pub protocol: u32,
    /// SHA-256 of the secret that its requests carry, as 64 hexadecimal digits; none of an older release, which has no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_sha256: Option<Text<64>>,
    /// Why it takes no more work and is about to leave, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draining: Option<Text<128>>,
    /// Why it takes no work at the moment, if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfit: Option<Text<128>>,
}

/// A dataset that has, or had, a job: where histories are looked for once a job's own keys are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetRecord {
    /// Its URI.
    #[serde(deserialize_with = "whole")]
    pub uri: Text<384>,
}

/// That a worker is to leave. It holds by the worker's name: one that was lost before it left, and comes back under another
/// lease, is told again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainRecord {
    /// The worker's name.
    pub name: Text<128>,
    /// Why, in the operator's words.
    pub reason: Text<128>,
    /// The worker's record says that it leaves: once its lease is gone the order is carried out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaving: bool,
    /// Written back as they were read.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// How often orders to leave were written. Each write compares and raises it, so a late copy of one changes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainSerial {
    /// The number of the last write.
    pub last: u64,
}

/// Where a job stands. What it was asked to do is its spec, an object in the dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobHead {
    /// How far it is.
    pub phase: JobPhase,
    /// 1 when it is submitted; 1 more each time that it is asked to try again what failed.
    pub round: u32,
    /// URI of the dataset that holds its spec and plans. A longer one is refused when the job is submitted.
    #[serde(deserialize_with = "whole")]
    pub dataset: Text<384>,
    /// Digest of its spec, and part of the spec's key.
    pub spec: Digest,
    /// How many shards it has.
    pub shards: u32,
    /// When it was submitted.
    pub submitted_at_ms: TimestampMs,
    /// Why it failed as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Text<256>>,
    /// Digest of what its planning warned of, an object, where it warned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Digest>,
    /// Why it was cancelled, or tried again; empty where nobody said.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub reason: Text<128>,
    /// Written back as they were read.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobPhase {
    /// Its segments are being listed and planned.
    Planning,
    /// Its shards run.
    Running,
    /// It was cancelled, and attempts are being stopped.
    Cancelling,
    /// All shards have ended; its keys go once its record is written.
    Ended,
}

/// Where a shard stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRecord {
    /// How far it is.
    pub phase: ShardPhase,
    /// The round of its job in which it ran last.
    pub round: u32,
    /// Digest of its plan.
    pub plan: Digest,
    /// How many map tasks the plan has.
    pub map_tasks: u32,
    /// How many reduce tasks it has.
    pub partitions: u32,
    /// The version of the manifest that was committed.
    pub version: Option<u32>,
    /// Why it failed.
    pub cause: Option<Text<256>>,
    /// Digest of its report, an object, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Digest>,
    /// Written back as they were read.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// How far a shard is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShardPhase {
    /// Tasks are open.
    Running,
    /// All tasks are done; the manifest is being written.
    Committing,
    /// Its manifest is there.
    Done,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
}

/// What a task has behind it: outlives every claim, so that attempt numbers only rise (LS-1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptsRecord {
    /// Number of the last attempt.
    pub last: u32,
    /// How many attempts count against the task: those that failed, not those that were handed back.
    pub charged: u32,
    /// The last failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureRecord>,
    /// Where its first frame starts, once the stitch has found out: no attempt has to guess again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact_start: Option<u64>,
    /// When its first attempt was claimed, by the clock of the leader of that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_at_ms: Option<TimestampMs>,
}

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// On whom: the same failure from two workers is the task's own.
    pub worker: LeaseId,
    /// The start of its message; the whole is in the job's event log.
    pub cause: Text<64>,
}

/// That an attempt holds a task. The revision at which its key came to be, and the term, make the attempt's fencing token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRecord {
    /// Number of the attempt.
    pub attempt: u32,
    /// Who holds it.
    pub worker: LeaseId,
    /// Term of the leader that assigned it: with the attempt's number, this record is like no other. A version that knew no
    /// terms wrote the leader's revision here.
    #[serde(rename = "leader")]
    pub term: Term,
}

impl ClaimRecord {
    /// The token of the attempt, whose claim came to be at `revision`.
    pub const fn token(&self, revision: u64) -> FencingToken {
        self.term.token(revision)
    }
}

/// The one attempt that counts (LS-2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneRecord {
    /// The attempt.
    pub attempt: AttemptId,
    /// Number of the last attempt that was, or may have been, claimed: a twin that was slower, perhaps. Numbers go on after
    /// it if the task is opened again (LS-1).
    pub last: u32,
    /// Digest of its report, which is an object.
    pub report: Digest,
    /// Size of the report.
    pub report_bytes: u64,
    /// When its first attempt was claimed.
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
    JobHead => "job head",
    ShardRecord => "shard record",
    AttemptsRecord => "attempts record",
    ClaimRecord => "claim record",
    DoneRecord => "done record",
}

#[cfg(test)]
mod tests;
