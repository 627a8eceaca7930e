//! Places by URI, opened once: a bucket's client keeps its connections and the measured pace of the store.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use storage::{Missing, Opener, Root, StorageError};

/// Most places that are kept open; beyond it all are opened anew as they are needed.
const ROOTS_MAX: usize = 64;

/// The places that are open.
#[derive(Debug)]
pub(crate) struct Roots {
    opener: Opener,
    open: Mutex<BTreeMap<(Missing, String), Root>>,
}

impl Roots {
    /// None is open yet.
    pub(crate) fn new(opener: Opener) -> Self {
        Self { opener, open: Mutex::default() }
    }

    /// A place that is read.
    pub(crate) async fn input(&self, uri: &str) -> Result<Root, StorageError> {
        self.open(Missing::Refuse, uri).await
    }

    /// A place that is written.
    pub(crate) async fn output(&self, uri: &str) -> Result<Root, StorageError> {
        self.open(Missing::Make, uri).await
    }

    async fn open(&self, missing: Missing, uri: &str) -> Result<Root, StorageError> {
        let key = (missing, uri.to_owned());
        if let Some(root) = self.opened().get(&key) {
            return Ok(root.clone());
        }
        let root = match missing {
            Missing::Refuse => self.opener.reach(uri).await,
            Missing::Make => self.opener.reach_or_make(uri).await,
        }?;
        let mut open = self.opened();
        if open.len() >= ROOTS_MAX {
            open.clear();
        }
        open.insert(key, root.clone());
        Ok(root)
    }

    /// Never held over the opening of a place.
    fn opened(&self) -> MutexGuard<'_, BTreeMap<(Missing, String), Root>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
