//! Stores that keep what the engine removes, so that a test sees the runs of a job that has ended.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::ObjectStore;
use object_store::path::Path;
use storage::bent::{Bend, Bent};
use storage::{Missing, Open, Opener, Root, StorageError};

/// Returns an opener by URIs whose places remove nothing.
pub fn opener() -> Opener {
    Opener::new(Arc::new(Kept))
}

#[derive(Debug)]
struct Kept;

#[async_trait]
impl Open for Kept {
    async fn open(&self, uri: &str, missing: Missing) -> Result<Root, StorageError> {
        let root = match missing {
            Missing::Refuse => Root::reach(uri).await?,
            Missing::Make => Root::reach_or_make(uri).await?,
        };
        Ok(Root::of_store(uri, Arc::new(Bent(Keeps(Arc::clone(root.store()))))))
    }
}

#[derive(Debug)]
struct Keeps(Arc<dyn ObjectStore>);

#[async_trait]
impl Bend for Keeps {
    fn inner(&self) -> &dyn ObjectStore {
        &*self.0
    }

    fn remove(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        locations
    }
}
