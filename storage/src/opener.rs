//! Opener: the way in which a process opens the places that jobs name, handed to it like its clock.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::allowed::RootNotAllowed;
use crate::{Root, StorageError};

/// Treatment of a folder that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// An error: the place is read.
    Refuse,
    /// Made: the place is written.
    Make,
}

/// Way to open places. A place that hangs must not hold up a thread of the runtime.
#[async_trait]
pub trait Open: Send + Sync + fmt::Debug {
    /// Opens the place that `uri` names.
    ///
    /// # Errors
    /// As for [`Root::reach`] and [`Root::reach_or_make`].
    async fn open(&self, uri: &str, missing: Missing) -> Result<Root, StorageError>;

    /// Checks by the text of the URI whether the place may be opened at all.
    ///
    /// # Errors
    /// The place is not among those that are allowed.
    fn allows(&self, _uri: &str) -> Result<(), RootNotAllowed> {
        Ok(())
    }
}

/// Opens the places of a process: servers by their URIs, a simulation in a bucket of its own.
#[derive(Debug, Clone)]
pub struct Opener(Arc<dyn Open>);

impl Opener {
    /// Opens folders and buckets by their URIs.
    pub fn by_uri() -> Self {
        Self::new(Arc::new(ByUri))
    }

    /// Opens places by `open`.
    pub fn new(open: Arc<dyn Open>) -> Self {
        Self(open)
    }

    /// Opens a place for reading.
    ///
    /// # Errors
    /// As for [`Root::reach`].
    pub async fn reach(&self, uri: &str) -> Result<Root, StorageError> {
        self.0.open(uri, Missing::Refuse).await
    }

    /// Opens a place for writing; a folder is made.
    ///
    /// # Errors
    /// As for [`Root::reach_or_make`].
    pub async fn reach_or_make(&self, uri: &str) -> Result<Root, StorageError> {
        self.0.open(uri, Missing::Make).await
    }
}

impl Opener {
    /// Checks by the text of the URI whether the place may be opened at all. [`Self::reach`] checks it again, and what
    /// is behind it.
    ///
    /// # Errors
    /// The place is not among those that are allowed.
    pub fn allows(&self, uri: &str) -> Result<(), RootNotAllowed> {
        self.0.allows(uri)
    }
}

#[derive(Debug)]
struct ByUri;

#[async_trait]
impl Open for ByUri {
    async fn open(&self, uri: &str, missing: Missing) -> Result<Root, StorageError> {
        match missing {
            Missing::Refuse => Root::reach(uri).await,
            Missing::Make => Root::reach_or_make(uri).await,
        }
    }
}
