//! Places by URI, opened once: a bucket's client keeps its connections and what it learned of the store's pace.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use storage::{Root, StorageError};

/// Most places that are kept open; beyond it all are opened anew as they are needed.
const ROOTS_MAX: usize = 64;

/// Opens the places that a grant names. A place that hangs must not hold up a thread of the runtime.
#[async_trait]
pub trait Places: Send + Sync + fmt::Debug {
    /// A place that is read.
    ///
    /// # Errors
    /// See [`StorageError`].
    async fn input(&self, uri: &str) -> Result<Root, StorageError>;

    /// A place that is written.
    ///
    /// # Errors
    /// See [`StorageError`].
    async fn output(&self, uri: &str) -> Result<Root, StorageError>;
}

/// Opens whatever the URI says.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByUri;

#[async_trait]
impl Places for ByUri {
    async fn input(&self, uri: &str) -> Result<Root, StorageError> {
        Root::reach(uri).await
    }

    async fn output(&self, uri: &str) -> Result<Root, StorageError> {
        Root::reach_or_make(uri).await
    }
}

/// The places that are open.
#[derive(Debug)]
pub(crate) struct Roots {
    places: Arc<dyn Places>,
    open: Mutex<BTreeMap<(Purpose, String), Root>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    Input,
    Output,
}

impl Roots {
    /// None is open yet.
    pub(crate) fn new(places: Arc<dyn Places>) -> Self {
        Self { places, open: Mutex::default() }
    }

    /// A place that is read.
    pub(crate) async fn input(&self, uri: &str) -> Result<Root, StorageError> {
        self.open(Purpose::Input, uri).await
    }

    /// A place that is written.
    pub(crate) async fn output(&self, uri: &str) -> Result<Root, StorageError> {
        self.open(Purpose::Output, uri).await
    }

    async fn open(&self, purpose: Purpose, uri: &str) -> Result<Root, StorageError> {
        let key = (purpose, uri.to_owned());
        if let Some(root) = self.opened().get(&key) {
            return Ok(root.clone());
        }
        let root = match purpose {
            Purpose::Input => self.places.input(uri).await,
            Purpose::Output => self.places.output(uri).await,
        }?;
        let mut open = self.opened();
        if open.len() >= ROOTS_MAX {
            open.clear();
        }
        open.insert(key, root.clone());
        Ok(root)
    }

    /// Never held over the opening of a place.
    fn opened(&self) -> MutexGuard<'_, BTreeMap<(Purpose, String), Root>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
