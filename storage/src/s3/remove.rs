//! Removes objects, a thousand keys at a time.
//!
//! A store may not know `DeleteObjects`, or want it in a form that the SDK does not send. If it refuses the form of a
//! batch but removes the batch's first object alone, it gets one request per object from then on.

use std::sync::atomic::Ordering;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::Result;
use object_store::path::Path;

use super::{Failure, Kind, S3Store};

/// Most keys in one request, a limit of S3.
const KEYS_MAX: usize = 1000;
/// Most requests in flight.
const REQUESTS_MAX: usize = 4;
/// Most requests in flight for one batch, if each removes a single object.
const SINGLE_REQUESTS_MAX: usize = 64;

impl S3Store {
    /// Removes objects; results come in the order of the locations. An object that is already gone counts as removed.
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
        if self.shared.removes_singly.load(Ordering::Relaxed) {
            return self.delete_singly(batch).await;
        }
        let failures = match self.delete_request(&batch).await {
            Ok(failures) => failures,
            Err(failure) if failure.is_refused_as_such() && self.can_delete_singly(&batch, &failure).await => {
                return self.delete_singly(batch).await;
            }
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

    /// Removes the first object of a refused batch. If the store does that, it gets one request per object from now
    /// on.
    async fn can_delete_singly(&self, batch: &[Path], refusal: &Failure) -> bool {
        let Some(first) = batch.first() else { return false };
        let is_removed = self.delete_one(first).await.is_ok();
        if is_removed && !self.shared.removes_singly.swap(true, Ordering::Relaxed) {
            tracing::warn!(error = %refusal, "the store refused to remove several objects at once; removing one at a time");
        }
        is_removed
    }

    async fn delete_singly(&self, batch: Vec<Path>) -> Vec<Result<Path>> {
        let delete = |location: Path| async move {
            let deleted = self.delete_one(&location).await;
            deleted.map_err(|failure| failure.at(&location)).map(|()| location)
        };
        futures::stream::iter(batch).map(delete).buffered(SINGLE_REQUESTS_MAX).collect().await
    }

    async fn delete_one(&self, location: &Path) -> Result<(), Failure> {
        let connection = self.connection().await?;
        let attempts = self.attempts("DeleteObject", connection, location);
        let request = || connection.client.delete_object().bucket(self.bucket()).key(self.key(location)).send();
        match attempts.until_done(request).await {
            Err(failure) if failure.kind != Kind::NotFound => Err(failure),
            _ => Ok(()),
        }
    }

    /// Requests the removal of a batch; returns the keys that S3 could not remove, with the reasons.
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
