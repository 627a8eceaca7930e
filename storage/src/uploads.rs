//! Uploads under a root that nobody finished. They show nowhere and cost storage until somebody aborts them.

use model::TimestampMs;

use crate::root::path_of;
use crate::{Root, StorageError};

/// An upload that was begun and neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingUpload {
    /// The key, relative to its root, under which the object would appear.
    pub key: String,
    /// The store's name for it.
    pub upload_id: String,
    /// When it was begun, by the store's clock.
    pub begun_at_ms: TimestampMs,
}

impl Root {
    /// The uploads under the folder `prefix` (empty: all) that were begun before `begun_before_ms`, ordered by key. A local
    /// root has none: what it stages are files.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn abandoned_uploads(
        &self,
        prefix: &str,
        begun_before_ms: TimestampMs,
    ) -> Result<Vec<PendingUpload>, StorageError> {
        let Some(bucket) = self.bucket() else { return Ok(Vec::new()) };
        let folder = path_of(prefix);
        let found = bucket.pending_uploads(&folder).await;
        let mut found = found.map_err(|error| StorageError::of("list uploads under", self.uri(), &folder, error))?;
        found.retain(|upload| upload.begun_at_ms < begun_before_ms);
        found.sort_by(|a, b| (&a.key, &a.upload_id).cmp(&(&b.key, &b.upload_id)));
        Ok(found)
    }

    /// Aborts an upload; one that is gone already is fine. Whoever still writes it fails.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn abort_upload(&self, upload: &PendingUpload) -> Result<(), StorageError> {
        let Some(bucket) = self.bucket() else { return Ok(()) };
        let path = path_of(&upload.key);
        let aborted = bucket.abort_pending(&path, &upload.upload_id).await;
        aborted.map_err(|error| StorageError::of("abort the upload of", self.uri(), &path, error))
    }
}
