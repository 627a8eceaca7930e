//! Documents about changes.

use serde::Serialize;

use super::Document;

/// Answer to a submission.
#[derive(Debug, Serialize)]
pub(crate) struct Submitted {
    pub(crate) job: String,
    /// True if the job was submitted before, with the same spec.
    pub(crate) existed: bool,
}

impl Document for Submitted {
    const KIND: &'static str = "Submitted";

    fn table(&self, _is_wide: bool) -> String {
        let before = if self.existed { " before, with the same spec" } else { "" };
        format!("job {} was submitted{before}; see `tailor job watch {}`\n", self.job, self.job)
    }

    fn names(&self) -> Vec<String> {
        vec![self.job.clone()]
    }
}

/// Answer to a cancellation.
#[derive(Debug, Serialize)]
pub(crate) struct Cancelled {
    pub(crate) job: String,
}

impl Document for Cancelled {
    const KIND: &'static str = "Cancelled";

    fn table(&self, _is_wide: bool) -> String {
        format!("job {} is cancelled; its attempts are being stopped\n", self.job)
    }

    fn names(&self) -> Vec<String> {
        vec![self.job.clone()]
    }
}

/// Answer to a retry.
#[derive(Debug, Serialize)]
pub(crate) struct Retried {
    pub(crate) job: String,
    /// Shards that run again, as far as they are known.
    pub(crate) shards: Vec<String>,
    /// True if the job ended before its shards were planned: they are planned now, and all of them run.
    pub(crate) all_shards: bool,
}

impl Retried {
    /// Creates the answer. `shards` are those that the leader named. An empty list means that none was ever planned,
    /// because a retry of a job without anything to run again is refused.
    pub(crate) fn new(job: String, shards: Vec<String>) -> Self {
        Self { job, all_shards: shards.is_empty(), shards }
    }
}

impl Document for Retried {
    const KIND: &'static str = "Retried";

    fn table(&self, _is_wide: bool) -> String {
        match self.shards.as_slice() {
            [] => format!(
                "job {}: it ended before its shards were planned; they are planned now, and all of them run\n",
                self.job
            ),
            shards => format!("job {}: running again {}\n", self.job, shards.join(", ")),
        }
    }

    fn names(&self) -> Vec<String> {
        self.shards.clone()
    }
}

/// Answer to the withdrawal of an order to leave.
#[derive(Debug, Serialize)]
pub(crate) struct Undrained {
    /// Id that the worker had when it last received the order.
    pub(crate) worker: String,
}

impl Document for Undrained {
    const KIND: &'static str = "Undrained";

    fn table(&self, _is_wide: bool) -> String {
        format!("worker {} is no longer asked to leave\n", self.worker)
    }

    fn names(&self) -> Vec<String> {
        vec![self.worker.clone()]
    }
}

/// Answer to an order to leave.
#[derive(Debug, Serialize)]
pub(crate) struct Drained {
    /// Id of the worker.
    pub(crate) worker: String,
    /// True if the worker is gone; otherwise it finishes what is nearly done.
    pub(crate) is_gone: bool,
}

impl Document for Drained {
    const KIND: &'static str = "Drained";

    fn table(&self, _is_wide: bool) -> String {
        let state = if self.is_gone { "has left" } else { "drains" };
        format!("worker {} {state}\n", self.worker)
    }

    fn names(&self) -> Vec<String> {
        vec![self.worker.clone()]
    }
}
