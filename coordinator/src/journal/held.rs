//! Claims by which attempts hold their tasks. A token alone does not identify a claim: attempts outlive their leader,
//! and each leader's tokens belong to its own term.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use format::state_keys::TaskPath;
use model::AttemptId;
use storage::meta::Revision;

use super::Found;

/// Revision that no state ever reaches. The change of an unknown attempt compares it, so that the store refuses the
/// change and gives the reason. (Revision 0 would stand for an absent key.)
const NEVER: Revision = Revision(i64::MAX.cast_unsigned());

/// Attempts with the create revisions of their claims, by task. An attempt whose lease has ended stays until its task
/// is done, is tried no more, or belongs to a shard that is over; the store refuses its changes.
#[derive(Debug)]
pub(super) struct Held {
    claims: Mutex<HashMap<TaskPath, Vec<(AttemptId, Revision)>>>,
}

impl Held {
    /// Creates the table from the claims that earlier leaders granted.
    pub(super) fn found(found: &Found) -> Self {
        let mut claims: HashMap<_, Vec<_>> = HashMap::new();
        for (job, of_job) in &found.jobs {
            for (shard, of_shard) in &of_job.shards {
                for (task, attempt, _) in &of_shard.claims {
                    let task = TaskPath { job: job.clone(), shard: *shard, task: *task };
                    claims.entry(task).or_default().extend(of_shard.claimed.get(attempt).map(|at| (*attempt, *at)));
                }
            }
        }
        Self { claims: Mutex::new(claims) }
    }

    /// Adds an attempt that was granted.
    pub(super) fn claimed(&self, task: TaskPath, attempt: AttemptId, at: Revision) {
        self.claims().entry(task).or_default().push((attempt, at));
    }

    /// Returns the create revision of an attempt's claim, or [`NEVER`] if the attempt no longer holds its task.
    pub(super) fn claim_of(&self, task: &TaskPath, attempt: AttemptId) -> Revision {
        let claims = self.claims();
        let mut of_task = claims.get(task).into_iter().flatten();
        of_task.find(|(held, _)| *held == attempt).map_or(NEVER, |(_, at)| *at)
    }

    /// Removes an attempt that is over.
    pub(super) fn ended(&self, task: &TaskPath, attempt: AttemptId) {
        let mut claims = self.claims();
        if let Some(of_task) = claims.get_mut(task) {
            of_task.retain(|(held, _)| *held != attempt);
            if of_task.is_empty() {
                claims.remove(task);
            }
        }
    }

    /// Removes every attempt at these tasks.
    pub(super) fn forget(&self, is_over: impl Fn(&TaskPath) -> bool) {
        self.claims().retain(|task, _| !is_over(task));
    }

    /// Removes every attempt at a task that is done.
    pub(super) fn done(&self, task: &TaskPath) {
        self.claims().remove(task);
    }

    fn claims(&self) -> MutexGuard<'_, HashMap<TaskPath, Vec<(AttemptId, Revision)>>> {
        // No code panics while it holds the lock.
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
