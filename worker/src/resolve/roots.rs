//! Places by URI, opened once: a bucket's client keeps its connections and what it learned of the store's pace.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use storage::{Root, StorageError};

/// Most places that are kept open; beyond it all are opened anew as they are needed.
const ROOTS_MAX: usize = 64;

/// Opens the places that a grant names.
pub trait Places: Send + Sync + fmt::Debug {
    /// A place that is read.
    ///
    /// # Errors
    /// See [`StorageError`].
    fn input(&self, uri: &str) -> Result<Root, StorageError>;

    /// A place that is written.
    ///
    /// # Errors
    /// See [`StorageError`].
    fn output(&self, uri: &str) -> Result<Root, StorageError>;
}

/// Opens whatever the URI says.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByUri;

impl Places for ByUri {
    fn input(&self, uri: &str) -> Result<Root, StorageError> {
        Root::open(uri)
    }

    fn output(&self, uri: &str) -> Result<Root, StorageError> {
        Root::create(uri)
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
    pub(crate) fn input(&self, uri: &str) -> Result<Root, StorageError> {
        self.open(Purpose::Input, uri)
    }

    /// A place that is written.
    pub(crate) fn output(&self, uri: &str) -> Result<Root, StorageError> {
        self.open(Purpose::Output, uri)
    }

    fn open(&self, purpose: Purpose, uri: &str) -> Result<Root, StorageError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (purpose, uri.to_owned());
        if let Some(root) = open.get(&key) {
            return Ok(root.clone());
        }
        let root = match purpose {
            Purpose::Input => self.places.input(uri),
            Purpose::Output => self.places.output(uri),
        }?;
        if open.len() >= ROOTS_MAX {
            open.clear();
        }
        open.insert(key, root.clone());
        Ok(root)
    }
}
