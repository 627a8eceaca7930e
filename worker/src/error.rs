//! Why an attempt cannot go on, and what the scheduler should make of it.

use std::error::Error as _;
use std::io;

use format::frame::FrameFault;
use format::run::RunError;
use model::{ByteRange, Failure, FailureClass, RunEntry};
use storage::{Root, StorageError};

/// What stops an attempt.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// A frame of the input cannot be read.
    #[error(
        "segment {segment}: bad frame at offset {} of {} bytes: {fault}; repair the segment, or run with `--on-bad-frame quarantine` to put such frames aside",
        extent.start, extent.len()
    )]
    BadFrame {
        /// The segment.
        segment: String,
        /// The bytes that the frame takes with it.
        extent: ByteRange,
        /// What is wrong.
        fault: FrameFault,
        /// Where the split's first frame was believed to be, if that was a guess.
        guessed: Option<u64>,
    },
    /// More bad frames than the job allows.
    #[error(
        "{found} bad frames in one task, over the {max} that a shard may quarantine; the last is in segment {segment} at offset {offset}; raise `--bad-frames-max` if that is acceptable"
    )]
    TooManyBadFrames {
        /// How many.
        found: u64,
        /// How many are allowed.
        max: u64,
        /// Where the last one is.
        segment: String,
        /// Its offset.
        offset: u64,
        /// As in [`Self::BadFrame`].
        guessed: Option<u64>,
    },
    /// An input segment is gone or changed.
    #[error(transparent)]
    Input(StorageError),
    /// A store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A run is not what was written.
    #[error("run {run}: {source}")]
    Run {
        /// The run.
        run: String,
        /// What is wrong.
        #[source]
        source: RunError,
    },
    /// A run of the shard cannot be read any more: its map task has to write it again.
    #[error("the run of map task m-{map_task:05} is lost: {source}")]
    RunLost {
        /// Ordinal of the map task.
        map_task: u32,
        /// What was found.
        #[source]
        source: Box<WorkError>,
    },
    /// A spec, a plan or a list of runs is not the one that the grant names.
    #[error("{object} {fault}; the attempt is tried again, and if that does not help the shard has to be planned anew")]
    Document {
        /// The object.
        object: String,
        /// What is wrong with it.
        fault: String,
    },
    /// The Parquet writer refused.
    #[error("write Parquet for {object}: {cause}")]
    Parquet {
        /// The object.
        object: String,
        /// Its words.
        cause: String,
    },
    /// The attempt was told to stop.
    #[error("the attempt was cancelled")]
    Cancelled,
}

impl WorkError {
    /// A storage error met while reading input: a missing or changed segment fails its shard, the rest is tried again.
    pub(crate) fn reading(error: StorageError) -> Self {
        match error {
            StorageError::NotFound { .. } | StorageError::Changed { .. } => Self::Input(error),
            error => Self::Storage(error),
        }
    }

    /// An error met while gathering `runs`: where it is one of them that is gone or damaged, it names whose.
    pub(crate) fn of_runs(self, runs: &[RunEntry], root: &Root) -> Self {
        let object = match &self {
            Self::Run { run, .. } => run,
            Self::Storage(StorageError::NotFound { object }) => object,
            Self::Storage(StorageError::Failed { object, source, .. }) if is_cut_short(source.as_ref()) => object,
            _ => return self,
        };
        match runs.iter().find(|run| root.object(&run.object.key) == *object) {
            Some(run) => Self::RunLost { map_task: run.map_task, source: Box::new(self) },
            None => self,
        }
    }

    fn class(&self) -> FailureClass {
        match self {
            Self::BadFrame { guessed, .. } | Self::TooManyBadFrames { guessed, .. } => {
                FailureClass::Input { guessed: *guessed }
            }
            Self::Input(_) => FailureClass::Input { guessed: None },
            Self::Storage(StorageError::Failed { source, .. }) if is_local(source.as_ref()) => FailureClass::Resource,
            Self::Storage(error) if error.is_store_away() => FailureClass::Throttled,
            Self::RunLost { map_task, .. } => FailureClass::RunLost { map_task: *map_task },
            Self::Storage(_) | Self::Run { .. } | Self::Document { .. } => FailureClass::Transient,
            Self::Parquet { .. } => FailureClass::Bug,
            Self::Cancelled => FailureClass::Cancelled,
        }
    }
}

/// Whether the operating system said that this machine cannot: its disk is full, or it may not.
fn is_local(error: &(dyn std::error::Error + 'static)) -> bool {
    let Some(io) = io_error(error) else { return false };
    // Too many open files, of this process or of the machine.
    let has_no_files_left = matches!(io.raw_os_error(), Some(libc::EMFILE | libc::ENFILE));
    has_no_files_left
        || matches!(
            io.kind(),
            io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::ReadOnlyFilesystem
                | io::ErrorKind::FileTooLarge
                | io::ErrorKind::NotADirectory
        )
}

/// Whether an object ends before the place that was read.
fn is_cut_short(error: &(dyn std::error::Error + 'static)) -> bool {
    io_error(error).is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof)
}

/// What the operating system said, if it is behind the error.
fn io_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a io::Error> {
    let mut error = Some(error);
    while let Some(cause) = error {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return Some(io);
        }
        error = cause.source();
    }
    None
}

impl From<WorkError> for Failure {
    fn from(error: WorkError) -> Self {
        let class = error.class();
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            source = cause.source();
        }
        Self { class, message }
    }
}

#[cfg(test)]
mod tests {
    use model::{Digest, ObjectEntry};

    use super::*;

    #[test]
    fn a_run_that_is_gone_damaged_or_cut_short_names_the_map_task_that_writes_it_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Root::create(&folder.path().display().to_string()).expect("a folder");
        let entry = |map_task, key: &str| {
            let object = ObjectEntry { key: key.to_owned(), size: 1, digest: Digest(0) };
            RunEntry { map_task, object }
        };
        let runs = [entry(3, "runs/a.run"), entry(8, "runs/b.run")];
        let class = |error: WorkError| Failure::from(error.of_runs(&runs, &root)).class;
        let gone = |key: &str| WorkError::Storage(StorageError::NotFound { object: root.object(key) });
        let cut = io::Error::from(io::ErrorKind::UnexpectedEof);
        let cut = StorageError::Failed { operation: "read", object: root.object("runs/a.run"), source: Box::new(cut) };
        let source = RunError::DamagedSlice { offset: 0, found: 1, expected: 2 };

        assert_eq!(class(gone("runs/b.run")), FailureClass::RunLost { map_task: 8 });
        assert_eq!(class(cut.into()), FailureClass::RunLost { map_task: 3 });
        let damaged = WorkError::Run { run: root.object("runs/a.run"), source };
        assert_eq!(class(damaged), FailureClass::RunLost { map_task: 3 });
        assert_eq!(class(gone("runs/merged.run")), FailureClass::Transient, "one of the attempt's own");
    }
}
