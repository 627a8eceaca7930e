//! Every key of the cluster's state, built and parsed here and nowhere else.
//!
//! | key | value | written by | life |
//! |---|---|---|---|
//! | `leader` | [`LeaderRecord`] | the coordinator that is elected | immutable; on its lease |
//! | `workers/<lease>` | [`WorkerRecord`] | the worker | replaced when it drains; on its lease |
//! | `jobs/<job>/head` | [`JobHead`] | the leader | replaced; until the job is archived |
//! | `jobs/<job>/shards/<shard>/state` | [`ShardRecord`] | the leader | replaced; until the job is archived |
//! | `jobs/<job>/shards/<shard>/attempts/<task>` | [`AttemptsRecord`] | the leader, with each claim and each failure | replaced; until the task is done |
//! | `jobs/<job>/shards/<shard>/claims/<task>` | [`ClaimRecord`] | the leader | immutable; on the **worker's** lease |
//! | `jobs/<job>/shards/<shard>/done/<task>` | [`DoneRecord`] | the leader | immutable; until the shard is committed |
//!
//! `<lease>` is the id of a worker's lease: a process that lost its lease comes back as another worker. Keys are relative
//! to the namespace of the cluster (`/tailor/` in etcd unless it is set otherwise). Each value is JSON of at most
//! [`STATE_VALUE_BYTES_MAX`](model::limits::STATE_VALUE_BYTES_MAX) bytes.
//!
//! [`LeaderRecord`]: crate::state_records::LeaderRecord
//! [`WorkerRecord`]: crate::state_records::WorkerRecord
//! [`JobHead`]: crate::state_records::JobHead
//! [`ShardRecord`]: crate::state_records::ShardRecord
//! [`AttemptsRecord`]: crate::state_records::AttemptsRecord
//! [`ClaimRecord`]: crate::state_records::ClaimRecord
//! [`DoneRecord`]: crate::state_records::DoneRecord

use std::fmt;
use std::str::FromStr;

pub use model::TaskPath;
use model::ids::ParseIdError;
use model::{JobId, LeaseId, ShardId};

/// Prefix of all workers.
pub const WORKERS: &str = "workers/";
/// Prefix of all jobs.
pub const JOBS: &str = "jobs/";

/// A key of the state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateKey {
    /// Who leads.
    Leader,
    /// A live worker.
    Worker(LeaseId),
    /// A job.
    Job(JobId),
    /// A shard of a job.
    Shard(JobId, ShardId),
    /// A task that was assigned at least once and is not done.
    Attempts(TaskPath),
    /// A task that a worker holds.
    Claim(TaskPath),
    /// A task that is done.
    Done(TaskPath),
}

/// Prefix of everything of a job: deleted at once when it is archived.
pub fn job_prefix(job: &JobId) -> String {
    format!("{JOBS}{job}/")
}

/// Prefix of everything of a shard.
pub fn shard_prefix(job: &JobId, shard: ShardId) -> String {
    format!("{JOBS}{job}/shards/{shard}/")
}

impl fmt::Display for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut of_task =
            |kind: &str, path: &TaskPath| write!(f, "{}{kind}/{}", shard_prefix(&path.job, path.shard), path.task);
        match self {
            Self::Attempts(path) => of_task("attempts", path),
            Self::Claim(path) => of_task("claims", path),
            Self::Done(path) => of_task("done", path),
            Self::Leader => f.write_str("leader"),
            Self::Worker(lease) => write!(f, "{WORKERS}{lease}"),
            Self::Job(job) => write!(f, "{}head", job_prefix(job)),
            Self::Shard(job, shard) => write!(f, "{}state", shard_prefix(job, *shard)),
        }
    }
}

impl From<StateKey> for String {
    fn from(key: StateKey) -> Self {
        key.to_string()
    }
}

impl FromStr for StateKey {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || ParseIdError { text: text.to_owned(), expected: "a key of the cluster's state" };
        let components: Vec<_> = text.split('/').collect();
        Ok(match components[..] {
            ["leader"] => Self::Leader,
            ["workers", lease] => Self::Worker(lease.parse()?),
            ["jobs", job, "head"] => Self::Job(job.parse()?),
            ["jobs", job, "shards", shard, "state"] => Self::Shard(job.parse()?, shard.parse()?),
            ["jobs", job, "shards", shard, kind, task] => {
                let path = TaskPath { job: job.parse()?, shard: shard.parse()?, task: task.parse()? };
                match kind {
                    "attempts" => Self::Attempts(path),
                    "claims" => Self::Claim(path),
                    "done" => Self::Done(path),
                    _ => return Err(invalid()),
                }
            }
            _ => return Err(invalid()),
        })
    }
}

#[cfg(test)]
mod tests {
    use model::{OrgId, TaskId, TaskKind};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_key_parses_back_and_lies_under_its_prefixes(
            job in "[a-z0-9][a-z0-9_-]{0,63}", org: u64, remainder in 0u8..64, ordinal: u32, is_map: bool, lease: u64
        ) {
            let job: JobId = job.parse().expect("a job name");
            let kind = if is_map { TaskKind::Map } else { TaskKind::Reduce };
            for shard in [ShardId::Shared(remainder), ShardId::Dedicated(OrgId(org))] {
                let path = TaskPath { job: job.clone(), shard, task: TaskId { kind, ordinal } };
                let of_shard = [
                    StateKey::Shard(job.clone(), shard),
                    StateKey::Attempts(path.clone()),
                    StateKey::Claim(path.clone()),
                    StateKey::Done(path),
                ];
                for key in &of_shard {
                    prop_assert!(key.to_string().starts_with(&shard_prefix(&job, shard)));
                    prop_assert!(key.to_string().starts_with(&job_prefix(&job)));
                }
                let others = [StateKey::Leader, StateKey::Worker(LeaseId(lease)), StateKey::Job(job.clone())];
                for key in of_shard.into_iter().chain(others) {
                    prop_assert_eq!(key.to_string().parse(), Ok(key));
                }
            }
        }

        #[test]
        fn a_text_that_parses_is_the_only_spelling_of_its_key(text in "(leader|workers/|jobs/)?[a-z0-9/-]{0,60}") {
            if let Ok(key) = text.parse::<StateKey>() {
                prop_assert_eq!(key.to_string(), text);
            }
        }
    }

    #[test]
    fn keys_are_those_of_the_table() {
        let job: JobId = "nightly".parse().expect("a job name");
        let path = TaskPath { job: job.clone(), shard: ShardId::Shared(7), task: TaskId::map(12) };
        let keys = [
            StateKey::Leader,
            StateKey::Worker(LeaseId(0xab)),
            StateKey::Job(job.clone()),
            StateKey::Shard(job, ShardId::Shared(7)),
            StateKey::Attempts(path.clone()),
            StateKey::Claim(path.clone()),
            StateKey::Done(path),
        ];
        expect_test::expect![[r#"
            leader
            workers/l-00000000000000ab
            jobs/nightly/head
            jobs/nightly/shards/org-mod-07/state
            jobs/nightly/shards/org-mod-07/attempts/m-00012
            jobs/nightly/shards/org-mod-07/claims/m-00012
            jobs/nightly/shards/org-mod-07/done/m-00012"#]]
        .assert_eq(&keys.map(String::from).join("\n"));
    }
}
