//! What was changed.

use serde::Serialize;

use super::Document;

/// A job was submitted, or had been before.
#[derive(Debug, Serialize)]
pub(crate) struct Submitted {
    pub(crate) job: String,
    /// It was submitted before, with the same spec.
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

/// A job is being cancelled.
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

/// What failed runs again.
#[derive(Debug, Serialize)]
pub(crate) struct Retried {
    pub(crate) job: String,
    /// The shards that run again, where they are known already.
    pub(crate) shards: Vec<String>,
    /// The job ended before its shards were planned: which there are is found now, and all of them run.
    pub(crate) all_shards: bool,
}

impl Retried {
    /// `shards` are those that the leader named: none means that none was ever planned, for a job without anything to run
    /// again is refused.
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

/// An order to leave was taken back.
#[derive(Debug, Serialize)]
pub(crate) struct Undrained {
    /// The id that the worker had when it was told last.
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

/// A worker leaves, or has left.
#[derive(Debug, Serialize)]
pub(crate) struct Drained {
    /// Its id.
    pub(crate) worker: String,
    /// It is gone; otherwise it finishes what is nearly done.
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
