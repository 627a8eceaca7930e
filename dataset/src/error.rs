//! What can go wrong, by what the caller does next: look elsewhere, mend the dataset, or try again.

use format::manifest::ManifestError;
use format::part::PartError;
use interchange::ReadError;
use model::{ShardId, Window};
use storage::StorageError;

/// What an error means to the caller; the command line makes its exit code of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was asked for is not there: ask for something else.
    NotFound,
    /// The dataset is not what was committed: restore it, or roll back.
    Damaged,
    /// Anything else: the message tells the next step.
    Failed,
}

/// A verb on a dataset that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The store failed, or has no such object.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A manifest that cannot be trusted.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A sound manifest under a key that is not its own.
    #[error("manifest {key} says that it is {says}; it was copied or renamed: restore the one that belongs there")]
    MisnamedManifest {
        /// Where it lies.
        key: String,
        /// The key that its content gives it.
        says: String,
    },
    /// Nothing is committed for what was asked.
    #[error("{dataset} has no manifest of {what}; `tailor dataset manifests` lists those that it has")]
    NoManifest {
        /// The dataset.
        dataset: String,
        /// Window, shard, version, as asked.
        what: String,
    },
    /// Several windows would do.
    #[error("{dataset} has {} windows of {shard} ({}); name one with --window", windows.len(), list(windows))]
    WindowUnclear {
        /// The dataset.
        dataset: String,
        /// The shard.
        shard: ShardId,
        /// Those that would do.
        windows: Vec<Window>,
    },
    /// Several windows hold the same time: their points would come twice.
    #[error(
        "{dataset} has windows of {shard} that overlap ({}), and points in both would come twice; name one with --window",
        list(windows)
    )]
    WindowsOverlap {
        /// The dataset.
        dataset: String,
        /// The shard.
        shard: ShardId,
        /// Those that share time with another one.
        windows: Vec<Window>,
    },
    /// No series of that key.
    #[error("{dataset} holds no {what}; `tailor dataset series` lists those that it has")]
    NoSeries {
        /// The dataset.
        dataset: String,
        /// What was asked.
        what: String,
    },
    /// An object that a manifest names is gone (CM-2).
    #[error("CM-2: {object} is gone, and a manifest names it; restore it, or replay its shard")]
    ObjectGone {
        /// The object.
        object: String,
    },
    /// An object that a manifest names has changed (CM-2).
    #[error("CM-2: {object} {fact}; restore it, or replay its shard")]
    ObjectDamaged {
        /// The object.
        object: String,
        /// What is wrong with it.
        fact: String,
    },
    /// A part whose bytes are not those that were written (CM-2).
    #[error("cannot read {object}")]
    Part {
        /// The object.
        object: String,
        /// What is wrong with it.
        #[source]
        source: PartError,
    },
    /// A Parquet part whose bytes are not those that were written (CM-2).
    #[error("cannot read {object}")]
    Parquet {
        /// The object.
        object: String,
        /// What is wrong with it.
        #[source]
        source: ReadError,
    },
    /// An input segment is not what the manifest says was read.
    #[error("segment {object} {fact}; the oracle needs the input as it was: give the place where it still is")]
    InputChanged {
        /// The segment.
        object: String,
        /// What is wrong with it.
        fact: String,
    },
    /// The request makes no sense for this dataset.
    #[error("{0}")]
    Refused(String),
    /// Somebody else committed at the same time.
    #[error(
        "{object} was committed by somebody else just now; look at it, then roll back again if that is still wanted"
    )]
    Conflict {
        /// The manifest that we meant to write.
        object: String,
    },
    /// The output could not be written.
    #[error("cannot write {target}")]
    Write {
        /// What was written.
        target: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl DatasetError {
    /// What the caller does next.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            // The bytes are sound; this build is too old for them.
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

    /// The whole chain in one line, for a report.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }

    pub(crate) fn write(target: impl Into<String>, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Write { target: target.into(), source: Box::new(source) }
    }
}

fn list(windows: &[Window]) -> String {
    windows.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
