//! The last few documents that were read, each once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use model::Digest;
use storage::Root;
use tokio::sync::OnceCell;

use crate::WorkError;

/// A document that is there, or being read.
type Cell<T> = Arc<OnceCell<Arc<T>>>;

/// The last few documents of one kind, by where they lie: a key carries the digest, so what it names never changes.
#[derive(Debug)]
pub(super) struct Recent<T> {
    /// The one that was asked for last is last.
    cells: Mutex<VecDeque<(String, Cell<T>)>>,
    kept_max: usize,
}

impl<T> Recent<T> {
    /// Keeps at most `kept_max`.
    pub(super) fn new(kept_max: usize) -> Self {
        Self { cells: Mutex::new(VecDeque::new()), kept_max }
    }

    /// The document at `key`; whoever asks while it is being read waits for it. A read that failed is forgotten.
    pub(super) async fn get(
        &self,
        root: &Root,
        key: &str,
        digest: Digest,
        parse: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<Arc<T>, WorkError> {
        let object = root.object(key);
        let read = async || {
            let bytes = super::read(root, key, digest).await?;
            parse(&bytes).map_err(|fault| WorkError::Document { object: object.clone(), fault })
        };
        self.get_by(&object, read).await
    }

    /// The document at `object` as `read` gives it, which may take several reads.
    pub(super) async fn get_by(
        &self,
        object: &str,
        read: impl AsyncFnOnce() -> Result<T, WorkError>,
    ) -> Result<Arc<T>, WorkError> {
        let cell = self.cell(object);
        cell.get_or_try_init(async || read().await.map(Arc::new)).await.map(Arc::clone)
    }

    fn cell(&self, object: &str) -> Cell<T> {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let found = cells.iter().position(|(known, _)| known == object).and_then(|at| cells.remove(at));
        let (object, cell) = found.unwrap_or_else(|| (object.to_owned(), Cell::default()));
        cells.push_back((object, Arc::clone(&cell)));
        if cells.len() > self.kept_max {
            cells.pop_front();
        }
        cell
    }
}
