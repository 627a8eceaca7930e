//! Keys of the cluster's state, built and parsed here and nowhere else.
//!
//! | key | value | written by | life |
//! |---|---|---|---|
//! | `format` | [`FormatRecord`] | the leader, if it is not there or older | replaced; kept |
//! | `leader` | [`LeaderRecord`] | the elected coordinator | immutable; on its lease |
//! | `workers/<lease>` | [`WorkerRecord`] | the worker | replaced when it drains or is unfit; on its lease |
//! | `datasets/<digest>` | [`DatasetRecord`] | the leader, with each job of a dataset | rewritten with the same value; kept |
//! | `drains/<lease>` | [`DrainRecord`] | the leader, with each order to leave | replaced; until the worker has left or the order is taken back |
//! | `drains/serial` | [`DrainSerial`] | the leader, with each change of the orders | replaced; kept |
//! | `demand/<pool>` | [`DemandRecord`] | the leader, when the demand changes | replaced; kept |
//! | `jobs/<job>/head` | [`JobHead`] | the leader | replaced; until the job is archived |
//! | `jobs/<job>/shards/<shard>/state` | [`ShardRecord`] | the leader | replaced; until the job is archived |
//! | `jobs/<job>/shards/<shard>/attempts/<task>` | [`AttemptsRecord`] | the leader, with each claim and each failure | replaced; until the task is done |
//! | `jobs/<job>/shards/<shard>/claims/<task>/<number>` | [`ClaimRecord`] | the leader | immutable; on the **worker's** lease |
//! | `jobs/<job>/shards/<shard>/done/<task>` | [`DoneRecord`] | the leader | immutable; until the task is opened again, or the shard is committed |
//!
//! `<lease>` is the id of a worker's lease: a process that lost its lease comes back as another worker. `<digest>` is
//! that of a dataset's URI. `<number>` is that of an attempt: two attempts of one task may be alive at once. Keys are
//! relative to the namespace of the cluster (`/tailor/` in etcd unless it is set otherwise). Each value is JSON of at
//! most [`STATE_VALUE_BYTES_MAX`](model::limits::STATE_VALUE_BYTES_MAX) bytes.
//!
//! A key that this version does not know is kept and ignored with a warning: a newer version may have written it.
//!
//! [`FormatRecord`]: crate::state_records::FormatRecord
//! [`LeaderRecord`]: crate::state_records::LeaderRecord
//! [`WorkerRecord`]: crate::state_records::WorkerRecord
//! [`DatasetRecord`]: crate::state_records::DatasetRecord
//! [`DrainRecord`]: crate::state_records::DrainRecord
//! [`DemandRecord`]: crate::state_records::DemandRecord
//! [`DrainSerial`]: crate::state_records::DrainSerial
//! [`JobHead`]: crate::state_records::JobHead
//! [`ShardRecord`]: crate::state_records::ShardRecord
//! [`AttemptsRecord`]: crate::state_records::AttemptsRecord
//! [`ClaimRecord`]: crate::state_records::ClaimRecord
//! [`DoneRecord`]: crate::state_records::DoneRecord

use std::fmt;
use std::str::FromStr;

pub use model::TaskPath;
use model::ids::ParseIdError;
use model::{Digest, JobId, LeaseId, ShardId};

/// Prefix of all workers.
pub const WORKERS: &str = "workers/";
/// Prefix of all datasets that ever had a job.
pub const DATASETS: &str = "datasets/";
/// Prefix of all orders to leave.
pub const DRAINS: &str = "drains/";
/// Prefix of the demand for workers.
const DEMAND: &str = "demand/";
/// Prefix of all jobs.
pub const JOBS: &str = "jobs/";

/// Parsed key of the state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateKey {
    /// Format of all other keys.
    Format,
    /// Coordinator that leads.
    Leader,
    /// Worker that is alive.
    Worker(LeaseId),
    /// Dataset, by the digest of its URI.
    Dataset(Digest),
    /// Order to leave, by the worker that got it last.
    Drain(LeaseId),
    /// Counter of writes to the orders to leave.
    DrainSerial,
    /// Demand for workers, by the name of the pool.
    Demand(String),
    /// Head of a job.
    Job(JobId),
    /// State of a shard.
    Shard(JobId, ShardId),
    /// Attempts at a task that is not done.
    Attempts(TaskPath),
    /// Claim of a task, by the number of the attempt.
    Claim(TaskPath, u32),
    /// Completion of a task.
    Done(TaskPath),
}

/// Prefix of all keys of a job; deleted in one go when the job is archived.
pub fn job_prefix(job: &JobId) -> String {
    format!("{JOBS}{job}/")
}

/// Prefix of all keys of a shard.
pub fn shard_prefix(job: &JobId, shard: ShardId) -> String {
    OfShard(job, shard).to_string()
}

/// Prefix of the claims of a task; deleted in one go when the task is done.
pub fn claims_prefix(path: &TaskPath) -> String {
    OfClaims(path).to_string()
}

// Writes the prefix straight into the key, because a leader writes thousands of keys a second.
struct OfShard<'a>(&'a JobId, ShardId);

impl fmt::Display for OfShard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{JOBS}{}/shards/{}/", self.0, self.1)
    }
}

struct OfClaims<'a>(&'a TaskPath);

impl fmt::Display for OfClaims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}claims/{}/", OfShard(&self.0.job, self.0.shard), self.0.task)
    }
}

