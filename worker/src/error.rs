//! Errors of an attempt, and their classes for the scheduler.

use std::io;

use format::frame::FrameFault;
use format::run::RunError;
use model::{ByteRange, Failure, FailureClass, Invariant, LossMax, RunEntry};
use storage::{Root, StorageError};

/// Advice for an operator whose process ran out of open files.
const OPEN_FILES_HINT: &str = "this process may open no more files; raise the hard limit of open files (`ulimit -Hn`, \
                               LimitNOFILE of systemd) to 4096 or more, see docs/operations.md";

/// Error that ends an attempt.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// A frame of the input cannot be read.
    #[error(
        "segment {segment}: bad frame at offset {} of {} bytes: {fault}; repair the segment, or run with `--on-bad-frame quarantine` to put such frames aside",
        extent.start, extent.len()
    )]
    BadFrame {
        /// Key of the segment.
        segment: String,
        /// Bytes that are lost with the frame.
        extent: ByteRange,
        /// Fault that was found.
        fault: FrameFault,
        /// Guessed start of the split's first frame, if it was a guess.
        guessed: Option<u64>,
    },
    /// More bad frames than the job allows.
    #[error(
        "{found} bad frames in one task, over the {max} that a shard may quarantine; the last is in segment {segment} at offset {offset}; raise `--bad-frames-max` if that is acceptable"
    )]
    TooManyBadFrames {
        /// Bad frames found in the task.
        found: u64,
        /// Bad frames that are allowed.
        max: u64,
        /// Key of the segment with the last one.
        segment: String,
        /// Offset of the last one.
        offset: u64,
        /// Guess, as in [`Self::BadFrame`].
        guessed: Option<u64>,
    },
    /// More bytes in bad frames than the job allows.
    #[error(
        "{found} bytes cannot be read ({} of the shard), over the {max} that a shard may quarantine; the last are the {} bytes at offset {} of segment {segment}: {fault}; raise `--bad-bytes-max` if that loss is acceptable",
        model::loss::share_text(*found, *shard_bytes), extent.len(), extent.start
    )]
    TooManyBadBytes {
        /// Bytes in bad frames, in one task.
        found: u64,
        /// Segment bytes of the shard.
        shard_bytes: u64,
        /// Bytes that are allowed.
        max: LossMax,
        /// Key of the segment with the last ones.
        segment: String,
        /// Range of the last ones.
        extent: ByteRange,
        /// Fault of the last ones.
        fault: FrameFault,
        /// Guess, as in [`Self::BadFrame`].
        guessed: Option<u64>,
    },
    /// An input segment is gone or changed.
    #[error(transparent)]
    Input(StorageError),
    /// A call to a store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The worker's own scratch folder failed; no other machine uses it.
    #[error("the scratch folder of this worker failed")]
    Scratch(#[source] StorageError),
    /// This process may open no more files.
    #[error("{OPEN_FILES_HINT}")]
    OpenFiles {
        /// Error of the call that failed.
        source: Box<WorkError>,
    },
    /// A run differs from the run that was written.
    #[error("run {run} is damaged")]
    Run {
        /// Key of the run.
        run: String,
        /// Fault that was found.
        #[source]
        source: RunError,
    },
    /// A run of the shard cannot be read any more: its map task has to write it again.
    #[error("the run of map task m-{map_task:05} is lost")]
    RunLost {
        /// Ordinal of the map task.
        map_task: u32,
        /// Error met while reading the run.
        #[source]
        source: Box<WorkError>,
    },
    /// A spec, a plan or a list of runs is not the one that the grant names.
    #[error("{object} {fault}; the attempt is tried again, and if that does not help the shard has to be planned anew")]
    Document {
        /// Key of the document.
        object: String,
        /// Fault that was found.
        fault: String,
    },
    /// The Parquet writer returned an error.
    #[error("cannot write Parquet for {object}: {cause}")]
    Parquet {
        /// Key of the file.
        object: String,
        /// Message of the Parquet writer.
        cause: String,
        /// Invariant that the rows break, if one.
        violates: Option<Invariant>,
    },
    /// The attempt was cancelled.
    #[error("the attempt was cancelled")]
    Cancelled,
}

impl WorkError {
    /// Classifies a storage error met while reading input: a missing or changed segment fails its shard, other errors
    /// are tried again.
    pub(crate) fn reading(error: StorageError) -> Self {
        match error {
            StorageError::NotFound { .. } | StorageError::Changed { .. } => Self::Input(error),
            error => Self::Storage(error),
        }
    }

