//! Which claim an attempt holds its task by. A token does not tell: attempts outlive their leader, and each leader's tokens are
//! of its own term.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use format::state_keys::TaskPath;
use model::AttemptId;
use storage::meta::Revision;

use super::Found;

/// A revision that no state ever reaches: the change of an attempt that we know nothing of compares it, and the store says why
/// it is refused. (The revision 0 would be that of a key that is absent.)
const NEVER: Revision = Revision(i64::MAX.cast_unsigned());

/// Attempts and when their claims came to be, by task. One whose lease has ended stays until its task is done, tried no more
/// or of a shard that is over: its change is refused by the store.
#[derive(Debug)]
pub(super) struct Held {
    claims: Mutex<HashMap<TaskPath, Vec<(AttemptId, Revision)>>>,
}

impl Held {
    /// What another leader gave out.
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

    /// An attempt was given out.
    pub(super) fn claimed(&self, task: TaskPath, attempt: AttemptId, at: Revision) {
        self.claims().entry(task).or_default().push((attempt, at));
    }

    /// When the claim of an attempt came to be; never, if it holds its task no longer.
    pub(super) fn claim_of(&self, task: &TaskPath, attempt: AttemptId) -> Revision {
        let claims = self.claims();
        let mut of_task = claims.get(task).into_iter().flatten();
        of_task.find(|(held, _)| *held == attempt).map_or(NEVER, |(_, at)| *at)
    }

    /// An attempt is over.
    pub(super) fn ended(&self, task: &TaskPath, attempt: AttemptId) {
        let mut claims = self.claims();
        if let Some(of_task) = claims.get_mut(task) {
            of_task.retain(|(held, _)| *held != attempt);
            if of_task.is_empty() {
                claims.remove(task);
            }
        }
    }

    /// Forgets every attempt at these tasks.
    pub(super) fn forget(&self, is_over: impl Fn(&TaskPath) -> bool) {
        self.claims().retain(|task, _| !is_over(task));
    }

    /// Forgets every attempt at a task that is done.
    pub(super) fn done(&self, task: &TaskPath) {
        self.claims().remove(task);
    }

    fn claims(&self) -> MutexGuard<'_, HashMap<TaskPath, Vec<(AttemptId, Revision)>>> {
        // Nothing panics while it is held.
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
