//! Removal, a thousand keys at a time.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::Result;
use object_store::path::Path;

use super::{Failure, Kind, S3Store};

/// Keys of one request: S3 takes no more.
const KEYS_MAX: usize = 1000;
/// Requests under way at once.
const REQUESTS_MAX: usize = 4;

impl S3Store {
    /// Results come in the order of the locations. One that is gone already counts as removed.
    pub(super) fn delete_objects(
        self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let batches = locations.try_ready_chunks(KEYS_MAX);
        let removed = batches.map(move |batch| {
            let store = self.clone();
            async move {
                match batch {
                    Ok(batch) => store.delete_batch(batch).await,
                    Err(refused) => vec![Err(refused.1)],
                }
            }
        });
        removed.buffered(REQUESTS_MAX).flat_map(futures::stream::iter).boxed()
    }

    async fn delete_batch(&self, batch: Vec<Path>) -> Vec<Result<Path>> {
        let failures = match self.delete_request(&batch).await {
            Ok(failures) => failures,
            Err(failure) => {
                return batch.into_iter().map(|location| Err(failure.clone().at(&location))).collect();
            }
        };
        let result = |location: Path| match failures.iter().find(|(key, _)| *key == self.key(&location)) {
            None => Ok(location),
            Some((_, words)) => Err(Failure::permanent("DeleteObjects", Kind::Failed, words).at(&location)),
        };
        batch.into_iter().map(result).collect()
    }

    /// The keys that S3 could not remove, and why.
    async fn delete_request(&self, batch: &[Path]) -> Result<Vec<(String, String)>, Failure> {
        let connection = self.connection().await?;
        let keys = batch.iter().map(|location| ObjectIdentifier::builder().key(self.key(location)).build());
        let delete = keys
            .collect::<Result<Vec<_>, _>>()
            .and_then(|keys| Delete::builder().set_objects(Some(keys)).quiet(true).build());
        let delete = delete.map_err(|error| Failure::permanent("DeleteObjects", Kind::Failed, error))?;
        let first = batch.first().cloned().unwrap_or_default();
        let attempts = self.attempts("DeleteObjects", connection, &first);
        let request = || connection.client.delete_objects().bucket(self.bucket()).delete(delete.clone()).send();
        let errors = attempts.until_done(request).await?.errors.unwrap_or_default();
        let words = |error: aws_sdk_s3::types::Error| {
            let words = format!("{}: {}", error.code().unwrap_or_default(), error.message().unwrap_or_default());
            (error.key.unwrap_or_default(), words)
        };
        Ok(errors.into_iter().filter(|error| error.code() != Some("NoSuchKey")).map(words).collect())
    }
}
