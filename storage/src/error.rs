//! What went wrong with a store, by what the caller does next.

use object_store::path::Path;

/// A failed operation on an object, or on the store itself.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The URI names no place that we can open: fix it.
    #[error("cannot open {uri}: {cause}")]
    Open {
        /// As given.
        uri: String,
        /// Why, and what to do.
        cause: String,
    },
    /// The object is not there.
    #[error("{object} does not exist")]
    NotFound {
        /// Where it should be.
        object: String,
    },
    /// A create-only write found an object of that name.
    #[error("{object} exists already")]
    AlreadyExists {
        /// The object.
        object: String,
    },
    /// The object is not the one that was planned: its shard fails.
    #[error(
        "segment {object} changed while it was read: {what}; segments are immutable, run the shard again once it is at rest"
    )]
    Changed {
        /// The object.
        object: String,
        /// What changed.
        what: String,
    },
    /// The store failed; trying again may help.
    #[error("{operation} {object}")]
    Failed {
        /// What was tried: a verb.
        operation: &'static str,
        /// On what.
        object: String,
        /// The store's own words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StorageError {
    /// Whether the object's store was away, for longer than we try again: it slowed us down or could not be reached. Whoever
    /// needed it is not to blame, and may come back later. Of local files it is true only where their file system did not
    /// answer when a folder was opened.
    pub fn is_store_away(&self) -> bool {
        match self {
            Self::Failed { source, .. } => source.is::<crate::reach::NoAnswer>() || crate::s3::is_away(&**source),
            _ => false,
        }
    }

    /// Whether the same call fails until somebody changes the store, the settings or the URI: no such bucket, no region, no
    /// credentials, not allowed. Asking again does not help.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Open { .. } => true,
            Self::Failed { source, .. } => crate::s3::is_lasting(&**source) || is_not_allowed(&**source),
            Self::NotFound { .. } | Self::AlreadyExists { .. } | Self::Changed { .. } => false,
        }
    }

    /// Sorts an `object_store` error by what the caller does next.
    pub(crate) fn of(operation: &'static str, root: &str, path: &Path, error: object_store::Error) -> Self {
        let object = format!("{}/{path}", root.trim_end_matches('/'));
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound { object },
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. } => {
                Self::AlreadyExists { object }
            }
            // These say their source's words as their own.
            object_store::Error::Generic { source, .. }
            | object_store::Error::Unauthenticated { source, .. }
            | object_store::Error::PermissionDenied { source, .. }
            | object_store::Error::NotSupported { source } => Self::Failed { operation, object, source },
            error => Self::Failed { operation, object, source: Box::new(error) },
        }
    }
}

/// Whether the file system says that this process may not, or that a folder is none.
fn is_not_allowed(error: &(dyn std::error::Error + 'static)) -> bool {
    use std::io::ErrorKind::{NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    let mut chain = std::iter::successors(Some(error), |error| error.source());
    let kind = chain.find_map(|error| error.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    matches!(kind, Some(NotADirectory | PermissionDenied | ReadOnlyFilesystem))
}
