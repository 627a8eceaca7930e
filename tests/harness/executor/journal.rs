//! Journal of an execution, in place of the cluster's state: claims and completions. It refuses stale attempts (LS-2,
//! LS-3).

use std::collections::BTreeMap;

use model::{AttemptId, FencingToken, TaskPath};
use scheduler::WorkerId;

/// Claims and completions of one execution.
#[derive(Debug, Default)]
pub(super) struct Journal {
    claims: BTreeMap<(TaskPath, AttemptId), WorkerId>,
    done: BTreeMap<TaskPath, AttemptId>,
    token: u64,
}

impl Journal {
    /// Writes a claim; returns the attempt with its token.
    pub(super) fn claim(&mut self, worker: WorkerId, task: &TaskPath, number: u32) -> AttemptId {
        self.token += 1;
        let attempt = AttemptId { number, token: FencingToken(self.token) };
        self.claims.insert((task.clone(), attempt), worker);
        attempt
    }

    /// Records an attempt as the one that counts; returns false if it is stale.
    pub(super) fn complete(&mut self, task: &TaskPath, attempt: AttemptId) -> bool {
        let counts = self.end(task, attempt) && !self.done.contains_key(task);
        if counts {
            self.done.insert(task.clone(), attempt);
        }
        counts
    }

    /// Ends a claim; returns false if there is none.
    pub(super) fn end(&mut self, task: &TaskPath, attempt: AttemptId) -> bool {
        self.claims.remove(&(task.clone(), attempt)).is_some()
    }

    /// Ends every claim of a worker.
    pub(super) fn lose(&mut self, worker: WorkerId) {
        self.claims.retain(|_, holder| *holder != worker);
    }

    /// Forgets that a task is done.
    pub(super) fn reopen(&mut self, task: &TaskPath, attempt: AttemptId) {
        assert_eq!(self.done.remove(task), Some(attempt), "{task} is to be reopened, and another attempt counts");
    }
}
