//! Exit codes, stable for scripts, and which failure has which.

use std::process::ExitCode;

use coordinator::JobError;
use dataset::{DatasetError, ErrorKind};
use storage::StorageError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// Everything that was asked for is done.
    Done = 0,
    /// It failed, for a reason that has no code of its own.
    Failed = 1,
    /// The command line says something impossible; clap uses the same.
    Usage = 2,
    /// What was named is not there.
    NotFound = 3,
    /// The job, or a shard of it, failed.
    JobFailed = 4,
    /// A verification found a difference, or damage.
    Difference = 6,
    /// Refused without `--yes`.
    NeedsYes = 7,
    /// Part of it is done.
    Partly = 9,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// A failure that knows its code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Exit {
    pub(crate) code: Code,
    pub(crate) message: String,
}

impl Exit {
    /// An error with a code of its own.
    pub(crate) fn error(code: Code, message: impl Into<String>) -> anyhow::Error {
        Self { code, message: message.into() }.into()
    }
}

impl Code {
    /// The code of a failure: of the first cause that has one.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        error.chain().find_map(Self::of_cause).unwrap_or(Self::Failed)
    }

    fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(exit) = cause.downcast_ref::<Exit>() {
            return Some(exit.code);
        }
        match cause.downcast_ref::<JobError>() {
            Some(JobError::NoInput { .. }) => return Some(Self::NotFound),
            Some(JobError::TooLittleMemory { .. }) => return Some(Self::Usage),
            Some(JobError::Storage(storage)) => return Self::of_storage(storage),
            _ => {}
        }
        if let Some(error) = cause.downcast_ref::<DatasetError>() {
            return match error.kind() {
                ErrorKind::NotFound => Some(Self::NotFound),
                ErrorKind::Damaged => Some(Self::Difference),
                ErrorKind::Failed => None,
            };
        }
        cause.downcast_ref().and_then(Self::of_storage)
    }

    fn of_storage(error: &StorageError) -> Option<Self> {
        matches!(error, StorageError::NotFound { .. }).then_some(Self::NotFound)
    }
}
