//! Cache of recent documents, each read once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use model::Digest;
use storage::Root;
use tokio::sync::OnceCell;

use crate::WorkError;

/// Document that is present or being read.
type Cell<T> = Arc<OnceCell<Arc<T>>>;

/// Recent documents of one kind by key. A key carries the digest, so its content never changes.
#[derive(Debug)]
pub(super) struct Recent<T> {
    /// Cells in order of use; the most recent is last.
    cells: Mutex<VecDeque<(String, Cell<T>)>>,
    kept_max: usize,
}

impl<T> Recent<T> {
    /// Creates a cache of at most `kept_max` documents.
    pub(super) fn new(kept_max: usize) -> Self {
        Self { cells: Mutex::new(VecDeque::new()), kept_max }
    }

    /// Returns the document at `key`; callers during a read share it. A failed read is forgotten.
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

    /// Returns the document at `object` as `read` gives it, which may take several reads.
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
