//! Operations on many objects: removal in batches, listings as streams.
//!
//! A listing can be larger than memory: [`Root::stream`] and [`Root::stream_input`] hold one page of it at a time.

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::{Error, ObjectMeta};

use crate::root::path_of;
use crate::{Root, StorageError};

impl Root {
    /// Removes objects, up to a thousand per request if the store supports that. An object that is already gone
    /// counts as removed.
    ///
    /// # Errors
    /// The first failure, once every object has been tried.
    pub async fn remove_all(&self, keys: Vec<String>) -> Result<(), StorageError> {
        let paths: Vec<_> = keys.iter().map(|key| path_of(key)).collect();
        let removed = self.store().delete_stream(stream::iter(paths.clone()).map(Ok).boxed());
        // Results come in the order of the locations.
        let mut removed = removed.zip(stream::iter(paths));
        let mut first = None;
        while let Some((result, path)) = removed.next().await {
            match result {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => drop(first.get_or_insert((path, error))),
            }
        }
        first.map_or(Ok(()), |(path, error)| Err(StorageError::of("remove", self.uri(), &path, error)))
    }

    /// Streams every object whose key starts with the folder `prefix` (empty: all), as the store lists it: buckets
    /// list in key order, folders in no order. An object that vanishes during the listing is left out. Each item may
    /// be an error of the store.
    pub fn stream(&self, prefix: &str) -> BoxStream<'static, Result<ObjectMeta, StorageError>> {
        let is_there = |object: &Result<ObjectMeta, Error>| !matches!(object, Err(Error::NotFound { .. }));
        self.stream_where(prefix, is_there)
    }

    /// Streams every object of the root, as the store lists it. A listed object that cannot be read (gone meanwhile,
    /// a broken link) is an error, because this lists input, of which nothing may be left out silently.
    pub fn stream_input(&self) -> BoxStream<'static, Result<ObjectMeta, StorageError>> {
        self.stream_where("", |_| true)
    }

    fn stream_where(
        &self,
        prefix: &str,
        is_wanted: impl Fn(&Result<ObjectMeta, Error>) -> bool + Send + 'static,
    ) -> BoxStream<'static, Result<ObjectMeta, StorageError>> {
        let path = path_of(prefix);
        let uri = self.uri().to_owned();
        let listed = self.store().list((!prefix.is_empty()).then_some(&path));
        let listed = listed.filter(move |object| futures::future::ready(is_wanted(object)));
        listed.map_err(move |error| StorageError::of("list", &uri, &path, error)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;

    fn roots() -> (tempfile::TempDir, [Root; 2]) {
        let folder = tempfile::tempdir().expect("a folder");
        let local = Root::create(folder.path().to_str().expect("a plain name")).expect("a folder opens");
        (folder, [local, Root::of_store("memory", Arc::new(InMemory::new()))])
    }

    #[tokio::test]
    async fn all_are_removed_and_those_that_are_gone_already_are_no_failure() {
        let (_folder, roots) = roots();
        for root in roots {
            let keys: Vec<_> = (0..2500).map(|ordinal| format!("runs/{ordinal:04}")).collect();
            for key in keys.iter().filter(|key| !key.ends_with('7')) {
                root.replace(key, "x").await.expect("it is written");
            }
            root.replace("other", "x").await.expect("it is written");
            root.remove_all(keys).await.expect("all go");
            let left: Vec<_> = root.list("").await.expect("a listing").into_iter().map(|o| o.location).collect();
            assert_eq!(left, [Path::from("other")]);
        }
    }

    #[tokio::test]
    async fn a_stream_has_what_lies_under_the_folder_and_nothing_beside_it() {
        let (_folder, roots) = roots();
        for root in roots {
            for key in ["jobs/b/plans/1", "jobs/b/record.json", "jobs/a/x", "jobs/file", "jobsite/c/x"] {
                root.replace(key, "x").await.expect("it is written");
            }
            let count = root.stream("jobs").map_ok(|_| 1).try_fold(0, |sum, one| async move { Ok(sum + one) });
            assert_eq!(count.await.expect("a listing"), 4);
        }
    }
}
