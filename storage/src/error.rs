//! Errors of object stores, grouped by the caller's next step.

use object_store::path::Path;

/// Failed operation on an object, or on the store itself.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The URI names no place that can be opened: fix the URI.
    #[error("cannot open {uri}: {cause}")]
    Open {
        /// URI as it was given.
        uri: String,
        /// Cause, and the next step.
        cause: String,
    },
    /// The object does not exist.
    #[error("{object} does not exist")]
    NotFound {
        /// Full URI of the object.
        object: String,
    },
    /// A create-only write found an object of that name.
    #[error("{object} exists already")]
    AlreadyExists {
        /// Full URI of the object.
        object: String,
    },
    /// The segment differs from the planned one, so its shard fails.
    #[error(
        "segment {object} changed while it was read: {what}; segments are immutable, run the shard again once it is at rest"
    )]
    Changed {
        /// Full URI of the segment.
        object: String,
        /// Property of the segment that changed.
        what: String,
    },
    /// The call to the store failed; trying again may help.
    #[error("cannot {operation} {object}")]
    Failed {
        /// Operation that failed, as a verb.
        operation: &'static str,
        /// Full URI of the object.
        object: String,
        /// Error of the store.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StorageError {
    /// True if the object's store was away for longer than the retries last: it throttled us or could not be reached.
    /// The caller's task is not to blame, and may be tried again later. For local files it is true only if their file
    /// system did not answer when a folder was opened.
    pub fn is_store_away(&self) -> bool {
        match self {
            Self::Failed { source, .. } => source.is::<crate::reach::NoAnswer>() || crate::s3::is_away(&**source),
            _ => false,
        }
    }

    /// True if the same call fails until an operator changes the store, the settings or the URI: no such bucket, no
    /// region, no credentials, no permission. Trying again does not help.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Open { .. } => true,
            Self::Failed { source, .. } => crate::s3::is_lasting(&**source) || is_not_allowed(&**source),
            Self::NotFound { .. } | Self::AlreadyExists { .. } | Self::Changed { .. } => false,
        }
    }

    /// Classifies an `object_store` error by the caller's next step.
    pub(crate) fn of(operation: &'static str, root: &str, path: &Path, error: object_store::Error) -> Self {
        let object = format!("{}/{path}", root.trim_end_matches('/'));
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound { object },
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. } => {
                Self::AlreadyExists { object }
            }
            // These errors repeat the message of their source, so skip to the source.
            object_store::Error::Generic { source, .. }
            | object_store::Error::Unauthenticated { source, .. }
            | object_store::Error::PermissionDenied { source, .. }
            | object_store::Error::NotSupported { source } => Self::Failed { operation, object, source },
            error => Self::Failed { operation, object, source: Box::new(error) },
        }
    }
}

/// True if the file system reports a missing permission, or a file in place of a folder.
fn is_not_allowed(error: &(dyn std::error::Error + 'static)) -> bool {
    use std::io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    let mut chain = std::iter::successors(Some(error), |error| error.source());
    let kind = chain.find_map(|error| error.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    matches!(kind, Some(NotADirectory | PermissionDenied | ReadOnlyFilesystem))
}
