//! Keys in the scratch of processes: folders named after the process that made them.
//!
//! ```text
//! tailor-<pid>-<ms>/lock                                          locked for as long as the process lives
//! tailor-<pid>-<ms>/runs/...                                      runs of an embedded job
//! tailor-<pid>-<ms>/tailor-<pid>-<ms>/lock                        its worker
//! tailor-<pid>-<ms>/tailor-<pid>-<ms>/<task>-<attempt>/runs/...   intermediate runs of one attempt
//! ```

use std::fmt;
use std::str::FromStr;

use model::ids::ParseIdError;
use model::{AttemptId, JobId, TaskId};

use super::SCRATCH_LOCK;
use super::object::{RunKey, of_task};

/// Name of a lock file before it is locked.
const LOCK_UNNAMED: &str = "lock.new";

/// Name of a process's scratch folder: `tailor-<pid>-<ms>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessName {
    /// Process id of the system.
    pub pid: u32,
    /// Start of the process by its own clock, in milliseconds.
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

/// Parsed key of an object in the scratch of a process, below `scratch/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessKey {
    /// Process that owns the folder.
    pub process: ProcessName,
    /// Worker inside the process, if the object is the worker's.
    pub worker: Option<ProcessName>,
    /// Kind of the object.
    pub object: ProcessObject,
}

/// Kind of an object in the scratch of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessObject {
    /// Lock file of the process.
    Lock,
    /// Lock file before it is locked and named.
    LockUnnamed,
    /// Run of an embedded job.
    Run(RunKey),
    /// Intermediate run of an attempt.
    OfAttempt(TaskId, AttemptId, RunKey),
}

impl ProcessKey {
    /// Returns the job to which the object belongs, if any.
    pub const fn job(&self) -> Option<&JobId> {
        match &self.object {
            ProcessObject::Run(key) | ProcessObject::OfAttempt(_, _, key) => Some(&key.job),
            ProcessObject::Lock | ProcessObject::LockUnnamed => None,
        }
    }

    /// Parses a key below `scratch/`.
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
