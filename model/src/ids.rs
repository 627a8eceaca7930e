//! Ids: a newtype for each noun, with a text form that parses back to that noun only.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Digest;
use crate::limits::SHARED_SHARDS;

/// Error for a text that is not a valid id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not {expected}")]
pub struct ParseIdError {
    /// The text that was given.
    pub text: String,
    /// Expected form, with its article.
    pub expected: &'static str,
}

pub(crate) fn parse_error(text: &str, expected: &'static str) -> ParseIdError {
    ParseIdError { text: text.to_owned(), expected }
}

/// Serialises an id as its text form, so that JSON shows the same text as a log.
macro_rules! serde_as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use serde_as_text;

/// Organisation: the owner of metrics, and the unit from which shards are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrgId(pub u64);

/// Metric of an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MetricId(pub u64);

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for MetricId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Slice of organisations: the unit that fails, retries, commits and replays alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShardId {
    /// `org-mod-NN`: the organisations whose id leaves this remainder modulo 64.
    Shared(u8),
    /// `org-N`: one organisation's own shard.
    Dedicated(OrgId),
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared(remainder) => write!(f, "org-mod-{remainder:02}"),
            Self::Dedicated(org) => write!(f, "org-{org}"),
        }
    }
}

impl FromStr for ShardId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "a shard (org-mod-00 to org-mod-63, or org-N)";
        let invalid = || parse_error(text, EXPECTED);
        let shard = if let Some(remainder) = text.strip_prefix("org-mod-") {
            let remainder: u8 = remainder.parse().map_err(|_| invalid())?;
            if u64::from(remainder) >= SHARED_SHARDS {
                return Err(invalid());
            }
            Self::Shared(remainder)
        } else {
            let org = text.strip_prefix("org-").ok_or_else(invalid)?;
            Self::Dedicated(OrgId(org.parse().map_err(|_| invalid())?))
        };
        // Each shard has a single spelling: `org-mod-7` and `org-+7` would be second names for another key.
        if shard.to_string() == text { Ok(shard) } else { Err(invalid()) }
    }
}

serde_as_text!(ShardId);

/// Name of a job: a key component, chosen by the operator or derived from the job's settings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(String);

impl JobId {
    /// Longest name, in bytes.
    pub const BYTES_MAX: usize = 64;

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of this job's `ordinal`th replay: `<job>-r<ordinal>`. If that is too long, the job's name is
    /// cut, and eight digits of its digest keep it apart from others that begin alike.
    #[must_use]
    pub fn replay(&self, ordinal: u32) -> Self {
        let suffix = format!("-r{ordinal}");
        if self.0.len() + suffix.len() <= Self::BYTES_MAX {
            return Self(format!("{}{suffix}", self.0));
        }
        let digest = format!("-{:08x}", Digest::of(self.0.as_bytes()).0 as u32);
        // A name is ASCII, so it can be cut at any byte.
        let kept = &self.0[..Self::BYTES_MAX - digest.len() - suffix.len()];
        Self(format!("{kept}{digest}{suffix}"))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for JobId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let is_clean = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        if starts_well && is_clean && text.len() <= Self::BYTES_MAX {
            Ok(Self(text.to_owned()))
        } else {
            Err(parse_error(text, "a job name (1 to 64 of a-z, 0-9, '-' and '_', a letter or digit first)"))
        }
    }
}

serde_as_text!(JobId);

/// Slice of the key space inside a shard; counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartitionId(pub u32);

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:05}", self.0)
    }
}

/// Kind of a task: the map or the reduce half of a shard's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskKind {
    /// Reads splits, writes a run.
    Map,
    /// Gathers one partition's slices, writes its part.
    Reduce,
}

impl TaskKind {
    /// Returns the name, as in labels and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Reduce => "reduce",
        }
    }
}

/// Task of a shard's plan: `m-00012` or `r-00003`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// Kind: map or reduce.
    pub kind: TaskKind,
    /// Position among the plan's tasks of that kind. For map tasks this is source order; for reduce tasks, the
    /// partition.
    pub ordinal: u32,
}

impl TaskId {
    /// Returns the map task at `ordinal`.
    pub const fn map(ordinal: u32) -> Self {
        Self { kind: TaskKind::Map, ordinal }
    }

    /// Returns the reduce task of `partition`.
    pub const fn reduce(partition: PartitionId) -> Self {
        Self { kind: TaskKind::Reduce, ordinal: partition.0 }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.kind {
            TaskKind::Map => 'm',
            TaskKind::Reduce => 'r',
        };
        write!(f, "{prefix}-{:05}", self.ordinal)
    }
}

impl FromStr for TaskId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || parse_error(text, "a task (m-NNNNN or r-NNNNN)");
        let (prefix, ordinal) = text.split_once('-').ok_or_else(invalid)?;
        let kind = match prefix {
            "m" => TaskKind::Map,
            "r" => TaskKind::Reduce,
            _ => return Err(invalid()),
        };
        let task = Self { kind, ordinal: ordinal.parse().map_err(|_| invalid())? };
        if task.to_string() == text { Ok(task) } else { Err(invalid()) }
    }
}

