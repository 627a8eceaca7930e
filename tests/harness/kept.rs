//! Stores that keep what the engine removes, or are slow to remove it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use object_store::ObjectStore;
use object_store::path::Path;
use storage::bent::{Bend, Bent};
use storage::{Missing, Open, Opener, Root, StorageError};

/// Treatment of a removal.
#[derive(Debug, Clone, Copy)]
pub enum Removal {
    /// The object stays, so that a test sees the runs of a job that has ended.
    Kept,
    /// The object goes after this time.
    After(Duration),
}

/// Returns an opener by URIs whose places treat removals so.
pub fn opener(removal: Removal) -> Opener {
    Opener::new(Arc::new(Places(removal)))
}

#[derive(Debug)]
struct Places(Removal);

#[async_trait]
impl Open for Places {
    async fn open(&self, uri: &str, missing: Missing) -> Result<Root, StorageError> {
        let root = match missing {
            Missing::Refuse => Root::reach(uri).await?,
            Missing::Make => Root::reach_or_make(uri).await?,
        };
        Ok(Root::of_store(uri, Arc::new(Bent(Store { inner: Arc::clone(root.store()), removal: self.0 }))))
    }
}

#[derive(Debug)]
struct Store {
    inner: Arc<dyn ObjectStore>,
    removal: Removal,
}

type Paths = BoxStream<'static, object_store::Result<Path>>;

#[async_trait]
impl Bend for Store {
    fn inner(&self) -> &dyn ObjectStore {
        &*self.inner
    }

    fn remove(&self, locations: Paths) -> Paths {
        let Removal::After(time) = self.removal else { return locations };
        let waits = move |location| async move {
            tokio::time::sleep(time).await;
            location
        };
        self.inner.delete_stream(locations.then(waits).boxed())
    }
}
