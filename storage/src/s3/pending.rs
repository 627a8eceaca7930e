//! Uploads that were begun and neither completed nor aborted, such as those of a killed process.

use aws_sdk_s3::operation::list_multipart_uploads::ListMultipartUploadsOutput;
use aws_sdk_s3::types::MultipartUpload;
use object_store::Result;
use object_store::path::Path;

use super::{Failure, Kind, S3Store, at};
use crate::uploads::PendingUpload;

/// Position at which a listing continues: after this upload of this key.
#[derive(Clone, Default)]
struct Marker {
    key: Option<String>,
    upload_id: Option<String>,
}

impl S3Store {
    /// Lists every upload under a folder, page by page.
    pub(crate) async fn pending_uploads(&self, folder: &Path) -> Result<Vec<PendingUpload>> {
        let mut found = Vec::new();
        let mut next = Some(Marker::default());
        while let Some(marker) = next {
            let page = self.uploads_page(folder, &marker).await.map_err(at(folder))?;
            for upload in page.uploads() {
                found.extend(self.pending(upload).map_err(at(folder))?);
            }
            next = following(page);
        }
        Ok(found)
    }

    /// Aborts an upload from [`Self::pending_uploads`]; succeeds if it is already gone.
    pub(crate) async fn abort_pending(&self, location: &Path, upload_id: &str) -> Result<()> {
        self.abort_by_id(location, upload_id).await.map_err(at(location))
    }

    async fn uploads_page(&self, folder: &Path, marker: &Marker) -> Result<ListMultipartUploadsOutput, Failure> {
        let connection = self.connection().await?;
        let request = || {
            let request = connection.client.list_multipart_uploads().bucket(self.bucket());
            let request = request.set_prefix(self.folder(folder)).set_key_marker(marker.key.clone());
            request.set_upload_id_marker(marker.upload_id.clone()).send()
        };
        self.attempts("ListMultipartUploads", connection, folder).until_done(request).await
    }

    fn pending(&self, upload: &MultipartUpload) -> Result<Option<PendingUpload>, Failure> {
        let (Some(key), Some(id), Some(begun)) = (upload.key(), upload.upload_id(), upload.initiated()) else {
            return Ok(None);
        };
        let begun_at_ms =
            begun.to_millis().map_err(|error| Failure::permanent("ListMultipartUploads", Kind::Failed, error))?;
        Ok(Some(PendingUpload { key: self.location(key)?.to_string(), upload_id: id.to_owned(), begun_at_ms }))
    }
}

fn following(page: ListMultipartUploadsOutput) -> Option<Marker> {
    let is_more = page.is_truncated == Some(true) && page.next_key_marker.is_some();
    is_more.then_some(Marker { key: page.next_key_marker, upload_id: page.next_upload_id_marker })
}
