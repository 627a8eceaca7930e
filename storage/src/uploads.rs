//! Unfinished uploads under a root. They are invisible, and cost storage until they are aborted.

use model::TimestampMs;

use crate::root::path_of;
use crate::{Root, StorageError};

/// Upload that was begun and neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingUpload {
    /// Key, relative to its root, under which the object would appear.
    pub key: String,
    /// Id that the store gave to the upload.
    pub upload_id: String,
    /// Begin of the upload by the store's clock, in milliseconds.
    pub begun_at_ms: TimestampMs,
}

impl Root {
    /// Lists the uploads under the folder `prefix` (empty: all) that were begun before `begun_before_ms`, in key
    /// order. A local root has none, because it stages files.
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

    /// Aborts an upload; succeeds if it is already gone. A process that still writes it fails.
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
