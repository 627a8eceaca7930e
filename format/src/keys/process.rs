//! Scratch of processes: folders named by who made them, and what lies in them.
//!
//! ```text
//! tailor-<pid>-<ms>/lock                                          locked for as long as the process lives
//! tailor-<pid>-<ms>/runs/...                                      runs of an embedded job
//! tailor-<pid>-<ms>/tailor-<pid>-<ms>/lock                        its worker
//! tailor-<pid>-<ms>/tailor-<pid>-<ms>/<task>-<attempt>/runs/...   what one attempt merges on its way
//! ```

use std::fmt;
use std::str::FromStr;

use model::ids::ParseIdError;
use model::{AttemptId, JobId, TaskId};

use super::SCRATCH_LOCK;
use super::object::{RunKey, of_task};

/// A lock that has no name yet.
const LOCK_UNNAMED: &str = "lock.new";

/// The name of a process's scratch folder: `tailor-<pid>-<ms>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessName {
    /// The process.
    pub pid: u32,
    /// When it began, by its own clock.
    pub began_at_ms: i64,
}

impl fmt::Display for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tailor-{}-{}", self.pid, self.began_at_ms)
    }
}

impl FromStr for ProcessName {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.strip_prefix("tailor-").and_then(|rest| rest.split_once('-'));
        let name = parsed.and_then(|(pid, at)| Some(Self { pid: pid.parse().ok()?, began_at_ms: at.parse().ok()? }));
        let expected = "the scratch folder of a process (tailor-PID-MS)";
        let name = name.filter(|name| name.to_string() == text);
        name.ok_or_else(|| ParseIdError { text: text.to_owned(), expected })
    }
}

/// The key of an object in the scratch of a process, below `scratch/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessKey {
    /// The process.
    pub process: ProcessName,
    /// The worker inside it, if the object is the worker's.
    pub worker: Option<ProcessName>,
    /// The object.
    pub object: ProcessObject,
}

/// An object in the scratch of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessObject {
    /// The lock.
    Lock,
    /// The lock before it is locked and named.
    LockUnnamed,
    /// A run of an embedded job.
    Run(RunKey),
    /// What an attempt keeps while it merges.
    OfAttempt(TaskId, AttemptId, RunKey),
}

impl ProcessKey {
    /// The job that the object is of, if it is of one.
    pub const fn job(&self) -> Option<&JobId> {
        match &self.object {
            ProcessObject::Run(key) | ProcessObject::OfAttempt(_, _, key) => Some(&key.job),
            ProcessObject::Lock | ProcessObject::LockUnnamed => None,
        }
    }

    /// Reads a key below `scratch/`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (process, rest) = text.split_once('/')?;
        let process = process.parse().ok()?;
        let inner = rest.split_once('/').and_then(|(worker, rest)| Some((worker.parse().ok()?, rest)));
        let (worker, rest) = inner.map_or((None, rest), |(worker, rest)| (Some(worker), rest));
        Some(Self { process, worker, object: ProcessObject::parse(rest)? })
    }
}

impl fmt::Display for ProcessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.process)?;
        if let Some(worker) = self.worker {
            write!(f, "{worker}/")?;
        }
        match &self.object {
            ProcessObject::Lock => f.write_str(SCRATCH_LOCK),
            ProcessObject::LockUnnamed => f.write_str(LOCK_UNNAMED),
            ProcessObject::Run(key) => key.fmt(f),
            ProcessObject::OfAttempt(task, attempt, key) => write!(f, "{task}-{attempt}/{key}"),
        }
    }
}

impl ProcessObject {
    fn parse(text: &str) -> Option<Self> {
        if text == SCRATCH_LOCK {
            return Some(Self::Lock);
        }
        if text == LOCK_UNNAMED {
            return Some(Self::LockUnnamed);
        }
        if let Some(run) = RunKey::parse(text) {
            return Some(Self::Run(run));
        }
        let (folder, rest) = text.split_once('/')?;
        let (task, attempt) = of_task(folder)?;
        Some(Self::OfAttempt(task, attempt, RunKey::parse(rest)?))
    }
}
