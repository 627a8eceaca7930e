//! Errors of a dataset, grouped by the caller's next step: ask for something else, mend the dataset, or try again.

use format::manifest::ManifestError;
use format::part::PartError;
use interchange::ReadError;
use model::{ShardId, Window};
use storage::StorageError;

/// Kind of an error; the command line derives its exit code from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The requested object does not exist: ask for something else.
    NotFound,
    /// The dataset differs from the commit: restore it, or roll back.
    Damaged,
    /// Any other error: the message names the next step.
    Failed,
}

/// Error of an operation on a dataset.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The store failed, or has no such object.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The manifest cannot be trusted.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A valid manifest has the key of another.
    #[error("manifest {key} says that it is {says}; it was copied or renamed: restore the one that belongs there")]
    MisnamedManifest {
        /// Key at which it lies.
        key: String,
        /// Key that its content implies.
        says: String,
    },
    /// The dataset has no such manifest.
    #[error("{dataset} has no manifest of {what}; `tailor dataset manifests` lists those that it has")]
    NoManifest {
        /// Dataset that was searched.
        dataset: String,
        /// Window, shard and version that were requested.
        what: String,
    },
    /// Several windows match the request.
    #[error("{dataset} has {} windows of {shard} ({}); name one with --window", windows.len(), list(windows))]
    WindowUnclear {
        /// Dataset that was searched.
        dataset: String,
        /// Shard with several windows.
        shard: ShardId,
        /// Windows that match.
        windows: Vec<Window>,
    },
    /// Several windows cover the same time, so their points would come twice.
    #[error(
        "{dataset} has windows of {shard} that overlap ({}), and points in both would come twice; name one with --window",
        list(windows)
    )]
    WindowsOverlap {
        /// Dataset with these windows.
        dataset: String,
        /// Shard with these windows.
        shard: ShardId,
        /// Windows that overlap another.
        windows: Vec<Window>,
    },
    /// No series has that key.
    #[error("{dataset} holds no {what}; `tailor dataset series` lists those that it has")]
    NoSeries {
        /// Dataset that was searched.
        dataset: String,
        /// Series that was requested.
        what: String,
    },
    /// An object that a manifest names is gone (CM-2).
    #[error("CM-2: {object} is gone, and a manifest names it; restore it, or replay its shard")]
    ObjectGone {
        /// Full URI of the object.
        object: String,
    },
    /// An object that a manifest names has changed (CM-2).
    #[error("CM-2: {object} {fact}; restore it, or replay its shard")]
    ObjectDamaged {
        /// Full URI of the object.
        object: String,
        /// Difference to the manifest.
        fact: String,
    },
    /// The bytes of a part differ from those that were written (CM-2).
    #[error("cannot read {object}")]
    Part {
        /// Full URI of the part.
        object: String,
        /// Error of the part's reader.
        #[source]
        source: PartError,
    },
    /// The bytes of a Parquet part differ from those that were written (CM-2).
    #[error("cannot read {object}")]
    Parquet {
        /// Full URI of the part.
        object: String,
        /// Error of the Parquet reader.
        #[source]
        source: ReadError,
    },
    /// An input segment differs from the one that the manifest lists.
    #[error("segment {object} {fact}; the oracle needs the input as it was: give the place where it still is")]
    InputChanged {
        /// Full URI of the segment.
        object: String,
        /// Difference to the manifest.
        fact: String,
    },
    /// The request is not possible for this dataset.
    #[error("{0}")]
    Refused(String),
    /// Another client committed at the same time.
    #[error(
        "{object} was committed by somebody else just now; look at it, then roll back again if that is still wanted"
    )]
    Conflict {
        /// Manifest that this call tried to write.
        object: String,
    },
    /// The output cannot be written.
    #[error("cannot write {target}")]
    Write {
        /// Target of the write.
        target: String,
        /// Error of the write.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl DatasetError {
    /// Returns the kind of the error.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            // The bytes are valid, but this build is too old for them.
            Self::Part { source: PartError::Version { .. }, .. } => ErrorKind::Failed,
            Self::Storage(StorageError::NotFound { .. }) | Self::NoManifest { .. } | Self::NoSeries { .. } => {
                ErrorKind::NotFound
            }
            Self::Manifest(_)
            | Self::MisnamedManifest { .. }
            | Self::Part { .. }
            | Self::Parquet { .. }
            | Self::ObjectGone { .. }
            | Self::ObjectDamaged { .. } => ErrorKind::Damaged,
            Self::Storage(_)
            | Self::WindowUnclear { .. }
            | Self::WindowsOverlap { .. }
            | Self::InputChanged { .. }
            | Self::Refused(_)
            | Self::Conflict { .. }
            | Self::Write { .. } => ErrorKind::Failed,
        }
    }

    pub(crate) fn write(target: impl Into<String>, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Write { target: target.into(), source: Box::new(source) }
    }
}

fn list(windows: &[Window]) -> String {
    windows.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