    /// Classifies an error met while gathering `runs`: if a run is gone or damaged, names the map task that wrote it.
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

    /// Blames this machine for failures of its own scratch folder `local` and of its limit of open files. A dataset
    /// that cannot be read or written is the same for every worker, so such errors stay with the shard.
    #[must_use]
    pub(crate) fn blame(self, local: &Root) -> Self {
        match self.blame_open_files() {
            Self::Storage(error) if is_under(&error, local) => Self::Scratch(error),
            error => error,
        }
    }

    /// Adds the advice about open files if that limit was reached.
    #[must_use]
    pub(crate) fn blame_open_files(self) -> Self {
        if self.has_no_files_left() { Self::OpenFiles { source: Box::new(self) } } else { self }
    }

    /// True if the operating system refused to open one more file, for this process or for the machine.
    fn has_no_files_left(&self) -> bool {
        let Self::Storage(StorageError::Failed { source, .. }) = self else { return false };
        let code = io_error(source.as_ref()).and_then(io::Error::raw_os_error);
        matches!(code, Some(libc::EMFILE | libc::ENFILE))
    }

    /// Returns the invariant that was found broken, if one.
    const fn violates(&self) -> Option<Invariant> {
        match self {
            Self::Parquet { violates, .. } => *violates,
            _ => None,
        }
    }

    fn class(&self) -> FailureClass {
        match self {
            Self::BadFrame { guessed, .. }
            | Self::TooManyBadFrames { guessed, .. }
            | Self::TooManyBadBytes { guessed, .. } => FailureClass::Input { guessed: *guessed },
            Self::Input(_) => FailureClass::Input { guessed: None },
            Self::Scratch(_) | Self::OpenFiles { .. } => FailureClass::Resource,
            Self::Storage(error) if error.is_store_away() => FailureClass::Throttled,
            Self::RunLost { map_task, .. } => FailureClass::RunLost { map_task: *map_task },
            Self::Storage(_) | Self::Run { .. } | Self::Document { .. } => FailureClass::Transient,
            Self::Parquet { .. } => FailureClass::Bug,
            Self::Cancelled => FailureClass::Cancelled,
        }
    }
}

/// True if the object of the error lies in `local`.
fn is_under(error: &StorageError, local: &Root) -> bool {
    let object = match error {
        StorageError::Open { uri, .. } => uri,
        StorageError::NotFound { object }
        | StorageError::AlreadyExists { object }
        | StorageError::Changed { object, .. }
        | StorageError::Failed { object, .. } => object,
    };
    object.strip_prefix(local.uri()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// True if the object ended before the position that was read.
fn is_cut_short(error: &(dyn std::error::Error + 'static)) -> bool {
    io_error(error).is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof)
}

/// Finds the operating system's error in the chain, if there is one.
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
        Self { class: error.class(), message: model::error::chain(&error), violates: error.violates() }
    }
}

#[cfg(test)]
mod tests {
    use model::{Digest, ObjectEntry};

    use super::*;

    #[test]
    fn only_this_machines_own_folder_and_its_bound_of_files_make_it_unfit() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| Root::create(&folder.path().join(name).display().to_string()).expect("a folder");
        let (local, dataset) = (at("scratch"), at("scratch-of-another"));
        let class = |root: &Root, code: i32| {
            let source = Box::new(io::Error::from_raw_os_error(code));
            let error = StorageError::Failed { operation: "write", object: root.object("runs/a.run"), source };
            Failure::from(WorkError::from(error).blame(&local)).class
        };
        for code in [libc::EACCES, libc::EROFS, libc::ENOTDIR, libc::ENOSPC, libc::EDQUOT, libc::EFBIG, libc::EIO] {
            assert_eq!(class(&local, code), FailureClass::Resource, "{code}");
            assert_eq!(class(&dataset, code), FailureClass::Transient, "{code}");
        }
        for root in [&local, &dataset] {
            assert_eq!(class(root, libc::EMFILE), FailureClass::Resource);
        }
    }

    #[test]
    fn a_bound_of_files_is_told_with_what_to_raise() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = Root::create(&folder.path().display().to_string()).expect("a folder");
        let source = Box::new(io::Error::from_raw_os_error(libc::EMFILE));
        let error = StorageError::Failed { operation: "open", object: root.object("runs/a.run"), source };
        let message = Failure::from(WorkError::from(error).blame(&root)).message;
        assert!(message.contains("runs/a.run") && message.contains("ulimit -Hn"), "{message}");
        assert!(message.contains("Too many open files"), "{message}");
    }

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
