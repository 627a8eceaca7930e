//! Exit codes, stable for scripts, and the failures that have each code.

use std::process::ExitCode;

use coordinator::JobError;
use dataset::{DatasetError, ErrorKind};
use local::LocalRunError;
use proto::status::ApiError;
use proto::v1::JobState;
use storage::StorageError;

/// Exit code of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// Everything that was requested is done.
    Done = 0,
    /// The command failed for a reason that has no code of its own.
    Failed = 1,
    /// The command line is impossible; clap uses the same code.
    Usage = 2,
    /// A named thing does not exist.
    NotFound = 3,
    /// The job, or a shard of it, failed.
    JobFailed = 4,
    /// The time limit passed, or no coordinator answered within it.
    TimedOut = 5,
    /// A verification found a difference, or damage.
    Difference = 6,
    /// Confirmation by `--yes` is missing.
    NeedsYes = 7,
    /// This user may not read a named file, or may not make the call.
    NotAllowed = 8,
    /// Part of the work is done.
    Partly = 9,
    /// ctrl-C ended a wait; the job or worker goes on. Shells use the same code.
    Interrupted = 130,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Failure with a code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Exit {
    pub(crate) code: Code,
    pub(crate) message: String,
}

impl Exit {
    /// Creates an error with a code of its own.
    pub(crate) fn error(code: Code, message: impl Into<String>) -> anyhow::Error {
        Self { code, message: message.into() }.into()
    }
}

impl Code {
    /// Returns the code of a failure: that of the first cause that has one.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        error.chain().find_map(Self::of_cause).unwrap_or(Self::Failed)
    }

    fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(exit) = cause.downcast_ref::<Exit>() {
            return Some(exit.code);
        }
        match cause.downcast_ref::<LocalRunError>() {
            Some(LocalRunError::TooLittleMemory { .. }) => return Some(Self::Usage),
            Some(LocalRunError::Job(error)) => return Self::of_job(error),
            _ => {}
        }
        if let Some(error) = cause.downcast_ref::<JobError>() {
            return Self::of_job(error);
        }
        if let Some(error) = cause.downcast_ref::<DatasetError>() {
            return match error.kind() {
                ErrorKind::NotFound => Some(Self::NotFound),
                ErrorKind::Damaged => Some(Self::Difference),
                ErrorKind::Failed => None,
            };
        }
        if let Some(error) = cause.downcast_ref::<ApiError>() {
            return Self::of_answer(error);
        }
        cause.downcast_ref().and_then(Self::of_storage)
    }

    /// Returns the code of an answer of the cluster. The client has already waited for a leader that is away.
    fn of_answer(error: &ApiError) -> Option<Self> {
        match error {
            ApiError::NotFound { .. } => Some(Self::NotFound),
            ApiError::Invalid { .. } => Some(Self::Usage),
            ApiError::Away { .. } => Some(Self::TimedOut),
            ApiError::Denied { .. } | ApiError::Unauthenticated { .. } => Some(Self::NotAllowed),
            _ => None,
        }
    }

    fn of_job(error: &JobError) -> Option<Self> {
        match error {
            JobError::NoInput { .. } => Some(Self::NotFound),
            JobError::Storage(storage) => Self::of_storage(storage),
            _ => None,
        }
    }

    fn of_storage(error: &StorageError) -> Option<Self> {
        matches!(error, StorageError::NotFound { .. }).then_some(Self::NotFound)
    }
}

impl From<JobState> for Code {
    /// Returns the code of a job that has ended.
    fn from(state: JobState) -> Self {
        match state {
            JobState::Done => Self::Done,
            JobState::PartlyDone => Self::Partly,
            JobState::Failed | JobState::Cancelled => Self::JobFailed,
            JobState::Unspecified
            | JobState::Unreadable
            | JobState::Planning
            | JobState::Running
            | JobState::Cancelling => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_cluster_answers_has_a_code() {
        let away = ApiError::Away { reason: "nobody listens".to_owned() };
        let invalid = ApiError::Invalid { field: "spec".to_owned(), reason: "it is empty".to_owned() };
        let refused = ApiError::Refused { reason: "it has ended".to_owned() };
        let codes = [
            (ApiError::NotFound { what: "job j1".to_owned() }, Code::NotFound),
            (invalid, Code::Usage),
            (away, Code::TimedOut),
            (refused, Code::Failed),
        ];
        for (error, code) in codes {
            assert_eq!(Code::of(&anyhow::Error::from(error.clone()).context("ask")), code, "{error}");
        }
    }

    #[test]
    fn how_a_job_ended_has_a_code() {
        let codes = [JobState::Done, JobState::Failed, JobState::Cancelled, JobState::PartlyDone].map(Code::from);
        assert_eq!(codes.map(|code| code as u8), [0, 4, 4, 9]);
    }
}