serde_as_text!(TaskId);

/// Attempt at a task: `a-<number>-<token>`. The number rises with every assignment of the task (LS-1). The token is
/// unique to the attempt, so that a late writer writes where no reader looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    /// Number, counted from 1 for each task.
    pub number: u32,
    /// Fencing token of the assignment.
    pub token: FencingToken,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a-{}-{}", self.number, self.token)
    }
}

impl FromStr for AttemptId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || parse_error(text, "an attempt (a-N-TOKEN)");
        let (number, token) = text.strip_prefix("a-").and_then(|rest| rest.split_once('-')).ok_or_else(invalid)?;
        let attempt = Self { number: number.parse().map_err(|_| invalid())?, token: token.parse()? };
        if attempt.to_string() == text { Ok(attempt) } else { Err(invalid()) }
    }
}

serde_as_text!(AttemptId);

/// Fencing token, 16 hexadecimal digits. It grows with every assignment of a leader and is never given out twice,
/// which makes a late writer harmless. It is the sum of the leader's [`Term`](crate::Term) and a revision of the
/// cluster's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FencingToken(pub u64);

impl fmt::Display for FencingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for FencingToken {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || parse_error(text, "a fencing token (16 hexadecimal digits)");
        let token = Self(u64::from_str_radix(text, 16).map_err(|_| invalid())?);
        if token.to_string() == text { Ok(token) } else { Err(invalid()) }
    }
}

serde_as_text!(FencingToken);

/// Lease of one worker process: its liveness and its name in the cluster's state, `l-` and 16 hexadecimal digits. A
/// process that lost its lease comes back under a new one, so that its old claims do not count as its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u64);

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "l-{:016x}", self.0)
    }
}

impl FromStr for LeaseId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || parse_error(text, "a lease (l- and 16 hexadecimal digits)");
        let digits = text.strip_prefix("l-").ok_or_else(invalid)?;
        let lease = Self(u64::from_str_radix(digits, 16).map_err(|_| invalid())?);
        if lease.to_string() == text { Ok(lease) } else { Err(invalid()) }
    }
}

serde_as_text!(LeaseId);

/// Full name of a task: job, shard and task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskPath {
    /// Job of the task.
    pub job: JobId,
    /// Shard of the task.
    pub shard: ShardId,
    /// Kind and ordinal in the shard's plan.
    pub task: TaskId,
}

impl fmt::Display for TaskPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.job, self.shard, self.task)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_id_parses_back_from_its_text(
            remainder in 0u8..64, org: u64, ordinal: u32, is_map: bool, number: u32, token: u64
        ) {
            let kind = if is_map { TaskKind::Map } else { TaskKind::Reduce };
            let task = TaskId { kind, ordinal };
            let attempt = AttemptId { number, token: FencingToken(token) };
            for shard in [ShardId::Shared(remainder), ShardId::Dedicated(OrgId(org))] {
                prop_assert_eq!(shard.to_string().parse(), Ok(shard));
            }
            prop_assert_eq!(task.to_string().parse(), Ok(task));
            prop_assert_eq!(attempt.to_string().parse(), Ok(attempt));
            prop_assert_eq!(LeaseId(token).to_string().parse(), Ok(LeaseId(token)));
            prop_assert!(task.to_string().parse::<AttemptId>().is_err());
            prop_assert!(attempt.to_string().parse::<TaskId>().is_err());
        }
    }

    #[test]
    fn a_job_of_any_name_has_replays_of_their_own() {
        let job = |name: &str| name.parse::<JobId>().expect("a job name");
        assert_eq!(job("nightly").replay(3), job("nightly-r3"));
        let long = ["a", "b"].map(|last| job(&format!("{}{last}", "x".repeat(63))));
        let names: Vec<_> = long.iter().flat_map(|job| [1, 2, u32::MAX].map(|ordinal| job.replay(ordinal))).collect();
        for (at, name) in names.iter().enumerate() {
            assert_eq!(name.as_str().parse().as_ref(), Ok(name));
            assert!(!names[..at].contains(name), "{name} twice");
        }
    }

    #[test]
    fn a_second_spelling_of_a_shard_is_refused() {
        for text in ["org-mod-7", "org-mod-64", "org-mod-007", "org-+7", "org-07", "org-", "mod-07", "ORG-7", ""] {
            assert!(text.parse::<ShardId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_job_name_is_one_key_component() {
        for text in ["", "-a", "a/b", "..", "A", &"x".repeat(65)] {
            assert!(text.parse::<JobId>().is_err(), "{text}");
        }
        assert_eq!("nightly-2026_11".parse::<JobId>().map(|job| job.to_string()), Ok("nightly-2026_11".to_owned()));
    }
}