impl fmt::Display for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut of_task =
            |kind: &str, path: &TaskPath| write!(f, "{}{kind}/{}", OfShard(&path.job, path.shard), path.task);
        match self {
            Self::Attempts(path) => of_task("attempts", path),
            Self::Done(path) => of_task("done", path),
            Self::Claim(path, attempt) => write!(f, "{}{attempt}", OfClaims(path)),
            Self::Format => f.write_str("format"),
            Self::Leader => f.write_str("leader"),
            Self::Worker(lease) => write!(f, "{WORKERS}{lease}"),
            Self::Drain(worker) => write!(f, "{DRAINS}{worker}"),
            Self::DrainSerial => write!(f, "{DRAINS}serial"),
            Self::Demand(pool) => write!(f, "{DEMAND}{pool}"),
            Self::Dataset(uri) => write!(f, "{DATASETS}{uri}"),
            Self::Job(job) => write!(f, "{JOBS}{job}/head"),
            Self::Shard(job, shard) => write!(f, "{}state", OfShard(job, *shard)),
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
            ["format"] => Self::Format,
            ["leader"] => Self::Leader,
            ["workers", lease] => Self::Worker(lease.parse()?),
            ["datasets", uri] => Self::Dataset(uri.parse()?),
            ["drains", "serial"] => Self::DrainSerial,
            ["drains", worker] => Self::Drain(worker.parse()?),
            ["demand", pool] if model::admission::check_name("pool", pool).is_ok() => Self::Demand(pool.to_owned()),
            ["jobs", job, "head"] => Self::Job(job.parse()?),
            ["jobs", job, "shards", shard, "state"] => Self::Shard(job.parse()?, shard.parse()?),
            ["jobs", job, "shards", shard, "attempts", task] => Self::Attempts(path_of(job, shard, task)?),
            ["jobs", job, "shards", shard, "done", task] => Self::Done(path_of(job, shard, task)?),
            ["jobs", job, "shards", shard, "claims", task, attempt] => {
                let number = attempt.parse().ok().filter(|number: &u32| number.to_string() == attempt);
                Self::Claim(path_of(job, shard, task)?, number.ok_or_else(invalid)?)
            }
            _ => return Err(invalid()),
        })
    }
}

fn path_of(job: &str, shard: &str, task: &str) -> Result<TaskPath, ParseIdError> {
    Ok(TaskPath { job: job.parse()?, shard: shard.parse()?, task: task.parse()? })
}

#[cfg(test)]
mod tests {
    use model::{OrgId, TaskId, TaskKind};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_key_parses_back_and_lies_under_its_prefixes(
            job in "[a-z0-9][a-z0-9_-]{0,63}", org: u64, remainder in 0u8..64, ordinal: u32, is_map: bool, lease: u64,
            attempt: u32, digest: u128, pool in "[a-z0-9.-]{1,63}"
        ) {
            let job: JobId = job.parse().expect("a job name");
            let kind = if is_map { TaskKind::Map } else { TaskKind::Reduce };
            for shard in [ShardId::Shared(remainder), ShardId::Dedicated(OrgId(org))] {
                let path = TaskPath { job: job.clone(), shard, task: TaskId { kind, ordinal } };
                let of_shard = [
                    StateKey::Shard(job.clone(), shard),
                    StateKey::Attempts(path.clone()),
                    StateKey::Claim(path.clone(), attempt),
                    StateKey::Done(path.clone()),
                ];
                prop_assert!(of_shard[2].to_string().starts_with(&claims_prefix(&path)));
                for key in &of_shard {
                    prop_assert!(key.to_string().starts_with(&shard_prefix(&job, shard)));
                    prop_assert!(key.to_string().starts_with(&job_prefix(&job)));
                }
                let others = [
                    StateKey::Format,
                    StateKey::Leader,
                    StateKey::Worker(LeaseId(lease)),
                    StateKey::Dataset(Digest(digest)),
                    StateKey::Drain(LeaseId(lease)),
                    StateKey::DrainSerial,
                    StateKey::Demand(pool.clone()),
                    StateKey::Job(job.clone()),
                ];
                for key in of_shard.into_iter().chain(others) {
                    prop_assert_eq!(key.to_string().parse(), Ok(key));
                }
            }
        }

        #[test]
        fn a_text_that_parses_is_the_only_spelling_of_its_key(text in "(format|leader|workers/|datasets/|drains/|demand/|jobs/(j/shards/org-1/claims/m-00001/)?)?[a-z0-9/+-]{0,60}") {
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
            StateKey::Format,
            StateKey::Leader,
            StateKey::Worker(LeaseId(0xab)),
            StateKey::Dataset(Digest(0xcd)),
            StateKey::Drain(LeaseId(0xab)),
            StateKey::DrainSerial,
            StateKey::Demand("spot".to_owned()),
            StateKey::Job(job.clone()),
            StateKey::Shard(job, ShardId::Shared(7)),
            StateKey::Attempts(path.clone()),
            StateKey::Claim(path.clone(), 2),
            StateKey::Done(path),
        ];
        expect_test::expect![[r#"
            format
            leader
            workers/l-00000000000000ab
            datasets/000000000000000000000000000000cd
            drains/l-00000000000000ab
            drains/serial
            demand/spot
            jobs/nightly/head
            jobs/nightly/shards/org-mod-07/state
            jobs/nightly/shards/org-mod-07/attempts/m-00012
            jobs/nightly/shards/org-mod-07/claims/m-00012/2
            jobs/nightly/shards/org-mod-07/done/m-00012"#]]
        .assert_eq(&keys.map(String::from).join("\n"));
    }
}
